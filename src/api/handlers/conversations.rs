//! Conversations.

use crate::api::answer::{find, list, record_change, record_new};
use crate::api::bodies::conversations::{AmendConversation, RecordConversation};
use crate::api::json::JsonBody;
use crate::api::problem::Problem;
use crate::api::query::{FindQuery, ListQuery};
use crate::api::request::{Call, Path, Query};
use crate::api::views::nouns::ConversationView;
use crate::api::views::{ListOf, ReceiptView};
use crate::app::words::{Kind, Scope};
use actix_web::{HttpRequest, HttpResponse, get, post};

/// Records a conversation that was held: asked or not, and what came of it.
///
/// Who may call: clients with `conversations:write`.
#[utoipa::path(tag = "conversations", operation_id = "record_conversation", request_body = RecordConversation, responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["conversations:write"])))]
#[post("/conversations")]
pub async fn record_conversation(call: Call, body: JsonBody<RecordConversation>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_write(Kind::Conversation))?;
    record_new(&call, body, "conversations").await
}

/// Corrects a conversation; the version before stays in the history.
///
/// Who may call: clients with `conversations:write`. Needs `If-Match` with the version that the caller saw.
#[utoipa::path(tag = "conversations", operation_id = "amend_conversation", request_body = AmendConversation, params(("id" = String, Path, description = "The recording's id")), responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["conversations:write"])))]
#[post("/conversations/{id}/amendments")]
pub async fn amend_conversation(
    call: Call,
    id: Path<String>,
    body: JsonBody<AmendConversation>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_write(Kind::Conversation))?;
    record_change(&call, body, Kind::Conversation, &id, "conversations").await
}

/// Shows one conversation, now or as it stood.
///
/// Who may call: clients with `conversations:read`. `If-None-Match` answers 304 where the version is the same.
#[utoipa::path(tag = "conversations", operation_id = "find_conversation", params(("id" = String, Path, description = "The recording's id"), FindQuery), responses((status = 200, body = ConversationView, description = "The conversation"), (status = 304, description = "The caller has this version")), security(("oauth2" = ["conversations:read"])))]
#[get("/conversations/{id}")]
pub async fn find_conversation(call: Call, id: Path<String>, query: Query<FindQuery>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_read(Kind::Conversation))?;
    find::<ConversationView>(&call, Kind::Conversation, &id, &query).await
}

/// Lists conversations of the caller's organisation, by the position of their last change.
///
/// Who may call: clients with `conversations:read`.
#[utoipa::path(tag = "conversations", operation_id = "list_conversations", params(ListQuery), responses((status = 200, body = ListOf<ConversationView>, description = "A page")), security(("oauth2" = ["conversations:read"])))]
#[get("/conversations")]
pub async fn list_conversations(
    call: Call,
    request: HttpRequest,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_read(Kind::Conversation))?;
    list::<ConversationView>(&call, &request, Kind::Conversation, &query).await
}
