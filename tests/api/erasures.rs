//! Erasure as callers meet it: two clients, what goes, what stays, who must be told.

use crate::support::{Answer, Backend, Client, TestService, backends};
use cairn::app::audit::{Auditor, LiveLog, LogName, Verdict, verify_store};
use cairn::app::words::Scope;
use serde_json::{Value, json};

pub const NAME: &str = "Quillon Canary";
pub const WORDS: &str = "The heron stood at the weir all morning";
const NUMBER: &str = "9434765919";

/// A service with two clients of one organisation.
pub struct Stage {
    pub service: TestService,
    pub asks: Client,
    pub approves: Client,
}

impl Stage {
    pub async fn new(backend: Backend) -> Self {
        let service = TestService::start(backend).await;
        let asks = service.registered("asks", "LAW", Scope::ALL).await;
        let approves = service.registered("approves", "LAW", Scope::ALL).await;
        Self { service, asks, approves }
    }
    pub async fn ask(&self, person: &str, scope: &str) -> String {
        let body = json!({"occurred_at": "2026-06-01", "person": person, "scope": scope, "legal_basis": "gdpr_17_1_b"});
        self.asks.post("/v1/erasures", &body).await.expect(201).id()
    }
    pub async fn approve(&self, erasure: &str) -> Answer {
        let when = json!({"occurred_at": "2026-06-02"});
        self.approves.change(&format!("/v1/erasures/{erasure}/approval"), 0, &when).await
    }
    /// Asks and approves.
    pub async fn erase(&self, person: &str, scope: &str) -> String {
        let erasure = self.ask(person, scope).await;
        self.approve(&erasure).await.expect(201);
        erasure
    }
    /// The rows are what the log makes, and an auditor with the keys finds every part that is gone covered by an erasure.
    pub async fn holds_together(&self) {
        let app = self.service.service.as_ref().unwrap().app.clone();
        assert_eq!(app.replay(true, |_, _| {}).await.unwrap().drifts, []);
        let guard_file = std::path::PathBuf::from("no-such-folder/checkpoint");
        let log = LiveLog { log: LogName::Outcomes, origin: "tests".to_owned(), key: None, guard: None, guard_file };
        let store = app.store().as_ref();
        let report = verify_store(store, Some(app.vault()), &[log], &Auditor::default(), &mut |_, _| {}).await.unwrap();
        assert_eq!(report.verdict(), Verdict::Verified, "{:?}", report.findings);
    }
}

/// Somebody with a name, a number, an outcome, a narrative, a review: their ids.
pub struct Life {
    pub person: String,
    pub outcome: String,
    pub narrative: String,
    pub review: String,
}

pub async fn a_life(caller: &Client, number: Option<&str>) -> Life {
    let identifiers: Vec<Value> = number.iter().map(|value| json!({"system": "nhs_number", "value": value})).collect();
    let body = json!({"occurred_at": "2026-01-05", "name": NAME, "birth_date": "1951-03-14", "identifiers": identifiers,
        "source": {"system": "case-system", "reference": "heron-4711"}});
    let person = caller.post("/v1/people", &body).await.expect(201).id();
    let outcome = caller.outcome(&person).await;
    let told = json!({"occurred_at": "2026-02-01", "person": person, "outcomes": [outcome], "text": WORDS, "author": "person",
        "perspective": "person", "knowledge_form": "lived"});
    let narrative = caller.post("/v1/narratives", &told).await.expect(201).id();
    let review = caller.review(&person, &outcome, "person", "partly_met").await.expect(201).id();
    Life { person, outcome, narrative, review }
}

