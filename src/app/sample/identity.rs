//! Who the sample people are, plainly made up: names, dates of birth and identifiers. Knows the rules of identifiers,
//! not what is told of anybody.
//!
//! NHS numbers lie in the range that begins with 999, which is kept for tests and given to nobody. CHI has no such
//! range that its check of the date would accept, so a CHI number here can have the digits of a real one; it says
//! nothing of whoever has it.

use super::chance::Chance;
use crate::domain::identifier::{IdentifierSystem, PersonIdentifier};
use crate::domain::time::LifeTime;
use jiff::civil::Date;
use serde_json::{Value, json};

/// How many people can have a national number: the numbers of the range 999, before the check digit.
const NATIONAL_NUMBERS: u64 = 1_000_000;
/// Prime to the count above, so that multiplying scatters the numbers and never meets one twice.
const SCATTER: u64 = 618_033;
/// The name of the made-up system whose numbers are always free.
pub const LOCAL_SYSTEM: &str = "sample-case-system";

const FAMILY_NAMES: &[&str] = &[
    "Sample",
    "Specimen",
    "Example",
    "Placeholder",
    "Fictional",
    "Madeup",
    "Testperson",
    "Synthetic",
    "Demonstration",
    "Notreal",
    "Instance",
    "Pretend",
];

/// Words in somebody's first language beside English, with what they mean.
#[derive(Debug, Clone, Copy)]
pub struct Tongue {
    /// The language's English name.
    pub name: &'static str,
    /// What the person may say, and how a listener would put it in English.
    pub sayings: &'static [(&'static str, &'static str)],
    given_names: &'static [&'static str],
}

const ENGLISH: &[&str] = &[
    "Agnes",
    "Alan",
    "Amara",
    "Amina",
    "Ben",
    "Beryl",
    "Callum",
    "Chidi",
    "Colin",
    "Daniel",
    "Doreen",
    "Edith",
    "Ellie",
    "Esther",
    "Farah",
    "Frank",
    "George",
    "Grace",
    "Hassan",
    "Hilda",
    "Ibrahim",
    "Ivy",
    "Jacqueline",
    "Jamal",
    "Jean",
    "Joyce",
    "Kai",
    "Keith",
    "Leila",
    "Len",
    "Mabel",
    "Maya",
    "Mei",
    "Nadia",
    "Norman",
    "Olive",
    "Omar",
    "Pauline",
    "Precious",
    "Ray",
    "René",
    "Rosa",
    "Ruth",
    "Sandra",
    "Sean",
    "Shanice",
    "Stan",
    "Tariq",
    "Tessa",
    "Vera",
    "Winston",
    "Yusuf",
    "Zoë",
];

static TONGUES: &[Tongue] = &[
    Tongue {
        name: "Welsh",
        sayings: &[
            ("Dw i eisiau aros gartref.", "to stay at home"),
            ("Mae’r ardd yn bwysig i mi.", "that the garden matters"),
            ("Paned a sgwrs, dyna’r cwbl.", "a cup of tea and a talk, no more than that"),
        ],
        given_names: &["Siân", "Gwenllïan", "Dafydd", "Eirlys", "Rhodri", "Nerys", "Ifan", "Mair"],
    },
    Tongue {
        name: "Gaelic",
        sayings: &[
            ("Tha mi ag iarraidh fuireach aig an taigh.", "to stay at home"),
            ("Tha an teaghlach cudromach dhomh.", "that family matters"),
        ],
        given_names: &["Mòrag", "Ruairidh", "Catrìona", "Iain", "Seònaid", "Coinneach"],
    },
    Tongue {
        name: "Punjabi",
        sayings: &[
            ("ਮੇਰਾ ਘਰ ਮੇਰੇ ਲਈ ਜ਼ਰੂਰੀ ਹੈ।", "that home matters"),
            ("ਪਰਿਵਾਰ ਨਾਲ ਰਹਿਣਾ ਚੰਗਾ ਲੱਗਦਾ ਹੈ।", "how good it is to be with the family"),
        ],
        given_names: &["Harpreet", "Gurmeet", "Manjit", "Jaswinder", "Simran", "Balbir"],
    },
    Tongue {
        name: "Polish",
        sayings: &[
            ("Chcę zostać w domu.", "to stay at home"),
            ("Rodzina jest dla mnie najważniejsza.", "that family comes first"),
            ("Brakuje mi rozmowy.", "that somebody to talk to is missing"),
        ],
        given_names: &["Małgorzata", "Zofia", "Józef", "Krzysztof", "Halina", "Wojciech"],
    },
];

/// One made-up person.
#[derive(Debug, Clone)]
pub struct Identity {
    /// What friends call them.
    pub given_name: &'static str,
    /// The made-up family name.
    pub family_name: &'static str,
    /// A first language beside English.
    pub tongue: Option<&'static Tongue>,
    /// When they were born.
    pub born: Date,
    /// National number and number in the case system; at least one of them.
    pub identifiers: Vec<PersonIdentifier>,
}

