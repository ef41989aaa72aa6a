//! The reader: single rows and parts that many requests want at one moment are read together.
//!
//! The counterpart of the writer. A statement costs the driver's way to the database and back, whatever it reads;
//! under load that way is most of a read. A request's wish is queued and read by a statement that begins afterwards, so
//! what it gets is never older than its arrival; nothing is remembered between statements and nothing waits for
//! company. Alone, a request is read at once. Knows the store's reads and nothing of any database.

use crate::domain::event::PartRef;
use crate::domain::ids::StreamId;
use crate::projections::Row;
use crate::store::queue::{Wish, ask};
use crate::store::{Head, Reach, RowWanted, Store, StoreError, StoredPart};
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc};

/// The most wishes of one statement.
const TOGETHER_MAX: usize = 64;
/// A wish for more places than this is read by itself.
const PLACES_TOGETHER_MAX: usize = 16;
/// The most statements of each sort that are under way at once.
const LANES_MAX: usize = 4;
/// The most wishes that may wait; one more waits for its place.
const QUEUE_MAX: usize = 4_096;

/// Reads single rows and parts; cheap to clone. Its tasks end when the last handle is gone.
#[derive(Clone)]
pub struct Reader {
    store: Arc<dyn Store>,
    rows: mpsc::Sender<Wish<RowWanted, (Head, Option<Row>)>>,
    parts: mpsc::Sender<Wish<Vec<PartRef>, Vec<StoredPart>>>,
}

impl Reader {
    /// Starts the reader's tasks on the current runtime.
    #[must_use]
    pub fn start(store: &Arc<dyn Store>) -> Self {
        let of_rows = Arc::clone(store);
        let rows = lanes(move |wanted| {
            let store = Arc::clone(&of_rows);
            async move { store.single_rows(&wanted).await }
        });
        let of_parts = Arc::clone(store);
        let parts = lanes(move |wanted| {
            let store = Arc::clone(&of_parts);
            async move { read_parts(store.as_ref(), &wanted).await }
        });
        Self { store: Arc::clone(store), rows, parts }
    }

    /// One row, as of a size of the log (`None`: now), with the head that the answer is complete to.
    ///
    /// # Errors
    /// What the store answered to the statement, or to this row; [`StoreError::Stopped`] while shutting down.
    pub async fn row(
        &self,
        reach: Reach,
        id: StreamId,
        as_of: Option<u64>,
    ) -> Result<(Head, Option<Row>), Arc<StoreError>> {
        ask(&self.rows, RowWanted { reach, id, as_of }).await
    }

    /// The parts of a class-wise list of places; erased ones are absent.
    ///
    /// # Errors
    /// As [`Self::row`].
    pub async fn parts(&self, places: Vec<PartRef>) -> Result<Vec<StoredPart>, Arc<StoreError>> {
        if places.len() > PLACES_TOGETHER_MAX {
            // A statement of its own is worth it, and nobody waits for so much that is not theirs.
            return self.store.parts(&places).await.map_err(Arc::new);
        }
        if places.is_empty() {
            return Ok(Vec::new());
        }
        ask(&self.parts, places).await
    }
}

/// Starts the tasks that take what waits and read it; `read` answers each wish in its place.
fn lanes<W, A, R, Reading>(read: R) -> mpsc::Sender<Wish<W, A>>
where
    W: Send + 'static,
    A: Send + 'static,
    R: Fn(Vec<W>) -> Reading + Clone + Send + 'static,
    Reading: Future<Output = Result<Vec<Result<A, StoreError>>, StoreError>> + Send + 'static,
{
    let (queue, waiting) = mpsc::channel(QUEUE_MAX);
    let waiting = Arc::new(Mutex::new(waiting));
    // A lane has more wishes to take when there are few lanes; more cores can read more at once.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    for _ in 0..(cores / 2).clamp(1, LANES_MAX) {
        tokio::spawn(lane(Arc::clone(&waiting), read.clone()));
    }
    queue
}

