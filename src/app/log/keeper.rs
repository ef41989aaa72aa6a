//! Signing: what may be signed, when, and where it is kept.

use crate::app::log::guard::{Guard, GuardError};
use crate::app::log::nodes::construct;
use crate::app::log::tree::LogTree;
use crate::app::{App, AppError};
use crate::ledger::{
    Checkpoint, CheckpointError, Hash, KeyName, NoteSigner, Origin, SignedCheckpoint, SigningFailed, SigningSeed,
    Trust, VerifierKey, range_root,
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
    key: [VerifierKey; 1],
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
        let key = [signer.verifier_key().clone()];
        let keeper = Self {
            app,
            tree,
            origin,
            signer,
            key,
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
        let trust = Trust { origin: &self.origin, log_keys: &self.key, witness_keys: &[], quorum: 0 };
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

    /// The app that its verbs are of.
    pub(super) const fn app(&self) -> &App {
        &self.app
    }

    /// The tree that it keeps.
    pub(super) fn tree(&self) -> &dyn LogTree {
        self.tree.as_ref()
    }
}
