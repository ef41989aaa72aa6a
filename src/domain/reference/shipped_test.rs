//! The shipped lists: all there, all well formed, with the items that the domain names.

use super::*;
use crate::domain::reference::FrameworkKind;
use std::collections::{BTreeMap, BTreeSet};

fn list(id: &str) -> FrameworkContent {
    shipped().unwrap().into_iter().find(|content| content.id == id).unwrap()
}

#[test]
fn every_list_has_the_items_of_the_domain() {
    let counts: Vec<(String, usize)> =
        shipped().unwrap().into_iter().map(|content| (content.id, content.items.len())).collect();
    let expected = [
        ("talking-points-people", 15),
        ("talking-points-carers", 14),
        ("nussbaum-central-capabilities", 10),
        ("icecap-a", 5),
        ("icecap-o", 5),
        ("ascot-sct4", 8),
        ("arnstein-ladder", 8),
        ("iap2-spectrum", 5),
        ("review-status", 5),
        ("recording-prompts", 5),
        ("goal-attainment-scale", 5),
        ("ssda903-participation", 8),
    ];
    assert_eq!(counts, expected.map(|(id, count)| (id.to_owned(), count)));
}

#[test]
fn files_are_named_after_their_list_and_none_is_forgotten() {
    for ((file, _), content) in FILES.iter().zip(shipped().unwrap()) {
        assert_eq!(*file, format!("{}.v{}", content.id, content.version));
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/domain/reference");
    let lying_there: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".json")?.to_owned()))
        .collect();
    let named: BTreeSet<String> = FILES.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(named.len(), FILES.len(), "ids are unique");
    assert_eq!(named, lying_there);
}

#[test]
fn what_could_not_be_checked_says_so() {
    let unverified: Vec<String> =
        shipped().unwrap().into_iter().filter(|content| content.unverified).map(|content| content.id).collect();
    assert_eq!(unverified, ["talking-points-carers", "ssda903-participation"]);
}

#[test]
fn the_talking_points_stand_in_three_groups() {
    let mut groups = BTreeMap::new();
    for item in list("talking-points-people").items {
        *groups.entry(item.group.unwrap()).or_insert(0) += 1;
    }
    let expected = [("Change", 4), ("Process", 5), ("Quality of life", 6)];
    assert_eq!(groups, BTreeMap::from(expected.map(|(group, count)| (group.to_owned(), count))));
}

#[test]
fn ladders_rise_from_one() {
    for id in ["arnstein-ladder", "iap2-spectrum"] {
        let ladder = list(id);
        assert_eq!(ladder.kind, FrameworkKind::Ladder);
        let orders: Vec<i32> = ladder.items.iter().filter_map(|item| item.order).collect();
        assert!(orders.iter().copied().eq(1..=i32::try_from(ladder.items.len()).unwrap()), "{id}: {orders:?}");
    }
    assert_eq!(list("arnstein-ladder").items[7].code, "citizen-control");
}

#[test]
fn goal_attainment_maps_to_review_status_and_that_to_fhir() {
    let mapped = |id: &str| -> Vec<(String, Option<String>)> {
        let items = list(id).items.into_iter();
        items.map(|item| (item.code, item.maps_to.and_then(|mapping| mapping.code))).collect()
    };
    let pairs = |pairs: &[(&str, Option<&str>)]| -> Vec<(String, Option<String>)> {
        pairs.iter().map(|(code, target)| ((*code).to_owned(), target.map(str::to_owned))).collect()
    };
    let scale = [
        ("LA34479-8", Some("fully_met")),
        ("LA34480-6", Some("fully_met")),
        ("LA34481-4", Some("fully_met")),
        ("LA34483-0", Some("partly_met")),
        ("LA34484-8", Some("not_met")),
    ];
    assert_eq!(mapped("goal-attainment-scale"), pairs(&scale));
    let status = [
        ("fully_met", Some("achieved")),
        ("partly_met", Some("improving")),
        ("not_met", Some("not-achieved")),
        ("no_longer_matters", None),
        ("not_discussed", None),
    ];
    assert_eq!(mapped("review-status"), pairs(&status));
}

#[test]
fn a_mapping_to_a_shipped_list_finds_its_item() {
    let lists = shipped().unwrap();
    let mut checked = 0;
    for mapping in lists.iter().flat_map(|content| &content.items).filter_map(|item| item.maps_to.as_ref()) {
        if let Some(target) = lists.iter().find(|content| content.id == mapping.list) {
            assert!(target.item(mapping.code.as_deref().unwrap()).is_some(), "{mapping:?}");
            checked += 1;
        }
    }
    assert_eq!(checked, 5);
}

#[test]
fn json_goes_there_and_back() {
    for content in shipped().unwrap() {
        let json = serde_json::to_string(&content).unwrap();
        assert_eq!(serde_json::from_str::<FrameworkContent>(&json).unwrap(), content);
    }
}

#[test]
fn a_broken_list_is_named() {
    let good = FILES[0].1;
    let unknown = good.replacen("\"id\"", "\"colour\": 1, \"id\"", 1);
    let error = read("a", &unknown).unwrap_err();
    assert!(
        matches!(&error, BrokenReference::Unreadable { source, .. } if source.to_string().contains("colour")),
        "{error:?}"
    );
    let invalid = good.replacen("\"version\": 1", "\"version\": 0", 1);
    let error = read("a", &invalid).unwrap_err();
    assert!(matches!(error, BrokenReference::Invalid { source: InvalidFramework::Version, .. }), "{error:?}");
}
