//! What signs each log, as the settings say: its key, its files, its witnesses. Opens keepers; what may be signed is theirs.

use crate::app::App;
use crate::app::accesses::AccessesTree;
use crate::app::audit::LogName;
use crate::app::auth::SigningKey;
use crate::app::backup::{EachLog, SignedLog};
use crate::app::log::{
    LogError, LogKeeper, LogSettings, LogTree, Logs, OutcomesTree, SignerDesk, SignerFiles, SigningSeed, VerifierKey,
    WitnessAddress, WitnessClient, WitnessPolicy,
};
use crate::cli::failure::Failure;
use crate::cli::service::make_parent;
use crate::config::{Settings, WitnessedLog};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Opens the logs' keepers, which refuse a database that does not go on from what was signed. `make_keys` says whether
/// missing keys are made: for whoever serves, not for whoever looks.
///
/// # Errors
/// [`Failure`] with what to do about it.
pub async fn open_logs(settings: &Settings, app: &App, make_keys: bool) -> Result<Logs, Failure> {
    let [outcomes, accesses] = signers(settings, app);
    Ok(Logs {
        outcomes: Arc::new(outcomes.open(app, make_keys).await?),
        accesses: Arc::new(accesses.open(app, make_keys).await?),
    })
}

/// Opens the keeper of one log, as [`open_logs`] does it.
///
/// # Errors
/// [`Failure`] with what to do about it.
pub async fn open_log(settings: &Settings, app: &App, log: LogName, make_key: bool) -> Result<LogKeeper, Failure> {
    let [outcomes, accesses] = signers(settings, app);
    match log {
        LogName::Outcomes => outcomes.open(app, make_key).await,
        LogName::Accesses => accesses.open(app, make_key).await,
    }
}

/// What a log is called, and where its signer's files are, as the settings say.
#[must_use]
pub fn log_place(settings: &Settings, log: LogName) -> (&str, SignerFiles) {
    let Settings { log_key_file, log_state_file, accesses_key_file, accesses_state_file, .. } = settings;
    let (origin, key, guard) = match log {
        LogName::Outcomes => (&settings.log_origin, log_key_file, log_state_file),
        LogName::Accesses => (&settings.accesses_origin, accesses_key_file, accesses_state_file),
    };
    (origin, SignerFiles { key: key.clone(), guard: guard.clone() })
}

/// What signs one log.
pub struct Signer<'a> {
    /// Which.
    pub log: LogName,
    /// The setting of its name for ever.
    pub origin_setting: &'static str,
    tree: Arc<dyn LogTree>,
    origin: &'a str,
    files: SignerFiles,
    settings: &'a Settings,
}

/// What signs each log, as the settings say.
#[must_use]
pub fn signers<'a>(settings: &'a Settings, app: &App) -> [Signer<'a>; 2] {
    let signer = |log: LogName, origin_setting, tree| {
        let (origin, files) = log_place(settings, log);
        Signer { log, origin_setting, tree, origin, files, settings }
    };
    let store = || Arc::clone(app.store());
    [
        signer(LogName::Outcomes, "log_origin", Arc::new(OutcomesTree(store())) as Arc<dyn LogTree>),
        signer(LogName::Accesses, "accesses_origin", Arc::new(AccessesTree(store()))),
    ]
}

impl Signer<'_> {
    /// Whether nothing was signed here yet.
    #[must_use]
    pub fn is_new(&self) -> bool {
        !self.files.key.exists() && !self.files.guard.exists()
    }

    /// Opens the keeper, with the witnesses that it asks.
    ///
    /// # Errors
    /// [`Failure`] with what to do about it.
    pub async fn open(self, app: &App, make_key: bool) -> Result<LogKeeper, Failure> {
        let unusable = || unusable_key(&self.files.key);
        let key = if make_key {
            make_parent(&self.files.key)?;
            SigningKey::open_or_create(&self.files.key, &app.fresh_key()).map(Some)
        } else {
            SigningKey::open(&self.files.key)
        };
        let key = key.map_err(|error| unusable().because(error))?;
        let key = key.ok_or_else(|| unusable().because("it is not there"))?;
        let seed = key.seed().map_err(|error| unusable().because(error))?;
        let policy = witness_policy(self.settings, self.log)?;
        let log_settings = LogSettings {
            origin: self.origin.to_owned(),
            seed: SigningSeed::new(*seed),
            guard_file: self.files.guard.clone(),
        };
        let log = LogKeeper::open(app.clone(), self.tree, log_settings).await.map_err(unsigned)?;
        Ok(log.with_witnesses(policy))
    }

    /// Where the signer itself is changed.
    #[must_use]
    pub fn desk(self, app: App) -> SignerDesk {
        SignerDesk::new(app, self.tree, self.origin.to_owned(), self.files)
    }
}

