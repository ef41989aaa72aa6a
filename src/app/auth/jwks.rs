//! Key sets that others publish: fetched through a port, remembered for ten minutes at most, fetched again for a key
//! that is not known at most once a minute. When a set cannot be fetched, the remembered one serves until its time is
//! up; then nobody is let in with it. Knows no token; the address comes from the registry or the configuration.

use super::bounded_cache::BoundedCache;
use super::fetch::{FetchError, FetchJwks};
use super::public_key::{KeyProblem, KeySet};
use crate::domain::time::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};

const SECOND: i64 = 1_000_000;
/// How long a set is believed.
const BELIEVED: i64 = 600 * SECOND;
/// How often a set is fetched for the sake of a key that it lacks.
const AGAIN_FOR_UNKNOWN: i64 = 60 * SECOND;
/// How soon a fetch is tried again after one that failed and left nothing.
const AGAIN_AFTER_FAILURE: i64 = 10 * SECOND;
/// The most addresses that are remembered.
const MOST_ADDRESSES: usize = 2_000;

/// A key set that cannot be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JwksError {
    /// It could not be fetched.
    #[error("the key set could not be fetched")]
    Fetch(#[source] Arc<FetchError>),
    /// What was fetched is no key set to be used.
    #[error("the published key set is not usable")]
    Keys(#[source] KeyProblem),
    /// It failed a moment ago and is not tried again yet.
    #[error("the key set could not be fetched a moment ago and is not tried again yet")]
    Waiting,
}

impl JwksError {
    /// What failed and why, in one line for the operator.
    #[must_use]
    pub fn with_reasons(&self) -> String {
        let mut text = self.to_string();
        let mut reason = std::error::Error::source(self);
        while let Some(error) = reason {
            text = format!("{text}: {error}");
            reason = error.source();
        }
        text
    }
}

/// What is known of one address.
#[derive(Debug, Default)]
struct Known {
    set: Option<(Arc<KeySet>, Timestamp)>,
    tried_at: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Place {
    known: Mutex<Known>,
    /// One fetch at a time for each address; the others wait for its outcome.
    fetching: tokio::sync::Mutex<()>,
}

/// The key sets of clients and issuers, by their addresses.
pub struct JwksSource {
    fetch: Arc<dyn FetchJwks>,
    places: Mutex<BoundedCache<String, Arc<Place>>>,
}

/// What to do for one question.
enum Step {
    Answer(Arc<KeySet>),
    Fetch,
    Wait,
}

impl JwksSource {
    /// A source that fetches through a port.
    #[must_use]
    pub fn new(fetch: Arc<dyn FetchJwks>) -> Self {
        Self { fetch, places: Mutex::new(BoundedCache::new(MOST_ADDRESSES)) }
    }
    /// The key set at an address, fetched (again) if it is not known, too old, or lacks the key `kid` and was not
    /// fetched within the last minute. The answer may still lack the key.
    ///
    /// # Errors
    /// [`JwksError`]: there is no set that is recent enough.
    pub async fn keys(&self, url: &str, kid: &str, now: Timestamp) -> Result<Arc<KeySet>, JwksError> {
        let place = self.place(url);
        if let Step::Answer(set) = place.step(kid, now) {
            return Ok(set);
        }
        let _one_at_a_time = place.fetching.lock().await;
        // Somebody may have fetched it while this waited.
        match place.step(kid, now) {
            Step::Answer(set) => return Ok(set),
            Step::Wait => return Err(JwksError::Waiting),
            Step::Fetch => place.lock().tried_at = Some(now),
        }
        let fetched = match self.fetch.fetch(url).await {
            Ok(document) => KeySet::parse(&document).map_err(JwksError::Keys),
            Err(error) => Err(JwksError::Fetch(Arc::new(error))),
        };
        let mut known = place.lock();
        match fetched {
            Ok(set) => {
                let set = Arc::new(set);
                known.set = Some((set.clone(), now));
                Ok(set)
            }
            Err(error) => match &known.set {
                Some((set, at)) if is_within(*at, now, BELIEVED) => Ok(set.clone()),
                _ => Err(error),
            },
        }
    }
    fn place(&self, url: &str) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(&url.to_owned()) {
            return place.clone();
        }
        let place = Arc::new(Place::default());
        places.insert(url.to_owned(), place.clone());
        place
    }
}

impl Place {
    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        // Only plain values are behind the lock, so a poisoned one is as good.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn step(&self, kid: &str, now: Timestamp) -> Step {
        let known = self.lock();
        let tried_within = |micros| known.tried_at.is_some_and(|at| is_within(at, now, micros));
        match &known.set {
            Some((set, at)) if is_within(*at, now, BELIEVED) => {
                if set.has(kid) || tried_within(AGAIN_FOR_UNKNOWN) {
                    Step::Answer(set.clone())
                } else {
                    Step::Fetch
                }
            }
            _ if tried_within(AGAIN_AFTER_FAILURE) => Step::Wait,
            _ => Step::Fetch,
        }
    }
}

/// Whether less than a duration has gone by. A mark a little ahead of now is that of a call that came later and was
/// faster; one far ahead is a clock that was set back, and counts for nothing.
fn is_within(at: Timestamp, now: Timestamp, micros: i64) -> bool {
    (-60 * SECOND..micros).contains(&(now.micros() - at.micros()))
}
