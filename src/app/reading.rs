//! Reading: one recording, lists, a person's whole record, disagreement side by side.

use crate::app::framework::{MAXIMUM_FRAMEWORK_VERSIONS, framework_query, version_key};
use crate::app::seen::name_of;
use crate::app::{App, AppError, AsOf, Complete, Content, Seen};
use crate::domain::access::{Caller, Scope, allow};
use crate::domain::event::Kind;
use crate::domain::framework::FrameworkRef;
use crate::domain::identifier::PersonIdentifier;
use crate::domain::ids::{OrganisationCode, OutcomeId, PersonId, StreamId};
use crate::domain::person::PersonIdentity;
use crate::domain::personal::Personal;
use crate::domain::reading_access::Through;
use crate::domain::resource::Resource;
use crate::domain::time::{LifeTime, Timestamp};
use crate::domain::words::{Perspective, ReviewStage};
use crate::projections::{KeyKind, Row, RowKey};
use crate::store::{Reach, RowPath, RowQuery};
use std::collections::{BTreeMap, BTreeSet};

/// What a list asks for. The caller's organisation is added by the verb, so that no list can forget it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Only of this person.
    pub person: Option<PersonId>,
    /// Only of this outcome.
    pub outcome: Option<OutcomeId>,
    /// Only with this framework item (`slug@version#code`).
    pub framework_item: Option<String>,
    /// Only with this status.
    pub status: Option<String>,
    /// Only from this perspective.
    pub perspective: Option<String>,
    /// Only what may have happened at or after this.
    pub occurred_from: Option<LifeTime>,
    /// Only what may have happened before the end of this.
    pub occurred_to: Option<LifeTime>,
    /// Only what was last recorded at or after this.
    pub recorded_from: Option<Timestamp>,
    /// Only what was last recorded before this.
    pub recorded_until: Option<Timestamp>,
    /// Only what changed after this position.
    pub changed_after: Option<u64>,
    /// Where the page before ended: the position of its last row.
    pub after: Option<u64>,
    /// As of when.
    pub as_of: Option<AsOf>,
    /// At most so many.
    pub limit: u32,
}

/// One recording that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What the answer is complete to.
    pub complete_to: Complete,
    /// Its version.
    pub version: u64,
    /// The recording; `None` for a caller who has this version.
    pub seen: Option<Seen>,
}

/// A page of recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The recordings, by the position of their last change.
    pub items: Vec<Seen>,
    /// What the page is complete to; the following pages are read as of the same position.
    pub complete_to: Complete,
    /// The position of the last row, if there may be more.
    pub next: Option<u64>,
}

/// Everything that is recorded of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRecord {
    /// The person.
    pub person: Seen,
    /// Everything else that the caller may read, by the position of its last change.
    pub items: Vec<Seen>,
    /// Kinds that exist for this person but that the caller's scopes do not open.
    pub not_shown: Vec<Kind>,
    /// What it is complete to.
    pub complete_to: Complete,
    /// Whether there is more than one answer may hold.
    pub truncated: bool,
}

/// The most recordings of a person's record in one answer.
pub const RECORD_MAX: u32 = 2_000;
/// Reviews of an outcome that are read at once on the way to its latest ones.
const REVIEWS_PAGE: u32 = 500;

/// A perspective's latest review, side by side with the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerspectiveReview {
    /// Whose.
    pub perspective: Perspective,
    /// The review.
    pub review: Seen,
}

/// How the perspectives see one outcome now. Never resolved, only shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// The outcome.
    pub outcome: Seen,
    /// The latest review of each perspective, baselines and withdrawn ones left out.
    pub reviews: Vec<PerspectiveReview>,
    /// Whether their statuses differ; `None` with fewer than two perspectives.
    pub disagree: Option<bool>,
    /// What it is complete to.
    pub complete_to: Complete,
}

impl App {
    fn reach(caller: &Caller) -> Reach {
        Reach::Organisation(caller.organisation.clone())
    }

