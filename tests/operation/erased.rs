//! A log with every sort of erasure in it, as an auditor verifies it: in the store, in exports, with and without keys. What
//! erasures cover is accounted for; what nothing covers is still a loss.

use crate::auditing::{as_organisation, verified, wrong};
use crate::binary::{Place, Served};
use crate::outage::narrative;
use crate::support::{Backend, Client, backends};
use cairn::app::auth::ClientKey;
use cairn::app::{Clock, SystemClock};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

const SCOPES: [&str; 5] = ["words", "identity", "identity_and_words", "full", "narrative"];
/// What each person says, and who says it.
const WORD: &str = "Sturmschwalbenfelsen";
const NAME: &str = "Perdita Specimenova";

/// A client that is registered, as it calls after it was given a token for its key.
pub async fn registered(place: &Place, served: &Served, id: &str) -> Client {
    let file = format!("{id}.pem");
    if !place.file(&file).exists() {
        let words = ["client", "add", id, "--name", "A second pair of eyes", "--organisation", "RX1", "--scope", "all"];
        place.run(&[&words[..], &["--new-key", &file]].concat()).expect_status(0);
    }
    let key = ClientKey::open(&place.file(&file)).unwrap();
    let url = format!("{}/oauth2/token", served.base);
    let assertion = key.assertion(id, &url, SystemClock.now(), &rand::random()).unwrap();
    let form = json!({"grant_type": "client_credentials", "client_assertion": assertion.as_str(),
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"});
    let http = reqwest::Client::new();
    let answer = Client::read(http.post(url).form(&form).send().await.unwrap()).await.expect(200);
    Client { base: served.base.clone(), http, token: answer.body["access_token"].as_str().map(str::to_owned) }
}

/// Somebody with a name, a number, an outcome and two narratives; answers them and the first narrative.
async fn a_life(caller: &Client, number: usize) -> (String, String) {
    let body = json!({"occurred_at": "2026-01-05", "name": format!("{NAME} {number}"), "birth_date": "1951-03-14",
        "identifiers": [{"system": "local", "value": format!("N-{number}")}],
        "source": {"system": "case-system", "reference": format!("case-{number}")}});
    let person = caller.post("/v1/people", &body).await.expect(201).id();
    caller.outcome(&person).await;
    let told = narrative(&person, &format!("{WORD} {number}"));
    let first = caller.post("/v1/narratives", &told).await.expect(201).id();
    caller.post("/v1/narratives", &narrative(&person, &format!("{WORD} again"))).await.expect(201);
    (person, first)
}

/// One person for each sort of erasure and one more, in this order.
async fn record(place: &Place) -> Vec<(String, String)> {
    let served = place.serve();
    let caller = as_organisation(place, &served.base, "RX1");
    let mut people = Vec::new();
    for number in 0..=SCOPES.len() {
        people.push(a_life(&caller, number).await);
    }
    assert_eq!(served.terminate(), Some(0));
    people
}

/// Erases each but the last by its sort; answers the last erasure.
async fn erase(place: &Place, people: &[(String, String)]) -> Value {
    let served = place.serve();
    let caller = as_organisation(place, &served.base, "RX1");
    let second = registered(place, &served, "second").await;
    let mut seen = Value::Null;
    for (scope, (person, told)) in SCOPES.iter().zip(people) {
        let mut body =
            json!({"occurred_at": "2026-06-01", "person": person, "scope": scope, "legal_basis": "gdpr_17_1_b"});
        if *scope == "narrative" {
            body["narrative"] = json!(told);
        }
        let erasure = caller.post("/v1/erasures", &body).await.expect(201).id();
        let when = json!({"occurred_at": "2026-06-02"});
        second.change(&format!("/v1/erasures/{erasure}/approval"), 0, &when).await.expect(201);
        seen = caller.get(&format!("/v1/erasures/{erasure}")).await.expect(200).body;
        assert!(seen["keys"].as_array().unwrap().iter().all(|key| key["destroyed_at"].is_string()), "{seen}");
    }
    assert_eq!(served.terminate(), Some(0));
    seen
}

fn export(place: &Place, folder: &str, arguments: &[&str]) {
    place.run(&[&["export", "--quiet", "--out", folder], arguments].concat()).expect_status(0);
}

fn gone(answer: &Value) -> u64 {
    answer["logs"][0]["erased_parts"].as_u64().unwrap()
}

/// The words and names in an export that opened what can be opened.
fn holds(place: &Place, folder: &str, text: &str) -> bool {
    let files = crate::auditing::files(&place.file(folder));
    files.values().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sort_of_erasure_is_accounted_for() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let people = record(&place).await;
        export(&place, "before", &["--open"]);
        assert!((0..=SCOPES.len()).all(|number| holds(&place, "before", &format!("{WORD} {number}"))));
        let last = erase(&place, &people).await;
        // Whoever took the data away must be told, like whoever recorded it.
        let told: Vec<Value> = last["notices"].as_array().unwrap().iter().map(|to| to["client"].clone()).collect();
        assert!(told.contains(&json!("operator")), "{last}");
        place.run(&["replay", "--check"]).expect_status(0);
        let live = verified(&place, &[]);
        // words: an outcome, two narratives · identity: name, source, index · both: all six · full: these and four facts ·
        // one narrative
        assert_eq!(gone(&live), 3 + 3 + 6 + 10 + 1, "{live:#}");
        // Without keys, what is there is not opened, and what is not there is covered all the same.
        assert_eq!(gone(&verified(&place, &["--no-keys"])), gone(&live));
        let earlier = place.file("before/outcomes/checkpoint").display().to_string();
        for (folder, view) in
            [("sealed", vec![]), ("open", vec!["--open"]), ("ours", vec!["--organisation", "RX1", "--open"])]
        {
            export(&place, folder, &view);
            let answer = verified(&place, &[folder, "--checkpoint", &earlier]);
            assert_eq!(
                (gone(&answer), &answer["logs"][0]["root"]),
                (gone(&live), &live["logs"][0]["root"]),
                "{folder}"
            );
        }
        for (number, (scope, (person, _))) in SCOPES.iter().zip(&people).enumerate() {
            let is_left = |text: &str| holds(&place, "open", &format!("{text} {number}"));
            assert_eq!((is_left(NAME), is_left(WORD)), (["words", "narrative"].contains(scope), *scope == "identity"));
            let folder = format!("person-{scope}");
            export(&place, &folder, &["--person", person, "--open"]);
            verified(&place, &[&folder]);
        }
        // What was taken away before is as true as it was: files are out of an erasure's reach, which the command says.
        verified(&place, &["before"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_that_no_erasure_covers_is_found_beside_them() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let people = record(&place).await;
        erase(&place, &people).await;
        export(&place, "sealed", &[]);
        verified(&place, &["sealed"]);
        let of = |number: usize| hex_id(backend, &people[number].0);
        // Words of whom nobody erased; a name of whom only words were erased; words of whom one narrative was erased.
        for lost in [
            format!("subject = {} AND name = 'words'", of(5)),
            format!("subject = {} AND name = 'identity'", of(0)),
            format!("subject = {} AND name = 'words'", of(4)),
        ] {
            let before = lose(&place, backend, &lost).await;
            let answer = wrong(&place, &[], "part_missing");
            assert_eq!(answer["finding_counts"]["part_missing"], before, "{lost}: {answer:#}");
            export(&place, "lost", &[]);
            wrong(&place, &["lost"], "part_missing");
            std::fs::remove_dir_all(place.file("lost")).unwrap();
            restore(&place, backend).await;
            verified(&place, &[]);
        }
    }
}

fn hex_id(backend: Backend, id: &str) -> String {
    match backend {
        Backend::Sqlite => format!("X'{}'", id.replace('-', "")),
        Backend::Postgres => format!("'{id}'"),
    }
}

/// Removes parts behind the back of the service, as its owner can; answers how many.
async fn lose(place: &Place, backend: Backend, lost: &str) -> u64 {
    let sql = format!("CREATE TABLE kept AS SELECT * FROM part; DELETE FROM part WHERE {lost}");
    let done = match backend {
        Backend::Sqlite => {
            let mut database = SqliteConnection::connect(place.database()).await.unwrap();
            let name = "part_is_removed_by_erasures_alone";
            let trigger = sqlx::query_scalar("SELECT sql FROM sqlite_schema WHERE name = ?1").bind(name);
            let trigger: String = trigger.fetch_one(&mut database).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(format!("DROP TRIGGER {name}"))).execute(&mut database).await.unwrap();
            let lost = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut database).await.unwrap().rows_affected();
            // Whoever does this with care leaves no trace.
            sqlx::raw_sql(AssertSqlSafe(trigger)).execute(&mut database).await.unwrap();
            lost
        }
        Backend::Postgres => {
            let mut database = PgConnection::connect(place.database()).await.unwrap();
            sqlx::raw_sql("ALTER TABLE part DISABLE TRIGGER ALL").execute(&mut database).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut database).await.unwrap();
            sqlx::raw_sql("ALTER TABLE part ENABLE TRIGGER ALL").execute(&mut database).await.unwrap();
            let left = "SELECT (SELECT count(*) FROM kept) - (SELECT count(*) FROM part)";
            u64::try_from(sqlx::query_scalar::<_, i64>(left).fetch_one(&mut database).await.unwrap()).unwrap()
        }
    };
    assert!(done > 0, "{lost} loses nothing");
    done
}

