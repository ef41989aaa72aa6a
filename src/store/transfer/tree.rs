//! The trees over events and accesses that travel: leaves, their hashes, the stored subtrees, the heads and the checkpoints must
//! belong together.
//!
//! The essential of a verification, done on the rows themselves, so that a file is checked before any of it is loaded. Not looked
//! at here: whether events' parts are those that the leaves commit to, and whether checkpoints are signed.

use crate::ledger::{Checkpoint, Frontier, Hash, Leaf, leaf_hash};
use crate::store::transfer::accesses::AccessCheck;
use crate::store::transfer::signed::SignedRoots;
use crate::transfer::{Row, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Something that does not belong together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{log}, position {position}: {what}")]
pub struct TreeWrong {
    /// In which log.
    pub log: &'static str,
    /// Where.
    pub position: u64,
    /// What.
    pub what: &'static str,
}

/// What is said of each log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EachLog<T> {
    /// What happened.
    pub outcomes: T,
    /// Who was shown whose data.
    pub accesses: T,
}

/// A log that was found whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFound {
    /// How many leaves it has.
    pub size: u64,
    /// The root of its tree.
    pub root: Hash,
    /// How many checkpoints of the table were held against it.
    pub checkpoints: u64,
    /// The size of the greatest checkpoint kept apart that it does not come to.
    pub signed_beyond: Option<u64>,
}

/// What its log is called where something is wrong.
const LOG: &str = "the log of events";

/// Takes rows of [`TABLES`](super::TABLES) in their order, one group after the other.
pub struct TreeCheck {
    head: Option<(u64, i64, Vec<u8>)>,
    frontier: Frontier,
    last_recorded_at: i64,
    signed: SignedRoots,
    /// Subtrees that the leaves completed, by level and index, until the stored ones come.
    completed: BTreeMap<(i64, i64), Hash>,
    accesses: AccessCheck,
}

impl TreeCheck {
    /// For logs with these names in their checkpoints.
    #[must_use]
    pub fn new(origins: EachLog<String>) -> Self {
        Self {
            head: None,
            frontier: Frontier::new(),
            last_recorded_at: i64::MIN,
            signed: SignedRoots::of(origins.outcomes),
            completed: BTreeMap::new(),
            accesses: AccessCheck::of(origins.accesses),
        }
    }

    /// Checkpoints that were signed and kept apart from the database: should a log come to that size, it must have that root.
    ///
    /// # Errors
    /// Where one is another log's.
    pub fn expect(&mut self, apart: EachLog<Option<&Checkpoint>>) -> Result<(), TreeWrong> {
        if let Some(checkpoint) = apart.outcomes {
            self.signed.expect(checkpoint).map_err(|what| self.wrong(what))?;
        }
        apart.accesses.map_or(Ok(()), |checkpoint| self.accesses.expect(checkpoint))
    }

