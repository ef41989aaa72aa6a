//! What a body may not say: fields, types, texts, spans, dates, references. Each mistake has its own clear problem that
//! points at the field and never repeats what was sent, and nothing of the request is recorded.

use crate::operations::NOBODY;
use crate::support::{Answer, Backend, Client, TestService, backends};
use serde_json::{Value, json};

/// What is sent where it does not belong, to be looked for in answers.
const CANARY: &str = "canary expected Bird at line 1 column 1";

/// Somebody with a recording of each kind.
pub struct Somebody {
    pub caller: Client,
    pub person: String,
    pub outcome: String,
    pub narrative: String,
    pub conversation: String,
    pub review: String,
    pub action: String,
}

impl Somebody {
    pub async fn new(caller: &Client) -> Self {
        let person = caller.person().await;
        let outcome = caller.outcome(&person).await;
        let mut it = Self {
            caller: caller.clone(),
            person,
            outcome,
            narrative: String::new(),
            conversation: String::new(),
            review: String::new(),
            action: String::new(),
        };
        it.narrative = caller.post("/v1/narratives", &it.narrative()).await.expect(201).id();
        it.conversation = caller.post("/v1/conversations", &it.conversation()).await.expect(201).id();
        it.review = caller.post("/v1/reviews", &it.review()).await.expect(201).id();
        it.action = caller.post("/v1/actions", &it.action()).await.expect(201).id();
        it
    }
    pub fn narrative(&self) -> Value {
        json!({"occurred_at": "2026-02-01", "person": self.person, "text": "I miss walking", "author": "person",
            "perspective": "person", "knowledge_form": "lived"})
    }
    pub fn outcome(&self) -> Value {
        json!({"occurred_at": "2026-02-01", "person": self.person, "identified_by": "person", "outcome_type": "process",
            "direction": "maintain", "title": "Be listened to"})
    }
    pub fn conversation(&self) -> Value {
        json!({"occurred_at": "2026-02-01", "person": self.person, "asked": "expressed", "mode": "in_person"})
    }
    pub fn review(&self) -> Value {
        json!({"occurred_at": "2026-03-01", "person": self.person, "outcome": self.outcome, "perspective": "person",
            "author": "person", "status": "review-status@1#partly_met"})
    }
    pub fn action(&self) -> Value {
        json!({"occurred_at": "2026-02-01", "person": self.person, "description": "Walk", "taken_by": "person"})
    }
    pub fn contribution(&self) -> Value {
        json!({"occurred_at": "2026-02-01", "person": self.person, "contributor": "family", "perspective": "person",
            "description": "Came along"})
    }
    /// Posts a body, with `If-Match` where the path changes a recording, and expects it to be refused for one field.
    async fn refused(&self, path: &str, body: &Value, status: u16, slug: &str, pointer: &str) -> Answer {
        let before = self.caller.head().await;
        let answer = self.sent(path, body).await.expect_problem(status, slug);
        assert_eq!(answer.body["errors"][0]["pointer"], pointer, "{path}: {}", answer.text);
        assert!(!answer.text.contains("Bird"), "{path} repeats what was sent: {}", answer.text);
        assert_eq!(self.caller.head().await, before, "{path} recorded something");
        answer
    }
    async fn accepted(&self, path: &str, body: &Value) -> Answer {
        self.sent(path, body).await.expect(201)
    }
    async fn sent(&self, path: &str, body: &Value) -> Answer {
        let path = path.replace("{narrative}", &self.narrative).replace("{outcome}", &self.outcome);
        let path = path.replace("{review}", &self.review).replace("{action}", &self.action);
        let path = path.replace("{conversation}", &self.conversation).replace("{person}", &self.person);
        match path.split('/').nth(4) {
            None | Some("responses") => self.caller.post(&path, body).await,
            Some(_) => {
                let recording: Vec<&str> = path.split('/').take(4).collect();
                let version = self.caller.get(&recording.join("/")).await.expect(200).body["version"].as_u64().unwrap();
                self.caller.change(&path, version, body).await
            }
        }
    }
}

