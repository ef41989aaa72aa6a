//! The registry of clients: who may ask for tokens, bound to which organisation.

use crate::domain::access::Scope;
use crate::domain::ids::OrganisationCode;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Where a client's public keys are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKeys {
    /// A JWK set (RFC 7517) kept in the registry.
    Inline(serde_json::Value),
    /// The address of a JWK set that the client keeps.
    Url(String),
    /// None here: its tokens come from this external issuer.
    Issuer(String),
}

/// A registered client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The organisation that it acts for.
    pub organisation: OrganisationCode,
    /// What it may ask for.
    pub scopes: BTreeSet<Scope>,
    /// Its public keys.
    pub keys: ClientKeys,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When its keys last changed.
    pub rotated_at: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}
