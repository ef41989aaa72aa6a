//! A line of a batch.

use serde::Deserialize;
use utoipa::ToSchema;

/// One recording of a batch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "key": "visit-1-narrative", "op": "record_narrative", "name": "n1",
    "body": {"occurred_at": "2026-11-02", "person": "@p1", "text": "I miss walking the dog.", "author": "person",
        "perspective": "person", "knowledge_form": "lived"}
}))]
pub struct RawLine {
    /// The idempotency key: the same line sent again is answered as the first time.
    pub key: String,
    /// The operation: the operation id of the request that would record it alone.
    #[schema(example = "record_narrative")]
    pub op: String,
    /// The recording to change: its id, or `@name` of an earlier line.
    #[serde(default)]
    pub id: Option<String>,
    /// The version that was seen, for operations that change a recording.
    #[serde(default)]
    pub if_match: Option<u64>,
    /// A name by which later lines of the request can refer to this recording, as `@name` in `id` and in the body's
    /// fields person, outcome, outcomes, narratives and conversation.
    #[serde(default)]
    pub name: Option<String>,
    /// The body of the operation.
    #[serde(deserialize_with = "crate::api::unique::value")]
    #[schema(value_type = Object)]
    pub body: serde_json::Value,
}
