//! Many rows in few statements.
//!
//! Each call through the driver is a hop to SQLite's own thread, so rows go in as multi-row `VALUES` of 64, 32 … 1 rows:
//! a fixed, small family of statements for each table, so that all of them stay prepared.

use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments, AssertSqlSafe, Encode, Sqlite, Type};
use std::sync::{Arc, OnceLock};

/// Statements exist for 2^0 … 2^6 rows.
const SIZES: usize = 7;

/// A table to insert into: the fixed text before the values and the number of columns.
pub(super) struct Table {
    prefix: &'static str,
    columns: usize,
    statements: OnceLock<[Arc<str>; SIZES]>,
}

impl Table {
    pub(super) const fn new(prefix: &'static str, columns: usize) -> Self {
        Self { prefix, columns, statements: OnceLock::new() }
    }

    fn statement(&self, size: usize) -> Option<Arc<str>> {
        let statements = self.statements.get_or_init(|| {
            let row = format!("({})", vec!["?"; self.columns].join(", "));
            std::array::from_fn(|size| {
                let rows = vec![row.as_str(); 1 << size].join(", ");
                Arc::from(format!("{} VALUES {rows}", self.prefix))
            })
        });
        statements.get(size).cloned()
    }
}

/// Collects the values of a row in column order.
pub(super) struct Values {
    arguments: SqliteArguments,
    failed: Option<BoxDynError>,
}

impl Values {
    /// Adds the next column.
    pub(super) fn add<T>(&mut self, value: T) -> &mut Self
    where
        T: for<'q> Encode<'q, Sqlite> + Type<Sqlite>,
    {
        if let Err(error) = self.arguments.add(value) {
            self.failed.get_or_insert(error);
        }
        self
    }
}

/// Inserts rows in order.
pub(super) async fn insert<T>(
    connection: &mut SqliteConnection,
    table: &'static Table,
    rows: &[T],
    values_of: impl Fn(&mut Values, &T),
) -> Result<(), sqlx::Error> {
    let mut rest = rows;
    while !rest.is_empty() {
        let size = (SIZES - 1).min(usize::try_from(rest.len().ilog2()).unwrap_or(0));
        let (chunk, after) = rest.split_at(1 << size);
        rest = after;
        let mut values = Values { arguments: SqliteArguments::default(), failed: None };
        for row in chunk {
            values_of(&mut values, row);
        }
        if let Some(error) = values.failed {
            return Err(sqlx::Error::Encode(error));
        }
        let Some(statement) = table.statement(size) else { continue };
        sqlx::query_with::<Sqlite, _>(AssertSqlSafe(statement), values.arguments).execute(&mut *connection).await?;
    }
    Ok(())
}
