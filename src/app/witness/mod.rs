//! A witness of other people's logs (C2SP `tlog-witness`): it cosigns a checkpoint only if it goes on from the last one that it
//! cosigned for that log, and so keeps a log from showing different people different histories. For regulators and auditors
//! to run; it handles public data alone and knows neither the database nor the vault.
//!
//! `state` holds what must never be forgotten; the decision itself is [`AddCheckpoint::judge`], pure.

mod state;

pub use crate::ledger::{MAXIMUM_ADD_CHECKPOINT_BYTES, TREE_SIZE_CONTENT_TYPE, WitnessRefusal};

use crate::app::auth::{KeyFileError, SigningKey};
use crate::app::clock::Clock;
use crate::ledger::{
    AddCheckpoint, Cosigner, CosigningError, KeyName, Origin, SignatureType, SigningFailed, SigningSeed, VerifierKey,
    WitnessedLog,
};
use state::{Kept, LogState};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Mutex;

pub use state::StateError;

/// The most logs of one witness; each has a file of its own.
pub const MAXIMUM_LOGS: usize = 1_000;

/// A log to witness: a key that it signs with. A log whose key is being changed is told with both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedLog {
    /// The first line of its checkpoints.
    pub origin: Origin,
    /// The key.
    pub key: VerifierKey,
}

impl std::str::FromStr for WatchedLog {
    type Err = WitnessError;

    /// Reads `VKEY` or `VKEY=ORIGIN`; the origin is the key's name unless told. A vkey has no equals sign after its name.
    fn from_str(text: &str) -> Result<Self, WitnessError> {
        let no = || WitnessError::Log(text.to_owned());
        // The name may have one, so the key ends at the first one after the material, which is base64 without padding.
        let material = text.splitn(3, '+').nth(2).ok_or_else(no)?;
        let (key, origin) = match material.split_once('=') {
            None => (text, None),
            Some((_, origin)) => (&text[..text.len() - origin.len() - 1], Some(origin)),
        };
        let key: VerifierKey = key.parse().map_err(|_| no())?;
        if key.signature_type() != SignatureType::Ed25519 {
            return Err(no());
        }
        let origin = origin.unwrap_or_else(|| key.name().as_str()).parse().map_err(|_| no())?;
        Ok(Self { origin, key })
    }
}

