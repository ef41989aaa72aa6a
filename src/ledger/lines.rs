//! Strict reading of the lines that our text formats share: numbers with one spelling, and hashes one to a line up to
//! an empty line. Knows nothing of what the lines mean; the bytes may be hostile.

use super::tree::Hash;

/// The most hashes that a proof between trees of fewer than 2⁶³ leaves is written with; C2SP `tlog-witness` says so
/// for consistency proofs, and an inclusion proof cannot have more.
pub const MAXIMUM_PROOF_HASHES: usize = 63;

/// Why the lines of hashes could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HashLinesError {
    /// More than [`MAXIMUM_PROOF_HASHES`].
    TooMany,
    /// A line is not the base64 of 32 bytes, or no empty line follows.
    Malformed,
}

/// Takes the next line, which must end in LF, and returns it without.
pub(super) fn next_line<'text>(rest: &mut &'text str) -> Option<&'text str> {
    let (line, after) = rest.split_once('\n')?;
    *rest = after;
    Some(line)
}

/// A number without sign or leading zeros.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

/// Takes the lines of hashes and the empty line after them.
pub(super) fn hash_lines(rest: &mut &str) -> Result<Vec<Hash>, HashLinesError> {
    let mut hashes = Vec::new();
    loop {
        match next_line(rest).ok_or(HashLinesError::Malformed)? {
            "" => return Ok(hashes),
            _ if hashes.len() == MAXIMUM_PROOF_HASHES => return Err(HashLinesError::TooMany),
            line => hashes.push(Hash::from_base64(line).ok_or(HashLinesError::Malformed)?),
        }
    }
}

/// Writes what [`hash_lines`] reads.
pub(super) fn write_hash_lines(hashes: &[Hash], text: &mut String) {
    for hash in hashes {
        text.push_str(&hash.to_string());
        text.push('\n');
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!((decimal("0"), decimal("10"), decimal("18446744073709551615")), (Some(0), Some(10), Some(u64::MAX)));
        for wrong in ["", "00", "01", "+1", "-1", " 1", "1 ", "1e3", "٣", "18446744073709551616"] {
            assert_eq!(decimal(wrong), None, "{wrong:?} was accepted");
        }
    }

    #[test]
    fn hashes_are_read_up_to_the_empty_line_and_no_more_than_63() {
        let write = |count: usize| {
            let mut text = String::new();
            write_hash_lines(&vec![Hash::new([7; 32]); count], &mut text);
            text + "rest"
        };
        for count in [0, 1, 63] {
            let text = write(count);
            let mut rest = text.as_str();
            assert_eq!(hash_lines(&mut rest).unwrap().len(), count);
            assert_eq!(rest, "rest");
        }
        assert_eq!(hash_lines(&mut write(64).as_str()), Err(HashLinesError::TooMany));
        let line = Hash::new([7; 32]).to_string();
        for wrong in [String::new(), line.clone(), format!("{line}\n"), format!("{line} \n\n"), "AAAA\n\n".to_owned()] {
            assert_eq!(hash_lines(&mut wrong.as_str()), Err(HashLinesError::Malformed), "{wrong:?}");
        }
    }
}
