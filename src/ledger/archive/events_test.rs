//! Each thing that can be wrong with an event is found by its code, and nothing is found where nothing is wrong.

use super::events::{Counts, EventAudit};
use super::examples_test::{FACTS, Making, event, made};
use super::finding::{Code, Findings, Place};
use super::layout::LogName;
use super::manifest::View;
use super::observed::{Observed, PartState};
use super::tree::{TreeAudit, Wanted};
use crate::domain::event::Class;
use crate::domain::personal::Personal;
use crate::domain::time::Timestamp;
use crate::ledger::{Frontier, Hash, Leaf, Salt, leaf_hash};
use serde_json::json;
use std::collections::BTreeMap;
use uuid::Uuid;

const HERE: Place<'static> = Place::file("here");

fn audit_of(view: View, events: &[Observed]) -> (BTreeMap<Code, u64>, Counts) {
    let (mut audit, mut findings) = (EventAudit::new(LogName::Outcomes, view), Findings::default());
    for event in events {
        audit.event(HERE, event, &mut findings);
    }
    let counts = audit.finish(&mut findings);
    (findings.counts().clone(), counts)
}

fn found(events: &[Observed]) -> Vec<Code> {
    audit_of(View::Whole, events).0.into_keys().collect()
}

fn log() -> Vec<Observed> {
    (0..4).map(event).collect()
}

/// The log with one of its events changed.
fn with(change: impl Fn(&mut Observed)) -> Vec<Observed> {
    let mut log = log();
    change(&mut log[2]);
    log
}

/// The log with the leaf of one event written anew, and its row with it.
fn with_leaf(change: impl Fn(&mut Leaf)) -> Vec<Observed> {
    with(|observed| {
        let mut leaf = Leaf::parse(&observed.leaf).unwrap();
        change(&mut leaf);
        observed.leaf = leaf.encode().unwrap();
        let columns = &mut observed.columns;
        columns.recorded_at = Timestamp::from_micros(leaf.recorded_at_micros);
        (columns.organisation_counter, columns.version) = (leaf.organisation_counter, leaf.version);
    })
}

#[test]
fn nothing_is_found_in_a_log_that_is_right() {
    let (findings, counts) = audit_of(View::Whole, &log());
    assert_eq!(findings, BTreeMap::new());
    assert_eq!((counts.events, counts.clear_parts, counts.opened_parts), (4, 4, 4));
}

#[test]
fn every_column_is_held_against_the_leaf() {
    let changes: [fn(&mut Observed); 8] = [
        |it| it.columns.event = Uuid::nil(),
        |it| it.columns.stream = Uuid::nil(),
        |it| it.columns.version = 7,
        |it| it.columns.organisation = "RX2".to_owned(),
        |it| it.columns.organisation_counter = 9,
        |it| it.columns.recorded_at = Timestamp::from_micros(5),
        |it| it.columns.name = "ActionAgreed".to_owned(),
        |it| it.columns.schema_version = 2,
    ];
    for change in changes {
        assert_eq!(found(&with(change)), [Code::RowDiffersFromLeaf]);
    }
    assert_eq!(found(&with(|it| it.unreadable = vec!["stream"])), [Code::RowDiffersFromLeaf]);
    assert_eq!(found(&with(|it| it.columns.position = 9)), [Code::RowDiffersFromLeaf, Code::PositionGap]);
    assert_eq!(found(&with(|it| it.leaf[0] ^= 1)), [Code::Leaf]);
}

#[test]
fn order_is_held() {
    let mut swapped = log();
    swapped.swap(1, 2);
    assert!(found(&swapped).contains(&Code::PositionGap));
    let mut dropped = log();
    dropped.remove(1);
    assert_eq!(found(&dropped), [Code::PositionGap, Code::OrganisationCounter]);
    assert_eq!(found(&with_leaf(|leaf| leaf.recorded_at_micros = 1)), [Code::TimeWentBack]);
    assert_eq!(found(&with_leaf(|leaf| leaf.organisation_counter = 5)), [Code::OrganisationCounter]);
    assert_eq!(found(&with_leaf(|leaf| leaf.version = 1)), [Code::StreamVersion]);
    let (mut audit, mut findings) = (EventAudit::new(LogName::Outcomes, View::Whole), Findings::default());
    audit.event(HERE, &event(0), &mut findings);
    audit.ends_at(1, HERE, &mut findings);
    assert_eq!(findings.total(), 0);
    audit.ends_at(2, HERE, &mut findings);
    assert_eq!(findings.counts()[&Code::PositionGap], 1, "the end is missing");
}

