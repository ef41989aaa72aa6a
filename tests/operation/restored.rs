//! What a restoration proves and what it refuses: the signers' last checkpoints tell an old backup from the newest, and the full
//! audit tells what was erased from what is unavailable and from what was altered.

use crate::backup::{answer, back_up, count_in, keep_apart, register, restore, restoring, run_in};
use crate::binary::{Place, Ran};
use crate::rollback::{SOON, all_signed};
use crate::support::{Backend, Client, backends};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

const STATES: [&str; 2] = ["signer/outcomes.checkpoint", "signer/accesses.checkpoint"];

/// Reads a person so often, and waits until so many accesses in all were signed.
pub async fn read_and_signed(caller: &Client, person: &str, times: usize, in_all: usize) {
    for _ in 0..times {
        caller.get(&format!("/v1/people/{person}")).await.expect(200);
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    let wanted = in_all.to_string();
    while caller.get("/v1/log/accesses/checkpoint").await.text.lines().nth(1) != Some(wanted.as_str()) {
        assert!(Instant::now() < deadline, "the accesses were not signed");
        tokio::task::yield_now().await;
    }
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

async fn is_empty(place: &Place) -> bool {
    let is_there = place.file("cairn.db").exists() || place.file("keys/keys.db").exists();
    !is_there
        && (place.database().starts_with("sqlite:")
            || count_in(
                place.database(),
                "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'public'",
            )
            .await
                == 0)
}

/// Of either log: a machine whose signer has signed more than the backup holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_older_than_what_was_signed_is_refused_before_anything_is_loaded() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let served = place.serve_with(&SOON);
        let caller = place.caller(&served);
        let people = register(&caller, 2).await;
        all_signed(&caller).await;
        back_up(&place, "old").expect_status(0);
        // Nobody recorded anything; somebody read.
        read_and_signed(&caller, &people[0], 3, 3).await;
        assert_eq!(served.terminate(), Some(0));
        back_up(&place, "reads").expect_status(0);
        let states_then = STATES.map(|state| std::fs::read(place.file(state)).unwrap());
        let served = place.serve_with(&SOON);
        let caller = place.caller(&served);
        register(&caller, 2).await;
        all_signed(&caller).await;
        assert_eq!(served.terminate(), Some(0));
        back_up(&place, "new").expect_status(0);

        let fresh = Place::bare(backend).await;
        keep_apart(&place, &fresh);
        let put = |states: [Vec<u8>; 2]| {
            for (state, bytes) in STATES.iter().zip(states) {
                std::fs::write(fresh.file(state), bytes).unwrap();
            }
        };
        put(states_then);
        let refused = restore(&place, "old", &fresh).expect_status(1);
        assert!(
            refused.err().contains("it has 0 accesses, and 3 were signed. Nothing was changed"),
            "{}",
            refused.err()
        );
        assert!(is_empty(&fresh).await);
        put(STATES.map(|state| std::fs::read(place.file(state)).unwrap()));
        for name in ["old", "reads"] {
            let refused = restore(&place, name, &fresh).expect_status(1);
            assert!(
                refused.err().contains("it has 14 events, and 16 were signed. Nothing was changed"),
                "{}",
                refused.err()
            );
            assert!(is_empty(&fresh).await);
        }
        restore(&place, "new", &fresh).expect_status(0);
        for state in STATES {
            assert_eq!(std::fs::read(fresh.file(state)).unwrap(), std::fs::read(place.file(state)).unwrap());
        }
        assert_eq!(fresh.serve().terminate(), Some(0));
        fresh.run(&["doctor"]).expect_status(0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_true_loss_the_log_goes_on_under_another_name() {
    let place = Place::new(Backend::Sqlite).await;
    for name in ["old", "lost"] {
        let served = place.serve_with(&SOON);
        let caller = place.caller(&served);
        register(&caller, 2).await;
        all_signed(&caller).await;
        assert_eq!(served.terminate(), Some(0));
        back_up(&place, name).expect_status(0);
    }
    let fresh = Place::bare(Backend::Sqlite).await;
    keep_apart(&place, &fresh);
    for state in STATES {
        std::fs::copy(place.file(state), fresh.file(state)).unwrap();
    }
    let wanted = restoring(&place, "old");
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).chain(["--although-older"]).collect();
    let ran = fresh.run(&wanted).expect_status(0);
    assert_eq!(answer(&ran)["signed_beyond"], json!({"log": "events", "signed": 16}));
    assert!(ran.err().contains("cairn log new-origin"), "{}", ran.err());
    assert_eq!(std::fs::read(place.file(STATES[0])).unwrap(), std::fs::read(fresh.file(STATES[0])).unwrap());
    crate::rollback::refused(&fresh, "the database is behind: a checkpoint of 16 events was signed, and it has 14");
    let named = ["log", "new-origin", "--origin", "cairn/outcomes-2", "--reason", "restored-old-backup"];
    fresh.run(&named).expect_status(0);
    let served = fresh.serve_with(&[("CAIRN_LOG_ORIGIN", "cairn/outcomes-2")]);
    fresh.caller(&served).person().await;
    assert_eq!(served.terminate(), Some(0));
    let verified = |arguments: &[&str]| {
        Ran(fresh.command(arguments).env("CAIRN_LOG_ORIGIN", "cairn/outcomes-2").output().unwrap())
    };
    verified(&["verify", "--quiet"]).expect_status(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_holds_nothing_of_the_signers_and_a_restoration_makes_nothing_of_it() {
    let place = Place::new(Backend::Sqlite).await;
    let served = place.serve_with(&SOON);
    let caller = place.caller(&served);
    let people = register(&caller, 2).await;
    read_and_signed(&caller, &people[0], 2, 2).await;
    all_signed(&caller).await;
    assert_eq!(served.terminate(), Some(0));
    back_up(&place, "b").expect_status(0);
    for half in ["b-events", "b-keys"] {
        let names = names_in(&place.file(half));
        assert_eq!(names, ["SHA256SUMS", "manifest.json", "tables"].map(str::to_owned).into(), "{half}");
    }
    let fresh = Place::bare(Backend::Sqlite).await;
    keep_apart(&place, &fresh);
    restore(&place, "b", &fresh).expect_status(0);
    assert_eq!(names_in(&fresh.file("signer")), ["accesses.pem", "outcomes.pem"].map(str::to_owned).into());
    // It goes on from what the database says was signed.
    assert_eq!(fresh.serve().terminate(), Some(0));

    // Another log's name here, or another log's state, is told before anything is made.
    let other = Place::bare(Backend::Sqlite).await;
    keep_apart(&place, &other);
    let wanted = restoring(&place, "b");
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let named = |setting: &str| Ran(other.command(&wanted).env(setting, "elsewhere/log").output().unwrap());
    let refused = named("CAIRN_LOG_ORIGIN").expect_status(2).err();
    assert!(
        refused.contains("the backup is of the log cairn/outcomes, and log_origin says elsewhere/log"),
        "{refused}"
    );
    let refused = named("CAIRN_ACCESSES_ORIGIN").expect_status(2).err();
    assert!(refused.contains("the log cairn/accesses, and accesses_origin says"), "{refused}");
    std::fs::copy(place.file(STATES[1]), other.file(STATES[0])).unwrap();
    let refused = restore(&place, "b", &other).expect_status(1).err();
    assert!(refused.contains("one of another log"), "{refused}");
    std::fs::write(other.file(STATES[0]), "something").unwrap();
    let refused = restore(&place, "b", &other).expect_status(3).err();
    assert!(refused.contains("does not hold a signed checkpoint"), "{refused}");
    assert!(is_empty(&other).await);
    std::fs::remove_file(other.file(STATES[0])).unwrap();
    // Without the signers' keys everything but signatures is checked, and that is said.
    for key in ["signer/outcomes.pem", "signer/accesses.pem"] {
        std::fs::remove_file(other.file(key)).unwrap();
    }
    assert_eq!(answer(&restore(&place, "b", &other).expect_status(0))["signatures_checked"], json!(false));
}

/// A signer whose keys were changed is known by all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_several_keys_signed_is_verified_with_all_of_them() {
    let place = Place::new(Backend::Sqlite).await;
    for turn in 0..2 {
        let served = place.serve_with(&SOON);
        let caller = place.caller(&served);
        let people = register(&caller, 2).await;
        read_and_signed(&caller, &people[0], 2, 2 * (turn + 1)).await;
        all_signed(&caller).await;
        assert_eq!(served.terminate(), Some(0));
        if turn == 0 {
            place.run(&["log", "rotate-key"]).expect_status(0);
            place.run(&["log", "rotate-key", "--log", "accesses"]).expect_status(0);
        }
    }
    place.run(&["verify", "--quiet"]).expect_status(0);
    back_up(&place, "b").expect_status(0);
    let fresh = Place::bare(Backend::Sqlite).await;
    keep_apart(&place, &fresh);
    let restored = answer(&restore(&place, "b", &fresh).expect_status(0));
    assert_eq!(restored["signatures_checked"], json!(true));
    assert_eq!(count_in(fresh.database(), "SELECT COUNT(*) FROM statement").await, 2);
    let served = fresh.serve();
    let stated = fresh.caller(&served).get("/v1/log/outcomes/statements").await.expect(200).body;
    assert_eq!(stated["items"].as_array().unwrap().len(), 1);
    assert_eq!(served.terminate(), Some(0));
}

/// What a backup cannot see without keys, the audit at the end of a restoration does; and each kind is told as what it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn erased_unavailable_and_altered_are_told_apart_by_a_restoration() {
    let place = Place::new(Backend::Sqlite).await;
    let served = place.serve_with(&SOON);
    let caller = place.caller(&served);
    let people = register(&caller, 3).await;
    read_and_signed(&caller, &people[0], 2, 2).await;
    all_signed(&caller).await;
    assert_eq!(served.terminate(), Some(0));
    let id = format!("x'{}'", people[1].replace('-', ""));
    let (events, keys) =
        (std::fs::read(place.file("cairn.db")).unwrap(), std::fs::read(place.file("keys/keys.db")).unwrap());
    let bury = format!(
        "INSERT INTO destroyed_key SELECT key_id, subject, class, generation, 1, 'x' FROM person_key WHERE subject = {id} AND \
         class = 'identity'; DELETE FROM person_key WHERE subject = {id} AND class = 'identity'"
    );
    let flip = "UPDATE part SET bytes = CAST(substr(bytes, 1, 30) || x'00' || substr(bytes, 32) AS BLOB) WHERE class = 'identity'";
    let forged = "UPDATE checkpoint SET note = replace(note, '— cairn/accesses ', '— cairn/accesses AAAA') \
        WHERE origin = 'cairn/accesses'";
    let facts = "UPDATE part SET bytes = CAST(replace(CAST(bytes AS TEXT), '2026-01-05', '2026-01-06') AS BLOB) \
        WHERE class = 'facts' AND position = 13";
    let removed = format!("DELETE FROM part WHERE class = 'identity' AND subject = {id}");
    for (number, (in_keys, damage, said)) in [
        (true, bury.as_str(), "no lawful erasure|part_missing"),
        (true, &format!("DELETE FROM person_key WHERE subject = {id}"), "neither in the key store nor destroyed"),
        (false, flip, "part_tampered"),
        (false, facts, "commitment|rows"),
        (false, &removed, "part_missing"),
        (false, forged, "signature: table checkpoint|a checkpoint cannot be read"),
    ]
    .into_iter()
    .enumerate()
    {
        std::fs::write(place.file("cairn.db"), &events).unwrap();
        std::fs::write(place.file("keys/keys.db"), &keys).unwrap();
        let database = if in_keys { place.keys() } else { place.database() };
        let triggers: Vec<String> =
            crate::backup::texts_in(database, "SELECT name FROM sqlite_schema WHERE type = 'trigger'").await;
        for trigger in triggers {
            run_in(database, &format!("DROP TRIGGER {trigger}")).await;
        }
        assert!(run_in(database, damage).await > 0, "{damage}");
        let name = format!("b{number}");
        let made = back_up(&place, &name);
        let fresh = Place::bare(Backend::Sqlite).await;
        keep_apart(&place, &fresh);
        let told = if made.0.status.success() { restore(&place, &name, &fresh) } else { made };
        let told = told.expect_status(1).err();
        assert!(said.split('|').any(|said| told.contains(said)), "{damage}: {told}");
    }
}

/// Between the filling and the rows nothing may be written, or the restoration could not go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_restored_store_gets_neither_checkpoints_nor_accesses() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let served = place.serve_with(&SOON);
        let caller = place.caller(&served);
        register(&caller, 2).await;
        all_signed(&caller).await;
        assert_eq!(served.terminate(), Some(0));
        back_up(&place, "b").expect_status(0);
        let fresh = Place::bare(backend).await;
        keep_apart(&place, &fresh);
        restore(&place, "b", &fresh).expect_status(0);
        run_in(fresh.database(), "DELETE FROM row_version").await;
        for arguments in [&["serve"][..], &["export", "--out", "e"], &["log", "rotate-key"]] {
            let refused = fresh.run(arguments).expect_status(3);
            assert!(refused.err().contains("run it again"), "{arguments:?}: {}", refused.err());
        }
        restore(&place, "b", &fresh).expect_status(0);
        let served = fresh.serve();
        fresh.caller(&served).get("/v1/people").await.expect(200);
        assert_eq!(served.terminate(), Some(0));
    }
}

