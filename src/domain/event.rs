//! What an event is: an envelope, facts in the clear, and personal parts that are sealed before they are stored.
//!
//! Events are promises: each has an explicit stored name and an integer schema version, a golden file under
//! `tests/events/`, and is never rewritten; an older schema is brought up to date when it is read ([`Facts::read`]).
//! To add an event: write its struct beside its noun, add one line to the `events!` table below, and one golden file.

use crate::domain::ids::{EventId, OrganisationCode, PersonId, StreamId};
use crate::domain::personal::Personal;
use crate::domain::refusal::Refusal;
use crate::domain::time::{LifeTime, Timestamp};
use crate::domain::{action, contribution, conversation, erasure, framework, narrative, outcome, person, review};
use serde::{Deserialize, Serialize};

/// What a stream is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A person.
    Person,
    /// A conversation.
    Conversation,
    /// A narrative.
    Narrative,
    /// A personal outcome.
    Outcome,
    /// A review of an outcome.
    Review,
    /// An agreed action.
    Action,
    /// A contribution.
    Contribution,
    /// One version of a framework.
    Framework,
    /// A request to erase, and what became of it.
    Erasure,
}

impl Kind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Person,
        Self::Conversation,
        Self::Narrative,
        Self::Outcome,
        Self::Review,
        Self::Action,
        Self::Contribution,
        Self::Framework,
        Self::Erasure,
    ];
    /// The kind as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Conversation => "conversation",
            Self::Narrative => "narrative",
            Self::Outcome => "outcome",
            Self::Review => "review",
            Self::Action => "action",
            Self::Contribution => "contribution",
            Self::Framework => "framework",
            Self::Erasure => "erasure",
        }
    }
    /// Reads a stored kind.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }
}

/// What class of content a part holds; decides whether it is sealed and what an erasure removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Codes, statuses, links: in the clear, pseudonymous.
    Facts,
    /// People's own words: sealed.
    Words,
    /// Names, identifiers, dates of birth, references of source systems: sealed.
    Identity,
    /// Keyed digests of identifiers, in the clear so that rows can be found by them; erased with the identity.
    Index,
}

impl Class {
    /// The class as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Facts => "facts",
            Self::Words => "words",
            Self::Identity => "identity",
            Self::Index => "index",
        }
    }
    /// Reads a stored class.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        [Self::Facts, Self::Words, Self::Identity, Self::Index].into_iter().find(|class| class.as_str() == text)
    }
    /// Whether content of this class is sealed with a key of its subject.
    #[must_use]
    pub const fn is_sealed(self) -> bool {
        matches!(self, Self::Words | Self::Identity)
    }
}

/// What is said of every event, committed with its facts: when in life, by whom, for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// When it happened in life; may be long before it was recorded.
    pub occurred_at: LifeTime,
    /// The registered client that recorded it.
    pub client: String,
    /// The purpose of use that the client declared (HL7 v3 PurposeOfUse code).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The system that it was imported from; the reference in that system is sealed in the part `source`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_system: Option<String>,
}

impl Header {
    /// What stands in the place of a header that was erased with the facts: nothing of it is known but when the log learnt of
    /// the event.
    #[must_use]
    pub const fn erased(recorded_at: Timestamp) -> Self {
        Self { occurred_at: LifeTime::Instant(recorded_at), client: String::new(), purpose: None, source_system: None }
    }
}

/// What is left of an event's facts once an erasure removed them: its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasedFacts {
    name: &'static str,
    schema: u32,
    kind: Kind,
}

/// A keyed digest of an identifier, which finds a person without showing the identifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexEntry {
    /// The identifier's system.
    pub system: String,
    /// HMAC of organisation, system and value under the deployment's blind-index key, base64url.
    pub digest: String,
}

/// The reference of a recording in the system that it came from; the content of the part `source`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceReference {
    /// The source system's name for itself.
    pub system: String,
    /// The recording's identifier there.
    pub reference: Personal<String>,
}

/// A personal part as `decide` hands it out: still open, about to be sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonalPart {
    /// Words or identity.
    pub class: Class,
    /// Whose it is.
    pub subject: PersonId,
    /// Canonical JSON of the part's content.
    pub content: Personal<Vec<u8>>,
}

