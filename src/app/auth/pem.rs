//! PKCS#8 private keys as text (RFC 7468). Knows nothing of what kind of key it is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// Writes PKCS#8 bytes as PEM, 64 characters a line.
pub(super) fn encode(der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(der));
    let mut text = Zeroizing::new(String::with_capacity(body.len() + body.len() / 64 + 64));
    text.push_str(BEGIN);
    text.push('\n');
    let mut rest = body.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII, so every position is a boundary.
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(END);
    text.push('\n');
    text
}

/// Reads the one PKCS#8 key of a PEM text; `None` if there is none or more than one.
pub(super) fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (_, after) = text.split_once(BEGIN)?;
    let (body, rest) = after.split_once(END)?;
    if rest.contains(BEGIN) {
        return None;
    }
    let body: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
    STANDARD.decode(body.as_bytes()).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 47, 48, 49, 200] {
            let der = vec![7_u8; length];
            let text = encode(&der);
            assert!(text.lines().all(|line| line.len() <= 64));
            assert_eq!(decode(&text).unwrap().as_slice(), der.as_slice());
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let one = encode(&[1, 2, 3]);
        let two = format!("{}{}", one.as_str(), one.as_str());
        for text in [
            "",
            "-----BEGIN PRIVATE KEY-----",
            &two,
            "-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----",
        ] {
            assert!(decode(text).is_none());
        }
    }
}
