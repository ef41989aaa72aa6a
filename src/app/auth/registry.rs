//! The verbs of the registry of clients: add, list, rotate, revoke. A mistake is refused here, when somebody looks,
//! rather than at the first token request. Knows no command line.

use super::clients::ClientRegistry;
use super::development;
use super::fetch::{FetchError, FetchRules, MOST_BYTES};
use super::jwt::numeric_date;
use super::public_key::{KeyProblem, KeySet};
use crate::domain::access::Scope;
use crate::domain::ids::OrganisationCode;
use crate::domain::reading_access::OPERATOR;
use crate::domain::time::Timestamp;
use crate::store::{Client, ClientKeys, StoreError};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The longest id and the longest name, in characters.
const MOST_ID: usize = 64;
const MOST_NAME: usize = 200;
/// The longest overlap of old and new keys: thirty days, in seconds.
pub const LONGEST_OVERLAP_SECONDS: u32 = 30 * 24 * 3_600;

/// What the registry refuses.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A value that is not acceptable.
    #[error("{field}: expected {expected}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What would be.
        expected: String,
    },
    /// Keys that are not acceptable.
    #[error("keys: {0}")]
    Keys(KeyProblem),
    /// An address of keys that is not acceptable.
    #[error("the address of the keys cannot be used")]
    Address(#[source] FetchError),
    /// The id is taken, also by a client that was revoked: what it did stays its own.
    #[error("there is a client {0} already; an id is never given twice")]
    Exists(String),
    /// There is no such client.
    #[error("there is no client {0}")]
    Absent(String),
    /// The client was revoked, which is final.
    #[error("the client {0} was revoked, which is final; add a new one under another id")]
    Revoked(String),
    /// The registry cannot be used.
    #[error("{operation} failed")]
    Store {
        /// What was being done.
        operation: &'static str,
        /// Why.
        #[source]
        source: StoreError,
    },
}

/// A client to be added.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Its id: 1 to 64 of `A–Z a–z 0–9 . _ -`.
    pub id: String,
    /// What people call it: 1 to 200 characters on one line.
    pub name: String,
    /// The organisation that it acts for.
    pub organisation: OrganisationCode,
    /// What it may ask for: at least one.
    pub scopes: BTreeSet<Scope>,
    /// Its keys; a single JWK counts as a set of one.
    pub keys: ClientKeys,
}

/// The registry of clients as its verbs see it.
pub struct ClientDesk<'a> {
    /// Where clients are kept.
    pub registry: &'a dyn ClientRegistry,
    /// Where their keys may be fetched from.
    pub rules: &'a FetchRules,
    /// The external issuers that are configured.
    pub issuers: &'a [String],
}

