//! Public keys as JWKs (RFC 7517, RFC 7518, RFC 8037) and sets of them: which key verifies which algorithm is decided
//! here, from the key alone. Knows no token and no network.

use super::error::Fault;
use super::jwt::{algorithm_named, name_of, numeric_date, shown};
use crate::domain::time::Timestamp;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA384,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The most keys that a set may have.
pub const MOST_KEYS: usize = 50;
/// The smallest and the largest RSA modulus, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// The members that only a private or secret key has (RFC 7518 section 6).
const PRIVATE_MEMBERS: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];
const RSA_ALGORITHMS: &[Algorithm] =
    &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

/// A key, or a set of keys, that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// The set is no set.
    #[error("expected a JWK set: an object with an array keys")]
    NotASet,
    /// The set is too large.
    #[error("a key set holds at most {MOST_KEYS} keys, this one {0}")]
    TooMany(usize),
    /// A private key was handed over: whoever saw it can act as the client.
    #[error("this holds a private key: keep that to yourself, make a new one and hand over the public part only")]
    Private,
    /// Two keys cannot be told apart.
    #[error("two keys of one kind have the kid {0}")]
    Ambiguous(String),
    /// A key that cannot verify a signature here.
    #[error("a key is not acceptable: {0}")]
    Unacceptable(String),
    /// No key can be used.
    #[error("no key is acceptable: {0}")]
    None(String),
}

/// A public key that verifies signatures, with the algorithms that it may be used with.
#[derive(Debug, Clone)]
pub struct PublicKey {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    decoding: DecodingKey,
    until: Option<Timestamp>,
    thumbprint: String,
}

impl PublicKey {
    /// Reads a JWK. RSA keys have 2048 to 8192 bits; curves are P-256, P-384 and Ed25519. `alg`, where it is there,
    /// narrows the algorithms to that one; `use` and `key_ops` must allow verifying; `exp` (OpenID Federation 1.0) ends
    /// the key's life.
    ///
    /// # Errors
    /// [`KeyProblem::Private`] for a private or shared key, [`KeyProblem::Unacceptable`] for any other that does not
    /// serve.
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyProblem> {
        let no = |why: &str| KeyProblem::Unacceptable(why.to_owned());
        let members = jwk.as_object().ok_or_else(|| no("it is no object"))?;
        if PRIVATE_MEMBERS.iter().any(|name| members.contains_key(*name)) {
            return Err(KeyProblem::Private);
        }
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        if members.get("use").is_some_and(|usage| usage != "sig") {
            return Err(no("its use is not sig"));
        }
        let verifies =
            |operations: &Value| operations.as_array().is_some_and(|list| list.iter().any(|one| one == "verify"));
        if members.get("key_ops").is_some_and(|operations| !verifies(operations)) {
            return Err(no("its key_ops do not allow to verify"));
        }
        let kid = match members.get("kid") {
            None => None,
            Some(Value::String(kid)) if (1..=256).contains(&kid.len()) => Some(kid.clone()),
            Some(_) => return Err(no("its kid is not a string of 1 to 256 bytes")),
        };
        let until = match members.get("exp") {
            None => None,
            Some(exp) => Some(numeric_date(exp).ok_or_else(|| no("its exp is not a number of seconds"))?),
        };
        let (mut algorithms, decoding, thumbprint) = match (text("kty"), text("crv")) {
            (Some("RSA"), _) => rsa(jwk)?,
            (Some("EC"), Some("P-256")) => elliptic(jwk, "P-256", 32, Algorithm::ES256)?,
            (Some("EC"), Some("P-384")) => elliptic(jwk, "P-384", 48, Algorithm::ES384)?,
            (Some("OKP"), Some("Ed25519")) => edwards(jwk)?,
            _ => return Err(no("its kind must be RSA, EC with P-256 or P-384, or OKP with Ed25519")),
        };
        if let Some(alg) = members.get("alg") {
            let named = alg.as_str().and_then(algorithm_named);
            algorithms.retain(|algorithm| Some(*algorithm) == named);
            if algorithms.is_empty() {
                return Err(no("its alg is not one that a key of its kind can verify"));
            }
        }
        Ok(Self { kid, algorithms, decoding, until, thumbprint })
    }
    /// Its id.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }
    /// Its RFC 7638 thumbprint (SHA-256, base64url).
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }
    /// The algorithms that it verifies.
    #[must_use]
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }
    pub(super) const fn decoding_key(&self) -> &DecodingKey {
        &self.decoding
    }
    fn family(&self) -> AlgorithmFamily {
        self.decoding.family()
    }
    fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

type Parts = (Vec<Algorithm>, DecodingKey, String);

