//! Verifying the logs where they live, by its operator: the same audit as of an export, fed from the tables, with sealed parts
//! opened where the keys are at hand.
//!
//! The logs may grow meanwhile. Each moment is read by one statement ([`Archive::extent`](crate::store::Archive::extent)), and
//! where a part is gone that nothing covers yet, the audit goes on to what was recorded since: the erasure may be there.

use crate::app::AppError;
use crate::app::audit::observing::observe;
use crate::app::audit::report::{LogReport, Report};
use crate::app::audit::signed::{Auditor, EarlierCheckpoint, Trusted, check_given};
use crate::app::log::{LogError, StatementsError, stated};
use crate::ledger::archive::{Code, EVENTS_PER_FILE, EventAudit, Findings, LogName, Place, TreeAudit, View, Wanted};
use crate::ledger::{CompletedSubtree, Frontier, Hash, SignedStatement, TILE_WIDTH, VerifierKey, leaf_hash};
use crate::store::{Extent, PARTS_PER_EVENT, Store};
use crate::vault::Vault;
use std::collections::HashMap;
use std::path::PathBuf;

/// A log of a store, and what its operator has beside it.
#[derive(Debug, Clone)]
pub struct LiveLog {
    /// Which.
    pub log: LogName,
    /// What it calls itself.
    pub origin: String,
    /// The signer's key, where its file is at hand.
    pub key: Option<VerifierKey>,
    /// The last signed checkpoint as the signer keeps it apart from the database.
    pub guard: Option<EarlierCheckpoint>,
    /// Where that is; what the log stated about itself is kept beside it, too.
    pub guard_file: PathBuf,
}

/// How many checkpoints or hashes are read at once.
const PAGE: u32 = 1_024;

/// What a log's tables are called where something is found in them.
struct Tables {
    event: Place<'static>,
    part: Place<'static>,
    subtree: Place<'static>,
    head: Place<'static>,
}

const fn tables(log: LogName) -> Tables {
    match log {
        LogName::Outcomes => Tables {
            event: Place::file("table event"),
            part: Place::file("table part"),
            subtree: Place::file("table log_subtree"),
            head: Place::file("table log_head"),
        },
        LogName::Accesses => Tables {
            event: Place::file("table access"),
            part: Place::file("table access"),
            subtree: Place::file("table access_subtree"),
            head: Place::file("table access_head"),
        },
    }
}

const CHECKPOINT: Place<'static> = Place::file("table checkpoint");
const STATEMENT: Place<'static> = Place::file("table statement");

