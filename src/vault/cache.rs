//! A bounded memory of keys that forgets: the time for which a destroyed key can live on in another process.
//!
//! Knows no clock (the time is an argument) and nothing of what it holds. The time to live is the same for all
//! entries, so the order of insertion is the order of expiry, and eviction takes the oldest.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

/// Entries that expire after a fixed time, the oldest evicted beyond a limit.
pub(super) struct ExpiringCache<K, V> {
    time_to_live: Duration,
    limit: usize,
    entries: HashMap<K, (V, Duration)>,
    /// Keys with the expiry that they had when inserted; an entry that was replaced since has another.
    order: VecDeque<(K, Duration)>,
}

impl<K: Hash + Eq + Copy, V: Clone> ExpiringCache<K, V> {
    /// An empty cache of at most `limit` entries.
    pub(super) fn new(time_to_live: Duration, limit: usize) -> Self {
        Self { time_to_live, limit, entries: HashMap::new(), order: VecDeque::new() }
    }

    /// The entry, unless it has expired.
    pub(super) fn get(&mut self, key: &K, now: Duration) -> Option<V> {
        self.forget_expired(now);
        self.entries.get(key).filter(|(_, until)| now < *until).map(|(value, _)| value.clone())
    }

    /// Keeps `value` for the time to live from `since`, the moment *before* it was read from its source.
    pub(super) fn put(&mut self, key: K, value: V, since: Duration) {
        let until = since.saturating_add(self.time_to_live);
        self.entries.insert(key, (value, until));
        self.order.push_back((key, until));
        while self.order.len() > self.limit {
            self.forget_oldest();
        }
    }

    /// Forgets every entry that matches.
    pub(super) fn forget(&mut self, matches: impl Fn(&V) -> bool) {
        self.entries.retain(|_, (value, _)| !matches(value));
    }

    /// An expired key is dropped, and wiped with it, rather than left until its place is needed.
    fn forget_expired(&mut self, now: Duration) {
        while self.order.front().is_some_and(|(_, until)| *until <= now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((key, until)) = self.order.pop_front()
            && self.entries.get(&key).is_some_and(|(_, current)| *current == until)
        {
            self.entries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn an_entry_lives_until_its_time_and_not_at_it() {
        let mut cache = ExpiringCache::new(seconds(60), 10);
        cache.put("a", 1, seconds(100));
        assert_eq!(cache.get(&"a", seconds(160) - Duration::from_nanos(1)), Some(1));
        assert_eq!(cache.get(&"a", seconds(160)), None);
        assert!(cache.entries.is_empty() && cache.order.is_empty());
    }

    #[test]
    fn without_time_to_live_nothing_is_kept() {
        let mut cache = ExpiringCache::new(Duration::ZERO, 10);
        cache.put("a", 1, seconds(1));
        assert_eq!(cache.get(&"a", seconds(1)), None);
    }

    #[test]
    fn the_oldest_goes_when_the_limit_is_passed() {
        let mut cache = ExpiringCache::new(seconds(60), 2);
        cache.put("a", 1, seconds(0));
        cache.put("b", 2, seconds(0));
        assert_eq!(cache.get(&"a", seconds(1)), Some(1));
        cache.put("c", 3, seconds(1));
        assert_eq!(["a", "b", "c"].map(|key| cache.get(&key, seconds(1))), [None, Some(2), Some(3)]);
        assert_eq!((cache.entries.len(), cache.order.len()), (2, 2));
    }

    #[test]
    fn a_renewed_entry_outlives_its_first_time() {
        let mut cache = ExpiringCache::new(seconds(60), 10);
        cache.put("a", 1, seconds(0));
        cache.put("a", 2, seconds(30));
        assert_eq!(cache.get(&"a", seconds(60)), Some(2));
        assert_eq!(cache.get(&"a", seconds(90)), None);
    }

    #[test]
    fn forgetting_takes_what_matches() {
        let mut cache = ExpiringCache::new(seconds(60), 10);
        cache.put("a", 1, seconds(0));
        cache.put("b", 2, seconds(0));
        cache.forget(|value| *value == 1);
        assert_eq!((cache.get(&"a", seconds(1)), cache.get(&"b", seconds(1))), (None, Some(2)));
    }
}
