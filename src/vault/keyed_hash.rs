//! Digests with a key: the blind index that finds a person by an identifier, and the fingerprint that recognises a
//! repeated request.
//!
//! A plain digest of something personal can be guessed by trying every NHS number; so nothing personal is ever
//! digested without a key, and the keys stand in the key store.

use super::secret::SecretKey;
use crate::domain::ids::OrganisationCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const BLIND_INDEX_LABEL: &[u8] = b"cairn-blind-index/v1";
const PROBE_LABEL: &[u8] = b"cairn-key-probe/v1";
const FINGERPRINT_LABEL: &[u8] = b"cairn-fingerprint/v1";

/// HMAC-SHA256 (RFC 2104) of the pieces one after the other. The caller sees to it that the pieces cannot be cut differently.
pub(super) fn hmac_sha256(key: &[u8], pieces: &[&[u8]]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104, section 2)")]
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes any key length");
    for piece in pieces {
        mac.update(piece);
    }
    mac.finalize().into_bytes().into()
}

/// HMAC-SHA256 of a label and of each piece behind its length as u64 big-endian.
fn labelled(key: &SecretKey, label: &[u8], pieces: &[&[u8]]) -> [u8; 32] {
    let lengths: Vec<[u8; 8]> = pieces.iter().map(|piece| (piece.len() as u64).to_be_bytes()).collect();
    let mut all = vec![label];
    for (length, piece) in lengths.iter().zip(pieces) {
        all.extend([length.as_slice(), *piece]);
    }
    hmac_sha256(key.expose(), &all)
}

/// The keys of the deployment, about nobody; wrapped in the key store like any other.
#[derive(Debug)]
pub(super) struct DeploymentKeys {
    /// For [`DeploymentKeys::blind_index`].
    pub(super) blind_index: SecretKey,
    /// For [`DeploymentKeys::fingerprint`].
    pub(super) fingerprint: SecretKey,
}

impl DeploymentKeys {
    /// Their names in the key store, in the order of their fields.
    pub(super) const NAMES: [&'static str; 2] = ["blind-index", "fingerprint"];

    /// Base64url without padding (43 characters) of HMAC-SHA256 over `cairn-blind-index/v1`, then organisation,
    /// scheme and value, each behind its length.
    pub(super) fn blind_index(&self, organisation: &OrganisationCode, scheme: &str, normalised_value: &str) -> String {
        let pieces = [organisation.as_str().as_bytes(), scheme.as_bytes(), normalised_value.as_bytes()];
        URL_SAFE_NO_PAD.encode(labelled(&self.blind_index, BLIND_INDEX_LABEL, &pieces))
    }

    /// HMAC-SHA256 over `cairn-fingerprint/v1`, then each piece behind its length.
    pub(super) fn fingerprint(&self, pieces: &[&[u8]]) -> [u8; 32] {
        labelled(&self.fingerprint, FINGERPRINT_LABEL, pieces)
    }

    /// Two digests that are the same for the same keys, so that keys are compared without being shown.
    pub(super) fn probe(&self) -> [[u8; 32]; 2] {
        [&self.blind_index, &self.fingerprint].map(|key| labelled(key, PROBE_LABEL, &[]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> DeploymentKeys {
        DeploymentKeys { blind_index: SecretKey::new([1; 32]), fingerprint: SecretKey::new([2; 32]) }
    }

    #[test]
    fn hmac_agrees_with_rfc_4231_test_case_2() {
        let digest = hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex::encode(digest), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn the_blind_index_depends_on_each_argument_and_on_where_it_is_cut() {
        let keys = keys();
        let a: OrganisationCode = "A".parse().unwrap();
        let aa: OrganisationCode = "AA".parse().unwrap();
        let index = keys.blind_index(&a, "nhs-number", "9434765919");
        assert_eq!(index.len(), 43);
        assert_eq!(index, keys.blind_index(&a, "nhs-number", "9434765919"));
        assert_ne!(index, keys.blind_index(&a, "nhs-number", "9434765870"));
        assert_ne!(index, keys.blind_index(&a, "nhs-numbe", "r9434765919"));
        assert_ne!(keys.blind_index(&aa, "b", "c"), keys.blind_index(&a, "Ab", "c"));
    }

    #[test]
    fn the_fingerprint_tells_pieces_apart() {
        let keys = keys();
        assert_eq!(keys.fingerprint(&[b"ab", b"c"]), keys.fingerprint(&[b"ab", b"c"]));
        assert_ne!(keys.fingerprint(&[b"ab", b"c"]), keys.fingerprint(&[b"a", b"bc"]));
        assert_ne!(keys.fingerprint(&[b"abc"]), keys.fingerprint(&[b"abc", b""]));
        assert_ne!(keys.fingerprint(&[]), keys.fingerprint(&[b""]));
    }

    #[test]
    fn the_two_keys_are_two_functions() {
        let same = DeploymentKeys { blind_index: SecretKey::new([1; 32]), fingerprint: SecretKey::new([1; 32]) };
        let organisation: OrganisationCode = "A".parse().unwrap();
        let index = same.blind_index(&organisation, "s", "v");
        assert_ne!(index, URL_SAFE_NO_PAD.encode(same.fingerprint(&[b"A", b"s", b"v"])));
    }
}
