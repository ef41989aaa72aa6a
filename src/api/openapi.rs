//! The OpenAPI 3.1 document: generated from the routes, with what every operation has in common added in one place.

use crate::api::problem::Type;
use crate::api::routes::routes;
use crate::app::words::Scope;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa_actix_web::AppExt;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Cairn",
        description = "Personal outcomes in health and social care: recorded, revised and queried, now or as of any earlier position.\n\nEvery answer that depends on the log says the position it is complete to (`Cairn-Position`). Every read takes `as_of`. A POST that records needs an `Idempotency-Key`; a change needs `If-Match`. Who is shown whose data is recorded before it is shown (tag `accesses`); say on whose behalf you read with `On-Behalf-Of`. Errors are problems (RFC 9457) whose type is a page of this documentation. Times in life may be a year, a month, a date or an instant; a recording cannot lie in the future.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "people", description = "People whose outcomes are recorded; names and identifiers are sealed, and an identifier never stands in a URL."),
        (name = "conversations", description = "Outcomes-focused engagements: expressed, none expressed and not asked are three different facts."),
        (name = "narratives", description = "People's accounts, word for word, with the person's own words marked."),
        (name = "outcomes", description = "What matters to a person."),
        (name = "reviews", description = "Dated appraisals, one perspective each; disagreement is data, never an error."),
        (name = "actions", description = "Agreed steps."),
        (name = "contributions", description = "What anybody did towards an outcome."),
        (name = "frameworks", description = "Frameworks, ladders, scales and lists as versioned data."),
        (name = "erasures", description = "Erasure (GDPR Art 17): asked for by one client, executed or refused by another, told to whoever had the data."),
        (name = "batches", description = "Many recordings in one request."),
        (name = "events", description = "The feed of events by position."),
        (name = "history", description = "The history of an organisation for its auditors: every event at its full envelope, as known at one time and as true on another."),
        (name = "accesses", description = "Who was shown whose data, recorded before it was shown."),
        (name = "log", description = "The two logs, of outcomes and of accesses, as auditors and witnesses read them: signed checkpoints, tiles and proofs."),
        (name = "authentication", description = "OAuth 2.0 client credentials with private_key_jwt."),
        (name = "operation", description = "Health and metrics.")
    ),
    components(schemas(crate::api::problem::ProblemDocument))
)]
struct Base;

/// The document.
#[must_use]
pub fn document() -> Value {
    let (_, generated) =
        actix_web::App::new().into_utoipa_app().openapi(Base::openapi()).configure(routes).split_for_parts();
    let mut document = serde_json::to_value(&generated).unwrap_or_default();
    let scopes: Map<String, Value> =
        Scope::ALL.iter().map(|scope| (scope.as_str().to_owned(), json!(describe(*scope)))).collect();
    document["components"]["securitySchemes"] = json!({
        "oauth2": { "type": "oauth2", "flows": { "clientCredentials": { "tokenUrl": "/oauth2/token", "scopes": scopes } } }
    });
    document["components"]["responses"] = Value::Object(shared_responses());
    if let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) {
        for (path, item) in paths.iter_mut() {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                complete(path, method, operation);
            }
        }
    }
    document
}

/// The document as it is committed and served: pretty JSON with a line end.
#[must_use]
pub fn document_text() -> String {
    let mut text = serde_json::to_string_pretty(&document()).unwrap_or_default();
    text.push('\n');
    text
}

fn describe(scope: Scope) -> String {
    let (noun, verb) = scope.as_str().split_once(':').unwrap_or(("", ""));
    match verb {
        "read" => format!("Read {noun}"),
        "request" => format!("Ask for {noun}"),
        "approve" => format!("Approve or refuse {noun} that another client asked for"),
        _ => format!("Record {noun}"),
    }
}

fn shared_responses() -> Map<String, Value> {
    Type::ALL
        .iter()
        .map(|kind| {
            let response = json!({
                "description": kind.title(),
                "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/ProblemDocument" } } }
            });
            (kind.slug().to_owned(), response)
        })
        .collect()
}

/// Adds headers and problems that an operation has by its kind.
fn complete(path: &str, method: &str, operation: &mut Value) {
    let secured = operation["security"].as_array().is_some_and(|all| all.iter().any(|one| one.get("oauth2").is_some()));
    if !secured {
        return;
    }
    let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
    let records = method == "post" && id != "search_people" && id != "record_batch";
    let changes = records && path.contains('{');
    let mut parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    if records {
        parameters.push(header(
            "Idempotency-Key",
            true,
            "A repeat with the same key and body is answered as the first time.",
            json!("visit-2026-11-02-1"),
        ));
    }
    if changes {
        parameters.push(header(
            "If-Match",
            id != "respond_to_narrative",
            "The ETag of the version that you saw.",
            json!("\"0\""),
        ));
    }
    if method == "get" && path.ends_with("{id}") {
        parameters.push(header(
            "If-None-Match",
            false,
            "The ETag that you have: answers 304 if it is still the same.",
            json!("\"0\""),
        ));
    }
    parameters.push(header("Purpose-Of-Use", false, "An HL7 v3 PurposeOfUse code.", json!("TREAT")));
    parameters.push(header(
        "On-Behalf-Of",
        false,
        "The code of the user for whom you call, as your own system knows them: 1 to 128 printable ASCII characters, never a name. It stands in the log of accesses.",
        json!("u-17"),
    ));
    parameters.push(header(
        "On-Behalf-Of-Role",
        false,
        "As what that user acts: 1 to 64 letters, digits and . _ : -",
        json!("social_worker"),
    ));
    operation["parameters"] = Value::Array(parameters);
    let mut kinds = vec![Type::Unauthorised, Type::InsufficientScope, Type::Unavailable, Type::Internal];
    if method == "get" || id == "search_people" {
        // Shares its status with what else is not available.
        kinds.insert(2, Type::AccessNotRecorded);
    }
    if method == "get" {
        kinds.push(Type::InvalidQuery);
    } else {
        kinds.extend([Type::MalformedJson, Type::BodyTooLarge, Type::UnsupportedMediaType, Type::InvalidBody]);
    }
    if path.contains('{') {
        kinds.push(Type::NotFound);
    }
    if records {
        kinds.extend([Type::NotInThisState, Type::StorageFull]);
    }
    if changes {
        kinds.extend([Type::VersionConflict, Type::PreconditionRequired]);
    }
    for kind in kinds {
        let status = kind.status().to_string();
        if operation["responses"].get(&status).is_none() {
            operation["responses"][&status] = json!({ "$ref": format!("#/components/responses/{}", kind.slug()) });
        }
    }
}

fn header(name: &str, required: bool, description: &str, example: Value) -> Value {
    json!({
        "name": name, "in": "header", "required": required, "description": description,
        "schema": { "type": "string" }, "example": example
    })
}
