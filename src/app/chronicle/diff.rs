//! What changed between two points of the log, in the order of positions and in bounded memory: counted, then told event
//! by event. The summaries of the pages of a comparison add up to that of the whole.

use crate::app::chronicle::read::{Found, Span};
use crate::app::chronicle::{Auditor, ChronicleEvent, HistoryAsked, PartState};
use crate::app::history::{Before, LATE_MICROS, Told, tell_event};
use crate::app::{App, AppError, AsOf, Complete, Content};
use crate::domain::event::{Facts, PartRef, Recorded};
use crate::domain::ids::{OrganisationCode, PersonId, StreamId};
use crate::domain::personal::{Personal, Words};
use crate::domain::reading_access::Through;
use crate::domain::resource::Resource;
use crate::domain::time::{LifeTime, Timestamp};
use crate::store::{HistoryPath, HistoryRecord, Reach};
use std::collections::BTreeMap;

const DAY_MICROS: i64 = 24 * 3_600 * 1_000_000;
/// How many days after it happened a recording counts as late, unless told.
pub const LATE_DAYS: u32 = 7;
/// The most days that can be told: a hundred years.
pub const LATE_DAYS_MAX: u32 = 36_525;
const _: () = assert!(LATE_DAYS as i64 * DAY_MICROS == LATE_MICROS);
/// What is told of an event whose facts were erased.
const ERASED: &str = "(erased)";
/// Events that are counted together.
const COUNTED: u32 = 2_000;

/// A point of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Before the first event.
    Beginning,
    /// After the last.
    Now,
    /// As known at a position, which is included, or an instant.
    At(AsOf),
}

/// Two points, as sizes of the log: what changed between is from the first size on, before the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiffRange {
    /// How many events were known at the first point.
    pub from: u64,
    /// How many at the second.
    pub until: u64,
}

/// What of it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffAsked {
    /// Only of this organisation; a caller's own in any case.
    pub organisation: Option<OrganisationCode>,
    /// Only of this person's record.
    pub person: Option<PersonId>,
    /// More than so many days after it happened, a recording counts as late.
    pub late_days: u32,
    /// Whether to tell people's words, as far as the auditor may open them.
    pub with_words: bool,
    /// After this position.
    pub after: Option<u64>,
    /// At most so many events.
    pub limit: u32,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The event.
    pub event: ChronicleEvent,
    /// What changed, in words.
    pub what: Personal<String>,
    /// Why, in the words of whoever recorded it, where words are told.
    pub why: Option<Words>,
    /// From whose standpoint.
    pub perspective: Option<&'static str>,
    /// Where it counts as late: how many whole days after it happened it was recorded.
    pub days_late: Option<u64>,
}

/// How much changed, and by whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiffSummary {
    /// Events.
    pub events: u64,
    /// How many of them began a new recording; the others changed one.
    pub begun: u64,
    /// How many count as late.
    pub late: u64,
    /// Events by the kind of recording.
    pub by_kind: BTreeMap<&'static str, u64>,
    /// Events by name.
    pub by_event: BTreeMap<&'static str, u64>,
    /// Events by organisation and client.
    pub by_who: BTreeMap<(OrganisationCode, String), u64>,
}

impl DiffSummary {
    fn count(&mut self, record: &HistoryRecord, late_days: u32) {
        let recorded = &record.event;
        let client = if record.has_facts() { recorded.header.client.clone() } else { ERASED.to_owned() };
        self.events += 1;
        self.begun += u64::from(recorded.version == 0);
        self.late += u64::from(days_late(recorded, late_days).is_some());
        *self.by_kind.entry(recorded.facts.kind().as_str()).or_default() += 1;
        *self.by_event.entry(recorded.facts.name()).or_default() += 1;
        *self.by_who.entry((recorded.organisation.clone(), client)).or_default() += 1;
    }
}

/// A page of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffPage {
    /// The changes, in the order of positions.
    pub items: Vec<Difference>,
    /// The summary of this page.
    pub summary: DiffSummary,
    /// What it is complete to: the second point.
    pub complete_to: Complete,
    /// The position after which to go on, if there is more.
    pub next: Option<u64>,
}

