//! What the tests of this module share: a registry in memory, a network that answers what it was told, and keys whose
//! private halves sign whatever a test asks for.

use super::clients::ClientRegistry;
use super::fetch::{FetchError, FetchJwks};
use super::keys::sign_compact;
use super::{generate_client_key, install_crypto_provider, pem};
use crate::domain::access::Scope;
use crate::domain::time::Timestamp;
use crate::store::{Client, ClientKeys, StoreError};
use async_trait::async_trait;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::KeyPair;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

/// When every test begins.
pub(super) fn start() -> Timestamp {
    Timestamp::from_micros(1_790_000_000_000_000)
}

/// Some seconds after the start, or before it.
pub(super) fn at(seconds: i64) -> Timestamp {
    start().plus_micros(seconds * 1_000_000)
}

/// The NumericDate some seconds after the start.
pub(super) fn date(seconds: i64) -> i64 {
    at(seconds).micros() / 1_000_000
}

/// A value with one member replaced; `null` removes it.
pub(super) fn with(mut value: Value, name: &str, member: Value) -> Value {
    let members = value.as_object_mut().unwrap();
    if member.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), member);
    }
    value
}

/// A private key with its public JWK.
pub(super) struct Signer {
    encoding: EncodingKey,
    algorithm: Algorithm,
    pub(super) jwk: Value,
}

impl Signer {
    /// A P-384 key by a number from 1, the same each time.
    pub(super) fn ec(number: u8, kid: &str) -> Self {
        install_crypto_provider();
        let key = generate_client_key(&[number; 48]).unwrap();
        let encoding = EncodingKey::from_ec_der(&pem::decode(&key.to_pem()).unwrap());
        Self { encoding, algorithm: Algorithm::ES384, jwk: with(key.public_jwk().clone(), "kid", json!(kid)) }
    }
    /// The RSA key of this run.
    pub(super) fn rsa(kid: &str) -> Self {
        static PAIR: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
        install_crypto_provider();
        let (private, modulus) = PAIR.get_or_init(|| {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
            let pkcs8 = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
            // RFC 5208: what stands before the PKCS#1 key has 26 octets for a modulus of 2048 bits.
            let modulus = pair.public_key().modulus().big_endian_without_leading_zero().to_vec();
            (pkcs8.as_ref()[26..].to_vec(), modulus)
        });
        let jwk = json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB", "kid": kid});
        Self { encoding: EncodingKey::from_rsa_der(private), algorithm: Algorithm::RS384, jwk }
    }
    /// The same key, signing with another algorithm.
    pub(super) fn using(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }
    /// The header that goes with the key.
    pub(super) fn header(&self) -> Value {
        json!({"typ": "JWT", "alg": super::jwt::name_of(self.algorithm), "kid": self.jwk["kid"]})
    }
    /// Signs claims under that header.
    pub(super) fn sign(&self, claims: &Value) -> String {
        self.sign_under(&self.header(), claims)
    }
    /// Signs claims under any header.
    pub(super) fn sign_under(&self, header: &Value, claims: &Value) -> String {
        sign_compact(header, claims, &self.encoding, self.algorithm).unwrap()
    }
}

/// A P-384 public key.
pub(super) fn ec_jwk(number: u8, kid: &str) -> Value {
    Signer::ec(number, kid).jwk
}

/// An RSA public key.
pub(super) fn rsa_jwk(kid: &str) -> Value {
    Signer::rsa(kid).jwk
}

/// A client of RX1 that may read and write outcomes.
pub(super) fn client(id: &str, keys: ClientKeys) -> Client {
    Client {
        id: id.to_owned(),
        name: "Care system".to_owned(),
        organisation: "RX1".parse().unwrap(),
        scopes: BTreeSet::from([Scope::OutcomesRead, Scope::OutcomesWrite]),
        keys,
        created_at: start(),
        rotated_at: None,
        revoked_at: None,
    }
}

