//! A compact JWT taken apart, strictly (RFC 7515, RFC 7519, RFC 8725): nothing here is believed before its signature is
//! verified, and nothing that is meant twice is read once. Knows no issuer, no client and no clock.
//!
//! The signature is verified by `jsonwebtoken`; its claims are read here, because that library compares times with the
//! system's clock and because a claim of the wrong type must be refused, never passed over (CVE-2026-25537).

use super::error::Fault;
use super::public_key::PublicKey;
use crate::domain::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// The longest JWT that is looked at, in bytes.
pub(super) const MOST_BYTES: usize = 8 * 1024;
/// The longest key id, in bytes.
const MOST_KID: usize = 256;
/// 9999-12-31T23:59:59Z: no token outlives it, and no time after it can be written.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// The algorithms that can be accepted at all: asymmetric ones. Which of them a key may be used with is the key's
/// matter ([`PublicKey`]).
const ALGORITHMS: &[(&str, Algorithm)] = &[
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// Reads the name of an asymmetric algorithm; `none` and the shared-secret ones are not among them.
pub(super) fn algorithm_named(name: &str) -> Option<Algorithm> {
    ALGORITHMS.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
}

/// The name of an algorithm as a header writes it.
pub(super) fn name_of(algorithm: Algorithm) -> &'static str {
    ALGORITHMS.iter().find(|(_, known)| *known == algorithm).map_or("an unsupported algorithm", |(name, _)| name)
}

/// What a sender wrote, fit to be repeated to it: short, printable, without quotes.
pub(super) fn shown(text: &str) -> String {
    let mut out: String =
        text.chars().take(120).map(|c| if c.is_ascii_graphic() && c != '"' { c } else { '?' }).collect();
    if text.chars().count() > 120 {
        out.push_str("...");
    }
    out
}

/// A JSON object that names no member twice: two readers could otherwise believe two different tokens.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Members(BTreeMap<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unique;
        impl<'de> Visitor<'de> for Unique {
            type Value = Members;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member stands twice"));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Unique)
    }
}

impl Members {
    /// A member that must be a text, if it is there.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<&str>, Fault> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Fault::new(format!("{name} must be a string"))),
        }
    }
    /// A member that must be there and a text.
    pub(super) fn required_text(&self, name: &'static str) -> Result<&str, Fault> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| Fault::new(format!("{name} is missing")))
    }
    /// A NumericDate (RFC 7519 section 2: a number of seconds, never a string), if it is there.
    pub(super) fn instant(&self, name: &'static str) -> Result<Option<Timestamp>, Fault> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        numeric_date(value)
            .map(Some)
            .ok_or_else(|| Fault::new(format!("{name} must be a number of seconds since 1970")))
    }
    /// A NumericDate that must be there.
    pub(super) fn required_instant(&self, name: &'static str) -> Result<Timestamp, Fault> {
        self.instant(name)?.ok_or_else(|| Fault::new(format!("{name} is missing")))
    }
    /// `aud`: one string or an array of strings (RFC 7519 section 4.1.3).
    pub(super) fn audiences(&self) -> Result<Vec<&str>, Fault> {
        let wrong = || Fault::new("aud must be a string or an array of strings");
        match self.0.get("aud") {
            None => Err(Fault::new("aud is missing")),
            Some(Value::String(text)) => Ok(vec![text]),
            Some(Value::Array(values)) => values.iter().map(|value| value.as_str().ok_or_else(wrong)).collect(),
            Some(_) => Err(wrong()),
        }
    }
    /// Whether there is such a member, whatever it is.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// Reads a NumericDate as an instant; `None` if it is no number or names no time between 1970 and the year 9999.
