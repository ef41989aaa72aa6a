//! Witnessing: the form of a request, the status of each answer, and that no sequence of requests makes a witness
//! cosign two histories.

use super::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use super::consistency::consistency_proof;
use super::note::NoteError;
use super::note_key::VerifierKey;
use super::proof::ProofRejected;
use super::signed_examples::{LOG, log, log_keys, origin, signed, signer, witness, witness_keys};
use super::tree::{Hash, NodeId, empty_root, leaf_hash, subtree_root};
use super::witness::{
    AddCheckpoint, MAXIMUM_ADD_CHECKPOINT_BYTES, TreeHead, WitnessRefusal, WitnessedLog, read_tree_size,
};
use proptest::prelude::*;
use std::convert::Infallible;

/// A log that may fork: from `fork_at` on, the leaves of different histories differ.
#[derive(Clone, Copy)]
struct History {
    name: u8,
    fork_at: u64,
}

const HONEST: History = History { name: 0, fork_at: u64::MAX };

impl History {
    fn leaves(self, size: u64) -> Vec<Hash> {
        let leaf = |index: u64| if index < self.fork_at { index.to_string() } else { format!("{} {index}", self.name) };
        (0..size).map(|index| leaf_hash(leaf(index).as_bytes())).collect()
    }
    fn root(self, size: u64) -> Hash {
        subtree_root(&self.leaves(size))
    }
    fn head(self, size: u64) -> TreeHead {
        TreeHead { size, root: self.root(size) }
    }
    fn proof(self, old: u64, new: u64) -> Vec<Hash> {
        let leaves = self.leaves(new);
        let mut fetch = |NodeId { height, index }: NodeId| {
            let start = (index as usize) << height;
            Ok::<_, Infallible>(subtree_root(&leaves[start..start + (1 << height)]))
        };
        if old == 0 { Vec::new() } else { consistency_proof(old, new, &mut fetch).unwrap() }
    }
    fn request(self, old: u64, new: u64) -> AddCheckpoint {
        AddCheckpoint::new(old, self.proof(old, new), signed(new, self.root(new))).unwrap()
    }
}

fn judge(request: &AddCheckpoint, latest: Option<TreeHead>) -> Result<TreeHead, WitnessRefusal> {
    let (origin, keys) = (origin(), log_keys());
    request.judge(Some(&WitnessedLog { origin: &origin, keys: &keys, latest }))
}

#[test]
fn a_request_is_written_as_the_standard_says_and_read_back() {
    let request = HONEST.request(2, 3);
    let [hash] = HONEST.proof(2, 3).try_into().unwrap();
    let text = request.to_string();
    assert_eq!(text, format!("old 2\n{hash}\n\n{}", request.checkpoint()));
    assert_eq!(AddCheckpoint::parse(text.as_bytes()), Ok(request));
    let first = HONEST.request(0, 3);
    assert_eq!(first.to_string(), format!("old 0\n\n{}", first.checkpoint()));
    assert_eq!(AddCheckpoint::parse(first.to_string().as_bytes()), Ok(first));
}

#[test]
fn other_forms_are_bad_requests() {
    let text = HONEST.request(2, 3).to_string();
    for (own, other) in [
        ("old 2\n", ""),
        ("old 2\n", "old 02\n"),
        ("old 2\n", "old -2\n"),
        ("old 2\n", "old  2\n"),
        ("old 2\n", "old 2 \n"),
        ("old 2\n", "Old 2\n"),
        ("old 2\n", "old\n"),
        ("old 2\n", "\nold 2\n"),
        ("old 2\n", "old 2\nAAAA\n"),
        ("old 2\n", "old 2\n\n"),
        ("\n\nexample.org", "\nexample.org"),
        ("\n3\n", "\n03\n"),
        ("—", "-"),
    ] {
        assert!(text.contains(own), "the example has no {own:?}");
        let refusal = AddCheckpoint::parse(text.replacen(own, other, 1).as_bytes()).unwrap_err();
        assert_eq!((refusal.status(), refusal.tree_size_body()), (400, None), "{other:?} drew {refusal:?}");
    }
    assert_eq!(AddCheckpoint::parse(b"\xff"), Err(WitnessRefusal::Malformed("UTF-8")));
    let long = vec![b'a'; MAXIMUM_ADD_CHECKPOINT_BYTES + 1];
    assert_eq!(AddCheckpoint::parse(&long), Err(WitnessRefusal::TooLong(long.len())));

    let line = Hash::new([7; 32]).to_string() + "\n";
    let with = |count: usize| text.replacen("old 2\n", &format!("old 2\n{}", line.repeat(count)), 1);
    assert!(AddCheckpoint::parse(with(62).as_bytes()).is_ok());
    assert_eq!(AddCheckpoint::parse(with(63).as_bytes()), Err(WitnessRefusal::TooManyHashes));
    assert_eq!(WitnessRefusal::TooManyHashes.status(), 400);
    let many = AddCheckpoint::new(0, vec![Hash::new([7; 32]); 64], signed(3, HONEST.root(3)));
    assert_eq!(many, Err(WitnessRefusal::TooManyHashes));
}

