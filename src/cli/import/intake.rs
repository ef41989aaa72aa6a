//! What an import has read and made of it: the things of the input, the lines to send, and what is said of each.
//!
//! A mapping is a pure function from what was read to a [`Mapped`]; everything after it (sending, reporting) is the
//! same for every source. Knows the shape of a batch line and nothing of any source format or of HTTP.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::HashSet;

/// The longest line that the service takes, in bytes.
pub const LINE_MAX_BYTES: usize = 1024 * 1024;

/// One thing of the input that must be accounted for: a resource, a row, or a line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The file as the command names it.
    pub file: String,
    /// Its line in the file, from 1; for an entry of a bundle its place among the entries, from 1.
    pub line: u64,
    /// The source's own name for it, such as `Goal/123`; absent where that name would identify somebody.
    pub resource: Option<String>,
}

impl Input {
    /// `Goal.ndjson:3 Goal/123`
    #[must_use]
    pub fn place(&self) -> String {
        let resource = self.resource.as_deref().map_or_else(String::new, |resource| format!(" {resource}"));
        format!("{}:{}{resource}", self.file, self.line)
    }
}

/// One recording to send.
#[derive(Clone, PartialEq)]
pub struct Line {
    /// The input that it comes from, by its index.
    pub input: usize,
    /// Its idempotency key, from [`key`].
    pub key: String,
    /// The operation, such as `record_narrative`.
    pub op: &'static str,
    /// What other lines of this import call the recording; written `@name` where they refer to it.
    pub name: String,
    /// The body. References to other lines stand as `@name`; nulls and empty lists are left out.
    pub body: Map<String, Value>,
}

impl Line {
    /// A line with the empty fields of its body taken out.
    ///
    /// `body` is a JSON object; anything else becomes an empty one, which the service refuses.
    #[must_use]
    pub fn new(input: usize, key: String, op: &'static str, name: String, body: Value) -> Self {
        let Value::Object(mut body) = body else { return Self { input, key, op, name, body: Map::new() } };
        body.retain(|_, value| !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty()));
        Self { input, key, op, name, body }
    }

    /// The names of the recordings that it refers to.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        REFERENCE_FIELDS
            .iter()
            .filter_map(|field| self.body.get(*field))
            .flat_map(|value| value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice))
            .filter_map(|value| value.as_str()?.strip_prefix('@'))
    }
}

/// Shows no body, since it is personal.
impl std::fmt::Debug for Line {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Line").field("key", &self.key).field("op", &self.op).finish_non_exhaustive()
    }
}

/// The body fields that name other recordings.
pub const REFERENCE_FIELDS: [&str; 5] = ["person", "outcome", "conversation", "outcomes", "narratives"];

/// What is said of an input. The texts are fixed words, codes and names of elements: never people's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Of which input, by its index.
    pub input: usize,
    /// What kind of saying.
    pub kind: NoteKind,
    /// The saying.
    pub text: String,
}

/// What kind of thing is said of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteKind {
    /// Nothing of it is recorded; the text is the reason.
    NotPlaced,
    /// It is no recording of its own; it gives names (and standpoints) to others.
    UsedForNames,
    /// Part of it has no field of its own and is kept in words.
    KeptInWords,
    /// An element that has no place; it stays in the source alone.
    LeftOut,
    /// How it was read, where that is a choice.
    Remark,
}

/// Everything that was read, and what is made of it.
#[derive(Debug, Default)]
pub struct Mapped {
    /// The inputs, in order.
    pub inputs: Vec<Input>,
    /// The lines to send, in order.
    pub lines: Vec<Line>,
    /// What is said of the inputs.
    pub notes: Vec<Note>,
    /// What is said once: columns that have no place, files that are not read.
    pub general: Vec<String>,
}

impl Mapped {
    /// Adds an input and gives its index.
    pub fn add_input(&mut self, input: Input) -> usize {
        self.inputs.push(input);
        self.inputs.len() - 1
    }

    /// Says something of an input.
    pub fn note(&mut self, input: usize, kind: NoteKind, text: impl Into<String>) {
        self.notes.push(Note { input, kind, text: text.into() });
    }

