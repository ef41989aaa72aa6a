//! The writer of accesses: what many readers wait for is committed together, so that they share one sync to the disk.
//!
//! A queue of its own beside the events' writer, so that neither waits in the other's. On the embedded store both use its one
//! writing connection, which serves whoever asked first: with two writers, they take turns. Knows the store's append and
//! nothing of any database.

use crate::domain::time::Timestamp;
use crate::store::accesses::NewAccess;
use crate::store::{Store, StoreError};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// The most accesses of one transaction; what one answer needs is never split.
pub const BATCH_MAX: usize = 512;
/// The most answers that may wait; one more is refused as busy.
pub const QUEUE_MAX: usize = 4_096;

type Answer = Result<(), Arc<StoreError>>;

struct Waiting {
    accesses: Vec<NewAccess>,
    answer: oneshot::Sender<Answer>,
}

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
    /// [`StoreError::Busy`] where the queue is full, [`StoreError::Stopped`] where the writer is gone, or what the store
    /// answered to the whole batch.
    pub async fn append(&self, accesses: Vec<NewAccess>) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Waiting { accesses, answer }).map_err(|error| {
            Arc::new(match error {
                mpsc::error::TrySendError::Full(_) => StoreError::Busy,
                mpsc::error::TrySendError::Closed(_) => StoreError::Stopped,
            })
        })?;
        answered.await.unwrap_or_else(|_| Err(Arc::new(StoreError::Stopped)))
    }

    /// How many answers wait now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        QUEUE_MAX - self.queue.capacity()
    }
}

async fn run(store: Arc<dyn Store>, mut waiting: mpsc::Receiver<Waiting>, clock: impl Fn() -> Timestamp + Send) {
    let mut held: Option<Waiting> = None;
    loop {
        let first = match held.take() {
            Some(first) => first,
            None => match waiting.recv().await {
                Some(first) => first,
                None => return,
            },
        };
        let (mut accesses, mut answers) = (first.accesses, vec![first.answer]);
        while let Ok(next) = waiting.try_recv() {
            if accesses.len() + next.accesses.len() > BATCH_MAX {
                held = Some(next);
                break;
            }
            accesses.extend(next.accesses);
            answers.push(next.answer);
        }
        metrics::histogram!("cairn_access_batch_records").record(accesses.len() as f64);
        let outcome = store.append_accesses(&accesses, clock()).await.map(|_| ()).map_err(Arc::new);
        for answer in answers {
            // A reader that went away is recorded all the same: nobody knows how much of the answer it got.
            let _ = answer.send(outcome.clone());
        }
    }
}
