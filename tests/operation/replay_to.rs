//! `cairn replay --to` and `cairn diff`: what a file of the past says is what the service says as of then, and what changed
//! between two points is what is in one and not in the other.

use crate::binary::Place;
use crate::support::{Backend, Client, backends};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const WORD: &str = "Walk the dog with my friends again";
const NAME: &str = "Morgan Sample";

/// The tables of a file, with the list of the API and where each of its columns is in an item.
const TABLES: [(&str, &[(&str, &str)]); 8] = [
    ("people", &[]),
    ("conversations", &[("asked", "/asked"), ("mode", "/mode")]),
    (
        "narratives",
        &[
            ("author", "/author"),
            ("perspective", "/perspective"),
            ("knowledge_form", "/knowledge_form"),
            ("status", "/status"),
            ("outcomes", "/outcomes"),
        ],
    ),
    (
        "outcomes",
        &[
            ("status", "/status"),
            ("identified_by", "/identified_by"),
            ("outcome_type", "/outcome_type"),
            ("direction", "/direction"),
            ("closure_reason", "/closure_reason"),
            ("priorities", "/priorities"),
        ],
    ),
    (
        "reviews",
        &[
            ("outcome", "/outcome"),
            ("perspective", "/perspective"),
            ("status", "/status"),
            ("stage", "/stage"),
            ("rating", "/rating"),
            ("revisions", "/revisions"),
            ("withdrawn", "/withdrawn"),
        ],
    ),
    ("actions", &[("status", "/status"), ("taken_by", "/taken_by"), ("due", "/due")]),
    ("contributions", &[("contributor", "/contributor"), ("perspective", "/perspective")]),
    ("frameworks", &[("title", "/title")]),
];

/// What every recording's view and row have.
const COMMON: [(&str, &str); 8] = [
    ("id", "/id"),
    ("organisation", "/organisation"),
    ("version", "/version"),
    ("position", "/position"),
    ("occurred_at", "/occurred_at"),
    ("recorded_at", "/recorded_at"),
    ("changed_at", "/changed_at"),
    ("changed_by", "/changed_by"),
];

/// The words of a row and where they are in an item, for files with open words.
const WORDS: [(&str, &[(&str, &str)]); 7] = [
    ("people", &[("name", "/name"), ("birth_date", "/birth_date")]),
    ("conversations", &[("note", "/note")]),
    ("narratives", &[("text", "/text"), ("author_name", "/author_name")]),
    ("outcomes", &[("title", "/title"), ("why_it_matters", "/why_it_matters")]),
    ("reviews", &[("note", "/note"), ("author_name", "/author_name")]),
    (
        "actions",
        &[("description", "/description"), ("taken_by_name", "/taken_by_name"), ("progress_note", "/progress_note")],
    ),
    ("contributions", &[("description", "/description"), ("contributor_name", "/contributor_name")]),
];

async fn open(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).read_only(true).connect().await.unwrap()
}

fn value(row: &SqliteRow, column: &str) -> Value {
    if let Ok(text) = row.try_get::<Option<String>, _>(column) {
        return text.map_or(Value::Null, |text| {
            // Lists and objects are JSON.
            let parsed = serde_json::from_str(&text).ok().filter(|value: &Value| value.is_array() || value.is_object());
            parsed.unwrap_or(Value::String(text))
        });
    }
    row.try_get::<Option<i64>, _>(column).unwrap().map_or(Value::Null, Value::from)
}

/// A table of a file: its rows by id, with some of their columns.
async fn table(path: &Path, name: &str, columns: &[&str]) -> BTreeMap<String, Vec<Value>> {
    let sql =
        AssertSqlSafe(format!("SELECT {} FROM {name} WHERE organisation <> 'cairn-reference'", columns.join(", ")));
    let rows = sqlx::query(sql).fetch_all(&mut open(path).await).await.unwrap();
    let of_row = |row: &SqliteRow| columns.iter().map(|column| value(row, column)).collect::<Vec<_>>();
    rows.iter().map(|row| (row.get::<String, _>("id"), of_row(row))).collect()
}

