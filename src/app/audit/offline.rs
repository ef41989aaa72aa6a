//! Verifying an export: needs its files and nothing else, no database, no keys, no network.
//!
//! The files are read in the order of positions, each once, and fed to the pure audit: a file of events, the tiles and
//! leaves of its positions, the checkpoints that were signed by then.

use crate::app::audit::files::Files;
use crate::app::audit::report::{LogReport, Report};
use crate::app::audit::signed::{Auditor, Trusted, check_given};
use crate::ledger::archive::{
    CHECKPOINTS_PER_FILE, Code, EVENTS_PER_FILE, EventAudit, EventLine, Findings, ListedLog, LogName, MANIFEST,
    Observed, Place, STATEMENTS, TreeAudit, View, Wanted, checkpoints_file, events_file, read_checkpoint_line,
};
use crate::ledger::{
    CompletedSubtree, Hash, SignedStatement, TILE_WIDTH, TileKind, TilePath, VerifierKey, decode_entry_bundle,
    decode_hash_tile, leaf_hash,
};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

/// Why an export could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There is no folder.
    #[error("there is no folder {0}")]
    NoFolder(PathBuf),
    /// The file system refused.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Verifies an export. `progress` is told how many positions there are, and then of those that are done.
///
/// # Errors
/// Only where something cannot be read; whatever is wrong with what can be is in the report.
pub fn verify_folder(folder: &Path, auditor: &Auditor, progress: &mut dyn FnMut(Step)) -> Result<Report, VerifyError> {
    let mut report = Report::default();
    let mut findings = Findings::default();
    let Some((mut files, manifest)) = Files::open(folder, &mut findings)? else {
        report.findings = findings;
        return Ok(report);
    };
    progress(Step::Total(manifest.logs.iter().map(|log| log.size).sum()));
    let origins: Vec<&str> = manifest.logs.iter().map(|log| log.origin.as_str()).collect();
    report.key_given = check_given(auditor, &origins, &mut findings);
    for log in &manifest.logs {
        let Some(name) = LogName::named(&log.name) else {
            findings.note(Code::Manifest, Place::file(MANIFEST), None, "it lists a log of another name than there are");
            continue;
        };
        let offline = Offline { files: &mut files, name, log, view: &manifest.view, findings: &mut findings };
        report.logs.push(offline.verify(auditor, progress)?);
    }
    report.files = files.finish(&mut findings);
    report.limits = limits(&manifest.view, manifest.opened, report.key_given);
    report.view = Some(manifest.view);
    report.findings = findings;
    Ok(report)
}

/// How far verifying has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many positions there are.
    Total(u64),
    /// So many more are done.
    Done(u64),
}

fn limits(view: &View, opened: bool, key_given: bool) -> Vec<String> {
    let mut limits = Vec::new();
    if !key_given {
        limits.push(
            "The key came with the export itself, so whoever made the export may have made the key: give the one that you \
             keep with --key"
                .to_owned(),
        );
    }
    match view {
        View::Whole => {}
        View::Organisation { organisation } => limits.push(format!(
            "Of other organisations there are hashes alone. Events of {organisation} are gapless from its first one on; that \
             none follows the last one only a whole export shows"
        )),
        View::Person { .. } => limits.push(
            "Of everything else there are hashes alone. Each recording is gapless from its first event on; that no recording \
             of this person was left out only a whole export shows"
                .to_owned(),
        ),
    }
    if !opened {
        limits.push(
            "Sealed parts stayed sealed: that their words are those that were recorded shows only an export made with --open, \
             or cairn verify on the store"
                .to_owned(),
        );
    }
    limits
}

/// One log of an export.
struct Offline<'a> {
    files: &'a mut Files,
    name: LogName,
    log: &'a ListedLog,
    view: &'a View,
    findings: &'a mut Findings,
}

/// What is checked from position to position.
struct Audit {
    events: EventAudit,
    tree: TreeAudit,
    kept: VecDeque<(String, Vec<u8>)>,
    /// How many of the checkpoints were read.
    read: u64,
    last_kept: Option<u64>,
    /// The tile of each higher level that was read last.
    tiles: HashMap<u8, (u64, Option<Vec<Hash>>)>,
}

