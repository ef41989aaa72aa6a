//! What the vault asks of a key store about epochs of the master key: which one wraps now, what is wrapped under older ones, and
//! how it is wrapped anew. `contract_test` is the definition for both engines.
//!
//! Like `store`, it never sees a key that is not wrapped.

use super::error::VaultError;
use super::key::{KeyClass, KeyId, KeyName};
use super::store::{DeploymentRecord, WrappedBytes, WrappedKey};
use crate::domain::ids::PersonId;
use async_trait::async_trait;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Which epoch wraps now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EpochMark {
    /// Nothing older is wrapped any more.
    pub(super) current: u32,
    /// The digest of its key; `None` in a store that no master key was held against yet.
    pub(super) probe: Option<[u8; 32]>,
    /// When it became the current one, in microseconds; `None` in a store that is older than this mark.
    pub(super) began_at_micros: Option<i64>,
}

/// How many wrapped keys there are under each epoch, and how many were destroyed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyCounts {
    /// People's keys by epoch.
    pub people: BTreeMap<u32, u64>,
    /// The deployment's keys by epoch.
    pub deployment: BTreeMap<u32, u64>,
    /// Tombstones.
    pub destroyed: u64,
}

impl KeyCounts {
    /// How many keys are wrapped under epochs before this one.
    #[must_use]
    pub fn older_than(&self, epoch: u32) -> u64 {
        self.people.range(..epoch).chain(self.deployment.range(..epoch)).map(|(_, count)| count).sum()
    }
}

/// Columns of both engines: key, subject, class, generation, epoch, wrapped.
pub(super) type WrappedRow = (Uuid, Uuid, String, i64, i64, Vec<u8>);
/// Columns of both engines: whose (0 people's, 1 the deployment's), epoch, how many.
pub(super) type CountRow = (i64, i64, i64);
/// Columns of both engines: current, probe, began_at_micros.
pub(super) type MarkRow = (i64, Option<Vec<u8>>, Option<i64>);

/// Epochs in a key store. Each method is one transaction.
#[async_trait]
pub(super) trait EpochStore: Send + Sync {
    /// Which epoch wraps now.
    async fn epoch(&self) -> Result<EpochMark, VaultError>;

    /// Moves on to an epoch, or holds the first master key against a store that none was held against; answers what then
    /// stands there, which is another's where another came first. When it has returned, nobody is still inserting what is
    /// wrapped under an older epoch.
    async fn move_on(&self, epoch: u32, probe: &[u8; 32], now_micros: Option<i64>) -> Result<EpochMark, VaultError>;

    /// People's keys that are wrapped under an epoch before this one, in the order of their ids, behind `after`.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] for a class that this version does not know, and so cannot wrap.
    async fn wrapped_before(&self, epoch: u32, after: KeyId, limit: u32) -> Result<Vec<WrappedKey>, VaultError>;

    /// Puts wrapped keys in the place of those of older epochs; one that was destroyed meanwhile stays destroyed. Answers how
    /// many were replaced.
    async fn replace_wrapped(&self, keys: &[WrappedKey], deployment: &[DeploymentRecord]) -> Result<u64, VaultError>;

    /// What there is.
    async fn counts(&self) -> Result<KeyCounts, VaultError>;

    /// Takes away what the engine keeps of replaced rows, as far as it can from here; answers whether it could.
    async fn settle(&self) -> Result<bool, VaultError>;
}

/// Reads rows of wrapped keys, all of which must be understood.
pub(super) fn wrapped_keys(rows: Vec<WrappedRow>) -> Result<Vec<WrappedKey>, VaultError> {
    rows.into_iter()
        .map(|(id, subject, class, generation, epoch, bytes)| {
            let class = KeyClass::from_code(&class)
                .ok_or(VaultError::Damaged("it holds a key of a class that this version of cairn does not know"))?;
            let name = KeyName { id: KeyId(id), subject: PersonId(subject), class, generation: counter(generation)? };
            Ok(WrappedKey { name, wrapped: WrappedBytes { epoch: counter(epoch)?, bytes } })
        })
        .collect()
}

/// Reads the mark.
pub(super) fn mark((current, probe, began_at_micros): MarkRow) -> Result<EpochMark, VaultError> {
    let probe = probe.map(TryInto::try_into).transpose();
    let probe = probe.map_err(|_| VaultError::Damaged("the probe of the epoch has not 32 bytes"))?;
    Ok(EpochMark { current: counter(current)?, probe, began_at_micros })
}

/// Reads counts.
pub(super) fn key_counts(rows: Vec<CountRow>, destroyed: i64) -> Result<KeyCounts, VaultError> {
    let mut counts = KeyCounts { destroyed: count(destroyed)?, ..KeyCounts::default() };
    for (whose, epoch, many) in rows {
        let by_epoch = if whose == 0 { &mut counts.people } else { &mut counts.deployment };
        by_epoch.insert(counter(epoch)?, count(many)?);
    }
    Ok(counts)
}

fn counter(stored: i64) -> Result<u32, VaultError> {
    u32::try_from(stored).map_err(|_| VaultError::Damaged("a generation or epoch is out of range"))
}

fn count(stored: i64) -> Result<u64, VaultError> {
    u64::try_from(stored).map_err(|_| VaultError::Damaged("a count is negative"))
}
