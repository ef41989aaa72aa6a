//! How a command is told who calls: a token, or a client with its private key. Shared by the commands that go through
//! the API.

use super::{ClientGrant, TokenSource};
use crate::app::SystemClock;
use crate::app::auth::{ClientKey, KeyFileError};
use clap::Args;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// The arguments that say who calls.
#[derive(Args, Clone, Default)]
pub struct CredentialArguments {
    /// The access token; better in the environment, since others can see a command's arguments
    #[arg(long, value_name = "TOKEN", env = "CAIRN_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Instead of a token: the id of a registered client, which fetches tokens as it needs them
    #[arg(long, value_name = "ID", env = "CAIRN_CLIENT_ID", requires = "client_key", conflicts_with = "token")]
    pub client_id: Option<String>,
    /// The file with that client's private key, as `cairn client add --new-key` writes it
    #[arg(long, value_name = "FILE", env = "CAIRN_CLIENT_KEY", requires = "client_id", conflicts_with = "token")]
    pub client_key: Option<PathBuf>,
}

/// Never shows the token.
impl fmt::Debug for CredentialArguments {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CredentialArguments")
            .field("client_id", &self.client_id)
            .field("client_key", &self.client_key)
            .finish_non_exhaustive()
    }
}

/// Nobody can call with these arguments.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// They name nobody.
    #[error("who calls? give --token (or CAIRN_TOKEN), or --client-id and --client-key")]
    Nobody,
    /// The key cannot be used.
    #[error("the client's key cannot be used")]
    Key(#[source] KeyFileError),
}

impl CredentialArguments {
    /// Where the tokens come from.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub fn source(&self) -> Result<TokenSource, CredentialError> {
        match (&self.token, &self.client_id, &self.client_key) {
            (Some(token), _, _) => Ok(TokenSource::Fixed(token.clone())),
            (None, Some(client), Some(path)) => {
                let key = ClientKey::open(path).map_err(CredentialError::Key)?;
                Ok(TokenSource::ClientKey(Arc::new(ClientGrant::new(client.clone(), key, Arc::new(SystemClock)))))
            }
            _ => Err(CredentialError::Nobody),
        }
    }
}
