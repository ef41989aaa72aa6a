//! The keeper: one task that makes new people's keys, many requests to a transaction.
//!
//! Every transaction waits for the disk. Requests that arrive while one is under way wait together and share the next,
//! so that 64 registrations at once cost about two waits and not 64; a lone one waits for nobody.

use super::error::VaultError;
use super::ring::KeyRing;
use crate::domain::ids::PersonId;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Requests that may wait; beyond it the callers wait for a place.
const QUEUE: usize = 1024;
/// Subjects after which no more requests are taken into a transaction.
const SUBJECTS_PER_TRANSACTION: usize = 4096;

struct Request {
    subjects: Vec<PersonId>,
    now_micros: i64,
    answer: oneshot::Sender<Result<(), VaultError>>,
}

/// The way to the keeper. The task ends when the last handle is gone.
#[derive(Clone)]
pub(super) struct Keeper {
    queue: mpsc::Sender<Request>,
}

impl Keeper {
    /// Starts the task on the runtime of the caller.
    pub(super) fn start(ring: Arc<KeyRing>) -> Self {
        let (queue, requests) = mpsc::channel(QUEUE);
        tokio::spawn(keep(ring, requests));
        Self { queue }
    }

    /// Asks for keys and waits until they are durable.
    pub(super) async fn ensure(&self, subjects: Vec<PersonId>, now_micros: i64) -> Result<(), VaultError> {
        let (answer, answered) = oneshot::channel();
        let request = Request { subjects, now_micros, answer };
        self.queue.send(request).await.map_err(|_| VaultError::Closed)?;
        answered.await.map_err(|_| VaultError::Closed)?
    }
}

async fn keep(ring: Arc<KeyRing>, mut requests: mpsc::Receiver<Request>) {
    while let Some(first) = requests.recv().await {
        let mut count = first.subjects.len();
        let mut group = vec![first];
        while count < SUBJECTS_PER_TRANSACTION
            && let Ok(next) = requests.try_recv()
        {
            count += next.subjects.len();
            group.push(next);
        }
        settle(&ring, group).await;
    }
}

/// Answers a group of requests from one transaction. A subject that cannot have keys fails only the requests that name it.
async fn settle(ring: &KeyRing, group: Vec<Request>) {
    let mut wanted = BTreeMap::new();
    for request in &group {
        for subject in &request.subjects {
            wanted.entry(*subject).or_insert(request.now_micros);
        }
    }
    let outcome = ring.ensure(&wanted).await;
    for Request { subjects, answer, .. } in group {
        let result = match &outcome {
            Ok(refused) => subjects.iter().find_map(|subject| refused.get(subject)).cloned().map_or(Ok(()), Err),
            Err(error) => Err(error.clone()),
        };
        // Whoever stopped waiting needs no answer.
        let _ = answer.send(result);
    }
}
