//! An outcome's history as it is shown.

use crate::api::views::CompleteTo;
use crate::api::views::events::EventView;
use crate::app::{AppError, OutcomeHistory};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One entry of a history.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HistoryEntryView {
    /// What changed, in words.
    #[schema(example = "Outcome reworded from “Walk the dog” to “Walk the dog with my friends”")]
    pub what: String,
    /// Whose view it is and who recorded it.
    #[schema(example = "person's view, recorded by care-system")]
    pub who: String,
    /// When in life.
    pub when_in_life: String,
    /// When it was recorded.
    pub recorded_at: String,
    /// Whether it was recorded more than seven days after it happened.
    pub late: bool,
    /// Why, in the words of whoever recorded it.
    pub why: Option<String>,
    /// The event, for machines.
    pub event: EventView,
}

/// An outcome's history.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OutcomeHistoryView {
    /// The entries, in the order of recording.
    pub entries: Vec<HistoryEntryView>,
    /// Whether there is more than one answer may hold (1,000 events).
    pub truncated: bool,
    /// What it is complete to.
    pub complete_to: CompleteTo,
}

impl OutcomeHistoryView {
    /// Shows a history.
    ///
    /// # Errors
    /// As [`EventView::of`].
    pub fn of(history: &OutcomeHistory) -> Result<Self, AppError> {
        let entries = history
            .entries
            .iter()
            .map(|entry| {
                Ok(HistoryEntryView {
                    what: entry.what.expose().clone(),
                    who: entry.who.clone(),
                    when_in_life: entry.event.event.header.occurred_at.to_string(),
                    recorded_at: entry.event.event.recorded_at.to_string(),
                    late: entry.late,
                    why: entry.why.as_ref().map(|why| why.expose().clone()),
                    event: EventView::of(&entry.event)?,
                })
            })
            .collect::<Result<_, AppError>>()?;
        Ok(Self { entries, truncated: history.truncated, complete_to: history.complete_to.into() })
    }
}