/// The same as the service tells it as of a position.
async fn list(caller: &Client, name: &str, position: u64, pointers: &[&str]) -> BTreeMap<String, Vec<Value>> {
    let size = if name == "frameworks" { "" } else { "limit=500&" };
    let answer = caller.get(&format!("/v1/{name}?{size}as_of={position}")).await.expect(200);
    assert!(answer.body.get("next").is_none(), "the test's log is small");
    let items =
        answer.body["items"].as_array().unwrap().iter().filter(|item| item["organisation"] != "cairn-reference");
    let of_item = |item: &Value| {
        let found = pointers.iter().map(|pointer| match item.pointer(pointer) {
            // A file has no truth values.
            Some(Value::Bool(is)) => json!(u8::from(*is)),
            found => found.cloned().unwrap_or(Value::Null),
        });
        found.collect::<Vec<_>>()
    };
    items.map(|item| (item["id"].as_str().unwrap().to_owned(), of_item(item))).collect()
}

/// Holds a file against the service as of a position, row for row.
async fn compare(path: &Path, caller: &Client, position: u64, with_words: bool) {
    for (name, own) in TABLES {
        let words = WORDS.iter().find(|(table, _)| *table == name).map_or(&[][..], |(_, words)| *words);
        let pairs: Vec<(&str, &str)> =
            COMMON.into_iter().chain(own.iter().copied()).chain(words.iter().copied().filter(|_| with_words)).collect();
        let (columns, pointers): (Vec<&str>, Vec<&str>) = pairs.into_iter().unzip();
        let there = table(path, name, &columns).await;
        let told = list(caller, name, position, &pointers).await;
        assert_eq!(there, told, "{name} as of {position}: {columns:?}");
    }
}

fn replay(place: &Place, to: &str, out: &str, more: &[&str]) -> Value {
    let arguments = [&["replay", "--to", to, "--out", out, "--json", "--quiet"][..], more].concat();
    serde_json::from_str(&place.run(&arguments).expect_status(0).out()).unwrap()
}

/// A few lives with every kind of recording and of change.
async fn lived(caller: &Client, people: u64, seed: u64) -> u64 {
    let lines: Vec<Value> = cairn::app::sample::population(people, seed, "2026-11-24".parse().unwrap())
        .flat_map(|person| person.lines)
        .map(|line| serde_json::from_str(&line.to_line()).unwrap())
        .collect();
    let answers = caller.batch("each", &lines).await;
    assert!(answers.iter().all(|answer| answer["status"] == 201), "{answers:#?}");
    caller.head().await
}

#[tokio::test]
async fn a_file_of_each_position_says_what_the_service_says_as_of_it() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let served = place.serve();
        let caller = place.caller(&served);
        let start = caller.head().await;
        let head = lived(&caller, 2, 11).await;
        assert!(head - start > 15, "there is something to compare");
        for position in start..=head {
            let out = format!("{position}.db");
            let with_words = position % 5 == 0 || position == head;
            let told = replay(&place, &position.to_string(), &out, if with_words { &["--open"] } else { &[] });
            assert_eq!((told["position"].as_u64(), told["events"].as_u64()), (Some(position), Some(position + 1)));
            compare(&place.file(&out), &caller, position, with_words).await;
        }
        // Many lives, at places all over the log.
        let head = lived(&caller, 25, 12).await;
        for (seed, position) in [(head / 7 * 2), (head / 5 * 3), head - 1].into_iter().enumerate() {
            let out = format!("many-{seed}.db");
            replay(&place, &position.to_string(), &out, &[]);
            compare(&place.file(&out), &caller, position, false).await;
        }
        assert_eq!(served.terminate(), Some(0));
    }
}

