//! Batches: many recordings in one request, each line answered on its own, or all or none.
//!
//! Lines go to the log in chunks. A line can use what earlier lines of the request record, by name; if such a line
//! turns out to be refused, the lines that build on it are refused too. A repeat of a whole batch changes nothing:
//! every line that was recorded answers as the first time.

use crate::app::record::Tentative;
use crate::app::rejected::refused_by_log;
use crate::app::{App, AppError, Receipt, Recording, Target};
use crate::domain::access::{Caller, Scope, allow};
use crate::domain::event::Kind;
use crate::domain::ids::StreamId;
use crate::domain::person::Barred;
use crate::domain::refusal::Refusal;
use crate::domain::resource::Command;
use crate::store::{About, Appended, Group, IdempotencyKey, NewAppend, Rejection};
use std::collections::HashMap;

/// The most lines of one chunk: one append to the log.
pub const CHUNK_LINES: usize = 256;
/// The most lines of an all-or-nothing batch, which is one append.
pub const ALL_MAX_LINES: usize = 500;

/// A line by its number, with what its recording is and whose.
type Place = (usize, Kind, StreamId, Option<About>);

/// All lines or each line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchMode {
    /// Each line on its own.
    Each,
    /// All or none.
    All,
}

/// A line as it was read: its recording is parsed when the names that it uses are known.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchLine {
    /// Its idempotency key.
    pub key: String,
    /// The name under which later lines may refer to it.
    pub name: Option<String>,
    /// The operation.
    pub operation: String,
    /// The recording that it changes: an id or `@name`.
    pub id: Option<String>,
    /// The version that the sender saw.
    pub if_match: Option<u64>,
    /// The body, names still in it.
    pub body: serde_json::Value,
}

/// A line's answer.
pub type BatchAnswer<E> = Result<Receipt, E>;

/// Names of earlier lines: their recording, or `None` where the line was refused.
pub type Names = HashMap<String, Option<StreamId>>;

/// Fields of bodies in which a name can stand for an id.
const NAMED_FIELDS: [&str; 5] = ["person", "outcome", "outcomes", "narratives", "conversation"];

struct Prepared {
    at: usize,
    kind: Kind,
    append: NewAppend,
}

/// A line of this chunk that a later one repeats: same key, same request.
struct First {
    at: usize,
    stream: StreamId,
    fingerprint: [u8; 32],
}

impl App {
    /// Records a chunk of lines in order. `parse` turns a line whose names are resolved into a recording.
    ///
    /// # Errors
    /// Fails as a whole only where the store or the key store fails; nothing of the chunk is known to be recorded then.
    pub async fn record_lines<E: From<AppError> + Clone>(
        &self,
        caller: &Caller,
        mode: BatchMode,
        names: &mut Names,
        lines: Vec<BatchLine>,
        parse: &(dyn Fn(&BatchLine) -> Result<Recording, E> + Send + Sync),
    ) -> Result<Vec<BatchAnswer<E>>, AppError> {
        allow(caller, Scope::BatchesWrite)?;
        let keys: Vec<IdempotencyKey> = lines.iter().map(|line| self.line_key(caller, line)).collect();
        let digests: Vec<[u8; 32]> = keys.iter().map(|key| key.digest).collect();
        let kept: HashMap<_, _> = self.store.kept_answers(&digests).await?.into_iter().collect();
        let ids =
            self.ids_with_keys(&lines, |at| keys.get(at).is_some_and(|key| kept.contains_key(&key.digest))).await?;
        let mut tentative = Tentative::default();
        let mut answers: Vec<Option<BatchAnswer<E>>> = Vec::with_capacity(lines.len());
        let mut prepared: Vec<Prepared> = Vec::new();
        let mut firsts: HashMap<[u8; 32], First> = HashMap::new();
        let mut repeats: Vec<(usize, usize)> = Vec::new();
        for (at, ((mut line, key), id)) in lines.into_iter().zip(keys).zip(ids).enumerate() {
            let name = line.name.take();
            if let Some(kept) = kept.get(&key.digest) {
                let same = kept.fingerprint == key.fingerprint;
                remember(names, name, same.then_some(kept.stream));
                answers.push(Some(if same { Ok(kept.appended().into()) } else { Err(AppError::KeyReused.into()) }));
                continue;
            }
            if let Some(first) = firsts.get(&key.digest) {
                let same = first.fingerprint == key.fingerprint;
                remember(names, name, same.then_some(first.stream));
                answers.push(if same { None } else { Some(Err(AppError::KeyReused.into())) });
                repeats.extend(same.then_some((at, first.at)));
                continue;
            }
            match self.prepare_line(caller, line, id, key, names, &mut tentative, parse).await {
                Ok((kind, append)) => {
                    firsts.insert(key.digest, First { at, stream: append.stream, fingerprint: key.fingerprint });
                    remember(names, name, Some(append.stream));
                    answers.push(None);
                    prepared.push(Prepared { at, kind, append });
                }
                Err(Fault::Whole(error)) => return Err(error),
                Err(Fault::Line(error)) => {
                    remember(names, name, None);
                    answers.push(Some(Err(error)));
                }
            }
        }
        if mode == BatchMode::All && answers.iter().flatten().any(Result::is_err) {
            return Ok(answers
                .into_iter()
                .map(|answer| answer.unwrap_or_else(|| Err(AppError::GroupRejected.into())))
                .collect());
        }
        let mut answers = self.append_prepared(caller, mode, prepared, answers, names).await?;
        for (at, first) in repeats {
            let answer =
                answers.get(first).cloned().map(|answer| answer.map(|first| Receipt { repeated: true, ..first }));
            if let (Some(place), Some(answer)) = (answers.get_mut(at), answer) {
                *place = answer;
            }
        }
        Ok(answers)
    }

