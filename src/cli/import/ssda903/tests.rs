use super::*;
use crate::cli::import::report::{Report, Verdict};
use crate::cli::import::send::Fate;
use serde_json::Value;
use std::path::PathBuf;

fn small() -> Returned {
    read_folder(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/ssda903-small")).unwrap()
}

fn returned(header: &str, reviews: &str) -> Returned {
    let mut returned = Returned::default();
    returned.read_header(format!("CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,MC_DOB\n{header}").as_bytes()).unwrap();
    returned.read_reviews(format!("CHILD,DOB,REVIEW,REVIEW_CODE\n{reviews}").as_bytes()).unwrap();
    returned
}

fn body(line: &Line) -> Value {
    Value::Object(line.body.clone())
}

fn reasons(mapped: &Mapped) -> Vec<(u64, &str)> {
    let lost = mapped.notes.iter().filter(|note| note.kind == NoteKind::NotPlaced);
    lost.map(|note| (mapped.inputs[note.input].line, note.text.as_str())).collect()
}

#[test]
fn every_row_of_the_extract_is_placed() {
    let returned = small();
    let counted = returned.counted;
    assert_eq!(counted, 20 + 97);
    let mapped = map(returned, None);
    assert_eq!(mapped.lines.iter().filter(|line| line.op == "register_person").count(), 20);
    assert!(mapped.general.iter().any(|text| text.contains("SEX, ETHNIC, MOTHER, MC_DOB")), "{:?}", mapped.general);
    assert!(mapped.general.iter().any(|text| text.contains("LICENSE is not read")));
    let fates = vec![Fate::Recorded { id: "id".to_owned(), repeated: true }; mapped.lines.len()];
    let report = Report::new(mapped, fates, counted).unwrap();
    assert_eq!(report.counts()[&Verdict::Repeated], counted);
}

#[test]
fn two_reviews_on_one_day_are_two_recordings() {
    let mapped = map(small(), None);
    let mut keys: Vec<&str> = mapped.lines.iter().map(|line| line.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), mapped.lines.len());
    let further = mapped.notes.iter().filter(|note| note.text.contains("further review")).count();
    assert_eq!(further, 2);
}

#[test]
fn a_child_and_a_review_become_a_person_and_a_conversation() {
    let mapped = map(returned("7,2,27/03/2008,WROM,D05,,\n", "7,27/03/2008,30/08/2017,PN6\n"), None);
    assert_eq!(
        body(&mapped.lines[0]),
        json!({"occurred_at": "2008-03-27", "birth_date": "2008-03-27", "source": {"system": "ssda903", "reference": "header/7"},
            "identifiers": [{"system": "ssda903-child", "value": "7"}, {"system": "upn", "value": "D05"}]})
    );
    assert_eq!(
        body(&mapped.lines[1]),
        json!({"person": "@child/7", "occurred_at": "2017-08-30", "asked": "expressed", "mode": "other",
            "participation": "ssda903-participation@1#PN6", "source": {"system": "ssda903", "reference": "reviews/7/2017-08-30/1"}})
    );
    assert!(!mapped.lines[1].key.contains('7') || mapped.lines[1].key.len() > 60, "a key is a digest");
    let dated = map(returned("7,2,27/03/2008,WROM,,,\n", ""), Some("2020-04"));
    assert_eq!(dated.lines[0].body["occurred_at"], "2020-04");
}

#[test]
fn each_code_is_read_as_the_table_says_and_kept() {
    let expected = [
        ("PN0", "not_asked", "other"),
        ("PN1", "expressed", "in_person"),
        ("PN2", "expressed", "in_person"),
        ("PN3", "expressed", "in_person"),
        ("PN4", "none_expressed", "in_person"),
        ("PN5", "expressed", "other"),
        ("PN6", "expressed", "other"),
        ("PN7", "none_expressed", "other"),
    ];
    for (code, asked, mode) in expected {
        let mapped = map(returned("7,2,01/01/2010,A,,,\n", &format!("7,01/01/2010,01/01/2012,{code}\n")), None);
        let body = body(&mapped.lines[1]);
        assert_eq!([&body["asked"], &body["mode"]], [asked, mode], "{code}");
        assert_eq!(body["participation"], format!("ssda903-participation@1#{code}"));
        assert_eq!(body.get("not_asked_reason").is_some(), code == "PN0");
    }
}

