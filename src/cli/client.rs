//! `cairn client`: the registry of clients. Works on the database, so it needs no token and serves whoever operates.

use crate::app::auth::registry::{ClientDesk, Registration, RegistryError};
use crate::app::auth::{ClientRegistry, generate_client_key};
use crate::app::words::{Client, ClientKeys, OrganisationCode};
use crate::cli::CommonArguments;
use crate::cli::failure::Failure;
use crate::cli::service::{Sources, fetch_rules, open_app};
use crate::cli::token::scopes_of;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::sync::Arc;

/// The arguments of `cairn client`.
#[derive(Debug, Args)]
pub struct ClientArguments {
    /// What to do
    #[command(subcommand)]
    pub action: ClientAction,
}

/// What can be done with clients.
#[derive(Debug, Subcommand)]
pub enum ClientAction {
    /// Register a client
    #[command(after_help = "Example: cairn client add care-system --name \"Care system\" --organisation RX1 \
        --scope \"outcomes:read outcomes:write\" --new-key care-system.pem")]
    Add(AddArguments),
    /// List clients
    List {
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
    /// Replace a client's keys
    Rotate {
        /// The client
        id: String,
        /// The new keys
        #[command(flatten)]
        keys: KeyArguments,
        /// How long the old keys are still accepted, in seconds
        #[arg(long, default_value_t = 0)]
        overlap: u32,
    },
    /// Revoke a client, at once and for good
    Revoke {
        /// The client
        id: String,
    },
}

/// A client to register.
#[derive(Debug, Args)]
pub struct AddArguments {
    /// Its id: 1 to 64 of A–Z a–z 0–9 . _ -
    pub id: String,
    /// What people call it
    #[arg(long)]
    pub name: String,
    /// The organisation that it acts for
    #[arg(long, value_name = "CODE")]
    pub organisation: OrganisationCode,
    /// What it may ask for, separated by spaces; `all` for every scope
    #[arg(long, value_name = "SCOPES")]
    pub scope: String,
    /// Its keys
    #[command(flatten)]
    pub keys: KeyArguments,
}

/// Where public keys are.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct KeyArguments {
    /// A file with its public JWK or JWK set
    #[arg(long, value_name = "FILE")]
    pub jwks: Option<PathBuf>,
    /// The https address of its JWK set
    #[arg(long, value_name = "URL")]
    pub jwks_url: Option<String>,
    /// Make a key for it: the private key is written to this file (mode 0600) and kept nowhere else
    #[arg(long, value_name = "FILE")]
    pub new_key: Option<PathBuf>,
    /// Its tokens come from this external issuer, which the configuration names
    #[arg(long, value_name = "ISSUER")]
    pub issuer: Option<String>,
}

impl KeyArguments {
    fn keys(&self) -> Result<ClientKeys, Failure> {
        if let Some(path) = &self.new_key {
            let unusable = |error| Failure::unavailable("a key cannot be made".to_owned()).because(error);
            let key = generate_client_key(&crate::app::random_bytes()).map_err(unusable)?;
            if !key.save(path).map_err(unusable)? {
                return Err(Failure::configuration(format!(
                    "{} is there already and is not overwritten",
                    path.display()
                )));
            }
            return Ok(ClientKeys::Inline(key.jwks()));
        }
        if let Some(path) = &self.jwks {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::unavailable(format!("{} cannot be read", path.display())).because(error))?;
            return serde_json::from_str(&text)
                .map(ClientKeys::Inline)
                .map_err(|error| Failure::configuration(format!("{} is not JSON: {error}", path.display())));
        }
        if let Some(issuer) = &self.issuer {
            return Ok(ClientKeys::Issuer(issuer.clone()));
        }
        self.jwks_url
            .clone()
            .map(ClientKeys::Url)
            .ok_or_else(|| Failure::configuration("no keys were given".to_owned()))
    }

    /// Says where a new private key is; takes its file away again where the registry refused it, since nobody knows it
    /// then. Where the database failed it stays: its answer may be lost after the key was registered.
    fn settle(&self, registered: Result<Client, RegistryError>) -> Result<Client, Failure> {
        if let Some(path) = &self.new_key {
            match &registered {
                Ok(_) => {
                    eprintln!(
                        "cairn: the private key is in {}; give it to the client and keep no copy",
                        path.display()
                    );
                }
                Err(RegistryError::Store { .. }) => {
                    eprintln!(
                        "cairn: the private key in {} may be registered: see `cairn client list`",
                        path.display()
                    );
                }
                Err(_) => {
                    let _ = std::fs::remove_file(path);
                }
            }
        }
        registered.map_err(refused)
    }
}

/// What the registry does not accept is a mistake of usage; a registry that does not answer is unavailable.
fn refused(error: RegistryError) -> Failure {
    match error {
        RegistryError::Store { .. } => {
            Failure::unavailable("the registry of clients cannot be used".to_owned()).because(error)
        }
        error => Failure::configuration(error.to_string()),
    }
}

/// Works on the registry.
///
/// # Errors
/// What is wrong and what was expected.
pub async fn run(common: &CommonArguments, arguments: &ClientArguments) -> Result<(), Failure> {
    let settings = common.settings()?;
    let (app, _writer) = open_app(&settings, &Sources::default()).await?;
    let registry: Arc<dyn ClientRegistry> = Arc::new(Arc::clone(app.store()));
    let rules = fetch_rules(&settings);
    let issuers: Vec<String> = settings.issuers.iter().map(|issuer| issuer.issuer.clone()).collect();
    let desk = ClientDesk { registry: registry.as_ref(), rules: &rules, issuers: &issuers };
    match &arguments.action {
        ClientAction::Add(add) => {
            let registration = Registration {
                id: add.id.clone(),
                name: add.name.clone(),
                organisation: add.organisation.clone(),
                scopes: scopes_of(&add.scope)?,
                keys: add.keys.keys()?,
            };
            let client = add.keys.settle(desk.add(registration, app.now()).await)?;
            eprintln!("cairn: registered {} for {}", client.id, client.organisation);
        }
        ClientAction::List { json } => {
            for client in desk.list().await.map_err(refused)? {
                println!("{}", shown(&client, *json));
            }
        }
        ClientAction::Rotate { id, keys, overlap } => {
            let client = keys.settle(desk.rotate(id, keys.keys()?, *overlap, app.now()).await)?;
            eprintln!("cairn: replaced the keys of {}", client.id);
        }
        ClientAction::Revoke { id } => {
            let client = desk.revoke(id, app.now()).await.map_err(refused)?;
            eprintln!("cairn: revoked {}; its tokens end within two seconds", client.id);
        }
    }
    Ok(())
}

fn shown(client: &Client, json: bool) -> String {
    let scopes: Vec<&str> = client.scopes.iter().map(|scope| scope.as_str()).collect();
    let keys = match &client.keys {
        ClientKeys::Inline(_) => "inline keys".to_owned(),
        ClientKeys::Url(url) => url.clone(),
        ClientKeys::Issuer(issuer) => format!("issuer {issuer}"),
    };
    let revoked = client.revoked_at.map(|at| at.to_string());
    if json {
        return serde_json::json!({
            "id": client.id, "name": client.name, "organisation": client.organisation.as_str(), "scopes": scopes,
            "keys": keys, "created_at": client.created_at.to_string(), "revoked_at": revoked
        })
        .to_string();
    }
    let state = revoked.map(|at| format!(" revoked {at}")).unwrap_or_default();
    format!("{}\t{}\t{}\t{}\t{keys}{state}", client.id, client.organisation, client.name, scopes.join(" "))
}
