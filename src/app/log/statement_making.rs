//! Changing the signer: another key for the log, or another log after a true loss. Each is stated, signed and kept before it
//! holds; a command that broke off is finished by running it again. No process may sign meanwhile.

use crate::app::auth::SigningKey;
use crate::app::kept_file::{found, put_aside, rename, waiting};
use crate::app::log::keeper::{LogError, LogKeeper, LogSettings};
use crate::app::log::statements::{SignerFiles, StatementsError, chain_of, read, read_all, settle};
use crate::app::log::tree::LogTree;
use crate::app::{App, AppError};
use crate::ledger::{
    KeyRotation, NewOrigin, NoteSigner, Origin, ReasonCode, SignedCheckpoint, SignedStatement, SigningSeed, Statement,
    TreeHead, VerifierKey,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a new origin is asked for with.
pub struct NewOriginWanted {
    /// What the log that goes on is called.
    pub origin: String,
    /// Why, as a code.
    pub reason: ReasonCode,
    /// Whether to begin anew although the old log could go on.
    pub although_nothing_is_lost: bool,
}

/// What was stated, and where the old files are now.
#[derive(Debug)]
pub struct Stated {
    /// The statement in its note.
    pub statement: SignedStatement,
    /// Whether an earlier command had broken off and was only finished.
    pub was_begun_before: bool,
    /// The key that signs no more, if it was there.
    pub retired_key: Option<PathBuf>,
}

/// The signer of one log, as commands change it.
pub struct SignerDesk {
    app: App,
    tree: Arc<dyn LogTree>,
    origin: String,
    files: SignerFiles,
}

impl SignerDesk {
    /// The signer of a tree under an origin (as the settings name it), and its files.
    #[must_use]
    pub fn new(app: App, tree: Arc<dyn LogTree>, origin: String, files: SignerFiles) -> Self {
        Self { app, tree, origin, files }
    }

    /// What this log has stated.
    async fn stated(&self) -> Result<Vec<SignedStatement>, LogError> {
        let origin = self.origin.parse().map_err(|_| LogError::Name(self.origin.clone()))?;
        read(self.app.store().as_ref(), &self.files.guard, &origin).await
    }

    /// Has a fresh key sign the log from now on, and states it with the old one and the new one.
    ///
    /// # Errors
    /// [`LogError::Busy`] while a process signs; else why the log cannot be signed at all.
    pub async fn rotate_key(&self, fresh: &[u8; 32]) -> Result<Stated, LogError> {
        let _lock = self.files.lock_to_change()?.ok_or(LogError::Busy)?;
        let all = self.stated().await?;
        if let Some(begun) = self.finish(&all).await? {
            return Ok(begun);
        }
        let old_seed = || self.seed(&self.files.key)?.ok_or(LogError::NoKey { path: self.files.key.clone() });
        let keeper = self.keeper(&self.origin, old_seed()?).await?;
        // The old key signs everything that is there; the new one begins where it ended.
        let signed = keeper.sign().await?;
        let last = SignedCheckpoint::parse(signed.note.as_bytes()).map_err(LogError::Foreign)?;
        let last = TreeHead { size: last.unverified().size, root: last.unverified().root };
        let (old, new) = (signer(&self.origin, &old_seed()?)?, self.next_signer(&self.origin, fresh)?);
        let statement = Statement::KeyRotation(KeyRotation {
            origin: self.origin.parse().map_err(|_| LogError::Name(self.origin.clone()))?,
            old_key: old.verifier_key().clone(),
            new_key: new.verifier_key().clone(),
            last,
            stated_at: self.instant_after(&all),
        });
        self.state(all, statement, Some(&old), &new).await
    }

    /// Ends the log, because the database does not go on from what was signed, and begins another with the database as it is.
    /// States publicly what was signed and what goes on.
    ///
    /// # Errors
    /// [`LogError::NothingIsLost`] where the log could go on, [`LogError::OriginUsed`] where the new name is not new,
    /// [`LogError::Busy`] while a process signs.
    pub async fn new_origin(&self, wanted: NewOriginWanted, fresh: &[u8; 32]) -> Result<Stated, LogError> {
        let _lock = self.files.lock_to_change()?.ok_or(LogError::Busy)?;
        let all = self.stated().await?;
        if let Some(begun) = self.finish(&all).await? {
            return Ok(begun);
        }
        let name = |text: &str| LogError::Name(text.to_owned());
        let old_origin: Origin = self.origin.parse().map_err(|_| name(&self.origin))?;
        let new_origin: Origin = wanted.origin.parse().map_err(|_| name(&wanted.origin))?;
        self.check_unused(&new_origin).await?;
        let last = self.last_signed().await?.ok_or(LogError::NothingSigned)?;
        let old = self.old_signer(&last, &all)?;
        self.check_need(old.is_some(), wanted.although_nothing_is_lost).await?;
        let new = self.next_signer(new_origin.as_str(), fresh)?;
        let goes_on = self.tree.head().await.map_err(AppError::from)?;
        let statement = Statement::NewOrigin(NewOrigin {
            old_origin,
            old_key: old.as_ref().map(|old| old.verifier_key().clone()),
            last_signed: TreeHead { size: last.unverified().size, root: last.unverified().root },
            new_origin,
            new_key: new.verifier_key().clone(),
            goes_on,
            stated_at: self.instant_after(&all),
            reason: wanted.reason,
        });
        self.state(all, statement, old.as_ref(), &new).await
    }

    /// Refuses to end a log that could go on.
    async fn check_need(&self, key_is_there: bool, although_nothing_is_lost: bool) -> Result<(), LogError> {
        if !key_is_there {
            return Ok(());
        }
        let seed = self.seed(&self.files.key)?.ok_or(LogError::NoKey { path: self.files.key.clone() })?;
        match self.keeper(&self.origin, seed).await {
            Ok(_) if although_nothing_is_lost => Ok(()),
            Ok(_) => Err(LogError::NothingIsLost),
            Err(LogError::Behind { .. } | LogError::Rewritten { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A name that some log had before would be two logs of one name.
    async fn check_unused(&self, origin: &Origin) -> Result<(), LogError> {
        let all = read_all(self.app.store().as_ref(), &self.files.guard).await?;
        let stated = all.iter().any(|signed| match signed.statement() {
            Statement::NewOrigin(new) => new.old_origin == *origin || new.new_origin == *origin,
            Statement::KeyRotation(rotation) => rotation.origin == *origin,
        });
        let signed = self.app.store().last_checkpoint(origin.as_str()).await.map_err(AppError::from)?;
        if stated || signed.is_some() || origin.as_str() == self.origin {
            return Err(LogError::OriginUsed(origin.to_string()));
        }
        Ok(())
    }

    /// The greatest checkpoint of the log that is kept, in the file or in the database. Whether its key is there is another question.
    async fn last_signed(&self) -> Result<Option<SignedCheckpoint>, LogError> {
        let path = self.files.guard.clone();
        let bytes = waiting(move || found(&path)).await.map_err(|source| self.io("read", &self.files.guard)(source))?;
        let in_file = bytes.map(|bytes| SignedCheckpoint::parse(&bytes)).transpose().map_err(LogError::Foreign)?;
        let kept = self.app.store().last_checkpoint(&self.origin).await.map_err(AppError::from)?;
        let kept = kept.map(|kept| SignedCheckpoint::parse(kept.note.as_bytes())).transpose();
        let both = in_file.into_iter().chain(kept.map_err(LogError::Foreign)?);
        let ours = both.filter(|signed| signed.unverified().origin.as_str() == self.origin);
        Ok(ours.max_by_key(|signed| signed.unverified().size))
    }

    /// The old key, if it is the one that signed.
    fn old_signer(&self, last: &SignedCheckpoint, all: &[SignedStatement]) -> Result<Option<NoteSigner>, LogError> {
        let Some(seed) = self.seed(&self.files.key)? else { return Ok(None) };
        let old = signer(&self.origin, &seed)?;
        let key = old.verifier_key();
        let chain = chain_of(&last.unverified().origin, Some(key), all)?;
        let signs = chain.is_some_and(|chain| chain.current() == Some(key) && chain.signer_of(last).is_ok());
        Ok(signs.then_some(old))
    }

    /// States it, and then lets it hold. From the moment that its file is written it cannot be forgotten.
    async fn state(
        &self,
        mut all: Vec<SignedStatement>,
        statement: Statement,
        old: Option<&NoteSigner>,
        new: &NoteSigner,
    ) -> Result<Stated, LogError> {
        let signed = statement.sign(old, new).map_err(LogError::Stating)?;
        all.push(signed);
        settle(self.app.store().as_ref(), &self.files.guard, &all).await?;
        match self.finish(&all).await? {
            Some(stated) => Ok(Stated { was_begun_before: false, ..stated }),
            None => Err(LogError::NoKey { path: self.files.next_key() }),
        }
    }

    /// Does what the last statement says, as far as it is not done: puts the old files aside, lets the new key sign, and signs.
    /// `None` where everything is done.
    async fn finish(&self, all: &[SignedStatement]) -> Result<Option<Stated>, LogError> {
        let Some(last) = all.last() else { return Ok(None) };
        let new_key = last.statement().new_key();
        let name = new_key.name().as_str();
        let next = self.files.next_key();
        let Some(seed) = self.seed(&next)? else { return Ok(None) };
        if signer(name, &seed)?.verifier_key() != new_key {
            return Ok(None);
        }
        settle(self.app.store().as_ref(), &self.files.guard, all).await?;
        if let Statement::NewOrigin(new) = last.statement() {
            self.end_guard(&new.old_origin, all.len() - 1).await?;
        }
        let retired_key = self.retire_key(last.statement().old_key()).await?;
        let (from, to) = (next.clone(), self.files.key.clone());
        waiting(move || rename(&from, &to)).await.map_err(|source| self.io("moved", &next)(source))?;
        self.keeper(name, seed).await?.sign().await?;
        Ok(Some(Stated { statement: last.clone(), was_begun_before: true, retired_key }))
    }

    /// Puts the last checkpoint of a log that ended aside.
    async fn end_guard(&self, origin: &Origin, number: usize) -> Result<(), LogError> {
        let (path, aside) = (self.files.guard.clone(), self.files.ended(number));
        let wanted = origin.clone();
        let moved = waiting(move || {
            let bytes = found(&path)?;
            let is_old = bytes.and_then(|bytes| SignedCheckpoint::parse(&bytes).ok());
            if is_old.is_some_and(|signed| signed.unverified().origin == wanted) {
                put_aside(&path, &aside)
            } else {
                Ok(())
            }
        });
        moved.await.map_err(|source| self.io("moved", &self.files.guard)(source))
    }

    /// Puts the key that signs no more aside, under its id.
    async fn retire_key(&self, old: Option<&VerifierKey>) -> Result<Option<PathBuf>, LogError> {
        let Some(seed) = self.seed(&self.files.key)? else { return Ok(None) };
        let name = old.map_or(self.origin.as_str(), |old| old.name().as_str());
        let aside = self.files.retired_key(&signer(name, &seed)?.verifier_key().id().to_string());
        let (from, to) = (self.files.key.clone(), aside.clone());
        waiting(move || put_aside(&from, &to)).await.map_err(|source| self.io("moved", &self.files.key)(source))?;
        Ok(Some(aside))
    }

    async fn keeper(&self, origin: &str, seed: SigningSeed) -> Result<LogKeeper, LogError> {
        let settings = LogSettings { origin: origin.to_owned(), seed, guard_file: self.files.guard.clone() };
        LogKeeper::open(self.app.clone(), Arc::clone(&self.tree), settings).await
    }

    /// The key that shall sign next; one that an earlier command made and did not come to use is used now.
    fn next_signer(&self, name: &str, fresh: &[u8; 32]) -> Result<NoteSigner, LogError> {
        SigningKey::open_or_create(&self.files.next_key(), fresh).map_err(LogError::Key)?;
        let seed = self.seed(&self.files.next_key())?.ok_or(LogError::NoKey { path: self.files.next_key() })?;
        signer(name, &seed)
    }

    fn seed(&self, path: &Path) -> Result<Option<SigningSeed>, LogError> {
        let Some(key) = SigningKey::open(path).map_err(LogError::Key)? else { return Ok(None) };
        Ok(Some(SigningSeed::new(*key.seed().map_err(LogError::Key)?)))
    }

    /// Now, and after every statement that there is: their order is their instants'.
    fn instant_after(&self, all: &[SignedStatement]) -> i64 {
        let last = all.last().map_or(i64::MIN, |last| last.statement().stated_at().saturating_add(1));
        self.app.now().micros().max(last)
    }

    fn io(&self, done: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> LogError {
        let path = path.to_owned();
        move |source| StatementsError::Io { path, done, source }.into()
    }
}

fn signer(name: &str, seed: &SigningSeed) -> Result<NoteSigner, LogError> {
    let name = name.parse().map_err(|_| LogError::Name(name.to_owned()))?;
    Ok(NoteSigner::new(name, seed)?)
}
