//! Reading a leaf, strictly: accepts exactly the bytes that [`Leaf::encode`] writes, so that a leaf has one
//! spelling and two readers can never see different fields in the same bytes. Knows the format and nothing
//! of where the bytes come from; they may be hostile.

use super::commitment::Commitment;
use super::leaf::{FORMAT, Leaf, LeafError, MAXIMUM_LEAF_BYTES, MAXIMUM_PARTS, check_event_type, check_parts};
use super::leaf_time;
use super::lines::decimal;
use super::part_name::PartName;
use crate::domain::ids::{EventId, OrganisationCode, StreamId};
use uuid::Uuid;

impl Leaf {
    /// Reads a leaf.
    ///
    /// # Errors
    /// For anything but the bytes that [`Leaf::encode`] writes for some leaf, with the line that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, LeafError> {
        if bytes.len() > MAXIMUM_LEAF_BYTES {
            return Err(LeafError::TooLong(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).ok().filter(|text| text.is_ascii()).ok_or(LeafError::NotAscii)?;
        let mut lines = Lines { rest: text, line: 0 };
        lines.read(FORMAT, "the format's name", |rest| rest.is_empty().then_some(()))?;
        let position = lines.read("pos ", "the position", decimal)?;
        let event = lines.read("id ", "the event's id", event_id)?;
        let recorded_at_micros = lines.read("time ", "the recorded time", leaf_time::read)?;
        let organisation = lines.read("org ", "the organisation", |text| text.parse::<OrganisationCode>().ok())?;
        let organisation_counter = lines.read("oseq ", "the organisation's counter", decimal)?;
        let stream = lines.read("stream ", "the stream", stream_id)?;
        let version = lines.read("ver ", "the stream's version", decimal)?;
        let (event_type, schema) = lines.read("type ", "the event's type", event_type)?;
        let mut parts = Vec::new();
        while !lines.rest.is_empty() {
            parts.push(lines.read("part ", "a part", part)?);
            if parts.len() > MAXIMUM_PARTS {
                break;
            }
        }
        check_parts(&parts)?;
        Ok(Self {
            position,
            event,
            recorded_at_micros,
            organisation,
            organisation_counter,
            stream,
            version,
            event_type: event_type.into(),
            schema,
            parts,
        })
    }
}

/// The lines that are still to be read.
struct Lines<'leaf> {
    rest: &'leaf str,
    line: usize,
}

impl<'leaf> Lines<'leaf> {
    /// Takes the next line, which must end in LF and start with `key`, and reads the rest of it.
    fn read<Value>(
        &mut self,
        key: &str,
        expected: &'static str,
        value: impl FnOnce(&'leaf str) -> Option<Value>,
    ) -> Result<Value, LeafError> {
        self.line += 1;
        let wrong = LeafError::Line { line: self.line, expected };
        let (line, rest) = self.rest.split_once('\n').ok_or_else(|| wrong.clone())?;
        self.rest = rest;
        line.strip_prefix(key).and_then(value).ok_or(wrong)
    }
}

/// The hyphenated spelling: of those that the `uuid` crate reads, the only one with 36 characters.
fn event_id(text: &str) -> Option<EventId> {
    lower_case_uuid(text, 36).map(EventId)
}

/// The 32 hexadecimal digits alone: of those that the `uuid` crate reads, the only one with 32 characters.
fn stream_id(text: &str) -> Option<StreamId> {
    lower_case_uuid(text, 32).map(StreamId)
}

fn lower_case_uuid(text: &str, length: usize) -> Option<Uuid> {
    if text.len() != length || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    Uuid::try_parse(text).ok()
}

fn event_type(text: &str) -> Option<(String, u32)> {
    let (name, schema) = text.split_once(".v")?;
    let schema = u32::try_from(decimal(schema)?).ok()?;
    check_event_type(name, schema).ok()?;
    Some((name.to_owned(), schema))
}

fn part(text: &str) -> Option<(PartName, Commitment)> {
    let (name, commitment) = text.split_once(' ')?;
    Some((PartName::try_from(name).ok()?, Commitment::from_base64(commitment)?))
}

#[cfg(test)]
mod tests {
    use super::super::leaf_examples::{any_leaf, example, part};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_leaf_reads_back_as_itself(leaf in any_leaf()) {
            prop_assert_eq!(Leaf::parse(&leaf.encode().unwrap()), Ok(leaf));
        }

        /// The bytes of a leaf have one reading, and a reading one spelling.
        #[test]
        fn a_changed_byte_is_refused_or_is_another_leaf_spelt_its_own_way(
            leaf in any_leaf(), place: prop::sample::Index, change in 1_u8..=255,
        ) {
            let mut bytes = leaf.encode().unwrap();
            let place = place.index(bytes.len());
            bytes[place] ^= change;
            if let Ok(other) = Leaf::parse(&bytes) {
                prop_assert_ne!(&other, &leaf);
                prop_assert_eq!(other.encode().unwrap(), bytes);
            }
        }