pub(super) fn numeric_date(value: &Value) -> Option<Timestamp> {
    if let Some(seconds) = value.as_i64() {
        let micros = seconds.checked_mul(1_000_000)?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "a bound of whole seconds: a rounded value is on the same side"
        )]
        return (0.0..=LAST_SECOND).contains(&(seconds as f64)).then(|| Timestamp::from_micros(micros));
    }
    let seconds = value.as_f64().filter(|seconds| (0.0..=LAST_SECOND).contains(seconds))?;
    #[expect(clippy::cast_possible_truncation, reason = "within the years 1970 to 9999: fits in 59 bits")]
    Some(Timestamp::from_micros((seconds * 1e6) as i64))
}

/// A header that asks for nothing strange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// The algorithm that it claims; the key decides whether that is one of its own.
    pub(super) algorithm: Algorithm,
    /// Which key.
    pub(super) kid: String,
    /// The type, in lower case and without `application/` (RFC 7515 section 4.1.9).
    pub(super) typ: Option<String>,
    /// The address of a key set that it names; only ever compared with a registered one.
    pub(super) jku: Option<String>,
}

/// A JWT whose signature is not verified yet.
#[derive(Debug)]
pub(super) struct Jwt<'a> {
    /// The header.
    pub(super) header: Header,
    /// The claims: what the sender says.
    pub(super) claims: Members,
    signed: &'a str,
    signature: &'a str,
}

impl<'a> Jwt<'a> {
    /// Takes a compact JWT apart.
    pub(super) fn parse(text: &'a str) -> Result<Self, Fault> {
        if text.len() > MOST_BYTES {
            return Err(Fault::new(format!("longer than {MOST_BYTES} bytes")));
        }
        let not_compact = || Fault::new("not a signed JWT in its compact form: three parts between dots");
        let (signed, signature) = text.rsplit_once('.').ok_or_else(not_compact)?;
        let (header, claims) = signed.split_once('.').ok_or_else(not_compact)?;
        if claims.contains('.') {
            return Err(not_compact());
        }
        let header = read_header(&members(header, "header")?)?;
        Ok(Self { header, claims: members(claims, "claims")?, signed, signature })
    }
    /// Whether a key signed it, with an algorithm that this key may be used with.
    pub(super) fn is_signed_by(&self, key: &PublicKey) -> bool {
        let algorithm = self.header.algorithm;
        key.algorithms().contains(&algorithm)
            && jsonwebtoken::crypto::verify(self.signature, self.signed.as_bytes(), key.decoding_key(), algorithm)
                .unwrap_or(false)
    }
}

fn members(part: &str, name: &'static str) -> Result<Members, Fault> {
    let wrong = || Fault::new(format!("its {name} must be base64url of a JSON object that names no member twice"));
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| wrong())?;
    serde_json::from_slice(&bytes).map_err(|_| wrong())
}

