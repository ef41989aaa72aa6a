//! What an append does, decided once for both databases: which items are rejected, which positions, leaves, parts and
//! rows the others get. Pure: a store reads what [`wanted`] asks for, calls [`plan`], and writes the [`Plan`].

use crate::domain::event::Recorded;
use crate::domain::ids::{OrganisationCode, StreamId};
use crate::domain::resource::Resource;
use crate::domain::time::Timestamp;
use crate::ledger::{CompletedSubtree, Frontier, Hash, Leaf, leaf_hash};
use crate::projections::{Row, RowKey, fold};
use crate::store::{Appended, Expected, Group, Head, KeptAnswer, NewAppend, NewPart, OPEN_END, Rejection, StoreError};
use std::collections::{BTreeSet, HashMap};

/// What a store must read, inside its transaction and after locking the head, before planning.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Streams whose current rows are needed.
    pub streams: Vec<StreamId>,
    /// Idempotency digests to look up.
    pub digests: Vec<[u8; 32]>,
    /// Organisations whose counters are needed.
    pub organisations: Vec<OrganisationCode>,
    /// Keys that must be free, with their organisation.
    pub keys: Vec<(OrganisationCode, RowKey)>,
}

/// A key within its organisation.
type HeldKey = (OrganisationCode, RowKey);

/// What the store read.
#[derive(Debug, Default)]
pub struct Known {
    /// Current rows.
    pub rows: HashMap<StreamId, Row>,
    /// Answers kept under idempotency digests.
    pub answers: HashMap<[u8; 32], KeptAnswer>,
    /// The next counter of each organisation.
    pub counters: HashMap<OrganisationCode, u64>,
    /// Who holds a key now.
    pub holders: HashMap<(OrganisationCode, RowKey), StreamId>,
}

/// One event as it is to be written.
#[derive(Debug)]
pub struct PlannedEvent<'a> {
    /// Its position.
    pub position: u64,
    /// Its version in the stream.
    pub version: u64,
    /// Its number within its organisation.
    pub organisation_counter: u64,
    /// Its leaf, verbatim.
    pub leaf: Vec<u8>,
    /// The leaf's hash.
    pub leaf_hash: Hash,
    /// What was asked for.
    pub item: &'a NewAppend,
}

/// Everything that one transaction writes.
#[derive(Debug)]
pub struct Plan<'a> {
    /// Events in order of position.
    pub events: Vec<PlannedEvent<'a>>,
    /// Rows that cease to be true, each with the position at which it does.
    pub closed: Vec<(StreamId, u64)>,
    /// New rows with the position at which each ends ([`OPEN_END`] while it is true).
    pub rows: Vec<(Row, u64)>,
    /// Perfect subtrees that were completed.
    pub subtrees: Vec<CompletedSubtree>,
    /// The head afterwards.
    pub head: Head,
    /// When the batch is recorded.
    pub recorded_at: Timestamp,
    /// The answer of each item of each group.
    pub answers: Vec<Vec<Result<Appended, Rejection>>>,
}

impl Plan<'_> {
    /// The parts of an event with their ordinals.
    pub fn parts<'b>(event: &PlannedEvent<'b>) -> impl Iterator<Item = (u64, &'b NewPart)> + use<'b> {
        (0u64..).zip(event.item.event.parts.iter())
    }
}

/// What must be read for these groups.
#[must_use]
pub fn wanted(groups: &[Group]) -> Wanted {
    let mut streams = BTreeSet::new();
    let mut organisations = BTreeSet::new();
    let mut wanted = Wanted::default();
    for item in groups.iter().flat_map(|group| &group.items) {
        // A stream that should be new is looked for as well: if it is there after all, its item alone is rejected.
        streams.insert(item.stream);
        streams.extend(item.about.map(|about| StreamId::from(about.person)));
        organisations.insert(&item.organisation);
        wanted.digests.extend(item.key.map(|key| key.digest));
        wanted.keys.extend(item.must_be_free.iter().map(|key| (item.organisation.clone(), key.clone())));
    }
    wanted.streams = streams.into_iter().collect();
    wanted.organisations = organisations.into_iter().cloned().collect();
    wanted
}

