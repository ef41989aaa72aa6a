//! Who was shown whose data: for the people themselves, and for those who watch over it.

use crate::api::answer::{PRIVATE, id_in_path};
use crate::api::problem::{Problem, Type};
use crate::api::query::{as_of, cursor_for, limit, link_to, read, read_cursor};
use crate::api::request::{Call, Path, Query};
use crate::api::views::accesses::{AccessList, UnusualView};
use crate::api::views::audit_event::audit_event;
use crate::app::AsOf;
use crate::app::accesses::{AccessListing, AccessPage, Hours, Thresholds, UnusualQuery};
use crate::app::words::{Kind, Scope, Timestamp, UserCode};
use actix_web::http::header::{CACHE_CONTROL, LINK};
use actix_web::{HttpRequest, HttpResponse, get};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::ops::RangeInclusive;
use utoipa::IntoParams;

/// The United Kingdom's time, as POSIX writes it.
const UNITED_KINGDOM: &str = "GMT0BST,M3.5.0/1,M10.5.0";
/// The media type of FHIR resources, one a line.
const FHIR_LINES: &str = "application/fhir+ndjson";

/// Parameters of a list of accesses.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AccessListQuery {
    /// Only what was recorded at or after this instant.
    #[param(example = "2026-11-01T00:00:00Z")]
    pub from: Option<String>,
    /// Only what was recorded before this instant.
    #[param(example = "2026-12-01T00:00:00Z")]
    pub to: Option<String>,
    /// Only by this client.
    #[param(example = "care-system")]
    pub client: Option<String>,
    /// Only on behalf of the user with this code.
    #[param(example = "u-17")]
    pub user: Option<String>,
    /// Only for this purpose of use.
    #[param(example = "TREAT")]
    pub purpose: Option<String>,
    /// `newest` first, unless said otherwise, or `oldest` first.
    #[param(example = "newest")]
    pub order: Option<String>,
    /// As of a position of the log of accesses (included) or an RFC 3339 instant: how the list stood then.
    #[param(example = "4711")]
    pub as_of: Option<String>,
    /// At most so many, 1 to 500; 50 unless said otherwise.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, example = 50)]
    pub limit: Option<String>,
    /// Where the page before ended, from its `next` link.
    pub cursor: Option<String>,
}

fn refused(parameter: &str, detail: &str) -> Problem {
    Problem::new(Type::InvalidQuery).detail(format!("{parameter}: {detail}"))
}

impl AccessListQuery {
    fn listing(&self, call: &Call, request: &HttpRequest) -> Result<AccessListing, Problem> {
        let newest_first = match self.order.as_deref() {
            None | Some("newest") => true,
            Some("oldest") => false,
            Some(_) => return Err(refused("order", "must be `newest` or `oldest`")),
        };
        let shaped = |parameter: &'static str, text: &Option<String>| match text {
            Some(text) if text.is_empty() || text.len() > 256 => Err(refused(parameter, "has 1 to 256 characters")),
            text => Ok(text.clone()),
        };
        let mut listing = AccessListing {
            from: read::<Timestamp>("from", self.from.as_deref())?,
            to: read::<Timestamp>("to", self.to.as_deref())?,
            client: shaped("client", &self.client)?,
            user: read::<UserCode>("user", self.user.as_deref())?.map(|user| user.to_string()),
            purpose: shaped("purpose", &self.purpose)?,
            newest_first,
            after: None,
            as_of: self.as_of.as_deref().map(as_of).transpose()?,
            limit: limit(self.limit.as_deref())?,
        };
        if let Some(cursor) = &self.cursor {
            let (after, pinned) = read_cursor(call, request, cursor)?;
            (listing.after, listing.as_of) = (Some(after), Some(AsOf::Position(pinned)));
        }
        Ok(listing)
    }
}

fn next_of(call: &Call, request: &HttpRequest, page: &AccessPage) -> Option<String> {
    let (after, pinned) = (page.next?, page.complete_to?);
    Some(link_to(request, &cursor_for(call, request, after, pinned)))
}

