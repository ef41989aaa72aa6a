//! Events into rows: pure folds. Knows `domain` alone, so live, catch-up and rebuild can run the same code.
//!
//! A row is the state of one stream (`domain::resource::Resource`) as it stood over a half-open range of positions,
//! filed under what queries look for: person, outcome, status, perspective, time in life, and keys.

use crate::domain::event::{CannotFollow, Class, Facts, Kind, Recorded};
use crate::domain::ids::{OrganisationCode, OutcomeId, PersonId, StreamId};
use crate::domain::resource::{Resource, evolve};
use crate::domain::time::{LifeTime, Timestamp};

/// The version of these folds; a new one makes `cairn rebuild` necessary and `doctor` say so.
pub const VERSION: u32 = 1;

/// What kind of key a row can be found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// A blind index of an identifier: `system:digest`.
    Identifier,
    /// An item of a framework: `slug@version#code`.
    FrameworkItem,
    /// A framework version: `slug@version`.
    FrameworkVersion,
    /// A framework of any version: `slug`.
    Framework,
    /// An outcome that a row of several outcomes speaks of.
    Outcome,
}

impl KeyKind {
    /// The kind as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identifier => "identifier",
            Self::FrameworkItem => "framework_item",
            Self::FrameworkVersion => "framework_version",
            Self::Framework => "framework",
            Self::Outcome => "outcome",
        }
    }
}

/// A key that finds a row within its organisation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// What kind of key.
    pub kind: KeyKind,
    /// The key.
    pub value: String,
}

impl RowKey {
    /// A key of a kind.
    pub fn new(kind: KeyKind, value: impl Into<String>) -> Self {
        Self { kind, value: value.into() }
    }
    /// The key of a person's identifier by its blind index.
    #[must_use]
    pub fn identifier(system: &str, digest: &str) -> Self {
        Self::new(KeyKind::Identifier, format!("{system}:{digest}"))
    }
}

/// The state of one stream from one position on, and what it is filed under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The stream.
    pub id: StreamId,
    /// The controller of the recording.
    pub organisation: OrganisationCode,
    /// The position from which on it is true; its end is the next row's start.
    pub from_position: u64,
    /// The stream's version that it shows.
    pub version: u64,
    /// When the stream was first recorded.
    pub created_at: Timestamp,
    /// When this state was recorded.
    pub changed_at: Timestamp,
    /// When in life what the row shows happened.
    pub occurred_at: LifeTime,
    /// The client that recorded this state.
    pub changed_by: String,
    /// The system that it was imported from.
    pub source_system: Option<String>,
    /// The state itself.
    pub resource: Resource,
}

