//! What one transaction writes into the log of accesses: pure, so that both stores write the same leaves and the same tree.

use crate::domain::ids::{EventId, OrganisationCode, StreamId};
use crate::domain::reading_access::NAME;
use crate::domain::time::Timestamp;
use crate::ledger::{CompletedSubtree, Hash, Leaf, PartName, Salt, commit, leaf_hash};
use crate::store::StoreError;
use crate::store::accesses::{AccessHead, NewAccess};
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// What a store reads after locking the head: the next numbers. What has none yet may be absent.
#[derive(Debug, Default)]
pub struct NextNumbers {
    /// The next version of each stream.
    pub versions: HashMap<StreamId, u64>,
    /// The next counter of each organisation.
    pub counters: HashMap<OrganisationCode, u64>,
}

/// An access as it is to be written.
#[derive(Debug)]
pub struct PlannedAccess<'a> {
    /// Its position.
    pub position: u64,
    /// Its version in the stream.
    pub version: u64,
    /// Its number within the organisation.
    pub organisation_counter: u64,
    /// Its leaf, verbatim.
    pub leaf: Vec<u8>,
    /// The leaf's hash.
    pub leaf_hash: Hash,
    /// What was asked for.
    pub item: &'a NewAccess,
}

/// Everything that one transaction writes.
#[derive(Debug)]
pub struct AccessPlan<'a> {
    /// Accesses in order of position.
    pub accesses: Vec<PlannedAccess<'a>>,
    /// Perfect subtrees that were completed.
    pub subtrees: Vec<CompletedSubtree>,
    /// The head afterwards.
    pub head: AccessHead,
}

/// The streams and organisations whose next numbers are needed.
#[must_use]
pub fn wanted(items: &[NewAccess]) -> (Vec<StreamId>, Vec<OrganisationCode>) {
    let streams: BTreeSet<StreamId> = items.iter().map(|item| item.stream).collect();
    let organisations: BTreeSet<&OrganisationCode> = items.iter().map(|item| &item.organisation).collect();
    (streams.into_iter().collect(), organisations.into_iter().cloned().collect())
}

/// Decides what to write.
///
/// # Errors
/// [`StoreError::Corrupt`] only where the tree can take no more leaves, or the time is out of every range.
pub fn plan<'a>(
    items: &'a [NewAccess],
    head: &AccessHead,
    mut next: NextNumbers,
    now: Timestamp,
) -> Result<AccessPlan<'a>, StoreError> {
    // Strictly after the last batch, so that an instant that has passed never gains accesses.
    let recorded_at = now.max(head.recorded_at.plus_micros(1));
    let mut frontier = head.frontier.clone();
    let (mut accesses, mut subtrees) = (Vec::with_capacity(items.len()), Vec::new());
    for (position, item) in (head.size..).zip(items) {
        let corrupt = |detail: String| StoreError::Corrupt { position, detail };
        let version = take(next.versions.entry(item.stream).or_default());
        let organisation_counter = take(next.counters.entry(item.organisation.clone()).or_default());
        let leaf = Leaf {
            position,
            event: item.id,
            recorded_at_micros: recorded_at.micros(),
            organisation: item.organisation.clone(),
            organisation_counter,
            stream: item.stream,
            version,
            event_type: NAME.into(),
            schema: item.schema,
            parts: vec![(PartName::FACTS, item.commitment)],
        };
        let leaf =
            leaf.encode().map_err(|error| corrupt(format!("the leaf of an access cannot be written: {error}")))?;
        let leaf_hash = leaf_hash(&leaf);
        subtrees.extend(frontier.push(leaf_hash).map_err(|error| corrupt(error.to_string()))?);
        accesses.push(PlannedAccess { position, version, organisation_counter, leaf, leaf_hash, item });
    }
    let size = head.size + items.len() as u64;
    Ok(AccessPlan { accesses, subtrees, head: AccessHead { size, recorded_at, frontier } })
}

/// An access that is written to see whether it could be, and taken back.
#[must_use]
pub fn trial() -> NewAccess {
    let (id, stream) = (EventId(Uuid::nil()), StreamId(Uuid::nil()));
    let facts = "{}".to_owned();
    let commitment = commit(&Salt::new([0; 32]), &id, &PartName::FACTS, facts.as_bytes());
    NewAccess { id, organisation: OrganisationCode::reference(), stream, schema: 1, facts, salt: [0; 32], commitment }
}

fn take(next: &mut u64) -> u64 {
    let taken = *next;
    *next += 1;
    taken
}