/// Decides what to write.
///
/// # Errors
/// [`StoreError::Corrupt`] only where the tree can take no more leaves.
pub fn plan<'a>(groups: &'a [Group], head: &Head, known: Known, now: Timestamp) -> Result<Plan<'a>, StoreError> {
    let frontier = head.frontier.clone().unwrap_or_default();
    // Strictly after the last batch, so that an instant that has passed never gains events.
    let recorded_at = now.max(head.recorded_at.plus_micros(1));
    let keys_matter = groups.iter().flat_map(|group| &group.items).any(|item| !item.must_be_free.is_empty());
    let state = State::default();
    let mut planner = Planner { known, frontier, recorded_at, size: head.size, state, group_start: 0, keys_matter };
    let mut answers = Vec::with_capacity(groups.len());
    for group in groups {
        answers.push(planner.group(group)?);
    }
    let Planner { frontier, size, state, .. } = planner;
    let changed = size > head.size;
    Ok(Plan {
        events: state.events,
        closed: state.closed,
        rows: state.rows,
        subtrees: state.subtrees,
        head: Head {
            size,
            recorded_at: if changed { recorded_at } else { head.recorded_at },
            generation: head.generation,
            frontier: Some(frontier),
        },
        recorded_at,
        answers,
    })
}

#[derive(Default)]
struct State<'a> {
    events: Vec<PlannedEvent<'a>>,
    closed: Vec<(StreamId, u64)>,
    rows: Vec<(Row, u64)>,
    row_of: HashMap<StreamId, usize>,
    subtrees: Vec<CompletedSubtree>,
}

struct Planner<'a> {
    known: Known,
    frontier: Frontier,
    recorded_at: Timestamp,
    size: u64,
    state: State<'a>,
    /// How many rows there were when the group that is being planned began.
    group_start: usize,
    /// Whether any item asks for free keys, so that the keys of new rows must be remembered.
    keys_matter: bool,
}

/// What the items of an atomic group would do, were they planned.
#[derive(Default)]
struct Trial {
    rows: HashMap<StreamId, Row>,
    answers: HashMap<[u8; 32], [u8; 32]>,
    holders: HashMap<HeldKey, StreamId>,
}

impl Trial {
    fn add(&mut self, item: &NewAppend, row: Row) {
        self.answers.extend(item.key.map(|key| (key.digest, key.fingerprint)));
        self.holders.extend(row.keys().into_iter().map(|key| ((row.organisation.clone(), key), row.id)));
        self.rows.insert(row.id, row);
    }
}

impl<'a> Planner<'a> {
    fn group(&mut self, group: &'a Group) -> Result<Vec<Result<Appended, Rejection>>, StoreError> {
        if group.atomic && group.items.len() > 1 && !self.all_would_pass(group) {
            return Ok(self.explain(group));
        }
        self.group_start = self.state.rows.len();
        let mut answers = Vec::with_capacity(group.items.len());
        for item in &group.items {
            answers.push(self.item(item)?);
        }
        Ok(answers)
    }

    /// A dry run of an atomic group on copies of what it would change.
    fn all_would_pass(&self, group: &Group) -> bool {
        self.dry_run(group).iter().all(Option::is_none)
    }

    fn explain(&self, group: &Group) -> Vec<Result<Appended, Rejection>> {
        self.dry_run(group).into_iter().map(|rejection| Err(rejection.unwrap_or(Rejection::GroupRejected))).collect()
    }

    fn dry_run(&self, group: &Group) -> Vec<Option<Rejection>> {
        let mut trial = Trial::default();
        let mut position = self.size;
        let mut rejections = Vec::with_capacity(group.items.len());
        for item in &group.items {
            rejections.push(match self.try_out(item, &trial, position) {
                Ok(Some(row)) => {
                    trial.add(item, row);
                    position += 1;
                    None
                }
                Ok(None) => None,
                Err(rejection) => Some(rejection),
            });
        }
        rejections
    }