fn read_header(members: &Members) -> Result<Header, Fault> {
    // Keys come from the registry and from configured issuers, never from the token that they are to verify.
    for embedded in ["jwk", "x5u", "x5c"] {
        if members.has(embedded) {
            return Err(Fault::new(format!(
                "a header with {embedded} is not accepted: keys are registered beforehand"
            )));
        }
    }
    // RFC 7515 section 4.1.11: an extension that must be understood is not; RFC 7797's b64 is one of them.
    if members.has("crit") || members.has("b64") {
        return Err(Fault::new("a header with crit is not accepted: no extension is supported"));
    }
    let alg = members.required_text("alg")?;
    let algorithm = algorithm_named(alg).ok_or_else(|| {
        Fault::new(format!("the algorithm {} is not accepted: an asymmetric one is needed", shown(alg)))
    })?;
    let kid = members.required_text("kid")?;
    if kid.len() > MOST_KID {
        return Err(Fault::new(format!("kid is longer than {MOST_KID} bytes")));
    }
    let typ = members.text("typ")?.map(|typ| {
        let lower = typ.to_ascii_lowercase();
        lower.strip_prefix("application/").map_or(lower.clone(), str::to_owned)
    });
    Ok(Header { algorithm, kid: kid.to_owned(), typ, jku: members.text("jku")?.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn compact(header: &str, claims: &str) -> String {
        format!("{}.{}.AAAA", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    }
    fn refused(text: &str) -> String {
        Jwt::parse(text).expect_err(text).description
    }

    #[test]
    fn strange_headers_are_refused() {
        for (header, why) in [
            (r#"{"alg":"none","kid":"k"}"#, "algorithm none"),
            (r#"{"alg":"None","kid":"k"}"#, "algorithm None"),
            (r#"{"alg":"HS256","kid":"k"}"#, "algorithm HS256"),
            (r#"{"alg":["ES384"],"kid":"k"}"#, "alg must be a string"),
            (r#"{"kid":"k"}"#, "alg is missing"),
            (r#"{"alg":"ES384"}"#, "kid is missing"),
            (r#"{"alg":"ES384","kid":""}"#, "kid is missing"),
            (r#"{"alg":"ES384","kid":7}"#, "kid must be a string"),
            (r#"{"alg":"ES384","kid":"k","jwk":{}}"#, "with jwk"),
            (r#"{"alg":"ES384","kid":"k","x5u":"https://a.example"}"#, "with x5u"),
            (r#"{"alg":"ES384","kid":"k","x5c":[]}"#, "with x5c"),
            (r#"{"alg":"ES384","kid":"k","crit":["exp"]}"#, "with crit"),
            (r#"{"alg":"ES384","alg":"none","kid":"k"}"#, "no member twice"),
            (r#"[]"#, "header must be"),
            ("{", "header must be"),
        ] {
            let said = refused(&compact(header, "{}"));
            assert!(said.contains(why), "{header}: {said}");
        }
    }

    #[test]
    fn only_three_parts_of_unpadded_base64url_are_read() {
        let good = compact(r#"{"alg":"ES384","kid":"k"}"#, r#"{"iss":"a"}"#);
        assert!(Jwt::parse(&good).is_ok());
        let (head, _) = good.rsplit_once('.').unwrap();
        for text in [
            head.to_owned(),
            format!("{good}.AAAA"),
            good.replacen('.', "=.", 1),
            String::new(),
            ".".into(),
            "..".into(),
        ] {
            assert!(Jwt::parse(&text).is_err(), "{text}");
        }
        assert!(
            refused(&compact(r#"{"alg":"ES384","kid":"k"}"#, r#"{"iss":"a","iss":"b"}"#)).contains("no member twice")
        );
    }

    #[test]
    fn the_size_has_a_limit() {
        let base = compact(r#"{"alg":"ES384","kid":"k"}"#, "{}");
        let fill = |length: usize| format!("{base}{}", "A".repeat(length - base.len()));
        assert!(Jwt::parse(&fill(MOST_BYTES)).is_ok());
        assert!(refused(&fill(MOST_BYTES + 1)).contains("longer"));
        let kid = |length: usize| compact(&json!({"alg": "ES384", "kid": "k".repeat(length)}).to_string(), "{}");
        assert!(Jwt::parse(&kid(MOST_KID)).is_ok());
        assert!(Jwt::parse(&kid(MOST_KID + 1)).is_err());
    }

    #[test]
    fn a_date_is_a_number_within_the_years_that_can_be_written() {
        for (value, micros) in
            [(json!(0), 0), (json!(1.5), 1_500_000), (json!(253_402_300_799_i64), 253_402_300_799_000_000)]
        {
            assert_eq!(numeric_date(&value), Some(Timestamp::from_micros(micros)), "{value}");
        }
        for value in [
            json!("1"),
            json!(-1),
            json!(253_402_300_800_i64),
            json!(1e300),
            json!(null),
            json!([1]),
            json!(i64::MAX),
            json!(u64::MAX),
        ] {
            assert_eq!(numeric_date(&value), None, "{value}");
        }
    }

    #[test]
    fn what_is_repeated_to_a_sender_is_printable_and_short() {
        assert_eq!(shown("a\"b\r\n\u{1f600}"), "a?b???");
        assert_eq!(shown(&"x".repeat(500)).len(), 123);
    }
}
