//! Live streams of events: resumed without loss, ended in time, bounded, and read at the reader's pace.

use crate::accesses::behind_the_back;
use crate::raw;
use crate::support::event_stream::{EventStream, Frame};
use crate::support::{Client, TestService, backends};
use cairn::app::Clock;
use cairn::app::words::Scope;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ORGANISATION: &str = "TEST-1";
const PATHS: [&str; 2] = ["/v1/events/stream", "/v1/history/stream"];

fn ids(frames: &[Frame]) -> Vec<u64> {
    frames.iter().filter_map(|frame| frame.id).collect()
}

#[tokio::test]
async fn a_stream_says_what_the_lists_say() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller(ORGANISATION);
        let person = caller.person().await;
        let outcome = caller.outcome(&person).await;
        service.caller("TEST-2").person().await;
        for (path, list) in [("/v1/events/stream", "/v1/events"), ("/v1/history/stream", "/v1/history")] {
            for words in ["", "?include=words"] {
                let mut stream = EventStream::open(&caller, &format!("{path}{words}"), &[]).await;
                assert_eq!(stream.next().await.unwrap().retry, Some(2_000));
                let frames = stream.caught_up().await;
                let listed = caller.get(&format!("{list}{words}")).await.expect(200);
                let told: Vec<Value> = frames.iter().filter_map(|frame| frame.data.clone()).collect();
                assert_eq!(json!(told), listed.body["items"]);
                for frame in &frames {
                    assert_eq!(frame.data.as_ref().unwrap()["position"].as_u64(), frame.id);
                }
                let names: Vec<&str> = frames.iter().filter_map(|frame| frame.event.as_deref()).collect();
                assert_eq!(names, ["PersonRegistered", "OutcomeIdentified"]);
            }
        }
        let mut one = EventStream::open(&caller, &format!("/v1/history/stream?stream={outcome}"), &[]).await;
        assert_eq!(one.caught_up().await.len(), 1);
        let mut named = EventStream::open(&caller, "/v1/history/stream?event=PersonRegistered", &[]).await;
        assert_eq!(named.caught_up().await.len(), 1);
        caller.outcome(&person).await;
        let late = caller.person().await;
        assert_eq!(named.event().await.data.unwrap()["stream"], late.as_str(), "what is not asked for is passed over");
    }
}

#[tokio::test]
async fn nothing_is_missed_and_nothing_comes_twice_while_many_write() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller(ORGANISATION);
        let person = caller.person().await;
        let other = service.caller("TEST-2");
        let others = other.person().await;
        let writers = (0..6).map(|number| {
            let (caller, person) =
                if number == 5 { (other.clone(), others.clone()) } else { (caller.clone(), person.clone()) };
            tokio::spawn(async move {
                for _ in 0..20 {
                    caller.outcome(&person).await;
                }
            })
        });
        let writers = futures::future::join_all(writers);
        let expected = 1 + 5 * 20;
        let readers = PATHS.map(|path| {
            let caller = caller.clone();
            async move {
                let mut seen: Vec<u64> = Vec::new();
                // Each connection is dropped after some events, by turns at once, in the middle and far on.
                for breath in [1, 3, 17, 2, 40].into_iter().cycle() {
                    let last = seen.last().map(ToString::to_string);
                    let headers: Vec<(&str, &str)> = last.iter().map(|last| ("Last-Event-ID", last.as_str())).collect();
                    // The address that a client was given stays the same; where it goes on is said by the header.
                    let mut stream = EventStream::open(&caller, &format!("{path}?after=0"), &headers).await;
                    for _ in 0..breath {
                        seen.push(stream.event().await.id.unwrap());
                        if seen.len() == expected {
                            return seen;
                        }
                    }
                }
                seen
            }
        });
        let (made, seen) = tokio::join!(writers, futures::future::join_all(readers));
        assert!(made.iter().all(Result::is_ok));
        let feed = caller.get("/v1/events?limit=500").await.expect(200);
        let all: Vec<u64> =
            feed.body["items"].as_array().unwrap().iter().map(|event| event["position"].as_u64().unwrap()).collect();
        assert_eq!(all.len(), expected);
        for (path, seen) in PATHS.iter().zip(seen) {
            assert_eq!(seen, all, "{path}");
        }
    }
}

