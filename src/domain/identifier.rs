//! The identifiers by which other systems know a person: NHS number, CHI number, a case system's own.
//!
//! Parsed, checked and brought to one form here, so that the same identifier always finds the same person. Knows
//! nothing of how identifiers are sealed or found again. A value is personal: no error, `Display` or `Debug` repeats
//! it, and a CHI number in particular carries the date of birth and sex, so nothing is ever read out of one.
//!
//! NHS number and CHI number share the modulus 11 check of the NHS Data Dictionary. The ranges in which numbers are
//! issued are not checked: they grow, and test systems use numbers outside them.

use super::personal::Personal;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;

/// The longest name of an identifier system, in characters.
pub const MAXIMUM_SYSTEM_CHARACTERS: usize = 128;
/// The longest identifier of a system whose form is unknown, in characters.
pub const MAXIMUM_VALUE_CHARACTERS: usize = 128;

/// An identifier, or the name of its system, that cannot be accepted. Never holds the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdentifier {
    /// The system is neither known nor well named.
    #[error(
        "an identifier system is `nhs_number`, `chi`, or a lower-case name or URI of 1 to 128 letters, digits and `_ - . : / # ~ % ? = & +`"
    )]
    System,
    /// An NHS or CHI number with something other than ten digits.
    #[error("{0} has ten digits, with spaces or hyphens between them at most")]
    TenDigits(&'static str),
    /// The tenth digit does not follow from the nine before it.
    #[error("the check digit of {0} does not fit: one of its digits is wrong")]
    CheckDigit(&'static str),
    /// Ten zeros pass the check but stand for "not known".
    #[error("{0} of zeros only identifies nobody")]
    Zeros(&'static str),
    /// The first six digits of a CHI number are no day, month and year.
    #[error("a CHI number begins with a day and a month that exist")]
    ChiDate,
    /// Empty, or longer than [`MAXIMUM_VALUE_CHARACTERS`].
    #[error("an identifier has 1 to 128 characters")]
    Length,
    /// A control or invisible character, or white space other than a plain space.
    #[error("an identifier holds printable characters only")]
    Unprintable,
    /// The JSON is something else than an object of exactly two texts.
    #[error("an identifier is an object with the texts `system` and `value`, and nothing else")]
    Shape,
}

/// Who issues an identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentifierSystem {
    /// `nhs_number`: England, Wales and the Isle of Man.
    NhsNumber,
    /// `chi`: Scotland's Community Health Index.
    Chi,
    /// Any other, by the name or URI that the partner uses.
    Other(OtherSystem),
}

/// The checked name of a system that has no rules of its own here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OtherSystem(String);

impl IdentifierSystem {
    /// The stored and published name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::NhsNumber => "nhs_number",
            Self::Chi => "chi",
            Self::Other(OtherSystem(name)) => name,
        }
    }
}

impl fmt::Display for IdentifierSystem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Reads a system's name; letters are lowered, because two spellings of one system would be two indexes in which the
/// same person is found only once. The URI of UK Core for the NHS number is the NHS number.
impl FromStr for IdentifierSystem {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, InvalidIdentifier> {
        let name = text.to_ascii_lowercase();
        match name.as_str() {
            "nhs_number" | "https://fhir.nhs.uk/id/nhs-number" => return Ok(Self::NhsNumber),
            "chi" => return Ok(Self::Chi),
            _ => {}
        }
        let is_allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.:/#~%?=&+".contains(&byte);
        let begins_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if begins_well && name.len() <= MAXIMUM_SYSTEM_CHARACTERS && name.bytes().all(is_allowed) {
            Ok(Self::Other(OtherSystem(name)))
        } else {
            Err(InvalidIdentifier::System)
        }
    }
}

