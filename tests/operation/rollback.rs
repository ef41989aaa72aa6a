//! A database that is not the one that was signed: an old backup, or one whose history was rewritten with every care. It
//! is refused by whoever serves and named by the doctor.

use crate::binary::{Place, Served};
use crate::support::{Backend, Client, backends};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use std::path::Path;
use std::time::{Duration, Instant};

pub const SOON: [(&str, &str); 1] = [("CAIRN_CHECKPOINT_INTERVAL_MS", "10")];

/// Waits until everything that is recorded was signed.
pub async fn all_signed(caller: &Client) {
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

pub async fn stop(place: &Place, served: Served, people: usize) {
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

/// A copy of a database of events that nobody serves, and the same put back in its place.
pub struct Backup(String);

impl Backup {
    pub async fn of(place: &Place, name: &str) -> Self {
        let backup = match Self::postgres(place) {
            None => place.file(name).display().to_string(),
            Some((_, database)) => format!("{database}_{name}"),
        };
        Self::copy_of(place, &Self::original(place), &backup).await;
        Self(backup)
    }

    pub async fn restore(&self, place: &Place) {
        Self::copy_of(place, &self.0, &Self::original(place)).await;
    }

    /// The cluster's URL without a database and the name of this one's.
    fn postgres(place: &Place) -> Option<(&str, &str)> {
        place.database().starts_with("postgres").then(|| place.database().rsplit_once('/').unwrap())
    }

    fn original(place: &Place) -> String {
        let file = || place.file("cairn.db").display().to_string();
        Self::postgres(place).map_or_else(file, |(_, database)| database.to_owned())
    }

    async fn copy_of(place: &Place, from: &str, to: &str) {
        let Some((cluster, _)) = Self::postgres(place) else { return copy(Path::new(from), Path::new(to)) };
        let mut admin = PgConnection::connect(&format!("{cluster}/postgres")).await.unwrap();
        for sql in [
            format!("DROP DATABASE IF EXISTS {to} WITH (FORCE)"),
            format!("CREATE DATABASE {to} TEMPLATE {from} STRATEGY FILE_COPY"),
        ] {
            sqlx::query(AssertSqlSafe(sql)).execute(&mut admin).await.unwrap();
        }
    }
}

pub fn refused(place: &Place, said: &str) {
    let served = place.run(&["serve"]).expect_status(3);
    assert!(served.err().contains(said), "{}", served.err());
    let doctor = place.run(&["doctor"]).expect_status(1);
    assert!(doctor.out().contains(said) || doctor.err().contains(said), "{}{}", doctor.out(), doctor.err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_backup_is_refused() {
    for backend in backends() {
        let place = Place::new(backend).await;
        stop(&place, place.serve_with(&SOON), 2).await;
        let backup = Backup::of(&place, "old").await;
        stop(&place, place.serve_with(&SOON), 3).await;
        let newest = Backup::of(&place, "newest").await;
        place.run(&["doctor"]).expect_status(0);

        backup.restore(&place).await;
        refused(&place, "the database is behind: a checkpoint of 17 events was signed, and it has 14");
        newest.restore(&place).await;
        stop(&place, place.serve_with(&SOON), 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_that_was_rewritten_with_care_is_refused() {
    for backend in backends() {
        let place = Place::new(backend).await;
        stop(&place, place.serve_with(&SOON), 2).await;
        if backend == Backend::Postgres {
            let mut database = PgConnection::connect(place.database()).await.unwrap();
            let rewritten = "ALTER TABLE event DISABLE TRIGGER event_is_append_only; \
                UPDATE event SET leaf_hash = decode(repeat('00', 32), 'hex') WHERE position = 3; \
                ALTER TABLE event ENABLE TRIGGER event_is_append_only";
            sqlx::raw_sql(rewritten).execute(&mut database).await.unwrap();
        } else {
            let mut database = SqliteConnection::connect(place.database()).await.unwrap();
            let trigger: String =
                sqlx::query_scalar("SELECT sql FROM sqlite_master WHERE name = 'event_is_append_only_update'")
                    .fetch_one(&mut database)
                    .await
                    .unwrap();
            let rewritten = "DROP TRIGGER event_is_append_only_update; \
                UPDATE event SET leaf_hash = zeroblob(32) WHERE position = 3";
            sqlx::raw_sql(rewritten).execute(&mut database).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(trigger)).execute(&mut database).await.unwrap();
            database.close().await.unwrap();
        }
        refused(&place, "the history was rewritten: the first 14 events are not those that were signed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_database_in_the_place_of_a_signed_one_is_refused_and_stays_empty() {
    let place = Place::new(Backend::Sqlite).await;
    stop(&place, place.serve_with(&SOON), 1).await;
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(place.file(&format!("cairn.db{suffix}")));
    }
    refused(&place, "the database is behind: a checkpoint of 13 events was signed, and it has 0");
    let mut database = SqliteConnection::connect(place.database()).await.unwrap();
    let size: i64 = sqlx::query_scalar("SELECT size FROM log_head").fetch_one(&mut database).await.unwrap();
    assert_eq!(size, 0, "nothing is written into a database that is refused");
}

/// A copy that lacks nothing but accesses: who read what since then would be forgotten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_from_before_the_last_accesses_is_refused() {
    let place = Place::new(Backend::Sqlite).await;
    let (database, backup, newest) = (place.file("cairn.db"), place.file("backup.db"), place.file("newest.db"));
    stop(&place, place.serve_with(&SOON), 1).await;
    copy(&database, &backup);
    let served = place.serve_with(&SOON);
    let caller = place.caller(&served);
    for _ in 0..3 {
        caller.get("/v1/people").await.expect(200);
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    while caller.get("/v1/log/accesses/checkpoint").await.text.lines().nth(1) != Some("3") {
        assert!(Instant::now() < deadline, "the accesses were not signed");
        tokio::task::yield_now().await;
    }
    assert_eq!(served.terminate(), Some(0));
    copy(&database, &newest);
    copy(&backup, &database);
    refused(&place, "the database is behind: a checkpoint of 3 accesses was signed, and it has 0");
    copy(&newest, &database);
    stop(&place, place.serve_with(&SOON), 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_key_does_not_go_on_signing() {
    let place = Place::new(Backend::Sqlite).await;
    stop(&place, place.serve_with(&SOON), 1).await;
    std::fs::remove_file(place.file("signer/outcomes.pem")).unwrap();
    let served = place.run(&["serve"]).expect_status(3);
    assert!(served.err().contains("not one of this log and its key"), "{}", served.err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_cannot_sign_is_not_ready_and_goes_on_once_it_can() {
    let place = Place::new(Backend::Sqlite).await;
    let served = place.serve_with(&SOON);
    let caller = place.caller(&served);
    caller.person().await;
    all_signed(&caller).await;
    let (state, aside) = (place.file("signer/outcomes.checkpoint"), place.file("aside"));
    std::fs::rename(&state, &aside).unwrap();
    std::fs::create_dir(&state).unwrap();
    caller.person().await;
    let status = async |wanted: u16| {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let ready = caller.get("/health/ready").await;
            if ready.status == wanted {
                return ready.text;
            }
            assert!(Instant::now() < deadline, "{}", ready.text);
            tokio::task::yield_now().await;
        }
    };
    assert!(status(503).await.contains("no checkpoint can be signed"));
    caller.person().await;
    std::fs::remove_dir(&state).unwrap();
    std::fs::rename(&aside, &state).unwrap();
    status(200).await;
    all_signed(&caller).await;
    assert_eq!(served.terminate(), Some(0));
}
