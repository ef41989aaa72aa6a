//! Tables on their way: from a consistent look at one database into a file, from a file into an empty database, or from one
//! database into the other kind.
//!
//! What is copied is a list of tables with their columns, which their owner (`store`, `vault`) states once and for both
//! databases; SQL is made of it for each. Rows travel in the order of their keys, a bounded number at a time. Knows nobody: what a
//! table means, its owner knows. The form in a file is in [`file`].

mod compare;
pub mod file;
mod postgres;
mod row;
mod sql;
mod sqlite;
mod taking;

pub use compare::{Difference, compare};
pub use file::{Contents, FileHead, open_file, verify_file, write_file};

use std::error::Error;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Rows that travel together, at most.
const ROWS_MAX: usize = 256;
/// Bytes after which no more rows are taken together.
const BYTES_MAX: usize = 1024 * 1024;
/// Groups of rows that may be under way at once.
const UNDER_WAY: usize = 4;

/// What a column holds, whatever a database calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number of 64 bits.
    Integer,
    /// A text.
    Text,
    /// Bytes.
    Bytes,
    /// Sixteen bytes that PostgreSQL keeps as `uuid`.
    Uuid,
}

/// How a table is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filling {
    /// Its rows are inserted.
    Rows,
    /// It has one row from the beginning (`one = 1`), which is set when everything else is there.
    OneRow,
}

/// A table that is copied.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns that are copied.
    pub columns: &'static [(&'static str, Kind)],
    /// The columns of its key, in whose order the rows travel.
    pub key: &'static [&'static str],
    /// Which rows, as a condition in SQL that both databases take.
    pub only: Option<&'static str>,
    /// How it is filled.
    pub filling: Filling,
    /// Columns that are not copied, because each database makes them by itself.
    pub derived: &'static [&'static str],
}

/// A value of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A number.
    Integer(i64),
    /// A text.
    Text(String),
    /// Bytes, also those of a UUID.
    Bytes(Vec<u8>),
}

/// The values of a row, in the order of its table's columns.
pub type Row = Vec<Value>;

/// What comes out of a source, table by table.
#[derive(Debug)]
pub enum Item {
    /// A table begins; its name.
    Table(String),
    /// Rows of the table that began last.
    Rows(Vec<Row>),
}

/// Why a transfer failed. Never shows a value.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// A database failed.
    #[error("the database failed to {doing}")]
    Database {
        /// What was being done.
        doing: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The file system refused.
    #[error("the file {path} cannot be {done}")]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        done: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what was written.
    #[error("the file {path} is damaged: {detail}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// A file is whole and something else than what is looked for.
    #[error("the file {path} {detail}")]
    Other {
        /// The file.
        path: PathBuf,
        /// What it is.
        detail: String,
    },
    /// The tables of a source are not those that are to be filled.
    #[error("{0}")]
    Unfit(String),
    /// The database is not empty.
    #[error("{table} of the target is not empty")]
    NotEmpty {
        /// Where something is.
        table: &'static str,
    },
    /// Somebody who was asked about each row said no.
    #[error("the rows do not belong together")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
}

impl TransferError {
    fn database(doing: impl Into<String>) -> impl FnOnce(sqlx::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Database { doing, source }
    }

    fn file(path: &Path, done: &'static str) -> impl Fn(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path: path.clone(), done, source }
    }
}

/// Somebody who is asked about rows before they are inserted, and may say no.
pub type Asked<'a> = dyn FnMut(&'static Table, &[Row]) -> Result<(), TransferError> + Send + 'a;

/// Tables on their way out of a database or a file. Whoever drops it ends the reading.
#[derive(Debug)]
pub struct Source {
    items: mpsc::Receiver<Result<Item, TransferError>>,
    reading: JoinHandle<()>,
}

