//! Each command does what its help says and ends with the status that it documents.

use crate::binary::{Place, data};
use crate::support::{Backend, backends};
use serde_json::Value;

#[tokio::test]
async fn the_demo_walks_the_main_job() {
    let place = Place::new(Backend::Sqlite).await;
    let ran = place.run(&["demo", "--once", "--people", "5", "--quiet"]).expect_status(0);
    assert!(ran.out().contains("every step answered as it should"), "{}", ran.out());
}

#[tokio::test]
async fn a_sample_is_the_same_for_the_same_seed() {
    let place = Place::new(Backend::Sqlite).await;
    let sample = |seed: &str| {
        place.run(&["sample", "--people", "20", "--seed", seed, "--today", "2026-11-24"]).expect_status(0).out()
    };
    assert_eq!(sample("7"), sample("7"));
    assert_ne!(sample("7"), sample("8"));
}

#[tokio::test]
async fn real_input_is_accounted_for_and_changes_nothing_twice() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let served = place.serve();
        let token = place.token();
        let size = || {
            let text = place.run(&["replay", "--json", "--quiet"]).expect_status(0).out();
            serde_json::from_str::<Value>(&text).unwrap()["events"].as_u64().unwrap()
        };
        for (arguments, status) in
            [(vec!["import", "ssda903", &data("ssda903-small")], None), (vec!["import", "fhir", &data("pco")], Some(1))]
        {
            let with =
                [arguments.as_slice(), &["--url", &served.base, "--token", &token, "--json", "--quiet"]].concat();
            let first: Value = serde_json::from_str(&place.run(&with).out()).unwrap();
            let before = size();
            let ran = place.run(&with);
            let second: Value = serde_json::from_str(&ran.out()).unwrap();
            assert_eq!(size(), before, "the second run changes nothing");
            let verdicts = |report: &Value| {
                report["verdicts"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum::<u64>()
            };
            assert_eq!(verdicts(&first), first["inputs"].as_u64().unwrap(), "every input is accounted for");
            assert_eq!(second["verdicts"]["placed"], 0);
            assert_eq!(second["verdicts"]["repeated"], first["verdicts"]["placed"]);
            if status.is_some() {
                assert_eq!(ran.0.status.code(), status, "one resource has no place and is said");
            }
        }
        place.run(&["replay", "--check", "--quiet"]).expect_status(0);
        assert_eq!(served.terminate(), Some(0));
    }
}

#[tokio::test]
async fn drift_is_found_and_mended() {
    let place = Place::new(Backend::Sqlite).await;
    place.run(&["replay", "--check"]).expect_status(0);
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", place.file("cairn.db").display())).await.unwrap();
    let sql =
        "UPDATE row_version SET body = replace(body, 'published', 'PUBLISHED'), version = 5 WHERE from_position = 3";
    sqlx::query(sql).execute(&pool).await.unwrap();
    pool.close().await;
    let ran = place.run(&["replay", "--check", "--json"]).expect_status(1);
    let report: Value = serde_json::from_str(&ran.out()).unwrap();
    assert_eq!(report["drifts"][0]["position"], 3);
    place.run(&["rebuild"]).expect_status(0);
    place.run(&["replay", "--check"]).expect_status(0);
}

#[tokio::test]
async fn an_export_goes_on_where_it_ended() {
    let place = Place::new(Backend::Sqlite).await;
    let served = place.serve();
    let token = place.token();
    let import = ["import", "fhir", &data("pco"), "--url", &served.base, "--token", &token, "--quiet"];
    place.run(&import).expect_status(1);
    let export = ["export", "--out", "out", "--url", &served.base, "--token", &token, "--quiet", "--words"];
    place.run(&export).expect_status(0);
    let whole = std::fs::read(place.file("out/events.ndjson")).unwrap();
    std::fs::write(place.file("out/events.ndjson"), &whole[..whole.len() / 2]).unwrap();
    place.run(&export).expect_status(0);
    assert_eq!(std::fs::read(place.file("out/events.ndjson")).unwrap(), whole);
}

