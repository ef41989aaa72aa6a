//! Bodies about outcomes.

use crate::api::bodies::{Body, Source, occurred_at, parsed, parsed_list, source};
use crate::api::problem::Problem;
use crate::api::schema::{ClosureReason, Direction, OutcomeType, Perspective};
use crate::app::words::{Command, OutcomeCommand, OutcomeContent, OutcomeIdentified, OutcomePrioritised, Words};
use crate::app::{Recording, Target};
use serde::Deserialize;
use utoipa::ToSchema;

/// What matters to one person.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "occurred_at": "2026-11-02", "person": "5f0c3c1e-7a52-4e0b-9a56-2f7f2f1f9b11", "identified_by": "person",
    "outcome_type": "quality_of_life", "direction": "change", "title": "Walk the dog with my friends again",
    "why_it_matters": "It is how I see people", "framework_items": ["talking-points-people@1#seeing-people"]
}))]
pub struct IdentifyOutcome {
    /// When it was identified.
    pub occurred_at: String,
    /// Whose outcome it is.
    pub person: String,
    /// Who said that this matters.
    pub identified_by: Perspective,
    /// What kind of outcome.
    pub outcome_type: OutcomeType,
    /// Change or maintain.
    pub direction: Direction,
    /// What matters, in words.
    #[schema(value_type = String)]
    pub title: Words,
    /// Why it matters.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub why_it_matters: Option<Words>,
    /// Items of published frameworks that it belongs to, `framework@version#code`. At most 100.
    #[serde(default)]
    pub framework_items: Vec<String>,
    /// The narratives that it rests on. At most 100.
    #[serde(default)]
    pub narratives: Vec<String>,
    /// The conversation in which it was identified.
    #[serde(default)]
    pub conversation: Option<String>,
    /// Where it was imported from.
    #[serde(default)]
    pub source: Option<Source>,
}

impl Body for IdentifyOutcome {
    const OPERATION: &'static str = "identify_outcome";
    const CHANGES: bool = false;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        let facts = OutcomeIdentified {
            person: parsed("/person", &self.person)?,
            conversation: self.conversation.map(|id| parsed("/conversation", &id)).transpose()?,
            identified_by: self.identified_by.into(),
            content: content(self.outcome_type, self.direction, &self.framework_items, &self.narratives)?,
        };
        let command = OutcomeCommand::Identify { facts, title: self.title, why_it_matters: self.why_it_matters };
        Ok(Recording {
            target,
            command: Command::Outcome(command),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: source(self.source)?,
        })
    }
}

/// The whole outcome as it should read now.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "occurred_at": "2026-11-09", "outcome_type": "quality_of_life", "direction": "change",
    "title": "Walk the dog with my friends twice a week", "framework_items": ["talking-points-people@1#seeing-people"],
    "reason": "Once a week came back quickly"
}))]
pub struct RewordOutcome {
    /// When it was reworded.
    pub occurred_at: String,
    /// What kind of outcome.
    pub outcome_type: OutcomeType,
    /// Change or maintain.
    pub direction: Direction,
    /// What matters, in words.
    #[schema(value_type = String)]
    pub title: Words,
    /// Why it matters.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub why_it_matters: Option<Words>,
    /// Items of published frameworks that it belongs to.
    #[serde(default)]
    pub framework_items: Vec<String>,
    /// The narratives that it rests on.
    #[serde(default)]
    pub narratives: Vec<String>,
    /// Why it was reworded.
    #[schema(value_type = String)]
    pub reason: Words,
}

impl Body for RewordOutcome {
    const OPERATION: &'static str = "reword_outcome";
    const CHANGES: bool = true;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        let command = OutcomeCommand::Reword {
            content: content(self.outcome_type, self.direction, &self.framework_items, &self.narratives)?,
            title: self.title,
            why_it_matters: self.why_it_matters,
            reason: self.reason,
        };
        Ok(Recording {
            target,
            command: Command::Outcome(command),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: None,
        })
    }
}

/// How one perspective ranks the outcome.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"occurred_at": "2026-11-02", "perspective": "person", "rank": 1}))]
pub struct PrioritiseOutcome {
    /// When it was ranked.
    pub occurred_at: String,
    /// Whose ranking.
    pub perspective: Perspective,
    /// From 1, the first, to 1,000.
    pub rank: u32,
    /// Why.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub reason: Option<Words>,
}

impl Body for PrioritiseOutcome {
    const OPERATION: &'static str = "prioritise_outcome";
    const CHANGES: bool = true;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        let facts = OutcomePrioritised { perspective: self.perspective.into(), rank: self.rank };
        Ok(Recording {
            target,
            command: Command::Outcome(OutcomeCommand::Prioritise { facts, reason: self.reason }),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: None,
        })
    }
}

/// That the outcome is closed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"occurred_at": "2026-11-20", "closure_reason": "achieved", "reason": "Walks every Tuesday and Friday"}))]
pub struct CloseOutcome {
    /// When it was closed.
    pub occurred_at: String,
    /// Why, in one word.
    pub closure_reason: ClosureReason,
    /// Why, in words; required with `other`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub reason: Option<Words>,
}

impl Body for CloseOutcome {
    const OPERATION: &'static str = "close_outcome";
    const CHANGES: bool = true;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        let command = OutcomeCommand::Close { closure_reason: self.closure_reason.into(), reason: self.reason };
        Ok(Recording {
            target,
            command: Command::Outcome(command),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: None,
        })
    }
}

/// That the outcome is open again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"occurred_at": "2026-11-22", "reason": "The knee is worse again"}))]
pub struct ReopenOutcome {
    /// When it was reopened.
    pub occurred_at: String,
    /// Why.
    #[schema(value_type = String)]
    pub reason: Words,
}

impl Body for ReopenOutcome {
    const OPERATION: &'static str = "reopen_outcome";
    const CHANGES: bool = true;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        Ok(Recording {
            target,
            command: Command::Outcome(OutcomeCommand::Reopen { reason: self.reason }),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: None,
        })
    }
}

fn content(
    outcome_type: OutcomeType,
    direction: Direction,
    framework_items: &[String],
    narratives: &[String],
) -> Result<OutcomeContent, Problem> {
    Ok(OutcomeContent {
        outcome_type: outcome_type.into(),
        direction: direction.into(),
        framework_items: parsed_list("/framework_items", framework_items)?,
        narratives: parsed_list("/narratives", narratives)?,
    })
}