fn unusable_key(path: &Path) -> Failure {
    Failure::configuration(format!("the key that signs checkpoints, {}, cannot be used", path.display()))
}

/// The key that verifies a log's checkpoints, from the signer's own file; `None` where that is not here.
///
/// # Errors
/// [`Failure`] where it is here and cannot be used.
pub fn log_verifier_key(settings: &Settings, log: LogName) -> Result<Option<VerifierKey>, Failure> {
    let (origin, files) = log_place(settings, log);
    let unusable = || unusable_key(&files.key);
    let key = SigningKey::open(&files.key);
    let Some(key) = key.map_err(|error| unusable().because(error))? else { return Ok(None) };
    let seed = key.seed().map_err(|error| unusable().because(error))?;
    let key = crate::app::log::verifier_key(origin, &SigningSeed::new(*seed));
    key.map(Some).map_err(|error| Failure::configuration(error.to_string()))
}

/// What is at hand of each log's signer, for whoever copies the logs.
///
/// # Errors
/// [`Failure`] where a key's file is here and cannot be used.
pub(super) fn signed_logs(settings: &Settings) -> Result<EachLog<SignedLog>, Failure> {
    let of = |log| {
        let (origin, files) = log_place(settings, log);
        let key = log_verifier_key(settings, log)?;
        Ok::<_, Failure>(SignedLog { origin: origin.to_owned(), key, state_file: files.guard })
    };
    Ok(EachLog { outcomes: of(LogName::Outcomes)?, accesses: of(LogName::Accesses)? })
}

/// Why nothing is signed, as an end of a command.
pub(super) fn unsigned(error: LogError) -> Failure {
    match error {
        LogError::Name(_) => Failure::configuration(error.to_string()),
        error => Failure::unavailable(error.to_string()).because_of(&error),
    }
}

/// Says of every log that this process signs it, until what it answers is dropped.
///
/// # Errors
/// [`Failure`] while a command changes a signer.
pub(super) fn lock_to_sign(settings: &Settings, app: &App) -> Result<Vec<File>, Failure> {
    let changing =
        || Failure::unavailable("`cairn log` is changing the signer: start again when it is done".to_owned());
    let lock = |signer: Signer<'_>| {
        let lock = signer.files.lock_to_sign();
        lock.map_err(|error| Failure::unavailable(error.to_string()).because_of(&error))?.ok_or_else(changing)
    };
    signers(settings, app).into_iter().map(lock).collect()
}

/// Signs every log and asks its witnesses, in tasks of their own until they are aborted.
///
/// # Errors
/// As [`witness_client`].
pub(super) fn keep_signing(logs: &Logs, settings: &Settings) -> Result<Vec<JoinHandle<()>>, Failure> {
    let (client, interval) = (witness_client()?, settings.checkpoint_interval);
    let mut tasks = Vec::new();
    for (_, keeper) in logs.all() {
        tasks.push(keeper.keep_signing(interval));
        tasks.extend(keeper.keep_collecting(&client, interval));
    }
    Ok(tasks)
}

/// What asks witnesses.
///
/// # Errors
/// [`Failure`] where TLS cannot be set up.
pub(super) fn witness_client() -> Result<WitnessClient, Failure> {
    WitnessClient::new()
        .map_err(|error| Failure::unavailable("the client for witnesses cannot be made".to_owned()).because(error))
}

/// The witnesses of a log, each with its key. Where fewer know it than the quorum asks for, all of them must cosign.
fn witness_policy(settings: &Settings, log: LogName) -> Result<WitnessPolicy, Failure> {
    let known_as = match log {
        LogName::Outcomes => WitnessedLog::Outcomes,
        LogName::Accesses => WitnessedLog::Accesses,
    };
    let (mut witnesses, mut all) = (Vec::new(), Vec::new());
    for witness in &settings.witnesses {
        let no = |what: &str| Failure::configuration(format!("`witnesses`: the vkey of {} {what}", witness.url));
        let key = witness.vkey.trim().parse();
        let key = key.map_err(|error| no("cannot be read").because(error))?;
        let address = WitnessAddress::new(&witness.url, key).ok_or_else(|| no("is none of a cosigner (type 0x04)"))?;
        let public_key = address.key.public_key().to_vec();
        if all.contains(&public_key) {
            return Err(no("is that of another witness, too: one key is one witness"));
        }
        all.push(public_key);
        if witness.logs.contains(&known_as) {
            witnesses.push(address);
        }
    }
    let quorum = settings.witness_quorum.min(u32::try_from(witnesses.len()).unwrap_or(u32::MAX));
    Ok(WitnessPolicy { witnesses, quorum })
}
