//! The OpenAPI document: committed as it is served, sound as OpenAPI 3.1, and true: its examples are valid and
//! accepted, and what the service answers is what the document says.

use crate::operations::{Ground, Request, request};
use crate::support::{Answer, Backend, Client, TestService};
use cairn::app::words::Scope;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Where it is committed.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.json");

#[test]
fn the_committed_document_is_the_served_one() {
    let text = cairn::api::document_text();
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(COMMITTED, &text).unwrap();
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(
        committed == text,
        "openapi/openapi.json is not what the code says: run this test with UPDATE_OPENAPI=1 and look at the difference"
    );
}

/// Every operation with its path and method.
pub fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            all.push((path.clone(), method.clone(), operation.clone()));
        }
    }
    all
}

#[test]
fn every_operation_says_what_a_caller_needs() {
    let document = cairn::api::document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    let tags: BTreeSet<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let declared = &document["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]["scopes"];
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let at = format!("{method} {path}");
        let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{at} has no operationId"));
        assert!(ids.insert(id.to_owned()), "{id} is there twice");
        assert!(operation["summary"].as_str().is_some_and(|text| text.ends_with('.')), "{id} has no summary");
        let of_tags = operation["tags"].as_array().unwrap();
        assert!(
            of_tags.len() == 1 && tags.contains(of_tags[0].as_str().unwrap()),
            "{id} has one tag that is described"
        );
        let scopes = operation["security"][0].get("oauth2").and_then(Value::as_array);
        for scope in scopes.into_iter().flatten() {
            assert!(declared.get(scope.as_str().unwrap()).is_some(), "{id} needs {scope}, which is not declared");
            let description = operation["description"].as_str().unwrap_or_default();
            assert!(description.contains(scope.as_str().unwrap()), "{id} says who may call: {description}");
        }
        let content = operation["requestBody"]["content"].as_object();
        assert_eq!(content.is_some(), method == "post", "{at} has a body if it is a POST");
        for media in content.into_iter().flat_map(|content| content.values()) {
            assert!(example_of(&document, media).is_some(), "{id} has no example of its body");
        }
        let successes: Vec<&Value> =
            ["200", "201"].iter().filter_map(|status| operation["responses"].get(status)).collect();
        assert_eq!(successes.len(), 1, "{id} has one success");
        for media in successes[0]["content"].as_object().unwrap().values() {
            assert!(media.get("schema").is_some(), "{id} does not say what it answers");
        }
        check_parameters(&document, &path, &operation);
    }
    assert_eq!(declared.as_object().unwrap().len(), Scope::ALL.len());
}

fn check_parameters(document: &Value, path: &str, operation: &Value) {
    let id = operation["operationId"].as_str().unwrap();
    let parameters: Vec<Value> = operation["parameters"].as_array().cloned().unwrap_or_default();
    let named = |name: &str, place: &str| parameters.iter().find(|one| one["name"] == name && one["in"] == place);
    for parameter in &parameters {
        let name = &parameter["name"];
        assert!(parameter["description"].as_str().is_some_and(|text| !text.is_empty()), "{id} {name} is not described");
        if let Some(example) = parameter.get("example") {
            assert_valid(document, &parameter["schema"], example, &format!("the example of {name} of {id}"));
        }
    }
    for segment in path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')) {
        assert!(
            named(segment, "path").is_some_and(|one| one["required"] == true),
            "{id} does not describe {{{segment}}}"
        );
    }
    let success = operation["responses"].get("201").is_some();
    assert_eq!(named("Idempotency-Key", "header").is_some(), success, "{id} takes a key if it records");
}

/// The example of a body: beside the schema or in it.
fn example_of(document: &Value, media: &Value) -> Option<Value> {
    let beside = media.get("example").cloned();
    beside.or_else(|| resolved(document, &media["schema"]).get("example").cloned())
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => document.pointer(pointer).unwrap_or_else(|| panic!("there is no {pointer}")),
        None => schema,
    }
}

