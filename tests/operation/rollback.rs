//! A database that is not the one that was signed: an old backup, or one whose history was rewritten with every care. It
//! is refused by whoever serves and named by the doctor.

use crate::binary::{Place, Served};
use crate::support::{Backend, Client};
use sqlx::{Connection, SqliteConnection};
use std::path::Path;
use std::time::{Duration, Instant};

const SOON: [(&str, &str); 1] = [("CAIRN_CHECKPOINT_INTERVAL_MS", "10")];

/// Waits until everything that is recorded was signed.
async fn all_signed(caller: &Client) {
    let size = caller.head().await + 1;
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let checkpoint = caller.get("/v1/log/outcomes/checkpoint").await;
        if checkpoint.text.lines().nth(1).and_then(|line| line.parse().ok()) == Some(size) {
            return;
        }
        assert!(Instant::now() < deadline, "not signed: {}", checkpoint.text);
        tokio::task::yield_now().await;
    }
}

async fn stop(place: &Place, served: Served, people: usize) {
    let caller = place.caller(&served);
    for _ in 0..people {
        caller.person().await;
    }
    all_signed(&caller).await;
    assert_eq!(served.terminate(), Some(0));
}

fn copy(from: &Path, to: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let (from, to) = (format!("{}{suffix}", from.display()), format!("{}{suffix}", to.display()));
        let _ = std::fs::remove_file(&to);
        if Path::new(&from).exists() {
            std::fs::copy(from, to).unwrap();
        }
    }
}

fn refused(place: &Place, said: &str) {
    let served = place.run(&["serve"]).expect_status(3);
    assert!(served.err().contains(said), "{}", served.err());
    let doctor = place.run(&["doctor"]).expect_status(1);
    assert!(doctor.out().contains(said) || doctor.err().contains(said), "{}{}", doctor.out(), doctor.err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_backup_is_refused() {
    let place = Place::new(Backend::Sqlite).await;
    let (database, backup, newest) = (place.file("cairn.db"), place.file("backup.db"), place.file("newest.db"));
    stop(&place, place.serve_with(&SOON), 2).await;
    copy(&database, &backup);
    stop(&place, place.serve_with(&SOON), 3).await;
    copy(&database, &newest);
    place.run(&["doctor"]).expect_status(0);

    copy(&backup, &database);
    refused(&place, "the database is behind: a checkpoint of 17 events was signed, and it has 14");
    copy(&newest, &database);
    stop(&place, place.serve_with(&SOON), 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_that_was_rewritten_with_care_is_refused() {
    let place = Place::new(Backend::Sqlite).await;
    stop(&place, place.serve_with(&SOON), 2).await;
    let mut database =
        SqliteConnection::connect(&format!("sqlite:{}", place.file("cairn.db").display())).await.unwrap();
    let trigger: String =
        sqlx::query_scalar("SELECT sql FROM sqlite_master WHERE name = 'event_is_append_only_update'")
            .fetch_one(&mut database)
            .await
            .unwrap();
    sqlx::query("DROP TRIGGER event_is_append_only_update").execute(&mut database).await.unwrap();
    sqlx::query("UPDATE event SET leaf_hash = zeroblob(32) WHERE position = 3").execute(&mut database).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(trigger)).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    refused(&place, "the history was rewritten: the first 14 events are not those that were signed");
}
