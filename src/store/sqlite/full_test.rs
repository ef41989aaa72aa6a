//! What a disk without space costs: the append that met it, and none after it.

use super::SqliteStore;
use crate::store::{Store, StoreError};
use sqlx::SqlSafeStr;

#[tokio::test]
async fn the_writer_goes_on_once_there_is_space_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("cairn.db"), true, 1).await.unwrap();
    // The limit, of this connection alone, is as good as a full disk: SQLite answers both with SQLITE_FULL.
    sqlx::query("PRAGMA max_page_count = 1").execute(&store.write).await.unwrap();
    let mut transaction = store.write.begin_with("BEGIN IMMEDIATE".into_sql_str()).await.unwrap();
    let large = "INSERT INTO client (id, body) VALUES ('large', printf('%.*c', 1000000, 'x'))";
    let error = sqlx::query(large).execute(&mut *transaction).await.unwrap_err();
    assert!(matches!(StoreError::during("write")(error), StoreError::Full { .. }));
    drop(transaction);
    // A connection that the driver believes to be within a transaction would refuse this.
    let mut transaction = store.write.begin_with("BEGIN IMMEDIATE".into_sql_str()).await.unwrap();
    sqlx::query(large).execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
    store.close().await;
}
