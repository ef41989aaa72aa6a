//! Reading and filling the tables of a SQLite file.

use super::sql::{self, Dialect};
use super::taking::{ROWS_AT_ONCE, Taking};
use super::{Asked, Filling, Gathering, Giving, Item, Kind, Row, Source, Table, TransferError, Value};
use futures::TryStreamExt;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, Sqlite};
use std::path::Path;
use std::time::Duration;

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const DIALECT: Dialect = Dialect {
    read: |column, _| column.to_owned(),
    order: |column, _| column.to_owned(),
    parameter: |number| format!("?{number}"),
};

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).create_if_missing(false).busy_timeout(BUSY_TIMEOUT)
}

pub(super) async fn read(path: &Path, tables: &'static [Table]) -> Result<Source, TransferError> {
    let failed = || TransferError::database("open the file");
    let mut connection = options(path).read_only(true).connect().await.map_err(failed())?;
    // A transaction sees what was there when it first looked, so it looks at once.
    sqlx::query("BEGIN").execute(&mut connection).await.map_err(failed())?;
    sqlx::query("SELECT COUNT(*) FROM sqlite_schema").execute(&mut connection).await.map_err(failed())?;
    Ok(Source::start(|giving| give(connection, tables, giving)))
}

async fn give(mut connection: SqliteConnection, tables: &'static [Table], giving: Giving) -> Result<(), TransferError> {
    for table in tables {
        let failed = || TransferError::database(format!("read {}", table.name));
        if !giving.give(Item::Table(table.name.to_owned())).await {
            return Ok(());
        }
        let select = sql::select(table, &DIALECT);
        let mut rows = sqlx::query(AssertSqlSafe(select)).fetch(&mut connection);
        let mut gathering = Gathering::default();
        while let Some(row) = rows.try_next().await.map_err(failed())? {
            let row = values(&row, table).map_err(failed())?;
            if let Some(rows) = gathering.add(row)
                && !giving.give(Item::Rows(rows)).await
            {
                return Ok(());
            }
        }
        drop(rows);
        let rest = gathering.take();
        if !rest.is_empty() && !giving.give(Item::Rows(rest)).await {
            return Ok(());
        }
    }
    connection.close().await.map_err(TransferError::database("close the file"))
}

fn values(row: &SqliteRow, table: &Table) -> Result<Row, sqlx::Error> {
    let value = |(at, (_, kind)): (usize, &(&str, Kind))| {
        Ok(match kind {
            Kind::Integer => row.try_get::<Option<i64>, _>(at)?.map_or(Value::Null, Value::Integer),
            Kind::Text => row.try_get::<Option<String>, _>(at)?.map_or(Value::Null, Value::Text),
            Kind::Bytes | Kind::Uuid => row.try_get::<Option<Vec<u8>>, _>(at)?.map_or(Value::Null, Value::Bytes),
        })
    };
    table.columns.iter().enumerate().map(value).collect()
}

pub(super) async fn first_filled(path: &Path, tables: &'static [Table]) -> Result<Option<&'static str>, TransferError> {
    let failed = || TransferError::database("look whether it is empty");
    let mut connection = options(path).read_only(true).connect().await.map_err(failed())?;
    let found = filled(&mut connection, tables).await;
    connection.close().await.map_err(failed())?;
    found
}

async fn filled(
    connection: &mut SqliteConnection,
    tables: &'static [Table],
) -> Result<Option<&'static str>, TransferError> {
    for table in tables.iter().filter(|table| table.filling == Filling::Rows) {
        let there: bool = sqlx::query_scalar(AssertSqlSafe(sql::exists(table)))
            .fetch_one(&mut *connection)
            .await
            .map_err(TransferError::database("look whether it is empty"))?;
        if there {
            return Ok(Some(table.name));
        }
    }
    Ok(None)
}

pub(super) async fn load(
    path: &Path,
    tables: &'static [Table],
    mut source: Source,
    told: &mut Asked<'_>,
) -> Result<(), TransferError> {
    let failed = |doing: &'static str| TransferError::database(doing);
    let mut connection = options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("secure_delete", "ON")
        .connect()
        .await
        .map_err(failed("open the file"))?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed("begin"))?;
    if let Some(table) = filled(&mut transaction, tables).await? {
        return Err(TransferError::NotEmpty { table });
    }
    let mut taking = Taking::new(tables);
    while let Some(item) = source.next().await {
        if let Some((table, rows)) = taking.take(item?)? {
            told(table, &rows)?;
            for rows in rows.chunks(ROWS_AT_ONCE) {
                insert(&mut transaction, table, sql::insert(table, rows.len(), &DIALECT), rows).await?;
            }
        }
    }
    for (table, row) in taking.finish()? {
        told(table, std::slice::from_ref(&row))?;
        insert(&mut transaction, table, sql::set(table, &DIALECT), std::slice::from_ref(&row)).await?;
    }
    transaction.commit().await.map_err(failed("commit"))?;
    // All of it is in the write-ahead log still; a reader elsewhere may hold this back, and later ones do it then.
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await.map_err(failed("tidy up"))?;
    connection.close().await.map_err(failed("close the file"))
}

async fn insert(
    connection: &mut SqliteConnection,
    table: &'static Table,
    statement: String,
    rows: &[Row],
) -> Result<(), TransferError> {
    let failed = || TransferError::database(format!("fill {}", table.name));
    let mut query = sqlx::query::<Sqlite>(AssertSqlSafe(statement));
    for value in rows.iter().flatten() {
        query = match value.clone() {
            Value::Null => query.bind(None::<i64>),
            Value::Integer(number) => query.bind(number),
            Value::Text(text) => query.bind(text),
            Value::Bytes(bytes) => query.bind(bytes),
        };
    }
    query.execute(connection).await.map_err(failed())?;
    Ok(())
}
