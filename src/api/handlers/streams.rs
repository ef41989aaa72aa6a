//! Live streams of events as server-sent events: the feed for partners, the history for auditors.

use crate::api::event_stream::{Batch, Sent, Source, begins_after, stream};
use crate::api::handlers::history::{names, with_words};
use crate::api::problem::Problem;
use crate::api::query::{read, word};
use crate::api::request::{Call, Query, bearer};
use crate::api::state::ApiState;
use crate::api::views::events::EventView;
use crate::api::views::history_events::HistoryEventView;
use crate::app::words::{Caller, OutcomeId, PersonId, Scope, StreamId};
use crate::app::{AppError, Auditor, FeedQuery, HistoryAsked};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::IntoParams;

/// Events of one batch; a narrative may have a hundred thousand code points, so fewer with words.
const BATCH: u32 = 100;
const BATCH_WITH_WORDS: u32 = 16;

/// Parameters of the stream of the feed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventStreamQuery {
    /// After this position; from the beginning if absent. `Last-Event-ID` comes before it.
    #[param(value_type = Option<u64>, example = 4711)]
    pub after: Option<String>,
    /// `words` opens the personal parts that the token's scopes allow.
    #[param(example = "words")]
    pub include: Option<String>,
}

/// Parameters of the stream of the history.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryStreamQuery {
    /// After this position; from the beginning if absent. `Last-Event-ID` comes before it.
    #[param(value_type = Option<u64>, example = 4711)]
    pub after: Option<String>,
    /// Only of this recording. One of `stream` and `person` at a time.
    pub stream: Option<String>,
    /// Only of this person's record.
    pub person: Option<String>,
    /// Only what this client recorded.
    #[param(example = "care-system")]
    pub client: Option<String>,
    /// Only events of these names, separated by commas; at most 50.
    #[param(example = "OutcomeReviewed,ReviewRevised")]
    pub event: Option<String>,
    /// `words` opens the personal parts that the token's scopes allow.
    #[param(example = "words")]
    pub include: Option<String>,
}

/// What a stream follows.
enum Followed {
    Feed(FeedQuery),
    History(Box<HistoryAsked>),
}

/// A stream of this service.
struct Live {
    state: Data<ApiState>,
    token: String,
    caller: Caller,
    needs: Scope,
    followed: Followed,
}

impl Source for Live {
    async fn admit(&mut self) -> Result<(), &'static str> {
        let verified = self.state.verify(&self.token).await;
        let caller =
            verified.map_err(|_| "the token has expired or is not accepted any more; connect again with another")?;
        if !caller.scopes.contains(&self.needs) {
            return Err("the client may not read this any more");
        }
        // What the request declared, it declared for the whole stream.
        let Caller { purpose, user, role, request, .. } = self.caller.clone();
        self.caller = Caller { purpose, user, role, request, ..caller };
        Ok(())
    }

    async fn next(&mut self, after: Option<u64>, wait: Duration) -> Result<Batch, Problem> {
        let app = &self.state.app;
        match &mut self.followed {
            Followed::Feed(query) => {
                (query.after, query.wait) = (after, wait);
                let page = app.feed(&self.caller, query).await?;
                let events = page.events.iter().map(|event| {
                    let (position, name) = (event.event.position, event.event.facts.name());
                    sent(position, name, &EventView::of(event)?)
                });
                let (looked_to, more) = (page.complete_to.position, page.more);
                Ok(Batch { events: events.collect::<Result<_, AppError>>()?, looked_to, more })
            }
            Followed::History(asked) => {
                (asked.after, asked.wait) = (after, wait);
                let page = app.history(Auditor::Caller(&self.caller), asked).await?;
                let events = page.events.iter().map(|event| {
                    let (position, name) = (event.event.position, event.event.facts.name());
                    sent(position, name, &HistoryEventView::of(event)?)
                });
                let (looked_to, more) = (page.looked_to, page.next.is_some());
                Ok(Batch { events: events.collect::<Result<_, AppError>>()?, looked_to, more })
            }
        }
    }

    fn stops(&self) -> bool {
        self.state.app.stops()
    }
}

