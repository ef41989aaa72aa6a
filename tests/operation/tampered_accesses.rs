//! The log of accesses in a database that somebody changed by hand, and as files that are taken away.

use crate::auditing::{BOTH, as_organisation, files, fill, verified, wrong};
use crate::binary::Place;
use crate::support::{Backend, backends};
use crate::tampered::Original;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The log of accesses in the answer of `cairn verify`.
fn accesses(answer: &Value) -> &Value {
    answer["logs"].as_array().unwrap().iter().find(|log| log["name"] == "accesses").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_column_of_an_access_is_held_against_its_leaf() {
    let original = Original::new(0).await;
    original.changed("").await.close().await.unwrap();
    let answer = verified(&original.place, &[]);
    assert!(accesses(&answer)["clear_parts"].as_u64() >= Some(3), "{answer:#}");
    for (column, value, code) in [
        ("access_id", "randomblob(16)", "row_differs_from_leaf"),
        ("stream", "randomblob(16)", "row_differs_from_leaf"),
        ("stream", "'text'", "row_differs_from_leaf"),
        ("version", "version + 7", "row_differs_from_leaf"),
        ("organisation", "'RX9'", "row_differs_from_leaf"),
        ("organisation_counter", "organisation_counter + 1", "row_differs_from_leaf"),
        ("recorded_at", "recorded_at - 1", "row_differs_from_leaf"),
        ("schema_version", "2", "row_differs_from_leaf"),
        ("facts", "replace(facts, 'operator', 'nobodyx')", "commitment"),
        ("facts", "facts || ' '", "commitment"),
        ("facts", "CAST(facts AS BLOB)", "row_differs_from_leaf"),
        ("salt", "randomblob(32)", "commitment"),
        ("salt", "randomblob(3)", "commitment"),
        ("leaf", "X'00'", "leaf"),
        ("leaf_hash", "zeroblob(32)", "leaf_hash"),
    ] {
        original.found(&format!("UPDATE access SET {column} = {value} WHERE position = 1"), code).await;
    }
    for (sql, code) in [
        ("DELETE FROM access WHERE position = 1", "position_gap"),
        ("DELETE FROM access WHERE position = (SELECT MAX(position) FROM access)", "head"),
        ("UPDATE access_head SET size = size - 1", "event_beyond_head"),
        ("UPDATE access_head SET frontier = zeroblob(length(frontier))", "head"),
        ("INSERT INTO access_subtree VALUES (1, 0, zeroblob(32))", "tile"),
        ("UPDATE checkpoint SET note = replace(note, 'cairn/accesses', 'cairn/excesses')", "signature"),
    ] {
        original.found(sql, code).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_logs_are_taken_away_whole_or_in_part() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let filled = fill(&place, 0).await;
        let served = place.serve();
        let caller = as_organisation(&place, &served.base, "RX1");
        for person in [&filled.ours, &filled.second, &filled.ours] {
            caller.get(&format!("/v1/people/{person}")).await.expect(200);
        }
        assert_eq!(served.terminate(), Some(0));
        let export = |folder: &str, arguments: &[&str]| {
            place.run(&[&["export", "--quiet", "--out", folder], arguments].concat()).expect_status(0);
        };
        export("whole", &BOTH);
        let whole = verified(&place, &["whole"]);
        let names: Vec<&str> =
            whole["logs"].as_array().unwrap().iter().filter_map(|log| log["name"].as_str()).collect();
        assert_eq!(names, ["outcomes", "accesses"]);
        assert_eq!(accesses(&whole)["events"], 3);
        // Keys of both are known, and each vouches for its own log.
        let key =
            |log: &str| std::fs::read_to_string(place.file(&format!("whole/{log}/key"))).unwrap().trim().to_owned();
        let (outcomes_key, accesses_key) = (key("outcomes"), key("accesses"));
        let given = verified(&place, &["whole", "--key", &outcomes_key, "--key", &accesses_key]);
        assert_eq!(given["key_given"], true);
        assert_eq!(verified(&place, &["whole", "--key", &outcomes_key])["key_given"], false);
        let november = place.file("whole/accesses/checkpoint").display().to_string();
        verified(&place, &["whole", "--checkpoint", &november]);

        export("person", &["--log", "accesses", "--person", &filled.ours]);
        let person = verified(&place, &["person", "--checkpoint", &november]);
        // Two reads and the export of everything: no gap among the person's own.
        assert_eq!((person["logs"].as_array().unwrap().len(), &accesses(&person)["events"]), (1, &json!(3)));
        let text: String = files(&place.file("person"))
            .into_iter()
            .filter(|(path, _)| path.contains("/events/"))
            .map(|(_, bytes)| String::from_utf8(bytes).unwrap())
            .collect();
        assert!(!text.contains(&filled.second), "another person's accesses");
        export("ours", &["--log", "accesses", "--organisation", "RX1"]);
        assert!(accesses(&verified(&place, &["ours"]))["events"].as_u64() > Some(5));

        // Taking a person's accesses away is an access, too; a log that is not in an export does not vouch for it.
        let served = place.serve();
        let caller = as_organisation(&place, &served.base, "RX1");
        let of_ours =
            caller.get(&format!("/v1/people/{}/accesses?order=oldest", filled.ours)).await.expect(200).body["items"]
                .clone();
        let shown = of_ours.as_array().unwrap().iter().filter(|access| access["through"] == "accesses").count();
        assert_eq!(shown, 1, "{of_ours:#}");
        assert_eq!(served.terminate(), Some(0));
        wrong(&place, &["person", "--key", &outcomes_key], "key");
        let outcomes = place.file("whole/outcomes/checkpoint").display().to_string();
        wrong(&place, &["person", "--checkpoint", &outcomes], "signature");
        place.run(&["export", "--out", "x", "--log", "accesses", "--key", &outcomes_key]).expect_status(2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_tells_the_same_of_accesses() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let place = Place::new(Backend::Postgres).await;
    fill(&place, 0).await;
    for folder in ["one", "two"] {
        place.run(&[&["export", "--quiet", "--out", folder], &BOTH[..]].concat()).expect_status(0);
    }
    assert!(accesses(&verified(&place, &[]))["clear_parts"].as_u64() >= Some(3));
    let mut database = PgConnection::connect(place.database()).await.unwrap();
    let all_off = "ALTER TABLE access DISABLE TRIGGER ALL; ALTER TABLE access_head DISABLE TRIGGER ALL; \
        CREATE TABLE access_kept AS SELECT * FROM access";
    sqlx::raw_sql(all_off).execute(&mut database).await.unwrap();
    for (change, code) in [
        ("UPDATE access SET facts = replace(facts, 'operator', 'nobodyx') WHERE position = 1", "commitment"),
        ("UPDATE access SET organisation = 'RX9' WHERE position = 1", "row_differs_from_leaf"),
        ("UPDATE access SET leaf_hash = decode(repeat('00', 32), 'hex') WHERE position = 1", "leaf_hash"),
        ("DELETE FROM access WHERE position = 1", "position_gap"),
    ] {
        sqlx::raw_sql(AssertSqlSafe(change)).execute(&mut database).await.unwrap();
        wrong(&place, &[], code);
        sqlx::raw_sql("DELETE FROM access; INSERT INTO access SELECT * FROM access_kept")
            .execute(&mut database)
            .await
            .unwrap();
    }
    verified(&place, &[]);
}
