//! A contribution: what the person, their family, their community or a service did towards an outcome. It never
//! attributes the outcome to anybody: several contributions stand side by side.

use crate::domain::event::{CannotFollow, Class, Decided, Facts, PartRef, PersonalPart, Recorded};
use crate::domain::ids::{ConversationId, OutcomeId, PersonId};
use crate::domain::outcome::LINKS_MAX;
use crate::domain::personal::Words;
use crate::domain::refusal::Refusal;
use crate::domain::text::{NAME_MAX_CODE_POINTS, NOTE_MAX_CODE_POINTS, allow_words, require_words};
use crate::domain::words::{PartyKind, Perspective};
use serde::{Deserialize, Serialize};

/// `ContributionRecorded`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContributionRecorded {
    /// Whose outcomes it served.
    pub person: PersonId,
    /// The outcomes that it served.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<OutcomeId>,
    /// The conversation in which it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// Who did it.
    pub contributor: PartyKind,
    /// Who says so.
    pub perspective: Perspective,
}

/// The sealed words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContributionWords {
    /// What was done.
    pub description: Words,
    /// The contributor's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contributor_name: Option<Words>,
}

/// A contribution as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contribution {
    /// Its facts.
    pub facts: ContributionRecorded,
    /// Where its words stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<PartRef>,
}

/// The next state of a contribution.
///
/// # Errors
/// [`CannotFollow`] where the event does not fit the state.
pub fn evolve(state: Option<Contribution>, event: &Recorded) -> Result<Contribution, CannotFollow> {
    match (&event.facts, state) {
        (Facts::ContributionRecorded(recorded), None) => {
            Ok(Contribution { facts: recorded.clone(), words: event.part(Class::Words) })
        }
        (facts, _) => Err(CannotFollow { event: facts.name(), detail: "not an event of a contribution in this state" }),
    }
}

/// What may be asked of a contribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContributionCommand {
    /// Record it.
    Record {
        /// Its facts.
        facts: ContributionRecorded,
        /// What was done.
        description: Words,
        /// The contributor's name.
        contributor_name: Option<Words>,
    },
}

/// Decides a command.
///
/// # Errors
/// A [`Refusal`] that says what is wrong.
pub fn decide(state: Option<&Contribution>, command: ContributionCommand) -> Result<Decided, Refusal> {
    let ContributionCommand::Record { facts, description, contributor_name } = command;
    if state.is_some() {
        return Err(Refusal::NotInThisState { detail: "this contribution is already recorded" });
    }
    require_words("/description", &description, NOTE_MAX_CODE_POINTS)?;
    allow_words("/contributor_name", contributor_name.as_ref(), NAME_MAX_CODE_POINTS)?;
    if facts.outcomes.len() > LINKS_MAX {
        return Err(Refusal::invalid("/outcomes", format!("must have at most {LINKS_MAX} entries")));
    }
    let person = facts.person;
    let words = ContributionWords { description, contributor_name };
    let part = PersonalPart::new(Class::Words, person, &words)?;
    Ok(Decided { facts: Facts::ContributionRecorded(facts), personal: vec![part] })
}
