//! What the vault asks of a key store, whatever the engine: wrapped keys in, wrapped keys out.
//!
//! A store never sees a key that is not wrapped, and knows neither caching nor sealing. SQLite and PostgreSQL each
//! answer with statements of their own; `contract_test` is the definition of both.

use super::epoch::EpochStore;
use super::error::VaultError;
use super::key::{KeyClass, KeyId, KeyName};
use crate::domain::ids::PersonId;
use async_trait::async_trait;
use uuid::Uuid;

/// A key as it lies in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WrappedBytes {
    /// The master key that wrapped it.
    pub(super) epoch: u32,
    /// The bytes in the format of `wrap`.
    pub(super) bytes: Vec<u8>,
}

/// A person's key as it lies in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WrappedKey {
    /// What the key is for.
    pub(super) name: KeyName,
    /// The key itself.
    pub(super) wrapped: WrappedBytes,
}

/// A new key with the time that it was made.
#[derive(Debug, Clone)]
pub(super) struct NewKey {
    /// The key.
    pub(super) key: WrappedKey,
    /// Microseconds since the epoch.
    pub(super) created_at_micros: i64,
}

/// What the store knows of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyRecord {
    /// It lives.
    Live(WrappedKey),
    /// It was destroyed; only this is left of it.
    Destroyed(KeyName),
}

impl KeyRecord {
    /// The key's name, whether it lives or not.
    pub(super) fn name(&self) -> &KeyName {
        match self {
            Self::Live(key) => &key.name,
            Self::Destroyed(name) => name,
        }
    }
}

/// Beyond every generation: all of them.
pub(super) const EVERY_GENERATION: u64 = 1 << 32;

/// A key of the deployment as it lies in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeploymentRecord {
    /// Which one.
    pub(super) name: String,
    /// The key.
    pub(super) wrapped: WrappedBytes,
}

/// A row of `person_key` or `destroyed_key` as both engines give it: the latter without epoch and bytes.
pub(super) type KeyRow = (Uuid, Uuid, String, i64, Option<i64>, Option<Vec<u8>>);

/// A row of `deployment_key`.
pub(super) type DeploymentRow = (String, i64, Vec<u8>);

/// Where wrapped keys lie. Each method is one transaction. A record of a class that this version does not know is left out.
#[async_trait]
pub(super) trait KeyStore: EpochStore + Send + Sync {
    /// The records of these keys, in any order, absent ones left out; one statement.
    async fn find(&self, keys: &[KeyId]) -> Result<Vec<KeyRecord>, VaultError>;

    /// All records of these people, living and destroyed, in any order; one statement.
    async fn find_of_subjects(&self, subjects: &[PersonId]) -> Result<Vec<KeyRecord>, VaultError>;

    /// Inserts each key whose subject and class has none yet, living or destroyed, and answers all records of the
    /// subjects as they then are: of two that race, both get the first one's key. `keys` is sorted by subject and class.
    ///
    /// # Errors
    /// [`VaultError::EpochPassed`] where they are wrapped under an epoch that has passed; nothing is inserted then.
    async fn insert_missing(&self, keys: &[NewKey]) -> Result<Vec<KeyRecord>, VaultError>;

    /// Inserts a key of a later generation where its subject's class has a living key and none of that generation or a later
    /// one, living or destroyed; answers all records of the subject as they then are.
    async fn insert_generation(&self, key: &NewKey) -> Result<Vec<KeyRecord>, VaultError>;

    /// Replaces every living key of the subject's class, of a generation below `below`, by its tombstone; answers how many
    /// there were.
    async fn destroy(
        &self,
        subject: PersonId,
        class: KeyClass,
        below: u64,
        reason: &str,
        now_micros: i64,
    ) -> Result<u64, VaultError>;

    /// The deployment's keys.
    async fn deployment_keys(&self) -> Result<Vec<DeploymentRecord>, VaultError>;

    /// Inserts the deployment's keys where absent, yet only into a store without any person's key (new ones beside old
    /// people would silently find nobody); answers the keys as they then are.
    async fn insert_deployment_keys(&self, keys: &[DeploymentRecord]) -> Result<Vec<DeploymentRecord>, VaultError>;

    /// Asks the engine whether it keeps what it acknowledges, and whether the event log shares its database.
    async fn check(&self) -> Result<(), VaultError>;

    /// Whether the keys that this store has answered with will be found at the next start; must be cheap.
    ///
    /// # Errors
    /// Where they would not, so that nothing more may be sealed with them.
    fn still_there(&self) -> Result<(), VaultError> {
        Ok(())
    }

    /// Ends all connections; later calls fail.
    async fn close(&self);
}

/// Reads rows of keys.
pub(super) fn key_records(rows: Vec<KeyRow>) -> Result<Vec<KeyRecord>, VaultError> {
    let mut records = Vec::with_capacity(rows.len());
    for (id, subject, class, generation, epoch, bytes) in rows {
        let Some(class) = KeyClass::from_code(&class) else { continue };
        let name = KeyName { id: KeyId(id), subject: PersonId(subject), class, generation: counter(generation)? };
        records.push(match (epoch, bytes) {
            (Some(epoch), Some(bytes)) => {
                KeyRecord::Live(WrappedKey { name, wrapped: WrappedBytes { epoch: counter(epoch)?, bytes } })
            }
            _ => KeyRecord::Destroyed(name),
        });
    }
    Ok(records)
}

/// Reads rows of deployment keys.
pub(super) fn deployment_records(rows: Vec<DeploymentRow>) -> Result<Vec<DeploymentRecord>, VaultError> {
    rows.into_iter()
        .map(|(name, epoch, bytes)| {
            Ok(DeploymentRecord { name, wrapped: WrappedBytes { epoch: counter(epoch)?, bytes } })
        })
        .collect()
}

fn counter(stored: i64) -> Result<u32, VaultError> {
    u32::try_from(stored).map_err(|_| VaultError::Damaged("a generation or epoch is out of range"))
}
