//! A personal outcome: what matters to one person. It is identified, reworded, prioritised by each perspective apart,
//! closed and reopened; what has become of it is said by reviews, which stand beside it.

use crate::domain::event::{CannotFollow, Class, Decided, Facts, PartRef, PersonalPart, Recorded};
use crate::domain::framework::ItemRef;
use crate::domain::ids::{ConversationId, NarrativeId, PersonId};
use crate::domain::personal::Words;
use crate::domain::refusal::Refusal;
use crate::domain::text::{NOTE_MAX_CODE_POINTS, allow_words, require_words};
use crate::domain::words::{ClosureReason, Direction, OutcomeType, Perspective};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most framework items, narratives or other links of one outcome.
pub const LINKS_MAX: usize = 100;
/// The lowest priority: ranks run from 1 (first) to this.
pub const RANK_MAX: u32 = 1_000;

/// What an outcome says in codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeContent {
    /// Quality of life, process, change or caring role.
    pub outcome_type: OutcomeType,
    /// Change or maintain.
    pub direction: Direction,
    /// Items of published frameworks that it belongs to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub framework_items: Vec<ItemRef>,
    /// The narratives that it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub narratives: Vec<NarrativeId>,
}

/// `OutcomeIdentified`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeIdentified {
    /// Whose outcome it is.
    pub person: PersonId,
    /// The conversation in which it was identified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// Who said that this matters.
    pub identified_by: Perspective,
    /// Its codes.
    pub content: OutcomeContent,
}

/// `OutcomeReworded`: the whole outcome as it should read now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeReworded {
    /// Its codes.
    pub content: OutcomeContent,
}

/// `OutcomePrioritised`: how one perspective ranks it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomePrioritised {
    /// Whose ranking.
    pub perspective: Perspective,
    /// From 1, the first.
    pub rank: u32,
}

/// `OutcomeClosed`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeClosed {
    /// Why, in one word.
    pub closure_reason: ClosureReason,
}

/// `OutcomeReopened`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeReopened {}

/// The sealed words of each of the events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomeWords {
    /// What matters, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Words>,
    /// Why it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_it_matters: Option<Words>,
    /// Why it was reworded, prioritised, closed or reopened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Words>,
}

/// An outcome as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whose outcome it is.
    pub person: PersonId,
    /// The conversation in which it was identified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// Who said that this matters.
    pub identified_by: Perspective,
    /// Its codes.
    pub content: OutcomeContent,
    /// How each perspective ranks it.
    pub priorities: BTreeMap<Perspective, u32>,
    /// Why it is closed; absent while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closure_reason: Option<ClosureReason>,
    /// Where the words of title and reason stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<PartRef>,
}

impl Outcome {
    /// `open` or `closed`.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        if self.closure_reason.is_some() { "closed" } else { "open" }
    }
}

/// The next state of an outcome.
///
/// # Errors
/// [`CannotFollow`] where the event does not fit the state.
pub fn evolve(state: Option<Outcome>, event: &Recorded) -> Result<Outcome, CannotFollow> {
    match (&event.facts, state) {
        (Facts::OutcomeIdentified(identified), None) => Ok(Outcome {
            person: identified.person,
            conversation: identified.conversation,
            identified_by: identified.identified_by,
            content: identified.content.clone(),
            priorities: BTreeMap::new(),
            closure_reason: None,
            words: event.part(Class::Words),
        }),
        (Facts::OutcomeReworded(reworded), Some(outcome)) => {
            Ok(Outcome { content: reworded.content.clone(), words: event.part(Class::Words), ..outcome })
        }
        (Facts::OutcomePrioritised(prioritised), Some(mut outcome)) => {
            outcome.priorities.insert(prioritised.perspective, prioritised.rank);
            Ok(outcome)
        }
        (Facts::OutcomeClosed(closed), Some(outcome)) => {
            Ok(Outcome { closure_reason: Some(closed.closure_reason), ..outcome })
        }
        (Facts::OutcomeReopened(_), Some(outcome)) => Ok(Outcome { closure_reason: None, ..outcome }),
        (facts, _) => Err(CannotFollow { event: facts.name(), detail: "not an event of an outcome in this state" }),
    }
}

/// What may be asked of an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutcomeCommand {
    /// Identify an outcome.
    Identify {
        /// Its facts.
        facts: OutcomeIdentified,
        /// What matters, in words.
        title: Words,
        /// Why it matters.
        why_it_matters: Option<Words>,
    },
    /// Say it in other words or codes.
    Reword {
        /// Its codes as they should be.
        content: OutcomeContent,
        /// What matters, in words.
        title: Words,
        /// Why it matters.
        why_it_matters: Option<Words>,
        /// Why it was reworded.
        reason: Words,
    },
    /// Rank it.
    Prioritise {
        /// Whose ranking and which rank.
        facts: OutcomePrioritised,
        /// Why.
        reason: Option<Words>,
    },
    /// Close it.
    Close {
        /// Why, in one word.
        closure_reason: ClosureReason,
        /// Why, in words.
        reason: Option<Words>,
    },
    /// Open it again.
    Reopen {
        /// Why.
        reason: Words,
    },
}