impl App {
    /// The range between two points.
    ///
    /// # Errors
    /// [`AppError::InvalidQuery`] where a point is not in the log yet, or the second lies before the first.
    pub async fn diff_range(&self, from: Point, to: Point) -> Result<DiffRange, AppError> {
        let range = DiffRange { from: self.size_of("from", from).await?, until: self.size_of("to", to).await? };
        if range.from > range.until {
            let detail = "lies before the other point; give the earlier one first".to_owned();
            return Err(AppError::InvalidQuery { parameter: "to", detail });
        }
        Ok(range)
    }

    async fn size_of(&self, parameter: &'static str, point: Point) -> Result<u64, AppError> {
        let as_of = match point {
            Point::Beginning => return Ok(0),
            Point::Now => return Ok(self.store.head().await?.size),
            Point::At(as_of) => as_of,
        };
        let size = self.size_as_of(Some(as_of)).await.map_err(|error| match error {
            AppError::InvalidQuery { detail, .. } => AppError::InvalidQuery { parameter, detail },
            error => error,
        })?;
        Ok(size.unwrap_or(0))
    }

    /// Counts what changed in a range, a batch after the other; `progress` is told the position that was reached. Counts
    /// show nobody's data, so they are no access.
    ///
    /// # Errors
    /// See [`AppError`].
    pub async fn diff_summary(
        &self,
        auditor: Auditor<'_>,
        asked: &DiffAsked,
        range: DiffRange,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<DiffSummary, AppError> {
        let mut summary = DiffSummary::default();
        let mut asked = DiffAsked { with_words: false, limit: COUNTED, ..asked.clone() };
        loop {
            let found = self.changes(auditor, &asked, range).await?;
            for record in &found.records {
                summary.count(record, asked.late_days);
            }
            let next = found.next;
            progress(next.map_or(range.until, |next| next + 1));
            asked.after = next;
            if next.is_none() {
                return Ok(summary);
            }
        }
    }

    /// A page of what changed in a range, told in words.
    ///
    /// # Errors
    /// See [`AppError`].
    pub async fn diff(&self, auditor: Auditor<'_>, asked: &DiffAsked, range: DiffRange) -> Result<DiffPage, AppError> {
        let found = self.changes(auditor, asked, range).await?;
        let complete_to = Complete::to(&found.head, Some(range.until));
        let mut summary = DiffSummary::default();
        for record in &found.records {
            summary.count(record, asked.late_days);
        }
        let (through, next) = (Through::Difference, found.next);
        let events = self.shown(auditor, through, complete_to, asked.with_words, found.records).await?;
        let items = self.told(auditor, asked, events).await?;
        Ok(DiffPage { items, summary, complete_to, next })
    }

    /// The events of a page, which nobody has been shown yet.
    async fn changes(&self, auditor: Auditor<'_>, asked: &DiffAsked, range: DiffRange) -> Result<Found, AppError> {
        auditor.check()?;
        let reach = match (auditor.reach(), &asked.organisation) {
            (Reach::Operator, Some(organisation)) => Reach::Organisation(organisation.clone()),
            (reach, _) => reach,
        };
        let span = Span {
            reach,
            path: asked.person.map_or(HistoryPath::All, HistoryPath::Person),
            from: range.from.max(asked.after.map_or(0, |after| after.saturating_add(1))),
            before: range.until,
            as_of: Some(range.until),
        };
        let everything = HistoryAsked { limit: asked.limit, ..HistoryAsked::default() };
        self.look(span, &everything).await
    }

    async fn told(
        &self,
        auditor: Auditor<'_>,
        asked: &DiffAsked,
        events: Vec<ChronicleEvent>,
    ) -> Result<Vec<Difference>, AppError> {
        let mut outcomes = self.before(auditor, asked, &events).await?;
        let mut items = Vec::with_capacity(events.len());
        for event in events {
            let told = if event.has_facts() {
                tell_event(&event.event, &contents(&event), &mut outcomes)
            } else {
                Told { what: ERASED.to_owned(), why: None, perspective: None }
            };
            let days_late = days_late(&event.event, asked.late_days);
            let (what, why) = (Personal::new(told.what), told.why);
            items.push(Difference { what, why, perspective: told.perspective, days_late, event });
        }
        Ok(items)
    }

    /// How the outcomes that are reworded in a page stood before it.
    async fn before(
        &self,
        auditor: Auditor<'_>,
        asked: &DiffAsked,
        events: &[ChronicleEvent],
    ) -> Result<BTreeMap<StreamId, Before>, AppError> {
        let Some(first) = events.first().map(|event| event.event.position) else { return Ok(BTreeMap::new()) };
        let reworded = events.iter().filter(|event| matches!(event.event.facts, Facts::OutcomeReworded(_)));
        let mut streams: Vec<StreamId> = reworded.map(|event| event.event.stream).collect();
        streams.sort_unstable();
        streams.dedup();
        if streams.is_empty() {
            return Ok(BTreeMap::new());
        }
        let generation = self.store.head().await?.generation;
        let rows = self.store.rebuilt_rows(generation, &streams, first).await?;
        let outcomes: Vec<_> = rows
            .into_iter()
            .filter_map(|row| match row.resource {
                Resource::Outcome(outcome) => Some((row.id, outcome)),
                _ => None,
            })
            .collect();
        let may_open = asked.with_words && auditor.opens(crate::domain::event::Kind::Outcome);
        let places: Vec<PartRef> =
            outcomes.iter().filter_map(|(_, outcome)| outcome.words).filter(|_| may_open).collect();
        let mut opened = self.open_parts(places).await?;
        Ok(outcomes
            .into_iter()
            .map(|(id, outcome)| {
                let words = outcome.words.and_then(|place| opened.remove(&(place, "words".to_owned())));
                // What was looked for and is not there was erased.
                (id, Before::of(outcome.content, words.or(may_open.then_some(Content::Erased))))
            })
            .collect())
    }
}

/// How many whole days late an event is, if it is.
fn days_late(event: &Recorded, late_days: u32) -> Option<u64> {
    days_after(event.header.occurred_at, event.recorded_at, late_days)
}

/// How many whole days after something happened it was recorded, if that is late: more than so many days after the end of
/// all that its time in life may mean.
fn days_after(occurred_at: LifeTime, recorded_at: Timestamp, late_days: u32) -> Option<u64> {
    let micros = recorded_at.micros().saturating_sub(occurred_at.until().micros());
    (micros > i64::from(late_days) * DAY_MICROS).then(|| u64::try_from(micros / DAY_MICROS).unwrap_or(0))
}

/// The opened and erased parts, as the wording takes them.
fn contents(event: &ChronicleEvent) -> BTreeMap<String, Content> {
    let parts = event.parts.iter().filter_map(|part| {
        let content = match &part.state {
            PartState::Open(bytes) => Content::Open(bytes.clone()),
            PartState::Erased => Content::Erased,
            PartState::Clear | PartState::Sealed => return None,
        };
        Some((part.name.clone(), content))
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_begins_one_microsecond_past_the_limit() {
        let days = |occurred_at: &str, recorded_at: &str, late_days| {
            days_after(occurred_at.parse().unwrap(), recorded_at.parse().unwrap(), late_days)
        };
        assert_eq!(days("2026-03-01", "2026-03-09T00:00:00Z", 7), None, "the first of March ends with its last moment");
        assert_eq!(days("2026-03-01", "2026-03-09T00:00:00.000001Z", 7), Some(7));
        assert_eq!(days("2026-03", "2026-04-08T00:00:00Z", 7), None);
        assert_eq!(days("2026-03", "2026-04-09T00:00:00Z", 7), Some(8));
        assert_eq!(days("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000001Z", 0), None);
        assert_eq!(days("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000002Z", 0), Some(0));
        assert_eq!(days("2026-03-02", "2026-03-01T12:00:00Z", 0), None, "a plan is not late");
        assert_eq!(days("1000", "9999-12-31T00:00:00Z", LATE_DAYS_MAX), Some(3_286_816));
    }
}
