//! From the store into a folder: everything of one view of a log up to a signed checkpoint, in the order tiles, leaves, events,
//! checkpoints, key. The same log up to the same checkpoint gives the same bytes.

use crate::app::audit::folder::{ExportError, Folder, close_to_others};
use crate::app::audit::observing::observe;
use crate::app::{App, AppError};
use crate::ledger::archive::{
    CHECKPOINTS_PER_FILE, ERASURE_EVENT, EVENTS_PER_FILE, EventLine, ListedLog, LogName, Observed, PartState,
    STATEMENTS, View, checkpoints_file, erasure_subject, events_file, write_checkpoint_line,
};
use crate::ledger::{
    SignedCheckpoint, SignedStatement, TileKind, VerifierKey, encode_entry_bundle, encode_hash_tile, entry_bundles,
    hash_tiles,
};
use crate::store::{KeptCheckpoint, RawEvent, RowPath, RowQuery, Store};
use std::collections::HashSet;
use std::path::PathBuf;
use uuid::Uuid;

/// One log, up to a checkpoint.
#[derive(Debug, Clone)]
pub struct LogToExport {
    /// Which.
    pub log: LogName,
    /// Its key.
    pub key: VerifierKey,
    /// The checkpoint up to which it is exported.
    pub checkpoint: KeptCheckpoint,
    /// What it stated about itself: which keys signed it.
    pub statements: Vec<SignedStatement>,
}

/// What to export, and where to.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// The folder.
    pub folder: PathBuf,
    /// What it shows.
    pub view: View,
    /// Whether sealed parts are opened.
    pub opened: bool,
}

/// What was exported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// Events written by this run.
    pub events: u64,
    /// Parts of them that are not there or do not open any more.
    pub gone: u64,
    /// Parts of them whose keys could not be had.
    pub unavailable: u64,
    /// Files of the whole export.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The export of one log under way.
struct Export<'a> {
    store: &'a dyn Store,
    app: Option<&'a App>,
    request: &'a ExportRequest,
    log: &'a LogToExport,
    folder: &'a mut Folder,
    /// The streams of the person whose record is exported.
    streams: HashSet<Uuid>,
    done: &'a mut Exported,
}

