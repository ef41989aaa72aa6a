//! What an erasure does beside being an event, decided once for both databases: what it covers, which parts go, what becomes of
//! the rows, which keys must be destroyed. Pure but for the trait: a store reads, calls these, and writes.
//!
//! An append with an [`ErasureExecuted`] goes alone (`writer`). Its covers are what the person has at that moment, read under the
//! head's lock and written into the event here: a recording is either covered, or comes later and is not admitted.

use crate::domain::erasure::{Cover, ErasureExecuted};
use crate::domain::event::{Class, Facts, Kind};
use crate::domain::ids::{OrganisationCode, PersonId, StreamId};
use crate::domain::resource::Resource;
use crate::domain::time::Timestamp;
use crate::ledger::{PartName, Salt, commit};
use crate::projections::{KeyKind, Row, RowKey};
use crate::store::plan::Plan;
use crate::store::stored::body_of;
use crate::store::{Expected, Group, NewAppend, StoreError, StoredPart};
use async_trait::async_trait;
use std::borrow::Cow;
use uuid::Uuid;

/// A stream of a person as it stands under the head's lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldStream {
    /// The stream.
    pub stream: StreamId,
    /// Its last version.
    pub version: u64,
    /// What it is about.
    pub kind: Kind,
}

/// Keys that an erasure committed to destroy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDestruction {
    /// Position of the erasure.
    pub position: u64,
    /// Whose.
    pub subject: PersonId,
    /// Of which class.
    pub class: Class,
    /// Only generations below this one, once what they sealed and was not erased has been sealed anew; `None`: all.
    pub below: Option<u32>,
    /// When they were destroyed; `None` while that is still to be done.
    pub done_at: Option<Timestamp>,
}

/// A part under a new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedAnew {
    /// Position of its event.
    pub position: u64,
    /// Its name.
    pub name: String,
    /// The key that it was sealed with.
    pub old_key: Uuid,
    /// The key that it is sealed with now.
    pub new_key: Uuid,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What changes in law ask of a store beside appending.
#[async_trait]
pub trait LawfulStore: Send + Sync {
    /// Keys that erasures committed to destroy and that nobody has said are destroyed, oldest first.
    async fn pending_destructions(&self, limit: u32) -> Result<Vec<KeyDestruction>, StoreError>;
    /// The keys of one erasure.
    async fn destructions_of(&self, position: u64) -> Result<Vec<KeyDestruction>, StoreError>;
    /// Parts of a class of everything that a person of an organisation has, that are sealed with another key than `key`.
    async fn parts_not_sealed_with(
        &self,
        person: PersonId,
        class: Class,
        key: Uuid,
        limit: u32,
    ) -> Result<Vec<StoredPart>, StoreError>;
    /// Puts parts that were sealed anew in the place of those that they were opened from, where these are still there.
    async fn put_sealed_anew(&self, parts: &[SealedAnew]) -> Result<(), StoreError>;
    /// Says that keys are destroyed; saying it again changes nothing.
    async fn destruction_done(&self, destruction: &KeyDestruction, at: Timestamp) -> Result<(), StoreError>;
    /// The position of the last event that changed more than its own stream; what was read before it and is compared or
    /// written after it is not of one moment.
    async fn last_lawful_change(&self) -> Result<Option<u64>, StoreError>;
}

/// The person whose streams an append's erasure covers, if it has one.
#[must_use]
pub(super) fn erased_person(groups: &[Group]) -> Option<(&OrganisationCode, PersonId)> {
    groups.iter().flat_map(|group| &group.items).find_map(|item| match &item.event.facts {
        Facts::ErasureExecuted(executed) => Some((&item.organisation, executed.subject)),
        _ => None,
    })
}

/// Writes into an erasure what it covers: of an event without covers everything that the person has, of one that names
/// streams those.
///
/// # Errors
/// [`StoreError::Corrupt`] where the append does not go alone or the facts cannot be written, neither of which can happen.
pub(super) fn complete<'g>(groups: &'g [Group], held: &[HeldStream]) -> Result<Cow<'g, [Group]>, StoreError> {
    if !groups.iter().flat_map(|group| &group.items).any(NewAppend::goes_alone) {
        return Ok(Cow::Borrowed(groups));
    }
    let corrupt = |detail: &str| StoreError::Corrupt { position: 0, detail: detail.to_owned() };
    let [group] = groups else { return Err(corrupt("an erasure is appended together with others")) };
    let mut group = group.clone();
    for item in &mut group.items {
        let stream = item.stream;
        let Facts::ErasureExecuted(executed) = &mut item.event.facts else { continue };
        let named: Vec<StreamId> = executed.covers.iter().map(|cover| cover.stream).collect();
        executed.covers = held
            .iter()
            .filter(|held| named.is_empty() || named.contains(&held.stream))
            .map(|held| Cover { stream: held.stream, through_version: held.version })
            .collect();
        executed.covers.sort_unstable();
        if let Some(own) = held.iter().find(|held| held.stream == stream) {
            item.expected = Expected::Version(own.version);
        }
        let bytes =
            item.event.facts.to_part(&item.event.header).map_err(|_| corrupt("an erasure cannot be written"))?;
        let id = item.event.id;
        let part = item.event.parts.iter_mut().find(|part| part.name == PartName::FACTS);
        let part = part.ok_or_else(|| corrupt("an erasure has no facts"))?;
        let salt = part.salt.ok_or_else(|| corrupt("an erasure's facts have no salt"))?;
        part.commitment = commit(&Salt::new(salt), &id, &PartName::FACTS, &bytes);
        part.bytes = bytes;
    }
    Ok(Cow::Owned(vec![group]))
}

