//! Who was shown whose data: one record for each person of each answer, there before the answer, and seen by nobody else.

use crate::support::{Answer, Backend, Client, TestService, backends};
use cairn::app::words::Scope;
use cairn::config::DatabaseUrl;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use std::collections::BTreeSet;

const OWN: &str = "TEST-1";

/// The accesses to a person's data so far, the oldest first; looking is one more.
async fn accesses(caller: &Client, person: &str) -> Vec<Value> {
    let answer = caller.get(&format!("/v1/people/{person}/accesses?order=oldest&limit=500")).await.expect(200);
    answer.body["items"].as_array().unwrap().clone()
}

/// The accesses to the organisation's data so far, the oldest first.
pub async fn all_accesses(caller: &Client) -> Vec<Value> {
    let mut path = "/v1/accesses?order=oldest&limit=500".to_owned();
    let mut all = Vec::new();
    loop {
        let page = caller.get(&path).await.expect(200);
        all.extend(page.body["items"].as_array().unwrap().clone());
        match page.body["next"].as_str() {
            Some(next) => path = next.to_owned(),
            None => return all,
        }
    }
}

async fn reading(caller: &Client, path: &str) -> Answer {
    let headers = [("Purpose-Of-Use", "TREAT"), ("On-Behalf-Of", "u-17"), ("On-Behalf-Of-Role", "social_worker")];
    caller.send(Method::GET, path, &headers, None).await.expect(200)
}

#[tokio::test]
async fn each_answer_leaves_one_access_for_each_person_in_it() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller(OWN);
        let (one, other) = (caller.person().await, caller.person().await);
        let outcome = caller.outcome(&one).await;
        caller.review(&one, &outcome, "person", "partly_met").await.expect(201);
        caller.outcome(&other).await;
        assert!(accesses(&caller, &other).await.is_empty(), "recording is no reading");

        let answers = [
            (
                "find_outcome",
                format!("/v1/outcomes/{outcome}"),
                "single",
                json!(["facts", "words"]),
                json!({"outcome": 1}),
            ),
            ("find_person", format!("/v1/people/{one}"), "single", json!(["facts", "identity"]), json!({"person": 1})),
            ("list_outcomes", "/v1/outcomes".to_owned(), "list", json!(["facts", "words"]), json!({"outcome": 1})),
            (
                "find_person_record",
                format!("/v1/people/{one}/record"),
                "record",
                json!(["facts", "identity", "words"]),
                json!({"person": 1, "outcome": 1, "review": 1}),
            ),
            (
                "find_outcome_disagreement",
                format!("/v1/outcomes/{outcome}/disagreement"),
                "single",
                json!(["facts", "words"]),
                json!({"outcome": 1, "review": 1}),
            ),
            (
                "find_outcome_history",
                format!("/v1/outcomes/{outcome}/history"),
                "history",
                json!(["facts", "words"]),
                json!({"outcome": 1, "review": 1}),
            ),
            (
                "list_stream_events",
                format!("/v1/streams/{outcome}/events"),
                "stream",
                json!(["facts"]),
                json!({"outcome": 1}),
            ),
            (
                "list_events",
                "/v1/events?limit=500".to_owned(),
                "feed",
                json!(["facts"]),
                json!({"person": 1, "outcome": 1, "review": 1}),
            ),
            (
                "list_events",
                "/v1/events?limit=500&include=words".to_owned(),
                "feed",
                json!(["facts", "identity", "words"]),
                json!({"person": 1, "outcome": 1, "review": 1}),
            ),
        ];
        let mut expected = Vec::new();
        for (operation, path, through, parts, kinds) in answers {
            let answer = reading(&caller, &path).await;
            let complete = answer.header("cairn-position").unwrap().parse::<u64>().unwrap();
            expected.push(json!({"operation": operation, "through": through, "parts": parts, "kinds": kinds,
                "request_id": answer.header("x-request-id").unwrap(), "outcomes_complete_to": complete}));
        }
        let found = accesses(&caller, &one).await;
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for ((access, expected), number) in found.iter().zip(&expected).zip(0..) {
            for (name, value) in expected.as_object().unwrap() {
                assert_eq!(access[name], *value, "{name} of {access:#}");
            }
            let common = json!([one, OWN, "TREAT", "u-17", "social_worker", "shown", number]);
            let said = ["person", "organisation", "purpose", "user", "role", "outcome", "number"];
            assert_eq!(Value::from_iter(said.map(|name| access[name].clone())), common);
        }
        // The other person stands in the list and the feed alone.
        let operations: Vec<Value> =
            accesses(&caller, &other).await.iter().map(|access| access["operation"].clone()).collect();
        assert_eq!(operations, ["list_person_accesses", "list_outcomes", "list_events", "list_events"]);
        // One request's accesses share its id.
        let all = all_accesses(&caller).await;
        let listed: Vec<&Value> = all.iter().filter(|access| access["operation"] == "list_outcomes").collect();
        assert_eq!(listed.len(), 2);
        assert_eq!(listed[0]["request_id"], listed[1]["request_id"]);
    }
}

