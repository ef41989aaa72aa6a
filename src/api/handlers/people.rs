//! People: registered, amended, found by identifier, their whole record.

use crate::api::answer::{find, id_in_path, list, listed, record_change, record_new, shown};
use crate::api::bodies::people::{AddPersonIdentifier, AmendPerson, Identifier, RegisterPerson, SearchPeople};
use crate::api::json::JsonBody;
use crate::api::problem::{Problem, Type};
use crate::api::query::{FindQuery, ListQuery};
use crate::api::request::{Call, Path, Query};
use crate::api::views::people::PersonView;
use crate::api::views::record::PersonRecordView;
use crate::api::views::{ListOf, ReceiptView};
use crate::app::words::{Kind, Scope};
use actix_web::{HttpRequest, HttpResponse, get, post};

/// Registers a person.
///
/// Who may call: clients with `people:write`. An identifier that another person of the organisation has is refused with 409.
#[utoipa::path(tag = "people", operation_id = "register_person", request_body = RegisterPerson, responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["people:write"])))]
#[post("/people")]
pub async fn register_person(call: Call, body: JsonBody<RegisterPerson>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_write(Kind::Person))?;
    record_new(&call, body, "people").await
}

/// Corrects a person's name or date of birth, given whole.
///
/// Who may call: clients with `people:write`. Needs `If-Match` with the version that the caller saw.
#[utoipa::path(tag = "people", operation_id = "amend_person", request_body = AmendPerson, params(("id" = String, Path, description = "The recording's id")), responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["people:write"])))]
#[post("/people/{id}/amendments")]
pub async fn amend_person(call: Call, id: Path<String>, body: JsonBody<AmendPerson>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_write(Kind::Person))?;
    record_change(&call, body, Kind::Person, &id, "people").await
}

/// Adds an identifier to a person.
///
/// Who may call: clients with `people:write`. Needs `If-Match` with the version that the caller saw.
#[utoipa::path(tag = "people", operation_id = "add_person_identifier", request_body = AddPersonIdentifier, params(("id" = String, Path, description = "The recording's id")), responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["people:write"])))]
#[post("/people/{id}/identifiers")]
pub async fn add_person_identifier(
    call: Call,
    id: Path<String>,
    body: JsonBody<AddPersonIdentifier>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_write(Kind::Person))?;
    record_change(&call, body, Kind::Person, &id, "people").await
}

/// Shows one person, now or as it stood.
///
/// Who may call: clients with `people:read`. `If-None-Match` answers 304 where the version is the same.
#[utoipa::path(tag = "people", operation_id = "find_person", params(("id" = String, Path, description = "The recording's id"), FindQuery), responses((status = 200, body = PersonView, description = "The person"), (status = 304, description = "The caller has this version")), security(("oauth2" = ["people:read"])))]
#[get("/people/{id}")]
pub async fn find_person(call: Call, id: Path<String>, query: Query<FindQuery>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_read(Kind::Person))?;
    find::<PersonView>(&call, Kind::Person, &id, &query).await
}

/// Lists people of the caller's organisation, by the position of their last change.
///
/// Who may call: clients with `people:read`.
#[utoipa::path(tag = "people", operation_id = "list_people", params(ListQuery), responses((status = 200, body = ListOf<PersonView>, description = "A page")), security(("oauth2" = ["people:read"])))]
#[get("/people")]
pub async fn list_people(call: Call, request: HttpRequest, query: Query<ListQuery>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_read(Kind::Person))?;
    list::<PersonView>(&call, &request, Kind::Person, &query).await
}

/// Finds the person who has an identifier: at most one in an organisation.
///
/// Who may call: clients with `people:read`. The identifier stands in the body, because it must never stand in a URL.
#[utoipa::path(tag = "people", operation_id = "search_people", request_body = SearchPeople, params(FindQuery), responses((status = 200, body = ListOf<PersonView>, description = "Nobody or one person")), security(("oauth2" = ["people:read"])))]
#[post("/people/search")]
pub async fn search_people(
    call: Call,
    query: Query<FindQuery>,
    body: JsonBody<SearchPeople>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::PeopleRead)?;
    let body = body.read(call.state.limits).await?;
    let wanted = Identifier { system: body.value.system, value: body.value.value }.parse("")?;
    let page = call.state.app.search_people(&call.caller, &wanted, query.read()?.as_of()?).await?;
    Ok(listed(page.complete_to, None, ListOf::<PersonView>::of(&page, None)?))
}

/// Shows everything about one person in one answer, now or as it stood.
///
/// Who may call: clients with `people:read`; each kind of recording needs its own scope besides, and kinds that the token does not open are named.
#[utoipa::path(tag = "people", operation_id = "find_person_record", params(("id" = String, Path, description = "The person's id"), FindQuery), responses((status = 200, body = PersonRecordView, description = "The record")), security(("oauth2" = ["people:read"])))]
#[get("/people/{id}/record")]
pub async fn find_person_record(
    call: Call,
    id: Path<String>,
    query: Query<FindQuery>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::PeopleRead)?;
    let person = id_in_path(&id, Kind::Person)?.into();
    let record = call.state.app.person_record(&call.caller, person, query.read()?.as_of()?).await?;
    let record = record.ok_or_else(|| Problem::new(Type::NotFound).detail("there is no such person"))?;
    Ok(shown(record.complete_to, PersonRecordView::of(&record)?))
}
