//! Each limit of a list and one past it.

use super::*;
use crate::domain::reference::{FrameworkKind, ItemMapping};

fn item(code: &str) -> FrameworkItem {
    FrameworkItem {
        code: code.to_owned(),
        label: "Label".to_owned(),
        group: None,
        order: None,
        maps_to: None,
        description: None,
    }
}

fn list(items: Vec<FrameworkItem>) -> FrameworkContent {
    FrameworkContent {
        id: "list".to_owned(),
        version: 1,
        title: "Title".to_owned(),
        kind: FrameworkKind::Framework,
        source: "Source".to_owned(),
        licence: "Licence".to_owned(),
        unverified: false,
        caveat: None,
        items,
    }
}

/// A good list of one item after a change.
fn verdict(change: impl FnOnce(&mut FrameworkContent)) -> Result<(), InvalidFramework> {
    let mut content = list(vec![item("a")]);
    change(&mut content);
    content.validate()
}

fn text_error(field: &str, most: usize) -> Result<(), InvalidFramework> {
    let pointer = match field.strip_prefix("a.") {
        Some(of_item) => format!("/items/0/{}", of_item.replace('.', "/")),
        None => format!("/{field}"),
    };
    Err(InvalidFramework::Text { field: field.to_owned(), pointer, most })
}

#[test]
fn a_list_has_one_to_five_hundred_items() {
    let numbered = |count: usize| list((0..count).map(|number| item(&format!("item-{number}"))).collect()).validate();
    assert_eq!(numbered(0), Err(InvalidFramework::Items(0)));
    assert_eq!(numbered(500), Ok(()));
    assert_eq!(numbered(501), Err(InvalidFramework::Items(501)));
}

#[test]
fn codes_are_short_plain_and_unique() {
    for code in ["LA34479-8", "fully_met", "1.2", &"a".repeat(64)] {
        assert_eq!(list(vec![item(code)]).validate(), Ok(()), "{code}");
    }
    for code in ["", "a b", "é", "a/b", &"a".repeat(65)] {
        assert_eq!(list(vec![item("first"), item(code)]).validate(), Err(InvalidFramework::Code(1)), "{code}");
    }
    assert_eq!(list(vec![item("a"), item("a")]).validate(), Err(InvalidFramework::CodeTwice(1, "a".to_owned())));
}

#[test]
fn ids_are_slugs_and_versions_count_from_one() {
    assert_eq!(verdict(|content| content.id = "a".repeat(64)), Ok(()));
    for id in ["", "A", "a_b", "a.b", "a@1", &"a".repeat(65)] {
        assert_eq!(verdict(|content| content.id = id.to_owned()), Err(InvalidFramework::Id), "{id}");
    }
    assert_eq!(verdict(|content| content.version = 0), Err(InvalidFramework::Version));
}

#[test]
fn texts_have_their_limits() {
    assert_eq!(verdict(|content| content.title = "é".repeat(300)), Ok(()));
    assert_eq!(verdict(|content| content.title = "é".repeat(301)), text_error("title", 300));
    assert_eq!(verdict(|content| content.items[0].label = "é".repeat(300)), Ok(()));
    assert_eq!(verdict(|content| content.items[0].label = "é".repeat(301)), text_error("a.label", 300));
    assert_eq!(verdict(|content| content.items[0].group = Some("g".repeat(301))), text_error("a.group", 300));
    assert_eq!(verdict(|content| content.source = "s".repeat(2_000)), Ok(()));
    assert_eq!(verdict(|content| content.source = "s".repeat(2_001)), text_error("source", 2_000));
    assert_eq!(verdict(|content| content.licence = " ".to_owned()), text_error("licence", 2_000));
    assert_eq!(verdict(|content| content.caveat = Some("a\0b".to_owned())), text_error("caveat", 2_000));
    assert_eq!(
        verdict(|content| content.items[0].description = Some(String::new())),
        text_error("a.description", 2_000)
    );
}

#[test]
fn ladders_and_scales_are_ranked() {
    for kind in [FrameworkKind::Ladder, FrameworkKind::Scale] {
        let missing = verdict(|content| content.kind = kind);
        assert_eq!(missing, Err(InvalidFramework::OrderMissing(0, "a".to_owned())));
    }
    let twice =
        list(vec![FrameworkItem { order: Some(1), ..item("a") }, FrameworkItem { order: Some(1), ..item("b") }]);
    assert_eq!(twice.validate(), Err(InvalidFramework::OrderTwice(1, 1)));
}

#[test]
fn mappings_are_checked() {
    let mapped = |list: &str, code: Option<&str>| {
        let mapping = ItemMapping { list: list.to_owned(), code: code.map(str::to_owned), note: None };
        verdict(|content| content.items[0].maps_to = Some(mapping))
    };
    assert_eq!(mapped("review-status", Some("fully_met")), Ok(()));
    assert_eq!(mapped("review-status", None), Ok(()));
    assert_eq!(mapped("", None), text_error("a.maps_to.list", 300));
    assert_eq!(mapped("review-status", Some("a b")), Err(InvalidFramework::MappedCode(0, "a".to_owned())));
}
