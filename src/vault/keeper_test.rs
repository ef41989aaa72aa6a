//! The keeper shares transactions, and a failed one answers everyone who waited for it.

use super::epoch::{EpochMark, EpochStore, KeyCounts};
use super::ground_test::master;
use super::held::Holder;
use super::keeper::Keeper;
use super::key::{KeyClass, KeyId};
use super::ring::KeyRing;
use super::store::{DeploymentRecord, KeyRecord, KeyStore, NewKey, WrappedKey};
use super::{SeededRandom, VaultError};
use crate::domain::ids::PersonId;
use async_trait::async_trait;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;
use uuid::Uuid;

/// A store in memory whose inserts wait until they are let through.
struct GatedStore {
    keys: Mutex<Vec<KeyRecord>>,
    inserts: AtomicUsize,
    fails: AtomicBool,
    gate: Semaphore,
}

impl GatedStore {
    fn of(&self, subjects: &[PersonId]) -> Vec<KeyRecord> {
        let keys = self.keys.lock().unwrap();
        keys.iter().filter(|record| subjects.contains(&record.name().subject)).cloned().collect()
    }
}

#[async_trait]
impl KeyStore for GatedStore {
    async fn find(&self, _: &[KeyId]) -> Result<Vec<KeyRecord>, VaultError> {
        Err(VaultError::Closed)
    }
    async fn find_of_subjects(&self, subjects: &[PersonId]) -> Result<Vec<KeyRecord>, VaultError> {
        Ok(self.of(subjects))
    }
    async fn insert_missing(&self, keys: &[NewKey]) -> Result<Vec<KeyRecord>, VaultError> {
        self.gate.acquire().await.unwrap().forget();
        self.inserts.fetch_add(1, Ordering::SeqCst);
        if self.fails.load(Ordering::SeqCst) {
            return Err(VaultError::store("keep new keys", std::io::Error::other("the disk is full")));
        }
        self.keys.lock().unwrap().extend(keys.iter().map(|new| KeyRecord::Live(new.key.clone())));
        Ok(self.of(&keys.iter().map(|new| new.key.name.subject).collect::<Vec<_>>()))
    }
    async fn insert_generation(&self, _: &NewKey) -> Result<Vec<KeyRecord>, VaultError> {
        unreachable!("the keeper makes first keys only")
    }
    async fn destroy(&self, _: PersonId, _: KeyClass, _: u64, _: &str, _: i64) -> Result<u64, VaultError> {
        Err(VaultError::Closed)
    }
    async fn deployment_keys(&self) -> Result<Vec<DeploymentRecord>, VaultError> {
        Err(VaultError::Closed)
    }
    async fn insert_deployment_keys(&self, _: &[DeploymentRecord]) -> Result<Vec<DeploymentRecord>, VaultError> {
        Err(VaultError::Closed)
    }
    async fn check(&self) -> Result<(), VaultError> {
        Err(VaultError::Closed)
    }
    async fn close(&self) {}
}

#[async_trait]
impl EpochStore for GatedStore {
    async fn epoch(&self) -> Result<EpochMark, VaultError> {
        Err(VaultError::Closed)
    }
    async fn move_on(&self, _: u32, _: &[u8; 32], _: Option<i64>) -> Result<EpochMark, VaultError> {
        Err(VaultError::Closed)
    }
    async fn wrapped_before(&self, _: u32, _: KeyId, _: u32) -> Result<Vec<WrappedKey>, VaultError> {
        Err(VaultError::Closed)
    }
    async fn replace_wrapped(&self, _: &[WrappedKey], _: &[DeploymentRecord]) -> Result<u64, VaultError> {
        Err(VaultError::Closed)
    }
    async fn counts(&self) -> Result<KeyCounts, VaultError> {
        Err(VaultError::Closed)
    }
    async fn settle(&self) -> Result<bool, VaultError> {
        Err(VaultError::Closed)
    }
}

fn ground() -> (Arc<GatedStore>, Arc<KeyRing>, Keeper) {
    let store = Arc::new(GatedStore {
        keys: Mutex::default(),
        inserts: AtomicUsize::new(0),
        fails: AtomicBool::new(false),
        gate: Semaphore::new(0),
    });
    let ring = Arc::new(KeyRing::new(
        Arc::clone(&store) as Arc<dyn KeyStore>,
        Holder::of(master(&[(1, "a")]), 1),
        Arc::new(SeededRandom::new(1)),
        Arc::new(|| Duration::ZERO),
        Duration::from_secs(60),
    ));
    let keeper = Keeper::start(Arc::clone(&ring));
    (store, ring, keeper)
}

fn person(number: u128) -> PersonId {
    PersonId(Uuid::from_u128(number))
}

#[tokio::test]
async fn requests_at_once_share_few_transactions() {
    let (store, ring, keeper) = ground();
    let requests = (0..64).map(|number| keeper.ensure(vec![person(number), person(1000)], 1));
    let open_gate = async { store.gate.add_permits(64) };
    let (answers, ()) = tokio::join!(futures::future::join_all(requests), open_gate);
    assert!(answers.iter().all(Result::is_ok));
    let inserts = store.inserts.load(Ordering::SeqCst);
    assert!((1..=2).contains(&inserts), "{inserts} transactions");
    assert_eq!(store.keys.lock().unwrap().len(), 65 * 2);
    assert!(ring.remembers(&(0..64).map(person).collect::<Vec<_>>()));
}

#[tokio::test]
async fn a_failed_transaction_answers_all_and_the_next_one_works() {
    let (store, ring, keeper) = ground();
    store.gate.add_permits(64);
    store.fails.store(true, Ordering::SeqCst);
    let answers = futures::future::join_all((0..8).map(|number| keeper.ensure(vec![person(number)], 1))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(VaultError::Store { .. }))));
    assert!(!ring.remembers(&[person(0)]));
    store.fails.store(false, Ordering::SeqCst);
    keeper.ensure(vec![person(0)], 1).await.unwrap();
    assert!(ring.remembers(&[person(0)]));
    let before = store.inserts.load(Ordering::SeqCst);
    keeper.ensure(vec![person(0)], 1).await.unwrap();
    assert_eq!(store.inserts.load(Ordering::SeqCst), before, "nothing was missing");
}

#[tokio::test]
async fn who_stops_waiting_harms_nobody() {
    let (store, _, keeper) = ground();
    drop(tokio::time::timeout(Duration::ZERO, keeper.ensure(vec![person(1)], 1)).await);
    store.gate.add_permits(64);
    keeper.ensure(vec![person(2)], 1).await.unwrap();
}