#[tokio::test]
async fn a_file_says_what_it_is_and_holds_no_words_unless_asked() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let served = place.serve_with(&[("CAIRN_CHECKPOINT_INTERVAL_MS", "10")]);
        let caller = place.caller(&served);
        let person = caller.person().await;
        let outcome = caller.outcome(&person).await;
        let recorded = caller.get(&format!("/v1/outcomes/{outcome}")).await.expect(200);
        let (instant, position) =
            (recorded.body["recorded_at"].as_str().unwrap(), recorded.body["position"].as_u64().unwrap());
        caller.review(&person, &outcome, "person", "partly_met").await.expect(201);
        let last = caller.head().await;
        // A checkpoint of everything.
        let signed = loop {
            let note = caller.get("/v1/log/outcomes/checkpoint").await.expect(200).text;
            let mut lines = note.lines().skip(1).map(str::to_owned);
            let (size, root): (u64, String) = (lines.next().unwrap().parse().unwrap(), lines.next().unwrap());
            if size == last + 1 {
                break (note, root);
            }
        };
        let told = replay(&place, &last.to_string(), "whole.db", &[]);
        assert_eq!(
            (told["root"].as_str(), told["checkpoint_size"].as_u64()),
            (Some(signed.1.as_str()), Some(last + 1))
        );
        let about = async |name: &str, of: &str| -> Value {
            let sql = "SELECT value FROM about WHERE name = ?1";
            let row = sqlx::query(sql).bind(of).fetch_one(&mut open(&place.file(name)).await).await.unwrap();
            value(&row, "value")
        };
        assert_eq!(about("whole.db", "checkpoint").await, json!(signed.0));
        assert_eq!(about("whole.db", "root").await, json!(signed.1));
        assert_eq!(about("whole.db", "position").await, json!(last));
        assert_eq!(about("whole.db", "words").await, "sealed");
        // By an instant, and the same point gives the same content.
        replay(&place, instant, "then.db", &[]);
        assert_eq!(about("then.db", "position").await, json!(position));
        assert_eq!(about("then.db", "instant").await, instant);
        replay(&place, &position.to_string(), "again.db", &[]);
        let bytes = |name: &str| std::fs::read(place.file(name)).unwrap();
        assert_eq!(bytes("then.db"), bytes("again.db"));
        assert_ne!(bytes("then.db"), bytes("whole.db"));
        // No words, and only its owner may read it.
        let holds = |name: &str, text: &str| bytes(name).windows(text.len()).any(|window| window == text.as_bytes());
        assert!(
            !holds("whole.db", WORD) && !holds("whole.db", NAME) && holds("whole.db", "Whose record it belongs to")
        );
        let opened = place.run(&["replay", "--to", &last.to_string(), "--out", "open.db", "--open"]).expect_status(0);
        assert!(opened.err().contains("WARNING"), "{}", opened.err());
        assert!(holds("open.db", WORD) && holds("open.db", NAME));
        for name in ["whole.db", "open.db"] {
            let mode = std::fs::metadata(place.file(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        assert_eq!(served.terminate(), Some(0));
    }
}

/// Somebody asks for it, somebody else approves.
async fn erase(caller: &Client, second: &Client, person: &str, scope: &str) {
    let body = json!({"occurred_at": "2026-06-01", "person": person, "scope": scope, "legal_basis": "gdpr_17_1_b"});
    let erasure = caller.post("/v1/erasures", &body).await.expect(201).id();
    let when = json!({"occurred_at": "2026-06-02"});
    second.change(&format!("/v1/erasures/{erasure}/approval"), 0, &when).await.expect(201);
}

#[tokio::test]
async fn what_was_erased_is_named_in_a_file_or_not_in_it_at_all() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let served = place.serve();
        let caller = crate::auditing::as_organisation(&place, &served.base, "RX1");
        let second = crate::erased::registered(&place, &served, "second").await;
        let (some, whole, kept) = (caller.person().await, caller.person().await, caller.person().await);
        let [of_some, of_whole, of_kept] =
            [caller.outcome(&some).await, caller.outcome(&whole).await, caller.outcome(&kept).await];
        let before = caller.head().await;
        let root = replay(&place, &before.to_string(), "before.db", &["--open"])["root"].clone();
        erase(&caller, &second, &some, "words").await;
        erase(&caller, &second, &whole, "full").await;
        let last = caller.head().await;
        for (to, more) in [(before, &[][..]), (before, &["--open"]), (last, &[]), (last, &["--open"])] {
            let out = format!("{to}-{}.db", more.len());
            let told = replay(&place, &to.to_string(), &out, more);
            assert_eq!(told["events"], to + 1);
            assert!(to != before || told["root"] == root, "the tree is what it was");
            let (words, opened) = if more.is_empty() { ("sealed", Value::Null) } else { ("open", Value::from(WORD)) };
            let outcomes = table(&place.file(&out), "outcomes", &["id", "words", "title"]).await;
            assert_eq!(outcomes[&of_some][1..], [json!("erased"), Value::Null], "{out}");
            assert_eq!(outcomes[&of_kept][1..], [json!(words), opened], "{out}");
            assert!(!outcomes.contains_key(&of_whole), "{out}");
            let people = table(&place.file(&out), "people", &["id", "words", "name"]).await;
            assert_eq!(people[&some][1], words, "{out}: only the words were erased");
            // Who was erased whole was never there; since the erasure there is what says that somebody was erased.
            let tombstone = people.get(&whole).map(|row| row[2].clone());
            assert_eq!(tombstone, (to == last).then_some(Value::Null), "{out}");
            compare(&place.file(&out), &caller, to, !more.is_empty()).await;
        }
        assert_eq!(served.terminate(), Some(0));
    }
}

