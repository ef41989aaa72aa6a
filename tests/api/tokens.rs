//! From a registered key to an answered call: client credentials as a partner meets them, and their end.

use crate::support::{Answer, Backend, Client, NOW, TestService, backends};
use cairn::app::auth::registry::{ClientDesk, Registration, RegistryError};
use cairn::app::auth::{ClientKey, ClientRegistry, FetchRules, generate_client_key};
use cairn::app::words::{ClientKeys, Scope, Timestamp};
use cairn::app::{Clock, SystemClock};
use reqwest::Method;
use serde_json::{Value, json};
use std::process::{Command, Output};
use std::sync::Arc;

/// Where callers say that the service is; it stays the same over a restart, as the port does not.
const PUBLIC: &str = "https://cairn.example";
const TOKEN_URL: &str = "https://cairn.example/oauth2/token";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A service as partners reach it, without the embedded issuer.
struct Door {
    service: TestService,
}

impl Door {
    async fn open(backend: Backend) -> Self {
        let configuration = format!("public_url = \"{PUBLIC}\"\ndevelopment_issuer = false");
        Self { service: TestService::start_with(backend, &configuration).await }
    }
    /// Sets the clock to some milliseconds after the start.
    fn at(&self, millis: i64) -> Timestamp {
        let now = NOW.parse::<Timestamp>().unwrap().plus_micros(millis * 1_000);
        self.service.clock.set(now);
        now
    }
    fn registry(&self) -> Arc<dyn ClientRegistry> {
        Arc::new(Arc::clone(self.service.service.as_ref().unwrap().app.store()))
    }
    /// Registers a client of an organisation with a key of its own.
    async fn register(&self, id: &str, organisation: &str, scopes: &str, key: &ClientKey) {
        let (registry, rules) = (self.registry(), FetchRules::default());
        let desk = ClientDesk { registry: registry.as_ref(), rules: &rules, issuers: &[] };
        let registration = Registration {
            id: id.to_owned(),
            name: "A partner".to_owned(),
            organisation: organisation.parse().unwrap(),
            scopes: Scope::parse_list(scopes).unwrap(),
            keys: ClientKeys::Inline(key.jwks()),
        };
        desk.add(registration, NOW.parse().unwrap()).await.unwrap();
    }
    async fn rotate(&self, id: &str, key: &ClientKey, overlap: u32, now: Timestamp) {
        let (registry, rules) = (self.registry(), FetchRules::default());
        let desk = ClientDesk { registry: registry.as_ref(), rules: &rules, issuers: &[] };
        desk.rotate(id, ClientKeys::Inline(key.jwks()), overlap, now).await.unwrap();
    }
    /// Somebody with this token, or with none.
    fn bearer(&self, token: Option<&str>) -> Client {
        let mut caller = self.service.caller("NOBODY");
        caller.base = format!("http://{}", self.service.service.as_ref().unwrap().addresses[0]);
        caller.token = token.map(str::to_owned);
        caller
    }
    /// Sends a form to the token endpoint.
    async fn form(&self, fields: &[(&str, &str)]) -> Answer {
        let base = self.bearer(None).base;
        Client::read(self.service.http.post(format!("{base}/oauth2/token")).form(fields).send().await.unwrap()).await
    }
    /// Asks for a token with an assertion and perhaps a scope.
    async fn ask(&self, assertion: &str, scope: Option<&str>) -> Answer {
        let mut fields = vec![
            ("grant_type", "client_credentials"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion),
        ];
        fields.extend(scope.map(|scope| ("scope", scope)));
        self.form(&fields).await
    }
    /// Gets a token as a client.
    async fn token(&self, id: &str, key: &ClientKey, now: Timestamp) -> String {
        let answer = self.ask(&assertion(id, key, TOKEN_URL, now), None).await.expect(200);
        answer.body["access_token"].as_str().unwrap().to_owned()
    }
}

