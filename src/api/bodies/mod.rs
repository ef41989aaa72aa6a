//! What callers send: one struct for each operation that records, parsed into a command of the domain.
//!
//! Unknown fields are rejected. A body says whose standpoint and whose record; who calls is never in a body.

pub mod actions;
pub mod batch;
pub mod contributions;
pub mod conversations;
pub mod erasures;
pub mod frameworks;
pub mod narratives;
pub mod outcomes;
pub mod people;
pub mod reviews;

use crate::api::problem::Problem;
use crate::app::words::{LifeTime, Personal, SourceReference, Span, Words};
use crate::app::{Recording, Target};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

/// A body that becomes a recording.
pub trait Body: DeserializeOwned {
    /// The operation's id, which is also its name in a batch.
    const OPERATION: &'static str;
    /// Whether it changes a recording, which needs the version that the caller saw.
    const CHANGES: bool;

    /// The recording that it asks for.
    ///
    /// # Errors
    /// A [`Problem`] that points at the field.
    fn into_recording(self, target: Target) -> Result<Recording, Problem>;
}

/// Where a recording was imported from.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The source system's name for itself: lower-case letters, digits and `-._:/`, at most 128.
    #[schema(example = "case-system")]
    pub system: String,
    /// The recording's identifier there; kept sealed. At most 300 characters.
    #[schema(value_type = String, example = "review-4711")]
    pub reference: Words,
}

/// The most characters of a source system's name.
const SYSTEM_MAX: usize = 128;
/// The most characters of a source's reference.
const REFERENCE_MAX: usize = 300;

/// Checks a source.
pub(super) fn source(source: Option<Source>) -> Result<Option<SourceReference>, Problem> {
    let Some(source) = source else { return Ok(None) };
    let named = (1..=SYSTEM_MAX).contains(&source.system.len())
        && source
            .system
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:/".contains(&byte));
    if !named {
        return Err(Problem::invalid("/source/system", "must be 1 to 128 of a–z, 0–9 and -._:/"));
    }
    let length = source.reference.expose().chars().count();
    if !(1..=REFERENCE_MAX).contains(&length) || source.reference.expose().chars().any(char::is_control) {
        return Err(Problem::invalid("/source/reference", "must have 1 to 300 characters and no control characters"));
    }
    Ok(Some(SourceReference { system: source.system, reference: Personal::new(source.reference.into_inner()) }))
}

/// Parses a field that is text in JSON into its type.
pub(super) fn parsed<T: std::str::FromStr>(pointer: &str, text: &str) -> Result<T, Problem>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| Problem::invalid(pointer, error.to_string()))
}

/// Parses every entry of a list.
pub(super) fn parsed_list<T: std::str::FromStr>(pointer: &str, texts: &[String]) -> Result<Vec<T>, Problem>
where
    T::Err: std::fmt::Display,
{
    texts.iter().enumerate().map(|(at, text)| parsed(&format!("{pointer}/{at}"), text)).collect()
}

/// A range of Unicode code points, half-open.
#[derive(Debug, Clone, Copy, Deserialize, serde::Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerbatimSpan {
    /// The first code point.
    #[schema(example = 10)]
    pub start: u32,
    /// One past the last code point.
    #[schema(example = 25)]
    pub end: u32,
}

impl From<VerbatimSpan> for Span {
    fn from(span: VerbatimSpan) -> Self {
        Self { start: span.start, end: span.end }
    }
}

/// Time in life, as every body has it.
pub(super) fn occurred_at(text: &str) -> Result<LifeTime, Problem> {
    parsed("/occurred_at", text)
}
