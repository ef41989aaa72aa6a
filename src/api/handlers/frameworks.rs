//! Frameworks, ladders, scales and lists as versioned data.

use crate::api::answer::{POSITION_HEADER, created, entity_tag, listed, position_of, record, shown};
use crate::api::bodies::frameworks::{PublishFramework, RetireFramework};
use crate::api::json::JsonBody;
use crate::api::problem::{Problem, Type};
use crate::api::query::{FindQuery, as_of, read};
use crate::api::request::{Call, Path, Query};
use crate::api::views::frameworks::{ComparisonView, FrameworkView};
use crate::api::views::{ListOf, ReceiptView, View};
use crate::app::Target;
use crate::app::words::{FrameworkRef, Scope, is_slug};
use actix_web::http::header::ETAG;
use actix_web::{HttpResponse, get, post};
use serde::Deserialize;
use utoipa::IntoParams;

/// Publishes a version of a framework, ladder, scale or list.
///
/// Who may call: clients with `frameworks:write`. A published version never changes.
#[utoipa::path(tag = "frameworks", operation_id = "publish_framework", request_body = PublishFramework, responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["frameworks:write"])))]
#[post("/frameworks")]
pub async fn publish_framework(call: Call, body: JsonBody<PublishFramework>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::FrameworksWrite)?;
    let body = body.read(call.state.limits).await?;
    let place = format!("/v1/frameworks/{}/versions/{}", body.value.id, body.value.version);
    let receipt = record(&call, body, Target::New, "", None).await?;
    Ok(created(receipt, &place))
}

/// Retires a version: no new recording may use it, old ones keep it.
///
/// Who may call: clients with `frameworks:write`, for versions of their own organisation. Needs `If-Match`.
#[utoipa::path(tag = "frameworks", operation_id = "retire_framework", request_body = RetireFramework, params(("framework" = String, Path, description = "The framework's name"), ("version" = u32, Path, description = "Which version")), responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["frameworks:write"])))]
#[post("/frameworks/{framework}/versions/{version}/retirement")]
pub async fn retire_framework(
    call: Call,
    path: Path<(String, String)>,
    body: JsonBody<RetireFramework>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::FrameworksWrite)?;
    let if_match = call.if_match()?;
    let reference = reference_in_path(&path)?;
    let found = call.state.app.own_framework(&call.caller, &reference).await?;
    let id = found.ok_or_else(|| Problem::new(Type::NotFound).detail("there is no such framework of yours"))?;
    let body = body.read(call.state.limits).await?;
    let receipt =
        record(&call, body, Target::Existing { id, if_match: Some(if_match) }, &reference.to_string(), Some(if_match))
            .await?;
    Ok(created(receipt, &format!("/v1/frameworks/{}/versions/{}", reference.id, reference.version)))
}

/// Lists every framework version within reach: the shipped ones and those of the caller's organisation.
///
/// Who may call: clients with `frameworks:read`.
#[utoipa::path(tag = "frameworks", operation_id = "list_frameworks", params(FindQuery), responses((status = 200, body = ListOf<FrameworkView>, description = "All versions, at most 1,000")), security(("oauth2" = ["frameworks:read"])))]
#[get("/frameworks")]
pub async fn list_frameworks(call: Call, query: Query<FindQuery>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::FrameworksRead)?;
    let page = call.state.app.frameworks(&call.caller, None, query.read()?.as_of()?).await?;
    Ok(listed(page.complete_to, None, ListOf::<FrameworkView>::of(&page, None)?))
}

