//! Goal → an outcome, with what has no field of its own kept in words beside it.
//!
//! * Whose outcome it is to have said: `expressedBy`.
//! * Direction: `maintain` only where the description begins with the word "maintain" or the achievement is
//!   `sustaining`; else `change`. Type: `quality_of_life`, because FHIR has none. Framework items: none, because no map
//!   between the codes is published, and one of ours would be an invention.
//! * Levels of goal attainment scaling are the goal's own words for each answer: a narrative of their own. Category,
//!   lifecycle, achievement, priority, targets, notes and what it addresses outside this input: a second one. An
//!   achievement status is not a review, since nobody is named as having judged.

use super::element::Element;
use super::source::{Draft, Frame, PlacedAs, Source, at, time};
use serde_json::json;

const ATTAINMENT_SCALING: &str = "goal-attainment-scaling";

/// Maps a Goal.
///
/// # Errors
/// Says why it has no place.
pub fn map(root: &Element<'_, '_>, source: &Source<'_>, draft: &mut Draft<'_>) -> Result<PlacedAs, String> {
    let lifecycle = root.text("lifecycleStatus");
    match lifecycle {
        Some("entered-in-error") => return Err("its source says that it was entered in error".to_owned()),
        Some("rejected") => return Err("its source says that it was rejected".to_owned()),
        Some("completed" | "cancelled") => {
            draft.remark(
                "a goal that is completed or cancelled: recorded as open, with the source's word kept beside it",
            );
        }
        _ => {}
    }
    let person = source.subject(root)?;
    let occurred_at = time(root, &["startDate", "statusDate"]).ok_or("it has neither startDate nor statusDate")?;
    let expressed_by = root.reference("expressedBy").ok_or("nobody is named as having expressed it (expressedBy)")?;
    let party = source.party(&expressed_by, &person).ok_or("who expressed it is nobody whose standpoint is known")?;
    let description = root.concept("description").ok_or("it has no description")?;
    let title = description.text.clone().unwrap_or_else(|| description.in_words());
    let achievement = root.concept("achievementStatus");
    let is_sustained = achievement.as_ref().is_some_and(|status| status.has_code("sustaining"));
    let maintains = is_sustained || begins_with_maintain(&title);
    if maintains {
        draft.remark("read as an outcome to maintain");
    }
    let addresses = root.list("addresses").iter().filter_map(Element::as_reference).collect();
    let (narratives, nowhere) = source.links("Observation", addresses);
    let body = json!({
        "person": person, "occurred_at": occurred_at, "identified_by": party.perspective, "outcome_type": "quality_of_life",
        "direction": if maintains { "maintain" } else { "change" }, "title": title, "narratives": narratives,
    });
    let name = draft.record("", "identify_outcome", body);
    let outcomes = [at(&name)];
    let frame = Frame { person: &person, occurred_at, perspective: party.perspective, outcomes: &outcomes };
    draft.keep("attainment-levels", &frame, attainment_levels(root));

    let mut kept = Vec::new();
    kept.extend(party.name.map(|name| ("expressedBy", format!("Expressed by: {name}"))));
    if description.text.is_some() && !description.codings.is_empty() {
        kept.push(("description", format!("Description in codes: {}", description.in_words())));
    }
    kept.extend(
        root.concepts("category").iter().map(|concept| ("category", format!("Category: {}", concept.in_words()))),
    );
    kept.extend(lifecycle.map(|status| ("lifecycleStatus", format!("Lifecycle, as the source states it: {status}"))));
    kept.extend(
        achievement.map(|status| {
            ("achievementStatus", format!("Achievement, as the source states it: {}", status.in_words()))
        }),
    );
    kept.extend(root.text("statusDate").map(|date| ("statusDate", format!("Status as of: {date}"))));
    kept.extend(root.text("statusReason").map(|reason| ("statusReason", format!("Reason for the status: {reason}"))));
    kept.extend(
        root.concept("priority")
            .map(|priority| ("priority", format!("Priority, as the source states it: {}", priority.in_words()))),
    );
    kept.extend(root.list("target").iter().filter_map(target));
    kept.extend(root.list("note").iter().filter_map(|note| Some(("note", format!("Note: {}", note.text("text")?)))));
    kept.extend(nowhere.into_iter().map(|reference| {
        let display = reference.display.map_or_else(String::new, |display| format!("{display}, "));
        ("addresses", format!("Addresses: {display}{}", reference.to))
    }));
    draft.keep("kept", &frame, kept);
    Ok(PlacedAs { names: vec![name], title })
}

fn begins_with_maintain(title: &str) -> bool {
    let first = title.split(|character: char| !character.is_alphanumeric()).find(|word| !word.is_empty());
    first.is_some_and(|word| word.eq_ignore_ascii_case("maintain"))
}

/// `Better than expected (http://loinc.org|LA34480-6): Walk dog outside twice a week`
fn attainment_levels(root: &Element<'_, '_>) -> Vec<(&'static str, String)> {
    let mut levels = Vec::new();
    for extension in root.list("extension") {
        let Some(url) = extension.get("url").filter(|url| url.ends_with(ATTAINMENT_SCALING)) else { continue };
        url.mark();
        let (mut level, mut text) = (None, None);
        for part in extension.list("extension") {
            match part.text("url") {
                Some("level") => level = part.get("valueCoding").map(|coding| coding.as_coding().in_words()),
                Some("text") => text = part.text("valueString"),
                _ => {}
            }
        }
        let sentence = [level.as_deref(), text].into_iter().flatten().collect::<Vec<_>>().join(": ");
        if !sentence.is_empty() {
            levels.push(("extension", sentence));
        }
    }
    levels
}

fn target(target: &Element<'_, '_>) -> Option<(&'static str, String)> {
    let mut parts = Vec::new();
    parts.extend(target.concept("measure").map(|measure| measure.in_words()));
    parts.extend(target.quantity("detailQuantity"));
    parts.extend(target.get("detailRange").map(|range| {
        let bound = |name: &str| range.quantity(name).unwrap_or_else(|| "open".to_owned());
        format!("from {} to {}", bound("low"), bound("high"))
    }));
    parts.extend(target.concept("detailCodeableConcept").map(|detail| detail.in_words()));
    parts.extend(["detailString", "detailBoolean", "detailInteger"].iter().filter_map(|name| target.written(name)));
    parts.extend(target.text("dueDate").map(|due| format!("due {due}")));
    parts.extend(target.quantity("dueDuration").map(|due| format!("due after {due}")));
    (!parts.is_empty()).then(|| ("target", format!("Target: {}", parts.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_itself_at_the_beginning_means_to_maintain() {
        assert!(begins_with_maintain("Maintain pain level below 5"));
        assert!(begins_with_maintain(" “maintain my garden”"));
        assert!(!begins_with_maintain("Learn to maintain my bicycle"));
        assert!(!begins_with_maintain("Maintainer wanted"));
        assert!(!begins_with_maintain(""));
    }
}
