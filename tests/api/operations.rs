//! How each documented operation is called: one entry for each operation id. An operation that is missing here makes
//! the matrix fail, so none is left out.

use crate::support::{Answer, Client};
use reqwest::Method;
use serde_json::{Value, json};

/// A UUID that no recording has.
pub const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// What somebody of another organisation learns from the same request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Elsewhere {
    /// 404, exactly as for an id that nobody has.
    NotFound,
    /// 422: the body names somebody who does not exist there, exactly as for an id that nobody has.
    UnknownReference,
    /// A list or a search without any of it.
    Empty,
    /// A list of the other organisation's own, which does not name the person.
    OwnOnly,
    /// The batch is read, its lines are refused.
    LinesRefused,
    /// The request names no recording: it is the caller's own, and the other organisation sees nothing of it.
    OwnBusiness,
    /// Everybody with the scope is answered.
    Everybody,
    /// Everybody is answered, even without a token.
    Public,
}

/// One call of an operation.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: Method,
    pub path: String,
    pub body: Option<Value>,
    pub content_type: &'static str,
    pub if_match: Option<u64>,
    /// Whether it takes an idempotency key.
    pub records: bool,
    pub success: u16,
    pub elsewhere: Elsewhere,
    /// The id that the request names and that is another organisation's.
    pub names: Option<String>,
}

impl Request {
    fn of(method: Method, path: impl Into<String>, elsewhere: Elsewhere) -> Self {
        Self {
            method,
            path: path.into(),
            body: None,
            content_type: "application/json",
            if_match: None,
            records: false,
            success: 200,
            elsewhere,
            names: None,
        }
    }
    fn get(path: impl Into<String>, elsewhere: Elsewhere) -> Self {
        Self::of(Method::GET, path, elsewhere)
    }
    fn find(place: &str, id: &str, rest: &str) -> Self {
        let mut request = Self::get(format!("/v1/{place}/{id}{rest}"), Elsewhere::NotFound);
        request.names = Some(id.to_owned());
        request
    }
    fn record(path: &str, body: Value) -> Self {
        let mut request = Self::of(Method::POST, path, Elsewhere::UnknownReference);
        request.names = body["person"].as_str().map(str::to_owned);
        Self { body: Some(body), records: true, success: 201, ..request }
    }
    fn change(place: &str, id: &str, rest: &str, version: u64, body: Value) -> Self {
        let mut request = Self::find(place, id, rest);
        request.method = Method::POST;
        Self { body: Some(body), records: true, success: 201, if_match: Some(version), ..request }
    }
    /// The same, naming an id that nobody has.
    pub fn about_nobody(&self) -> Self {
        let id = self.names.as_deref().expect("the request names somebody");
        let body = self.body.as_ref().map(|body| serde_json::from_str(&body.to_string().replace(id, NOBODY)).unwrap());
        Self { path: self.path.replace(id, NOBODY), body, ..self.clone() }
    }
    /// Sends it.
    pub async fn send(&self, caller: &Client) -> Answer {
        let mut request = caller.http.request(self.method.clone(), format!("{}{}", caller.base, self.path));
        if let Some(token) = &caller.token {
            request = request.bearer_auth(token);
        }
        if self.records {
            request = request.header("Idempotency-Key", caller.fresh_key());
        }
        if let Some(version) = self.if_match {
            request = request.header("If-Match", format!("\"{version}\""));
        }
        if let Some(body) = &self.body {
            request = match self.content_type {
                "application/x-www-form-urlencoded" => request.form(body),
                content_type => request.header("Content-Type", content_type).body(format!("{body}\n")),
            };
        }
        Client::read(request.send().await.unwrap()).await
    }
}

/// A fresh record of one person, to call an operation on.
pub struct Ground {
    pub owner: Client,
    /// Another client of the owner's organisation.
    pub second: Client,
    pub person: String,
    pub outcome: String,
    /// Different for each ground.
    pub number: u64,
    /// A token request that was not used yet.
    pub token_form: Value,
}

