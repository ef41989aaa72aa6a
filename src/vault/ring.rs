//! The ring of unwrapped keys: found in the store, unwrapped with the master key, kept for a short while.
//!
//! Knows the store by its trait alone, and neither the sealed parts nor who asks. A key that another process destroyed
//! can still be here until its time is over; one that this process destroyed is forgotten at once.

use super::cache::ExpiringCache;
use super::error::VaultError;
use super::held::{Held, Holder};
use super::key::{KeyClass, KeyId, KeyName};
use super::random::RandomSource;
use super::seal::DataKey;
use super::store::{KeyRecord, KeyStore, NewKey, WrappedKey};
use super::wrap::{self, Binding};
use crate::domain::ids::PersonId;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Tells the time since some fixed moment; never goes back.
pub type MonotonicClock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// How many keys are kept unwrapped, of each of the two kinds of look-up; about 20 MB when full.
const CACHE_ENTRIES: usize = 50_000;
/// How often work is repeated that met a newer master key: once for a rotation, and once more for one that ends meanwhile.
const ATTEMPTS: u32 = 3;

/// What a look-up of one key came to.
pub(super) type Found = Result<DataKey, VaultError>;

struct Caches {
    by_id: ExpiringCache<KeyId, DataKey>,
    /// The key that seals now.
    current: ExpiringCache<(PersonId, KeyClass), DataKey>,
}

/// Finds, makes and remembers people's keys.
pub(super) struct KeyRing {
    store: Arc<dyn KeyStore>,
    holder: Holder,
    random: Arc<dyn RandomSource>,
    clock: MonotonicClock,
    caches: Mutex<Caches>,
}

impl KeyRing {
    pub(super) fn new(
        store: Arc<dyn KeyStore>,
        holder: Holder,
        random: Arc<dyn RandomSource>,
        clock: MonotonicClock,
        time_to_live: Duration,
    ) -> Self {
        let caches = Caches {
            by_id: ExpiringCache::new(time_to_live, CACHE_ENTRIES),
            current: ExpiringCache::new(time_to_live, CACHE_ENTRIES),
        };
        Self { store, holder, random, clock, caches: Mutex::new(caches) }
    }

    pub(super) fn store(&self) -> &dyn KeyStore {
        &*self.store
    }
    pub(super) fn held(&self) -> Held {
        self.holder.now()
    }
    /// Reads the master key again, because something newer was met.
    pub(super) async fn learn(&self) -> Result<Held, VaultError> {
        self.holder.learn(&*self.store).await
    }
    pub(super) fn random(&self) -> &dyn RandomSource {
        &*self.random
    }

    /// Whether every class's key of every subject is remembered.
    pub(super) fn remembers(&self, subjects: &[PersonId]) -> bool {
        let now = (self.clock)();
        let mut caches = self.caches();
        subjects
            .iter()
            .all(|subject| KeyClass::ALL.iter().all(|class| caches.current.get(&(*subject, *class), now).is_some()))
    }