fn key(number: u8) -> ClientKey {
    cairn::app::auth::install_crypto_provider();
    generate_client_key(&[number; 48]).unwrap()
}

fn assertion(id: &str, key: &ClientKey, audience: &str, now: Timestamp) -> String {
    key.assertion(id, audience, now, &rand::random()).unwrap().to_string()
}

/// A refusal of the token endpoint, with what it says.
#[track_caller]
fn refused(answer: Answer, status: u16, code: &str) -> String {
    let answer = answer.expect(status);
    assert_eq!(answer.body["error"], code, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.body["error_description"].as_str().unwrap().to_owned()
}

const PEOPLE: &str = "people:read people:write";

#[tokio::test]
async fn a_registered_client_proves_its_key_and_acts_for_its_organisation() {
    for backend in backends() {
        let door = Door::open(backend).await;
        let (one, two) = (key(1), key(2));
        door.register("one", "RX1", PEOPLE, &one).await;
        door.register("two", "RX2", PEOPLE, &two).await;
        let answer = door.ask(&assertion("one", &one, TOKEN_URL, door.at(0)), None).await.expect(200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.body["token_type"], "Bearer");
        assert_eq!(answer.body["scope"], PEOPLE);
        assert!(answer.body["expires_in"].as_u64().is_some_and(|seconds| (1..=300).contains(&seconds)));
        let of_one = door.bearer(answer.body["access_token"].as_str());
        let person = of_one.person().await;
        of_one.get(&format!("/v1/people/{person}")).await.expect(200);
        of_one.get("/v1/outcomes").await.expect_problem(403, "insufficient-scope");
        // Named by the issuer's identifier, as FAPI 2.0 has it.
        door.ask(&assertion("one", &one, PUBLIC, door.at(0)), None).await.expect(200);
        let of_two = door.bearer(Some(&door.token("two", &two, door.at(0)).await));
        of_two.get(&format!("/v1/people/{person}")).await.expect(404);
        let recorded = of_two.person().await;
        of_one.get(&format!("/v1/people/{recorded}")).await.expect(404);
    }
}

#[tokio::test]
async fn a_wrong_assertion_hears_what_was_expected_and_a_stranger_hears_no_more_than_that_it_is_one() {
    for backend in backends() {
        let door = Door::open(backend).await;
        door.register("one", "RX1", PEOPLE, &key(1)).await;
        let now = door.at(0);
        let elsewhere = assertion("one", &key(1), "https://other.example/token", now);
        let said = refused(door.ask(&elsewhere, None).await, 401, "invalid_client");
        let parts = [TOKEN_URL, "or https://cairn.example,", "received https://other.example/token"];
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
        let foreign = refused(door.ask(&assertion("one", &key(2), TOKEN_URL, now), None).await, 401, "invalid_client");
        let nobody = refused(door.ask(&assertion("none", &key(1), TOKEN_URL, now), None).await, 401, "invalid_client");
        assert_eq!(foreign, nobody);
        let late = assertion("one", &key(1), TOKEN_URL, now.plus_micros(-241_000_000));
        assert!(refused(door.ask(&late, None).await, 401, "invalid_client").contains("exp is past"));
    }
}

#[tokio::test]
async fn an_assertion_serves_once_also_after_a_restart() {
    for backend in backends() {
        let mut door = Door::open(backend).await;
        door.register("one", "RX1", PEOPLE, &key(1)).await;
        let assertion = assertion("one", &key(1), TOKEN_URL, door.at(0));
        let token = door.ask(&assertion, None).await.expect(200).body["access_token"].as_str().unwrap().to_owned();
        assert!(refused(door.ask(&assertion, None).await, 401, "invalid_client").contains("used before"));
        door.service.restart().await;
        assert!(refused(door.ask(&assertion, None).await, 401, "invalid_client").contains("used before"));
        door.bearer(Some(&token)).get("/v1/people").await.expect(200);
        door.token("one", &key(1), door.at(1_000)).await;
    }
}

#[tokio::test]
async fn a_client_may_ask_for_less_and_never_for_more() {
    for backend in backends() {
        let door = Door::open(backend).await;
        door.register("one", "RX1", PEOPLE, &key(1)).await;
        let fresh = || assertion("one", &key(1), TOKEN_URL, door.at(0));
        let answer = door.ask(&fresh(), Some("people:read")).await.expect(200);
        assert_eq!(answer.body["scope"], "people:read");
        let reader = door.bearer(answer.body["access_token"].as_str());
        reader.get("/v1/people").await.expect(200);
        let body = json!({"occurred_at": "2026-01-05", "name": "Morgan Sample"});
        let denied = reader.post("/v1/people", &body).await.expect_problem(403, "insufficient-scope");
        assert!(denied.text.contains("people:write"), "{}", denied.text);
        let said = refused(door.ask(&fresh(), Some("people:read outcomes:read")).await, 400, "invalid_scope");
        assert!(said.contains("outcomes:read") && !said.contains("people:read"), "{said}");
        let unknown = fresh();
        assert!(refused(door.ask(&unknown, Some("patients")).await, 400, "invalid_scope").contains("patients"));
        door.ask(&unknown, None).await.expect(200);
    }
}

#[tokio::test]
async fn a_revoked_client_is_out_within_two_seconds() {
    for backend in backends() {
        let door = Door::open(backend).await;
        door.register("one", "RX1", PEOPLE, &key(1)).await;
        let caller = door.bearer(Some(&door.token("one", &key(1), door.at(0)).await));
        door.at(1_000);
        caller.get("/v1/people").await.expect(200);
        let (registry, rules) = (door.registry(), FetchRules::default());
        let desk = ClientDesk { registry: registry.as_ref(), rules: &rules, issuers: &[] };
        desk.revoke("one", door.at(1_100)).await.unwrap();
        door.at(3_100);
        let answer = caller.get("/v1/people").await.expect(401);
        assert!(answer.header("www-authenticate").unwrap().contains("invalid_token"), "{:?}", answer.headers);
        let again = assertion("one", &key(1), TOKEN_URL, door.at(3_200));
        refused(door.ask(&again, None).await, 401, "invalid_client");
    }
}

#[tokio::test]
async fn of_two_clients_that_are_added_at_once_under_one_id_one_is_refused() {
    for backend in backends() {
        let door = Door::open(backend).await;
        let (registry, rules) = (door.registry(), FetchRules::default());
        let desk = ClientDesk { registry: registry.as_ref(), rules: &rules, issuers: &[] };
        let adding = |number: u8| Registration {
            id: "one".to_owned(),
            name: format!("Partner {number}"),
            organisation: "RX1".parse().unwrap(),
            scopes: Scope::parse_list(PEOPLE).unwrap(),
            keys: ClientKeys::Inline(key(number).jwks()),
        };
        let now = NOW.parse().unwrap();
        let (first, second) = tokio::join!(desk.add(adding(1), now), desk.add(adding(2), now));
        let (added, refused) = if first.is_ok() { (first, second) } else { (second, first) };
        assert!(matches!(refused, Err(RegistryError::Exists(id)) if id == "one"));
        assert_eq!(desk.list().await.unwrap(), [added.unwrap()], "whoever was told yes is there");
    }
}

#[tokio::test]
async fn keys_are_rotated_with_and_without_overlap() {
    for backend in backends() {
        let door = Door::open(backend).await;
        door.register("one", "RX1", PEOPLE, &key(1)).await;
        door.rotate("one", &key(2), 60, door.at(0)).await;
        for number in [1, 2] {
            door.token("one", &key(number), door.at(59_000)).await;
        }
        let old = assertion("one", &key(1), TOKEN_URL, door.at(60_000));
        refused(door.ask(&old, None).await, 401, "invalid_client");
        door.token("one", &key(2), door.at(60_000)).await;
        door.rotate("one", &key(3), 0, door.at(61_000)).await;
        let gone = assertion("one", &key(2), TOKEN_URL, door.at(61_000));
        refused(door.ask(&gone, None).await, 401, "invalid_client");
        door.token("one", &key(3), door.at(61_000)).await;
    }
}

#[tokio::test]
async fn a_token_that_is_over_or_no_token_is_challenged() {
    for backend in backends() {
        let door = Door::open(backend).await;
        door.register("one", "RX1", PEOPLE, &key(1)).await;
        let answer = door.ask(&assertion("one", &key(1), TOKEN_URL, door.at(0)), None).await.expect(200);
        let life = i64::try_from(answer.body["expires_in"].as_u64().unwrap()).unwrap();
        let caller = door.bearer(answer.body["access_token"].as_str());
        door.at(life * 1_000 - 100);
        caller.get("/v1/people").await.expect(200);
        door.at(life * 1_000);
        let expired = caller.get("/v1/people").await.expect(401);
        let challenge = expired.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer ") && challenge.contains("error=\"invalid_token\""), "{challenge}");
        assert!(challenge.contains("expired"), "{challenge}");
        let nobody = door.bearer(None).get("/v1/people").await.expect(401);
        let challenge = nobody.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer") && !challenge.contains("error"), "{challenge}");
        // A token of the embedded issuer means nothing at a service that others reach.
        let embedded = door.service.token("RX1", Scope::ALL);
        door.bearer(Some(&embedded)).get("/v1/people").await.expect(401);
    }
}