fn sent(position: u64, name: &'static str, view: &impl Serialize) -> Result<Sent, AppError> {
    let data = serde_json::to_string(view).map_err(|error| AppError::CannotFollow { detail: error.to_string() })?;
    Ok(Sent { position, name, data })
}

async fn follow(
    call: Call,
    request: &HttpRequest,
    after: Option<u64>,
    needs: Scope,
    followed: Followed,
) -> Result<HttpResponse, Problem> {
    let token = bearer(request.headers())?;
    let Call { state, caller, .. } = call;
    let place = state.streams.take(&caller, state.limits.streams_per_client)?;
    let heartbeat = state.limits.stream_heartbeat;
    stream(Live { state, token, caller, needs, followed }, after, heartbeat, place).await
}

/// Follows the events of the caller's organisation live, as server-sent events.
///
/// Who may call: clients with `events:read`; personal parts need `include=words` and the read scope of their kind besides.
///
/// Each event has its position as `id`, its name as `event` and the feed's JSON as `data`, on one line. A client that connects again
/// with `Last-Event-ID` misses nothing and gets nothing twice. A comment says `complete to` a position when the reader has
/// caught up, and in every silence of 15 seconds. The stream ends with a comment when the token expires, the service stops, or whom it
/// shows cannot be recorded: each batch is in the log of accesses before it leaves. One batch is read ahead of a slow reader and
/// no more, and read again where it has waited for more than those 15 seconds. A client may hold 16 streams at once.
#[utoipa::path(tag = "events", operation_id = "follow_events", params(EventStreamQuery, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was received", example = "4711")), responses((status = 200, body = String, content_type = "text/event-stream", description = "The events, for as long as the connection lasts")), security(("oauth2" = ["events:read"])))]
#[get("/events/stream")]
pub async fn follow_events(
    call: Call,
    request: HttpRequest,
    query: Query<EventStreamQuery>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::EventsRead)?;
    let query = query.read()?;
    let after = begins_after(request.headers(), query.after.as_deref())?;
    let with_words = with_words(query.include.as_deref())?;
    let limit = if with_words { BATCH_WITH_WORDS } else { BATCH };
    let feed = FeedQuery { stream: None, after, as_of: None, with_words, limit, wait: Duration::ZERO };
    follow(call, &request, after, Scope::EventsRead, Followed::Feed(feed)).await
}

/// Follows the history of the caller's organisation live, each event at its full envelope, as server-sent events.
///
/// Who may call: clients with `history:read`; personal parts need `include=words` and the read scope of their kind besides.
///
/// As the stream of the feed, with the JSON of `GET /v1/history`.
#[utoipa::path(tag = "history", operation_id = "follow_history", params(HistoryStreamQuery, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was received", example = "4711")), responses((status = 200, body = String, content_type = "text/event-stream", description = "The events, for as long as the connection lasts")), security(("oauth2" = ["history:read"])))]
#[get("/history/stream")]
pub async fn follow_history(
    call: Call,
    request: HttpRequest,
    query: Query<HistoryStreamQuery>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::HistoryRead)?;
    let query = query.read()?;
    let after = begins_after(request.headers(), query.after.as_deref())?;
    let with_words = with_words(query.include.as_deref())?;
    let asked = HistoryAsked {
        stream: read::<OutcomeId>("stream", query.stream.as_deref())?.map(StreamId::from),
        person: read::<PersonId>("person", query.person.as_deref())?,
        client: word("client", query.client.as_deref())?,
        names: names(query.event.as_deref())?,
        with_words,
        limit: if with_words { BATCH_WITH_WORDS } else { BATCH },
        ..HistoryAsked::default()
    };
    asked.check()?;
    follow(call, &request, after, Scope::HistoryRead, Followed::History(Box::new(asked))).await
}
