//! The lists that ship with Cairn, loaded at first start; their JSON files lie beside this one.
//!
//! A new list or version is a new file and a line here; a published version is never edited.

use super::{FrameworkContent, InvalidFramework};

/// Name of the file without its ending, and its text.
const FILES: &[(&str, &str)] = &[
    ("talking-points-people.v1", include_str!("talking-points-people.v1.json")),
    ("talking-points-carers.v1", include_str!("talking-points-carers.v1.json")),
    ("nussbaum-central-capabilities.v1", include_str!("nussbaum-central-capabilities.v1.json")),
    ("icecap-a.v1", include_str!("icecap-a.v1.json")),
    ("icecap-o.v1", include_str!("icecap-o.v1.json")),
    ("ascot-sct4.v1", include_str!("ascot-sct4.v1.json")),
    ("arnstein-ladder.v1", include_str!("arnstein-ladder.v1.json")),
    ("iap2-spectrum.v1", include_str!("iap2-spectrum.v1.json")),
    ("review-status.v1", include_str!("review-status.v1.json")),
    ("recording-prompts.v1", include_str!("recording-prompts.v1.json")),
    ("goal-attainment-scale.v1", include_str!("goal-attainment-scale.v1.json")),
    ("ssda903-participation.v1", include_str!("ssda903-participation.v1.json")),
];

/// A shipped list that cannot be used: a fault of the build.
#[derive(Debug, thiserror::Error)]
pub enum BrokenReference {
    /// The file is not the JSON of a list.
    #[error("the shipped list {file} cannot be read")]
    Unreadable {
        /// The file's name without its ending.
        file: &'static str,
        /// What the JSON reader says.
        source: serde_json::Error,
    },
    /// The list breaks a limit.
    #[error("the shipped list {file} is not well formed")]
    Invalid {
        /// The file's name without its ending.
        file: &'static str,
        /// The limit.
        source: InvalidFramework,
    },
}

/// Every shipped list, checked.
///
/// # Errors
/// Names the first file that cannot be used.
pub fn shipped() -> Result<Vec<FrameworkContent>, BrokenReference> {
    FILES.iter().map(|(file, json)| read(file, json)).collect()
}

fn read(file: &'static str, json: &str) -> Result<FrameworkContent, BrokenReference> {
    let content: FrameworkContent =
        serde_json::from_str(json).map_err(|source| BrokenReference::Unreadable { file, source })?;
    content.validate().map_err(|source| BrokenReference::Invalid { file, source })?;
    Ok(content)
}

#[cfg(test)]
#[path = "shipped_test.rs"]
mod tests;
