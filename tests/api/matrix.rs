//! Every operation of the OpenAPI document, called by its owner, by another organisation, without the scope, with an
//! expired token, with garbage and with none. The document is the list: an operation that `operations` does not know
//! how to call fails the test.

use crate::operations::{Elsewhere, Ground, Request, request};
use crate::support::{Answer, Backend, Client, TestService, backends};
use cairn::app::Clock;
use cairn::app::auth::ClientKey;
use cairn::app::words::Scope;
use reqwest::Method;
use serde_json::{Value, json};

const OWN: &str = "TEST-1";
const OTHER: &str = "TEST-2";

/// A documented operation.
struct Documented {
    id: String,
    method: Method,
    path: String,
    /// The scopes that it needs; `None` where it is public.
    scopes: Option<Vec<Scope>>,
}

fn documented() -> Vec<Documented> {
    let document = cairn::api::document();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let security =
                operation["security"].as_array().unwrap_or_else(|| panic!("{method} {path} says nothing of security"));
            assert_eq!(security.len(), 1, "{method} {path} has one way to be called");
            let scopes = security[0].get("oauth2").map(|scopes| {
                scopes.as_array().unwrap().iter().map(|scope| scope.as_str().unwrap().parse().unwrap()).collect()
            });
            all.push(Documented {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap(),
                path: path.clone(),
                scopes,
            });
        }
    }
    assert!(all.len() > 40, "the document has lost operations");
    all
}

/// Everybody who calls.
struct Stage {
    service: TestService,
    owner: Client,
    second: Client,
    other: Client,
    key: ClientKey,
    grounds: std::cell::Cell<u64>,
}

impl Stage {
    async fn new(backend: Backend) -> Self {
        let service = TestService::start_with(backend, "checkpoint_interval_ms = 10").await;
        let (owner, other) = (service.caller(OWN), service.caller(OTHER));
        let key = service.register_client("matrix", OWN, Scope::ALL).await;
        let second = service.registered("matrix-second", OWN, Scope::ALL).await;
        Self { service, owner, second, other, key, grounds: std::cell::Cell::default() }
    }
    async fn request(&self, operation: &Documented) -> Request {
        self.grounds.set(self.grounds.get() + 1);
        let form = self.service.token_form("matrix", &self.key);
        let ground = Ground::new(&self.owner, &self.second, self.grounds.get(), form).await;
        let request = request(&operation.id, &ground).await.unwrap_or_else(|| {
            panic!("tests/api/operations.rs does not know how to call {}: add it there", operation.id)
        });
        assert_eq!(request.method, operation.method, "{}", operation.id);
        assert!(
            fits(&operation.path, &request.path),
            "{} is at {}, not {}",
            operation.id,
            operation.path,
            request.path
        );
        request
    }
}

fn fits(template: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or(path);
    let (mut template, mut path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    // The one parameter that holds slashes.
    if template.pop_if(|last| *last == "{path}").is_some() {
        path.truncate(template.len());
    }
    template.len() == path.len() && template.iter().zip(path).all(|(one, other)| one.starts_with('{') || *one == other)
}

/// A problem without what differs from request to request.
fn told(answer: &Answer) -> Value {
    let mut body = answer.body.clone();
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
    }
    json!([answer.status, answer.header("content-type"), body])
}

#[tokio::test]
async fn the_owner_needs_the_documented_scopes_and_no_more() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        for operation in documented() {
            let request = stage.request(&operation).await;
            let caller = match &operation.scopes {
                Some(scopes) => stage.service.caller_with(OWN, scopes),
                None => stage.owner.clone(),
            };
            let answer = request.send(&caller).await;
            assert_eq!(answer.status, request.success, "{}: {}", operation.id, answer.text);
            if operation.id == "record_batch" {
                assert_eq!(
                    (answer.body["status"].as_u64(), problem(&answer.body)),
                    (Some(403), "/problems/insufficient-scope")
                );
                let answer = request.send(&stage.owner).await.expect(200);
                assert_eq!(answer.body["status"], 201, "{}", answer.text);
            }
            if request.success == 201 {
                let place = answer.header("location").unwrap().to_owned();
                assert_eq!(
                    answer.header("cairn-position"),
                    Some(answer.position().to_string().as_str()),
                    "{}",
                    operation.id
                );
                let found = stage.owner.get(&place).await.expect(200);
                assert_eq!(found.header("etag"), answer.header("etag"), "{}", operation.id);
                assert_eq!(found.body["id"], answer.body["id"], "{}", operation.id);
            }
        }
    }
}

