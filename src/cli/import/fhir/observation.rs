//! Observation → a review, a narrative of what matters, or words kept beside an outcome.
//!
//! * A goal attainment score with a Goal as its focus becomes a review. Its LOINC code says whose standpoint it is
//!   (patient, practitioner, caregiver at follow-up); a plain score takes the performer's, and is the baseline when it
//!   is not later than the day on which its goal starts. The status is what the published list maps the score to.
//! * What matters (codes of the Personal Health Inventory, or any survey answer in free text) becomes a narrative of
//!   the words alone, as they stand; the person's own are one verbatim span for each answer. Topic, ratings and codes
//!   are kept in a second narrative of administrative knowledge and are not turned into scores.
//! * Any other figure about a Goal is kept in words beside its outcome, with instrument and code.

use super::attainment::ScoreKind;
use super::element::{Concept, Element};
use super::source::{Draft, Frame, Party, PlacedAs, Source, time};
use serde_json::json;

const PERSONAL_HEALTH_INVENTORY: &str = "personal-health-inventory";

/// Whether it tells what matters, so that goals may rest on it and it is mapped before them.
#[must_use]
pub fn is_account(root: &Element<'_, '_>) -> bool {
    let concepts: Vec<Concept> = root.concept("code").into_iter().chain(root.concepts("category")).collect();
    concepts.iter().any(|concept| concept.has_system(PERSONAL_HEALTH_INVENTORY) || concept.has_code("what-matters"))
        || (root.list("focus").is_empty()
            && concepts.iter().any(|concept| concept.has_code("survey"))
            && root.text("valueString").is_some())
}

/// Maps an Observation.
///
/// # Errors
/// Says why it has no place.
pub fn map(root: &Element<'_, '_>, source: &Source<'_>, draft: &mut Draft<'_>) -> Result<PlacedAs, String> {
    match root.text("status") {
        Some("final" | "amended" | "corrected") => {}
        Some("entered-in-error") => return Err("its source says that it was entered in error".to_owned()),
        _ => return Err("it is not final yet: import it again when it is".to_owned()),
    }
    let person = source.subject(root)?;
    let occurred_at = time(root, &["effectiveDateTime", "effectiveInstant", "effectivePeriod.start"]);
    let occurred_at = occurred_at.ok_or("it has no effective date")?;
    let performers: Vec<_> = root.list("performer").into_iter().take(1).filter_map(|who| who.as_reference()).collect();
    let party = performers.first().and_then(|reference| source.party(reference, &person));
    let code = root.concept("code").ok_or("it has no code")?;
    let score = code.codings.iter().find_map(|coding| ScoreKind::of_code(coding.code.as_deref()?));
    let told = Told { person: &person, occurred_at, party: party.as_ref(), code: &code };
    let names = match score {
        Some(kind) => vec![review(root, kind, &told, source, draft)?],
        None if is_account(root) => account(root, &told, draft)?,
        None => vec![figure(root, &told, source, draft)?],
    };
    Ok(PlacedAs { names, title: code.in_words() })
}

/// What all kinds of observation have.
struct Told<'a> {
    person: &'a str,
    occurred_at: &'a str,
    party: Option<&'a Party>,
    code: &'a Concept,
}

fn review(
    root: &Element<'_, '_>,
    kind: ScoreKind,
    told: &Told<'_>,
    source: &Source<'_>,
    draft: &mut Draft<'_>,
) -> Result<String, String> {
    let (outcome, starts) = goal_in_focus(root, source)?;
    let party = told.party;
    let perspective = kind.perspective().or_else(|| party.map(|party| party.perspective));
    let perspective = perspective.ok_or("nobody is named as its performer, so its standpoint is unknown")?;
    let value = root.concept("valueCodeableConcept").ok_or("the attainment score has no coded value")?;
    let score = value.codings.iter().find_map(|coding| source.scale.score(coding));
    let score = score.ok_or("the attainment score is none of the scale's")?;
    if score.by_words {
        draft.remark("the code of the attainment score is not one of the scale's: it was read by the words beside it");
    }
    let status = score.status.ok_or("the list maps this attainment score to no status")?;
    let is_baseline = kind == ScoreKind::Plain && starts.is_some_and(|starts| is_not_later(told.occurred_at, &starts));
    category_is_known(root);
    let notes: Vec<&str> = root.list("note").iter().filter_map(|note| note.text("text")).collect();
    let body = json!({
        "person": told.person, "occurred_at": told.occurred_at, "outcome": outcome, "perspective": perspective,
        // Whoever performed it wrote it down; without a performer the source system did.
        "author": party.map_or("service", |party| party.kind), "author_name": party.and_then(|party| party.name.as_deref()),
        "status": status, "rating": score.rating, "stage": if is_baseline { "baseline" } else { "follow_up" },
        "note": Some(notes.join("\n")).filter(|note| !note.is_empty()),
    });
    Ok(draft.record("", "record_review", body))
}

/// The outcome that the observation is about, and the day on which its goal starts.
fn goal_in_focus(root: &Element<'_, '_>, source: &Source<'_>) -> Result<(String, Option<String>), String> {
    let focus = root.list("focus").into_iter().next().and_then(|focus| focus.as_reference());
    let focus = focus.ok_or("it names no goal as its focus")?;
    let (names, _) = source.links("Goal", vec![focus.clone()]);
    let outcome = names.into_iter().next().ok_or("its focus is no goal placed by this input")?;
    let goal = source.resolve(&focus.to);
    let starts = goal.and_then(|goal| Some(goal.json.get("startDate")?.as_str()?.to_owned()));
    Ok((outcome, starts))
}

