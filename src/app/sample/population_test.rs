//! The population as a whole: the same every time, nobody twice, and in the shares that make it believable.

use super::cast::Cast;
use super::chance::Chance;
use super::identity::Identity;
use super::themes::Life;
use super::{SampleLine, phrases, population};
use crate::domain::reference::shipped;
use crate::domain::time::LifeTime;
use std::collections::{BTreeMap, BTreeSet};

fn today() -> LifeTime {
    "2026-11-24".parse().unwrap()
}

fn lines(people: u64, seed: u64) -> Vec<SampleLine> {
    population(people, seed, today()).flat_map(|person| person.lines).collect()
}

fn texts(people: u64, seed: u64) -> Vec<String> {
    lines(people, seed).iter().map(SampleLine::to_line).collect()
}

#[test]
fn a_seed_and_a_day_fix_every_byte() {
    assert_eq!(texts(50, 1), texts(50, 1));
    assert_ne!(texts(50, 1), texts(50, 2));
    let later: LifeTime = "2026-11-25".parse().unwrap();
    assert_ne!(population(5, 1, today()).last(), population(5, 1, later).last());
    let instant: LifeTime = "2026-11-24T23:59:59Z".parse().unwrap();
    assert_eq!(population(5, 1, today()).last(), population(5, 1, instant).last());
}

#[test]
fn a_smaller_population_begins_a_larger_one() {
    let large: Vec<_> = population(100, 7, today()).collect();
    let small: Vec<_> = population(10, 7, today()).collect();
    assert_eq!(small, large[..10]);
    assert_eq!(population(0, 7, today()).count(), 0);
}

#[test]
fn nobody_shares_an_identifier() {
    let mut seen = BTreeSet::new();
    let mut systems: BTreeMap<String, usize> = BTreeMap::new();
    for number in 1..=5_000 {
        let identity = Identity::invent(1, number, 60, 2026, &mut Chance::of(1, number));
        assert!(!identity.identifiers.is_empty());
        for identifier in identity.identifiers {
            *systems.entry(identifier.system().to_string()).or_default() += 1;
            assert!(seen.insert(identifier), "person {number} has an identifier of another");
        }
    }
    for (system, least) in [("nhs_number", 3_000), ("chi", 500), ("sample-case-system", 1_000)] {
        assert!(systems[system] > least, "{systems:?}");
    }
    // What is sent is what was checked, and NHS numbers lie in the range for tests.
    for line in lines(300, 1).iter().filter(|line| line.op == "register_person") {
        for identifier in line.body.field("identifiers").unwrap().as_array().unwrap() {
            let value = identifier["value"].as_str().unwrap();
            assert!(identifier["system"] != "nhs_number" || value.starts_with("999"), "{value}");
            serde_json::from_value::<crate::domain::identifier::PersonIdentifier>(identifier.clone()).unwrap();
        }
    }
}

#[test]
fn records_are_long_and_short_but_never_odd() {
    let mut lengths: Vec<usize> = population(1_000, 1, today()).map(|person| person.lines.len()).collect();
    lengths.sort_unstable();
    let mean = lengths.iter().sum::<usize>() / lengths.len();
    assert!((22..=28).contains(&mean), "mean {mean}");
    let (tenth, median, last_tenth) = (lengths[100], lengths[500], lengths[900]);
    assert!(tenth >= 8 && median < mean + 2 && last_tenth <= 50, "{tenth} {median} {last_tenth}");
    assert!(lengths[0] >= 2 && lengths[999] >= 45, "{} {}", lengths[0], lengths[999]);
}

/// Asserts that `part` is between `low` and `high` percent of `whole`.
#[track_caller]
fn assert_share(part: usize, whole: usize, low: usize, high: usize) {
    assert!(whole > 0 && part * 100 >= low * whole && part * 100 <= high * whole, "{part} of {whole}");
}

