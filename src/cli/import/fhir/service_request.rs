//! ServiceRequest → an agreed action: what, by whom, by when, for which outcomes.
//!
//! The description is the source's own words: what it is, its notes, the instruction, how often, who asked for it and
//! the status that the source gives it, one a line. Without a performer a service is taken to be asked for, since that
//! is what the resource is.

use super::element::Element;
use super::source::{Draft, PlacedAs, Source, time};
use crate::cli::import::intake::NoteKind;
use serde_json::json;

/// Maps a ServiceRequest.
///
/// # Errors
/// Says why it has no place.
pub fn map(root: &Element<'_, '_>, source: &Source<'_>, draft: &mut Draft<'_>) -> Result<PlacedAs, String> {
    let status = root.text("status").unwrap_or("unknown");
    match status {
        "entered-in-error" => return Err("its source says that it was entered in error".to_owned()),
        "draft" => return Err("it is a draft: nothing is agreed yet".to_owned()),
        "completed" | "revoked" => {
            draft.remark("an action that is over: recorded as agreed, with the source's word kept in it");
        }
        _ => {}
    }
    let person = source.subject(root)?;
    let occurred_at = time(root, &["authoredOn"]).ok_or("it has no authoredOn")?;
    let code = root.concept("code").ok_or("it does not say what is asked for (code)")?;
    let performer = root.list("performer").into_iter().next().and_then(|who| who.as_reference());
    let taken_by = match &performer {
        Some(reference) => {
            Some(source.party(reference, &person).ok_or("its performer is of no kind that takes an action")?)
        }
        None => {
            draft.remark("no performer is named: read as an action of a service");
            None
        }
    };
    let mut lines = vec![code.in_words()];
    lines.extend(root.list("note").iter().filter_map(|note| note.text("text").map(str::to_owned)));
    lines.extend(root.text("patientInstruction").map(|text| format!("Instruction: {text}")));
    lines.extend(root.concepts("reasonCode").iter().map(|reason| format!("Reason: {}", reason.in_words())));
    let due = occurrence(root, &mut lines);
    if let Some(reference) = root.reference("requester") {
        let party = source.party(&reference, &person);
        let who = party.map(|party| party.name.unwrap_or_else(|| party.kind.to_owned())).or(reference.display);
        lines.push(format!("Asked for by: {}", who.unwrap_or(reference.to)));
    }
    let (outcomes, nowhere) = source.links("Goal", goals(root));
    if !nowhere.is_empty() {
        draft.notes.push((NoteKind::KeptInWords, "ServiceRequest.extension".to_owned()));
    }
    lines.extend(
        nowhere.into_iter().map(|reference| format!("Pertains to: {}", reference.display.unwrap_or(reference.to))),
    );
    let intent = root.text("intent").map_or_else(String::new, |intent| format!(", intent {intent}"));
    lines.push(format!("As the source states it: status {status}{intent}"));
    let body = json!({
        "person": person, "occurred_at": occurred_at, "description": lines.join("\n"), "outcomes": outcomes, "due": due,
        "taken_by": taken_by.as_ref().map_or("service", |party| party.kind),
        "taken_by_name": taken_by.and_then(|party| party.name),
    });
    let name = draft.record("", "agree_action", body);
    let title = code.text.or_else(|| code.codings.into_iter().find_map(|coding| coding.display)).unwrap_or_default();
    Ok(PlacedAs { names: vec![name], title })
}

/// The goals of the extension `resource-pertainsToGoal`.
fn goals(root: &Element<'_, '_>) -> Vec<super::element::Reference> {
    let mut goals = Vec::new();
    for extension in root.list("extension") {
        if let Some(url) = extension.get("url").filter(|url| url.ends_with("resource-pertainsToGoal")) {
            url.mark();
            goals.extend(extension.reference("valueReference"));
        }
    }
    goals
}

/// Says when and how often, and gives the day by which it is due.
fn occurrence(root: &Element<'_, '_>, lines: &mut Vec<String>) -> Option<String> {
    let repeat = root.get("occurrenceTiming").and_then(|timing| timing.get("repeat"));
    if let Some(repeat) = &repeat {
        lines.extend(how_often(repeat).map(|often| format!("How often: {often}")));
    }
    let period = root.get("occurrencePeriod").or_else(|| repeat?.get("boundsPeriod"));
    if let Some(start) = period.as_ref().and_then(|period| period.text("start")) {
        lines.push(format!("From: {start}"));
    }
    let end = period.and_then(|period| period.text("end"));
    end.or_else(|| root.text("occurrenceDateTime")).map(str::to_owned)
}

/// `2 times per week`, where FHIR leaves out a period of one.
fn how_often(repeat: &Element<'_, '_>) -> Option<String> {
    let unit = match repeat.text("periodUnit")? {
        "s" => "second",
        "min" => "minute",
        "h" => "hour",
        "d" => "day",
        "wk" => "week",
        "mo" => "month",
        "a" => "year",
        other => other,
    };
    let frequency = repeat.written("frequency").unwrap_or_else(|| "1".to_owned());
    let times = if frequency == "1" { "once".to_owned() } else { format!("{frequency} times") };
    Some(match repeat.written("period") {
        Some(period) if period != "1" => format!("{times} in {period} {unit}s"),
        _ => format!("{times} a {unit}"),
    })
}
