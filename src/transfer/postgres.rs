//! Reading and filling the tables of a PostgreSQL database.

use super::sql::{self, Dialect};
use super::taking::{ROWS_AT_ONCE, Taking};
use super::{Asked, Filling, Gathering, Giving, Item, Kind, Row, Source, Table, TransferError, Value};
use futures::TryStreamExt;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Postgres, Row as _};
use uuid::Uuid;

const DIALECT: Dialect = Dialect {
    read: |column, kind| if kind == Kind::Integer { format!("{column}::bigint") } else { column.to_owned() },
    // By their bytes, as SQLite orders texts, whatever the database's collation is.
    order: |column, kind| if kind == Kind::Text { format!("{column} COLLATE \"C\"") } else { column.to_owned() },
    parameter: |number| format!("${number}"),
};
/// One look at everything: each statement sees what was there at the first.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// A transaction that others do not come between, whatever the database's default is.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

async fn connect(url: &str) -> Result<PgConnection, TransferError> {
    // The parser's error may quote the URL, which may hold a password: it is left out.
    let options: PgConnectOptions =
        url.parse().map_err(|_| TransferError::Unfit("the database URL cannot be read".to_owned()))?;
    let options = options.application_name("cairn transfer").disable_statement_logging();
    options.connect().await.map_err(TransferError::database("connect"))
}

pub(super) async fn read(url: &str, tables: &'static [Table]) -> Result<Source, TransferError> {
    let mut connection = connect(url).await?;
    let failed = || TransferError::database("begin to read");
    sqlx::query(SNAPSHOT).execute(&mut connection).await.map_err(failed())?;
    // The look is taken by the first statement and not by BEGIN.
    sqlx::query("SELECT COUNT(*) FROM pg_catalog.pg_namespace").execute(&mut connection).await.map_err(failed())?;
    Ok(Source::start(|giving| give(connection, tables, giving)))
}

async fn give(mut connection: PgConnection, tables: &'static [Table], giving: Giving) -> Result<(), TransferError> {
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
    connection.close().await.map_err(TransferError::database("disconnect"))
}

fn values(row: &PgRow, table: &Table) -> Result<Row, sqlx::Error> {
    let value = |(at, (_, kind)): (usize, &(&str, Kind))| {
        Ok(match kind {
            Kind::Integer => row.try_get::<Option<i64>, _>(at)?.map_or(Value::Null, Value::Integer),
            Kind::Text => row.try_get::<Option<String>, _>(at)?.map_or(Value::Null, Value::Text),
            Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(at)?.map_or(Value::Null, Value::Bytes),
            Kind::Uuid => {
                row.try_get::<Option<Uuid>, _>(at)?.map_or(Value::Null, |id| Value::Bytes(id.as_bytes().to_vec()))
            }
        })
    };
    table.columns.iter().enumerate().map(value).collect()
}

pub(super) async fn first_filled(url: &str, tables: &'static [Table]) -> Result<Option<&'static str>, TransferError> {
    let failed = || TransferError::database("look whether it is empty");
    let mut connection = connect(url).await?;
    let found = filled(&mut connection, tables).await;
    connection.close().await.map_err(failed())?;
    found
}

async fn filled(
    connection: &mut PgConnection,
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
    url: &str,
    tables: &'static [Table],
    mut source: Source,
    told: &mut Asked<'_>,
) -> Result<(), TransferError> {
    let failed = |doing: &'static str| TransferError::database(doing);
    let mut connection = connect(url).await?;
    let mut transaction = connection.begin_with(BEGIN).await.map_err(failed("begin"))?;
    // Whoever would append waits until it is decided.
    for table in tables.iter().filter(|table| table.filling == Filling::OneRow) {
        let lock = format!("SELECT one FROM {} FOR UPDATE", table.name);
        sqlx::query(AssertSqlSafe(lock)).execute(&mut *transaction).await.map_err(failed("lock"))?;
    }
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
    connection.close().await.map_err(failed("disconnect"))
}

async fn insert(
    connection: &mut PgConnection,
    table: &'static Table,
    statement: String,
    rows: &[Row],
) -> Result<(), TransferError> {
    let failed = || TransferError::database(format!("fill {}", table.name));
    let mut query = sqlx::query::<Postgres>(AssertSqlSafe(statement));
    for (value, (_, kind)) in rows.iter().flat_map(|row| row.iter().zip(table.columns)) {
        query = match (kind, value.clone()) {
            (Kind::Integer, Value::Integer(number)) => query.bind(number),
            (Kind::Text, Value::Text(text)) => query.bind(text),
            (Kind::Bytes, Value::Bytes(bytes)) => query.bind(bytes),
            (Kind::Uuid, Value::Bytes(bytes)) => {
                let id = Uuid::from_slice(&bytes);
                query.bind(id.map_err(|_| TransferError::Unfit(format!("a row of {} has no UUID", table.name)))?)
            }
            (Kind::Integer, Value::Null) => query.bind(None::<i64>),
            (Kind::Text, Value::Null) => query.bind(None::<String>),
            (Kind::Bytes, Value::Null) => query.bind(None::<Vec<u8>>),
            (Kind::Uuid, Value::Null) => query.bind(None::<Uuid>),
            _ => return Err(TransferError::Unfit(format!("a row of {} has values of other kinds", table.name))),
        };
    }
    query.execute(connection).await.map_err(failed())?;
    Ok(())
}