#[tokio::test]
async fn a_search_that_finds_nobody_is_an_access_and_what_shows_nothing_is_none() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller(OWN);
        let search = json!({"system": "nhs-number", "value": "9434765919"});
        let nobody = caller.send(Method::POST, "/v1/people/search", &[], Some(&search)).await.expect(200);
        let body = json!({"occurred_at": "2026-01-05", "name": "Morgan Sample", "identifiers": [search]});
        let person = caller.post("/v1/people", &body).await.expect(201).id();
        caller.send(Method::POST, "/v1/people/search", &[], Some(&search)).await.expect(200);
        caller.get("/v1/reviews").await.expect(200);
        let found = all_accesses(&caller).await;
        let told: Vec<Value> = found
            .iter()
            .map(|access| json!([access["operation"], access["person"], access["parts"], access["number"]]))
            .collect();
        assert_eq!(
            told,
            [
                json!(["search_people", null, [], 0]),
                json!(["search_people", person, ["facts", "identity"], 0]),
                json!(["list_reviews", null, [], 1]),
            ]
        );
        assert_eq!(found[0]["request_id"], nobody.header("x-request-id").unwrap());

        let before = all_accesses(&caller).await.len();
        let etag = caller.get(&format!("/v1/people/{person}")).await.expect(200).header("etag").unwrap().to_owned();
        caller.send(Method::GET, &format!("/v1/people/{person}"), &[("If-None-Match", &etag)], None).await.expect(304);
        caller.get(&format!("/v1/people/{}", crate::operations::NOBODY)).await.expect(404);
        caller.get("/v1/frameworks").await.expect(200);
        caller.get("/v1/events?after=9000000").await.expect(200);
        // The listing before, and the one read that was answered with the person.
        assert_eq!(all_accesses(&caller).await.len(), before + 2);
    }
}

#[tokio::test]
async fn a_refusal_that_names_who_has_an_identifier_is_an_access() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller(OWN);
        let search = json!({"system": "nhs-number", "value": "9434765919"});
        let body = json!({"occurred_at": "2026-01-05", "name": "Morgan Sample", "identifiers": [search]});
        let person = caller.post("/v1/people", &body).await.expect(201).id();
        let refused = caller.post("/v1/people", &body).await.expect_problem(409, "already-recorded");
        assert_eq!(refused.body["existing"], person.as_str());
        let lines: Vec<Value> = ["a", "b"].map(|key| json!({"key": key, "op": "register_person", "body": body})).into();
        for answer in caller.batch("each", &lines).await {
            assert_eq!(answer["status"], 409, "{answer}");
        }
        let found = accesses(&caller, &person).await;
        let told: Vec<Value> =
            found.iter().map(|access| json!([access["operation"], access["through"], access["parts"]])).collect();
        let by = |operation: &str| json!([operation, "search", ["identity"]]);
        assert_eq!(told, [by("register_person"), by("record_batch")], "one for each answer");
    }
}

