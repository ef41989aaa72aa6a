//! How the databases go about the statements of recording and reading: by the index that each was written for, never by
//! reading a whole table, and that in a young database, whose statistics say that every table is small.
//!
//! The statements are those that the service really sends while it works: on SQLite as the driver tells them, on PostgreSQL
//! with their plans as the server logs them (`auto_explain`).
#![cfg(test)]

#[expect(dead_code, reason = "plans need a part of it")]
#[path = "operation/cluster.rs"]
mod cluster;
#[expect(dead_code, reason = "plans need a part of it")]
#[path = "support/mod.rs"]
mod support;

use cairn::app::{Auditor, HistoryAsked};
use cluster::{Cluster, until};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Backend, Client, TestService};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// The tables that grow with the log, and how statements call them.
const LARGE: [&str; 10] = ["event", "e", "part", "p", "row_version", "r", "row_key", "k", "idempotency", "access"];

/// What a statement says, and the indexes that it is written for. Where both stores say it differently it stands twice.
const WRITTEN_FOR: &[(&str, &[&str])] = &[
    ("FROM idempotency WHERE digest", &["idempotency"]),
    ("FROM event WHERE organisation = wanted.", &["event_organisation"]),
    ("FROM access WHERE organisation = wanted.", &["access_organisation"]),
    ("FROM access WHERE stream = ", &["access_stream"]),
    ("FROM access WHERE organisation = ?7", &["access_organisation"]),
    ("FROM access WHERE organisation = $7", &["access_organisation"]),
    ("FROM access WHERE recorded_at >= ", &["access_recorded_at"]),
    ("'changed_by' AS client", &["row_version_person"]),
    ("FROM json_each(?1) AS w CROSS JOIN log_head", &["row_version_id"]),
    ("FROM unnest($1::uuid[], $2::bigint[], $3::text[]) WITH ORDINALITY AS w", &["row_version_id"]),
    ("r.kind = $1::text", &["row_version_list"]),
    ("r.person = ", &["row_version_person"]),
    ("r.outcome = ", &["row_version_outcome"]),
    ("AND k.value = ", &["row_key", "row_version_id"]),
    ("JOIN part AS p ON p.part_id >= ", &["part"]),
    ("organisation = $5 AND $4::uuid IS NULL", &["event_organisation"]),
    ("stream = $4", &["event_stream"]),
    ("FROM part WHERE part_id >= ", &["part"]),
    ("WHERE e.position >= ?1", &["row_version_id"]),
    ("WHERE e.position >= $1", &["event", "row_version_id"]),
    ("SELECT p.position, p.class, CASE WHEN p.key_id IS NULL THEN p.bytes ELSE X'' END FROM json_each(?1)", &["part"]),
    ("WHERE e.organisation = ", &["event_organisation", "row_version_id"]),
    ("WHERE e.stream = ", &["event_stream", "row_version_id"]),
    ("MAX(recorded_at) FROM event WHERE recorded_at <=", &["event_recorded_at"]),
];

