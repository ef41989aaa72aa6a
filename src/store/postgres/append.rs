//! One append: lock the head, read what the plan wants, plan, write, commit. Five statements, one after the other, because each
//! is a journey to the server and back.

use crate::domain::time::Timestamp;
use crate::ledger::Frontier;
use crate::patience::{NoAnswer, is_no_answer, within};
use crate::store::lawful::{complete, effects, erased_person};
use crate::store::plan::{plan, wanted};
use crate::store::postgres::known::read_known;
use crate::store::postgres::lawful::{read_held, run_effect};
use crate::store::postgres::write::write;
use crate::store::postgres::{APPEND_LIMIT, BEGIN, PgStore};
use crate::store::stored::to_position;
use crate::store::{Appended, Group, Head, Rejection, StoreError, raise};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Postgres, Row as _, SqlSafeStr as _, Transaction};

// A statement of its own: what the next one reads must be as of a moment after the lock was had, and a statement that
// waits for a lock reads as of the moment when it began.
const LOCK_HEAD: &str = "SELECT size, recorded_at, generation, frontier FROM log_head WHERE one = 1 FOR UPDATE";

impl PgStore {
    pub(super) async fn append_groups(
        &self,
        groups: &[Group],
        now: Timestamp,
    ) -> Result<Vec<Vec<Result<Appended, Rejection>>>, StoreError> {
        match self.append_once(groups, now).await {
            // The connection died before anything was sent to commit: a fresh one may do.
            Err(StoreError::Unavailable { outcome_unknown: false, source, .. }) if is_lost(&source) => {
                self.append_once(groups, now).await
            }
            answer => answer,
        }
    }

    async fn append_once(
        &self,
        groups: &[Group],
        now: Timestamp,
    ) -> Result<Vec<Vec<Result<Appended, Rejection>>>, StoreError> {
        let no_answer = |error: NoAnswer| sqlx::Error::Io(error.into());
        let (transaction, uncommitted) = within(APPEND_LIMIT, self.write_uncommitted(groups, now))
            .await
            .map_err(|error| StoreError::during("an append")(no_answer(error)))??;
        // Without an answer from here on nobody knows whether it happened, and only a repeat can tell.
        let size = uncommitted.size;
        let ending = async { if size.is_none() { transaction.rollback().await } else { transaction.commit().await } };
        within(APPEND_LIMIT, ending).await.unwrap_or_else(|error| Err(no_answer(error))).map_err(|error| {
            if size.is_none() { StoreError::during("end an append")(error) } else { StoreError::during_commit(error) }
        })?;
        if let Some(size) = size {
            raise(&self.size, size);
        }
        Ok(uncommitted.answers)
    }

    /// All of an append but its commit.
    async fn write_uncommitted(
        &self,
        groups: &[Group],
        now: Timestamp,
    ) -> Result<(Transaction<'static, Postgres>, Uncommitted), StoreError> {
        let mut transaction =
            self.writing.begin_with(BEGIN.into_sql_str()).await.map_err(StoreError::during("begin an append"))?;
        let head = lock_head(&mut transaction).await?;
        let known = read_known(&mut transaction, &wanted(groups), head.generation).await?;
        let held = match erased_person(groups) {
            Some((organisation, person)) => read_held(&mut transaction, organisation, person).await?,
            None => Vec::new(),
        };
        let groups = complete(groups, &held)?;
        let planned = plan(&groups, &head, known, now)?;
        if planned.events.is_empty() {
            return Ok((transaction, Uncommitted { size: None, answers: planned.answers }));
        }
        write(&mut transaction, &planned).await?;
        for (effect, organisation) in effects(&planned) {
            run_effect(&mut transaction, &effect, &held, organisation).await?;
        }
        Ok((transaction, Uncommitted { size: Some(planned.head.size), answers: planned.answers }))
    }
}

/// What an append is about to commit.
struct Uncommitted {
    /// The log's size afterwards; `None` where there is nothing to commit.
    size: Option<u64>,
    answers: Vec<Vec<Result<Appended, Rejection>>>,
}

/// Whether a connection was found dead, or the database said that it is going away.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        // One that says nothing is not known to be dead, and asking another would take as long again.
        sqlx::Error::Io(error) => !is_no_answer(error),
        // 57P01 admin_shutdown, 57P02 crash_shutdown, 57P05 and 25P03: idle for too long, also within a transaction;
        // 40001, 40P01: serialisation, deadlock.
        sqlx::Error::Database(error) => {
            matches!(error.code().as_deref(), Some("57P01" | "57P02" | "57P05" | "25P03" | "40001" | "40P01"))
        }
        _ => false,
    }
}

pub(super) async fn lock_head(connection: &mut PgConnection) -> Result<Head, StoreError> {
    let row = sqlx::query(LOCK_HEAD).fetch_one(connection).await.map_err(StoreError::during("lock the head"))?;
    full_head(&row)
}

pub(super) fn full_head(row: &PgRow) -> Result<Head, StoreError> {
    let failed = StoreError::during("read the head");
    let frontier: Vec<u8> = row.try_get(3).map_err(&failed)?;
    let size = to_position(row.try_get(0).map_err(&failed)?)?;
    let frontier = Frontier::from_bytes(&frontier).map_err(|error| StoreError::Corrupt {
        position: size,
        detail: format!("the tree's edge cannot be read: {error}"),
    })?;
    if frontier.size() != size {
        return Err(StoreError::Corrupt { position: size, detail: "the tree and the log differ in size".to_owned() });
    }
    Ok(Head {
        size,
        recorded_at: Timestamp::from_micros(row.try_get(1).map_err(&failed)?),
        generation: generation_of(row.try_get(2).map_err(&failed)?)?,
        frontier: Some(frontier),
    })
}

pub(super) fn generation_of(stored: i32) -> Result<u32, StoreError> {
    u32::try_from(stored)
        .map_err(|_| StoreError::Corrupt { position: 0, detail: "the rows' generation is negative".to_owned() })
}

pub(super) fn generation_to(generation: u32) -> i32 {
    i32::try_from(generation).unwrap_or(i32::MAX)
}
