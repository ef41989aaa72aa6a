//! Which database a URL names: the choice between the two stores. Knows no driver; keeps passwords out of everything that
//! is printed.

use std::fmt;
use std::path::{Path, PathBuf};
use url::Url;

/// A database, by its kind. `Debug` and `Display` never show a password.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file of the embedded store, relative to the working directory.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
    /// A PostgreSQL server.
    Postgres {
        /// The URL as it was written, which may hold a password.
        url: String,
    },
}

/// Why a URL names no database that the service knows. The URL itself is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// Another scheme, or none.
    #[error("it must start with `sqlite:`, `postgres://` or `postgresql://`")]
    UnknownKind,
    /// `sqlite:` and nothing behind it.
    #[error("a file must follow `sqlite:`")]
    NoPath,
    /// A database that is gone with the process is no log.
    #[error("a database in memory keeps nothing; name a file")]
    InMemory,
    /// Parameters could switch durability off.
    #[error("an SQLite URL takes no `?` parameters here")]
    Parameters,
    /// A PostgreSQL URL that does not parse.
    #[error("it is not a valid PostgreSQL URL, `postgres://USER:PASSWORD@HOST:PORT/DATABASE`")]
    MalformedPostgres,
    /// Without a name the server would choose one by the user's name.
    #[error("a PostgreSQL URL must name the database")]
    NoDatabase,
}

const HIDDEN: &str = "hidden";
const POSTGRES_PORT: u16 = 5432;

impl DatabaseUrl {
    /// Reads `sqlite:PATH`, `sqlite://PATH`, `postgres://…` or `postgresql://…`.
    ///
    /// # Errors
    /// Everything else, and what would keep nothing.
    pub fn parse(text: &str) -> Result<Self, DatabaseUrlError> {
        if let Some(rest) = text.strip_prefix("sqlite:") {
            return parse_sqlite(rest.strip_prefix("//").unwrap_or(rest));
        }
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(DatabaseUrlError::UnknownKind);
        }
        let url = Url::parse(text).map_err(|_| DatabaseUrlError::MalformedPostgres)?;
        if postgres_place(&url).2.is_empty() {
            return Err(DatabaseUrlError::NoDatabase);
        }
        Ok(Self::Postgres { url: text.to_owned() })
    }

    /// Whether this is the embedded store.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite { .. })
    }

    /// Whether both name one database, whoever logs in. Goes by the names alone: two names of one server, or a
    /// link between files, are found when the stores are opened.
    #[must_use]
    pub fn is_same_database(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sqlite { path }, Self::Sqlite { path: other }) => plain(path) == plain(other),
            (Self::Postgres { url }, Self::Postgres { url: other }) => match (Url::parse(url), Url::parse(other)) {
                (Ok(url), Ok(other)) => postgres_place(&url) == postgres_place(&other),
                _ => url == other,
            },
            (Self::Sqlite { .. }, Self::Postgres { .. }) | (Self::Postgres { .. }, Self::Sqlite { .. }) => false,
        }
    }

    /// The URL with its passwords hidden.
    #[must_use]
    pub fn redacted(&self) -> String {
        match self {
            Self::Sqlite { path } => format!("sqlite:{}", path.display()),
            Self::Postgres { url } => redacted_postgres(url),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.redacted())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DatabaseUrl({})", self.redacted())
    }
}

fn parse_sqlite(path: &str) -> Result<DatabaseUrl, DatabaseUrlError> {
    if path.is_empty() {
        return Err(DatabaseUrlError::NoPath);
    }
    if path.starts_with(":memory:") {
        return Err(DatabaseUrlError::InMemory);
    }
    if path.contains('?') {
        return Err(DatabaseUrlError::Parameters);
    }
    Ok(DatabaseUrl::Sqlite { path: PathBuf::from(path) })
}

/// Host (or socket folder), port and database. What stands in the query wins, as in libpq's connection URIs.
fn postgres_place(url: &Url) -> (String, u16, String) {
    let query = |wanted: &str| url.query_pairs().filter(|(key, _)| key == wanted).last().map(|(_, v)| v.into_owned());
    let host = query("host").or_else(|| url.host_str().map(str::to_lowercase)).filter(|host| !host.is_empty());
    let port = query("port").and_then(|port| port.parse().ok()).or_else(|| url.port()).unwrap_or(POSTGRES_PORT);
    let database = query("dbname").unwrap_or_else(|| url.path().trim_start_matches('/').to_owned());
    (host.unwrap_or_else(|| "localhost".to_owned()), port, database)
}