        #[test]
        fn a_missing_or_an_added_byte_is_refused_or_is_another_leaf(
            leaf in any_leaf(), place: prop::sample::Index, added in 0_u8..128,
        ) {
            let bytes = leaf.encode().unwrap();
            let mut shorter = bytes.clone();
            shorter.remove(place.index(bytes.len()));
            let mut longer = bytes.clone();
            longer.insert(place.index(bytes.len() + 1), added);
            for changed in [shorter, longer] {
                if let Ok(other) = Leaf::parse(&changed) {
                    prop_assert_ne!(&other, &leaf);
                    prop_assert_eq!(other.encode().unwrap(), changed);
                }
            }
        }
    }

    /// Every byte of one leaf, with every other value.
    #[test]
    fn no_single_changed_byte_goes_unseen() {
        let leaf = example();
        let bytes = leaf.encode().unwrap();
        let mut refused = 0;
        for place in 0..bytes.len() {
            for value in 0..=255_u8 {
                let mut changed = bytes.clone();
                changed[place] = value;
                match Leaf::parse(&changed) {
                    Ok(other) => assert_eq!(other == leaf, changed == bytes, "byte {place} became {value}"),
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(refused > bytes.len() * 128, "every byte above 127 at least is refused; only {refused} were");
    }

    #[test]
    fn another_spelling_of_the_same_fields_is_refused() {
        let text = String::from_utf8(example().encode().unwrap()).unwrap();
        for (own, other) in [
            ("cairn-leaf/v1\n", "cairn-leaf/v2\n"),
            ("cairn-leaf/v1\n", "cairn-leaf/v1 \n"),
            ("pos 7\n", "pos 07\n"),
            ("pos 7\n", "pos +7\n"),
            ("pos 7\n", "pos \n"),
            ("pos 7\n", "pos 18446744073709551616\n"),
            ("pos 7\n", "pos  7\n"),
            ("pos 7\n", "pos 7\r\n"),
            ("id 0190a5b0-", "id 0190A5B0-"),
            ("id 0190a5b0-0000-7000-8000-0000000000ab\n", "id 0190a5b00000700080000000000000ab\n"),
            ("org RX1-a\n", "org RX1_a\n"),
            ("org RX1-a\n", "org \n"),
            ("stream 6f9d", "stream 6F9D"),
            ("stream 6f9d0000000040008000000000000001\n", "stream 6f9d0000-0000-4000-8000-000000000001\n"),
            ("type OutcomeReviewed.v1\n", "type OutcomeReviewed.v0\n"),
            ("type OutcomeReviewed.v1\n", "type OutcomeReviewed.v01\n"),
            ("type OutcomeReviewed.v1\n", "type OutcomeReviewed.v100000\n"),
            ("type OutcomeReviewed.v1\n", "type OutcomeReviewed\n"),
            ("part facts ", "part facts  "),
            ("part facts ", "part Facts "),
            ("part facts ", "part zzz "),
            ("part facts ", "part words "),
        ] {
            assert!(text.contains(own), "the example has no {own:?}");
            let changed = text.replacen(own, other, 1);
            assert!(Leaf::parse(changed.as_bytes()).is_err(), "{other:?} was accepted");
        }
        assert!(Leaf::parse(text.trim_end().as_bytes()).is_err(), "the last line must end in LF");
        assert!(Leaf::parse(format!("{text}\n").as_bytes()).is_err(), "nothing follows the last part");
        assert!(Leaf::parse(b"").is_err());
    }

    #[test]
    fn a_seventeenth_part_and_too_many_bytes_are_refused() {
        let parts = (0..16).map(|index| part(&format!("p{index:02}"))).collect();
        let bytes = Leaf { parts, ..example() }.encode().unwrap();
        assert!(Leaf::parse(&bytes).is_ok());
        let line = format!("part q {}\n", part("q").1);
        assert_eq!(Leaf::parse(&[bytes.as_slice(), line.as_bytes()].concat()), Err(LeafError::PartCount(17)));
        let long = vec![b'a'; MAXIMUM_LEAF_BYTES + 1];
        assert_eq!(Leaf::parse(&long), Err(LeafError::TooLong(long.len())));
        assert_eq!(Leaf::parse("cairn-leaf/v1\npos é".as_bytes()), Err(LeafError::NotAscii));
    }

    #[test]
    fn an_error_names_the_line() {
        let text = String::from_utf8(example().encode().unwrap()).unwrap().replace("\nver ", "\nversion ");
        let error = Leaf::parse(text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "line 8 of the leaf is not the stream's version");
    }
}