/// Decides a command.
///
/// # Errors
/// A [`Refusal`] that says what is wrong.
pub fn decide(state: Option<&Outcome>, command: OutcomeCommand) -> Result<Decided, Refusal> {
    let (facts, person, words) = match (command, state) {
        (OutcomeCommand::Identify { facts, title, why_it_matters }, None) => {
            check_content(&facts.content, &title, why_it_matters.as_ref())?;
            let person = facts.person;
            let words = OutcomeWords { title: Some(title), why_it_matters, reason: None };
            (Facts::OutcomeIdentified(facts), person, words)
        }
        (OutcomeCommand::Identify { .. }, Some(_)) => {
            return Err(Refusal::NotInThisState { detail: "this outcome is already identified" });
        }
        (_, None) => return Err(Refusal::NotInThisState { detail: "this outcome is not identified" }),
        (OutcomeCommand::Reword { content, title, why_it_matters, reason }, Some(outcome)) => {
            refuse_closed(outcome)?;
            check_content(&content, &title, why_it_matters.as_ref())?;
            require_words("/reason", &reason, NOTE_MAX_CODE_POINTS)?;
            let words = OutcomeWords { title: Some(title), why_it_matters, reason: Some(reason) };
            (Facts::OutcomeReworded(OutcomeReworded { content }), outcome.person, words)
        }
        (OutcomeCommand::Prioritise { facts, reason }, Some(outcome)) => {
            refuse_closed(outcome)?;
            allow_words("/reason", reason.as_ref(), NOTE_MAX_CODE_POINTS)?;
            if !(1..=RANK_MAX).contains(&facts.rank) {
                return Err(Refusal::invalid("/rank", format!("must be from 1 (first) to {RANK_MAX}")));
            }
            (Facts::OutcomePrioritised(facts), outcome.person, OutcomeWords { reason, ..OutcomeWords::default() })
        }
        (OutcomeCommand::Close { closure_reason, reason }, Some(outcome)) => {
            refuse_closed(outcome)?;
            allow_words("/reason", reason.as_ref(), NOTE_MAX_CODE_POINTS)?;
            if closure_reason == ClosureReason::Other && reason.is_none() {
                return Err(Refusal::invalid("/reason", "is required where the closure reason is \"other\""));
            }
            let facts = Facts::OutcomeClosed(OutcomeClosed { closure_reason });
            (facts, outcome.person, OutcomeWords { reason, ..OutcomeWords::default() })
        }
        (OutcomeCommand::Reopen { reason }, Some(outcome)) => {
            if outcome.closure_reason.is_none() {
                return Err(Refusal::NotInThisState { detail: "this outcome is open" });
            }
            require_words("/reason", &reason, NOTE_MAX_CODE_POINTS)?;
            let words = OutcomeWords { reason: Some(reason), ..OutcomeWords::default() };
            (Facts::OutcomeReopened(OutcomeReopened {}), outcome.person, words)
        }
    };
    let personal = if words == OutcomeWords::default() {
        Vec::new()
    } else {
        vec![PersonalPart::new(Class::Words, person, &words)?]
    };
    Ok(Decided { facts, personal })
}

fn refuse_closed(outcome: &Outcome) -> Result<(), Refusal> {
    if outcome.closure_reason.is_some() {
        return Err(Refusal::NotInThisState { detail: "this outcome is closed; reopen it first" });
    }
    Ok(())
}

fn check_content(content: &OutcomeContent, title: &Words, why_it_matters: Option<&Words>) -> Result<(), Refusal> {
    require_words("/title", title, NOTE_MAX_CODE_POINTS)?;
    allow_words("/why_it_matters", why_it_matters, NOTE_MAX_CODE_POINTS)?;
    for (pointer, length) in
        [("/framework_items", content.framework_items.len()), ("/narratives", content.narratives.len())]
    {
        if length > LINKS_MAX {
            return Err(Refusal::invalid(pointer, format!("must have at most {LINKS_MAX} entries")));
        }
    }
    for (at, item) in content.framework_items.iter().enumerate() {
        if content.framework_items.iter().take(at).any(|before| before == item) {
            return Err(Refusal::invalid(format!("/framework_items/{at}"), "is given twice"));
        }
    }
    Ok(())
}