    /// The row that an item would make; `None` where it would be a repeat.
    fn try_out(&self, item: &NewAppend, trial: &Trial, position: u64) -> Result<Option<Row>, Rejection> {
        if let Some(key) = item.key
            && let Some(fingerprint) = trial.answers.get(&key.digest)
        {
            return if *fingerprint == key.fingerprint { Ok(None) } else { Err(Rejection::KeyReused) };
        }
        if let Some(answer) = self.repeated(item) {
            return answer.map(|_| None);
        }
        let current = trial.rows.get(&item.stream).or_else(|| self.current_row(item.stream));
        let holder = |key: &HeldKey| trial.holders.get(key).or_else(|| self.known.holders.get(key)).copied();
        Self::check(item, current, |stream| trial.rows.contains_key(stream), holder)?;
        Self::admits(item, |person| trial.rows.get(&person).or_else(|| self.current_row(person)))?;
        let row = self.fold(item, current.cloned(), position)?;
        // Only whether it can be written: the counter that it will get depends on what else is appended.
        self.leaf(item, position, row.version, self.next_counter(item))?;
        Ok(Some(row))
    }

    fn next_counter(&self, item: &NewAppend) -> u64 {
        self.known.counters.get(&item.organisation).copied().unwrap_or(0)
    }

    /// What cannot be proved is not stored: an event whose leaf cannot be written is rejected, and it alone.
    fn leaf(&self, item: &NewAppend, position: u64, version: u64, counter: u64) -> Result<Vec<u8>, Rejection> {
        let leaf = Leaf {
            position,
            event: item.event.id,
            recorded_at_micros: self.recorded_at.micros(),
            organisation: item.organisation.clone(),
            organisation_counter: counter,
            stream: item.stream,
            version,
            event_type: item.event.facts.name().into(),
            schema: item.event.facts.schema(),
            parts: item.event.parts.iter().map(|part| (part.name.clone(), part.commitment)).collect(),
        };
        leaf.encode()
            .map_err(|error| Rejection::CannotFollow { detail: format!("its leaf cannot be written: {error}") })
    }

    fn item(&mut self, item: &'a NewAppend) -> Result<Result<Appended, Rejection>, StoreError> {
        if let Some(answer) = self.repeated(item) {
            return Ok(answer);
        }
        let current = self.current_row(item.stream);
        let made = |stream: &StreamId| self.state.row_of.get(stream).is_some_and(|at| *at >= self.group_start);
        let holder = |key: &HeldKey| self.known.holders.get(key).copied();
        let position = self.size;
        let organisation_counter = self.next_counter(item);
        let planned = Self::check(item, current, made, holder)
            .and_then(|()| Self::admits(item, |person| self.current_row(person)))
            .and_then(|()| self.fold(item, current.cloned(), position))
            .and_then(|row| Ok((self.leaf(item, position, row.version, organisation_counter)?, row)));
        let (leaf, row) = match planned {
            Ok(planned) => planned,
            Err(rejection) => return Ok(Err(rejection)),
        };
        let version = row.version;
        self.known.counters.insert(item.organisation.clone(), organisation_counter + 1);
        let leaf_hash = leaf_hash(&leaf);
        let completed = self
            .frontier
            .push(leaf_hash)
            .map_err(|error| StoreError::Corrupt { position, detail: error.to_string() })?;
        self.state.subtrees.extend(completed);
        self.place(row, position);
        let answer =
            Appended { position, stream: item.stream, version, recorded_at: self.recorded_at, repeated: false };
        if let Some(key) = item.key {
            let kept = KeptAnswer {
                fingerprint: key.fingerprint,
                position,
                stream: item.stream,
                version,
                recorded_at: self.recorded_at,
            };
            self.known.answers.insert(key.digest, kept);
        }
        self.state.events.push(PlannedEvent { position, version, organisation_counter, leaf, leaf_hash, item });
        self.size += 1;
        Ok(Ok(answer))
    }

