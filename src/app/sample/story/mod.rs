//! What happens to one person over the years, told in conversations. Days are counted from "today", which is 0; all that
//! happens lies before it, so days are negative.

mod appraisal;
mod corrections;
mod engagement;
mod steps;

use super::cast::Cast;
use super::chance::Chance;
use super::identity::{Identity, LOCAL_SYSTEM, identifier_json};
use super::line::{Body, Book, Recording, SampleLine};
use super::themes::{Life, Theme};
use crate::domain::time::{LifeTime, Timestamp};
use crate::domain::words::{ClosureReason, Direction};
use jiff::civil::Date;
use serde_json::{Value, json};

/// Fewest days between two conversations: what follows one is told before the next.
const QUIET_DAYS: i64 = 20;

/// From here on nobody talks any more: keeps the longest records within
/// [`LINES_PER_PERSON_MAX`](super::LINES_PER_PERSON_MAX).
const FULL_BOOK_LINES: usize = 56;

/// An outcome as the story knows it.
#[derive(Debug, Clone)]
struct Outcome {
    recording: Recording,
    theme: &'static Theme,
    direction: Direction,
    /// The day on which it was identified.
    since: i64,
    closed: Option<ClosureReason>,
    /// How far it has come, from 0 to 100; for something to be kept, how well it is kept.
    progress: i64,
    narratives: Vec<Recording>,
}

/// A conversation as the story knows it.
#[derive(Debug, Clone, Copy)]
struct Conversation {
    recording: Recording,
    day: i64,
    /// The last of the person's conversations.
    is_last: bool,
}

/// The story of one person while it is being told.
#[derive(Debug)]
struct Story {
    chance: Chance,
    cast: Cast,
    life: Life,
    today: Date,
    book: Book,
    person: u64,
    outcomes: Vec<Outcome>,
    /// Agreed steps that are still under way, the day of their last change and whether they were begun.
    steps: Vec<(Recording, i64, bool)>,
    /// Where the recordings were imported from another system: how many were.
    imported: Option<u64>,
}

/// Tells the story of one person.
pub(super) fn tell(seed: u64, person: u64, today: Date) -> Vec<SampleLine> {
    let mut chance = Chance::of(seed, person);
    let life = chance.weighted(&[
        (38, Life::Older),
        (22, Life::Adult),
        (17, Life::Carer),
        (12, Life::Child),
        (11, Life::Resident),
    ]);
    // In full years, less up to four that the date of birth may add: every child is four at least when the story begins.
    let (youngest, oldest) = match life {
        Life::Older => (66, 96),
        Life::Adult => (22, 62),
        Life::Carer => (30, 84),
        Life::Child => (9, 14),
        Life::Resident => (72, 99),
    };
    let age = i16::try_from(chance.between(youngest, oldest)).unwrap_or(60);
    let identity = Identity::invent(seed, person, age, today.year(), &mut chance);
    let cast = Cast::gather(identity, life, &mut chance);
    let imported = chance.percent(15).then_some(0);
    let book = Book::new(seed, person);
    let mut story =
        Story { chance, cast, life, today, book, person, outcomes: Vec::new(), steps: Vec::new(), imported };
    story.live();
    story.book.into_lines()
}

impl Story {
    fn live(&mut self) {
        let days = self.conversation_days();
        self.register(days.first().copied().unwrap_or(-1));
        let last = days.len().saturating_sub(1);
        for (at, day) in days.into_iter().enumerate() {
            if self.book.line_count() < FULL_BOOK_LINES {
                self.converse(day, at == last);
            }
        }
        self.end();
    }

    /// The days of the conversations, first to last: over two to four years, up to some weeks ago.
    fn conversation_days(&mut self) -> Vec<i64> {
        let count = self.chance.weighted(&[(11, 1), (28, 2), (28, 3), (18, 4), (10, 5), (5, 6)]);
        let last = -self.chance.between(12, 90);
        if count == 1 {
            return vec![last - self.chance.between(0, 700)];
        }
        let first = -self.chance.between(730, 1_400);
        let gap = (last - first) / (count - 1);
        let sway = (gap - QUIET_DAYS) / 2;
        (0..count)
            .map(|at| match at {
                0 => first,
                at if at == count - 1 => last,
                at => first + at * gap + self.chance.between(-sway, sway) / 2,
            })
            .collect()
    }

