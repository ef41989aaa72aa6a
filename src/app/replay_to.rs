//! Replaying the log up to a point into a file of its own: the rows as they stood then, from the events alone. The rows in
//! use are not looked at.

use crate::app::{App, AppError, AsOf, Seen};
use crate::domain::action::ActionWords;
use crate::domain::contribution::ContributionWords;
use crate::domain::conversation::ConversationWords;
use crate::domain::erasure::ErasureWords;
use crate::domain::event::{Class, PartRef};
use crate::domain::ids::StreamId;
use crate::domain::narrative::NarrativeWords;
use crate::domain::outcome::OutcomeWords;
use crate::domain::person::PersonIdentity;
use crate::domain::personal::Personal;
use crate::domain::resource::Resource;
use crate::domain::review::ReviewWords;
use crate::ledger::Frontier;
use crate::projections::{self, Row, fold};
use crate::store::sqlite::{About, Snapshot, SnapshotRow};
use crate::store::{HistoryPath, HistoryQuery, HistoryRecord, Reach};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

/// The command as accesses name it.
const COMMAND: &str = "replay";
/// Events that are folded together.
const PAGE_EVENTS: u32 = 2_000;
/// Rows that are written together: fewer with words, each of which may have a hundred thousand code points.
const PAGE_ROWS: u32 = 1_000;
const PAGE_ROWS_OPEN: u32 = 100;

/// What a replay wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayedTo {
    /// Events that were folded: all up to the point.
    pub events: u64,
    /// Recordings that there were.
    pub rows: u64,
    /// The last of the events; `None` where nothing was recorded by then.
    pub position: Option<u64>,
    /// When it was recorded.
    pub recorded_at: Option<String>,
    /// The root of the log's tree at that size, in base64.
    pub root: String,
    /// The size of the first signed checkpoint that covers it, if there is one.
    pub checkpoint_size: Option<u64>,
}

/// How far a replay has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayProgress {
    /// So many events are folded, of so many.
    Folded(u64, u64),
    /// So many rows are written.
    Written(u64),
}

impl App {
    /// Folds the log up to a point and writes the rows as they stood into a new file. `open` opens people's words with
    /// their keys; `origin` is the name of the log whose checkpoint is told. Where something is erased meanwhile, it begins
    /// again, so that a file never holds what was erased before it was in its place; `progress` then begins again too.
    ///
    /// # Errors
    /// [`AppError::InvalidQuery`] where the log does not go so far; a file that is there already, or cannot be written, is
    /// [`AppError::Store`]; [`AppError::CannotFollow`] names an event that cannot be folded.
    pub async fn replay_to(
        &self,
        to: AsOf,
        out: &Path,
        open: bool,
        origin: &str,
        mut progress: impl FnMut(ReplayProgress) + Send,
    ) -> Result<ReplayedTo, AppError> {
        let size = self.size_as_of(Some(to)).await?.unwrap_or(0);
        loop {
            let head = self.store.head().await?.size;
            let written = self.replay_to_once(size, out, open, origin, &mut progress).await;
            // An erasure meanwhile took from the log what is written already, or half of what is read together.
            if self.store.last_lawful_change().await?.is_none_or(|position| position < head) {
                let (snapshot, about, replayed) = written?;
                snapshot.finish(about).await?;
                return Ok(replayed);
            }
            // What was written is removed here, before it is made anew.
            drop(written);
        }
    }

    /// Writes everything of a file that is not in its place yet.
    async fn replay_to_once(
        &self,
        size: u64,
        out: &Path,
        open: bool,
        origin: &str,
        progress: &mut (impl FnMut(ReplayProgress) + Send),
    ) -> Result<(Snapshot, Vec<About>, ReplayedTo), AppError> {
        let mut snapshot = Snapshot::create(out).await?;
        let mut tree = Frontier::new();
        let (mut recorded_at, mut done) = (None, 0);
        while done < size {
            let query = HistoryQuery {
                reach: Reach::Operator,
                path: HistoryPath::All,
                from: done,
                before: size,
                as_of: Some(size),
                limit: PAGE_EVENTS,
            };
            let (_, records) = self.store.history(&query).await?;
            let Some(last) = records.last().map(|record| (record.event.position, record.event.recorded_at)) else {
                return Err(AppError::CannotFollow { detail: format!("the log ends at {done} before its head") });
            };
            for record in &records {
                tree.push(record.leaf_hash).map_err(|error| AppError::CannotFollow { detail: error.to_string() })?;
            }
            fold_into(&mut snapshot, records).await?;
            recorded_at = Some(last.1);
            done = last.0 + 1;
            progress(ReplayProgress::Folded(done, size));
        }
        if tree.size() != size {
            return Err(AppError::CannotFollow { detail: format!("the log has a gap before position {size}") });
        }
        let rows = self.write_rows(&mut snapshot, open, size.checked_sub(1), progress).await?;
        let checkpoint = self.store.checkpoints(origin, size, 1).await?.into_iter().next();
        let replayed = ReplayedTo {
            events: size,
            rows,
            position: size.checked_sub(1),
            recorded_at: recorded_at.map(|at| at.to_string()),
            root: tree.root().to_string(),
            checkpoint_size: checkpoint.as_ref().map(|kept| kept.size),
        };
        let note = checkpoint.map(|kept| kept.note);
        Ok((snapshot, about(&replayed, origin, note, open), replayed))
    }

