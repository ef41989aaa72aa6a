//! Outcomes: what matters, how it is ranked, its history and how perspectives differ.

use crate::api::answer::{find, id_in_path, list, record_change, record_new, shown};
use crate::api::bodies::outcomes::{CloseOutcome, IdentifyOutcome, PrioritiseOutcome, ReopenOutcome, RewordOutcome};
use crate::api::json::JsonBody;
use crate::api::problem::{Problem, Type};
use crate::api::query::{FindQuery, ListQuery};
use crate::api::request::{Call, Path, Query};
use crate::api::views::history::OutcomeHistoryView;
use crate::api::views::nouns::OutcomeView;
use crate::api::views::record::DisagreementView;
use crate::api::views::{ListOf, ReceiptView};
use crate::app::words::{Kind, Scope};
use actix_web::{HttpRequest, HttpResponse, get, post};

/// Records what matters to a person.
///
/// Who may call: clients with `outcomes:write`.
#[utoipa::path(tag = "outcomes", operation_id = "identify_outcome", request_body = IdentifyOutcome, responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["outcomes:write"])))]
#[post("/outcomes")]
pub async fn identify_outcome(call: Call, body: JsonBody<IdentifyOutcome>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_write(Kind::Outcome))?;
    record_new(&call, body, "outcomes").await
}

/// Says an outcome in other words or codes; the version before stays in the history.
///
/// Who may call: clients with `outcomes:write`. Needs `If-Match` with the version that the caller saw.
#[utoipa::path(tag = "outcomes", operation_id = "reword_outcome", request_body = RewordOutcome, params(("id" = String, Path, description = "The recording's id")), responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["outcomes:write"])))]
#[post("/outcomes/{id}/rewordings")]
pub async fn reword_outcome(
    call: Call,
    id: Path<String>,
    body: JsonBody<RewordOutcome>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_write(Kind::Outcome))?;
    record_change(&call, body, Kind::Outcome, &id, "outcomes").await
}

/// Records how one perspective ranks an outcome.
///
/// Who may call: clients with `outcomes:write`. Needs `If-Match` with the version that the caller saw.
#[utoipa::path(tag = "outcomes", operation_id = "prioritise_outcome", request_body = PrioritiseOutcome, params(("id" = String, Path, description = "The recording's id")), responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["outcomes:write"])))]
#[post("/outcomes/{id}/priorities")]
pub async fn prioritise_outcome(
    call: Call,
    id: Path<String>,
    body: JsonBody<PrioritiseOutcome>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_write(Kind::Outcome))?;
    record_change(&call, body, Kind::Outcome, &id, "outcomes").await
}

/// Closes an outcome.
///
/// Who may call: clients with `outcomes:write`. Needs `If-Match` with the version that the caller saw.
#[utoipa::path(tag = "outcomes", operation_id = "close_outcome", request_body = CloseOutcome, params(("id" = String, Path, description = "The recording's id")), responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["outcomes:write"])))]
#[post("/outcomes/{id}/closure")]
pub async fn close_outcome(
    call: Call,
    id: Path<String>,
    body: JsonBody<CloseOutcome>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_write(Kind::Outcome))?;
    record_change(&call, body, Kind::Outcome, &id, "outcomes").await
}

/// Opens a closed outcome again.
///
/// Who may call: clients with `outcomes:write`. Needs `If-Match` with the version that the caller saw.
#[utoipa::path(tag = "outcomes", operation_id = "reopen_outcome", request_body = ReopenOutcome, params(("id" = String, Path, description = "The recording's id")), responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["outcomes:write"])))]
#[post("/outcomes/{id}/reopening")]
pub async fn reopen_outcome(
    call: Call,
    id: Path<String>,
    body: JsonBody<ReopenOutcome>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_write(Kind::Outcome))?;
    record_change(&call, body, Kind::Outcome, &id, "outcomes").await
}

/// Shows one outcome, now or as it stood.
///
/// Who may call: clients with `outcomes:read`. `If-None-Match` answers 304 where the version is the same.
#[utoipa::path(tag = "outcomes", operation_id = "find_outcome", params(("id" = String, Path, description = "The recording's id"), FindQuery), responses((status = 200, body = OutcomeView, description = "The outcome"), (status = 304, description = "The caller has this version")), security(("oauth2" = ["outcomes:read"])))]
#[get("/outcomes/{id}")]
pub async fn find_outcome(call: Call, id: Path<String>, query: Query<FindQuery>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_read(Kind::Outcome))?;
    find::<OutcomeView>(&call, Kind::Outcome, &id, &query).await
}

/// Lists outcomes of the caller's organisation, by the position of their last change.
///
/// Who may call: clients with `outcomes:read`.
#[utoipa::path(tag = "outcomes", operation_id = "list_outcomes", params(ListQuery), responses((status = 200, body = ListOf<OutcomeView>, description = "A page")), security(("oauth2" = ["outcomes:read"])))]
#[get("/outcomes")]
pub async fn list_outcomes(call: Call, request: HttpRequest, query: Query<ListQuery>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_read(Kind::Outcome))?;
    list::<OutcomeView>(&call, &request, Kind::Outcome, &query).await
}

/// Tells an outcome's full history in words that a person can read, with the events for machines.
///
/// Who may call: clients with `outcomes:read`; reviews, narratives, actions and contributions are told as far as the token's scopes open them.
#[utoipa::path(tag = "outcomes", operation_id = "find_outcome_history", params(("id" = String, Path, description = "The recording's id"), FindQuery), responses((status = 200, body = OutcomeHistoryView, description = "The history, in the order of recording")), security(("oauth2" = ["outcomes:read"])))]
#[get("/outcomes/{id}/history")]
pub async fn find_outcome_history(
    call: Call,
    id: Path<String>,
    query: Query<FindQuery>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::OutcomesRead)?;
    let outcome = id_in_path(&id, Kind::Outcome)?.into();
    let history = call.state.app.outcome_history(&call.caller, outcome, query.read()?.as_of()?).await?;
    let history = history.ok_or_else(|| Problem::new(Type::NotFound).detail("there is no such outcome"))?;
    Ok(shown(history.complete_to, OutcomeHistoryView::of(&history)?))
}

/// Sets the latest review of each perspective side by side, and says whether they disagree.
///
/// Who may call: clients with `reviews:read` and `outcomes:read`.
#[utoipa::path(tag = "outcomes", operation_id = "find_outcome_disagreement", params(("id" = String, Path, description = "The recording's id"), FindQuery), responses((status = 200, body = DisagreementView, description = "The perspectives")), security(("oauth2" = ["outcomes:read", "reviews:read"])))]
#[get("/outcomes/{id}/disagreement")]
pub async fn find_outcome_disagreement(
    call: Call,
    id: Path<String>,
    query: Query<FindQuery>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::OutcomesRead)?;
    call.needs(Scope::ReviewsRead)?;
    let outcome = id_in_path(&id, Kind::Outcome)?.into();
    let disagreement = call.state.app.disagreement(&call.caller, outcome, query.read()?.as_of()?).await?;
    let disagreement = disagreement.ok_or_else(|| Problem::new(Type::NotFound).detail("there is no such outcome"))?;
    Ok(shown(disagreement.complete_to, DisagreementView::of(&disagreement)?))
}
