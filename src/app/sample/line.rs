//! Lines of a batch, and the book that keeps a person's lines consistent: keys, names and versions. Knows the shape of
//! a line of `POST /v1/batches`, not what is told in it.

use crate::domain::time::LifeTime;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// The body of a line: its fields in the order in which they were told, so that the bytes depend on nothing else.
#[derive(Debug, Clone, PartialEq)]
pub struct Body(Vec<(&'static str, Value)>);

impl Body {
    /// A body that begins with when it happened in life.
    #[must_use]
    pub fn at(occurred_at: LifeTime) -> Self {
        Self(vec![("occurred_at", Value::from(occurred_at.to_string()))])
    }
    /// With one more field.
    #[must_use]
    pub fn with(mut self, field: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((field, value.into()));
        self
    }
    /// With one more field where there is something to say.
    #[must_use]
    pub fn with_some(self, field: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(field, value),
            None => self,
        }
    }
    /// The value of a field.
    #[must_use]
    pub fn field(&self, field: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| *name == field).map(|(_, value)| value)
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(field, value)| (field, value)))
    }
}

/// One line of a batch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SampleLine {
    /// The idempotency key: `sample/{seed}/{person}/{n}`, all counted from 1.
    pub key: String,
    /// What is done: an operation of the API.
    pub op: &'static str,
    /// The recording that it changes, as `@name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The version that the recording must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_match: Option<u64>,
    /// The name by which later lines of the same request know the recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is told.
    pub body: Body,
}

impl SampleLine {
    /// The line as it is sent: JSON without a line break.
    #[must_use]
    pub fn to_line(&self) -> String {
        #[expect(clippy::expect_used, reason = "maps with text keys, texts and whole numbers always have a JSON form")]
        serde_json::to_string(self).expect("a line has a JSON form")
    }
}

/// A recording of the book; stands for a stream of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recording {
    letter: char,
    number: u64,
    at: usize,
}

/// The lines of one person.
#[derive(Debug)]
pub struct Book {
    seed: u64,
    person: u64,
    lines: Vec<SampleLine>,
    /// The next version of each recording, in the order in which they were begun.
    versions: Vec<u64>,
    letters: Vec<(char, u64)>,
}

impl Book {
    /// An empty book.
    #[must_use]
    pub fn new(seed: u64, person: u64) -> Self {
        Self { seed, person, lines: Vec::with_capacity(32), versions: Vec::with_capacity(24), letters: Vec::new() }
    }

    /// The person's own recording, which every book begins with.
    pub const PERSON: Recording = Recording { letter: 'p', number: 0, at: 0 };

    /// How later lines refer to a recording: `@p17`, `@p17n1`.
    #[must_use]
    pub fn reference(&self, recording: Recording) -> String {
        format!("@{}", self.name(recording))
    }

    fn name(&self, recording: Recording) -> String {
        match recording.letter {
            'p' => format!("p{}", self.person),
            letter => format!("p{}{letter}{}", self.person, recording.number),
        }
    }

    /// Begins a recording, named by a letter of its kind and a count.
    pub fn create(&mut self, op: &'static str, letter: char, body: Body) -> Recording {
        let number = match self.letters.iter_mut().find(|(used, _)| *used == letter) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                self.letters.push((letter, 1));
                1
            }
        };
        let recording = Recording { letter, number, at: self.versions.len() };
        self.versions.push(1);
        let name = Some(self.name(recording));
        self.push(op, None, None, name, body);
        recording
    }

    /// Changes a recording as it stands.
    pub fn change(&mut self, op: &'static str, recording: Recording, body: Body) {
        let version = self.versions[recording.at];
        let id = Some(self.reference(recording));
        self.push(op, id, Some(version - 1), None, body);
        self.versions[recording.at] = version + 1;
    }

    /// Adds to a recording whatever its version; a version passes all the same.
    pub fn add(&mut self, op: &'static str, recording: Recording, body: Body) {
        let id = Some(self.reference(recording));
        self.push(op, id, None, None, body);
        self.versions[recording.at] += 1;
    }

    fn push(&mut self, op: &'static str, id: Option<String>, if_match: Option<u64>, name: Option<String>, body: Body) {
        let key = format!("sample/{}/{}/{}", self.seed, self.person, self.lines.len() + 1);
        self.lines.push(SampleLine { key, op, id, if_match, name, body });
    }

    /// How many lines there are so far.
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// The lines in the order in which they are to be sent.
    #[must_use]
    pub fn into_lines(self) -> Vec<SampleLine> {
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_count_every_event_of_a_recording() {
        let at = || Body::at(LifeTime::Year(2026));
        let mut book = Book::new(5, 17);
        assert_eq!(book.create("register_person", 'p', at()), Recording { number: 1, ..Book::PERSON });
        let narrative = book.create("record_narrative", 'n', at().with("person", book.reference(Book::PERSON)));
        book.change("amend_narrative", narrative, at());
        book.add("respond_to_narrative", narrative, at());
        book.change("withdraw_narrative", narrative, at());
        let lines: Vec<String> = book.into_lines().iter().map(SampleLine::to_line).collect();
        assert_eq!(
            lines,
            [
                r#"{"key":"sample/5/17/1","op":"register_person","name":"p17","body":{"occurred_at":"2026"}}"#,
                r#"{"key":"sample/5/17/2","op":"record_narrative","name":"p17n1","body":{"occurred_at":"2026","person":"@p17"}}"#,
                r#"{"key":"sample/5/17/3","op":"amend_narrative","id":"@p17n1","if_match":0,"body":{"occurred_at":"2026"}}"#,
                r#"{"key":"sample/5/17/4","op":"respond_to_narrative","id":"@p17n1","body":{"occurred_at":"2026"}}"#,
                r#"{"key":"sample/5/17/5","op":"withdraw_narrative","id":"@p17n1","if_match":2,"body":{"occurred_at":"2026"}}"#,
            ]
        );
    }
}
