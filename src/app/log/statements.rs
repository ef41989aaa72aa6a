//! What the log has stated about itself, as it is kept: in the database, and in files beside the last signed checkpoint, so that
//! neither a restored database nor a new machine can forget it. And what follows from it: which key signs.

use crate::app::AppError;
use crate::app::kept_file::{add, found, waiting};
use crate::app::log::keeper::LogError;
use crate::domain::time::Timestamp;
use crate::ledger::{KeyChain, LogKey, Origin, SignedStatement, Statement, StatementError, VerifierKey};
use crate::store::Store;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// More statements than a log will ever make.
const MOST_FILES: usize = 10_000;

/// Why statements cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StatementsError {
    /// The file system refused.
    #[error("the signer's file {path} cannot be {done}")]
    Io {
        /// The file.
        path: PathBuf,
        /// `read`, `written` or `moved`.
        done: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What is kept is not a statement, or does not follow from the others: somebody else wrote it.
    #[error("a statement of the log about itself, kept in {place}, cannot be believed")]
    Unbelievable {
        /// Where it is kept.
        place: String,
        /// Why.
        #[source]
        source: StatementError,
    },
}

/// The files of a log's signer.
#[derive(Debug, Clone)]
pub struct SignerFiles {
    /// The key that signs (`log_key_file`).
    pub key: PathBuf,
    /// The last signed checkpoint (`log_state_file`).
    pub guard: PathBuf,
}

impl SignerFiles {
    /// The last checkpoint of a log that ended by the statement of a number.
    pub(super) fn ended(&self, number: usize) -> PathBuf {
        self.guard.with_extension(format!("ended-{number}"))
    }
    /// The key that shall sign next, until it does.
    pub(super) fn next_key(&self) -> PathBuf {
        self.key.with_extension("next.pem")
    }
    /// A key that signs no more.
    pub(super) fn retired_key(&self, id: &str) -> PathBuf {
        self.key.with_extension(format!("retired-{id}.pem"))
    }

