//! Recording an access, durably, before what it is about is shown.
//!
//! One answer is one append: a record for each person in it, or one about nobody where a search or a list found nobody. If it
//! cannot be written, nothing is shown ([`AppError::AccessNotRecorded`]). What was recorded and never arrived is no harm:
//! the log may say more than was seen, never less.

use crate::app::{App, AppError};
use crate::domain::access::Caller;
use crate::domain::event::Kind;
use crate::domain::ids::{OrganisationCode, PersonId, StreamId};
use crate::domain::reading_access::{AccessOutcome, OPERATOR, ReadingAccess, SCHEMA, ShownPart, Through};
use crate::domain::time::Timestamp;
use crate::ledger::{PartName, Salt, commit};
use crate::projections::Row;
use crate::store::access_writer::AccessWriter;
use crate::store::{NewAccess, StoreError};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Whether the last access could be written.
const UNKNOWN: u8 = 0;
const WRITTEN: u8 = 1;
const FAILED: u8 = 2;

/// Proof that an answer was recorded, or that it is about nobody's data. What readers get cannot be made without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released(());

impl Released {
    /// For reference data, which is about nobody.
    pub(in crate::app) const fn as_reference_data() -> Self {
        Self(())
    }
}

/// What an answer shows of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::app) struct About {
    pub person: PersonId,
    /// The controller of the data.
    pub owner: OrganisationCode,
    pub parts: BTreeSet<ShownPart>,
    pub kinds: BTreeMap<String, u64>,
    pub outcome: AccessOutcome,
}

impl About {
    /// Nothing of somebody, to be filled in.
    pub(in crate::app) fn nothing_of(person: PersonId, owner: OrganisationCode) -> Self {
        let (parts, kinds) = (BTreeSet::new(), BTreeMap::new());
        Self { person, owner, parts, kinds, outcome: AccessOutcome::Shown }
    }
    /// Counts a recording (or an access) of a kind.
    pub(in crate::app) fn count(&mut self, kind: &str) {
        match self.kinds.get_mut(kind) {
            Some(count) => *count += 1,
            None => {
                self.kinds.insert(kind.to_owned(), 1);
            }
        }
    }
}

/// What an operator's command shows of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorAccess {
    /// Whose data.
    pub person: PersonId,
    /// The controller of it.
    pub owner: OrganisationCode,
    /// What of it.
    pub parts: BTreeSet<ShownPart>,
    /// How many recordings of each kind.
    pub kinds: BTreeMap<Kind, u64>,
}

/// The writer of accesses, with what it last knew of the log's health.
#[derive(Clone)]
pub(in crate::app) struct Recorder {
    writer: AccessWriter,
    health: Arc<AtomicU8>,
}

impl Recorder {
    pub(in crate::app) fn new(writer: AccessWriter) -> Self {
        Self { writer, health: Arc::new(AtomicU8::new(UNKNOWN)) }
    }

    async fn write(&self, accesses: Vec<NewAccess>) -> Result<(), AppError> {
        let written = self.writer.append(accesses).await;
        // A full queue says nothing about the log.
        if !written.as_ref().is_err_and(|error| matches!(**error, StoreError::Busy)) {
            self.health.store(if written.is_ok() { WRITTEN } else { FAILED }, Ordering::Relaxed);
        }
        written.map_err(AppError::AccessNotRecorded)
    }
}

/// Who asked, as accesses say it.
struct Asked<'a> {
    client: &'a str,
    caller: Option<&'a Caller>,
    purpose: Option<String>,
    operation: String,
    now: Timestamp,
}

impl<'a> Asked<'a> {
    fn by(caller: &'a Caller, now: Timestamp) -> Self {
        let operation = caller.request.as_ref().map_or("unknown", |request| request.operation.as_str()).to_owned();
        Self { client: &caller.client, caller: Some(caller), purpose: caller.purpose.clone(), operation, now }
    }
}

impl App {
    /// Records what an answer shows, and gives what lets it be shown once that is durable.
    ///
    /// # Errors
    /// [`AppError::AccessNotRecorded`]: then nothing may be shown.
    pub(in crate::app) async fn release(
        &self,
        caller: &Caller,
        through: Through,
        complete_to: Option<u64>,
        about: Vec<About>,
    ) -> Result<Released, AppError> {
        let asked = Asked::by(caller, self.clock.now());
        let mut accesses = Vec::with_capacity(about.len().max(1));
        // Who looks for somebody and finds nobody has asked all the same. A feed without news, or a recording that is not
        // there, says nothing about anybody.
        if about.is_empty() && matches!(through, Through::List | Through::Search | Through::Accesses) {
            accesses.push(self.access(&asked, &caller.organisation, through, complete_to, None)?);
        }
        for about in about {
            let owner = about.owner.clone();
            accesses.push(self.access(&asked, &owner, through, complete_to, Some(about))?);
        }
        if !accesses.is_empty() {
            self.recorder.write(accesses).await?;
        }
        Ok(Released(()))
    }

