//! Restoring both halves into places that are empty, and proving what was restored.

use super::keys::{check_keys, restore_keys};
use super::manifest::{ListedLog, Manifest, TABLES_FILE};
use super::proving::{make_rows, verify};
use super::{BackupError, Beyond, EachLog, KeysRestored, SignedLog, Tell, Told, found, look_at};
use crate::app::open::{self, Database, Keys, Opened, prepare};
use crate::app::{App, Clock, IdSource};
use crate::store::transfer::{LogFound, SEALED_PARTS, TABLES};
use crate::transfer::{Item, Place, Row, Source, Table, TransferError, Value, compare, open_file, verify_file};
use crate::vault::KEY_TABLES;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const HOLDS: &str = "events";

/// What is restored, and where to.
pub struct Restore {
    /// The folder of the events' backup.
    pub events_from: PathBuf,
    /// The folder of the keys' backup.
    pub keys_from: PathBuf,
    /// The database, empty or not there yet.
    pub database: Database,
    /// The PostgreSQL role that the service runs as.
    pub service_role: Option<String>,
    /// The key store, empty or not there yet, and the master key, which must be there.
    pub keys: Keys,
    /// Connections to the database.
    pub connections: u32,
    /// The logs that are expected, with the last checkpoint that was signed of each, if it was kept: what tells an old backup.
    pub logs: EachLog<SignedLog>,
    /// Whether a backup that is older than that is wanted all the same.
    pub although_older: bool,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn IdSource>,
}

/// What was restored and proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// When the backup was made.
    pub made_at: String,
    /// The logs.
    pub logs: EachLog<ListedLog>,
    /// The keys.
    pub keys: KeysRestored,
    /// Whether the events were there already, from a restoration that was broken off later.
    pub there_already: bool,
    /// What was signed beyond what was restored, which the service will refuse.
    pub signed_beyond: Option<Beyond>,
    /// Whether the checkpoints' signatures were checked.
    pub signatures: bool,
}

/// Restores. Run again after it was broken off, it goes on.
///
/// # Errors
/// What is damaged, missing or in the way. Before everything was found whole nothing is changed anywhere.
pub async fn restore(restore: Restore, tell: Tell<'_>) -> Result<Restored, BackupError> {
    let manifest = Manifest::read(&restore.events_from, HOLDS)?;
    let keys_manifest = Manifest::read(&restore.keys_from, "keys")?;
    let (events_file, keys_file) = (restore.events_from.join(TABLES_FILE), restore.keys_from.join(TABLES_FILE));
    tell(Told::Begins("rows verified", Some(manifest.rows.values().sum())));
    let found = check_events(&events_file, &manifest, &restore.logs, tell)?;
    let signed_beyond = restore.logs.beyond(&found);
    if let Some(beyond) = signed_beyond.as_ref().filter(|_| !restore.although_older) {
        return Err(BackupError::Older(beyond.clone()));
    }
    keys_manifest.hold_against(&check_keys(&keys_file, &restore.keys)?)?;

    let place = prepare(&restore.database, restore.service_role.as_deref()).await?;
    let there_already = fill(&place, &events_file, &manifest, tell).await?;
    // Before anything can be served: what the log says was erased stays erased.
    let keys = restore_keys(&keys_file, &restore.keys, Some(&restore.database), tell).await?;
    find_missing_keys(&place, &key_place_of(&restore.keys)).await?;

    let opened = open::open(open::Settings {
        database: restore.database,
        connections: restore.connections,
        keys: restore.keys.url,
        master: restore.keys.master,
        create: false,
        key_cache: restore.keys.cache,
    });
    let Opened { store, vault } = opened.await?;
    let (app, writer) = App::start(Arc::clone(&store), vault.clone(), restore.clock, restore.ids, 1);
    let proved = async {
        make_rows(&app, tell).await?;
        let proved = verify(&app, &restore.logs, signed_beyond.is_some(), tell).await?;
        // The keys may be older than erasures of single recordings, whose keys are not buried with the others. Last, because it
        // seals what is left anew, and then the database is not the file any more.
        app.destroy_erased_keys().await?;
        Ok::<_, BackupError>(proved)
    };
    let proved = proved.await;
    drop(app);
    // It ends with the last handle, which was just dropped.
    let _ = writer.await;
    store.close().await;
    vault.close().await;
    let signatures = proved?.signatures;
    let logs = listed(&restore.logs, &found);
    Ok(Restored { made_at: manifest.made_at, logs, keys, there_already, signed_beyond, signatures })
}

/// What is told of each log.
fn listed(logs: &EachLog<SignedLog>, found: &EachLog<LogFound>) -> EachLog<ListedLog> {
    EachLog {
        outcomes: ListedLog::of(&logs.outcomes, &found.outcomes),
        accesses: ListedLog::of(&logs.accesses, &found.accesses),
    }
}

