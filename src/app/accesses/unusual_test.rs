//! What is called unusual, and what is not, at each threshold and one short of it.

use super::*;
use crate::domain::ids::EventId;
use crate::domain::reading_access::{AccessOutcome, ReadingAccess, Through};
use uuid::Uuid;

fn person(number: u128) -> PersonId {
    PersonId(Uuid::from_u128(number))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn read(client: &str, number: Option<u128>, recorded_at: &str) -> AccessSeen {
    let access = ReadingAccess {
        client: client.to_owned(),
        organisation: "RX1".parse().unwrap(),
        user: None,
        role: None,
        purpose: Some("TREAT".to_owned()),
        person: number.map(person),
        parts: BTreeSet::from([ShownPart::Facts]),
        kinds: BTreeMap::new(),
        through: Through::Single,
        operation: "find_outcome".to_owned(),
        request: None,
        complete_to: Some(1),
        outcome: AccessOutcome::Shown,
    };
    let id = EventId(Uuid::nil());
    AccessSeen { position: 0, id, number: 0, organisation_number: 0, recorded_at: at(recorded_at), access }
}

fn numbered(mut reads: Vec<AccessSeen>) -> Vec<AccessSeen> {
    for (position, read) in (0..).zip(&mut reads) {
        read.position = position;
    }
    reads
}

fn thresholds() -> Thresholds {
    Thresholds {
        burst_minutes: 10,
        burst_people: 4,
        burst_times: 2,
        hours: Hours {
            from: Time::constant(7, 0, 0, 0),
            until: Time::constant(20, 0, 0, 0),
            zone: TimeZone::posix("GMT0BST,M3.5.0/1,M10.5.0").unwrap(),
        },
    }
}

fn recorded(number: u128, client: &str, since: &str) -> KnownRecorder {
    KnownRecorder { person: person(number).into(), client: client.to_owned(), since: at(since) }
}

fn reasons(found: &[Finding]) -> Vec<(Reason, &str, Vec<u64>)> {
    found.iter().map(|one| (one.reason, one.reader.client.as_str(), one.some_positions.clone())).collect()
}

#[test]
fn who_had_recorded_about_somebody_before_is_within_the_relationship() {
    let reads = numbered(vec![
        read("care", Some(1), "2026-11-24T12:00:00Z"),
        read("care", Some(2), "2026-11-24T12:00:01Z"),
        read("view", Some(1), "2026-11-24T12:00:02Z"),
        read("view", None, "2026-11-24T12:00:03Z"),
    ]);
    let known = [recorded(1, "care", "2026-11-24T12:00:00Z"), recorded(2, "care", "2026-11-24T12:00:02Z")];
    let found = judge(&reads, &known, &thresholds());
    assert_eq!(
        reasons(&found),
        [(Reason::OutsideRelationship, "care", vec![1]), (Reason::OutsideRelationship, "view", vec![2])],
        "what was recorded only afterwards is no relationship yet"
    );
    assert!(found[0].because.contains("as it had about others"), "{}", found[0].because);
    assert!(found[1].because.contains("only reads"), "{}", found[1].because);
    assert_eq!(found[0].some_people, [person(2)]);
}

#[test]
fn looking_after_accesses_is_no_reading_of_a_record() {
    let mut looked = read("audit", Some(1), "2026-11-24T12:00:00Z");
    looked.access.parts = BTreeSet::from([ShownPart::Accesses]);
    assert_eq!(judge(&[looked], &[], &thresholds()), []);
}

#[test]
fn a_burst_is_many_people_against_the_readers_own_median() {
    let known: Vec<KnownRecorder> = (0..20).map(|number| recorded(number, "care", "2026-01-01T00:00:00Z")).collect();
    let window = |minute: u32, people: u128| -> Vec<AccessSeen> {
        (0..people).map(|number| read("care", Some(number), &format!("2026-11-24T12:{minute:02}:00Z"))).collect()
    };
    let bursts = |windows: &[Vec<AccessSeen>]| -> Vec<u64> {
        let found = judge(&numbered(windows.concat()), &known, &thresholds());
        found.iter().filter(|one| one.reason == Reason::Burst).map(|one| one.people).collect()
    };
    assert_eq!(bursts(&[window(0, 3)]), [0_u64; 0], "fewer than ever count");
    assert_eq!(bursts(&[window(0, 4)]), [4], "nothing to hold it against");
    assert_eq!(bursts(&[window(0, 2), window(10, 4)]), [0_u64; 0], "twice the median is not more than twice");
    assert_eq!(bursts(&[window(0, 2), window(10, 5)]), [5]);
    assert_eq!(bursts(&[window(8, 3), window(12, 2)]), [0_u64; 0], "windows stand side by side");
    let same: Vec<AccessSeen> = (0..9).map(|_| read("care", Some(1), "2026-11-24T12:00:00Z")).collect();
    assert_eq!(bursts(&[same]), [0_u64; 0], "one person often is no burst");
}

#[test]
fn hours_are_those_of_the_place() {
    let known = [recorded(1, "care", "2026-01-01T00:00:00Z")];
    let outside = |recorded_at: &str| {
        let found = judge(&[read("care", Some(1), recorded_at)], &known, &thresholds());
        found.iter().any(|one| one.reason == Reason::OutOfHours)
    };
    // In winter local time is UTC, in summer an hour ahead.
    for (recorded_at, is_outside) in [
        ("2026-11-24T06:59:59Z", true),
        ("2026-11-24T07:00:00Z", false),
        ("2026-11-24T19:59:59Z", false),
        ("2026-11-24T20:00:00Z", true),
        ("2026-07-24T05:59:59Z", true),
        ("2026-07-24T06:00:00Z", false),
        ("2026-07-24T19:00:00Z", true),
    ] {
        assert_eq!(outside(recorded_at), is_outside, "{recorded_at}");
    }
    let night = Hours { from: Time::constant(20, 0, 0, 0), until: Time::constant(7, 0, 0, 0), zone: TimeZone::UTC };
    assert!(night.hold(at("2026-11-24T23:00:00Z")) && night.hold(at("2026-11-24T03:00:00Z")));
    assert!(!night.hold(at("2026-11-24T12:00:00Z")));
}

#[test]
fn breaking_the_glass_is_always_told_and_users_stand_apart() {
    let known = [recorded(1, "care", "2026-01-01T00:00:00Z")];
    let mut reads = vec![read("care", Some(1), "2026-11-24T12:00:00Z"); 3];
    reads[1].access.purpose = Some("BTG".to_owned());
    reads[1].access.user = Some("u-1".parse().unwrap());
    reads[2].access.purpose = Some("ETREAT".to_owned());
    reads[2].access.user = Some("u-2".parse().unwrap());
    let found = judge(&numbered(reads.clone()), &known, &thresholds());
    assert_eq!(reasons(&found), [(Reason::BreakGlass, "care", vec![1]), (Reason::BreakGlass, "care", vec![2])]);
    assert_eq!(found[0].reader.user.as_deref(), Some("u-1"));
    reads.reverse();
    let again = judge(&reads, &known, &thresholds());
    let codes = |found: &[Finding]| found.iter().map(|one| (one.reason, one.reader.clone())).collect::<Vec<_>>();
    assert_eq!(codes(&again), codes(&found), "the same in whatever order");
}
