//! Bodies about narratives.

use crate::api::bodies::{Body, Source, VerbatimSpan, occurred_at, parsed, parsed_list, source};
use crate::api::problem::Problem;
use crate::api::schema::{KnowledgeForm, PartyKind, Perspective, Stance};
use crate::app::words::{Command, NarrativeCommand, NarrativeRecorded, RecordResponseAdded, Words};
use crate::app::{Recording, Target};
use serde::Deserialize;
use utoipa::ToSchema;

/// Somebody's account, word for word.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "occurred_at": "2026-11-02", "person": "5f0c3c1e-7a52-4e0b-9a56-2f7f2f1f9b11",
    "text": "Morgan said: I miss walking the dog with my friends.", "author": "practitioner", "perspective": "person",
    "knowledge_form": "lived", "verbatim_spans": [{"start": 13, "end": 52}]
}))]
pub struct RecordNarrative {
    /// When it was told.
    pub occurred_at: String,
    /// Whose life it is about.
    pub person: String,
    /// The account: at most 100,000 Unicode code points.
    #[schema(value_type = String)]
    pub text: Words,
    /// Who wrote it down.
    pub author: PartyKind,
    /// The author's name; kept sealed.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub author_name: Option<Words>,
    /// From whose standpoint it speaks.
    pub perspective: Perspective,
    /// The form of knowledge that it carries.
    pub knowledge_form: KnowledgeForm,
    /// Where the person's own words stand: ranges of Unicode code points, in order, without overlap.
    #[serde(default)]
    pub verbatim_spans: Vec<VerbatimSpan>,
    /// The conversation that it comes from.
    #[serde(default)]
    pub conversation: Option<String>,
    /// The outcomes that it speaks of. At most 100.
    #[serde(default)]
    pub outcomes: Vec<String>,
    /// Where it was imported from.
    #[serde(default)]
    pub source: Option<Source>,
}

impl Body for RecordNarrative {
    const OPERATION: &'static str = "record_narrative";
    const CHANGES: bool = false;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        let facts = NarrativeRecorded {
            person: parsed("/person", &self.person)?,
            conversation: self.conversation.map(|id| parsed("/conversation", &id)).transpose()?,
            outcomes: parsed_list("/outcomes", &self.outcomes)?,
            author: self.author.into(),
            perspective: self.perspective.into(),
            knowledge_form: self.knowledge_form.into(),
            verbatim_spans: self.verbatim_spans.into_iter().map(Into::into).collect(),
        };
        let command = NarrativeCommand::Record { facts, text: self.text, author_name: self.author_name };
        Ok(Recording {
            target,
            command: Command::Narrative(command),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: source(self.source)?,
        })
    }
}

/// A new version of the account, whole. The versions before it stay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "occurred_at": "2026-11-04", "text": "Morgan said: I miss walking Bess with my friends.",
    "verbatim_spans": [{"start": 13, "end": 49}], "reason": "Morgan asked for the dog's name"
}))]
pub struct AmendNarrative {
    /// When it was amended.
    pub occurred_at: String,
    /// The account.
    #[schema(value_type = String)]
    pub text: Words,
    /// Where the person's own words stand in it.
    #[serde(default)]
    pub verbatim_spans: Vec<VerbatimSpan>,
    /// The outcomes that it speaks of; absent keeps them.
    #[serde(default)]
    pub outcomes: Option<Vec<String>>,
    /// Who amended it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub author_name: Option<Words>,
    /// Why.
    #[schema(value_type = String)]
    pub reason: Words,
}

impl Body for AmendNarrative {
    const OPERATION: &'static str = "amend_narrative";
    const CHANGES: bool = true;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        let command = NarrativeCommand::Amend {
            text: self.text,
            verbatim_spans: self.verbatim_spans.into_iter().map(Into::into).collect(),
            outcomes: self.outcomes.map(|outcomes| parsed_list("/outcomes", &outcomes)).transpose()?,
            author_name: self.author_name,
            reason: self.reason,
        };
        Ok(Recording {
            target,
            command: Command::Narrative(command),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: None,
        })
    }
}

/// That it was entered in error. It stays in the history.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"occurred_at": "2026-11-04", "reason": "Written about somebody else"}))]
pub struct WithdrawNarrative {
    /// When it was withdrawn.
    pub occurred_at: String,
    /// Why.
    #[schema(value_type = String)]
    pub reason: Words,
}

impl Body for WithdrawNarrative {
    const OPERATION: &'static str = "withdraw_narrative";
    const CHANGES: bool = true;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        Ok(Recording {
            target,
            command: Command::Narrative(NarrativeCommand::Withdraw { reason: self.reason }),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: None,
        })
    }
}

/// What somebody says of a narrative. It stands beside it, so it needs no version.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "occurred_at": "2026-11-05", "stance": "adds", "perspective": "carer", "author": "carer",
    "text": "She also misses the market on Saturdays."
}))]
pub struct RespondToNarrative {
    /// When it was said.
    pub occurred_at: String,
    /// What it says.
    pub stance: Stance,
    /// From whose standpoint.
    pub perspective: Perspective,
    /// Who wrote it down.
    pub author: PartyKind,
    /// The author's name; kept sealed.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub author_name: Option<Words>,
    /// In words; required where it adds something.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub text: Option<Words>,
}

impl Body for RespondToNarrative {
    const OPERATION: &'static str = "respond_to_narrative";
    const CHANGES: bool = false;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        let facts = RecordResponseAdded {
            stance: self.stance.into(),
            perspective: self.perspective.into(),
            author: self.author.into(),
        };
        let command = NarrativeCommand::Respond { facts, text: self.text, author_name: self.author_name };
        Ok(Recording {
            target,
            command: Command::Narrative(command),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: None,
        })
    }
}
