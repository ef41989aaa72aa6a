//! Events as the feed shows them.

use crate::api::views::{CompleteTo, instant};
use crate::app::words::{Facts, Recorded};
use crate::app::{AppError, FeedEvent, FeedPage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An event.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// Its place in the log.
    pub position: u64,
    /// Its id.
    pub event: String,
    /// Its name, with the version of its schema: `OutcomeReviewed.v1`.
    pub r#type: String,
    /// The kind of recording.
    pub kind: String,
    /// The recording.
    pub stream: String,
    /// Its version in the stream.
    pub version: u64,
    /// The controller.
    pub organisation: String,
    /// When in life; `null` where the facts were erased.
    pub occurred_at: Option<String>,
    /// When the log learnt of it.
    pub recorded_at: String,
    /// The client that recorded it; `null` where the facts were erased.
    pub client: Option<String>,
    /// The purpose of use that it declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The system that it was imported from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_system: Option<String>,
    /// The facts: codes, statuses and links, never words; `null` where they were erased.
    #[schema(value_type = Option<Object>)]
    pub facts: serde_json::Value,
    /// The classes of its sealed parts, erased ones among them.
    pub sealed: Vec<String>,
    /// The classes of its parts that were erased for good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub erased: Vec<String>,
    /// The opened parts by name, where asked for with `include=words` and allowed; `null` where erased.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, Object>)]
    pub words: BTreeMap<String, serde_json::Value>,
}

impl EventView {
    /// Shows an event.
    ///
    /// # Errors
    /// [`AppError::CannotFollow`] where its facts cannot be written, which no event of the catalogue can cause.
    pub fn of(feed: &FeedEvent) -> Result<Self, AppError> {
        let event = &feed.event;
        let gone = matches!(event.facts, Facts::Erased(_));
        let words = feed
            .words
            .iter()
            .map(|(name, content)| {
                (name.clone(), content.json().map_or(serde_json::Value::Null, crate::app::words::Personal::into_inner))
            })
            .collect();
        Ok(Self {
            position: event.position,
            event: event.event.to_string(),
            r#type: format!("{}.v{}", event.facts.name(), event.facts.schema()),
            kind: event.facts.kind().as_str().to_owned(),
            stream: event.stream.to_string(),
            version: event.version,
            organisation: event.organisation.to_string(),
            occurred_at: (!gone).then(|| event.header.occurred_at.to_string()),
            recorded_at: instant(event.recorded_at),
            client: (!gone).then(|| event.header.client.clone()),
            purpose: event.header.purpose.clone(),
            source_system: event.header.source_system.clone(),
            facts: facts_of(event)?,
            sealed: event.sealed.iter().map(|class| class.as_str().to_owned()).collect(),
            erased: event.erased.iter().map(|class| class.as_str().to_owned()).collect(),
            words,
        })
    }
}

/// The facts of an event, without its header; `null` where they were erased.
///
/// # Errors
/// [`AppError::CannotFollow`] where they cannot be written, which no event of the catalogue can cause.
pub(super) fn facts_of(event: &Recorded) -> Result<serde_json::Value, AppError> {
    if matches!(event.facts, Facts::Erased(_)) {
        return Ok(serde_json::Value::Null);
    }
    let unwritable = |error: serde_json::Error| AppError::CannotFollow { detail: error.to_string() };
    let part = event.facts.to_part(&event.header).map_err(unwritable)?;
    let mut part: serde_json::Value = serde_json::from_slice(&part).map_err(unwritable)?;
    Ok(part.get_mut("body").map(serde_json::Value::take).unwrap_or_default())
}

/// A page of the feed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EventList {
    /// The events in order.
    pub items: Vec<EventView>,
    /// Follow on with `after` = this position: every event of yours up to it was in this page or before it.
    pub complete_to: CompleteTo,
    /// Where the next page is, if there is more right now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl EventList {
    /// Shows a page.
    ///
    /// # Errors
    /// As [`EventView::of`].
    pub fn of(page: &FeedPage, next: Option<String>) -> Result<Self, AppError> {
        Ok(Self {
            items: page.events.iter().map(EventView::of).collect::<Result<_, _>>()?,
            complete_to: page.complete_to.into(),
            next,
        })
    }
}
