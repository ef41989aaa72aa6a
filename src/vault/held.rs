//! The master keys that this process holds, and which epoch it wraps under: what it was started with, until it meets something
//! newer.
//!
//! A rotation goes on while processes serve. One that meets a key of an epoch that it does not hold, or is told by the key store
//! that its own epoch has passed, reads the file again and looks at the store's mark; the work that met it is repeated. Knows the
//! store by its trait and nothing of what is sealed.

use super::epoch::{EpochMark, EpochStore};
use super::error::VaultError;
use super::master::MasterKeys;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

/// Keys, and the epoch to wrap under.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// The keys.
    pub(super) master: Arc<MasterKeys>,
    /// The epoch that the store says wraps.
    pub(super) epoch: u32,
}

/// Holds them.
pub(super) struct Holder {
    /// Where they are read again; `None` where they came from the environment and only a restart brings others.
    file: Option<PathBuf>,
    held: RwLock<Held>,
}

impl Holder {
    /// Holds master keys against the mark of a store, and marks one that has none: it is new (`is_new`), or its deployment's
    /// keys were opened with these.
    ///
    /// # Errors
    /// [`VaultError::EpochMissing`] or [`VaultError::WrongMasterKey`] where they are not the store's.
    pub(super) async fn open(
        store: &dyn EpochStore,
        master: MasterKeys,
        file: Option<PathBuf>,
    ) -> Result<Self, VaultError> {
        let mut mark = store.epoch().await?;
        if mark.probe.is_none() {
            let epoch = if master.epochs().contains(&mark.current) { mark.current } else { master.newest_epoch() };
            mark = store.move_on(epoch, &master.probe(epoch)?, None).await?;
        }
        check(&master, &mark)?;
        let held = Held { master: Arc::new(master), epoch: mark.current };
        Ok(Self { file, held: RwLock::new(held) })
    }

    /// Holds keys that no store was asked about.
    #[cfg(test)]
    pub(super) fn of(master: MasterKeys, epoch: u32) -> Self {
        Self { file: None, held: RwLock::new(Held { master: Arc::new(master), epoch }) }
    }

    /// What is held now.
    pub(super) fn now(&self) -> Held {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the file again and asks the store which epoch wraps; answers what is held then.
    ///
    /// # Errors
    /// Where the keys that are to be had are not the store's; what was held before stays.
    pub(super) async fn learn(&self, store: &dyn EpochStore) -> Result<Held, VaultError> {
        let master = match self.file.clone() {
            Some(path) => {
                let loaded = tokio::task::spawn_blocking(move || MasterKeys::load(&path)).await;
                let loaded = loaded.map_err(|error| VaultError::store("read the master key", error))?;
                Arc::new(loaded?)
            }
            None => self.now().master,
        };
        let mark = store.epoch().await?;
        check(&master, &mark)?;
        let held = Held { master, epoch: mark.current };
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = held.clone();
        Ok(held)
    }
}

/// Whether master keys are those of a store.
fn check(master: &MasterKeys, mark: &EpochMark) -> Result<(), VaultError> {
    let epoch = mark.current;
    match mark.probe {
        Some(probe) if probe != master.probe(epoch)? => Err(VaultError::WrongMasterKey { epoch }),
        _ => Ok(()),
    }
}