#[tokio::test]
async fn what_a_client_needs_to_know_is_published() {
    for backend in backends() {
        let door = Door::open(backend).await;
        door.register("one", "RX1", PEOPLE, &key(1)).await;
        let nobody = door.bearer(None);
        let metadata = nobody.get("/.well-known/oauth-authorization-server").await.expect(200).body;
        assert_eq!(metadata["issuer"], PUBLIC);
        assert_eq!(metadata["token_endpoint"], TOKEN_URL);
        assert_eq!(metadata["jwks_uri"], format!("{PUBLIC}/oauth2/jwks"));
        assert_eq!(metadata["grant_types_supported"], json!(["client_credentials"]));
        let keys = nobody.get("/oauth2/jwks").await.expect(200).body["keys"].clone();
        assert_eq!(keys.as_array().map(Vec::len), Some(1));
        assert!(keys[0].get("d").is_none(), "the private part stays here");
        let token = door.token("one", &key(1), door.at(0)).await;
        let header = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!((header.typ.as_deref(), header.kid.as_deref()), (Some("at+jwt"), keys[0]["kid"].as_str()));
        let jwk = serde_json::from_value(keys[0].clone()).unwrap();
        let verifying = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let algorithm = jsonwebtoken::Algorithm::EdDSA;
        assert!(jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &verifying, algorithm).unwrap());
    }
}