/// Why a witness cannot work.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// A log cannot be read.
    #[error("the log {0:?} is no verifier key (name+id+key, Ed25519), optionally followed by =ORIGIN")]
    Log(String),
    /// Too many logs.
    #[error("a witness has at most {MAXIMUM_LOGS} logs")]
    TooMany,
    /// The name cannot be a key's.
    #[error("a witness cannot be called {0:?}: use a name such as witness.example.org/w1, without spaces or plus")]
    Name(String),
    /// Another name than the one that it has cosigned with.
    #[error("this witness is called {kept} since its first start, and a cosignature names it; it cannot be {asked}")]
    Renamed {
        /// What it is called.
        kept: String,
        /// What was asked for.
        asked: String,
    },
    /// The key file.
    #[error("the witness's key cannot be used")]
    Key(#[from] KeyFileError),
    /// What it remembers.
    #[error(transparent)]
    State(#[from] StateError),
    /// Another process is at work in the same folder.
    #[error("another witness is at work in {0}: two at once could cosign two histories")]
    Busy(PathBuf),
    /// The cryptography library failed.
    #[error(transparent)]
    Signing(#[from] SigningFailed),
}

/// Why a request is not answered with a cosignature.
#[derive(Debug, thiserror::Error)]
pub enum Declined {
    /// The log does not get it.
    #[error(transparent)]
    Refused(#[from] WitnessRefusal),
    /// The state could not be written down, so nothing was cosigned.
    #[error("the witness cannot write down what it cosigns")]
    State(#[from] StateError),
    /// The cosignature could not be made.
    #[error("the witness cannot cosign")]
    Cosigning(#[from] CosigningError),
}

/// Where a witness works and what it watches.
pub struct WitnessSettings {
    /// Its folder: key, name and states. Never restored from a backup while logs go on.
    pub folder: PathBuf,
    /// What it is called; made from its key if nobody says, and the same for ever.
    pub name: Option<String>,
    /// The logs, each key of each.
    pub logs: Vec<WatchedLog>,
    /// Fresh random bytes for its key, which is made at the first start.
    pub fresh_key: [u8; 32],
}

struct Watched {
    keys: Vec<VerifierKey>,
    /// Held from the look at what was cosigned last until the new state is durable: no other request for the log comes between.
    state: Mutex<LogState>,
}

/// A witness.
pub struct Witness {
    cosigner: Cosigner,
    clock: Arc<dyn Clock>,
    logs: BTreeMap<String, Watched>,
    /// Held as long as the witness works.
    _lock: File,
}

impl Witness {
    /// Opens the witness in its folder, which is its alone as long as it works; makes its key at the first start.
    ///
    /// # Errors
    /// What is wrong with the settings, the folder or the key. A state that cannot be read is an error and never begun anew.
    pub fn open(settings: WitnessSettings, clock: Arc<dyn Clock>) -> Result<Self, WitnessError> {
        let lock = state::lock(&settings.folder)?.ok_or_else(|| WitnessError::Busy(settings.folder.clone()))?;
        let cosigner = cosigner(&settings.folder, settings.name.as_deref(), Some(&settings.fresh_key))?;
        let mut logs: BTreeMap<String, Watched> = BTreeMap::new();
        for WatchedLog { origin, key } in settings.logs {
            if !logs.contains_key(origin.as_str()) {
                let state = LogState::open(&settings.folder, origin.clone())?;
                logs.insert(origin.as_str().to_owned(), Watched { keys: Vec::new(), state: Mutex::new(state) });
            }
            if let Some(log) = logs.get_mut(origin.as_str())
                && !log.keys.contains(&key)
            {
                log.keys.push(key);
            }
        }
        if logs.len() > MAXIMUM_LOGS {
            return Err(WitnessError::TooMany);
        }
        Ok(Self { cosigner, clock, logs, _lock: lock })
    }

    /// What others verify its cosignatures with.
    #[must_use]
    pub const fn verifier_key(&self) -> &VerifierKey {
        self.cosigner.verifier_key()
    }

    /// The logs that it watches, by origin.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        self.logs.keys().map(String::as_str)
    }

    /// Answers a request `add-checkpoint` with signature lines. What it cosigns was written down durably before.
    ///
    /// # Errors
    /// [`Declined`]: no cosignature was made.
    pub async fn add_checkpoint(&self, body: &[u8]) -> Result<String, Declined> {
        let request = AddCheckpoint::parse(body)?;
        let watched = self.logs.get(request.origin().as_str()).ok_or(WitnessRefusal::UnknownOrigin)?;
        let mut state = watched.state.lock().await;
        let latest = state.latest().await?;
        let known = WitnessedLog { origin: request.origin(), keys: &watched.keys, latest };
        if let Err(refusal) = request.judge(Some(&known)) {
            match &refusal {
                WitnessRefusal::Fork { latest } => {
                    tracing::error!(origin = %request.origin(), size = latest, "the log signed two trees of one size");
                    state.keep(Kept::Fork, &request).await?;
                }
                WitnessRefusal::Proof(_) => {
                    tracing::warn!(origin = %request.origin(), "a checkpoint did not go on from what was cosigned");
                    state.keep(Kept::Refused, &request).await?;
                }
                _ => {}
            }
            return Err(refusal.into());
        }
        state.advance(&request).await?;
        let time = u64::try_from(self.clock.now().micros().div_euclid(1_000_000)).unwrap_or(0);
        let line = self.cosigner.cosign(request.checkpoint(), time)?;
        drop(state);
        Ok(line.to_string())
    }
}

/// The verifier key of the witness in a folder; makes nothing. `None` before its first start.
///
/// # Errors
/// As [`Witness::open`].
pub fn verifier_key(folder: &Path) -> Result<Option<VerifierKey>, WitnessError> {
    match cosigner(folder, None, None) {
        Ok(cosigner) => Ok(Some(cosigner.verifier_key().clone())),
        Err(WitnessError::Key(KeyFileError::NoKey { path, .. })) if !path.exists() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The key and the name, which stand together from the first start on.
fn cosigner(folder: &Path, name: Option<&str>, fresh: Option<&[u8; 32]>) -> Result<Cosigner, WitnessError> {
    let path = folder.join("witness.pem");
    let kept = state::kept_name(folder)?;
    // A name without its key is a key that was lost: another one would cosign under the name of the first.
    let key = match fresh.filter(|_| kept.is_none()) {
        Some(fresh) => SigningKey::open_or_create(&path, fresh)?,
        None => SigningKey::open(&path)?
            .ok_or(KeyFileError::NoKey { path, expected: "the key that the first start made" })?,
    };
    let seed = SigningSeed::new(*key.seed()?);
    if let (Some(kept), Some(asked)) = (&kept, name)
        && kept != asked
    {
        return Err(WitnessError::Renamed { kept: kept.clone(), asked: asked.to_owned() });
    }
    let chosen = match kept.as_deref().or(name) {
        Some(chosen) => chosen.to_owned(),
        // Nobody else has this key, so nobody else has this name.
        None => format!("cairn-witness/{}", &hex::encode(public_half(&seed)?)[..16]),
    };
    let key_name: KeyName = chosen.parse().map_err(|_| WitnessError::Name(chosen.clone()))?;
    if kept.is_none() && fresh.is_some() {
        state::keep_name(folder, &chosen)?;
    }
    Ok(Cosigner::new(key_name, &seed)?)
}

fn public_half(seed: &SigningSeed) -> Result<Vec<u8>, WitnessError> {
    let nameless = || WitnessError::Name("witness".to_owned());
    let name = "witness".parse().map_err(|_| nameless())?;
    Ok(Cosigner::new(name, seed)?.verifier_key().public_key().to_vec())
}

#[cfg(test)]
mod tests;