/// What was made under a new epoch, an older copy of the keys has never heard of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_backup_of_the_keys_opens_nothing_of_a_new_epoch() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let served = place.serve();
        let caller = place.caller(&served);
        let before = caller.person().await;
        place.run(&["keys", "backup", "--out", "old.keys"]).expect_status(0);
        let kept = place.file("kept.key");
        std::fs::copy(place.file("keys/master.key"), &kept).unwrap();
        place.run(&["keys", "rotate"]).expect_status(0);
        let after = caller.person().await;
        let path = |id: &str| format!("/v1/people/{id}");
        for id in [&before, &after] {
            assert_eq!(caller.get(&path(id)).await.expect(200).body["name"], "Morgan Sample");
        }
        assert_eq!(served.terminate(), Some(0));

        // With the master key that there is now, nothing of it opens.
        let other = Place::bare(backend).await;
        let on_other = |arguments: &[&str], master: &Path| {
            let mut command = place.command(arguments);
            Ran(command.env("CAIRN_KEYS_URL", other.keys()).env("CAIRN_MASTER_KEY_FILE", master).output().unwrap())
        };
        let refused = on_other(&["keys", "restore", "old.keys"], &place.file("keys/master.key")).expect_status(3);
        assert!(refused.err().contains("no master key of epoch 1 was given"), "{}", refused.err());
        // With the one that was destroyed, had somebody kept it, what is newer is unavailable: neither erased nor absent.
        on_other(&["keys", "restore", "old.keys"], &kept).expect_status(0);
        let kept = kept.display().to_string();
        let served = place.serve_with(&[("CAIRN_KEYS_URL", other.keys()), ("CAIRN_MASTER_KEY_FILE", kept.as_str())]);
        let caller = place.caller(&served);
        assert_eq!(caller.get(&path(&before)).await.expect(200).body["name"], "Morgan Sample");
        caller.get(&path(&after)).await.expect_problem(503, "keys-unavailable");
        assert_eq!(served.terminate(), Some(0));
        assert_eq!(place.serve().terminate(), Some(0));
    }
}
