//! The writer: what may wait, what goes together, and that everybody is answered.

use super::ground_test::Ground;
use super::making::{Making, amended, at, key};
use super::nothing::NothingStore;
use super::outage::refusal_of_keys;
use crate::ledger::{PartName, Salt, commit};
use crate::store::writer::{BATCH_MAX_BYTES, QUEUE_MAX_GROUPS, Writer};
use crate::store::{Group, NewAppend, NewPart, StoreError};
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

on_both_stores! {
    everybody_is_answered_after_the_last_handle_is_gone
    a_failed_batch_fails_all_who_waited_for_it_and_no_others
}

/// Notes what comes together, and lets appends through only once it is open.
pub(super) struct Gate {
    open: Semaphore,
    begun: Semaphore,
    batches: Mutex<Vec<Vec<usize>>>,
}

impl Gate {
    fn shut() -> Arc<Self> {
        Arc::new(Self { open: Semaphore::new(0), begun: Semaphore::new(0), batches: Mutex::new(Vec::new()) })
    }
    /// A writer to a store behind this gate.
    fn writer(self: &Arc<Self>, batch_events: usize) -> (Writer, JoinHandle<()>) {
        Writer::start(Arc::new(NothingStore::behind(self)), batch_events, || at(0))
    }
    pub(super) async fn pass(&self, groups: &[Group]) {
        self.batches.lock().unwrap().push(groups.iter().map(|group| group.items.len()).collect());
        self.begun.add_permits(1);
        drop(self.open.acquire().await.unwrap());
    }
    async fn has_begun(&self) {
        self.begun.acquire().await.unwrap().forget();
    }
    fn open(&self) {
        self.open.add_permits(1);
    }
}

fn of(making: &Making, many: usize) -> Group {
    Group { atomic: false, items: (0..many).map(|_| making.person("R1A")).collect() }
}

/// A group of one event whose parts are so many bytes more than usual.
fn heavy(making: &Making, bytes: usize) -> Group {
    let mut item = making.person("R1A");
    let (name, bytes) = (PartName::WORDS, vec![7; bytes]);
    let commitment = commit(&Salt::new([1; 32]), &item.event.id, &name, &bytes);
    let class = crate::domain::event::Class::Words;
    item.event.parts.push(NewPart { name, class, subject: None, key: None, bytes, salt: None, commitment });
    Group { atomic: false, items: vec![item] }
}

fn weight(group: &Group) -> usize {
    group.items.iter().flat_map(|item| &item.event.parts).map(|part| part.bytes.len()).sum()
}

/// Sends one group that is let in at once, then the others while it is under way; answers what came together.
async fn gathered(batch_events: usize, groups: Vec<Group>) -> Vec<Vec<usize>> {
    let gate = Gate::shut();
    let (writer, task) = gate.writer(batch_events);
    let making = Making::new(150);
    let mut sent = vec![tokio::spawn({
        let (writer, first) = (writer.clone(), of(&making, 1));
        async move { writer.append(first).await }
    })];
    gate.has_begun().await;
    for (group, waiting) in groups.into_iter().zip(1..) {
        let sender = writer.clone();
        sent.push(tokio::spawn(async move { sender.append(group).await }));
        while writer.waiting() < waiting {
            tokio::task::yield_now().await;
        }
    }
    gate.open();
    drop(writer);
    for sent in sent {
        assert!(sent.await.unwrap().unwrap().iter().all(Result::is_ok));
    }
    task.await.unwrap();
    gate.batches.lock().unwrap().split_off(1)
}

#[tokio::test]
async fn what_waits_goes_together_up_to_the_bound_of_events() {
    let making = Making::new(151);
    let groups = |sizes: &[usize]| sizes.iter().map(|many| of(&making, *many)).collect::<Vec<_>>();
    assert_eq!(gathered(10, groups(&[3, 3, 4, 1])).await, [vec![3, 3, 4], vec![1]]);
    assert_eq!(gathered(10, groups(&[3, 3, 5, 1])).await, [vec![3, 3], vec![5, 1]]);
    assert_eq!(gathered(10, groups(&[4, 11, 4])).await, [vec![4], vec![11], vec![4]], "a larger one goes alone");
    assert_eq!(gathered(1, groups(&[1, 1, 1])).await, [vec![1], vec![1], vec![1]]);
    assert_eq!(gathered(10, groups(&[0, 10, 0])).await, [vec![0, 10, 0]], "nothing weighs nothing");
}

