//! Recording: one command to one durable event.

use crate::app::known::Brief;
use crate::app::prepare::Frame;
use crate::app::rejected::refused_by_log;
use crate::app::{App, AppError, Stale};
use crate::domain::access::{Caller, Scope, allow};
use crate::domain::conversation::ConversationCommand;
use crate::domain::event::{Header, Kind, Recorded, SourceReference};
use crate::domain::framework::FrameworkCommand;
use crate::domain::ids::{OrganisationCode, PersonId, StreamId};
use crate::domain::person::{Barred, PersonCommand};
use crate::domain::refusal::Refusal;
use crate::domain::resource::{Command, Reference};
use crate::domain::review::ReviewCommand;
use crate::domain::time::{LifeTime, Timestamp};
use crate::projections::{Row, fold};
use crate::store::{Appended, Group, IdempotencyKey, NewAppend, Reach, Rejection};
use std::collections::HashMap;

/// How often a command without a precondition is decided again when its recording changed meanwhile.
const DECISIONS_MAX: usize = 5;

/// What a command is addressed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A new recording.
    New,
    /// An existing one.
    Existing {
        /// Which.
        id: StreamId,
        /// The version that the caller saw; `None` where the command stands beside what is there (a response).
        if_match: Option<u64>,
    },
}

/// A command with what is said of every recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// What it is addressed to.
    pub target: Target,
    /// What is asked.
    pub command: Command,
    /// When in life.
    pub occurred_at: LifeTime,
    /// Where it was imported from.
    pub source: Option<SourceReference>,
}

/// Where a recording stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The recording.
    pub id: StreamId,
    /// Its version.
    pub version: u64,
    /// The event's position, which can be read already.
    pub position: u64,
    /// When the log learnt of it.
    pub recorded_at: Timestamp,
    /// Whether this answers a repeat.
    pub repeated: bool,
}

impl From<Appended> for Receipt {
    fn from(appended: Appended) -> Self {
        Self {
            id: appended.stream,
            version: appended.version,
            position: appended.position,
            recorded_at: appended.recorded_at,
            repeated: appended.repeated,
        }
    }
}

/// What earlier lines of the same request would make, on which later lines build before any of it is in the log.
#[derive(Default)]
pub(super) struct Tentative {
    rows: HashMap<StreamId, Row>,
    births: HashMap<StreamId, Option<LifeTime>>,
}

impl Tentative {
    /// Takes note of a prepared line.
    pub(super) fn add(&mut self, recording: &Recording, row: Row) {
        if let Command::Person(PersonCommand::Register { birth_date, .. } | PersonCommand::Amend { birth_date, .. }) =
            &recording.command
        {
            self.births.insert(row.id, *birth_date);
        }
        self.rows.insert(row.id, row);
    }
    /// Whether a stream is new in this request.
    fn is_new(&self, stream: StreamId) -> bool {
        self.rows.contains_key(&stream)
    }
}

impl App {
    /// Digests an idempotency key and the request that it came with.
    #[must_use]
    pub fn idempotency_key(&self, caller: &Caller, key: &str, request: &[&[u8]]) -> IdempotencyKey {
        IdempotencyKey {
            // One client may act for several organisations (development tokens, a client that was bound anew).
            digest: self.vault.fingerprint(&[
                b"idempotency-key",
                caller.organisation.as_str().as_bytes(),
                caller.client.as_bytes(),
                key.as_bytes(),
            ]),
            fingerprint: self.vault.fingerprint(request),
        }
    }

    /// Records one command and answers when it is durable. A repeat under the same key answers as the first time.
    ///
    /// # Errors
    /// See [`AppError`]; nothing is recorded unless the answer is a receipt, or the store says that it cannot know.
    pub async fn record(
        &self,
        caller: &Caller,
        recording: Recording,
        key: IdempotencyKey,
    ) -> Result<Receipt, AppError> {
        allow(caller, Scope::to_record(&recording.command))?;
        // Registering makes keys before the log can tell that it is a repeat, so the log is asked first.
        if matches!(recording.command, Command::Person(_))
            && let Some(receipt) = self.kept(&key).await?
        {
            return receipt;
        }
        let outcome = self.decide_and_append(caller, &recording, key).await;
        if let Err(
            AppError::Refused(_)
            | AppError::Stale(_)
            | AppError::NotFound { .. }
            | AppError::Taken { .. }
            | AppError::Erased,
        ) = &outcome
            && let Some(receipt) = self.kept(&key).await?
        {
            // What the first request changed may be why its repeat is refused now.
            return receipt;
        }
        if let (Command::Person(_), Err(AppError::Taken { holder })) = (&recording.command, &outcome) {
            self.release_holders(caller, &[*holder]).await?;
        }
        outcome
    }

    /// What was answered under a key before.
    pub(super) async fn kept(&self, key: &IdempotencyKey) -> Result<Option<Result<Receipt, AppError>>, AppError> {
        let kept = self.store.kept_answers(&[key.digest]).await?;
        Ok(kept.first().map(|(_, kept)| {
            if kept.fingerprint == key.fingerprint { Ok(kept.appended().into()) } else { Err(AppError::KeyReused) }
        }))
    }