#[tokio::test]
async fn each_batch_is_in_the_log_of_accesses_before_it_leaves() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller(ORGANISATION);
        let person = caller.person().await;
        for (path, operation, through) in [(PATHS[0], "follow_events", "feed"), (PATHS[1], "follow_history", "history")]
        {
            let headers = [("Purpose-Of-Use", "TREAT"), ("On-Behalf-Of", "u-17")];
            let after = caller.head().await;
            let path = format!("{path}?after={after}&include=words");
            let mut stream = EventStream::open(&caller, &path, &headers).await;
            let request = stream.response.headers()["x-request-id"].to_str().unwrap().to_owned();
            stream.caught_up().await;
            assert_eq!(service.accesses_by(operation).await, 0, "nothing was shown");
            for many in 1..=2 {
                caller.outcome(&person).await;
                stream.event().await;
                assert_eq!(service.accesses_by(operation).await, many, "it has arrived, so it was recorded");
            }
            let listed = caller.get(&format!("/v1/people/{person}/accesses")).await.expect(200);
            let fields = ["operation", "through", "parts", "kinds", "purpose", "user"];
            let said = |access: &Value| Value::from_iter(fields.map(|field| access[field].clone()));
            let all = listed.body["items"].as_array().unwrap().iter();
            let told: Vec<Value> = all.filter(|access| access["request_id"] == request).map(said).collect();
            let one = json!([operation, through, ["facts", "words"], {"outcome": 1}, "TREAT", "u-17"]);
            assert_eq!(told, [one.clone(), one]);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_ends_a_stream_and_is_not_lost() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller(ORGANISATION);
        let person = caller.person().await;
        for path in PATHS {
            let mut stream = EventStream::open(&caller, path, &[]).await;
            let last = stream.caught_up().await.last().unwrap().id.unwrap().to_string();
            behind_the_back(
                &service,
                "CREATE TRIGGER refuse BEFORE INSERT ON access BEGIN SELECT RAISE(ABORT, 'refused'); END",
                "CREATE TRIGGER refuse BEFORE INSERT ON access FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
            )
            .await;
            caller.outcome(&person).await;
            assert_eq!(stream.end().await, ["this cannot go on for the moment; connect again"]);
            let refused = EventStream::ask(&caller, path, &[("Last-Event-ID", &last)]).await;
            Client::read(refused).await.expect_problem(503, "access-not-recorded");
            behind_the_back(&service, "DROP TRIGGER refuse", "DROP TRIGGER refuse ON access").await;
            let mut resumed = EventStream::open(&caller, path, &[("Last-Event-ID", &last)]).await;
            let missed = resumed.caught_up().await;
            assert_eq!(
                missed.iter().map(|frame| frame.event.as_deref()).collect::<Vec<_>>(),
                [Some("OutcomeIdentified")]
            );
        }
    }
}

#[tokio::test]
async fn a_stop_ends_streams_at_once() {
    for backend in backends() {
        let mut service = TestService::start(backend).await;
        let caller = service.caller(ORGANISATION);
        caller.person().await;
        let mut streams = Vec::new();
        for path in PATHS {
            let mut stream = EventStream::open(&caller, path, &[]).await;
            stream.caught_up().await;
            streams.push(stream);
        }
        let started = Instant::now();
        let ended = async {
            for stream in &mut streams {
                assert_eq!(stream.end().await, ["the service stops; connect again"]);
            }
        };
        let running = service.service.take().unwrap();
        tokio::join!(running.stop(), ended);
        assert!(started.elapsed() < Duration::from_secs(5), "the service waited for its streams");
    }
}

#[tokio::test]
async fn a_token_that_ends_ends_its_stream() {
    for backend in backends() {
        let service = TestService::start_with(backend, "stream_heartbeat_ms = 100").await;
        let start = service.clock.now();
        for path in PATHS {
            service.clock.set(start);
            let caller = service.caller(ORGANISATION);
            let mut stream = EventStream::open(&caller, path, &[]).await;
            stream.caught_up().await;
            service.clock.set(start.plus_micros(3_700_000_000));
            // Whoever records it has a token that holds; the reader must not see it.
            let comments = stream.end().await;
            let last = comments.last().unwrap();
            assert!(last.contains("the token has expired"), "{comments:?}");
            service.caller(ORGANISATION).person().await;
        }
        // A registered client that is revoked.
        let scopes = [Scope::EventsRead, Scope::HistoryRead];
        let key = service.register_client("one", ORGANISATION, &scopes).await;
        let form = service.token_form("one", &key);
        let request = service.http.post(format!("{}/oauth2/token", service.base)).form(&form);
        let token = Client::read(request.send().await.unwrap()).await.expect(200);
        let reader = service.caller_as(token.body["access_token"].as_str().map(str::to_owned));
        let mut stream = EventStream::open(&reader, "/v1/events/stream", &[]).await;
        stream.caught_up().await;
        let store = service.service.as_ref().unwrap().app.store().clone();
        let mut client = store.client("one").await.unwrap().unwrap();
        client.revoked_at = Some(service.clock.now());
        store.put_client(&client).await.unwrap();
        // A client is looked up again after two seconds at most.
        service.clock.set(service.clock.now().plus_micros(3_000_000));
        assert!(stream.end().await.last().unwrap().contains("not accepted any more"));
    }
}

#[tokio::test]
async fn a_silence_is_filled_with_comments() {
    for backend in backends() {
        let service = TestService::start_with(backend, "stream_heartbeat_ms = 100").await;
        let caller = service.caller(ORGANISATION);
        caller.person().await;
        let head = caller.head().await;
        for path in PATHS {
            let mut stream = EventStream::open(&caller, path, &[]).await;
            assert_eq!(stream.caught_up().await.len(), 1);
            for _ in 0..3 {
                let frame = stream.next().await.unwrap();
                assert_eq!(frame, Frame { comment: Some(format!("complete to {head}")), ..Frame::default() });
            }
        }
    }
}