#[tokio::test]
async fn lists_of_accesses_are_filtered_paged_and_each_organisations_own() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let (caller, other) = (service.caller(OWN), service.caller("TEST-2"));
        let person = caller.person().await;
        let path = format!("/v1/people/{person}");
        for (purpose, user) in [("TREAT", "u-1"), ("BTG", "u-2"), ("TREAT", "u-2"), ("TREAT", "u-1"), ("TREAT", "u-1")]
        {
            let headers = [("Purpose-Of-Use", purpose), ("On-Behalf-Of", user)];
            caller.send(Method::GET, &path, &headers, None).await.expect(200);
            service
                .clock
                .set(service.clock_text().parse::<cairn::app::words::Timestamp>().unwrap().plus_micros(1_000_000));
        }
        let numbers = async |query: &str| -> Vec<u64> {
            let answer = caller.get(&format!("{path}/accesses?limit=5&{query}")).await.expect(200);
            answer.body["items"].as_array().unwrap().iter().map(|item| item["number"].as_u64().unwrap()).collect()
        };
        assert_eq!(numbers("order=oldest").await, [0, 1, 2, 3, 4]);
        assert_eq!(numbers("user=u-2").await, [2, 1], "newest first");
        assert_eq!(numbers("user=u-2&purpose=BTG").await, [1]);
        assert_eq!(numbers("purpose=HRESCH").await, [0_u64; 0]);
        assert_eq!(numbers("from=2026-11-24T12:00:02Z&to=2026-11-24T12:00:04Z").await, [3, 2]);
        assert_eq!(numbers("client=nobody").await, [0_u64; 0]);
        assert_eq!(numbers("order=oldest&as_of=2026-11-24T12:00:01.5Z").await, [0, 1]);
        // Pages are of one moment, although each page is an access itself.
        for order in ["oldest", "newest"] {
            let mut next = Some(format!("{path}/accesses?limit=2&order={order}&to=2026-11-24T12:00:05Z"));
            let mut paged = Vec::new();
            while let Some(path) = next {
                let page = caller.get(&path).await.expect(200);
                paged
                    .extend(page.body["items"].as_array().unwrap().iter().map(|item| item["number"].as_u64().unwrap()));
                next = page.body["next"].as_str().map(str::to_owned);
                if let Some(next) = &next {
                    assert_eq!(page.header("link").unwrap(), format!("<{next}>; rel=\"next\""));
                    other.get(next).await.expect_problem(400, "invalid-cursor");
                }
            }
            paged.sort_unstable();
            assert_eq!(paged, [0, 1, 2, 3, 4], "{order}");
        }
        for (query, parameter) in [
            ("order=up", "order"),
            ("user=%C3%BC", "user"),
            ("from=yesterday", "from"),
            ("limit=501", "limit"),
            ("as_of=9999", "as_of"),
        ] {
            let refused = caller.get(&format!("{path}/accesses?{query}")).await.expect_problem(400, "invalid-query");
            assert!(refused.text.contains(parameter), "{}", refused.text);
        }
        // Nobody else sees any of it, nor how much there is.
        other.get(&format!("{path}/accesses")).await.expect_problem(404, "not-found");
        assert!(all_accesses(&other).await.is_empty());
        let seen = all_accesses(&other).await;
        assert_eq!((seen.len(), &seen[0]["organisation_number"], &seen[0]["number"]), (1, &json!(0), &json!(0)));
    }
}

#[tokio::test]
async fn on_whose_behalf_is_said_in_codes() {
    let service = TestService::start(Backend::Sqlite).await;
    let caller = service.caller(OWN);
    let person = caller.person().await;
    let path = format!("/v1/people/{person}");
    let long = "u".repeat(129);
    for (name, value) in [
        ("On-Behalf-Of", long.as_str()),
        ("On-Behalf-Of", ""),
        ("On-Behalf-Of-Role", "social worker"),
        ("On-Behalf-Of-Role", &long[..65]),
    ] {
        let refused = caller.send(Method::GET, &path, &[(name, value)], None).await;
        let refused = refused.expect_problem(400, "invalid-header");
        assert!(value.is_empty() || !refused.text.contains(value), "what was sent is not repeated");
    }
    let longest = [("On-Behalf-Of", &long[..128]), ("On-Behalf-Of-Role", &long[..64])];
    caller.send(Method::GET, &path, &longest, None).await.expect(200);
    let found = accesses(&caller, &person).await;
    assert_eq!(found.len(), 1, "a request that was refused showed nothing");
    assert_eq!((found[0]["user"].as_str(), found[0]["role"].as_str()), (Some(&long[..128]), Some(&long[..64])));
}