async fn restore(place: &Place, backend: Backend) {
    let sql = "INSERT INTO part SELECT * FROM kept WHERE part_id NOT IN (SELECT part_id FROM part); DROP TABLE kept";
    match backend {
        Backend::Sqlite => {
            let mut database = SqliteConnection::connect(place.database()).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut database).await.unwrap();
        }
        Backend::Postgres => {
            let mut database = PgConnection::connect(place.database()).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut database).await.unwrap();
        }
    }
}

/// Copies what an operator holds, the signers' state among it.
fn keep_everything_apart(from: &Place, to: &Place) {
    crate::backup::keep_apart(from, to);
    for file in ["signer/outcomes.checkpoint", "signer/accesses.checkpoint"] {
        std::fs::copy(from.file(file), to.file(file)).unwrap();
    }
}

/// How many parts are gone, after the audit of a store that was restored or moved.
async fn nothing_came_back(place: &Place, people: &[(String, String)], expected: u64) {
    assert_eq!(gone(&verified(place, &[])), expected);
    place.run(&["replay", "--check"]).expect_status(0);
    let pending = "SELECT COUNT(*) FROM key_destruction WHERE done_at IS NULL";
    let served = place.serve();
    let caller = as_organisation(place, &served.base, "RX1");
    for (scope, (person, told)) in SCOPES.iter().zip(people) {
        let seen = caller.get(&format!("/v1/narratives/{told}")).await;
        assert_eq!(seen.text.contains(WORD), *scope == "identity", "{scope}: {}", seen.text);
        let seen = caller.get(&format!("/v1/people/{person}")).await;
        assert_eq!(seen.text.contains(NAME), ["words", "narrative"].contains(scope), "{scope}: {}", seen.text);
    }
    crate::cluster::until("all keys are destroyed", std::time::Duration::from_secs(60), async || {
        (crate::backup::count_in(place.database(), pending).await == 0).then_some(())
    })
    .await;
    assert_eq!(served.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_erased_stays_erased_through_backups_epochs_and_moves() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let people = record(&place).await;
        export(&place, "before", &[]);
        crate::backup::back_up(&place, "old").expect_status(0);
        let old_master = std::fs::read(place.file("keys/master.key")).unwrap();
        erase(&place, &people).await;
        let expected = gone(&verified(&place, &[]));
        crate::backup::back_up(&place, "new").expect_status(0);

        let restored = Place::bare(backend).await;
        keep_everything_apart(&place, &restored);
        crate::backup::restore(&place, "new", &restored).expect_status(0);
        nothing_came_back(&restored, &people, expected).await;

        // The newest events with the keys of before the erasure: what was erased of whole people is buried again, and of the
        // one narrative, whose words were sealed with such a key, there is nothing left to open. What was sealed anew since has
        // no key there, so this is no restoration but a loss, and is said to be one.
        let mixed = Place::bare(backend).await;
        keep_everything_apart(&place, &mixed);
        std::fs::rename(place.file("new-keys"), place.file("new-keys-kept")).unwrap();
        std::fs::rename(place.file("old-keys"), place.file("new-keys")).unwrap();
        let refused = crate::backup::restore(&place, "new", &mixed).expect_status(1);
        assert!(refused.err().contains("neither in the key store nor destroyed"), "{}", refused.err());
        std::fs::rename(place.file("new-keys"), place.file("old-keys")).unwrap();
        std::fs::rename(place.file("new-keys-kept"), place.file("new-keys")).unwrap();

        // A backup of before the erasure is older than what was signed; and once the epoch has passed, it opens nothing.
        export(&place, "after", &[]);
        let older = Place::bare(backend).await;
        keep_everything_apart(&place, &older);
        let refused = crate::backup::restore(&place, "old", &older).expect_status(1);
        assert!(refused.err().contains("--although-older"), "{}", refused.err());
        place.run(&["keys", "rotate"]).expect_status(0);
        assert_ne!(std::fs::read(place.file("keys/master.key")).unwrap(), old_master);
        keep_everything_apart(&place, &older);
        let forced = crate::backup::restoring(&place, "old");
        let forced: Vec<&str> = forced.iter().map(String::as_str).chain(["--although-older"]).collect();
        let refused = older.run(&forced);
        assert_ne!(refused.0.status.code(), Some(0), "the keys of an epoch that has passed open nothing");
        assert!(refused.err().contains("epoch"), "{}", refused.err());
        nothing_came_back(&place, &people, expected).await;
        if backend == Backend::Sqlite {
            // Nobody's erased words stand in any file, exports and backups among them.
            for (path, bytes) in crate::auditing::files(&place.file("")) {
                for erased in [format!("{WORD} 0"), format!("{NAME} 1"), format!("{NAME} 2"), format!("{WORD} 4")] {
                    let found = bytes.windows(erased.len()).any(|window| window == erased.as_bytes());
                    assert!(!found, "{erased} in {path}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn erasures_move_to_the_other_kind_of_database() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let (here, there) = (Place::new(Backend::Sqlite).await, Place::bare(Backend::Postgres).await);
    let people = record(&here).await;
    erase(&here, &people).await;
    let expected = gone(&verified(&here, &[]));
    keep_everything_apart(&here, &there);
    for file in ["cairn.db", "keys/keys.db"] {
        for suffix in ["", "-wal"] {
            let file = format!("{file}{suffix}");
            if here.file(&file).exists() {
                std::fs::copy(here.file(&file), there.file(&file)).unwrap();
            }
        }
    }
    let keys = format!("sqlite:{}", there.file("keys/keys.db").display());
    let from = format!("sqlite:{}", there.file("cairn.db").display());
    there.run(&["migrate-store", &from, there.database(), "--keys", &keys, there.keys(), "--quiet"]).expect_status(0);
    nothing_came_back(&there, &people, expected).await;
}