fn octets(jwk: &Value, name: &str) -> Result<Vec<u8>, KeyProblem> {
    jwk.get(name)
        .and_then(Value::as_str)
        .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        .ok_or_else(|| KeyProblem::Unacceptable(format!("its {name} is not base64url without padding")))
}

fn thumbprint(required: &Value) -> String {
    // The callers write the members in the order of their names, as RFC 7638 section 3.3 asks for; no space is written,
    // and the values are base64url and registered names, so nothing is escaped.
    URL_SAFE_NO_PAD.encode(Sha256::digest(required.to_string()))
}

fn rsa(jwk: &Value) -> Result<Parts, KeyProblem> {
    let (modulus, exponent) = (octets(jwk, "n")?, octets(jwk, "e")?);
    let leading = modulus.first().copied().unwrap_or(0);
    if leading == 0 {
        return Err(KeyProblem::Unacceptable("its n begins with a zero octet".to_owned()));
    }
    let bits = modulus.len() * 8 - usize::try_from(leading.leading_zeros()).unwrap_or(0);
    if !RSA_BITS.contains(&bits) {
        return Err(KeyProblem::Unacceptable(format!("an RSA key has 2048 to 8192 bits, this one {bits}")));
    }
    if !is_rsa_exponent(&exponent) {
        return Err(KeyProblem::Unacceptable("its e is not an odd number from 3 to 2^33".to_owned()));
    }
    PublicKeyComponents { n: &modulus, e: &exponent }
        .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA384)
        .map_err(|_| KeyProblem::Unacceptable("its n and e are no RSA key".to_owned()))?;
    let print = thumbprint(&json!({"e": jwk.get("e"), "kty": "RSA", "n": jwk.get("n")}));
    Ok((RSA_ALGORITHMS.to_vec(), DecodingKey::from_rsa_raw_components(&modulus, &exponent), print))
}

/// Whether octets are a public exponent (RFC 8017 section 3.1: odd, at least 3). With 1 every text would be its own
/// signature, and the cryptography library takes that when a key is read; it computes with up to 33 bits.
fn is_rsa_exponent(octets: &[u8]) -> bool {
    let value = octets.iter().try_fold(0_u64, |value, octet| Some(value.checked_mul(256)? | u64::from(*octet)));
    value.is_some_and(|value| (3..1 << 33).contains(&value) && value % 2 == 1)
}

fn elliptic(jwk: &Value, curve: &str, octets_each: usize, algorithm: Algorithm) -> Result<Parts, KeyProblem> {
    let (x, y) = (octets(jwk, "x")?, octets(jwk, "y")?);
    if x.len() != octets_each || y.len() != octets_each {
        return Err(KeyProblem::Unacceptable(format!("its x and y have {octets_each} octets each on {curve}")));
    }
    let point = [&[4_u8][..], &x, &y].concat();
    let curve_algorithm = if octets_each == 32 { &ECDSA_P256_SHA256_FIXED } else { &ECDSA_P384_SHA384_FIXED };
    ParsedPublicKey::new(curve_algorithm, &point)
        .map_err(|_| KeyProblem::Unacceptable(format!("its x and y are no point on {curve}")))?;
    let print = thumbprint(&json!({"crv": curve, "kty": "EC", "x": jwk.get("x"), "y": jwk.get("y")}));
    Ok((vec![algorithm], DecodingKey::from_ec_der(&point), print))
}

fn edwards(jwk: &Value) -> Result<Parts, KeyProblem> {
    let x = octets(jwk, "x")?;
    if x.len() != 32 {
        return Err(KeyProblem::Unacceptable("its x has 32 octets on Ed25519".to_owned()));
    }
    ParsedPublicKey::new(&ED25519, &x).map_err(|_| KeyProblem::Unacceptable("its x is no Ed25519 key".to_owned()))?;
    let print = thumbprint(&json!({"crv": "Ed25519", "kty": "OKP", "x": jwk.get("x")}));
    Ok((vec![Algorithm::EdDSA], DecodingKey::from_ed_der(&x), print))
}

/// The usable keys of a JWK set.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    keys: Vec<PublicKey>,
}

