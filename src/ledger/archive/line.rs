//! One event in one line, and one checkpoint in one line: canonical JSON (RFC 8785), in one spelling. The reader writes what it
//! read again and compares, so that a line that was altered without changing its meaning is refused, too.

use super::observed::{Columns, Observed, ObservedPart, PartState};
use crate::domain::event::Class;
use crate::domain::personal::Personal;
use crate::domain::time::Timestamp;
use crate::ledger::Salt;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A line that cannot be written, or bytes that are no line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Not the JSON of an event.
    #[error("it is not the JSON of an event")]
    Unreadable,
    /// The JSON of an event in another spelling.
    #[error("it is not written in its one form")]
    Form,
    /// The event holds something that no line can say.
    #[error("the event holds something that cannot be written: {0}")]
    Unwritable(&'static str),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    event_id: Uuid,
    leaf: String,
    name: String,
    organisation: String,
    organisation_counter: u64,
    parts: Vec<PartLine>,
    position: u64,
    recorded_at: Timestamp,
    schema_version: u32,
    stream: Uuid,
    version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Clear,
    Sealed,
    Open,
    Erased,
    Missing,
    Keyless,
    Unavailable,
    Tampered,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartLine {
    /// Base64: of sealed bytes, or of a content that is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    class: Option<Class>,
    /// The exact text of a part in the clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_id: Option<Uuid>,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<Uuid>,
}

/// An event to be written, or as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLine(Observed);

impl EventLine {
    /// The line of an event, with its line end.
    ///
    /// # Errors
    /// [`LineError::Unwritable`] where a column or the leaf is no text that a line can hold.
    pub fn write(observed: &Observed) -> Result<Vec<u8>, LineError> {
        if let Some(column) = observed.unreadable.first() {
            return Err(LineError::Unwritable(column));
        }
        let columns = &observed.columns;
        let line = Line {
            event_id: columns.event,
            leaf: String::from_utf8(observed.leaf.clone()).map_err(|_| LineError::Unwritable("leaf"))?,
            name: columns.name.clone(),
            organisation: columns.organisation.clone(),
            organisation_counter: columns.organisation_counter,
            parts: observed.parts.iter().map(part_line).collect::<Result<_, _>>()?,
            position: columns.position,
            recorded_at: columns.recorded_at,
            schema_version: columns.schema_version,
            stream: columns.stream,
            version: columns.version,
        };
        let mut bytes = serde_json_canonicalizer::to_vec(&line).map_err(|_| LineError::Unwritable("a number"))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads a line with its line end.
    ///
    /// # Errors
    /// For every other bytes than [`EventLine::write`] writes for some event.
    pub fn read(bytes: &[u8]) -> Result<Observed, LineError> {
        let line: Line = serde_json::from_slice(bytes).map_err(|_| LineError::Unreadable)?;
        let observed = Observed {
            columns: Columns {
                position: line.position,
                event: line.event_id,
                stream: line.stream,
                version: line.version,
                organisation: line.organisation,
                organisation_counter: line.organisation_counter,
                recorded_at: line.recorded_at,
                name: line.name,
                schema_version: line.schema_version,
            },
            unreadable: Vec::new(),
            leaf: line.leaf.into_bytes(),
            parts: line.parts.into_iter().map(observed_part).collect::<Result<_, _>>()?,
        };
        if Self::write(&observed)? == bytes { Ok(observed) } else { Err(LineError::Form) }
    }
}

fn part_line(part: &ObservedPart) -> Result<PartLine, LineError> {
    let mut line = PartLine {
        bytes: None,
        class: part.class,
        content: None,
        key_id: part.key_id,
        name: part.name.clone(),
        salt: None,
        state: State::Missing,
        subject: part.subject,
    };
    match &part.state {
        PartState::Clear { bytes, salt } | PartState::Open { bytes, salt } => {
            line.state = if matches!(part.state, PartState::Clear { .. }) { State::Clear } else { State::Open };
            line.salt = Some(STANDARD.encode(salt.expose()));
            match std::str::from_utf8(bytes.expose()) {
                Ok(text) => line.content = Some(text.to_owned()),
                Err(_) => line.bytes = Some(STANDARD.encode(bytes.expose())),
            }
        }
        PartState::Sealed { bytes } => {
            line.state = State::Sealed;
            line.bytes = Some(STANDARD.encode(bytes));
        }
        PartState::Erased => line.state = State::Erased,
        PartState::Missing => {}
        PartState::Keyless => line.state = State::Keyless,
        PartState::Unavailable => line.state = State::Unavailable,
        PartState::Tampered => line.state = State::Tampered,
        PartState::Unsalted => return Err(LineError::Unwritable("a part in the clear without its salt")),
    }
    Ok(line)
}

fn observed_part(line: PartLine) -> Result<ObservedPart, LineError> {
    let decode = |text: &str| STANDARD.decode(text).map_err(|_| LineError::Unreadable);
    let content = match (line.content, line.bytes) {
        (Some(text), None) => Some(text.into_bytes()),
        (None, Some(base64)) => Some(decode(&base64)?),
        (None, None) => None,
        (Some(_), Some(_)) => return Err(LineError::Unreadable),
    };
    let salt = line.salt.map(|text| decode(&text)).transpose()?;
    let salt = salt.map(|salt| salt.try_into().map(Salt::new).map_err(|_| LineError::Unreadable)).transpose()?;
    let state = match (line.state, content, salt) {
        (State::Clear, Some(bytes), Some(salt)) => PartState::Clear { bytes: Personal::new(bytes), salt },
        (State::Open, Some(bytes), Some(salt)) => PartState::Open { bytes: Personal::new(bytes), salt },
        (State::Sealed, Some(bytes), None) => PartState::Sealed { bytes },
        (State::Erased, None, None) => PartState::Erased,
        (State::Missing, None, None) => PartState::Missing,
        (State::Keyless, None, None) => PartState::Keyless,
        (State::Unavailable, None, None) => PartState::Unavailable,
        (State::Tampered, None, None) => PartState::Tampered,
        _ => return Err(LineError::Unreadable),
    };
    Ok(ObservedPart {
        name: line.name,
        class: line.class,
        subject: line.subject,
        key_id: line.key_id,
        ordinal: None,
        owner: None,
        state,
    })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointLine {
    note: String,
}

/// The line of a checkpoint's note, with its line end.
///
/// # Errors
/// Where JSON cannot be written.
pub fn write_checkpoint_line(note: &str) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json_canonicalizer::to_vec(&CheckpointLine { note: note.to_owned() })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The note of a line with its line end; `None` for every other bytes than [`write_checkpoint_line`] writes.
#[must_use]
pub fn read_checkpoint_line(bytes: &[u8]) -> Option<String> {
    let CheckpointLine { note } = serde_json::from_slice(bytes).ok()?;
    (write_checkpoint_line(&note).ok()? == bytes).then_some(note)
}

#[cfg(test)]
mod tests {
    use super::super::examples_test::event;
    use super::*;

    #[test]
    fn a_line_reads_back_as_its_event_and_no_changed_one_does() {
        let mut observed = event(3);
        let part = |state| ObservedPart { state, ordinal: None, ..observed.parts[0].clone() };
        let states = [
            PartState::Sealed { bytes: vec![0, 159, 146, 150] },
            PartState::Open { bytes: Personal::new(vec![0xff, 0xfe]), salt: Salt::new([3; 32]) },
            PartState::Erased,
            PartState::Missing,
            PartState::Keyless,
            PartState::Unavailable,
            PartState::Tampered,
        ];
        let more: Vec<_> = states.into_iter().map(part).collect();
        observed.parts.extend(more);
        let line = EventLine::write(&observed).unwrap();
        assert_eq!(EventLine::read(&line), Ok(observed.clone()));
        for place in 0..line.len() {
            for bit in 0..8 {
                let mut changed = line.clone();
                changed[place] ^= 1 << bit;
                assert_ne!(EventLine::read(&changed), Ok(observed.clone()), "bit {bit} of byte {place}");
            }
        }
        let text = String::from_utf8(line).unwrap();
        for other in [text.trim_end().to_owned(), text.replace(",\"leaf\"", ", \"leaf\""), format!(" {text}")] {
            assert!(EventLine::read(other.as_bytes()).is_err());
        }
    }

    #[test]
    fn what_no_line_can_say_is_not_written() {
        let mut observed = event(0);
        observed.unreadable = vec!["stream"];
        assert_eq!(EventLine::write(&observed), Err(LineError::Unwritable("stream")));
        let mut observed = event(0);
        observed.parts[0].state = PartState::Unsalted;
        assert!(EventLine::write(&observed).is_err());
    }

    #[test]
    fn a_checkpoint_has_one_line() {
        let line = write_checkpoint_line("a\n1\nx\n\n\u{2014} k s\n").unwrap();
        assert_eq!(read_checkpoint_line(&line).as_deref(), Some("a\n1\nx\n\n\u{2014} k s\n"));
        assert_eq!(read_checkpoint_line(&line[..line.len() - 1]), None);
    }
}
