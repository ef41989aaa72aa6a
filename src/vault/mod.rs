//! The keys: sealing and unsealing personal parts, in a key store apart from the events.
//!
//! Each person has a key for each class of personal parts, so that a copy of the event database alone reveals nothing, and
//! destroying a key erases what it sealed wherever it was copied. The story in order: `master` (the key that wraps all others) ·
//! `key`, `wrap` (names of keys; how they lie in the store) · `store`, `sqlite`, `postgres` (where) · `ring`, `cache` (found, unwrapped,
//! remembered for a minute) ·
//! `epoch`, `held`, `master_file`, `rotation` (another master key takes over while services serve) ·
//! `transfer` (a key store into a backup and back) · `keeper` (made, many to a transaction) · `seal` (the format of a sealed part) · `keyed_hash` (blind index and fingerprint).
//!
//! Knows `domain` and its own store; never HTTP, the event log, the environment or the clock. *Erased*, *key
//! unavailable* and *tampered* are three answers (`error`): a key store that is away must look neither like an erasure
//! nor like an empty record.

mod cache;
mod epoch;
mod error;
mod held;
mod keeper;
mod key;
mod keyed_hash;
mod master;
mod master_file;
mod postgres;
mod random;
mod ring;
mod rotation;
mod seal;
mod secret;
mod sqlite;
mod store;
mod transfer;
mod wrap;

pub use epoch::KeyCounts;
pub use error::{Cause, MasterKeyError, OpenError, SealError, VaultError};
pub use key::{KeyClass, KeyId};
pub use master::{MasterKey, MasterKeys, generate_master_key_file};
pub use master_file::MasterKeyFile;
pub use random::{RandomSource, SeededRandom, SystemRandom};
pub use ring::MonotonicClock;
pub use rotation::{KeyStatus, Rewrapped};
pub use seal::{DataKey, NONCE_LENGTH, Opened, SALT_LENGTH, SEAL_OVERHEAD, SealContext, Sealed, SealedPart};

pub use transfer::{Erased, KEY_TABLES, KeyCheck, bury, key_place};

use crate::domain::ids::{OrganisationCode, PersonId};
use held::Holder;
use keeper::Keeper;
use keyed_hash::DeploymentKeys;
use ring::KeyRing;
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::{DeploymentRecord, KeyStore};
use wrap::Binding;

/// Longest time for which a process may remember a key that another one destroyed.
pub const LONGEST_CACHE_TTL: Duration = Duration::from_secs(60);

/// Where the key store is and how it is opened.
#[derive(Clone)]
pub struct VaultSettings {
    /// `sqlite:PATH` or `postgres://…`; may hold a password, so there is no `Debug`. Never the event log's database.
    pub url: String,
    /// Whether a store that is not there may be made. `false` once the event log holds anything: new keys would open
    /// nothing of it. A PostgreSQL database itself is never made.
    pub create: bool,
    /// Where the master keys are read again when the key store has moved on to newer ones; `None` where only a restart brings
    /// them.
    pub master_file: Option<PathBuf>,
    /// How long an unwrapped key is remembered; at most [`LONGEST_CACHE_TTL`].
    pub cache_ttl: Duration,
    /// The clock that ends that time.
    pub monotonic: MonotonicClock,
}

/// The vault. Cheap to clone; its clones share keys, store and keeper.
#[derive(Clone)]
pub struct Vault {
    ring: Arc<KeyRing>,
    deployment: Arc<DeploymentKeys>,
    keeper: Keeper,
}

impl Vault {
    /// Opens the key store, brings its tables up to date, and opens (or, in a new store, makes) the deployment's
    /// keys. Call it on the runtime that will outlive all requests: the keeper runs there.
    ///
    /// # Errors
    /// [`VaultError::Missing`] when there is no store or it lacks its deployment keys and may not or must not get new
    /// ones; [`VaultError::SharedWithEvents`]; [`VaultError::NotDurable`]; [`VaultError::WrongMasterKey`] or [`VaultError::EpochMissing`] when the master
    /// keys are not those of the store; [`VaultError::Store`] when it cannot be reached.
    pub async fn open(
        settings: VaultSettings,
        master: MasterKeys,
        random: Arc<dyn RandomSource>,
    ) -> Result<Self, VaultError> {
        if settings.cache_ttl > LONGEST_CACHE_TTL {
            return Err(VaultError::Configuration("keys may be cached for at most 60 seconds"));
        }
        let store: Arc<dyn KeyStore> = match settings.url.split_once(':') {
            Some(("sqlite", path)) => Arc::new(sqlite::SqliteKeys::open(sqlite_path(path)?, settings.create).await?),
            Some(("postgres" | "postgresql", _)) => {
                Arc::new(postgres::PostgresKeys::open(&settings.url, settings.create).await?)
            }
            _ => {
                return Err(VaultError::Configuration("the key store's URL starts with neither sqlite: nor postgres:"));
            }
        };
        Self::on(store, settings, master, random).await
    }

