//! Bodies about actions.

use crate::api::bodies::{Body, Source, occurred_at, parsed, parsed_list, source};
use crate::api::problem::Problem;
use crate::api::schema::{ActionStatus, PartyKind};
use crate::app::words::{ActionAgreed, ActionCommand, Command, Words};
use crate::app::{Recording, Target};
use serde::Deserialize;
use utoipa::ToSchema;

/// A step that was agreed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "occurred_at": "2026-11-02", "person": "5f0c3c1e-7a52-4e0b-9a56-2f7f2f1f9b11",
    "outcomes": ["0f6f1f6e-52a4-4b6f-8a39-0d1f3c1f7a22"], "description": "Walk to the corner and back each morning",
    "taken_by": "person", "due": "2026-12"
}))]
pub struct AgreeAction {
    /// When it was agreed.
    pub occurred_at: String,
    /// Whose outcomes it serves.
    pub person: String,
    /// The outcomes that it serves. At most 100.
    #[serde(default)]
    pub outcomes: Vec<String>,
    /// What was agreed.
    #[schema(value_type = String)]
    pub description: Words,
    /// Who takes the step.
    pub taken_by: PartyKind,
    /// Their name; kept sealed.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub taken_by_name: Option<Words>,
    /// By when; may lie in the future.
    #[serde(default)]
    pub due: Option<String>,
    /// The conversation in which it was agreed.
    #[serde(default)]
    pub conversation: Option<String>,
    /// Where it was imported from.
    #[serde(default)]
    pub source: Option<Source>,
}

impl Body for AgreeAction {
    const OPERATION: &'static str = "agree_action";
    const CHANGES: bool = false;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        let facts = ActionAgreed {
            person: parsed("/person", &self.person)?,
            outcomes: parsed_list("/outcomes", &self.outcomes)?,
            conversation: self.conversation.map(|id| parsed("/conversation", &id)).transpose()?,
            taken_by: self.taken_by.into(),
            due: self.due.map(|due| parsed("/due", &due)).transpose()?,
        };
        let command = ActionCommand::Agree { facts, description: self.description, taken_by_name: self.taken_by_name };
        Ok(Recording {
            target,
            command: Command::Action(command),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: source(self.source)?,
        })
    }
}

/// How far an action has come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"occurred_at": "2026-11-10", "status": "started", "note": "Five mornings out of seven"}))]
pub struct ProgressAction {
    /// When.
    pub occurred_at: String,
    /// How far.
    pub status: ActionStatus,
    /// A note.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub note: Option<Words>,
}

impl Body for ProgressAction {
    const OPERATION: &'static str = "progress_action";
    const CHANGES: bool = true;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        let command = ActionCommand::Progress { status: self.status.into(), note: self.note };
        Ok(Recording {
            target,
            command: Command::Action(command),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: None,
        })
    }
}
