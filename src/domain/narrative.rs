//! A narrative: somebody's account, kept word for word. Each amendment is a version that supersedes the one before
//! it and leaves it in place; a response stands beside it; a withdrawal says that it was entered in error.

use crate::domain::event::{CannotFollow, Class, Decided, Facts, PartRef, PersonalPart, Recorded};
use crate::domain::ids::{ConversationId, EventId, OutcomeId, PersonId};
use crate::domain::personal::Words;
use crate::domain::refusal::Refusal;
use crate::domain::text::{
    NAME_MAX_CODE_POINTS, NARRATIVE_MAX_CODE_POINTS, NOTE_MAX_CODE_POINTS, Span, allow_words, check_spans,
    require_words,
};
use crate::domain::time::LifeTime;
use crate::domain::words::{KnowledgeForm, PartyKind, Perspective, Stance};
use serde::{Deserialize, Serialize};

/// The most outcomes that one narrative may speak of.
pub const OUTCOMES_MAX: usize = 100;
/// The most responses to one narrative.
pub const RESPONSES_MAX: usize = 1_000;

/// `NarrativeRecorded`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NarrativeRecorded {
    /// Whose life it is about.
    pub person: PersonId,
    /// The conversation that it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// The outcomes that it speaks of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<OutcomeId>,
    /// Who wrote it down.
    pub author: PartyKind,
    /// From whose standpoint it speaks; not always its author's.
    pub perspective: Perspective,
    /// The form of knowledge that it carries.
    pub knowledge_form: KnowledgeForm,
    /// Where the person's own words stand in the text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verbatim_spans: Vec<Span>,
}

/// `NarrativeAmended`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NarrativeAmended {
    /// The version that it supersedes.
    pub supersedes: EventId,
    /// The outcomes that it speaks of now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<OutcomeId>,
    /// Where the person's own words stand in the new text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verbatim_spans: Vec<Span>,
}

/// `NarrativeWithdrawn`: entered in error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NarrativeWithdrawn {}

/// `RecordResponseAdded`: somebody agrees with, disagrees with or adds to a narrative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordResponseAdded {
    /// What it says.
    pub stance: Stance,
    /// From whose standpoint.
    pub perspective: Perspective,
    /// Who wrote it down.
    pub author: PartyKind,
}

/// The sealed words of a narrative, an amendment, a withdrawal or a response.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NarrativeWords {
    /// The account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Words>,
    /// The author's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author_name: Option<Words>,
    /// Why it was amended or withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Words>,
}

/// A response as it stands beside the narrative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The event that added it.
    pub id: EventId,
    /// What it says.
    pub stance: Stance,
    /// From whose standpoint.
    pub perspective: Perspective,
    /// Who wrote it down.
    pub author: PartyKind,
    /// When in life.
    pub occurred_at: LifeTime,
    /// Where its words stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<PartRef>,
}

/// A narrative as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Narrative {
    /// Whose life it is about.
    pub person: PersonId,
    /// The conversation that it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// The outcomes that it speaks of.
    pub outcomes: Vec<OutcomeId>,
    /// Who wrote it down.
    pub author: PartyKind,
    /// From whose standpoint it speaks.
    pub perspective: Perspective,
    /// The form of knowledge that it carries.
    pub knowledge_form: KnowledgeForm,
    /// Where the person's own words stand in the text.
    pub verbatim_spans: Vec<Span>,
    /// The event that wrote the text as it stands now.
    pub version_id: EventId,
    /// How often it was amended.
    pub amendments: u32,
    /// Where the text stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<PartRef>,
    /// Where the account stood as it was first told, with its author's name, once it was amended: an amendment names who
    /// amended, who may be somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_words: Option<PartRef>,
    /// Whether it was withdrawn, and where the reason stands.
    pub withdrawn: bool,
    /// Where the reason of the withdrawal stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawal: Option<PartRef>,
    /// What others said of it.
    pub responses: Vec<Response>,
}

/// The next state of a narrative.
///
/// # Errors
/// [`CannotFollow`] where the event does not fit the state.
pub fn evolve(state: Option<Narrative>, event: &Recorded) -> Result<Narrative, CannotFollow> {
    match (&event.facts, state) {
        (Facts::NarrativeRecorded(recorded), None) => Ok(Narrative {
            person: recorded.person,
            conversation: recorded.conversation,
            outcomes: recorded.outcomes.clone(),
            author: recorded.author,
            perspective: recorded.perspective,
            knowledge_form: recorded.knowledge_form,
            verbatim_spans: recorded.verbatim_spans.clone(),
            version_id: event.event,
            amendments: 0,
            words: event.part(Class::Words),
            first_words: None,
            withdrawn: false,
            withdrawal: None,
            responses: Vec::new(),
        }),
        (Facts::NarrativeAmended(amended), Some(narrative)) => Ok(Narrative {
            outcomes: amended.outcomes.clone(),
            verbatim_spans: amended.verbatim_spans.clone(),
            version_id: event.event,
            amendments: narrative.amendments + 1,
            words: event.part(Class::Words),
            first_words: narrative.first_words.or(narrative.words),
            ..narrative
        }),
        (Facts::NarrativeWithdrawn(_), Some(narrative)) => {
            Ok(Narrative { withdrawn: true, withdrawal: event.part(Class::Words), ..narrative })
        }
        (Facts::RecordResponseAdded(added), Some(mut narrative)) => {
            narrative.responses.push(Response {
                id: event.event,
                stance: added.stance,
                perspective: added.perspective,
                author: added.author,
                occurred_at: event.header.occurred_at,
                words: event.part(Class::Words),
            });
            Ok(narrative)
        }
        (facts, _) => Err(CannotFollow { event: facts.name(), detail: "not an event of a narrative in this state" }),
    }
}

