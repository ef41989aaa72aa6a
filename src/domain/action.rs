//! An action: a step that was agreed, who takes it, and how far it has come.

use crate::domain::event::{CannotFollow, Class, Decided, Facts, PartRef, PersonalPart, Recorded};
use crate::domain::ids::{ConversationId, OutcomeId, PersonId};
use crate::domain::outcome::LINKS_MAX;
use crate::domain::personal::Words;
use crate::domain::refusal::Refusal;
use crate::domain::text::{NAME_MAX_CODE_POINTS, NOTE_MAX_CODE_POINTS, allow_words, require_words};
use crate::domain::time::LifeTime;
use crate::domain::words::{ActionStatus, PartyKind};
use serde::{Deserialize, Serialize};

/// `ActionAgreed`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionAgreed {
    /// Whose outcomes it serves.
    pub person: PersonId,
    /// The outcomes that it serves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<OutcomeId>,
    /// The conversation in which it was agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// Who takes the step.
    pub taken_by: PartyKind,
    /// By when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<LifeTime>,
}

/// `ActionProgressed`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionProgressed {
    /// How far it has come.
    pub status: ActionStatus,
}

/// The sealed words of both events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionWords {
    /// What was agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Words>,
    /// The name of whoever takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_by_name: Option<Words>,
    /// A note on its progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Words>,
}

/// An action as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// What was agreed.
    pub facts: ActionAgreed,
    /// How far it has come.
    pub status: ActionStatus,
    /// Where its description stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<PartRef>,
    /// Where the last note on its progress stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<PartRef>,
}

/// The next state of an action.
///
/// # Errors
/// [`CannotFollow`] where the event does not fit the state.
pub fn evolve(state: Option<Action>, event: &Recorded) -> Result<Action, CannotFollow> {
    match (&event.facts, state) {
        (Facts::ActionAgreed(agreed), None) => Ok(Action {
            facts: agreed.clone(),
            status: ActionStatus::Agreed,
            words: event.part(Class::Words),
            progress: None,
        }),
        (Facts::ActionProgressed(progressed), Some(action)) => {
            Ok(Action { status: progressed.status, progress: event.part(Class::Words), ..action })
        }
        (facts, _) => Err(CannotFollow { event: facts.name(), detail: "not an event of an action in this state" }),
    }
}

/// What may be asked of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionCommand {
    /// Record what was agreed.
    Agree {
        /// Its facts.
        facts: ActionAgreed,
        /// What was agreed.
        description: Words,
        /// The name of whoever takes it.
        taken_by_name: Option<Words>,
    },
    /// Say how far it has come.
    Progress {
        /// How far.
        status: ActionStatus,
        /// A note.
        note: Option<Words>,
    },
}

/// Decides a command.
///
/// # Errors
/// A [`Refusal`] that says what is wrong.
pub fn decide(state: Option<&Action>, command: ActionCommand) -> Result<Decided, Refusal> {
    let (facts, person, words) = match (command, state) {
        (ActionCommand::Agree { facts, description, taken_by_name }, None) => {
            require_words("/description", &description, NOTE_MAX_CODE_POINTS)?;
            allow_words("/taken_by_name", taken_by_name.as_ref(), NAME_MAX_CODE_POINTS)?;
            if facts.outcomes.len() > LINKS_MAX {
                return Err(Refusal::invalid("/outcomes", format!("must have at most {LINKS_MAX} entries")));
            }
            let person = facts.person;
            let words = ActionWords { description: Some(description), taken_by_name, note: None };
            (Facts::ActionAgreed(facts), person, words)
        }
        (ActionCommand::Progress { status, note }, Some(action)) => {
            allow_words("/note", note.as_ref(), NOTE_MAX_CODE_POINTS)?;
            let words = ActionWords { note, ..ActionWords::default() };
            (Facts::ActionProgressed(ActionProgressed { status }), action.facts.person, words)
        }
        (ActionCommand::Agree { .. }, Some(_)) => {
            return Err(Refusal::NotInThisState { detail: "this action is already agreed" });
        }
        (ActionCommand::Progress { .. }, None) => {
            return Err(Refusal::NotInThisState { detail: "this action is not agreed" });
        }
    };
    let personal = if words == ActionWords::default() {
        Vec::new()
    } else {
        vec![PersonalPart::new(Class::Words, person, &words)?]
    };
    Ok(Decided { facts, personal })
}
