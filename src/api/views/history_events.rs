//! Events at their full envelope, and what changed between two points, as auditors are shown them.

use crate::api::views::events::facts_of;
use crate::api::views::{CompleteTo, instant};
use crate::app::words::Personal;
use crate::app::{AppError, ChronicleEvent, ChroniclePart, DiffPage, DiffSummary, Difference, HistoryPage, PartState};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A part of an event.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"name": "words", "class": "words", "state": "sealed"}))]
pub struct PartView {
    /// Its name, which the event's leaf commits to.
    pub name: String,
    /// Its class: `facts`, `index`, `words` or `identity`.
    pub class: String,
    /// `clear`; `sealed`: there, not opened for this caller; `open`; `erased` for good, on purpose.
    pub state: String,
    /// What it says, where it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub content: Option<serde_json::Value>,
}

impl PartView {
    fn of(part: &ChroniclePart, position: u64) -> Result<Self, AppError> {
        let content = match &part.state {
            PartState::Open(bytes) => {
                let content: Option<serde_json::Value> = serde_json::from_slice(bytes.expose()).ok();
                // What was sealed was JSON: anything else was not written by this service.
                Some(content.ok_or(AppError::Tampered { position })?)
            }
            PartState::Clear | PartState::Sealed | PartState::Erased => None,
        };
        let (name, class) = (part.name.clone(), part.class.as_str().to_owned());
        Ok(Self { name, class, state: part.state.as_str().to_owned(), content })
    }
}

/// An event at its full envelope.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HistoryEventView {
    /// Its place in the log.
    #[schema(example = 4711)]
    pub position: u64,
    /// Its id.
    pub event: String,
    /// Its name.
    #[schema(example = "OutcomeReviewed")]
    pub name: String,
    /// The version of its schema.
    #[schema(example = 1)]
    pub schema: u32,
    /// The kind of recording.
    #[schema(example = "review")]
    pub kind: String,
    /// The recording.
    pub stream: String,
    /// Its version in the recording, from 0.
    pub version: u64,
    /// The controller.
    pub organisation: String,
    /// Its place among the controller's events, from 0 without gaps.
    pub organisation_counter: u64,
    /// Whose record it belongs to; `null` for reference data, and where the facts were erased.
    pub person: Option<String>,
    /// When the log learnt of it.
    pub recorded_at: String,
    /// When in life; `null` where the facts were erased.
    pub occurred_at: Option<String>,
    /// From when in life it holds: `occurred_at`, but of a correction the time of what it corrects. `true_on` goes by this.
    pub true_from: Option<String>,
    /// The client that recorded it; `null` where the facts were erased.
    pub client: Option<String>,
    /// The purpose of use that it declared.
    pub purpose: Option<String>,
    /// The system that it was imported from.
    pub source_system: Option<String>,
    /// The hash of its leaf in the log's tree, in base64.
    pub leaf_hash: String,
    /// The facts: codes, statuses and links, never words; `null` where they were erased.
    #[schema(value_type = Option<Object>)]
    pub facts: serde_json::Value,
    /// Its parts, by name.
    pub parts: Vec<PartView>,
}

impl HistoryEventView {
    /// Shows an event.
    ///
    /// # Errors
    /// [`AppError::Tampered`] where an opened part is not what was sealed; [`AppError::CannotFollow`] where the facts cannot
    /// be written, which no event of the catalogue can cause.
    pub fn of(seen: &ChronicleEvent) -> Result<Self, AppError> {
        let event = &seen.event;
        let has_facts = seen.has_facts();
        let known = |text: String| has_facts.then_some(text);
        Ok(Self {
            position: event.position,
            event: event.event.to_string(),
            name: event.facts.name().to_owned(),
            schema: event.facts.schema(),
            kind: event.facts.kind().as_str().to_owned(),
            stream: event.stream.to_string(),
            version: event.version,
            organisation: event.organisation.to_string(),
            organisation_counter: seen.organisation_counter,
            person: seen.person.map(|person| person.to_string()),
            recorded_at: instant(event.recorded_at),
            occurred_at: known(event.header.occurred_at.to_string()),
            true_from: known(seen.true_from.to_string()),
            client: known(event.header.client.clone()),
            purpose: event.header.purpose.clone(),
            source_system: event.header.source_system.clone(),
            leaf_hash: seen.leaf_hash.to_string(),
            facts: if has_facts { facts_of(event)? } else { serde_json::Value::Null },
            parts: seen.parts.iter().map(|part| PartView::of(part, event.position)).collect::<Result<_, _>>()?,
        })
    }
}