    async fn decide_and_append(
        &self,
        caller: &Caller,
        recording: &Recording,
        key: IdempotencyKey,
    ) -> Result<Receipt, AppError> {
        let if_match = match recording.target {
            Target::Existing { if_match, .. } => if_match,
            Target::New => None,
        };
        for _ in 0..DECISIONS_MAX {
            let id = self.id_for(recording);
            self.ensure_keys(recording, id).await?;
            let (append, _) = self.prepare(caller, recording, id, key, &Tentative::default()).await?;
            let about = append.about;
            let answers =
                self.writer.append(Group { atomic: false, items: vec![append] }).await.map_err(AppError::Store)?;
            match answers.into_iter().next() {
                Some(Ok(appended)) => {
                    self.remember_change(recording, appended.stream);
                    return Ok(appended.into());
                }
                Some(Err(Rejection::VersionConflict { .. })) if if_match.is_none() => {}
                Some(Err(Rejection::Barred(Barred::SealedAnew { generation }))) => {
                    self.renew_words_key(about, generation).await?;
                }
                Some(Err(rejection)) => return Err(refused_by_log(rejection, recording.command.kind())),
                None => return Err(AppError::CannotFollow { detail: "the writer gave no answer".to_owned() }),
            }
        }
        Err(AppError::Contended)
    }

    /// The stream of a recording: a fresh one for what is new.
    pub(super) fn id_for(&self, recording: &Recording) -> StreamId {
        match recording.target {
            Target::New => self.ids.stream(),
            Target::Existing { id, .. } => id,
        }
    }

    async fn ensure_keys(&self, recording: &Recording, id: StreamId) -> Result<(), AppError> {
        if matches!(recording.command, Command::Person(_)) && recording.target == Target::New {
            self.vault.ensure_keys(&[id.into()], self.now().micros()).await?;
        }
        Ok(())
    }

    fn remember_change(&self, recording: &Recording, stream: StreamId) {
        match recording.command {
            Command::Person(_) => self.known.births.forget(&stream.into()),
            Command::Framework(_) => self.known.frameworks.clear(),
            _ => {}
        }
    }

    /// Decides and seals one recording; answers it with the row that it would make.
    pub(super) async fn prepare(
        &self,
        caller: &Caller,
        recording: &Recording,
        id: StreamId,
        key: IdempotencyKey,
        tentative: &Tentative,
    ) -> Result<(NewAppend, Row), AppError> {
        let now = self.now();
        let command = recording.command.clone();
        let kind = command.kind();
        let current = self.current(caller, recording, id, tentative).await?;
        let person = match (&current, command.person()) {
            (_, Some(person)) => Some(person),
            (Some(row), None) => row.person(),
            (None, None) if kind == Kind::Person => Some(id.into()),
            (None, None) => None,
        };
        if recording.occurred_at.is_after(now) {
            return Err(Refusal::InTheFuture { pointer: "/occurred_at".to_owned() }.into());
        }
        self.check_person(caller, recording, person, tentative, now).await?;
        self.check_references(caller, &command.references(), person, tentative, now).await?;
        for (pointer, item) in command.items() {
            self.check_item(&caller.organisation, pointer, item, now).await?;
        }
        let free = self.check_publication(caller, &command, now).await?;
        let identifiers = command.identifiers().to_vec();
        let command_streams: Vec<StreamId> = command
            .references()
            .into_iter()
            .map(|reference| reference.stream)
            .chain(command.person().map(StreamId::from))
            .collect();
        let decided = command.decide(current.as_ref().map(|row| &row.resource), id, now)?;
        let header = Header {
            occurred_at: recording.occurred_at,
            client: caller.client.clone(),
            purpose: caller.purpose.clone(),
            source_system: recording.source.as_ref().map(|source| source.system.clone()),
        };
        let frame = Frame {
            organisation: &caller.organisation,
            stream: id,
            version: current.as_ref().map_or(0, |row| row.version + 1),
            person,
            header,
            source: recording.source.as_ref(),
            identifiers: &identifiers,
            key: Some(key),
        };
        let version = frame.version;
        let mut append = self.seal(decided, frame, now).await?;
        append.must_be_free.extend(free);
        append.needs = command_streams.into_iter().filter(|stream| tentative.is_new(*stream)).collect();
        let row = preview(&append, version, current, now)?;
        Ok((append, row))
    }

    /// The row that the command starts from; checks the precondition.
    async fn current(
        &self,
        caller: &Caller,
        recording: &Recording,
        id: StreamId,
        tentative: &Tentative,
    ) -> Result<Option<Row>, AppError> {
        let Target::Existing { if_match, .. } = recording.target else { return Ok(None) };
        let kind = recording.command.kind();
        let row = match tentative.rows.get(&id) {
            Some(row) => Some(row.clone()),
            None => self.reader.row(Reach::Organisation(caller.organisation.clone()), id, None).await?.1,
        };
        let row = row.filter(|row| row.kind() == kind).ok_or(AppError::NotFound { kind })?;
        match if_match {
            Some(seen) if seen != row.version => Err(AppError::Stale(Stale { current: row.version })),
            _ => Ok(Some(row)),
        }
    }

