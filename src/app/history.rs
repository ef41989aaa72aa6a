//! The history of an outcome in words that a person can read: what changed, who, when in life, when recorded, why.
//!
//! It is made from the events of the outcome and of everything that stands on it (reviews, narratives, actions,
//! contributions), each told as far as the caller's scopes open it.

use crate::app::{App, AppError, AsOf, Complete, Content, FeedEvent};
use crate::domain::access::{Caller, Scope, allow};
use crate::domain::action::ActionWords;
use crate::domain::contribution::ContributionWords;
use crate::domain::event::{Class, Facts, Kind, PartRef, Recorded};
use crate::domain::ids::{OutcomeId, StreamId};
use crate::domain::narrative::NarrativeWords;
use crate::domain::outcome::{OutcomeContent, OutcomeWords};
use crate::domain::personal::{Personal, Words};
use crate::domain::reading_access::Through;
use crate::domain::resource::Resource;
use crate::domain::review::ReviewWords;
use crate::projections::{KeyKind, RowKey};
use crate::store::{EventQuery, OPEN_END, Reach, RowPath, RowQuery};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// The most events of one history; the feed of each stream has the rest.
pub const HISTORY_MAX: u32 = 1_000;
/// How much later than in life something must be recorded to be called late: microseconds (seven days).
pub(super) const LATE_MICROS: i64 = 7 * 24 * 3_600 * 1_000_000;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The event.
    pub event: FeedEvent,
    /// What changed, in words.
    pub what: Personal<String>,
    /// Why, in the words of whoever recorded it.
    pub why: Option<Words>,
    /// From whose standpoint, and who recorded it.
    pub who: String,
    /// Whether it was recorded more than seven days after it happened.
    pub late: bool,
}

/// An outcome's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeHistory {
    /// The entries, in the order of recording.
    pub entries: Vec<HistoryEntry>,
    /// Whether there is more than one answer may hold.
    pub truncated: bool,
    /// What it is complete to.
    pub complete_to: Complete,
}

impl App {
    /// The history of an outcome, now or as it could be told then; `None` if there is no such outcome within reach.
    ///
    /// # Errors
    /// See [`AppError`].
    pub async fn outcome_history(
        &self,
        caller: &Caller,
        outcome: OutcomeId,
        as_of: Option<AsOf>,
    ) -> Result<Option<OutcomeHistory>, AppError> {
        allow(caller, Scope::OutcomesRead)?;
        let size = match self.size_as_of(as_of).await? {
            Some(size) => size,
            None => self.store.head().await?.size,
        };
        let reach = Reach::Organisation(caller.organisation.clone());
        let (head, row) = self.reader.row(reach.clone(), outcome.into(), Some(size)).await?;
        let Some(row) = row.filter(|row| row.kind() == Kind::Outcome) else { return Ok(None) };
        let mut streams: Vec<StreamId> = vec![row.id];
        if let Resource::Outcome(state) = &row.resource {
            streams.extend(state.content.narratives.iter().map(|id| StreamId::from(*id)));
        }
        for path in [RowPath::Outcome(outcome), RowPath::Key(RowKey::new(KeyKind::Outcome, outcome.to_string()))] {
            let query = RowQuery::along(caller.organisation.clone(), path, Some(size), HISTORY_MAX);
            let (_, rows) = self.store.rows(&query).await?;
            streams.extend(
                rows.into_iter().filter(|row| allow(caller, Scope::to_read(row.kind())).is_ok()).map(|row| row.id),
            );
        }
        streams.sort_unstable();
        streams.dedup();
        let mut events: Vec<Recorded> = Vec::new();
        for stream in streams {
            let query = EventQuery {
                reach: reach.clone(),
                stream: Some(stream),
                from: 0,
                until: size.min(OPEN_END),
                limit: HISTORY_MAX,
            };
            events.extend(self.store.events(&query).await?.1);
        }
        events.retain(|event| allow(caller, Scope::to_read(event.facts.kind())).is_ok());
        events.sort_unstable_by_key(|event| event.position);
        let truncated = events.len() > HISTORY_MAX as usize;
        events.truncate(HISTORY_MAX as usize);
        let complete_to = Complete::to(&head, Some(size));
        let places: Vec<PartRef> = events.iter().filter_map(|event| event.part(Class::Words)).collect();
        let events = self.show_events(caller, Through::History, complete_to, events, places).await?;
        Ok(Some(OutcomeHistory { entries: tell(events), truncated, complete_to }))
    }
}

fn tell(events: Vec<FeedEvent>) -> Vec<HistoryEntry> {
    let mut outcomes: BTreeMap<StreamId, Before> = BTreeMap::new();
    let mut entries = Vec::with_capacity(events.len());
    for mut event in events {
        let words = std::mem::take(&mut event.words);
        let told = tell_event(&event.event, &words, &mut outcomes);
        let (header, recorded_at) = (&event.event.header, event.event.recorded_at);
        let late = recorded_at.micros().saturating_sub(header.occurred_at.until().micros()) > LATE_MICROS;
        let who = match told.perspective {
            Some(perspective) => format!("{perspective}'s view, recorded by {}", header.client),
            None => format!("recorded by {}", header.client),
        };
        entries.push(HistoryEntry { what: Personal::new(told.what), why: told.why, who, late, event });
    }
    entries
}