impl KeySet {
    /// A set of keys that are known already.
    #[must_use]
    pub const fn of(keys: Vec<PublicKey>) -> Self {
        Self { keys }
    }
    /// Reads a JWK set. Keys for other purposes, of unknown kinds or without a `kid` are passed over (RFC 7517 section
    /// 5); a private key spoils the whole set, because its owner has lost it.
    ///
    /// # Errors
    /// [`KeyProblem`]; [`KeyProblem::None`] repeats why each key was passed over.
    pub fn parse(set: &Value) -> Result<Self, KeyProblem> {
        let list = set.get("keys").and_then(Value::as_array).ok_or(KeyProblem::NotASet)?;
        if list.len() > MOST_KEYS {
            return Err(KeyProblem::TooMany(list.len()));
        }
        let mut keys: Vec<PublicKey> = Vec::new();
        let mut passed_over = Vec::new();
        for (index, jwk) in list.iter().enumerate() {
            match PublicKey::from_jwk(jwk) {
                Ok(key) if key.kid.is_none() => passed_over.push(format!("key {}: it has no kid", index + 1)),
                Ok(key) => keys.push(key),
                Err(KeyProblem::Unacceptable(why)) => passed_over.push(format!("key {}: {why}", index + 1)),
                Err(problem) => return Err(problem),
            }
        }
        if keys.is_empty() {
            return Err(KeyProblem::None(if passed_over.is_empty() {
                "the set is empty".to_owned()
            } else {
                passed_over.join("; ")
            }));
        }
        Ok(Self { keys })
    }
    /// The first kid that two keys of one kind share, if there is one: neither could ever be selected.
    #[must_use]
    pub fn shared_kid(&self) -> Option<&str> {
        let same = |one: &PublicKey, other: &PublicKey| one.kid == other.kid && one.family() == other.family();
        self.keys
            .iter()
            .enumerate()
            .find(|(index, key)| self.keys.iter().skip(index + 1).any(|other| same(key, other)))
            .and_then(|(_, key)| key.kid())
    }
    /// Whether a key with this id is there.
    #[must_use]
    pub fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid() == Some(kid))
    }
    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }
    /// The one key with this id that is of the kind which the algorithm needs and may be used with it.
    pub(super) fn select(&self, kid: &str, algorithm: Algorithm, now: Timestamp) -> Result<&PublicKey, Fault> {
        let family = algorithm.family();
        let mut candidates =
            self.keys.iter().filter(|key| key.kid() == Some(kid) && key.family() == family && !key.is_over(now));
        let key = candidates
            .next()
            .ok_or_else(|| Fault::new(format!("no key of the right kind has the kid {}", shown(kid))))?;
        if candidates.next().is_some() {
            return Err(Fault::new(format!("more than one key has the kid {}", shown(kid))));
        }
        if !key.algorithms.contains(&algorithm) {
            return Err(Fault::new(format!("the key {} is not for {}", shown(kid), name_of(algorithm))));
        }
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::auth::fakes_test::{ec_jwk, rsa_jwk};

    fn problem(jwk: &Value) -> KeyProblem {
        PublicKey::from_jwk(jwk).expect_err(&jwk.to_string())
    }
    fn with(mut jwk: Value, name: &str, value: Value) -> Value {
        jwk[name] = value;
        jwk
    }

    #[test]
    fn thumbprints_are_those_of_the_standards() {
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let key = PublicKey::from_jwk(&ed).unwrap();
        assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "RFC 8037 appendix A.3");
        let modulus = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let rsa = json!({"kty": "RSA", "e": "AQAB", "n": modulus, "alg": "RS256", "kid": "2011-04-29"});
        let key = PublicKey::from_jwk(&rsa).unwrap();
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", "RFC 7638 section 3.1");
        assert_eq!(key.algorithms(), [Algorithm::RS256]);
    }

    #[test]
    fn the_key_decides_the_algorithms() {
        assert_eq!(PublicKey::from_jwk(&ec_jwk(1, "a")).unwrap().algorithms(), [Algorithm::ES384]);
        assert_eq!(PublicKey::from_jwk(&rsa_jwk("a")).unwrap().algorithms().len(), 6);
        let narrowed = with(rsa_jwk("a"), "alg", json!("RS512"));
        assert_eq!(PublicKey::from_jwk(&narrowed).unwrap().algorithms(), [Algorithm::RS512]);
        for alg in [json!("ES384"), json!("HS256"), json!("none"), json!(7)] {
            assert!(matches!(problem(&with(rsa_jwk("a"), "alg", alg)), KeyProblem::Unacceptable(_)));
        }
    }

    #[test]
    fn private_and_shared_keys_are_refused_loudly() {
        for name in PRIVATE_MEMBERS {
            assert_eq!(problem(&with(ec_jwk(1, "a"), name, json!("AA"))), KeyProblem::Private, "{name}");
        }
        assert_eq!(problem(&json!({"kty": "oct", "k": "AAAA"})), KeyProblem::Private);
        let set = json!({"keys": [ec_jwk(1, "a"), with(ec_jwk(2, "b"), "d", json!("AA"))]});
        assert_eq!(KeySet::parse(&set).unwrap_err(), KeyProblem::Private);
    }

    #[test]
    fn weak_and_broken_keys_are_refused() {
        let modulus = |first: u8, length: usize| {
            let mut bytes = vec![0xff_u8; length];
            bytes[0] = first;
            json!({"kty": "RSA", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode(bytes)})
        };
        assert!(PublicKey::from_jwk(&modulus(0x80, 256)).is_ok());
        assert!(PublicKey::from_jwk(&modulus(0xff, 1024)).is_ok());
        for jwk in
            [modulus(0x7f, 256), modulus(0x01, 1025), modulus(0x00, 257), json!({"kty": "RSA", "e": "AQAB", "n": ""})]
        {
            assert!(matches!(problem(&jwk), KeyProblem::Unacceptable(_)));
        }
        // With the exponent 1 every text would be its own signature.
        for exponent in ["", "AA", "AQ", "Ag", "BA", "AgAAAAE"] {
            let jwk = with(rsa_jwk("a"), "e", json!(exponent));
            assert!(matches!(PublicKey::from_jwk(&jwk), Err(KeyProblem::Unacceptable(_))), "{exponent}");
        }
        for exponent in ["Aw", "Af____8"] {
            assert!(PublicKey::from_jwk(&with(rsa_jwk("a"), "e", json!(exponent))).is_ok(), "{exponent}");
        }
        let zero = URL_SAFE_NO_PAD.encode([0_u8; 48]);
        assert!(matches!(problem(&with(ec_jwk(1, "a"), "y", json!(zero))), KeyProblem::Unacceptable(_)));
        assert!(matches!(problem(&with(ec_jwk(1, "a"), "x", json!("AA"))), KeyProblem::Unacceptable(_)));
        assert!(matches!(problem(&with(ec_jwk(1, "a"), "crv", json!("P-521"))), KeyProblem::Unacceptable(_)));
        assert!(matches!(problem(&with(ec_jwk(1, "a"), "use", json!("enc"))), KeyProblem::Unacceptable(_)));
        assert!(matches!(problem(&with(ec_jwk(1, "a"), "key_ops", json!(["encrypt"]))), KeyProblem::Unacceptable(_)));
    }

    #[test]
    fn a_set_has_a_limit_and_says_why_nothing_is_usable() {
        let many = |count: usize| json!({"keys": vec![ec_jwk(1, "a"); count]});
        assert_eq!(KeySet::parse(&many(MOST_KEYS)).unwrap().keys().len(), MOST_KEYS);
        assert_eq!(KeySet::parse(&many(MOST_KEYS + 1)).unwrap_err(), KeyProblem::TooMany(MOST_KEYS + 1));
        assert_eq!(KeySet::parse(&json!([])).unwrap_err(), KeyProblem::NotASet);
        let nameless = json!({"keys": [with(ec_jwk(1, "a"), "kid", json!("")), {"kty": "AKP"}]});
        assert!(
            matches!(KeySet::parse(&nameless), Err(KeyProblem::None(why)) if why.contains("key 1") && why.contains("key 2"))
        );
        let mixed = json!({"keys": [{"kty": "AKP"}, ec_jwk(1, "a")]});
        assert!(KeySet::parse(&mixed).unwrap().has("a"));
    }

    #[test]
    fn an_id_selects_exactly_one_key_of_the_right_kind() {
        let now = Timestamp::from_micros(5_000_000);
        let set =
            KeySet::parse(&json!({"keys": [ec_jwk(1, "a"), rsa_jwk("a"), ec_jwk(2, "b"), ec_jwk(3, "b")]})).unwrap();
        assert_eq!(set.shared_kid(), Some("b"));
        assert_eq!(set.select("a", Algorithm::ES384, now).unwrap().algorithms(), [Algorithm::ES384]);
        assert!(set.select("a", Algorithm::RS384, now).is_ok());
        assert!(set.select("a", Algorithm::EdDSA, now).unwrap_err().description.contains("right kind"));
        assert!(set.select("a", Algorithm::ES256, now).unwrap_err().description.contains("not for ES256"));
        assert!(set.select("b", Algorithm::ES384, now).unwrap_err().description.contains("more than one"));
        assert!(set.select("c", Algorithm::ES384, now).is_err());
        let ending = KeySet::parse(&json!({"keys": [with(ec_jwk(1, "a"), "exp", json!(5))]})).unwrap();
        assert!(ending.select("a", Algorithm::ES384, Timestamp::from_micros(4_999_999)).is_ok());
        assert!(ending.select("a", Algorithm::ES384, now).is_err(), "its life is over");
    }
}