impl Row {
    /// What kind it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.resource.kind()
    }
    /// Whose record it belongs to.
    #[must_use]
    pub fn person(&self) -> Option<PersonId> {
        self.resource.person(self.id)
    }
    /// The one outcome that it belongs to.
    #[must_use]
    pub fn outcome(&self) -> Option<OutcomeId> {
        match &self.resource {
            Resource::Outcome(_) => Some(self.id.into()),
            Resource::Review(review) => Some(review.facts.outcome),
            _ => None,
        }
    }
    /// The status that lists can ask for.
    #[must_use]
    pub fn status(&self) -> Option<&str> {
        match &self.resource {
            Resource::Outcome(outcome) => Some(outcome.status()),
            Resource::Review(review) if review.withdrawn => Some("withdrawn"),
            Resource::Review(review) => Some(&review.facts.appraisal.status.code),
            Resource::Narrative(narrative) => Some(if narrative.withdrawn { "withdrawn" } else { "recorded" }),
            Resource::Action(action) => Some(action.status.as_str()),
            Resource::Conversation(conversation) => Some(match conversation.facts.asked {
                crate::domain::conversation::Asked::Expressed => "expressed",
                crate::domain::conversation::Asked::NoneExpressed => "none_expressed",
                crate::domain::conversation::Asked::NotAsked => "not_asked",
            }),
            Resource::Framework(framework) => Some(if framework.retired.is_some() { "retired" } else { "published" }),
            Resource::Erasure(erasure) => Some(erasure.status.as_str()),
            Resource::Person(_) | Resource::Contribution(_) => None,
        }
    }
    /// The perspective that lists can ask for.
    #[must_use]
    pub const fn perspective(&self) -> Option<&'static str> {
        match &self.resource {
            Resource::Narrative(narrative) => Some(narrative.perspective.as_str()),
            Resource::Review(review) => Some(review.facts.perspective.as_str()),
            Resource::Outcome(outcome) => Some(outcome.identified_by.as_str()),
            Resource::Contribution(contribution) => Some(contribution.facts.perspective.as_str()),
            _ => None,
        }
    }
    /// The keys that find it.
    #[must_use]
    pub fn keys(&self) -> Vec<RowKey> {
        let mut keys: Vec<RowKey> = match &self.resource {
            Resource::Person(person) => person
                .identifiers
                .iter()
                .filter_map(|held| held.digest.as_ref().map(|digest| RowKey::identifier(&held.system, digest)))
                .collect(),
            Resource::Outcome(outcome) => outcome
                .content
                .framework_items
                .iter()
                .map(|item| RowKey::new(KeyKind::FrameworkItem, item.to_string()))
                .collect(),
            Resource::Conversation(conversation) => conversation
                .facts
                .participation
                .iter()
                .map(|item| RowKey::new(KeyKind::FrameworkItem, item.to_string()))
                .collect(),
            Resource::Narrative(narrative) => outcome_keys(&narrative.outcomes),
            Resource::Action(action) => outcome_keys(&action.facts.outcomes),
            Resource::Contribution(contribution) => outcome_keys(&contribution.facts.outcomes),
            Resource::Framework(framework) => vec![
                RowKey::new(KeyKind::Framework, framework.content.id.clone()),
                RowKey::new(
                    KeyKind::FrameworkVersion,
                    format!("{}@{}", framework.content.id, framework.content.version),
                ),
            ],
            Resource::Review(_) | Resource::Erasure(_) => Vec::new(),
        };
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

fn outcome_keys(outcomes: &[OutcomeId]) -> Vec<RowKey> {
    outcomes.iter().map(|id| RowKey::new(KeyKind::Outcome, id.to_string())).collect()
}

/// Folds one event into the row of its stream: the row that is true from the event's position on.
///
/// # Errors
/// [`CannotFollow`] where the event does not fit the row; then nothing changes.
pub fn fold(row: Option<Row>, event: &Recorded) -> Result<Row, CannotFollow> {
    // An erasure of everything leaves no row before it: what it says is the whole state, whatever was there.
    let begins_anew = matches!(&event.facts, Facts::ErasureExecuted(executed) if executed.removes(Class::Facts));
    let follows = match &row {
        None => event.version == 0 || begins_anew,
        Some(row) => event.version == row.version + 1 && event.organisation == row.organisation,
    };
    if !follows {
        return Err(CannotFollow { event: event.facts.name(), detail: "its version does not follow the row's" });
    }
    let row = row.filter(|_| !begins_anew);
    let occurred_at = match (&event.facts, &row) {
        (Facts::ConversationAmended(amended), _) => amended.held_at,
        (Facts::ReviewRevised(revised), _) => revised.reviewed_at,
        (_, Some(row)) => row.occurred_at,
        (_, None) => event.header.occurred_at,
    };
    let (created_at, source_system) = row.as_ref().map_or_else(
        || (event.recorded_at, event.header.source_system.clone()),
        |row| (row.created_at, row.source_system.clone()),
    );
    let resource = evolve(row.map(|row| row.resource), event)?;
    Ok(Row {
        id: event.stream,
        organisation: event.organisation.clone(),
        from_position: event.position,
        version: event.version,
        created_at,
        changed_at: event.recorded_at,
        occurred_at,
        changed_by: event.header.client.clone(),
        source_system,
        resource,
    })
}
