//! What looks unusual among accesses: a prompt to look, never a verdict. The same accesses and thresholds always give the same
//! report, which says the thresholds and what it could not judge.
//!
//! The facts that there are: which client recorded about whom, and when. On whose behalf something was recorded is not among
//! them, so the care relationship is the client's, not the user's.

use crate::app::accesses::recorder::Released;
use crate::app::accesses::view::{AccessSeen, seen_of};
use crate::app::{App, AppError};
use crate::domain::access::{Caller, Scope, allow};
use crate::domain::ids::{PersonId, StreamId};
use crate::domain::reading_access::ShownPart;
use crate::domain::time::Timestamp;
use crate::store::{AccessQuery, KnownRecorder, Reach};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The most accesses that one report may judge.
pub const MOST_READS: u32 = 50_000;
/// The most people and positions that one finding names.
const EXAMPLES: usize = 20;
/// People whose recorders are looked up by one statement.
const PEOPLE_TOGETHER: usize = 500;
/// Purposes of use by which somebody breaks the glass.
const BREAKING: [&str; 2] = ["BTG", "ETREAT"];

/// The hours of a day in which reading is usual, in a time zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Hours {
    /// From this time on.
    pub from: Time,
    /// Before this time; earlier than `from` for a night.
    pub until: Time,
    /// The zone that the times are of.
    pub zone: TimeZone,
}

impl Hours {
    fn hold(&self, at: Timestamp) -> bool {
        let Ok(instant) = jiff::Timestamp::from_microsecond(at.micros()) else { return true };
        let time = instant.to_zoned(self.zone.clone()).time();
        if self.from <= self.until {
            self.from <= time && time < self.until
        } else {
            self.from <= time || time < self.until
        }
    }
}

/// From when on something is unusual.
#[derive(Debug, Clone, PartialEq)]
pub struct Thresholds {
    /// How long a window is in which people are counted, in minutes.
    pub burst_minutes: u32,
    /// Fewer different people in a window are never a burst.
    pub burst_people: u64,
    /// So many times the reader's own median of other windows is a burst.
    pub burst_times: u64,
    /// The usual hours.
    pub hours: Hours,
}

/// What a report is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct UnusualQuery {
    /// Accesses recorded at or after this.
    pub from: Timestamp,
    /// Accesses recorded before this.
    pub to: Timestamp,
    /// From when on something is unusual.
    pub thresholds: Thresholds,
}

/// Who reads: a client, and the user on whose behalf.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reader {
    /// The client.
    pub client: String,
    /// Its organisation.
    pub organisation: String,
    /// The user, where it says one.
    pub user: Option<String>,
}

/// Why somebody might look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Emergency access was declared.
    BreakGlass,
    /// The client had not recorded anything about the people before it read about them.
    OutsideRelationship,
    /// Many different people in a short time.
    Burst,
    /// Outside the usual hours.
    OutOfHours,
}

impl Reason {
    /// Its code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BreakGlass => "break_glass",
            Self::OutsideRelationship => "outside_relationship",
            Self::Burst => "burst",
            Self::OutOfHours => "out_of_hours",
        }
    }
}

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Why.
    pub reason: Reason,
    /// Whose reading.
    pub reader: Reader,
    /// In words.
    pub because: String,
    /// How many accesses.
    pub reads: u64,
    /// To how many different people's data.
    pub people: u64,
    /// The first of them, at most 20, in the order of their ids.
    pub some_people: Vec<PersonId>,
    /// The positions of the first accesses, at most 20.
    pub some_positions: Vec<u64>,
    /// When the first was recorded.
    pub first_at: Timestamp,
    /// When the last was recorded.
    pub last_at: Timestamp,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How many accesses were judged.
    pub reads: u64,
    /// What to look at, by reason and reader.
    pub findings: Vec<Finding>,
    /// Nobody can make one without it.
    released: Released,
}

