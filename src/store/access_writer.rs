//! The writer of accesses: what many readers wait for is committed together, so that they share one sync to the disk.
//!
//! A queue of its own beside the events' writer, so that neither waits in the other's. On the embedded store both use its one
//! writing connection, which serves whoever asked first: with two writers, they take turns. Knows the store's append and
//! nothing of any database.

use crate::domain::time::Timestamp;
use crate::store::Store;
use crate::store::accesses::NewAccess;
use crate::store::queue::{Answered, Gathering, Wish, ask_now};
use std::sync::Arc;
use tokio::sync::mpsc;

/// The most accesses of one transaction; what one answer needs is never split.
pub const BATCH_MAX: usize = 512;
/// The most answers that may wait; one more is refused as busy.
pub const QUEUE_MAX: usize = 4_096;

type Waiting = Wish<Vec<NewAccess>, ()>;

/// A handle to the writer; cheap to clone. It stops when the last handle is gone and all work is answered.
#[derive(Clone)]
pub struct AccessWriter {
    queue: mpsc::Sender<Waiting>,
}

impl AccessWriter {
    /// Starts the writer's task on the current runtime; `clock` says when a batch is recorded.
    pub fn start(
        store: Arc<dyn Store>,
        clock: impl Fn() -> Timestamp + Send + 'static,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        (Self { queue }, tokio::spawn(run(store, waiting, clock)))
    }

    /// Appends what one answer shows, and waits until it is durable.
    ///
    /// # Errors
    /// [`StoreError::Busy`](crate::store::StoreError::Busy) where the queue is full, [`StoreError::Stopped`](crate::store::StoreError::Stopped) where the writer is gone, or what the store
    /// answered to the whole batch.
    pub async fn append(&self, accesses: Vec<NewAccess>) -> Answered<()> {
        ask_now(&self.queue, accesses).await
    }

    /// How many answers wait now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        QUEUE_MAX - self.queue.capacity()
    }
}

async fn run(store: Arc<dyn Store>, waiting: mpsc::Receiver<Waiting>, clock: impl Fn() -> Timestamp + Send) {
    let mut gathering = Gathering::new(waiting);
    let joins = |count: &mut usize, next: &Vec<NewAccess>| {
        *count += next.len();
        *count <= BATCH_MAX
    };
    while let Some(together) = gathering.next(Vec::len, joins).await {
        let (accesses, answers): (Vec<Vec<NewAccess>>, Vec<_>) =
            together.into_iter().map(|wish| (wish.wanted, wish.answer)).unzip();
        let accesses: Vec<NewAccess> = accesses.into_iter().flatten().collect();
        metrics::histogram!("cairn_access_batch_records").record(accesses.len() as f64);
        let outcome = store.append_accesses(&accesses, clock()).await.map(|_| ()).map_err(Arc::new);
        for answer in answers {
            // A reader that went away is recorded all the same: nobody knows how much of the answer it got.
            let _ = answer.send(outcome.clone());
        }
    }
}