impl PersonalPart {
    /// Makes a part from its typed content.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if the content cannot be written as canonical JSON.
    pub fn new<T: Serialize>(class: Class, subject: PersonId, content: &T) -> Result<Self, Refusal> {
        let bytes = serde_json_canonicalizer::to_vec(content)
            .map_err(|_| Refusal::invalid("", "cannot be written as canonical JSON"))?;
        Ok(Self { class, subject, content: Personal::new(bytes) })
    }
}

/// What `decide` answers: the facts of one event and the personal parts that go with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The facts.
    pub facts: Facts,
    /// At most one part of each sealed class.
    pub personal: Vec<PersonalPart>,
}

/// Where a sealed part stands: the position of its event and its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PartRef {
    /// Position of the event that holds it.
    pub position: u64,
    /// Its class.
    pub class: Class,
}

/// An event as the log holds it, its sealed parts still closed: what folds see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its place in the log, from 0, without gaps.
    pub position: u64,
    /// Its own id.
    pub event: EventId,
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Its place in the stream, from 0, without gaps.
    pub version: u64,
    /// The controller of the recording.
    pub organisation: OrganisationCode,
    /// When the log learnt of it; never decreasing along positions.
    pub recorded_at: Timestamp,
    /// When in life, by whom, for what.
    pub header: Header,
    /// What happened.
    pub facts: Facts,
    /// Digests by which the event's subject can be found; empty once erased.
    pub index: Vec<IndexEntry>,
    /// The classes of its sealed parts, the erased ones among them: what a fold makes of an event never depends on whether
    /// its words are still there.
    pub sealed: Vec<Class>,
    /// The classes of parts that it had and that an erasure removed.
    pub erased: Vec<Class>,
}

impl Recorded {
    /// Where the event's part of a class stands, if it has one.
    #[must_use]
    pub fn part(&self, class: Class) -> Option<PartRef> {
        self.sealed.contains(&class).then_some(PartRef { position: self.position, class })
    }
}

/// A stored event that this version of Cairn cannot read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableEvent {
    /// The name or schema is not known: written by a newer version.
    #[error("event {name} of schema {schema} is not known to this version")]
    Unknown {
        /// Stored name.
        name: String,
        /// Stored schema version.
        schema: u32,
    },
    /// The facts do not have the promised shape.
    #[error("the facts of an event {name} do not have the shape of schema {schema}")]
    Malformed {
        /// Stored name.
        name: String,
        /// Stored schema version.
        schema: u32,
        /// What serde found.
        #[source]
        source: serde_json::Error,
    },
}

macro_rules! events {
    ($($name:ident = $kind:ident, schema $schema:literal, $body:path;)+) => {
        /// The facts of every event there is. The stored name is the variant's name.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Facts {
            $(
                #[doc = concat!("`", stringify!($name), "`")]
                $name($body)
            ),+,
            /// An event whose facts were erased: it cannot be folded, and is never written.
            Erased(ErasedFacts),
        }

        impl Facts {
            /// Names and current schemas of every event.
            pub const CATALOGUE: &'static [(&'static str, u32, Kind)] =
                &[$((stringify!($name), $schema, Kind::$kind)),+];

            /// The stored name.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($name)),+, Self::Erased(gone) => gone.name }
            }
            /// The schema version that is written today.
            #[must_use]
            pub const fn schema(&self) -> u32 {
                match self { $(Self::$name(_) => $schema),+, Self::Erased(gone) => gone.schema }
            }
            /// The kind of stream that it belongs to.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$name(_) => Kind::$kind),+, Self::Erased(gone) => gone.kind }
            }
            /// The exact bytes of the part `facts`: canonical JSON (RFC 8785) of header and body.
            ///
            /// # Errors
            /// A serialisation error, which no event of the catalogue can cause (golden files show it); erased facts cannot be
            /// written again.
            pub fn to_part(&self, header: &Header) -> Result<Vec<u8>, serde_json::Error> {
                match self {
                    $(Self::$name(body) => serde_json_canonicalizer::to_vec(&FactsPart { body, header }),)+
                    Self::Erased(_) => Err(serde::ser::Error::custom("the facts were erased")),
                }
            }
            /// The facts of a stored event whose part was removed by an erasure.
            ///
            /// # Errors
            /// [`UnreadableEvent::Unknown`] where the name is not known.
            pub fn erased(name: &str, schema: u32) -> Result<Facts, UnreadableEvent> {
                Self::CATALOGUE
                    .iter()
                    .find(|(known, ..)| *known == name)
                    .map(|(name, _, kind)| Facts::Erased(ErasedFacts { name, schema, kind: *kind }))
                    .ok_or_else(|| UnreadableEvent::Unknown { name: name.to_owned(), schema })
            }
            /// Reads the part `facts` of a stored event, bringing older schemas up to date.
            ///
            /// # Errors
            /// [`UnreadableEvent`] where the name, the schema or the shape is not known.
            pub fn read(name: &str, schema: u32, part: &[u8]) -> Result<(Header, Facts), UnreadableEvent> {
                match (name, schema) {
                    $((stringify!($name), $schema) => serde_json::from_slice::<OwnedFactsPart<$body>>(part)
                        .map(|part| (part.header, Facts::$name(part.body)))
                        .map_err(|source| UnreadableEvent::Malformed { name: name.to_owned(), schema, source }),)+
                    _ => Err(UnreadableEvent::Unknown { name: name.to_owned(), schema }),
                }
            }
        }
    };
}