#[tokio::test]
async fn whom_an_operator_takes_away_or_is_shown_is_told_so() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let served = place.serve();
        let caller = place.caller(&served);
        let person = caller.person().await;
        caller.outcome(&person).await;
        let last = caller.head().await;
        let to = last.to_string();
        replay(&place, &to, "sealed.db", &[]);
        replay(&place, &to, "open.db", &["--open"]);
        replay(&place, "0", "before.db", &[]);
        for more in [&[][..], &["--open"], &["--summary"]] {
            place.run(&[&["diff", "start", "now", "--quiet"][..], more].concat()).expect_status(0);
        }
        place.run(&["replay", "--check", "--quiet"]).expect_status(0);
        let listed = caller.get(&format!("/v1/people/{person}/accesses?order=oldest")).await.expect(200);
        let said = |access: &Value| -> Value {
            let fields = ["client", "operation", "through", "parts", "kinds", "outcomes_complete_to"];
            fields.map(|field| access[field].clone()).into_iter().collect()
        };
        let told: Vec<Value> = listed.body["items"].as_array().unwrap().iter().map(said).collect();
        let by = |command: &str, parts: &[&str]| json!(["operator", command, "command", parts, {"outcome": 1, "person": 1}, last]);
        let (facts, all) = (&["facts"][..], &["facts", "identity", "words"][..]);
        assert_eq!(told, [by("replay", facts), by("replay", all), by("diff", facts), by("diff", all)]);
        assert_eq!(served.terminate(), Some(0));
        // What cannot be recorded is not taken away.
        if backend == Backend::Sqlite {
            let url = SqliteConnectOptions::new().filename(place.file("cairn.db"));
            let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON access BEGIN SELECT RAISE(ABORT, 'refused'); END";
            sqlx::query(refuse).execute(&mut url.connect().await.unwrap()).await.unwrap();
            let ran = place.run(&["replay", "--to", &to, "--out", "refused.db", "--open"]).expect_status(3);
            assert!(ran.err().contains("recorded"), "{}", ran.err());
            let ran = place.run(&["diff", "start", "now", "--json"]).expect_status(3);
            assert!(!ran.out().contains(&person), "{}", ran.out());
            let names = std::fs::read_dir(place.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
            assert_eq!(names.filter(|name| name.to_string_lossy().contains("refused.db")).count(), 0);
        }
    }
}

#[tokio::test]
async fn what_is_stopped_halfway_leaves_nothing() {
    let place = Place::new(Backend::Sqlite).await;
    let served = place.serve();
    place.caller(&served).person().await;
    assert_eq!(served.terminate(), Some(0));
    // While somebody else writes, the accesses cannot be recorded, and the replay waits with its files open.
    let options = SqliteConnectOptions::new().filename(place.file("cairn.db"));
    let mut writer = options.connect().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut writer).await.unwrap();
    let mut command = place.command(&["replay", "--to", "12", "--out", "half.db", "--open", "--quiet"]);
    let child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    while !place.file("half.db.part").exists() {
        tokio::task::yield_now().await;
    }
    let told = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(told.success());
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(3), "{said}");
    assert!(said.contains("stopped; nothing was written"), "{said}");
    let names = std::fs::read_dir(place.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.filter(|name| name.to_string_lossy().contains("half.db")).count(), 0);
}

