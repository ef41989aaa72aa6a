//! Signing: what may be signed, when, and where it is kept.

use crate::app::auth::KeyFileError;
use crate::app::log::cosign::WitnessPolicy;
use crate::app::log::guard::{Guard, GuardError};
use crate::app::log::nodes::construct;
use crate::app::log::statements::{self, StatementsError, chain_of, check_signs};
use crate::app::log::tree::LogTree;
use crate::app::{App, AppError};
use crate::ledger::{
    Checkpoint, CheckpointError, Hash, KeyChain, KeyName, NoteSigner, Origin, SignedCheckpoint, SignedStatement,
    SigningFailed, SigningSeed, StatementError, Trust, VerifierKey, range_root,
};
use crate::store::KeptCheckpoint;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

/// How long after a failure signing is tried again at the earliest.
const RETRY: Duration = Duration::from_secs(1);

/// What a log is called and where its signer's state is.
pub struct LogSettings {
    /// The log's name for ever: the first line of its checkpoints, and the name of its key.
    pub origin: String,
    /// The secret of its key.
    pub seed: SigningSeed,
    /// The file of the last signed checkpoint; never beside the database's backup.
    pub guard_file: PathBuf,
}

/// Why nothing is signed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The origin cannot name a log or its key.
    #[error("the log cannot be called {0}: use a name such as example.org/cairn/outcomes, without spaces or plus")]
    Name(String),
    /// The file of the last signed checkpoint.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// What is kept was not signed by this key, or is another log's.
    #[error("the last signed checkpoint is not one of this log and its key")]
    Foreign(#[source] CheckpointError),
    /// The database has fewer leaves than were signed.
    #[error(
        "the database is behind: a checkpoint of {signed} {entries} was signed, and it has {found}; it is an old backup, a \
         lagging replica or another database. Restore the newest one"
    )]
    Behind {
        /// What the leaves are about.
        entries: &'static str,
        /// Leaves that were signed.
        signed: u64,
        /// Leaves that there are.
        found: u64,
    },
    /// The database's tree is not the one that was signed.
    #[error(
        "the history was rewritten: the first {signed} {entries} are not those that were signed. Restore the database that \
         was signed, and find out who changed this one"
    )]
    Rewritten {
        /// What the leaves are about.
        entries: &'static str,
        /// Leaves that were signed.
        signed: u64,
    },
    /// What the log stated about itself cannot be used.
    #[error(transparent)]
    Statements(#[from] StatementsError),
    /// The log ended by a statement.
    #[error(
        "the log {origin} has ended: {new_origin} goes on in its place. Set log_origin (of the accesses: accesses_origin) to it"
    )]
    Ended {
        /// The log that ended.
        origin: String,
        /// The one that goes on.
        new_origin: String,
    },
    /// Another key signs the log.
    #[error(
        "the log is signed with another key now, {current}. Start again with its file; if `cairn log` broke off, run the \
         command again"
    )]
    OtherKey {
        /// The key that signs.
        current: String,
    },
    /// The key's file cannot be used.
    #[error("the file of a key that signs checkpoints cannot be used")]
    Key(#[source] KeyFileError),
    /// The key's file is not there.
    #[error("the key that signs checkpoints, {path}, is not there")]
    NoKey {
        /// Where it has to be.
        path: PathBuf,
    },
    /// A process signs, or a command is changing the signer.
    #[error("a process signs the log, or another command is at work: stop every process that serves it first")]
    Busy,
    /// Nothing was signed that could end.
    #[error(
        "nothing was signed under this origin yet: set log_origin (of the accesses: accesses_origin) to another name, and nothing more is needed"
    )]
    NothingSigned,
    /// The log can go on.
    #[error(
        "the database goes on from everything that was signed: a new origin without need only makes people doubt it"
    )]
    NothingIsLost,
    /// A log of that name was there before.
    #[error("{0} is or was the name of a log here: a new origin has a name that nobody had")]
    OriginUsed(String),
    /// The statement cannot be signed.
    #[error("the statement cannot be signed")]
    Stating(#[source] StatementError),
    /// The cryptography library refused.
    #[error("the checkpoint cannot be signed")]
    Signing(#[source] CheckpointError),
    /// The store failed.
    #[error(transparent)]
    App(#[from] AppError),
}

impl From<SigningFailed> for LogError {
    fn from(error: SigningFailed) -> Self {
        Self::Signing(error.into())
    }
}

/// The key that verifies the checkpoints of a log of this name that this secret signs.
///
/// # Errors
/// [`LogError::Name`] or [`LogError::Signing`].
pub fn verifier_key(origin: &str, seed: &SigningSeed) -> Result<VerifierKey, LogError> {
    let name: KeyName = origin.parse().map_err(|_| LogError::Name(origin.to_owned()))?;
    Ok(NoteSigner::new(name, seed)?.verifier_key().clone())
}

/// Signs one log's checkpoints and answers for those that were signed.
pub struct LogKeeper {
    app: App,
    tree: Arc<dyn LogTree>,
    origin: Origin,
    signer: NoteSigner,
    /// The keys that signed it and the one that does, and which sizes each.
    chain: KeyChain,
    keys: Vec<VerifierKey>,
    guard_file: PathBuf,
    policy: WitnessPolicy,
    /// Held while a checkpoint is signed: one after the other.
    guard: Mutex<Guard>,
    /// Why the last attempt to sign failed, if it did.
    failure: std::sync::Mutex<Option<String>>,
}

impl LogKeeper {
    /// Opens the keeper of a tree and holds the database against everything that was signed.
    ///
    /// # Errors
    /// [`LogError::Behind`] or [`LogError::Rewritten`]: nothing may be served then.
    pub async fn open(app: App, tree: Arc<dyn LogTree>, settings: LogSettings) -> Result<Self, LogError> {
        let name = || LogError::Name(settings.origin.clone());
        let origin: Origin = settings.origin.parse().map_err(|_| name())?;
        let key_name: KeyName = settings.origin.parse().map_err(|_| name())?;
        let signer = NoteSigner::new(key_name, &settings.seed)?;
        let stated = statements::read(app.store.as_ref(), &settings.guard_file, &origin).await?;
        // It tells of at least the own key.
        let chain = chain_of(&origin, Some(signer.verifier_key()), &stated)?.ok_or_else(name)?;
        check_signs(&chain, signer.verifier_key())?;
        let keys = chain.keys().iter().map(|one| one.key.clone()).collect();
        let keeper = Self {
            app,
            tree,
            origin,
            signer,
            chain,
            keys,
            guard_file: settings.guard_file.clone(),
            policy: WitnessPolicy::default(),
            guard: Mutex::new(Guard::at(settings.guard_file)),
            failure: std::sync::Mutex::default(),
        };
        keeper.check().await?;
        Ok(keeper)
    }

    /// The key that verifies its checkpoints.
    #[must_use]
    pub const fn verifier_key(&self) -> &VerifierKey {
        self.signer.verifier_key()
    }

    /// Holds the database against the file and against the last checkpoint that it keeps itself.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn check(&self) -> Result<(), LogError> {
        let guard = self.guard.lock().await;
        for checkpoint in guard.read().await?.iter().chain(&self.kept().await?) {
            self.hold_against(checkpoint).await?;
        }
        drop(guard);
        Ok(())
    }

    /// The last checkpoint that the database keeps.
    async fn kept(&self) -> Result<Option<SignedCheckpoint>, LogError> {
        let kept = self.last().await?;
        kept.map(|kept| SignedCheckpoint::parse(kept.note.as_bytes())).transpose().map_err(LogError::Foreign)
    }

    /// Whether the tree goes on from a checkpoint of ours.
    async fn hold_against(&self, signed: &SignedCheckpoint) -> Result<(), LogError> {
        let trust = Trust { origin: &self.origin, log_keys: &self.keys, witness_keys: &[], quorum: 0 };
        let opened = signed.open(&trust).map_err(LogError::Foreign)?;
        let (entries, found) = (self.tree.entries(), self.tree.head().await.map_err(AppError::from)?.size);
        let signed = opened.checkpoint.size;
        if signed > found {
            return Err(LogError::Behind { entries, signed, found });
        }
        if self.root_at(signed).await? != opened.checkpoint.root {
            return Err(LogError::Rewritten { entries, signed });
        }
        Ok(())
    }

    /// The root of the tree when it had so many leaves; never more than it has.
    async fn root_at(&self, size: u64) -> Result<Hash, AppError> {
        construct(self.tree(), move |fetch: &mut dyn FnMut(_) -> Hash| {
            range_root(0..size, &mut |node| Ok::<_, std::convert::Infallible>(fetch(node)))
                .map_err(crate::ledger::ProofError::Fetch)
        })
        .await
    }

    /// Signs the log as it is, unless the last checkpoint says it already. Answers the checkpoint that now is the last.
    ///
    /// # Errors
    /// As [`Self::open`]; nothing was signed then.
    pub async fn sign(&self) -> Result<KeptCheckpoint, LogError> {
        let guard = self.guard.lock().await;
        self.check_signer().await?;
        let last = match guard.read().await? {
            Some(last) => Some(last),
            None => self.kept().await?,
        };
        if let Some(last) = &last {
            self.hold_against(last).await?;
        }
        // Read after what it must not be smaller than.
        let head = self.tree.head().await.map_err(AppError::from)?;
        let signed = match last {
            Some(last) if last.unverified().size == head.size => last,
            _ => Checkpoint { origin: self.origin.clone(), size: head.size, root: head.root }
                .sign(&self.signer)
                .map_err(LogError::Signing)?,
        };
        // Written down before anybody sees it: what was shown can never be forgotten.
        guard.write(&signed).await?;
        let kept = KeptCheckpoint {
            origin: self.origin.as_str().to_owned(),
            size: head.size,
            signed_at: self.app.now(),
            note: signed.to_string(),
        };
        self.app.store.put_checkpoint(&kept).await.map_err(AppError::from)?;
        drop(guard);
        Ok(kept)
    }

    /// Signs whenever the log has grown, at most once in `interval`, until the service ends.
    pub fn keep_signing(self: &Arc<Self>, interval: Duration) -> JoinHandle<()> {
        let keeper = Arc::clone(self);
        tokio::spawn(async move {
            let mut size: watch::Receiver<u64> = keeper.tree.follow();
            size.mark_changed();
            while size.changed().await.is_ok() {
                while let Err(error) = keeper.sign().await {
                    keeper.note_failure(&error);
                    tokio::time::sleep(interval.max(RETRY)).await;
                }
                *keeper.failure() = None;
                tokio::time::sleep(interval).await;
            }
        })
    }

    fn note_failure(&self, error: &LogError) {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::error!(%error, cause, "no checkpoint was signed");
        *self.failure() = Some(error.to_string());
    }

    fn failure(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Why no checkpoint can be signed now, for operators; `None` while they are.
    #[must_use]
    pub fn why_not(&self) -> Option<String> {
        self.failure().clone()
    }

    /// The last checkpoint; `None` before the first was signed.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn last(&self) -> Result<Option<KeptCheckpoint>, AppError> {
        Ok(self.app.store.last_checkpoint(self.origin.as_str()).await?)
    }

    /// Checkpoints from a size on, smallest first.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn signed_from(&self, size: u64, limit: u32) -> Result<Vec<KeptCheckpoint>, AppError> {
        Ok(self.app.store.checkpoints(self.origin.as_str(), size, limit).await?)
    }

    /// Every statement of this log about itself that is kept, and of those that it continues or that continue it.
    ///
    /// # Errors
    /// [`LogError::Statements`], or the store's.
    pub async fn statements(&self) -> Result<Vec<SignedStatement>, LogError> {
        statements::read(self.app.store.as_ref(), &self.guard_file, &self.origin).await
    }

    /// Keeps every statement in both places, the database and the file system, wherever it is missing.
    ///
    /// # Errors
    /// As [`Self::statements`], or where one cannot be written.
    pub async fn settle_statements(&self) -> Result<(), LogError> {
        statements::settle(self.app.store.as_ref(), &self.guard_file, &self.statements().await?).await
    }

    /// Whether no other process stated meanwhile that another key signs.
    async fn check_signer(&self) -> Result<(), LogError> {
        let own = self.signer.verifier_key();
        match chain_of(&self.origin, Some(own), &self.statements().await?)? {
            Some(chain) => check_signs(&chain, own),
            None => Ok(()),
        }
    }

    /// The keys of this log and of those that it continues, with the sizes that each signs.
    ///
    /// # Errors
    /// As [`Self::statements`].
    pub async fn known_keys(&self) -> Result<Vec<statements::KnownKey>, LogError> {
        Ok(statements::known_keys(&self.chain, &self.statements().await?)?)
    }

    /// Asks these witnesses to cosign what is signed, and shows what enough of them cosigned.
    #[must_use]
    pub fn with_witnesses(self, policy: WitnessPolicy) -> Self {
        Self { policy, ..self }
    }

    /// Which witnesses are asked.
    #[must_use]
    pub const fn policy(&self) -> &WitnessPolicy {
        &self.policy
    }

    pub(super) const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The app that its verbs are of.
    pub(super) const fn app(&self) -> &App {
        &self.app
    }

    /// The tree that it keeps.
    pub(super) fn tree(&self) -> &dyn LogTree {
        self.tree.as_ref()
    }
}
