//! What can go wrong in a store, by what somebody can do about it.

/// A failure of the store. `Display` says what failed, `source` why; never repeats personal text.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, or refused an operation for now; nothing of the operation is in the log unless
    /// `outcome_unknown` says that the answer to a commit was lost.
    #[error("the database is not available during {operation}")]
    Unavailable {
        /// What was being done.
        operation: &'static str,
        /// Whether the commit may have happened: only a repeat with the same idempotency key can tell.
        outcome_unknown: bool,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// There is no space left for the database.
    #[error("the database has no space left during {operation}")]
    Full {
        /// What was being done.
        operation: &'static str,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// What is stored cannot be right.
    #[error("the store is corrupt at position {position}: {detail}")]
    Corrupt {
        /// Where.
        position: u64,
        /// What was found.
        detail: String,
    },
    /// The writer has stopped: the service is shutting down, or its task died.
    #[error("the writer has stopped")]
    Stopped,
    /// More is waiting than the writer's queue may hold.
    #[error("the writer's queue is full")]
    Busy,
    /// The database is not set up as Cairn needs it.
    #[error("{problem}; {remedy}")]
    NotReady {
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: String,
    },
}

impl StoreError {
    /// Sorts a driver's error by what can be done about it.
    pub(super) fn during(operation: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |source| {
            let code =
                source.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default().into_owned();
            // SQLITE_FULL is 13; PostgreSQL says disk_full 53100.
            if code == "13" || code == "53100" {
                return Self::Full { operation, source };
            }
            Self::Unavailable { operation, outcome_unknown: false, source }
        }
    }
    /// The same for a commit, whose answer may be lost after it happened.
    pub(super) fn during_commit(source: sqlx::Error) -> Self {
        match Self::during("commit")(source) {
            Self::Unavailable { operation, source, .. } => {
                let outcome_unknown = source.as_database_error().is_none();
                Self::Unavailable { operation, outcome_unknown, source }
            }
            other => other,
        }
    }
    /// For rows that were being rebuilt and are no longer all there.
    pub(super) fn swept_away() -> Self {
        Self::NotReady {
            problem: "the rows that were rebuilt are not complete: another rebuild began meanwhile".to_owned(),
            remedy: "let the other finish, or rebuild again; the rows in use are as they were".to_owned(),
        }
    }
}