#[tokio::test]
async fn a_client_holds_so_many_streams_and_no_more() {
    for backend in backends() {
        let service = TestService::start_with(backend, "streams_per_client = 2\nstream_heartbeat_ms = 50").await;
        let caller = service.caller(ORGANISATION);
        let first = EventStream::open(&caller, PATHS[0], &[]).await;
        let _second = EventStream::open(&caller, PATHS[1], &[]).await;
        let refused = Client::read(EventStream::ask(&caller, PATHS[0], &[]).await).await;
        refused.expect_problem(429, "too-many-streams");
        // Another organisation's client is not held up.
        let _theirs = EventStream::open(&service.caller("TEST-2"), PATHS[0], &[]).await;
        caller.get("/v1/events").await.expect(200);
        drop(first);
        let deadline = Instant::now() + Duration::from_secs(20);
        while EventStream::ask(&caller, PATHS[0], &[]).await.status() != 200 {
            assert!(Instant::now() < deadline, "the place of a lost connection never came back");
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn where_a_stream_begins_is_read_strictly() {
    let service = TestService::start(crate::support::Backend::Sqlite).await;
    let caller = service.caller(ORGANISATION);
    let first = caller.post("/v1/people", &json!({"occurred_at": "2026-01-05"})).await.expect(201).position();
    caller.person().await;
    for path in PATHS {
        let after = format!("{path}?after={first}");
        assert_eq!(ids(&EventStream::open(&caller, &after, &[]).await.caught_up().await), [first + 1]);
        let last = (first + 1).to_string();
        let mut resumed = EventStream::open(&caller, &after, &[("Last-Event-ID", &last)]).await;
        assert_eq!(resumed.caught_up().await, []);
        for bad in ["", "x", "-1", "+1", "9223372036854775807", "18446744073709551616"] {
            let answer = Client::read(EventStream::ask(&caller, path, &[("Last-Event-ID", bad)]).await).await;
            answer.expect_problem(400, "invalid-header");
            let answer = Client::read(
                EventStream::ask(&caller, &format!("{path}?after={}", bad.replace('+', "%2B")), &[]).await,
            )
            .await;
            answer.expect_problem(400, "invalid-query");
        }
        let far = format!("{path}?after=9223372036854775806");
        assert_eq!(EventStream::open(&caller, &far, &[]).await.caught_up().await, []);
        for refused in ["limit=5", "include=everything", "as_of=3"] {
            let answer = Client::read(EventStream::ask(&caller, &format!("{path}?{refused}"), &[]).await).await;
            answer.expect_problem(400, "invalid-query");
        }
    }
}

#[tokio::test]
async fn an_event_arrives_at_once_whatever_encodings_are_accepted() {
    let service = TestService::start(crate::support::Backend::Sqlite).await;
    let caller = service.caller(ORGANISATION);
    for path in PATHS {
        let mut stream = EventStream::open(&caller, path, &[("Accept-Encoding", "gzip, br, deflate")]).await;
        let headers = stream.response.headers();
        assert_eq!(headers.get("content-encoding").map(|value| value.to_str().unwrap()), Some("identity"));
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["x-accel-buffering"], "no");
        stream.caught_up().await;
        let person = caller.person().await;
        // The heartbeat is far off: only the event itself can arrive.
        let told = tokio::time::timeout(Duration::from_secs(10), stream.event()).await.expect("it was held back");
        assert_eq!(told.data.unwrap()["stream"], person.as_str());
    }
}

#[tokio::test]
async fn a_reader_that_does_not_read_holds_nobody_up_and_misses_nothing() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller(ORGANISATION);
        let person = caller.person().await;
        let path = "/v1/events/stream?include=words";
        let mut slow = raw::connect_with_small_window(&service.base).await;
        let token = caller.token.clone().unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: cairn\r\nAuthorization: Bearer {token}\r\n\r\n");
        raw::send(&mut slow, head.as_bytes()).await;
        raw::answer_until(&mut slow, "retry: 2000").await;
        // More than the buffers of both ends of a connection hold.
        let text = "I miss walking the dog. ".repeat(4_000);
        for number in 0..20 {
            let body = json!({"occurred_at": "2026-02-01", "person": person, "text": format!("{number} {text}"),
                "author": "person", "perspective": "person", "knowledge_form": "lived"});
            caller.post("/v1/narratives", &body).await.expect(201);
        }
        // Another reader is served meanwhile, from the beginning to the end.
        let mut quick = EventStream::open(&caller, path, &[]).await;
        let expected = ids(&quick.caught_up().await);
        assert_eq!(expected.len(), 21);
        let last = format!("id: {}\n", expected.last().unwrap());
        let rest = raw::answer_until(&mut slow, &last).await;
        let seen: Vec<u64> =
            rest.lines().filter_map(|line| line.strip_prefix("id: ")).map(|id| id.parse().unwrap()).collect();
        let from = expected.len() - seen.len();
        assert_eq!(seen, expected[from..], "from where it began to read again");
        assert!(from <= 1, "only the person can have come with the head");
    }
}