impl Ground {
    /// Registers a person with an outcome.
    pub async fn new(owner: &Client, second: &Client, number: u64, token_form: Value) -> Self {
        let person = owner.person().await;
        let outcome = owner.outcome(&person).await;
        Self { owner: owner.clone(), second: second.clone(), person, outcome, number, token_form }
    }
    async fn made(&self, path: &str, body: Value) -> String {
        self.owner.post(path, &body).await.expect(201).id()
    }
    /// The proof of the outcome's first event, once a checkpoint holds it.
    async fn proof(&self, form: &str) -> Request {
        let outcome = self.owner.get(&format!("/v1/outcomes/{}", self.outcome)).await.expect(200);
        let position = outcome.body["position"].as_u64().unwrap();
        let path = format!("/v1/log/outcomes/events/{position}/{form}");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while self.owner.get(&path).await.status != 200 {
            assert!(std::time::Instant::now() < deadline, "no checkpoint holds event {position}");
            tokio::task::yield_now().await;
        }
        Request { names: Some(position.to_string()), ..Request::get(path, Elsewhere::NotFound) }
    }
    /// The proof of the last access to the outcome, once a checkpoint holds it.
    async fn access_proof(&self, form: &str) -> Request {
        let mut position = 0;
        // From 10 on: a single digit stands elsewhere in the path, too.
        while position < 10 {
            self.owner.get(&format!("/v1/outcomes/{}", self.outcome)).await.expect(200);
            let last = self.owner.get(&format!("/v1/people/{}/accesses?limit=1", self.person)).await.expect(200);
            position = last.body["items"][0]["position"].as_u64().unwrap();
        }
        let path = format!("/v1/log/accesses/entries/{position}/{form}");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while self.owner.get(&path).await.status != 200 {
            assert!(std::time::Instant::now() < deadline, "no checkpoint holds access {position}");
            tokio::task::yield_now().await;
        }
        Request { names: Some(position.to_string()), ..Request::get(path, Elsewhere::NotFound) }
    }
    /// A list of accesses in which the person stands.
    async fn accesses(&self, path: &str) -> Request {
        self.owner.get(&format!("/v1/outcomes/{}", self.outcome)).await.expect(200);
        Request { names: Some(self.person.clone()), ..Request::get(path, Elsewhere::OwnOnly) }
    }
    /// A narrative's body.
    pub fn narrative(&self) -> Value {
        json!({"occurred_at": "2026-02-01", "person": self.person, "text": "I miss walking the dog", "author": "person",
            "perspective": "person", "knowledge_form": "lived"})
    }
    /// An erasure that the second client asked for.
    async fn erasure(&self) -> String {
        self.second.post("/v1/erasures", &self.erasure_asked_for()).await.expect(201).id()
    }
    fn erasure_asked_for(&self) -> Value {
        json!({"occurred_at": "2026-03-01", "person": self.person, "legal_basis": "gdpr_17_1_b", "reason": "I asked"})
    }
    fn conversation(&self) -> Value {
        json!({"occurred_at": "2026-02-01", "person": self.person, "asked": "expressed", "mode": "in_person"})
    }
    fn action(&self) -> Value {
        json!({"occurred_at": "2026-02-01", "person": self.person, "outcomes": [self.outcome],
            "description": "Walk to the corner", "taken_by": "person"})
    }
    fn contribution(&self) -> Value {
        json!({"occurred_at": "2026-02-01", "person": self.person, "outcomes": [self.outcome], "contributor": "community",
            "perspective": "person", "description": "The neighbours came along"})
    }
    fn review(&self) -> Value {
        json!({"occurred_at": "2026-03-01", "person": self.person, "outcome": self.outcome, "perspective": "person",
            "author": "person", "status": "review-status@1#partly_met"})
    }
    fn framework(&self) -> Value {
        json!({"occurred_at": "2026-01-01", "id": format!("ours-{}", self.number), "version": 1, "title": "Ours",
            "kind": "framework", "source": "Conversations", "licence": "Ours to share",
            "items": [{"code": "garden", "label": "Being in the garden"}]})
    }
    async fn published(&self) -> String {
        self.made("/v1/frameworks", self.framework()).await;
        format!("ours-{}", self.number)
    }
    async fn registered(&self) -> String {
        let value = format!("C-{}", self.number);
        let body = json!({"occurred_at": "2026-01-05", "identifiers": [{"system": "case-number", "value": value}]});
        self.made("/v1/people", body).await;
        value
    }
}

