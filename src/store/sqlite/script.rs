//! Many rows in few calls.
//!
//! Each call through the driver is a hop to SQLite's own thread and back, so what a small append writes goes as one script
//! of several statements; where there are many rows, each statement goes by itself, because a script is prepared whole
//! and kept for each combination of sizes that ever occurs. Rows stand in multi-row `VALUES`, filled up with empty rows to
//! a power of two that are then left out: a small family of texts, so that the statements stay prepared.

use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments, AssertSqlSafe, Encode, Sqlite, Type};
use std::sync::{Arc, OnceLock};

/// The most rows of one statement: 2^9. Fifteen columns of them stay below SQLite's limit of parameters.
const ROWS_MAX: usize = 512;
/// A statement of more rows than this goes by itself.
const ROWS_TOGETHER: usize = 16;
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

/// Statements with their values, to be run in order.
#[derive(Default)]
pub(super) struct Script {
    calls: Vec<Call>,
    failed: Option<BoxDynError>,
}

/// What goes to the database at once.
#[derive(Default)]
struct Call {
    sql: String,
    arguments: SqliteArguments,
    /// Whether nothing may be added to it.
    alone: bool,
}

impl Script {
    /// The call that takes the next statement.
    fn call(&mut self, alone: bool) -> &mut Call {
        if alone || self.calls.last().is_none_or(|last| last.alone) {
            self.calls.push(Call { alone, ..Call::default() });
        }
        let last = self.calls.len() - 1;
        &mut self.calls[last]
    }

    /// Adds the next value.
    pub(super) fn add<T>(&mut self, value: T) -> &mut Self
    where
        T: for<'q> Encode<'q, Sqlite> + Type<Sqlite>,
    {
        if let Some(call) = self.calls.last_mut()
            && let Err(error) = call.arguments.add(value)
        {
            self.failed.get_or_insert(error);
        }
        self
    }

    /// Adds a statement whose values (`?` each) are added next.
    pub(super) fn statement(&mut self, sql: &'static str) -> &mut Self {
        let call = self.call(false);
        call.sql.push_str(sql);
        call.sql.push(';');
        self
    }

    /// Adds a statement about rows in order; `values_of` adds the values of one row in column order.
    pub(super) fn rows<T>(&mut self, table: &'static Table, rows: &[T], values_of: impl Fn(&mut Self, &T)) {
        for chunk in rows.chunks(ROWS_MAX) {
            let padded = chunk.len().next_power_of_two();
            let size = usize::try_from(padded.ilog2()).unwrap_or(0);
            let Some(statement) = table.statement(size) else { continue };
            self.call(padded > ROWS_TOGETHER).sql.push_str(statement);
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
        for call in self.calls {
            // The text is made of constants alone; every value is a parameter.
            sqlx::query_with::<Sqlite, _>(AssertSqlSafe(call.sql), call.arguments).execute(&mut *connection).await?;
        }
        Ok(())
    }
}
