//! Leaves for the tests of this folder: one plain example and any leaf at all.

use super::commitment::Commitment;
use super::leaf::{Leaf, MAXIMUM_SCHEMA};
use super::leaf_time::{EARLIEST_MICROS, LATEST_MICROS};
use super::part_name::PartName;
use crate::domain::ids::{EventId, StreamId};
use proptest::collection::btree_map;
use proptest::prelude::*;
use uuid::Uuid;

/// A part with a commitment that nothing opens.
pub fn part(name: &str) -> (PartName, Commitment) {
    (name.parse().unwrap(), Commitment::new([0xA5; 32]))
}

/// A leaf with a small value in every field.
pub fn example() -> Leaf {
    Leaf {
        position: 7,
        event: EventId(Uuid::from_u128(0x0190_a5b0_0000_7000_8000_0000_0000_00ab)),
        recorded_at_micros: 1_763_800_000_000_001,
        organisation: "RX1-a".parse().unwrap(),
        organisation_counter: 3,
        stream: StreamId(Uuid::from_u128(0x6f9d_0000_0000_4000_8000_0000_0000_0001)),
        version: 0,
        event_type: "OutcomeReviewed".into(),
        schema: 1,
        parts: vec![part("facts"), part("words")],
    }
}

/// Any leaf within the limits.
pub fn any_leaf() -> impl Strategy<Value = Leaf> {
    let counters = (any::<u64>(), any::<u64>(), 0_u64..20);
    let ids = (any::<u128>(), any::<u128>(), "[A-Za-z0-9-]{1,64}");
    let kind = (EARLIEST_MICROS..=LATEST_MICROS, "[A-Za-z0-9]{1,60}", 1..=MAXIMUM_SCHEMA);
    let parts = btree_map("[a-z0-9-]{1,32}", any::<[u8; 32]>(), 1..=16);
    (counters, ids, kind, parts).prop_map(|(counters, ids, kind, parts)| Leaf {
        position: counters.0,
        event: EventId(Uuid::from_u128(ids.0)),
        recorded_at_micros: kind.0,
        organisation: ids.2.parse().unwrap(),
        organisation_counter: counters.1,
        stream: StreamId(Uuid::from_u128(ids.1)),
        version: counters.2,
        event_type: kind.1.into(),
        schema: kind.2,
        parts: parts.iter().map(|(name, bytes)| (name.parse().unwrap(), Commitment::new(*bytes))).collect(),
    })
}
