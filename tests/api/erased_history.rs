//! What was erased whole, as auditors meet it: in the history, its comparison, its stream and a file of the past.

use crate::erasures::{Life, NAME, Stage, WORDS, a_life};
use crate::history::items;
use crate::support::event_stream::EventStream;
use crate::support::{Client, backends};
use cairn::app::words::Scope;
use cairn::app::{AsOf, ReplayProgress};
use serde_json::{Value, json};
use sqlx::Row;

const FULL: [&str; 4] = ["facts", "identity", "index", "words"];

/// The events of a life among others.
fn of_life<'a>(items: &'a [Value], life: &Life) -> Vec<&'a Value> {
    let streams = [&life.person, &life.outcome, &life.narrative, &life.review];
    let is_theirs = |item: &&Value| streams.iter().any(|stream| item["stream"] == stream.as_str());
    items.iter().filter(is_theirs).filter(|item| item["name"] != "ErasureExecuted").collect()
}

/// Nothing of it but its place and what kind of thing it was.
fn assert_gone(before: &Value, after: &Value) {
    for kept in [
        "position",
        "event",
        "name",
        "schema",
        "kind",
        "stream",
        "version",
        "organisation_counter",
        "recorded_at",
        "leaf_hash",
    ] {
        assert_eq!(after[kept], before[kept], "{kept}");
    }
    for gone in ["person", "occurred_at", "true_from", "client", "purpose", "source_system", "facts"] {
        assert_eq!(after[gone], Value::Null, "{gone} of {after:#}");
    }
    let names = |event: &Value| -> Vec<Value> {
        event["parts"].as_array().unwrap().iter().map(|part| part["name"].clone()).collect()
    };
    assert_eq!(names(before), names(after));
    for part in after["parts"].as_array().unwrap() {
        assert!(FULL.contains(&part["class"].as_str().unwrap()));
        assert_eq!((&part["state"], part.get("content")), (&json!("erased"), None), "{after:#}");
    }
}

async fn told(caller: &Client, path: &str) -> Vec<Value> {
    let mut stream = EventStream::open(caller, path, &[]).await;
    stream.caught_up().await.into_iter().filter_map(|frame| frame.data).collect()
}

#[tokio::test]
async fn what_was_erased_whole_keeps_its_place_in_a_history_and_nothing_else() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let (life, other) = (a_life(&stage.asks, None).await, a_life(&stage.asks, None).await);
        let path = "/v1/history?include=words&limit=500";
        let before = items(&stage.asks, path).await;
        let known = items(&stage.asks, &format!("/v1/history?person={}", life.person)).await;
        assert_eq!(known.len(), of_life(&before, &life).len());
        stage.erase(&life.person, "full").await;
        let after = items(&stage.asks, path).await;
        let (then, now) = (of_life(&before, &life), of_life(&after, &life));
        assert_eq!((then.len(), now.len()), (4, 4), "no event is gone");
        for (then, now) in then.iter().zip(&now) {
            assert_gone(then, now);
        }
        assert_eq!(of_life(&before, &other), of_life(&after, &other), "somebody else's are what they were");
        let executed: Vec<&Value> = after.iter().filter(|event| event["name"] == "ErasureExecuted").collect();
        assert_eq!((executed.len(), &executed[0]["person"]), (1, &json!(life.person)));
        // The stream says what the list says.
        assert_eq!(told(&stage.asks, "/v1/history/stream?include=words").await, after);
        // As of before, too: what is gone is gone from every time.
        let last = before.last().unwrap()["position"].as_u64().unwrap();
        let past = items(&stage.asks, &format!("{path}&as_of={last}")).await;
        assert_eq!(past, after[..past.len()]);
        // By its recording it is found, by the person only what still says whose it is.
        let by = async |query: String| items(&stage.asks, &format!("/v1/history?{query}")).await.len();
        assert_eq!(by(format!("stream={}", life.outcome)).await, 1);
        let theirs = items(&stage.asks, &format!("/v1/history?person={}&limit=500", life.person)).await;
        assert!(!theirs.is_empty() && theirs.iter().all(|event| !event["facts"].is_null()), "{theirs:#?}");
        assert!(theirs.iter().any(|event| event["name"] == "ErasureExecuted"), "{theirs:#?}");
        // It answers no question about what went.
        let outcome = &life.outcome;
        for about_facts in ["client=asks", "occurred_from=2000-01-01", "occurred_to=2030-01-01", "true_on=2030-01-01"] {
            assert_eq!(by(format!("stream={outcome}&{about_facts}")).await, 0, "{about_facts}");
        }
        // Nor does anybody who may open everything else get a word of it.
        let everything =
            stage.service.caller_with("LAW", Scope::ALL).get(&format!("{path}&stream={}", life.narrative)).await;
        assert!(!everything.expect(200).text.contains(WORDS));
    }
}