    /// Files a row and ends the one before it.
    fn place(&mut self, row: Row, position: u64) {
        if self.keys_matter {
            self.known.holders.extend(row.keys().into_iter().map(|key| ((row.organisation.clone(), key), row.id)));
        }
        match self.state.row_of.get(&row.id).and_then(|at| self.state.rows.get_mut(*at)) {
            Some((_, end)) => *end = position,
            None if self.known.rows.contains_key(&row.id) => self.state.closed.push((row.id, position)),
            None => {}
        }
        self.state.row_of.insert(row.id, self.state.rows.len());
        self.state.rows.push((row, OPEN_END));
    }

    fn current_row(&self, stream: StreamId) -> Option<&Row> {
        self.state
            .row_of
            .get(&stream)
            .and_then(|at| self.state.rows.get(*at))
            .map(|(row, _)| row)
            .or_else(|| self.known.rows.get(&stream))
    }

    fn repeated(&self, item: &NewAppend) -> Option<Result<Appended, Rejection>> {
        let key = item.key?;
        let kept = self.known.answers.get(&key.digest)?;
        Some(if kept.fingerprint == key.fingerprint { Ok(kept.appended()) } else { Err(Rejection::KeyReused) })
    }

    /// Whether the person that an item is recorded on admits it now: an erasure may have come first.
    fn admits<'r>(item: &NewAppend, row_of: impl Fn(StreamId) -> Option<&'r Row>) -> Result<(), Rejection> {
        let Some(about) = item.about else { return Ok(()) };
        match row_of(about.person.into()).map(|row| &row.resource) {
            Some(Resource::Person(person)) => {
                person.admits(&item.event.facts, about.sealed_with).map_err(Rejection::Barred)
            }
            _ => Ok(()),
        }
    }

    fn check(
        item: &NewAppend,
        current: Option<&Row>,
        exists: impl Fn(&StreamId) -> bool,
        holder: impl Fn(&HeldKey) -> Option<StreamId>,
    ) -> Result<(), Rejection> {
        let version = current.filter(|row| row.organisation == item.organisation).map(|row| row.version);
        let as_expected = match item.expected {
            Expected::New => current.is_none(),
            Expected::Version(expected) => version == Some(expected),
        };
        if !as_expected {
            return Err(Rejection::VersionConflict { current: version });
        }
        if let Some(stream) = item.needs.iter().find(|stream| !exists(stream)) {
            return Err(Rejection::NeedsRejected { stream: *stream });
        }
        let mut holders = item.must_be_free.iter().filter_map(|key| holder(&(item.organisation.clone(), key.clone())));
        match holders.find(|holder| *holder != item.stream) {
            Some(holder) => Err(Rejection::Taken { holder }),
            None => Ok(()),
        }
    }

    fn fold(&self, item: &NewAppend, current: Option<Row>, position: u64) -> Result<Row, Rejection> {
        let version = current.as_ref().map_or(0, |row| row.version + 1);
        let event = &item.event;
        let mut sealed: Vec<_> = event.parts.iter().map(|part| part.class).filter(|class| class.is_sealed()).collect();
        sealed.dedup();
        let recorded = Recorded {
            position,
            event: event.id,
            stream: item.stream,
            version,
            organisation: item.organisation.clone(),
            recorded_at: self.recorded_at,
            header: event.header.clone(),
            facts: event.facts.clone(),
            index: event.index.clone(),
            sealed,
            erased: Vec::new(),
        };
        fold(current, &recorded).map_err(|error| Rejection::CannotFollow { detail: error.to_string() })
    }
}

impl KeptAnswer {
    /// The answer to a repeat.
    #[must_use]
    pub const fn appended(&self) -> Appended {
        Appended {
            position: self.position,
            stream: self.stream,
            version: self.version,
            recorded_at: self.recorded_at,
            repeated: true,
        }
    }
}
