//! Cosignatures (C2SP `tlog-cosignature`, type 0x04): a witness states that, at a time, this was the greatest tree
//! of a log that it had seen, and that it went on from all that it had seen before.
//!
//! Makes and verifies the signature. Whether a witness may cosign is for `witness` to judge; the time is an argument.

use super::checkpoint::SignedCheckpoint;
use super::ed25519::{PUBLIC_KEY_BYTES, SIGNATURE_BYTES, SigningFailed, SigningKey, SigningSeed, verifies};
use super::note::SignatureLine;
use super::note_key::{KeyName, SignatureType, VerifierKey};
use std::fmt;

/// The latest time of a cosignature, in seconds since the Unix epoch.
pub const LATEST_COSIGNATURE: u64 = i64::MAX as u64;

const TIME_BYTES: usize = 8;

/// A cosignature that was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CosigningError {
    /// The time is later than [`LATEST_COSIGNATURE`].
    #[error("a cosignature's time is below 2^63 seconds")]
    Time,
    /// The cryptography library failed.
    #[error(transparent)]
    Failed(#[from] SigningFailed),
}

/// A key that cosigns checkpoints. `Debug` shows the public half.
///
/// The signed message does not name the cosigner, so one seed serves one name, and never signs notes as well.
pub struct Cosigner {
    key: VerifierKey,
    secret: SigningKey,
}

impl Cosigner {
    /// The cosigner of this name and seed.
    ///
    /// # Errors
    /// When the cryptography library fails.
    pub fn new(name: KeyName, seed: &SigningSeed) -> Result<Self, SigningFailed> {
        let secret = SigningKey::from_seed(seed)?;
        Ok(Self { key: VerifierKey::new(name, SignatureType::Cosignature, secret.public_key()), secret })
    }
    /// What others verify its cosignatures with.
    #[must_use]
    pub const fn verifier_key(&self) -> &VerifierKey {
        &self.key
    }
    /// Cosigns a checkpoint, extension lines included, at a time in seconds since the Unix epoch. Checks nothing of what
    /// the checkpoint says: see [`AddCheckpoint::judge`](super::witness::AddCheckpoint::judge).
    ///
    /// # Errors
    /// When the time is too late for the format or the cryptography library fails.
    pub fn cosign(&self, checkpoint: &SignedCheckpoint, time: u64) -> Result<SignatureLine, CosigningError> {
        if time > LATEST_COSIGNATURE {
            return Err(CosigningError::Time);
        }
        let message = message(checkpoint.note().unverified_text(), time);
        let signature = self.secret.sign(message.as_bytes())?;
        Ok(SignatureLine::new(&self.key, [time.to_be_bytes().as_slice(), &signature].concat()))
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Cosigner({})", self.key)
    }
}

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

#[cfg(test)]
mod tests {
    use super::super::checkpoint::Checkpoint;
    use super::super::note::{NoteError, NoteSigner, SignedNote};
    use super::super::tree::Hash;
    use super::*;
    use proptest::prelude::*;

    fn checkpoint() -> SignedCheckpoint {
        let log = NoteSigner::new("example.org/log".parse().unwrap(), &SigningSeed::new([1; 32])).unwrap();
        let checkpoint = Checkpoint { origin: "example.org/log".parse().unwrap(), size: 7, root: Hash::new([7; 32]) };
        checkpoint.sign(&log).unwrap()
    }

    fn witness() -> Cosigner {
        Cosigner::new("example.org/witness".parse().unwrap(), &SigningSeed::new([2; 32])).unwrap()
    }

    fn cosigned(line: &SignatureLine) -> SignedNote {
        SignedNote::parse(format!("{}{line}", checkpoint()).as_bytes()).unwrap()
    }

    #[test]
    fn a_cosignature_says_when_it_was_made() {
        let witness = witness();
        let known = [witness.verifier_key().clone()];
        for time in [0, 1_679_315_147, LATEST_COSIGNATURE] {
            let line = witness.cosign(&checkpoint(), time).unwrap();
            assert_eq!(line.signature().len(), 72);
            let note = cosigned(&line);
            let verified = note.verify(&known).unwrap();
            assert_eq!((verified.len(), verified[0].cosigned_at), (1, Some(time)));
        }
        assert_eq!(witness.cosign(&checkpoint(), LATEST_COSIGNATURE + 1), Err(CosigningError::Time));
        assert_eq!(format!("{witness:?}"), format!("Cosigner({})", witness.verifier_key()));
    }

    #[test]
    fn a_signature_over_the_text_alone_is_no_cosignature() {
        let witness = witness();
        let plain = witness.secret.sign(checkpoint().note().unverified_text().as_bytes()).unwrap();
        for signature in [plain.to_vec(), [[0; 8].as_slice(), &plain].concat(), vec![0; 8], vec![0; 7]] {
            let note = cosigned(&SignatureLine::new(witness.verifier_key(), signature));
            let verdict = note.verify(std::slice::from_ref(witness.verifier_key()));
            assert!(matches!(verdict, Err(NoteError::WrongSignature { .. })));
        }
    }

    #[test]
    fn a_time_beyond_the_format_is_refused_even_if_it_is_signed() {
        let (witness, time) = (witness(), LATEST_COSIGNATURE + 1);
        let text = checkpoint().note().unverified_text().to_owned();
        let signature = witness.secret.sign(message(&text, time).as_bytes()).unwrap();
        let bytes = [time.to_be_bytes().as_slice(), &signature].concat();
        assert_eq!(verify(&witness.secret.public_key(), &text, &bytes), None);
    }

    proptest! {
        #[test]
        fn no_changed_bit_goes_unseen(time in 0..=LATEST_COSIGNATURE, bit in 0_usize..72 * 8) {
            let witness = witness();
            let text = checkpoint().note().unverified_text().to_owned();
            let mut signature = witness.cosign(&checkpoint(), time).unwrap().signature().to_vec();
            let verdict = |signature: &[u8]| verify(&witness.secret.public_key(), &text, signature);
            prop_assert_eq!(verdict(&signature), Some(time));
            prop_assert_eq!(verdict(&signature[..71]), None);
            prop_assert_eq!(verdict(&[signature.as_slice(), &[0]].concat()), None);
            signature[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(verdict(&signature), None);
        }
    }
}