impl Identity {
    /// Makes up the person with this number, counted from 1, who is about `age` years old in `this_year`.
    #[must_use]
    pub fn invent(seed: u64, person: u64, age: i16, this_year: i16, chance: &mut Chance) -> Self {
        let tongue = chance.percent(11).then(|| &TONGUES[chance.below(TONGUES.len() as u64) as usize]);
        let given_name = chance.pick(tongue.map_or(ENGLISH, |tongue| tongue.given_names));
        let family_name = chance.pick(FAMILY_NAMES);
        // Each population begins at another place of the range, so two small ones seldom meet.
        let place = (person.wrapping_sub(1) % NATIONAL_NUMBERS + Chance::of(seed, 0).below(NATIONAL_NUMBERS))
            % NATIONAL_NUMBERS;
        let born = born(place, this_year - age);
        let wants_chi = chance.percent(18);
        let wants_local = chance.percent(30);
        let national = if person > NATIONAL_NUMBERS {
            None
        } else if wants_chi {
            chi(place, born)
        } else {
            nhs_number(place)
        };
        let local = if wants_local || national.is_none() { local(seed, person) } else { None };
        Self { given_name, family_name, tongue, born, identifiers: national.into_iter().chain(local).collect() }
    }

    /// The full name.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{} {}", self.given_name, self.family_name)
    }
    /// The date of birth, as precisely as services tend to know it; absent where nobody wrote it down.
    pub fn birth_date(&self, chance: &mut Chance) -> Option<LifeTime> {
        let (year, month) = (self.born.year(), self.born.month());
        chance.weighted(&[
            (91, Some(LifeTime::Day(self.born))),
            (3, Some(LifeTime::Month(year, month))),
            (4, Some(LifeTime::Year(year))),
            (2, None),
        ])
    }
}

/// An identifier as the API reads it.
#[must_use]
pub fn identifier_json(identifier: &PersonIdentifier) -> Value {
    json!({"system": identifier.system().as_str(), "value": identifier.value().expose()})
}

/// Somebody else, who appears in another person's record.
#[must_use]
pub fn acquaintance(chance: &mut Chance) -> (&'static str, &'static str) {
    (chance.pick(ENGLISH), chance.pick(FAMILY_NAMES))
}

/// The number of this place in the range 999; absent for one place in eleven, whose check digit cannot be written.
fn nhs_number(place: u64) -> Option<PersonIdentifier> {
    let nine = format!("999{:06}", place * SCATTER % NATIONAL_NUMBERS);
    PersonIdentifier::parse(IdentifierSystem::NhsNumber, &with_check_digit(&nine)?).ok()
}

/// The CHI number of this place. The last three digits before the check, the day of the year and the remainder of the
/// year by three (see [`born`]) are together a different triple for each place, so no number is met twice.
fn chi(place: u64, born: Date) -> Option<PersonIdentifier> {
    let nine = format!("{:02}{:02}{:02}{:03}", born.day(), born.month(), born.year().rem_euclid(100), place % 1_000);
    PersonIdentifier::parse(IdentifierSystem::Chi, &with_check_digit(&nine)?).ok()
}

fn local(seed: u64, person: u64) -> Option<PersonIdentifier> {
    PersonIdentifier::parse(LOCAL_SYSTEM.parse().ok()?, &format!("S{seed}-{person:07}")).ok()
}

/// A day of birth in `year` or at most three years before it (so that each remainder by three is among them, across a century too): never 29 February, which not every year has.
fn born(place: u64, year: i16) -> Date {
    let (row, column) = (place / 1_000, place % 1_000);
    // Neighbours are born on different days: each column begins its walk through the year elsewhere.
    let day_of_year = (row + Chance::of(column, 0).below(365)) % 365;
    let third = i16::try_from(row / 365).unwrap_or(0);
    let year = (0..4).map(|back| year - back).find(|year| year.rem_euclid(100) % 3 == third).unwrap_or(year);
    let first = jiff::civil::date(2001, 1, 1);
    let day = first.saturating_add(jiff::Span::new().days(i64::try_from(day_of_year).unwrap_or(0)));
    Date::new(year, day.month(), day.day()).unwrap_or(first)
}

/// Adds the check digit of the NHS Data Dictionary (modulus 11) to nine digits; absent where it would be 10.
fn with_check_digit(nine: &str) -> Option<String> {
    let sum: u32 = (2..=10).rev().zip(nine.bytes()).map(|(weight, digit)| weight * u32::from(digit - b'0')).sum();
    match (11 - sum % 11) % 11 {
        10 => None,
        check => Some(format!("{nine}{check}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_check_digit_that_cannot_be_written_gives_no_number() {
        assert_eq!(with_check_digit("943476591").as_deref(), Some("9434765919"));
        let without = (0..110_000).filter(|place| nhs_number(*place).is_none()).count();
        assert!((9_000..11_000).contains(&without), "{without}");
    }

    #[test]
    fn national_numbers_are_never_met_twice() {
        let mut seen = BTreeSet::new();
        // Rows far apart, so that the day of the year comes round again.
        for place in (0..2_000).chain(365_000..367_000).chain(730_000..732_000).chain(998_000..1_000_000) {
            for identifier in nhs_number(place).into_iter().chain(chi(place, born(place, 1950))) {
                assert!(seen.insert(identifier), "place {place} has a number of another");
            }
        }
    }

    #[test]
    fn the_last_national_number_is_the_millionth() {
        let of = |person| Identity::invent(3, person, 70, 2026, &mut Chance::of(3, 1)).identifiers;
        let systems = |person| -> Vec<String> { of(person).iter().map(|one| one.system().to_string()).collect() };
        assert_ne!(systems(1), ["sample-case-system"]);
        assert_eq!(systems(NATIONAL_NUMBERS + 1), ["sample-case-system"]);
    }
}
