//! Reads lines as the service does and holds each to what the API and the domain ask for.

use super::{LINES_PER_PERSON_MAX, population};
use crate::domain::framework::ItemRef;
use crate::domain::reference::{FrameworkContent, shipped};
use crate::domain::text::{Span, check_spans, span_of};
use crate::domain::time::LifeTime;
use serde_json::Value;
use std::collections::BTreeMap;

/// Of each operation: the kind that it changes or begins, required fields, other fields.
const OPERATIONS: &[(&str, char, bool, &str, &str)] = &[
    ("register_person", 'p', true, "", "name birth_date identifiers source"),
    ("amend_person", 'p', false, "reason", "name birth_date"),
    ("add_person_identifier", 'p', false, "system value", ""),
    ("record_conversation", 'c', true, "person asked mode", "not_asked_reason participants participation note source"),
    (
        "amend_conversation",
        'c',
        false,
        "held_at person asked mode participants reason",
        "not_asked_reason participation note",
    ),
    (
        "record_narrative",
        'n',
        true,
        "person text author perspective knowledge_form",
        "author_name verbatim_spans conversation outcomes source",
    ),
    ("amend_narrative", 'n', false, "text verbatim_spans reason", "outcomes author_name"),
    ("withdraw_narrative", 'n', false, "reason", ""),
    ("respond_to_narrative", 'n', false, "stance perspective author", "author_name text"),
    (
        "identify_outcome",
        'o',
        true,
        "person identified_by outcome_type direction title",
        "why_it_matters framework_items narratives conversation source",
    ),
    ("reword_outcome", 'o', false, "outcome_type direction title framework_items narratives reason", "why_it_matters"),
    ("prioritise_outcome", 'o', false, "perspective rank", "reason"),
    ("close_outcome", 'o', false, "closure_reason", "reason"),
    ("reopen_outcome", 'o', false, "reason", ""),
    (
        "record_review",
        'r',
        true,
        "person outcome perspective author status",
        "author_name stage rating narratives conversation note source",
    ),
    ("revise_review", 'r', false, "reviewed_at status stage narratives reason", "rating note"),
    ("withdraw_review", 'r', false, "reason", ""),
    ("agree_action", 'a', true, "person outcomes description taken_by", "taken_by_name due conversation source"),
    ("progress_action", 'a', false, "status", "note"),
    (
        "record_contribution",
        'b',
        true,
        "person outcomes contributor perspective description",
        "contributor_name conversation source",
    ),
];

const PERSPECTIVES: &str = "person carer family advocate practitioner service";
const PARTIES: &str = "person carer family advocate community practitioner service";
/// Of each field with a closed list: the words.
const WORDS: &[(&str, &str)] = &[
    ("perspective", PERSPECTIVES),
    ("identified_by", PERSPECTIVES),
    ("author", PARTIES),
    ("taken_by", PARTIES),
    ("contributor", PARTIES),
    ("asked", "expressed none_expressed not_asked"),
    ("mode", "in_person telephone video written other"),
    ("knowledge_form", "lived practice research administrative"),
    ("outcome_type", "quality_of_life process change caring_role"),
    ("direction", "change maintain"),
    ("stance", "agrees disagrees adds"),
    ("stage", "baseline follow_up final"),
    ("closure_reason", "achieved no_longer_matters moved_on person_died entered_in_error other"),
];

struct Known {
    kind: char,
    person: u64,
    events: u64,
    since: LifeTime,
    /// A closed outcome, a withdrawn narrative or review.
    ended: bool,
}

/// What the service would know after the lines read so far.
struct Service {
    today: LifeTime,
    lists: Vec<FrameworkContent>,
    known: BTreeMap<String, Known>,
    keys: BTreeMap<String, String>,
    born: Option<LifeTime>,
}

impl Service {
    fn new(today: &str) -> Self {
        Self {
            today: today.parse().unwrap(),
            lists: shipped().unwrap(),
            known: BTreeMap::new(),
            keys: BTreeMap::new(),
            born: None,
        }
    }

