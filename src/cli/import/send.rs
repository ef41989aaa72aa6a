//! Sending: lines go out in waves, and each comes back with its fate.
//!
//! A line waits until everything that it refers to is recorded, so it always carries real ids. Names within a request
//! would save a few requests, but then the body of a line would depend on what else stood in its request, and a second
//! run that is cut differently would look like a key reused with another body. Knows the port to the service and
//! nothing of any source format.

use super::intake::{Line, REFERENCE_FIELDS};
use crate::cli::http_client::{BatchAnswer, Client, ClientError, FoundPerson};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::future::Future;

/// The most lines of one request; the service takes 10,000.
pub const CHUNK_MAX_LINES: usize = 500;
/// The most bytes of one request beyond its first line; the service takes 64 MiB.
pub const CHUNK_MAX_BYTES: usize = 4 * 1024 * 1024;

/// What sending needs of the service.
pub trait BatchPort {
    /// Records lines and answers each, in order.
    fn post_batch(&self, lines: &[String]) -> impl Future<Output = Result<Vec<BatchAnswer>, ClientError>>;
    /// Finds people by an identifier.
    fn search_person(&self, system: &str, value: &str) -> impl Future<Output = Result<Vec<FoundPerson>, ClientError>>;
}

impl BatchPort for Client {
    async fn post_batch(&self, lines: &[String]) -> Result<Vec<BatchAnswer>, ClientError> {
        Self::post_batch(self, lines).await
    }

    async fn search_person(&self, system: &str, value: &str) -> Result<Vec<FoundPerson>, ClientError> {
        Self::search_person(self, system, value).await
    }
}

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Recorded, now or by an earlier run.
    Recorded {
        /// The recording.
        id: String,
        /// Whether an earlier run had recorded it.
        repeated: bool,
    },
    /// A person who was already registered by one of the identifiers; what the source says of their name and birth is
    /// not recorded.
    Found {
        /// The person.
        id: String,
    },
    /// The service refused it.
    Refused {
        /// Its reason.
        reason: String,
    },
    /// It was not sent.
    NotSent {
        /// Why.
        reason: String,
    },
    /// Nothing is sent in a dry run.
    DryRun,
}

/// The fates of all lines, in order, and what stopped the sending before its end.
#[derive(Debug)]
pub struct Sent {
    /// One a line.
    pub fates: Vec<Fate>,
    /// Why it ended early.
    pub stopped: Option<ClientError>,
}

/// Sends all lines; `advance` hears how many more are settled.
///
/// Where a request fails for good the lines that have no fate yet are not sent, and the error comes with the fates.
pub async fn send<P: BatchPort>(port: &P, lines: &[Line], advance: impl Fn(u64)) -> Sent {
    let mut sending = Sending { port, lines, fates: vec![None; lines.len()], ids: HashMap::new(), advance };
    let stopped = sending.run().await.err();
    let fates = sending
        .fates
        .into_iter()
        .map(|fate| fate.unwrap_or_else(|| Fate::NotSent { reason: "the import ended before it".to_owned() }))
        .collect();
    Sent { fates, stopped }
}