    /// Makes the keys that are missing, each with its subject's time in microseconds, in one transaction; answers
    /// those subjects that cannot have keys, and why. Only reads when nothing is missing.
    pub(super) async fn ensure(
        &self,
        wanted: &BTreeMap<PersonId, i64>,
    ) -> Result<BTreeMap<PersonId, VaultError>, VaultError> {
        let mut attempt = 1;
        loop {
            match self.ensure_once(wanted).await {
                Err(VaultError::EpochPassed | VaultError::EpochMissing { .. }) if attempt < ATTEMPTS => {
                    self.learn().await?;
                    attempt += 1;
                }
                Ok(refused) if attempt < ATTEMPTS && refused.values().any(is_of_another_epoch) => {
                    self.learn().await?;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    async fn ensure_once(
        &self,
        wanted: &BTreeMap<PersonId, i64>,
    ) -> Result<BTreeMap<PersonId, VaultError>, VaultError> {
        let since = (self.clock)();
        let subjects: Vec<PersonId> = wanted.keys().copied().collect();
        let mut records = self.store.find_of_subjects(&subjects).await?;
        let new = self.draw_missing(wanted, &records)?;
        if !new.is_empty() {
            let drawn_for: HashSet<PersonId> = new.iter().map(|new| new.key.name.subject).collect();
            records.retain(|record| !drawn_for.contains(&record.name().subject));
            records.extend(self.store.insert_missing(&new).await?);
        }
        let found = self.remember_current(records, since);
        let mut refused = BTreeMap::new();
        for subject in subjects {
            for class in KeyClass::ALL {
                let answer = found.get(&(subject, class)).cloned().unwrap_or(Err(VaultError::KeyMissing));
                if let Err(error) = answer
                    && !matches!(refused.get(&subject), Some(VaultError::Erased))
                {
                    refused.insert(subject, error);
                }
            }
        }
        Ok(refused)
    }

    /// The key that seals the subject's parts of this class now. A remembered key is no use to anybody once the store that
    /// it came from is gone: what it sealed could never be opened again.
    pub(super) async fn current(&self, subject: PersonId, class: KeyClass) -> Found {
        self.store.still_there()?;
        let since = (self.clock)();
        if let Some(key) = self.caches().current.get(&(subject, class), since) {
            return Ok(key);
        }
        let mut attempt = 1;
        loop {
            let records = self.store.find_of_subjects(&[subject]).await?;
            let found = self.remember_current(records, since).remove(&(subject, class));
            match found.unwrap_or(Err(VaultError::KeyMissing)) {
                Err(error) if attempt < ATTEMPTS && is_of_another_epoch(&error) => {
                    self.learn().await?;
                    attempt += 1;
                }
                found => return found,
            }
        }
    }

    /// These keys, the ones not remembered in one statement. An error of the store answers for those that it was asked for.
    pub(super) async fn find(&self, wanted: impl Iterator<Item = KeyId>) -> HashMap<KeyId, Found> {
        let since = (self.clock)();
        let mut found = HashMap::new();
        let mut absent = Vec::new();
        {
            let mut caches = self.caches();
            for id in wanted {
                if found.contains_key(&id) {
                    continue;
                }
                let remembered = caches.by_id.get(&id, since);
                if remembered.is_none() {
                    absent.push(id);
                }
                // Until the store says more, a key is missing.
                found.insert(id, remembered.ok_or(VaultError::KeyMissing));
            }
        }
        if absent.is_empty() {
            return found;
        }
        for attempt in 1..=ATTEMPTS {
            self.look_up(&absent, &mut found).await;
            let met_another = absent.iter().any(|id| matches!(found.get(id), Some(Err(e)) if is_of_another_epoch(e)));
            // Should nothing newer be had, what was found stands.
            if !met_another || attempt == ATTEMPTS || self.learn().await.is_err() {
                break;
            }
        }
        let mut caches = self.caches();
        for id in absent {
            if let Some(Ok(key)) = found.get(&id) {
                caches.by_id.put(id, key.clone(), since);
            }
        }
        found
    }

    /// The key that seals from now on, of a generation or a later one; made if there is none yet.
    pub(super) async fn renew(&self, subject: PersonId, class: KeyClass, generation: u32, now_micros: i64) -> Found {
        let mut attempt = 1;
        loop {
            match self.renew_once(subject, class, generation, now_micros).await {
                Err(error)
                    if attempt < ATTEMPTS
                        && (is_of_another_epoch(&error) || matches!(error, VaultError::EpochPassed)) =>
                {
                    self.learn().await?;
                    attempt += 1;
                }
                found => return found,
            }
        }
    }

    async fn renew_once(&self, subject: PersonId, class: KeyClass, generation: u32, now_micros: i64) -> Found {
        let since = (self.clock)();
        self.forget_current(subject, class);
        let key = self.current(subject, class).await?;
        if key.generation() >= generation {
            return Ok(key);
        }
        let key = self.draw(&self.held(), subject, class, generation)?;
        let records = self.store.insert_generation(&NewKey { key, created_at_micros: now_micros }).await?;
        self.remember_current(records, since).remove(&(subject, class)).unwrap_or(Err(VaultError::KeyMissing))
    }

    /// Forgets which key seals, so that the store is asked.
    pub(super) fn forget_current(&self, subject: PersonId, class: KeyClass) {
        self.caches().current.forget(|key| key.subject() == subject && key.class() == class);
    }

    /// Looks these keys up in the store; those that it does not answer for stay as they were.
    async fn look_up(&self, ids: &[KeyId], found: &mut HashMap<KeyId, Found>) {
        match self.store.find(ids).await {
            Ok(records) => {
                let mut erased = HashSet::new();
                for record in records {
                    let id = record.name().id;
                    // A mark of destruction beside a living row, as a careless restoration leaves it, is final.
                    if !erased.contains(&id) {
                        let answer = self.unwrap_record(&record);
                        if matches!(answer, Err(VaultError::Erased)) {
                            erased.insert(id);
                        }
                        found.insert(id, answer);
                    }
                }
            }
            Err(error) => found.extend(ids.iter().map(|id| (*id, Err(error.clone())))),
        }
    }

    /// Destroys the living keys of a class, of generations below one, in the store and here.
    pub(super) async fn destroy(
        &self,
        subject: PersonId,
        class: KeyClass,
        below: u64,
        reason: &'static str,
        now_micros: i64,
    ) -> Result<u64, VaultError> {
        let destroyed = self.store.destroy(subject, class, below, reason, now_micros).await;
        // Forgotten even when the answer got lost: the destruction may have happened.
        let mut caches = self.caches();
        let gone =
            |key: &DataKey| key.subject() == subject && key.class() == class && u64::from(key.generation()) < below;
        caches.by_id.forget(gone);
        caches.current.forget(gone);
        destroyed
    }

    /// New keys for each subject and class that has no record, in the order of subject and class.
    fn draw_missing(&self, wanted: &BTreeMap<PersonId, i64>, records: &[KeyRecord]) -> Result<Vec<NewKey>, VaultError> {
        let known: HashSet<(PersonId, KeyClass)> =
            records.iter().map(|record| (record.name().subject, record.name().class)).collect();
        let held = self.held();
        let mut new = Vec::new();
        for (subject, created_at_micros) in wanted {
            for class in KeyClass::ALL {
                if known.contains(&(*subject, class)) {
                    continue;
                }
                let key = self.draw(&held, *subject, class, 0)?;
                new.push(NewKey { key, created_at_micros: *created_at_micros });
            }
        }
        Ok(new)
    }

    /// A new key, wrapped.
    fn draw(&self, held: &Held, subject: PersonId, class: KeyClass, generation: u32) -> Result<WrappedKey, VaultError> {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        let id = KeyId(uuid::Builder::from_random_bytes(bytes).into_uuid());
        let name = KeyName { id, subject, class, generation };
        let wrapped = wrap::draw_wrapped(&held.master, held.epoch, &*self.random, Binding::Person(&name))?;
        Ok(WrappedKey { name, wrapped })
    }

    /// Of each subject and class the living key of the highest generation, or why there is none; remembers it.
    fn remember_current(&self, records: Vec<KeyRecord>, since: Duration) -> HashMap<(PersonId, KeyClass), Found> {
        let mut newest: HashMap<(PersonId, KeyClass), KeyRecord> = HashMap::new();
        for record in records {
            let place = (record.name().subject, record.name().class);
            let rank = |record: &KeyRecord| (matches!(record, KeyRecord::Live(_)), record.name().generation);
            if newest.get(&place).is_none_or(|other| rank(other) < rank(&record)) {
                newest.insert(place, record);
            }
        }
        let found: HashMap<_, _> =
            newest.into_iter().map(|(place, record)| (place, self.unwrap_record(&record))).collect();
        let mut caches = self.caches();
        for (place, answer) in &found {
            if let Ok(key) = answer {
                caches.by_id.put(key.id(), key.clone(), since);
                caches.current.put(*place, key.clone(), since);
            }
        }
        found
    }

    fn unwrap_record(&self, record: &KeyRecord) -> Found {
        match record {
            KeyRecord::Live(key) => wrap::unwrap(&self.held().master, Binding::Person(&key.name), &key.wrapped)
                .map(|secret| DataKey::new(key.name, secret)),
            KeyRecord::Destroyed(_) => Err(VaultError::Erased),
        }
    }

    fn caches(&self) -> MutexGuard<'_, Caches> {
        // What a panic left behind is still a set of whole entries.
        self.caches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the key is there and only its master key is not: reading that again may help.
fn is_of_another_epoch(error: &VaultError) -> bool {
    matches!(error, VaultError::EpochMissing { .. })
}