#[tokio::test]
async fn a_token_request_that_is_none_says_why() {
    let door = Door::open(Backend::Sqlite).await;
    door.register("one", "RX1", PEOPLE, &key(1)).await;
    let assertion = assertion("one", &key(1), TOKEN_URL, door.at(0));
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion.as_str()),
    ];
    assert!(refused(door.form(&[]).await, 400, "invalid_request").contains("grant_type is missing"));
    let password = [("grant_type", "password")];
    refused(door.form(&password).await, 400, "unsupported_grant_type");
    let twice = [&fields[..], &fields[..1]].concat();
    assert!(refused(door.form(&twice).await, 400, "invalid_request").contains("twice"));
    let other = [&fields[..2], &[("client_assertion", "x"), ("client_id", "one")]].concat();
    refused(door.form(&other).await, 401, "invalid_client");
    let large = "x".repeat(40_000);
    let large = [&fields[..2], &[("client_assertion", large.as_str())]].concat();
    refused(door.form(&large).await, 400, "invalid_request");
    let body: Value = fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let nobody = door.bearer(None);
    let answer = nobody.send(Method::POST, "/oauth2/token", &[], Some(&body)).await;
    assert!(refused(answer, 400, "invalid_request").contains("x-www-form-urlencoded"));
    assert_eq!(nobody.get("/oauth2/token").await.status, 405);
    door.form(&fields).await.expect(200);
}