    /// Takes rows.
    ///
    /// # Errors
    /// The first thing that does not belong together.
    pub fn take(&mut self, table: &str, rows: &[Row]) -> Result<(), TreeWrong> {
        for row in rows {
            match table {
                "log_head" => self.head(row)?,
                "checkpoint" => self.checkpoint(row)?,
                "event" => self.event(row)?,
                "log_subtree" => self.subtree(row)?,
                "access_head" => self.accesses.head(row)?,
                "access" => self.accesses.access(row)?,
                "access_subtree" => self.accesses.subtree(row)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Ends it: everything must have come.
    ///
    /// # Errors
    /// What is missing.
    pub fn finish(self) -> Result<EachLog<LogFound>, TreeWrong> {
        let size = self.frontier.size();
        let wrong = |what| TreeWrong { log: LOG, position: size, what };
        let (said, recorded_at, edge) = self.head.ok_or_else(|| wrong("the log has no head"))?;
        if said != size || edge != self.frontier.to_bytes() {
            return Err(wrong("the head is not that of these events"));
        }
        if size > 0 && recorded_at != self.last_recorded_at {
            return Err(wrong("the head has another time than the last event"));
        }
        if !self.completed.is_empty() {
            return Err(wrong("a stored subtree is missing"));
        }
        let (checkpoints, signed_beyond) = self.signed.finish(size).map_err(wrong)?;
        let outcomes = LogFound { size, root: self.frontier.root(), checkpoints, signed_beyond };
        Ok(EachLog { outcomes, accesses: self.accesses.finish()? })
    }

    fn wrong(&self, what: &'static str) -> TreeWrong {
        TreeWrong { log: LOG, position: self.frontier.size(), what }
    }

    fn head(&mut self, row: &Row) -> Result<(), TreeWrong> {
        let [Value::Integer(size), Value::Integer(recorded_at), Value::Bytes(edge)] = row.as_slice() else {
            return Err(self.wrong("the head cannot be read"));
        };
        let size = u64::try_from(*size).map_err(|_| self.wrong("the head cannot be read"))?;
        self.head = Some((size, *recorded_at, edge.clone()));
        Ok(())
    }

    fn checkpoint(&mut self, row: &Row) -> Result<(), TreeWrong> {
        let [Value::Text(origin), Value::Integer(size), _, Value::Text(note)] = row.as_slice() else {
            return Err(self.wrong("a checkpoint cannot be read"));
        };
        self.signed.take(origin, *size, note).map_err(|what| self.wrong(what))?;
        self.accesses.checkpoint(origin, *size, note)
    }

    fn event(&mut self, row: &Row) -> Result<(), TreeWrong> {
        let [
            Value::Integer(position),
            Value::Bytes(event),
            Value::Bytes(stream),
            Value::Integer(version),
            Value::Text(organisation),
            Value::Integer(counter),
            Value::Integer(recorded_at),
            Value::Text(name),
            Value::Integer(schema),
            Value::Bytes(leaf),
            Value::Bytes(hash),
        ] = row.as_slice()
        else {
            return Err(self.wrong("an event cannot be read"));
        };
        let at = self.frontier.size();
        if u64::try_from(*position) != Ok(at) {
            return Err(self.wrong("the log has a gap"));
        }
        let read = Leaf::parse(leaf).map_err(|_| self.wrong("a leaf cannot be read"))?;
        let same = read.position == at
            && read.event.0.as_bytes().as_slice() == event.as_slice()
            && read.stream.0.as_bytes().as_slice() == stream.as_slice()
            && Ok(read.version) == u64::try_from(*version)
            && read.organisation.as_str() == organisation
            && Ok(read.organisation_counter) == u64::try_from(*counter)
            && read.recorded_at_micros == *recorded_at
            && read.event_type == name.as_str()
            && i64::from(read.schema) == *schema;
        if !same {
            return Err(self.wrong("an event is not the one that its leaf names"));
        }
        if *recorded_at < self.last_recorded_at {
            return Err(self.wrong("the time of the log goes back"));
        }
        self.last_recorded_at = *recorded_at;
        let computed = leaf_hash(leaf);
        if computed.as_bytes().as_slice() != hash.as_slice() {
            return Err(self.wrong("a leaf has another hash"));
        }
        let completed =
            self.frontier.push(computed).map_err(|_| TreeWrong { log: LOG, position: at, what: "the tree is full" })?;
        for subtree in completed {
            let index = i64::try_from(subtree.index).unwrap_or(i64::MAX);
            self.completed.insert((i64::from(subtree.tile_level), index), subtree.hash);
        }
        let frontier = &self.frontier;
        let held = self.signed.reached(frontier.size(), || frontier.root());
        held.map_err(|what| self.wrong(what))
    }

    fn subtree(&mut self, row: &Row) -> Result<(), TreeWrong> {
        let [Value::Integer(level), Value::Integer(index), Value::Bytes(hash)] = row.as_slice() else {
            return Err(self.wrong("a stored subtree cannot be read"));
        };
        match self.completed.remove(&(*level, *index)) {
            Some(root) if root.as_bytes().as_slice() == hash.as_slice() => Ok(()),
            _ => Err(self.wrong("a stored subtree is not one of these events")),
        }
    }
}
