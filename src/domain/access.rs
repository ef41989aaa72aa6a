//! Who may do what: one pure decision that every operation passes.
//!
//! A scope names a verb on a noun; the organisation that a client is bound to says whose data. Later facts
//! (sharing agreements, consent, restriction, care relationship, purpose) join here and nowhere else.

use crate::domain::erasure::ErasureCommand;
use crate::domain::event::Kind;
use crate::domain::ids::OrganisationCode;
use crate::domain::reading_access::{RoleCode, UserCode};
use crate::domain::resource::Command;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::str::FromStr;

macro_rules! scopes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)?) => {
        /// What a token allows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Scope { $($(#[$doc])* $variant),+ }

        impl Scope {
            /// Every scope.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The scope as it is written in a token.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

scopes! {
    /// Find people and see who they are.
    PeopleRead = "people:read",
    /// Register and amend people.
    PeopleWrite = "people:write",
    /// Read conversations.
    ConversationsRead = "conversations:read",
    /// Record conversations.
    ConversationsWrite = "conversations:write",
    /// Read narratives: people's own words.
    NarrativesRead = "narratives:read",
    /// Record narratives.
    NarrativesWrite = "narratives:write",
    /// Read outcomes.
    OutcomesRead = "outcomes:read",
    /// Record outcomes.
    OutcomesWrite = "outcomes:write",
    /// Read reviews.
    ReviewsRead = "reviews:read",
    /// Record reviews.
    ReviewsWrite = "reviews:write",
    /// Read actions.
    ActionsRead = "actions:read",
    /// Record actions.
    ActionsWrite = "actions:write",
    /// Read contributions.
    ContributionsRead = "contributions:read",
    /// Record contributions.
    ContributionsWrite = "contributions:write",
    /// Read frameworks.
    FrameworksRead = "frameworks:read",
    /// Publish frameworks.
    FrameworksWrite = "frameworks:write",
    /// Follow the event feed.
    EventsRead = "events:read",
    /// Read the history of the organisation: every event at its full envelope.
    HistoryRead = "history:read",
    /// Audit the whole log: its leaves, which name every organisation and stream, though nobody's words.
    LogRead = "log:read",
    /// See who was shown whose data in the organisation.
    AccessesRead = "accesses:read",
    /// Send batches (each line needs its own scope besides).
    BatchesWrite = "batches:write",
    /// See requests to erase, what became of them and who must be told.
    ErasuresRead = "erasures:read",
    /// Ask for an erasure, withdraw the request, say that somebody was told of one.
    ErasuresRequest = "erasures:request",
    /// Execute or refuse an erasure that another client asked for.
    ErasuresApprove = "erasures:approve",
}

/// A text that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no scope {0:?}")]
pub struct UnknownScope(pub String);

impl FromStr for Scope {
    type Err = UnknownScope;
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL.iter().copied().find(|scope| scope.as_str() == text).ok_or_else(|| UnknownScope(text.to_owned()))
    }
}

impl Serialize for Scope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Scope {
    /// Reads a space-separated scope string (RFC 6749 section 3.3).
    ///
    /// # Errors
    /// [`UnknownScope`] names the first word that is none.
    pub fn parse_list(text: &str) -> Result<BTreeSet<Self>, UnknownScope> {
        text.split_ascii_whitespace().map(str::parse).collect()
    }
    /// The scope that reading a kind needs.
    #[must_use]
    pub const fn to_read(kind: Kind) -> Self {
        match kind {
            Kind::Person => Self::PeopleRead,
            Kind::Conversation => Self::ConversationsRead,
            Kind::Narrative => Self::NarrativesRead,
            Kind::Outcome => Self::OutcomesRead,
            Kind::Review => Self::ReviewsRead,
            Kind::Action => Self::ActionsRead,
            Kind::Contribution => Self::ContributionsRead,
            Kind::Framework => Self::FrameworksRead,
            Kind::Erasure => Self::ErasuresRead,
        }
    }
    /// The scope that recording a kind needs.
    #[must_use]
    pub const fn to_write(kind: Kind) -> Self {
        match kind {
            Kind::Person => Self::PeopleWrite,
            Kind::Conversation => Self::ConversationsWrite,
            Kind::Narrative => Self::NarrativesWrite,
            Kind::Outcome => Self::OutcomesWrite,
            Kind::Review => Self::ReviewsWrite,
            Kind::Action => Self::ActionsWrite,
            Kind::Contribution => Self::ContributionsWrite,
            Kind::Framework => Self::FrameworksWrite,
            Kind::Erasure => Self::ErasuresRequest,
        }
    }
    /// The scope that a command needs: that of its kind, but where the verb has one of its own.
    #[must_use]
    pub const fn to_record(command: &Command) -> Self {
        match command {
            Command::Erasure(ErasureCommand::Approve { .. } | ErasureCommand::Refuse { .. }) => Self::ErasuresApprove,
            command => Self::to_write(command.kind()),
        }
    }
}

/// Who calls: the client behind a verified token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The registered client.
    pub client: String,
    /// The organisation that it is bound to.
    pub organisation: OrganisationCode,
    /// What its token allows.
    pub scopes: BTreeSet<Scope>,
    /// The purpose of use that it declares for this call.
    pub purpose: Option<String>,
    /// On whose behalf it says that it calls: a code of the partner's own, never a name.
    pub user: Option<UserCode>,
    /// As what that user acts.
    pub role: Option<RoleCode>,
    /// Which call it is, for the log of accesses.
    pub request: Option<RequestMark>,
}

/// One request to the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestMark {
    /// Its id.
    pub id: String,
    /// The id of the operation that it asks for.
    pub operation: String,
}

impl Caller {
    /// A client that is bound to an organisation; what one call says besides is for the edge to fill in.
    #[must_use]
    pub const fn of(client: String, organisation: OrganisationCode, scopes: BTreeSet<Scope>) -> Self {
        Self { client, organisation, scopes, purpose: None, user: None, role: None, request: None }
    }
}

/// A call that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this needs the scope {needed}", needed = .needed.as_str())]
pub struct NotAllowed {
    /// The scope that is missing.
    pub needed: Scope,
}

/// Decides whether a caller may use a scope.
///
/// # Errors
/// [`NotAllowed`] names the scope that is missing.
pub fn allow(caller: &Caller, needed: Scope) -> Result<(), NotAllowed> {
    if caller.scopes.contains(&needed) { Ok(()) } else { Err(NotAllowed { needed }) }
}

/// Whether data of an organisation is within a caller's reach: its own, and the shipped reference lists.
#[must_use]
pub fn within_reach(caller: &Caller, kind: Kind, owner: &OrganisationCode) -> bool {
    caller.organisation == *owner || (kind == Kind::Framework && owner.as_str() == OrganisationCode::REFERENCE)
}
