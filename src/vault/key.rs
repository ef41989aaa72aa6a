//! The names of keys: which person's, for which class of parts, and which generation.
//!
//! Knows no key bytes; a name may be logged.

use crate::domain::ids::PersonId;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// A class of personal parts with keys of its own, so that one can be erased without the other. Classes are only
/// ever added; their codes are stored and bound into every seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyClass {
    /// Narratives and verbatim text.
    Words,
    /// Names, identifiers, dates of birth.
    Identity,
}

impl KeyClass {
    /// Every class, each of which a person has a key for.
    pub const ALL: [Self; 2] = [Self::Words, Self::Identity];

    /// The class's stored code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Identity => "identity",
        }
    }

    /// The class of a stored code; `None` for one that a later version wrote.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.code() == code)
    }
}

impl fmt::Display for KeyClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

/// One key; random (UUID v4), so it says nothing about the person. Stored beside every part sealed with the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(pub Uuid);

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What a key is for. All of it is bound into the wrapped key, so that no row can be passed off as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyName {
    /// The key.
    pub(super) id: KeyId,
    /// Whose parts it seals.
    pub(super) subject: PersonId,
    /// Which of the person's parts.
    pub(super) class: KeyClass,
    /// 0 for a person's first key; the highest living one seals.
    pub(super) generation: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_of_classes_are_promises() {
        assert_eq!(KeyClass::ALL.map(KeyClass::code), ["words", "identity"]);
        for class in KeyClass::ALL {
            assert_eq!(KeyClass::from_code(class.code()), Some(class));
            assert_eq!(serde_json::to_string(&class).unwrap(), format!("\"{}\"", class.code()));
        }
        assert_eq!(KeyClass::from_code("Words"), None);
    }
}
