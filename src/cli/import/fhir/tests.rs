use super::*;
use crate::cli::import::report::{Report, Verdict};
use crate::cli::import::send::Fate;
use crate::domain::words::{Direction, KnowledgeForm, OutcomeType, PartyKind, Perspective, ReviewStage};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::PathBuf;

fn settings() -> Settings {
    Settings { source_system: "test".to_owned(), known_since: None, known_patients: HashMap::new() }
}

fn map_found(found: Found) -> (Mapped, usize) {
    let counted = found.counted;
    (map(found, &settings(), &AttainmentScale::shipped().unwrap()), counted)
}

fn map_values(values: &[Value]) -> (Mapped, usize) {
    let text: String = values.iter().map(|value| format!("{value}\n")).collect();
    let mut found = Found::default();
    found.read_lines("t.ndjson", text.as_bytes()).unwrap();
    map_found(found)
}

fn pco() -> (Mapped, usize) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/pco");
    map_found(read_paths(&[folder]).unwrap())
}

fn body(mapped: &Mapped, name: &str) -> Value {
    let line = mapped.lines.iter().find(|line| line.name == name).unwrap_or_else(|| panic!("no line {name}"));
    let mut body = line.body.clone();
    assert_eq!(body.remove("source"), Some(json!({"system": "test", "reference": name})), "{name}");
    Value::Object(body)
}

fn notes(mapped: &Mapped, kind: NoteKind) -> Vec<(String, &str)> {
    let of_kind = mapped.notes.iter().filter(|note| note.kind == kind);
    of_kind.map(|note| (mapped.inputs[note.input].place(), note.text.as_str())).collect()
}

/// The verdicts as if everything that is sent were accepted.
fn verdicts(mapped: Mapped, counted: usize) -> Vec<(Verdict, usize)> {
    let recorded = Fate::Recorded { id: "id".to_owned(), repeated: false };
    let fates = vec![recorded; mapped.lines.len()];
    let report = Report::new(mapped, fates, counted).unwrap();
    assert_eq!(report.counts().values().sum::<usize>(), counted);
    report.counts().into_iter().filter(|(_, count)| *count > 0).collect()
}

fn patient() -> Value {
    json!({"resourceType": "Patient", "id": "p", "birthDate": "1950-01-01"})
}

fn goal() -> Value {
    json!({"resourceType": "Goal", "id": "g", "lifecycleStatus": "active", "subject": {"reference": "Patient/p"},
        "expressedBy": {"reference": "Patient/p"}, "startDate": "2024-01-10", "description": {"text": "Go out"}})
}

fn score(id: &str, code: &str, performer: &str, date: &str) -> Value {
    json!({"resourceType": "Observation", "id": id, "status": "final", "subject": {"reference": "Patient/p"},
        "focus": [{"reference": "Goal/g"}], "performer": [{"reference": performer}], "effectiveDateTime": date,
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "valueCodeableConcept": {"coding": [{"system": "http://loinc.org", "code": "LA34483-0"}]}})
}

fn with(mut value: Value, field: &str, content: Value) -> Value {
    value[field] = content;
    value
}

#[test]
fn every_example_is_accounted_for() {
    let (mapped, counted) = pco();
    assert_eq!(counted, 22);
    let lost = notes(&mapped, NoteKind::NotPlaced);
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].0.ends_with("MedicationRequest.ndjson:1 MedicationRequest/pcoAntiInflammatoryMedication"));
    assert_eq!(verdicts(mapped, counted), [(Verdict::Placed, 19), (Verdict::UsedForNames, 2), (Verdict::NotPlaced, 1)]);
}

/// What stays in the source: nothing that anybody said, and each element by name.
#[test]
fn the_elements_that_the_examples_lose_are_exactly_these() {
    let (mapped, _) = pco();
    let mut left: Vec<&str> = notes(&mapped, NoteKind::LeftOut).into_iter().map(|(_, text)| text).collect();
    left.sort_unstable();
    left.dedup();
    assert_eq!(
        left,
        [
            "Patient.gender",
            "Patient.identifier.use",
            "Practitioner.gender",
            "Practitioner.identifier.system",
            "Practitioner.identifier.use",
            "Practitioner.identifier.value"
        ]
    );
}

