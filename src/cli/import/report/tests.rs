use super::*;
use crate::cli::import::intake::{Line, Note};

fn mapped(inputs: usize) -> Mapped {
    let input = |line: usize| Input {
        file: "Goal.ndjson".to_owned(),
        line: line as u64 + 1,
        resource: Some(format!("Goal/{line}")),
    };
    Mapped { inputs: (0..inputs).map(input).collect(), ..Mapped::default() }
}

fn with_line(mapped: &mut Mapped, input: usize) {
    mapped.lines.push(Line::new(
        input,
        "k".to_owned(),
        "identify_outcome",
        "n".to_owned(),
        json!({"title": "secret words"}),
    ));
}

fn recorded(repeated: bool) -> Fate {
    Fate::Recorded { id: "id-1".to_owned(), repeated }
}

#[test]
fn every_input_gets_one_verdict_and_they_add_up() {
    let mut things = mapped(7);
    for input in [0, 0, 1, 2] {
        with_line(&mut things, input);
    }
    things.note(3, NoteKind::NotPlaced, "no date");
    things.note(4, NoteKind::UsedForNames, "names");
    with_line(&mut things, 5);
    with_line(&mut things, 6);
    things.note(5, NoteKind::LeftOut, "gender");
    let refused = Fate::Refused { reason: "no".to_owned() };
    let not_sent = Fate::NotSent { reason: "gone".to_owned() };
    let fates =
        vec![recorded(true), recorded(false), recorded(true), refused, Fate::Found { id: "p".to_owned() }, not_sent];
    let report = Report::new(things, fates, 7).unwrap();
    let verdicts: Vec<&str> = report.accounts.iter().map(|account| account.verdict.as_str()).collect();
    assert_eq!(verdicts, ["placed", "repeated", "refused", "not_placed", "used_for_names", "repeated", "not_sent"]);
    assert_eq!(report.counts().values().sum::<usize>(), 7);
    assert!(!report.is_complete());
    let words = report.in_words();
    assert!(
        words.contains("Goal.ndjson:4 Goal/3: no date") && words.contains("identify_outcome refused: no"),
        "{words}"
    );
    assert!(words.contains("1 gender") && words.contains("not recorded again"), "{words}");
    assert!(!report.to_json().to_string().contains("secret") && !words.contains("secret"));
    assert_eq!(report.lines().count(), 7);
}

#[test]
fn what_does_not_add_up_is_said_and_not_reported() {
    assert!(Report::new(mapped(1), Vec::new(), 1).is_err(), "nothing is said of it");
    let mut both = mapped(1);
    with_line(&mut both, 0);
    both.notes.push(Note { input: 0, kind: NoteKind::NotPlaced, text: "no".to_owned() });
    assert!(Report::new(both, vec![recorded(false)], 1).is_err(), "placed and not placed");
    let mut short = mapped(1);
    with_line(&mut short, 0);
    assert!(Report::new(short, Vec::new(), 1).is_err(), "a line without a fate");
    let mut miscounted = mapped(1);
    with_line(&mut miscounted, 0);
    assert!(Report::new(miscounted, vec![recorded(false)], 2).is_err(), "an input that was read and lost");
}

#[test]
fn the_summary_names_some_and_counts_the_rest() {
    let mut things = mapped(SUMMARY_MAX_PLACES + 1);
    for input in 0..=SUMMARY_MAX_PLACES {
        things.note(input, NoteKind::NotPlaced, "no");
    }
    let words = Report::new(things, Vec::new(), SUMMARY_MAX_PLACES + 1).unwrap().in_words();
    assert!(words.contains("and 1 more"), "{words}");
    assert_eq!(words.matches("Goal.ndjson:").count(), SUMMARY_MAX_PLACES);
}