/// Runs a statement in the database behind the service's back.
pub async fn behind_the_back(service: &TestService, sqlite: &'static str, postgres: &'static str) {
    match &service.settings.database {
        DatabaseUrl::Sqlite { path } => {
            let url = format!("sqlite:{}", path.display());
            let mut database = SqliteConnection::connect(&url).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sqlite)).execute(&mut database).await.unwrap();
            database.close().await.unwrap();
        }
        DatabaseUrl::Postgres { url } => {
            let mut database = PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(postgres)).execute(&mut database).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_shown() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller(OWN);
        let person = caller.person().await;
        let outcome = caller.outcome(&person).await;
        let etag = caller.get(&format!("/v1/people/{person}")).await.expect(200).header("etag").unwrap().to_owned();
        caller.get("/health/ready").await.expect(200);
        behind_the_back(
            &service,
            "CREATE TRIGGER refuse BEFORE INSERT ON access BEGIN SELECT RAISE(ABORT, 'refused'); END",
            "CREATE TRIGGER refuse BEFORE INSERT ON access FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
        )
        .await;
        for path in [
            format!("/v1/people/{person}"),
            "/v1/people".to_owned(),
            format!("/v1/people/{person}/record"),
            format!("/v1/people/{person}/accesses"),
            format!("/v1/outcomes/{outcome}"),
            format!("/v1/outcomes/{outcome}/history"),
            format!("/v1/outcomes/{outcome}/disagreement"),
            format!("/v1/streams/{outcome}/events"),
            "/v1/events?include=words".to_owned(),
            "/v1/events/stream".to_owned(),
            "/v1/history".to_owned(),
            format!("/v1/history?person={person}&include=words"),
            "/v1/history/diff".to_owned(),
            "/v1/history/stream?include=words".to_owned(),
            "/v1/reviews".to_owned(),
            "/v1/accesses".to_owned(),
            "/v1/accesses/audit-events".to_owned(),
            "/v1/accesses/unusual?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z".to_owned(),
        ] {
            let answer = caller.get(&path).await.expect_problem(503, "access-not-recorded");
            assert!(answer.header("retry-after").is_some());
            for data in ["Morgan", "1951", "Walk", "talking-points", person.as_str(), outcome.as_str()] {
                assert!(!answer.text.contains(data), "{path} shows {data}: {}", answer.text);
            }
            let told: BTreeSet<&str> = answer.body.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(told, BTreeSet::from(["type", "title", "status", "request_id"]), "{path}");
            assert!(answer.header("etag").is_none() && answer.header("cairn-position").is_none());
        }
        let search = json!({"system": "nhs-number", "value": "9434765919"});
        let searched = caller.send(Method::POST, "/v1/people/search", &[], Some(&search)).await;
        searched.expect_problem(503, "access-not-recorded");
        let ready = caller.get("/health/ready").await.expect(503);
        assert!(ready.text.contains("cannot be recorded"), "{}", ready.text);
        // What shows nobody's data goes on, and so does recording.
        caller.get("/v1/frameworks").await.expect(200);
        caller.send(Method::GET, &format!("/v1/people/{person}"), &[("If-None-Match", &etag)], None).await.expect(304);
        caller.outcome(&person).await;
        behind_the_back(&service, "DROP TRIGGER refuse", "DROP TRIGGER refuse ON access").await;
        caller.get("/health/ready").await.expect(200);
        caller.get(&format!("/v1/people/{person}")).await.expect(200);
        let found = accesses(&caller, &person).await;
        let numbers: Vec<u64> = found.iter().map(|access| access["number"].as_u64().unwrap()).collect();
        assert_eq!(numbers, [0, 1], "what was refused took no number");
    }
}

