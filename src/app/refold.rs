//! Folding the log again from its first event, a page at a time and in bounded memory: what a rebuild writes and what a
//! check compares with.

use crate::app::{App, AppError};
use crate::domain::event::{Facts, Recorded};
use crate::domain::ids::StreamId;
use crate::projections::{Row, fold};
use crate::store::{EventQuery, OPEN_END, Reach, Store};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Events of one page.
pub(super) const PAGE_EVENTS: u32 = 2_000;
/// How many rows are kept in memory to fold on; others are read again from the rows made before.
const ROWS_MAX: usize = 50_000;

/// What a page of events makes of the rows.
#[derive(Default)]
pub(super) struct Folded {
    /// New rows in order, with the position at which each ends within the page ([`OPEN_END`] where it does not).
    pub rows: Vec<(Row, u64)>,
    /// Rows of earlier pages that end: stream, start, end.
    pub closed: Vec<(StreamId, u64, u64)>,
    /// How many streams have their first row here.
    pub begun: u64,
}

/// Rows to fold on.
#[derive(Default)]
pub(super) struct Folder {
    rows: HashMap<StreamId, Row>,
}

impl Folder {
    /// Folds a page. `generation` is where rows that are not in memory any more are read from.
    pub(super) async fn fold(&mut self, app: &App, generation: u32, events: &[Recorded]) -> Result<Folded, AppError> {
        let Some(first) = events.first() else { return Ok(Folded::default()) };
        if self.rows.len() > ROWS_MAX {
            self.rows.clear();
        }
        let mut missing: Vec<StreamId> = events
            .iter()
            .filter(|event| event.version > 0 && !self.rows.contains_key(&event.stream))
            .map(|event| event.stream)
            .collect();
        missing.sort_unstable();
        missing.dedup();
        if !missing.is_empty() {
            let rows = app.store.rebuilt_rows(generation, &missing, first.position).await?;
            self.rows.extend(rows.into_iter().map(|row| (row.id, row)));
        }
        let mut folded = Folded::default();
        let mut in_page: HashMap<StreamId, usize> = HashMap::new();
        for event in events {
            // Nothing is left of it to fold, and no row of its stream from before its erasure.
            if matches!(event.facts, Facts::Erased(_)) {
                continue;
            }
            let before = if event.version == 0 { None } else { self.rows.get(&event.stream).cloned() };
            let started = before.as_ref().map(|row| row.from_position);
            let row = fold(before, event)
                .map_err(|error| AppError::CannotFollow { detail: format!("position {}: {error}", event.position) })?;
            match (in_page.get(&event.stream).and_then(|at| folded.rows.get_mut(*at)), started) {
                (Some((_, end)), _) => *end = event.position,
                (None, Some(started)) => folded.closed.push((event.stream, started, event.position)),
                (None, None) => folded.begun += 1,
            }
            in_page.insert(event.stream, folded.rows.len());
            self.rows.insert(event.stream, row.clone());
            folded.rows.push((row, OPEN_END));
        }
        Ok(folded)
    }
}

/// Everybody's events in order, a page at a time: for operators' commands only. While a page is folded, the next one is
/// read and parsed on another thread.
pub(super) struct Pages {
    store: Arc<dyn Store>,
    until: u64,
    /// One page at most; a set, because reading must end with whoever asked for it.
    reading: JoinSet<Result<Vec<Recorded>, AppError>>,
}

impl Pages {
    /// The events from one position up to another, which is not included.
    pub(super) fn between(app: &App, from: u64, until: u64) -> Self {
        let mut pages = Self { store: Arc::clone(&app.store), until, reading: JoinSet::new() };
        pages.read(from);
        pages
    }

    /// The next page; empty where the log ends before the position.
    pub(super) async fn next(&mut self) -> Result<Vec<Recorded>, AppError> {
        let events = match self.reading.join_next().await {
            Some(Ok(events)) => events?,
            Some(Err(_)) => {
                return Err(AppError::CannotFollow { detail: "reading the log was broken off".to_owned() });
            }
            None => Vec::new(),
        };
        if let Some(next) = events.last().map(|last| last.position + 1).filter(|next| *next < self.until) {
            self.read(next);
        }
        Ok(events)
    }

    fn read(&mut self, from: u64) {
        let store = Arc::clone(&self.store);
        let query = EventQuery { reach: Reach::Operator, stream: None, from, until: self.until, limit: PAGE_EVENTS };
        self.reading.spawn(async move { Ok(store.events(&query).await?.1) });
    }
}