#[test]
fn every_part_is_held_against_its_commitment() {
    let clear = |bytes: &[u8], salt| PartState::Clear { bytes: Personal::new(bytes.to_vec()), salt: Salt::new(salt) };
    let facts = |state: PartState| with(move |it| it.parts[0].state = state.clone());
    assert_eq!(found(&facts(clear(b"{}", [1; 32]))), [Code::Commitment]);
    assert_eq!(found(&facts(clear(FACTS, [2; 32]))), [Code::Commitment]);
    assert_eq!(found(&facts(PartState::Unsalted)), [Code::Commitment]);
    assert_eq!(found(&facts(PartState::Sealed { bytes: vec![1] })), [Code::PartClass]);
    let words = |state: PartState| with(move |it| it.parts[1].state = state.clone());
    assert_eq!(found(&words(clear(br#"{"text":"Walk the dog"}"#, [2; 32]))), [Code::PartClass]);
    assert_eq!(found(&words(PartState::Tampered)), [Code::PartTampered]);
    assert_eq!(found(&words(PartState::Missing)), [Code::PartMissing]);
    assert_eq!(found(&words(PartState::Erased)), [Code::PartMissing]);
    assert_eq!(found(&words(PartState::Sealed { bytes: vec![1] })), []);
    assert_eq!(audit_of(View::Whole, &words(PartState::Unavailable)).1.unavailable_parts, 1);
    assert_eq!(found(&with(|it| it.parts[1].class = Some(Class::Identity))), [Code::PartClass]);
    assert_eq!(found(&with(|it| it.parts[1].ordinal = Some(2))), [Code::PartUnknown]);
    assert_eq!(found(&with(|it| it.parts[1].owner = Some(Uuid::nil()))), [Code::PartSubject]);
    assert_eq!(found(&with(|it| it.parts.push(it.parts[1].clone()))), [Code::PartUnknown]);
    assert_eq!(found(&with(|it| it.parts[1].name = "more".to_owned())), [Code::PartMissing, Code::PartUnknown]);
}

fn making<'a>(position: u64, organisation: &'a str, counter: u64, name: &'static str, facts: &'a [u8]) -> Making<'a> {
    Making { position, organisation, counter, stream: 500 + u128::from(position), version: 0, name, facts }
}

#[test]
fn facts_must_be_readable_and_canonical() {
    for (name, facts) in [
        (
            "ActionProgressed",
            br#"{"header":{"client":"c","occurred_at":"2026"},"body":{"status":"started"}}"#.as_slice(),
        ),
        ("ActionProgressed", b"[]"),
        ("SomethingNew", FACTS),
    ] {
        let mut log = log();
        log.push(made(&making(4, "RX1", 4, name, facts)));
        assert_eq!(found(&log), [Code::FactsUnreadable], "{name}");
    }
}

#[test]
fn an_erasure_covers_what_came_before_it_and_nothing_else() {
    let erasure = |organisation: &str, classes: &[&str], stream: u64, through: u64| {
        let stream = Uuid::from_u128(100 + u128::from(stream));
        let facts = json!({
            "body": {"classes": classes, "covers": [{"stream": stream, "through_version": through}],
                "legal_basis": "consent-withdrawn", "request": Uuid::nil(), "subject": Uuid::nil()},
            "header": {"client": "c", "occurred_at": "2026"}
        });
        let facts = serde_json_canonicalizer::to_vec(&facts).unwrap();
        let counter = if organisation == "RX1" { 4 } else { 0 };
        made(&making(4, organisation, counter, "ErasureExecuted", &facts))
    };
    let gone = |part: usize, erasure: Observed| {
        let mut log = with(|it| it.parts[part].state = PartState::Missing);
        log.push(erasure);
        found(&log)
    };
    assert_eq!(gone(1, erasure("RX1", &["identity", "words"], 2, 0)), []);
    assert_eq!(gone(0, erasure("RX1", &["facts"], 2, 7)), [], "facts may be erased, too");
    assert_eq!(gone(1, erasure("RX1", &["identity"], 2, 0)), [Code::PartMissing], "another class");
    assert_eq!(gone(1, erasure("RX1", &["words"], 1, 0)), [Code::PartMissing], "another stream");
    assert_eq!(gone(1, erasure("RX2", &["words"], 2, 0)), [Code::PartMissing], "another organisation");
    let mut later = log();
    later.push(erasure("RX1", &["words"], 4, 9));
    let mut after = made(&making(5, "RX1", 5, "ActionProgressed", FACTS));
    after.parts[1].state = PartState::Missing;
    later.push(after);
    assert_eq!(found(&later), [Code::PartMissing], "an erasure covers nothing that comes after it");
    let mut log = with(|it| it.parts[1].state = PartState::Missing);
    log.push(erasure("RX1", &["words"], 2, 0));
    assert_eq!(audit_of(View::Whole, &log).1.erased_parts, 1);
}

#[test]
fn an_erasure_reaches_to_its_version_and_the_index_goes_with_the_identity() {
    for (through, covered) in [(0, false), (1, true)] {
        let facts = json!({"body": {"classes": ["words"], "covers": [{"stream": Uuid::from_u128(7), "through_version": through}],
            "legal_basis": "x", "request": Uuid::nil(), "subject": Uuid::nil()}, "header": {}});
        let facts = serde_json_canonicalizer::to_vec(&facts).unwrap();
        let stream = |position, version| Making {
            stream: 7,
            version,
            ..making(position, "RX1", position, "ActionProgressed", FACTS)
        };
        let mut log =
            vec![made(&stream(0, 0)), made(&stream(1, 1)), made(&making(2, "RX1", 2, "ErasureExecuted", &facts))];
        log[1].parts[1].state = PartState::Missing;
        assert_eq!(found(&log).is_empty(), covered);
    }
    let mut erasures = super::erasures::Erasures::default();
    let organisation = "RX1".parse().unwrap();
    let gone = super::erasures::Gone {
        organisation: &organisation,
        stream: crate::domain::ids::StreamId(Uuid::from_u128(7)),
        version: 0,
        position: 0,
        name: "index",
        place: HERE,
    };
    erasures.missing(&gone);
    let facts = json!({"body": {"classes": ["identity"], "covers": [{"stream": Uuid::from_u128(7), "through_version": 0}],
        "subject": Uuid::nil()}});
    assert!(erasures.erased(&organisation, facts.to_string().as_bytes()));
    assert!(!erasures.waits());
    assert!(!erasures.erased(&organisation, b"{}"));
}

#[test]
fn a_view_holds_its_own_events_alone() {
    let view = View::Organisation { organisation: "RX1".parse().unwrap() };
    let ours =
        [made(&making(3, "RX1", 0, "ActionProgressed", FACTS)), made(&making(9, "RX1", 1, "ActionProgressed", FACTS))];
    assert_eq!(audit_of(view.clone(), &ours).0, BTreeMap::new());
    let theirs = made(&making(12, "RX2", 0, "ActionProgressed", FACTS));
    assert_eq!(audit_of(view.clone(), &[theirs]).0.into_keys().collect::<Vec<_>>(), [Code::NotInView]);
    assert_eq!(audit_of(view, &ours[1..]).0.into_keys().collect::<Vec<_>>(), [Code::OrganisationCounter]);
    let person = View::Person { person: "00000000-0000-0000-0000-000000000009".parse().unwrap() };
    assert_eq!(audit_of(person, &ours[1..]).0, BTreeMap::new(), "a record begins anywhere in its organisation");
}

/// What a tree of four leaves says when some leaves and stored hashes are others, and a root was signed over the right ones.
fn tree(wrong_leaf: Option<u64>, wrong_stored: Option<u64>, signed: bool) -> Vec<(Code, Option<u64>)> {
    let right: Vec<Hash> = (0..4_u8).map(|number| leaf_hash(&[number])).collect();
    let (mut audit, mut findings) = (TreeAudit::new(Code::LeafHash), Findings::default());
    let mut edge = Frontier::new();
    right.iter().for_each(|hash| drop(edge.push(*hash)));
    if signed {
        let wanted = Wanted { root: edge.root(), code: Code::Root, said_by: "checkpoint".to_owned() };
        audit.want(4, wanted, &mut findings);
    }
    let other = Hash::new([9; 32]);
    for (position, hash) in (0..).zip(&right) {
        let of = |wrong: Option<u64>| Some((if wrong == Some(position) { other } else { *hash }, HERE));
        audit.push(of(wrong_leaf), of(wrong_stored), &mut findings);
    }
    audit.finish(&mut findings);
    findings.told().iter().map(|finding| (finding.code, finding.position)).collect()
}

#[test]
fn a_signed_root_says_whether_the_leaf_or_its_stored_hash_was_changed() {
    assert_eq!(tree(None, None, true), []);
    assert_eq!(tree(Some(2), None, true), [(Code::Leaf, Some(2))]);
    assert_eq!(tree(None, Some(1), true), [(Code::LeafHash, Some(1))]);
    assert_eq!(tree(Some(2), Some(2), true), [(Code::Root, None)], "both, alike");
    assert_eq!(tree(Some(2), None, false), [(Code::Leaf, Some(2))], "nothing was signed");
}

#[test]
fn earlier_roots_and_missing_leaves_are_told() {
    let (mut audit, mut findings) = (TreeAudit::new(Code::Tile), Findings::default());
    let wanted = |root| Wanted { root, code: Code::RewrittenSinceCheckpoint, said_by: "november".to_owned() };
    audit.want(0, wanted(crate::ledger::empty_root()), &mut findings);
    assert_eq!(findings.total(), 0);
    audit.want(1, wanted(Hash::new([7; 32])), &mut findings);
    audit.want(9, wanted(Hash::new([7; 32])), &mut findings);
    audit.push(Some((leaf_hash(b"a"), HERE)), None, &mut findings);
    assert_eq!(findings.counts()[&Code::RewrittenSinceCheckpoint], 1);
    audit.push(None, None, &mut findings);
    assert!(audit.edge().is_none());
    audit.want(2, wanted(Hash::new([7; 32])), &mut findings);
    audit.finish(&mut findings);
    assert_eq!(findings.counts()[&Code::RewrittenSinceCheckpoint], 2, "a root that cannot be computed does not hold");
    assert_eq!(findings.counts()[&Code::Truncated], 1);
}

#[test]
fn hashes_of_subtrees_are_held_against_their_leaves() {
    let run = |wrong_leaf: Option<u64>, wrong_stored: Option<u64>, stored: fn(Hash) -> Option<Hash>| {
        let (mut audit, mut findings) = (TreeAudit::new(Code::Tile), Findings::default());
        let other = Hash::new([9; 32]);
        let mut right = Frontier::new();
        for position in 0..256_u64 {
            let hash = leaf_hash(&position.to_be_bytes());
            let subtree = right.push(hash).unwrap();
            let of = |wrong: Option<u64>| Some((if wrong == Some(position) { other } else { hash }, HERE));
            for completed in audit.push(of(wrong_leaf), of(wrong_stored), &mut findings) {
                audit.subtree(completed, stored(subtree[0].hash), HERE, &mut findings);
            }
        }
        audit.finish(&mut findings);
        findings.told().iter().map(|finding| (finding.code, finding.position)).collect::<Vec<_>>()
    };
    assert_eq!(run(None, None, Some), []);
    assert_eq!(run(None, None, |_| None), [(Code::Tile, None)]);
    assert_eq!(run(None, None, |_| Some(Hash::new([1; 32]))), [(Code::Tile, None)]);
    assert_eq!(run(Some(30), None, Some), [(Code::Leaf, Some(30))]);
    assert_eq!(run(None, Some(200), Some), [(Code::Tile, Some(200))]);
}