    /// One recording, now or as it stood; `None` if there is none within reach. `has` says of a version whether the caller has
    /// it already, who is then shown nothing.
    ///
    /// # Errors
    /// See [`AppError`].
    pub async fn find(
        &self,
        caller: &Caller,
        kind: Kind,
        id: StreamId,
        as_of: Option<AsOf>,
        has: impl FnOnce(u64) -> bool + Send,
    ) -> Result<Option<Found>, AppError> {
        allow(caller, Scope::to_read(kind))?;
        let size = self.size_asked_for(as_of).await?;
        let (head, row) = self.reader.row(Self::reach(caller), id, size).await?;
        Self::within(size, &head)?;
        let Some(row) = row.filter(|row| row.kind() == kind) else { return Ok(None) };
        let (complete_to, version) = (Complete::to(&head, size), row.version);
        let seen =
            if has(version) { None } else { self.show(caller, Through::Single, complete_to, vec![row]).await?.pop() };
        Ok(Some(Found { complete_to, version, seen }))
    }

    /// A page of recordings of one kind.
    ///
    /// # Errors
    /// See [`AppError`].
    pub async fn list(&self, caller: &Caller, kind: Kind, listing: &Listing) -> Result<Page, AppError> {
        allow(caller, Scope::to_read(kind))?;
        let path = path_of(kind, listing)?;
        let size = self.size_asked_for(listing.as_of).await?;
        let from_position = listing.changed_after.into_iter().chain(listing.after).max().map_or(0, |after| after + 1);
        let query = RowQuery {
            organisation: caller.organisation.clone(),
            kind: Some(kind),
            path,
            status: listing.status.clone(),
            perspective: listing.perspective.clone(),
            occurred_from: listing.occurred_from.map(LifeTime::earliest),
            occurred_until: listing.occurred_to.map(LifeTime::until),
            recorded_from: listing.recorded_from,
            recorded_until: listing.recorded_until,
            from_position,
            as_of: size,
            limit: listing.limit.saturating_add(1),
        };
        let (head, mut rows) = self.store.rows(&query).await?;
        Self::within(size, &head)?;
        let more = rows.len() > listing.limit as usize;
        rows.truncate(listing.limit as usize);
        let next = rows.last().filter(|_| more).map(|row| row.from_position);
        let complete_to = Complete::to(&head, size);
        Ok(Page { items: self.show(caller, Through::List, complete_to, rows).await?, complete_to, next })
    }

    /// People of the caller's organisation who have an identifier: none or one.
    ///
    /// # Errors
    /// See [`AppError`].
    pub async fn search_people(
        &self,
        caller: &Caller,
        identifier: &PersonIdentifier,
        as_of: Option<AsOf>,
    ) -> Result<Page, AppError> {
        allow(caller, Scope::PeopleRead)?;
        let size = self.size_as_of(as_of).await?;
        let index = self.blind_index(&caller.organisation, std::slice::from_ref(identifier));
        let key = index.first().map(|entry| RowKey::identifier(&entry.system, &entry.digest));
        let Some(key) = key else {
            return Err(AppError::InvalidQuery { parameter: "identifier", detail: "is missing".to_owned() });
        };
        let query = RowQuery {
            kind: Some(Kind::Person),
            ..RowQuery::along(caller.organisation.clone(), RowPath::Key(key), size, 2)
        };
        let (head, rows) = self.store.rows(&query).await?;
        let complete_to = Complete::to(&head, size);
        Ok(Page { items: self.show(caller, Through::Search, complete_to, rows).await?, complete_to, next: None })
    }

    /// Everything about one person in one answer; `None` if there is no such person within reach.
    ///
    /// # Errors
    /// See [`AppError`].
    pub async fn person_record(
        &self,
        caller: &Caller,
        person: PersonId,
        as_of: Option<AsOf>,
    ) -> Result<Option<PersonRecord>, AppError> {
        allow(caller, Scope::PeopleRead)?;
        let size = self.size_as_of(as_of).await?;
        // Pinned, so that the person and what is recorded of them are of one moment.
        let size = match size {
            Some(size) => size,
            None => self.store.head().await?.size,
        };
        let path = RowPath::Person(person);
        let query = RowQuery::along(caller.organisation.clone(), path, Some(size), RECORD_MAX + 1);
        let (head, mut rows) = self.store.rows(&query).await?;
        let truncated = rows.len() > RECORD_MAX as usize;
        let found = rows.iter().position(|row| row.id == StreamId::from(person));
        let Some(own) = (match found {
            Some(at) => Some(rows.remove(at)),
            None => self.reader.row(Self::reach(caller), person.into(), Some(size)).await?.1,
        }) else {
            return Ok(None);
        };
        rows.truncate(RECORD_MAX as usize);
        let mut not_shown: Vec<Kind> =
            rows.iter().map(Row::kind).filter(|kind| allow(caller, Scope::to_read(*kind)).is_err()).collect();
        not_shown.sort_unstable();
        not_shown.dedup();
        rows.retain(|row| allow(caller, Scope::to_read(row.kind())).is_ok());
        rows.insert(0, own);
        let complete_to = Complete::to(&head, Some(size));
        let mut items = self.show(caller, Through::Record, complete_to, rows).await?;
        let person = items.remove(0);
        Ok(Some(PersonRecord { person, items, not_shown, complete_to, truncated }))
    }

