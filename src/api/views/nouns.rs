//! Conversations, narratives, outcomes, reviews, actions and contributions as they are shown.

use crate::api::bodies::VerbatimSpan;
use crate::api::schema::{
    ActionStatus, Asked, ClosureReason, ConversationMode, Direction, KnowledgeForm, OutcomeType, PartyKind,
    Perspective, ReviewStage, Stance,
};
use crate::api::views::{Common, View, other_kind};
use crate::app::words::{
    ActionWords, ContributionWords, ConversationWords, NarrativeWords, OutcomeWords, Personal, Resource, ReviewWords,
    Words, span_of,
};
use crate::app::{AppError, Seen};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

fn shown(words: Option<Words>) -> Option<String> {
    words.map(Personal::into_inner)
}

fn ids<T: ToString>(ids: &[T]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

/// Somebody who took part.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ParticipantView {
    /// What kind of party.
    pub kind: PartyKind,
    /// Their name, where it was given.
    pub name: Option<String>,
}

/// A conversation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConversationView {
    /// What every recording has.
    #[serde(flatten)]
    pub common: Common,
    /// Whose outcomes it was about.
    pub person: String,
    /// Whether outcomes were asked about.
    pub asked: Asked,
    /// Why not, where not.
    pub not_asked_reason: Option<String>,
    /// How it was held.
    pub mode: ConversationMode,
    /// Who took part beside the person.
    pub participants: Vec<ParticipantView>,
    /// How the person took part.
    pub participation: Option<String>,
    /// A note.
    pub note: Option<String>,
}

impl View for ConversationView {
    fn of(seen: &Seen) -> Result<Self, AppError> {
        let Resource::Conversation(conversation) = &seen.row.resource else { return Err(other_kind()) };
        let words: ConversationWords = seen.content(conversation.words)?.flatten().unwrap_or_default();
        let facts = &conversation.facts;
        let mut names = words.participant_names.into_iter();
        let participants = facts
            .participants
            .iter()
            .map(|kind| ParticipantView { kind: (*kind).into(), name: shown(names.next().flatten()) })
            .collect();
        Ok(Self {
            common: Common::of(seen),
            person: facts.person.to_string(),
            asked: facts.asked.into(),
            not_asked_reason: shown(words.not_asked_reason),
            mode: facts.mode.into(),
            participants,
            participation: facts.participation.as_ref().map(ToString::to_string),
            note: shown(words.note),
        })
    }
}

/// What somebody said of a narrative.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ResponseView {
    /// The event that added it.
    pub id: String,
    /// What it says.
    pub stance: Stance,
    /// From whose standpoint.
    pub perspective: Perspective,
    /// Who wrote it down.
    pub author: PartyKind,
    /// The author's name.
    pub author_name: Option<String>,
    /// When in life.
    pub occurred_at: String,
    /// In words.
    pub text: Option<String>,
}

/// A narrative as it reads now.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NarrativeView {
    /// What every recording has.
    #[serde(flatten)]
    pub common: Common,
    /// Whose life it is about.
    pub person: String,
    /// `recorded`, or `withdrawn` where it was entered in error.
    pub status: String,
    /// The account; `null` once erased.
    pub text: Option<String>,
    /// The event that wrote this version of the text.
    pub version_id: String,
    /// How often it was amended.
    pub amendments: u32,
    /// Who wrote it down.
    pub author: PartyKind,
    /// The author's name.
    pub author_name: Option<String>,
    /// From whose standpoint it speaks.
    pub perspective: Perspective,
    /// The form of knowledge that it carries.
    pub knowledge_form: KnowledgeForm,
    /// Where the person's own words stand.
    pub verbatim_spans: Vec<VerbatimSpan>,
    /// The person's own words, in the order of the spans.
    pub verbatim: Vec<String>,
    /// The conversation that it comes from.
    pub conversation: Option<String>,
    /// The outcomes that it speaks of.
    pub outcomes: Vec<String>,
    /// Why it was amended last.
    pub amendment_reason: Option<String>,
    /// Who amended it last, by name; the author is who told it first.
    #[serde(default)]
    pub amended_by_name: Option<String>,
    /// Why it was withdrawn.
    pub withdrawal_reason: Option<String>,
    /// What others said of it.
    pub responses: Vec<ResponseView>,
}

