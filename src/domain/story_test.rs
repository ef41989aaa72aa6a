//! Given these events, when this is asked, then that is decided: the form of every test of the domain's rules.

use crate::domain::event::{Class, Decided, Facts, Header, Recorded};
use crate::domain::ids::{EventId, OrganisationCode, PersonId, StreamId};
use crate::domain::personal::{Personal, Words};
use crate::domain::refusal::Refusal;
use crate::domain::resource::{Command, Resource, evolve};
use crate::domain::time::Timestamp;
use uuid::Uuid;

pub const STREAM: StreamId = StreamId(Uuid::from_u128(7));
pub const PERSON: PersonId = PersonId(Uuid::from_u128(1));

/// Words for a test.
pub fn words(text: &str) -> Words {
    Personal::new(text.to_owned())
}

/// The instant at which everything is asked.
pub fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

/// A stream's history.
#[derive(Default, Clone)]
pub struct Story {
    events: Vec<Decided>,
}

/// Nothing has happened.
pub fn given_nothing() -> Story {
    Story::default()
}

impl Story {
    /// Something was asked and accepted.
    #[track_caller]
    pub fn given(mut self, command: Command) -> Self {
        let decided = self.clone().when(command).expect("what is given must be accepted");
        self.events.push(decided);
        self
    }
    /// Something is asked.
    pub fn when(self, command: Command) -> Result<Decided, Refusal> {
        command.decide(self.state().as_ref(), STREAM, now())
    }
    /// The state after all of it.
    #[track_caller]
    pub fn state(&self) -> Option<Resource> {
        let recorded = self.events.iter().enumerate().map(|(at, decided)| recorded(at, decided));
        recorded.fold(None, |state, event| Some(evolve(state, &event).expect("events follow one another")))
    }
}

fn recorded(at: usize, decided: &Decided) -> Recorded {
    let position = at as u64;
    Recorded {
        position,
        event: EventId(Uuid::from_u128(u128::from(position) + 100)),
        stream: STREAM,
        version: position,
        organisation: "TEST".parse::<OrganisationCode>().unwrap(),
        recorded_at: now(),
        header: Header {
            occurred_at: "2026-11-01".parse().unwrap(),
            client: "test".to_owned(),
            purpose: None,
            source_system: None,
        },
        facts: decided.facts.clone(),
        index: Vec::new(),
        sealed: decided.personal.iter().map(|part| part.class).collect(),
        erased: Vec::new(),
    }
}

/// The words that go with a decided event, as JSON.
pub fn words_of(decided: &Decided) -> serde_json::Value {
    let part = decided.personal.iter().find(|part| part.class == Class::Words).expect("the event has words");
    serde_json::from_slice(part.content.expose()).unwrap()
}

/// Expects a refusal at a field.
#[track_caller]
pub fn refused_at(pointer: &str, answer: Result<Decided, Refusal>) {
    let refusal = answer.expect_err("it should be refused");
    assert_eq!(refusal.pointer(), Some(pointer), "{refusal}");
}

/// Expects a refusal because of the state.
#[track_caller]
pub fn not_in_this_state(answer: Result<Decided, Refusal>) {
    assert!(matches!(answer, Err(Refusal::NotInThisState { .. })), "{answer:?}");
}

/// Expects an event.
#[track_caller]
pub fn accepted(answer: Result<Decided, Refusal>) -> Facts {
    answer.expect("it should be accepted").facts
}
