//! The file that a replay writes: the rows as they stood, in plain tables that any tool for SQLite can query.
//!
//! It is written beside its place and takes it when it is whole, so a file of that name is never half of one. The same
//! input gives the same content: nothing in it tells of the run. Rows to fold on are kept in a second file, without
//! personal words, which is removed at the end.

use crate::domain::ids::StreamId;
use crate::projections::Row;
use crate::store::StoreError;
use crate::store::sqlite::append::{hex_list, row_of};
use crate::store::sqlite::snapshot_tables::{SnapshotRow, TABLES};
use crate::store::stored::{body_of, from_position};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const ROWS: &str = "CREATE TABLE rows (id BLOB PRIMARY KEY, person TEXT NOT NULL, organisation TEXT NOT NULL, \
    from_position INTEGER NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID";
const ROWS_IN_ORDER: &str = "CREATE INDEX rows_in_order ON rows (person, id)";
const PUT: &str = "INSERT OR REPLACE INTO rows SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, \
    value ->> 4, value ->> 5 FROM json_each(?1)";
const FIND: &str = "SELECT id, organisation, from_position, version, body FROM rows \
    WHERE id IN (SELECT unhex(value) FROM json_each(?1))";
const PAGE: &str = "SELECT id, organisation, from_position, version, body FROM rows \
    WHERE (person, id) > (?1, unhex(?2)) ORDER BY person, id LIMIT ?3";
const ABOUT: &str = "CREATE TABLE about (name TEXT PRIMARY KEY NOT NULL, value, meaning TEXT NOT NULL) WITHOUT ROWID";
const COLUMNS: &str = "CREATE TABLE columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL, meaning TEXT NOT NULL, \
    PRIMARY KEY (table_name, column_name)) WITHOUT ROWID";
const TELL_ABOUT: &str = "INSERT INTO about SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)";
const TELL_COLUMNS: &str = "INSERT INTO columns SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)";

/// A line of the table `about`.
pub struct About(pub &'static str, pub serde_json::Value, pub &'static str);

/// A snapshot that is being written. Where it is dropped before it is finished, nothing of it stays.
pub struct Snapshot {
    out: PathBuf,
    part: PathBuf,
    scratch: PathBuf,
    /// `None` once they are closed.
    file: Option<SqliteConnection>,
    rows: Option<SqliteConnection>,
}