impl Offline<'_> {
    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.log.name)
    }

    fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, VerifyError> {
        self.files.read(&self.path(name), self.findings)
    }

    fn note(&mut self, code: Code, name: &str, detail: impl Into<String>) {
        let path = self.path(name);
        self.findings.note(code, Place::file(&path), None, detail);
    }

    fn verify(mut self, auditor: &Auditor, progress: &mut dyn FnMut(Step)) -> Result<LogReport, VerifyError> {
        let log = self.log;
        let mut report =
            LogReport { name: log.name.clone(), origin: log.origin.clone(), size: log.size, ..LogReport::default() };
        let (key, statements) = (self.key()?, self.statements()?);
        let path = self.path(STATEMENTS);
        let trusted = Trusted::of(auditor, &log.origin, key.clone(), &statements, Place::file(&path), self.findings);
        self.check_key(key.as_ref(), trusted.as_ref());
        let mut audit = Audit {
            events: EventAudit::new(self.name, self.view.clone()),
            tree: TreeAudit::new(Code::Tile),
            kept: VecDeque::new(),
            read: 0,
            last_kept: None,
            tiles: HashMap::new(),
        };
        let checkpoint = self.read("checkpoint")?;
        match (&trusted, checkpoint) {
            (Some(trusted), Some(note)) => self.newest(trusted, &note, &mut audit, &mut report),
            (None, _) => self.note(Code::Signature, "checkpoint", "there is no key to check it with"),
            (_, None) => {}
        }
        if let Some(trusted) = &trusted {
            report.keys = trusted.keys.iter().map(ToString::to_string).collect();
            trusted.want_earlier(&mut audit.tree, self.findings);
        }
        let mut first = 0;
        while first < log.size {
            let positions = EVENTS_PER_FILE.min(log.size - first);
            self.checkpoints(trusted.as_ref(), first + positions, &mut audit)?;
            self.positions(first, positions, &mut audit)?;
            first += positions;
            progress(Step::Done(positions));
        }
        self.checkpoints(trusted.as_ref(), u64::MAX, &mut audit)?;
        let path = self.path("events");
        audit.events.ends_at(log.size, Place::file(&path), self.findings);
        report.root = audit.tree.edge().map(|edge| edge.root().to_string());
        audit.tree.finish(self.findings);
        report.roots = audit.tree.roots();
        report.counts = audit.events.finish(self.findings);
        Ok(report)
    }

    /// The key that the export names.
    fn key(&mut self) -> Result<Option<VerifierKey>, VerifyError> {
        let Some(bytes) = self.read("key")? else { return Ok(None) };
        let text = std::str::from_utf8(&bytes).ok().and_then(|text| text.strip_suffix('\n'));
        let key = text.and_then(|text| text.parse().ok());
        if key.is_none() {
            self.note(Code::Key, "key", "it is not a key in its one spelling");
        }
        Ok(key)
    }

    /// Holds it against the keys that the auditor trusts.
    fn check_key(&mut self, key: Option<&VerifierKey>, trusted: Option<&Trusted<'_>>) {
        let Some(key) = key else { return };
        if trusted.is_some_and(|trusted| !trusted.keys.contains(key)) {
            self.note(
                Code::Key,
                "key",
                "it is not the key that you gave, and no statement leads from the one to the other",
            );
        } else if key.name().as_str() != self.log.origin {
            self.note(Code::Key, "key", "it is not named like the log");
        }
    }

    /// What the log stated about itself; there is a file only where it stated anything.
    fn statements(&mut self) -> Result<Vec<SignedStatement>, VerifyError> {
        let path = self.path(STATEMENTS);
        if !self.files.is_listed(&path) {
            return Ok(Vec::new());
        }
        let Some(bytes) = self.read(STATEMENTS)? else { return Ok(Vec::new()) };
        let mut statements = Vec::new();
        for (number, line) in (1_u64..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
            let place = Place { file: &path, line: Some(number) };
            match read_checkpoint_line(line).map(|note| SignedStatement::parse(note.as_bytes())) {
                None => self.findings.note(Code::Line, place, None, "it is not a statement in its one form"),
                Some(Err(error)) => self.findings.note(Code::Signature, place, None, error.to_string()),
                Some(Ok(statement)) => statements.push(statement),
            }
        }
        Ok(statements)
    }

    /// The checkpoint that the export goes up to.
    fn newest(&mut self, trusted: &Trusted<'_>, note: &[u8], audit: &mut Audit, report: &mut LogReport) {
        let path = self.path("checkpoint");
        let place = Place::file(&path);
        let Some(checkpoint) = trusted.open(note, place, self.findings) else { return };
        report.checkpoint = Some(checkpoint.size);
        trusted.cosigned(note, place, report, self.findings);
        if (checkpoint.size, checkpoint.root.to_string()) != (self.log.size, self.log.root.clone()) {
            let detail = "the list of files says another size or root than the checkpoint";
            self.findings.note(Code::Manifest, place, None, detail);
        }
        let wanted = Wanted { root: checkpoint.root, code: Code::Root, said_by: path.clone() };
        audit.tree.want(checkpoint.size, wanted, self.findings);
    }

    /// Asks the tree for the roots of the checkpoints that were kept up to a size.
    fn checkpoints(&mut self, trusted: Option<&Trusted<'_>>, until: u64, audit: &mut Audit) -> Result<(), VerifyError> {
        loop {
            if audit.kept.is_empty() && !self.more_checkpoints(audit)? {
                return Ok(());
            }
            let Some((said_by, note)) = audit.kept.front() else { return Ok(()) };
            let Some(trusted) = trusted else {
                audit.kept.clear();
                continue;
            };
            let place = Place::file(said_by);
            let mut unheard = Findings::default();
            let signed = trusted.open(note, place, &mut unheard);
            if signed.as_ref().is_some_and(|signed| signed.size > until) {
                return Ok(());
            }
            match signed {
                Some(signed) if audit.last_kept.is_some_and(|last| signed.size <= last) => {
                    self.findings.note(Code::Line, place, None, "it is not greater than the checkpoint before it");
                }
                Some(signed) => {
                    let code = Code::RewrittenSinceCheckpoint;
                    audit.last_kept = Some(signed.size);
                    let wanted = Wanted { root: signed.root, code, said_by: said_by.clone() };
                    audit.tree.want(signed.size, wanted, self.findings);
                }
                None => {
                    trusted.open(note, place, self.findings);
                }
            }
            audit.kept.pop_front();
        }
    }

    fn more_checkpoints(&mut self, audit: &mut Audit) -> Result<bool, VerifyError> {
        let left = self.log.checkpoints.saturating_sub(audit.read);
        if left == 0 {
            return Ok(false);
        }
        let count = left.min(CHECKPOINTS_PER_FILE);
        let name = checkpoints_file(audit.read, count);
        audit.read += count;
        let Some(bytes) = self.read(&name)? else { return Ok(true) };
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        if lines.len() as u64 != count {
            self.note(Code::Line, &name, format!("it has {} lines, not {count}", lines.len()));
        }
        let path = self.path(&name);
        for (number, line) in (1_u64..).zip(lines) {
            let place = Place { file: &path, line: Some(number) };
            match read_checkpoint_line(line) {
                Some(note) => audit.kept.push_back((place.to_string(), note.into_bytes())),
                None => self.findings.note(Code::Line, place, None, "it is not a checkpoint in its one form"),
            }
        }
        Ok(true)
    }

    /// One file of events with the tiles and leaves of its positions.
    fn positions(&mut self, first: u64, positions: u64, audit: &mut Audit) -> Result<(), VerifyError> {
        let name = events_file(first, positions);
        let path = self.path(&name);
        let mut lines = self.lines(&name, first, positions)?;
        let whole = *self.view == View::Whole;
        for tile in first / TILE_WIDTH..(first + positions).div_ceil(TILE_WIDTH) {
            let hashes = self.hashes(0, tile)?;
            let entries = if whole { self.entries(tile)? } else { None };
            let tile_path = self.tile_path(TileKind::Hashes { level: 0 }, tile);
            let entries_path = self.tile_path(TileKind::Entries, tile);
            let end = ((tile + 1) * TILE_WIDTH).min(first + positions);
            for (offset, position) in (tile * TILE_WIDTH..end).enumerate() {
                let stored =
                    hashes.as_ref().and_then(|hashes| hashes.get(offset)).map(|hash| (*hash, Place::file(&tile_path)));
                let entry = entries.as_ref().and_then(|entries| entries.get(offset));
                let mut leaf = entry.map(|entry| (leaf_hash(entry), Place::file(&entries_path)));
                let mut found = Vec::new();
                while let Some((number, observed)) =
                    lines.pop_front_if(|(_, observed)| observed.columns.position <= position)
                {
                    found.push((number, observed));
                }
                for (number, observed) in &found {
                    let place = Place { file: &path, line: Some(*number) };
                    audit.events.event(place, observed, self.findings);
                    let hash = leaf_hash(&observed.leaf);
                    if entry.is_some_and(|entry| *entry != observed.leaf) {
                        // The tree says which of the two was changed.
                        let line_is_right = stored.as_ref().is_some_and(|(stored, _)| *stored == hash);
                        let place = if line_is_right { Place::file(&entries_path) } else { place };
                        let detail = "the leaf of the event and the one at its position among the leaves differ";
                        self.findings.note(Code::Leaf, place, Some(position), detail);
                    }
                    leaf = Some((hash, place));
                }
                let completed = audit.tree.push(leaf, stored, self.findings);
                for completed in completed {
                    self.subtree(completed, audit)?;
                }
            }
        }
        Ok(())
    }

    /// The events of a file, with their lines. A view has no file where it shows nothing.
    fn lines(&mut self, name: &str, first: u64, positions: u64) -> Result<VecDeque<(u64, Observed)>, VerifyError> {
        let path = self.path(name);
        if *self.view != View::Whole && !self.files.is_listed(&path) {
            return Ok(VecDeque::new());
        }
        let Some(bytes) = self.read(name)? else { return Ok(VecDeque::new()) };
        let mut events = VecDeque::new();
        for (number, line) in (1_u64..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
            let place = Place { file: &path, line: Some(number) };
            match EventLine::read(line) {
                Ok(observed) if (first..first + positions).contains(&observed.columns.position) => {
                    events.push_back((number, observed));
                }
                Ok(observed) => {
                    let position = Some(observed.columns.position);
                    self.findings.note(Code::Line, place, position, "its position does not belong into this file");
                }
                Err(error) => self.findings.note(Code::Line, place, None, error.to_string()),
            }
        }
        if events.is_empty() {
            self.note(Code::Line, name, "it holds no event");
        }
        Ok(events)
    }

    fn tile_path(&self, kind: TileKind, index: u64) -> String {
        TilePath::widest(kind, index, self.log.size).map_or_else(String::new, |tile| self.path(&tile.to_string()))
    }

    fn hashes(&mut self, level: u8, index: u64) -> Result<Option<Vec<Hash>>, VerifyError> {
        let Some(tile) = TilePath::widest(TileKind::Hashes { level }, index, self.log.size) else { return Ok(None) };
        let name = tile.to_string();
        let Some(bytes) = self.read(&name)? else { return Ok(None) };
        let hashes = decode_hash_tile(&bytes, usize::try_from(tile.width()).unwrap_or(usize::MAX));
        if let Err(error) = &hashes {
            self.note(Code::Tile, &name, error.to_string());
        }
        Ok(hashes.ok())
    }

    fn entries(&mut self, index: u64) -> Result<Option<Vec<Vec<u8>>>, VerifyError> {
        let Some(tile) = TilePath::widest(TileKind::Entries, index, self.log.size) else { return Ok(None) };
        let name = tile.to_string();
        let Some(bytes) = self.read(&name)? else { return Ok(None) };
        let entries = decode_entry_bundle(&bytes, usize::try_from(tile.width()).unwrap_or(usize::MAX));
        if let Err(error) = &entries {
            self.note(Code::Tile, &name, error.to_string());
        }
        Ok(entries.ok().map(|entries| entries.into_iter().map(<[u8]>::to_vec).collect()))
    }

    /// Holds a hash of a higher level against its tile.
    fn subtree(&mut self, completed: (CompletedSubtree, Hash), audit: &mut Audit) -> Result<(), VerifyError> {
        let CompletedSubtree { tile_level: level, index, .. } = completed.0;
        let (tile, offset) = (index / TILE_WIDTH, usize::try_from(index % TILE_WIDTH).unwrap_or(usize::MAX));
        if audit.tiles.get(&level).is_none_or(|(there, _)| *there != tile) {
            let hashes = self.hashes(level, tile)?;
            audit.tiles.insert(level, (tile, hashes));
        }
        let path = self.tile_path(TileKind::Hashes { level }, tile);
        // A tile that cannot be read was told already.
        let Some((_, Some(hashes))) = audit.tiles.get(&level) else { return Ok(()) };
        audit.tree.subtree(completed, hashes.get(offset).copied(), Place::file(&path), self.findings);
        Ok(())
    }
}