    fn lock_file(&self) -> Result<(PathBuf, File), StatementsError> {
        let path = self.guard.with_extension("lock");
        let failed = |source| StatementsError::Io { path: path.clone(), done: "written", source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let options = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        Ok((path.clone(), options.map_err(failed)?))
    }

    /// Says that this process signs, among others on this machine, until what it answers is dropped; `None` where a command is
    /// changing the signer.
    ///
    /// # Errors
    /// [`StatementsError::Io`].
    pub fn lock_to_sign(&self) -> Result<Option<File>, StatementsError> {
        let (path, file) = self.lock_file()?;
        locked(path, file.try_lock_shared(), file)
    }

    /// Has the signer alone; `None` where another process signs.
    pub(super) fn lock_to_change(&self) -> Result<Option<File>, StatementsError> {
        let (path, file) = self.lock_file()?;
        locked(path, file.try_lock(), file)
    }
}

/// The statement of a number, beside the last signed checkpoint.
fn statement_file(guard: &Path, number: usize) -> PathBuf {
    guard.with_extension(format!("statement-{number}"))
}

fn locked(path: PathBuf, tried: Result<(), TryLockError>, file: File) -> Result<Option<File>, StatementsError> {
    match tried {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(StatementsError::Io { path, done: "written", source }),
    }
}

/// Every statement of one log that is kept in either place, each once, in the order of their instants. The logs of a
/// deployment keep theirs in one table.
///
/// # Errors
/// As [`read_all`].
pub(super) async fn read(store: &dyn Store, guard: &Path, origin: &Origin) -> Result<Vec<SignedStatement>, LogError> {
    Ok(of_line(read_all(store, guard).await?, origin))
}

/// What a log stated about itself, for whoever does not sign it.
///
/// # Errors
/// [`LogError::Name`] where the origin names no log; else as [`read_all`].
pub async fn stated(store: &dyn Store, guard: &Path, origin: &str) -> Result<Vec<SignedStatement>, LogError> {
    let origin = origin.parse().map_err(|_| LogError::Name(origin.to_owned()))?;
    read(store, guard, &origin).await
}

/// Those about a log, the logs that it continues and the logs that continue it.
fn of_line(all: Vec<SignedStatement>, origin: &Origin) -> Vec<SignedStatement> {
    let mut line = vec![origin.clone()];
    loop {
        let joins = all.iter().find_map(|signed| match signed.statement() {
            Statement::NewOrigin(new) => match (line.contains(&new.old_origin), line.contains(&new.new_origin)) {
                (true, false) => Some(new.new_origin.clone()),
                (false, true) => Some(new.old_origin.clone()),
                _ => None,
            },
            Statement::KeyRotation(_) => None,
        });
        let Some(joins) = joins else { break };
        line.push(joins);
    }
    all.into_iter().filter(|signed| line.contains(signed.statement().origin())).collect()
}

/// Every statement of every log in the database and beside this log's last signed checkpoint.
///
/// # Errors
/// Where one cannot be read or is not signed by the keys that it names.
pub(super) async fn read_all(store: &dyn Store, guard: &Path) -> Result<Vec<SignedStatement>, LogError> {
    let mut all: Vec<SignedStatement> = Vec::new();
    let kept = store.statements().await.map_err(AppError::from)?;
    let kept = kept.into_iter().map(|kept| (format!("the database under the number {}", kept.number), kept.note));
    let beside = in_files(guard).await?;
    for (place, note) in kept.chain(beside) {
        let statement = SignedStatement::parse(note.as_bytes())
            .map_err(|source| StatementsError::Unbelievable { place, source })?;
        if !all.contains(&statement) {
            all.push(statement);
        }
    }
    all.sort_by_key(|statement| statement.statement().stated_at());
    Ok(all)
}

/// The statements in files, each with the place.
async fn in_files(guard: &Path) -> Result<Vec<(String, String)>, StatementsError> {
    let mut all = Vec::new();
    for number in 0..MOST_FILES {
        let path = statement_file(guard, number);
        let place = path.clone();
        let read = waiting(move || found(&place)).await;
        let Some(bytes) = read.map_err(|source| StatementsError::Io { path: path.clone(), done: "read", source })?
        else {
            break;
        };
        all.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    Ok(all)
}

/// Writes every statement to where it is missing: first the files, which no restored database brings back.
///
/// # Errors
/// As [`read`], or where one cannot be written.
pub(super) async fn settle(store: &dyn Store, guard: &Path, all: &[SignedStatement]) -> Result<(), LogError> {
    let there: Vec<String> = in_files(guard).await?.into_iter().map(|(_, note)| note).collect();
    let mut number = there.len();
    for statement in all {
        let note = statement.to_string();
        if !there.contains(&note) {
            let (path, text) = (statement_file(guard, number), note.clone());
            let place = path.clone();
            waiting(move || add(&place, text.as_bytes())).await.map_err(|source| StatementsError::Io {
                path,
                done: "written",
                source,
            })?;
            number += 1;
        }
        let stated_at = Timestamp::from_micros(statement.statement().stated_at());
        store.put_statement(stated_at, &note).await.map_err(AppError::from)?;
    }
    Ok(())
}

/// The keys of a log, as its statements tell; `own` where they tell none.
///
/// # Errors
/// Where a statement about the log does not follow from those before.
pub(in crate::app) fn chain_of(
    origin: &Origin,
    own: Option<&VerifierKey>,
    all: &[SignedStatement],
) -> Result<Option<KeyChain>, StatementsError> {
    let first = all.iter().find_map(|signed| match signed.statement() {
        Statement::NewOrigin(new) if new.new_origin == *origin => Some(new.new_key.clone()),
        statement if statement.origin() == origin => statement.old_key().cloned(),
        _ => None,
    });
    let Some(first) = first.or_else(|| own.cloned()) else { return Ok(None) };
    let wrong = |source| StatementsError::Unbelievable { place: format!("the statements of {origin}"), source };
    let mut chain = KeyChain::beginning_with(first).map_err(|_| wrong(StatementError::Form("an origin")))?;
    for statement in all {
        chain.follow(statement).map_err(wrong)?;
    }
    Ok(Some(chain))
}

/// Whether a key is the one that signs the log now.
///
/// # Errors
/// [`LogError::Ended`] or [`LogError::OtherKey`]: nothing may be signed then.
pub(super) fn check_signs(chain: &KeyChain, own: &VerifierKey) -> Result<(), LogError> {
    if let Some(ended) = chain.ended() {
        let (origin, new_origin) = (ended.old_origin.to_string(), ended.new_origin.to_string());
        return Err(LogError::Ended { origin, new_origin });
    }
    match chain.current() {
        Some(current) if current == own => Ok(()),
        current => Err(LogError::OtherKey { current: current.map(ToString::to_string).unwrap_or_default() }),
    }
}

/// A key of a log that is or was kept here, for everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// The log.
    pub origin: Origin,
    /// The key and the sizes that it signs.
    pub key: LogKey,
}

/// Every key of every log that these statements tell of, and of the one that is signed now.
pub(super) fn known_keys(now: &KeyChain, all: &[SignedStatement]) -> Result<Vec<KnownKey>, StatementsError> {
    let mut origins: Vec<&Origin> = Vec::new();
    for origin in all.iter().map(|signed| signed.statement().origin()).chain([now.origin()]) {
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    let mut keys = Vec::new();
    for origin in origins {
        let chain = if origin == now.origin() { Some(now.clone()) } else { chain_of(origin, None, all)? };
        let of_it = chain.iter().flat_map(KeyChain::keys);
        keys.extend(of_it.map(|key| KnownKey { origin: origin.clone(), key: key.clone() }));
    }
    Ok(keys)
}