/// Runs `cairn client` beside the service, as an operator does.
fn operate(door: &Door, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cairn"));
    command.arg("--config").arg(door.service.folder.path().join("cairn.toml")).arg("client").args(arguments);
    command.output().unwrap()
}

#[tokio::test]
async fn an_operator_registers_rotates_and_revokes_while_the_service_runs() {
    for backend in backends() {
        let door = Door::open(backend).await;
        let file = |name: &str| door.service.folder.path().join(name).display().to_string();
        let add = |id, key: &str| {
            let arguments = ["add", id, "--name", "Care", "--organisation", "RX1", "--scope", PEOPLE, "--new-key", key];
            operate(&door, &arguments)
        };
        let (first, second) = (file("first.pem"), file("second.pem"));
        let added = add("one", &first);
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let again = add("two", &first);
        assert_eq!(again.status.code(), Some(2), "a key file is not overwritten");
        let key = ClientKey::open(first.as_ref()).unwrap();
        let caller = door.bearer(Some(&door.token("one", &key, door.at(0)).await));
        caller.get("/v1/people").await.expect(200);
        assert!(operate(&door, &["rotate", "one", "--new-key", &second]).status.success());
        refused(door.ask(&assertion("one", &key, TOKEN_URL, door.at(1_000)), None).await, 401, "invalid_client");
        door.token("one", &ClientKey::open(second.as_ref()).unwrap(), door.at(1_000)).await;
        assert!(operate(&door, &["revoke", "one"]).status.success());
        door.at(2_100);
        caller.get("/v1/people").await.expect(401);
        let listed = operate(&door, &["list", "--json"]);
        let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
        assert_eq!((listed["id"].as_str(), listed["revoked_at"].is_string()), (Some("one"), true));
    }
}

#[tokio::test]
async fn a_partner_exports_with_its_own_key() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let person = service.caller("RX1").person().await;
        let door = Door { service };
        door.register("one", "RX1", "events:read", &key(1)).await;
        let folder = door.service.folder.path();
        assert!(key(1).save(&folder.join("one.pem")).unwrap());
        assert!(key(2).save(&folder.join("two.pem")).unwrap());
        // The command has the machine's clock, so the service has it too.
        door.service.clock.set(SystemClock.now());
        let export = |file: &str, out: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_cairn"));
            command.arg("export").arg("--out").arg(folder.join(out)).args(["--url", &door.service.base]);
            command.args(["--client-id", "one", "--quiet", "--client-key"]).arg(folder.join(file));
            command.env_remove("CAIRN_TOKEN");
            // The service shares this thread's runtime and must go on while the command waits for it.
            tokio::task::spawn_blocking(move || command.output().unwrap())
        };
        let exported = export("one.pem", "out").await.unwrap();
        assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
        let events = std::fs::read_to_string(folder.join("out/events.ndjson")).unwrap();
        assert!(events.contains(&person), "{events}");
        let refused = export("two.pem", "none").await.unwrap();
        assert_eq!(refused.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&refused.stderr).contains("invalid_client"));
        let mut nobody = Command::new(env!("CARGO_BIN_EXE_cairn"));
        let nobody = nobody.args(["export", "--out"]).arg(folder.join("none")).env_remove("CAIRN_TOKEN");
        let nobody = nobody.output().unwrap();
        assert_eq!(nobody.status.code(), Some(2));
    }
}