#[test]
fn a_log_that_goes_on_is_cosigned_step_by_step() {
    let mut latest = None;
    for (old, new) in [(0, 0), (0, 1), (1, 1), (1, 5), (5, 8), (8, 300), (300, 300)] {
        let request = HONEST.request(old, new);
        assert_eq!(request.origin().as_str(), LOG);
        latest = Some(judge(&request, latest).unwrap());
        assert_eq!(latest.unwrap().size, new);

        let line = witness(0).cosign(request.checkpoint(), 1_000).unwrap();
        let note = SignedCheckpoint::parse(format!("{}{line}", request.checkpoint()).as_bytes()).unwrap();
        assert_eq!(note.note().verify(&witness_keys(1)).unwrap()[0].cosigned_at, Some(1_000));
    }
}

#[test]
fn each_refusal_has_the_status_of_the_standard() {
    let refused = |request: &AddCheckpoint, latest| {
        let refusal = judge(request, latest).unwrap_err();
        (refusal.status(), refusal.tree_size_body(), refusal)
    };
    let at = |size| Some(HONEST.head(size));
    let stale = |latest: u64| (409, Some(format!("{latest}\n")), WitnessRefusal::Stale { latest });
    assert_eq!(refused(&HONEST.request(3, 5), None), stale(0));
    assert_eq!(refused(&HONEST.request(0, 5), at(3)), stale(3));
    assert_eq!(refused(&HONEST.request(2, 5), at(3)), stale(3));
    assert_eq!(refused(&HONEST.request(5, 5), at(3)), stale(3));
    assert_eq!(read_tree_size(b"3\n"), Some(3));
    for body in [b"3".as_slice(), b"03\n", b"\n", b"3\n\n", b"x\n", b"\xff\n"] {
        assert_eq!(read_tree_size(body), None);
    }

    let back = AddCheckpoint::new(5, vec![], signed(3, HONEST.root(3))).unwrap();
    assert_eq!(refused(&back, at(5)), (400, None, WitnessRefusal::OldSizeTooGreat));

    let bad_proof = |proof: Vec<Hash>, old, new, latest| {
        let request = AddCheckpoint::new(old, proof, signed(new, HONEST.root(new))).unwrap();
        let (status, body, refusal) = refused(&request, latest);
        assert_eq!((status, body), (422, None));
        refusal
    };
    let length = WitnessRefusal::Proof(ProofRejected::Length);
    assert_eq!(bad_proof(vec![], 3, 5, at(3)), length);
    assert_eq!(bad_proof(HONEST.proof(2, 5), 3, 5, at(3)), WitnessRefusal::Proof(ProofRejected::Length));
    assert_eq!(bad_proof(HONEST.proof(3, 5), 0, 5, None), length, "there is nothing to prove from nothing");
    let nothing = Some(TreeHead { size: 0, root: empty_root() });
    assert_eq!(bad_proof(HONEST.proof(3, 5), 0, 5, nothing), length);
    assert_eq!(bad_proof(HONEST.proof(3, 5), 5, 5, at(5)), length);

    let other = History { name: 1, fork_at: 1 };
    let fork = (409, Some("5\n".to_owned()), WitnessRefusal::Fork { latest: 5 });
    assert_eq!(refused(&other.request(5, 5), at(5)), fork);
    let (status, _, refusal) = refused(&other.request(5, 8), at(5));
    assert_eq!((status, refusal), (422, WitnessRefusal::Proof(ProofRejected::Root)));
}