#[test]
fn the_code_for_under_four_is_questioned_from_the_fourth_birthday() {
    let questioned = |date: &str| {
        let mapped = map(returned("7,2,15/06/2010,A,,,\n", &format!("7,15/06/2010,{date},PN0\n")), None);
        mapped.notes.iter().any(|note| note.text.contains("four or older"))
    };
    assert!(!questioned("14/06/2014"));
    assert!(questioned("15/06/2014"));
}

#[test]
fn rows_that_cannot_be_placed_say_why_and_lose_nothing() {
    let header = "1,2,01/01/2010,A,,,\n2,1,30/02/2010,A,,,\n1,2,01/01/2010,A,,,\n3,1,short\n,1,01/01/2010,A,,,\n";
    let reviews = "1,01/01/2010,31/12/2009,PN1\n1,01/01/2010,31/02/2012,PN1\n9,01/01/2010,01/01/2012,PN1\n\
        1,02/01/2010,01/01/2012,PN1\n1,01/01/2010,01/01/2012,PN8\n1,01/01/2010,01/01/2010,PN1\n";
    let returned = returned(header, reviews);
    let counted = returned.counted;
    let mapped = map(returned, None);
    let mut found = reasons(&mapped);
    found.sort_unstable();
    let starts = [
        (2, "its REVIEW is before"),
        (3, "its DOB is no date"),
        (3, "its REVIEW is no date"),
        (4, "its CHILD is not one"),
        (4, "the same CHILD stands in line 2"),
        (5, "it has 3 fields instead of 7"),
        (5, "its DOB is not that of"),
        (6, "it has no CHILD"),
        (6, "its REVIEW_CODE is none"),
    ];
    assert_eq!(found.len(), starts.len(), "{found:?}");
    for ((line, reason), (expected_line, start)) in found.iter().zip(starts) {
        assert!(*line == expected_line && reason.starts_with(start), "{line} {reason} / {expected_line} {start}");
    }
    assert_eq!(mapped.lines.len(), 2, "one child, and the review on the day of the birth");
    let fates = vec![Fate::DryRun; 2];
    let report = Report::new(mapped, fates, counted).unwrap();
    assert_eq!(report.counts().values().sum::<usize>(), 11);
}

#[test]
fn a_row_that_is_no_text_is_an_input_and_the_next_row_still_counts() {
    let mut returned = Returned::default();
    returned.read_header(&b"CHILD,DOB\n\xff,01/01/2010\n2,01/01/2010\n"[..]).unwrap();
    assert_eq!((returned.counted, returned.header.len()), (2, 1));
    assert_eq!(reasons(&returned.mapped), [(2, "it is not UTF-8")]);
}

#[test]
fn a_file_without_the_columns_is_not_a_return() {
    let error = Returned::default().read_reviews(&b"CHILD,DOB,REVIEW\n"[..]).unwrap_err();
    assert!(error.to_string().contains("reviews.csv has no column REVIEW_CODE"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(read_folder(folder.path()), Err(ReadError::Unreadable { .. })));
}

#[test]
fn dates_are_read_strictly() {
    for wrong in ["", "1/1/10", "32/01/2010", "29/02/2023", "2010-1-1", "01/01/2010/1", "01/13/2010", "01/01/0010"] {
        assert_eq!(read_date(wrong), None, "{wrong}");
    }
    assert_eq!(read_date("29/02/2024"), read_date("2024-02-29"));
}