    fn accept(&mut self, person: u64, line: &str) {
        assert!(!line.contains('\n') && line.len() < 65_536, "{line}");
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |field: &str| line[field].as_str().unwrap_or_default();
        assert_eq!(self.keys.insert(text("key").to_owned(), String::new()), None, "a key is used twice: {line}");
        let (_, kind, begins, required, other) =
            OPERATIONS.iter().find(|(op, ..)| *op == text("op")).unwrap_or_else(|| panic!("no such operation: {line}"));
        let body = &line["body"];
        for field in body.as_object().unwrap().keys() {
            let known = field == "occurred_at" || required.split(' ').chain(other.split(' ')).any(|name| name == field);
            assert!(known, "{field}: {line}");
        }
        for field in required.split_whitespace() {
            assert!(!body[field].is_null() && body[field] != "", "{field} is required: {line}");
        }
        let occurred_at = self.time(&body["occurred_at"], &line);
        self.check_words(body, &line);
        self.check_references(person, body, occurred_at, &line);
        self.check_items(body, &line);
        if *begins {
            assert!(line.get("id").is_none() && line.get("if_match").is_none(), "{line}");
            let begun = Known { kind: *kind, person, events: 1, since: occurred_at, ended: false };
            assert!(self.known.insert(text("name").to_owned(), begun).is_none(), "a name is used twice: {line}");
        } else {
            self.change(person, *kind, occurred_at, &line);
        }
    }

    fn time(&mut self, value: &Value, line: &Value) -> LifeTime {
        let time: LifeTime = value.as_str().unwrap().parse().unwrap_or_else(|_| panic!("no time: {line}"));
        assert!(time.earliest() < self.today.earliest(), "in the future: {line}");
        if line["op"] == "register_person" {
            self.born = line["body"]["birth_date"].as_str().map(|born| born.parse().unwrap());
        }
        if let Some(born) = self.born {
            assert!(born.is_date() && !time.is_before_birth(born), "before birth: {line}");
        }
        time
    }

    fn check_words(&self, body: &Value, line: &Value) {
        for (field, words) in WORDS {
            if let Some(word) = body[*field].as_str() {
                assert!(words.split(' ').any(|known| known == word), "{field}: {line}");
            }
        }
        assert_eq!(body["asked"] == "not_asked", body.get("not_asked_reason").is_some(), "{line}");
        assert!(body["stance"] != "adds" || body.get("text").is_some(), "{line}");
        assert!(body["closure_reason"] != "other" || body.get("reason").is_some(), "{line}");
        assert!(body.get("rank").is_none_or(|rank| (1..=1_000).contains(&rank.as_u64().unwrap())), "{line}");
        let everything = body.to_string();
        assert!(!everything.contains(['{', '}', '\0'].as_slice()) || !unfilled(body), "an unfilled slot: {line}");
        if let Some(spans) = body["verbatim_spans"].as_array() {
            check_quotations(body["text"].as_str().unwrap(), spans);
        }
    }

    fn check_references(&self, person: u64, body: &Value, occurred_at: LifeTime, line: &Value) {
        let lists = |field: &'static str| body[field].as_array().into_iter().flatten().map(move |value| (field, value));
        let singles =
            ["person", "outcome", "conversation"].into_iter().filter_map(|field| Some((field, body.get(field)?)));
        for (field, reference) in singles.chain(lists("outcomes")).chain(lists("narratives")) {
            let name = reference.as_str().and_then(|name| name.strip_prefix('@')).unwrap_or_default();
            let known = self.known.get(name).unwrap_or_else(|| panic!("{field} is not known yet: {line}"));
            assert_eq!((known.kind, known.person), (field.chars().next().unwrap(), person), "{field}: {line}");
            assert!(known.kind != 'n' || !known.ended, "rests on a withdrawn narrative: {line}");
            if field == "outcome" {
                assert!(known.since.earliest() <= occurred_at.until(), "reviewed before it was identified: {line}");
            }
        }
    }

