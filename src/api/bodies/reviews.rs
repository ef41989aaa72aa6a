//! Bodies about reviews.

use crate::api::bodies::{Body, Source, occurred_at, parsed, parsed_list, source};
use crate::api::problem::Problem;
use crate::api::schema::{PartyKind, Perspective, ReviewStage};
use crate::app::words::{Appraisal, Command, OutcomeReviewed, ReviewCommand, Words};
use crate::app::{Recording, Target};
use serde::Deserialize;
use utoipa::ToSchema;

fn follow_up() -> ReviewStage {
    ReviewStage::FollowUp
}

/// A dated appraisal of one outcome from one perspective.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "occurred_at": "2026-11-16", "person": "5f0c3c1e-7a52-4e0b-9a56-2f7f2f1f9b11",
    "outcome": "0f6f1f6e-52a4-4b6f-8a39-0d1f3c1f7a22", "perspective": "person", "author": "practitioner",
    "status": "review-status@1#partly_met", "note": "Out twice last week, not with the friends yet"
}))]
pub struct RecordReview {
    /// When the review took place.
    pub occurred_at: String,
    /// Whose outcome it is.
    pub person: String,
    /// The outcome.
    pub outcome: String,
    /// Whose appraisal it is.
    pub perspective: Perspective,
    /// Who wrote it down.
    pub author: PartyKind,
    /// The author's name; kept sealed.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub author_name: Option<Words>,
    /// An item of a published version of the list `review-status`.
    pub status: String,
    /// Where in the course of the outcome; a follow-up unless said otherwise.
    #[serde(default = "follow_up")]
    pub stage: ReviewStage,
    /// The raw rating on a published scale, kept beside the status.
    #[serde(default)]
    #[schema(example = "goal-attainment-scale@1#LA34480-6")]
    pub rating: Option<String>,
    /// The narratives that it rests on. At most 100.
    #[serde(default)]
    pub narratives: Vec<String>,
    /// The conversation that it comes from.
    #[serde(default)]
    pub conversation: Option<String>,
    /// What was said.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub note: Option<Words>,
    /// Where it was imported from.
    #[serde(default)]
    pub source: Option<Source>,
}

impl Body for RecordReview {
    const OPERATION: &'static str = "record_review";
    const CHANGES: bool = false;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        let facts = OutcomeReviewed {
            outcome: parsed("/outcome", &self.outcome)?,
            person: parsed("/person", &self.person)?,
            perspective: self.perspective.into(),
            author: self.author.into(),
            conversation: self.conversation.map(|id| parsed("/conversation", &id)).transpose()?,
            appraisal: appraisal(&self.status, self.stage, self.rating.as_deref(), &self.narratives)?,
        };
        let command = ReviewCommand::Record { facts, note: self.note, author_name: self.author_name };
        Ok(Recording {
            target,
            command: Command::Review(command),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: source(self.source)?,
        })
    }
}

/// The appraisal as it should read; outcome and perspective never change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "occurred_at": "2026-11-18", "reviewed_at": "2026-11-16", "status": "review-status@1#fully_met",
    "reason": "The wrong box was ticked"
}))]
pub struct ReviseReview {
    /// When it was revised.
    pub occurred_at: String,
    /// When the review took place, as it should read.
    pub reviewed_at: String,
    /// An item of a published version of the list `review-status`.
    pub status: String,
    /// Where in the course of the outcome.
    #[serde(default = "follow_up")]
    pub stage: ReviewStage,
    /// The raw rating on a published scale.
    #[serde(default)]
    pub rating: Option<String>,
    /// The narratives that it rests on.
    #[serde(default)]
    pub narratives: Vec<String>,
    /// What was said.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub note: Option<Words>,
    /// The author's name as it should read, kept sealed; absent keeps it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub author_name: Option<Words>,
    /// Why it was revised.
    #[schema(value_type = String)]
    pub reason: Words,
}

impl Body for ReviseReview {
    const OPERATION: &'static str = "revise_review";
    const CHANGES: bool = true;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        let command = ReviewCommand::Revise {
            reviewed_at: parsed("/reviewed_at", &self.reviewed_at)?,
            appraisal: appraisal(&self.status, self.stage, self.rating.as_deref(), &self.narratives)?,
            note: self.note,
            author_name: self.author_name,
            reason: self.reason,
        };
        Ok(Recording {
            target,
            command: Command::Review(command),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: None,
        })
    }
}

/// That the review was entered in error. It stays in the history.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"occurred_at": "2026-11-18", "reason": "Recorded on the wrong outcome"}))]
pub struct WithdrawReview {
    /// When it was withdrawn.
    pub occurred_at: String,
    /// Why.
    #[schema(value_type = String)]
    pub reason: Words,
}

impl Body for WithdrawReview {
    const OPERATION: &'static str = "withdraw_review";
    const CHANGES: bool = true;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        Ok(Recording {
            target,
            command: Command::Review(ReviewCommand::Withdraw { reason: self.reason }),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: None,
        })
    }
}

fn appraisal(
    status: &str,
    stage: ReviewStage,
    rating: Option<&str>,
    narratives: &[String],
) -> Result<Appraisal, Problem> {
    Ok(Appraisal {
        status: parsed("/status", status)?,
        stage: stage.into(),
        rating: rating.map(|rating| parsed("/rating", rating)).transpose()?,
        narratives: parsed_list("/narratives", narratives)?,
    })
}
