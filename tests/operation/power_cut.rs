//! The power fails while recordings come in: everything acknowledged is there, nothing is there twice, and the log goes on
//! from what was signed. Beside each run a control without durability shows that the test can see a loss.
//! `CAIRN_TEST_POWER_CUTS` makes it longer.

use crate::binary::{Place, Served};
use crate::cluster::Cluster;
use crate::crashes::send;
use crate::loop_disk::{LoopDisk, signal, sync};
use crate::outage::{narrative, settle};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

const SENDERS: usize = 8;
/// How many cuts without durability may pass without a loss before the control counts as blind.
const CONTROLS: u32 = 10;

fn cuts() -> usize {
    std::env::var("CAIRN_TEST_POWER_CUTS").ok().and_then(|text| text.parse().ok()).unwrap_or(2)
}

type Told = Arc<Mutex<BTreeMap<String, (String, u64)>>>;

/// Tells one narrative after the other until the service does not answer any more.
async fn tell_until_cut(base: String, token: String, person: String, name: String, told: Told) {
    let http = reqwest::Client::new();
    for number in 0.. {
        let key = format!("{name}-{number}");
        let body = narrative(&person, &format!("I miss the dog, {key}"));
        let Some(receipt) = send(&http, &base, &token, "/v1/narratives", &key, &body).await else { return };
        let at = (receipt["id"].as_str().unwrap().to_owned(), receipt["position"].as_u64().unwrap());
        told.lock().await.insert(key, at);
    }
}

/// One cut after the other on one disk. `cluster` is the database's server where there is one.
async fn survive(disk: &LoopDisk, place: &Place, cluster: Option<&Cluster>) {
    let (told, mut person) = (Told::default(), String::new());
    let token = place.token();
    for round in 0..cuts() {
        let served = place.serve();
        if person.is_empty() {
            person = place.caller(&served).person().await;
        }
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let (base, token, person) = (served.base.clone(), token.clone(), person.clone());
                tokio::spawn(tell_until_cut(base, token, person, format!("{round}-{sender}"), Arc::clone(&told)))
            })
            .collect();
        // Another moment of the load each time.
        let enough = told.lock().await.len() + 40 + round * 13 % 37;
        while told.lock().await.len() < enough {
            tokio::task::yield_now().await;
        }
        cut(disk, served, cluster);
        for sender in senders {
            sender.await.unwrap();
        }
        disk.restore();
        if let Some(cluster) = cluster {
            cluster.start_after_power_cut();
        }
        // The last round's are asked for at once, so that a loss is seen where it happened.
        let served = place.serve();
        let http = reqwest::Client::new();
        let told = told.lock().await;
        for (key, (id, position)) in told.iter().filter(|(key, _)| key.starts_with(&format!("{round}-"))) {
            let body = narrative(&person, &format!("I miss the dog, {key}"));
            let again = send(&http, &served.base, &token, "/v1/narratives", key, &body).await;
            let again = again.unwrap_or_else(|| panic!("{key} is not answered after cut {round}"));
            let found = (again["id"].as_str(), again["position"].as_u64(), again["repeated"].as_bool());
            assert_eq!(found, (Some(id.as_str()), Some(*position), Some(true)), "{key} was lost in cut {round}");
        }
        assert_eq!(served.terminate(), Some(0));
    }
    let served = place.serve();
    // What was recorded but never acknowledged is acknowledged now, as its sender would have it by repeating.
    let told = complete(place, &served, &person, &*told.lock().await).await;
    settle(&place.caller(&served), &person, &told).await;
    println!("{} acknowledged recordings outlived {} power cuts", told.len(), cuts());
    assert_eq!(served.terminate(), Some(0));
    place.run(&["replay", "--check", "--quiet"]).expect_status(0);
}

/// Repeats, for each sender of each round, the one request that was under way when the power failed.
async fn complete(
    place: &Place,
    served: &Served,
    person: &str,
    told: &BTreeMap<String, (String, u64)>,
) -> BTreeMap<String, (String, u64)> {
    let (http, token, mut all) = (reqwest::Client::new(), place.token(), told.clone());
    for name in (0..cuts()).flat_map(|round| (0..SENDERS).map(move |sender| format!("{round}-{sender}"))) {
        let next = (0..).find(|number| !told.contains_key(&format!("{name}-{number}"))).unwrap();
        let key = format!("{name}-{next}");
        let body = narrative(person, &format!("I miss the dog, {key}"));
        let receipt = send(&http, &served.base, &token, "/v1/narratives", &key, &body).await.unwrap();
        all.insert(key, (receipt["id"].as_str().unwrap().to_owned(), receipt["position"].as_u64().unwrap()));
    }
    all
}