impl ClientDesk<'_> {
    /// Adds a client.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn add(&self, registration: Registration, now: Timestamp) -> Result<Client, RegistryError> {
        check_id(&registration.id)?;
        let name = registration.name.trim().to_owned();
        if !(1..=MOST_NAME).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            return Err(invalid("name", format!("1 to {MOST_NAME} characters on one line")));
        }
        if registration.organisation.as_str() == OrganisationCode::REFERENCE {
            return Err(invalid(
                "organisation",
                "a real one: nobody acts for the owner of the reference lists".to_owned(),
            ));
        }
        if registration.scopes.is_empty() {
            let all: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
            return Err(invalid("scopes", format!("at least one of {}", all.join(" "))));
        }
        let keys = self.checked(registration.keys)?;
        let client = Client {
            id: registration.id,
            name,
            organisation: registration.organisation,
            scopes: registration.scopes,
            keys,
            created_at: now,
            rotated_at: None,
            revoked_at: None,
        };
        let operation = "adding the client";
        let added =
            self.registry.add_client(&client).await.map_err(|source| RegistryError::Store { operation, source })?;
        // Asked and answered in one: of two that are added at once under one id, the second is refused.
        if added { Ok(client) } else { Err(RegistryError::Exists(client.id)) }
    }
    /// Every client, revoked ones too, by id.
    ///
    /// # Errors
    /// [`RegistryError::Store`].
    pub async fn list(&self) -> Result<Vec<Client>, RegistryError> {
        let operation = "listing the clients";
        self.registry.clients().await.map_err(|source| RegistryError::Store { operation, source })
    }
    /// Replaces a client's keys. Old inline keys serve for `overlap_seconds` more (0: not at all); keys at an address
    /// overlap as their owner publishes them.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn rotate(
        &self,
        id: &str,
        keys: ClientKeys,
        overlap_seconds: u32,
        now: Timestamp,
    ) -> Result<Client, RegistryError> {
        if overlap_seconds > LONGEST_OVERLAP_SECONDS {
            return Err(invalid("overlap", format!("at most {LONGEST_OVERLAP_SECONDS} seconds")));
        }
        let mut client = self.living(id).await?;
        let mut keys = self.checked(keys)?;
        if overlap_seconds > 0 {
            let (ClientKeys::Inline(new), ClientKeys::Inline(old)) = (&keys, &client.keys) else {
                return Err(invalid("overlap", "0 unless both old and new keys are kept here".to_owned()));
            };
            let ends = now.micros().div_euclid(1_000_000) + i64::from(overlap_seconds);
            // Checked as a whole: an old key with the kid of a new one could not be told from it.
            keys = self.checked(ClientKeys::Inline(overlapping(new, old, ends, now)))?;
        }
        client.keys = keys;
        client.rotated_at = Some(now);
        self.write(&client).await?;
        Ok(client)
    }
    /// Revokes a client, at once and for good; revoking it again changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::Absent`], [`RegistryError::Store`].
    pub async fn revoke(&self, id: &str, now: Timestamp) -> Result<Client, RegistryError> {
        let mut client = self.read(id).await?.ok_or_else(|| RegistryError::Absent(id.to_owned()))?;
        if client.revoked_at.is_none() {
            client.revoked_at = Some(now);
            self.write(&client).await?;
        }
        Ok(client)
    }

    fn checked(&self, keys: ClientKeys) -> Result<ClientKeys, RegistryError> {
        match keys {
            ClientKeys::Inline(set) => {
                let set = if set.get("kty").is_some() { json!({"keys": [set]}) } else { set };
                if set.to_string().len() > MOST_BYTES {
                    return Err(invalid("keys", format!("a key set of at most {MOST_BYTES} bytes")));
                }
                let parsed = KeySet::parse(&set).map_err(RegistryError::Keys)?;
                if let Some(kid) = parsed.shared_kid() {
                    return Err(RegistryError::Keys(KeyProblem::Ambiguous(kid.to_owned())));
                }
                Ok(ClientKeys::Inline(set))
            }
            ClientKeys::Url(url) => {
                self.rules.check(&url).map_err(RegistryError::Address)?;
                Ok(ClientKeys::Url(url))
            }
            ClientKeys::Issuer(issuer) if self.issuers.contains(&issuer) => Ok(ClientKeys::Issuer(issuer)),
            ClientKeys::Issuer(_) => {
                let known = if self.issuers.is_empty() { "none is".to_owned() } else { self.issuers.join(", ") };
                Err(invalid("issuer", format!("one that is configured ({known})")))
            }
        }
    }
    async fn living(&self, id: &str) -> Result<Client, RegistryError> {
        let client = self.read(id).await?.ok_or_else(|| RegistryError::Absent(id.to_owned()))?;
        if client.revoked_at.is_some() { Err(RegistryError::Revoked(id.to_owned())) } else { Ok(client) }
    }
    async fn read(&self, id: &str) -> Result<Option<Client>, RegistryError> {
        let operation = "reading the client";
        self.registry.client(id).await.map_err(|source| RegistryError::Store { operation, source })
    }
    async fn write(&self, client: &Client) -> Result<(), RegistryError> {
        let operation = "writing the client";
        self.registry.put_client(client).await.map_err(|source| RegistryError::Store { operation, source })
    }
}

fn check_id(id: &str) -> Result<(), RegistryError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if !(1..=MOST_ID).contains(&id.len()) || !id.bytes().all(allowed) {
        return Err(invalid("id", format!("1 to {MOST_ID} letters, digits, dots, underscores or hyphens")));
    }
    if id == development::CLIENT {
        return Err(invalid("id", format!("another than {}, which the embedded issuer uses", development::CLIENT)));
    }
    if id == OPERATOR {
        return Err(invalid("id", format!("another than {OPERATOR}, under which operators' commands read")));
    }
    Ok(())
}

fn invalid(field: &'static str, expected: String) -> RegistryError {
    RegistryError::Invalid { field, expected }
}

/// The new keys and those old ones that are still good and not among the new, each with its end in `exp` (seconds since
/// the epoch; an earlier end stays).
fn overlapping(new: &Value, old: &Value, ends: i64, now: Timestamp) -> Value {
    let list = |set: &Value| set.get("keys").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut keys = list(new);
    let now_seconds = now.micros().div_euclid(1_000_000);
    for mut jwk in list(old) {
        let own_end = match jwk.get("exp") {
            None => ends,
            // Such a key never served (`PublicKey::from_jwk`), and a readable end would bring it to life.
            Some(exp) => numeric_date(exp).map_or(now_seconds, |end| end.micros().div_euclid(1_000_000)),
        };
        let end = own_end.min(ends);
        if end <= now_seconds || keys.iter().any(|other| is_same_key(other, &jwk)) {
            continue;
        }
        if let Some(members) = jwk.as_object_mut() {
            members.insert("exp".to_owned(), json!(end));
            keys.push(jwk);
        }
    }
    json!({"keys": keys})
}

fn is_same_key(one: &Value, other: &Value) -> bool {
    ["kty", "kid", "crv", "x", "y", "n", "e"].iter().all(|name| one.get(name) == other.get(name))
}
