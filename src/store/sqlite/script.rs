//! Many rows in one call.
//!
//! Each call through the driver is a hop to SQLite's own thread and back, so all that an append writes goes as one script of
//! several statements. Rows stand in multi-row `VALUES`, filled up with empty rows to a power of two that are then left out:
//! a small family of texts, so that the statements stay prepared.

use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments, AssertSqlSafe, Encode, Sqlite, Type};
use std::sync::{Arc, OnceLock};

/// The most rows of one statement: 2^9. Fifteen columns of them stay below SQLite's limit of parameters.
const ROWS_MAX: usize = 512;
/// Statements exist for 2^0 … 2^9 rows.
const SIZES: usize = 10;

/// A statement about many rows: the fixed text before and after their values, and the number of columns. The first column is
/// never null.
pub(super) struct Table {
    before: &'static str,
    after: &'static str,
    columns: usize,
    statements: OnceLock<[Arc<str>; SIZES]>,
}

impl Table {
    /// An insert: `INSERT INTO table (columns) SELECT * FROM`.
    pub(super) const fn insert(before: &'static str, columns: usize) -> Self {
        Self::new(before, "WHERE column1 IS NOT NULL", columns)
    }

    /// Any statement that reads the rows as a table.
    pub(super) const fn new(before: &'static str, after: &'static str, columns: usize) -> Self {
        Self { before, after, columns, statements: OnceLock::new() }
    }

    fn statement(&self, size: usize) -> Option<&Arc<str>> {
        let statements = self.statements.get_or_init(|| {
            let row = format!("({})", vec!["?"; self.columns].join(","));
            std::array::from_fn(|size| {
                let rows = vec![row.as_str(); 1 << size].join(",");
                Arc::from(format!("{} (VALUES {rows}) {};", self.before, self.after))
            })
        });
        statements.get(size)
    }
}

/// Statements with their values, to be run in order in one call.
#[derive(Default)]
pub(super) struct Script {
    sql: String,
    arguments: SqliteArguments,
    failed: Option<BoxDynError>,
}

impl Script {
    /// Adds the next value.
    pub(super) fn add<T>(&mut self, value: T) -> &mut Self
    where
        T: for<'q> Encode<'q, Sqlite> + Type<Sqlite>,
    {
        if let Err(error) = self.arguments.add(value) {
            self.failed.get_or_insert(error);
        }
        self
    }

    /// Adds a statement whose values (`?` each) are added next.
    pub(super) fn statement(&mut self, sql: &'static str) -> &mut Self {
        self.sql.push_str(sql);
        self.sql.push(';');
        self
    }

    /// Adds a statement about rows in order; `values_of` adds the values of one row in column order.
    pub(super) fn rows<T>(&mut self, table: &'static Table, rows: &[T], values_of: impl Fn(&mut Self, &T)) {
        for chunk in rows.chunks(ROWS_MAX) {
            let padded = chunk.len().next_power_of_two();
            let size = usize::try_from(padded.ilog2()).unwrap_or(0);
            let Some(statement) = table.statement(size) else { continue };
            self.sql.push_str(statement);
            for row in chunk {
                values_of(self, row);
            }
            for _ in 0..(padded - chunk.len()) * table.columns {
                self.add(Option::<i64>::None);
            }
        }
    }

    /// Runs it.
    pub(super) async fn run(self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        if let Some(error) = self.failed {
            return Err(sqlx::Error::Encode(error));
        }
        if self.sql.is_empty() {
            return Ok(());
        }
        // The text is made of constants alone; every value is a parameter.
        sqlx::query_with::<Sqlite, _>(AssertSqlSafe(self.sql), self.arguments).execute(connection).await?;
        Ok(())
    }
}
