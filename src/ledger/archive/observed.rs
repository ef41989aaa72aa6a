//! An event as somebody found it: the columns that stand beside the leaf, the leaf, and its parts in whatever state. Says
//! nothing about whether any of it is right.

use crate::domain::event::Class;
use crate::domain::personal::Personal;
use crate::domain::time::Timestamp;
use crate::ledger::{Leaf, Salt};
use uuid::Uuid;

/// What a row says of its event besides the leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The place in the log.
    pub position: u64,
    /// The event.
    pub event: Uuid,
    /// Its stream.
    pub stream: Uuid,
    /// Its place in the stream.
    pub version: u64,
    /// Whose record it belongs to.
    pub organisation: String,
    /// Its place among that organisation's events.
    pub organisation_counter: u64,
    /// When the log took it.
    pub recorded_at: Timestamp,
    /// The stored name of its type.
    pub name: String,
    /// The schema version of that type.
    pub schema_version: u32,
}

impl Columns {
    /// The columns that do not say what the leaf says.
    #[must_use]
    pub fn differences(&self, leaf: &Leaf) -> Vec<&'static str> {
        let compared = [
            ("position", self.position == leaf.position),
            ("event_id", self.event == leaf.event.0),
            ("stream", self.stream == leaf.stream.0),
            ("version", self.version == leaf.version),
            ("organisation", self.organisation == leaf.organisation.as_str()),
            ("organisation_counter", self.organisation_counter == leaf.organisation_counter),
            ("recorded_at", self.recorded_at.micros() == leaf.recorded_at_micros),
            ("name", self.name == leaf.event_type),
            ("schema_version", self.schema_version == leaf.schema),
        ];
        compared.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
    }
}

/// What can be said of a part's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartState {
    /// In the clear, with the salt of its commitment.
    Clear {
        /// The exact bytes.
        bytes: Personal<Vec<u8>>,
        /// The salt.
        salt: Salt,
    },
    /// In the clear, and its salt is not there.
    Unsalted,
    /// Sealed, and nobody tried to open it.
    Sealed {
        /// The sealed bytes; empty where nobody will need them.
        bytes: Vec<u8>,
    },
    /// Sealed, and opened with its key.
    Open {
        /// The exact bytes.
        bytes: Personal<Vec<u8>>,
        /// The salt.
        salt: Salt,
    },
    /// Its key was destroyed.
    Erased,
    /// It is not there.
    Missing,
    /// The key store has neither its key nor the mark of a destroyed one.
    Keyless,
    /// Its key could not be had.
    Unavailable,
    /// Its key is there and does not open it.
    Tampered,
}

/// A part as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedPart {
    /// Its name.
    pub name: String,
    /// Its class; `None` where it is missing or of no known class.
    pub class: Option<Class>,
    /// Whose it is.
    pub subject: Option<Uuid>,
    /// The key that sealed it.
    pub key_id: Option<Uuid>,
    /// Its place among the event's parts, where that is stored.
    pub ordinal: Option<u64>,
    /// The person whose key opened it, where that is known.
    pub owner: Option<Uuid>,
    /// Its content.
    pub state: PartState,
}

/// An event as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// What its row says.
    pub columns: Columns,
    /// Columns of the row that hold something that cannot stand there.
    pub unreadable: Vec<&'static str>,
    /// Its leaf, verbatim.
    pub leaf: Vec<u8>,
    /// Its parts, in the order in which they were found.
    pub parts: Vec<ObservedPart>,
}
