//! Another master key takes over: the steps in their order, each of which may be broken off anywhere and done again.
//!
//! - The new key is added to the master key file, beside the old one.
//! - The key store moves on to it and refuses the old one from then on; processes that serve read the file again when they meet
//!   either.
//! - Everything is wrapped anew.
//! - Where nothing is left under the old key, it is destroyed.
//!
//! Joins the vault and the file; knows no events.

use crate::app::AppError;
use crate::app::open::{Keys, MasterKey, open_keys};
use crate::domain::time::Timestamp;
use crate::vault::{
    KeyStatus, MasterKeyError, MasterKeyFile, RandomSource, Rewrapped, SystemRandom, Vault, VaultError,
    generate_master_key_file,
};
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What has to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Nothing is under way: a new key has to be made, of this epoch.
    Begin(u32),
    /// There is a newer key than the store wraps under: it has to move on to this epoch.
    MoveOn(u32),
    /// The store has moved on to this epoch: older keys, or what they wrapped, are left.
    Finish(u32),
}

/// A rotation, begun or about to be.
pub struct Rotation {
    vault: Vault,
    /// `None` where the master key comes from the environment, which a command cannot change.
    file: Option<MasterKeyFile>,
}

impl Rotation {
    /// Opens the key store and takes the master key file, so that no two rotations run on one machine.
    ///
    /// # Errors
    /// As [`open_keys`]; where another rotation holds the file.
    pub async fn open(keys: Keys) -> Result<Self, AppError> {
        let file = match &keys.master {
            MasterKey::File(path) if path.exists() => Some(MasterKeyFile::lock(path).map_err(unusable)?),
            _ => None,
        };
        Ok(Self { vault: open_keys(keys, false).await?, file })
    }

    /// What there is.
    ///
    /// # Errors
    /// [`AppError::KeysUnavailable`].
    pub async fn status(&self) -> Result<KeyStatus, AppError> {
        Ok(self.vault.key_status().await?)
    }

    /// What a rotation would do next.
    #[must_use]
    pub fn stage(status: &KeyStatus) -> Stage {
        let newest = status.held.last().copied().unwrap_or(status.current);
        if newest > status.current {
            return Stage::MoveOn(newest);
        }
        let is_older = |epoch: &u32| *epoch < status.current;
        if status.held.iter().any(is_older) || status.counts.older_than(status.current) > 0 {
            return Stage::Finish(status.current);
        }
        Stage::Begin(status.current + 1)
    }

    /// Whether the master key is in a file that can be changed from here.
    #[must_use]
    pub const fn has_file(&self) -> bool {
        self.file.is_some()
    }

    /// Makes the key of an epoch and adds it to the master key file.
    ///
    /// # Errors
    /// [`AppError::KeysUnavailable`] where there is no file or it cannot be changed.
    pub fn add_key(&self, epoch: u32) -> Result<(), AppError> {
        Ok(self.file()?.add(epoch, &fresh_key()).map_err(unusable)?)
    }

    /// Has the store wrap under an epoch.
    ///
    /// # Errors
    /// [`AppError::KeysUnavailable`].
    pub async fn move_on(&self, epoch: u32, now: Timestamp) -> Result<(), AppError> {
        Ok(self.vault.move_on_to(epoch, now.micros()).await?)
    }

    /// Wraps everything anew that is wrapped under older epochs; `progress` is told how many more were looked at.
    ///
    /// # Errors
    /// [`AppError::KeysUnavailable`].
    pub async fn wrap_anew(&self, progress: impl FnMut(u64) + Send) -> Result<Rewrapped, AppError> {
        Ok(self.vault.wrap_anew(progress).await?)
    }

    /// Destroys the master keys of epochs, once nothing is wrapped under them; answers which are left. `only` names one,
    /// without it all older ones go.
    ///
    /// # Errors
    /// [`AppError::KeysUnavailable`] where something is wrapped under one of them still, or where it is the one that wraps;
    /// nothing is destroyed then.
    pub async fn destroy(&self, only: Option<u32>) -> Result<(Vec<u32>, bool), AppError> {
        let status = self.vault.key_status().await?;
        let goes = |epoch: u32| only.map_or(epoch < status.current, |only| epoch == only);
        let used = status.counts.people.keys().chain(status.counts.deployment.keys());
        if goes(status.current) || used.copied().any(goes) {
            let why = "something is wrapped under that master key still; rotate first";
            return Err(VaultError::Configuration(why).into());
        }
        // Before the key goes: should this fail, there is a key left to try it again with.
        let settled = self.vault.settle_keys().await?;
        if let Some(file) = &self.file {
            file.retain(|epoch| !goes(epoch)).map_err(unusable)?;
        }
        Ok((self.vault.key_status().await?.held, settled))
    }

    /// Closes the key store.
    pub async fn close(self) {
        self.vault.close().await;
    }

    fn file(&self) -> Result<&MasterKeyFile, VaultError> {
        let why = "the master key comes from the environment, which a command cannot change";
        self.file.as_ref().ok_or(VaultError::Configuration(why))
    }
}

/// Makes a key of an epoch in a file of its own, for a master key that stands elsewhere.
///
/// # Errors
/// [`AppError::KeysUnavailable`] where the file exists or cannot be written.
pub fn write_next_key(path: &Path, epoch: u32) -> Result<(), AppError> {
    Ok(generate_master_key_file(path, epoch, &fresh_key()).map_err(unusable)?)
}

fn fresh_key() -> Zeroizing<[u8; 32]> {
    let mut bytes = Zeroizing::new([0; 32]);
    SystemRandom.fill(bytes.as_mut_slice());
    bytes
}

fn unusable(error: MasterKeyError) -> VaultError {
    VaultError::MasterKey(Arc::new(error))
}
