//! `cairn export` from the store: what is in it and what is not, going on after an interruption, the same on both stores.

use crate::auditing::{OURS, SECOND, THEIRS, as_organisation, files, fill, record_people, verified};
use crate::binary::Place;
use crate::support::{Backend, backends, postgres};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;

const QUIET: [&str; 2] = ["export", "--quiet"];

fn export(place: &Place, folder: &str, arguments: &[&str]) {
    place.run(&[&QUIET, &["--out", folder], arguments].concat()).expect_status(0);
}

fn holds(folder: &Path, text: &str) -> bool {
    files(folder).values().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_export_verifies_and_is_the_same_every_time() {
    for backend in backends() {
        let place = Place::new(backend).await;
        fill(&place, 300).await;
        export(&place, "one", &[]);
        let answer = verified(&place, &["one"]);
        assert_eq!((answer["key_given"].as_bool(), answer["view"]["kind"].as_str()), (Some(false), Some("whole")));
        let log = &answer["logs"][0];
        assert_eq!(log["size"], log["events"]);
        assert_eq!((log["opened_parts"].as_u64(), log["size"].as_u64()), (Some(0), Some(321)));
        assert!(log["sealed_parts"].as_u64() > Some(300) && log["signed_roots"].as_u64() >= Some(2));
        let key = std::fs::read_to_string(place.file("one/outcomes/key")).unwrap();
        assert_eq!(verified(&place, &["one", "--key", key.trim()])["key_given"], true);
        assert_eq!(verified(&place, &[])["logs"][0]["root"], log["root"], "the store says the same");
        let before = files(&place.file("one"));
        export(&place, "one", &[]);
        export(&place, "two", &[]);
        assert!(before == files(&place.file("one")) && before == files(&place.file("two")));
        for words in [OURS, SECOND, THEIRS, "Morgan Sample"] {
            assert!(!holds(&place.file("one"), words), "{words} in the clear");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_export_proves_the_words_and_is_closed_to_others() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new(Backend::Sqlite).await;
    fill(&place, 0).await;
    std::fs::create_dir(place.file("open")).unwrap();
    let ran = place.run(&["export", "--out", "open", "--open"]).expect_status(0);
    assert!(ran.err().contains("WARNING") && ran.err().contains("in the clear"), "{}", ran.err());
    let log = &verified(&place, &["open"])["logs"][0];
    assert_eq!((log["sealed_parts"].as_u64(), log["opened_parts"].as_u64()), (Some(0), Some(9)));
    assert!([OURS, SECOND, THEIRS].iter().all(|words| holds(&place.file("open"), words)));
    let mode = |path: &str| std::fs::metadata(place.file(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("open"), mode("open/outcomes"), mode("open/manifest.json")), (0o700, 0o700, 0o600));
    let refused = place.run(&["export", "--quiet", "--out", "open"]).expect_status(2);
    assert!(refused.err().contains("another view, log or kind"), "{}", refused.err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_holds_nothing_of_others() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let filled = fill(&place, 0).await;
        export(&place, "whole", &["--open"]);
        export(&place, "ours", &["--organisation", "RX1", "--open"]);
        export(&place, "person", &["--person", &filled.ours, "--open"]);
        let whole = files(&place.file("whole"));
        let events = std::str::from_utf8(&whole["outcomes/events/000000000000.p/21.ndjson"]).unwrap();
        // Ids and leaves of events that are not in view, and the words in them.
        let of =
            |person: &str| events.lines().filter(|line| line.contains(person)).map(str::to_owned).collect::<Vec<_>>();
        for (folder, shown, events_shown, hidden) in [
            ("ours", vec![OURS, SECOND], 6, vec![THEIRS, "RX2", "FrameworkPublished"]),
            ("person", vec![OURS], 3, vec![THEIRS, SECOND, "RX2", &filled.second, "FrameworkPublished"]),
        ] {
            let answer = verified(&place, &[folder]);
            assert_eq!(answer["logs"][0]["events"], events_shown, "{folder}");
            assert_eq!(answer["logs"][0]["opened_parts"], events_shown);
            assert_eq!(answer["logs"][0]["root"], verified(&place, &["whole"])["logs"][0]["root"]);
            for words in shown {
                assert!(holds(&place.file(folder), words), "{words} is not in {folder}");
            }
            for words in hidden {
                assert!(!holds(&place.file(folder), words), "{words} is in {folder}");
            }
            assert!(!files(&place.file(folder)).keys().any(|path| path.contains("entries")));
        }
        assert_eq!(of(&filled.ours).len(), 3);
        for (arguments, status) in [
            (["--organisation", "RX9"], 1),
            (["--person", "6f9d0000-0000-4000-8000-000000000001"], 1),
            (["--person", "x"], 2),
        ] {
            let ran = place.run(&[&QUIET[..], &["--out", "nothing"], &arguments].concat()).expect_status(status);
            assert!(!ran.err().is_empty() && !place.file("nothing").exists());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_is_killed_at_any_moment_goes_on_and_grows_with_the_log() {
    let place = Place::new(Backend::Sqlite).await;
    fill(&place, 1_200).await;
    export(&place, "whole", &[]);
    let whole = files(&place.file("whole"));
    let mut interrupted = 0;
    for after in [0, 1, 4, 9, 12, 15, whole.len()] {
        let _ = std::fs::remove_dir_all(place.file("killed"));
        let mut command = place.command(&[&QUIET[..], &["--out", "killed"]].concat());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        while child.try_wait().unwrap().is_none() {
            if place.file("killed").exists() && files_there(&place.file("killed")) >= after {
                break;
            }
        }
        child.kill().unwrap();
        if !child.wait().unwrap().success() {
            interrupted += 1;
            let (status, answer) = crate::auditing::verify(&place, &["killed"]);
            assert_eq!(status, if place.file("killed").exists() { 1 } else { 3 }, "{answer}");
        }
        export(&place, "killed", &[]);
        assert!(files(&place.file("killed")) == whole, "killed after {after} files");
    }
    assert!(interrupted >= 4, "it was killed in the middle only {interrupted} times");
    let served = place.serve();
    record_people(&as_organisation(&place, &served.base, "RX2"), 1_000).await;
    assert_eq!(served.terminate(), Some(0));
    export(&place, "killed", &[]);
    export(&place, "later", &[]);
    assert!(files(&place.file("killed")) == files(&place.file("later")), "no partial file of before is left");
    let november = place.file("whole/outcomes/checkpoint").display().to_string();
    assert_eq!(verified(&place, &["killed", "--checkpoint", &november])["logs"][0]["size"], 2_221);
}

/// How many files there are, while they are written.
fn files_there(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.flatten().map(|entry| if entry.path().is_dir() { files_there(&entry.path()) } else { 1 }).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_holds_something_else_is_left_alone() {
    let place = Place::new(Backend::Sqlite).await;
    fill(&place, 0).await;
    std::fs::create_dir(place.file("full")).unwrap();
    std::fs::write(place.file("full/letter.txt"), "mine").unwrap();
    let refused = place.run(&[&QUIET[..], &["--out", "full"]].concat()).expect_status(2);
    assert!(refused.err().contains("other files"), "{}", refused.err());
    assert_eq!(files(&place.file("full")).len(), 1);
    export(&place, "ours", &["--organisation", "RX1"]);
    place.run(&[&QUIET[..], &["--out", "ours", "--organisation", "RX2"]].concat()).expect_status(2);
    verified(&place, &["ours"]);
    std::fs::remove_file(place.file("signer/outcomes.pem")).unwrap();
    let refused = place.run(&[&QUIET[..], &["--out", "keyless"]].concat()).expect_status(2);
    assert!(refused.err().contains("--key"), "{}", refused.err());
    let key = std::fs::read_to_string(place.file("ours/outcomes/key")).unwrap();
    export(&place, "keyless", &["--key", key.trim()]);
    verified(&place, &["keyless", "--key", key.trim()]);
    for arguments in [vec!["--words"], vec!["--open", "--url", "http://127.0.0.1:1"]] {
        place.run(&[&QUIET[..], &["--out", "x"], &arguments].concat()).expect_status(2);
    }
}

/// What a person is told of the exports that took their data away.
async fn exports_of(place: &Place, person: &str) -> Vec<Value> {
    let served = place.serve();
    let found =
        as_organisation(place, &served.base, "RX1").get(&format!("/v1/people/{person}/accesses?order=oldest")).await;
    assert_eq!(served.terminate(), Some(0));
    let items = found.expect(200).body["items"].as_array().unwrap().clone();
    items.into_iter().filter(|access| access["operation"] == "export").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_told_to_those_whose_data_it_takes_away() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let filled = fill(&place, 0).await;
        export(&place, "sealed", &[]);
        export(&place, "opened", &["--person", &filled.ours, "--open"]);
        let of_ours = exports_of(&place, &filled.ours).await;
        let said = |access: &Value| json!([access["client"], access["through"], access["parts"], access["kinds"]]);
        let kinds = json!({"narrative": 1, "outcome": 1, "person": 1});
        assert_eq!(
            of_ours.iter().map(said).collect::<Vec<_>>(),
            [
                json!(["operator", "command", ["facts"], kinds]),
                json!(["operator", "command", ["facts", "identity", "words"], kinds]),
            ]
        );
        assert_eq!(exports_of(&place, &filled.second).await.len(), 1, "the other export does not show them");
        // A copy of the database without the keys: only who says so exports what nobody is told of.
        let keys = if backend == Backend::Sqlite { "sqlite:nowhere/keys.db" } else { "postgres://127.0.0.1:1/keys" };
        let key = std::fs::read_to_string(place.file("sealed/outcomes/key")).unwrap();
        for (more, status) in [(vec![], 3), (vec!["--unrecorded"], 0)] {
            let arguments = [&QUIET[..], &["--out", "copy", "--key", key.trim()], &more].concat();
            let ran = place.command(&arguments).env("CAIRN_KEYS_URL", keys).output().unwrap();
            assert_eq!(ran.status.code(), Some(status), "{}", String::from_utf8_lossy(&ran.stderr));
        }
        place.run(&[&QUIET[..], &["--out", "x", "--open", "--unrecorded"]].concat()).expect_status(2);
        verified(&place, &["copy"]);
        assert_eq!(exports_of(&place, &filled.ours).await.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_log_gives_the_same_bytes_from_both_stores() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let place = Place::new(Backend::Sqlite).await;
    fill(&place, 300).await;
    export(&place, "sqlite", &["--open"]);
    let (database, _) = postgres::empty_on(&postgres::admin()).await;
    place.run(&["migrate-store", place.database(), &database, "--quiet"]).expect_status(0);
    let on_postgres = |arguments: &[&str]| {
        let ran = place.command(arguments).env("CAIRN_DATABASE_URL", &database).output().unwrap();
        crate::binary::Ran(ran).expect_status(0)
    };
    on_postgres(&[&QUIET[..], &["--out", "postgres", "--open"]].concat());
    assert!(files(&place.file("sqlite")) == files(&place.file("postgres")));
    on_postgres(&["verify", "--quiet"]);
}