/// The driver tells of every statement of the process, so that only one store is worked on at a time.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Every way of recording and reading that is asked for often, some of them more often than a plan is tried out.
async fn work(caller: &Client) {
    let named = |number: u32| json!({"occurred_at": "2026-01-05", "name": "Robin Sample", "identifiers": [{"system": "local", "value": number.to_string()}]});
    let person = caller.person().await;
    for number in 0..6 {
        caller.post("/v1/people", &named(number)).await.expect(201);
    }
    let outcome = caller.outcome(&person).await;
    let rewording = json!({"occurred_at": "2026-03-01", "outcome_type": "quality_of_life", "direction": "change",
        "title": "Walk the dog twice a week", "framework_items": ["talking-points-people@1#seeing-people"], "reason": "Once"});
    for version in 0..6 {
        caller.change(&format!("/v1/outcomes/{outcome}/rewordings"), version, &rewording).await.expect(201);
    }
    let review = caller.review(&person, &outcome, "person", "partly_met").await.expect(201).id();
    // An event of the outcome that does not follow its last one.
    let ranked = json!({"occurred_at": "2026-04-01", "perspective": "person", "rank": 1});
    caller.change(&format!("/v1/outcomes/{outcome}/priorities"), 6, &ranked).await.expect(201);
    let lines: Vec<Value> = (0..6)
        .map(|number| json!({"key": format!("plan-{number}"), "op": "register_person", "body": named(100 + number)}))
        .collect();
    for mode in ["each", "all"] {
        caller.batch(mode, &lines).await;
    }
    let key = [("Idempotency-Key", "plan")];
    for _ in 0..2 {
        caller.send(reqwest::Method::POST, "/v1/people", &key, Some(&named(50))).await.expect(201);
    }
    let position = caller.head().await - 1;
    let search = json!({"system": "local", "value": "3"});
    for _ in 0..6 {
        caller.post("/v1/people/search", &search).await.expect(200);
        for path in [
            format!("people/{person}"),
            format!("people/{person}/record"),
            format!("outcomes/{outcome}?as_of={position}"),
            format!("outcomes/{outcome}/history"),
            format!("outcomes/{outcome}/disagreement"),
            format!("reviews/{review}"),
            format!("outcomes?person={person}"),
            format!("reviews?outcome={outcome}"),
            "outcomes?framework_item=talking-points-people@1%23seeing-people".to_owned(),
            "outcomes?changed_after=5&limit=2".to_owned(),
            format!("outcomes?as_of={}", support::NOW),
            "events?after=3&limit=5&include=words".to_owned(),
            "history?limit=3&include=words".to_owned(),
            format!("history?person={person}"),
            format!("history?stream={outcome}"),
            format!("history?client=development&recorded_from={}", support::NOW),
            format!("history?event=OutcomeReviewed&as_of={position}&true_on=2026-06"),
            format!("history/diff?from=3&person={person}&include=words"),
            "history/diff?from=3".to_owned(),
            format!("streams/{outcome}/events?after=3"),
            format!("people/{person}/accesses?limit=2&from={}", support::NOW),
            format!("people/{person}/accesses?order=oldest&user=u-1"),
            "accesses?limit=2".to_owned(),
            "accesses?order=oldest&purpose=TREAT".to_owned(),
            format!("accesses/unusual?from={}&to=2027-01-01T00:00:00Z", support::NOW),
            "frameworks".to_owned(),
            "frameworks/talking-points-people/versions/1".to_owned(),
        ] {
            caller.get(&format!("/v1/{path}")).await.expect(200);
        }
    }
}

/// What operators read, who have no address to ask at.
async fn operators_work(service: &TestService) {
    let app = &service.service.as_ref().unwrap().app;
    for after in 0..6 {
        let asked = HistoryAsked { after: Some(after), limit: 3, ..HistoryAsked::default() };
        app.history(Auditor::Operator, &asked).await.unwrap();
    }
}

/// What a plan reads, each with the index by which, if any.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Plan {
    indexes: BTreeSet<String>,
    /// Large tables that are read from end to end.
    scanned: BTreeSet<String>,
}

/// Holds every statement to what it was written for; none may be missing, so that the table above cannot grow old.
fn judge(plans: &BTreeMap<String, Vec<Plan>>, placeholder: char) {
    for (statement, plans) in plans {
        for plan in plans {
            assert!(plan.scanned.is_empty(), "reads all of {:?}: {statement}", plan.scanned);
            for (_, indexes) in WRITTEN_FOR.iter().filter(|(said, _)| statement.contains(said)) {
                let lacking: Vec<_> =
                    indexes.iter().filter(|index| !plan.indexes.iter().any(|used| used == *index)).collect();
                assert!(lacking.is_empty(), "goes by {:?}, not by {lacking:?}: {statement}", plan.indexes);
            }
            // Nearly all rows have the same generation, by which this index begins: it is for lists alone.
            let is_list = statement.contains("ORDER BY r.from_position");
            assert!(is_list || !plan.indexes.contains("row_version_list"), "goes by row_version_list: {statement}");
        }
    }
    let other = if placeholder == '$' { '?' } else { '$' };
    for (said, _) in WRITTEN_FOR.iter().filter(|(said, _)| !said.contains(other)) {
        assert!(plans.keys().any(|statement| statement.contains(said)), "no statement says {said}");
    }
}

/// Collects the statements that the driver tells of.
#[derive(Clone, Default)]
struct Statements(Arc<Mutex<BTreeSet<String>>>);

#[derive(Default)]
struct Told {
    summary: String,
    whole: String,
}

impl Visit for Told {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.trim().clone_into(&mut self.whole),
            _ => {}
        }
    }
    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl<S: tracing::Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            let mut told = Told::default();
            event.record(&mut told);
            let statement = if told.whole.is_empty() { told.summary } else { told.whole };
            self.0.lock().unwrap().insert(statement);
        }
    }
}

