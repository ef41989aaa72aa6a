//! Rebuilding the rows beside the ones in use, and switching to them in one step while the service goes on.

use crate::app::refold::{Folder, Pages};
use crate::app::{App, AppError};

/// What a rebuild did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebuilt {
    /// Events that were folded.
    pub events: u64,
    /// The generation that is current now.
    pub generation: u32,
}

impl App {
    /// Folds the whole log into a new generation of rows and makes it the current one. Appends go on meanwhile; the
    /// last ones are caught up with before the switch, which needs the log to stand still only for that one step.
    ///
    /// # Errors
    /// [`AppError::CannotFollow`] names the first event that cannot be folded; the rows in use stay as they are.
    pub async fn rebuild(&self, mut progress: impl FnMut(u64, u64) + Send) -> Result<Rebuilt, AppError> {
        loop {
            let size = self.store.head().await?.size;
            match self.rebuild_once(size, &mut progress).await {
                Ok(Some(rebuilt)) => return Ok(rebuilt),
                Ok(None) => {}
                Err(error) if !self.changed_since(size).await? => return Err(error),
                // What was read of the log before the erasure no longer fits what is read after it.
                Err(_) => {}
            }
        }
    }

    /// Whether an erasure was executed at or after a position.
    async fn changed_since(&self, position: u64) -> Result<bool, AppError> {
        Ok(self.store.last_lawful_change().await?.is_some_and(|change| change >= position))
    }

    /// `None` where an erasure came in between: what was folded before it holds what it erased, and must not become current.
    /// `begun_at` is the size of the log before anything was read.
    async fn rebuild_once(
        &self,
        begun_at: u64,
        progress: &mut (impl FnMut(u64, u64) + Send),
    ) -> Result<Option<Rebuilt>, AppError> {
        let generation = self.store.begin_rebuild().await?;
        let mut folder = Folder::default();
        let mut done = 0;
        loop {
            let size = self.store.head().await?.size;
            let mut pages = Pages::between(self, done, size);
            while done < size {
                let events = pages.next().await?;
                let Some(last) = events.last() else { break };
                let next = last.position + 1;
                let folded = folder.fold(self, generation, &events).await?;
                let closed: Vec<_> = folded.closed.iter().map(|(stream, _, end)| (*stream, *end)).collect();
                self.store.write_rebuilt(generation, &folded.rows, &closed).await?;
                done = next;
                progress(done, size.max(done));
            }
            // One that comes after this look makes the log grow, and the switch refuses.
            if self.changed_since(begun_at).await? {
                return Ok(None);
            }
            if self.store.switch_generation(generation, done).await? {
                return Ok(Some(Rebuilt { events: done, generation }));
            }
        }
    }
}