#[tokio::test]
async fn erased_and_unavailable_are_told_apart() {
    let mut service = TestService::start(Backend::Sqlite).await;
    let caller = service.caller(OWN);
    let person = caller.person().await;
    let path = format!("/v1/people/{person}");
    caller.get(&path).await.expect(200);
    // An erasure takes the sealed part away; a key that is lost is something else.
    let keys = service.folder.path().join("keys/keys.db");
    service.service.take().unwrap().stop().await;
    let mut store = SqliteConnection::connect(&format!("sqlite:{}", keys.display())).await.unwrap();
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%key%' ORDER BY name")
            .fetch_all(&mut store)
            .await
            .unwrap();
    assert!(tables.iter().any(|table| table == "person_key"), "{tables:?}");
    sqlx::raw_sql("DELETE FROM person_key").execute(&mut store).await.unwrap();
    store.close().await.unwrap();
    service.restart().await;
    let caller = service.caller(OWN);
    let failed = caller.get(&path).await.expect_problem(503, "keys-unavailable");
    let asked =
        json!({"occurred_at": "2026-06-01", "person": person, "scope": "identity", "legal_basis": "gdpr_17_1_b"});
    let erasure = caller.post("/v1/erasures", &asked).await.expect(201).id();
    let second = service.registered("second", OWN, Scope::ALL).await;
    let when = json!({"occurred_at": "2026-06-02"});
    second.change(&format!("/v1/erasures/{erasure}/approval"), 0, &when).await.expect(201);
    caller.get(&path).await.expect(200);
    let found = accesses(&caller, &person).await;
    let told: Vec<Value> = found.iter().map(|access| json!([access["outcome"], access["parts"]])).collect();
    assert_eq!(
        told,
        [json!(["shown", ["facts", "identity"]]), json!(["unavailable", []]), json!(["erased", ["facts"]])]
    );
    assert_eq!(found[1]["request_id"], failed.header("x-request-id").unwrap());
}

#[tokio::test]
async fn only_who_may_see_accesses_sees_them() {
    let service = TestService::start(Backend::Sqlite).await;
    let person = service.caller(OWN).person().await;
    let scopes: Vec<Scope> = Scope::ALL.iter().copied().filter(|scope| *scope != Scope::AccessesRead).collect();
    let caller = service.caller_with(OWN, &scopes);
    for path in [
        format!("/v1/people/{person}/accesses"),
        "/v1/accesses".to_owned(),
        "/v1/accesses/audit-events".to_owned(),
        "/v1/accesses/unusual".to_owned(),
        "/v1/log/accesses/entries/0/proof".to_owned(),
    ] {
        caller.get(&path).await.expect_problem(403, "insufficient-scope");
    }
}

/// What shows nobody's data and so leaves no access, each with its reason.
const LEAVES_NONE: &[(&str, &str)] = &[
    ("list_frameworks", "reference data"),
    ("list_framework_versions", "reference data"),
    ("compare_framework_versions", "reference data"),
    ("find_framework_version", "reference data"),
    ("find_log_checkpoint", "hashes alone"),
    ("list_log_checkpoints", "hashes alone"),
    ("find_log_key", "a public key"),
    ("list_log_keys", "public keys"),
    ("list_log_statements", "what the log says of itself"),
    ("find_log_tile", "hashes alone"),
    ("prove_log_consistency", "hashes alone"),
    (
        "find_log_entries",
        "leaves for whoever audits the whole log: random ids, types and commitments; a record for each would \
        make reading the log of accesses endless",
    ),
    ("find_liveness", "nothing of anybody"),
    ("find_readiness", "nothing of anybody"),
    ("list_metrics", "counts and times"),
    ("find_authorisation_server", "public"),
    ("find_token_keys", "public"),
    ("grant_token", "a token"),
];