#[test]
fn shares_are_believable() {
    let lines = lines(500, 1);
    let count = |op: &str| lines.iter().filter(|line| line.op == op).count();
    let is = |line: &SampleLine, field: &str, value: &str| line.body.field(field).is_some_and(|found| found == value);
    let having = |op: &str, field: &str, value: &str| {
        lines.iter().filter(|line| line.op == op && is(line, field, value)).count()
    };
    let conversations = count("record_conversation");
    assert_share(having("record_conversation", "asked", "not_asked"), conversations, 6, 13);
    assert_share(having("record_conversation", "asked", "none_expressed"), conversations, 6, 13);
    assert_share(having("identify_outcome", "direction", "maintain"), count("identify_outcome"), 27, 41);
    assert_share(count("withdraw_narrative"), count("record_narrative"), 1, 3);
    assert_share(count("withdraw_review"), count("record_review"), 1, 3);
    assert_share(count("amend_narrative"), count("record_narrative"), 2, 9);
    assert_share(having("close_outcome", "closure_reason", "achieved"), count("close_outcome"), 40, 80);
    let spoken = lines.iter().filter(|line| line.op == "record_narrative");
    let quoting = spoken.filter(|line| line.body.field("verbatim_spans").is_some_and(|spans| spans[0].is_object()));
    assert_share(quoting.count(), count("record_narrative"), 55, 85);
    let not_ascii = lines.iter().filter(|line| line.op == "record_narrative" && !line.to_line().is_ascii());
    assert_share(not_ascii.count(), count("record_narrative"), 60, 100);
}

#[test]
fn about_one_round_in_five_holds_a_disagreement() {
    let mut rounds: BTreeMap<(String, String), BTreeMap<String, String>> = BTreeMap::new();
    for line in lines(500, 1).iter().filter(|line| line.op == "record_review") {
        let field = |name: &str| line.body.field(name).and_then(|value| value.as_str()).map(str::to_owned);
        if let Some(conversation) = field("conversation").filter(|_| field("stage").as_deref() != Some("baseline")) {
            let round = rounds.entry((field("outcome").unwrap(), conversation)).or_default();
            round.insert(field("perspective").unwrap(), field("status").unwrap());
        }
    }
    rounds.retain(|_, views| views.len() > 1);
    let disagreeing = rounds.values().filter(|views| views.values().collect::<BTreeSet<_>>().len() > 1).count();
    assert_share(disagreeing, rounds.len(), 16, 25);
}

#[test]
fn no_list_is_empty_and_every_item_is_shipped() {
    let lists = shipped().unwrap();
    let cast = {
        let chance = &mut Chance::of(1, 1);
        Cast::gather(Identity::invent(1, 1, 70, 2026, chance), Life::Older, chance)
    };
    let mut chance = Chance::of(1, 2);
    for theme in Life::ALL.iter().flat_map(|life| life.themes()) {
        for item in theme.items {
            let (list, code) = item.split_once("@1#").unwrap();
            assert!(lists.iter().any(|known| known.id == list && known.item(code).is_some()), "{item}");
        }
        let own = [theme.change, theme.keep, theme.why, theme.said, theme.better, theme.worse, theme.seen, theme.near];
        assert!(own.iter().all(|phrases| !phrases.is_empty()), "{:?}", theme.items);
        assert!(!theme.actions.is_empty() && !theme.contributions.is_empty(), "{:?}", theme.items);
        let steps = theme.actions.iter().chain(theme.contributions).map(|(_, phrase)| *phrase);
        for phrase in own.iter().copied().flatten().copied().chain(steps) {
            check_slots(phrase);
            let filled = cast.fill(phrase, &mut chance);
            assert!(!filled.contains(['{', '“', '”'].as_slice()), "{filled}");
        }
    }
    for frame in phrases::FRAMES {
        assert_eq!(frame.matches("“”").count(), 1, "{frame}");
        check_slots(frame);
    }
}

/// Slots that a cast knows: a word that it does not know would stay in the text.
fn check_slots(phrase: &str) {
    for slot in phrase.split('{').skip(1) {
        let slot = slot.split_once('}').map_or("", |(slot, _)| slot);
        let known = ["name", "relative", "relname", "pet", "petname", "town", "club", "worker", "day"];
        assert!(known.contains(&slot), "{{{slot}}} in {phrase}");
    }
}