/// Exports logs. `app` opens sealed parts where the request asks for it, and records whose data is taken away before it is
/// written; without one, where there are no keys, neither can be done. `progress` is told of positions that are done.
///
/// # Errors
/// [`ExportError`]; what was written stays and is gone on with by the next run.
pub async fn export(
    store: &dyn Store,
    app: Option<&App>,
    logs: &[LogToExport],
    request: &ExportRequest,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Exported, ExportError> {
    let mut listed = logs.iter().map(listed).collect::<Result<Vec<_>, _>>()?;
    let record = streams_in_view(store, &request.view).await?;
    let mut folder = Folder::open(&request.folder, &request.view, request.opened, &listed)?;
    if request.opened {
        close_to_others(&request.folder)?;
    }
    let mut done = Exported::default();
    for (log, listed) in logs.iter().zip(&mut listed) {
        let streams = match (log.log, &request.view) {
            // A person's accesses are one stream, whatever they were to.
            (LogName::Accesses, View::Person { person }) => HashSet::from([person.0]),
            _ => record.clone(),
        };
        let mut export = Export { store, app, request, log, folder: &mut folder, streams, done: &mut done };
        export.tiles(listed.size).await?;
        export.events(listed.size, progress).await?;
        listed.checkpoints = export.checkpoints(&listed.origin, listed.size).await?;
        export.vouching()?;
    }
    let manifest = folder.finish(request.view.clone(), request.opened, listed)?;
    done.files = manifest.files.len() as u64 + 1;
    done.bytes = manifest.files.iter().map(|file| file.size).sum();
    Ok(done)
}

/// A log as the list of files has it, but for how many checkpoints are kept.
fn listed(log: &LogToExport) -> Result<ListedLog, ExportError> {
    let signed = SignedCheckpoint::parse(log.checkpoint.note.as_bytes());
    let signed = signed.map_err(|_| ExportError::Store(log.checkpoint.size))?.unverified().clone();
    Ok(ListedLog {
        checkpoints: 0,
        name: log.log.as_str().to_owned(),
        origin: signed.origin.to_string(),
        root: signed.root.to_string(),
        size: signed.size,
    })
}

/// The streams of a person's record. An organisation or a person that the log does not know is refused.
async fn streams_in_view(store: &dyn Store, view: &View) -> Result<HashSet<Uuid>, ExportError> {
    match view {
        View::Whole => Ok(HashSet::new()),
        View::Organisation { organisation } => {
            let query = RowQuery::along(organisation.clone(), RowPath::All, None, 1);
            let (_, rows) = store.rows(&query).await.map_err(AppError::from)?;
            if rows.is_empty() {
                return Err(ExportError::Nothing(format!("the organisation {organisation}")));
            }
            Ok(HashSet::new())
        }
        View::Person { person } => {
            let streams = store.streams_of_person(*person).await.map_err(AppError::from)?;
            if streams.is_empty() {
                return Err(ExportError::Nothing(format!("the person {person}")));
            }
            Ok(streams.into_iter().map(|stream| stream.0).collect())
        }
    }
}

impl Export<'_> {
    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.log.log.as_str())
    }

    /// The checkpoint that it goes up to, the key, and what the log stated about its keys.
    fn vouching(&mut self) -> Result<(), ExportError> {
        let LogToExport { key, checkpoint, statements, .. } = self.log;
        let (newest, key_file, stated) = (self.path("checkpoint"), self.path("key"), self.path(STATEMENTS));
        self.folder.write(&newest, checkpoint.note.as_bytes())?;
        self.folder.write(&key_file, format!("{key}\n").as_bytes())?;
        if !statements.is_empty() {
            let lines = statement_lines(statements).map_err(|_| ExportError::Store(checkpoint.size))?;
            self.folder.write(&stated, &lines)?;
        }
        Ok(())
    }

    async fn tiles(&mut self, size: u64) -> Result<(), ExportError> {
        let bundles = (self.request.view == View::Whole).then(|| entry_bundles(size)).into_iter().flatten();
        for tile in hash_tiles(size).chain(bundles) {
            let path = self.path(&tile.to_string());
            if self.folder.keep(&path)? {
                continue;
            }
            let (from, width) = (tile.places().start, u32::try_from(tile.width()).unwrap_or(u32::MAX));
            let bytes = match tile.kind() {
                TileKind::Hashes { level } => {
                    let hashes = match self.log.log {
                        LogName::Outcomes => self.store.tree_hashes(level, from, width).await,
                        LogName::Accesses => self.store.access_hashes(level, from, width).await,
                    };
                    let hashes = hashes.map_err(AppError::from)?;
                    encode_hash_tile(&hashes).ok().filter(|_| hashes.len() as u64 == tile.width())
                }
                TileKind::Entries => {
                    let leaves = match self.log.log {
                        LogName::Outcomes => self.store.leaves(from, width).await,
                        LogName::Accesses => self.store.access_leaves(from, width).await,
                    };
                    let leaves = leaves.map_err(AppError::from)?;
                    encode_entry_bundle(&leaves).ok().filter(|_| leaves.len() as u64 == tile.width())
                }
            };
            self.folder.write(&path, &bytes.ok_or(ExportError::Store(from))?)?;
        }
        Ok(())
    }

    async fn events(&mut self, size: u64, progress: &mut (dyn FnMut(u64) + Send)) -> Result<(), ExportError> {
        let mut first = 0;
        while first < size {
            let positions = EVENTS_PER_FILE.min(size - first);
            let path = self.path(&events_file(first, positions));
            if !self.folder.keep(&path)? {
                let lines = self.lines(first, first + positions).await?;
                // A view has no file where it shows nothing.
                if !lines.is_empty() {
                    self.folder.write(&path, &lines)?;
                }
            }
            first += positions;
            progress(positions);
        }
        Ok(())
    }

    /// The lines of the events of a range of positions that are in view.
    async fn lines(&mut self, from: u64, until: u64) -> Result<Vec<u8>, ExportError> {
        let mut events = self.store.raw_events(self.log.log, from, until).await.map_err(AppError::from)?;
        let all_there = (from..until).eq(events.iter().map(|event| u64::try_from(event.position).unwrap_or(u64::MAX)));
        if !all_there {
            return Err(ExportError::Store(from));
        }
        events.retain(|event| self.may_be_in_view(event));
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(Vec::new()) };
        let (first, last) = (first.position.unsigned_abs(), last.position.unsigned_abs());
        let mut parts = self.store.raw_parts(self.log.log, first, last + 1).await.map_err(AppError::from)?;
        let positions: HashSet<i64> = events.iter().map(|event| event.position).collect();
        parts.retain(|part| positions.contains(&part.position));
        let vault = self.app.filter(|_| self.request.opened).map(App::vault);
        let mut in_view: Vec<Observed> =
            observe(events, parts, vault).await?.events.into_iter().map(|found| found.observed).collect();
        in_view.retain(|observed| self.is_in_view(observed));
        if let Some(app) = self.app {
            let complete_to = self.log.checkpoint.size.checked_sub(1);
            match (self.log.log, &self.request.view) {
                (LogName::Outcomes, _) => app.record_export(&in_view, complete_to).await?,
                (LogName::Accesses, View::Person { person }) => {
                    app.record_export_of_accesses(&in_view, Some(*person)).await?;
                }
                (LogName::Accesses, _) => app.record_export_of_accesses(&in_view, None).await?,
            }
        }
        let mut lines = Vec::new();
        for mut observed in in_view {
            let position = observed.columns.position;
            name_what_is_gone(&mut observed).ok_or(ExportError::Store(position))?;
            self.count(&observed);
            let line = EventLine::write(&observed).map_err(|source| ExportError::Event { position, source })?;
            lines.extend_from_slice(&line);
        }
        Ok(lines)
    }

    fn count(&mut self, observed: &Observed) {
        let many =
            |state: fn(&PartState) -> bool| observed.parts.iter().filter(|part| state(&part.state)).count() as u64;
        self.done.events += 1;
        self.done.gone += many(|state| matches!(state, PartState::Missing | PartState::Erased | PartState::Keyless));
        self.done.unavailable += many(|state| matches!(state, PartState::Unavailable));
    }

    /// Whether an event is in view, as far as its row can tell.
    fn may_be_in_view(&self, event: &RawEvent) -> bool {
        match &self.request.view {
            View::Whole => true,
            View::Organisation { organisation } => event.organisation == organisation.as_str().as_bytes(),
            View::Person { .. } => {
                let stream = Uuid::from_slice(&event.stream);
                stream.is_ok_and(|stream| self.streams.contains(&stream)) || event.name == ERASURE_EVENT.0.as_bytes()
            }
        }
    }

    /// An erasure belongs to the record of whom it erased, in whatever stream it stands: it explains what is gone.
    fn is_in_view(&self, observed: &Observed) -> bool {
        let View::Person { person } = &self.request.view else { return true };
        self.streams.contains(&observed.columns.stream)
            || observed.parts.iter().any(|part| match &part.state {
                PartState::Clear { bytes, .. } if part.name == "facts" => {
                    erasure_subject(bytes.expose()) == Some(person.0)
                }
                _ => false,
            })
    }

    /// The checkpoints that the database keeps up to a size; answers how many there are.
    async fn checkpoints(&mut self, origin: &str, size: u64) -> Result<u64, ExportError> {
        let (mut count, mut from) = (0, 0);
        let per_file = u32::try_from(CHECKPOINTS_PER_FILE).unwrap_or(u32::MAX);
        loop {
            let mut kept = self.store.checkpoints(origin, from, per_file).await.map_err(AppError::from)?;
            kept.retain(|checkpoint| checkpoint.size <= size);
            let Some(last) = kept.last() else { return Ok(count) };
            from = last.size + 1;
            let path = self.path(&checkpoints_file(count, kept.len() as u64));
            count += kept.len() as u64;
            if self.folder.keep(&path)? {
                continue;
            }
            let mut lines = Vec::new();
            for checkpoint in &kept {
                let line = write_checkpoint_line(&checkpoint.note).map_err(|_| ExportError::Store(checkpoint.size))?;
                lines.extend_from_slice(&line);
            }
            self.folder.write(&path, &lines)?;
        }
    }
}

/// A line for each.
fn statement_lines(statements: &[SignedStatement]) -> Result<Vec<u8>, serde_json::Error> {
    let lines: Result<Vec<_>, _> =
        statements.iter().map(|statement| write_checkpoint_line(&statement.to_string())).collect();
    Ok(lines?.concat())
}

/// Lists every part that the leaf names, those that are not there as missing, in the leaf's order. `None` where the leaf
/// cannot be read or there are parts that it does not name.
fn name_what_is_gone(observed: &mut Observed) -> Option<()> {
    let leaf = crate::ledger::Leaf::parse(&observed.leaf).ok()?;
    let mut found = std::mem::take(&mut observed.parts);
    for (name, _) in &leaf.parts {
        let at = found.iter().position(|part| part.name == name.as_str());
        observed.parts.push(at.map_or_else(|| missing(name.as_str()), |at| found.swap_remove(at)));
    }
    found.is_empty().then_some(())
}

fn missing(name: &str) -> crate::ledger::archive::ObservedPart {
    crate::ledger::archive::ObservedPart {
        name: name.to_owned(),
        class: None,
        subject: None,
        key_id: None,
        ordinal: None,
        owner: None,
        state: PartState::Missing,
    }
}