#[derive(Serialize)]
struct FactsPart<'a, Body> {
    body: &'a Body,
    header: &'a Header,
}

#[derive(Deserialize)]
struct OwnedFactsPart<Body> {
    body: Body,
    header: Header,
}

events! {
    PersonRegistered = Person, schema 1, person::PersonRegistered;
    PersonAmended = Person, schema 1, person::PersonAmended;
    PersonIdentifierAdded = Person, schema 1, person::PersonIdentifierAdded;
    ConversationHeld = Conversation, schema 1, conversation::ConversationHeld;
    ConversationAmended = Conversation, schema 1, conversation::ConversationAmended;
    NarrativeRecorded = Narrative, schema 1, narrative::NarrativeRecorded;
    NarrativeAmended = Narrative, schema 1, narrative::NarrativeAmended;
    NarrativeWithdrawn = Narrative, schema 1, narrative::NarrativeWithdrawn;
    RecordResponseAdded = Narrative, schema 1, narrative::RecordResponseAdded;
    OutcomeIdentified = Outcome, schema 1, outcome::OutcomeIdentified;
    OutcomeReworded = Outcome, schema 1, outcome::OutcomeReworded;
    OutcomePrioritised = Outcome, schema 1, outcome::OutcomePrioritised;
    OutcomeClosed = Outcome, schema 1, outcome::OutcomeClosed;
    OutcomeReopened = Outcome, schema 1, outcome::OutcomeReopened;
    OutcomeReviewed = Review, schema 1, review::OutcomeReviewed;
    ReviewRevised = Review, schema 1, review::ReviewRevised;
    ReviewWithdrawn = Review, schema 1, review::ReviewWithdrawn;
    ActionAgreed = Action, schema 1, action::ActionAgreed;
    ActionProgressed = Action, schema 1, action::ActionProgressed;
    ContributionRecorded = Contribution, schema 1, contribution::ContributionRecorded;
    FrameworkPublished = Framework, schema 1, framework::FrameworkPublished;
    FrameworkRetired = Framework, schema 1, framework::FrameworkRetired;
    ErasureRequested = Erasure, schema 1, erasure::ErasureRequested;
    ErasureApproved = Erasure, schema 1, erasure::ErasureApproved;
    ErasureRefused = Erasure, schema 1, erasure::ErasureRefused;
    ErasureWithdrawn = Erasure, schema 1, erasure::ErasureWithdrawn;
    ErasureNoticeSent = Erasure, schema 1, erasure::ErasureNoticeSent;
    ErasureExecuted = Person, schema 1, erasure::ErasureExecuted;
}

/// A fold that met an event which cannot follow the state it has: the log or the row is wrong, never the reader.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot follow here: {detail}")]
pub struct CannotFollow {
    /// The event's name.
    pub event: &'static str,
    /// What stands in the way.
    pub detail: &'static str,
}
