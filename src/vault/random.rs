//! Where randomness enters the vault: an argument, so that tests repeat and production cannot be predicted.
//!
//! Knows no key and no store: it fills bytes.

use super::keyed_hash::hmac_sha256;
use rand::Rng;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// A source of bytes for keys, nonces and salts.
pub trait RandomSource: Send + Sync {
    /// Fills `bytes` whole; never fails and never waits.
    fn fill(&self, bytes: &mut [u8]);
}

/// The thread's cryptographic generator, seeded and reseeded by the operating system. The one for production.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl RandomSource for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}

/// For tests only: the same seed gives the same bytes, for ever and on every platform, so whoever knows the seed
/// knows every key. HMAC-SHA256 in counter mode rather than a library's generator, whose stream may change
/// between versions and would change test vectors with it.
pub struct SeededRandom {
    seed: [u8; 32],
    drawn: Mutex<u64>,
}

impl SeededRandom {
    /// A source that starts at the beginning of the seed's stream.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed: hmac_sha256(b"cairn-seeded-random/v1", &[&seed.to_be_bytes()]), drawn: Mutex::new(0) }
    }
}

impl RandomSource for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        // A poisoned counter is still a counter: the value behind it is whole.
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in bytes.chunks_mut(32) {
            let block = hmac_sha256(&self.seed, &[&drawn.to_be_bytes()]);
            chunk.copy_from_slice(&block[..chunk.len()]);
            *drawn += 1;
        }
    }
}

impl fmt::Debug for SeededRandom {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SeededRandom")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(source: &dyn RandomSource, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        source.fill(&mut bytes);
        bytes
    }

    #[test]
    fn the_same_seed_repeats_and_another_does_not() {
        assert_eq!(draw(&SeededRandom::new(7), 65), draw(&SeededRandom::new(7), 65));
        assert_ne!(draw(&SeededRandom::new(7), 65), draw(&SeededRandom::new(8), 65));
    }

    #[test]
    fn no_block_is_given_twice() {
        let seeded = SeededRandom::new(1);
        let bytes = draw(&seeded, 64);
        assert_ne!(bytes[..32], bytes[32..]);
        assert_ne!(draw(&seeded, 64), bytes);
        assert_ne!(draw(&SystemRandom, 32), draw(&SystemRandom, 32));
    }
}