    /// Writes every row into its table, opened or not.
    async fn write_rows(
        &self,
        snapshot: &mut Snapshot,
        open: bool,
        last_known: Option<u64>,
        progress: &mut (impl FnMut(ReplayProgress) + Send),
    ) -> Result<u64, AppError> {
        let (mut last, mut many): (Option<Row>, u64) = (None, 0);
        loop {
            let rows = snapshot.page(last.as_ref(), if open { PAGE_ROWS_OPEN } else { PAGE_ROWS }).await?;
            let Some(next) = rows.last().cloned() else { return Ok(many) };
            many += rows.len() as u64;
            // Whose data the file holds is in the log of accesses before it is in the file.
            let written = if open {
                self.opened_rows(rows, last_known).await?
            } else {
                self.sealed_rows(rows, last_known).await?
            };
            snapshot.write(&written).await?;
            last = Some(next);
            progress(ReplayProgress::Written(many));
        }
    }

    async fn opened_rows(&self, rows: Vec<Row>, complete_to: Option<u64>) -> Result<Vec<SnapshotRow>, AppError> {
        let mut written = Vec::with_capacity(rows.len());
        for seen in self.show_to_operator(COMMAND, complete_to, rows).await? {
            let words = match (seen.parts.is_empty(), seen.erased().is_empty()) {
                (true, _) => "none",
                (false, true) => "open",
                (false, false) => "erased",
            };
            written.push(SnapshotRow { words, opened: Personal::new(opened(&seen)?), row: seen.row });
        }
        Ok(written)
    }

    /// Without a key: only whether the parts are there.
    async fn sealed_rows(&self, rows: Vec<Row>, complete_to: Option<u64>) -> Result<Vec<SnapshotRow>, AppError> {
        let mut places: Vec<PartRef> = rows.iter().flat_map(|row| row.resource.parts()).collect();
        places.sort_unstable_by_key(|place| (place.position, place.class));
        places.dedup();
        self.record_rows_for_operator(COMMAND, complete_to, &rows, &[]).await?;
        let stored = self.store.parts(&places).await?;
        let there: HashSet<PartRef> =
            stored.iter().map(|part| PartRef { position: part.position, class: part.class }).collect();
        let written = rows.into_iter().map(|row| {
            let parts = row.resource.parts();
            let words = match (parts.is_empty(), parts.iter().all(|part| there.contains(part))) {
                (true, _) => "none",
                (false, true) => "sealed",
                (false, false) => "erased",
            };
            SnapshotRow { row, words, opened: Personal::default() }
        });
        Ok(written.collect())
    }
}

/// Folds a page of events onto what the snapshot holds.
async fn fold_into(snapshot: &mut Snapshot, records: Vec<HistoryRecord>) -> Result<(), AppError> {
    let mut streams: Vec<StreamId> =
        records.iter().filter(|record| record.event.version > 0).map(|record| record.event.stream).collect();
    streams.sort_unstable();
    streams.dedup();
    let before = snapshot.find(&streams).await?;
    let mut rows: HashMap<StreamId, Row> = before.into_iter().map(|row| (row.id, row)).collect();
    for record in records {
        // Nothing is left of it to fold.
        if !record.has_facts() {
            continue;
        }
        let mut event = record.event;
        // A part that was erased since was there then: that it was erased is said of it, not hidden.
        for part in record.parts.iter().filter(|part| part.class.is_sealed()) {
            if !event.sealed.contains(&part.class) {
                event.sealed.push(part.class);
            }
        }
        let row = if event.version == 0 { None } else { rows.remove(&event.stream) };
        let row = fold(row, &event)
            .map_err(|error| AppError::CannotFollow { detail: format!("position {}: {error}", event.position) })?;
        rows.insert(event.stream, row);
    }
    let rows: Vec<Row> = rows.into_values().collect();
    Ok(snapshot.put(&rows).await?)
}

