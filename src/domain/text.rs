//! Free text as people write it, and ranges of it, counted in Unicode code points (as REFI-QDA does).

use crate::domain::personal::Words;
use crate::domain::refusal::Refusal;
use serde::{Deserialize, Serialize};

/// The longest narrative, in code points.
pub const NARRATIVE_MAX_CODE_POINTS: usize = 100_000;
/// The longest shorter text (a title, a reason, a note), in code points.
pub const NOTE_MAX_CODE_POINTS: usize = 10_000;
/// The longest name of somebody, in code points.
pub const NAME_MAX_CODE_POINTS: usize = 300;
/// The most verbatim spans of one narrative.
pub const SPANS_MAX: usize = 1_000;

/// A half-open range of code points, `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// First code point.
    pub start: u32,
    /// One past the last code point.
    pub end: u32,
}

/// Accepts a text that says something: not blank, at most `max` code points, no NUL (which PostgreSQL cannot keep).
///
/// # Errors
/// [`Refusal::Invalid`] at `pointer`; never repeats the text.
pub fn require_words(pointer: &str, words: &Words, max: usize) -> Result<(), Refusal> {
    let text = words.expose();
    if text.trim().is_empty() {
        return Err(Refusal::invalid(pointer, "must not be empty"));
    }
    if text.contains('\0') {
        return Err(Refusal::invalid(pointer, "must not contain U+0000"));
    }
    // A text of n bytes has at most n code points, so most texts need no count.
    if text.len() > max && text.chars().count() > max {
        return Err(Refusal::invalid(pointer, format!("must have at most {max} characters (Unicode code points)")));
    }
    Ok(())
}

/// The same for a text that may be absent.
///
/// # Errors
/// As [`require_words`].
pub fn allow_words(pointer: &str, words: Option<&Words>, max: usize) -> Result<(), Refusal> {
    words.map_or(Ok(()), |words| require_words(pointer, words, max))
}

/// Checks that spans lie inside the text, are not empty, and neither overlap nor go backwards.
///
/// # Errors
/// [`Refusal::Invalid`] that names the span.
pub fn check_spans(pointer: &str, spans: &[Span], text: &Words) -> Result<(), Refusal> {
    if spans.len() > SPANS_MAX {
        return Err(Refusal::invalid(pointer, format!("must have at most {SPANS_MAX} spans")));
    }
    let length = if spans.is_empty() { 0 } else { text.expose().chars().count() };
    let mut free_from = 0usize;
    for (index, span) in spans.iter().enumerate() {
        let at = || format!("{pointer}/{index}");
        let (start, end) = (span.start as usize, span.end as usize);
        if start >= end {
            return Err(Refusal::invalid(at(), "must end after it starts"));
        }
        if end > length {
            return Err(Refusal::invalid(at(), format!("must lie inside the text, which has {length} code points")));
        }
        if start < free_from {
            return Err(Refusal::invalid(at(), "must follow the span before it without overlap"));
        }
        free_from = end;
    }
    Ok(())
}

/// Picks the words of a span out of a text; `None` where it lies outside.
#[must_use]
pub fn span_of(text: &str, span: Span) -> Option<&str> {
    let mut starts = text.char_indices().map(|(at, _)| at).chain(std::iter::once(text.len()));
    let from = starts.by_ref().nth(span.start as usize)?;
    let length = (span.end as usize).checked_sub(span.start as usize)?;
    let to = if length == 0 { from } else { starts.nth(length - 1)? };
    text.get(from..to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::personal::Personal;

    fn words(text: &str) -> Words {
        Personal::new(text.to_owned())
    }

    #[test]
    fn limits_count_code_points_and_hold_exactly() {
        assert!(require_words("/text", &words(&"é".repeat(10)), 10).is_ok());
        assert!(require_words("/text", &words(&"é".repeat(11)), 10).is_err());
        assert!(require_words("/text", &words(" \n"), 10).is_err());
        assert!(require_words("/text", &words("a\0b"), 10).is_err());
    }

    #[test]
    fn spans_lie_inside_and_in_order() {
        let text = words("aé😀b");
        let check = |spans: &[(u32, u32)]| {
            let spans: Vec<Span> = spans.iter().map(|&(start, end)| Span { start, end }).collect();
            check_spans("/verbatim_spans", &spans, &text).is_ok()
        };
        assert!(check(&[(0, 1), (1, 4)]));
        assert!(!check(&[(0, 5)]), "one past the end");
        assert!(!check(&[(2, 2)]));
        assert!(!check(&[(3, 2)]));
        assert!(!check(&[(0, 2), (1, 3)]));
        assert_eq!(span_of("aé😀b", Span { start: 1, end: 3 }), Some("é😀"));
        assert_eq!(span_of("aé😀b", Span { start: 0, end: 4 }), Some("aé😀b"));
        assert_eq!(span_of("aé😀b", Span { start: 2, end: 5 }), None);
    }
}
