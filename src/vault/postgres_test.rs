//! Two writers on one PostgreSQL, at the one moment that matters: while the other's transaction is still open.

use super::ground_test::Ground;
use super::key::{KeyClass, KeyId, KeyName};
use super::store::{KeyRecord, NewKey, WrappedBytes, WrappedKey};
use crate::domain::ids::PersonId;
use sqlx::postgres::PgPool;
use uuid::Uuid;

const INSERT: &str = "INSERT INTO person_key (key_id, subject, class, generation, epoch, wrapped, created_at_micros) \
                      VALUES ($1, $2, 'words', 0, 1, decode(repeat('00', 60), 'hex'), 1)";
const WAITING: &str = "SELECT count(*) FROM pg_locks WHERE NOT granted \
                       AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";

/// Asks the database until a transaction in it waits for a lock.
pub(super) async fn until_somebody_waits(pool: &PgPool) {
    while sqlx::query_scalar::<_, i64>(WAITING).fetch_one(pool).await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_comes_second_gets_the_first_ones_key() {
    let Some(ground) = Ground::postgres().await else { return };
    let (vault, pool) = (ground.open().await, PgPool::connect(&ground.url).await.unwrap());
    let (first, second, subject) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
    let mut open = pool.begin().await.unwrap();
    sqlx::query(INSERT).bind(first).bind(subject).execute(&mut *open).await.unwrap();

    let name = KeyName { id: KeyId(second), subject: PersonId(subject), class: KeyClass::Words, generation: 0 };
    let wrapped = WrappedBytes { epoch: 1, bytes: vec![1; 60] };
    let keys = [NewKey { key: WrappedKey { name, wrapped }, created_at_micros: 2 }];
    let commit = async {
        until_somebody_waits(&pool).await;
        open.commit().await.unwrap();
    };
    let (records, ()) = tokio::join!(vault.ring.store().insert_missing(&keys), commit);
    let found: Vec<Uuid> = records.unwrap().iter().map(|record: &KeyRecord| record.name().id.0).collect();
    assert_eq!(found, [first]);
    pool.close().await;
    ground.remove().await;
}

#[tokio::test]
async fn a_destruction_does_not_overlook_a_key_on_its_way() {
    let Some(ground) = Ground::postgres().await else { return };
    let (vault, pool) = (ground.open().await, PgPool::connect(&ground.url).await.unwrap());
    let (key, subject) = (Uuid::from_u128(1), Uuid::from_u128(3));
    let mut open = pool.begin().await.unwrap();
    sqlx::query(INSERT).bind(key).bind(subject).execute(&mut *open).await.unwrap();
    let commit = async {
        until_somebody_waits(&pool).await;
        open.commit().await.unwrap();
    };
    let destruction = vault.destroy(PersonId(subject), KeyClass::Words, "test", 2);
    let waited = async { tokio::join!(destruction, commit).0.unwrap() };
    // A destruction that does not wait overlooks the key; the time limit only ends the wait of `commit` then.
    let destroyed = tokio::time::timeout(std::time::Duration::from_secs(20), waited).await;
    assert_eq!(destroyed.ok(), Some(1));
    assert_eq!(ground.count("SELECT count(*) FROM person_key").await, 0);
    pool.close().await;
    ground.remove().await;
}