/// What may be asked of a narrative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NarrativeCommand {
    /// Record an account.
    Record {
        /// Its facts.
        facts: NarrativeRecorded,
        /// The account, word for word.
        text: Words,
        /// The author's name.
        author_name: Option<Words>,
    },
    /// Supersede the text.
    Amend {
        /// The new account, whole.
        text: Words,
        /// Where the person's own words stand in it.
        verbatim_spans: Vec<Span>,
        /// The outcomes that it speaks of; `None` keeps them.
        outcomes: Option<Vec<OutcomeId>>,
        /// Who amended it.
        author_name: Option<Words>,
        /// Why.
        reason: Words,
    },
    /// Say that it was entered in error.
    Withdraw {
        /// Why.
        reason: Words,
    },
    /// Stand a response beside it.
    Respond {
        /// Its facts.
        facts: RecordResponseAdded,
        /// Its words.
        text: Option<Words>,
        /// The author's name.
        author_name: Option<Words>,
    },
}

/// Decides a command.
///
/// # Errors
/// A [`Refusal`] that says what is wrong.
pub fn decide(state: Option<&Narrative>, command: NarrativeCommand) -> Result<Decided, Refusal> {
    let withdrawn = state.is_some_and(|narrative| narrative.withdrawn);
    let (facts, person, words) = match (command, state) {
        (NarrativeCommand::Record { facts, text, author_name }, None) => {
            check_account(&text, &facts.verbatim_spans, author_name.as_ref(), facts.outcomes.len())?;
            let person = facts.person;
            let words = NarrativeWords { text: Some(text), author_name, reason: None };
            (Facts::NarrativeRecorded(facts), person, words)
        }
        (NarrativeCommand::Record { .. }, Some(_)) => {
            return Err(Refusal::NotInThisState { detail: "this narrative is already recorded" });
        }
        (_, None) => return Err(Refusal::NotInThisState { detail: "this narrative is not recorded" }),
        _ if withdrawn => return Err(Refusal::NotInThisState { detail: "this narrative was withdrawn" }),
        (NarrativeCommand::Amend { text, verbatim_spans, outcomes, author_name, reason }, Some(narrative)) => {
            let outcomes = outcomes.unwrap_or_else(|| narrative.outcomes.clone());
            check_account(&text, &verbatim_spans, author_name.as_ref(), outcomes.len())?;
            require_words("/reason", &reason, NOTE_MAX_CODE_POINTS)?;
            let facts = NarrativeAmended { supersedes: narrative.version_id, outcomes, verbatim_spans };
            let words = NarrativeWords { text: Some(text), author_name, reason: Some(reason) };
            (Facts::NarrativeAmended(facts), narrative.person, words)
        }
        (NarrativeCommand::Withdraw { reason }, Some(narrative)) => {
            require_words("/reason", &reason, NOTE_MAX_CODE_POINTS)?;
            let words = NarrativeWords { reason: Some(reason), ..NarrativeWords::default() };
            (Facts::NarrativeWithdrawn(NarrativeWithdrawn {}), narrative.person, words)
        }
        (NarrativeCommand::Respond { facts, text, author_name }, Some(narrative)) => {
            if narrative.responses.len() >= RESPONSES_MAX {
                return Err(Refusal::NotInThisState {
                    detail: "this narrative has the most responses that one may have",
                });
            }
            if facts.stance == Stance::Adds && text.is_none() {
                return Err(Refusal::invalid("/text", "is required where the response adds something"));
            }
            allow_words("/text", text.as_ref(), NARRATIVE_MAX_CODE_POINTS)?;
            allow_words("/author_name", author_name.as_ref(), NAME_MAX_CODE_POINTS)?;
            (Facts::RecordResponseAdded(facts), narrative.person, NarrativeWords { text, author_name, reason: None })
        }
    };
    let personal = if words == NarrativeWords::default() {
        Vec::new()
    } else {
        vec![PersonalPart::new(Class::Words, person, &words)?]
    };
    Ok(Decided { facts, personal })
}

fn check_account(text: &Words, spans: &[Span], author_name: Option<&Words>, outcomes: usize) -> Result<(), Refusal> {
    require_words("/text", text, NARRATIVE_MAX_CODE_POINTS)?;
    check_spans("/verbatim_spans", spans, text)?;
    allow_words("/author_name", author_name, NAME_MAX_CODE_POINTS)?;
    if outcomes > OUTCOMES_MAX {
        return Err(Refusal::invalid("/outcomes", format!("must have at most {OUTCOMES_MAX} entries")));
    }
    Ok(())
}