#[tokio::test]
async fn sqlite_goes_by_the_indexes_that_its_statements_were_written_for() {
    let alone = ONE_AT_A_TIME.lock().await;
    let service = TestService::start(Backend::Sqlite).await;
    let statements = Statements::default();
    tracing_subscriber::registry().with(statements.clone()).init();
    work(&service.caller("PLANS")).await;
    operators_work(&service).await;
    let url = format!("sqlite:{}", service.folder.path().join("cairn.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let told = statements.0.lock().unwrap().clone();
    drop(alone);
    let mut plans: BTreeMap<String, Vec<Plan>> = BTreeMap::new();
    // A script is several statements, each with its plan; those of the key store have a database of their own.
    for statement in told.iter().flat_map(|script| script.split(';')).map(str::trim) {
        let is_asked = ["SELECT", "INSERT", "UPDATE", "DELETE"].iter().any(|verb| statement.starts_with(verb));
        if !is_asked || ["person_key", "destroyed_key"].iter().any(|table| statement.contains(table)) {
            continue;
        }
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let rows = sqlx::query(explain).fetch_all(&mut connection).await.unwrap();
        let details: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        plans.entry(statement.to_owned()).or_default().push(sqlite_plan(&details));
    }
    judge(&plans, '?');
}

/// Reads `SEARCH r USING INDEX row_version_id (id=? AND …)` and the like.
fn sqlite_plan(details: &[String]) -> Plan {
    let mut plan = Plan::default();
    for detail in details {
        let words: Vec<&str> = detail.split_whitespace().collect();
        let (verb, table) = (words[0], words.get(1).copied().unwrap_or_default());
        if verb == "SCAN" && LARGE.contains(&table) {
            plan.scanned.insert(table.to_owned());
        }
        if let Some(at) = words.iter().position(|word| *word == "INDEX") {
            plan.indexes.insert(words[at + 1].to_owned());
        } else if verb == "SEARCH" && detail.contains("PRIMARY KEY") {
            let table = match table {
                "k" => "row_key",
                "p" => "part",
                other => other,
            };
            plan.indexes.insert(table.to_owned());
        }
    }
    plan
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_goes_by_the_indexes_that_its_statements_were_written_for() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let Some(cluster) = Cluster::start() else { return };
    let (database, keys) = cluster.databases().await;
    let name = database.rsplit('/').next().unwrap();
    let mut admin = PgConnection::connect(&cluster.url).await.unwrap();
    for setting in [
        "session_preload_libraries = 'auto_explain'",
        "auto_explain.log_min_duration = 0",
        "auto_explain.log_format = json",
        "auto_explain.log_nested_statements = on",
    ] {
        let sql = format!("LOAD 'auto_explain'; ALTER DATABASE {name} SET {setting}");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut admin).await.unwrap();
    }
    let service = TestService::start_on(tempfile::tempdir().unwrap(), &database, &keys, "").await;
    work(&service.caller("PLANS")).await;
    operators_work(&service).await;
    let log = cluster.data().join("server.log");
    // The last statement of the work, so that all before it are written.
    let last = "SELECT 'the work is done'";
    let mut marking = PgConnection::connect(&database).await.unwrap();
    sqlx::query(last).execute(&mut marking).await.unwrap();
    let text = until("the plans in the server's log", Duration::from_secs(10), async || {
        let text = String::from_utf8_lossy(&std::fs::read(&log).unwrap()).into_owned();
        text.contains(last).then_some(text)
    })
    .await;
    let mut plans: BTreeMap<String, Vec<Plan>> = BTreeMap::new();
    for logged in text.split("plan:\n").skip(1) {
        let lines: Vec<&str> = logged.lines().map_while(|line| line.strip_prefix('\t')).collect();
        let explained: Value = serde_json::from_str(&lines.join("\n")).unwrap();
        let statement = explained["Query Text"].as_str().unwrap().to_owned();
        let mut plan = Plan::default();
        read_node(&explained["Plan"], &mut plan);
        let seen = plans.entry(statement).or_default();
        if !seen.contains(&plan) {
            seen.push(plan);
        }
    }
    judge(&plans, '$');
}

/// Gathers what a node of a plan and those below it read.
fn read_node(node: &Value, plan: &mut Plan) {
    if let Some(index) = node["Index Name"].as_str() {
        plan.indexes.insert(index.trim_end_matches("_pkey").to_owned());
    }
    let is_bounded = node["Index Cond"].is_string();
    if let Some(table) = node["Relation Name"].as_str()
        && LARGE.contains(&table)
        && node["Node Type"] != "ModifyTable"
        && !is_bounded
    {
        plan.scanned.insert(table.to_owned());
    }
    for below in node["Plans"].as_array().into_iter().flatten() {
        read_node(below, plan);
    }
}