impl App {
    /// What looks unusual among the accesses to the data of the caller's organisation in a period. Recorded as one access.
    ///
    /// # Errors
    /// [`AppError::InvalidQuery`] where the period holds more than [`MOST_READS`] accesses; else see [`AppError`].
    pub async fn unusual_accesses(&self, caller: &Caller, query: &UnusualQuery) -> Result<Report, AppError> {
        allow(caller, Scope::AccessesRead)?;
        let (from, until) = self.positions_between(Some(query.from), Some(query.to)).await?;
        let reach = Reach::Organisation(caller.organisation.clone());
        let limit = MOST_READS + 1;
        let (client, user, purpose) = (None, None, None);
        let wanted =
            AccessQuery { reach, stream: None, from, until, client, user, purpose, newest_first: false, limit };
        let found = self.store.accesses(&wanted).await?;
        if found.len() > MOST_READS as usize {
            let detail = format!("the period holds more than {MOST_READS} accesses: ask for a shorter one");
            return Err(AppError::InvalidQuery { parameter: "to", detail });
        }
        let reads = found.into_iter().map(seen_of).collect::<Result<Vec<_>, _>>()?;
        let people: BTreeSet<StreamId> =
            reads.iter().filter_map(|read| read.access.person).map(StreamId::from).collect();
        let people: Vec<StreamId> = people.into_iter().collect();
        let mut known = Vec::new();
        for people in people.chunks(PEOPLE_TOGETHER) {
            known.extend(self.store.known_recorders(&caller.organisation, people).await?);
        }
        let findings = judge(&reads, &known, &query.thresholds);
        let released = self.release_accesses(caller, reads.len()).await?;
        Ok(Report { reads: reads.len() as u64, findings, released })
    }
}

/// Judges accesses, in the order of their positions.
fn judge(reads: &[AccessSeen], known: &[KnownRecorder], thresholds: &Thresholds) -> Vec<Finding> {
    let mut by_reader: BTreeMap<Reader, Vec<&AccessSeen>> = BTreeMap::new();
    for read in reads {
        let reader = Reader {
            client: read.access.client.clone(),
            organisation: read.access.organisation.to_string(),
            user: read.access.user.as_ref().map(ToString::to_string),
        };
        by_reader.entry(reader).or_default().push(read);
    }
    let since: HashMap<(PersonId, &str), Timestamp> =
        known.iter().map(|known| ((known.person.into(), known.client.as_str()), known.since)).collect();
    let mut findings = Vec::new();
    for (reader, reads) in &by_reader {
        let of_people: Vec<&AccessSeen> = reads.iter().copied().filter(|read| is_about_somebody(read)).collect();
        let judged = [
            break_glass(reads),
            outside_relationship(reader, &of_people, &since),
            burst(&of_people, thresholds),
            out_of_hours(reads, &thresholds.hours),
        ];
        findings.extend(
            judged
                .into_iter()
                .flatten()
                .map(|(reason, because, reads)| finding(reason, reader.clone(), because, &reads)),
        );
    }
    findings.sort_by(|one, other| (one.reason, &one.reader).cmp(&(other.reason, &other.reader)));
    findings
}

type Judged<'a> = Option<(Reason, String, Vec<&'a AccessSeen>)>;

/// Looking after who read what is no reading of somebody's record.
fn is_about_somebody(read: &AccessSeen) -> bool {
    let parts = &read.access.parts;
    read.access.person.is_some() && !parts.iter().all(|part| *part == ShownPart::Accesses)
}

fn break_glass<'a>(reads: &[&'a AccessSeen]) -> Judged<'a> {
    let breaking = |read: &&AccessSeen| read.access.purpose.as_deref().is_some_and(|code| BREAKING.contains(&code));
    let found: Vec<&AccessSeen> = reads.iter().copied().filter(breaking).collect();
    let because = "emergency access was declared (purpose of use BTG or ETREAT)".to_owned();
    (!found.is_empty()).then_some((Reason::BreakGlass, because, found))
}