    /// Sets the latest review of each perspective side by side; `None` if there is no such outcome within reach.
    ///
    /// # Errors
    /// See [`AppError`].
    pub async fn disagreement(
        &self,
        caller: &Caller,
        outcome: OutcomeId,
        as_of: Option<AsOf>,
    ) -> Result<Option<Disagreement>, AppError> {
        allow(caller, Scope::OutcomesRead)?;
        allow(caller, Scope::ReviewsRead)?;
        let size = match self.size_as_of(as_of).await? {
            Some(size) => size,
            None => self.store.head().await?.size,
        };
        let (head, row) = self.reader.row(Self::reach(caller), outcome.into(), Some(size)).await?;
        let Some(row) = row.filter(|row| row.kind() == Kind::Outcome) else { return Ok(None) };
        let complete_to = Complete::to(&head, Some(size));
        let latest = self.latest_reviews(caller, outcome, size).await?;
        let statuses: BTreeSet<&str> = latest.values().filter_map(Row::status).collect();
        let disagree = (latest.len() > 1).then_some(statuses.len() > 1);
        let perspectives: Vec<Perspective> = latest.keys().copied().collect();
        let rows = std::iter::once(row).chain(latest.into_values()).collect();
        let mut shown = self.show(caller, Through::Single, complete_to, rows).await?;
        let outcome = shown.remove(0);
        let reviews = perspectives
            .into_iter()
            .zip(shown)
            .map(|(perspective, review)| PerspectiveReview { perspective, review })
            .collect();
        Ok(Some(Disagreement { outcome, reviews, disagree, complete_to }))
    }

    /// The latest review of each perspective, found among all of them: the latest are the last to be read.
    async fn latest_reviews(
        &self,
        caller: &Caller,
        outcome: OutcomeId,
        size: u64,
    ) -> Result<BTreeMap<Perspective, Row>, AppError> {
        let path = RowPath::Outcome(outcome);
        let mut query = RowQuery::along(caller.organisation.clone(), path, Some(size), REVIEWS_PAGE);
        query.kind = Some(Kind::Review);
        let mut latest: BTreeMap<Perspective, Row> = BTreeMap::new();
        loop {
            let (_, rows) = self.store.rows(&query).await?;
            let next = rows.last().filter(|_| rows.len() >= REVIEWS_PAGE as usize).map(|last| last.from_position + 1);
            for row in rows {
                let Resource::Review(review) = &row.resource else { continue };
                if review.withdrawn || review.facts.appraisal.stage == ReviewStage::Baseline {
                    continue;
                }
                let perspective = review.facts.perspective;
                let order = |row: &Row| (row.occurred_at.earliest(), row.from_position);
                if latest.get(&perspective).is_none_or(|before| order(before) <= order(&row)) {
                    latest.insert(perspective, row);
                }
            }
            match next {
                Some(next) => query.from_position = next,
                None => return Ok(latest),
            }
        }
    }

