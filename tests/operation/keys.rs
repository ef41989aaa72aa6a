//! Another master key takes over while services serve and people record and read; and whatever becomes of the command that does
//! it, nothing is lost.

use crate::binary::{Place, Ran, Served};
use crate::support::{Backend, Client, backends};
use serde_json::{Value, json};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Services that remember no key, so that every request asks the key store.
const FORGETFUL: [(&str, &str); 1] = [("CAIRN_KEY_CACHE_MS", "0")];

fn status(place: &Place) -> Value {
    serde_json::from_str(&place.run(&["keys", "status", "--json"]).expect_status(0).out()).unwrap()
}

/// Registers people in bulk, so that there is something to wrap anew; answers their ids.
async fn populate(caller: &Client, people: usize) -> Vec<String> {
    let lines: Vec<Value> = (0..people)
        .map(|number| {
            json!({"op": "register_person", "key": format!("person-{number}"),
                "body": {"occurred_at": "2026-01-05", "name": format!("Sample {number}")}})
        })
        .collect();
    let mut ids = Vec::new();
    for chunk in lines.chunks(500) {
        for answer in caller.batch("each", chunk).await {
            assert_eq!(answer["status"], 201, "{answer}");
            ids.push(answer["id"].as_str().unwrap().to_owned());
        }
    }
    ids
}

async fn name_of(caller: &Client, id: &str) -> String {
    let person = caller.get(&format!("/v1/people/{id}")).await.expect(200);
    person.body["name"].as_str().unwrap_or_else(|| panic!("{}", person.text)).to_owned()
}

