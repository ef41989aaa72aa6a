//! A service for a test: started as in production, on a port of its own, with a fixed clock and seeded ids, on either store.

pub mod event_stream;

use cairn::app::auth::{ClientKey, DevelopmentIssuer, generate_client_key};
use cairn::app::words::{ClientKeys, OrganisationCode, Scope, Timestamp};
use cairn::app::{Clock, FixedClock, SeededIds};
use cairn::cli::service::{Service, Sources};
use cairn::config::{Flags, Settings};
use cairn::store::{AccessQuery, Reach};
use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::Once;
use tempfile::TempDir;

/// The stores that a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// The embedded store.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// The stores of this run: `CAIRN_TEST_STORES` is the explicit opt-out of PostgreSQL; otherwise both must be there.
pub fn backends() -> Vec<Backend> {
    match std::env::var("CAIRN_TEST_STORES").as_deref() {
        Ok("sqlite") => vec![Backend::Sqlite],
        _ => vec![Backend::Sqlite, Backend::Postgres],
    }
}

fn install_providers() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
}

/// A running service.
pub struct TestService {
    pub service: Option<Service>,
    pub folder: TempDir,
    pub clock: Arc<FixedClock>,
    pub settings: Settings,
    pub base: String,
    pub http: reqwest::Client,
}

/// The instant at which every test begins.
pub const NOW: &str = "2026-11-24T12:00:00Z";

impl TestService {
    /// Starts on a fresh store.
    pub async fn start(backend: Backend) -> Self {
        Self::start_with(backend, "").await
    }

    /// Starts on a fresh store with more lines of configuration.
    pub async fn start_with(backend: Backend, configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (database, keys) = match backend {
            Backend::Sqlite => (
                format!("sqlite:{}/cairn.db", folder.path().display()),
                format!("sqlite:{}/keys/keys.db", folder.path().display()),
            ),
            Backend::Postgres => postgres::fresh().await,
        };
        Self::start_on(folder, &database, &keys, configuration).await
    }

    /// Starts on databases that are there.
    pub async fn start_on(folder: TempDir, database: &str, keys: &str, configuration: &str) -> Self {
        install_providers();
        let file = folder.path().join("cairn.toml");
        std::fs::write(
            &file,
            format!(
                "data_dir = \"{}\"\ndatabase_url = \"{database}\"\nkeys_url = \"{keys}\"\nlisten = \"127.0.0.1:0\"\nworkers = 2\ncreate = true\n{configuration}\n",
                folder.path().display()
            ),
        )
        .unwrap();
        let sources = cairn::config::Sources {
            file: Some(file),
            flags: Flags::default(),
            environment: Vec::new(),
            is_terminal: false,
        };
        let settings = Settings::load(&sources).unwrap();
        let clock = Arc::new(FixedClock::at(NOW.parse().unwrap()));
        let mut started =
            Self { service: None, folder, clock, settings, base: String::new(), http: reqwest::Client::new() };
        started.restart().await;
        started
    }

    /// Starts the service (again) on the same store.
    pub async fn restart(&mut self) {
        if let Some(service) = self.service.take() {
            service.stop().await;
        }
        let ids = Arc::new(SeededIds::new(u64::try_from(self.clock.now().micros()).unwrap()));
        let sources = Sources { clock: self.clock.clone(), ids };
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let service = Service::start(&self.settings, &sources, Some(metrics))
            .await
            .unwrap_or_else(|failure| panic!("{}", failure.chain()));
        self.base = service.public_url.clone();
        self.service = Some(service);
    }

    /// How many accesses are in their log.
    pub async fn access_count(&self) -> u64 {
        self.service.as_ref().unwrap().app.store().access_head().await.unwrap().size
    }

    /// How many accesses an operation has left.
    pub async fn accesses_by(&self, operation: &str) -> usize {
        let everything = AccessQuery {
            reach: Reach::Operator,
            stream: None,
            from: 0,
            until: i64::MAX as u64,
            client: None,
            user: None,
            purpose: None,
            newest_first: false,
            limit: 100_000,
        };
        let found = self.service.as_ref().unwrap().app.store().accesses(&everything).await.unwrap();
        let said = format!("\"operation\":\"{operation}\"");
        found.iter().filter(|access| access.facts.contains(&said)).count()
    }