async fn found_by_number(caller: &Client, as_of: Option<u64>) -> usize {
    let query = as_of.map(|position| format!("?as_of={position}")).unwrap_or_default();
    let body = json!({"system": "nhs_number", "value": NUMBER});
    let answer = caller.post(&format!("/v1/people/search{query}"), &body).await.expect(200);
    answer.body["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn an_erasure_takes_two_clients() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let life = a_life(&stage.asks, None).await;
        let erasure = stage.ask(&life.person, "identity_and_words").await;
        let path = format!("/v1/erasures/{erasure}");
        let when = json!({"occurred_at": "2026-06-02"});
        let own = stage.asks.change(&format!("{path}/approval"), 0, &when).await;
        let own = own.expect_problem(409, "not-in-this-state");
        assert!(own.body["detail"].as_str().unwrap().contains("another one must"), "{}", own.text);
        let open = stage.asks.get(&path).await.expect(200);
        assert_eq!((&open.body["status"], &open.body["requested_by"]), (&json!("requested"), &json!("asks")));
        assert_eq!((&open.body["keys"], &open.body["notices"]), (&json!([]), &json!([])));
        assert_eq!(stage.asks.get(&format!("/v1/people/{}", life.person)).await.body["name"], NAME, "not yet");
        stage.approves.change(&format!("{path}/approval"), 7, &when).await.expect_problem(412, "version-conflict");
        let future = json!({"occurred_at": "2027-06-02"});
        let future = stage.approves.change(&format!("{path}/approval"), 0, &future).await;
        future.expect_problem(422, "in-the-future");
        stage.approve(&erasure).await.expect(201);
        let done = stage.asks.get(&path).await.expect(200);
        assert_eq!((&done.body["status"], &done.body["decided_by"]), (&json!("executed"), &json!("approves")));
        let keys = done.body["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 2);
        assert!(keys.iter().all(|key| key["destroyed_at"].is_string()), "{}", done.text);
        // Decided is decided.
        stage.approves.change(&format!("{path}/approval"), 1, &when).await.expect_problem(409, "not-in-this-state");
        let refusal = json!({"occurred_at": "2026-06-03", "exemption": "no_ground"});
        stage.approves.change(&format!("{path}/refusal"), 1, &refusal).await.expect_problem(409, "not-in-this-state");
        stage.asks.change(&format!("{path}/withdrawal"), 1, &when).await.expect_problem(409, "not-in-this-state");
    }
}

#[tokio::test]
async fn a_repeated_approval_is_answered_as_the_first_time() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let life = a_life(&stage.asks, None).await;
        let erasure = stage.ask(&life.person, "full").await;
        let path = format!("/v1/erasures/{erasure}/approval");
        let headers = [("Idempotency-Key", "approve-1"), ("If-Match", "\"0\"")];
        let when = json!({"occurred_at": "2026-06-02"});
        let first = stage.approves.send(reqwest::Method::POST, &path, &headers, Some(&when)).await.expect(201);
        let again = stage.approves.send(reqwest::Method::POST, &path, &headers, Some(&when)).await.expect(201);
        assert_eq!((first.position(), &again.body["repeated"]), (again.position(), &json!(true)));
        let other = json!({"occurred_at": "2026-06-01"});
        let other = stage.approves.send(reqwest::Method::POST, &path, &headers, Some(&other)).await;
        other.expect_problem(422, "idempotency-key-reused");
    }
}

#[tokio::test]
async fn a_refused_or_withdrawn_request_erases_nothing() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let life = a_life(&stage.asks, Some(NUMBER)).await;
        let refused = stage.ask(&life.person, "full").await;
        let refusal = json!({"occurred_at": "2026-06-03", "exemption": "gdpr_17_3_c", "note": "An enquiry is open"});
        stage.approves.change(&format!("/v1/erasures/{refused}/refusal"), 0, &refusal).await.expect(201);
        let withdrawn = stage.ask(&life.person, "full").await;
        let when = json!({"occurred_at": "2026-06-02"});
        stage.asks.change(&format!("/v1/erasures/{withdrawn}/withdrawal"), 0, &when).await.expect(201);
        let seen = stage.asks.get(&format!("/v1/erasures/{refused}")).await.expect(200);
        assert_eq!((&seen.body["status"], &seen.body["note"]), (&json!("refused"), &json!("An enquiry is open")));
        assert_eq!(seen.body["exemption"], "gdpr_17_3_c");
        let open = stage.asks.get("/v1/erasures?status=withdrawn").await.expect(200);
        assert_eq!(open.body["items"].as_array().unwrap().len(), 1);
        assert_eq!(found_by_number(&stage.asks, None).await, 1);
        assert_eq!(stage.asks.get(&format!("/v1/narratives/{}", life.narrative)).await.body["text"], WORDS);
    }
}