#[tokio::test]
async fn what_cannot_be_written_is_refused_and_leaves_nothing() {
    let place = Place::new(Backend::Sqlite).await;
    std::fs::write(place.file("there.db"), "mine").unwrap();
    for (to, out, said) in [
        ("0", "there.db", "there already"),
        ("9000", "new.db", "not in it yet"),
        ("2999-01-01T00:00:00Z", "new.db", "future"),
        ("yesterday", "new.db", "RFC 3339"),
        ("0", "nowhere/new.db", "cannot be made"),
    ] {
        let ran = place.run(&["replay", "--to", to, "--out", out]).expect_status(2);
        assert!(ran.err().contains(said), "{to} {out}: {}", ran.err());
    }
    place.run(&["replay", "--to", "0"]).expect_status(2);
    place.run(&["replay", "--open"]).expect_status(2);
    place.run(&["replay", "--check", "--to", "0", "--out", "new.db"]).expect_status(2);
    let names = std::fs::read_dir(place.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = names.filter(|name| name.to_string_lossy().contains("new.db")).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(std::fs::read(place.file("there.db")).unwrap(), b"mine");
    // Before anything was recorded there is nothing, and that is an answer.
    let told = replay(&place, "1990-01-01T00:00:00Z", "before.db", &[]);
    assert_eq!((&told["position"], &told["rows"]), (&Value::Null, &json!(0)));
    assert!(table(&place.file("before.db"), "people", &["id"]).await.is_empty());
}

#[tokio::test]
async fn what_changed_is_told_in_words_and_as_json_and_adds_up() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let served = place.serve();
        let caller = place.caller(&served);
        let start = caller.head().await;
        let middle = lived(&caller, 3, 21).await;
        let person = caller.person().await;
        let outcome = caller.outcome(&person).await;
        let end = caller.head().await;
        let diff = |from: u64, to: u64, more: &[&str]| -> Value {
            let (from, to) = (from.to_string(), to.to_string());
            let ran = place.run(&[&["diff", &from, &to, "--json", "--quiet"][..], more].concat()).expect_status(0);
            serde_json::from_str(&ran.out()).unwrap_or_else(|error| panic!("{error}: {}", ran.out()))
        };
        for point in [start, middle, end] {
            let nothing = diff(point, point, &[]);
            assert_eq!((&nothing["events"], &nothing["summary"]["events"]), (&json!([]), &json!(0)));
        }
        let (whole, first, second) = (diff(start, end, &[]), diff(start, middle, &[]), diff(middle, end, &[]));
        let events = |diff: &Value| diff["events"].as_array().unwrap().clone();
        assert_eq!(events(&whole), [events(&first), events(&second)].concat());
        assert_eq!(events(&second).len(), 2);
        for count in ["events", "begun", "late"] {
            let of = |diff: &Value| diff["summary"][count].as_u64().unwrap();
            assert_eq!(of(&whole), of(&first) + of(&second), "{count}");
        }
        for (kind, count) in whole["summary"]["by_kind"].as_object().unwrap() {
            let told = events(&whole).iter().filter(|event| event["kind"] == kind.as_str()).count();
            assert_eq!(count.as_u64(), Some(told as u64), "{kind}");
        }
        let positions: Vec<u64> = events(&whole).iter().map(|event| event["position"].as_u64().unwrap()).collect();
        assert_eq!(positions, (start + 1..=end).collect::<Vec<_>>());
        let of_person = diff(start, end, &["--person", &person]);
        assert_eq!(events(&of_person), events(&second));
        assert_eq!(events(&diff(start, end, &["--organisation", "NOBODY"])), [] as [Value; 0]);
        let summary = diff(start, end, &["--summary"]);
        assert_eq!((summary.get("events"), &summary["summary"]), (None, &whole["summary"]));
        let lenient = diff(middle, end, &["--late-days", "36525"]);
        assert_eq!(lenient["summary"]["late"], 0);
        // In words: no personal ones unless they are asked for.
        let run = |more: &[&str]| {
            let (from, to) = (middle.to_string(), end.to_string());
            place.run(&[&["diff", &from, &to, "--quiet"][..], more].concat())
        };
        let plain = run(&[]).expect_status(0);
        assert!(plain.out().contains("2 events") && plain.out().contains("(words sealed)"), "{}", plain.out());
        assert!(plain.out().contains(&outcome) && plain.out().contains("LATE by "), "{}", plain.out());
        assert!(!plain.out().contains(WORD) && !plain.out().contains(NAME), "{}", plain.out());
        let opened = run(&["--open"]).expect_status(0);
        assert!(opened.out().contains(WORD) && opened.err().contains("WARNING"), "{}", opened.out());
        run(&["--exit-code"]).expect_status(1);
        let same = middle.to_string();
        place.run(&["diff", &same, &same, "--exit-code", "--quiet"]).expect_status(0);
        for (from, to, said) in [
            (end.to_string(), start.to_string(), "before"),
            ("9000".to_owned(), "now".to_owned(), "A: "),
            ("0".to_owned(), "9000".to_owned(), "B: "),
            ("nonsense".to_owned(), "now".to_owned(), "RFC 3339"),
        ] {
            let ran = place.run(&["diff", &from, &to]).expect_status(2);
            assert!(ran.err().contains(said), "{from} {to}: {}", ran.err());
        }
        let everything = place.run(&["diff", "start", "now", "--summary", "--json", "--quiet"]).expect_status(0);
        assert_eq!(serde_json::from_str::<Value>(&everything.out()).unwrap()["summary"]["events"], end + 1);
        assert_eq!(served.terminate(), Some(0));
    }
}
