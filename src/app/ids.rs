//! Where identifiers enter: random ones in service, repeatable ones in tests.

use crate::domain::ids::{EventId, StreamId};
use crate::domain::time::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// An id for a request: random, so that it says nothing.
#[must_use]
pub fn new_request_id() -> String {
    Uuid::new_v4().simple().to_string()
}

/// Makes identifiers.
pub trait IdSource: Send + Sync + 'static {
    /// A stream's id: UUID v4, which says nothing.
    fn stream(&self) -> StreamId;
    /// An event's id: UUID v7, which sorts by the time it was made.
    fn event(&self, now: Timestamp) -> EventId;
}

/// Identifiers from the operating system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    fn stream(&self) -> StreamId {
        StreamId(Uuid::new_v4())
    }
    fn event(&self, now: Timestamp) -> EventId {
        let millis = u64::try_from(now.micros().div_euclid(1_000)).unwrap_or(0);
        EventId(uuid::Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid())
    }
}

/// Identifiers that repeat for the same seed: for tests and the demo only, since they can be foreseen.
#[derive(Debug)]
pub struct SeededIds {
    seed: u64,
    next: AtomicU64,
}

impl SeededIds {
    /// A source for a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, next: AtomicU64::new(0) }
    }
    fn bytes(&self) -> [u8; 16] {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        let mut bytes = [0; 16];
        // SplitMix64 (Steele, Lea and Flood 2014): spreads a counter over the whole range.
        for (half, chunk) in (0u64..).zip(bytes.chunks_exact_mut(8)) {
            let mut z = self.seed.wrapping_add((2 * number + half + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_be_bytes());
        }
        bytes
    }
}

impl IdSource for SeededIds {
    fn stream(&self) -> StreamId {
        StreamId(uuid::Builder::from_random_bytes(self.bytes()).into_uuid())
    }
    fn event(&self, now: Timestamp) -> EventId {
        let bytes = self.bytes();
        let mut random = [0; 10];
        random.copy_from_slice(&bytes[..10]);
        let millis = u64::try_from(now.micros().div_euclid(1_000)).unwrap_or(0);
        EventId(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

/// Random bytes for a key or a token that is made before anything is open.
#[must_use]
pub fn random_bytes<const LENGTH: usize>() -> [u8; LENGTH] {
    std::array::from_fn(|_| rand::random())
}
