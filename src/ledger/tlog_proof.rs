//! The single-file proof (C2SP `tlog-proof`): that a leaf stands at a place of a log whose state the log signed and
//! witnesses cosigned. Verified offline, with the leaf and the keys that one trusts and nothing else.
//!
//! Files end in `.tlog-proof`. Knows how the file is written and what must hold; keys and origin are the reader's.

use super::checkpoint::{CheckpointError, OpenedCheckpoint, SignedCheckpoint, Trust};
use super::inclusion::verify_inclusion;
use super::lines::{HashLinesError, MAXIMUM_PROOF_HASHES, decimal, hash_lines, next_line, write_hash_lines};
use super::note::MAXIMUM_NOTE_BYTES;
use super::proof::ProofRejected;
use super::tree::{Hash, leaf_hash};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// The first line of every proof.
const FORMAT: &str = "c2sp.org/tlog-proof@v1";
/// The most extra data of a proof in bytes; the standard has no limit.
pub const MAXIMUM_EXTRA_BYTES: usize = 64 * 1024;
/// The longest proof in bytes: the extra data in base64, 63 hashes, the longest note and the lines around them.
pub const MAXIMUM_TLOG_PROOF_BYTES: usize = MAXIMUM_NOTE_BYTES + MAXIMUM_EXTRA_BYTES / 3 * 4 + 63 * 45 + 100;

/// Bytes that are not a proof, or a proof that proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// Longer than [`MAXIMUM_TLOG_PROOF_BYTES`].
    #[error("a proof has at most {MAXIMUM_TLOG_PROOF_BYTES} bytes, not {0}")]
    TooLong(usize),
    /// More extra data than [`MAXIMUM_EXTRA_BYTES`].
    #[error("a proof has at most {MAXIMUM_EXTRA_BYTES} bytes of extra data, not {0}")]
    ExtraTooLong(usize),
    /// More hashes than [`MAXIMUM_PROOF_HASHES`].
    #[error("a proof has at most {MAXIMUM_PROOF_HASHES} hashes")]
    TooManyHashes,
    /// What stands there is not what has to.
    #[error("the proof does not have {0} where it has to stand")]
    Form(&'static str),
    /// The checkpoint is none, or is not to be believed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The hashes do not lead from the leaf to the checkpoint's root.
    #[error(transparent)]
    Proof(#[from] ProofRejected),
}

/// A proof that was made or read, verified or not. `Display` writes the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    extra: Vec<u8>,
    index: u64,
    hashes: Vec<Hash>,
    checkpoint: SignedCheckpoint,
}

impl TlogProof {
    /// Puts a proof together: the leaf's index, the hashes that
    /// [`inclusion_proof`](super::inclusion::inclusion_proof) built for the checkpoint's size, and the checkpoint.
    ///
    /// # Errors
    /// When there are more than 63 hashes. Whether they prove anything is for [`TlogProof::verify`].
    pub fn new(index: u64, hashes: Vec<Hash>, checkpoint: SignedCheckpoint) -> Result<Self, TlogProofError> {
        if hashes.len() > MAXIMUM_PROOF_HASHES {
            return Err(TlogProofError::TooManyHashes);
        }
        Ok(Self { extra: Vec::new(), index, hashes, checkpoint })
    }

    /// Adds data that nothing vouches for, such as where the leaf came from.
    ///
    /// # Errors
    /// When there is more than [`MAXIMUM_EXTRA_BYTES`].
    pub fn with_extra(self, extra: Vec<u8>) -> Result<Self, TlogProofError> {
        if extra.len() > MAXIMUM_EXTRA_BYTES {
            return Err(TlogProofError::ExtraTooLong(extra.len()));
        }
        Ok(Self { extra, ..self })
    }

    /// Reads a proof without verifying anything.
    ///
    /// # Errors
    /// For anything but the bytes that `Display` writes for some proof (and extension lines of a checkpoint).
    pub fn parse(bytes: &[u8]) -> Result<Self, TlogProofError> {
        if bytes.len() > MAXIMUM_TLOG_PROOF_BYTES {
            return Err(TlogProofError::TooLong(bytes.len()));
        }
        let mut rest = std::str::from_utf8(bytes).map_err(|_| TlogProofError::Form("UTF-8"))?;
        if next_line(&mut rest) != Some(FORMAT) {
            return Err(TlogProofError::Form("the format's name"));
        }
        let mut line = next_line(&mut rest);
        let mut extra = Vec::new();
        if let Some(base64) = line.and_then(|line| line.strip_prefix("extra ")) {
            let decoded = STANDARD.decode(base64).ok().filter(|extra| !extra.is_empty());
            extra = decoded.ok_or(TlogProofError::Form("the extra data in base64"))?;
            line = next_line(&mut rest);
        }
        let index = line.and_then(|line| line.strip_prefix("index ")).and_then(decimal);
        let index = index.ok_or(TlogProofError::Form("the leaf's index"))?;
        let hashes = hash_lines(&mut rest).map_err(|error| match error {
            HashLinesError::TooMany => TlogProofError::TooManyHashes,
            HashLinesError::Malformed => TlogProofError::Form("hashes in base64 and an empty line"),
        })?;
        let checkpoint = SignedCheckpoint::parse(rest.as_bytes())?;
        Self::new(index, hashes, checkpoint)?.with_extra(extra)
    }

