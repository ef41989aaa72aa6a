//! Signed notes: the standard's example, every rule of the form, and that no changed byte goes unseen.

use super::ed25519::SigningSeed;
use super::note::{MAXIMUM_NOTE_BYTES, MAXIMUM_SIGNATURES, NoteError, NoteSigner, SignatureLine, SignedNote};
use super::note_key::{SignatureType, VerifierKey};
use proptest::prelude::*;

fn signer(name: &str, seed: u8) -> NoteSigner {
    NoteSigner::new(name.parse().unwrap(), &SigningSeed::new([seed; 32])).unwrap()
}

fn signed(text: &str, signer: &NoteSigner) -> SignedNote {
    SignedNote::new(text.to_owned(), signer.sign(text).unwrap()).unwrap()
}

/// A line of a key that nobody knows.
fn stranger(name: &str, id: &[u8; 4]) -> SignatureLine {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD.encode([id.as_slice(), b"anything"].concat());
    SignatureLine::parse_lines(format!("— {name} {base64}\n").as_bytes()).unwrap().remove(0)
}

/// The example of C2SP `signed-note`, section "Verifier keys".
#[test]
fn the_example_of_the_standard_is_opened_by_its_key_alone() {
    let key: VerifierKey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".parse().unwrap();
    let text = "This is an example message.\n\n— example.com/foo \
                Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    let note = SignedNote::parse(text.as_bytes()).unwrap();
    assert_eq!(note.unverified_text(), "This is an example message.\n");
    let verified = note.verify(std::slice::from_ref(&key)).unwrap();
    assert_eq!((verified.len(), verified[0].key, verified[0].cosigned_at), (1, &key, None));
    assert_eq!(note.to_string(), text);

    let public_key = key.public_key().try_into().unwrap();
    let other_type = VerifierKey::new(key.name().clone(), SignatureType::Cosignature, public_key);
    assert_eq!(note.verify(&[other_type]), Err(NoteError::Unsigned), "a key verifies its own type alone");
    assert_eq!(note.verify(&[]), Err(NoteError::Unsigned));
}

#[test]
fn a_note_reads_back_as_itself_whatever_blank_lines_its_text_has() {
    let signer = signer("example.org/log", 1);
    for text in ["\n", "a\n", "a\n\n", "\n\n\n", "a\n\nb\n", "a\n\n— b AAAAAAAA\n", "è\u{7f}\n"] {
        let note = signed(text, &signer);
        let read = SignedNote::parse(note.to_string().as_bytes()).unwrap();
        assert_eq!((read.unverified_text(), &read), (text, &note));
        assert!(read.verify(&[signer.verifier_key().clone()]).is_ok());
    }
}

#[test]
fn a_text_without_line_end_or_with_control_characters_is_not_signed() {
    let signer = signer("example.org/log", 1);
    let make = |text: &str| SignedNote::new(text.to_owned(), signer.sign(text).unwrap()).map(|_| ());
    assert_eq!((make(""), make("a")), (Err(NoteError::Form), Err(NoteError::Form)));
    for text in ["a\r\n", "a\tb\n", "\0\n", "\u{1f}\n"] {
        assert_eq!(make(text), Err(NoteError::NotText), "{text:?}");
    }
    let long = "a".repeat(MAXIMUM_NOTE_BYTES) + "\n";
    assert!(matches!(make(&long), Err(NoteError::TooLong(_))));
}

#[test]
fn other_forms_are_refused() {
    let line = "— a AAAAAAAA\n";
    let read = |note: String| SignedNote::parse(note.as_bytes()).map(|_| ()).unwrap_err();
    assert_eq!(read(String::new()), NoteError::Form);
    assert_eq!(read(format!("text\n{line}")), NoteError::Form);
    assert_eq!(read(format!("\n{line}")), NoteError::Form, "the text has a line end of its own");
    assert_eq!(read("text\n\n".to_owned()), NoteError::SignatureCount);
    assert_eq!(read(format!("text\n\n{line}\n")), NoteError::SignatureCount, "nothing follows the signatures");
    for wrong in [
        "— a AAAAAAAA",
        "- a AAAAAAAA\n",
        "—a AAAAAAAA\n",
        "—  AAAAAAAA\n",
        "— a  AAAAAAAA\n",
        "— a AAAAAAAA \n",
        "— a AAAAAAA\n",
        "— a AAAAAAB=\n",
        "— a AAAAAA==\n",
        "— a \n",
        "— a\n",
        "— a+b AAAAAAAA\n",
        "— a\u{a0}b AAAAAAAA\n",
    ] {
        assert_eq!(read(format!("text\n\n{line}{wrong}")), NoteError::SignatureLine(2), "{wrong:?}");
    }
    assert_eq!(read(format!("te\rxt\n\n{line}")), NoteError::NotText);
    assert_eq!(SignedNote::parse(b"\xff\n\n"), Err(NoteError::NotText));
    assert_eq!(read("a".repeat(MAXIMUM_NOTE_BYTES + 1)), NoteError::TooLong(MAXIMUM_NOTE_BYTES + 1));
}