/// Everybody who writes halts, what the disk keeps is kept aside, and they are gone.
fn cut(disk: &LoopDisk, served: Served, cluster: Option<&Cluster>) {
    signal("STOP", served.child.id());
    if let Some(cluster) = cluster {
        cluster.freeze();
    }
    disk.cut();
    served.kill();
    if let Some(cluster) = cluster {
        cluster.kill();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_power_fails_sqlite() {
    let Some(disk) = LoopDisk::new(256) else { return };
    let folder = tempfile::tempdir_in(disk.path()).unwrap();
    let database = format!("sqlite:{}/cairn.db", folder.path().display());
    let keys = format!("sqlite:{}/keys/keys.db", folder.path().display());
    let place = Place::on(folder, database, keys, Vec::new());
    survive(&disk, &place, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_power_fails_postgresql() {
    let Some(disk) = LoopDisk::new(512) else { return };
    let Some(cluster) = Cluster::start_in(&disk.path()) else { return };
    let (database, keys) = cluster.databases().await;
    // The service's own files, the last signed checkpoint among them, are on the same disk.
    let place = Place::on(tempfile::tempdir_in(disk.path()).unwrap(), database, keys, Vec::new());
    // The cluster was made without waiting for the disk.
    sync(&disk.path());
    survive(&disk, &place, Some(&cluster)).await;
}

/// Inserts numbers, counting those that were acknowledged, until told to stop.
async fn count_up<C>(connection: &mut C, sql: &'static str, acknowledged: &AtomicU64, stop: &AtomicBool)
where
    for<'c> &'c mut C: Executor<'c>,
{
    while !stop.load(Ordering::SeqCst) {
        connection.execute(sql).await.unwrap();
        acknowledged.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_durability_a_power_cut_loses_what_was_acknowledged_sqlite() {
    let Some(disk) = LoopDisk::new(64) else { return };
    let options = SqliteConnectOptions::new()
        .filename(disk.path().join("control.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Off);
    let mut connection = options.connect().await.unwrap();
    connection.execute("CREATE TABLE told (number INTEGER PRIMARY KEY)").await.unwrap();
    sync(&disk.path());
    let (acknowledged, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let counting = count_up(&mut connection, "INSERT INTO told DEFAULT VALUES", &acknowledged, &stop);
    let stopping = async {
        while acknowledged.load(Ordering::SeqCst) < 200 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stop.store(true, Ordering::SeqCst);
    };
    tokio::join!(counting, stopping);
    disk.cut();
    drop(connection);
    disk.restore();
    let connection = options.create_if_missing(false).connect().await;
    let kept: i64 = match connection {
        Ok(mut connection) => {
            sqlx::query_scalar("SELECT count(*) FROM told").fetch_one(&mut connection).await.unwrap_or(0)
        }
        Err(_) => 0,
    };
    let acknowledged = acknowledged.into_inner();
    assert!(
        u64::try_from(kept).unwrap() < acknowledged,
        "the test cannot see a loss: {kept} of {acknowledged} are there"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_durability_a_power_cut_loses_what_was_acknowledged_postgresql() {
    let Some(disk) = LoopDisk::new(512) else { return };
    let Some(cluster) = Cluster::start_in(&disk.path()) else { return };
    let mut connection = PgConnection::connect(&cluster.url).await.unwrap();
    connection.execute("CREATE TABLE told (number BIGSERIAL PRIMARY KEY)").await.unwrap();
    sync(&disk.path());
    let mut seen = String::new();
    // The server writes its log back several times a second even so, so that one cut may come at a moment without loss.
    for _ in 0..CONTROLS {
        let mut connection = PgConnection::connect(&cluster.url).await.unwrap();
        connection.execute("SET synchronous_commit = off").await.unwrap();
        connection.execute("TRUNCATE told").await.unwrap();
        sync(&disk.path());
        let (acknowledged, stop) = (AtomicU64::new(0), AtomicBool::new(false));
        let counting = count_up(&mut connection, "INSERT INTO told DEFAULT VALUES", &acknowledged, &stop);
        let stopping = async {
            while acknowledged.load(Ordering::SeqCst) < 500 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            cluster.freeze();
            stop.store(true, Ordering::SeqCst);
            disk.cut();
            cluster.kill();
        };
        let counted = async {
            // The last insert is never answered.
            tokio::select! { () = counting => {}, () = tokio::time::sleep(Duration::from_secs(30)) => {} }
        };
        let _ = tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(counted, stopping) }).await;
        drop(connection);
        disk.restore();
        cluster.start_after_power_cut();
        let mut connection = PgConnection::connect(&cluster.url).await.unwrap();
        let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM told").fetch_one(&mut connection).await.unwrap();
        let acknowledged = acknowledged.into_inner();
        if u64::try_from(kept).unwrap() < acknowledged {
            return;
        }
        seen += &format!(" {kept} of {acknowledged};");
    }
    panic!("the test cannot see a loss:{seen}");
}