#[tokio::test]
async fn the_default_erasure_takes_words_and_identity_and_keeps_the_counts() {
    for backend in backends() {
        let mut stage = Stage::new(backend).await;
        let (life, other) = (a_life(&stage.asks, Some(NUMBER)).await, stage.asks.person().await);
        let mut elsewhere = stage.service.caller("ELSE");
        let theirs = a_life(&elsewhere, Some(NUMBER)).await;
        let before = stage.asks.head().await;
        let counted = async |caller: &Client| {
            let answer = caller.get(&format!("/v1/reviews?as_of={before}&limit=500")).await.expect(200);
            answer.body["items"].as_array().unwrap().len()
        };
        let reviews = counted(&stage.asks).await;
        stage.erase(&life.person, "identity_and_words").await;
        for round in ["live", "restarted"] {
            let person = stage.asks.get(&format!("/v1/people/{}", life.person)).await.expect(200);
            assert_eq!((&person.body["name"], &person.body["birth_date"]), (&Value::Null, &Value::Null), "{round}");
            assert_eq!(person.body["erased"], json!(["identity", "index", "words"]));
            assert_eq!(person.body["identifiers"][0]["value"], Value::Null);
            for (place, id, field) in [
                ("narratives", &life.narrative, "text"),
                ("outcomes", &life.outcome, "title"),
                ("reviews", &life.review, "note"),
            ] {
                for as_of in [String::new(), format!("?as_of={before}")] {
                    let seen = stage.asks.get(&format!("/v1/{place}/{id}{as_of}")).await.expect(200);
                    assert_eq!((&seen.body[field], &seen.body["erased"]), (&Value::Null, &json!(["words"])), "{place}");
                }
            }
            assert_eq!(found_by_number(&stage.asks, None).await, 0);
            assert_eq!(found_by_number(&stage.asks, Some(before)).await, 0, "nor at any time before");
            assert_eq!(counted(&stage.asks).await, reviews, "counts from before are what they were");
            // The same person of another organisation is another matter, and so is anybody else.
            assert_eq!(found_by_number(&elsewhere, None).await, 1);
            let told = elsewhere.get(&format!("/v1/narratives/{}", theirs.narrative)).await.expect(200);
            assert_eq!(told.body["text"], WORDS);
            assert_eq!(stage.asks.get(&format!("/v1/people/{other}")).await.body["name"], "Morgan Sample");
            stage.holds_together().await;
            stage.service.service.as_ref().unwrap().app.rebuild(|_, _| {}).await.unwrap();
            stage.holds_together().await;
            stage.service.restart().await;
            // Its address is another one, and a token names the address that gave it.
            (stage.asks, elsewhere) = (stage.service.caller("LAW"), stage.service.caller("ELSE"));
        }
    }
}

#[tokio::test]
async fn nothing_more_is_recorded_about_somebody_who_was_erased() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let life = a_life(&stage.asks, None).await;
        let headers = [("Idempotency-Key", "told-before")];
        let told = json!({"occurred_at": "2026-02-01", "person": life.person, "text": WORDS, "author": "person",
            "perspective": "person", "knowledge_form": "lived"});
        let first = stage.asks.send(reqwest::Method::POST, "/v1/narratives", &headers, Some(&told)).await.expect(201);
        stage.erase(&life.person, "identity_and_words").await;
        let again = stage.asks.send(reqwest::Method::POST, "/v1/narratives", &headers, Some(&told)).await.expect(201);
        assert_eq!((again.id(), &again.body["repeated"]), (first.id(), &json!(true)), "a repeat is a repeat");
        stage.asks.post("/v1/narratives", &told).await.expect_problem(410, "erased");
        // Also what has no words.
        let bare = json!({"occurred_at": "2026-03-01", "person": life.person, "outcome": life.outcome,
            "perspective": "carer", "author": "carer", "status": "review-status@1#fully_met"});
        stage.asks.post("/v1/reviews", &bare).await.expect_problem(410, "erased");
        let name = json!({"occurred_at": "2026-03-01", "name": NAME, "reason": "Came back"});
        let name = stage.asks.change(&format!("/v1/people/{}/amendments", life.person), 1, &name).await;
        name.expect_problem(410, "erased");
        let line = json!({"key": "late-1", "op": "record_narrative", "body": told});
        let answers = stage.asks.batch("each", &[line]).await;
        assert_eq!(answers[0]["problem"]["type"], "/problems/erased");
        // The number is free again: whoever comes back is a new person.
        a_life(&stage.asks, Some(NUMBER)).await;
        let rest = stage.ask(&life.person, "full").await;
        stage.approve(&rest).await.expect(201);
        stage.holds_together().await;
    }
}