/// An event in words.
pub(super) struct Told {
    pub what: String,
    pub why: Option<Words>,
    pub perspective: Option<&'static str>,
}

/// A part's words in their type; where there are none, an empty one.
pub(super) fn said<T: DeserializeOwned>(words: &BTreeMap<String, Content>) -> Option<T> {
    match words.get("words") {
        Some(Content::Open(bytes)) => serde_json::from_slice(bytes.expose()).ok(),
        _ => None,
    }
}

/// Words in quotation marks; where they are not there to be quoted, whether they are sealed or were erased.
fn quoted(words: Option<&Words>, event: &Recorded, parts: &BTreeMap<String, Content>) -> String {
    match words {
        Some(words) => format!("“{}”", words.expose()),
        None if parts.get("words") == Some(&Content::Erased) => "(words erased)".to_owned(),
        None if !parts.contains_key("words") && event.sealed.contains(&Class::Words) => "(words sealed)".to_owned(),
        None => "(words not available)".to_owned(),
    }
}

pub(super) fn plain(code: &str) -> String {
    code.replace('_', " ")
}

/// Tells one event. `outcomes` holds how outcomes were told last, for what a rewording changes.
pub(super) fn tell_event(
    event: &Recorded,
    words: &BTreeMap<String, Content>,
    outcomes: &mut BTreeMap<StreamId, Before>,
) -> Told {
    match &event.facts {
        Facts::OutcomeIdentified(_)
        | Facts::OutcomeReworded(_)
        | Facts::OutcomePrioritised(_)
        | Facts::OutcomeClosed(_)
        | Facts::OutcomeReopened(_) => tell_outcome(event, words, outcomes),
        Facts::OutcomeReviewed(_) | Facts::ReviewRevised(_) | Facts::ReviewWithdrawn(_) => tell_review(event, words),
        Facts::NarrativeRecorded(_)
        | Facts::NarrativeAmended(_)
        | Facts::NarrativeWithdrawn(_)
        | Facts::RecordResponseAdded(_) => tell_narrative(event, words),
        Facts::ActionAgreed(_) | Facts::ActionProgressed(_) | Facts::ContributionRecorded(_) => {
            tell_action(event, words)
        }
        Facts::PersonRegistered(_)
        | Facts::PersonAmended(_)
        | Facts::PersonIdentifierAdded(_)
        | Facts::ConversationHeld(_)
        | Facts::ConversationAmended(_)
        | Facts::FrameworkPublished(_)
        | Facts::FrameworkRetired(_)
        | Facts::ErasureRequested(_)
        | Facts::ErasureApproved(_)
        | Facts::ErasureRefused(_)
        | Facts::ErasureWithdrawn(_)
        | Facts::ErasureNoticeSent(_)
        | Facts::ErasureExecuted(_)
        | Facts::Erased(_) => crate::app::chronicle::tell_other(event, words),
    }
}

/// An outcome as it was told last.
pub(super) struct Before {
    title: String,
    content: OutcomeContent,
}

impl Before {
    /// Of an outcome's codes, with its words: `None` where there are none that anybody may be shown.
    pub(super) fn of(content: OutcomeContent, words: Option<Content>) -> Self {
        let title = match words {
            Some(Content::Open(bytes)) => {
                let words: Option<OutcomeWords> = serde_json::from_slice(bytes.expose()).ok();
                let title = words.and_then(|words| words.title);
                title.map_or_else(|| "(words not available)".to_owned(), |title| format!("“{}”", title.expose()))
            }
            Some(Content::Erased) => "(words erased)".to_owned(),
            None => "(words sealed)".to_owned(),
        };
        Self { title, content }
    }
}

/// What a rewording changed besides the words: it states the outcome whole, so what it leaves out is gone.
fn what_changed(before: &OutcomeContent, after: &OutcomeContent) -> String {
    let missing = |these: &OutcomeContent, those: &OutcomeContent| -> Vec<String> {
        let missing = these.framework_items.iter().filter(|item| !those.framework_items.contains(item));
        missing.map(ToString::to_string).collect()
    };
    let mut changed = String::new();
    for (what, items) in
        [("no longer filed under", missing(before, after)), ("now filed under", missing(after, before))]
    {
        if !items.is_empty() {
            changed.push_str(&format!(", {what} {}", items.join(", ")));
        }
    }
    if before.direction != after.direction {
        changed.push_str(&format!(", now to {}", plain(after.direction.as_str())));
    }
    if before.outcome_type != after.outcome_type {
        changed.push_str(&format!(", now of the type {}", plain(after.outcome_type.as_str())));
    }
    changed
}

