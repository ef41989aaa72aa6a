//! What a reading access is: who was shown whose data, which parts of it, for what, through what. Pure; knows no log.
//!
//! An access is a promise like an event: a stored name, a schema version and a golden file in `tests/accesses/`. It holds codes
//! and ids alone, never a name and never a word of what was shown.

use crate::domain::ids::{InvalidId, OrganisationCode, PersonId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// The stored name of an access.
pub const NAME: &str = "DataRead";
/// The schema version in which accesses are written.
pub const SCHEMA: u32 = 1;
/// The client under which operators' commands are recorded; no registered client may bear it.
pub const OPERATOR: &str = "operator";
/// The most characters of a user's code.
pub const USER_MAX: usize = 128;
/// The most characters of a role's code.
pub const ROLE_MAX: usize = 64;

macro_rules! code {
    ($(#[$doc:meta])* $name:ident, $most:ident, $expected:literal, $fits:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The code as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let fits: fn(u8) -> bool = $fits;
                let shaped = (1..=$most).contains(&text.len()) && text.bytes().all(fits) && text.trim() == text;
                if shaped { Ok(Self(text.to_owned())) } else { Err(InvalidId { expected: $expected }) }
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

code! {
    /// The code of the person at a partner on whose behalf a client reads, as the partner's own system knows them; never a name.
    UserCode, USER_MAX, "a user's code: 1 to 128 printable ASCII characters", |byte| (0x20..0x7f).contains(&byte)
}
code! {
    /// As what that person acts.
    RoleCode, ROLE_MAX, "a role's code: 1 to 64 letters, digits and . _ : -",
    |byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte)
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$about])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// As it is stored and shown.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

words! {
    /// What of somebody's data was shown.
    ShownPart {
        /// Who read it, and when.
        Accesses = "accesses",
        /// Codes, statuses, links.
        Facts = "facts",
        /// Name, identifiers, date of birth, references of source systems.
        Identity = "identity",
        /// A leaf of the log: ids, type and time of an event, and commitments.
        Leaf = "leaf",
        /// People's own words.
        Words = "words",
    }
}
words! {
    /// By what sort of question.
    Through {
        /// By a list of who read what.
        Accesses = "accesses",
        /// By an operator's command.
        Command = "command",
        /// By the difference between two positions.
        Difference = "difference",
        /// By an export of events or recordings.
        Export = "export",
        /// By an extract.
        Extract = "extract",
        /// By the feed of events.
        Feed = "feed",
        /// By the history of a recording.
        History = "history",
        /// By a list.
        List = "list",
        /// By a proof of one leaf.
        Proof = "proof",
        /// By a person's whole record.
        Record = "record",
        /// By a search for somebody.
        Search = "search",
        /// By the id of one recording.
        Single = "single",
        /// By the events of one recording.
        Stream = "stream",
    }
}
words! {
    /// What became of it.
    AccessOutcome {
        /// What was asked for was shown.
        Shown = "shown",
        /// Facts were shown; whatever was sealed of what was asked for had been erased.
        Erased = "erased",
        /// Nothing was shown: data was found, but the key store was away.
        Unavailable = "unavailable",
        /// Nothing was shown: data was found, but a sealed part had been altered.
        Tampered = "tampered",
    }
}

/// One access: what one answer showed of one person's data, or that it was about nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadingAccess {
    /// The client that asked.
    pub client: String,
    /// The organisation that it is bound to.
    pub organisation: OrganisationCode,
    /// On whose behalf it said that it asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserCode>,
    /// As what that user acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleCode>,
    /// The purpose of use that it declared (HL7 v3 PurposeOfUse code).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Whose data; `None` where the answer was about nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
    /// What of it.
    pub parts: BTreeSet<ShownPart>,
    /// How many recordings (or accesses) of each kind.
    pub kinds: BTreeMap<String, u64>,
    /// By what sort of question.
    pub through: Through,
    /// By which operation of the API, or command.
    pub operation: String,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The position of the outcomes log that the answer was complete to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete_to: Option<u64>,
    /// What became of it.
    pub outcome: AccessOutcome,
}

impl ReadingAccess {
    /// The bytes that its leaf commits to: canonical JSON (RFC 8785), ASCII unless a client's id is not.
    ///
    /// # Errors
    /// Where a number is beyond 2^53, which no position reaches.
    pub fn to_part(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json_canonicalizer::to_vec(self)
    }

    /// Reads it back in the schema that it was written in.
    ///
    /// # Errors
    /// [`UnreadableAccess`], which repeats nothing of the bytes.
    pub fn read(schema: u32, bytes: &[u8]) -> Result<Self, UnreadableAccess> {
        if schema != SCHEMA {
            return Err(UnreadableAccess::Schema(schema));
        }
        serde_json::from_slice(bytes).map_err(|error| UnreadableAccess::Content { column: error.column() })
    }
}

/// A stored access that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableAccess {
    /// Written by a later program.
    #[error("an access of schema version {0} is not known")]
    Schema(u32),
    /// Something else.
    #[error("an access cannot be read at column {column}")]
    Content {
        /// Where.
        column: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_keep_their_limits() {
        for (text, fits) in [
            ("u-17", true),
            ("A Nurse's code", true),
            (&*"u".repeat(USER_MAX), true),
            ("", false),
            (" u", false),
            ("u\n", false),
            ("ü", false),
            (&*"u".repeat(USER_MAX + 1), false),
        ] {
            assert_eq!(text.parse::<UserCode>().is_ok(), fits, "{text:?}");
        }
        for (text, fits) in [
            ("social_worker", true),
            ("R8000:G-1.a", true),
            (&*"r".repeat(ROLE_MAX), true),
            ("", false),
            ("social worker", false),
            (&*"r".repeat(ROLE_MAX + 1), false),
        ] {
            assert_eq!(text.parse::<RoleCode>().is_ok(), fits, "{text:?}");
        }
    }

    #[test]
    fn what_was_written_is_read_for_ever_and_written_alike() {
        let goldens = [
            include_str!("../../tests/accesses/DataRead.v1.json"),
            include_str!("../../tests/accesses/DataRead.v1.least.json"),
        ];
        for golden in goldens.map(str::trim_end) {
            let access = ReadingAccess::read(1, golden.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(access.to_part().unwrap()).unwrap(), golden);
        }
        let golden = goldens[0].trim_end();
        assert_eq!(ReadingAccess::read(2, golden.as_bytes()), Err(UnreadableAccess::Schema(2)));
        let more = golden.replace("{\"client\"", "{\"another\":1,\"client\"");
        assert!(matches!(ReadingAccess::read(1, more.as_bytes()), Err(UnreadableAccess::Content { .. })));
    }
}