/// The call of an operation on a fresh ground; `None` for an operation that nobody told the tests how to call.
pub async fn request(operation: &str, ground: &Ground) -> Option<Request> {
    match operation.split_once('_').map(|(_, noun)| noun) {
        Some("person" | "people" | "person_record" | "person_identifier") => people(operation, ground).await,
        _ => match others(operation, ground).await {
            Some(request) => Some(request),
            None => match outcomes(operation, ground).await {
                Some(request) => Some(request),
                None => lawful(operation, ground).await,
            },
        },
    }
}

async fn people(operation: &str, ground: &Ground) -> Option<Request> {
    let person = ground.person.as_str();
    Some(match operation {
        "search_people" => {
            let body = json!({"system": "case-number", "value": ground.registered().await});
            let request = Request::of(Method::POST, "/v1/people/search", Elsewhere::Empty);
            Request { body: Some(body), ..request }
        }
        "register_person" => {
            let request = Request::record("/v1/people", json!({"occurred_at": "2026-01-05", "name": "Morgan Sample"}));
            Request { elsewhere: Elsewhere::OwnBusiness, ..request }
        }
        "list_people" => Request::get("/v1/people", Elsewhere::Empty),
        "find_person" => Request::find("people", person, ""),
        "find_person_record" => Request::find("people", person, "/record"),
        "amend_person" => {
            let body = json!({"occurred_at": "2026-02-01", "name": "Morgan A. Sample", "reason": "Misspelt"});
            Request::change("people", person, "/amendments", 0, body)
        }
        "add_person_identifier" => {
            let body =
                json!({"occurred_at": "2026-02-01", "system": "case-number", "value": format!("D-{}", ground.number)});
            Request::change("people", person, "/identifiers", 0, body)
        }
        _ => return None,
    })
}

async fn lawful(operation: &str, ground: &Ground) -> Option<Request> {
    let when = json!({"occurred_at": "2026-03-02"});
    Some(match operation {
        "request_erasure" => Request::record("/v1/erasures", ground.erasure_asked_for()),
        "list_erasures" => {
            ground.erasure().await;
            Request::get("/v1/erasures", Elsewhere::Empty)
        }
        "find_erasure" => Request::find("erasures", &ground.erasure().await, ""),
        "approve_erasure" => Request::change("erasures", &ground.erasure().await, "/approval", 0, when),
        "refuse_erasure" => {
            let body = json!({"occurred_at": "2026-03-02", "exemption": "gdpr_17_3_e", "note": "A claim is open"});
            Request::change("erasures", &ground.erasure().await, "/refusal", 0, body)
        }
        "withdraw_erasure" => Request::change("erasures", &ground.erasure().await, "/withdrawal", 0, when),
        "record_erasure_notice" => {
            let erasure = ground.erasure().await;
            ground.owner.change(&format!("/v1/erasures/{erasure}/approval"), 0, &when).await.expect(201);
            let body = json!({"occurred_at": "2026-03-03", "notice": 0});
            Request::change("erasures", &erasure, "/notices", 1, body)
        }
        _ => return None,
    })
}