/// Lists the versions of one framework.
///
/// Who may call: clients with `frameworks:read`.
#[utoipa::path(tag = "frameworks", operation_id = "list_framework_versions", params(("framework" = String, Path, description = "The framework's name"), FindQuery), responses((status = 200, body = ListOf<FrameworkView>, description = "Its versions")), security(("oauth2" = ["frameworks:read"])))]
#[get("/frameworks/{framework}/versions")]
pub async fn list_framework_versions(
    call: Call,
    framework: Path<String>,
    query: Query<FindQuery>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::FrameworksRead)?;
    if !is_slug(&framework) {
        return Err(Problem::new(Type::NotFound).detail("there is no such framework"));
    }
    let page = call.state.app.frameworks(&call.caller, Some(&framework), query.read()?.as_of()?).await?;
    if page.items.is_empty() {
        return Err(Problem::new(Type::NotFound).detail("there is no such framework"));
    }
    Ok(listed(page.complete_to, None, ListOf::<FrameworkView>::of(&page, None)?))
}

/// Shows one version of a framework.
///
/// Who may call: clients with `frameworks:read`.
#[utoipa::path(tag = "frameworks", operation_id = "find_framework_version", params(("framework" = String, Path, description = "The framework's name"), ("version" = u32, Path, description = "Which version"), FindQuery), responses((status = 200, body = FrameworkView, description = "The version")), security(("oauth2" = ["frameworks:read"])))]
#[get("/frameworks/{framework}/versions/{version}")]
pub async fn find_framework_version(
    call: Call,
    path: Path<(String, String)>,
    query: Query<FindQuery>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::FrameworksRead)?;
    let reference = reference_in_path(&path)?;
    let found = call.state.app.framework_version_seen(&call.caller, &reference, query.read()?.as_of()?).await?;
    let (complete, seen) =
        found.ok_or_else(|| Problem::new(Type::NotFound).detail("there is no such framework version"))?;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, entity_tag(seen.row.version)))
        .insert_header((POSITION_HEADER, position_of(complete)))
        .json(FrameworkView::of(&seen)?))
}

/// Parameters of a comparison.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ComparisonQuery {
    /// The earlier version.
    #[param(value_type = u32, required = true, minimum = 1, example = 1)]
    pub from: Option<String>,
    /// The later version.
    #[param(value_type = u32, required = true, minimum = 1, example = 2)]
    pub to: Option<String>,
    /// As of a position (included) or an RFC 3339 instant: how they stood then.
    #[param(example = "4711")]
    pub as_of: Option<String>,
}

/// Compares two versions of a framework: items added, removed and changed.
///
/// Who may call: clients with `frameworks:read`.
#[utoipa::path(tag = "frameworks", operation_id = "compare_framework_versions", params(("framework" = String, Path, description = "The framework's name"), ComparisonQuery), responses((status = 200, body = ComparisonView, description = "The differences")), security(("oauth2" = ["frameworks:read"])))]
#[get("/frameworks/{framework}/comparison")]
pub async fn compare_framework_versions(
    call: Call,
    framework: Path<String>,
    query: Query<ComparisonQuery>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::FrameworksRead)?;
    let mut versions = Vec::with_capacity(2);
    let query = query.read()?;
    let as_of = query.as_of.as_deref().map(as_of).transpose()?;
    for (parameter, text) in [("from", &query.from), ("to", &query.to)] {
        let version = read::<u32>(parameter, text.as_deref())?;
        let version =
            version.ok_or_else(|| Problem::new(Type::InvalidQuery).detail(format!("{parameter}: is missing")))?;
        let reference = reference_in_path(&(framework.to_string(), version.to_string()))?;
        let found = call.state.app.framework_version_seen(&call.caller, &reference, as_of).await?;
        versions.push(found.ok_or_else(|| Problem::new(Type::NotFound).detail("there is no such framework version"))?);
    }
    let [(_, earlier), (complete, later)] = versions.as_slice() else { return Err(Problem::new(Type::Internal)) };
    Ok(shown(*complete, ComparisonView::of(earlier, later)?))
}

fn reference_in_path(path: &(String, String)) -> Result<FrameworkRef, Problem> {
    format!("{}@{}", path.0, path.1)
        .parse()
        .map_err(|_| Problem::new(Type::NotFound).detail("there is no such framework version"))
}