async fn lane<W, A, R, Reading>(waiting: Arc<Mutex<mpsc::Receiver<Wish<W, A>>>>, read: R)
where
    R: Fn(Vec<W>) -> Reading,
    Reading: Future<Output = Result<Vec<Result<A, StoreError>>, StoreError>>,
{
    loop {
        let mut wishes = Vec::with_capacity(TOGETHER_MAX);
        if waiting.lock().await.recv_many(&mut wishes, TOGETHER_MAX).await == 0 {
            return;
        }
        let (wanted, answers): (Vec<W>, Vec<_>) =
            wishes.into_iter().filter(|wish| !wish.answer.is_closed()).map(|wish| (wish.wanted, wish.answer)).unzip();
        if wanted.is_empty() {
            continue;
        }
        match read(wanted).await {
            Ok(found) => {
                for (answer, found) in answers.into_iter().zip(found) {
                    let _ = answer.send(found.map_err(Arc::new));
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                for answer in answers {
                    let _ = answer.send(Err(Arc::clone(&error)));
                }
            }
        }
    }
}

/// Reads the places of every wish by one statement and deals out what was found; two may want the same place.
async fn read_parts(
    store: &dyn Store,
    wanted: &[Vec<PartRef>],
) -> Result<Vec<Result<Vec<StoredPart>, StoreError>>, StoreError> {
    if let [alone] = wanted {
        return Ok(vec![Ok(store.parts(alone).await?)]);
    }
    let mut places: Vec<PartRef> = wanted.iter().flatten().copied().collect();
    places.sort_unstable_by_key(|place| (place.position, place.class));
    places.dedup();
    let mut found: HashMap<PartRef, Vec<StoredPart>> = HashMap::with_capacity(places.len());
    for part in store.parts(&places).await? {
        found.entry(PartRef { position: part.position, class: part.class }).or_default().push(part);
    }
    let of = |places: &Vec<PartRef>| places.iter().filter_map(|place| found.get(place)).flatten().cloned().collect();
    Ok(wanted.iter().map(|places| Ok(of(places))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Semaphore;

    #[tokio::test]
    async fn what_waits_is_read_together_and_each_gets_its_own() {
        let gate = Arc::new(Semaphore::new(0));
        let statements = Arc::new(AtomicUsize::new(0));
        let (held, counted) = (Arc::clone(&gate), Arc::clone(&statements));
        let queue = lanes(move |wanted: Vec<u64>| {
            let (gate, statements) = (Arc::clone(&held), Arc::clone(&counted));
            async move {
                statements.fetch_add(1, Ordering::SeqCst);
                gate.acquire().await.unwrap().forget();
                let odd = |number| StoreError::Corrupt { position: number, detail: "odd".to_owned() };
                Ok(wanted.into_iter().map(|n| if n % 2 == 0 { Ok(n * 10) } else { Err(odd(n)) }).collect())
            }
        });
        // More than the lanes take at first: the rest must wait, and is then read together.
        let asked = join_all((0..40u64).map(|number| ask(&queue, number)));
        let opening = tokio::spawn(async move {
            for _ in 0..40 {
                tokio::task::yield_now().await;
                gate.add_permits(1);
            }
        });
        let answers = asked.await;
        opening.await.unwrap();
        for (number, answer) in (0u64..).zip(answers) {
            match answer {
                Ok(found) => assert_eq!(found, number * 10),
                Err(error) => assert!(matches!(*error, StoreError::Corrupt { position, .. } if position == number)),
            }
        }
        assert!(statements.load(Ordering::SeqCst) < 40, "some were read together");
    }

    #[tokio::test]
    async fn a_failed_statement_fails_all_that_it_was_for_and_no_later_one() {
        let times = Arc::new(AtomicUsize::new(0));
        let queue = lanes(move |wanted: Vec<u64>| {
            let first = times.fetch_add(1, Ordering::SeqCst) == 0;
            async move { if first { Err(StoreError::Busy) } else { Ok(wanted.into_iter().map(Ok).collect()) } }
        });
        assert!(ask(&queue, 1).await.is_err());
        assert_eq!(ask(&queue, 2).await.unwrap(), 2);
    }
}
