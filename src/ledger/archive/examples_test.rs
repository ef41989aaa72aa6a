//! Events as they would be found, for the tests of this folder: right in every respect until a test changes them.

use super::observed::{Columns, Observed, ObservedPart, PartState};
use crate::domain::event::Class;
use crate::domain::ids::{EventId, StreamId};
use crate::domain::personal::Personal;
use crate::domain::time::Timestamp;
use crate::ledger::{Leaf, PartName, Salt, commit};
use uuid::Uuid;

pub(super) const FACTS: &[u8] =
    br#"{"body":{"status":"started"},"header":{"client":"care-system","occurred_at":"2026-11-02"}}"#;

/// What an event is made of.
pub(super) struct Making<'a> {
    pub position: u64,
    pub organisation: &'a str,
    pub counter: u64,
    pub stream: u128,
    pub version: u64,
    pub name: &'static str,
    pub facts: &'a [u8],
}

/// An event of two parts, facts in the clear and words opened.
pub(super) fn made(making: &Making<'_>) -> Observed {
    let id = EventId(Uuid::from_u128(u128::from(making.position) + 1));
    let words = br#"{"text":"Walk the dog"}"#;
    let (facts_salt, words_salt) = (Salt::new([1; 32]), Salt::new([2; 32]));
    let leaf = Leaf {
        position: making.position,
        event: id,
        recorded_at_micros: 1_763_800_000_000_000 + i64::try_from(making.position).unwrap(),
        organisation: making.organisation.parse().unwrap(),
        organisation_counter: making.counter,
        stream: StreamId(Uuid::from_u128(making.stream)),
        version: making.version,
        event_type: making.name.into(),
        schema: 1,
        parts: vec![
            (PartName::FACTS, commit(&facts_salt, &id, &PartName::FACTS, making.facts)),
            (PartName::WORDS, commit(&words_salt, &id, &PartName::WORDS, words)),
        ],
    };
    let part = |name: &str, class, key_id, ordinal, state| ObservedPart {
        name: name.to_owned(),
        class: Some(class),
        subject: Some(Uuid::from_u128(9)),
        key_id,
        ordinal,
        owner: None,
        state,
    };
    let clear = PartState::Clear { bytes: Personal::new(making.facts.to_vec()), salt: facts_salt };
    let open = PartState::Open { bytes: Personal::new(words.to_vec()), salt: words_salt };
    Observed {
        columns: Columns {
            position: making.position,
            event: id.0,
            stream: leaf.stream.0,
            version: making.version,
            organisation: making.organisation.to_owned(),
            organisation_counter: making.counter,
            recorded_at: Timestamp::from_micros(leaf.recorded_at_micros),
            name: making.name.to_owned(),
            schema_version: 1,
        },
        unreadable: Vec::new(),
        leaf: leaf.encode().unwrap(),
        parts: vec![
            part("facts", Class::Facts, None, None, clear),
            part("words", Class::Words, Some(Uuid::from_u128(8)), None, open),
        ],
    }
}

/// The event at a position of a log in which every event begins a stream of the organisation RX1.
pub(super) fn event(position: u64) -> Observed {
    made(&Making {
        position,
        organisation: "RX1",
        counter: position,
        stream: 100 + u128::from(position),
        version: 0,
        name: "ActionProgressed",
        facts: FACTS,
    })
}