fn outside_relationship<'a>(
    reader: &Reader,
    reads: &[&'a AccessSeen],
    since: &HashMap<(PersonId, &str), Timestamp>,
) -> Judged<'a> {
    let within = |read: &&AccessSeen| {
        let person = read.access.person?;
        since.get(&(person, reader.client.as_str())).filter(|since| **since <= read.recorded_at)
    };
    let found: Vec<&AccessSeen> = reads.iter().copied().filter(|read| within(read).is_none()).collect();
    if found.is_empty() {
        return None;
    }
    let because = if found.len() == reads.len() {
        "this client had recorded nothing about any of the people whom it read about in this period; it may be one that \
         only reads"
    } else {
        "this client had recorded nothing about these people before it read about them, as it had about others"
    };
    Some((Reason::OutsideRelationship, because.to_owned(), found))
}

fn burst<'a>(reads: &[&'a AccessSeen], thresholds: &Thresholds) -> Judged<'a> {
    let micros = i64::from(thresholds.burst_minutes.max(1)) * 60_000_000;
    let mut windows: BTreeMap<i64, (BTreeSet<PersonId>, Vec<&AccessSeen>)> = BTreeMap::new();
    for read in reads {
        let window = windows.entry(read.recorded_at.micros().div_euclid(micros)).or_default();
        window.0.extend(read.access.person);
        window.1.push(read);
    }
    let counts: Vec<(i64, u64)> = windows.iter().map(|(window, (people, _))| (*window, people.len() as u64)).collect();
    let (mut found, mut worst) = (Vec::new(), (0, 0));
    for (window, count) in &counts {
        let mut others: Vec<u64> =
            counts.iter().filter(|(other, _)| other != window).map(|(_, count)| *count).collect();
        others.sort_unstable();
        // The lower of the two in the middle: whole numbers, and rather looked at than not.
        let median = others.get(others.len().saturating_sub(1) / 2).copied().unwrap_or(0);
        if *count >= thresholds.burst_people && *count > median.saturating_mul(thresholds.burst_times) {
            worst = worst.max((*count, median));
            found.extend(windows.get(window).into_iter().flat_map(|(_, reads)| reads.iter().copied()));
        }
    }
    let because = format!(
        "up to {} different people within {} minutes; the median of this reader's other windows is {}",
        worst.0, thresholds.burst_minutes, worst.1
    );
    (!found.is_empty()).then_some((Reason::Burst, because, found))
}

fn out_of_hours<'a>(reads: &[&'a AccessSeen], hours: &Hours) -> Judged<'a> {
    let found: Vec<&AccessSeen> = reads.iter().copied().filter(|read| !hours.hold(read.recorded_at)).collect();
    let because = format!("outside {} to {}", hours.from.strftime("%H:%M"), hours.until.strftime("%H:%M"));
    (!found.is_empty()).then_some((Reason::OutOfHours, because, found))
}

fn finding(reason: Reason, reader: Reader, because: String, reads: &[&AccessSeen]) -> Finding {
    let people: BTreeSet<PersonId> = reads.iter().filter_map(|read| read.access.person).collect();
    let at = |pick: fn(Timestamp, Timestamp) -> Timestamp| {
        reads.iter().map(|read| read.recorded_at).reduce(pick).unwrap_or(Timestamp::from_micros(0))
    };
    Finding {
        reason,
        reader,
        because,
        reads: reads.len() as u64,
        people: people.len() as u64,
        some_people: people.into_iter().take(EXAMPLES).collect(),
        some_positions: reads.iter().take(EXAMPLES).map(|read| read.position).collect(),
        first_at: at(Timestamp::min),
        last_at: at(Timestamp::max),
    }
}

#[cfg(test)]
#[path = "unusual_test.rs"]
mod unusual_test;
