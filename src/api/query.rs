//! Query parameters and cursors.
//!
//! A cursor carries where the page before ended and the position that the whole list is read as of, so that a list that
//! is paged through while others record is one consistent list. It is bound to its query by a keyed digest.

use crate::api::problem::{Problem, Type};
use crate::api::request::Call;
use crate::app::words::{LifeTime, OutcomeId, PersonId, Timestamp};
use crate::app::{AsOf, Listing};
use actix_web::HttpRequest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use std::str::FromStr;
use utoipa::IntoParams;

/// Recordings of a page unless asked otherwise.
pub const PAGE_DEFAULT: u32 = 50;
/// The most recordings of a page.
pub const PAGE_MAX: u32 = 500;
/// The most characters of one query parameter.
const PARAMETER_MAX: usize = 512;

/// Parameters of reading one thing.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FindQuery {
    /// As of a position (included) or an RFC 3339 instant: how it stood then.
    #[param(example = "4711")]
    pub as_of: Option<String>,
}

impl FindQuery {
    /// As of when.
    ///
    /// # Errors
    /// [`Type::InvalidQuery`].
    pub fn as_of(&self) -> Result<Option<AsOf>, Problem> {
        self.as_of.as_deref().map(as_of).transpose()
    }
}

/// Parameters of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Only of this person.
    pub person: Option<String>,
    /// Only of this outcome. One of `person`, `outcome` and `framework_item` at a time.
    pub outcome: Option<String>,
    /// Only with this framework item.
    #[param(example = "talking-points-people@1#feeling-safe")]
    pub framework_item: Option<String>,
    /// Only with this status: of an outcome `open` or `closed`; of a review its status code or `withdrawn`; of an action how far it has come;
    /// of a conversation whether outcomes were asked about; of a narrative `recorded` or `withdrawn`.
    #[param(example = "open")]
    pub status: Option<String>,
    /// Only from this perspective.
    #[param(example = "person")]
    pub perspective: Option<String>,
    /// Only what may have happened in life at or after the beginning of this.
    #[param(example = "2026-10")]
    pub occurred_from: Option<String>,
    /// Only what may have happened in life at or before the end of this.
    #[param(example = "2026-11-30")]
    pub occurred_to: Option<String>,
    /// Only what was last recorded at or after this instant.
    #[param(example = "2026-11-01T00:00:00Z")]
    pub recorded_from: Option<String>,
    /// Only what was last recorded before this instant.
    #[param(example = "2026-12-01T00:00:00Z")]
    pub recorded_until: Option<String>,
    /// Only what changed after this position.
    #[param(value_type = Option<u64>, example = 4711)]
    pub changed_after: Option<String>,
    /// As of a position (included) or an RFC 3339 instant: how the list stood then.
    #[param(example = "4711")]
    pub as_of: Option<String>,
    /// At most so many, 1 to 500; 50 unless said otherwise.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, example = 50)]
    pub limit: Option<String>,
    /// Where the page before ended, from its `next` link.
    pub cursor: Option<String>,
}

impl ListQuery {
    /// What it asks for.
    ///
    /// # Errors
    /// [`Type::InvalidQuery`] or [`Type::InvalidCursor`].
    pub fn listing(&self, call: &Call, request: &HttpRequest) -> Result<Listing, Problem> {
        let mut listing = Listing {
            person: read::<PersonId>("person", self.person.as_deref())?,
            outcome: read::<OutcomeId>("outcome", self.outcome.as_deref())?,
            framework_item: read::<crate::app::words::ItemRef>("framework_item", self.framework_item.as_deref())?
                .map(|item| item.to_string()),
            status: word("status", self.status.as_deref())?,
            perspective: word("perspective", self.perspective.as_deref())?,
            occurred_from: read::<LifeTime>("occurred_from", self.occurred_from.as_deref())?,
            occurred_to: read::<LifeTime>("occurred_to", self.occurred_to.as_deref())?,
            recorded_from: read::<Timestamp>("recorded_from", self.recorded_from.as_deref())?,
            recorded_until: read::<Timestamp>("recorded_until", self.recorded_until.as_deref())?,
            changed_after: read::<u64>("changed_after", self.changed_after.as_deref())?,
            after: None,
            as_of: self.as_of.as_deref().map(as_of).transpose()?,
            limit: limit(self.limit.as_deref())?,
        };
        if listing.changed_after.is_some_and(|position| position >= i64::MAX as u64) {
            return Err(invalid("changed_after", "is past every position"));
        }
        if let Some(cursor) = &self.cursor {
            let (after, pinned) = read_cursor(call, request, cursor)?;
            listing.after = Some(after);
            listing.as_of = Some(AsOf::Position(pinned));
        }
        Ok(listing)
    }
}

