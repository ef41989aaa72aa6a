//! The fixed vectors of `tests/vectors/` against this folder: what was promised stays true.

use super::{Commitment, Hash, Leaf, PartName, Salt, commit, leaf_hash, verify_consistency, verify_inclusion};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

const LEAVES: &str = include_str!("../../tests/vectors/leaf-v1.json");
const INCLUSION: &str = include_str!("../../tests/vectors/merkle/inclusion.ndjson");
const CONSISTENCY: &str = include_str!("../../tests/vectors/merkle/consistency.ndjson");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LeafVectors {
    format: String,
    leaves: Vec<LeafVector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LeafVector {
    fields: Fields,
    parts: Vec<PartVector>,
    text: String,
    leaf_hash_hex: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    position: u64,
    event: Uuid,
    recorded_at_micros: i64,
    organisation: String,
    organisation_counter: u64,
    stream: Uuid,
    version: u64,
    event_type: String,
    schema: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartVector {
    name: String,
    salt_hex: String,
    bytes_hex: String,
    commitment: String,
}

impl PartVector {
    /// The part as the code under test commits to it, after comparing that with the vector.
    fn committed(&self, event: Uuid) -> (PartName, Commitment) {
        let event = crate::domain::ids::EventId(event);
        let name: PartName = self.name.parse().unwrap();
        let salt = Salt::new(hex::decode(&self.salt_hex).unwrap().try_into().unwrap());
        let bytes = hex::decode(&self.bytes_hex).unwrap();
        let commitment = commit(&salt, &event, &name, &bytes);
        assert_eq!(commitment.to_string(), self.commitment, "part {name}");
        assert!(Commitment::from_base64(&self.commitment).unwrap().verify(&salt, &event, &name, &bytes));
        (name, commitment)
    }
}

#[test]
fn the_leaves_of_version_1_are_as_they_were_promised() {
    let vectors: LeafVectors = serde_json::from_str(LEAVES).unwrap();
    assert_eq!((vectors.format.as_str(), vectors.leaves.len()), ("cairn-leaf/v1", 3));
    for LeafVector { fields, parts, text, leaf_hash_hex } in vectors.leaves {
        let leaf = Leaf {
            position: fields.position,
            event: crate::domain::ids::EventId(fields.event),
            recorded_at_micros: fields.recorded_at_micros,
            organisation: fields.organisation.parse().unwrap(),
            organisation_counter: fields.organisation_counter,
            stream: crate::domain::ids::StreamId(fields.stream),
            version: fields.version,
            event_type: fields.event_type.into(),
            schema: fields.schema,
            parts: parts.iter().map(|part| part.committed(fields.event)).collect(),
        };
        let bytes = leaf.encode().unwrap();
        assert_eq!(String::from_utf8(bytes.clone()).unwrap(), text);
        assert_eq!(hex::encode(leaf_hash(&bytes).as_bytes()), leaf_hash_hex);
        assert_eq!(Leaf::parse(text.as_bytes()), Ok(leaf));
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InclusionVector {
    case: String,
    leaf_idx: u64,
    tree_size: u64,
    root: String,
    leaf_hash: String,
    proof: Option<Vec<String>>,
    want_err: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConsistencyVector {
    case: String,
    size1: u64,
    size2: u64,
    root1: String,
    root2: String,
    proof: Option<Vec<String>>,
    want_err: bool,
}

/// A hash of a vector; `None` if it has not 32 bytes, with which it does not even reach the verifier.
fn hash(base64: &str) -> Option<Hash> {
    Hash::try_from(STANDARD.decode(base64).unwrap().as_slice()).ok()
}

/// A root of a consistency vector. Some have a short text there, of which only matters whether two are the same;
/// one of these must be accepted, so a hash that is like no other takes the text's place.
fn root(base64: &str) -> Hash {
    let stand_in = || Sha256::new().chain_update("stand-in for ").chain_update(base64).finalize();
    hash(base64).unwrap_or_else(|| Hash::new(stand_in().into()))
}

fn proof(base64: Option<&Vec<String>>) -> Option<Vec<Hash>> {
    base64.map_or(Some(Vec::new()), |hashes| hashes.iter().map(|text| hash(text)).collect())
}

#[test]
fn the_inclusion_vectors_are_scored_right() {
    let (mut scored, mut accepted) = (0, 0);
    for line in INCLUSION.lines() {
        let vector: InclusionVector = serde_json::from_str(line).unwrap();
        let holds = (|| {
            let (leaf, root) = (hash(&vector.leaf_hash)?, hash(&vector.root)?);
            verify_inclusion(&leaf, vector.leaf_idx, vector.tree_size, &proof(vector.proof.as_ref())?, &root).ok()
        })();
        assert_eq!(holds.is_none(), vector.want_err, "{}", vector.case);
        scored += 1;
        accepted += usize::from(holds.is_some());
    }
    assert_eq!((scored, accepted), (98, 6));
}

#[test]
fn the_consistency_vectors_are_scored_right() {
    let (mut scored, mut accepted) = (0, 0);
    for line in CONSISTENCY.lines() {
        let vector: ConsistencyVector = serde_json::from_str(line).unwrap();
        let holds = (|| {
            let (first, second) = (root(&vector.root1), root(&vector.root2));
            verify_consistency(vector.size1, vector.size2, &first, &second, &proof(vector.proof.as_ref())?).ok()
        })();
        assert_eq!(holds.is_none(), vector.want_err, "{}", vector.case);
        scored += 1;
        accepted += usize::from(holds.is_some());
    }
    assert_eq!((scored, accepted), (98, 6));
}
