//! The history of an organisation for its auditors: events at full envelope, and what changed between two points.

use crate::api::answer::listed;
use crate::api::problem::{Problem, Type};
use crate::api::query::{as_of, cursor_for, limit, link_to, read, read_cursor, word};
use crate::api::request::{Call, Query};
use crate::api::views::history_events::{DiffList, HistoryEventList};
use crate::app::words::{Facts, LifeTime, OutcomeId, PersonId, Scope, StreamId, Timestamp};
use crate::app::{AsOf, Auditor, DiffAsked, HistoryAsked, LATE_DAYS, LATE_DAYS_MAX, Point};
use actix_web::{HttpRequest, HttpResponse, get};
use serde::Deserialize;
use utoipa::IntoParams;

/// The most names of events in one question.
const NAMES_MAX: usize = 50;

/// Parameters of a history.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Only of this recording. One of `stream` and `person` at a time.
    pub stream: Option<String>,
    /// Only of this person's record: the person and everything that is recorded of them.
    pub person: Option<String>,
    /// Only what this client recorded.
    #[param(example = "care-system")]
    pub client: Option<String>,
    /// Only events of these names, separated by commas; at most 50.
    #[param(example = "OutcomeReviewed,ReviewRevised")]
    pub event: Option<String>,
    /// Only what was recorded at or after this instant.
    #[param(example = "2026-11-01T00:00:00Z")]
    pub recorded_from: Option<String>,
    /// Only what was recorded before this instant.
    #[param(example = "2026-12-01T00:00:00Z")]
    pub recorded_until: Option<String>,
    /// Only what may have happened in life at or after the beginning of this.
    #[param(example = "2026-10")]
    pub occurred_from: Option<String>,
    /// Only what may have happened in life at or before the end of this.
    #[param(example = "2026-11-30")]
    pub occurred_to: Option<String>,
    /// As known at: only what was recorded up to this position (included) or RFC 3339 instant.
    #[param(example = "4711")]
    pub as_of: Option<String>,
    /// As true on: only what in life held at the end of this day (or month, year, instant), by each event's `true_from`. What is
    /// known to the month only counts from its beginning.
    #[param(example = "2026-01-01")]
    pub true_on: Option<String>,
    /// `words` opens the personal parts that the token's scopes allow.
    #[param(example = "words")]
    pub include: Option<String>,
    /// At most so many, 1 to 500; 50 unless said otherwise.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, example = 50)]
    pub limit: Option<String>,
    /// Where the page before ended, from its `next` link.
    pub cursor: Option<String>,
}

impl HistoryQuery {
    fn asked(&self, call: &Call, request: &HttpRequest) -> Result<HistoryAsked, Problem> {
        let mut asked = HistoryAsked {
            stream: read::<OutcomeId>("stream", self.stream.as_deref())?.map(StreamId::from),
            person: read::<PersonId>("person", self.person.as_deref())?,
            client: word("client", self.client.as_deref())?,
            names: names(self.event.as_deref())?,
            recorded_from: read::<Timestamp>("recorded_from", self.recorded_from.as_deref())?,
            recorded_until: read::<Timestamp>("recorded_until", self.recorded_until.as_deref())?,
            occurred_from: read::<LifeTime>("occurred_from", self.occurred_from.as_deref())?,
            occurred_to: read::<LifeTime>("occurred_to", self.occurred_to.as_deref())?,
            true_on: read::<LifeTime>("true_on", self.true_on.as_deref())?,
            as_of: self.as_of.as_deref().map(as_of).transpose()?,
            after: None,
            with_words: with_words(self.include.as_deref())?,
            limit: limit(self.limit.as_deref())?,
            ..HistoryAsked::default()
        };
        if let Some(cursor) = &self.cursor {
            let (after, pinned) = read_cursor(call, request, cursor)?;
            asked.after = Some(after);
            asked.as_of = Some(AsOf::Position(pinned));
        }
        Ok(asked)
    }
}

/// Reads `include`.
pub(super) fn with_words(include: Option<&str>) -> Result<bool, Problem> {
    match include {
        None => Ok(false),
        Some("words") => Ok(true),
        Some(_) => Err(Problem::new(Type::InvalidQuery).detail("include: can be `words` only")),
    }
}

/// Reads `event`: names that there are, so that a misspelt one is not answered by nothing.
pub(super) fn names(text: Option<&str>) -> Result<Vec<String>, Problem> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let refused = |detail: &str| Problem::new(Type::InvalidQuery).detail(format!("event: {detail}"));
    let mut names = Vec::new();
    for name in text.split(',') {
        if names.len() == NAMES_MAX {
            return Err(refused("can name at most 50 events"));
        }
        let known = Facts::CATALOGUE.iter().any(|(known, _, _)| *known == name);
        names.push(known.then(|| name.to_owned()).ok_or_else(|| refused("there is no event of that name"))?);
    }
    Ok(names)
}

