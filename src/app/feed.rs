//! The feed of events: what a partner follows to stay up to date, in the order of positions, nothing missed.

use crate::app::accesses::{About, Released};
use crate::app::seen::shown_as;
use crate::app::{App, AppError, AsOf, Complete, Content};
use crate::domain::access::{Caller, Scope, allow};
use crate::domain::event::{Facts, PartRef, Recorded};
use crate::domain::ids::{PersonId, StreamId};
use crate::domain::personal::Personal;
use crate::domain::reading_access::{ShownPart, Through};
use crate::projections::Row;
use crate::store::{EventQuery, OPEN_END, Reach};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// What of the feed is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedQuery {
    /// One stream only.
    pub stream: Option<StreamId>,
    /// After this position; `None` from the beginning.
    pub after: Option<u64>,
    /// As of when; the feed then ends there.
    pub as_of: Option<AsOf>,
    /// Whether to open the personal parts that the caller's scopes allow.
    pub with_words: bool,
    /// At most so many.
    pub limit: u32,
    /// How long to wait for the first event if there is none yet.
    pub wait: Duration,
}

/// An event that is shown. There is none that was not recorded as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEvent {
    /// The event.
    pub event: Recorded,
    /// Its opened parts by name, where asked for and allowed.
    pub words: BTreeMap<String, Content>,
    /// Nobody can make one without it.
    released: Released,
}

/// A page of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPage {
    /// The events.
    pub events: Vec<FeedEvent>,
    /// What the page is complete to: every event of the caller's up to here was in this page or before it.
    pub complete_to: Complete,
    /// Whether there are more right now.
    pub more: bool,
}

impl App {
    /// A page of the feed; waits for the first event up to `wait` where there is none.
    ///
    /// # Errors
    /// See [`AppError`].
    pub async fn feed(&self, caller: &Caller, query: &FeedQuery) -> Result<FeedPage, AppError> {
        allow(caller, Scope::EventsRead)?;
        let until = self.size_as_of(query.as_of).await?;
        let mut follow = self.store.follow();
        let mut stopping = self.stopping.subscribe();
        let deadline = tokio::time::Instant::now() + query.wait;
        loop {
            follow.mark_unchanged();
            let page = self.feed_page(caller, query, until).await?;
            if !page.events.is_empty() || until.is_some() || query.wait.is_zero() {
                return Ok(page);
            }
            // A commit that this store learns of ends the wait early, or the service's end; the page is read again in any
            // case.
            tokio::select! {
                changed = follow.changed() => if changed.is_ok() { continue },
                _ = stopping.wait_for(|stopping| *stopping) => {}
                () = tokio::time::sleep_until(deadline) => {}
            }
            return self.feed_page(caller, query, until).await;
        }
    }

    async fn feed_page(&self, caller: &Caller, query: &FeedQuery, until: Option<u64>) -> Result<FeedPage, AppError> {
        let (head, mut events) = self
            .store
            .events(&EventQuery {
                reach: Reach::Organisation(caller.organisation.clone()),
                stream: query.stream,
                from: query.after.map_or(0, |after| after + 1),
                until: until.unwrap_or(OPEN_END),
                limit: query.limit.saturating_add(1),
            })
            .await?;
        let more = events.len() > query.limit as usize;
        events.truncate(query.limit as usize);
        let mut complete_to = Complete::to(&head, until);
        if more && let Some(last) = events.last() {
            complete_to = Complete { position: Some(last.position), recorded_at: last.recorded_at };
        }
        let mut places = Vec::new();
        if query.with_words {
            for event in &events {
                if allow(caller, Scope::to_read(event.facts.kind())).is_ok() {
                    places.extend(event.sealed.iter().map(|class| PartRef { position: event.position, class: *class }));
                }
            }
        }
        let through = if query.stream.is_some() { Through::Stream } else { Through::Feed };
        let events = self.show_events(caller, through, complete_to, events, places).await?;
        Ok(FeedPage { events, complete_to, more })
    }