/// An erasure that is being written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effect<'p> {
    /// Its position.
    pub position: u64,
    /// What it says.
    pub executed: &'p ErasureExecuted,
    /// The generation of the key that the person's words must be sealed with from now on.
    pub words_generation: u32,
}

/// The erasures among planned events, each with its organisation: one at most.
pub(super) fn effects<'p>(plan: &'p Plan<'_>) -> impl Iterator<Item = (Effect<'p>, &'p OrganisationCode)> {
    plan.events.iter().filter_map(|event| match &event.item.event.facts {
        Facts::ErasureExecuted(executed) => {
            let words_generation = plan.rows.iter().find_map(|(row, _)| match &row.resource {
                Resource::Person(person) if row.from_position == event.position => Some(person.words_generation),
                _ => None,
            });
            let words_generation = words_generation.unwrap_or_default();
            Some((Effect { position: event.position, executed, words_generation }, &event.item.organisation))
        }
        _ => None,
    })
}

impl Effect<'_> {
    /// Which parts may and must go: stream, last version, class. What says that something was asked to be erased, and why in
    /// law, stays whatever is erased.
    pub(super) fn covers(&self, held: &[HeldStream]) -> Vec<(StreamId, u64, Class)> {
        let kind_of = |stream| held.iter().find(|held| held.stream == stream).map(|held| held.kind);
        let mut covers = Vec::new();
        for cover in &self.executed.covers {
            for class in &self.executed.classes {
                if *class != Class::Facts || kind_of(cover.stream) != Some(Kind::Erasure) {
                    covers.push((cover.stream, cover.through_version, *class));
                }
            }
        }
        covers
    }

    /// The classes whose keys must be destroyed, and below which generation: of a whole person all keys, of single recordings
    /// those that sealed them.
    pub(super) fn destroyed(&self) -> Vec<(Class, Option<u32>)> {
        let below = (!self.executed.is_of_the_whole_person()).then_some(self.words_generation);
        let sealed = self.executed.classes.iter().copied().filter(|class| class.is_sealed());
        sealed.map(|class| (class, below)).collect()
    }

    /// The streams whose row versions must be read to decide what becomes of them.
    pub(super) fn rewritten(&self, held: &[HeldStream]) -> Vec<StreamId> {
        if self.executed.removes(Class::Facts) {
            held.iter().filter(|held| held.kind != Kind::Erasure).map(|held| held.stream).collect()
        } else if self.executed.removes(Class::Index) {
            vec![self.executed.subject.into()]
        } else {
            Vec::new()
        }
    }

    /// What becomes of the rows, given every version of the [`Self::rewritten`] streams.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where a row cannot be written.
    pub(super) fn rewriting(&self, versions: &[Row]) -> Result<Rewriting, StoreError> {
        let everything = self.executed.removes(Class::Facts);
        let mut rewriting = Rewriting { everything, ..Rewriting::default() };
        for row in versions.iter().filter(|row| row.from_position < self.position) {
            let keys = row.keys().into_iter().filter(|key| everything || key.kind == KeyKind::Identifier);
            rewriting.keys.extend(keys.map(|key| (row.id, key)));
            if everything {
                rewriting.gone.push(row.id);
            } else if let Resource::Person(person) = row.resource.clone() {
                let bare = Row { resource: Resource::Person(person.without_digests()), ..row.clone() };
                rewriting.bodies.push((row.id, row.from_position, body_of(&bare)?));
            }
        }
        rewriting.gone.dedup();
        rewriting.keys.sort_unstable();
        rewriting.keys.dedup();
        Ok(rewriting)
    }
}

/// What becomes of rows.
#[derive(Debug, Default)]
pub(super) struct Rewriting {
    /// Whether rows vanish.
    pub everything: bool,
    /// Streams whose versions from before the erasure vanish.
    pub gone: Vec<StreamId>,
    /// New bodies: stream, start of the version, body.
    pub bodies: Vec<(StreamId, u64, String)>,
    /// Keys that find nothing any more.
    pub keys: Vec<(StreamId, RowKey)>,
}