impl Source {
    /// A source whose items another one's are made into.
    #[must_use]
    pub fn made_of(
        mut source: Self,
        mut change: impl FnMut(Item) -> Result<Vec<Item>, TransferError> + Send + 'static,
    ) -> Self {
        Self::start(|giving| async move {
            while let Some(item) = source.next().await {
                for item in change(item?)? {
                    if !giving.give(item).await {
                        return Ok(());
                    }
                }
            }
            Ok(())
        })
    }

    /// Starts a task that gives what it reads, as far as there is room.
    fn start<F, Reading>(read: F) -> Self
    where
        F: FnOnce(Giving) -> Reading,
        Reading: Future<Output = Result<(), TransferError>> + Send + 'static,
    {
        let (sender, items) = mpsc::channel(UNDER_WAY);
        let giving = Giving { sender: sender.clone() };
        let reading = read(giving);
        let reading = tokio::spawn(async move {
            if let Err(error) = reading.await {
                // Whoever stopped listening needs no answer.
                let _ = sender.send(Err(error)).await;
            }
        });
        Self { items, reading }
    }

    /// What comes next; `None` at the end.
    ///
    /// # Errors
    /// What the reading met; nothing comes after it.
    pub async fn next(&mut self) -> Option<Result<Item, TransferError>> {
        self.items.recv().await
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// The other end of a source.
struct Giving {
    sender: mpsc::Sender<Result<Item, TransferError>>,
}

impl Giving {
    /// Gives an item; `false` where nobody takes it any more.
    async fn give(&self, item: Item) -> bool {
        self.sender.send(Ok(item)).await.is_ok()
    }
}

/// Gathers rows until enough are together.
#[derive(Default)]
struct Gathering {
    rows: Vec<Row>,
    bytes: usize,
}

impl Gathering {
    /// Takes a row; answers what has to go on its way now.
    fn add(&mut self, row: Row) -> Option<Vec<Row>> {
        self.bytes += row.iter().map(row::length).sum::<usize>();
        self.rows.push(row);
        if self.rows.len() < ROWS_MAX && self.bytes < BYTES_MAX { None } else { Some(self.take()) }
    }

    fn take(&mut self) -> Vec<Row> {
        self.bytes = 0;
        std::mem::take(&mut self.rows)
    }
}

/// A database, by where it is. Opened by each operation on a connection of its own.
#[derive(Clone)]
pub enum Place {
    /// A file.
    Sqlite(PathBuf),
    /// A URL, which may hold a password.
    Postgres(String),
}

impl std::fmt::Debug for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Sqlite(_) => "Place::Sqlite",
            Self::Postgres(_) => "Place::Postgres",
        })
    }
}

impl Place {
    /// One look at all these tables, as they were at one moment, however long the reading takes. It has been taken when this
    /// returns; what is committed later is not in it.
    ///
    /// # Errors
    /// Where the database cannot be opened.
    pub async fn read(&self, tables: &'static [Table]) -> Result<Source, TransferError> {
        match self {
            Self::Sqlite(path) => sqlite::read(path, tables).await,
            Self::Postgres(url) => postgres::read(url, tables).await,
        }
    }

    /// Fills these tables, which must be empty, in one transaction: afterwards everything is there or nothing. `told` is asked
    /// about each group of rows before it is inserted, and may say no.
    ///
    /// # Errors
    /// [`TransferError::NotEmpty`]; what source or database say.
    pub async fn load(
        &self,
        tables: &'static [Table],
        source: Source,
        told: &mut Asked<'_>,
    ) -> Result<(), TransferError> {
        match self {
            Self::Sqlite(path) => sqlite::load(path, tables, source, told).await,
            Self::Postgres(url) => postgres::load(url, tables, source, told).await,
        }
    }

    /// The first of these tables that holds something.
    ///
    /// # Errors
    /// What the database says.
    pub async fn first_filled(&self, tables: &'static [Table]) -> Result<Option<&'static str>, TransferError> {
        match self {
            Self::Sqlite(path) => sqlite::first_filled(path, tables).await,
            Self::Postgres(url) => postgres::first_filled(url, tables).await,
        }
    }
}