/// Reads `limit`.
///
/// # Errors
/// [`Type::InvalidQuery`].
pub fn limit(text: Option<&str>) -> Result<u32, Problem> {
    let limit = read::<u32>("limit", text)?.unwrap_or(PAGE_DEFAULT);
    if (1..=PAGE_MAX).contains(&limit) { Ok(limit) } else { Err(invalid("limit", "must be from 1 to 500")) }
}

/// Reads `as_of`.
///
/// # Errors
/// [`Type::InvalidQuery`].
pub fn as_of(text: &str) -> Result<AsOf, Problem> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let position: u64 = text.parse().map_err(|_| invalid("as_of", "is past every position"))?;
        if position >= i64::MAX as u64 {
            return Err(invalid("as_of", "is past every position"));
        }
        return Ok(AsOf::Position(position));
    }
    text.parse()
        .map(AsOf::Instant)
        .map_err(|_| invalid("as_of", "must be a position or an RFC 3339 instant such as 2026-11-01T09:30:00Z"))
}

/// Reads a parameter in its type.
///
/// # Errors
/// [`Type::InvalidQuery`].
pub fn read<T: FromStr>(parameter: &'static str, text: Option<&str>) -> Result<Option<T>, Problem>
where
    T::Err: std::fmt::Display,
{
    text.map(|text| {
        if text.len() > PARAMETER_MAX {
            return Err(invalid(parameter, "is too long"));
        }
        text.parse().map_err(|error: T::Err| invalid(parameter, &error.to_string()))
    })
    .transpose()
}

/// Reads a parameter that is a word.
///
/// # Errors
/// [`Type::InvalidQuery`].
pub fn word(parameter: &'static str, text: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let shaped = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if shaped {
        Ok(Some(text.to_owned()))
    } else {
        Err(invalid(parameter, "must be a word of letters, digits and _.-"))
    }
}

fn invalid(parameter: &str, detail: &str) -> Problem {
    Problem::new(Type::InvalidQuery).detail(format!("{parameter}: {detail}"))
}

/// The digest that binds a cursor to its query: caller's organisation, path and every parameter but the cursor and the limit.
fn bound_to(call: &Call, request: &HttpRequest, after: u64, as_of: u64) -> [u8; 32] {
    let mut parameters: Vec<&str> = request
        .query_string()
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("cursor=") && !pair.starts_with("limit="))
        .collect();
    parameters.sort_unstable();
    call.state.app.vault_fingerprint(&[
        b"cursor",
        call.caller.organisation.as_str().as_bytes(),
        request.path().as_bytes(),
        parameters.join("&").as_bytes(),
        &after.to_be_bytes(),
        &as_of.to_be_bytes(),
    ])
}

/// A cursor: 8 bytes where the page ended, 8 bytes as of when, 16 bytes of the digest.
pub fn cursor_for(call: &Call, request: &HttpRequest, after: u64, as_of: u64) -> String {
    let digest = bound_to(call, request, after, as_of);
    let mut bytes = Vec::with_capacity(32);
    bytes.extend_from_slice(&after.to_be_bytes());
    bytes.extend_from_slice(&as_of.to_be_bytes());
    bytes.extend(digest.iter().take(16));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Where the page before ended and what the list is read as of.
///
/// # Errors
/// [`Type::InvalidCursor`].
pub fn read_cursor(call: &Call, request: &HttpRequest, cursor: &str) -> Result<(u64, u64), Problem> {
    let refused = || Problem::new(Type::InvalidCursor);
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
    let (after, rest) = bytes.split_first_chunk::<8>().ok_or_else(refused)?;
    let (as_of, digest) = rest.split_first_chunk::<8>().ok_or_else(refused)?;
    let (after, as_of) = (u64::from_be_bytes(*after), u64::from_be_bytes(*as_of));
    let expected = bound_to(call, request, after, as_of);
    if expected.get(..16) == Some(digest) { Ok((after, as_of)) } else { Err(refused()) }
}

/// The request's own address with another cursor.
pub fn link_to(request: &HttpRequest, cursor: &str) -> String {
    let kept: Vec<&str> =
        request.query_string().split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor=")).collect();
    let mut query = kept.join("&");
    if !query.is_empty() {
        query.push('&');
    }
    format!("{}?{query}cursor={cursor}", request.path())
}