/// A body with one member set.
pub fn with(mut body: Value, member: &str, value: Value) -> Value {
    body[member] = value;
    body
}

fn without(mut body: Value, member: &str) -> Value {
    body.as_object_mut().unwrap().remove(member).unwrap();
    body
}

#[tokio::test]
async fn fields_are_the_documented_ones() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let answer = somebody
            .refused("/v1/outcomes", &with(somebody.outcome(), "colour", json!(CANARY)), 422, "invalid-body", "/colour")
            .await;
        assert_eq!(answer.body["detail"], "there is no field \"colour\" here");
        let body = with(somebody.narrative(), "verbatim_spans", json!([{"start": 0, "end": 1, "kind": CANARY}]));
        somebody.refused("/v1/narratives", &body, 422, "invalid-body", "/verbatim_spans/0/kind").await;
        for member in ["occurred_at", "person", "identified_by", "outcome_type", "direction", "title"] {
            let body = without(somebody.outcome(), member);
            let answer = somebody.refused("/v1/outcomes", &body, 422, "invalid-body", "").await;
            assert_eq!(answer.body["detail"], format!("missing field \"{member}\""));
            let body = with(somebody.outcome(), member, Value::Null);
            somebody.refused("/v1/outcomes", &body, 422, "invalid-body", &format!("/{member}")).await;
        }
        let twice = somebody.outcome().to_string().replacen('{', "{\"title\":\"Bird\",", 1);
        let key = somebody.caller.fresh_key();
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key.as_str())];
        let answer = somebody.caller.post_bytes("/v1/outcomes", &headers, twice).await;
        let answer = answer.expect_problem(422, "invalid-body");
        assert_eq!(answer.body["detail"], "duplicate field \"title\"");
    }
}

#[tokio::test]
async fn wrong_types_are_named_and_never_repeated() {
    let service = TestService::start(Backend::Sqlite).await;
    let somebody = Somebody::new(&service.caller("TEST-1")).await;
    let wrong = [json!(7), json!(true), json!([CANARY]), json!({"name": CANARY}), json!(-1.5e300)];
    for member in ["occurred_at", "person", "identified_by", "title", "conversation"] {
        for value in &wrong {
            let body = with(somebody.outcome(), member, value.clone());
            somebody.refused("/v1/outcomes", &body, 422, "invalid-body", &format!("/{member}")).await;
        }
    }
    for member in ["occurred_at", "person", "identified_by", "outcome_type", "direction", "conversation"] {
        let body = with(somebody.outcome(), member, json!(CANARY));
        somebody.refused("/v1/outcomes", &body, 422, "invalid-body", &format!("/{member}")).await;
    }
    for (member, value, pointer) in [
        ("framework_items", json!(CANARY), "/framework_items"),
        ("framework_items", json!({"a": CANARY}), "/framework_items"),
        ("framework_items", json!([CANARY]), "/framework_items/0"),
        ("narratives", json!([NOBODY, CANARY]), "/narratives/1"),
        ("source", json!(CANARY), "/source"),
        ("source", json!({"system": CANARY, "reference": "r"}), "/source/system"),
        ("source", json!({"system": "s", "reference": [CANARY]}), "/source/reference"),
    ] {
        somebody.refused("/v1/outcomes", &with(somebody.outcome(), member, value), 422, "invalid-body", pointer).await;
    }
    for value in [json!(CANARY), json!(-1), json!(1.5), json!(4_294_967_296_u64), Value::Null] {
        let body = with(somebody.narrative(), "verbatim_spans", json!([{"start": value, "end": 3}]));
        somebody.refused("/v1/narratives", &body, 422, "invalid-body", "/verbatim_spans/0/start").await;
    }
    // An object is not the list of its fields, and a word is no object.
    let span = with(somebody.narrative(), "verbatim_spans", json!([[0, 1]]));
    somebody.refused("/v1/narratives", &span, 422, "invalid-body", "/verbatim_spans/0").await;
    let word = with(somebody.narrative(), "author", json!({"person": null}));
    somebody.refused("/v1/narratives", &word, 422, "invalid-body", "/author").await;
    for body in [json!(["2026-01-05", "Bird", null, [], null]), json!(CANARY), json!(7), Value::Null, json!([])] {
        let answer = somebody.refused("/v1/people", &body, 422, "invalid-body", "").await;
        assert_eq!(answer.body["detail"], "must be an object");
    }
}

