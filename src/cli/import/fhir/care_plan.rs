//! CarePlan → a narrative of administrative knowledge, linked to the outcomes that the plan is about.
//!
//! A plan binds goals and activities that are recorded in their own right; what it adds is its period, its categories
//! and which activity belongs to it. It does not say that anybody spoke with the person, nor what came of it, so it is
//! not recorded as a conversation: that would state that outcomes were asked about.

use super::element::Element;
use super::source::{Draft, Frame, PlacedAs, Source, time};

/// Maps a CarePlan.
///
/// # Errors
/// Says why it has no place.
pub fn map(root: &Element<'_, '_>, source: &Source<'_>, draft: &mut Draft<'_>) -> Result<PlacedAs, String> {
    let status = root.text("status").unwrap_or("unknown");
    if status == "entered-in-error" {
        return Err("its source says that it was entered in error".to_owned());
    }
    let person = source.subject(root)?;
    let occurred_at =
        time(root, &["created", "period.start"]).ok_or("it has neither created nor the start of its period")?;
    let author = root.reference("author");
    let party = author.as_ref().and_then(|author| source.party(author, &person));
    let intent = root.text("intent").map_or_else(String::new, |intent| format!(", intent {intent}"));
    let mut kept = vec![("status", format!("Care plan, as the source states it: status {status}{intent}"))];
    kept.extend(["title", "description"].iter().filter_map(|name| Some((*name, root.text(name)?.to_owned()))));
    if let Some(period) = root.get("period") {
        let bound = |name: &str| period.text(name).unwrap_or("open");
        kept.push(("period", format!("Period: from {} to {}", bound("start"), bound("end"))));
    }
    kept.extend(
        root.concepts("category").iter().map(|concept| ("category", format!("Category: {}", concept.in_words()))),
    );
    kept.extend(
        party.as_ref().and_then(|party| party.name.as_ref()).map(|name| ("author", format!("Written by: {name}"))),
    );
    let (outcomes, nowhere) =
        source.links("Goal", root.list("goal").iter().filter_map(Element::as_reference).collect());
    kept.extend(nowhere.into_iter().map(|goal| ("goal", format!("Goal: {}", goal.display.unwrap_or(goal.to)))));
    kept.extend(root.list("activity").iter().filter_map(|activity| activity_in_words(activity, source)));
    kept.extend(root.list("note").iter().filter_map(|note| Some(("note", format!("Note: {}", note.text("text")?)))));
    let perspective = party.map_or("service", |party| party.perspective);
    let frame = Frame { person: &person, occurred_at, perspective, outcomes: &outcomes };
    let name = draft.keep("", &frame, kept).ok_or("it says nothing")?;
    Ok(PlacedAs { names: vec![name], title: String::new() })
}

fn activity_in_words(activity: &Element<'_, '_>, source: &Source<'_>) -> Option<(&'static str, String)> {
    if let Some(reference) = activity.reference("reference") {
        let title = source.placed(&reference.to).map(|placed| placed.title.clone()).filter(|title| !title.is_empty());
        let words = match (title, reference.display) {
            (Some(title), _) => format!("{title} ({})", reference.to),
            (None, Some(display)) => format!("{display} ({}, in the source only)", reference.to),
            (None, None) => format!("{} (in the source only)", reference.to),
        };
        return Some(("activity", format!("Activity: {words}")));
    }
    let detail = activity.get("detail")?;
    let what = detail.concept("code").map(|code| code.in_words());
    let parts: Vec<String> = what.into_iter().chain(detail.text("description").map(str::to_owned)).collect();
    (!parts.is_empty()).then(|| ("activity", format!("Activity: {}", parts.join(": "))))
}