/// What the file says of itself. Nothing of the run: the same point gives the same file.
fn about(replayed: &ReplayedTo, origin: &str, note: Option<String>, open: bool) -> Vec<About> {
    let number = |number: Option<u64>| number.map_or(Value::Null, Value::from);
    vec![
        About(
            "position",
            number(replayed.position),
            "The last event that is known here; every row is as it stood then.",
        ),
        About("events", replayed.events.into(), "How many events were folded: positions 0 to `position`."),
        About("instant", replayed.recorded_at.clone().into(), "When that event was recorded, RFC 3339 in UTC."),
        About("origin", origin.into(), "The name of the log."),
        About("root", replayed.root.clone().into(), "The root of the log's tree over these events (RFC 9162), base64."),
        About(
            "checkpoint_size",
            number(replayed.checkpoint_size),
            "The first signed checkpoint that covers them, if any.",
        ),
        About("checkpoint", note.into(), "That checkpoint, a C2SP signed note."),
        About("rows", replayed.rows.into(), "How many recordings there were."),
        About(
            "holds",
            "recordings".into(),
            "Every recording as it stood: nothing of what was erased since, and not who read it, the log's signer and \
             statements, witnesses, clients, keys or idempotency keys, which are no recordings.",
        ),
        About("folds_version", projections::VERSION.into(), "The version of the rules by which events became rows."),
        About(
            "words",
            if open { "open" } else { "sealed" }.into(),
            "Whether people's words were opened for this file.",
        ),
    ]
}

/// The content of a part in its type.
fn content<T: DeserializeOwned + Default>(seen: &Seen, part: Option<PartRef>) -> Result<T, AppError> {
    Ok(seen.content(part)?.flatten().unwrap_or_default())
}

/// What the opened parts of a recording say, by the columns of its table.
fn opened(seen: &Seen) -> Result<BTreeMap<&'static str, Value>, AppError> {
    let mut columns = BTreeMap::new();
    let mut say = |name: &'static str, words: Option<Personal<String>>| {
        if let Some(words) = words {
            columns.insert(name, Value::from(words.into_inner()));
        }
    };
    match &seen.row.resource {
        Resource::Person(person) => {
            let identity: Option<PersonIdentity> = seen.content(person.identity)?.flatten();
            let (name, born) = identity.map_or((None, None), |identity| (identity.name, identity.birth_date));
            say("name", name);
            say("birth_date", born.map(|born| Personal::new(born.to_string())));
            say("identifiers", Some(Personal::new(identifiers(seen)?)).filter(|_| !person.identifiers.is_empty()));
        }
        Resource::Conversation(conversation) => {
            let words: ConversationWords = content(seen, conversation.words)?;
            say("note", words.note);
            say("not_asked_reason", words.not_asked_reason);
        }
        Resource::Narrative(narrative) => {
            let first: NarrativeWords = content(seen, narrative.first_words)?;
            let words: NarrativeWords = content(seen, narrative.words)?;
            let author = if narrative.first_words.is_some() { first.author_name } else { words.author_name };
            say("text", words.text);
            say("author_name", author);
        }
        Resource::Outcome(outcome) => {
            let words: OutcomeWords = content(seen, outcome.words)?;
            say("title", words.title);
            say("why_it_matters", words.why_it_matters);
        }
        Resource::Review(review) => {
            let words: ReviewWords = content(seen, review.words)?;
            let named: ReviewWords = content(seen, review.author_name)?;
            say("note", words.note);
            say("author_name", named.author_name);
        }
        Resource::Action(action) => {
            let words: ActionWords = content(seen, action.words)?;
            let progress: ActionWords = content(seen, action.progress)?;
            say("description", words.description);
            say("taken_by_name", words.taken_by_name);
            say("progress_note", progress.note);
        }
        Resource::Contribution(contribution) => {
            let words: Option<ContributionWords> = seen.content(contribution.words)?.flatten();
            if let Some(words) = words {
                say("description", Some(words.description));
                say("contributor_name", words.contributor_name);
            }
        }
        Resource::Erasure(erasure) => {
            let asked: ErasureWords = content(seen, erasure.reason)?;
            let refused: ErasureWords = content(seen, erasure.note)?;
            say("reason", asked.reason);
            say("note", refused.note);
        }
        Resource::Framework(_) => {}
    }
    Ok(columns)
}

/// A person's identifiers as JSON; a value that was erased is `null`.
fn identifiers(seen: &Seen) -> Result<String, AppError> {
    let Resource::Person(person) = &seen.row.resource else { return Ok("[]".to_owned()) };
    let mut taken: HashMap<u64, usize> = HashMap::new();
    let mut all = Vec::with_capacity(person.identifiers.len());
    for held in &person.identifiers {
        let place = PartRef { position: held.position, class: Class::Identity };
        let identity: Option<PersonIdentity> = seen.content(Some(place))?.flatten();
        let nth = taken.entry(held.position).or_default();
        let value =
            identity.and_then(|identity| identity.identifiers.get(*nth).map(|one| one.value().expose().clone()));
        *nth += 1;
        all.push(serde_json::json!({"system": held.system, "value": value}));
    }
    Ok(Value::from(all).to_string())
}