    /// A vault on a store that is open.
    async fn on(
        store: Arc<dyn KeyStore>,
        settings: VaultSettings,
        master: MasterKeys,
        random: Arc<dyn RandomSource>,
    ) -> Result<Self, VaultError> {
        store.check().await?;
        let mut records = store.deployment_keys().await?;
        let complete = |records: &[DeploymentRecord]| {
            DeploymentKeys::NAMES.iter().all(|name| records.iter().any(|record| record.name == *name))
        };
        let may_make = settings.create && !complete(&records);
        if !may_make {
            // They show that the master keys are this store's, should it not be marked yet.
            unwrap_deployment(&master, &records)?;
        }
        let holder = Holder::open(&*store, master, settings.master_file).await?;
        let held = holder.now();
        if may_make {
            let mut new = Vec::new();
            for name in DeploymentKeys::NAMES {
                let wrapped = wrap::draw_wrapped(&held.master, held.epoch, &*random, Binding::Deployment(name))?;
                new.push(DeploymentRecord { name: name.to_owned(), wrapped });
            }
            records = store.insert_deployment_keys(&new).await?;
        }
        let deployment = Arc::new(unwrap_deployment(&held.master, &records)?);
        let ring = Arc::new(KeyRing::new(store, holder, random, settings.monotonic, settings.cache_ttl));
        let keeper = Keeper::start(Arc::clone(&ring));
        Ok(Self { ring, deployment, keeper })
    }

    /// Makes each subject's first key of every class where there is none, durably. Of two that race, in this process or
    /// another, both find the same keys afterwards. `now_micros` is microseconds since the epoch.
    ///
    /// # Errors
    /// [`VaultError::Erased`] when a key of one of them was destroyed (the others may have got theirs); whatever the store says.
    pub async fn ensure_keys(&self, subjects: &[PersonId], now_micros: i64) -> Result<(), VaultError> {
        if self.ring.remembers(subjects) {
            return Ok(());
        }
        self.keeper.ensure(subjects.to_vec(), now_micros).await
    }

    /// The key that seals the subject's parts of this class. After [`Self::ensure_keys`] it is usually remembered.
    ///
    /// # Errors
    /// [`VaultError::Erased`] when it was destroyed, [`VaultError::KeyMissing`] when there never was one here.
    pub async fn sealing_key(&self, subject: PersonId, class: KeyClass) -> Result<DataKey, VaultError> {
        self.ring.current(subject, class).await
    }

    /// Seals one part under the subject's key with a new random nonce.
    ///
    /// # Errors
    /// Those of [`Self::sealing_key`] and [`DataKey::seal`].
    pub async fn seal(
        &self,
        subject: PersonId,
        class: KeyClass,
        context: &SealContext<'_>,
        salt: &[u8; SALT_LENGTH],
        plaintext: &[u8],
    ) -> Result<Sealed, VaultError> {
        let key = self.sealing_key(subject, class).await?;
        Ok(key.seal(context, self.fresh_nonce(), salt, plaintext)?)
    }

