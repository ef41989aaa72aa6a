//! A map that holds a bounded number of entries and forgets the old ones. Knows nothing of time: what it holds says
//! itself how long it is good for.

use std::collections::HashMap;
use std::hash::Hash;

/// Two generations: entries enter the young one; when that holds half of what may be held, it becomes the old one and
/// what was old is forgotten. Forgetting costs nothing per entry, and an entry survives at least as many later ones as
/// half the bound.
#[derive(Debug)]
pub(super) struct BoundedCache<K, V> {
    half: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash, V> BoundedCache<K, V> {
    /// An empty cache for at most `most` entries (at least two).
    pub(super) fn new(most: usize) -> Self {
        Self { half: (most / 2).max(1), young: HashMap::new(), old: HashMap::new() }
    }
    /// What is kept under a key.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }
    /// Keeps a value, in place of an earlier one.
    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }
    /// Forgets a key.
    pub(super) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }
    /// How many entries are held.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_holds_more_than_its_bound() {
        let mut cache = BoundedCache::new(10);
        for key in 0..1_000 {
            cache.insert(key, key);
            assert!(cache.len() <= 10, "{} entries", cache.len());
            assert_eq!(cache.get(&key), Some(&key));
        }
        assert_eq!(cache.get(&0), None);
    }

    #[test]
    fn a_new_value_hides_the_old_one_in_either_generation() {
        let mut cache = BoundedCache::new(4);
        cache.insert("a", 1);
        cache.insert("b", 1);
        cache.insert("c", 1);
        cache.insert("a", 2);
        assert_eq!(cache.get(&"a"), Some(&2));
        cache.remove(&"a");
        assert_eq!(cache.get(&"a"), None);
    }
}