/// A new operation cannot forget to record whom it shows: whatever is not named above leaves an access, or records.
#[tokio::test]
async fn every_documented_operation_that_shows_somebody_leaves_an_access() {
    for backend in backends() {
        let service = TestService::start_with(backend, "checkpoint_interval_ms = 10").await;
        let caller = service.caller(OWN);
        let key = service.register_client("audited", OWN, Scope::ALL).await;
        let second = service.registered("second", OWN, Scope::ALL).await;
        let document = cairn::api::document();
        let mut exempt: BTreeSet<&str> = LEAVES_NONE.iter().map(|(id, _)| *id).collect();
        let mut showing = 0;
        for (number, (path, method, operation)) in (1..).zip(crate::openapi::operations(&document)) {
            let id = operation["operationId"].as_str().unwrap();
            let form = service.token_form("audited", &key);
            let ground = crate::operations::Ground::new(&caller, &second, number, form).await;
            let request = crate::operations::request(id, &ground).await.unwrap();
            // A stream of before whose reader has gone may still take a batch, so only this operation's own are counted.
            let before = service.accesses_by(id).await;
            let answer = request.send(&caller).await.expect(request.success);
            let left = service.accesses_by(id).await - before;
            if operation["responses"].get("201").is_some() || id == "record_batch" {
                assert_eq!(left, 0, "{id} records; it shows a receipt and nothing of anybody");
            } else if exempt.remove(id) {
                assert_eq!(left, 0, "{id} is said to show nobody");
            } else {
                assert!(left > 0, "{method} {path} ({id}) shows what it does not record: {}", answer.text);
                showing += 1;
            }
        }
        assert!(exempt.is_empty(), "exempt without being there: {exempt:?}");
        assert!(showing > 20, "only {showing} operations show anybody");
    }
}

#[tokio::test]
async fn accesses_are_told_to_monitors_as_fhir_audit_events() {
    let service = TestService::start(Backend::Sqlite).await;
    let caller = service.caller(OWN);
    let person = caller.person().await;
    let answer = reading(&caller, &format!("/v1/people/{person}")).await;
    caller.get("/v1/people").await.expect(200);
    let listed = caller.get("/v1/accesses/audit-events?order=oldest").await.expect(200);
    assert_eq!(listed.header("content-type"), Some("application/fhir+ndjson"));
    let events: Vec<Value> = listed.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 2);
    for event in &events {
        assert_audit_event(event);
    }
    let [read, list] = &events[..] else { panic!() };
    let codes = |event: &Value| json!([event["action"], event["subtype"][0]["code"], event["outcome"]]);
    assert_eq!((codes(read), codes(list)), (json!(["R", "read", "0"]), json!(["E", "search", "0"])));
    assert_eq!(read["purposeOfEvent"][0]["coding"][0]["code"], "TREAT");
    let agent = |event: &Value, code: &str| -> Value {
        let agents = event["agent"].as_array().unwrap();
        agents.iter().find(|agent| agent["type"]["coding"][0]["code"] == code).cloned().unwrap_or_default()
    };
    // Of a read the client is the destination of the data; of a search it is the source of the question.
    let access = accesses(&caller, &person).await[0].clone();
    assert_eq!(agent(read, "110152")["who"]["identifier"]["value"], access["client"]);
    assert_eq!(agent(list, "110153")["who"]["identifier"]["value"], access["client"]);
    assert_eq!(agent(read, "PROV")["who"]["identifier"]["value"], OWN);
    let user = agent(read, "IRCP");
    assert_eq!((&user["who"]["identifier"]["value"], &user["requestor"]), (&json!("u-17"), &json!(true)));
    assert_eq!(user["role"][0]["coding"][0]["code"], "social_worker");
    assert_eq!(agent(list, "IRCP"), Value::Null);
    let entity = |event: &Value, code: &str| -> Value {
        let entities = event["entity"].as_array().unwrap();
        entities.iter().find(|entity| entity["type"]["code"] == code).cloned().unwrap_or_default()
    };
    assert_eq!(entity(read, "1")["what"]["reference"], format!("Patient/{person}"));
    assert_eq!(entity(read, "XrequestId")["what"]["identifier"]["value"], answer.header("x-request-id").unwrap());
    assert!(!listed.text.contains("Morgan"), "a monitor learns no name");
}

