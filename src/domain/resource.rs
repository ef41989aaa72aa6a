//! Every noun in one type: what the fold of a stream yields, what a command is addressed to, what it refers to.
//!
//! The one place that lists the nouns beside `event`: adding a noun means one line in each match below.

use crate::domain::action::{self, Action, ActionCommand};
use crate::domain::contribution::{self, Contribution, ContributionCommand};
use crate::domain::conversation::{self, Conversation, ConversationCommand, ConversationContent};
use crate::domain::erasure::{self, Erasure, ErasureCommand};
use crate::domain::event::{CannotFollow, Decided, Kind, PartRef, Recorded};
use crate::domain::framework::{self, Framework, FrameworkCommand, ItemRef};
use crate::domain::identifier::PersonIdentifier;
use crate::domain::ids::{PersonId, StreamId};
use crate::domain::narrative::{self, Narrative, NarrativeCommand};
use crate::domain::outcome::{self, Outcome, OutcomeCommand, OutcomeContent};
use crate::domain::person::{self, Person, PersonCommand};
use crate::domain::refusal::Refusal;
use crate::domain::review::{self, Appraisal, Review, ReviewCommand};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The state of any stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// A person.
    Person(Person),
    /// A conversation.
    Conversation(Conversation),
    /// A narrative.
    Narrative(Narrative),
    /// A personal outcome.
    Outcome(Outcome),
    /// A review.
    Review(Review),
    /// An action.
    Action(Action),
    /// A contribution.
    Contribution(Contribution),
    /// One version of a framework.
    Framework(Framework),
    /// A request to erase.
    Erasure(Erasure),
}

macro_rules! states {
    ($($kind:ident: $module:ident),+) => {
        impl Resource {
            /// What kind it is.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$kind(_) => Kind::$kind),+ }
            }
        }

        /// The next state of any stream: the whole meaning of the log in one pure function.
        ///
        /// # Errors
        /// [`CannotFollow`] where the event does not fit the state.
        pub fn evolve(state: Option<Resource>, event: &Recorded) -> Result<Resource, CannotFollow> {
            match event.facts.kind() {
                $(Kind::$kind => {
                    let state = match state {
                        None => None,
                        Some(Resource::$kind(state)) => Some(state),
                        Some(_) => {
                            return Err(CannotFollow { event: event.facts.name(), detail: "the stream is of another kind" });
                        }
                    };
                    $module::evolve(state, event).map(Resource::$kind)
                }),+
            }
        }
    };
}
states! {
    Person: person, Conversation: conversation, Narrative: narrative, Outcome: outcome, Review: review,
    Action: action, Contribution: contribution, Framework: framework, Erasure: erasure
}

impl Resource {
    /// Whose record it belongs to; a person belongs to their own. `None` for reference data.
    #[must_use]
    pub fn person(&self, stream: StreamId) -> Option<PersonId> {
        match self {
            Self::Person(_) => Some(stream.into()),
            Self::Conversation(conversation) => Some(conversation.facts.person),
            Self::Narrative(narrative) => Some(narrative.person),
            Self::Outcome(outcome) => Some(outcome.person),
            Self::Review(review) => Some(review.facts.person),
            Self::Action(action) => Some(action.facts.person),
            Self::Contribution(contribution) => Some(contribution.facts.person),
            Self::Erasure(erasure) => Some(erasure.facts.person),
            Self::Framework(_) => None,
        }
    }

    /// The sealed parts that a reader of this state may want opened.
    #[must_use]
    pub fn parts(&self) -> Vec<PartRef> {
        match self {
            Self::Person(person) => person
                .identity
                .into_iter()
                .chain(
                    person
                        .identifiers
                        .iter()
                        .map(|held| PartRef { position: held.position, class: crate::domain::event::Class::Identity }),
                )
                .collect(),
            Self::Conversation(conversation) => conversation.words.into_iter().collect(),
            Self::Narrative(narrative) => narrative
                .words
                .into_iter()
                .chain(narrative.first_words)
                .chain(narrative.withdrawal)
                .chain(narrative.responses.iter().filter_map(|response| response.words))
                .collect(),
            Self::Outcome(outcome) => outcome.words.into_iter().collect(),
            Self::Review(review) => review
                .words
                .into_iter()
                .chain(review.author_name.filter(|named| review.words != Some(*named)))
                .chain(review.withdrawal)
                .collect(),
            Self::Action(action) => action.words.into_iter().chain(action.progress).collect(),
            Self::Contribution(contribution) => contribution.words.into_iter().collect(),
            Self::Erasure(erasure) => erasure.reason.into_iter().chain(erasure.note).collect(),
            Self::Framework(_) => Vec::new(),
        }
    }
}

