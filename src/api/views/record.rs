//! A person's whole record, and the perspectives on one outcome side by side.

use crate::api::schema::Perspective;
use crate::api::views::nouns::{
    ActionView, ContributionView, ConversationView, NarrativeView, OutcomeView, ReviewView,
};
use crate::api::views::people::PersonView;
use crate::api::views::{CompleteTo, View};
use crate::app::words::Kind;
use crate::app::{AppError, Disagreement, PersonRecord};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Everything about one person in one answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PersonRecordView {
    /// The person.
    pub person: PersonView,
    /// Conversations.
    pub conversations: Vec<ConversationView>,
    /// Narratives.
    pub narratives: Vec<NarrativeView>,
    /// Outcomes.
    pub outcomes: Vec<OutcomeView>,
    /// Reviews, each perspective's own.
    pub reviews: Vec<ReviewView>,
    /// Actions.
    pub actions: Vec<ActionView>,
    /// Contributions.
    pub contributions: Vec<ContributionView>,
    /// Kinds that exist for this person but that the token's scopes do not open.
    pub not_shown: Vec<String>,
    /// Whether there is more than one answer may hold (2,000 recordings); the lists have the rest.
    pub truncated: bool,
    /// What it is complete to.
    pub complete_to: CompleteTo,
}

impl PersonRecordView {
    /// Shows a record.
    ///
    /// # Errors
    /// As [`View::of`].
    pub fn of(record: &PersonRecord) -> Result<Self, AppError> {
        let mut view = Self {
            person: PersonView::of(&record.person)?,
            conversations: Vec::new(),
            narratives: Vec::new(),
            outcomes: Vec::new(),
            reviews: Vec::new(),
            actions: Vec::new(),
            contributions: Vec::new(),
            not_shown: record.not_shown.iter().map(|kind| kind.as_str().to_owned()).collect(),
            truncated: record.truncated,
            complete_to: record.complete_to.into(),
        };
        for seen in &record.items {
            match seen.row.kind() {
                Kind::Conversation => view.conversations.push(ConversationView::of(seen)?),
                Kind::Narrative => view.narratives.push(NarrativeView::of(seen)?),
                Kind::Outcome => view.outcomes.push(OutcomeView::of(seen)?),
                Kind::Review => view.reviews.push(ReviewView::of(seen)?),
                Kind::Action => view.actions.push(ActionView::of(seen)?),
                Kind::Contribution => view.contributions.push(ContributionView::of(seen)?),
                // A request to erase is shown by itself: it is about the record and not of it.
                Kind::Person | Kind::Framework | Kind::Erasure => {}
            }
        }
        Ok(view)
    }
}

/// One perspective's latest review.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PerspectiveReviewView {
    /// Whose.
    pub perspective: Perspective,
    /// The review.
    pub review: ReviewView,
}

/// The perspectives on one outcome, side by side. Disagreement is shown, never resolved.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DisagreementView {
    /// The outcome.
    pub outcome: OutcomeView,
    /// The latest review of each perspective; baselines and withdrawn reviews are left out.
    pub perspectives: Vec<PerspectiveReviewView>,
    /// Whether their statuses differ; `null` with fewer than two perspectives.
    pub disagree: Option<bool>,
    /// What it is complete to.
    pub complete_to: CompleteTo,
}

impl DisagreementView {
    /// Shows a disagreement.
    ///
    /// # Errors
    /// As [`View::of`].
    pub fn of(disagreement: &Disagreement) -> Result<Self, AppError> {
        let perspectives = disagreement
            .reviews
            .iter()
            .map(|side| {
                Ok(PerspectiveReviewView {
                    perspective: side.perspective.into(),
                    review: ReviewView::of(&side.review)?,
                })
            })
            .collect::<Result<_, AppError>>()?;
        Ok(Self {
            outcome: OutcomeView::of(&disagreement.outcome)?,
            perspectives,
            disagree: disagreement.disagree,
            complete_to: disagreement.complete_to.into(),
        })
    }
}