/// Lists the events of the caller's organisation at their full envelope, in the order of positions.
///
/// Who may call: clients with `history:read`; personal parts need `include=words` and the read scope of their kind besides, and are
/// named as `sealed` otherwise.
///
/// Two times can be asked by, alone or together. `as_of` is what was known: the events that were recorded by then. `true_on` is what
/// held in life: the events whose `true_from` is at or before the end of that day, whenever they were recorded. With both,
/// `as_of=2026-03-01T00:00:00Z&true_on=2026-01-01` says what was known when March began about how things stood on 1 January: neither what
/// was recorded later, however early it happened, nor what happened later, however early it was recorded.
///
/// `stream`, `person`, the organisation and the period of recording are found by index. For `client`, `event` and times in life a request
/// looks at no more than 10,000 events, so a page may be short, or empty, and still have a `next`.
#[utoipa::path(tag = "history", operation_id = "list_history", params(HistoryQuery), responses((status = 200, body = HistoryEventList, description = "A page of the history")), security(("oauth2" = ["history:read"])))]
#[get("/history")]
pub async fn list_history(
    call: Call,
    request: HttpRequest,
    query: Query<HistoryQuery>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::HistoryRead)?;
    let asked = query.read()?.asked(&call, &request)?;
    let page = call.state.app.history(Auditor::Caller(&call.caller), &asked).await?;
    let next = match (page.next, page.complete_to.position) {
        (Some(after), Some(as_of)) => Some(link_to(&request, &cursor_for(&call, &request, after, as_of))),
        _ => None,
    };
    Ok(listed(page.complete_to, next.clone(), HistoryEventList::of(&page, next)?))
}

/// Parameters of a comparison.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DiffQuery {
    /// The first point: a position (included) or an RFC 3339 instant; the beginning of the log if absent.
    #[param(example = "4711")]
    pub from: Option<String>,
    /// The second point; now if absent.
    #[param(example = "2026-11-01T09:30:00Z")]
    pub to: Option<String>,
    /// Only of this person's record.
    pub person: Option<String>,
    /// A recording counts as late if it was made more than so many days after it happened, 0 to 36,525; 7 unless said otherwise.
    #[param(value_type = Option<u32>, minimum = 0, maximum = 36_525, example = 7)]
    pub late_days: Option<String>,
    /// `words` tells people's words, as far as the token's scopes allow.
    #[param(example = "words")]
    pub include: Option<String>,
    /// At most so many, 1 to 500; 50 unless said otherwise.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, example = 50)]
    pub limit: Option<String>,
    /// Where the page before ended, from its `next` link.
    pub cursor: Option<String>,
}

fn point(parameter: &'static str, text: Option<&str>, otherwise: Point) -> Result<Point, Problem> {
    let Some(text) = text else { return Ok(otherwise) };
    let refused = || {
        let detail = format!("{parameter}: must be a position or an RFC 3339 instant such as 2026-11-01T09:30:00Z");
        Problem::new(Type::InvalidQuery).detail(detail)
    };
    as_of(text).map(Point::At).map_err(|_| refused())
}

/// Says what changed in the caller's organisation between two points of the log, in words and as events.
///
/// Who may call: clients with `history:read`; people's words are told only with `include=words` and the read scope of their kind.
#[utoipa::path(tag = "history", operation_id = "compare_history", params(DiffQuery), responses((status = 200, body = DiffList, description = "A page of the changes")), security(("oauth2" = ["history:read"])))]
#[get("/history/diff")]
pub async fn compare_history(
    call: Call,
    request: HttpRequest,
    query: Query<DiffQuery>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::HistoryRead)?;
    let query = query.read()?;
    let late_days = read::<u32>("late_days", query.late_days.as_deref())?.unwrap_or(LATE_DAYS);
    if late_days > LATE_DAYS_MAX {
        return Err(Problem::new(Type::InvalidQuery).detail("late_days: must be from 0 to 36525"));
    }
    let from = point("from", query.from.as_deref(), Point::Beginning)?;
    let mut to = point("to", query.to.as_deref(), Point::Now)?;
    let mut asked = DiffAsked {
        organisation: None,
        person: read::<PersonId>("person", query.person.as_deref())?,
        late_days,
        with_words: with_words(query.include.as_deref())?,
        after: None,
        limit: limit(query.limit.as_deref())?,
    };
    if let Some(cursor) = &query.cursor {
        let (after, pinned) = read_cursor(&call, &request, cursor)?;
        asked.after = Some(after);
        to = Point::At(AsOf::Position(pinned));
    }
    let app = &call.state.app;
    let range = app.diff_range(from, to).await?;
    let page = app.diff(Auditor::Caller(&call.caller), &asked, range).await?;
    let next = match (page.next, page.complete_to.position) {
        (Some(after), Some(as_of)) => Some(link_to(&request, &cursor_for(&call, &request, after, as_of))),
        _ => None,
    };
    Ok(listed(page.complete_to, next.clone(), DiffList::of(&page, next)?))
}