    fn register(&mut self, first: i64) {
        let day = first - self.chance.between(0, 30);
        let name = self.cast.identity.full_name();
        let birth_date = self.cast.identity.birth_date(&mut self.chance);
        let mut identifiers: Vec<Value> = self.cast.identity.identifiers.iter().map(identifier_json).collect();
        let added = if identifiers.len() > 1 && self.chance.percent(30) { identifiers.pop() } else { None };
        let is_misspelt = self.chance.percent(3);
        let body = Body::at(self.date(day))
            .with("name", if is_misspelt { name.to_lowercase() } else { name.clone() })
            .with_some("birth_date", birth_date.map(|born| born.to_string()))
            .with("identifiers", identifiers);
        let body = self.sourced(body);
        self.book.create("register_person", 'p', body);
        if is_misspelt {
            let body = Body::at(self.date(day + 1))
                .with("name", name)
                .with_some("birth_date", birth_date.map(|born| born.to_string()))
                .with("reason", "The name was typed without capitals.");
            self.book.change("amend_person", Book::PERSON, body);
        }
        if let Some(identifier) = added {
            let field = |name: &str| identifier.get(name).cloned().unwrap_or_default();
            let body = Body::at(self.date(day + 2)).with("system", field("system")).with("value", field("value"));
            self.book.change("add_person_identifier", Book::PERSON, body);
        }
    }

    /// A day as a date. Nothing is told of today itself, which may not have begun everywhere.
    fn date(&self, day: i64) -> LifeTime {
        LifeTime::Day(self.civil(day))
    }

    /// A day that somebody plans for: unlike what has happened, it may lie ahead of today.
    fn planned(&self, day: i64) -> LifeTime {
        LifeTime::Day(self.today.saturating_add(jiff::Span::new().days(day.clamp(-40_000, 400))))
    }

    fn civil(&self, day: i64) -> Date {
        self.today.saturating_add(jiff::Span::new().days(day.clamp(-40_000, -1)))
    }

    /// A day with an hour, as a diary keeps it.
    fn hour(&mut self, day: i64) -> LifeTime {
        let (hour, five_minutes) = (self.chance.between(8, 17), self.chance.between(0, 11));
        let clock = |value| i8::try_from(value).unwrap_or(12);
        let at = self.civil(day).at(clock(hour), clock(five_minutes * 5), 0, 0);
        match at.to_zoned(jiff::tz::TimeZone::UTC) {
            Ok(zoned) => LifeTime::Instant(Timestamp::from_micros(zoned.timestamp().as_microsecond())),
            Err(_) => self.date(day),
        }
    }

    /// The body of a new recording about the person.
    fn about(&self, occurred_at: LifeTime) -> Body {
        Body::at(occurred_at).with("person", self.book.reference(Book::PERSON))
    }

    /// Adds where a recording was imported from.
    fn sourced(&mut self, body: Body) -> Body {
        let Some(count) = self.imported.as_mut() else { return body };
        *count += 1;
        body.with("source", json!({"reference": format!("case/{}/{count}", self.person), "system": LOCAL_SYSTEM}))
    }

    /// One of several phrases, filled.
    fn phrase(&mut self, phrases: &'static [&'static str]) -> String {
        let phrase = self.chance.pick(phrases);
        self.cast.fill(phrase, &mut self.chance)
    }

    /// The same in some of a hundred cases.
    fn perhaps(&mut self, percent: u64, phrases: &'static [&'static str]) -> Option<String> {
        self.chance.percent(percent).then(|| self.phrase(phrases))
    }

    /// References to recordings.
    fn references(&self, recordings: &[Recording]) -> Vec<String> {
        recordings.iter().map(|recording| self.book.reference(*recording)).collect()
    }

    /// The places of the outcomes that are open.
    fn open(&self) -> Vec<usize> {
        (0..self.outcomes.len()).filter(|at| self.outcomes[*at].closed.is_none()).collect()
    }
}