/// Every text of every body, with its limit in code points.
fn texts(somebody: &Somebody) -> Vec<(&'static str, Value, &'static str, usize)> {
    let at = "2026-03-01";
    let wording =
        json!({"occurred_at": at, "outcome_type": "process", "direction": "change", "title": "t", "reason": "r"});
    let amendment = json!({"occurred_at": at, "text": "t", "reason": "r"});
    let revision = json!({"occurred_at": at, "reviewed_at": at, "status": "review-status@1#fully_met", "reason": "r"});
    let held = json!({"occurred_at": at, "held_at": at, "person": somebody.person, "asked": "not_asked",
        "not_asked_reason": "r", "mode": "other", "participants": [{"kind": "carer", "name": "n"}], "reason": "r"});
    let held_first = without(without(held.clone(), "reason"), "held_at");
    let response = json!({"occurred_at": at, "stance": "adds", "perspective": "carer", "author": "carer", "text": "t"});
    let mut all = vec![
        ("/v1/people", json!({"occurred_at": at}), "/name", 300),
        ("/v1/people/{person}/amendments", json!({"occurred_at": at, "reason": "r"}), "/name", 300),
        ("/v1/people/{person}/amendments", json!({"occurred_at": at}), "/reason", 10_000),
        ("/v1/narratives", somebody.narrative(), "/text", 100_000),
        ("/v1/narratives", somebody.narrative(), "/author_name", 300),
        ("/v1/narratives/{narrative}/amendments", amendment.clone(), "/text", 100_000),
        ("/v1/narratives/{narrative}/amendments", amendment.clone(), "/author_name", 300),
        ("/v1/narratives/{narrative}/amendments", amendment, "/reason", 10_000),
        ("/v1/narratives/{narrative}/responses", response.clone(), "/text", 100_000),
        ("/v1/narratives/{narrative}/responses", response, "/author_name", 300),
        ("/v1/outcomes", somebody.outcome(), "/title", 10_000),
        ("/v1/outcomes", somebody.outcome(), "/why_it_matters", 10_000),
        ("/v1/outcomes/{outcome}/rewordings", wording.clone(), "/title", 10_000),
        ("/v1/outcomes/{outcome}/rewordings", wording.clone(), "/why_it_matters", 10_000),
        ("/v1/outcomes/{outcome}/rewordings", wording, "/reason", 10_000),
        (
            "/v1/outcomes/{outcome}/priorities",
            json!({"occurred_at": at, "perspective": "person", "rank": 1}),
            "/reason",
            10_000,
        ),
        ("/v1/reviews", somebody.review(), "/note", 10_000),
        ("/v1/reviews", somebody.review(), "/author_name", 300),
        ("/v1/reviews/{review}/revisions", revision.clone(), "/note", 10_000),
        ("/v1/reviews/{review}/revisions", revision.clone(), "/author_name", 300),
        ("/v1/reviews/{review}/revisions", revision, "/reason", 10_000),
        ("/v1/conversations", somebody.conversation(), "/note", 10_000),
        ("/v1/conversations", held_first.clone(), "/not_asked_reason", 10_000),
        ("/v1/conversations", held_first, "/participants/0/name", 300),
        ("/v1/conversations/{conversation}/amendments", held.clone(), "/note", 10_000),
        ("/v1/conversations/{conversation}/amendments", held, "/reason", 10_000),
        ("/v1/actions", somebody.action(), "/description", 10_000),
        ("/v1/actions", somebody.action(), "/taken_by_name", 300),
        ("/v1/actions/{action}/progress", json!({"occurred_at": at, "status": "started"}), "/note", 10_000),
        ("/v1/contributions", somebody.contribution(), "/description", 10_000),
        ("/v1/contributions", somebody.contribution(), "/contributor_name", 300),
    ];
    for (path, body) in [
        ("/v1/people", json!({"occurred_at": at})),
        ("/v1/narratives", somebody.narrative()),
        ("/v1/outcomes", somebody.outcome()),
        ("/v1/reviews", somebody.review()),
        ("/v1/conversations", somebody.conversation()),
        ("/v1/actions", somebody.action()),
        ("/v1/contributions", somebody.contribution()),
    ] {
        all.push((
            path,
            with(body, "source", json!({"system": "case-system", "reference": "r"})),
            "/source/reference",
            300,
        ));
    }
    all
}