/// What R4 demands of an AuditEvent, and BALP of its agents and entities.
fn assert_audit_event(event: &Value) {
    assert_eq!(event["resourceType"], "AuditEvent");
    let known = [
        "resourceType",
        "id",
        "type",
        "subtype",
        "action",
        "recorded",
        "outcome",
        "outcomeDesc",
        "agent",
        "source",
        "entity",
        "purposeOfEvent",
    ];
    for name in event.as_object().unwrap().keys() {
        assert!(known.contains(&name.as_str()), "{name} is no element of it");
    }
    assert_eq!(event["type"]["code"], "rest");
    assert!(event["recorded"].as_str().unwrap().ends_with('Z'));
    assert!(event["source"]["observer"].is_object());
    let agents = event["agent"].as_array().unwrap();
    assert!(agents.iter().all(|agent| agent["requestor"].is_boolean() && agent["who"].is_object()));
    assert_eq!(agents.iter().filter(|agent| agent["requestor"] == true).count(), 1, "somebody asked");
    for entity in event["entity"].as_array().unwrap() {
        assert!(entity["type"]["code"].is_string(), "{entity}");
        assert!(!(entity["name"].is_string() && entity["query"].is_string()), "sev-1: a name or a query");
        for detail in entity["detail"].as_array().into_iter().flatten() {
            assert!(detail["type"].is_string() && detail["valueString"].is_string(), "{detail}");
        }
    }
}

#[tokio::test]
async fn what_looks_unusual_is_told_with_its_reasons() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let (caller, other) = (service.caller(OWN), service.caller("TEST-2"));
        let person = caller.person().await;
        // A client that reads and has recorded nothing.
        let key = service.register_client("viewer", OWN, Scope::ALL).await;
        let form = service.token_form("viewer", &key);
        let granted = caller.http.post(format!("{}/oauth2/token", caller.base)).form(&form).send().await.unwrap();
        let token = Client::read(granted).await.expect(200).body["access_token"].as_str().unwrap().to_owned();
        let viewer = service.caller_as(Some(token));
        let path = format!("/v1/people/{person}");
        caller.get(&path).await.expect(200);
        viewer.get(&path).await.expect(200);
        let broken = [("Purpose-Of-Use", "BTG"), ("On-Behalf-Of", "u-2")];
        caller.send(Method::GET, &path, &broken, None).await.expect(200);
        let period = "/v1/accesses/unusual?from=2026-11-24T00:00:00Z&to=2026-11-25T00:00:00Z";
        let report = caller.get(period).await.expect(200).body;
        let told: Vec<Value> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| json!([one["reason"], one["client"] == "viewer", one["user"], one["some_people"]]))
            .collect();
        assert_eq!(
            told,
            [json!(["break_glass", false, "u-2", [person]]), json!(["outside_relationship", true, null, [person]])]
        );
        assert_eq!((&report["reads"], &report["thresholds"]["burst_people"]), (&json!(3), &json!(100)));
        assert_eq!(report["not_judged"].as_array().unwrap().len(), 2);
        // The thresholds are the reader's to set; noon is out of these hours.
        let strict =
            caller.get(&format!("{period}&burst_people=1&burst_times=1&hours=13:00-14:00")).await.expect(200).body;
        let reasons: BTreeSet<&str> =
            strict["findings"].as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap()).collect();
        assert_eq!(reasons, BTreeSet::from(["break_glass", "burst", "out_of_hours", "outside_relationship"]));
        assert_eq!(strict["thresholds"]["hours_from"], "13:00");
        let theirs = other.get(period).await.expect(200).body;
        assert_eq!((&theirs["reads"], &theirs["findings"]), (&json!(0), &json!([])));
        for (query, parameter) in [
            ("from=2026-11-24T00:00:00Z", "to"),
            ("from=2026-11-25T00:00:00Z&to=2026-11-25T00:00:00Z", "to"),
            ("from=2026-11-24T00:00:00Z&to=2026-11-25T00:00:00Z&hours=7-8", "hours"),
            ("from=2026-11-24T00:00:00Z&to=2026-11-25T00:00:00Z&time_zone=Nowhere", "time_zone"),
            ("from=2026-11-24T00:00:00Z&to=2026-11-25T00:00:00Z&burst_minutes=1441", "burst_minutes"),
            ("from=2026-11-24T00:00:00Z&to=2026-11-25T00:00:00Z&burst_people=0", "burst_people"),
        ] {
            let refused =
                caller.get(&format!("/v1/accesses/unusual?{query}")).await.expect_problem(400, "invalid-query");
            assert!(refused.text.contains(parameter), "{}", refused.text);
        }
    }
}
