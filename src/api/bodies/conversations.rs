//! Bodies about conversations.

use crate::api::bodies::{Body, Source, occurred_at, parsed, source};
use crate::api::problem::Problem;
use crate::api::schema::{Asked, ConversationMode, PartyKind};
use crate::app::words::{Command, ConversationCommand, ConversationContent, Participant as DomainParticipant, Words};
use crate::app::{Recording, Target};
use serde::Deserialize;
use utoipa::ToSchema;

/// Somebody who took part beside the person.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Participant {
    /// What kind of party.
    pub kind: PartyKind,
    /// Their name; kept sealed.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name: Option<Words>,
}

/// A conversation that was held.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "occurred_at": "2026-11-02T10:00:00Z", "person": "5f0c3c1e-7a52-4e0b-9a56-2f7f2f1f9b11", "asked": "expressed",
    "mode": "in_person", "participants": [{"kind": "practitioner", "name": "R. Specimen"}], "note": "At home, over tea."
}))]
pub struct RecordConversation {
    /// When it was held.
    pub occurred_at: String,
    /// Whose outcomes it was about.
    pub person: String,
    /// Whether outcomes were asked about, and what came of it.
    pub asked: Asked,
    /// Why not, where not: required with `not_asked`, not allowed otherwise.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub not_asked_reason: Option<Words>,
    /// How it was held.
    pub mode: ConversationMode,
    /// Who took part beside the person. At most 50.
    #[serde(default)]
    pub participants: Vec<Participant>,
    /// How the person took part: an item of a published list.
    #[serde(default)]
    #[schema(example = "ssda903-participation@1#PN1")]
    pub participation: Option<String>,
    /// A note.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub note: Option<Words>,
    /// Where it was imported from.
    #[serde(default)]
    pub source: Option<Source>,
}

impl Body for RecordConversation {
    const OPERATION: &'static str = "record_conversation";
    const CHANGES: bool = false;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        let content = ConversationContent {
            person: parsed("/person", &self.person)?,
            asked: self.asked.into(),
            not_asked_reason: self.not_asked_reason,
            mode: self.mode.into(),
            participants: participants(self.participants),
            participation: self.participation.map(|item| parsed("/participation", &item)).transpose()?,
            note: self.note,
        };
        Ok(Recording {
            target,
            command: Command::Conversation(ConversationCommand::Record(content)),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: source(self.source)?,
        })
    }
}

/// The whole conversation as it should read.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "occurred_at": "2026-11-05", "held_at": "2026-11-01", "person": "5f0c3c1e-7a52-4e0b-9a56-2f7f2f1f9b11",
    "asked": "expressed", "mode": "telephone", "reason": "It was a day earlier, by telephone"
}))]
pub struct AmendConversation {
    /// When it was corrected.
    pub occurred_at: String,
    /// When it was held, as it should read.
    pub held_at: String,
    /// Whose outcomes it was about: the same person as before.
    pub person: String,
    /// Whether outcomes were asked about.
    pub asked: Asked,
    /// Why not, where not.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub not_asked_reason: Option<Words>,
    /// How it was held.
    pub mode: ConversationMode,
    /// Who took part beside the person.
    #[serde(default)]
    pub participants: Vec<Participant>,
    /// How the person took part.
    #[serde(default)]
    pub participation: Option<String>,
    /// A note.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub note: Option<Words>,
    /// Why it was amended.
    #[schema(value_type = String)]
    pub reason: Words,
}

impl Body for AmendConversation {
    const OPERATION: &'static str = "amend_conversation";
    const CHANGES: bool = true;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        let content = ConversationContent {
            person: parsed("/person", &self.person)?,
            asked: self.asked.into(),
            not_asked_reason: self.not_asked_reason,
            mode: self.mode.into(),
            participants: participants(self.participants),
            participation: self.participation.map(|item| parsed("/participation", &item)).transpose()?,
            note: self.note,
        };
        let held_at = parsed("/held_at", &self.held_at)?;
        Ok(Recording {
            target,
            command: Command::Conversation(ConversationCommand::Amend { held_at, content, reason: self.reason }),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: None,
        })
    }
}

fn participants(participants: Vec<Participant>) -> Vec<DomainParticipant> {
    participants
        .into_iter()
        .map(|participant| DomainParticipant { kind: participant.kind.into(), name: participant.name })
        .collect()
}