/// Any command, for any stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// To a person.
    Person(PersonCommand),
    /// To a conversation.
    Conversation(ConversationCommand),
    /// To a narrative.
    Narrative(NarrativeCommand),
    /// To an outcome.
    Outcome(OutcomeCommand),
    /// To a review.
    Review(ReviewCommand),
    /// To an action.
    Action(ActionCommand),
    /// To a contribution.
    Contribution(ContributionCommand),
    /// To a framework version.
    Framework(FrameworkCommand),
    /// To a request to erase.
    Erasure(ErasureCommand),
}

/// Something that a command names and that must exist: another stream of the same organisation and person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// JSON pointer of the field.
    pub pointer: String,
    /// What kind it must be.
    pub kind: Kind,
    /// Which.
    pub stream: StreamId,
}

impl Command {
    /// What kind of stream it is addressed to.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Person(_) => Kind::Person,
            Self::Conversation(_) => Kind::Conversation,
            Self::Narrative(_) => Kind::Narrative,
            Self::Outcome(_) => Kind::Outcome,
            Self::Review(_) => Kind::Review,
            Self::Action(_) => Kind::Action,
            Self::Contribution(_) => Kind::Contribution,
            Self::Framework(_) => Kind::Framework,
            Self::Erasure(_) => Kind::Erasure,
        }
    }

    /// The person that a creating command names.
    #[must_use]
    pub fn person(&self) -> Option<PersonId> {
        match self {
            Self::Conversation(ConversationCommand::Record(content) | ConversationCommand::Amend { content, .. }) => {
                Some(content.person)
            }
            Self::Narrative(NarrativeCommand::Record { facts, .. }) => Some(facts.person),
            Self::Outcome(OutcomeCommand::Identify { facts, .. }) => Some(facts.person),
            Self::Review(ReviewCommand::Record { facts, .. }) => Some(facts.person),
            Self::Action(ActionCommand::Agree { facts, .. }) => Some(facts.person),
            Self::Contribution(ContributionCommand::Record { facts, .. }) => Some(facts.person),
            Self::Erasure(ErasureCommand::Request { facts, .. }) => Some(facts.person),
            _ => None,
        }
    }

    /// The identifiers of a person that it brings.
    #[must_use]
    pub fn identifiers(&self) -> &[PersonIdentifier] {
        match self {
            Self::Person(command) => command.identifiers(),
            _ => &[],
        }
    }

    /// The streams that it names beside its own and its person's.
    #[must_use]
    pub fn references(&self) -> Vec<Reference> {
        let mut found = References::default();
        match self {
            Self::Narrative(NarrativeCommand::Record { facts, .. }) => {
                found.one("/conversation", Kind::Conversation, facts.conversation.map(Into::into));
                found.many("/outcomes", Kind::Outcome, facts.outcomes.iter().map(|id| (*id).into()));
            }
            Self::Narrative(NarrativeCommand::Amend { outcomes: Some(outcomes), .. }) => {
                found.many("/outcomes", Kind::Outcome, outcomes.iter().map(|id| (*id).into()));
            }
            Self::Outcome(OutcomeCommand::Identify { facts, .. }) => {
                found.one("/conversation", Kind::Conversation, facts.conversation.map(Into::into));
                found.many("/narratives", Kind::Narrative, facts.content.narratives.iter().map(|id| (*id).into()));
            }
            Self::Outcome(OutcomeCommand::Reword { content, .. }) => {
                found.many("/narratives", Kind::Narrative, content.narratives.iter().map(|id| (*id).into()));
            }
            Self::Review(ReviewCommand::Record { facts, .. }) => {
                found.one("/outcome", Kind::Outcome, Some(facts.outcome.into()));
                found.one("/conversation", Kind::Conversation, facts.conversation.map(Into::into));
                found.many("/narratives", Kind::Narrative, facts.appraisal.narratives.iter().map(|id| (*id).into()));
            }
            Self::Review(ReviewCommand::Revise { appraisal, .. }) => {
                found.many("/narratives", Kind::Narrative, appraisal.narratives.iter().map(|id| (*id).into()));
            }
            Self::Action(ActionCommand::Agree { facts, .. }) => {
                found.one("/conversation", Kind::Conversation, facts.conversation.map(Into::into));
                found.many("/outcomes", Kind::Outcome, facts.outcomes.iter().map(|id| (*id).into()));
            }
            Self::Contribution(ContributionCommand::Record { facts, .. }) => {
                found.one("/conversation", Kind::Conversation, facts.conversation.map(Into::into));
                found.many("/outcomes", Kind::Outcome, facts.outcomes.iter().map(|id| (*id).into()));
            }
            Self::Erasure(ErasureCommand::Request { facts, .. }) => {
                found.one("/narrative", Kind::Narrative, facts.narrative.map(Into::into));
            }
            _ => {}
        }
        found.0
    }

    /// The framework items that it names, with the pointer of each.
    #[must_use]
    pub fn items(&self) -> Vec<(String, &ItemRef)> {
        match self {
            Self::Outcome(OutcomeCommand::Identify { facts, .. }) => outcome_items(&facts.content),
            Self::Outcome(OutcomeCommand::Reword { content, .. }) => outcome_items(content),
            Self::Review(ReviewCommand::Record { facts, .. }) => appraisal_items(&facts.appraisal),
            Self::Review(ReviewCommand::Revise { appraisal, .. }) => appraisal_items(appraisal),
            Self::Conversation(ConversationCommand::Record(content) | ConversationCommand::Amend { content, .. }) => {
                conversation_items(content)
            }
            _ => Vec::new(),
        }
    }

    /// Decides the command for the stream `id`: the whole of what is allowed in one pure function.
    ///
    /// # Errors
    /// A [`Refusal`] that says what is wrong.
    pub fn decide(self, state: Option<&Resource>, id: StreamId, now: Timestamp) -> Result<Decided, Refusal> {
        const OTHER_KIND: Refusal = Refusal::NotInThisState { detail: "the recording is of another kind" };
        macro_rules! of_kind {
            ($kind:ident) => {
                match state {
                    None => None,
                    Some(Resource::$kind(state)) => Some(state),
                    Some(_) => return Err(OTHER_KIND),
                }
            };
        }
        match self {
            Self::Person(command) => person::decide(of_kind!(Person), id.into(), command, now),
            Self::Conversation(command) => conversation::decide(of_kind!(Conversation), command, now),
            Self::Narrative(command) => narrative::decide(of_kind!(Narrative), command),
            Self::Outcome(command) => outcome::decide(of_kind!(Outcome), command),
            Self::Review(command) => review::decide(of_kind!(Review), command, now),
            Self::Action(command) => action::decide(of_kind!(Action), command),
            Self::Contribution(command) => contribution::decide(of_kind!(Contribution), command),
            Self::Framework(command) => framework::decide(of_kind!(Framework), command),
            Self::Erasure(command) => erasure::decide(of_kind!(Erasure), command),
        }
    }
}

fn outcome_items(facts: &OutcomeContent) -> Vec<(String, &ItemRef)> {
    facts.framework_items.iter().enumerate().map(|(at, item)| (format!("/framework_items/{at}"), item)).collect()
}

fn appraisal_items(appraisal: &Appraisal) -> Vec<(String, &ItemRef)> {
    std::iter::once(("/status".to_owned(), &appraisal.status))
        .chain(appraisal.rating.iter().map(|rating| ("/rating".to_owned(), rating)))
        .collect()
}

fn conversation_items(content: &ConversationContent) -> Vec<(String, &ItemRef)> {
    content.participation.iter().map(|item| ("/participation".to_owned(), item)).collect()
}

#[derive(Default)]
struct References(Vec<Reference>);

impl References {
    fn one(&mut self, pointer: &str, kind: Kind, stream: Option<StreamId>) {
        self.0.extend(stream.map(|stream| Reference { pointer: pointer.to_owned(), kind, stream }));
    }
    fn many(&mut self, pointer: &str, kind: Kind, streams: impl Iterator<Item = StreamId>) {
        self.0.extend(streams.enumerate().map(|(at, stream)| Reference {
            pointer: format!("{pointer}/{at}"),
            kind,
            stream,
        }));
    }
}
