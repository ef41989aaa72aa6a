//! Patient → a registered person: the name that is used now, the date of birth, every identifier.
//!
//! FHIR has no date on which somebody became known. Their date of birth stands in for it, because it is the one date
//! that is the same in every later export, so that a second import repeats instead of contradicting; `--known-since`
//! says another. The id within the source system becomes an identifier too (`<source system>-patient-id`), so that
//! later imports and people find the person by it.

use super::element::Element;
use super::patient_id_system;
use super::source::{Draft, PlacedAs, Source, time};
use serde_json::{Value, json};

/// Maps a Patient.
///
/// # Errors
/// Says why the person cannot be registered.
pub fn map(root: &Element<'_, '_>, id: &str, source: &Source<'_>, draft: &mut Draft<'_>) -> Result<PlacedAs, String> {
    let birth_date = time(root, &["birthDate"]);
    let occurred_at = source.settings.known_since.as_deref().or(birth_date);
    let occurred_at =
        occurred_at.ok_or("it has no birthDate, so --known-since must say when the person became known")?;
    let mut identifiers = vec![json!({ "system": patient_id_system(&source.settings.source_system), "value": id })];
    for identifier in root.list("identifier") {
        // Read only as a whole: a system or value alone finds nobody and stays in the source.
        if identifier.get("system").is_some() && identifier.get("value").is_some() {
            identifiers.push(json!({ "system": identifier.text("system"), "value": identifier.text("value") }));
        }
    }
    identifiers.dedup();
    let body = json!({
        "occurred_at": occurred_at, "birth_date": birth_date, "name": root.current_name("name"),
        "identifiers": Value::Array(identifiers),
    });
    let name = draft.record("", "register_person", body);
    Ok(PlacedAs { names: vec![name], title: String::new() })
}