#[test]
fn people_get_their_name_birth_date_and_identifiers() {
    let jones = body(&pco().0, "Patient/pcoPatientJones");
    assert_eq!(jones["name"], "Dorothy Jones");
    assert_eq!((&jones["birth_date"], &jones["occurred_at"]), (&json!("1947-11-25"), &json!("1947-11-25")));
    let own = json!({"system": "test-patient-id", "value": "pcoPatientJones"});
    let given = json!({"system": "http://example.org", "value": "ee8d4ac0-545c-4501-8d7e-646bfbda1db5"});
    assert_eq!(jones["identifiers"], json!([own, given]));
    let without_birth = json!({"resourceType": "Patient", "id": "p", "identifier": [{"value": "x"}]});
    assert!(
        notes(&map_values(std::slice::from_ref(&without_birth)).0, NoteKind::NotPlaced)[0].1.contains("--known-since")
    );
    let mut found = Found::default();
    found.read_whole("p.json", without_birth.to_string().as_bytes());
    let known = Settings { known_since: Some("2020".to_owned()), ..settings() };
    let mapped = map(found, &known, &AttainmentScale::shipped().unwrap());
    assert_eq!(body(&mapped, "Patient/p")["occurred_at"], "2020");
    assert_eq!(notes(&mapped, NoteKind::LeftOut)[0].1, "Patient.identifier.value", "no system: finds nobody");
}

#[test]
fn what_matters_stays_in_the_persons_words() {
    let mapped = pco().0;
    let words = body(&mapped, "Observation/pcoWhatMattersRelationshipsExample");
    let (now, future) = (
        "I am still recovering from isolation during COVID and now physical difficulty leaving my home.",
        "I want to walk outside and visit friends in the park.",
    );
    assert_eq!(words["text"], format!("{now}\n\n{future}"));
    let (first, start) = (now.chars().count(), now.chars().count() + 2);
    let spans = json!([{"start": 0, "end": first}, {"start": start, "end": start + future.chars().count()}]);
    assert_eq!(words["verbatim_spans"], spans);
    assert_eq!([&words["perspective"], &words["author"], &words["knowledge_form"]], ["person", "person", "lived"]);
    let codes = body(&mapped, "Observation/pcoWhatMattersRelationshipsExample#codes");
    assert_eq!(codes["knowledge_form"], "administrative");
    assert!(codes.get("verbatim_spans").is_none());
    let text = codes["text"].as_str().unwrap();
    for kept in ["Family, Friends & Co-Workers", "now-rating): 3", "future-rating): 9", "Answer 2:"] {
        let kept = kept.replace("): ", ": ");
        assert!(text.contains(&kept), "{kept} in {text}");
    }
    let priority = body(&mapped, "Observation/pcoWhatMattersPriorityExample#codes");
    assert!(priority["text"].as_str().unwrap().contains("Well-Being Priority"));
    assert!(
        !mapped.lines.iter().any(|line| line.name == "Observation/pcoWhatMattersPriorityExample"),
        "nobody's words"
    );
}

