//! A part opens in its own place, under its own key, unaltered, and in no other case.

use super::*;
use uuid::Uuid;

fn key(class: KeyClass, id: u128, byte: u8) -> DataKey {
    let name = KeyName { id: KeyId(Uuid::from_u128(id)), subject: PersonId(Uuid::from_u128(9)), class, generation: 0 };
    DataKey::new(name, SecretKey::new([byte; 32]))
}

fn place() -> SealContext<'static> {
    SealContext {
        event: EventId(Uuid::from_u128(1)),
        stream: StreamId(Uuid::from_u128(2)),
        version: 3,
        part: "narrative",
    }
}

fn sealed() -> Sealed {
    key(KeyClass::Words, 5, 7).seal(&place(), [4; NONCE_LENGTH], &[6; SALT_LENGTH], b"to see my sister").unwrap()
}

fn open(key: &DataKey, change: impl FnOnce(&mut SealedPart<'_>)) -> Result<Opened, OpenError> {
    let sealed = sealed();
    let mut part = SealedPart { key_id: sealed.key_id, class: KeyClass::Words, context: place(), bytes: &sealed.bytes };
    change(&mut part);
    key.unseal(&part)
}

fn is_tampered(answer: &Result<Opened, OpenError>) -> bool {
    matches!(answer, Err(OpenError::Tampered))
}

#[test]
fn a_part_opens_to_what_was_sealed() {
    let opened = open(&key(KeyClass::Words, 5, 7), |_| ()).unwrap();
    assert_eq!(opened.plaintext.expose(), b"to see my sister");
    assert_eq!(opened.salt.expose(), &[6; SALT_LENGTH]);
    assert_eq!(sealed().bytes.len(), b"to see my sister".len() + SEAL_OVERHEAD);
}

#[test]
fn an_empty_part_opens() {
    let key = key(KeyClass::Identity, 5, 7);
    let sealed = key.seal(&place(), [4; NONCE_LENGTH], &[6; SALT_LENGTH], b"").unwrap();
    let part = SealedPart { key_id: sealed.key_id, class: KeyClass::Identity, context: place(), bytes: &sealed.bytes };
    assert!(key.unseal(&part).unwrap().plaintext.expose().is_empty());
}

#[test]
fn the_format_is_a_promise() {
    // Associated data is checked against bytes that are written out by hand, the whole against a frozen vector.
    let associated = place().associated_data(KeyClass::Words, KeyId(Uuid::from_u128(5))).unwrap();
    let expected = [
        "636169726e2d706172742f7631",
        "00000000000000000000000000000001",
        "00000000000000000000000000000002",
        "0000000000000003",
        "00096e6172726174697665",
        "0005776f726473",
        "00000000000000000000000000000005",
    ];
    assert_eq!(hex::encode(associated), expected.concat());
    assert_eq!(hex::encode(sealed().bytes), FROZEN.concat());
}

/// Checked against a second implementation, written from the specifications: `0x01`, the nonce, and the ciphertext with its tag of the part that [`sealed`] makes.
const FROZEN: [&str; 3] = [
    "01",
    "040404040404040404040404040404040404040404040404",
    "27986e9a6723ea53db48c2abad2efb55899f79e8449878062374885f2e23272ed76673562f88eab115216103ec6f5da83ff68f8f563c0edf49675fc39409ec47",
];

#[test]
fn another_place_is_tampering() {
    let key = key(KeyClass::Words, 5, 7);
    assert!(is_tampered(&open(&key, |part| part.context.event = EventId(Uuid::from_u128(8)))));
    assert!(is_tampered(&open(&key, |part| part.context.stream = StreamId(Uuid::from_u128(8)))));
    assert!(is_tampered(&open(&key, |part| part.context.version = 4)));
    assert!(is_tampered(&open(&key, |part| part.context.part = "narrativ")));
}

#[test]
fn another_key_or_class_is_tampering() {
    assert!(is_tampered(&open(&key(KeyClass::Words, 5, 8), |_| ())));
    assert!(is_tampered(&open(&key(KeyClass::Words, 6, 7), |_| ())));
    assert!(is_tampered(&open(&key(KeyClass::Words, 6, 7), |part| part.key_id = KeyId(Uuid::from_u128(6)))));
    assert!(is_tampered(&open(&key(KeyClass::Identity, 5, 7), |_| ())));
    assert!(is_tampered(&open(&key(KeyClass::Identity, 5, 7), |part| part.class = KeyClass::Identity)));
    assert!(is_tampered(&open(&key(KeyClass::Words, 5, 7), |part| part.class = KeyClass::Identity)));
}

#[test]
fn every_altered_bit_and_every_cut_is_tampering() {
    let key = key(KeyClass::Words, 5, 7);
    let whole = sealed();
    let opens = |bytes: &[u8]| {
        let part = SealedPart { key_id: whole.key_id, class: KeyClass::Words, context: place(), bytes };
        key.unseal(&part).is_ok()
    };
    assert!(opens(&whole.bytes));
    for bit in 0..whole.bytes.len() * 8 {
        let mut bytes = whole.bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(!opens(&bytes), "bit {bit} may be flipped");
    }
    for length in 0..whole.bytes.len() {
        assert!(!opens(&whole.bytes[..length]), "may be cut to {length}");
    }
    let mut longer = whole.bytes.clone();
    longer.push(0);
    assert!(!opens(&longer));
}

#[test]
fn the_longest_name_is_taken_and_one_more_byte_refused() {
    let key = key(KeyClass::Words, 5, 7);
    let longest = "n".repeat(usize::from(u16::MAX));
    let beyond = "n".repeat(usize::from(u16::MAX) + 1);
    let seal = |part: &str| key.seal(&SealContext { part, ..place() }, [4; NONCE_LENGTH], &[6; SALT_LENGTH], b"");
    assert!(seal(&longest).is_ok());
    assert_eq!(seal(&beyond).unwrap_err(), SealError::NameTooLong);
}

#[test]
fn debug_shows_neither_key_nor_words() {
    let key = key(KeyClass::Words, 5, 7);
    let opened = open(&key, |_| ()).unwrap();
    assert_eq!(format!("{key:?}"), "DataKey(KeyId(00000000-0000-0000-0000-000000000005))");
    assert_eq!(format!("{opened:?}"), "Opened { salt: [personal], plaintext: [personal] }");
    assert_eq!(format!("{:?}", SecretKey::new([7; 32])), "[key]");
}
