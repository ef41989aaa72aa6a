//! The feed of events: what a partner follows to stay up to date, in the order of positions, nothing missed.

use crate::app::{App, AppError, AsOf, Complete, Content};
use crate::domain::access::{Caller, Scope, allow};
use crate::domain::event::{PartRef, Recorded};
use crate::domain::ids::StreamId;
use crate::domain::personal::Personal;
use crate::store::{EventQuery, OPEN_END, Reach};
use std::collections::BTreeMap;
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

/// An event of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEvent {
    /// The event.
    pub event: Recorded,
    /// Its opened parts by class, where asked for and allowed.
    pub words: BTreeMap<String, Content>,
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
        Ok(FeedPage { events: self.with_words(caller, query, events).await?, complete_to, more })
    }

    async fn with_words(
        &self,
        caller: &Caller,
        query: &FeedQuery,
        events: Vec<Recorded>,
    ) -> Result<Vec<FeedEvent>, AppError> {
        let mut places = Vec::new();
        if query.with_words {
            for event in &events {
                if allow(caller, Scope::to_read(event.facts.kind())).is_ok() {
                    places.extend(event.sealed.iter().map(|class| PartRef { position: event.position, class: *class }));
                }
            }
        }
        let mut opened: BTreeMap<u64, BTreeMap<String, Content>> = BTreeMap::new();
        for ((place, name), content) in self.open_parts(places).await? {
            opened.entry(place.position).or_default().insert(name, content);
        }
        Ok(events
            .into_iter()
            .map(|event| {
                let words = opened.remove(&event.position).unwrap_or_default();
                FeedEvent { event, words }
            })
            .collect())
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
