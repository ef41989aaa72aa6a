//! Where a measurement runs: a temporary folder, a private PostgreSQL, and `cairn serve` as a child process, so that the
//! CPU and memory of server and database can be told apart from the load generator's.

use crate::Fallible;
use crate::machine::{cpu_seconds, family_cpu_seconds};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The binary that is measured.
const CAIRN: &str = env!("CARGO_BIN_EXE_cairn");
/// Starts and stops a private PostgreSQL.
const CLUSTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres_cluster");
/// The organisation that the load acts for.
pub const ORGANISATION: &str = "BENCH";

/// A store under measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// The embedded store.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Backend {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// A private PostgreSQL; stopped and removed when dropped.
pub struct Cluster {
    /// The URL of its first database.
    pub url: String,
    folder: PathBuf,
    /// The process that all others come from.
    pub pid: u32,
}

impl Cluster {
    /// Starts one.
    pub fn start() -> Fallible<Self> {
        let output = Command::new(CLUSTER).arg("start").stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err("tests/postgres_cluster could not start a PostgreSQL".into());
        }
        let text = String::from_utf8(output.stdout)?;
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("export {name}=")));
            line.map(|value| value.replace('\\', "")).ok_or_else(|| format!("postgres_cluster did not say {name}"))
        };
        let (url, folder) = (value("CAIRN_TEST_POSTGRES_URL")?, PathBuf::from(value("CAIRN_TEST_POSTGRES_FOLDER")?));
        let pids = std::fs::read_to_string(folder.join("data/postmaster.pid"))?;
        let pid = pids.lines().next().unwrap_or_default().trim().parse()?;
        Ok(Self { url, folder, pid })
    }

    fn database(&self, name: &str) -> String {
        self.url.rsplit_once('/').map_or_else(String::new, |(base, _)| format!("{base}/{name}"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = Command::new(CLUSTER).arg("stop").arg(&self.folder).status();
    }
}

/// A fresh, migrated database with its keys.
pub struct Place {
    /// Which store.
    pub backend: Backend,
    /// The URL of the events' database.
    pub database: String,
    keys: String,
    folder: PathBuf,
    /// The process of PostgreSQL, if it is one.
    pub postmaster: Option<u32>,
}

impl Place {
    /// Makes one by the store's own migrations.
    pub async fn fresh(backend: Backend, folder: &Path, cluster: Option<&Cluster>) -> Fallible<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("bench_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = folder.join(&name);
        std::fs::create_dir_all(folder.join("keys"))?;
        let (database, keys) = match (backend, cluster) {
            (Backend::Sqlite, _) => (
                format!("sqlite:{}", folder.join("cairn.db").display()),
                format!("sqlite:{}", folder.join("keys/keys.db").display()),
            ),
            (Backend::Postgres, Some(cluster)) => {
                let mut connection = PgConnection::connect(&cluster.url).await?;
                for database in [name.clone(), format!("{name}_keys")] {
                    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {database}"))).execute(&mut connection).await?;
                }
                (cluster.database(&name), cluster.database(&format!("{name}_keys")))
            }
            (Backend::Postgres, None) => return Err("PostgreSQL was not started".into()),
        };
        let postmaster = cluster.filter(|_| backend == Backend::Postgres).map(|cluster| cluster.pid);
        let place = Self { backend, database, keys, folder, postmaster };
        place.run(&["migrate"])?;
        Ok(place)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(CAIRN);
        let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CAIRN_"));
        for (name, _) in ours {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .arg("--data-dir")
            .arg(&self.folder)
            .args(["--database-url", &self.database])
            .env("CAIRN_KEYS_URL", &self.keys)
            .env("CAIRN_LOG_FILTER", "warn")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command of the binary to its end and answers what it printed.
    pub fn run(&self, arguments: &[&str]) -> Fallible<String> {
        let output = self.command(arguments).output()?;
        if !output.status.success() {
            return Err(format!("cairn {arguments:?} failed: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// A token with every scope.
    pub fn token(&self) -> Fallible<String> {
        let arguments = ["token", "--scope", "all", "--organisation", ORGANISATION, "--life", "86400"];
        Ok(self.run(&arguments)?.trim().to_owned())
    }

    /// Starts the server on it; `batch_events` is the most recordings of one transaction.
    pub fn serve(&self, batch_events: usize) -> Fallible<Server> {
        let mut child = self
            .command(&["serve", "--listen", "127.0.0.1:0"])
            .env("CAIRN_APPEND_BATCH_EVENTS", batch_events.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stderr.take().ok_or("no standard error")?).lines();
        let mut address = None;
        for line in lines.by_ref() {
            let line = line?;
            if let Some(rest) = line.split_once("serving on http://") {
                address = rest.1.split_ascii_whitespace().next().and_then(|address| address.parse().ok());
                break;
            }
            eprintln!("{line}");
        }
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprintln!("{line}")));
        let Some(address) = address else {
            let _ = child.kill();
            return Err("the server did not start".into());
        };
        Ok(Server { child, address, token: self.token()?, postmaster: self.postmaster })
    }

    /// The size on disk in MB of an SQLite database; 0 for PostgreSQL.
    pub fn file_mb(&self) -> f64 {
        std::fs::metadata(self.folder.join("cairn.db")).map_or(0.0, |file| file.len() as f64 / 1e6)
    }
}

/// A server that serves; stopped when dropped.
pub struct Server {
    child: Child,
    /// Where.
    pub address: SocketAddr,
    /// A token for it.
    pub token: String,
    postmaster: Option<u32>,
}

impl Server {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// CPU seconds so far of the server and of PostgreSQL (0 on SQLite, which works inside the server).
    pub fn cpu(&self) -> (f64, f64) {
        (cpu_seconds(self.pid()), self.postmaster.map_or(0.0, family_cpu_seconds))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A killed server loses nothing that it acknowledged, but a clean end closes its database.
        let told = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        if !told.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