    async fn check_person(
        &self,
        caller: &Caller,
        recording: &Recording,
        person: Option<PersonId>,
        tentative: &Tentative,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let (Some(person), false) = (person, matches!(recording.command, Command::Person(_))) else { return Ok(()) };
        if recording.command.person().is_some() {
            let reference = Reference { pointer: "/person".to_owned(), kind: Kind::Person, stream: person.into() };
            self.check_references(caller, &[reference], Some(person), tentative, now).await?;
        }
        // Somebody can be erased whose words and birth cannot be read any more.
        if matches!(recording.command, Command::Erasure(_)) {
            return Ok(());
        }
        let born = match tentative.births.get(&person.into()) {
            Some(born) => *born,
            None => self.birth_date(caller, person, now).await?.into_inner(),
        };
        let Some(born) = born else { return Ok(()) };
        for (pointer, time) in times_of(recording) {
            if time.is_before_birth(born) {
                return Err(Refusal::BeforeBirth { pointer: pointer.to_owned() }.into());
            }
        }
        Ok(())
    }

    /// Checks that everything named exists within reach, is of the right kind and belongs to the same person.
    async fn check_references(
        &self,
        caller: &Caller,
        references: &[Reference],
        person: Option<PersonId>,
        tentative: &Tentative,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let mut briefs: HashMap<StreamId, Brief> = HashMap::new();
        let mut unknown = Vec::new();
        for reference in references {
            if let Some(row) = tentative.rows.get(&reference.stream) {
                briefs.insert(row.id, brief_of(row));
            } else if let Some(brief) = self.known.briefs.get(&reference.stream, now) {
                briefs.insert(reference.stream, brief);
            } else {
                unknown.push(reference.stream);
            }
        }
        let reach = Reach::Organisation(caller.organisation.clone());
        for row in self.store.rows_by_id(&reach, &unknown).await? {
            let brief = brief_of(&row);
            self.known.briefs.put(row.id, brief.clone(), now);
            briefs.insert(row.id, brief);
        }
        for reference in references {
            let fits = briefs.get(&reference.stream).is_some_and(|brief| {
                brief.kind == reference.kind && brief.organisation == caller.organisation && brief.person == person
            });
            if !fits {
                return Err(Refusal::UnknownReference {
                    pointer: reference.pointer.clone(),
                    detail: format!("there is no such {} of this person", reference.kind.as_str()),
                }
                .into());
            }
        }
        Ok(())
    }

    /// A framework id of a shipped list cannot be published by anybody else, and each version is published once.
    async fn check_publication(
        &self,
        caller: &Caller,
        command: &Command,
        now: Timestamp,
    ) -> Result<Option<crate::projections::RowKey>, AppError> {
        let Command::Framework(FrameworkCommand::Publish(content)) = command else { return Ok(None) };
        let reference = |version| crate::domain::framework::FrameworkRef { id: content.id.clone(), version };
        if self.framework_row(&OrganisationCode::reference(), &reference(1), None).await?.is_some() {
            return Err(Refusal::invalid("/id", "is the id of a shipped reference list; choose another").into());
        }
        if content.version > 1
            && self.framework(&caller.organisation, &reference(content.version - 1), now).await?.is_none()
        {
            return Err(Refusal::invalid("/version", "must follow the last published version, or be 1").into());
        }
        Ok(Some(crate::app::framework::version_key(&reference(content.version))))
    }
}

/// Every time in the person's life that a recording tells, with where it stands in the body. A due date lies ahead.
fn times_of(recording: &Recording) -> impl Iterator<Item = (&'static str, LifeTime)> {
    let corrected = match &recording.command {
        Command::Conversation(ConversationCommand::Amend { held_at, .. }) => Some(("/held_at", *held_at)),
        Command::Review(ReviewCommand::Revise { reviewed_at, .. }) => Some(("/reviewed_at", *reviewed_at)),
        _ => None,
    };
    std::iter::once(("/occurred_at", recording.occurred_at)).chain(corrected)
}

fn brief_of(row: &Row) -> Brief {
    Brief { kind: row.kind(), organisation: row.organisation.clone(), person: row.person() }
}

/// The row that an append would make, for later lines of the same request; its position is not known yet.
fn preview(append: &NewAppend, version: u64, current: Option<Row>, now: Timestamp) -> Result<Row, AppError> {
    let event = Recorded {
        position: 0,
        event: append.event.id,
        stream: append.stream,
        version,
        organisation: append.organisation.clone(),
        recorded_at: now,
        header: append.event.header.clone(),
        facts: append.event.facts.clone(),
        index: append.event.index.clone(),
        sealed: append.event.parts.iter().map(|part| part.class).filter(|class| class.is_sealed()).collect(),
        erased: Vec::new(),
    };
    fold(current, &event).map_err(|error| AppError::CannotFollow { detail: error.to_string() })
}