    fn check_items(&self, body: &Value, line: &Value) {
        let mut items: Vec<&str> =
            body["framework_items"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let given = items.len();
        items.sort_unstable();
        items.dedup();
        assert_eq!(given, items.len(), "an item twice: {line}");
        items.extend(["rating", "participation"].into_iter().filter_map(|field| body[field].as_str()));
        if line["op"].as_str().is_some_and(|op| op.ends_with("_review")) {
            items.extend(body["status"].as_str());
        }
        for item in items {
            let item: ItemRef = item.parse().unwrap();
            let list =
                self.lists.iter().find(|list| list.id == item.framework.id && list.version == item.framework.version);
            assert!(list.is_some_and(|list| list.item(&item.code).is_some()), "no such item: {line}");
        }
    }

    fn change(&mut self, person: u64, kind: char, occurred_at: LifeTime, line: &Value) {
        assert!(line.get("name").is_none(), "{line}");
        let name = line["id"].as_str().and_then(|id| id.strip_prefix('@')).unwrap();
        let known = self.known.get_mut(name).unwrap_or_else(|| panic!("not known yet: {line}"));
        assert_eq!((known.kind, known.person), (kind, person), "{line}");
        assert!(known.since.earliest() <= occurred_at.until(), "changed before it was there: {line}");
        let op = line["op"].as_str().unwrap();
        if op == "respond_to_narrative" {
            assert!(line.get("if_match").is_none(), "{line}");
        } else {
            assert_eq!(line["if_match"].as_u64(), Some(known.events - 1), "{line}");
        }
        assert_eq!(known.ended, op == "reopen_outcome", "not in this state: {line}");
        known.ended = op.starts_with("withdraw") || op == "close_outcome";
        known.events += 1;
    }
}

fn unfilled(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(['{', '}', '\0'].as_slice()),
        Value::Array(values) => values.iter().any(unfilled),
        Value::Object(fields) => fields.values().any(unfilled),
        _ => false,
    }
}

/// Spans lie in order inside the text, and hold either what stands between quotation marks or what the person wrote.
fn check_quotations(text: &str, spans: &[Value]) {
    let spans: Vec<Span> = spans.iter().map(|span| serde_json::from_value(span.clone()).unwrap()).collect();
    check_spans("", &spans, &crate::domain::personal::Personal::new(text.to_owned())).unwrap();
    for span in &spans {
        let words = span_of(text, *span).unwrap();
        assert!(!words.contains(['“', '”'].as_slice()), "{text}");
        let quoted = span.start > 0 && text.contains(&format!("“{words}”"));
        assert!(quoted || (span.start == 0 && spans.len() == 1), "not the person's own words: {words} in {text}");
    }
    let quotations = text.matches('“').count();
    assert!(spans.first().is_some_and(|span| span.start == 0) || quotations == spans.len(), "{text}");
}

#[test]
fn every_line_is_one_that_the_service_accepts() {
    for (people, seed, today) in [(1_500, 1, "2026-11-24"), (200, u64::MAX, "2024-02-29"), (100, 9, "2031")] {
        let mut service = Service::new(today);
        for (number, person) in (1..).zip(population(people, seed, today.parse().unwrap())) {
            assert!(person.lines.len() <= LINES_PER_PERSON_MAX, "{}", person.lines.len());
            assert_eq!(person.lines[0].op, "register_person");
            for (at, line) in (1..).zip(&person.lines) {
                assert_eq!(line.key, format!("sample/{seed}/{number}/{at}"));
                service.accept(number, &line.to_line());
            }
        }
    }
}

#[test]
fn every_operation_occurs() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for line in population(1_000, 1, "2026-11-24".parse().unwrap()).flat_map(|person| person.lines) {
        *seen.entry(line.op).or_default() += 1;
    }
    let missing: Vec<_> = OPERATIONS.iter().filter(|(op, ..)| !seen.contains_key(op)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