/// Validates against a schema of the document, with JSON Schema 2020-12.
#[track_caller]
fn assert_valid(document: &Value, schema: &Value, instance: &Value, what: &str) {
    let mut root = schema.clone();
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["components"] = json!({"schemas": document["components"]["schemas"]});
    let validator = jsonschema::draft202012::new(&root).unwrap_or_else(|error| panic!("the schema of {what}: {error}"));
    let errors: Vec<String> =
        validator.iter_errors(instance).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{what} is not valid: {}\n{instance:#}", errors.join("; "));
}

#[test]
fn every_example_is_valid() {
    let document = cairn::api::document();
    let mut seen = 0;
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let reference = json!({"$ref": format!("#/components/schemas/{name}")});
        if let Some(example) = schema.get("example") {
            assert_valid(&document, &reference, example, &format!("the example of {name}"));
            seen += 1;
        }
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            if let Some(example) = property.get("example") {
                assert_valid(&document, property, example, &format!("the example of {name}.{field}"));
                seen += 1;
            }
        }
    }
    for (path, method, operation) in operations(&document) {
        let bodies = operation["requestBody"]["content"].as_object().into_iter().flatten();
        let answers = operation["responses"].as_object().unwrap().values();
        let answers =
            answers.flat_map(|answer| resolved(&document, answer)["content"].as_object().into_iter().flatten());
        for (media_type, media) in bodies.chain(answers) {
            if let Some(example) = media.get("example") {
                assert_valid(
                    &document,
                    &media["schema"],
                    example,
                    &format!("an example of {method} {path} in {media_type}"),
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 40, "only {seen} examples were found");
}

#[test]
fn every_reference_leads_somewhere() {
    let document = cairn::api::document();
    let text = document.to_string();
    let references: BTreeSet<&str> =
        text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(references.len() > 40);
    for reference in references {
        assert!(document.pointer(reference).is_some(), "there is no {reference}");
    }
}

/// The ids that stand in examples.
const EXAMPLE_PERSON: &str = "5f0c3c1e-7a52-4e0b-9a56-2f7f2f1f9b11";
const EXAMPLE_OUTCOME: &str = "0f6f1f6e-52a4-4b6f-8a39-0d1f3c1f7a22";

/// Each operation on a ground of its own, called with the document's example in place of the body.
async fn called_by_example(
    document: &Value,
    (caller, second): (&Client, &Client),
    at: u64,
    operation: &Value,
) -> (Request, Answer) {
    let id = operation["operationId"].as_str().unwrap();
    let ground = Ground::new(caller, second, at, json!({})).await;
    let mut call = request(id, &ground).await.unwrap_or_else(|| panic!("operations.rs does not know {id}"));
    let media = operation["requestBody"]["content"].as_object().and_then(|content| content.values().next());
    if let Some(example) = media.and_then(|media| example_of(document, media)) {
        let text =
            example.to_string().replace(EXAMPLE_PERSON, &ground.person).replace(EXAMPLE_OUTCOME, &ground.outcome);
        call.body = Some(serde_json::from_str(&text.replace("@p1", &ground.person)).unwrap());
    }
    let answer = call.send(caller).await;
    (call, answer)
}

#[tokio::test]
async fn every_example_is_accepted_and_every_answer_is_as_documented() {
    let service = TestService::start(Backend::Sqlite).await;
    let caller = service.caller("TEST-1");
    let second = service.registered("second", "TEST-1", cairn::app::words::Scope::ALL).await;
    let document = cairn::api::document();
    for (number, (_, _, operation)) in (1..).zip(operations(&document)) {
        let id = operation["operationId"].as_str().unwrap();
        if id == "grant_token" {
            // Its example cannot hold a real assertion; the tests of authentication call it.
            continue;
        }
        let (call, answer) = called_by_example(&document, (&caller, &second), number, &operation).await;
        assert_eq!(answer.status, call.success, "the example of {id}: {}", answer.text);
        if id == "record_batch" {
            assert_eq!(answer.body["status"], 201, "{}", answer.text);
        }
        assert_documented(&document, &operation, &answer);
        // The same again shows what a refusal looks like: its key is fresh, so most are refused or stale.
        assert_documented(&document, &operation, &service.caller_as(None).post("/v1/people", &json!({})).await);
    }
}

fn assert_documented(document: &Value, operation: &Value, answer: &Answer) {
    let id = operation["operationId"].as_str().unwrap();
    if operation["security"][0].get("oauth2").is_none() && answer.status == 401 {
        return;
    }
    let response = &operation["responses"][answer.status.to_string()];
    let response = resolved(document, response);
    let media_type = answer.header("content-type").unwrap().split(';').next().unwrap();
    let schema = &response["content"][media_type]["schema"];
    assert!(schema.is_object(), "{id} does not document {} in {media_type}", answer.status);
    if media_type.ends_with("json") {
        assert_valid(document, schema, &answer.body, &format!("the answer of {id}"));
    }
}

#[tokio::test]
async fn answers_with_everything_in_them_are_as_documented() {
    let service = TestService::start(Backend::Sqlite).await;
    let caller = service.caller("TEST-1");
    let document = cairn::api::document();
    let operations = operations(&document);
    let lines: Vec<Value> = cairn::app::sample::population(12, 7, "2026-11-24".parse().unwrap())
        .flat_map(|person| person.lines)
        .map(|line| serde_json::from_str(&line.to_line()).unwrap())
        .collect();
    let mut answers = caller.batch("each", &lines).await;
    answers.extend(caller.batch("each", &[json!({"key": "k", "op": "nothing", "body": {}}), json!(1)]).await);
    let by_id = |id: &str| operations.iter().find(|(_, _, one)| one["operationId"] == id).unwrap().2.clone();
    let line_schema = &by_id("record_batch")["responses"]["200"]["content"]["application/x-ndjson"]["schema"];
    for answer in &answers {
        assert_valid(&document, line_schema, answer, "an answer of a line");
    }
    for (place, list) in [
        ("people", "list_people"),
        ("conversations", "list_conversations"),
        ("narratives", "list_narratives"),
        ("outcomes", "list_outcomes"),
        ("reviews", "list_reviews"),
        ("actions", "list_actions"),
        ("contributions", "list_contributions"),
        ("frameworks", "list_frameworks"),
        ("events", "list_events"),
        ("history", "list_history"),
        ("history/diff", "compare_history"),
    ] {
        let query = match place {
            "frameworks" => "",
            "events" | "history" | "history/diff" => "?limit=500&include=words",
            _ => "?limit=500",
        };
        let answer = caller.get(&format!("/v1/{place}{query}")).await.expect(200);
        assert!(!answer.body["items"].as_array().unwrap().is_empty(), "there are no {place}");
        assert_documented(&document, &by_id(list), &answer);
    }
    let outcomes = caller.get("/v1/outcomes?limit=500").await.expect(200);
    for outcome in outcomes.body["items"].as_array().unwrap() {
        let id = outcome["id"].as_str().unwrap();
        for (path, operation) in [("history", "find_outcome_history"), ("disagreement", "find_outcome_disagreement")] {
            let answer = caller.get(&format!("/v1/outcomes/{id}/{path}")).await.expect(200);
            assert_documented(&document, &by_id(operation), &answer);
        }
    }
    let people = caller.get("/v1/people?limit=500").await.expect(200);
    for person in people.body["items"].as_array().unwrap() {
        let answer = caller.get(&format!("/v1/people/{}/record", person["id"].as_str().unwrap())).await.expect(200);
        assert_documented(&document, &by_id("find_person_record"), &answer);
    }
}