    async fn append_prepared<E: From<AppError>>(
        &self,
        caller: &Caller,
        mode: BatchMode,
        prepared: Vec<Prepared>,
        mut answers: Vec<Option<BatchAnswer<E>>>,
        names: &mut Names,
    ) -> Result<Vec<BatchAnswer<E>>, AppError> {
        let places: Vec<Place> =
            prepared.iter().map(|line| (line.at, line.kind, line.append.stream, line.append.about)).collect();
        let items: Vec<NewAppend> = prepared.into_iter().map(|line| line.append).collect();
        let outcomes = if items.is_empty() {
            Vec::new()
        } else {
            self.writer.append(Group { atomic: mode == BatchMode::All, items }).await.map_err(AppError::Store)?
        };
        let holder = |((_, kind, ..), outcome): (&Place, &Result<Appended, Rejection>)| match outcome {
            Err(Rejection::Taken { holder }) if *kind == Kind::Person => Some(*holder),
            _ => None,
        };
        let holders: Vec<StreamId> = places.iter().zip(&outcomes).filter_map(holder).collect();
        let unshown = self.release_holders(caller, &holders).await.err();
        for ((at, kind, stream, about), outcome) in places.into_iter().zip(outcomes) {
            if let Err(Rejection::Barred(Barred::SealedAnew { generation })) = &outcome {
                // So that it passes when it is sent again.
                self.renew_words_key(about, *generation).await?;
            }
            let recorded = outcome.as_ref().ok().map(|appended| appended.stream);
            if recorded != Some(stream) {
                for known in names.values_mut().filter(|known| **known == Some(stream)) {
                    *known = recorded;
                }
            }
            if kind == Kind::Person {
                self.known.births.forget(&stream.into());
            }
            if let Some(answer) = answers.get_mut(at) {
                *answer = Some(outcome.map(Receipt::from).map_err(|rejection| match (&rejection, &unshown) {
                    (Rejection::Taken { .. }, Some(unshown)) => unshown.clone().into(),
                    _ => refused_by_log(rejection, kind).into(),
                }));
            }
        }
        let silent = || Err(AppError::CannotFollow { detail: "the writer gave no answer".to_owned() }.into());
        Ok(answers.into_iter().map(|answer| answer.unwrap_or_else(silent)).collect())
    }

    fn line_key(&self, caller: &Caller, line: &BatchLine) -> IdempotencyKey {
        let if_match = line.if_match.map(|version| version.to_string()).unwrap_or_default();
        let body = serde_json_canonicalizer::to_vec(&line.body).unwrap_or_default();
        let id = line.id.as_deref().unwrap_or_default();
        self.idempotency_key(caller, &line.key, &[line.operation.as_bytes(), id.as_bytes(), if_match.as_bytes(), &body])
    }

