//! What callers are shown: one struct for each noun, made from what the app has seen.
//!
//! Words that were erased are `null` and their class is named in `erased`, so that an erasure never looks like an empty
//! recording.

pub mod accesses;
pub mod audit_event;
pub mod erasures;
pub mod events;
pub mod frameworks;
pub mod history;
pub mod history_events;
pub mod log;
pub mod nouns;
pub mod people;
pub mod record;

use crate::app::words::{Row, Timestamp};
use crate::app::{AppError, Complete, Page, Receipt, Seen};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What every recording is shown with.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Common {
    /// The recording's id.
    pub id: String,
    /// Its version, counted from 0: also its ETag.
    #[schema(example = 0)]
    pub version: u64,
    /// The position in the log from which on this is true.
    #[schema(example = 4711)]
    pub position: u64,
    /// The controller of the recording.
    pub organisation: String,
    /// When in life.
    #[schema(example = "2026-11-02")]
    pub occurred_at: String,
    /// When it was first recorded.
    #[schema(example = "2026-11-02T10:00:00.000000Z")]
    pub recorded_at: String,
    /// When this version was recorded.
    #[schema(example = "2026-11-02T10:00:00.000000Z")]
    pub changed_at: String,
    /// The client that recorded this version.
    pub changed_by: String,
    /// The system that it was imported from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_system: Option<String>,
    /// Classes of personal parts that were erased for good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub erased: Vec<String>,
}

impl Common {
    /// Of a recording.
    #[must_use]
    pub fn of(seen: &Seen) -> Self {
        let row: &Row = &seen.row;
        Self {
            id: row.id.to_string(),
            version: row.version,
            position: row.from_position,
            organisation: row.organisation.to_string(),
            occurred_at: row.occurred_at.to_string(),
            recorded_at: row.created_at.to_string(),
            changed_at: row.changed_at.to_string(),
            changed_by: row.changed_by.clone(),
            source_system: row.source_system.clone(),
            erased: seen.erased().into_iter().map(|class| class.as_str().to_owned()).collect(),
        }
    }
}

/// A noun that can be shown.
pub trait View: Serialize + Sized {
    /// Shows a recording.
    ///
    /// # Errors
    /// [`AppError::Tampered`] where a part's content cannot be read; [`AppError::CannotFollow`] for another kind.
    fn of(seen: &Seen) -> Result<Self, AppError>;
}

/// The answer when a row is of another kind than the query asked for: cannot happen, and is never shown as data.
pub(super) fn other_kind() -> AppError {
    AppError::CannotFollow { detail: "a row is of another kind than was asked for".to_owned() }
}

/// The position that an answer is complete to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CompleteTo {
    /// The last position that the answer knows of; `null` while the log is empty.
    #[schema(example = 4711)]
    pub position: Option<u64>,
    /// When the last of the log was recorded.
    #[schema(example = "2026-11-02T10:00:00.000000Z")]
    pub recorded_at: String,
}

impl From<Complete> for CompleteTo {
    fn from(complete: Complete) -> Self {
        Self { position: complete.position, recorded_at: complete.recorded_at.to_string() }
    }
}

/// A page of a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ListOf<T> {
    /// The recordings, by the position of their last change.
    pub items: Vec<T>,
    /// What the page is complete to.
    pub complete_to: CompleteTo,
    /// Where the next page is; absent on the last. Also in the header Link with rel="next".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T: View> ListOf<T> {
    /// Shows a page.
    ///
    /// # Errors
    /// As [`View::of`].
    pub fn of(page: &Page, next: Option<String>) -> Result<Self, AppError> {
        Ok(Self {
            items: page.items.iter().map(T::of).collect::<Result<_, _>>()?,
            complete_to: page.complete_to.into(),
            next,
        })
    }
}

/// Where a recording stands in the log. Readable at once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "0f6f1f6e-52a4-4b6f-8a39-0d1f3c1f7a22", "version": 0, "position": 4711,
    "recorded_at": "2026-11-02T10:00:00.000000Z", "repeated": false
}))]
pub struct ReceiptView {
    /// The recording's id.
    pub id: String,
    /// Its version now.
    pub version: u64,
    /// The event's position.
    pub position: u64,
    /// When the log learnt of it.
    pub recorded_at: String,
    /// Whether this answers a repeat of an earlier request.
    pub repeated: bool,
}

impl From<Receipt> for ReceiptView {
    fn from(receipt: Receipt) -> Self {
        Self {
            id: receipt.id.to_string(),
            version: receipt.version,
            position: receipt.position,
            recorded_at: receipt.recorded_at.to_string(),
            repeated: receipt.repeated,
        }
    }
}

/// An instant as text.
pub(super) fn instant(at: Timestamp) -> String {
    at.to_string()
}