/// The people who have these identifiers of one system, by the identifier. Who is not there, or not within reach, is left
/// out.
///
/// # Errors
/// Where the service cannot be asked.
pub async fn find_known<P: BatchPort>(
    port: &P,
    system: &str,
    values: impl IntoIterator<Item = String>,
) -> Result<HashMap<String, String>, ClientError> {
    let mut known = HashMap::new();
    for value in values {
        match port.search_person(system, &value).await {
            Ok(people) => known.extend(people.into_iter().next().map(|person| (value, person.id))),
            // An identifier that cannot be right finds nobody.
            Err(ClientError::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(known)
}

struct Sending<'a, P, A> {
    port: &'a P,
    lines: &'a [Line],
    fates: Vec<Option<Fate>>,
    /// What is known of each name: an id, or that there will never be one.
    ids: HashMap<&'a str, Option<String>>,
    advance: A,
}

impl<'a, P: BatchPort, A: Fn(u64)> Sending<'a, P, A> {
    async fn run(&mut self) -> Result<(), ClientError> {
        loop {
            let (ready, hopeless) = self.next_wave();
            for &at in &hopeless {
                let reason = "something that it rests on was refused".to_owned();
                self.settle(at, Fate::NotSent { reason }, None);
            }
            if ready.is_empty() && hopeless.is_empty() {
                return Ok(());
            }
            for (chunk, texts) in self.chunks(&ready) {
                let answers = self.port.post_batch(&texts).await?;
                for (at, answer) in chunk.into_iter().zip(answers) {
                    self.take_answer(at, answer).await?;
                }
            }
        }
    }

    /// The lines whose references are all known, and those of which one will never be.
    fn next_wave(&self) -> (Vec<usize>, Vec<usize>) {
        let (mut ready, mut hopeless) = (Vec::new(), Vec::new());
        for (at, line) in self.lines.iter().enumerate().filter(|(at, _)| self.fates[*at].is_none()) {
            let known: Vec<_> = line.references().map(|name| self.ids.get(name)).collect();
            if known.iter().any(|id| matches!(id, Some(None))) {
                hopeless.push(at);
            } else if known.iter().all(Option::is_some) {
                ready.push(at);
            }
        }
        (ready, hopeless)
    }

    fn chunks(&self, ready: &[usize]) -> Vec<(Vec<usize>, Vec<String>)> {
        let mut chunks: Vec<(Vec<usize>, Vec<String>)> = Vec::new();
        let mut bytes = 0;
        for &at in ready {
            let text = self.text(&self.lines[at]);
            bytes += text.len();
            match chunks.last_mut() {
                Some((places, texts)) if places.len() < CHUNK_MAX_LINES && bytes <= CHUNK_MAX_BYTES => {
                    places.push(at);
                    texts.push(text);
                }
                _ => {
                    bytes = text.len();
                    chunks.push((vec![at], vec![text]));
                }
            }
        }
        chunks
    }

    /// The line as it is sent, with ids in place of names.
    fn text(&self, line: &Line) -> String {
        let id_of = |value: &Value| match value.as_str().and_then(|text| text.strip_prefix('@')) {
            Some(name) => self.ids.get(name).cloned().flatten().map_or_else(|| value.clone(), Value::String),
            None => value.clone(),
        };
        let mut body: Map<String, Value> = line.body.clone();
        for field in REFERENCE_FIELDS {
            if let Some(value) = body.get_mut(field) {
                *value = match value {
                    Value::Array(items) => Value::Array(items.iter().map(id_of).collect()),
                    ref single => id_of(single),
                };
            }
        }
        json!({ "key": line.key, "op": line.op, "body": body }).to_string()
    }

    async fn take_answer(&mut self, at: usize, answer: BatchAnswer) -> Result<(), ClientError> {
        if let Some(id) = answer.id.clone().filter(|_| answer.is_recorded()) {
            self.settle(at, Fate::Recorded { id: id.clone(), repeated: answer.repeated }, Some(id));
            return Ok(());
        }
        let reason = answer.problem.unwrap_or_default().to_string();
        if answer.status == 429 || answer.status >= 500 {
            let reason = format!("the service could not record it now ({reason}): run the same command again");
            self.settle(at, Fate::NotSent { reason }, None);
            return Ok(());
        }
        // Only a conflict or a body that is not accepted leaves the question whether the person is there already.
        let may_be_there = self.lines[at].op == "register_person" && matches!(answer.status, 409 | 422);
        let found = if may_be_there { self.find_person(at).await? } else { None };
        match found {
            // Their identifier was taken: they are there already, and this is no refusal.
            Some(id) if answer.status == 409 => self.settle(at, Fate::Found { id: id.clone() }, Some(id)),
            // Refused for another reason, but what else the source knows of them can still be placed.
            found => self.settle(at, Fate::Refused { reason }, found),
        }
        Ok(())
    }

    /// The one person whom the identifiers of a refused registration name, where that is safe to say: nobody else is
    /// named by one of them, no other line of this import registered that person, and the dates of birth do not differ.
    async fn find_person(&self, at: usize) -> Result<Option<String>, ClientError> {
        let body = &self.lines[at].body;
        let mut found: Option<FoundPerson> = None;
        for identifier in body.get("identifiers").and_then(Value::as_array).into_iter().flatten() {
            let text = |field: &str| identifier.get(field).and_then(Value::as_str).unwrap_or_default();
            let people = match self.port.search_person(text("system"), text("value")).await {
                Ok(people) => people,
                // An identifier that cannot be right finds nobody; the refusal already says so.
                Err(ClientError::Refused { .. }) => continue,
                Err(error) => return Err(error),
            };
            for person in people {
                match &found {
                    Some(before) if before.id != person.id => return Ok(None),
                    _ => found = Some(person),
                }
            }
        }
        Ok(found.filter(|person| self.may_be_the_same(body, person)).map(|person| person.id))
    }

    fn may_be_the_same(&self, body: &Map<String, Value>, person: &FoundPerson) -> bool {
        let birth = body.get("birth_date").and_then(Value::as_str);
        let differs = birth.zip(person.birth_date.as_deref()).is_some_and(|(source, held)| source != held);
        let registered_here = self.ids.values().flatten().any(|id| *id == person.id);
        !differs && !registered_here
    }

    fn settle(&mut self, at: usize, fate: Fate, id: Option<String>) {
        self.fates[at] = Some(fate);
        self.ids.insert(self.lines[at].name.as_str(), id);
        (self.advance)(1);
    }
}

#[cfg(test)]
mod tests;