    /// Opens parts of events, and records what is shown of whom, durably, before anybody has it.
    pub(super) async fn show_events(
        &self,
        caller: &Caller,
        through: Through,
        complete_to: Complete,
        events: Vec<Recorded>,
        places: Vec<PartRef>,
    ) -> Result<Vec<FeedEvent>, AppError> {
        let asked: HashSet<u64> = places.iter().map(|place| place.position).collect();
        let rows = self.rows_of(caller, &events).await?;
        let opened = match self.open_parts(places).await {
            Ok(opened) => opened,
            Err(error) => {
                let rows: Vec<Row> = rows.into_values().collect();
                self.record_attempt(caller, through, complete_to.position, &rows, &error).await;
                return Err(error);
            }
        };
        let mut parts: BTreeMap<u64, BTreeMap<String, Content>> = BTreeMap::new();
        let mut about: BTreeMap<PersonId, About> = BTreeMap::new();
        let person_at: HashMap<u64, PersonId> =
            events.iter().filter_map(|event| Some((event.position, rows.get(&event.stream)?.person()?))).collect();
        for event in &events {
            let Some(person) = person_at.get(&event.position).copied() else { continue };
            let of = about.entry(person).or_insert_with(|| About::nothing_of(person, event.organisation.clone()));
            of.parts.insert(ShownPart::Facts);
            of.count(event.facts.kind().as_str());
        }
        for ((place, name), content) in opened {
            let of = person_at.get(&place.position).and_then(|person| about.get_mut(person));
            if let (Some(of), Some(part), Content::Open(_)) = (of, shown_as(place.class), &content) {
                of.parts.insert(part);
            }
            parts.entry(place.position).or_default().insert(name, content);
        }
        let released = self.release(caller, through, complete_to.position, about.into_values().collect()).await?;
        let show = |event: Recorded| {
            let mut words = parts.remove(&event.position).unwrap_or_default();
            if asked.contains(&event.position) {
                let gone = event.erased.iter().filter(|class| class.is_sealed());
                words.extend(gone.map(|class| (class.as_str().to_owned(), Content::Erased)));
            }
            FeedEvent { event, words, released: released.clone() }
        };
        Ok(events.into_iter().map(show).collect())
    }

    /// The rows of the streams of some events, which say whose they are.
    async fn rows_of(&self, caller: &Caller, events: &[Recorded]) -> Result<HashMap<StreamId, Row>, AppError> {
        let mut streams: Vec<StreamId> = events.iter().map(|event| event.stream).collect();
        streams.sort_unstable();
        streams.dedup();
        if streams.is_empty() {
            return Ok(HashMap::new());
        }
        let reach = Reach::Organisation(caller.organisation.clone());
        let rows = self.store.rows_by_id(&reach, &streams).await?;
        // Of a stream that was erased with its facts nothing is shown but that: nobody can say any more whose it was.
        let gone: HashSet<StreamId> =
            events.iter().filter(|event| matches!(event.facts, Facts::Erased(_))).map(|event| event.stream).collect();
        let there: HashSet<StreamId> = rows.iter().map(|row| row.id).collect();
        if streams.iter().any(|stream| !there.contains(stream) && !gone.contains(stream)) {
            let detail = "an event's stream has no row: it cannot be said whose data it is".to_owned();
            return Err(AppError::CannotFollow { detail });
        }
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

impl Content {
    /// The content as JSON; `None` where it was erased.
    #[must_use]
    pub fn json(&self) -> Option<Personal<serde_json::Value>> {
        match self {
            Self::Open(bytes) => serde_json::from_slice(bytes.expose()).ok().map(Personal::new),
            Self::Erased => None,
        }
    }
}

impl App {
    /// Whether a recording exists within the caller's reach.
    ///
    /// # Errors
    /// See [`AppError`].
    pub async fn exists(&self, caller: &Caller, stream: StreamId) -> Result<bool, AppError> {
        allow(caller, Scope::EventsRead)?;
        let (_, row) = self.reader.row(Reach::Organisation(caller.organisation.clone()), stream, None).await?;
        Ok(row.is_some())
    }
}