impl View for NarrativeView {
    fn of(seen: &Seen) -> Result<Self, AppError> {
        let Resource::Narrative(narrative) = &seen.row.resource else { return Err(other_kind()) };
        let words: NarrativeWords = seen.content(narrative.words)?.flatten().unwrap_or_default();
        let first: NarrativeWords = seen.content(narrative.first_words)?.flatten().unwrap_or_default();
        let withdrawal: NarrativeWords = seen.content(narrative.withdrawal)?.flatten().unwrap_or_default();
        let (author_name, amended_by_name) =
            if narrative.amendments == 0 { (words.author_name, None) } else { (first.author_name, words.author_name) };
        let mut responses = Vec::with_capacity(narrative.responses.len());
        for response in &narrative.responses {
            let said: NarrativeWords = seen.content(response.words)?.flatten().unwrap_or_default();
            responses.push(ResponseView {
                id: response.id.to_string(),
                stance: response.stance.into(),
                perspective: response.perspective.into(),
                author: response.author.into(),
                author_name: shown(said.author_name),
                occurred_at: response.occurred_at.to_string(),
                text: shown(said.text),
            });
        }
        let text = shown(words.text);
        let verbatim = text.as_deref().map_or_else(Vec::new, |text| {
            narrative.verbatim_spans.iter().filter_map(|span| span_of(text, *span)).map(str::to_owned).collect()
        });
        Ok(Self {
            common: Common::of(seen),
            person: narrative.person.to_string(),
            status: if narrative.withdrawn { "withdrawn" } else { "recorded" }.to_owned(),
            text,
            version_id: narrative.version_id.to_string(),
            amendments: narrative.amendments,
            author: narrative.author.into(),
            author_name: shown(author_name),
            perspective: narrative.perspective.into(),
            knowledge_form: narrative.knowledge_form.into(),
            verbatim_spans: narrative
                .verbatim_spans
                .iter()
                .map(|span| VerbatimSpan { start: span.start, end: span.end })
                .collect(),
            verbatim,
            conversation: narrative.conversation.as_ref().map(ToString::to_string),
            outcomes: ids(&narrative.outcomes),
            amendment_reason: shown(words.reason),
            amended_by_name: shown(amended_by_name),
            withdrawal_reason: shown(withdrawal.reason),
            responses,
        })
    }
}

/// A personal outcome. What has become of it is said by its reviews.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OutcomeView {
    /// What every recording has.
    #[serde(flatten)]
    pub common: Common,
    /// Whose outcome it is.
    pub person: String,
    /// `open` or `closed`.
    pub status: String,
    /// What matters, in words; `null` once erased.
    pub title: Option<String>,
    /// Why it matters.
    pub why_it_matters: Option<String>,
    /// Who said that this matters.
    pub identified_by: Perspective,
    /// What kind of outcome.
    pub outcome_type: OutcomeType,
    /// Change or maintain.
    pub direction: Direction,
    /// Items of frameworks that it belongs to.
    pub framework_items: Vec<String>,
    /// The narratives that it rests on.
    pub narratives: Vec<String>,
    /// The conversation in which it was identified.
    pub conversation: Option<String>,
    /// How each perspective ranks it, 1 first.
    #[schema(value_type = BTreeMap<String, u32>)]
    pub priorities: BTreeMap<String, u32>,
    /// Why it is closed.
    pub closure_reason: Option<ClosureReason>,
}

impl View for OutcomeView {
    fn of(seen: &Seen) -> Result<Self, AppError> {
        let Resource::Outcome(outcome) = &seen.row.resource else { return Err(other_kind()) };
        let words: OutcomeWords = seen.content(outcome.words)?.flatten().unwrap_or_default();
        Ok(Self {
            common: Common::of(seen),
            person: outcome.person.to_string(),
            status: outcome.status().to_owned(),
            title: shown(words.title),
            why_it_matters: shown(words.why_it_matters),
            identified_by: outcome.identified_by.into(),
            outcome_type: outcome.content.outcome_type.into(),
            direction: outcome.content.direction.into(),
            framework_items: ids(&outcome.content.framework_items),
            narratives: ids(&outcome.content.narratives),
            conversation: outcome.conversation.as_ref().map(ToString::to_string),
            priorities: outcome.priorities.iter().map(|(who, rank)| (who.as_str().to_owned(), *rank)).collect(),
            closure_reason: outcome.closure_reason.map(Into::into),
        })
    }
}

/// A review: one perspective's dated appraisal.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReviewView {
    /// What every recording has.
    #[serde(flatten)]
    pub common: Common,
    /// Whose outcome it is.
    pub person: String,
    /// The outcome.
    pub outcome: String,
    /// Whose appraisal it is.
    pub perspective: Perspective,
    /// Who wrote it down.
    pub author: PartyKind,
    /// The author's name.
    pub author_name: Option<String>,
    /// The item of the list `review-status`.
    pub status: String,
    /// Where in the course of the outcome.
    pub stage: ReviewStage,
    /// The raw rating, where one was given.
    pub rating: Option<String>,
    /// The narratives that it rests on.
    pub narratives: Vec<String>,
    /// The conversation that it comes from.
    pub conversation: Option<String>,
    /// What was said.
    pub note: Option<String>,
    /// How often it was revised.
    pub revisions: u32,
    /// Why it was revised last.
    pub revision_reason: Option<String>,
    /// Whether it was entered in error.
    pub withdrawn: bool,
    /// Why it was withdrawn.
    pub withdrawal_reason: Option<String>,
}

