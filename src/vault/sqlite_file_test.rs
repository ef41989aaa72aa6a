//! What only the embedded key store promises: a private file, nothing of a destroyed key left in it, and no key in a file
//! that is gone.

use super::ground_test::Ground;
use super::key::KeyClass;
use super::{SealContext, VaultError};
use crate::domain::ids::{EventId, PersonId, StreamId};
use std::path::PathBuf;
use uuid::Uuid;

fn beside(ground: &Ground, suffix: &str) -> PathBuf {
    let mut name = ground.file().unwrap().into_os_string();
    name.push(suffix);
    name.into()
}

#[tokio::test]
async fn a_sqlite_store_is_private_and_keeps_no_destroyed_key() {
    use std::os::unix::fs::PermissionsExt;
    let ground = Ground::sqlite().await.unwrap();
    let (vault, subject) = (ground.open().await, PersonId(Uuid::new_v4()));
    vault.ensure_keys(&[subject], 1).await.unwrap();
    for suffix in ["", "-wal", "-shm", ".opening"] {
        let mode = std::fs::metadata(beside(&ground, suffix)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{suffix}");
    }
    let pool = sqlx::SqlitePool::connect(&ground.url).await.unwrap();
    let wrapped: Vec<u8> =
        sqlx::query_scalar("SELECT wrapped FROM person_key WHERE class = 'words'").fetch_one(&pool).await.unwrap();
    pool.close().await;
    let found = || {
        ["", "-wal"].iter().any(|suffix| {
            std::fs::read(beside(&ground, suffix))
                .unwrap_or_default()
                .windows(wrapped.len())
                .any(|window| window == wrapped)
        })
    };
    assert!(found());
    vault.destroy(subject, KeyClass::Words, "test", 1).await.unwrap();
    assert!(!found());
}

#[tokio::test]
async fn no_key_is_made_or_used_once_its_file_is_gone() {
    let ground = Ground::sqlite().await.unwrap();
    // The remembering one, because a remembered key must not seal any more either.
    let (vault, known) = (ground.open_caching().await, PersonId(Uuid::new_v4()));
    vault.ensure_keys(&[known], 1).await.unwrap();
    let place = SealContext { event: EventId(Uuid::nil()), stream: StreamId(Uuid::nil()), version: 0, part: "words" };
    let (file, aside) = (beside(&ground, ""), beside(&ground, ".aside"));
    let refuses = async || {
        let new = PersonId(Uuid::new_v4());
        let moved = |answer: Result<(), VaultError>| assert!(matches!(answer, Err(VaultError::Moved)), "{answer:?}");
        moved(vault.ensure_keys(&[new], 1).await);
        moved(vault.destroy(known, KeyClass::Identity, "test", 1).await.map(drop));
        moved(vault.check().await);
    };
    let sealed = async || vault.seal(known, KeyClass::Words, &place, &[1; 32], b"words").await;
    std::fs::rename(&file, &aside).unwrap();
    refuses().await;
    assert!(matches!(sealed().await, Err(VaultError::Moved)));
    std::fs::copy(&aside, &file).unwrap();
    refuses().await;
    assert!(matches!(sealed().await, Err(VaultError::Moved)));
    std::fs::rename(&aside, &file).unwrap();
    std::fs::rename(beside(&ground, "-wal"), &aside).unwrap();
    refuses().await;
    std::fs::rename(&aside, beside(&ground, "-wal")).unwrap();
    vault.check().await.unwrap();
    sealed().await.unwrap();
    assert_eq!(vault.destroy(known, KeyClass::Identity, "test", 1).await.unwrap(), 1, "nothing was destroyed before");
    assert_eq!(ground.count("SELECT COUNT(*) FROM person_key").await, 1, "and nothing was made");
}

#[tokio::test]
async fn debug_of_a_vault_shows_nothing() {
    let vault = Ground::sqlite().await.unwrap().open().await;
    assert_eq!(format!("{vault:?}"), "Vault");
    assert_eq!(vault.fresh_nonce().len(), 24);
    assert_ne!(vault.fresh_salt(), vault.fresh_salt());
}