async fn outcomes(operation: &str, ground: &Ground) -> Option<Request> {
    let outcome = ground.outcome.as_str();
    let change = |rest: &str, body: Value| Request::change("outcomes", outcome, rest, 0, body);
    Some(match operation {
        "identify_outcome" => Request::record(
            "/v1/outcomes",
            json!({"occurred_at": "2026-02-01", "person": ground.person, "identified_by": "person",
                "outcome_type": "process", "direction": "maintain", "title": "Be listened to"}),
        ),
        "list_outcomes" => Request::get("/v1/outcomes", Elsewhere::Empty),
        "find_outcome" => Request::find("outcomes", outcome, ""),
        "find_outcome_history" => Request::find("outcomes", outcome, "/history"),
        "find_outcome_disagreement" => Request::find("outcomes", outcome, "/disagreement"),
        "reword_outcome" => change(
            "/rewordings",
            json!({"occurred_at": "2026-03-01", "outcome_type": "process", "direction": "change", "title": "Be heard",
                "reason": "Plainer"}),
        ),
        "prioritise_outcome" => {
            change("/priorities", json!({"occurred_at": "2026-03-01", "perspective": "person", "rank": 1}))
        }
        "close_outcome" => change("/closure", json!({"occurred_at": "2026-03-01", "closure_reason": "achieved"})),
        "reopen_outcome" => {
            let path = format!("/v1/outcomes/{outcome}/closure");
            let body = json!({"occurred_at": "2026-03-01", "closure_reason": "achieved"});
            ground.owner.change(&path, 0, &body).await.expect(201);
            let body = json!({"occurred_at": "2026-04-01", "reason": "It matters again"});
            Request { if_match: Some(1), ..change("/reopening", body) }
        }
        "record_review" => Request::record("/v1/reviews", ground.review()),
        "list_reviews" => {
            ground.made("/v1/reviews", ground.review()).await;
            Request::get("/v1/reviews", Elsewhere::Empty)
        }
        "find_review" => Request::find("reviews", &ground.made("/v1/reviews", ground.review()).await, ""),
        "revise_review" => {
            let review = ground.made("/v1/reviews", ground.review()).await;
            let body = json!({"occurred_at": "2026-03-02", "reviewed_at": "2026-03-01", "reason": "Wrong box",
                "status": "review-status@1#fully_met"});
            Request::change("reviews", &review, "/revisions", 0, body)
        }
        "withdraw_review" => {
            let review = ground.made("/v1/reviews", ground.review()).await;
            let body = json!({"occurred_at": "2026-03-02", "reason": "Wrong outcome"});
            Request::change("reviews", &review, "/withdrawal", 0, body)
        }
        _ => return None,
    })
}

async fn others(operation: &str, ground: &Ground) -> Option<Request> {
    if let Some(request) = accounts(operation, ground).await {
        return Some(request);
    }
    Some(match operation {
        "agree_action" => Request::record("/v1/actions", ground.action()),
        "list_actions" => {
            ground.made("/v1/actions", ground.action()).await;
            Request::get("/v1/actions", Elsewhere::Empty)
        }
        "find_action" => Request::find("actions", &ground.made("/v1/actions", ground.action()).await, ""),
        "progress_action" => {
            let action = ground.made("/v1/actions", ground.action()).await;
            Request::change("actions", &action, "/progress", 0, json!({"occurred_at": "2026-03-01", "status": "done"}))
        }
        "record_contribution" => Request::record("/v1/contributions", ground.contribution()),
        "list_contributions" => {
            ground.made("/v1/contributions", ground.contribution()).await;
            Request::get("/v1/contributions", Elsewhere::Empty)
        }
        "find_contribution" => {
            Request::find("contributions", &ground.made("/v1/contributions", ground.contribution()).await, "")
        }
        "publish_framework" => {
            let request = Request::record("/v1/frameworks", ground.framework());
            Request { elsewhere: Elsewhere::OwnBusiness, ..request }
        }
        "list_frameworks" => Request::get("/v1/frameworks", Elsewhere::Empty),
        "list_framework_versions" => Request::find("frameworks", &ground.published().await, "/versions"),
        "find_framework_version" => Request::find("frameworks", &ground.published().await, "/versions/1"),
        "compare_framework_versions" => {
            Request::find("frameworks", &ground.published().await, "/comparison?from=1&to=1")
        }
        "retire_framework" => {
            let body = json!({"occurred_at": "2026-03-01", "reason": "Nobody uses it"});
            Request::change("frameworks", &ground.published().await, "/versions/1/retirement", 0, body)
        }
        "record_batch" => {
            let line = json!({"key": ground.owner.fresh_key(), "op": "record_narrative", "body": ground.narrative()});
            let request = Request::of(Method::POST, "/v1/batches", Elsewhere::LinesRefused);
            Request { body: Some(line), content_type: "application/x-ndjson", ..request }
        }
        "list_events" => Request::get("/v1/events", Elsewhere::Empty),
        "follow_events" => Request::get("/v1/events/stream", Elsewhere::Empty),
        "list_history" => Request::get(format!("/v1/history?person={}", ground.person), Elsewhere::Empty),
        "compare_history" => Request::get(format!("/v1/history/diff?person={}", ground.person), Elsewhere::Empty),
        "follow_history" => Request::get(format!("/v1/history/stream?person={}", ground.person), Elsewhere::Empty),
        "list_stream_events" => Request::find("streams", &ground.outcome, "/events"),
        "list_person_accesses" => {
            ground.accesses("").await;
            Request::find("people", &ground.person, "/accesses")
        }
        "list_accesses" => ground.accesses("/v1/accesses").await,
        "list_access_audit_events" => ground.accesses("/v1/accesses/audit-events?limit=1").await,
        "report_unusual_accesses" => {
            let path = "/v1/accesses/unusual?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z";
            ground.accesses(path).await
        }
        "prove_log_access" => ground.access_proof("proof").await,
        "find_log_access_proof_file" => ground.access_proof("tlog-proof").await,
        "find_log_checkpoint" => Request::get("/v1/log/outcomes/checkpoint", Elsewhere::Public),
        "list_log_checkpoints" => Request::get("/v1/log/outcomes/checkpoints", Elsewhere::Public),
        "find_log_key" => Request::get("/v1/log/outcomes/key", Elsewhere::Public),
        "list_log_keys" => Request::get("/v1/log/outcomes/keys", Elsewhere::Public),
        "list_log_statements" => Request::get("/v1/log/outcomes/statements", Elsewhere::Public),
        "find_log_tile" => Request::get("/v1/log/outcomes/tile/0/000.p/3", Elsewhere::Public),
        "find_log_entries" => Request::get("/v1/log/outcomes/tile/entries/000.p/3", Elsewhere::Everybody),
        "prove_log_consistency" => Request::get("/v1/log/outcomes/consistency?from=1&to=3", Elsewhere::Public),
        "prove_log_event" => ground.proof("proof").await,
        "find_log_proof_file" => ground.proof("tlog-proof").await,
        "grant_token" => {
            let request = Request::of(Method::POST, "/oauth2/token", Elsewhere::Public);
            let body = Some(ground.token_form.clone());
            Request { body, content_type: "application/x-www-form-urlencoded", ..request }
        }
        "find_liveness" => Request::get("/health/live", Elsewhere::Public),
        "find_readiness" => Request::get("/health/ready", Elsewhere::Public),
        "list_metrics" => Request::get("/metrics", Elsewhere::Public),
        "find_authorisation_server" => Request::get("/.well-known/oauth-authorization-server", Elsewhere::Public),
        "find_token_keys" => Request::get("/oauth2/jwks", Elsewhere::Public),
        _ => return None,
    })
}

