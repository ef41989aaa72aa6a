//! Reading the chronicle page by page: of a recording, a person, an organisation, a client or a period; as known at one
//! time and as true on another.
//!
//! Recordings, people, the organisation and the time of recording have indexes. What else is asked for (client, event,
//! time in life) is looked for among the events that those give, and no request looks at more than [`LOOKED_AT_MAX`].

use crate::app::chronicle::life::{holds_on, true_from};
use crate::app::chronicle::release::Opened;
use crate::app::chronicle::{Auditor, ChronicleEvent, ChroniclePart, PartState};
use crate::app::{App, AppError, AsOf, Complete, Content};
use crate::domain::event::PartRef;
use crate::domain::ids::{PersonId, StreamId};
use crate::domain::reading_access::Through;
use crate::domain::time::{LifeTime, Timestamp};
use crate::store::{Head, HistoryPart, HistoryPath, HistoryQuery, HistoryRecord, OPEN_END, Reach};
use std::collections::HashMap;
use std::time::Duration;

/// The most events that one request looks at: a page may therefore be short, or empty, and say that there is more.
pub const LOOKED_AT_MAX: usize = 10_000;
/// Events that are looked at together where not every one is wanted.
const BATCH: u32 = 500;

/// What of the chronicle is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryAsked {
    /// One recording only.
    pub stream: Option<StreamId>,
    /// One person's record only.
    pub person: Option<PersonId>,
    /// Only what this client recorded.
    pub client: Option<String>,
    /// Only events of these names; all if empty.
    pub names: Vec<String>,
    /// Only what was recorded at or after this.
    pub recorded_from: Option<Timestamp>,
    /// Only what was recorded before this.
    pub recorded_until: Option<Timestamp>,
    /// Only what may have happened in life at or after the beginning of this.
    pub occurred_from: Option<LifeTime>,
    /// Only what may have happened in life at or before the end of this.
    pub occurred_to: Option<LifeTime>,
    /// Only what holds in life on this day (or month, or at this instant): as true on.
    pub true_on: Option<LifeTime>,
    /// Only what was recorded by then: as known at.
    pub as_of: Option<AsOf>,
    /// After this position.
    pub after: Option<u64>,
    /// Whether to open the personal parts that the auditor may open.
    pub with_words: bool,
    /// At most so many.
    pub limit: u32,
    /// The most events that are looked at, at least 1.
    pub look_at_most: usize,
    /// How long to wait for the first event if there is none yet; not together with `as_of`.
    pub wait: Duration,
}

impl Default for HistoryAsked {
    /// Everything, ten thousand looked at and none answered: the limit is the asker's to set.
    fn default() -> Self {
        Self {
            stream: None,
            person: None,
            client: None,
            names: Vec::new(),
            recorded_from: None,
            recorded_until: None,
            occurred_from: None,
            occurred_to: None,
            true_on: None,
            as_of: None,
            after: None,
            with_words: false,
            limit: 0,
            look_at_most: LOOKED_AT_MAX,
            wait: Duration::ZERO,
        }
    }
}

impl HistoryAsked {
    /// Refuses what cannot be asked together.
    ///
    /// # Errors
    /// [`AppError::InvalidQuery`].
    pub fn check(&self) -> Result<(), AppError> {
        self.path().map(drop)
    }
    fn path(&self) -> Result<HistoryPath, AppError> {
        match (self.stream, self.person) {
            (Some(_), Some(_)) => Err(AppError::InvalidQuery {
                parameter: "person",
                detail: "only one of stream and person can be given".to_owned(),
            }),
            (Some(stream), None) => Ok(HistoryPath::Stream(stream)),
            (None, Some(person)) => Ok(HistoryPath::Person(person)),
            (None, None) => Ok(HistoryPath::All),
        }
    }
    /// Whether every event along the path is wanted.
    const fn wants_all(&self) -> bool {
        self.names.is_empty() && self.wants_any_time_and_client()
    }
    const fn wants_any_time_and_client(&self) -> bool {
        self.client.is_none() && self.occurred_from.is_none() && self.occurred_to.is_none() && self.true_on.is_none()
    }
    pub(super) fn wants(&self, record: &HistoryRecord) -> bool {
        let header = &record.event.header;
        // Of what was erased whole nobody can say any more who recorded it, or when in life it was.
        if !record.has_facts() && !self.wants_any_time_and_client() {
            return false;
        }
        self.client.as_ref().is_none_or(|client| *client == header.client)
            && (self.names.is_empty() || self.names.iter().any(|name| name == record.event.facts.name()))
            && self.occurred_from.is_none_or(|from| header.occurred_at.until() > from.earliest())
            && self.occurred_to.is_none_or(|to| header.occurred_at.earliest() < to.until())
            && self.true_on.is_none_or(|on| holds_on(true_from(record), on))
    }
}

/// A page of the chronicle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    /// The events, in the order of positions.
    pub events: Vec<ChronicleEvent>,
    /// What the history is complete to; the following pages are read as of the same position.
    pub complete_to: Complete,
    /// The position after which to go on, if there is or may be more.
    pub next: Option<u64>,
    /// Everything up to here, included, was looked at; `None` while there is nothing.
    pub looked_to: Option<u64>,
}

/// Where along the log to look.
pub(super) struct Span {
    pub reach: Reach,
    pub path: HistoryPath,
    pub from: u64,
    pub before: u64,
    pub as_of: Option<u64>,
}

/// What was found.
pub(super) struct Found {
    pub head: Head,
    /// The size of the log that all of it is of.
    pub as_of: u64,
    pub records: Vec<HistoryRecord>,
    /// The position after which to go on.
    pub next: Option<u64>,
}

