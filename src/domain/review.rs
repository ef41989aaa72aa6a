//! A review: a dated appraisal of one outcome from one perspective. Reviews of other perspectives stand beside it;
//! none overwrites another, and that they disagree is data, never an error. A review is accepted whether the outcome
//! is open or closed, since many are recorded late.

use crate::domain::event::{CannotFollow, Class, Decided, Facts, PartRef, PersonalPart, Recorded};
use crate::domain::framework::ItemRef;
use crate::domain::ids::{ConversationId, NarrativeId, OutcomeId, PersonId};
use crate::domain::outcome::LINKS_MAX;
use crate::domain::personal::Words;
use crate::domain::refusal::Refusal;
use crate::domain::text::{NAME_MAX_CODE_POINTS, NOTE_MAX_CODE_POINTS, allow_words, require_words};
use crate::domain::time::{LifeTime, Timestamp};
use crate::domain::words::{PartyKind, Perspective, ReviewStage};
use serde::{Deserialize, Serialize};

/// The list whose items are review statuses.
pub const STATUS_FRAMEWORK: &str = "review-status";

/// What a review says in codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appraisal {
    /// An item of a published review-status list.
    pub status: ItemRef,
    /// Where in the course of the outcome.
    pub stage: ReviewStage,
    /// The raw rating on a published scale, kept beside the status and never turned into it silently.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<ItemRef>,
    /// The narratives that it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub narratives: Vec<NarrativeId>,
}

/// `OutcomeReviewed`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeReviewed {
    /// The outcome.
    pub outcome: OutcomeId,
    /// Whose outcome it is.
    pub person: PersonId,
    /// Whose appraisal it is.
    pub perspective: Perspective,
    /// Who wrote it down.
    pub author: PartyKind,
    /// The conversation that it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// Its codes.
    pub appraisal: Appraisal,
}

/// `ReviewRevised`: the appraisal as it should read; outcome and perspective never change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewRevised {
    /// When the review took place, as it should read.
    pub reviewed_at: LifeTime,
    /// Its codes.
    pub appraisal: Appraisal,
    /// Whether its words name the author anew; otherwise the name given before stays.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub names_author: bool,
}

/// `ReviewWithdrawn`: entered in error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewWithdrawn {}

/// The sealed words of each of the events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewWords {
    /// What was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Words>,
    /// The author's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author_name: Option<Words>,
    /// Why it was revised or withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Words>,
}

/// A review as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// What was first recorded, with the appraisal as it stands.
    pub facts: OutcomeReviewed,
    /// How often it was revised.
    pub revisions: u32,
    /// Whether it was withdrawn.
    pub withdrawn: bool,
    /// Where its words stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<PartRef>,
    /// Where the author's name stands: a revision that does not name the author has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author_name: Option<PartRef>,
    /// Where the reason of the withdrawal stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawal: Option<PartRef>,
}

/// The next state of a review.
///
/// # Errors
/// [`CannotFollow`] where the event does not fit the state.
pub fn evolve(state: Option<Review>, event: &Recorded) -> Result<Review, CannotFollow> {
    match (&event.facts, state) {
        (Facts::OutcomeReviewed(reviewed), None) => Ok(Review {
            facts: reviewed.clone(),
            revisions: 0,
            withdrawn: false,
            words: event.part(Class::Words),
            author_name: event.part(Class::Words),
            withdrawal: None,
        }),
        (Facts::ReviewRevised(revised), Some(mut review)) => {
            review.facts.appraisal = revised.appraisal.clone();
            review.revisions += 1;
            review.words = event.part(Class::Words);
            if revised.names_author {
                review.author_name = event.part(Class::Words);
            }
            Ok(review)
        }
        (Facts::ReviewWithdrawn(_), Some(review)) => {
            Ok(Review { withdrawn: true, withdrawal: event.part(Class::Words), ..review })
        }
        (facts, _) => Err(CannotFollow { event: facts.name(), detail: "not an event of a review in this state" }),
    }
}

/// What may be asked of a review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReviewCommand {
    /// Record a review.
    Record {
        /// Its facts.
        facts: OutcomeReviewed,
        /// What was said.
        note: Option<Words>,
        /// The author's name.
        author_name: Option<Words>,
    },
    /// Revise it.
    Revise {
        /// When the review took place, as it should read.
        reviewed_at: LifeTime,
        /// Its codes as they should be.
        appraisal: Appraisal,
        /// What was said.
        note: Option<Words>,
        /// The author's name as it should read; `None` keeps it.
        author_name: Option<Words>,
        /// Why it was revised.
        reason: Words,
    },
    /// Say that it was entered in error.
    Withdraw {
        /// Why.
        reason: Words,
    },
}

/// Decides a command.
///
/// # Errors
/// A [`Refusal`] that says what is wrong.
pub fn decide(state: Option<&Review>, command: ReviewCommand, now: Timestamp) -> Result<Decided, Refusal> {
    let (facts, person, words) = match (command, state) {
        (ReviewCommand::Record { facts, note, author_name }, None) => {
            check_appraisal(&facts.appraisal, note.as_ref())?;
            allow_words("/author_name", author_name.as_ref(), NAME_MAX_CODE_POINTS)?;
            let person = facts.person;
            (Facts::OutcomeReviewed(facts), person, ReviewWords { note, author_name, reason: None })
        }
        (ReviewCommand::Record { .. }, Some(_)) => {
            return Err(Refusal::NotInThisState { detail: "this review is already recorded" });
        }
        (_, None) => return Err(Refusal::NotInThisState { detail: "this review is not recorded" }),
        (_, Some(review)) if review.withdrawn => {
            return Err(Refusal::NotInThisState { detail: "this review was withdrawn" });
        }
        (ReviewCommand::Revise { reviewed_at, appraisal, note, author_name, reason }, Some(review)) => {
            check_appraisal(&appraisal, note.as_ref())?;
            allow_words("/author_name", author_name.as_ref(), NAME_MAX_CODE_POINTS)?;
            if reviewed_at.is_after(now) {
                return Err(Refusal::InTheFuture { pointer: "/reviewed_at".to_owned() });
            }
            require_words("/reason", &reason, NOTE_MAX_CODE_POINTS)?;
            let facts = ReviewRevised { reviewed_at, appraisal, names_author: author_name.is_some() };
            let words = ReviewWords { note, author_name, reason: Some(reason) };
            (Facts::ReviewRevised(facts), review.facts.person, words)
        }
        (ReviewCommand::Withdraw { reason }, Some(review)) => {
            require_words("/reason", &reason, NOTE_MAX_CODE_POINTS)?;
            let words = ReviewWords { reason: Some(reason), ..ReviewWords::default() };
            (Facts::ReviewWithdrawn(ReviewWithdrawn {}), review.facts.person, words)
        }
    };
    let personal = if words == ReviewWords::default() {
        Vec::new()
    } else {
        vec![PersonalPart::new(Class::Words, person, &words)?]
    };
    Ok(Decided { facts, personal })
}

fn check_appraisal(appraisal: &Appraisal, note: Option<&Words>) -> Result<(), Refusal> {
    if appraisal.status.framework.id != STATUS_FRAMEWORK {
        return Err(Refusal::invalid("/status", "must be an item of the list review-status"));
    }
    if appraisal.narratives.len() > LINKS_MAX {
        return Err(Refusal::invalid("/narratives", format!("must have at most {LINKS_MAX} entries")));
    }
    allow_words("/note", note, NOTE_MAX_CODE_POINTS)
}