#[test]
fn a_note_has_at_most_64_signatures_of_any_size_that_is_known_to_come() {
    let key = signer("example.org/log", 1);
    // ML-DSA-44 with a time: 2,428 bytes and the id, 3,244 characters of base64.
    let line = format!("— {} {}\n", "n".repeat(255), "A".repeat(3_244));
    let note = |count: usize| format!("text\n\n{}", line.repeat(count));
    assert_eq!(SignedNote::parse(note(MAXIMUM_SIGNATURES).as_bytes()).unwrap().signatures().len(), 64);
    assert_eq!(SignedNote::parse(note(MAXIMUM_SIGNATURES + 1).as_bytes()), Err(NoteError::SignatureCount));

    let mut full = SignedNote::parse(note(MAXIMUM_SIGNATURES).as_bytes()).unwrap();
    let unchanged = full.clone();
    let known = [key.verifier_key().clone()];
    assert_eq!(full.adopt(vec![key.sign("text\n").unwrap()], &known), Err(NoteError::SignatureCount));
    assert_eq!(full, unchanged);
}

#[test]
fn unknown_keys_are_passed_over_and_a_known_key_that_is_wrong_spoils_the_note() {
    let (log, friend) = (signer("example.org/log", 1), signer("example.org/friend", 2));
    let known = [log.verifier_key().clone(), friend.verifier_key().clone()];
    let mut note = signed("text\n", &log);
    let with = |note: &SignedNote, line: &SignatureLine| {
        SignedNote::parse(format!("{note}{line}").as_bytes()).unwrap().verify(&known).map(|verified| verified.len())
    };

    assert_eq!(with(&note, &stranger("example.org/log", b"abcd")), Ok(1), "the name alone is not the key");
    assert_eq!(with(&note, &stranger("example.org/lo", known[0].id().as_bytes())), Ok(1), "nor is the id");
    let wrong = NoteError::WrongSignature { name: "example.org/log".to_owned(), id: known[0].id() };
    assert_eq!(with(&note, &stranger("example.org/log", known[0].id().as_bytes())), Err(wrong.clone()));
    assert_eq!(with(&note, &log.sign("other\n").unwrap()), Err(wrong.clone()), "the second line of a key counts too");
    assert_eq!(with(&note, &log.sign("text\n").unwrap()), Ok(1), "a key counts once");
    assert_eq!(with(&note, &friend.sign("text\n").unwrap()), Ok(2));

    let lines = vec![stranger("example.org/x", b"abcd"), friend.sign("text\n").unwrap(), log.sign("text\n").unwrap()];
    assert_eq!(note.adopt(lines, &known), Ok(2));
    let names: Vec<_> = note.signatures().iter().map(SignatureLine::name).collect();
    assert_eq!(names, ["example.org/friend", "example.org/log"]);
    let before = note.clone();
    assert_eq!(note.adopt(vec![log.sign("other\n").unwrap()], &known), Err(wrong));
    assert_eq!(note, before);
}

#[test]
fn a_signer_shows_its_public_half_alone() {
    let signer = signer("example.org/log", 0xAB);
    let shown = format!("{signer:?}");
    assert_eq!(shown, format!("NoteSigner({})", signer.verifier_key()));
    assert!(!shown.contains(&"ab".repeat(4)) && !shown.contains(&"q6ur".repeat(2)));
}

proptest! {
    #[test]
    fn no_changed_byte_goes_unseen(
        text in "[^\\x00-\\x1f]{0,40}(\n[^\\x00-\\x1f]{0,40}){0,3}", seed: u8,
        place: prop::sample::Index, change in 1_u8..=255,
    ) {
        let signer = signer("example.org/log", seed);
        let known = [signer.verifier_key().clone()];
        let mut bytes = signed(&format!("{text}\n"), &signer).to_string().into_bytes();
        prop_assert!(SignedNote::parse(&bytes).unwrap().verify(&known).is_ok());
        let place = place.index(bytes.len());
        bytes[place] ^= change;
        prop_assert!(SignedNote::parse(&bytes).and_then(|note| note.verify(&known).map(|_| ())).is_err());
        bytes.truncate(place);
        prop_assert!(SignedNote::parse(&bytes).and_then(|note| note.verify(&known).map(|_| ())).is_err());
    }

    #[test]
    fn any_bytes_are_refused_or_come_back(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(note) = SignedNote::parse(&bytes) {
            prop_assert_eq!(note.to_string().into_bytes(), bytes);
        }
    }

    /// Lines of the right shape, since random bytes hardly ever are.
    #[test]
    fn any_text_with_lines_is_refused_or_comes_back(note in "[a\n]{0,4}\n\n(— [a-c+ ]{0,3} [A-D]{4,12}={0,2}\n){0,3}") {
        if let Ok(read) = SignedNote::parse(note.as_bytes()) {
            prop_assert_eq!(read.to_string(), note);
        }
    }
}