#[tokio::test]
async fn a_full_erasure_leaves_a_tombstone_and_envelopes() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let life = a_life(&stage.asks, Some(NUMBER)).await;
        let before = stage.asks.head().await;
        let earlier = stage.erase(&life.person, "words").await;
        let erasure = stage.erase(&life.person, "full").await;
        let person = stage.asks.get(&format!("/v1/people/{}", life.person)).await.expect(200);
        assert_eq!(person.body["erased"], json!(["facts", "identity", "index", "words"]));
        assert_eq!(person.body["identifiers"], json!([]));
        for path in [
            format!("/v1/outcomes/{}", life.outcome),
            format!("/v1/outcomes/{}?as_of={before}", life.outcome),
            format!("/v1/narratives/{}", life.narrative),
            format!("/v1/outcomes/{}/history", life.outcome),
            format!("/v1/outcomes/{}/disagreement", life.outcome),
        ] {
            stage.asks.get(&path).await.expect_problem(404, "not-found");
        }
        let record = stage.asks.get(&format!("/v1/people/{}/record", life.person)).await.expect(200);
        assert_eq!(record.body["outcomes"], json!([]));
        // The feed goes on over what is gone, and says that it is.
        let feed = stage.asks.get("/v1/events?include=words&limit=500").await.expect(200);
        let items = feed.body["items"].as_array().unwrap();
        let told: Vec<&Value> = items.iter().filter(|event| event["stream"] == life.outcome.as_str()).collect();
        assert_eq!((told.len(), &told[0]["facts"], &told[0]["client"]), (1, &Value::Null, &Value::Null));
        assert_eq!(told[0]["erased"], json!(["facts", "words"]));
        let stream = stage.asks.get(&format!("/v1/streams/{}/events", life.person)).await.expect(200);
        let types: Vec<&str> =
            stream.body["items"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(types, ["PersonRegistered.v1", "ErasureExecuted.v1", "ErasureExecuted.v1"]);
        // That and why something was erased stays.
        for id in [&earlier, &erasure] {
            let seen = stage.asks.get(&format!("/v1/erasures/{id}")).await.expect(200);
            assert_eq!(seen.body["legal_basis"], "gdpr_17_1_b");
        }
        let nothing = json!({"occurred_at": "2026-06-01", "person": life.person, "legal_basis": "gdpr_17_1_b"});
        stage.asks.post("/v1/erasures", &nothing).await.expect_problem(410, "erased");
        stage.holds_together().await;
        let app = stage.service.service.as_ref().unwrap().app.clone();
        app.rebuild(|_, _| {}).await.unwrap();
        stage.holds_together().await;
        app.check().await.unwrap();
    }
}

#[tokio::test]
async fn whoever_recorded_or_read_must_be_told() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let life = a_life(&stage.asks, None).await;
        let third = stage.service.registered("care-home", "LAW", Scope::ALL).await;
        third.review(&life.person, &life.outcome, "carer", "not_met").await.expect(201);
        let reader = stage.service.registered("day-centre", "LAW", &[Scope::NarrativesRead, Scope::PeopleRead]).await;
        reader.get(&format!("/v1/narratives/{}", life.narrative)).await.expect(200);
        // Who looks for somebody else has nothing of this person.
        let stranger = stage.service.registered("stranger", "LAW", &[Scope::PeopleRead]).await;
        stranger.get(&format!("/v1/people/{}", stage.asks.person().await)).await.expect(200);
        let erasure = stage.erase(&life.person, "full").await;
        let path = format!("/v1/erasures/{erasure}");
        let seen = stage.asks.get(&path).await.expect(200);
        let clients: Vec<&str> =
            seen.body["notices"].as_array().unwrap().iter().map(|notice| notice["client"].as_str().unwrap()).collect();
        assert_eq!(clients, ["asks", "care-home", "day-centre"]);
        assert_eq!(seen.body["notices"][1]["because"], json!(["recorded"]));
        assert_eq!(seen.body["notices"][2]["because"], json!(["read"]));
        assert_eq!(seen.body["reads_included"], true);
        let told = |notice: u32| json!({"occurred_at": "2026-06-05", "notice": notice});
        let notices = format!("{path}/notices");
        stage.asks.change(&notices, 1, &told(1)).await.expect(201);
        stage.asks.change(&notices, 2, &told(1)).await.expect_problem(409, "not-in-this-state");
        stage.asks.change(&notices, 2, &told(3)).await.expect_problem(409, "not-in-this-state");
        let seen = stage.asks.get(&path).await.expect(200);
        assert_eq!(seen.body["notices"][0]["sent_at"], Value::Null);
        assert_eq!(seen.body["notices"][1]["sent_by"], "asks");
        assert!(seen.body["notices"][1]["sent_at"].is_string());
        let then = stage.asks.get(&format!("{path}?as_of={}", seen.body["position"].as_u64().unwrap() - 1)).await;
        assert_eq!(then.expect(200).body["notices"][1]["sent_at"], Value::Null);
    }
}

