//! What only the embedded key store promises: a private file, and nothing of a destroyed key left in it.

use super::ground_test::Ground;
use super::key::KeyClass;
use crate::domain::ids::PersonId;
use uuid::Uuid;

#[tokio::test]
async fn a_sqlite_store_is_private_and_keeps_no_destroyed_key() {
    use std::os::unix::fs::PermissionsExt;
    let ground = Ground::sqlite().await.unwrap();
    let (vault, subject) = (ground.open().await, PersonId(Uuid::new_v4()));
    vault.ensure_keys(&[subject], 1).await.unwrap();
    let beside = |suffix: &str| {
        let mut name = ground.file().unwrap().into_os_string();
        name.push(suffix);
        std::path::PathBuf::from(name)
    };
    for suffix in ["", "-wal", "-shm", ".opening"] {
        let mode = std::fs::metadata(beside(suffix)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{suffix}");
    }
    let pool = sqlx::SqlitePool::connect(&ground.url).await.unwrap();
    let wrapped: Vec<u8> =
        sqlx::query_scalar("SELECT wrapped FROM person_key WHERE class = 'words'").fetch_one(&pool).await.unwrap();
    pool.close().await;
    let found = || {
        ["", "-wal"].iter().any(|suffix| {
            std::fs::read(beside(suffix)).unwrap_or_default().windows(wrapped.len()).any(|window| window == wrapped)
        })
    };
    assert!(found());
    vault.destroy(subject, KeyClass::Words, "test", 1).await.unwrap();
    assert!(!found());
}

#[tokio::test]
async fn debug_of_a_vault_shows_nothing() {
    let vault = Ground::sqlite().await.unwrap().open().await;
    assert_eq!(format!("{vault:?}"), "Vault");
    assert_eq!(vault.fresh_nonce().len(), 24);
    assert_ne!(vault.fresh_salt(), vault.fresh_salt());
}