    /// An id for each line that may need a new one; people's keys are made for all of them at once.
    async fn ids_with_keys(
        &self,
        lines: &[BatchLine],
        is_kept: impl Fn(usize) -> bool,
    ) -> Result<Vec<StreamId>, AppError> {
        let ids: Vec<StreamId> = lines.iter().map(|_| self.ids.stream()).collect();
        let people: Vec<_> = lines
            .iter()
            .zip(&ids)
            .enumerate()
            .filter(|(at, (line, _))| line.operation == "register_person" && !is_kept(*at))
            .map(|(_, (_, id))| (*id).into())
            .collect();
        if !people.is_empty() {
            self.vault.ensure_keys(&people, self.now().micros()).await?;
        }
        Ok(ids)
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one request, passed on line by line")]
    async fn prepare_line<E: From<AppError>>(
        &self,
        caller: &Caller,
        mut line: BatchLine,
        fresh: StreamId,
        key: IdempotencyKey,
        names: &Names,
        tentative: &mut Tentative,
        parse: &(dyn Fn(&BatchLine) -> Result<Recording, E> + Send + Sync),
    ) -> Result<(Kind, NewAppend), Fault<E>> {
        resolve(&mut line, names).map_err(|error| Fault::Line(error.into()))?;
        let recording = parse(&line).map_err(Fault::Line)?;
        let kind = recording.command.kind();
        allow(caller, Scope::to_record(&recording.command))
            .map_err(|error| Fault::Line(AppError::from(error).into()))?;
        let id = match recording.target {
            Target::New => fresh,
            Target::Existing { id, .. } => id,
        };
        let (append, row) = self.prepare(caller, &recording, id, key, tentative).await.map_err(Fault::of)?;
        if let Command::Person(_) = recording.command {
            self.known.births.forget(&id.into());
        }
        tentative.add(&recording, row);
        Ok((kind, append))
    }
}

/// Whether a failure is the line's or everybody's.
enum Fault<E> {
    Line(E),
    Whole(AppError),
}

impl<E: From<AppError>> Fault<E> {
    fn of(error: AppError) -> Self {
        match error {
            AppError::Store(_) | AppError::KeysUnavailable(_) | AppError::KeysFull(_) => Self::Whole(error),
            AppError::Refused(refusal) => Self::Line(AppError::Refused(in_line(refusal)).into()),
            error => Self::Line(error.into()),
        }
    }
}

/// A refusal as it stands in a line: its pointer leads into the line's body.
fn in_line(mut refusal: Refusal) -> Refusal {
    match &mut refusal {
        Refusal::Invalid { pointer, .. }
        | Refusal::UnknownReference { pointer, .. }
        | Refusal::InTheFuture { pointer }
        | Refusal::BeforeBirth { pointer } => pointer.insert_str(0, "/body"),
        Refusal::NotInThisState { .. } => {}
    }
    refusal
}

fn remember(names: &mut Names, name: Option<String>, stream: Option<StreamId>) {
    if let Some(name) = name {
        names.insert(name, stream);
    }
}

/// Puts ids in the place of names.
fn resolve(line: &mut BatchLine, names: &Names) -> Result<(), AppError> {
    if let Some(id) = &mut line.id {
        replace_name(id, "/id", names)?;
    }
    let Some(fields) = line.body.as_object_mut() else { return Ok(()) };
    for field in NAMED_FIELDS {
        match fields.get_mut(field) {
            Some(serde_json::Value::String(text)) => replace_name(text, &format!("/body/{field}"), names)?,
            Some(serde_json::Value::Array(entries)) => {
                for (at, entry) in entries.iter_mut().enumerate() {
                    if let serde_json::Value::String(text) = entry {
                        replace_name(text, &format!("/body/{field}/{at}"), names)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn replace_name(text: &mut String, pointer: &str, names: &Names) -> Result<(), AppError> {
    let Some(name) = text.strip_prefix('@') else { return Ok(()) };
    let pointer = pointer.to_owned();
    match names.get(name) {
        Some(Some(stream)) => {
            *text = stream.to_string();
            Ok(())
        }
        Some(None) => Err(AppError::UnknownName { pointer, detail: "the line of this name was refused".to_owned() }),
        None => {
            let detail = "no earlier line of this request has this name".to_owned();
            Err(Refusal::UnknownReference { pointer, detail }.into())
        }
    }
}