    /// What the clock says now, as text.
    pub fn clock_text(&self) -> String {
        self.clock.now().to_string()
    }

    /// A token for an organisation with some scopes.
    pub fn token(&self, organisation: &str, scopes: &[Scope]) -> String {
        self.token_issued_at(organisation, scopes, self.clock.now())
    }

    /// The same, issued at another time; it lives for an hour.
    pub fn token_issued_at(&self, organisation: &str, scopes: &[Scope], now: Timestamp) -> String {
        let issuer = DevelopmentIssuer::open_or_create(self.folder.path(), &[7; 32]).unwrap();
        let organisation: OrganisationCode = organisation.parse().unwrap();
        let scopes = scopes.iter().copied().collect();
        issuer.mint(&organisation, &scopes, 3_600, now, &rand::random()).unwrap().to_string()
    }

    /// Registers a client with a key of its own, as `cairn client add` does.
    pub async fn register_client(&self, id: &str, organisation: &str, scopes: &[Scope]) -> ClientKey {
        let key = generate_client_key(&[7; 48]).unwrap();
        let client = cairn::app::words::Client {
            id: id.to_owned(),
            name: "A client of the tests".to_owned(),
            organisation: organisation.parse().unwrap(),
            scopes: scopes.iter().copied().collect(),
            keys: ClientKeys::Inline(key.jwks()),
            created_at: self.clock.now(),
            rotated_at: None,
            revoked_at: None,
        };
        self.service.as_ref().unwrap().app.store().put_client(&client).await.unwrap();
        key
    }

    /// A caller that is registered under a name of its own, with a token of its own.
    pub async fn registered(&self, id: &str, organisation: &str, scopes: &[Scope]) -> Client {
        let key = self.register_client(id, organisation, scopes).await;
        let form = self.token_form(id, &key);
        let request = self.http.post(format!("{}/oauth2/token", self.base)).form(&form);
        let answer = Client::read(request.send().await.unwrap()).await.expect(200);
        self.caller_as(answer.body["access_token"].as_str().map(str::to_owned))
    }

    /// A token request of a registered client, good for one use.
    pub fn token_form(&self, id: &str, key: &ClientKey) -> Value {
        let audience = format!("{}/oauth2/token", self.base);
        let assertion = key.assertion(id, &audience, self.clock.now(), &rand::random()).unwrap();
        json!({"grant_type": "client_credentials", "client_assertion": assertion.as_str(),
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"})
    }

    /// A caller of an organisation with every scope.
    pub fn caller(&self, organisation: &str) -> Client {
        self.caller_with(organisation, Scope::ALL)
    }

    /// A caller with some scopes.
    pub fn caller_with(&self, organisation: &str, scopes: &[Scope]) -> Client {
        self.caller_as(Some(self.token(organisation, scopes)))
    }

    /// A caller with this token, or with none.
    pub fn caller_as(&self, token: Option<String>) -> Client {
        Client { base: self.base.clone(), http: self.http.clone(), token }
    }
}

/// Somebody who calls.
#[derive(Clone)]
pub struct Client {
    pub base: String,
    pub http: reqwest::Client,
    pub token: Option<String>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Answer {
    /// Expects a status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
    /// Expects a problem of a type.
    #[track_caller]
    pub fn expect_problem(self, status: u16, slug: &str) -> Self {
        assert_eq!(
            (self.status, self.body["type"].as_str()),
            (status, Some(format!("/problems/{slug}").as_str())),
            "{}",
            self.text
        );
        self
    }
    /// The id of a recording.
    #[track_caller]
    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap_or_else(|| panic!("no id in {}", self.text)).to_owned()
    }
    /// The position of a recording.
    #[track_caller]
    pub fn position(&self) -> u64 {
        self.body["position"].as_u64().unwrap_or_else(|| panic!("no position in {}", self.text))
    }
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Client {
    /// Sends a request with headers and an optional JSON body.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        Self::read(request.send().await.unwrap()).await
    }

    /// Reads an answer; of a stream that does not end, what there is right now.
    pub async fn read(response: reqwest::Response) -> Answer {
        if response.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream") {
            return event_stream::EventStream::as_answer(response).await;
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status, headers, body, text }
    }

    /// Reads a path.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    /// Records a body under a fresh idempotency key.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        let key = self.fresh_key();
        self.send(Method::POST, path, &[("Idempotency-Key", &key)], Some(body)).await
    }

