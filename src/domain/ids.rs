//! The names of things: typed identifiers, each parsed once at the edge.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// An identifier that could not be read; says what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{expected}")]
pub struct InvalidId {
    /// What a valid value looks like.
    pub expected: &'static str,
}

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::parse_str(text).map($name).map_err(|_| InvalidId { expected: "a UUID" })
            }
        }
        impl From<$name> for StreamId {
            fn from(id: $name) -> StreamId { StreamId(id.0) }
        }
        impl From<StreamId> for $name {
            fn from(id: StreamId) -> $name { $name(id.0) }
        }
    )*};
}

/// A stream of the log: one person, narrative, outcome …; random (UUID v4), so it says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StreamId(pub Uuid);

impl fmt::Display for StreamId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

uuid_id! {
    /// A person whose outcomes are recorded (also a carer with outcomes of their own).
    PersonId
    /// An outcomes-focused conversation.
    ConversationId
    /// A narrative; each amendment is a version of the same narrative.
    NarrativeId
    /// A personal outcome.
    OutcomeId
    /// A dated appraisal of an outcome from one perspective.
    ReviewId
    /// An agreed step.
    ActionId
    /// What somebody did towards an outcome.
    ContributionId
    /// A request to erase.
    ErasureId
}

/// One event; UUID v7, so ids sort roughly by the time that they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub Uuid);

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The controller of a record, by an ODS-like code: 1 to 64 of `A–Z a–z 0–9 -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct OrganisationCode(String);

impl OrganisationCode {
    /// The organisation that owns the reference lists that ship with Cairn. No client can be bound to it.
    pub const REFERENCE: &'static str = "cairn-reference";

    /// The owner of the shipped reference lists.
    #[must_use]
    pub fn reference() -> Self {
        Self(Self::REFERENCE.to_owned())
    }
    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrganisationCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for OrganisationCode {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let valid =
            (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId { expected: "an organisation code: 1 to 64 letters, digits or hyphens" })
        }
    }
}

impl<'de> Deserialize<'de> for OrganisationCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