#[tokio::test]
async fn one_client_asks_for_what_it_may() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let life = a_life(&stage.asks, None).await;
        let other = a_life(&stage.asks, None).await;
        let ask = async |scope: &str, narrative: Option<&str>| {
            let body = json!({"occurred_at": "2026-06-01", "person": life.person, "scope": scope, "narrative": narrative,
                "legal_basis": "gdpr_17_1_d"});
            stage.asks.post("/v1/erasures", &body).await
        };
        ask("narrative", None).await.expect_problem(422, "invalid-body");
        ask("full", Some(&life.narrative)).await.expect_problem(422, "invalid-body");
        ask("narrative", Some(&other.narrative)).await.expect_problem(422, "unknown-reference");
        ask("narrative", Some(&life.outcome)).await.expect_problem(422, "unknown-reference");
        ask("everything", None).await.expect_problem(422, "invalid-body");
        let elsewhere = stage.service.caller("ELSE");
        let body = json!({"occurred_at": "2026-06-01", "person": life.person, "legal_basis": "gdpr_17_1_a"});
        elsewhere.post("/v1/erasures", &body).await.expect_problem(422, "unknown-reference");
        let erasure = stage.ask(&life.person, "full").await;
        let when = json!({"occurred_at": "2026-06-02"});
        let theirs = elsewhere.change(&format!("/v1/erasures/{erasure}/approval"), 0, &when).await;
        theirs.expect_problem(404, "not-found");
    }
}

#[tokio::test]
async fn keys_that_could_not_be_destroyed_are_destroyed_after_the_next_start() {
    // The key store of SQLite is held by somebody else while the erasure is approved, as if the process died before it came
    // to the keys.
    let mut stage = Stage::new(Backend::Sqlite).await;
    let life = a_life(&stage.asks, None).await;
    let erasure = stage.ask(&life.person, "identity_and_words").await;
    let keys = stage.service.folder.path().join("keys/keys.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&keys);
    let mut held = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut held).await.unwrap();
    stage.approve(&erasure).await.expect(201);
    let path = format!("/v1/erasures/{erasure}");
    let seen = stage.asks.get(&path).await.expect(200);
    assert_eq!((&seen.body["status"], &seen.body["keys"][0]["destroyed_at"]), (&json!("executed"), &Value::Null));
    // What was erased is gone from the database already.
    let told = stage.asks.get(&format!("/v1/narratives/{}", life.narrative)).await.expect(200);
    assert_eq!((&told.body["text"], &told.body["erased"]), (&Value::Null, &json!(["words"])));
    let living: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM person_key").fetch_one(&mut held).await.unwrap();
    assert_eq!(living, 2);
    sqlx::query("ROLLBACK").execute(&mut held).await.unwrap();
    stage.service.restart().await;
    let asks = stage.service.caller("LAW");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let seen = asks.get(&path).await.expect(200);
        if seen.body["keys"].as_array().unwrap().iter().all(|key| key["destroyed_at"].is_string()) {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{}", seen.text);
        tokio::task::yield_now().await;
    }
    let living: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM person_key").fetch_one(&mut held).await.unwrap();
    let tombstones: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM destroyed_key").fetch_one(&mut held).await.unwrap();
    assert_eq!((living, tombstones), (0, 2));
}