/// A body whose text at a pointer is this one.
fn saying(body: &Value, pointer: &str, text: &str) -> Value {
    let mut body = body.clone();
    match body.pointer_mut(pointer) {
        Some(place) => *place = json!(text),
        None => body[pointer.trim_start_matches('/')] = json!(text),
    }
    body
}

#[tokio::test]
async fn texts_have_limits_and_say_something() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        for (path, body, pointer, most) in texts(&somebody) {
            for text in ["", " \n\t ", "a\0Bird"] {
                let is_reference = pointer == "/source/reference" && text.trim().is_empty() && !text.is_empty();
                if !is_reference {
                    somebody.refused(path, &saying(&body, pointer, text), 422, "invalid-body", pointer).await;
                }
            }
            // Code points count, not bytes: each of these has four bytes.
            let long = "😀".repeat(most + 1);
            somebody.refused(path, &saying(&body, pointer, &long), 422, "invalid-body", pointer).await;
            somebody.accepted(path, &saying(&body, pointer, &"😀".repeat(most))).await;
        }
        let found = somebody.caller.get(&format!("/v1/narratives/{}", somebody.narrative)).await.expect(200);
        assert_eq!(found.body["amendment_reason"].as_str().unwrap().chars().count(), 10_000, "read back whole");
    }
}