fn problem(line: &Value) -> &str {
    line["problem"]["type"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn another_organisation_learns_nothing() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        for operation in documented() {
            let request = stage.request(&operation).await;
            let before = stage.owner.head().await;
            let answer = request.send(&stage.other).await;
            let id = &operation.id;
            match request.elsewhere {
                Elsewhere::NotFound => {
                    let nobody = request.about_nobody().send(&stage.other).await;
                    assert_eq!(told(&answer), told(&nobody), "{id}: theirs and nobody's are told apart");
                    answer.expect_problem(404, "not-found");
                    if operation.method == Method::GET {
                        let then = Request { path: format!("{}?as_of={before}", request.path), ..request.clone() };
                        then.send(&stage.other).await.expect_problem(404, "not-found");
                    }
                }
                Elsewhere::UnknownReference => {
                    let nobody = request.about_nobody().send(&stage.other).await;
                    assert_eq!(told(&answer), told(&nobody), "{id}: theirs and nobody's are told apart");
                    answer.expect_problem(422, "unknown-reference");
                }
                Elsewhere::Empty => assert_sees_nothing(id, &answer.expect(200)),
                Elsewhere::OwnOnly => {
                    let person = request.names.as_deref().unwrap();
                    // The report names few of many.
                    if id != "report_unusual_accesses" {
                        let own = request.send(&stage.owner).await.expect(200);
                        assert!(own.text.contains(person), "{id}: it stands there");
                    }
                    assert!(!answer.expect(200).text.contains(person), "{id}: theirs is seen");
                }
                Elsewhere::LinesRefused => {
                    assert_eq!(
                        (answer.status, answer.body["status"].as_u64()),
                        (200, Some(422)),
                        "{id}: {}",
                        answer.text
                    );
                    assert_eq!(problem(&answer.body), "/problems/unknown-reference");
                }
                Elsewhere::OwnBusiness => {
                    let answer = answer.expect(request.success);
                    let place = answer.header("location").unwrap().to_owned();
                    // Frameworks bear names, so each organisation may have its own of the same name.
                    let seen = stage.owner.get(&place).await;
                    assert_eq!(seen.status, 404, "{id}: {}", seen.text);
                    continue;
                }
                // Whoever may audit the log may audit all of it.
                Elsewhere::Everybody => assert_eq!(answer.status, 200, "{}: {}", operation.id, answer.text),
                Elsewhere::Public => {
                    answer.expect(request.success);
                }
            }
            assert_eq!(stage.owner.head().await, before, "{id} recorded something");
        }
    }
}

fn assert_sees_nothing(operation: &str, answer: &Answer) {
    let items = answer.body["items"].as_array().unwrap();
    // Shipped reference lists are everybody's.
    let theirs: Vec<&Value> = items.iter().filter(|item| item["organisation"] != "cairn-reference").collect();
    assert!(operation.starts_with("list_frameworks") || items.is_empty(), "{operation}: {}", answer.text);
    assert!(theirs.is_empty(), "{operation}: {theirs:?}");
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        for operation in documented() {
            let request = stage.request(&operation).await;
            let before = stage.owner.head().await;
            for missing in operation.scopes.iter().flatten() {
                let scopes: Vec<Scope> = Scope::ALL.iter().copied().filter(|scope| scope != missing).collect();
                let answer = request.send(&stage.service.caller_with(OWN, &scopes)).await;
                let answer = answer.expect_problem(403, "insufficient-scope");
                assert!(
                    answer.body["detail"].as_str().unwrap().contains(missing.as_str()),
                    "{}: {}",
                    operation.id,
                    answer.text
                );
                let challenge = answer.header("www-authenticate").unwrap();
                let expected = format!("error=\"insufficient_scope\", scope=\"{}\"", missing.as_str());
                assert!(
                    challenge.starts_with("Bearer ") && challenge.contains(&expected),
                    "{}: {challenge}",
                    operation.id
                );
            }
            assert_eq!(stage.owner.head().await, before, "{} recorded something", operation.id);
        }
    }
}

