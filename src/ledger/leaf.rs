//! The leaf: the few public lines about one event that the tree is built over, and how they are written.
//!
//! A leaf holds nothing personal: random ids, counters, the type of the event and salted commitments. It must not know
//! how an event is stored or what its parts say. The bytes are a promise (`cairn-leaf/v1`, with fixed vectors in
//! `tests/vectors/leaf-v1.json`): they are stored verbatim and never written again from the fields.
//! Reading them back is in `leaf_parse`.

use super::commitment::Commitment;
use super::leaf_time;
use super::part_name::PartName;
use crate::domain::ids::{EventId, OrganisationCode, StreamId};
use std::borrow::Cow;

/// The first line of every leaf of this version.
pub(super) const FORMAT: &str = "cairn-leaf/v1";
/// The most parts that one event may have.
pub const MAXIMUM_PARTS: usize = 16;
/// The longest name of an event type, in bytes.
pub const MAXIMUM_EVENT_TYPE_BYTES: usize = 60;
/// The highest schema version of an event type: five digits.
pub const MAXIMUM_SCHEMA: u32 = 99_999;

const DECIMAL_BYTES: usize = 20; // of u64::MAX
/// An upper bound of everything but the parts: each line's key, space and end, and its longest value.
const MAXIMUM_HEAD_BYTES: usize = (FORMAT.len() + 1)
    + (5 + DECIMAL_BYTES)
    + (4 + 36)
    + (6 + leaf_time::TEXT_BYTES)
    + (5 + 64)
    + (6 + DECIMAL_BYTES)
    + (8 + 32)
    + (5 + DECIMAL_BYTES)
    + (6 + MAXIMUM_EVENT_TYPE_BYTES + 2 + 5);
const MAXIMUM_PART_LINE_BYTES: usize = 5 + PartName::MAXIMUM_BYTES + 1 + 44 + 1;
/// The longest leaf that can be written, in bytes. C2SP `tlog-tiles` carries an entry behind a two-byte
/// length, so a leaf may never pass 65,535; the limits of the fields keep it far below, which is checked here.
pub const MAXIMUM_LEAF_BYTES: usize = MAXIMUM_HEAD_BYTES + MAXIMUM_PARTS * MAXIMUM_PART_LINE_BYTES;
const _: () = assert!(MAXIMUM_LEAF_BYTES <= u16::MAX as usize);

/// The public lines about one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The place in the log and in the tree; 0-based, gapless.
    pub position: u64,
    /// The event.
    pub event: EventId,
    /// When the log took it, in microseconds since the Unix epoch; within the years 0001 to 9999.
    pub recorded_at_micros: i64,
    /// Whose record it belongs to.
    pub organisation: OrganisationCode,
    /// The place among that organisation's events; 0-based, gapless, so that it can see that none was dropped.
    pub organisation_counter: u64,
    /// The stream; random, so it says nothing about a person.
    pub stream: StreamId,
    /// The place in the stream; 0-based, gapless.
    pub version: u64,
    /// The stored name of the event's type, 1 to 60 ASCII letters or digits.
    pub event_type: Cow<'static, str>,
    /// The schema version of that type, 1 to 99,999.
    pub schema: u32,
    /// What the event says, committed to: 1 to 16 parts in ascending order of name, no name twice.
    pub parts: Vec<(PartName, Commitment)>,
}

/// A leaf that cannot be written, or bytes that are not a leaf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// The recorded time lies outside the years 0001 to 9999.
    #[error("the recorded time lies outside the years 0001 to 9999")]
    TimeOutOfRange,
    /// The event type is empty, too long, or has other characters than ASCII letters and digits.
    #[error("the event type is not 1 to 60 ASCII letters or digits")]
    EventType,
    /// The schema version is 0 or has more than five digits.
    #[error("the schema version is not within 1 to 99999")]
    Schema,
    /// No part, or more than 16.
    #[error("a leaf has 1 to 16 parts, not {0}")]
    PartCount(usize),
    /// The parts are not in ascending order of name, or one name comes twice.
    #[error("the parts are not in ascending order of name without repeats")]
    PartOrder,
    /// The bytes are longer than any leaf.
    #[error("{0} bytes are more than any leaf has")]
    TooLong(usize),
    /// The bytes are not ASCII.
    #[error("a leaf is ASCII")]
    NotAscii,
    /// A line is not what stands in that place.
    #[error("line {line} of the leaf is not {expected}")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// What stands in that place.
        expected: &'static str,
    },
}

