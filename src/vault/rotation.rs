//! Rotation: the store moves on to another master key, and everything is wrapped anew, while processes serve.
//!
//! Each step may be broken off anywhere and done again. What happens to the master key itself is `master_file`'s business, and the
//! order of the steps the caller's: first the new key is where every process finds it, then the store moves on, then everything
//! is wrapped anew, and the old key goes when nothing is wrapped under it any more.

use super::Vault;
use super::epoch::KeyCounts;
use super::error::VaultError;
use super::key::{KeyId, KeyName};
use super::keyed_hash::DeploymentKeys;
use super::store::{DeploymentRecord, WrappedKey};
use super::wrap::{self, Binding};
use uuid::Uuid;

/// Keys that are wrapped anew in one transaction.
const BATCH: u32 = 500;

/// What a key store and its master keys look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStatus {
    /// The epoch that the store wraps under.
    pub current: u32,
    /// When it became the current one, in microseconds; `None` for a first epoch.
    pub began_at_micros: Option<i64>,
    /// Epochs whose master key is at hand.
    pub held: Vec<u32>,
    /// What is wrapped under which epoch.
    pub counts: KeyCounts,
}

/// What wrapping anew came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Keys that are wrapped under the current epoch now and were not before.
    pub wrapped: u64,
    /// People's keys that did not open under the master key of their epoch: their rows were altered.
    pub unopened: Vec<KeyId>,
}

impl Vault {
    /// What there is.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn key_status(&self) -> Result<KeyStatus, VaultError> {
        let held = self.ring.learn().await?;
        let mark = self.ring.store().epoch().await?;
        let counts = self.ring.store().counts().await?;
        Ok(KeyStatus {
            current: mark.current,
            began_at_micros: mark.began_at_micros,
            held: held.master.epochs(),
            counts,
        })
    }

    /// Makes an epoch whose master key is at hand the one that wraps. From then on the store refuses everything older, in all
    /// processes. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`VaultError::EpochMissing`] without its key; [`VaultError::WrongMasterKey`] where the store has moved on to another key
    /// of that epoch.
    pub async fn move_on_to(&self, epoch: u32, now_micros: i64) -> Result<(), VaultError> {
        let probe = self.ring.learn().await?.master.probe(epoch)?;
        self.ring.store().move_on(epoch, &probe, Some(now_micros)).await?;
        self.ring.learn().await?;
        Ok(())
    }

    /// Wraps everything that is wrapped under an older epoch under the current one, some at a time; `progress` is told how many
    /// more were looked at.
    ///
    /// # Errors
    /// [`VaultError::EpochMissing`] without the master key of one of the older epochs; whatever the store says.
    pub async fn wrap_anew(&self, mut progress: impl FnMut(u64) + Send) -> Result<Rewrapped, VaultError> {
        let held = self.ring.learn().await?;
        let (store, random) = (self.ring.store(), self.ring.random());
        let mut rewrapped = Rewrapped::default();
        let mut deployment = Vec::new();
        for record in store.deployment_keys().await? {
            if record.wrapped.epoch < held.epoch {
                let name = DeploymentKeys::NAMES.into_iter().find(|name| *name == record.name);
                let name =
                    name.ok_or(VaultError::Damaged("it holds a deployment key that this version does not know"))?;
                let binding = Binding::Deployment(name);
                let wrapped = wrap::wrap_anew(&held.master, held.epoch, random, binding, &record.wrapped)?;
                deployment.push(DeploymentRecord { name: record.name, wrapped });
            }
        }
        rewrapped.wrapped += store.replace_wrapped(&[], &deployment).await?;
        progress(deployment.len() as u64);
        let mut after = KeyId(Uuid::nil());
        loop {
            let old = store.wrapped_before(held.epoch, after, BATCH).await?;
            let Some(last) = old.last() else { return Ok(rewrapped) };
            after = last.name.id;
            let mut new = Vec::with_capacity(old.len());
            for WrappedKey { name, wrapped } in &old {
                match wrap::wrap_anew(&held.master, held.epoch, random, Binding::Person(name), wrapped) {
                    Ok(wrapped) => new.push(WrappedKey { name: KeyName { ..*name }, wrapped }),
                    Err(VaultError::WrongMasterKey { .. }) => rewrapped.unopened.push(name.id),
                    Err(error) => return Err(error),
                }
            }
            rewrapped.wrapped += store.replace_wrapped(&new, &[]).await?;
            progress(old.len() as u64);
        }
    }

    /// Takes away what the engine keeps of replaced rows, as far as that can be done from here; answers whether it was.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn settle_keys(&self) -> Result<bool, VaultError> {
        self.ring.store().settle().await
    }
}