/// Inline keys.
pub(super) fn inline(keys: &[&Value]) -> ClientKeys {
    ClientKeys::Inline(json!({"keys": keys}))
}

/// A registry in memory.
#[derive(Default)]
pub(super) struct FakeRegistry {
    clients: Mutex<BTreeMap<String, Client>>,
    used: Mutex<BTreeMap<(String, [u8; 32]), Timestamp>>,
    /// How often one client was asked for.
    pub(super) asked: AtomicUsize,
    /// Whether every operation fails.
    pub(super) is_down: AtomicBool,
}

impl FakeRegistry {
    /// A registry of these clients.
    pub(super) fn of(clients: impl IntoIterator<Item = Client>) -> Self {
        let registry = Self::default();
        registry.clients.lock().unwrap().extend(clients.into_iter().map(|client| (client.id.clone(), client)));
        registry
    }
    /// Changes a client as the registry's verbs would on another process.
    pub(super) fn change(&self, id: &str, change: impl FnOnce(&mut Client)) {
        change(self.clients.lock().unwrap().get_mut(id).unwrap());
    }
    /// Until when the used assertions are remembered.
    pub(super) fn remembered(&self) -> Vec<Timestamp> {
        self.used.lock().unwrap().values().copied().collect()
    }
    fn check(&self) -> Result<(), StoreError> {
        if self.is_down.load(Ordering::SeqCst) { Err(StoreError::Stopped) } else { Ok(()) }
    }
}

#[async_trait]
impl ClientRegistry for FakeRegistry {
    async fn client(&self, id: &str) -> Result<Option<Client>, StoreError> {
        self.check()?;
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.clients.lock().unwrap().get(id).cloned())
    }
    async fn clients(&self) -> Result<Vec<Client>, StoreError> {
        self.check()?;
        Ok(self.clients.lock().unwrap().values().cloned().collect())
    }
    async fn add_client(&self, client: &Client) -> Result<bool, StoreError> {
        self.check()?;
        let mut clients = self.clients.lock().unwrap();
        let is_free = !clients.contains_key(&client.id);
        if is_free {
            clients.insert(client.id.clone(), client.clone());
        }
        Ok(is_free)
    }
    async fn put_client(&self, client: &Client) -> Result<(), StoreError> {
        self.check()?;
        self.clients.lock().unwrap().insert(client.id.clone(), client.clone());
        Ok(())
    }
    async fn use_assertion(
        &self,
        client: &str,
        jti_digest: &[u8; 32],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.check()?;
        let mut used = self.used.lock().unwrap();
        used.retain(|_, until| *until >= now);
        Ok(used.insert((client.to_owned(), *jti_digest), expires_at).is_none())
    }
}

/// A network where documents lie at addresses; any other address answers 404.
#[derive(Default)]
pub(super) struct FakeFetch {
    documents: Mutex<BTreeMap<String, Value>>,
    /// How often anything was fetched.
    pub(super) fetched: AtomicUsize,
}

impl FakeFetch {
    /// Puts a set of keys at an address.
    pub(super) fn publish(&self, url: &str, keys: &[&Value]) {
        self.put(url, json!({"keys": keys}));
    }
    /// Puts any document at an address.
    pub(super) fn put(&self, url: &str, document: Value) {
        self.documents.lock().unwrap().insert(url.to_owned(), document);
    }
    /// Takes the document at an address away.
    pub(super) fn withdraw(&self, url: &str) {
        self.documents.lock().unwrap().remove(url);
    }
    /// How often anything was fetched.
    pub(super) fn count(&self) -> usize {
        self.fetched.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl FetchJwks for FakeFetch {
    async fn fetch(&self, url: &str) -> Result<Value, FetchError> {
        self.fetched.fetch_add(1, Ordering::SeqCst);
        // Others get a turn, as they would while the network takes its time.
        tokio::task::yield_now().await;
        self.documents.lock().unwrap().get(url).cloned().ok_or(FetchError::Status(404))
    }
}
