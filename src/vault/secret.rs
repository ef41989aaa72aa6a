//! Thirty-two secret bytes: wiped when dropped and shown to nobody.
//!
//! Knows nothing of what the key is for. There is no `Display`, no `Serialize` and no comparison, so a key reaches
//! no log line, no answer and no early-exit comparison by accident.

use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Length of every key of the vault, in bytes.
pub(super) const KEY_LENGTH: usize = 32;

/// A key's bytes. `Debug` prints `[key]`; the memory is overwritten on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct SecretKey([u8; KEY_LENGTH]);

impl SecretKey {
    /// Takes the bytes over.
    pub(super) const fn new(bytes: [u8; KEY_LENGTH]) -> Self {
        Self(bytes)
    }
    /// Looks at the bytes; each call is a place to review.
    pub(super) const fn expose(&self) -> &[u8; KEY_LENGTH] {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[key]")
    }
}