async fn accounts(operation: &str, ground: &Ground) -> Option<Request> {
    let narrative = || ground.made("/v1/narratives", ground.narrative());
    Some(match operation {
        "record_conversation" => Request::record("/v1/conversations", ground.conversation()),
        "list_conversations" => {
            ground.made("/v1/conversations", ground.conversation()).await;
            Request::get("/v1/conversations", Elsewhere::Empty)
        }
        "find_conversation" => {
            Request::find("conversations", &ground.made("/v1/conversations", ground.conversation()).await, "")
        }
        "amend_conversation" => {
            let conversation = ground.made("/v1/conversations", ground.conversation()).await;
            let body = json!({"occurred_at": "2026-02-03", "held_at": "2026-02-02", "person": ground.person,
                "asked": "none_expressed", "mode": "video", "reason": "A day later"});
            Request::change("conversations", &conversation, "/amendments", 0, body)
        }
        "record_narrative" => Request::record("/v1/narratives", ground.narrative()),
        "list_narratives" => {
            narrative().await;
            Request::get("/v1/narratives", Elsewhere::Empty)
        }
        "find_narrative" => Request::find("narratives", &narrative().await, ""),
        "amend_narrative" => {
            let body = json!({"occurred_at": "2026-02-03", "text": "I miss walking Bess", "reason": "The dog's name"});
            Request::change("narratives", &narrative().await, "/amendments", 0, body)
        }
        "withdraw_narrative" => {
            let body = json!({"occurred_at": "2026-02-03", "reason": "About somebody else"});
            Request::change("narratives", &narrative().await, "/withdrawal", 0, body)
        }
        "respond_to_narrative" => {
            let body =
                json!({"occurred_at": "2026-02-03", "stance": "agrees", "perspective": "carer", "author": "carer"});
            let request = Request::change("narratives", &narrative().await, "/responses", 0, body);
            Request { if_match: None, ..request }
        }
        _ => return None,
    })
}