impl App {
    /// A page of the chronicle; waits for the first event up to `wait` where there is none.
    ///
    /// # Errors
    /// See [`AppError`].
    pub async fn history(&self, auditor: Auditor<'_>, asked: &HistoryAsked) -> Result<HistoryPage, AppError> {
        auditor.check()?;
        let as_of = self.size_as_of(asked.as_of).await?;
        let mut follow = self.store.follow();
        let mut stopping = self.stopping.subscribe();
        let deadline = tokio::time::Instant::now() + asked.wait;
        loop {
            follow.mark_unchanged();
            let page = self.history_page(auditor, asked, as_of).await?;
            if !page.events.is_empty() || page.next.is_some() || as_of.is_some() || asked.wait.is_zero() {
                return Ok(page);
            }
            tokio::select! {
                changed = follow.changed() => if changed.is_ok() { continue },
                _ = stopping.wait_for(|stopping| *stopping) => {}
                () = tokio::time::sleep_until(deadline) => {}
            }
            return self.history_page(auditor, asked, as_of).await;
        }
    }

    async fn history_page(
        &self,
        auditor: Auditor<'_>,
        asked: &HistoryAsked,
        as_of: Option<u64>,
    ) -> Result<HistoryPage, AppError> {
        let mut span = Span {
            reach: auditor.reach(),
            path: asked.path()?,
            from: asked.after.map_or(0, |after| after.saturating_add(1)),
            before: OPEN_END,
            as_of,
        };
        // The log's time never goes back, so a period of recording is a range of positions.
        if let Some(from) = asked.recorded_from {
            span.from = span.from.max(self.store.size_at(from.plus_micros(-1)).await?);
        }
        if let Some(until) = asked.recorded_until {
            span.before = self.store.size_at(until.plus_micros(-1)).await?;
        }
        let found = self.look(span, asked).await?;
        let complete_to = Complete::to(&found.head, Some(found.as_of));
        let looked_to = found.next.or(complete_to.position).max(asked.after);
        let through = Through::History;
        let events = self.shown(auditor, through, complete_to, asked.with_words, found.records).await?;
        Ok(HistoryPage { events, complete_to, next: found.next, looked_to })
    }

    /// Looks along a span for what is asked, until there is a page of it, nothing more, or enough was looked at.
    pub(super) async fn look(&self, mut span: Span, asked: &HistoryAsked) -> Result<Found, AppError> {
        let limit = asked.limit as usize;
        let most = if asked.wants_all() { limit + 1 } else { asked.look_at_most };
        let (mut records, mut looked_at) = (Vec::new(), 0);
        loop {
            let left = u32::try_from(most - looked_at).unwrap_or(u32::MAX);
            let batch = if asked.wants_all() { left } else { left.min(BATCH) };
            let query = HistoryQuery {
                reach: span.reach.clone(),
                path: span.path,
                from: span.from,
                before: span.before,
                as_of: span.as_of,
                limit: batch,
            };
            let (head, read) = self.store.history(&query).await?;
            // The batches of one page are of one moment.
            let as_of = *span.as_of.get_or_insert(head.size);
            let (many, last) = (read.len(), read.last().map(|record| record.event.position));
            for record in read.into_iter().filter(|record| asked.wants(record)) {
                if records.len() == limit {
                    let next = records.last().map(|record: &HistoryRecord| record.event.position);
                    return Ok(Found { head, as_of, records, next });
                }
                records.push(record);
            }
            looked_at += many;
            match last {
                Some(last) if many >= batch as usize => {
                    if looked_at >= most {
                        return Ok(Found { head, as_of, records, next: Some(last) });
                    }
                    span.from = last + 1;
                }
                _ => return Ok(Found { head, as_of, records, next: None }),
            }
        }
    }

    /// Opens of each event what the reader may open, if words are wanted at all, and releases them.
    pub(super) async fn shown(
        &self,
        auditor: Auditor<'_>,
        through: Through,
        complete_to: Complete,
        with_words: bool,
        records: Vec<HistoryRecord>,
    ) -> Result<Vec<ChronicleEvent>, AppError> {
        let opens = |record: &HistoryRecord| with_words && auditor.opens(record.event.facts.kind());
        let mut places = Vec::new();
        for record in records.iter().filter(|record| opens(record)) {
            let position = record.event.position;
            places.extend(record.event.sealed.iter().map(|class| PartRef { position, class: *class }));
        }
        let mut opened: HashMap<(u64, String), Content> = HashMap::new();
        match self.open_parts(places).await {
            Ok(parts) => opened.extend(parts.into_iter().map(|((place, name), part)| ((place.position, name), part))),
            Err(error) => {
                self.record_failed(auditor, through, complete_to, &records, &error).await;
                return Err(error);
            }
        }
        let open = |record: HistoryRecord| {
            let may_open = opens(&record);
            let position = record.event.position;
            let part = |part: &HistoryPart| {
                let state = if !part.is_there {
                    PartState::Erased
                } else if !part.class.is_sealed() {
                    PartState::Clear
                } else if may_open {
                    match opened.remove(&(position, part.name.clone())) {
                        Some(Content::Open(bytes)) => PartState::Open(bytes),
                        // It went while it was looked for.
                        Some(Content::Erased) | None => PartState::Erased,
                    }
                } else {
                    PartState::Sealed
                };
                ChroniclePart { name: part.name.clone(), class: part.class, state }
            };
            Opened { parts: record.parts.iter().map(part).collect(), record }
        };
        let opened = records.into_iter().map(open).collect();
        self.released(&auditor, through, complete_to, opened).await
    }
}
