//! Server-sent events: how a stream is written, resumed, bounded and ended. Knows nothing of what is sent.
//!
//! A stream is pulled: the next batch is read only when the connection has taken the one before, so a reader that is slow
//! costs one batch of memory and nothing more. Before each batch, and at each heartbeat, the token is looked at again. The
//! first batch is read before the answer begins, so that whoever cannot be answered gets a status that says so.

use crate::api::problem::{Problem, Type};
use crate::api::request::text;
use crate::app::words::Caller;
use actix_web::http::header::{CACHE_CONTROL, ContentEncoding, HeaderMap, HeaderName};
use actix_web::web::Bytes;
use actix_web::{Error, HttpResponse};
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a client should wait before it connects again: milliseconds.
const RETRY_MS: u32 = 2_000;

/// One event on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its position, by which the stream is resumed.
    pub position: u64,
    /// Its name.
    pub name: &'static str,
    /// Its JSON, on one line.
    pub data: String,
}

/// What a source has after a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The events in order.
    pub events: Vec<Sent>,
    /// Everything up to here, included, was in this batch or before it.
    pub looked_to: Option<u64>,
    /// Whether there is more right now.
    pub more: bool,
}

/// Where a stream's events come from, and who looks after it.
pub trait Source: 'static {
    /// Looks again at who reads; an error says, for the reader, why the stream ends.
    fn admit(&mut self) -> impl Future<Output = Result<(), &'static str>>;
    /// The events after a position; waits for the first one where there is none yet.
    fn next(&mut self, after: Option<u64>, wait: Duration) -> impl Future<Output = Result<Batch, Problem>>;
    /// Whether the service stops.
    fn stops(&self) -> bool;
}

/// The answer that a source's events leave in.
///
/// # Errors
/// What the source says of its first batch; what it says of a later one can only end the stream.
pub async fn stream<S: Source>(
    source: S,
    after: Option<u64>,
    heartbeat: Duration,
    place: Place,
) -> Result<HttpResponse, Problem> {
    let follower = Follower::begin(source, after, heartbeat, place).await?;
    let body = futures::stream::unfold(follower, |mut follower| async move {
        let bytes = follower.pull().await?;
        Some((Ok::<_, Error>(bytes), follower))
    });
    let answer = HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        // Nothing on the way may gather events before it hands them on: neither our own compression nor a proxy.
        .insert_header(ContentEncoding::Identity)
        .insert_header((HeaderName::from_static("x-accel-buffering"), "no"))
        .streaming(body);
    Ok(answer)
}

/// Where a stream begins: after `Last-Event-ID`, which a client sends when it connects again, else after `after`.
///
/// # Errors
/// [`Type::InvalidHeader`] or [`Type::InvalidQuery`].
pub fn begins_after(headers: &HeaderMap, after: Option<&str>) -> Result<Option<u64>, Problem> {
    let in_the_log = |text: &str| -> Option<u64> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().filter(|position| *position < i64::MAX as u64)
    };
    if let Some(last) = text(headers, &HeaderName::from_static("last-event-id"))? {
        let refused =
            || Problem::new(Type::InvalidHeader).detail("Last-Event-ID is not the id of an event of a stream");
        return in_the_log(&last).map(Some).ok_or_else(refused);
    }
    let refused = || Problem::new(Type::InvalidQuery).detail("after: must be a position");
    after.map(|after| in_the_log(after).ok_or_else(refused)).transpose()
}

/// A stream that is being read.
struct Follower<S> {
    source: S,
    /// Everything up to here, included, was read.
    after: Option<u64>,
    /// And up to here was sent.
    sent: Option<u64>,
    heartbeat: Duration,
    /// What was read and is not sent yet, events with their positions.
    pending: VecDeque<(Option<u64>, Bytes)>,
    /// When that was read.
    read_at: Instant,
    caught_up: bool,
    ended: bool,
    _place: Place,
}

impl<S: Source> Follower<S> {
    /// Begins with the first batch.
    async fn begin(source: S, after: Option<u64>, heartbeat: Duration, place: Place) -> Result<Self, Problem> {
        let mut begun = Self {
            source,
            after,
            sent: after,
            heartbeat,
            pending: VecDeque::from([(None, Bytes::from(format!("retry: {RETRY_MS}\n\n")))]),
            read_at: Instant::now(),
            caught_up: false,
            ended: false,
            _place: place,
        };
        let first = begun.source.next(after, Duration::ZERO).await?;
        begun.take(first);
        Ok(begun)
    }