/// Holds the events' file against its digest, its manifest, the trees, and the checkpoints that were kept apart.
fn check_events(
    file: &Path,
    manifest: &Manifest,
    logs: &EachLog<SignedLog>,
    tell: Tell<'_>,
) -> Result<EachLog<LogFound>, BackupError> {
    let said = manifest.logs.as_ref();
    let said = said.ok_or_else(|| BackupError::Damaged("the manifest does not say which logs it holds".to_owned()))?;
    for (log, said, setting) in
        [(&logs.outcomes, &said.outcomes, "log_origin"), (&logs.accesses, &said.accesses, "accesses_origin")]
    {
        // Where something was signed here under the name that is set up, the log has got that name since.
        if log.origin != said.origin && log.kept_apart()?.is_none() {
            let (found, expected) = (said.origin.clone(), log.origin.clone());
            return Err(BackupError::OtherLog { found, expected, setting });
        }
    }
    let mut check = logs.check()?;
    let contents = verify_file(file, HOLDS, &TABLES, |table, rows| {
        tell(Told::More(rows.len() as u64));
        look_at(&mut check, table.name, &rows)
    })?;
    manifest.hold_against(&contents)?;
    let found = found(check)?;
    let same = |said: &ListedLog, found: &LogFound| said.size == found.size && said.root == found.root.to_string();
    if !same(&said.outcomes, &found.outcomes) || !same(&said.accesses, &found.accesses) {
        return Err(BackupError::Damaged("the logs are not those of the manifest".to_owned()));
    }
    Ok(found)
}

/// Fills the database, or finds that it holds just that, and then reads it all back. Answers whether it was there already.
async fn fill(place: &Place, file: &Path, manifest: &Manifest, tell: Tell<'_>) -> Result<bool, BackupError> {
    let there_already = place.first_filled(&TABLES).await?.is_some();
    let total = Some(manifest.rows.values().sum());
    if !there_already {
        tell(Told::Begins("rows restored", total));
        let mut told = |_: &'static Table, rows: &[Row]| {
            tell(Told::More(rows.len() as u64));
            Ok(())
        };
        place.load(&TABLES, open_file(file, HOLDS, &TABLES)?, &mut told).await?;
    }
    tell(Told::Begins("rows read back", total));
    let (file, read) = (open_file(file, HOLDS, &TABLES)?, place.read(&TABLES).await?);
    compare(file, read, |more| tell(Told::More(more))).await?.map_err(BackupError::differs("the database"))?;
    Ok(there_already)
}

pub(super) fn key_place_of(keys: &Keys) -> Place {
    match keys.url.strip_prefix("sqlite:") {
        Some(path) => Place::Sqlite(path.strip_prefix("//").unwrap_or(path).into()),
        None => Place::Postgres(keys.url.clone()),
    }
}

/// Whether every sealed part's key is in the key store, living or destroyed: the three lists lie in the same order.
async fn find_missing_keys(events: &Place, keys: &Place) -> Result<(), BackupError> {
    let mut sealed = Ids::of(events.read(&SEALED_PARTS).await?, "part");
    let mut living = Ids::of(keys.read(&KEY_TABLES[..1]).await?, "person_key");
    let mut destroyed = Ids::of(keys.read(&KEY_TABLES[1..2]).await?, "destroyed_key");
    let (mut count, mut last) = (0, None);
    let (mut alive, mut dead) = (living.next().await?, destroyed.next().await?);
    while let Some(id) = sealed.next().await? {
        if last.as_ref() == Some(&id) {
            continue;
        }
        while alive.as_ref().is_some_and(|other| *other < id) {
            alive = living.next().await?;
        }
        while dead.as_ref().is_some_and(|other| *other < id) {
            dead = destroyed.next().await?;
        }
        count += u64::from(alive.as_ref() != Some(&id) && dead.as_ref() != Some(&id));
        last = Some(id);
    }
    if count == 0 { Ok(()) } else { Err(BackupError::KeysMissing { count }) }
}

/// The first column of a source's rows, one by one.
struct Ids {
    source: Source,
    waiting: std::vec::IntoIter<Row>,
    table: &'static str,
}

impl Ids {
    fn of(source: Source, table: &'static str) -> Self {
        Self { source, waiting: Vec::new().into_iter(), table }
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>, TransferError> {
        loop {
            match self.waiting.next().as_deref() {
                Some([Value::Bytes(id), ..]) => return Ok(Some(id.clone())),
                Some(_) => return Err(TransferError::Unfit(format!("a row of {} has no id", self.table))),
                None => match self.source.next().await.transpose()? {
                    Some(Item::Rows(rows)) => self.waiting = rows.into_iter(),
                    Some(Item::Table(_)) => {}
                    None => return Ok(None),
                },
            }
        }
    }
}