impl View for ReviewView {
    fn of(seen: &Seen) -> Result<Self, AppError> {
        let Resource::Review(review) = &seen.row.resource else { return Err(other_kind()) };
        let words: ReviewWords = seen.content(review.words)?.flatten().unwrap_or_default();
        let named: ReviewWords = seen.content(review.author_name)?.flatten().unwrap_or_default();
        let withdrawal: ReviewWords = seen.content(review.withdrawal)?.flatten().unwrap_or_default();
        let facts = &review.facts;
        Ok(Self {
            common: Common::of(seen),
            person: facts.person.to_string(),
            outcome: facts.outcome.to_string(),
            perspective: facts.perspective.into(),
            author: facts.author.into(),
            author_name: shown(named.author_name),
            status: facts.appraisal.status.to_string(),
            stage: facts.appraisal.stage.into(),
            rating: facts.appraisal.rating.as_ref().map(ToString::to_string),
            narratives: ids(&facts.appraisal.narratives),
            conversation: facts.conversation.as_ref().map(ToString::to_string),
            note: shown(words.note),
            revisions: review.revisions,
            revision_reason: shown(words.reason),
            withdrawn: review.withdrawn,
            withdrawal_reason: shown(withdrawal.reason),
        })
    }
}

/// An agreed action.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ActionView {
    /// What every recording has.
    #[serde(flatten)]
    pub common: Common,
    /// Whose outcomes it serves.
    pub person: String,
    /// The outcomes that it serves.
    pub outcomes: Vec<String>,
    /// How far it has come.
    pub status: ActionStatus,
    /// What was agreed.
    pub description: Option<String>,
    /// Who takes the step.
    pub taken_by: PartyKind,
    /// Their name.
    pub taken_by_name: Option<String>,
    /// By when.
    pub due: Option<String>,
    /// The conversation in which it was agreed.
    pub conversation: Option<String>,
    /// The last note on its progress.
    pub progress_note: Option<String>,
}

impl View for ActionView {
    fn of(seen: &Seen) -> Result<Self, AppError> {
        let Resource::Action(action) = &seen.row.resource else { return Err(other_kind()) };
        let words: ActionWords = seen.content(action.words)?.flatten().unwrap_or_default();
        let progress: ActionWords = seen.content(action.progress)?.flatten().unwrap_or_default();
        Ok(Self {
            common: Common::of(seen),
            person: action.facts.person.to_string(),
            outcomes: ids(&action.facts.outcomes),
            status: action.status.into(),
            description: shown(words.description),
            taken_by: action.facts.taken_by.into(),
            taken_by_name: shown(words.taken_by_name),
            due: action.facts.due.map(|due| due.to_string()),
            conversation: action.facts.conversation.as_ref().map(ToString::to_string),
            progress_note: shown(progress.note),
        })
    }
}

/// A contribution.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ContributionView {
    /// What every recording has.
    #[serde(flatten)]
    pub common: Common,
    /// Whose outcomes it served.
    pub person: String,
    /// The outcomes that it served.
    pub outcomes: Vec<String>,
    /// Who did it.
    pub contributor: PartyKind,
    /// Their name.
    pub contributor_name: Option<String>,
    /// Who says so.
    pub perspective: Perspective,
    /// What was done.
    pub description: Option<String>,
    /// The conversation in which it was told.
    pub conversation: Option<String>,
}

impl View for ContributionView {
    fn of(seen: &Seen) -> Result<Self, AppError> {
        let Resource::Contribution(contribution) = &seen.row.resource else { return Err(other_kind()) };
        let words: Option<ContributionWords> = seen.content(contribution.words)?.flatten();
        let (description, contributor_name) =
            words.map_or((None, None), |words| (Some(words.description), words.contributor_name));
        let facts = &contribution.facts;
        Ok(Self {
            common: Common::of(seen),
            person: facts.person.to_string(),
            outcomes: ids(&facts.outcomes),
            contributor: facts.contributor.into(),
            contributor_name: shown(contributor_name),
            perspective: facts.perspective.into(),
            description: shown(description),
            conversation: facts.conversation.as_ref().map(ToString::to_string),
        })
    }
}
