//! The feed of events: for partners who keep a copy up to date.

use crate::api::answer::{id_in_path, listed};
use crate::api::problem::{Problem, Type};
use crate::api::query::{as_of, limit, read};
use crate::api::request::{Call, Path, Query};
use crate::api::views::events::EventList;
use crate::app::FeedQuery;
use crate::app::words::{Kind, Scope, StreamId};
use actix_web::{HttpResponse, get};
use serde::Deserialize;
use std::time::Duration;
use utoipa::IntoParams;

/// Parameters of the feed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// After this position; from the beginning if absent.
    #[param(value_type = Option<u64>, example = 4711)]
    pub after: Option<String>,
    /// At most so many, 1 to 500; 50 unless said otherwise.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, example = 50)]
    pub limit: Option<String>,
    /// Wait up to so many milliseconds for the first event where there is none yet (long poll); at most 30,000.
    #[param(value_type = Option<u64>, minimum = 0, maximum = 30_000, example = 0)]
    pub wait_ms: Option<String>,
    /// `words` opens the personal parts that the token's scopes allow.
    #[param(example = "words")]
    pub include: Option<String>,
    /// As of a position (included) or an RFC 3339 instant: the feed ends there.
    #[param(example = "4711")]
    pub as_of: Option<String>,
}

impl EventQuery {
    fn feed(&self, call: &Call, stream: Option<StreamId>) -> Result<FeedQuery, Problem> {
        let refused = |detail: &str| Problem::new(Type::InvalidQuery).detail(detail);
        let after = read::<u64>("after", self.after.as_deref())?;
        if after.is_some_and(|after| after >= i64::MAX as u64) {
            return Err(refused("after: is past every position"));
        }
        let wait_max = call.state.limits.long_poll_max;
        let wait = Duration::from_millis(read::<u64>("wait_ms", self.wait_ms.as_deref())?.unwrap_or(0));
        if wait > wait_max {
            return Err(refused(&format!("wait_ms: must be at most {}", wait_max.as_millis())));
        }
        let with_words = match self.include.as_deref() {
            None => false,
            Some("words") => true,
            Some(_) => return Err(refused("include: can be `words` only")),
        };
        Ok(FeedQuery {
            stream,
            after,
            as_of: self.as_of.as_deref().map(as_of).transpose()?,
            with_words,
            limit: limit(self.limit.as_deref())?,
            wait,
        })
    }

    fn next(&self, path: &str, after: u64) -> String {
        let mut next = format!("{path}?after={after}");
        for (name, value) in [("limit", &self.limit), ("include", &self.include), ("as_of", &self.as_of)] {
            if let Some(value) = value {
                next.push_str(&format!("&{name}={}", value.replace('+', "%2B")));
            }
        }
        next
    }
}

async fn page(call: &Call, query: &EventQuery, stream: Option<StreamId>, path: &str) -> Result<HttpResponse, Problem> {
    let page = call.state.app.feed(&call.caller, &query.feed(call, stream)?).await?;
    let next = page.complete_to.position.filter(|_| page.more).map(|position| query.next(path, position));
    Ok(listed(page.complete_to, next.clone(), EventList::of(&page, next)?))
}

/// Follows the events of the caller's organisation, in order, nothing missed: pages, or long poll with `wait_ms`.
///
/// Who may call: clients with `events:read`; personal parts need the read scope of their kind besides.
#[utoipa::path(tag = "events", operation_id = "list_events", params(EventQuery), responses((status = 200, body = EventList, description = "A page of the feed")), security(("oauth2" = ["events:read"])))]
#[get("/events")]
pub async fn list_events(call: Call, query: Query<EventQuery>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::EventsRead)?;
    page(&call, query.read()?, None, "/v1/events").await
}

/// Lists the events of one recording, in order.
///
/// Who may call: clients with `events:read`.
#[utoipa::path(tag = "events", operation_id = "list_stream_events", params(("id" = String, Path, description = "The recording's id"), EventQuery), responses((status = 200, body = EventList, description = "A page of its events")), security(("oauth2" = ["events:read"])))]
#[get("/streams/{id}/events")]
pub async fn list_stream_events(
    call: Call,
    id: Path<String>,
    query: Query<EventQuery>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::EventsRead)?;
    let stream = id_in_path(&id, Kind::Outcome)
        .map_err(|_| Problem::new(Type::NotFound).detail("there is no such recording"))?;
    if !call.state.app.exists(&call.caller, stream).await? {
        return Err(Problem::new(Type::NotFound).detail("there is no such recording"));
    }
    page(&call, query.read()?, Some(stream), &format!("/v1/streams/{stream}/events")).await
}
