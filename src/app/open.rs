//! Opening the database and the key store together, so that neither is ever used without the other.

use crate::app::AppError;
use crate::store::postgres::PgStore;
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError};
use crate::transfer::Place;
use crate::vault::{
    MasterKeyError, MasterKeys, RandomSource, SystemRandom, Vault, VaultError, VaultSettings, generate_master_key_file,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where the events and rows are.
#[derive(Debug, Clone)]
pub enum Database {
    /// A file.
    Sqlite {
        /// Its path.
        path: PathBuf,
        /// Whether a missing file is made.
        create: bool,
    },
    /// A PostgreSQL database, migrated already (`cairn migrate`).
    Postgres {
        /// Its URL; may hold a password.
        url: String,
    },
}

/// Where the master key comes from.
#[derive(Clone)]
pub enum MasterKey {
    /// A file, which is made where keys may be made and there are none.
    File(PathBuf),
    /// Its text.
    Text(String),
}

/// What is opened.
pub struct Settings {
    /// The database of events and rows.
    pub database: Database,
    /// Connections to it.
    pub connections: u32,
    /// The key store's URL.
    pub keys: String,
    /// The master key.
    pub master: MasterKey,
    /// Whether stores and keys that are missing may be made; a key store never is once the log holds people's words.
    pub create: bool,
    /// How long an unwrapped key is remembered.
    pub key_cache: Duration,
}

/// Both, open.
pub struct Opened {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The key store.
    pub vault: Vault,
}

/// Opens both.
///
/// # Errors
/// What is wrong and what to do: [`AppError::Store`] or [`AppError::KeysUnavailable`].
pub async fn open(settings: Settings) -> Result<Opened, AppError> {
    let store = database(&settings.database, settings.connections).await?;
    // Where the log holds events, a new key store would open nothing of them: a missing one is an error, never made.
    let create = settings.create && store.head().await?.size == 0;
    let keys = Keys { url: settings.keys, master: settings.master, cache: settings.key_cache };
    let vault = open_keys(keys, create).await?;
    Ok(Opened { store, vault })
}

/// Opens the database alone: for whoever looks at the log without its keys.
///
/// # Errors
/// [`AppError::Store`].
pub async fn database(database: &Database, connections: u32) -> Result<Arc<dyn Store>, AppError> {
    Ok(match database {
        Database::Sqlite { path, create } => Arc::new(SqliteStore::open(path, *create, connections).await?),
        Database::Postgres { url } => Arc::new(PgStore::open(url, connections).await?),
    })
}

/// The key store alone.
#[derive(Clone)]
pub struct Keys {
    /// Its URL.
    pub url: String,
    /// The master key.
    pub master: MasterKey,
    /// How long an unwrapped key is remembered.
    pub cache: Duration,
}

/// Opens the key store, for those who need no events. `create` says whether it and the master key may be made.
///
/// # Errors
/// [`AppError::KeysUnavailable`], or [`AppError::Store`] where the master key file is missing.
pub async fn open_keys(keys: Keys, create: bool) -> Result<Vault, AppError> {
    let random: Arc<dyn RandomSource> = Arc::new(SystemRandom);
    let (master, master_file) = match keys.master {
        MasterKey::Text(text) => (MasterKeys::parse(&text), None),
        MasterKey::File(path) => {
            if create && !path.exists() {
                let mut bytes = [0; 32];
                random.fill(&mut bytes);
                match generate_master_key_file(&path, 1, &bytes) {
                    Ok(()) | Err(MasterKeyError::Exists { .. }) => {}
                    Err(error) => return Err(VaultError::MasterKey(Arc::new(error)).into()),
                }
            }
            (load_master_file(&path)?, Some(path))
        }
    };
    let master = master.map_err(|error| VaultError::MasterKey(Arc::new(error)))?;
    let started = Instant::now();
    let vault_settings = VaultSettings {
        url: keys.url,
        create,
        master_file,
        cache_ttl: keys.cache,
        monotonic: Arc::new(move || started.elapsed()),
    };
    Ok(Vault::open(vault_settings, master, random).await?)
}

/// The master keys by themselves.
///
/// # Errors
/// As [`open_keys`].
pub(super) fn load_master(master: &MasterKey) -> Result<MasterKeys, AppError> {
    let loaded = match master {
        MasterKey::Text(text) => MasterKeys::parse(text),
        MasterKey::File(path) => load_master_file(path)?,
    };
    Ok(loaded.map_err(|error| VaultError::MasterKey(Arc::new(error)))?)
}

fn load_master_file(path: &Path) -> Result<Result<MasterKeys, MasterKeyError>, AppError> {
    if path.exists() {
        return Ok(MasterKeys::load(path));
    }
    Err(AppError::from(StoreError::NotReady {
        problem: format!("the master key file {} is missing", path.display()),
        remedy: "restore it from its own backup, or set master_key_file or CAIRN_MASTER_KEY".to_owned(),
    }))
}

/// A database whose tables are up to date, for those who read or fill them as they are: a SQLite file is made where there is none, a
/// PostgreSQL database is migrated (by its owner, with the rights of the service's role).
///
/// # Errors
/// [`AppError::Store`].
pub(super) async fn prepare(database: &Database, service_role: Option<&str>) -> Result<Place, AppError> {
    match database {
        Database::Sqlite { path, create } => SqliteStore::open(path, *create, 1).await?.close().await,
        Database::Postgres { url } => migrate(url, service_role).await?,
    }
    Ok(place_of(database))
}

/// Where a database is.
pub(super) fn place_of(database: &Database) -> Place {
    match database {
        Database::Sqlite { path, .. } => Place::Sqlite(path.clone()),
        Database::Postgres { url } => Place::Postgres(url.clone()),
    }
}

/// Brings the tables of a PostgreSQL database up to date, as its owner, and grants the service's role what it needs.
///
/// # Errors
/// [`AppError::Store`].
pub async fn migrate(url: &str, service_role: Option<&str>) -> Result<(), AppError> {
    Ok(crate::store::postgres::migrate(url, service_role).await?)
}

/// Whether the role of a PostgreSQL URL owns the log or is a superuser, which a service's role should not.
///
/// # Errors
/// [`AppError::Store`].
pub async fn owns_the_log(url: &str) -> Result<bool, AppError> {
    let store = PgStore::open(url, 2).await?;
    let owns = store.owns_the_log().await;
    store.close().await;
    Ok(owns?)
}
