//! Accesses as those see them whose data it was, and those who watch over it: one person's, or an organisation's.

use crate::app::accesses::recorder::{About, Released};
use crate::app::{App, AppError, AsOf};
use crate::domain::access::{Caller, Scope, allow};
use crate::domain::event::Kind;
use crate::domain::ids::{EventId, PersonId, StreamId};
use crate::domain::reading_access::{ReadingAccess, ShownPart, Through};
use crate::domain::time::Timestamp;
use crate::store::{AccessQuery, OPEN_END, Reach, StoreError, StoredAccess};

/// What a list of accesses asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessListing {
    /// Only what was recorded at or after this.
    pub from: Option<Timestamp>,
    /// Only what was recorded before this.
    pub to: Option<Timestamp>,
    /// Only by this client.
    pub client: Option<String>,
    /// Only on behalf of this user.
    pub user: Option<String>,
    /// Only for this purpose of use.
    pub purpose: Option<String>,
    /// The newest first; else the oldest.
    pub newest_first: bool,
    /// Where the page before ended: the position of its last access.
    pub after: Option<u64>,
    /// As of when, by a position of the log of accesses or an instant.
    pub as_of: Option<AsOf>,
    /// At most so many.
    pub limit: u32,
}

/// An access that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessSeen {
    /// Its place in the log of accesses.
    pub position: u64,
    /// Its id.
    pub id: EventId,
    /// Its place among the accesses to that person's data, from 0, without gaps; among the organisation's answers about nobody else.
    pub number: u64,
    /// Its place among the accesses to the organisation's data, from 0, without gaps.
    pub organisation_number: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// What it says.
    pub access: ReadingAccess,
}

/// A page of accesses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessPage {
    /// The accesses, in the order that was asked for.
    pub items: Vec<AccessSeen>,
    /// The last position of the log of accesses that the page knows of; `None` while it is empty.
    pub complete_to: Option<u64>,
    /// The position of the last access, if there may be more.
    pub next: Option<u64>,
    /// Nobody can make one without it.
    released: Released,
}

impl App {
    /// Accesses to one person's data; `None` if there is no such person within reach. Is an access to it, too.
    ///
    /// # Errors
    /// See [`AppError`].
    pub async fn accesses_of(
        &self,
        caller: &Caller,
        person: PersonId,
        listing: &AccessListing,
    ) -> Result<Option<AccessPage>, AppError> {
        allow(caller, Scope::AccessesRead)?;
        let reach = Reach::Organisation(caller.organisation.clone());
        let (head, row) = self.reader.row(reach, person.into(), None).await?;
        let Some(row) = row.filter(|row| row.kind() == Kind::Person) else { return Ok(None) };
        let (items, complete_to, next) = self.page_of_accesses(caller, Some(person.into()), listing).await?;
        let mut about = About::nothing_of(person, row.organisation);
        about.parts.insert(ShownPart::Accesses);
        about.kinds.insert("access".to_owned(), items.len() as u64);
        let known = head.size.checked_sub(1);
        let released = self.release(caller, Through::Accesses, known, vec![about]).await?;
        Ok(Some(AccessPage { items, complete_to, next, released }))
    }

    /// Accesses to the data of the caller's organisation. Recorded once for the whole answer, not for each person in it.
    ///
    /// # Errors
    /// See [`AppError`].
    pub async fn accesses(&self, caller: &Caller, listing: &AccessListing) -> Result<AccessPage, AppError> {
        allow(caller, Scope::AccessesRead)?;
        let (items, complete_to, next) = self.page_of_accesses(caller, None, listing).await?;
        let released = self.release_accesses(caller, items.len()).await?;
        Ok(AccessPage { items, complete_to, next, released })
    }

    /// A page, the last position that it knows of, and where it ends if there may be more.
    async fn page_of_accesses(
        &self,
        caller: &Caller,
        stream: Option<StreamId>,
        listing: &AccessListing,
    ) -> Result<(Vec<AccessSeen>, Option<u64>, Option<u64>), AppError> {
        let size = self.size_of_accesses(listing.as_of).await?;
        let (mut from, mut until) = self.positions_between(listing.from, listing.to).await?;
        until = until.min(size);
        if let Some(after) = listing.after {
            if listing.newest_first {
                until = until.min(after);
            } else {
                from = from.max(after.saturating_add(1));
            }
        }
        let query = AccessQuery {
            reach: Reach::Organisation(caller.organisation.clone()),
            stream,
            from,
            until,
            client: listing.client.clone(),
            user: listing.user.clone(),
            purpose: listing.purpose.clone(),
            newest_first: listing.newest_first,
            limit: listing.limit.saturating_add(1),
        };
        let mut found = self.store.accesses(&query).await?;
        let more = found.len() > listing.limit as usize;
        found.truncate(listing.limit as usize);
        let next = found.last().filter(|_| more).map(|access| access.position);
        let items = found.into_iter().map(seen_of).collect::<Result<_, _>>()?;
        Ok((items, size.checked_sub(1), next))
    }

    async fn size_of_accesses(&self, as_of: Option<AsOf>) -> Result<u64, AppError> {
        let refused = |detail: &str| AppError::InvalidQuery { parameter: "as_of", detail: detail.to_owned() };
        let size = self.store.access_head().await?.size;
        match as_of {
            None => Ok(size),
            Some(AsOf::Position(last)) if last < size => Ok(last + 1),
            Some(AsOf::Position(_)) => Err(refused("that position is not in the log of accesses yet")),
            Some(AsOf::Instant(instant)) if instant > self.clock.now() => {
                Err(refused("that instant lies in the future"))
            }
            Some(AsOf::Instant(instant)) => Ok(self.store.first_access_at(instant.plus_micros(1)).await?.min(size)),
        }
    }

    /// The positions that were recorded between two instants.
    pub(super) async fn positions_between(
        &self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<(u64, u64), AppError> {
        let from = match from {
            Some(instant) => self.store.first_access_at(instant).await?,
            None => 0,
        };
        let until = match to {
            Some(instant) => self.store.first_access_at(instant).await?,
            None => OPEN_END,
        };
        Ok((from, until))
    }
}

/// An access back from the log.
pub(super) fn seen_of(stored: StoredAccess) -> Result<AccessSeen, AppError> {
    let access = ReadingAccess::read(stored.schema, stored.facts.as_bytes()).map_err(|error| {
        AppError::from(StoreError::Corrupt { position: stored.position, detail: error.to_string() })
    })?;
    Ok(AccessSeen {
        position: stored.position,
        id: stored.id,
        number: stored.version,
        organisation_number: stored.organisation_counter,
        recorded_at: stored.recorded_at,
        access,
    })
}
