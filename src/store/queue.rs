//! What waits for one of the tasks that ask the database: a wish with the place where its answer goes, and taking together what
//! waits at one moment. Knows no database and not what is wished for.

use crate::store::StoreError;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// What every wish is answered.
pub(super) type Answered<A> = Result<A, Arc<StoreError>>;

/// Something that is wanted, and where its answer goes.
pub(super) struct Wish<W, A> {
    pub(super) wanted: W,
    pub(super) answer: oneshot::Sender<Answered<A>>,
}

fn stopped() -> Arc<StoreError> {
    Arc::new(StoreError::Stopped)
}

/// Asks, and waits for a place in the queue where it is full.
pub(super) async fn ask<W, A>(queue: &mpsc::Sender<Wish<W, A>>, wanted: W) -> Answered<A> {
    let (answer, answered) = oneshot::channel();
    queue.send(Wish { wanted, answer }).await.map_err(|_| stopped())?;
    answered.await.unwrap_or_else(|_| Err(stopped()))
}

/// Asks, or is refused as busy where the queue is full.
pub(super) async fn ask_now<W, A>(queue: &mpsc::Sender<Wish<W, A>>, wanted: W) -> Answered<A> {
    let (answer, answered) = oneshot::channel();
    queue.try_send(Wish { wanted, answer }).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => Arc::new(StoreError::Busy),
        mpsc::error::TrySendError::Closed(_) => stopped(),
    })?;
    answered.await.unwrap_or_else(|_| Err(stopped()))
}

/// Takes what waits at one moment, in its order and without an artificial delay.
pub(super) struct Gathering<W, A> {
    waiting: mpsc::Receiver<Wish<W, A>>,
    /// What did not go with the others any more.
    held: Option<Wish<W, A>>,
}

impl<W, A> Gathering<W, A> {
    pub(super) const fn new(waiting: mpsc::Receiver<Wish<W, A>>) -> Self {
        Self { waiting, held: None }
    }

    /// Waits for a wish and takes with it whatever else is there, as long as `joins` lets the next one join: it is given what
    /// `weigh` made of the first one and what it made of that itself. `None` once nobody can ask any more and everything was
    /// taken.
    pub(super) async fn next<T>(
        &mut self,
        weigh: impl Fn(&W) -> T,
        joins: impl Fn(&mut T, &W) -> bool,
    ) -> Option<Vec<Wish<W, A>>> {
        let first = match self.held.take() {
            Some(first) => first,
            None => self.waiting.recv().await?,
        };
        let mut weight = weigh(&first.wanted);
        let mut together = vec![first];
        while let Ok(next) = self.waiting.try_recv() {
            if !joins(&mut weight, &next.wanted) {
                self.held = Some(next);
                break;
            }
            together.push(next);
        }
        Some(together)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_waits_goes_together_until_something_does_not_fit() {
        let (queue, waiting) = mpsc::channel(8);
        let mut gathering = Gathering::new(waiting);
        let mut answers = Vec::new();
        for wanted in [2, 3, 9, 1] {
            let (answer, answered) = oneshot::channel();
            queue.try_send(Wish::<u32, ()> { wanted, answer }).ok().unwrap();
            answers.push(answered);
        }
        drop(queue);
        let fits = |weight: &mut u32, next: &u32| {
            let fits = *weight + next < 10;
            *weight += next;
            fits
        };
        let mut batches = Vec::new();
        while let Some(batch) = gathering.next(|first| *first, fits).await {
            batches.push(batch.iter().map(|wish| wish.wanted).collect::<Vec<_>>());
        }
        // The nine went alone and in its turn; a wish that is too large for any company is not lost.
        assert_eq!(batches, [vec![2, 3], vec![9], vec![1]]);
    }

    #[tokio::test]
    async fn a_full_queue_is_busy_and_an_ended_one_has_stopped() {
        let (queue, waiting) = mpsc::channel::<Wish<u32, ()>>(1);
        let (answer, _answered) = oneshot::channel();
        queue.try_send(Wish { wanted: 1, answer }).ok().unwrap();
        assert!(matches!(*ask_now(&queue, 2).await.unwrap_err(), StoreError::Busy));
        drop(waiting);
        assert!(matches!(*ask_now(&queue, 2).await.unwrap_err(), StoreError::Stopped));
        assert!(matches!(*ask(&queue, 2).await.unwrap_err(), StoreError::Stopped));
    }
}