#[test]
fn a_goal_becomes_an_outcome_that_rests_on_what_matters() {
    let mapped = pco().0;
    let outcome = body(&mapped, "Goal/pcoGoalWalkDogExample");
    assert_eq!(outcome["title"], "Walk dog outside once a week");
    assert_eq!(
        [&outcome["identified_by"], &outcome["direction"], &outcome["occurred_at"]],
        ["person", "change", "2024-04-03"]
    );
    assert_eq!(outcome["narratives"].as_array().unwrap().len(), 4, "two accounts, each with its codes");
    let levels = body(&mapped, "Goal/pcoGoalWalkDogExample#attainment-levels");
    assert_eq!(levels["outcomes"], json!(["@Goal/pcoGoalWalkDogExample"]));
    assert_eq!(levels["text"].as_str().unwrap().lines().count(), 5);
    assert!(
        levels["text"].as_str().unwrap().contains("(http://loinc.org|LA34479-8): Walk dog outside three times a week")
    );
    let kept = body(&mapped, "Goal/pcoGoalAnxietyExample#kept");
    let text = kept["text"].as_str().unwrap();
    for part in
        ["Power of the Mind", "in-progress", "70274-6", "< 6 score", "due 2024-12-31", "John Anderson, MD", "active"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(body(&mapped, "Goal/pcoGoalPainLevelExample")["direction"], "maintain");
}

#[test]
fn scores_become_reviews_of_the_standpoint_that_gave_them() {
    let mapped = pco().0;
    let review = |name: &str| {
        let body = body(&mapped, &format!("Observation/pcoGASScore{name}Example"));
        ["perspective", "author", "stage", "rating", "status"].map(|field| body[field].as_str().unwrap().to_owned())
    };
    let scale = |code: &str| format!("goal-attainment-scale@1#{code}");
    let status = |code: &str| format!("review-status@1#{code}");
    let (practitioner, person) = ("practitioner".to_owned(), "person".to_owned());
    let (baseline, follow_up) = ("baseline".to_owned(), "follow_up".to_owned());
    assert_eq!(
        review("Baseline"),
        [practitioner.clone(), practitioner.clone(), baseline, scale("LA34483-0"), status("partly_met")]
    );
    assert_eq!(
        review("PatientFollowup"),
        [person.clone(), person, follow_up.clone(), scale("LA34480-6"), status("fully_met")]
    );
    assert_eq!(
        review("PractitionerFollowup"),
        [practitioner.clone(), practitioner, follow_up, scale("LA34481-4"), status("fully_met")]
    );
    let remarks = notes(&mapped, NoteKind::Remark);
    assert!(
        remarks
            .iter()
            .any(|(place, text)| place.ends_with("PractitionerFollowupExample") && text.contains("by the words"))
    );
}

#[test]
fn the_score_of_an_instrument_is_kept_in_words_and_is_no_review() {
    let mapped = pco().0;
    let figure = body(&mapped, "Observation/pcoPROMScoreAnxietyExample");
    assert_eq!(figure["outcomes"], json!(["@Goal/pcoGoalAnxietyExample"]));
    let text = figure["text"].as_str().unwrap();
    assert!(text.contains("GAD-7") && text.contains("70274-6") && text.contains(": 10 score"), "{text}");
}

#[test]
fn requests_become_actions_and_plans_words() {
    let mapped = pco().0;
    let action = body(&mapped, "ServiceRequest/pcoWalkOutsideActionStep");
    assert_eq!([&action["taken_by"], &action["due"], &action["occurred_at"]], ["person", "2024-03-07", "2024-02-22"]);
    assert_eq!(action["outcomes"], json!(["@Goal/pcoGoalWalkDogExample"]));
    let text = action["description"].as_str().unwrap();
    for part in
        ["Walk outside without my dog\n", "short walk to the corner", "2 times a week", "Asked for by: Maria Gonzalez"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(body(&mapped, "ServiceRequest/pcoPhysicalTherapyReferral")["taken_by"], "service");
    let plan = body(&mapped, "CarePlan/pcoPhyicalFunctionCarePlanExample");
    let text = plan["text"].as_str().unwrap();
    for part in [
        "from 2024-02-22 to 2024-09-30",
        "Independence",
        "Walk outside without my dog",
        "MedicationRequest/pcoAntiInflammatoryMedication (in the source only)",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn every_word_of_a_list_is_one_that_the_domain_has() {
    fn has<T: serde::de::DeserializeOwned>(word: &Value) {
        assert!(word.is_null() || serde_json::from_value::<T>(word.clone()).is_ok(), "{word}");
    }
    for line in &pco().0.lines {
        let field = |name: &str| line.body.get(name).cloned().unwrap_or_default();
        has::<Perspective>(&field("perspective"));
        has::<Perspective>(&field("identified_by"));
        has::<PartyKind>(&field("author"));
        has::<PartyKind>(&field("taken_by"));
        has::<KnowledgeForm>(&field("knowledge_form"));
        has::<OutcomeType>(&field("outcome_type"));
        has::<Direction>(&field("direction"));
        has::<ReviewStage>(&field("stage"));
    }
}

#[test]
fn the_code_names_the_standpoint_and_the_performer_the_author() {
    let related = json!({"resourceType": "RelatedPerson", "id": "r", "name": [{"text": "A Daughter"}], "relationship": [{"text": "Carer"}]});
    let scores = [
        score("by-code", "107334-5", "Practitioner/x", "2024-02-01"),
        score("carer", "107331-1", "RelatedPerson/r", "2024-02-01"),
        score("early", "107332-9", "RelatedPerson/r", "2024-01-10T23:59:00Z"),
        score("late", "107332-9", "RelatedPerson/r", "2024-01-11"),
    ];
    let (mapped, _) = map_values(&[&[patient(), goal(), related][..], &scores].concat());
    let fields = |name: &str| {
        let body = body(&mapped, &format!("Observation/{name}"));
        ["perspective", "author", "stage"].map(|field| body[field].as_str().unwrap().to_owned())
    };
    assert_eq!(fields("by-code"), ["person", "practitioner", "follow_up"]);
    assert_eq!(fields("carer"), ["carer", "carer", "follow_up"]);
    assert_eq!(fields("early")[2], "baseline");
    assert_eq!(fields("late")[2], "follow_up");
    assert_eq!(body(&mapped, "Observation/late")["author_name"], "A Daughter");
}

#[test]
fn what_cannot_be_placed_says_why() {
    let cases = [
        (with(goal(), "subject", json!({"reference": "Patient/other"})), "no patient placed"),
        (with(goal(), "startDate", Value::Null), "neither startDate"),
        (with(goal(), "expressedBy", Value::Null), "expressedBy"),
        (with(goal(), "expressedBy", json!({"reference": "Device/d"})), "standpoint"),
        (with(goal(), "lifecycleStatus", json!("entered-in-error")), "in error"),
        (
            with(score("o", "107332-9", "Patient/p", "2024-02-01"), "focus", json!([{"reference": "Goal/none"}])),
            "no goal placed",
        ),
        (
            with(score("o", "107332-9", "Patient/p", "2024-02-01"), "effectiveDateTime", Value::Null),
            "no effective date",
        ),
        (with(score("o", "107332-9", "Patient/p", "2024-02-01"), "status", json!("preliminary")), "not final"),
        (with(score("o", "8867-4", "Patient/p", "2024-02-01"), "focus", Value::Null), "no place"),
        (json!({"resourceType": "ServiceRequest", "id": "s", "status": "draft"}), "draft"),
        (json!({"resourceType": "Appointment", "id": "a"}), "Appointment is no part"),
        (json!({"resourceType": "CarePlan", "id": "c", "subject": {"reference": "Patient/p"}}), "neither created"),
    ];
    for (resource, reason) in cases {
        let (mapped, counted) = map_values(&[patient(), resource]);
        let lost = notes(&mapped, NoteKind::NotPlaced);
        assert!(
            lost.len() == 1 && lost[0].0.starts_with("t.ndjson:2 ") && lost[0].1.contains(reason),
            "{reason}: {lost:?}"
        );
        assert_eq!(verdicts(mapped, counted), [(Verdict::Placed, 1), (Verdict::NotPlaced, 1)]);
    }
}

#[test]
fn a_score_of_nobody_known_is_not_placed() {
    for observation in
        [score("o", "107332-9", "Device/d", "2024-02-01"), score("o", "107332-9", "Patient/q", "2024-02-01")]
    {
        let (mapped, _) = map_values(&[patient(), goal(), observation]);
        assert!(notes(&mapped, NoteKind::NotPlaced)[0].1.contains("standpoint"));
    }
}

#[test]
fn links_that_lead_nowhere_are_kept_in_words() {
    let goal = with(goal(), "addresses", json!([{"reference": "Condition/c", "display": "Knee pain"}]));
    let (mapped, _) = map_values(&[patient(), goal]);
    assert!(body(&mapped, "Goal/g#kept")["text"].as_str().unwrap().contains("Addresses: Knee pain, Condition/c"));
    assert!(body(&mapped, "Goal/g").get("narratives").is_none());
    assert_eq!(
        notes(&mapped, NoteKind::Remark)[0].1,
        "it refers to a resource of type Condition that is not in this input"
    );
}

#[test]
fn somebody_who_is_not_in_the_input_is_named_as_the_source_names_them() {
    let (mapped, _) = map_values(&[patient(), goal(), score("o", "107333-7", "Practitioner/absent", "2024-02-01")]);
    assert_eq!(body(&mapped, "Observation/o")["author_name"], "Practitioner/absent");
    let remark = (
        "t.ndjson:3 Observation/o".to_owned(),
        "it refers to a resource of type Practitioner that is not in this input",
    );
    assert_eq!(notes(&mapped, NoteKind::Remark), [remark]);
}

#[test]
fn the_same_resource_twice_is_placed_once() {
    let (mapped, counted) = map_values(&[patient(), patient()]);
    assert_eq!(notes(&mapped, NoteKind::NotPlaced)[0].1, "the same resource stands at t.ndjson:1 Patient/p");
    assert_eq!(verdicts(mapped, counted), [(Verdict::Placed, 1), (Verdict::NotPlaced, 1)]);
}

#[test]
fn keys_are_the_same_in_every_run_and_differ_between_source_systems() {
    let keys = |mapped: &Mapped| mapped.lines.iter().map(|line| line.key.clone()).collect::<Vec<_>>();
    let first = keys(&pco().0);
    assert_eq!(first, keys(&pco().0));
    let mut unique = first.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), first.len());
    let mut found = Found::default();
    found.read_whole("p.json", patient().to_string().as_bytes());
    let other = Settings { source_system: "other".to_owned(), ..settings() };
    let elsewhere = map(found, &other, &AttainmentScale::shipped().unwrap());
    assert_ne!(keys(&elsewhere), keys(&map_values(&[patient()]).0));
}

#[test]
fn what_comes_without_its_patient_is_placed_with_the_person_who_is_known() {
    let values = [goal(), score("o", "107332-9", "Patient/p", "2024")];
    let text: String = values.iter().map(|value| format!("{value}\n")).collect();
    let mapped_with = |known: &[(&str, &str)]| {
        let mut found = Found::default();
        found.read_lines("t.ndjson", text.as_bytes()).unwrap();
        assert_eq!(patients_elsewhere(&found).into_iter().collect::<Vec<_>>(), ["p"]);
        let known_patients = known.iter().map(|(id, person)| ((*id).to_owned(), (*person).to_owned())).collect();
        map(found, &Settings { known_patients, ..settings() }, &AttainmentScale::shipped().unwrap())
    };
    assert_eq!(notes(&mapped_with(&[("q", "person-q")]), NoteKind::NotPlaced).len(), 2, "somebody else");
    let mapped = mapped_with(&[("p", "person-p")]);
    assert!(notes(&mapped, NoteKind::NotPlaced).is_empty());
    assert!(!notes(&mapped, NoteKind::Remark).iter().any(|(_, text)| text.contains("type Patient")));
    let outcome = body(&mapped, "Goal/g");
    assert_eq!((&outcome["person"], &outcome["identified_by"]), (&json!("person-p"), &json!("person")));
    let with_patient = map_values(&[patient(), values[0].clone()]).0;
    let keys = |mapped: &Mapped| mapped.lines.iter().find(|line| line.name == "Goal/g").unwrap().key.clone();
    assert_eq!(keys(&mapped), keys(&with_patient), "the same goal with and without its patient is recorded once");
    let mut both = Found::default();
    both.read_lines("t.ndjson", format!("{}\n{text}", patient()).as_bytes()).unwrap();
    assert!(patients_elsewhere(&both).is_empty(), "who is in the input is not looked up");
}

proptest::proptest! {
    /// Whatever stands in the lines, each is accounted for exactly once and nothing panics.
    #[test]
    fn any_mixture_of_lines_adds_up(choices in proptest::collection::vec((0usize..9, 0usize..3), 0..40)) {
        let shapes = [
            patient().to_string(), goal().to_string(), score("o", "107332-9", "Patient/p", "2024").to_string(),
            score("f", "8867-4", "Patient/p", "2024").to_string(), "{".to_owned(), "[]".to_owned(), String::new(),
            json!({"resourceType": "Bundle", "entry": [{"resource": patient()}, {}]}).to_string(),
            json!({"resourceType": "CarePlan", "id": "p", "subject": {"reference": "Patient/p"}, "created": "2024"}).to_string(),
        ];
        // The ids vary, so that references lead somewhere at times and nowhere at others.
        let text: String = choices.iter()
            .map(|(shape, id)| format!("{}\n", shapes[*shape].replace("\"id\":\"p\"", &format!("\"id\":\"{}\"", ["p", "q", "r"][*id]))))
            .collect();
        let things: usize = choices.iter().map(|(shape, _)| match shape { 6 => 0, 7 => 2, _ => 1 }).sum();
        let mut found = Found::default();
        found.read_lines("t", text.as_bytes()).unwrap();
        proptest::prop_assert_eq!(found.counted, things);
        let (mapped, counted) = map_found(found);
        let sum: usize = verdicts(mapped, counted).iter().map(|(_, count)| count).sum();
        proptest::prop_assert_eq!(sum, things);
    }
}