#[tokio::test]
async fn accesses_are_told_on_the_command_line() {
    let place = Place::new(Backend::Sqlite).await;
    let served = place.serve();
    let (caller, token) = (place.caller(&served), place.token());
    let person = caller.person().await;
    caller.get(&format!("/v1/people/{person}")).await.expect(200);
    let call = ["--url", &served.base, "--token", &token];
    let of = |more: &[&str]| place.run(&[&["accesses", "of", &person][..], &call, more].concat());
    let told = of(&[]).expect_status(0).out();
    assert!(told.lines().count() == 1 && told.contains("shown of facts, identity by find_person"), "{told}");
    let told = of(&["--json"]).expect_status(0).out();
    let second: Value = serde_json::from_str(told.lines().nth(1).unwrap()).unwrap();
    assert_eq!(second["operation"], "list_person_accesses", "looking is an access");
    let period = ["accesses", "unusual", "--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z"];
    let report = place.run(&[&period[..], &call, &["--hours", "00:00-00:00"]].concat()).expect_status(0);
    assert!(report.out().contains("out_of_hours"), "{}", report.out());
    assert!(
        report.err().contains("none of them is a verdict") && report.err().contains("not judged"),
        "{}",
        report.err()
    );
    place.run(&[&period[..], &call, &["--hours", "7-8"]].concat()).expect_status(2);
    place.run(&[&["accesses", "of", "nobody"][..], &call].concat()).expect_status(2);
    assert_eq!(served.terminate(), Some(0));
}

#[tokio::test]
async fn the_doctor_says_what_to_do() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let fine = place.run(&["doctor", "--json"]).expect_status(0).out();
        assert!(fine.lines().all(|line| serde_json::from_str::<Value>(line).unwrap()["verdict"] != "wrong"), "{fine}");
        std::fs::remove_file(place.file("keys/master.key")).unwrap();
        let ill = place.run(&["doctor"]).expect_status(1).out();
        assert!(ill.contains("master key") && ill.contains("restore"), "{ill}");
        let refused = place.run(&["serve"]).expect_status(3);
        assert!(refused.err().contains("restore it from its own backup"), "{}", refused.err());
    }
}

#[tokio::test]
async fn what_cannot_be_served_is_refused_plainly() {
    let place = Place::new(Backend::Sqlite).await;
    for (arguments, status, said) in [
        (vec!["serve", "--config", "nowhere.toml"], 2, "nowhere.toml"),
        (vec!["serve", "--listen", "0.0.0.0:0"], 2, "development_issuer"),
        (vec!["serve", "--database-url", "mysql://localhost/x"], 2, "database_url"),
        (vec!["token", "--scope", "everything"], 2, "everything"),
        (vec!["nonsense"], 2, "nonsense"),
    ] {
        let ran = place.run(&arguments).expect_status(status);
        assert!(ran.err().contains(said), "{arguments:?}: {}", ran.err());
    }
    std::fs::write(place.file("typo.toml"), "body_limit_byte = 5\n").unwrap();
    let ran = place.run(&["serve", "--config", "typo.toml"]).expect_status(2);
    assert!(ran.err().contains("body_limit_byte"), "{}", ran.err());
}

#[tokio::test]
async fn every_command_has_help() {
    let place = Place::new(Backend::Sqlite).await;
    for command in [
        "serve",
        "demo",
        "sample",
        "import",
        "export",
        "verify",
        "accesses",
        "replay",
        "diff",
        "rebuild",
        "client",
        "token",
        "openapi",
        "migrate",
        "doctor",
        "keys",
        "backup",
        "restore",
        "migrate-store",
        "witness",
        "log",
    ] {
        place.run(&[command, "--help"]).expect_status(0);
    }
    let document = place.run(&["openapi"]).expect_status(0).out();
    assert_eq!(document, cairn::api::document_text());
}
