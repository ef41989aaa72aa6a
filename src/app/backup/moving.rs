//! Moving a whole store into the other kind of database, and the keys likewise.

use super::manifest::ListedLog;
use super::proving::{Proved, make_rows, verify};
use super::{BackupError, EachLog, SignedLog, Tell, Told, found, look_at};
use crate::app::open::{self, Database, Keys, Opened, place_of, prepare};
use crate::app::{App, Clock, IdSource};
use crate::store::transfer::{LogFound, ROW_TABLES, TABLES};
use crate::transfer::{Item, Place, Row, Table, compare};
use crate::vault::{KEY_TABLES, key_place};
use std::sync::Arc;

/// What is moved, and where to.
pub struct Move {
    /// The source, which nobody must serve meanwhile.
    pub from: Database,
    /// The target, empty or not there yet.
    pub to: Database,
    /// The PostgreSQL role that the service runs as.
    pub service_role: Option<String>,
    /// The key store, which stays where it is.
    pub keys: Keys,
    /// Connections to the target.
    pub connections: u32,
    /// The logs, with the last checkpoint that was signed of each.
    pub logs: EachLog<SignedLog>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn IdSource>,
}

/// What was moved and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The logs, the same in both.
    pub logs: EachLog<ListedLog>,
    /// How many rows of all tables are the same in both.
    pub rows: u64,
    /// Whether the target held all of it already, from a move that was broken off later.
    pub there_already: bool,
    /// Whether the checkpoints' signatures were checked.
    pub signatures: bool,
}

/// Moves. Run again after it was broken off, it goes on. The source is only read.
///
/// # Errors
/// [`BackupError::NotEmpty`] for a target that holds something else; [`BackupError::Differs`] where the source has changed
/// meanwhile.
pub async fn move_store(moving: Move, tell: Tell<'_>) -> Result<Moved, BackupError> {
    let from = place_of(&moving.from);
    let found = check_trees(&from, &moving.logs, tell).await?;
    let source = from.read(&TABLES).await?;
    let to = prepare(&moving.to, moving.service_role.as_deref()).await?;
    let there_already = to.first_filled(&TABLES).await?.is_some();
    if there_already {
        tell(Told::Begins("rows compared", None));
        let same = compare(source, to.read(&TABLES).await?, |more| tell(Told::More(more))).await?;
        same.map_err(BackupError::differs("the target"))?;
    } else {
        tell(Told::Begins("rows moved", None));
        let mut told = |_: &'static Table, rows: &[Row]| {
            tell(Told::More(rows.len() as u64));
            Ok(())
        };
        to.load(&TABLES, source, &mut told).await?;
    }
    let opened = open::open(open::Settings {
        database: moving.to,
        connections: moving.connections,
        keys: moving.keys.url,
        master: moving.keys.master,
        create: false,
        key_cache: moving.keys.cache,
    });
    let Opened { store, vault } = opened.await?;
    let (app, writer) = App::start(Arc::clone(&store), vault.clone(), moving.clock, moving.ids, 1);
    let proved = async {
        make_rows(&app, tell).await?;
        // Before it is held against what was signed last, which a source that is served goes beyond.
        let rows = compare_all(&from, &to, tell).await?;
        Ok::<_, BackupError>((rows, verify(&app, &moving.logs, false, tell).await?))
    };
    let proved = proved.await;
    drop(app);
    // It ends with the last handle, which was just dropped.
    let _ = writer.await;
    store.close().await;
    vault.close().await;
    let (rows, Proved { signatures }) = proved?;
    let logs = EachLog {
        outcomes: ListedLog::of(&moving.logs.outcomes, &found.outcomes),
        accesses: ListedLog::of(&moving.logs.accesses, &found.accesses),
    };
    Ok(Moved { logs, rows, there_already, signatures })
}

/// Holds everything that was copied, and the rows that were made, against the source; answers how many rows are the same.
async fn compare_all(from: &Place, to: &Place, tell: Tell<'_>) -> Result<u64, BackupError> {
    let mut rows = 0;
    for tables in [&TABLES[..], &ROW_TABLES[..]] {
        tell(Told::Begins("rows compared", None));
        let compared = compare(from.read(tables).await?, to.read(tables).await?, |more| tell(Told::More(more))).await?;
        rows += compared.map_err(|difference| {
            BackupError::Differs(format!(
                "source and target differ from row {} of {} on: the source was served meanwhile, or its rows are not what its \
                 events make of them. Stop every service on it, empty the target, and move again",
                difference.row, difference.table
            ))
        })?;
    }
    Ok(rows)
}

/// The trees of a store as it is now, which are to be whole and not behind what was signed.
async fn check_trees(
    place: &Place,
    logs: &EachLog<SignedLog>,
    tell: Tell<'_>,
) -> Result<EachLog<LogFound>, BackupError> {
    tell(Told::Begins("rows verified", None));
    // Before the rows are looked at, so that they cannot be fewer.
    let mut check = logs.check()?;
    let mut source = place.read(&TABLES).await?;
    let mut table = String::new();
    while let Some(item) = source.next().await {
        match item? {
            Item::Table(name) => table = name,
            Item::Rows(rows) => {
                tell(Told::More(rows.len() as u64));
                look_at(&mut check, &table, &rows)?;
            }
        }
    }
    let found = found(check)?;
    logs.beyond(&found).map_or(Ok(found), |beyond| Err(BackupError::Behind(beyond)))
}

/// Moves the keys of one key store into another, empty one, and compares them; answers how many rows are the same. They stay
/// wrapped, and no master key is needed.
///
/// # Errors
/// As [`move_store`].
pub async fn move_keys(from: &str, to: &str, tell: Tell<'_>) -> Result<u64, BackupError> {
    let from = key_place(from, false).await?;
    let to = key_place(to, true).await?;
    if to.first_filled(&KEY_TABLES).await?.is_none() {
        tell(Told::Begins("keys moved", None));
        let mut told = |_: &'static Table, rows: &[Row]| {
            tell(Told::More(rows.len() as u64));
            Ok(())
        };
        to.load(&KEY_TABLES, from.read(&KEY_TABLES).await?, &mut told).await?;
    }
    let same = compare(from.read(&KEY_TABLES).await?, to.read(&KEY_TABLES).await?, |_| ()).await?;
    same.map_err(BackupError::differs("the target's key store"))
}