impl Snapshot {
    /// Begins a snapshot that will be at a path where nothing is yet. Only its owner may read the file.
    ///
    /// # Errors
    /// [`StoreError::NotReady`] where there is something, or nothing can be made there.
    pub async fn create(out: &Path) -> Result<Self, StoreError> {
        let refused = |problem: String, remedy: &str| StoreError::NotReady { problem, remedy: remedy.to_owned() };
        if out.symlink_metadata().is_ok() {
            return Err(refused(format!("{} is there already", out.display()), "name a file that does not exist yet"));
        }
        let beside = |ending: &str| {
            let mut name = out.file_name().unwrap_or_default().to_owned();
            name.push(ending);
            out.with_file_name(name)
        };
        let (part, scratch) = (beside(".part"), beside(".part-rows"));
        for path in [&part, &scratch] {
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| {
                let problem = format!("{} cannot be made: {error}", path.display());
                refused(problem, "another replay may be writing it; if none is, remove it and run again")
            })?;
        }
        // From here on it removes what it made.
        let mut snapshot = Self { out: out.to_owned(), part, scratch, file: None, rows: None };
        snapshot.file = Some(open(&snapshot.part).await?);
        let mut rows = open(&snapshot.scratch).await?;
        for sql in [ROWS, ROWS_IN_ORDER] {
            sqlx::query(sql).execute(&mut rows).await.map_err(StoreError::during("begin a snapshot"))?;
        }
        snapshot.rows = Some(rows);
        snapshot.make_tables().await?;
        Ok(snapshot)
    }

    async fn make_tables(&mut self) -> Result<(), StoreError> {
        let failed = StoreError::during("begin a snapshot");
        let file = self.file()?;
        let mut described = Vec::new();
        sqlx::query(ABOUT).execute(&mut *file).await.map_err(&failed)?;
        sqlx::query(COLUMNS).execute(&mut *file).await.map_err(&failed)?;
        for table in TABLES {
            let columns: Vec<String> = table.all_columns().map(|column| format!("{} {}", column.0, column.1)).collect();
            described.extend(table.all_columns().map(|column| serde_json::json!([table.name, column.0, column.2])));
            // Every word of it is this program's own.
            let sql = format!("CREATE TABLE {} ({}) WITHOUT ROWID", table.name, columns.join(", "));
            sqlx::query(AssertSqlSafe(sql)).execute(&mut *file).await.map_err(&failed)?;
        }
        let described = serde_json::Value::from(described).to_string();
        sqlx::query(TELL_COLUMNS).bind(described).execute(file).await.map_err(failed)?;
        Ok(())
    }

    fn file(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        self.file.as_mut().ok_or(StoreError::Stopped)
    }

    fn rows(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        self.rows.as_mut().ok_or(StoreError::Stopped)
    }

    /// Keeps rows as they stand now, in the place of what they were.
    ///
    /// # Errors
    /// As the file system says.
    pub async fn put(&mut self, rows: &[Row]) -> Result<(), StoreError> {
        let mut values = Vec::with_capacity(rows.len());
        for row in rows {
            let id = row.id.0.simple().to_string();
            let (from, version) = (from_position(row.from_position), from_position(row.version));
            values.push(serde_json::json!([
                id,
                person_of(row),
                row.organisation.as_str(),
                from,
                version,
                body_of(row)?
            ]));
        }
        let values = serde_json::Value::from(values).to_string();
        let failed = StoreError::during("keep rows of a snapshot");
        sqlx::query(PUT).bind(values).execute(self.rows()?).await.map_err(failed)?;
        Ok(())
    }

    /// Rows that were kept, in no order; those that were not are absent.
    ///
    /// # Errors
    /// As the file system says.
    pub async fn find(&mut self, ids: &[StreamId]) -> Result<Vec<Row>, StoreError> {
        let ids = hex_list(ids.iter().map(|id| id.0.as_bytes().as_slice()));
        let failed = StoreError::during("read rows of a snapshot");
        let rows = sqlx::query(FIND).bind(ids).fetch_all(self.rows()?).await.map_err(failed)?;
        rows.iter().map(row_of).collect()
    }

    /// Rows that were kept, person by person, after one of them.
    ///
    /// # Errors
    /// As the file system says.
    pub async fn page(&mut self, after: Option<&Row>, limit: u32) -> Result<Vec<Row>, StoreError> {
        // Nothing comes before nobody's rows but an id of no bytes.
        let (person, id) = after.map_or_else(Default::default, |row| (person_of(row), row.id.0.simple().to_string()));
        let failed = StoreError::during("read rows of a snapshot");
        let rows = sqlx::query(PAGE).bind(person).bind(id).bind(limit).fetch_all(self.rows()?).await.map_err(failed)?;
        rows.iter().map(row_of).collect()
    }

    /// Writes rows into their tables.
    ///
    /// # Errors
    /// As the file system says.
    pub async fn write(&mut self, rows: &[SnapshotRow]) -> Result<(), StoreError> {
        let failed = StoreError::during("write a snapshot");
        for table in TABLES {
            let mut values = Vec::new();
            for written in rows.iter().filter(|written| written.row.kind() == table.kind) {
                let position = written.row.from_position;
                values.push(table.values(written).map_err(|_| StoreError::Corrupt {
                    position,
                    detail: "a row's state cannot be written".to_owned(),
                })?);
            }
            if values.is_empty() {
                continue;
            }
            let read: Vec<String> = table.all_columns().enumerate().map(|(at, _)| format!("value ->> {at}")).collect();
            let sql = format!("INSERT INTO {} SELECT {} FROM json_each(?1)", table.name, read.join(", "));
            let insert = sqlx::query(AssertSqlSafe(sql)).bind(serde_json::Value::from(values).to_string());
            insert.execute(self.file()?).await.map_err(&failed)?;
        }
        Ok(())
    }

    /// Says what the file is, makes it durable and puts it in its place.
    ///
    /// # Errors
    /// [`StoreError::NotReady`] where something came to be there meanwhile; else as the file system says.
    pub async fn finish(mut self, about: Vec<About>) -> Result<(), StoreError> {
        let failed = StoreError::during("finish a snapshot");
        let lines = about.into_iter().map(|About(name, value, meaning)| serde_json::json!([name, value, meaning]));
        let lines = serde_json::Value::from_iter(lines).to_string();
        sqlx::query(TELL_ABOUT).bind(lines).execute(self.file()?).await.map_err(&failed)?;
        for connection in [self.file.take(), self.rows.take()].into_iter().flatten() {
            connection.close().await.map_err(&failed)?;
        }
        let unfinished = |error: std::io::Error| StoreError::NotReady {
            problem: format!("{} cannot be put in its place: {error}", self.out.display()),
            remedy: "name a file that does not exist yet, on a disk that has room for it".to_owned(),
        };
        OpenOptions::new().read(true).open(&self.part).and_then(|file| file.sync_all()).map_err(unfinished)?;
        // A link, unlike a rename, never takes the place of a file.
        std::fs::hard_link(&self.part, &self.out).map_err(unfinished)?;
        let folder = self.out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(unfinished)
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        for path in [&self.part, &self.scratch] {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Nothing is lost that the log does not have, so nothing is made durable before the end.
async fn open(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off)
        // What is sorted or gathered may be personal: it never reaches another file.
        .pragma("temp_store", "MEMORY")
        .pragma("cache_size", "-16384")
        .disable_statement_logging();
    options.connect().await.map_err(StoreError::during("open a snapshot"))
}

/// Whose a row is, as text; empty for reference data.
fn person_of(row: &Row) -> String {
    row.person().map(|person| person.0.simple().to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Kind;

    #[test]
    fn every_kind_has_a_table_of_its_own() {
        for kind in Kind::ALL {
            let table = TABLES
                .iter()
                .find(|table| table.kind == *kind)
                .unwrap_or_else(|| panic!("{} has no table", kind.as_str()));
            let mut names: Vec<&str> = table.all_columns().map(|column| column.0).collect();
            names.sort_unstable();
            assert!(names.windows(2).all(|two| two[0] != two[1]), "{}: {names:?}", table.name);
        }
        assert_eq!(TABLES.len(), Kind::ALL.len());
    }

    #[tokio::test]
    async fn a_file_that_is_there_is_refused_and_one_that_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("then.db");
        let first = Snapshot::create(&out).await.unwrap();
        assert!(Snapshot::create(&out).await.is_err(), "two at once");
        drop(first);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        Snapshot::create(&out).await.unwrap().finish(Vec::new()).await.unwrap();
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["then.db"]);
        assert!(Snapshot::create(&out).await.is_err(), "there already");
        let late = folder.path().join("late.db");
        let snapshot = Snapshot::create(&late).await.unwrap();
        std::fs::write(&late, "mine").unwrap();
        assert!(snapshot.finish(Vec::new()).await.is_err());
        assert_eq!(std::fs::read(&late).unwrap(), b"mine");
    }
}
