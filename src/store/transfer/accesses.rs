//! The tree over accesses that travel: leaves, commitments, counters, stored subtrees, head and checkpoints must belong together.

use crate::ledger::{Checkpoint, Frontier, Leaf, PartName, Salt, leaf_hash};
use crate::store::transfer::signed::SignedRoots;
use crate::store::transfer::tree::{LogFound, TreeWrong};
use crate::transfer::{Row, Value};
use std::collections::{BTreeMap, HashMap};

/// Takes rows of the log of accesses in their order.
pub(super) struct AccessCheck {
    head: Option<(u64, i64, Vec<u8>)>,
    frontier: Frontier,
    last_recorded_at: i64,
    signed: SignedRoots,
    /// The next version of each stream and the next number of each organisation.
    versions: HashMap<Vec<u8>, u64>,
    counters: HashMap<String, u64>,
    /// Subtrees that the leaves completed, until the stored ones come.
    completed: BTreeMap<(i64, i64), Vec<u8>>,
}

impl AccessCheck {
    /// For a log with this name in its checkpoints.
    pub(super) fn of(origin: String) -> Self {
        Self {
            head: None,
            frontier: Frontier::new(),
            last_recorded_at: i64::MIN,
            signed: SignedRoots::of(origin),
            versions: HashMap::new(),
            counters: HashMap::new(),
            completed: BTreeMap::new(),
        }
    }

    fn wrong(&self, what: &'static str) -> TreeWrong {
        TreeWrong { log: "the log of accesses", position: self.frontier.size(), what }
    }

    /// Takes a checkpoint that was kept apart.
    pub(super) fn expect(&mut self, checkpoint: &Checkpoint) -> Result<(), TreeWrong> {
        self.signed.expect(checkpoint).map_err(|what| self.wrong(what))
    }

    pub(super) fn checkpoint(&mut self, origin: &str, size: i64, note: &str) -> Result<(), TreeWrong> {
        self.signed.take(origin, size, note).map_err(|what| self.wrong(what))
    }

    pub(super) fn head(&mut self, row: &Row) -> Result<(), TreeWrong> {
        let [Value::Integer(size), Value::Integer(recorded_at), Value::Bytes(edge)] = row.as_slice() else {
            return Err(self.wrong("the head of the accesses cannot be read"));
        };
        let size = u64::try_from(*size).map_err(|_| self.wrong("the head of the accesses cannot be read"))?;
        self.head = Some((size, *recorded_at, edge.clone()));
        Ok(())
    }

    pub(super) fn access(&mut self, row: &Row) -> Result<(), TreeWrong> {
        let [
            Value::Integer(position),
            Value::Bytes(access),
            Value::Bytes(stream),
            Value::Integer(version),
            Value::Text(organisation),
            Value::Integer(counter),
            Value::Integer(recorded_at),
            Value::Integer(schema),
            Value::Bytes(salt),
            Value::Text(facts),
            Value::Bytes(leaf),
            Value::Bytes(hash),
        ] = row.as_slice()
        else {
            return Err(self.wrong("an access cannot be read"));
        };
        let at = self.frontier.size();
        let read = Leaf::parse(leaf).map_err(|_| self.wrong("the leaf of an access cannot be read"))?;
        let same = u64::try_from(*position) == Ok(at)
            && read.position == at
            && read.event.0.as_bytes().as_slice() == access.as_slice()
            && read.stream.0.as_bytes().as_slice() == stream.as_slice()
            && Ok(read.version) == u64::try_from(*version)
            && read.organisation.as_str() == organisation
            && Ok(read.organisation_counter) == u64::try_from(*counter)
            && read.recorded_at_micros == *recorded_at
            && i64::from(read.schema) == *schema;
        if !same {
            return Err(self.wrong("an access is not the one that its leaf names"));
        }
        self.follows(stream, &read, *recorded_at)?;
        let salt: [u8; 32] = salt.as_slice().try_into().map_err(|_| self.wrong("an access has no salt"))?;
        let committed = match read.parts.as_slice() {
            [(name, commitment)] if *name == PartName::FACTS => {
                commitment.verify(&Salt::new(salt), &read.event, &PartName::FACTS, facts.as_bytes())
            }
            _ => false,
        };
        if !committed {
            return Err(self.wrong("an access says something else than its leaf commits to"));
        }
        let computed = leaf_hash(leaf);
        if computed.as_bytes().as_slice() != hash.as_slice() {
            return Err(self.wrong("the leaf of an access has another hash"));
        }
        let completed = self.frontier.push(computed).map_err(|_| self.wrong("the tree of accesses is full"))?;
        for subtree in completed {
            let index = i64::try_from(subtree.index).unwrap_or(i64::MAX);
            self.completed.insert((i64::from(subtree.tile_level), index), subtree.hash.as_bytes().to_vec());
        }
        let frontier = &self.frontier;
        let held = self.signed.reached(frontier.size(), || frontier.root());
        held.map_err(|what| self.wrong(what))
    }

    /// Whether an access is the next one of its person and its organisation, and not older than the one before.
    fn follows(&mut self, stream: &[u8], read: &Leaf, recorded_at: i64) -> Result<(), TreeWrong> {
        let version = self.versions.entry(stream.to_vec()).or_default();
        let counter = self.counters.entry(read.organisation.as_str().to_owned()).or_default();
        let follows = read.version == *version && read.organisation_counter == *counter;
        (*version, *counter) = (*version + 1, *counter + 1);
        if !follows {
            return Err(self.wrong("an access is not the next one of its person and its organisation"));
        }
        if recorded_at < self.last_recorded_at {
            return Err(self.wrong("the time of the log of accesses goes back"));
        }
        self.last_recorded_at = recorded_at;
        Ok(())
    }

    pub(super) fn subtree(&mut self, row: &Row) -> Result<(), TreeWrong> {
        let [Value::Integer(level), Value::Integer(index), Value::Bytes(hash)] = row.as_slice() else {
            return Err(self.wrong("a subtree of accesses cannot be read"));
        };
        if self.completed.remove(&(*level, *index)).as_ref() == Some(hash) {
            return Ok(());
        }
        Err(self.wrong("a stored subtree of accesses is not that of the leaves"))
    }

    pub(super) fn finish(self) -> Result<LogFound, TreeWrong> {
        let size = self.frontier.size();
        let Some((said, recorded_at, edge)) = &self.head else {
            return Err(self.wrong("the log of accesses has no head"));
        };
        if *said != size || *edge != self.frontier.to_bytes() {
            return Err(self.wrong("the head of the accesses is not theirs"));
        }
        if size > 0 && *recorded_at != self.last_recorded_at {
            return Err(self.wrong("the head of the accesses has another time than the last one"));
        }
        if !self.completed.is_empty() {
            return Err(self.wrong("a stored subtree of accesses is missing"));
        }
        let wrong = self.wrong("a checkpoint was signed of more accesses than there are");
        let (checkpoints, signed_beyond) = self.signed.finish(size).map_err(|_| wrong)?;
        Ok(LogFound { size, root: self.frontier.root(), checkpoints, signed_beyond })
    }
}
