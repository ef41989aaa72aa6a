//! Replaying the log and comparing what it yields with the rows in use.

use crate::app::refold::{Folded, Folder, Pages};
use crate::app::{App, AppError};
use crate::domain::ids::StreamId;
use crate::projections::Row;
use crate::store::OPEN_END;
use std::collections::HashMap;

/// The most differences that are told; all are counted.
pub const DRIFTS_TOLD: usize = 100;

/// A place where replayed and live rows differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The position of the event whose row differs.
    pub position: u64,
    /// The stream.
    pub stream: Option<StreamId>,
    /// What differs, without personal text.
    pub what: &'static str,
}

/// What a replay found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Events that were read; those whose facts were erased make no rows.
    pub events: u64,
    /// Streams that have rows.
    pub streams: u64,
    /// Versions of rows that the events make.
    pub rows: u64,
    /// Differences, at most [`DRIFTS_TOLD`].
    pub drifts: Vec<Drift>,
    /// How many differences there are.
    pub drift_count: u64,
}

impl Replayed {
    fn note(&mut self, position: u64, stream: Option<StreamId>, what: &'static str) {
        self.drift_count += 1;
        if self.drifts.len() < DRIFTS_TOLD {
            self.drifts.push(Drift { position, stream, what });
        }
    }
}

impl App {
    /// Folds the log up to its present head; with `check`, compares every row version that it yields with the live one.
    ///
    /// # Errors
    /// [`AppError::CannotFollow`] where an event cannot be folded, or what the store says.
    pub async fn replay(&self, check: bool, mut progress: impl FnMut(u64, u64) + Send) -> Result<Replayed, AppError> {
        loop {
            let size = self.store.head().await?.size;
            let replayed = self.replay_once(check, &mut progress).await;
            let clean = replayed.as_ref().is_ok_and(|replayed| replayed.drift_count == 0);
            // An erasure meanwhile took from the log or from the rows what the other still had.
            if clean || self.store.last_lawful_change().await?.is_none_or(|position| position < size) {
                return replayed;
            }
        }
    }

    async fn replay_once(
        &self,
        check: bool,
        progress: &mut (impl FnMut(u64, u64) + Send),
    ) -> Result<Replayed, AppError> {
        let head = self.store.head().await?;
        let mut folder = Folder::default();
        let mut replayed = Replayed::default();
        let mut pages = Pages::between(self, 0, head.size);
        while replayed.events < head.size {
            let events = pages.next().await?;
            let Some(last) = events.last() else {
                return Err(AppError::CannotFollow {
                    detail: format!("the log ends at {} before its head", replayed.events),
                });
            };
            let next = last.position + 1;
            if events.len() as u64 != next - replayed.events {
                return Err(AppError::CannotFollow {
                    detail: format!("the log has a gap after position {}", replayed.events),
                });
            }
            let folded = folder.fold(self, head.generation, &events).await?;
            replayed.streams += folded.begun;
            replayed.rows += folded.rows.len() as u64;
            if check {
                self.compare(&folded, &mut replayed).await?;
            }
            replayed.events = next;
            progress(next, head.size);
        }
        if check && self.store.head().await?.size == head.size {
            let (versions, open) = self.store.row_counts().await?;
            if versions != replayed.rows {
                replayed.note(head.size, None, "there are more or fewer row versions than events");
            }
            if open != replayed.streams {
                replayed.note(head.size, None, "there are more or fewer current rows than streams");
            }
        }
        Ok(replayed)
    }

    async fn compare(&self, folded: &Folded, replayed: &mut Replayed) -> Result<(), AppError> {
        let places: Vec<(StreamId, u64)> = folded
            .rows
            .iter()
            .map(|(row, _)| (row.id, row.from_position))
            .chain(folded.closed.iter().map(|(stream, start, _)| (*stream, *start)))
            .collect();
        let live: HashMap<(StreamId, u64), (Row, u64)> = self
            .store
            .row_versions(&places)
            .await?
            .into_iter()
            .map(|(row, end)| ((row.id, row.from_position), (row, end)))
            .collect();
        for (row, end) in &folded.rows {
            match live.get(&(row.id, row.from_position)) {
                None => replayed.note(row.from_position, Some(row.id), "the row is missing"),
                Some((there, _)) if there != row => replayed.note(row.from_position, Some(row.id), "the row differs"),
                Some((_, there)) if *end != OPEN_END && there != end => {
                    replayed.note(row.from_position, Some(row.id), "the row ends elsewhere");
                }
                Some(_) => {}
            }
        }
        for (stream, start, end) in &folded.closed {
            if live.get(&(*stream, *start)).is_none_or(|(_, there)| there != end) {
                replayed.note(*start, Some(*stream), "the row ends elsewhere");
            }
        }
        Ok(())
    }
}
