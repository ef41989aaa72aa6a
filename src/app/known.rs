//! What the app remembers for a moment so that most recordings need no read: whose a recording is, when somebody was
//! born, what a framework version holds. In memory only, bounded, and never longer than [`LIFE_MICROS`].

use crate::domain::event::Kind;
use crate::domain::framework::{Framework, FrameworkRef};
use crate::domain::ids::{OrganisationCode, PersonId, StreamId};
use crate::domain::personal::Personal;
use crate::domain::time::{LifeTime, Timestamp};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// How long anything is remembered: microseconds.
pub const LIFE_MICROS: i64 = 30_000_000;
/// How many entries of each sort are remembered at most.
const ENTRIES_MAX: usize = 50_000;

/// Whose a recording is: this never changes while it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brief {
    /// What kind.
    pub kind: Kind,
    /// Whose controller.
    pub organisation: OrganisationCode,
    /// Whose record.
    pub person: Option<PersonId>,
}

/// The memories.
#[derive(Default)]
pub struct Known {
    /// Recordings.
    pub briefs: Memory<StreamId, Brief>,
    /// Dates of birth.
    pub births: Memory<PersonId, Personal<Option<LifeTime>>>,
    /// Framework versions.
    pub frameworks: Memory<(OrganisationCode, FrameworkRef), Arc<Framework>>,
}

/// A bounded memory of two halves: the older half is dropped when the younger is full.
pub struct Memory<K, V>(Mutex<Halves<K, V>>);

struct Halves<K, V> {
    young: HashMap<K, (Timestamp, V)>,
    old: HashMap<K, (Timestamp, V)>,
}

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Halves { young: HashMap::new(), old: HashMap::new() }))
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Memory<K, V> {
    /// What is remembered of a key at `now`.
    pub fn get(&self, key: &K, now: Timestamp) -> Option<V> {
        let halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, value) = halves.young.get(key).or_else(|| halves.old.get(key))?;
        let age = now.micros().saturating_sub(since.micros());
        (0..LIFE_MICROS).contains(&age).then(|| value.clone())
    }
    /// Remembers a value.
    pub fn put(&self, key: K, value: V, now: Timestamp) {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if halves.young.len() >= ENTRIES_MAX / 2 {
            halves.old = std::mem::take(&mut halves.young);
        }
        halves.young.insert(key, (now, value));
    }
    /// Forgets everything at once.
    pub fn clear(&self) {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halves.young.clear();
        halves.old.clear();
    }
    /// Forgets a key at once.
    pub fn forget(&self, key: &K) {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halves.young.remove(key);
        halves.old.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_end_and_are_bounded() {
        let memory = Memory::default();
        let at = Timestamp::from_micros;
        memory.put(1u32, "one", at(0));
        assert_eq!(memory.get(&1, at(LIFE_MICROS - 1)), Some("one"));
        assert_eq!(memory.get(&1, at(LIFE_MICROS)), None, "too old");
        assert_eq!(memory.get(&1, at(-1)), None, "a clock that went back proves nothing");
        memory.forget(&1);
        assert_eq!(memory.get(&1, at(0)), None);
        for key in 0..=u32::try_from(ENTRIES_MAX).unwrap() {
            memory.put(key, "many", at(0));
        }
        let halves = memory.0.lock().unwrap();
        assert!(halves.young.len() + halves.old.len() <= ENTRIES_MAX);
    }
}