/// Compares as precisely as both are known, by the calendar of whoever wrote them.
fn is_not_later(time: &str, start: &str) -> bool {
    let length = time.len().min(start.len()).min(10);
    time.get(..length) <= start.get(..length)
}

/// The category `survey` only routes; any other category says something and is left to be kept or reported.
fn category_is_known(root: &Element<'_, '_>) {
    for category in root.list("category") {
        let is_routing =
            category.list("coding").iter().all(|coding| coding.get("code").is_some_and(|code| code.is("survey")));
        if is_routing {
            category.mark();
        }
    }
}

fn account(root: &Element<'_, '_>, told: &Told<'_>, draft: &mut Draft<'_>) -> Result<Vec<String>, String> {
    let party = told.party.ok_or("nobody is named as its performer, so its standpoint is unknown")?;
    let (mut words, mut kept) = (Vec::new(), vec![("code", format!("What matters: {}", told.code.in_words()))]);
    category_is_known(root);
    for category in root.concepts("category").iter().filter(|category| !category.has_code("survey")) {
        kept.push(("category", format!("Category: {}", category.in_words())));
    }
    words.extend(root.text("valueString"));
    kept.extend(value_in_words(root).map(|value| ("value", format!("Value: {value}"))));
    for component in root.list("component") {
        let code = component.concept("code").map(|code| code.in_words()).unwrap_or_default();
        if let Some(text) = component.text("valueString") {
            words.push(text);
            kept.push(("component", format!("Answer {}: {code}", words.len())));
        }
        kept.extend(value_in_words(&component).map(|value| ("component", format!("{code}: {value}"))));
    }
    kept.extend(notes(root));
    let frame =
        Frame { person: told.person, occurred_at: told.occurred_at, perspective: party.perspective, outcomes: &[] };
    let mut names = Vec::new();
    if !words.is_empty() {
        let body = json!({
            "person": told.person, "occurred_at": told.occurred_at, "text": words.join(BETWEEN_ANSWERS),
            "author": party.kind, "author_name": party.name, "perspective": party.perspective,
            "knowledge_form": party.knowledge,
            "verbatim_spans": if party.kind == "person" { spans(&words) } else { Vec::new() },
        });
        names.push(draft.record("", "record_narrative", body));
    }
    names.extend(draft.keep("codes", &frame, kept));
    Ok(names)
}

const BETWEEN_ANSWERS: &str = "\n\n";

/// One span for each answer, in code points of the joined text.
fn spans(words: &[&str]) -> Vec<serde_json::Value> {
    let mut start = 0;
    let mut spans = Vec::with_capacity(words.len());
    for answer in words {
        let end = start + answer.chars().count();
        spans.push(json!({ "start": start, "end": end }));
        start = end + BETWEEN_ANSWERS.len();
    }
    spans
}

/// A figure about a goal that is no attainment score, such as the score of a licensed instrument.
fn figure(
    root: &Element<'_, '_>,
    told: &Told<'_>,
    source: &Source<'_>,
    draft: &mut Draft<'_>,
) -> Result<String, String> {
    if root.list("focus").is_empty() {
        return Err("an observation of this kind has no place in a record of outcomes".to_owned());
    }
    let (outcome, _) = goal_in_focus(root, source)?;
    category_is_known(root);
    let value =
        value_in_words(root).or_else(|| root.text("valueString").map(str::to_owned)).ok_or("it has no value")?;
    let mut kept = vec![("value", format!("{}: {value}", told.code.in_words()))];
    for category in root.concepts("category").iter().filter(|category| !category.has_code("survey")) {
        kept.push(("category", format!("Category: {}", category.in_words())));
    }
    kept.extend(
        told.party.and_then(|party| party.name.as_ref()).map(|name| ("performer", format!("Given by: {name}"))),
    );
    kept.extend(notes(root));
    draft.remark("a figure that is no attainment score: kept in words beside its outcome, not as a review");
    let perspective = told.party.map_or("service", |party| party.perspective);
    let frame = Frame { person: told.person, occurred_at: told.occurred_at, perspective, outcomes: &[outcome] };
    draft.keep("", &frame, kept).ok_or_else(|| "it has no value".to_owned())
}

fn notes<'a>(root: &Element<'_, '_>) -> Vec<(&'a str, String)> {
    root.list("note").iter().filter_map(|note| Some(("note", format!("Note: {}", note.text("text")?)))).collect()
}

/// Every kind of value except text, which may be somebody's own words.
fn value_in_words(element: &Element<'_, '_>) -> Option<String> {
    let coded = || element.concept("valueCodeableConcept").map(|concept| concept.in_words());
    let plain = || ["valueInteger", "valueBoolean", "valueDateTime"].iter().find_map(|name| element.written(name));
    element.quantity("valueQuantity").or_else(coded).or_else(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_cover_each_answer_and_not_what_joins_them() {
        let words = ["né 😀", "b"];
        let text: Vec<char> = words.join(BETWEEN_ANSWERS).chars().collect();
        let spans = spans(&words);
        assert_eq!(serde_json::Value::Array(spans.clone()), json!([{"start": 0, "end": 4}, {"start": 6, "end": 7}]));
        assert_eq!(text[6], 'b');
    }

    #[test]
    fn a_score_on_the_first_day_is_a_baseline_and_one_later_is_not() {
        assert!(is_not_later("2024-04-03T10:15:00Z", "2024-04-03"));
        assert!(!is_not_later("2024-04-04T00:15:00Z", "2024-04-03"));
        assert!(is_not_later("2024-04-30", "2024-04"));
        assert!(!is_not_later("2024-05", "2024-04-03"));
    }
}