fn listed(call: &Call, request: &HttpRequest, page: &AccessPage) -> HttpResponse {
    let next = next_of(call, request, page);
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, PRIVATE));
    if let Some(next) = &next {
        response.insert_header((LINK, format!("<{next}>; rel=\"next\"")));
    }
    response.json(AccessList::of(page, next))
}

/// Lists who was shown one person's data: every answer that held any of it, why, and on whose behalf. Reading this list is
/// such an access itself and stands in the next one.
///
/// Who may call: clients with `accesses:read`.
#[utoipa::path(tag = "accesses", operation_id = "list_person_accesses",
    params(("id" = String, Path, description = "The person's id"), AccessListQuery),
    responses((status = 200, body = AccessList, description = "A page of accesses")), security(("oauth2" = ["accesses:read"])))]
#[get("/people/{id}/accesses")]
pub async fn list_person_accesses(
    call: Call,
    request: HttpRequest,
    id: Path<String>,
    query: Query<AccessListQuery>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::AccessesRead)?;
    let person = id_in_path(&id, Kind::Person)?.into();
    let listing = query.read()?.listing(&call, &request)?;
    let page = call.state.app.accesses_of(&call.caller, person, &listing).await?;
    let page = page.ok_or_else(|| Problem::new(Type::NotFound).detail("there is no such person"))?;
    Ok(listed(&call, &request, &page))
}

/// Lists who was shown data of the caller's organisation. Each page is recorded as one access without a person, so that the log
/// does not feed on itself.
///
/// Who may call: clients with `accesses:read`.
#[utoipa::path(tag = "accesses", operation_id = "list_accesses", params(AccessListQuery),
    responses((status = 200, body = AccessList, description = "A page of accesses")), security(("oauth2" = ["accesses:read"])))]
#[get("/accesses")]
pub async fn list_accesses(
    call: Call,
    request: HttpRequest,
    query: Query<AccessListQuery>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::AccessesRead)?;
    let listing = query.read()?.listing(&call, &request)?;
    let page = call.state.app.accesses(&call.caller, &listing).await?;
    Ok(listed(&call, &request, &page))
}

/// The same list as FHIR R4 AuditEvent resources, one a line, in the shape of IHE BALP. Where there is more, the header Link
/// says where.
///
/// Who may call: clients with `accesses:read`.
#[utoipa::path(tag = "accesses", operation_id = "list_access_audit_events", params(AccessListQuery),
    responses((status = 200, content_type = "application/fhir+ndjson", body = Object, description = "A page of AuditEvents, one a line")),
    security(("oauth2" = ["accesses:read"])))]
#[get("/accesses/audit-events")]
pub async fn list_access_audit_events(
    call: Call,
    request: HttpRequest,
    query: Query<AccessListQuery>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::AccessesRead)?;
    let listing = query.read()?.listing(&call, &request)?;
    let page = call.state.app.accesses(&call.caller, &listing).await?;
    let mut lines = String::new();
    for seen in &page.items {
        lines.push_str(&audit_event(seen, &call.state.public_url).to_string());
        lines.push('\n');
    }
    let mut response = HttpResponse::Ok();
    response.content_type(FHIR_LINES).insert_header((CACHE_CONTROL, PRIVATE));
    if let Some(next) = next_of(&call, &request, &page) {
        response.insert_header((LINK, format!("<{next}>; rel=\"next\"")));
    }
    Ok(response.body(lines))
}

