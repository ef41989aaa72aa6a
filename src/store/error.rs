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
                let outcome_unknown = !is_undone(&source);
                Self::Unavailable { operation, outcome_unknown, source }
            }
            other => other,
        }
    }
    /// For an embedded database whose file is no longer where it was opened: whatever is written is lost at the next start.
    pub(super) fn moved() -> Self {
        Self::NotReady {
            problem:
                "the file of the database, or its write-ahead log, was deleted, moved or replaced while it was in use"
                    .to_owned(),
            remedy: "put the same file back, or stop and restore it from a backup".to_owned(),
        }
    }
    /// Whether reading the head failed because of what it holds, or because it is not there: the database itself answers.
    pub(super) const fn is_about_the_head(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::Unavailable { source: sqlx::Error::RowNotFound, .. })
    }
    /// For a store with events and without rows, as a restoration that was broken off leaves it: everything would seem to be
    /// absent.
    pub(super) fn without_rows() -> Self {
        Self::NotReady {
            problem: "there are events and no rows of them".to_owned(),
            remedy: "if a restoration or a move was broken off, run it again; else run `cairn rebuild`".to_owned(),
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

/// Whether a commit that failed so has certainly not happened. A connection that broke says nothing about it, nor does a
/// server that says it is going away (57P01, 57P02): it may say so after the commit, before its answer. Whatever is not
/// known to come before counts as unknown, too: a repeat with the same key does no harm, a false "not done" may.
fn is_undone(error: &sqlx::Error) -> bool {
    let Some(code) = error.as_database_error().and_then(sqlx::error::DatabaseError::code) else { return false };
    match code.parse::<u32>() {
        // SQLite writes numbers, of which the low byte tells the kind: BUSY, LOCKED, READONLY, FULL, CONSTRAINT. Not
        // IOERR, after which the commit may stand in the file.
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 5 | 6 | 8 | 13 | 19),
        // SQLSTATE: a constraint, a transaction in the wrong state, one that was rolled back; 40003 is "unknown" itself.
        _ => (code.starts_with("23") || code.starts_with("25") || code.starts_with("40")) && code != "40003",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::error::{DatabaseError, ErrorKind};
    use std::borrow::Cow;

    /// A database's error of which only the code is known.
    #[derive(Debug, thiserror::Error)]
    #[error("the database said {0}")]
    struct Said(&'static str);

    impl DatabaseError for Said {
        fn message(&self) -> &str {
            self.0
        }
        fn code(&self) -> Option<Cow<'_, str>> {
            Some(Cow::Borrowed(self.0))
        }
        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
        fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
            self
        }
        fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
            self
        }
        fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
            self
        }
    }

    fn is_unknown(source: sqlx::Error) -> bool {
        match StoreError::during_commit(source) {
            StoreError::Unavailable { outcome_unknown, .. } => outcome_unknown,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_commit_is_not_done_only_where_the_database_must_have_said_so_before() {
        for code in ["23505", "25P03", "25006", "40001", "40P01", "5", "6", "8", "19", "2067"] {
            assert!(!is_unknown(sqlx::Error::Database(Box::new(Said(code)))), "{code}");
        }
        // Going away, crashed, a broken connection, cancelled, internal; SQLite's IOERR and IOERR_FSYNC, INTERRUPT.
        for code in ["57P01", "57P02", "57P03", "08006", "08007", "40003", "57014", "XX000", "10", "1034", "9"] {
            assert!(is_unknown(sqlx::Error::Database(Box::new(Said(code)))), "{code}");
        }
        assert!(is_unknown(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into())));
        assert!(is_unknown(sqlx::Error::WorkerCrashed));
        for code in ["13", "53100"] {
            let full = StoreError::during_commit(sqlx::Error::Database(Box::new(Said(code))));
            assert!(matches!(full, StoreError::Full { .. }), "{code}");
        }
    }
}