#[tokio::test]
async fn without_a_good_token_nothing_but_a_challenge_is_answered() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let now = stage.service.clock.now();
        let at = |hours: i64| stage.service.token_issued_at(OWN, Scope::ALL, now.plus_micros(hours * 3_600_000_000));
        let good = stage.service.token(OWN, Scope::ALL);
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let altered = format!("{signed}.{}", signature.chars().rev().collect::<String>());
        let tokens = [
            ("none", None),
            ("expired", Some(at(-2))),
            ("not valid yet", Some(at(2))),
            ("garbage", Some("garbage".to_owned())),
            ("of another key", Some(altered)),
            ("without a signature", Some(format!("{signed}."))),
        ];
        for operation in documented() {
            let mut request = stage.request(&operation).await;
            let before = stage.owner.head().await;
            for (name, token) in &tokens {
                if operation.id == "grant_token" {
                    // Its body is good for one use.
                    request = stage.request(&operation).await;
                }
                let answer = request.send(&stage.service.caller_as(token.clone())).await;
                if operation.scopes.is_none() {
                    answer.expect(request.success);
                    continue;
                }
                let answer = answer.expect_problem(401, "unauthorised");
                let challenge = answer.header("www-authenticate").unwrap();
                match token {
                    None => assert_eq!(challenge, "Bearer", "{} {name}", operation.id),
                    Some(_) => assert!(
                        challenge.starts_with("Bearer error=\"invalid_token\""),
                        "{} {name}: {challenge}",
                        operation.id
                    ),
                }
            }
            assert!(
                operation.scopes.is_none() || stage.owner.head().await == before,
                "{} recorded something",
                operation.id
            );
        }
    }
}

#[tokio::test]
async fn the_token_is_looked_at_before_the_body() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        for (token, status) in [(None, 401), (Some("garbage".to_owned()), 401)] {
            let caller = service.caller_as(token);
            caller.post("/v1/people", &json!({"not": "a person"})).await.expect(status);
            caller.get("/v1/people?limit=none").await.expect(status);
        }
        let reader = service.caller_with(OWN, &[Scope::PeopleRead]);
        reader.post("/v1/people", &json!({"not": "a person"})).await.expect_problem(403, "insufficient-scope");
        reader.get("/v1/outcomes?limit=none").await.expect_problem(403, "insufficient-scope");
    }
}

#[tokio::test]
async fn idempotency_keys_are_each_organisations_own() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let body = json!({"occurred_at": "2026-01-05", "name": "Morgan Sample"});
        let mut ids = Vec::new();
        for organisation in [OWN, OTHER] {
            let caller = service.caller(organisation);
            let answer =
                caller.send(Method::POST, "/v1/people", &[("Idempotency-Key", "one")], Some(&body)).await.expect(201);
            assert_eq!(answer.body["repeated"], false);
            ids.push(answer.id());
        }
        assert_ne!(ids[0], ids[1]);
    }
}

#[tokio::test]
async fn what_is_served_is_what_is_documented() {
    let service = TestService::start(Backend::Sqlite).await;
    let caller = service.caller(OWN);
    let all = documented();
    for operation in &all {
        let path = operation.path.replace("{framework}", "nothing").replace("{version}", "1");
        let path = path.replace("{id}", crate::operations::NOBODY);
        let answer = caller.send(operation.method.clone(), &path, &[], None).await;
        assert_ne!(answer.body["detail"], "there is no such path", "{} is not served", operation.id);
        assert_ne!(answer.status, 405, "{} is not served", operation.id);
        let methods_of = |is_it: &dyn Fn(&Documented) -> bool| -> Vec<&str> {
            all.iter().filter(|one| is_it(one)).map(|one| one.method.as_str()).collect()
        };
        let mut expected = methods_of(&|one| one.path == operation.path);
        expected.sort_unstable();
        for method in ["PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "GET", "POST"] {
            if expected.contains(&method) {
                continue;
            }
            let answer = caller.send(Method::from_bytes(method.as_bytes()).unwrap(), &path, &[], None).await;
            let answer = answer.expect_problem(405, "method-not-allowed");
            let mut allowed: Vec<&str> = answer.header("allow").unwrap().split(", ").collect();
            allowed.sort_unstable();
            assert_eq!(allowed, expected, "{method} {path}");
        }
    }
    for path in
        ["/v1", "/v1/", "/v2/people", "/v1/people/", "/v1/nothing", "/nothing", "/v1/people/a/b/c", "/v1//people"]
    {
        let answer = caller.get(path).await.expect_problem(404, "not-found");
        assert_eq!(answer.body["detail"], "there is no such path", "{path}");
    }
}