/// A page of the history.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HistoryEventList {
    /// The events, in the order of positions. A page may be short, or empty, and have a `next`.
    pub items: Vec<HistoryEventView>,
    /// What the whole history is complete to; the following pages are read as of the same position.
    pub complete_to: CompleteTo,
    /// Where the next page is; absent on the last. Also in the header Link with rel="next".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl HistoryEventList {
    /// Shows a page.
    ///
    /// # Errors
    /// As [`HistoryEventView::of`].
    pub fn of(page: &HistoryPage, next: Option<String>) -> Result<Self, AppError> {
        let items = page.events.iter().map(HistoryEventView::of).collect::<Result<_, _>>()?;
        Ok(Self { items, complete_to: page.complete_to.into(), next })
    }
}

/// One change.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DifferenceView {
    /// What changed, in words.
    #[schema(example = "Reviewed (follow up) as partly met")]
    pub what: String,
    /// From whose standpoint.
    pub perspective: Option<String>,
    /// Why, in the words of whoever recorded it, where words are shown.
    pub why: Option<String>,
    /// Whether it was recorded long after it happened: more than `late_days`.
    pub late: bool,
    /// How many whole days after it happened, where that is late.
    pub days_late: Option<u64>,
    /// The event.
    pub event: HistoryEventView,
}

impl DifferenceView {
    /// Shows a change.
    ///
    /// # Errors
    /// As [`HistoryEventView::of`].
    pub fn of(difference: &Difference) -> Result<Self, AppError> {
        Ok(Self {
            what: difference.what.expose().clone(),
            perspective: difference.perspective.map(str::to_owned),
            why: difference.why.clone().map(Personal::into_inner),
            late: difference.days_late.is_some(),
            days_late: difference.days_late,
            event: HistoryEventView::of(&difference.event)?,
        })
    }
}

/// Who recorded how much.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ByWhoView {
    /// The organisation.
    pub organisation: String,
    /// The client.
    pub client: String,
    /// Its events.
    pub events: u64,
}

/// How much changed. The summaries of the pages of one comparison add up to that of the whole.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DiffSummaryView {
    /// Events.
    pub events: u64,
    /// How many of them began a new recording; the others changed one.
    pub begun: u64,
    /// How many count as late.
    pub late: u64,
    /// Events by the kind of recording.
    pub by_kind: BTreeMap<String, u64>,
    /// Events by name.
    pub by_event: BTreeMap<String, u64>,
    /// Events by organisation and client.
    pub by_who: Vec<ByWhoView>,
}

impl From<&DiffSummary> for DiffSummaryView {
    fn from(summary: &DiffSummary) -> Self {
        let named = |counts: &BTreeMap<&'static str, u64>| {
            counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
        };
        let by_who = summary.by_who.iter().map(|((organisation, client), events)| ByWhoView {
            organisation: organisation.to_string(),
            client: client.clone(),
            events: *events,
        });
        Self {
            events: summary.events,
            begun: summary.begun,
            late: summary.late,
            by_kind: named(&summary.by_kind),
            by_event: named(&summary.by_event),
            by_who: by_who.collect(),
        }
    }
}

/// A page of what changed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DiffList {
    /// The changes, in the order of positions.
    pub items: Vec<DifferenceView>,
    /// The summary of this page.
    pub summary: DiffSummaryView,
    /// The second point, to which the comparison is complete.
    pub complete_to: CompleteTo,
    /// Where the next page is; absent on the last. Also in the header Link with rel="next".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl DiffList {
    /// Shows a page.
    ///
    /// # Errors
    /// As [`HistoryEventView::of`].
    pub fn of(page: &DiffPage, next: Option<String>) -> Result<Self, AppError> {
        let items = page.items.iter().map(DifferenceView::of).collect::<Result<_, _>>()?;
        Ok(Self { items, summary: (&page.summary).into(), complete_to: page.complete_to.into(), next })
    }
}