impl Serialize for IdentifierSystem {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for IdentifierSystem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One identifier of one person, checked and in its one form: NHS and CHI numbers as ten digits, others trimmed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PersonIdentifier {
    system: IdentifierSystem,
    value: Personal<String>,
}

impl PersonIdentifier {
    /// Checks a value by the rules of its system and brings it to its one form.
    ///
    /// # Errors
    /// Says which rule the value breaks, never the value.
    pub fn parse(system: IdentifierSystem, value: &str) -> Result<Self, InvalidIdentifier> {
        let value = match system {
            IdentifierSystem::NhsNumber => checked_ten_digits(value, "an NHS number")?,
            IdentifierSystem::Chi => {
                let digits = checked_ten_digits(value, "a CHI number")?;
                if !begins_with_a_date(&digits) {
                    return Err(InvalidIdentifier::ChiDate);
                }
                digits
            }
            IdentifierSystem::Other(_) => printable(value)?,
        };
        Ok(Self { system, value: Personal::new(value) })
    }

    /// Who issued it.
    #[must_use]
    pub const fn system(&self) -> &IdentifierSystem {
        &self.system
    }

    /// The value in its one form: personal.
    #[must_use]
    pub const fn value(&self) -> &Personal<String> {
        &self.value
    }
}

/// Read by hand, because a derived reader repeats what it finds in place of a text ("invalid type: integer …").
impl<'de> Deserialize<'de> for PersonIdentifier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = serde_json::Value::deserialize(deserializer)?;
        from_json(&json).map_err(serde::de::Error::custom)
    }
}

fn from_json(json: &serde_json::Value) -> Result<PersonIdentifier, InvalidIdentifier> {
    let fields = json.as_object().filter(|fields| fields.len() == 2).ok_or(InvalidIdentifier::Shape)?;
    let text = |name: &str| fields.get(name).and_then(serde_json::Value::as_str).ok_or(InvalidIdentifier::Shape);
    let (system, value) = (text("system")?, text("value")?);
    PersonIdentifier::parse(system.parse()?, value)
}

fn checked_ten_digits(text: &str, name: &'static str) -> Result<String, InvalidIdentifier> {
    let digits: String = text.chars().filter(|character| !matches!(character, ' ' | '-')).take(11).collect();
    if digits.len() != 10 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidIdentifier::TenDigits(name));
    }
    if digits.bytes().all(|byte| byte == b'0') {
        return Err(InvalidIdentifier::Zeros(name));
    }
    // Weights 10 … 2 for the nine digits and 1 for the check digit: the whole is a multiple of 11. A check digit of 10
    // cannot be written, so such a number fits no tenth digit; 11 is written as 0.
    let sum: u32 = (1..=10).rev().zip(digits.bytes()).map(|(weight, digit)| weight * u32::from(digit - b'0')).sum();
    if sum.is_multiple_of(11) { Ok(digits) } else { Err(InvalidIdentifier::CheckDigit(name)) }
}

/// Whether DDMMYY exists. The century is unknown: 29 February needs a leap year in either, and 1900 and 2000 share `00`.
fn begins_with_a_date(digits: &str) -> bool {
    let pair = |from: usize| digits.get(from..from + 2).and_then(|pair| pair.parse::<i8>().ok());
    let (Some(day), Some(month), Some(year)) = (pair(0), pair(2), pair(4)) else { return false };
    jiff::civil::Date::new(2000 + i16::from(year), month, day).is_ok()
}

/// Trimmed; no Unicode normalisation, because the issuer's form is not ours to change.
fn printable(text: &str) -> Result<String, InvalidIdentifier> {
    let trimmed = text.trim();
    let characters = trimmed.chars().take(MAXIMUM_VALUE_CHARACTERS + 1).count();
    if !(1..=MAXIMUM_VALUE_CHARACTERS).contains(&characters) {
        return Err(InvalidIdentifier::Length);
    }
    if trimmed.chars().any(is_unprintable) {
        return Err(InvalidIdentifier::Unprintable);
    }
    Ok(trimmed.to_owned())
}

/// Controls, white space other than the plain space, and the invisible marks of direction and width: with these, two
/// identifiers that look the same would not be the same.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || (character.is_whitespace() && character != ' ')
        || matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
#[path = "identifier_test.rs"]
mod tests;
