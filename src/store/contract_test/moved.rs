//! A database file that goes away while it is open: nothing is acknowledged that the next start would not find.

use super::making::{Making, appended, at, each};
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError};
use std::path::{Path, PathBuf};

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[tokio::test]
async fn nothing_is_appended_to_a_file_that_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (path, making) = (folder.path().join("cairn.db"), Making::new(190));
    let aside = folder.path().join("aside");
    let store = SqliteStore::open(&path, true, 1).await.unwrap();
    appended(&store, [making.person("R1A")], at(0)).await;
    let refuses = async || {
        let error = store.append(&each([making.person("R1A")]), at(1)).await.unwrap_err();
        assert!(matches!(error, StoreError::NotReady { .. }), "{error}");
        assert!(error.to_string().contains("deleted, moved or replaced"), "{error}");
        assert!(matches!(store.check().await, Err(StoreError::NotReady { .. })));
        assert_eq!(store.head().await.unwrap().size, 1, "what was there is read on, and nothing is added");
    };
    for suffix in ["", "-wal"] {
        let file = beside(&path, suffix);
        std::fs::rename(&file, &aside).unwrap();
        refuses().await;
        if suffix.is_empty() {
            // A copy has all that was there, and would still get nothing of what is written here.
            std::fs::copy(&aside, &file).unwrap();
            refuses().await;
        }
        std::fs::rename(&aside, &file).unwrap();
        store.check().await.unwrap();
    }
    appended(&store, [making.person("R1A")], at(2)).await;
    store.close().await;
    assert_eq!(SqliteStore::open(&path, false, 1).await.unwrap().head().await.unwrap().size, 2);
}