fn tell_outcome(
    event: &Recorded,
    words: &BTreeMap<String, Content>,
    outcomes: &mut BTreeMap<StreamId, Before>,
) -> Told {
    let parts = words;
    let words: OutcomeWords = said(parts).unwrap_or_default();
    let title = quoted(words.title.as_ref(), event, parts);
    let (what, perspective) = match &event.facts {
        Facts::OutcomeIdentified(identified) => {
            let items: Vec<String> = identified.content.framework_items.iter().map(ToString::to_string).collect();
            let filed = if items.is_empty() { String::new() } else { format!(", filed under {}", items.join(", ")) };
            outcomes.insert(event.stream, Before { title: title.clone(), content: identified.content.clone() });
            (format!("Outcome identified: {title}{filed}"), Some(identified.identified_by.as_str()))
        }
        Facts::OutcomeReworded(reworded) => {
            let after = Before { title: title.clone(), content: reworded.content.clone() };
            let before = outcomes.insert(event.stream, after);
            let changed = before.as_ref().map(|before| what_changed(&before.content, &reworded.content));
            let before = before.map_or_else(|| "(not available)".to_owned(), |before| before.title);
            (format!("Outcome reworded from {before} to {title}{}", changed.unwrap_or_default()), None)
        }
        Facts::OutcomePrioritised(prioritised) => {
            (format!("Ranked {} by this perspective", prioritised.rank), Some(prioritised.perspective.as_str()))
        }
        Facts::OutcomeClosed(closed) => (format!("Outcome closed: {}", plain(closed.closure_reason.as_str())), None),
        _ => ("Outcome reopened".to_owned(), None),
    };
    Told { what, why: words.reason, perspective }
}

fn tell_review(event: &Recorded, words: &BTreeMap<String, Content>) -> Told {
    let words: ReviewWords = said(words).unwrap_or_default();
    let note = words.note.as_ref().map(|note| format!(": “{}”", note.expose())).unwrap_or_default();
    let (what, perspective) = match &event.facts {
        Facts::OutcomeReviewed(reviewed) => {
            let appraisal = &reviewed.appraisal;
            let rating = appraisal.rating.as_ref().map(|rating| format!(" (rated {rating})")).unwrap_or_default();
            (
                format!(
                    "Reviewed ({}) as {}{rating}{note}",
                    plain(appraisal.stage.as_str()),
                    plain(&appraisal.status.code)
                ),
                Some(reviewed.perspective.as_str()),
            )
        }
        Facts::ReviewRevised(revised) => (
            format!("Review of {} revised to {}{note}", revised.reviewed_at, plain(&revised.appraisal.status.code)),
            None,
        ),
        _ => ("Review withdrawn: entered in error".to_owned(), None),
    };
    Told { what, why: words.reason, perspective }
}

fn tell_narrative(event: &Recorded, words: &BTreeMap<String, Content>) -> Told {
    let parts = words;
    let words: NarrativeWords = said(parts).unwrap_or_default();
    let text = quoted(words.text.as_ref(), event, parts);
    let (what, perspective) = match &event.facts {
        Facts::NarrativeRecorded(recorded) => {
            (format!("Narrative recorded: {text}"), Some(recorded.perspective.as_str()))
        }
        Facts::NarrativeAmended(_) => (format!("Narrative amended, now: {text}"), None),
        Facts::RecordResponseAdded(added) => {
            let text = words.text.as_ref().map(|text| format!(": “{}”", text.expose())).unwrap_or_default();
            let stance = match added.stance {
                crate::domain::words::Stance::Agrees => "Agrees with the narrative",
                crate::domain::words::Stance::Disagrees => "Disagrees with the narrative",
                crate::domain::words::Stance::Adds => "Adds to the narrative",
            };
            (format!("{stance}{text}"), Some(added.perspective.as_str()))
        }
        _ => ("Narrative withdrawn: entered in error".to_owned(), None),
    };
    Told { what, why: words.reason, perspective }
}

fn tell_action(event: &Recorded, words: &BTreeMap<String, Content>) -> Told {
    match &event.facts {
        Facts::ActionAgreed(agreed) => {
            let said: ActionWords = said(words).unwrap_or_default();
            let due = agreed.due.map(|due| format!(", by {due}")).unwrap_or_default();
            let what = format!(
                "Action agreed, taken by the {}{due}: {}",
                agreed.taken_by.as_str(),
                quoted(said.description.as_ref(), event, words)
            );
            Told { what, why: None, perspective: None }
        }
        Facts::ActionProgressed(progressed) => {
            let words: ActionWords = said(words).unwrap_or_default();
            let note = words.note.as_ref().map(|note| format!(": “{}”", note.expose())).unwrap_or_default();
            Told { what: format!("Action {}{note}", progressed.status.as_str()), why: None, perspective: None }
        }
        Facts::ContributionRecorded(recorded) => {
            let said: Option<ContributionWords> = said(words);
            let description = quoted(said.as_ref().map(|words| &words.description), event, words);
            Told {
                what: format!("Contribution of the {}: {description}", recorded.contributor.as_str()),
                why: None,
                perspective: Some(recorded.perspective.as_str()),
            }
        }
        facts => Told { what: facts.name().to_owned(), why: None, perspective: None },
    }
}