    /// Records that somebody listed accesses: what the answer shows is about readers as much as about those whose data it was,
    /// and a record for each of them would make the log feed on itself.
    pub(in crate::app) async fn release_accesses(&self, caller: &Caller, count: usize) -> Result<Released, AppError> {
        let asked = Asked::by(caller, self.clock.now());
        let mut access = reading_access(&asked, Through::Accesses, None, None);
        access.parts.insert(ShownPart::Accesses);
        access.kinds.insert("access".to_owned(), count as u64);
        let access = self.new_access(&asked, &caller.organisation, &access)?;
        self.recorder.write(vec![access]).await?;
        Ok(Released(()))
    }

    /// Records that a refusal names those who have an identifier: it answers what a search would.
    pub(in crate::app) async fn release_holders(&self, caller: &Caller, holders: &[StreamId]) -> Result<(), AppError> {
        let mut people: Vec<PersonId> = holders.iter().map(|holder| PersonId::from(*holder)).collect();
        people.sort_unstable();
        people.dedup();
        if people.is_empty() {
            return Ok(());
        }
        let about = |person| {
            let mut about = About::nothing_of(person, caller.organisation.clone());
            about.parts.insert(ShownPart::Identity);
            about.count(Kind::Person.as_str());
            about
        };
        self.release(caller, Through::Search, None, people.into_iter().map(about).collect()).await?;
        Ok(())
    }

    /// Records an attempt that failed after data was found. That the attempt fails is said by the caller; should its record
    /// fail as well, nothing was shown that had to be recorded.
    pub(in crate::app) async fn record_attempt(
        &self,
        caller: &Caller,
        through: Through,
        complete_to: Option<u64>,
        rows: &[Row],
        failure: &AppError,
    ) {
        let outcome = match failure {
            AppError::KeysUnavailable(_) => AccessOutcome::Unavailable,
            AppError::Tampered { .. } => AccessOutcome::Tampered,
            _ => return,
        };
        let mut about: BTreeMap<PersonId, About> = BTreeMap::new();
        for row in rows {
            let Some(person) = row.person() else { continue };
            let of = about.entry(person).or_insert_with(|| About::nothing_of(person, row.organisation.clone()));
            of.outcome = outcome;
            of.count(row.kind().as_str());
        }
        if let Err(error) = self.release(caller, through, complete_to, about.into_values().collect()).await {
            tracing::error!(%error, "an attempt to read that failed could not be recorded");
        }
    }

    /// Records what an operator's command is about to show: call it before, and show nothing if it fails.
    ///
    /// # Errors
    /// [`AppError::AccessNotRecorded`].
    pub async fn record_operator_access(
        &self,
        command: &str,
        purpose: Option<String>,
        complete_to: Option<u64>,
        shown: Vec<OperatorAccess>,
    ) -> Result<Released, AppError> {
        let asked =
            Asked { client: OPERATOR, caller: None, purpose, operation: command.to_owned(), now: self.clock.now() };
        let mut accesses = Vec::with_capacity(shown.len());
        for shown in shown {
            let OperatorAccess { person, owner, parts, kinds } = shown;
            let kinds = kinds.into_iter().map(|(kind, count)| (kind.as_str().to_owned(), count)).collect();
            let about = About { person, owner: owner.clone(), parts, kinds, outcome: AccessOutcome::Shown };
            accesses.push(self.access(&asked, &owner, Through::Command, complete_to, Some(about))?);
        }
        if !accesses.is_empty() {
            self.recorder.write(accesses).await?;
        }
        Ok(Released(()))
    }

