//! Bodies about contributions.

use crate::api::bodies::{Body, Source, occurred_at, parsed, parsed_list, source};
use crate::api::problem::Problem;
use crate::api::schema::{PartyKind, Perspective};
use crate::app::words::{Command, ContributionCommand, ContributionRecorded, Words};
use crate::app::{Recording, Target};
use serde::Deserialize;
use utoipa::ToSchema;

/// What somebody did towards an outcome.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "occurred_at": "2026-11-12", "person": "5f0c3c1e-7a52-4e0b-9a56-2f7f2f1f9b11",
    "outcomes": ["0f6f1f6e-52a4-4b6f-8a39-0d1f3c1f7a22"], "contributor": "community", "perspective": "person",
    "description": "The neighbours came along on Tuesdays"
}))]
pub struct RecordContribution {
    /// When.
    pub occurred_at: String,
    /// Whose outcomes it served.
    pub person: String,
    /// The outcomes that it served. At most 100.
    #[serde(default)]
    pub outcomes: Vec<String>,
    /// Who did it.
    pub contributor: PartyKind,
    /// Their name; kept sealed.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub contributor_name: Option<Words>,
    /// Who says so.
    pub perspective: Perspective,
    /// What was done.
    #[schema(value_type = String)]
    pub description: Words,
    /// The conversation in which it was told.
    #[serde(default)]
    pub conversation: Option<String>,
    /// Where it was imported from.
    #[serde(default)]
    pub source: Option<Source>,
}

impl Body for RecordContribution {
    const OPERATION: &'static str = "record_contribution";
    const CHANGES: bool = false;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        let facts = ContributionRecorded {
            person: parsed("/person", &self.person)?,
            outcomes: parsed_list("/outcomes", &self.outcomes)?,
            conversation: self.conversation.map(|id| parsed("/conversation", &id)).transpose()?,
            contributor: self.contributor.into(),
            perspective: self.perspective.into(),
        };
        let command = ContributionCommand::Record {
            facts,
            description: self.description,
            contributor_name: self.contributor_name,
        };
        Ok(Recording {
            target,
            command: Command::Contribution(command),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: source(self.source)?,
        })
    }
}