/// Parameters of the report of what looks unusual.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UnusualParameters {
    /// Judge what was recorded at or after this instant.
    #[param(value_type = String, example = "2026-11-01T00:00:00Z")]
    pub from: Option<String>,
    /// Judge what was recorded before this instant.
    #[param(value_type = String, example = "2026-12-01T00:00:00Z")]
    pub to: Option<String>,
    /// How long a window is in which people are counted, in minutes, 1 to 1440; 10 unless said otherwise.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1440, example = 10)]
    pub burst_minutes: Option<String>,
    /// Fewer different people in a window are never a burst; 1 to 100000, 100 unless said otherwise.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100_000, example = 100)]
    pub burst_people: Option<String>,
    /// More than so many times the reader's own median is a burst; 1 to 1000, 5 unless said otherwise.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1_000, example = 5)]
    pub burst_times: Option<String>,
    /// The usual hours; 06:00-22:00 unless said otherwise. The later time first for a night.
    #[param(example = "07:00-20:00")]
    pub hours: Option<String>,
    /// The time zone of the hours as POSIX writes it, with its summer time; the United Kingdom's unless said otherwise.
    #[param(example = "GMT0BST,M3.5.0/1,M10.5.0")]
    pub time_zone: Option<String>,
}

fn within(name: &'static str, text: Option<&str>, default: u32, range: RangeInclusive<u32>) -> Result<u32, Problem> {
    let value = read::<u32>(name, text)?.unwrap_or(default);
    let detail = format!("must be from {} to {}", range.start(), range.end());
    if range.contains(&value) { Ok(value) } else { Err(refused(name, &detail)) }
}

fn hours_in(text: &str) -> Option<(Time, Time)> {
    let time = |text: &str| Time::strptime("%H:%M", text).ok().filter(|_| text.len() == 5);
    let (from, until) = text.split_once('-')?;
    Some((time(from)?, time(until)?))
}

impl UnusualParameters {
    fn query(&self) -> Result<UnusualQuery, Problem> {
        let needed = |name: &'static str, text: &Option<String>| {
            read::<Timestamp>(name, text.as_deref())?.ok_or_else(|| refused(name, "is missing"))
        };
        let (from, to) = (needed("from", &self.from)?, needed("to", &self.to)?);
        if from >= to {
            return Err(refused("to", "must be after `from`"));
        }
        let (hours_from, until) = hours_in(self.hours.as_deref().unwrap_or("06:00-22:00"))
            .ok_or_else(|| refused("hours", "must be two times such as 06:00-22:00"))?;
        let zone = TimeZone::posix(self.zone())
            .map_err(|_| refused("time_zone", "must be a POSIX time zone such as GMT0BST,M3.5.0/1,M10.5.0"))?;
        let thresholds = Thresholds {
            burst_minutes: within("burst_minutes", self.burst_minutes.as_deref(), 10, 1..=1_440)?,
            burst_people: within("burst_people", self.burst_people.as_deref(), 100, 1..=100_000)?.into(),
            burst_times: within("burst_times", self.burst_times.as_deref(), 5, 1..=1_000)?.into(),
            hours: Hours { from: hours_from, until, zone },
        };
        Ok(UnusualQuery { from, to, thresholds })
    }

    fn zone(&self) -> &str {
        self.time_zone.as_deref().unwrap_or(UNITED_KINGDOM)
    }
}

/// Reports what looks unusual among the accesses of a period: emergency access, clients that had recorded nothing about the
/// people whom they read about, many people in a short time, reading out of hours. A prompt to look, never a verdict; the
/// same accesses and thresholds give the same answer. At most 50,000 accesses are judged at once.
///
/// Who may call: clients with `accesses:read`.
#[utoipa::path(tag = "accesses", operation_id = "report_unusual_accesses", params(UnusualParameters),
    responses((status = 200, body = UnusualView, description = "What to look at, with its reasons")), security(("oauth2" = ["accesses:read"])))]
#[get("/accesses/unusual")]
pub async fn report_unusual_accesses(call: Call, query: Query<UnusualParameters>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::AccessesRead)?;
    let parameters = query.read()?;
    let query = parameters.query()?;
    let report = call.state.app.unusual_accesses(&call.caller, &query).await?;
    let view = UnusualView::of(&report, &query, parameters.zone());
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, PRIVATE)).json(view))
}
