//! What can be wrong with a configuration, told so that whoever wrote it finds the place. Never repeats a text value: a URL
//! may hold a password.

use super::DatabaseUrlError;
use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nothing was written.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// This variable of the environment.
    Environment(String),
    /// This flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("the default"),
            Self::File(path) => write!(formatter, "the file {}", path.display()),
            Self::Environment(variable) => write!(formatter, "the environment, {variable}"),
            Self::Flag(flag) => write!(formatter, "the flag {flag}"),
        }
    }
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or cannot be read.
    #[error("the configuration file {} cannot be read", path.display())]
    FileUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("the configuration file {} is not valid TOML: {what}", path.display())]
    FileMalformed {
        /// The file.
        path: PathBuf,
        /// Line, column and complaint, without the line's text.
        what: String,
    },
    /// A key that is no setting.
    #[error("unknown setting `{key}` in {origin}{advice}")]
    UnknownKey {
        /// The key.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// What to do instead, or nothing; starts with `; `.
        advice: String,
    },
    /// A value outside its limits.
    #[error("`{setting}` is {value}, from {origin}; it must be {limit}")]
    OutOfLimits {
        /// The setting's name.
        setting: &'static str,
        /// The value, shortened; a text only in kind.
        value: String,
        /// The limit in words.
        limit: String,
        /// Where the value came from.
        origin: Origin,
    },
    /// A database URL of no known kind.
    #[error("`{setting}`, from {origin}, names no database")]
    DatabaseUrl {
        /// The setting's name.
        setting: &'static str,
        /// Where the value came from.
        origin: Origin,
        /// Why.
        source: DatabaseUrlError,
    },
    /// Two settings that do not go together.
    #[error("{0}")]
    Conflict(String),
    /// An environment variable that is not UTF-8.
    #[error("the environment variable {0} is not UTF-8")]
    NotUnicode(String),
}