    /// Changes a recording that was seen at a version.
    pub async fn change(&self, path: &str, version: u64, body: &Value) -> Answer {
        let key = self.fresh_key();
        let tag = format!("\"{version}\"");
        self.send(Method::POST, path, &[("Idempotency-Key", &key), ("If-Match", &tag)], Some(body)).await
    }

    /// Sends a body as it is.
    pub async fn post_bytes(&self, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Answer {
        let mut request = self.http.post(format!("{}{path}", self.base)).body(body);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Self::read(request.send().await.unwrap()).await
    }

    /// The last position of the log.
    pub async fn head(&self) -> u64 {
        let feed = self.get("/v1/events?after=9000000000000000000").await.expect(200);
        feed.body["complete_to"]["position"].as_u64().unwrap()
    }

    /// A key that was not used before, by any caller.
    pub fn fresh_key(&self) -> String {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        format!("test-{}", NEXT.fetch_add(1, std::sync::atomic::Ordering::SeqCst))
    }

    /// Registers a person.
    pub async fn person(&self) -> String {
        self.post(
            "/v1/people",
            &json!({"occurred_at": "2026-01-05", "name": "Morgan Sample", "birth_date": "1951-03-14"}),
        )
        .await
        .expect(201)
        .id()
    }

    /// Identifies an outcome of a person.
    pub async fn outcome(&self, person: &str) -> String {
        let body = json!({
            "occurred_at": "2026-02-01", "person": person, "identified_by": "person", "outcome_type": "quality_of_life",
            "direction": "change", "title": "Walk the dog with my friends again",
            "framework_items": ["talking-points-people@1#seeing-people"]
        });
        self.post("/v1/outcomes", &body).await.expect(201).id()
    }

    /// Records a review of an outcome.
    pub async fn review(&self, person: &str, outcome: &str, perspective: &str, status: &str) -> Answer {
        let body = json!({
            "occurred_at": "2026-05-10", "person": person, "outcome": outcome, "perspective": perspective,
            "author": "practitioner", "status": format!("review-status@1#{status}"), "note": "We talked about it"
        });
        self.post("/v1/reviews", &body).await
    }

    /// Sends a batch and reads its answers.
    pub async fn batch(&self, mode: &str, lines: &[Value]) -> Vec<Value> {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let response = self
            .http
            .post(format!("{}/v1/batches?mode={mode}", self.base))
            .bearer_auth(self.token.as_deref().unwrap_or_default())
            .header("Content-Type", "application/x-ndjson")
            .body(text)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.text().await.unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Databases on the cluster that `tests/run` starts.
pub mod postgres {
    use sqlx::{AssertSqlSafe, Connection, PgConnection};

    /// The cluster's URL for its superuser.
    pub fn admin() -> String {
        std::env::var("CAIRN_TEST_POSTGRES_URL")
            .expect("CAIRN_TEST_POSTGRES_URL is not set: run tests/run, or opt out with CAIRN_TEST_STORES=sqlite")
    }

    /// Two fresh databases, migrated: for events and for keys.
    pub async fn fresh() -> (String, String) {
        fresh_on(&admin()).await
    }

    /// The same on a cluster, by its superuser's URL.
    pub async fn fresh_on(admin: &str) -> (String, String) {
        let (url, keys) = empty_on(admin).await;
        cairn::app::open::migrate(&url, None).await.unwrap();
        (url, keys)
    }

    /// The same without tables.
    pub async fn empty_on(admin: &str) -> (String, String) {
        let name = format!("cairn_{}", uuid::Uuid::new_v4().simple());
        let mut connection = PgConnection::connect(admin).await.unwrap();
        let base = admin.rsplit_once('/').unwrap().0.to_owned();
        for database in [name.clone(), format!("{name}_keys")] {
            sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {database}"))).execute(&mut connection).await.unwrap();
        }
        (format!("{base}/{name}"), format!("{base}/{name}_keys"))
    }
}