    /// Records that an operator's command is about to show so many accesses to the data of each controller, to one person's or
    /// to everybody's: call it before, and show nothing if it fails.
    ///
    /// # Errors
    /// [`AppError::AccessNotRecorded`].
    pub(in crate::app) async fn record_operators_look_at_accesses(
        &self,
        command: &str,
        person: Option<PersonId>,
        shown: BTreeMap<OrganisationCode, u64>,
    ) -> Result<Released, AppError> {
        let operation = command.to_owned();
        let asked = Asked { client: OPERATOR, caller: None, purpose: None, operation, now: self.clock.now() };
        let mut accesses = Vec::with_capacity(shown.len());
        for (owner, count) in shown {
            let mut access = reading_access(&asked, Through::Accesses, None, person);
            access.organisation = owner.clone();
            access.parts.insert(ShownPart::Accesses);
            access.kinds.insert("access".to_owned(), count);
            accesses.push(self.new_access(&asked, &owner, &access)?);
        }
        if !accesses.is_empty() {
            self.recorder.write(accesses).await?;
        }
        Ok(Released(()))
    }

    fn access(
        &self,
        asked: &Asked<'_>,
        owner: &OrganisationCode,
        through: Through,
        complete_to: Option<u64>,
        about: Option<About>,
    ) -> Result<NewAccess, AppError> {
        let mut access = reading_access(asked, through, complete_to, about.as_ref().map(|about| about.person));
        if access.client == OPERATOR && asked.caller.is_none() {
            access.organisation = owner.clone();
        }
        if let Some(about) = about {
            (access.parts, access.kinds, access.outcome) = (about.parts, about.kinds, about.outcome);
        }
        self.new_access(asked, owner, &access)
    }

    fn new_access(
        &self,
        asked: &Asked<'_>,
        owner: &OrganisationCode,
        access: &ReadingAccess,
    ) -> Result<NewAccess, AppError> {
        let unwritable = |detail: String| AppError::CannotFollow { detail };
        let id = self.ids.event(asked.now);
        let salt = self.vault.fresh_salt();
        let facts = access.to_part().map_err(|error| unwritable(error.to_string()))?;
        let commitment = commit(&Salt::new(salt), &id, &PartName::FACTS, &facts);
        let facts = String::from_utf8(facts).map_err(|error| unwritable(error.to_string()))?;
        let stream = access.person.map_or_else(|| nobodys_stream(owner), StreamId::from);
        Ok(NewAccess { id, organisation: owner.clone(), stream, schema: SCHEMA, facts, salt, commitment })
    }

    /// How many answers wait for their accesses to be durable.
    #[must_use]
    pub fn accesses_waiting(&self) -> usize {
        self.recorder.writer.waiting()
    }

    /// Whether accesses can be written: as the last one could, or else by trying.
    pub(in crate::app) async fn check_accesses(&self) -> Result<(), AppError> {
        if self.recorder.health.load(Ordering::Relaxed) == WRITTEN {
            return Ok(());
        }
        self.store.check_access_writing().await.map_err(|error| AppError::AccessNotRecorded(Arc::new(error)))?;
        self.recorder.health.store(WRITTEN, Ordering::Relaxed);
        Ok(())
    }
}

/// Everything of an access but what was shown.
fn reading_access(
    asked: &Asked<'_>,
    through: Through,
    complete_to: Option<u64>,
    person: Option<PersonId>,
) -> ReadingAccess {
    let caller = asked.caller;
    ReadingAccess {
        client: asked.client.to_owned(),
        organisation: caller.map_or_else(OrganisationCode::reference, |caller| caller.organisation.clone()),
        user: caller.and_then(|caller| caller.user.clone()),
        role: caller.and_then(|caller| caller.role.clone()),
        purpose: asked.purpose.clone(),
        person,
        parts: BTreeSet::new(),
        kinds: BTreeMap::new(),
        through,
        operation: asked.operation.clone(),
        request: caller.and_then(|caller| caller.request.as_ref()).map(|request| request.id.clone()),
        complete_to,
        outcome: AccessOutcome::Shown,
    }
}

/// The stream of an organisation's answers about nobody: of its own, so that its numbers say nothing about others, and
/// the same for ever. Nobody's id is like it: those are UUIDs of version 4, this is one of version 8.
#[must_use]
pub(in crate::app) fn nobodys_stream(organisation: &OrganisationCode) -> StreamId {
    let digest = Sha256::new().chain_update(b"cairn-accesses/nobody\n").chain_update(organisation.as_str()).finalize();
    let bytes: [u8; 16] = std::array::from_fn(|at| digest.get(at).copied().unwrap_or_default());
    StreamId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_of_answers_about_nobody_is_each_organisations_own() {
        let of = |code: &str| nobodys_stream(&code.parse().unwrap());
        assert_eq!(of("RX1"), of("RX1"));
        assert_ne!(of("RX1"), of("RX2"));
        assert_eq!(of("RX1").0.get_version_num(), 8, "never somebody's id");
    }
}
