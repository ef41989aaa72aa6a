//! Strict reading of the lines that our text formats share. Knows nothing of what the lines mean; the bytes may be hostile.

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
}
