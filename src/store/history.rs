//! What auditors ask of the log: events at their full envelope, along the one index that serves the question. Knows the
//! shape of the question and of the answer, and how columns become one; the statements are each store's own.

use crate::domain::event::{Class, Recorded};
use crate::domain::ids::{PersonId, StreamId};
use crate::domain::time::LifeTime;
use crate::ledger::{Hash, Leaf, PartName};
use crate::store::stored::{CoveredLeaves, EventColumns, PartColumns, digest_from, events_from, to_position};
use crate::store::{Head, Reach, StoreError};
use async_trait::async_trait;
use uuid::Uuid;

/// Along which index a history goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryPath {
    /// Everything within reach.
    All,
    /// One recording.
    Stream(StreamId),
    /// Everything that belongs to one person's record.
    Person(PersonId),
}

/// A page of a history, in the order of positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Whose.
    pub reach: Reach,
    /// Along which index.
    pub path: HistoryPath,
    /// From this position on.
    pub from: u64,
    /// Before this position.
    pub before: u64,
    /// As of this size of the log; `None` for now. The head that is answered is of that moment.
    pub as_of: Option<u64>,
    /// At most so many.
    pub limit: u32,
}

/// A part of an event, as far as it can be told without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPart {
    /// Its name, which the leaf commits to.
    pub name: String,
    /// Its class.
    pub class: Class,
    /// Whether its bytes are there; a part that the leaf names and that is not there was erased.
    pub is_there: bool,
}

/// An event with all that the log says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRecord {
    /// The event.
    pub event: Recorded,
    /// Whose record it belongs to; `None` for reference data.
    pub person: Option<PersonId>,
    /// When in life what its recording shows happened, once the event was folded.
    pub shown_at: LifeTime,
    /// Its place among its organisation's events, from 0.
    pub organisation_counter: u64,
    /// The hash of its leaf.
    pub leaf_hash: Hash,
    /// Its parts, by name.
    pub parts: Vec<HistoryPart>,
}

impl HistoryRecord {
    /// Whether its facts are there. An erasure of everything takes them, and with them whose it was and when in life.
    #[must_use]
    pub fn has_facts(&self) -> bool {
        self.parts.iter().all(|part| part.is_there || part.class != Class::Facts)
    }
}

/// Histories: a part of every store's contract.
#[async_trait]
pub trait HistoryStore: Send + Sync + 'static {
    /// A page of a history, with the head that the answer is complete to. Never beyond `as_of` or the head.
    async fn history(&self, query: &HistoryQuery) -> Result<(Head, Vec<HistoryRecord>), StoreError>;
}

/// An event's columns beside its envelope.
pub(super) struct HistoryColumns {
    pub envelope: EventColumns,
    pub organisation_counter: i64,
    pub leaf: Vec<u8>,
    pub leaf_hash: Vec<u8>,
    pub person: Option<Uuid>,
    pub shown_at: Option<String>,
}

/// A part's columns.
pub(super) struct HistoryPartColumns {
    pub position: i64,
    pub name: String,
    pub class: String,
    /// Empty where it is sealed.
    pub bytes: Vec<u8>,
}

/// Puts events and their parts, both in log order, together.
pub(super) fn history_from(
    columns: Vec<HistoryColumns>,
    parts: Vec<HistoryPartColumns>,
    covered: &CoveredLeaves,
) -> Result<Vec<HistoryRecord>, StoreError> {
    let mut envelopes = Vec::with_capacity(columns.len());
    let mut rest = Vec::with_capacity(columns.len());
    for columns in columns {
        let HistoryColumns { envelope, organisation_counter, leaf, leaf_hash, person, shown_at } = columns;
        envelopes.push(envelope);
        rest.push((organisation_counter, leaf, leaf_hash, person, shown_at));
    }
    let (mut names, mut contents) = (Vec::with_capacity(parts.len()), Vec::with_capacity(parts.len()));
    for part in parts {
        let HistoryPartColumns { position, name, class, bytes } = part;
        names.push((to_position(position)?, name, class.clone()));
        contents.push(PartColumns { position, class, bytes });
    }
    let mut names = names.into_iter().peekable();
    let mut records = Vec::with_capacity(envelopes.len());
    for (event, (counter, leaf, leaf_hash, person, shown_at)) in
        events_from(envelopes, contents, covered)?.into_iter().zip(rest)
    {
        let position = event.position;
        let corrupt = |detail: &str| StoreError::Corrupt { position, detail: detail.to_owned() };
        while names.peek().is_some_and(|(at, _, _)| *at < position) {
            names.next();
        }
        let mut there = Vec::new();
        while let Some((_, name, class)) = names.next_if(|(at, _, _)| *at == position) {
            let class = Class::from_stored(&class).ok_or_else(|| corrupt("a part is of no known class"))?;
            there.push(HistoryPart { name, class, is_there: true });
        }
        let leaf = Leaf::parse(&leaf).map_err(|_| corrupt("its leaf cannot be read"))?;
        let shown_at = match shown_at {
            Some(text) => text.parse().map_err(|_| corrupt("its row's time in life cannot be read"))?,
            None => event.header.occurred_at,
        };
        records.push(HistoryRecord {
            parts: with_erased(&leaf, there),
            organisation_counter: to_position(counter)?,
            leaf_hash: Hash::new(digest_from(&leaf_hash)?),
            person: person.map(PersonId),
            shown_at,
            event,
        });
    }
    Ok(records)
}

/// The parts that the leaf names, by name, whether they are there or not; then those that it does not name, which can
/// only have been put there.
fn with_erased(leaf: &Leaf, mut there: Vec<HistoryPart>) -> Vec<HistoryPart> {
    for (name, _) in &leaf.parts {
        if !there.iter().any(|part| part.name == name.as_str()) {
            there.push(HistoryPart { name: name.as_str().to_owned(), class: class_of(name), is_there: false });
        }
    }
    there.sort_by(|one, other| one.name.cmp(&other.name));
    there
}

/// The class of a part that is not there any more, by its name: what is written under each name is fixed.
fn class_of(name: &PartName) -> Class {
    match name.as_str() {
        "facts" => Class::Facts,
        "index" => Class::Index,
        "words" => Class::Words,
        _ => Class::Identity,
    }
}