#[tokio::test]
async fn withdrawals_closures_and_lists_say_something_too() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let at = json!({"occurred_at": "2026-03-01"});
        let closing = json!({"occurred_at": "2026-03-01", "closure_reason": "other"});
        somebody.refused("/v1/outcomes/{outcome}/closure", &closing, 422, "invalid-body", "/reason").await;
        for (path, body) in [
            ("/v1/outcomes/{outcome}/closure", &closing),
            ("/v1/outcomes/{outcome}/reopening", &at),
            ("/v1/narratives/{narrative}/withdrawal", &at),
            ("/v1/reviews/{review}/withdrawal", &at),
        ] {
            for text in ["", " ", "a\0Bird", &"é".repeat(10_001)] {
                somebody.refused(path, &saying(body, "/reason", text), 422, "invalid-body", "/reason").await;
            }
            somebody.accepted(path, &saying(body, "/reason", &"é".repeat(10_000))).await;
        }
        let list = json!({"occurred_at": "2026-03-01", "id": "ours", "version": 1, "title": "t", "kind": "framework",
            "source": "s", "licence": "l", "items": [{"code": "c", "label": "l"}]});
        for (pointer, text) in [
            ("/title", "a\0Bird".to_owned()),
            ("/title", "x".repeat(301)),
            ("/source", "x".repeat(2_001)),
            ("/licence", " ".to_owned()),
            ("/caveat", "a\0Bird".to_owned()),
            ("/items/0/label", "a\0Bird".to_owned()),
            ("/items/0/code", CANARY.to_owned()),
            ("/id", CANARY.to_owned()),
        ] {
            somebody.refused("/v1/frameworks", &saying(&list, pointer, &text), 422, "invalid-body", pointer).await;
        }
        let second = |more: Value| {
            let mut item = json!({"code": "d", "label": "l", "order": 2});
            item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let first = json!({"code": "c", "label": "l", "order": 1});
            with(with(list.clone(), "kind", json!("scale")), "items", json!([first, item]))
        };
        for (more, pointer) in [
            (json!({"code": "c"}), "/items/1/code"),
            (json!({"order": 1}), "/items/1/order"),
            (json!({"order": null}), "/items/1/order"),
            (json!({"group": " "}), "/items/1/group"),
            (json!({"description": ""}), "/items/1/description"),
            (json!({"maps_to": {"list": ""}}), "/items/1/maps_to/list"),
            (json!({"maps_to": {"list": "l", "code": "a b"}}), "/items/1/maps_to/code"),
            (json!({"maps_to": {"list": "l", "note": ""}}), "/items/1/maps_to/note"),
        ] {
            somebody.refused("/v1/frameworks", &second(more), 422, "invalid-body", pointer).await;
        }
        somebody
            .refused("/v1/frameworks", &with(list.clone(), "items", json!([])), 422, "invalid-body", "/items")
            .await;
        somebody
            .refused("/v1/frameworks", &with(list.clone(), "version", json!(0)), 422, "invalid-body", "/version")
            .await;
        somebody.accepted("/v1/frameworks", &list).await;
        let place = "/v1/frameworks/ours/versions/1/retirement";
        for text in ["", "a\0Bird", &"x".repeat(2_001)] {
            let answer = somebody.caller.change(place, 0, &saying(&at, "/reason", text)).await;
            let answer = answer.expect_problem(422, "invalid-body");
            assert!(!answer.text.contains("Bird"), "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn spans_lie_inside_the_text_in_order() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let telling = |spans: Value| with(with(somebody.narrative(), "text", json!("aé😀b")), "verbatim_spans", spans);
        for (spans, pointer) in [
            (json!([{"start": 0, "end": 5}]), "/verbatim_spans/0"),
            (json!([{"start": 4, "end": 5}]), "/verbatim_spans/0"),
            (json!([{"start": 2, "end": 2}]), "/verbatim_spans/0"),
            (json!([{"start": 3, "end": 1}]), "/verbatim_spans/0"),
            (json!([{"start": 0, "end": 2}, {"start": 1, "end": 3}]), "/verbatim_spans/1"),
            (json!([{"start": 2, "end": 3}, {"start": 0, "end": 1}]), "/verbatim_spans/1"),
            (json!([{"start": 0, "end": u32::MAX}]), "/verbatim_spans/0"),
        ] {
            somebody.refused("/v1/narratives", &telling(spans), 422, "invalid-body", pointer).await;
        }
        let told = somebody
            .accepted("/v1/narratives", &telling(json!([{"start": 0, "end": 1}, {"start": 2, "end": 4}])))
            .await;
        let found = somebody.caller.get(&format!("/v1/narratives/{}", told.id())).await.expect(200);
        assert_eq!(found.body["verbatim"], json!(["a", "😀b"]), "spans count code points and split none");
        let many = |count: u32| -> Value { (0..count).map(|at| json!({"start": at, "end": at + 1})).collect() };
        let text = json!("x".repeat(1_001));
        let telling = |count| with(with(somebody.narrative(), "text", text.clone()), "verbatim_spans", many(count));
        somebody.refused("/v1/narratives", &telling(1_001), 422, "invalid-body", "/verbatim_spans").await;
        somebody.accepted("/v1/narratives", &telling(1_000)).await;
    }
}