    /// The next bytes; `None` at the end.
    async fn pull(&mut self) -> Option<Bytes> {
        // What has waited for a slow reader may have been erased since, or the token have expired.
        if self.read_at.elapsed() > self.heartbeat && self.sent < self.after && !self.ended {
            self.pending.clear();
            self.after = self.sent;
            self.caught_up = false;
        }
        loop {
            if self.ended {
                return self.pending.pop_front().map(|(_, bytes)| bytes);
            }
            if self.source.stops() {
                self.end("the service stops; connect again");
                continue;
            }
            if let Some((position, bytes)) = self.pending.pop_front() {
                self.sent = self.sent.max(if self.pending.is_empty() { self.after } else { position });
                return Some(bytes);
            }
            if let Err(why) = self.source.admit().await {
                self.end(why);
                continue;
            }
            let wait = if self.caught_up { self.heartbeat } else { Duration::ZERO };
            match self.source.next(self.after, wait).await {
                Ok(batch) => self.take(batch),
                // Logged where it became a problem. What it is, is not the reader's business.
                Err(_) => self.end("this cannot go on for the moment; connect again"),
            }
        }
    }

    fn take(&mut self, batch: Batch) {
        self.read_at = Instant::now();
        let silent = batch.events.is_empty();
        for Sent { position, name, data } in batch.events {
            let frame = Bytes::from(format!("id: {position}\nevent: {name}\ndata: {data}\n\n"));
            self.pending.push_back((Some(position), frame));
            self.after = Some(position);
        }
        self.after = self.after.max(batch.looked_to);
        let was_caught_up = std::mem::replace(&mut self.caught_up, !batch.more);
        // Said once when the reader has caught up, and then in every silence.
        if self.caught_up && (silent || !was_caught_up) && !self.source.stops() {
            let to = self.after.map_or_else(|| "nothing: the log is empty".to_owned(), |after| after.to_string());
            self.pending.push_back((None, Bytes::from(format!(": complete to {to}\n\n"))));
        }
        if self.pending.is_empty() {
            self.sent = self.after;
        }
    }

    /// Ends the stream: what was not sent has no id at the reader's, who will ask for it again.
    fn end(&mut self, why: &str) {
        self.ended = true;
        self.pending = VecDeque::from([(None, Bytes::from(format!(": {why}\n\n")))]);
    }
}

/// Who holds how many streams, in this process.
#[derive(Debug, Clone, Default)]
pub struct StreamsHeld(Arc<Mutex<HashMap<Holder, usize>>>);

/// Organisation and client.
type Holder = (String, String);

/// A stream's place among its client's; given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    held: StreamsHeld,
    holder: Holder,
}

impl StreamsHeld {
    /// Takes a place, if the client may hold one more.
    ///
    /// # Errors
    /// [`Type::TooManyStreams`].
    pub fn take(&self, caller: &Caller, most: usize) -> Result<Place, Problem> {
        let holder = (caller.organisation.to_string(), caller.client.clone());
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let many = held.get(&holder).copied().unwrap_or(0);
        if many >= most {
            return Err(Problem::new(Type::TooManyStreams).detail(format!("one client may hold {most} streams")));
        }
        held.insert(holder.clone(), many + 1);
        drop(held);
        metrics::gauge!("cairn_streams").increment(1.0);
        Ok(Place { held: self.clone(), holder })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.held.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(many) = held.get_mut(&self.holder) {
            *many -= 1;
            if *many == 0 {
                held.remove(&self.holder);
            }
        }
        metrics::gauge!("cairn_streams").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::collections::BTreeSet;
    use std::rc::Rc;

    /// A log of a hundred events that is read by tens, and what was asked of it.
    #[derive(Default)]
    struct Told {
        asked: Vec<(Option<u64>, Duration)>,
        expired: bool,
        stops: bool,
        fails: bool,
    }

    struct Hundred(Rc<RefCell<Told>>);

    impl Source for Hundred {
        async fn admit(&mut self) -> Result<(), &'static str> {
            if self.0.borrow().expired { Err("expired") } else { Ok(()) }
        }
        async fn next(&mut self, after: Option<u64>, wait: Duration) -> Result<Batch, Problem> {
            self.0.borrow_mut().asked.push((after, wait));
            if self.0.borrow().fails {
                return Err(Problem::new(Type::AccessNotRecorded));
            }
            let from = after.map_or(0, |after| after + 1);
            let until = (from + 10).min(100);
            let events = (from..until).map(|position| Sent { position, name: "Told", data: "{}".to_owned() });
            Ok(Batch { events: events.collect(), looked_to: until.checked_sub(1), more: until < 100 })
        }
        fn stops(&self) -> bool {
            self.0.borrow().stops
        }
    }

    fn caller(client: &str) -> Caller {
        let (organisation, scopes) = ("TEST-1".parse().unwrap(), BTreeSet::new());
        let client = client.to_owned();
        Caller { client, organisation, scopes, purpose: None, user: None, role: None, request: None }
    }

    async fn begin_with(told: &Rc<RefCell<Told>>, heartbeat: Duration) -> Result<Follower<Hundred>, Problem> {
        let place = StreamsHeld::default().take(&caller("one"), 1).unwrap();
        Follower::begin(Hundred(Rc::clone(told)), None, heartbeat, place).await
    }