    /// Takes out what could not be accepted anyway: a line that is too long, two lines with one key, a reference to
    /// something that is not in this import. Their input counts as not placed then, and so does what depends on it.
    #[must_use]
    pub fn settled(mut self) -> Self {
        let mut keys = HashSet::new();
        let mut doomed: Vec<(usize, &'static str)> = Vec::new();
        for line in &self.lines {
            if !keys.insert(line.key.clone()) {
                doomed.push((line.input, "the same thing stands in this input twice"));
            }
            if Value::Object(line.body.clone()).to_string().len() + 1_000 > LINE_MAX_BYTES {
                doomed.push((line.input, "it is larger than one recording may be (1 MiB)"));
            }
        }
        loop {
            for (input, reason) in doomed.drain(..) {
                self.lines.retain(|line| line.input != input);
                if !self.notes.iter().any(|note| note.input == input && note.kind == NoteKind::NotPlaced) {
                    self.note(input, NoteKind::NotPlaced, reason);
                }
            }
            let names: HashSet<&str> = self.lines.iter().map(|line| line.name.as_str()).collect();
            doomed.extend(
                self.lines
                    .iter()
                    .filter(|line| line.references().any(|name| !names.contains(name)))
                    .map(|line| (line.input, "it rests on something that is not placed")),
            );
            if doomed.is_empty() {
                return self;
            }
        }
    }
}

/// The idempotency key of a recording: `<source>/<kind>/<SHA-256 of the source's own names for it>`.
///
/// The names are hashed because a key is kept in the clear, and a source's ids may say who somebody is. Each name is
/// hashed with its length, so that `("a", "bc")` and `("ab", "c")` differ. Always below 200 ASCII characters for the
/// short words that `source` and `kind` are.
#[must_use]
pub fn key(source: &str, kind: &str, names: &[&str]) -> String {
    let mut hash = Sha256::new();
    for name in names {
        hash.update(u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(name.as_bytes());
    }
    format!("{source}/{kind}/{}", hex::encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn line(input: usize, name: &str, body: Value) -> Line {
        Line::new(input, name.to_owned(), "op", name.to_owned(), body)
    }

    fn not_placed(mapped: &Mapped) -> Vec<(usize, &str)> {
        mapped.notes.iter().map(|note| (note.input, note.text.as_str())).collect()
    }

    #[test]
    fn keys_are_stable_short_and_say_nothing() {
        let key_of = |names: &[&str]| key("fhir", "Goal", names);
        assert_eq!(key_of(&["s", "1"]), key_of(&["s", "1"]));
        assert_ne!(key_of(&["a", "bc"]), key_of(&["ab", "c"]));
        assert!(key_of(&["Jones"]).len() <= 200 && !key_of(&["Jones"]).contains("Jones"));
    }

    #[test]
    fn references_are_found_in_single_fields_and_lists_only() {
        let line = line(
            0,
            "n",
            json!({"person": "@p", "narratives": ["@a", "@b"], "text": "@home", "outcomes": [], "note": null}),
        );
        assert_eq!(line.references().collect::<Vec<_>>(), ["p", "a", "b"]);
        assert!(!line.body.contains_key("outcomes") && !line.body.contains_key("note"));
    }

    #[test]
    fn what_rests_on_nothing_is_not_placed_and_neither_is_what_rests_on_that() {
        let lines = vec![
            line(0, "a", json!({"person": "@missing"})),
            line(1, "b", json!({"outcome": "@a"})),
            line(2, "c", json!({"person": "real-id"})),
        ];
        let settled = Mapped { lines, ..Mapped::default() }.settled();
        assert_eq!(settled.lines.iter().map(|line| line.input).collect::<Vec<_>>(), [2]);
        let reason = "it rests on something that is not placed";
        assert_eq!(not_placed(&settled), [(0, reason), (1, reason)]);
    }

    #[test]
    fn a_line_may_be_as_long_as_the_service_takes_and_no_longer() {
        let long = |length: usize| Mapped {
            lines: vec![line(0, "a", json!({"text": "x".repeat(length)}))],
            ..Mapped::default()
        };
        assert_eq!(long(LINE_MAX_BYTES - 2_000).settled().lines.len(), 1);
        assert_eq!(not_placed(&long(LINE_MAX_BYTES).settled()).len(), 1);
    }
}