fn redacted_postgres(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return format!("postgres://{HIDDEN}") };
    if url.password().is_some() && url.set_password(Some(HIDDEN)).is_err() {
        return format!("postgres://{HIDDEN}");
    }
    if url.query_pairs().any(|(key, _)| is_secret(&key)) {
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(key, value)| {
                let shown = if is_secret(&key) { HIDDEN.to_owned() } else { value.into_owned() };
                (key.into_owned(), shown)
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    url.into()
}

fn is_secret(parameter: &str) -> bool {
    parameter.to_ascii_lowercase().contains("password")
}

/// The path without `.`, so that `./cairn.db` and `cairn.db` are one file; `..` stays, because of links.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, std::path::Component::CurDir)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> DatabaseUrl {
        DatabaseUrl::parse(text).unwrap()
    }

    #[test]
    fn each_kind_is_told_apart() {
        for text in ["sqlite:data/cairn.db", "sqlite://data/cairn.db"] {
            assert_eq!(parsed(text), DatabaseUrl::Sqlite { path: "data/cairn.db".into() });
        }
        assert_eq!(parsed("sqlite:///var/cairn.db"), DatabaseUrl::Sqlite { path: "/var/cairn.db".into() });
        for text in ["postgres://u@h/d", "postgresql://u:p@h:5433/d", "postgres:///d?host=/run/postgresql"] {
            assert_eq!(parsed(text), DatabaseUrl::Postgres { url: text.to_owned() });
        }
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
        for (text, why) in [
            ("mysql://h/d", DatabaseUrlError::UnknownKind),
            ("cairn.db", DatabaseUrlError::UnknownKind),
            ("", DatabaseUrlError::UnknownKind),
            ("sqlite:", DatabaseUrlError::NoPath),
            ("sqlite://", DatabaseUrlError::NoPath),
            ("sqlite::memory:", DatabaseUrlError::InMemory),
            ("sqlite:cairn.db?mode=memory", DatabaseUrlError::Parameters),
            ("postgres://h:notaport/d", DatabaseUrlError::MalformedPostgres),
            ("postgres://h", DatabaseUrlError::NoDatabase),
            ("postgres://h/", DatabaseUrlError::NoDatabase),
        ] {
            assert_eq!(DatabaseUrl::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn the_same_database_is_known_under_other_spellings() {
        for (one, other, same) in [
            ("sqlite:./a.db", "sqlite://a.db", true),
            ("sqlite:a.db", "sqlite:b.db", false),
            ("postgres://a:x@Host/d", "postgresql://b:y@host:5432/d", true),
            ("postgres:///d", "postgres://localhost/d", true),
            ("postgres://h/d", "postgres://h/e", false),
            ("postgres://h:5432/d", "postgres://h:5433/d", false),
            ("postgres:///d?host=/run/a", "postgres:///d?host=/run/b", false),
            ("postgres://h/d", "postgres://h/other?dbname=d", true),
            ("sqlite:d", "postgres://h/d", false),
        ] {
            assert_eq!(parsed(one).is_same_database(&parsed(other)), same, "{one} {other}");
        }
    }

    #[test]
    fn passwords_are_never_shown() {
        for text in [
            "postgres://user:s3cret@host/d",
            "postgres://host/d?user=u&password=s3cret",
            "postgres://host/d?sslpassword=s3cret&sslmode=require",
        ] {
            let url = parsed(text);
            for shown in [url.redacted(), format!("{url}"), format!("{url:?}")] {
                assert!(!shown.contains("s3cret"), "{shown}");
                assert!(shown.contains("host/d") && shown.contains(HIDDEN), "{shown}");
            }
        }
        assert_eq!(parsed("postgres://u@h/d").redacted(), "postgres://u@h/d");
        assert_eq!(parsed("sqlite:a/b.db").redacted(), "sqlite:a/b.db");
    }
}