#[tokio::test]
async fn what_waits_goes_together_up_to_the_bound_of_bytes() {
    let making = Making::new(152);
    let usual = weight(&heavy(&making, 0));
    let half = BATCH_MAX_BYTES / 2 - usual;
    assert_eq!(weight(&heavy(&making, half)) * 2, BATCH_MAX_BYTES);
    let fits = vec![heavy(&making, half), heavy(&making, half), of(&making, 1)];
    assert_eq!(gathered(100, fits).await, [vec![1, 1], vec![1]]);
    let does_not = vec![heavy(&making, half), heavy(&making, half + 1), of(&making, 1)];
    assert_eq!(gathered(100, does_not).await, [vec![1], vec![1, 1]]);
    let larger = vec![of(&making, 1), heavy(&making, BATCH_MAX_BYTES + 1), of(&making, 1)];
    assert_eq!(gathered(100, larger).await, [vec![1], vec![1], vec![1]], "a larger one goes alone");
}

#[tokio::test]
async fn a_full_queue_is_said_at_once() {
    let (gate, making) = (Gate::shut(), Making::new(153));
    let (writer, task) = gate.writer(512);
    let send = |writer: &Writer, group| {
        let writer = writer.clone();
        tokio::spawn(async move { writer.append(group).await })
    };
    let mut sent = vec![send(&writer, of(&making, 1))];
    gate.has_begun().await;
    sent.extend((0..QUEUE_MAX_GROUPS).map(|_| send(&writer, of(&making, 1))));
    while writer.waiting() < QUEUE_MAX_GROUPS {
        tokio::task::yield_now().await;
    }
    let refused = writer.append(of(&making, 1)).await.unwrap_err();
    assert!(matches!(*refused, StoreError::Busy), "{refused}");
    gate.open();
    for sent in sent {
        assert!(sent.await.unwrap().is_ok(), "who was let in is answered");
    }
    assert_eq!(writer.waiting(), 0);
    assert!(writer.append(of(&making, 1)).await.is_ok(), "and there is room again");
    drop(writer);
    task.await.unwrap();
}

#[tokio::test]
async fn a_writer_that_is_gone_says_so() {
    let (gate, making) = (Gate::shut(), Making::new(154));
    let (writer, task) = gate.writer(512);
    let waiting = [of(&making, 1), of(&making, 1)].map(|group| {
        let writer = writer.clone();
        tokio::spawn(async move { writer.append(group).await })
    });
    gate.has_begun().await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    for waiting in waiting {
        let error = waiting.await.unwrap().unwrap_err();
        assert!(matches!(*error, StoreError::Stopped), "{error}");
    }
    let error = writer.append(of(&making, 1)).await.unwrap_err();
    assert!(matches!(*error, StoreError::Stopped), "{error}");
}

pub(super) async fn everybody_is_answered_after_the_last_handle_is_gone(ground: &Ground) {
    let (making, store) = (Making::new(155), ground.open().await);
    let (writer, task) = Writer::start(Arc::clone(&store), 4, || at(0));
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let (writer, group) = (writer.clone(), of(&making, 3));
            tokio::spawn(async move { writer.append(group).await })
        })
        .collect();
    drop(writer);
    let mut positions = Vec::new();
    for waiting in waiting {
        let answers = waiting.await.unwrap().unwrap();
        positions.extend(answers.into_iter().map(|answer| answer.unwrap().position));
    }
    task.await.unwrap();
    positions.sort_unstable();
    assert_eq!(positions, (0..60).collect::<Vec<_>>());
    assert_eq!(store.head().await.unwrap().size, 60);
}

pub(super) async fn a_failed_batch_fails_all_who_waited_for_it_and_no_others(ground: &Ground) {
    let (making, store) = (Making::new(156), ground.open().await);
    let (writer, task) = Writer::start(Arc::clone(&store), 512, || at(0));
    let (refuse, allow) = refusal_of_keys(ground);
    ground.run(refuse).await.unwrap();
    let keyed = NewAppend { key: Some(key(1, 1)), ..making.person("R1A") };
    let fails = Group { atomic: false, items: vec![making.person("R1A"), keyed] };
    let error = writer.append(fails).await.unwrap_err();
    assert!(matches!(*error, StoreError::Unavailable { outcome_unknown: false, .. }), "{error}");
    assert_eq!(store.head().await.unwrap().size, 0, "nothing of it is in the log");
    ground.run(allow).await.unwrap();
    let person = making.person("R1A");
    let next = making.after(&person, amended());
    let answers = writer.append(Group { atomic: false, items: vec![person, next] }).await.unwrap();
    assert!(answers.iter().all(Result::is_ok), "the writer goes on");
    drop(writer);
    task.await.unwrap();
    super::audit::audit(store.as_ref()).await;
}
