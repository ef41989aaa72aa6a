//! The name of a part of an event, as the leaf and the commitment spell it. Knows nothing about what a part
//! holds or who may read it: here a name is a label that is hashed and sorted.

use crate::domain::ids::InvalidId;
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The name of a part: 1 to 32 of `a–z 0–9 -`, checked once. Ordered by its bytes, which is the order that a
/// leaf lists its parts in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartName(Cow<'static, str>);

impl PartName {
    /// Codes, statuses and links, in the clear.
    pub const FACTS: Self = Self(Cow::Borrowed("facts"));
    /// Narratives and verbatim text, sealed.
    pub const WORDS: Self = Self(Cow::Borrowed("words"));
    /// Names, identifiers and dates of birth, sealed.
    pub const IDENTITY: Self = Self(Cow::Borrowed("identity"));
    /// What a keyed blind index is built from.
    pub const INDEX: Self = Self(Cow::Borrowed("index"));
    /// The source system's reference of an imported event.
    pub const SOURCE: Self = Self(Cow::Borrowed("source"));

    /// The longest name, in bytes; also what keeps the two-byte length prefix of a commitment exact.
    pub const MAXIMUM_BYTES: usize = 32;

    const KNOWN: [Self; 5] = [Self::FACTS, Self::WORDS, Self::IDENTITY, Self::INDEX, Self::SOURCE];

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for PartName {
    type Error = InvalidId;

    /// Reads a name; the names that Cairn itself uses cost no allocation.
    fn try_from(text: &str) -> Result<Self, InvalidId> {
        if let Some(known) = Self::KNOWN.into_iter().find(|name| name.as_str() == text) {
            return Ok(known);
        }
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=Self::MAXIMUM_BYTES).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(Cow::Owned(text.to_owned())))
        } else {
            Err(InvalidId { expected: "a part name: 1 to 32 lower-case letters, digits or hyphens" })
        }
    }
}

impl FromStr for PartName {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::try_from(text)
    }
}

impl fmt::Display for PartName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_1_to_32_lower_case_letters_digits_or_hyphens() {
        let longest = "a".repeat(32);
        for valid in ["a", "0", "-", "facts", "words-2", longest.as_str()] {
            assert_eq!(PartName::try_from(valid).unwrap().as_str(), valid);
        }
        let too_long = "a".repeat(33);
        for invalid in ["", "Facts", "a b", "a\n", "a_b", "é", too_long.as_str()] {
            assert!(PartName::try_from(invalid).is_err(), "{invalid:?} was accepted");
        }
    }

    #[test]
    fn a_known_name_equals_its_parsed_text_and_names_sort_by_bytes() {
        assert_eq!("identity".parse::<PartName>().unwrap(), PartName::IDENTITY);
        let mut names = PartName::KNOWN.to_vec();
        names.push("a-b".parse().unwrap());
        names.sort();
        let sorted: Vec<&str> = names.iter().map(PartName::as_str).collect();
        assert_eq!(sorted, ["a-b", "facts", "identity", "index", "source", "words"]);
    }
}