/// Records and reads until it is told to stop; answers everybody who was registered.
async fn live(callers: Vec<Client>, known: Vec<String>, stop: Arc<AtomicBool>, done: Arc<AtomicUsize>) -> Vec<String> {
    let mut registered: Vec<String> = Vec::new();
    for turn in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        // Recorded through one process, read through another.
        let (recording, reading) = (&callers[turn % callers.len()], &callers[(turn + 1) % callers.len()]);
        let id = recording.person().await;
        assert_eq!(name_of(reading, &id).await, "Morgan Sample");
        let other = &known[turn * 7 % known.len()];
        assert!(name_of(recording, other).await.starts_with("Sample "));
        registered.push(id);
        done.fetch_add(1, Ordering::SeqCst);
    }
    registered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_the_master_key_is_rotated() {
    for backend in backends() {
        let place = Arc::new(Place::new(backend).await);
        // Several processes on one database are PostgreSQL's.
        let processes = if backend == Backend::Postgres { 2 } else { 1 };
        let served: Vec<Served> = (0..processes).map(|_| place.serve_with(&FORGETFUL)).collect();
        let callers: Vec<Client> = served.iter().map(|served| place.caller(served)).collect();
        let known = populate(&callers[0], 1_500).await;
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let living: Vec<_> = (0..4)
            .map(|_| tokio::spawn(live(callers.clone(), known.clone(), Arc::clone(&stop), Arc::clone(&done))))
            .collect();
        for epoch in 2..5_u64 {
            let before = done.load(Ordering::SeqCst);
            let rotating = Arc::clone(&place);
            let rotated = tokio::task::spawn_blocking(move || rotating.run(&["keys", "rotate", "--json"]));
            let rotated: Value = serde_json::from_str(&rotated.await.unwrap().expect_status(0).out()).unwrap();
            assert_eq!((&rotated["epoch"], &rotated["master_keys"]), (&json!(epoch), &json!([epoch])));
            // Something happened during and after it.
            while done.load(Ordering::SeqCst) < before + 8 && living.iter().all(|one| !one.is_finished()) {
                tokio::task::yield_now().await;
            }
        }
        stop.store(true, Ordering::SeqCst);
        let mut everybody = known;
        for one in living {
            everybody.extend(one.await.expect("no request fails"));
        }
        let status = status(&place);
        assert_eq!(status["people"], json!({"4": 2 * everybody.len()}), "nothing is left under an older key");
        for caller in &callers {
            caller.get("/health/ready").await.expect(200);
        }
        for served in served {
            assert_eq!(served.terminate(), Some(0));
        }
        // By a process that has never had another key.
        let served = place.serve();
        let caller = place.caller(&served);
        for id in everybody.iter().step_by(10) {
            name_of(&caller, id).await;
        }
        assert_eq!(served.terminate(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_is_killed_anywhere_is_finished_by_running_it_again() {
    let kills: u64 = std::env::var("CAIRN_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    for backend in backends() {
        let place = Place::new(backend).await;
        let served = place.serve_with(&FORGETFUL);
        let caller = place.caller(&served);
        let known = populate(&caller, 1_200).await;
        // How long a whole one takes, so that the kills are spread over it.
        let started = std::time::Instant::now();
        place.run(&["keys", "rotate", "--quiet"]).expect_status(0);
        let whole = started.elapsed();
        let mut killed = 0;
        for kill in 0..kills {
            let mut child = place.command(&["keys", "rotate", "--quiet"]).stderr(Stdio::null()).spawn().unwrap();
            tokio::time::sleep(whole * u32::try_from(kill + 1).unwrap() / u32::try_from(kills).unwrap()).await;
            killed += usize::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
            let id = caller.person().await;
            name_of(&caller, &id).await;
            name_of(&caller, &known[usize::try_from(kill * 37).unwrap() % known.len()]).await;
        }
        assert!(killed > 0, "every rotation was over before it was killed");
        place.run(&["keys", "rotate", "--quiet"]).expect_status(0);
        let status = status(&place);
        let epoch = status["epoch"].as_u64().unwrap().to_string();
        assert_eq!(status["people"].as_object().unwrap().keys().collect::<Vec<_>>(), [&epoch]);
        assert_eq!(status["next"], "no rotation is under way");
        for id in known.iter().step_by(50) {
            name_of(&caller, id).await;
        }
        assert_eq!(served.terminate(), Some(0));
        assert_eq!(place.serve().terminate(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_copy_of_the_key_store_opens_nothing_after_a_rotation() {
    let place = Place::new(Backend::Sqlite).await;
    let served = place.serve();
    let caller = place.caller(&served);
    let person = caller.person().await;
    assert_eq!(served.terminate(), Some(0));
    let (old_store, old_key) = (place.file("old.db"), place.file("old.key"));
    std::fs::copy(place.file("keys/keys.db"), &old_store).unwrap();
    std::fs::copy(place.file("keys/master.key"), &old_key).unwrap();
    place.run(&["keys", "rotate"]).expect_status(0);
    let with = |store: &std::path::Path, key: &std::path::Path| {
        let mut command = place.command(&["keys", "status"]);
        command.env("CAIRN_KEYS_URL", format!("sqlite:{}", store.display())).env("CAIRN_MASTER_KEY_FILE", key);
        Ran(command.output().unwrap())
    };
    let (store, key) = (place.file("keys/keys.db"), place.file("keys/master.key"));
    with(&store, &key).expect_status(0);
    assert!(with(&old_store, &key).expect_status(3).err().contains("no master key of epoch 1 was given"));
    assert!(with(&store, &old_key).expect_status(3).err().contains("no master key of epoch 2 was given"));
    with(&old_store, &old_key).expect_status(0);
    // What lay in the key store before is not in its files any more.
    let bytes = std::fs::read(&old_store).unwrap();
    let mut database = sqlx::SqlitePool::connect(&format!("sqlite:{}", old_store.display())).await.unwrap();
    let wrapped: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT wrapped FROM person_key").fetch_all(&database).await.unwrap();
    database.close().await;
    for file in ["keys/keys.db", "keys/keys.db-wal"] {
        let now = std::fs::read(place.file(file)).unwrap_or_default();
        for key in &wrapped {
            let holds = |bytes: &[u8]| bytes.windows(key.len()).any(|window| window == key);
            assert!(holds(&bytes) && !holds(&now), "{file} holds a key as it was wrapped before");
        }
    }
    let served = place.serve();
    assert_eq!(name_of(&place.caller(&served), &person).await, "Morgan Sample");
    assert_eq!(served.terminate(), Some(0));
    database = sqlx::SqlitePool::connect(&format!("sqlite:{}", store.display())).await.unwrap();
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_stops_where_it_is_told_to() {
    for backend in backends() {
        let place = Place::new(backend).await;
        place.run(&["keys", "destroy-epoch", "1"]).expect_status(1);
        place.run(&["keys", "rotate", "--prepare"]).expect_status(0);
        assert_eq!((&status(&place)["epoch"], &status(&place)["master_keys"]), (&json!(1), &json!([1, 2])));
        place.run(&["keys", "rotate", "--keep-old"]).expect_status(0);
        assert_eq!((&status(&place)["epoch"], &status(&place)["master_keys"]), (&json!(2), &json!([1, 2])));
        place.run(&["keys", "destroy-epoch", "2"]).expect_status(1);
        place.run(&["keys", "destroy-epoch", "1"]).expect_status(0);
        assert_eq!((&status(&place)["epoch"], &status(&place)["master_keys"]), (&json!(2), &json!([2])));
        place.run(&["doctor"]).expect_status(0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_key_in_the_environment_is_rotated_by_hand() {
    let place = Place::new(Backend::Sqlite).await;
    let key = std::fs::read_to_string(place.file("keys/master.key")).unwrap();
    std::fs::remove_file(place.file("keys/master.key")).unwrap();
    let with =
        |key: &str, arguments: &[&str]| Ran(place.command(arguments).env("CAIRN_MASTER_KEY", key).output().unwrap());
    let told = with(&key, &["keys", "rotate"]).expect_status(2).err();
    assert!(told.contains("--next-key-file") && !told.contains(key.split(' ').next_back().unwrap().trim()), "{told}");
    with(&key, &["keys", "rotate", "--next-key-file", "next.key"]).expect_status(0);
    with(&key, &["keys", "rotate", "--next-key-file", "next.key"]).expect_status(3);
    let next = std::fs::read_to_string(place.file("next.key")).unwrap();
    let told = with(&format!("{key}{next}"), &["keys", "rotate"]).expect_status(0).err();
    assert!(told.contains("out of CAIRN_MASTER_KEY"), "{told}");
    with(&key, &["keys", "status"]).expect_status(3);
    with(&next, &["keys", "status"]).expect_status(0);
    with(&next, &["doctor"]).expect_status(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_altered_key_keeps_the_old_master_key_alive() {
    let place = Place::new(Backend::Sqlite).await;
    let served = place.serve();
    let person = place.caller(&served).person().await;
    assert_eq!(served.terminate(), Some(0));
    let database =
        sqlx::SqlitePool::connect(&format!("sqlite:{}", place.file("keys/keys.db").display())).await.unwrap();
    sqlx::query("UPDATE person_key SET generation = 1 WHERE class = 'words'").execute(&database).await.unwrap();
    let told = place.run(&["keys", "rotate"]).expect_status(1).err();
    assert!(told.contains("1 do not open"), "{told}");
    assert_eq!(status(&place)["master_keys"], json!([1, 2]));
    sqlx::query("UPDATE person_key SET generation = 0 WHERE class = 'words'").execute(&database).await.unwrap();
    database.close().await;
    place.run(&["keys", "rotate"]).expect_status(0);
    assert_eq!(status(&place)["master_keys"], json!([2]));
    let served = place.serve();
    assert_eq!(name_of(&place.caller(&served), &person).await, "Morgan Sample");
    assert_eq!(served.terminate(), Some(0));
}