impl Leaf {
    /// Writes the bytes that are hashed and stored: one string of the right size, filled once, because this
    /// runs for every event while the writer holds the head of the log.
    ///
    /// # Errors
    /// When a field is outside its limit or the parts are out of order; nothing else fails.
    pub fn encode(&self) -> Result<Vec<u8>, LeafError> {
        check_event_type(&self.event_type, self.schema)?;
        check_parts(&self.parts)?;
        let mut text = String::with_capacity(MAXIMUM_HEAD_BYTES + self.parts.len() * MAXIMUM_PART_LINE_BYTES);
        let mut id = [0_u8; 36];
        text.push_str(FORMAT);
        text.push_str("\npos ");
        write_decimal(self.position, &mut text);
        text.push_str("\nid ");
        text.push_str(self.event.0.hyphenated().encode_lower(&mut id));
        text.push_str("\ntime ");
        leaf_time::write(self.recorded_at_micros, &mut text).ok_or(LeafError::TimeOutOfRange)?;
        text.push_str("\norg ");
        text.push_str(self.organisation.as_str());
        text.push_str("\noseq ");
        write_decimal(self.organisation_counter, &mut text);
        text.push_str("\nstream ");
        text.push_str(self.stream.0.simple().encode_lower(&mut id));
        text.push_str("\nver ");
        write_decimal(self.version, &mut text);
        text.push_str("\ntype ");
        text.push_str(&self.event_type);
        text.push_str(".v");
        write_decimal(u64::from(self.schema), &mut text);
        for (name, commitment) in &self.parts {
            text.push_str("\npart ");
            text.push_str(name.as_str());
            text.push(' ');
            commitment.write_base64(&mut text);
        }
        text.push('\n');
        Ok(text.into_bytes())
    }
}

/// The limits of an event type and its schema version, for writing and reading alike.
pub(super) fn check_event_type(name: &str, schema: u32) -> Result<(), LeafError> {
    if !(1..=MAXIMUM_EVENT_TYPE_BYTES).contains(&name.len()) || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(LeafError::EventType);
    }
    if (1..=MAXIMUM_SCHEMA).contains(&schema) { Ok(()) } else { Err(LeafError::Schema) }
}

/// The limits of the list of parts, for writing and reading alike.
pub(super) fn check_parts(parts: &[(PartName, Commitment)]) -> Result<(), LeafError> {
    if !(1..=MAXIMUM_PARTS).contains(&parts.len()) {
        return Err(LeafError::PartCount(parts.len()));
    }
    if parts.is_sorted_by(|(earlier, _), (later, _)| earlier < later) { Ok(()) } else { Err(LeafError::PartOrder) }
}

fn write_decimal(mut value: u64, text: &mut String) {
    let mut digits = [0_u8; DECIMAL_BYTES];
    let mut used = 0;
    loop {
        digits[used] = b'0' + (value % 10) as u8; // a remainder by 10 fits
        used += 1;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    text.extend(digits[..used].iter().rev().copied().map(char::from));
}

#[cfg(test)]
mod tests {
    use super::super::leaf_examples::{example, part};
    use super::*;

    #[test]
    fn a_leaf_has_1_to_16_sorted_parts_without_repeats() {
        let named = |count: usize| (0..count).map(|index| part(&format!("p{index:02}"))).collect::<Vec<_>>();
        let with = |parts| Leaf { parts, ..example() }.encode();
        assert_eq!(with(named(0)), Err(LeafError::PartCount(0)));
        assert!(with(named(1)).is_ok() && with(named(16)).is_ok());
        assert_eq!(with(named(17)), Err(LeafError::PartCount(17)));
        assert_eq!(with(vec![part("words"), part("facts")]), Err(LeafError::PartOrder));
        assert_eq!(with(vec![part("facts"), part("facts")]), Err(LeafError::PartOrder));
    }

    #[test]
    fn the_type_and_its_schema_keep_their_limits() {
        let with = |name: &str, schema| Leaf { event_type: name.to_owned().into(), schema, ..example() }.encode();
        assert!(with("A", 1).is_ok() && with(&"A".repeat(60), 99_999).is_ok());
        for wrong in ["", "Outcome.Reviewed", "Outcome Reviewed", "Outcome\nReviewed", "É", &"A".repeat(61)] {
            assert_eq!(with(wrong, 1), Err(LeafError::EventType), "{wrong:?}");
        }
        for wrong in [0, 100_000] {
            assert_eq!(with("A", wrong), Err(LeafError::Schema));
        }
    }

    #[test]
    fn the_recorded_time_keeps_its_limits() {
        let with = |recorded_at_micros| Leaf { recorded_at_micros, ..example() }.encode();
        assert!(with(leaf_time::EARLIEST_MICROS).is_ok() && with(leaf_time::LATEST_MICROS).is_ok());
        assert_eq!(with(leaf_time::EARLIEST_MICROS - 1), Err(LeafError::TimeOutOfRange));
        assert_eq!(with(leaf_time::LATEST_MICROS + 1), Err(LeafError::TimeOutOfRange));
    }

    #[test]
    fn the_longest_leaf_is_exactly_as_long_as_the_stated_maximum() {
        let longest = Leaf {
            position: u64::MAX,
            organisation: "A".repeat(64).parse().unwrap(),
            organisation_counter: u64::MAX,
            version: u64::MAX,
            event_type: "A".repeat(60).into(),
            schema: MAXIMUM_SCHEMA,
            parts: (0..16).map(|index| part(&format!("{index:032}"))).collect(),
            ..example()
        };
        assert_eq!(longest.encode().unwrap().len(), MAXIMUM_LEAF_BYTES);
    }
}