    async fn begin(told: &Rc<RefCell<Told>>) -> Result<Follower<Hundred>, Problem> {
        begin_with(told, Duration::from_secs(15)).await
    }

    async fn follower() -> (Rc<RefCell<Told>>, Follower<Hundred>) {
        let told = Rc::default();
        let follower = begin(&told).await.unwrap_or_else(|_| panic!("it cannot begin"));
        (told, follower)
    }

    async fn pulled(follower: &mut Follower<Hundred>) -> String {
        String::from_utf8(follower.pull().await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn one_batch_is_read_ahead_and_no_more() {
        let (told, mut follower) = follower().await;
        assert_eq!(pulled(&mut follower).await, "retry: 2000\n\n");
        assert_eq!(told.borrow().asked.len(), 1);
        for position in 0..100u64 {
            assert_eq!(pulled(&mut follower).await, format!("id: {position}\nevent: Told\ndata: {{}}\n\n"));
            let read = usize::try_from(position / 10 + 1).unwrap();
            assert_eq!(told.borrow().asked.len(), read, "one batch is held and no more, at {position}");
            assert!(follower.pending.len() <= 10);
        }
        assert_eq!(pulled(&mut follower).await, ": complete to 99\n\n");
        assert_eq!(pulled(&mut follower).await, ": complete to 99\n\n", "a heartbeat");
        let asked = told.borrow().asked.clone();
        assert_eq!(asked[9], (Some(89), Duration::ZERO));
        assert_eq!(asked[10], (Some(99), Duration::from_secs(15)), "only who has caught up waits");
    }

    #[tokio::test]
    async fn what_has_waited_too_long_is_read_again_from_where_the_reader_is() {
        let told = Rc::default();
        // Everything has waited for longer than nothing.
        let mut begun = begin_with(&told, Duration::ZERO).await.unwrap_or_else(|_| panic!("it cannot begin"));
        for position in 0..100u64 {
            assert!(pulled(&mut begun).await.starts_with(&format!("id: {position}\n")), "{position}");
        }
        assert_eq!(pulled(&mut begun).await, ": complete to 99\n\n");
        let asked: Vec<Option<u64>> = told.borrow().asked.iter().map(|(after, _)| *after).collect();
        let again: Vec<Option<u64>> = [None, None].into_iter().chain((0..99).map(Some)).collect();
        assert_eq!(asked, again);
        told.borrow_mut().expired = true;
        assert_eq!(pulled(&mut begun).await, ": expired\n\n");
    }

    #[tokio::test]
    async fn what_cannot_begin_is_refused_and_what_cannot_go_on_ends() {
        let told = Rc::default();
        let mut begun = begin(&told).await.unwrap_or_else(|_| panic!("it cannot begin"));
        told.borrow_mut().fails = true;
        assert_eq!(begin(&told).await.err().map(|problem| problem.kind()), Some(Type::AccessNotRecorded));
        pulled(&mut begun).await;
        for position in 0..10 {
            assert!(pulled(&mut begun).await.starts_with(&format!("id: {position}\n")));
        }
        assert_eq!(pulled(&mut begun).await, ": this cannot go on for the moment; connect again\n\n");
        assert_eq!(begun.pull().await, None);
    }

    #[tokio::test]
    async fn an_end_is_said_and_nothing_follows_it() {
        let (told, mut follower) = follower().await;
        pulled(&mut follower).await;
        pulled(&mut follower).await;
        told.borrow_mut().expired = true;
        for position in 1..10 {
            assert!(pulled(&mut follower).await.starts_with(&format!("id: {position}\n")), "was read while it held");
        }
        assert_eq!(pulled(&mut follower).await, ": expired\n\n");
        assert_eq!(follower.pull().await, None);
        assert_eq!(told.borrow().asked.len(), 1, "nothing was read after it");
    }

    #[tokio::test]
    async fn a_stop_ends_a_stream_in_the_middle_of_a_batch() {
        let (told, mut follower) = follower().await;
        pulled(&mut follower).await;
        pulled(&mut follower).await;
        told.borrow_mut().stops = true;
        assert_eq!(pulled(&mut follower).await, ": the service stops; connect again\n\n");
        assert_eq!(follower.pull().await, None);
    }

    #[test]
    fn each_client_has_so_many_places_and_gets_them_back() {
        let held = StreamsHeld::default();
        let first = held.take(&caller("one"), 2).unwrap();
        let _second = held.take(&caller("one"), 2).unwrap();
        assert_eq!(held.take(&caller("one"), 2).unwrap_err().kind(), Type::TooManyStreams);
        let _other = held.take(&caller("two"), 2).unwrap();
        drop(first);
        let _again = held.take(&caller("one"), 2).unwrap();
        assert!(held.take(&caller("one"), 2).is_err());
    }
}