/// Verifies logs of a store. Without a vault sealed parts stay sealed. `progress` is told how many positions are done, and how
/// many there were at the beginning.
///
/// # Errors
/// Only where something cannot be read; whatever is wrong with what can be is in the report.
pub async fn verify_store(
    store: &dyn Store,
    vault: Option<&Vault>,
    logs: &[LiveLog],
    auditor: &Auditor,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Report, LogError> {
    let (mut report, mut findings, mut total) = (Report::default(), Findings::default(), 0);
    let origins: Vec<&str> = logs.iter().map(|log| log.origin.as_str()).collect();
    report.key_given = check_given(auditor, &origins, &mut findings);
    for log in logs {
        let extent = store.extent(log.log).await.map_err(AppError::from)?;
        total += extent.map_or(0, |extent| u64::try_from(extent.size).unwrap_or(0));
    }
    for log in logs {
        let mut done = |done| progress(done, total);
        let told = verify_log((store, vault), log, auditor, &mut report.limits, &mut findings, &mut done).await?;
        report.logs.push(told);
    }
    if vault.is_none() {
        report.limits.push(
            "Sealed parts were not opened (--no-keys): whether their words are those recorded is not known".to_owned(),
        );
    }
    report.findings = findings;
    Ok(report)
}

async fn verify_log(
    (store, vault): (&dyn Store, Option<&Vault>),
    log: &LiveLog,
    auditor: &Auditor,
    limits: &mut Vec<String>,
    findings: &mut Findings,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<LogReport, LogError> {
    let statements = statements(store, log, findings).await?;
    let trusted = Trusted::of(auditor, &log.origin, log.key.clone(), &statements, STATEMENT, findings);
    let mut live = Live {
        store,
        vault,
        log: log.log,
        tables: tables(log.log),
        origin: &log.origin,
        trusted: trusted.as_ref(),
        findings,
        events: EventAudit::new(log.log, View::Whole),
        tree: TreeAudit::new(Code::LeafHash),
        next_checkpoint: Some(0),
        last_checkpoint: 0,
        waiting: Vec::new(),
        subtrees: HashMap::new(),
        newest: None,
    };
    live.signed_elsewhere(log.guard.as_ref());
    // Read before the head, so that what is signed while this runs is not mistaken for a log that was cut off.
    let last = store.last_checkpoint(&log.origin).await.map_err(AppError::from)?;
    live.last_checkpoint = last.map_or(0, |last| last.size);
    live.run(progress).await?;
    let name = log.log.as_str();
    let mut told = LogReport { name: name.to_owned(), origin: log.origin.clone(), ..LogReport::default() };
    if let Some(trusted) = &trusted {
        told.keys = trusted.keys.iter().map(ToString::to_string).collect();
    } else {
        limits.push(format!("There is no key here to check signatures of the log {name} with: give it with --key"));
    }
    live.finish(&mut told, limits);
    Ok(told)
}

/// What the log stated about itself; what cannot be believed is a finding.
async fn statements(
    store: &dyn Store,
    log: &LiveLog,
    findings: &mut Findings,
) -> Result<Vec<SignedStatement>, LogError> {
    match stated(store, &log.guard_file, &log.origin).await {
        Err(LogError::Statements(error @ StatementsError::Unbelievable { .. })) => {
            findings.note(Code::Signature, STATEMENT, None, error.to_string());
            Ok(Vec::new())
        }
        read => read,
    }
}

struct Live<'a> {
    store: &'a dyn Store,
    vault: Option<&'a Vault>,
    log: LogName,
    tables: Tables,
    origin: &'a str,
    trusted: Option<&'a Trusted<'a>>,
    findings: &'a mut Findings,
    events: EventAudit,
    tree: TreeAudit,
    /// The size from which on checkpoints are still to be read.
    next_checkpoint: Option<u64>,
    /// The size of the last checkpoint that there was when this began.
    last_checkpoint: u64,
    /// Checkpoints that were read and whose size the tree has not reached.
    waiting: Vec<(u64, String)>,
    /// Hashes of complete subtrees that were read ahead, by level.
    subtrees: HashMap<u8, HashMap<i64, Vec<u8>>>,
    newest: Option<(u64, String)>,
}

impl Live<'_> {
    /// What was signed and is kept outside the database.
    fn signed_elsewhere(&mut self, guard: Option<&EarlierCheckpoint>) {
        let Some(trusted) = self.trusted else { return };
        trusted.want_earlier(&mut self.tree, self.findings);
        let Some(guard) = guard else { return };
        let said_by = format!("the signer's state {}", guard.name);
        if let Some(signed) = trusted.open(&guard.note, Place::file(&said_by), self.findings) {
            let wanted = Wanted { root: signed.root, code: Code::RewrittenSinceCheckpoint, said_by };
            self.tree.want(signed.size, wanted, self.findings);
        }
    }

    async fn run(&mut self, progress: &mut (dyn FnMut(u64) + Send)) -> Result<(), AppError> {
        loop {
            let Some(extent) = self.store.extent(self.log).await? else {
                self.findings.note(Code::Head, self.tables.head, None, "the head of the log is not there");
                return Ok(());
            };
            let there = extent.events.map_or(0, |(_, last)| u64::try_from(last).unwrap_or(0) + 1);
            let size = u64::try_from(extent.size).unwrap_or(there).min(there);
            while self.tree.size() < size {
                let (from, until) = (self.tree.size(), size.min(self.tree.size() + EVENTS_PER_FILE));
                self.checkpoints(until).await?;
                self.positions(from, until).await?;
                progress(until - from);
            }
            self.events.ends_at(size, self.tables.event, self.findings);
            self.hold_extent(&extent, size);
            if !self.events.waits_for_an_erasure() || self.findings.total() > 0 {
                break;
            }
            match self.store.extent(self.log).await? {
                Some(later) if later.size > extent.size => {}
                _ => break,
            }
        }
        self.checkpoints(u64::MAX).await
    }

    /// Holds the head, and how far each table goes, against what was found.
    fn hold_extent(&mut self, extent: &Extent, size: u64) {
        let there = extent.events.map_or(0, |(_, last)| last.saturating_add(1));
        if extent.size > there || extent.size < 0 {
            let detail = format!("the head counts {} events, and there are {there}", extent.size);
            self.findings.note(Code::Head, self.tables.head, None, detail);
        }
        if extent.size < there || extent.events.is_some_and(|(first, _)| first < 0) {
            let detail =
                format!("the head counts {} events, and there are events up to position {}", extent.size, there - 1);
            self.findings.note(Code::EventBeyondHead, self.tables.event, Some(size), detail);
        }
        let width = i64::try_from(PARTS_PER_EVENT).unwrap_or(i64::MAX);
        let end = extent.size.max(0).saturating_mul(width);
        if extent.parts.is_some_and(|(first, last)| first < 0 || last >= end) {
            self.findings.note(
                Code::PartUnknown,
                self.tables.part,
                None,
                "there are parts at positions that have no event",
            );
        }
        let complete: u64 = (1..=7_u32).map(|level| size >> (8 * level)).sum();
        if i64::try_from(complete) != Ok(extent.subtrees) {
            let detail = format!("there are {} hashes of complete subtrees, not {complete}", extent.subtrees);
            self.findings.note(Code::Tile, self.tables.subtree, None, detail);
        }
        match Frontier::from_bytes(&extent.frontier) {
            Ok(edge) if edge.size() == self.tree.size() => {
                let wanted = Wanted { root: edge.root(), code: Code::Head, said_by: self.tables.head.to_string() };
                self.tree.want(edge.size(), wanted, self.findings);
            }
            _ => self.findings.note(
                Code::Head,
                self.tables.head,
                None,
                "the tree's edge in the head is not one of so many events",
            ),
        }
        if extent.size > 0 && self.events.last_recorded_at().is_some_and(|last| last != extent.recorded_at) {
            self.findings.note(Code::Head, self.tables.head, None, "the head says another time than the last event");
        }
    }

    async fn positions(&mut self, from: u64, until: u64) -> Result<(), AppError> {
        let events = self.store.raw_events(self.log, from, until).await?;
        let parts = self.store.raw_parts(self.log, from, until).await?;
        let page = observe(events, parts, self.vault).await?;
        for position in page.strays {
            let detail = "a part stands at a position that has no event, or that is not its own";
            self.findings.note(Code::PartUnknown, self.tables.part, u64::try_from(position).ok(), detail);
        }
        let mut events = page.events.into_iter().peekable();
        for position in from..until {
            let found = events.next_if(|found| found.observed.columns.position == position);
            let mut stored = None;
            let leaf = found.map(|found| {
                self.events.event(self.tables.event, &found.observed, self.findings);
                if found.leaf_hash.is_none() {
                    self.findings.note(
                        Code::LeafHash,
                        self.tables.event,
                        Some(position),
                        "the stored hash has not 32 bytes",
                    );
                }
                stored = found.leaf_hash.map(|hash| (Hash::new(hash), self.tables.event));
                (leaf_hash(&found.observed.leaf), self.tables.event)
            });
            let completed = self.tree.push(leaf, stored, self.findings);
            for completed in completed {
                self.subtree(completed).await?;
            }
        }
        Ok(())
    }

    async fn subtree(&mut self, completed: (CompletedSubtree, Hash)) -> Result<(), AppError> {
        let CompletedSubtree { tile_level: level, index, .. } = completed.0;
        if index.is_multiple_of(TILE_WIDTH) || !self.subtrees.contains_key(&level) {
            let page = self.store.raw_subtrees(self.log, level, index, PAGE).await?;
            self.subtrees.insert(level, page.into_iter().collect());
        }
        let of_level = self.subtrees.get(&level);
        let mut stored = i64::try_from(index).ok().and_then(|index| of_level?.get(&index).cloned());
        if stored.is_none() {
            // It was completed after the page was read.
            let page = self.store.raw_subtrees(self.log, level, index, 1).await?;
            stored = page.into_iter().find(|(there, _)| u64::try_from(*there) == Ok(index)).map(|(_, hash)| hash);
        }
        let stored = stored.and_then(|hash| hash.try_into().ok()).map(Hash::new);
        self.tree.subtree(completed, stored, self.tables.subtree, self.findings);
        Ok(())
    }

    /// Asks the tree for the roots of the checkpoints that the database keeps up to a size.
    async fn checkpoints(&mut self, until: u64) -> Result<(), AppError> {
        let Some(trusted) = self.trusted else { return Ok(()) };
        loop {
            let split = self.waiting.iter().position(|(size, _)| *size > until).unwrap_or(self.waiting.len());
            for (size, note) in self.waiting.drain(..split) {
                let said_by = format!("{CHECKPOINT}, size {size}");
                self.newest = Some((size, note));
                let note = self.newest.as_ref().map(|(_, note)| note.as_bytes()).unwrap_or_default();
                let Some(signed) = trusted.open(note, Place::file(&said_by), self.findings) else { continue };
                if signed.size != size {
                    let detail = format!("its note is of {} events", signed.size);
                    self.findings.note(Code::Signature, Place::file(&said_by), None, detail);
                }
                if signed.size < self.tree.size() {
                    continue;
                }
                let wanted = Wanted { root: signed.root, code: Code::RewrittenSinceCheckpoint, said_by };
                self.tree.want(signed.size, wanted, self.findings);
            }
            let Some(from) = self.next_checkpoint.filter(|_| self.waiting.is_empty()) else { return Ok(()) };
            let page = self.store.checkpoints(self.origin, from, PAGE).await?;
            self.next_checkpoint = page.last().map(|last| last.size.saturating_add(1));
            let known = page.into_iter().filter(|kept| kept.size <= self.last_checkpoint);
            self.waiting = known.map(|kept| (kept.size, kept.note)).collect();
            if self.waiting.is_empty() {
                self.next_checkpoint = None;
            }
        }
    }

    fn finish(mut self, told: &mut LogReport, limits: &mut Vec<String>) {
        told.size = self.tree.size();
        told.root = self.tree.edge().map(|edge| edge.root().to_string());
        match (&self.newest, self.trusted) {
            (Some((size, note)), Some(trusted)) => {
                told.checkpoint = Some(*size);
                trusted.cosigned(note.as_bytes(), CHECKPOINT, told, self.findings);
                if *size < told.size {
                    let detail =
                        format!("The last {} events of the log {} are not signed yet", told.size - size, told.name);
                    limits.push(detail);
                }
            }
            _ if told.size > 0 => {
                limits.push(format!(
                    "No checkpoint of the log {} was signed: nothing but the database itself vouches for it",
                    told.name
                ));
            }
            _ => {}
        }
        self.tree.finish(self.findings);
        told.roots = self.tree.roots();
        told.counts = self.events.finish(self.findings);
    }
}