#[test]
fn strangers_and_forgers_learn_nothing_and_change_nothing() {
    let request = HONEST.request(0, 3);
    let keys = log_keys();
    let other = "example.org/other".parse().unwrap();
    assert_eq!(request.judge(None), Err(WitnessRefusal::UnknownOrigin));
    let mistaken = WitnessedLog { origin: &other, keys: &keys, latest: None };
    assert_eq!(request.judge(Some(&mistaken)), Err(WitnessRefusal::UnknownOrigin), "another log was looked up");
    assert_eq!(WitnessRefusal::UnknownOrigin.status(), 404);

    let forger = signer(LOG, 66);
    let forged = Checkpoint { origin: origin(), size: 3, root: HONEST.root(3) }.sign(&forger).unwrap();
    let forged = AddCheckpoint::new(7, vec![], forged).unwrap();
    let unsigned = WitnessRefusal::Signature(NoteError::Unsigned);
    assert_eq!(judge(&forged, None), Err(unsigned.clone()), "before the size is looked at");
    assert_eq!(unsigned.status(), 403);

    // The log's name and key id over a signature of another text.
    let elsewhere = log().sign("something else\n").unwrap();
    let text = format!("old 0\n\n{}\n{elsewhere}", request.checkpoint().unverified().text());
    let changed = AddCheckpoint::parse(text.as_bytes()).unwrap();
    assert!(matches!(judge(&changed, None), Err(WitnessRefusal::Signature(NoteError::WrongSignature { .. }))));
    let two: Vec<VerifierKey> = vec![forger.verifier_key().clone(), keys[0].clone()];
    let origin = origin();
    let rotated = WitnessedLog { origin: &origin, keys: &two, latest: None };
    assert_eq!(request.judge(Some(&rotated)), Ok(HONEST.head(3)), "one of several keys is enough");

    let empty = format!("old 0\n\n{LOG}\n0\n{}\n\n{elsewhere}", HONEST.root(3));
    let refusal = AddCheckpoint::parse(empty.as_bytes()).unwrap_err();
    assert_eq!((refusal.status(), refusal), (400, WitnessRefusal::Checkpoint(CheckpointError::Root)));
}

proptest! {
    /// Whatever two histories a log submits in whatever order, what a witness cosigned is one history.
    #[test]
    fn a_witness_never_cosigns_two_histories(
        fork_at in 0_u64..20, requests in prop::collection::vec((any::<bool>(), 0_u64..24, 0_u64..24, any::<bool>()), 1..30),
    ) {
        let mut latest: Option<TreeHead> = None;
        let mut cosigned = Vec::new();
        for (second, old, new, knows_the_size) in requests {
            let history = History { name: u8::from(second), fork_at };
            let old = if knows_the_size { latest.map_or(0, |latest| latest.size) } else { old };
            let proof = if old > new { Vec::new() } else { history.proof(old, new) };
            let request = AddCheckpoint::new(old, proof, signed(new, history.root(new))).unwrap();
            if let Ok(head) = judge(&request, latest) {
                prop_assert!(latest.is_none_or(|latest| latest.size <= head.size));
                cosigned.push(head);
                latest = Some(head);
            }
        }
        let fits = |history: History| cosigned.iter().all(|head| head.size == 0 || *head == history.head(head.size));
        let one_history = fits(History { name: 0, fork_at }) || fits(History { name: 1, fork_at });
        prop_assert!(one_history);
    }

    #[test]
    fn no_changed_byte_of_a_request_is_accepted(
        old in 1_u64..20, more in 1_u64..20, place: prop::sample::Index, change in 1_u8..=255,
    ) {
        let mut body = HONEST.request(old, old + more).to_string().into_bytes();
        let verdict = |body: &[u8]| AddCheckpoint::parse(body).and_then(|request| judge(&request, Some(HONEST.head(old))));
        prop_assert_eq!(verdict(&body), Ok(HONEST.head(old + more)));
        let place = place.index(body.len());
        body[place] ^= change;
        prop_assert!(verdict(&body).is_err());
        body.truncate(place);
        prop_assert!(verdict(&body).is_err());
    }
}
