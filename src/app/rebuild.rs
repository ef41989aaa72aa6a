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
            if self.store.switch_generation(generation, done).await? {
                return Ok(Rebuilt { events: done, generation });
            }
        }
    }
}
