//! A conversation: an outcomes-focused engagement. Whether the person was asked, and whether they expressed
//! anything, are three different facts: expressed, none expressed, not asked (with the reason).

use crate::domain::event::{CannotFollow, Class, Decided, Facts, PartRef, PersonalPart, Recorded};
use crate::domain::framework::ItemRef;
use crate::domain::ids::PersonId;
use crate::domain::personal::Words;
use crate::domain::refusal::Refusal;
use crate::domain::text::{NAME_MAX_CODE_POINTS, NOTE_MAX_CODE_POINTS, allow_words, require_words};
use crate::domain::time::{LifeTime, Timestamp};
use crate::domain::words::{ConversationMode, PartyKind};
use serde::{Deserialize, Serialize};

/// The most participants of one conversation.
pub const PARTICIPANTS_MAX: usize = 50;

/// Whether outcomes were asked about, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// Asked, and something was expressed.
    Expressed,
    /// Asked, and nothing was expressed.
    NoneExpressed,
    /// Not asked; the reason is in the words.
    NotAsked,
}

/// The facts of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationFacts {
    /// Whose outcomes it was about.
    pub person: PersonId,
    /// Whether outcomes were asked about.
    pub asked: Asked,
    /// How it was held.
    pub mode: ConversationMode,
    /// Who took part beside the person, by kind; their names are in the words, in the same order.
    pub participants: Vec<PartyKind>,
    /// How the person took part, by a published list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participation: Option<ItemRef>,
}

/// `ConversationHeld`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationHeld(pub ConversationFacts);

/// `ConversationAmended`: the whole conversation as it should read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationAmended {
    /// When it was held, as it should read.
    pub held_at: LifeTime,
    /// Its facts, as they should read.
    pub facts: ConversationFacts,
}

/// The sealed words of a conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConversationWords {
    /// A note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Words>,
    /// Why outcomes were not asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_asked_reason: Option<Words>,
    /// Names of the participants, in the order of the facts; `null` where no name was given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub participant_names: Vec<Option<Words>>,
    /// Why it was amended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Words>,
}

impl ConversationWords {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A conversation as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// Its facts.
    pub facts: ConversationFacts,
    /// Where its words stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<PartRef>,
}

/// The next state of a conversation.
///
/// # Errors
/// [`CannotFollow`] where the event does not fit the state.
pub fn evolve(state: Option<Conversation>, event: &Recorded) -> Result<Conversation, CannotFollow> {
    let facts = match (&event.facts, state) {
        (Facts::ConversationHeld(ConversationHeld(facts)), None)
        | (Facts::ConversationAmended(ConversationAmended { facts, .. }), Some(_)) => facts.clone(),
        (facts, _) => {
            return Err(CannotFollow { event: facts.name(), detail: "not an event of a conversation in this state" });
        }
    };
    Ok(Conversation { facts, words: event.part(Class::Words) })
}

/// Somebody who took part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// What kind of party.
    pub kind: PartyKind,
    /// Their name.
    pub name: Option<Words>,
}

/// A conversation as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationContent {
    /// Whose outcomes it was about; an amendment cannot change it.
    pub person: PersonId,
    /// Whether outcomes were asked about.
    pub asked: Asked,
    /// Why not, where not.
    pub not_asked_reason: Option<Words>,
    /// How it was held.
    pub mode: ConversationMode,
    /// Who took part beside the person.
    pub participants: Vec<Participant>,
    /// How the person took part.
    pub participation: Option<ItemRef>,
    /// A note.
    pub note: Option<Words>,
}

/// What may be asked of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConversationCommand {
    /// Record that it was held.
    Record(ConversationContent),
    /// Correct it.
    Amend {
        /// When it was held, as it should read.
        held_at: LifeTime,
        /// The whole conversation as it should read.
        content: ConversationContent,
        /// Why.
        reason: Words,
    },
}

/// Decides a command.
///
/// # Errors
/// A [`Refusal`] that says what is wrong.
pub fn decide(state: Option<&Conversation>, command: ConversationCommand, now: Timestamp) -> Result<Decided, Refusal> {
    match (command, state) {
        (ConversationCommand::Record(content), None) => {
            let (facts, words) = split(content, None)?;
            let person = facts.person;
            sealed(Facts::ConversationHeld(ConversationHeld(facts)), person, &words)
        }
        (ConversationCommand::Amend { held_at, content, reason }, Some(conversation)) => {
            require_words("/reason", &reason, NOTE_MAX_CODE_POINTS)?;
            if held_at.is_after(now) {
                return Err(Refusal::InTheFuture { pointer: "/held_at".to_owned() });
            }
            let (facts, words) = split(content, Some(reason))?;
            if facts.person != conversation.facts.person {
                return Err(Refusal::invalid("/person", "an amendment cannot move a conversation to another person"));
            }
            let person = facts.person;
            sealed(Facts::ConversationAmended(ConversationAmended { held_at, facts }), person, &words)
        }
        _ => Err(Refusal::NotInThisState { detail: "a conversation is recorded once and amended after that" }),
    }
}

fn split(
    content: ConversationContent,
    reason: Option<Words>,
) -> Result<(ConversationFacts, ConversationWords), Refusal> {
    allow_words("/note", content.note.as_ref(), NOTE_MAX_CODE_POINTS)?;
    match (content.asked, &content.not_asked_reason) {
        (Asked::NotAsked, None) => {
            return Err(Refusal::invalid("/not_asked_reason", "is required where outcomes were not asked about"));
        }
        (Asked::NotAsked, Some(reason)) => require_words("/not_asked_reason", reason, NOTE_MAX_CODE_POINTS)?,
        (_, Some(_)) => {
            return Err(Refusal::invalid(
                "/not_asked_reason",
                "belongs only to a conversation in which outcomes were not asked about",
            ));
        }
        (_, None) => {}
    }
    if content.participants.len() > PARTICIPANTS_MAX {
        return Err(Refusal::invalid("/participants", format!("must have at most {PARTICIPANTS_MAX} entries")));
    }
    for (at, participant) in content.participants.iter().enumerate() {
        allow_words(&format!("/participants/{at}/name"), participant.name.as_ref(), NAME_MAX_CODE_POINTS)?;
    }
    let named = content.participants.iter().any(|participant| participant.name.is_some());
    let facts = ConversationFacts {
        person: content.person,
        asked: content.asked,
        mode: content.mode,
        participants: content.participants.iter().map(|participant| participant.kind).collect(),
        participation: content.participation,
    };
    let participant_names =
        if named { content.participants.into_iter().map(|participant| participant.name).collect() } else { Vec::new() };
    let words =
        ConversationWords { note: content.note, not_asked_reason: content.not_asked_reason, participant_names, reason };
    Ok((facts, words))
}

fn sealed(facts: Facts, person: PersonId, words: &ConversationWords) -> Result<Decided, Refusal> {
    let personal = if words.is_empty() { Vec::new() } else { vec![PersonalPart::new(Class::Words, person, words)?] };
    Ok(Decided { facts, personal })
}