#[tokio::test]
async fn what_was_erased_whole_is_counted_and_said_to_be_erased_in_a_comparison() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let life = a_life(&stage.asks, None).await;
        let path = "/v1/history/diff?include=words&limit=500&late_days=0";
        let before = stage.asks.get(path).await.expect(200).body;
        assert!(before["summary"]["late"].as_u64().unwrap() > 0, "there is something that is not told afterwards");
        let known = before["summary"]["events"].as_u64().unwrap();
        stage.erase(&life.person, "full").await;
        let last = before["complete_to"]["position"].as_u64().unwrap();
        let after = stage.asks.get(&format!("{path}&to={last}")).await.expect(200);
        let items = after.body["items"].as_array().unwrap();
        assert_eq!((items.len() as u64, &after.body["summary"]["events"]), (known, &json!(known)));
        for (then, now) in before["items"].as_array().unwrap().iter().zip(items) {
            assert_gone(&then["event"], &now["event"]);
            assert_eq!(
                (&now["what"], &now["why"], &now["perspective"]),
                (&json!("(erased)"), &Value::Null, &Value::Null)
            );
            assert_eq!((&now["late"], &now["days_late"]), (&json!(false), &Value::Null));
        }
        for same in ["events", "begun", "by_kind", "by_event"] {
            assert_eq!(after.body["summary"][same], before["summary"][same], "{same}");
        }
        assert_eq!(after.body["summary"]["late"], 0);
        assert_eq!(
            after.body["summary"]["by_who"],
            json!([{"organisation": "LAW", "client": "(erased)", "events": known}])
        );
        assert!(!after.text.contains(WORDS) && !after.text.contains(NAME));
        // The erasure itself is told.
        let since = stage.asks.get(&format!("{path}&from={last}")).await.expect(200);
        assert!(since.text.contains("Erased: facts, identity, index, words of 5 recordings"), "{}", since.text);
    }
}

#[tokio::test]
async fn a_stream_goes_on_over_what_is_erased_while_it_is_read() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let life = a_life(&stage.asks, None).await;
        for path in ["/v1/history/stream?include=words", "/v1/events/stream?include=words"] {
            assert!(told(&stage.asks, path).await.iter().any(|event| event.to_string().contains(WORDS)), "{path}");
        }
        let mut live = EventStream::open(&stage.asks, "/v1/history/stream?include=words", &[]).await;
        let last = live.caught_up().await.last().unwrap().id.unwrap();
        stage.erase(&life.person, "full").await;
        let seen = live.event().await;
        assert!(seen.id.unwrap() > last);
        let mut names = vec![seen.event.unwrap()];
        while !names.iter().any(|name| name == "ErasureExecuted") {
            names.push(live.event().await.event.unwrap());
        }
        for (path, list) in [("/v1/history/stream", "/v1/history"), ("/v1/events/stream", "/v1/events")] {
            let again = told(&stage.asks, &format!("{path}?include=words")).await;
            assert_eq!(again, items(&stage.asks, &format!("{list}?include=words&limit=500")).await, "{path}");
            let gone = again.iter().filter(|event| event["facts"].is_null()).count();
            assert_eq!(gone, 4, "{path}");
            assert!(again.iter().all(|event| !event.to_string().contains(WORDS) && !event.to_string().contains(NAME)));
        }
    }
}

/// The replay has written somebody's words when they are erased: they are not in the file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_erased_while_a_file_is_written_is_not_in_it() {
    for backend in backends() {
        for scope in ["identity_and_words", "full"] {
            let stage = Stage::new(backend).await;
            let (life, other) = (a_life(&stage.asks, None).await, stage.asks.person().await);
            let last = stage.asks.head().await;
            let erasure = stage.ask(&life.person, scope).await;
            let app = stage.service.service.as_ref().unwrap().app.clone();
            let out = stage.service.folder.path().join("then.db");
            let part = stage.service.folder.path().join("then.db.part");
            let (mut begun, mut erased) = (0, false);
            let holds = |path: &std::path::Path, text: &str| {
                std::fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
            };
            let replaying = app.replay_to(AsOf::Position(last), &out, true, "tests", |progress| match progress {
                ReplayProgress::Folded(now, size) => begun += u32::from(now == size),
                ReplayProgress::Written(_) if !erased => {
                    assert!(holds(&part, WORDS) && holds(&part, NAME), "they were written");
                    erased = true;
                    let approving = async { stage.approve(&erasure).await.expect(201) };
                    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(approving));
                }
                ReplayProgress::Written(_) => {}
            });
            replaying.await.unwrap();
            assert_eq!((begun, erased), (2, true), "it began again");
            assert!(!holds(&out, WORDS) && !holds(&out, NAME), "{scope}");
            assert!(!part.exists());
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&out).read_only(true);
            let mut file = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await.unwrap();
            let people = sqlx::query("SELECT id, words, name FROM people").fetch_all(&mut file).await.unwrap();
            let mut people: Vec<(String, String, Option<String>)> =
                people.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
            let mut expected = vec![(other, "open".to_owned(), Some("Morgan Sample".to_owned()))];
            // After a full erasure nothing says any more that there was somebody then.
            if scope != "full" {
                expected.push((life.person, "erased".to_owned(), None));
            }
            people.sort();
            expected.sort();
            assert_eq!(people, expected);
        }
    }
}
