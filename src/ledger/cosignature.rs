//! Cosignatures (C2SP `tlog-cosignature`, type 0x04): a witness states that, at a time, this was the greatest tree
//! of a log that it had seen, and that it went on from all that it had seen before.
//!
//! Verifies the signature; what the text says is for others to read.

use super::ed25519::{PUBLIC_KEY_BYTES, SIGNATURE_BYTES, verifies};

/// The latest time of a cosignature, in seconds since the Unix epoch.
pub const LATEST_COSIGNATURE: u64 = i64::MAX as u64;

const TIME_BYTES: usize = 8;

/// When this key cosigned this text, if these are the 72 bytes of its signature.
pub(super) fn verify(public_key: &[u8; PUBLIC_KEY_BYTES], text: &str, signature: &[u8]) -> Option<u64> {
    let (time, signature) = signature.split_first_chunk::<TIME_BYTES>()?;
    let time = u64::from_be_bytes(*time);
    let possible = time <= LATEST_COSIGNATURE && signature.len() == SIGNATURE_BYTES;
    (possible && verifies(public_key, message(text, time).as_bytes(), signature)).then_some(time)
}

/// What is signed: the first line keeps these signatures apart from those over notes.
fn message(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}
