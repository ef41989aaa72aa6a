//! A key store as tables that travel: into a backup and back into an empty store, or to the other database.
//!
//! What travels is wrapped; the master key never does. A backup may be older than an erasure that the log has recorded since, and
//! must not bring the keys back: they are buried on their way in.

use super::error::VaultError;
use super::key::{KeyClass, KeyId, KeyName};
use super::keyed_hash::DeploymentKeys;
use super::master::MasterKeys;
use super::store::{KeyStore, WrappedBytes};
use super::wrap::{self, Binding};
use super::{postgres, sqlite, sqlite_path};
use crate::domain::ids::PersonId;
use crate::transfer::{Filling, Item, Kind, Place, Row, Source, Table, TransferError, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use uuid::Uuid;

/// Every table of a key store. The contract holds this list against what the migrations make.
pub static KEY_TABLES: [Table; 4] = [
    Table {
        name: "person_key",
        columns: &[
            ("key_id", Kind::Uuid),
            ("subject", Kind::Uuid),
            ("class", Kind::Text),
            ("generation", Kind::Integer),
            ("epoch", Kind::Integer),
            ("wrapped", Kind::Bytes),
            ("created_at_micros", Kind::Integer),
        ],
        key: &["key_id"],
        only: None,
        filling: Filling::Rows,
        derived: &[],
    },
    Table {
        name: "destroyed_key",
        columns: &[
            ("key_id", Kind::Uuid),
            ("subject", Kind::Uuid),
            ("class", Kind::Text),
            ("generation", Kind::Integer),
            ("destroyed_at_micros", Kind::Integer),
            ("reason", Kind::Text),
        ],
        key: &["key_id"],
        only: None,
        filling: Filling::Rows,
        derived: &[],
    },
    Table {
        name: "deployment_key",
        columns: &[("name", Kind::Text), ("epoch", Kind::Integer), ("wrapped", Kind::Bytes)],
        key: &["name"],
        only: None,
        filling: Filling::Rows,
        derived: &[],
    },
    Table {
        name: "key_epoch",
        columns: &[("current", Kind::Integer), ("probe", Kind::Bytes), ("began_at_micros", Kind::Integer)],
        key: &["one"],
        only: None,
        filling: Filling::OneRow,
        derived: &["one"],
    },
];

/// Why a key was buried on its way in.
const REASON: &str = "erased-before-restore";

/// What the log says was erased: whose keys of which class (by its code), and when, in microseconds.
pub type Erased = HashMap<(Uuid, String), i64>;

/// Where a key store is, with its tables brought up to date; makes them (and a SQLite file) where `create`. Needs no master key.
///
/// # Errors
/// As `Vault::open`, as far as it concerns the store; [`VaultError::Configuration`] for one that no master key was ever held
/// against.
pub async fn key_place(url: &str, create: bool) -> Result<Place, VaultError> {
    let (place, store): (Place, Arc<dyn KeyStore>) = match url.split_once(':') {
        Some(("sqlite", path)) => {
            let path = sqlite_path(path)?;
            (Place::Sqlite(path.to_owned()), Arc::new(sqlite::SqliteKeys::open(path, create).await?))
        }
        _ => (Place::Postgres(url.to_owned()), Arc::new(postgres::PostgresKeys::open(url, create).await?)),
    };
    let mark = store.epoch().await;
    store.close().await;
    if !create && mark?.probe.is_none() {
        let why =
            "the key store was brought up to date and not used since: run `cairn keys status` with its master key once";
        return Err(VaultError::Configuration(why));
    }
    Ok(place)
}

/// Holds wrapped keys against master keys: whether they will open what is restored.
pub struct KeyCheck {
    master: MasterKeys,
    deployment: BTreeSet<String>,
}

impl KeyCheck {
    /// With these master keys.
    #[must_use]
    pub const fn new(master: MasterKeys) -> Self {
        Self { master, deployment: BTreeSet::new() }
    }

    /// Whether rows open.
    ///
    /// # Errors
    /// [`VaultError::EpochMissing`] names the epoch whose master key is not here; [`VaultError::WrongMasterKey`];
    /// [`VaultError::Damaged`] for what cannot be in such a table.
    pub fn check(&mut self, table: &Table, rows: &[Row]) -> Result<(), VaultError> {
        for row in rows {
            match (table.name, row.as_slice()) {
                ("person_key", [id, subject, Value::Text(class), generation, epoch, Value::Bytes(bytes), _]) => {
                    let name = KeyName {
                        id: KeyId(uuid(id)?),
                        subject: PersonId(uuid(subject)?),
                        class: KeyClass::from_code(class).ok_or(VaultError::Damaged("a key is of no known class"))?,
                        generation: counter(generation)?,
                    };
                    let wrapped = WrappedBytes { epoch: counter(epoch)?, bytes: bytes.clone() };
                    wrap::unwrap(&self.master, Binding::Person(&name), &wrapped)?;
                }
                ("deployment_key", [Value::Text(name), epoch, Value::Bytes(bytes)]) => {
                    let known = DeploymentKeys::NAMES.into_iter().find(|known| known == name);
                    let known = known.ok_or(VaultError::Damaged("a deployment key has no known name"))?;
                    let wrapped = WrappedBytes { epoch: counter(epoch)?, bytes: bytes.clone() };
                    wrap::unwrap(&self.master, Binding::Deployment(known), &wrapped)?;
                    self.deployment.insert(name.clone());
                }
                ("key_epoch", [epoch, Value::Bytes(probe), _]) => {
                    let epoch = counter(epoch)?;
                    if probe.as_slice() != self.master.probe(epoch)? {
                        return Err(VaultError::WrongMasterKey { epoch });
                    }
                }
                ("destroyed_key", [_, _, _, _, _, _]) => {}
                _ => return Err(VaultError::Damaged("a row is not what its table holds")),
            }
        }
        Ok(())
    }

    /// Whether everything was there that a key store cannot do without.
    ///
    /// # Errors
    /// [`VaultError::Missing`].
    pub fn finish(self) -> Result<(), VaultError> {
        if DeploymentKeys::NAMES.iter().all(|name| self.deployment.contains(*name)) {
            Ok(())
        } else {
            Err(VaultError::Missing)
        }
    }
}

fn uuid(value: &Value) -> Result<Uuid, VaultError> {
    let Value::Bytes(bytes) = value else { return Err(VaultError::Damaged("an id has not 16 bytes")) };
    Uuid::from_slice(bytes).map_err(|_| VaultError::Damaged("an id has not 16 bytes"))
}

fn counter(value: &Value) -> Result<u32, VaultError> {
    let Value::Integer(number) = value else { return Err(VaultError::Damaged("a number is none")) };
    u32::try_from(*number).map_err(|_| VaultError::Damaged("a generation or epoch is out of range"))
}

/// The same keys, those that were erased as tombstones.
#[must_use]
pub fn bury(source: Source, erased: Erased) -> Source {
    let mut burying = Burying { erased, table: String::new(), tombstones: BTreeMap::new() };
    Source::made_of(source, move |item| burying.pass(item))
}

/// Buries what passes.
struct Burying {
    erased: Erased,
    table: String,
    /// By the id of the key, in whose order they must lie.
    tombstones: BTreeMap<Vec<u8>, Row>,
}

impl Burying {
    fn pass(&mut self, item: Item) -> Result<Vec<Item>, TransferError> {
        match item {
            Item::Table(name) => {
                // Those whose ids come behind every tombstone that was there before.
                let rest = std::mem::replace(&mut self.table, name.clone()) == "destroyed_key";
                let rest: Vec<Row> =
                    if rest { std::mem::take(&mut self.tombstones).into_values().collect() } else { vec![] };
                let rest = (!rest.is_empty()).then_some(Item::Rows(rest));
                Ok(rest.into_iter().chain([Item::Table(name)]).collect())
            }
            Item::Rows(rows) if self.table == "person_key" => {
                let living: Vec<Row> = rows.into_iter().filter_map(|row| self.unless_erased(row)).collect();
                Ok(if living.is_empty() { Vec::new() } else { vec![Item::Rows(living)] })
            }
            Item::Rows(rows) if self.table == "destroyed_key" => {
                let mut merged = Vec::with_capacity(rows.len());
                for row in rows {
                    if let Some(Value::Bytes(id)) = row.first() {
                        let behind = self.tombstones.split_off(id);
                        merged.extend(std::mem::replace(&mut self.tombstones, behind).into_values());
                    }
                    merged.push(row);
                }
                Ok(vec![Item::Rows(merged)])
            }
            item @ Item::Rows(_) => Ok(vec![item]),
        }
    }

    fn unless_erased(&mut self, row: Row) -> Option<Row> {
        let [Value::Bytes(id), Value::Bytes(subject), Value::Text(class), generation, ..] = row.as_slice() else {
            return Some(row);
        };
        let Ok(person) = Uuid::from_slice(subject) else { return Some(row) };
        let Some(erased_at) = self.erased.get(&(person, class.clone())) else { return Some(row) };
        let tombstone = vec![
            Value::Bytes(id.clone()),
            Value::Bytes(subject.clone()),
            Value::Text(class.clone()),
            generation.clone(),
            Value::Integer(*erased_at),
            Value::Text(REASON.to_owned()),
        ];
        self.tombstones.insert(id.clone(), tombstone);
        None
    }
}
