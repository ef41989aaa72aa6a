//! Accesses as they are shown: who was shown whose data, and what looks unusual among it.

use crate::api::views::instant;
use crate::app::accesses::{AccessPage, AccessSeen, Finding, Report, Thresholds, UnusualQuery};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// One access: what one answer showed of one person's data, or that an answer was about nobody.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AccessView {
    /// Its place in the log of accesses.
    pub position: u64,
    /// Its id.
    pub id: String,
    /// Its place among the accesses to this person's data, from 0 and without gaps, so that none can be left out unseen. Of
    /// answers about nobody, its place among those of the organisation.
    pub number: u64,
    /// Its place among all accesses to the organisation's data, likewise.
    pub organisation_number: u64,
    /// When it was recorded.
    pub recorded_at: String,
    /// Whose data; absent where the answer was about nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The client that asked.
    pub client: String,
    /// The organisation that it is bound to.
    pub organisation: String,
    /// On whose behalf it said that it asked: a code of the partner's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// As what that user acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The purpose of use that it declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// What was shown: `facts`, `words`, `identity`, `leaf` (of a proof) or `accesses`.
    pub parts: Vec<String>,
    /// How many recordings, events or accesses of each kind.
    pub kinds: BTreeMap<String, u64>,
    /// By what sort of question: `single`, `list`, `search`, `record`, `history`, `stream`, `feed`, `proof`, `accesses`,
    /// `difference`, `export`, `extract` or `command`.
    pub through: String,
    /// By which operation of the API, or command.
    pub operation: String,
    /// The request's id, as its answer said it in `X-Request-Id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The position of the outcomes log that the answer was complete to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcomes_complete_to: Option<u64>,
    /// `shown`; `erased` where what was sealed of it had been erased; `unavailable` or `tampered` where nothing was shown.
    pub outcome: String,
}

impl From<&AccessSeen> for AccessView {
    fn from(seen: &AccessSeen) -> Self {
        let access = &seen.access;
        Self {
            position: seen.position,
            id: seen.id.to_string(),
            number: seen.number,
            organisation_number: seen.organisation_number,
            recorded_at: instant(seen.recorded_at),
            person: access.person.map(|person| person.to_string()),
            client: access.client.clone(),
            organisation: access.organisation.to_string(),
            user: access.user.as_ref().map(ToString::to_string),
            role: access.role.as_ref().map(ToString::to_string),
            purpose: access.purpose.clone(),
            parts: access.parts.iter().map(|part| part.as_str().to_owned()).collect(),
            kinds: access.kinds.clone(),
            through: access.through.as_str().to_owned(),
            operation: access.operation.clone(),
            request_id: access.request.clone(),
            outcomes_complete_to: access.complete_to,
            outcome: access.outcome.as_str().to_owned(),
        }
    }
}

/// A page of accesses.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AccessList {
    /// The accesses, in the order that was asked for.
    pub items: Vec<AccessView>,
    /// The last position of the log of accesses that the page knows of; its own reading comes after it.
    pub complete_to: Option<u64>,
    /// Where the next page is; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl AccessList {
    /// Shows a page.
    #[must_use]
    pub fn of(page: &AccessPage, next: Option<String>) -> Self {
        Self { items: page.items.iter().map(AccessView::from).collect(), complete_to: page.complete_to, next }
    }
}

/// From when on something was called unusual.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ThresholdsView {
    /// How long a window is in which people are counted, in minutes.
    pub burst_minutes: u32,
    /// Fewer different people in a window are never a burst.
    pub burst_people: u64,
    /// More than so many times the reader's own median of other windows is a burst.
    pub burst_times: u64,
    /// The usual hours begin.
    pub hours_from: String,
    /// The usual hours end.
    pub hours_until: String,
    /// The time zone of the hours, as POSIX writes it.
    pub time_zone: String,
}

impl ThresholdsView {
    fn of(thresholds: &Thresholds, time_zone: &str) -> Self {
        Self {
            burst_minutes: thresholds.burst_minutes,
            burst_people: thresholds.burst_people,
            burst_times: thresholds.burst_times,
            hours_from: thresholds.hours.from.strftime("%H:%M").to_string(),
            hours_until: thresholds.hours.until.strftime("%H:%M").to_string(),
            time_zone: time_zone.to_owned(),
        }
    }
}

/// Something to look at.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FindingView {
    /// `break_glass`, `outside_relationship`, `burst` or `out_of_hours`.
    pub reason: String,
    /// In words.
    pub because: String,
    /// The client that read.
    pub client: String,
    /// Its organisation.
    pub organisation: String,
    /// On whose behalf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// How many accesses.
    pub reads: u64,
    /// To how many different people's data.
    pub people: u64,
    /// Some of the people: at most 20.
    pub some_people: Vec<String>,
    /// Some of the accesses, by their positions in the log of accesses: at most 20.
    pub some_positions: Vec<u64>,
    /// When the first was recorded.
    pub first_at: String,
    /// When the last was recorded.
    pub last_at: String,
}

impl From<&Finding> for FindingView {
    fn from(finding: &Finding) -> Self {
        Self {
            reason: finding.reason.as_str().to_owned(),
            because: finding.because.clone(),
            client: finding.reader.client.clone(),
            organisation: finding.reader.organisation.clone(),
            user: finding.reader.user.clone(),
            reads: finding.reads,
            people: finding.people,
            some_people: finding.some_people.iter().map(ToString::to_string).collect(),
            some_positions: finding.some_positions.clone(),
            first_at: instant(finding.first_at),
            last_at: instant(finding.last_at),
        }
    }
}

/// What looks unusual: a prompt to look, not a verdict.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct UnusualView {
    /// From when on accesses were judged.
    pub from: String,
    /// Until when.
    pub to: String,
    /// How many accesses were judged.
    pub reads: u64,
    /// By which thresholds.
    pub thresholds: ThresholdsView,
    /// What to look at, by reason and reader.
    pub findings: Vec<FindingView>,
    /// What could not be judged, and why.
    pub not_judged: Vec<String>,
}

impl UnusualView {
    /// Shows a report.
    #[must_use]
    pub fn of(report: &Report, query: &UnusualQuery, time_zone: &str) -> Self {
        Self {
            from: instant(query.from),
            to: instant(query.to),
            reads: report.reads,
            thresholds: ThresholdsView::of(&query.thresholds, time_zone),
            findings: report.findings.iter().map(FindingView::from).collect(),
            not_judged: vec![
                "readers who bear the name of whom they read about: users are known here by codes alone".to_owned(),
                "whether a user, beside the client, has a care relationship: recordings name the client that made them"
                    .to_owned(),
            ],
        }
    }
}