    /// Opens parts, in their order; keys that are not remembered are fetched in one statement.
    ///
    /// # Errors
    /// For each part its own: see [`OpenError`].
    pub async fn unseal_many(&self, parts: &[SealedPart<'_>]) -> Vec<Result<Opened, OpenError>> {
        let keys = self.ring.find(parts.iter().map(|part| part.key_id)).await;
        parts
            .iter()
            .map(|part| match keys.get(&part.key_id) {
                Some(Ok(key)) => key.unseal(part),
                Some(Err(VaultError::Erased)) => Err(OpenError::Erased),
                Some(Err(error)) => Err(OpenError::KeyUnavailable(error.clone())),
                None => Err(OpenError::KeyUnavailable(VaultError::KeyMissing)),
            })
            .collect()
    }

    /// Whose each key is, as its wrapping says; keys that cannot be had are absent.
    pub async fn owners(&self, keys: impl Iterator<Item = KeyId>) -> HashMap<KeyId, PersonId> {
        let found = self.ring.find(keys).await;
        found.into_iter().filter_map(|(id, key)| Some((id, key.ok()?.subject()))).collect()
    }

    /// Destroys the subject's keys of this class and leaves their tombstones; answers how many lived. Doing it again
    /// destroys none. Other processes forget the keys within their cache's time. `reason` is a code of 1 to 64 characters, fixed
    /// in the program so that it can hold nothing personal.
    ///
    /// # Errors
    /// Whatever the store says; the destruction may then have happened and is to be repeated.
    pub async fn destroy(
        &self,
        subject: PersonId,
        class: KeyClass,
        reason: &'static str,
        now_micros: i64,
    ) -> Result<u64, VaultError> {
        self.ring.destroy(subject, class, store::EVERY_GENERATION, reason, now_micros).await
    }

    /// The key that seals the subject's parts of this class from now on, of this generation or a later one; made, durably, if
    /// there is none yet. Of two that race, both find the same key. Other processes go on with the one before until their
    /// cache's time is over.
    ///
    /// # Errors
    /// [`VaultError::Erased`] when the class's keys were destroyed, [`VaultError::KeyMissing`] when there never was one.
    pub async fn renew(
        &self,
        subject: PersonId,
        class: KeyClass,
        generation: u32,
        now_micros: i64,
    ) -> Result<DataKey, VaultError> {
        self.ring.renew(subject, class, generation, now_micros).await
    }

    /// Destroys the subject's keys of this class that are of a generation below one: what they sealed and was not sealed anew
    /// is erased. Otherwise as [`Self::destroy`].
    ///
    /// # Errors
    /// As [`Self::destroy`].
    pub async fn destroy_below(
        &self,
        subject: PersonId,
        class: KeyClass,
        generation: u32,
        reason: &'static str,
        now_micros: i64,
    ) -> Result<u64, VaultError> {
        self.ring.destroy(subject, class, generation.into(), reason, now_micros).await
    }

    /// What stands in for an identifier in the event database: 43 characters, the same for the same organisation,
    /// scheme and value, and to be guessed by nobody without the key. `normalised_value` must be in the scheme's one form.
    #[must_use]
    pub fn blind_index(&self, organisation: &OrganisationCode, scheme: &str, normalised_value: &str) -> String {
        self.deployment.blind_index(organisation, scheme, normalised_value)
    }

    /// A keyed digest that recognises the same bytes again, such as a repeated request's.
    #[must_use]
    pub fn fingerprint(&self, pieces: &[&[u8]]) -> [u8; 32] {
        self.deployment.fingerprint(pieces)
    }

    /// A new random nonce for [`DataKey::seal`].
    #[must_use]
    pub fn fresh_nonce(&self) -> [u8; NONCE_LENGTH] {
        let mut nonce = [0; NONCE_LENGTH];
        self.ring.random().fill(&mut nonce);
        nonce
    }

    /// A new random salt for a part's commitment.
    #[must_use]
    pub fn fresh_salt(&self) -> [u8; SALT_LENGTH] {
        let mut salt = [0; SALT_LENGTH];
        self.ring.random().fill(&mut salt);
        salt
    }

    /// Whether the vault can be relied on now: the store answers and is durable, does not stand beside the events, and
    /// its deployment keys are those that this process uses.
    ///
    /// # Errors
    /// The first thing found wrong.
    pub async fn check(&self) -> Result<(), VaultError> {
        self.ring.store().check().await?;
        // While there are older epochs here, a rotation is under way or has just ended: then they are to be forgotten.
        if self.ring.held().master.epochs().len() > 1 {
            self.ring.learn().await?;
        }
        let mut stored = self.stored_deployment().await;
        if matches!(stored, Err(VaultError::EpochMissing { .. })) {
            self.ring.learn().await?;
            stored = self.stored_deployment().await;
        }
        if stored?.probe() == self.deployment.probe() {
            Ok(())
        } else {
            Err(VaultError::Damaged("the deployment's keys are not those that this process opened"))
        }
    }

    async fn stored_deployment(&self) -> Result<DeploymentKeys, VaultError> {
        unwrap_deployment(&self.ring.held().master, &self.ring.store().deployment_keys().await?)
    }

    /// Ends the connections to the store, for all clones; keys that are remembered still open.
    pub async fn close(&self) {
        self.ring.store().close().await;
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Vault")
    }
}

/// `PATH` of `sqlite:PATH` (or `sqlite://PATH`): a file, without options.
fn sqlite_path(rest: &str) -> Result<&Path, VaultError> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() || path.contains('?') || path.starts_with(':') {
        return Err(VaultError::Configuration("the key store's URL must be sqlite:PATH, a file, without options"));
    }
    Ok(Path::new(path))
}

fn unwrap_deployment(master: &MasterKeys, records: &[DeploymentRecord]) -> Result<DeploymentKeys, VaultError> {
    let key = |name: &'static str| {
        let record = records.iter().find(|record| record.name == name).ok_or(VaultError::Missing)?;
        wrap::unwrap(master, Binding::Deployment(name), &record.wrapped)
    };
    let [blind_index, fingerprint] = DeploymentKeys::NAMES;
    Ok(DeploymentKeys { blind_index: key(blind_index)?, fingerprint: key(fingerprint)? })
}

#[cfg(test)]
mod contract_test;
#[cfg(test)]
mod ground_test;
#[cfg(test)]
mod keeper_test;
#[cfg(test)]
mod postgres_test;
#[cfg(test)]
mod rotation_test;
#[cfg(test)]
mod sqlite_file_test;
