//! Executing an erasure: two events in one append. What it covers is written by the store, under the head's lock.

use crate::app::prepare::Frame;
use crate::app::rejected::refused_by_log;
use crate::app::{App, AppError, AsOf, Complete, Receipt, Seen, Stale};
use crate::domain::access::{Caller, Scope, allow};
use crate::domain::erasure::{Cover, Erasure, ErasureCommand, ErasureExecuted};
use crate::domain::event::{Decided, Facts, Header, Kind};
use crate::domain::ids::StreamId;
use crate::domain::refusal::Refusal;
use crate::domain::resource::{Command, Resource};
use crate::domain::time::LifeTime;
use crate::projections::Row;
use crate::store::lawful::KeyDestruction;
use crate::store::{Group, IdempotencyKey, NewAppend, Reach, Rejection};

/// A request to erase with what is known of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureShown {
    /// What the answer is complete to.
    pub complete_to: Complete,
    /// The request's version.
    pub version: u64,
    /// The request; `None` where the caller has this version and nothing is still to be done.
    pub seen: Option<Seen>,
    /// The keys that it committed to destroy; empty where it was not executed or destroyed none.
    pub keys: Vec<KeyDestruction>,
}

impl App {
    /// One request to erase, now or as it stood; `None` if there is none within reach. `has` says of a version whether the caller
    /// has it already.
    ///
    /// # Errors
    /// See [`AppError`].
    pub async fn erasure(
        &self,
        caller: &Caller,
        id: StreamId,
        as_of: Option<AsOf>,
        has: impl FnOnce(u64) -> bool + Send,
    ) -> Result<Option<ErasureShown>, AppError> {
        allow(caller, Scope::to_read(Kind::Erasure))?;
        let size = self.size_asked_for(as_of).await?;
        let (_, row) = self.reader.row(Reach::Organisation(caller.organisation.clone()), id, size).await?;
        let executed = match row.map(|row| row.resource) {
            Some(Resource::Erasure(erasure)) => erasure.executed,
            _ => None,
        };
        let keys = match executed {
            Some(position) => self.store.destructions_of(position).await?,
            None => Vec::new(),
        };
        // Keys are destroyed without a new version, so what is still to be done is always shown.
        let settled = keys.iter().all(|key| key.done_at.is_some());
        let found = self.find(caller, Kind::Erasure, id, as_of, |version| settled && has(version)).await?;
        Ok(found.map(|found| ErasureShown {
            complete_to: found.complete_to,
            version: found.version,
            seen: found.seen,
            keys,
        }))
    }

    /// Approves an erasure that another client asked for, which executes it: when this answers, the parts are gone, and the keys
    /// are destroyed or noted to be. A repeat under the same key answers as the first time.
    ///
    /// # Errors
    /// See [`AppError`]; nothing is erased unless the answer is a receipt, or the store says that it cannot know.
    pub async fn approve_erasure(
        &self,
        caller: &Caller,
        id: StreamId,
        if_match: u64,
        occurred_at: LifeTime,
        key: IdempotencyKey,
    ) -> Result<Receipt, AppError> {
        allow(caller, Scope::ErasuresApprove)?;
        if let Some(receipt) = self.kept(&key).await? {
            return receipt;
        }
        if occurred_at.is_after(self.now()) {
            return Err(Refusal::InTheFuture { pointer: "/occurred_at".to_owned() }.into());
        }
        let (_, row) = self.reader.row(Reach::Organisation(caller.organisation.clone()), id, None).await?;
        let not_found = AppError::NotFound { kind: Kind::Erasure };
        let row = row.filter(|row| row.kind() == Kind::Erasure).ok_or(not_found)?;
        if row.version != if_match {
            return Err(AppError::Stale(Stale { current: row.version }));
        }
        let items = self.approval(caller, &row, occurred_at, key).await?;
        let answers = self.writer.append(Group { atomic: true, items }).await?;
        // Of a group that is refused, the item that is to blame says why.
        let blamed = answers.iter().find_map(|answer| {
            answer.as_ref().err().filter(|rejection| **rejection != Rejection::GroupRejected).cloned()
        });
        if let Some(rejection) = blamed {
            return Err(refused_by_log(rejection, Kind::Erasure));
        }
        let first = answers.into_iter().next().and_then(Result::ok);
        let first = first.ok_or_else(|| AppError::CannotFollow { detail: "the writer gave no answer".to_owned() })?;
        if let Some(person) = row.person() {
            self.known.births.forget(&person);
        }
        self.known.briefs.clear();
        self.try_to_destroy_erased_keys().await;
        Ok(first.into())
    }

    /// The two events of an approval.
    async fn approval(
        &self,
        caller: &Caller,
        row: &Row,
        occurred_at: LifeTime,
        key: IdempotencyKey,
    ) -> Result<Vec<NewAppend>, AppError> {
        let Resource::Erasure(erasure) = &row.resource else {
            return Err(AppError::NotFound { kind: Kind::Erasure });
        };
        let now = self.now();
        let received = self.recipients_of(&caller.organisation, erasure.facts.person).await?;
        let command = Command::Erasure(ErasureCommand::Approve {
            by: caller.client.clone(),
            recipients: received.recipients,
            reads_included: received.reads_included,
        });
        let decided = command.decide(Some(&row.resource), row.id, now)?;
        let header =
            Header { occurred_at, client: caller.client.clone(), purpose: caller.purpose.clone(), source_system: None };
        let frame = |stream, version, key| Frame {
            organisation: &caller.organisation,
            stream,
            version,
            person: Some(erasure.facts.person),
            header: header.clone(),
            source: None,
            identifiers: &[],
            key,
        };
        let approved = self.seal(decided, frame(row.id, row.version + 1, Some(key)), now).await?;
        let facts = Facts::ErasureExecuted(executed(erasure, row.id));
        let executed = Decided { facts, personal: Vec::new() };
        // Its version is the store's to say, with what it covers.
        let executed = self.seal(executed, frame(erasure.facts.person.into(), 1, None), now).await?;
        // It is not recorded on the person but changes what can be: nothing that was erased before stands in its way.
        Ok(vec![approved, NewAppend { about: None, ..executed }])
    }
}

/// What an erasure says, but for what it covers: that is what the person has when it is appended, or the one narrative.
fn executed(erasure: &Erasure, request: StreamId) -> ErasureExecuted {
    let narrative = erasure.facts.narrative.map(|id| Cover { stream: id.into(), through_version: 0 });
    ErasureExecuted {
        classes: erasure.facts.scope.classes().to_vec(),
        covers: narrative.into_iter().collect(),
        legal_basis: erasure.facts.legal_basis,
        request,
        subject: erasure.facts.person,
    }
}