    /// Verifies that the leaf of these bytes stands in the log that is meant, at [`TlogProof::index`], and answers
    /// with the checkpoint and who vouches for it. Says nothing about the extra data.
    ///
    /// # Errors
    /// When the checkpoint does not satisfy the trust, or the hashes do not lead from this leaf to its root.
    pub fn verify<'read>(
        &'read self,
        leaf: &[u8],
        trust: &Trust<'read>,
    ) -> Result<OpenedCheckpoint<'read>, TlogProofError> {
        let opened = self.checkpoint.open(trust)?;
        let (size, root) = (opened.checkpoint.size, &opened.checkpoint.root);
        verify_inclusion(&leaf_hash(leaf), self.index, size, &self.hashes, root)?;
        Ok(opened)
    }

    /// The place of the leaf in the log; 0-based. Unverified until [`TlogProof::verify`] has answered.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }
    /// Data beside the proof, which nothing vouches for; empty if there is none.
    #[must_use]
    pub fn unauthenticated_extra(&self) -> &[u8] {
        &self.extra
    }
    /// The hashes from the leaf's sibling upwards.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }
    /// The checkpoint, unverified.
    #[must_use]
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{FORMAT}")?;
        if !self.extra.is_empty() {
            writeln!(formatter, "extra {}", STANDARD.encode(&self.extra))?;
        }
        let mut hashes = String::new();
        write_hash_lines(&self.hashes, &mut hashes);
        write!(formatter, "index {}\n{hashes}{}", self.index, self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::Origin;
    use super::super::inclusion::inclusion_proof;
    use super::super::note::NoteError;
    use super::super::note_key::VerifierKey;
    use super::super::signed_examples::{cosigned, log_keys, origin, witness_keys};
    use super::super::tree::{NodeId, subtree_root};
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    struct Reader {
        origin: Origin,
        log_keys: Vec<VerifierKey>,
        witness_keys: Vec<VerifierKey>,
    }

    impl Reader {
        fn new() -> Self {
            Self { origin: origin(), log_keys: log_keys(), witness_keys: witness_keys(1) }
        }
        fn trust(&self) -> Trust<'_> {
            let Self { origin, log_keys, witness_keys } = self;
            Trust { origin, log_keys, witness_keys, quorum: 1 }
        }
    }

    fn leaf(index: u64) -> Vec<u8> {
        format!("leaf {index}").into_bytes()
    }

    fn proof(index: u64, size: u64) -> TlogProof {
        let hashes: Vec<_> = (0..size).map(|index| leaf_hash(&leaf(index))).collect();
        let mut fetch = |NodeId { height, index }: NodeId| {
            let start = (index as usize) << height;
            Ok::<_, Infallible>(subtree_root(&hashes[start..start + (1 << height)]))
        };
        let path = inclusion_proof(index, size, &mut fetch).unwrap();
        TlogProof::new(index, path, cosigned(size, subtree_root(&hashes), 1)).unwrap()
    }

    #[test]
    fn a_proof_is_written_as_the_standard_says_and_read_back() {
        let proof = proof(2, 3);
        let [only] = proof.hashes() else { panic!("one hash leads from the third of three leaves") };
        let text = proof.to_string();
        assert_eq!(text, format!("c2sp.org/tlog-proof@v1\nindex 2\n{only}\n\n{}", proof.checkpoint()));
        assert_eq!(TlogProof::parse(text.as_bytes()), Ok(proof.clone()));
        let extra = proof.with_extra(b"from a story".to_vec()).unwrap();
        let text = extra.to_string();
        assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra ZnJvbSBhIHN0b3J5\nindex 2\n"));
        let read = TlogProof::parse(text.as_bytes()).unwrap();
        assert_eq!((read.unauthenticated_extra(), &read), (b"from a story".as_slice(), &extra));
    }

    #[test]
    fn every_leaf_of_small_logs_is_proven_and_no_other_leaf() {
        let reader = Reader::new();
        for size in 1..=9 {
            for index in 0..size {
                let proof = proof(index, size);
                let opened = proof.verify(&leaf(index), &reader.trust()).unwrap();
                assert_eq!((opened.checkpoint.size, opened.witnesses.len(), proof.index()), (size, 1, index));
                let other = proof.verify(&leaf(index + 1), &reader.trust());
                assert_eq!(other, Err(TlogProofError::Proof(ProofRejected::Root)));
            }
        }
    }

    #[test]
    fn a_proof_is_worth_what_its_checkpoint_is() {
        let reader = Reader::new();
        let proof = proof(1, 3);
        let verify = |trust: Trust<'_>| proof.verify(&leaf(1), &trust).unwrap_err();
        let unsigned = TlogProofError::Checkpoint(CheckpointError::Note(NoteError::Unsigned));
        assert_eq!(verify(Trust { log_keys: &[], ..reader.trust() }), unsigned);
        let few = TlogProofError::Checkpoint(CheckpointError::Quorum { found: 0, wanted: 1 });
        assert_eq!(verify(Trust { witness_keys: &[], ..reader.trust() }), few);
        let other = "example.org/other".parse().unwrap();
        assert!(matches!(verify(Trust { origin: &other, ..reader.trust() }), TlogProofError::Checkpoint(_)));
    }

    #[test]
    fn other_forms_are_refused() {
        let text = proof(2, 3).to_string();
        for (own, other) in [
            ("c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v2\n"),
            ("c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v1 \n"),
            ("c2sp.org/tlog-proof@v1\n", ""),
            ("index 2\n", "index 02\n"),
            ("index 2\n", "index  2\n"),
            ("index 2\n", "index 2 \n"),
            ("index 2\n", "index\n"),
            ("index 2\n", ""),
            ("index 2\n", "index 2\nextra AAAA\n"),
            ("index 2\n", "extra \nindex 2\n"),
            ("index 2\n", "extra AAA\nindex 2\n"),
            ("index 2\n", "extra AAAA\nextra AAAA\nindex 2\n"),
            ("index 2\n", "index 2\n\n"),
            ("index 2\n", "index 2\nAAAA\n"),
            ("\n\nexample.org", "\nexample.org"),
        ] {
            assert!(text.contains(own), "the example has no {own:?}");
            let changed = text.replacen(own, other, 1);
            assert!(TlogProof::parse(changed.as_bytes()).is_err(), "{other:?} was accepted");
        }
        assert_eq!(TlogProof::parse(b"\xff"), Err(TlogProofError::Form("UTF-8")));
        let long = vec![b'a'; MAXIMUM_TLOG_PROOF_BYTES + 1];
        assert_eq!(TlogProof::parse(&long), Err(TlogProofError::TooLong(long.len())));
    }

    #[test]
    fn hashes_and_extra_data_keep_their_limits() {
        let checkpoint = || cosigned(3, Hash::new([7; 32]), 0);
        let with = |count| TlogProof::new(0, vec![Hash::new([7; 32]); count], checkpoint());
        let longest = with(63).unwrap().with_extra(vec![7; MAXIMUM_EXTRA_BYTES]).unwrap();
        assert_eq!(TlogProof::parse(longest.to_string().as_bytes()), Ok(longest.clone()));
        assert_eq!(with(64), Err(TlogProofError::TooManyHashes));
        let line = Hash::new([7; 32]);
        let text = longest.to_string().replacen("index 0\n", &format!("index 0\n{line}\n"), 1);
        assert_eq!(TlogProof::parse(text.as_bytes()), Err(TlogProofError::TooManyHashes));
        let more = longest.with_extra(vec![7; MAXIMUM_EXTRA_BYTES + 1]);
        assert_eq!(more, Err(TlogProofError::ExtraTooLong(MAXIMUM_EXTRA_BYTES + 1)));
    }

    proptest! {
        #[test]
        fn no_changed_byte_goes_unseen(
            size in 1_u64..40, at: prop::sample::Index, place: prop::sample::Index, change in 1_u8..=255,
        ) {
            let reader = Reader::new();
            let index = at.index(size as usize) as u64;
            let verifies = |bytes: &[u8]| {
                TlogProof::parse(bytes).is_ok_and(|proof| proof.verify(&leaf(index), &reader.trust()).is_ok())
            };
            let mut bytes = proof(index, size).to_string().into_bytes();
            prop_assert!(verifies(&bytes));
            let place = place.index(bytes.len());
            bytes[place] ^= change;
            prop_assert!(!verifies(&bytes));
            bytes.truncate(place);
            prop_assert!(!verifies(&bytes));
        }
    }
}