    /// Framework versions within the caller's reach: its own and the shipped ones; of one framework if `id` is given.
    ///
    /// # Errors
    /// See [`AppError`].
    pub async fn frameworks(&self, caller: &Caller, id: Option<&str>, as_of: Option<AsOf>) -> Result<Page, AppError> {
        allow(caller, Scope::FrameworksRead)?;
        let size = match self.size_as_of(as_of).await? {
            Some(size) => size,
            None => self.store.head().await?.size,
        };
        let path = || id.map_or(RowPath::All, |id| RowPath::Key(RowKey::new(KeyKind::Framework, id)));
        let (head, mut rows) =
            self.store.rows(&framework_query(&OrganisationCode::reference(), path(), Some(size))).await?;
        let (_, own) = self.store.rows(&framework_query(&caller.organisation, path(), Some(size))).await?;
        rows.extend(own);
        rows.truncate(MAXIMUM_FRAMEWORK_VERSIONS as usize);
        Ok(Page {
            items: self.show_reference_data(rows).await?,
            complete_to: Complete::to(&head, Some(size)),
            next: None,
        })
    }

    /// One framework version within the caller's reach.
    ///
    /// # Errors
    /// See [`AppError`].
    pub async fn framework_version_seen(
        &self,
        caller: &Caller,
        reference: &FrameworkRef,
        as_of: Option<AsOf>,
    ) -> Result<Option<(Complete, Seen)>, AppError> {
        allow(caller, Scope::FrameworksRead)?;
        let size = self.size_as_of(as_of).await?;
        for owner in [caller.organisation.clone(), OrganisationCode::reference()] {
            let query = framework_query(&owner, RowPath::Key(version_key(reference)), size);
            let (head, rows) = self.store.rows(&query).await?;
            if let Some(seen) = self.show_reference_data(rows).await?.into_iter().next() {
                return Ok(Some((Complete::to(&head, size), seen)));
            }
        }
        Ok(None)
    }

    /// A person's date of birth, remembered for a moment.
    pub(super) async fn birth_date(
        &self,
        caller: &Caller,
        person: PersonId,
        now: Timestamp,
    ) -> Result<Personal<Option<LifeTime>>, AppError> {
        if let Some(born) = self.known.births.get(&person, now) {
            return Ok(born);
        }
        let (_, row) = self.reader.row(Self::reach(caller), person.into(), None).await?;
        let Some(row) = row else { return Ok(Personal::new(None)) };
        // For our own decisions: nobody is shown it.
        let Resource::Person(state) = &row.resource else { return Ok(Personal::new(None)) };
        let Some(place) = state.identity else { return Ok(Personal::new(None)) };
        let identity = match self.open_parts(vec![place]).await?.remove(&(place, name_of(place))) {
            Some(Content::Open(bytes)) => Some(bytes),
            Some(Content::Erased) | None => None,
        };
        let identity: Option<PersonIdentity> = identity
            .map(|bytes| serde_json::from_slice(bytes.expose()))
            .transpose()
            .map_err(|_| AppError::Tampered { position: row.from_position })?;
        let born = Personal::new(identity.and_then(|identity| identity.birth_date));
        self.known.births.put(person, born.clone(), now);
        Ok(born)
    }
}

/// The index that serves a list best.
fn path_of(kind: Kind, listing: &Listing) -> Result<RowPath, AppError> {
    let several = [listing.person.is_some(), listing.outcome.is_some(), listing.framework_item.is_some()];
    if several.iter().filter(|given| **given).count() > 1 {
        return Err(AppError::InvalidQuery {
            parameter: "person",
            detail: "only one of person, outcome and framework_item can be given".to_owned(),
        });
    }
    Ok(if let Some(person) = listing.person {
        RowPath::Person(person)
    } else if let Some(outcome) = listing.outcome {
        match kind {
            Kind::Review | Kind::Outcome => RowPath::Outcome(outcome),
            _ => RowPath::Key(RowKey::new(KeyKind::Outcome, outcome.to_string())),
        }
    } else if let Some(item) = &listing.framework_item {
        RowPath::Key(RowKey::new(KeyKind::FrameworkItem, item.clone()))
    } else {
        RowPath::All
    })
}

impl App {
    /// The stream of a framework version that the caller's organisation owns.
    ///
    /// # Errors
    /// See [`AppError`].
    pub async fn own_framework(&self, caller: &Caller, reference: &FrameworkRef) -> Result<Option<StreamId>, AppError> {
        allow(caller, Scope::FrameworksWrite)?;
        Ok(self.framework_row(&caller.organisation, reference, None).await?.map(|row| row.id))
    }
}
