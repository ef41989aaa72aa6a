//! The program `cairn` as a child process.

use crate::support::{Backend, Client, postgres};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// A folder with a database of its own, and the commands that work on it.
pub struct Place {
    pub folder: TempDir,
    database: String,
    keys: String,
    /// A program and its arguments that every command is started by.
    started_by: Vec<String>,
}

impl Place {
    pub async fn new(backend: Backend) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (database, keys) = match backend {
            Backend::Sqlite => (
                format!("sqlite:{}/cairn.db", folder.path().display()),
                format!("sqlite:{}/keys/keys.db", folder.path().display()),
            ),
            Backend::Postgres => postgres::fresh().await,
        };
        Self::on(folder, database, keys, Vec::new())
    }

    /// A folder and databases in which nothing is, not even tables.
    pub async fn bare(backend: Backend) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (database, keys) = match backend {
            Backend::Sqlite => (
                format!("sqlite:{}/cairn.db", folder.path().display()),
                format!("sqlite:{}/keys/keys.db", folder.path().display()),
            ),
            Backend::Postgres => postgres::empty_on(&postgres::admin()).await,
        };
        std::fs::create_dir(folder.path().join("keys")).unwrap();
        std::fs::create_dir(folder.path().join("signer")).unwrap();
        Self { folder, database, keys, started_by: Vec::new() }
    }

    /// On databases that are there, with every command started by another program.
    pub fn on(folder: TempDir, database: String, keys: String, started_by: Vec<String>) -> Self {
        let place = Self { folder, database, keys, started_by };
        place.run(&["migrate"]).expect_status(0);
        place
    }

    /// The URL of its database of events.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The URL of its key store.
    pub fn keys(&self) -> &str {
        &self.keys
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_cairn").to_owned();
        let mut words = self.started_by.iter().chain([&program]);
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .args(arguments)
            .env_clear()
            .env("CAIRN_DATA_DIR", self.folder.path())
            .env("CAIRN_DATABASE_URL", &self.database)
            .env("CAIRN_KEYS_URL", &self.keys)
            .env("CAIRN_LISTEN", "127.0.0.1:0")
            .env("CAIRN_LOG_FILTER", "warn")
            .current_dir(self.folder.path());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran(self.command(arguments).output().unwrap())
    }

    pub fn token(&self) -> String {
        self.run(&["token"]).expect_status(0).out().trim().to_owned()
    }

    /// Starts serving and waits until it says where.
    pub fn serve(&self) -> Served {
        self.serve_with(&[])
    }

    /// The same with other settings, by the names of their variables.
    pub fn serve_with(&self, settings: &[(&str, &str)]) -> Served {
        self.start(&["serve"], settings, "serving on ")
    }

    /// Starts a command that goes on, and waits until it says where.
    pub fn start(&self, arguments: &[&str], settings: &[(&str, &str)], said: &str) -> Served {
        let mut command = self.command(arguments);
        command.envs(settings.iter().copied());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&log);
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let base = loop {
            let line = lines.next().expect("the service ended before it served").unwrap();
            if let Some((_, rest)) = line.split_once(said) {
                break rest.split(' ').next().unwrap().to_owned();
            }
        };
        // The pipe is read on, so that the service never waits for it.
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| {
                eprintln!("{line}");
                *kept.lock().unwrap() += &(line + "\n");
            });
        });
        Served { child, base, log }
    }

    /// Somebody who calls the service.
    pub fn caller(&self, served: &Served) -> Client {
        let (base, http) = (served.base.clone(), reqwest::Client::new());
        Client { base, http, token: Some(self.token()) }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A finished command.
pub struct Ran(pub Output);

impl Ran {
    #[track_caller]
    pub fn expect_status(self, status: i32) -> Self {
        assert_eq!(self.0.status.code(), Some(status), "{}\n{}", self.out(), self.err());
        self
    }
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }
}

/// A serving process; killed when it is dropped.
pub struct Served {
    pub child: Child,
    pub base: String,
    log: Arc<Mutex<String>>,
}

impl Served {
    /// What it has written to its log since it serves; grows on.
    pub fn log(&self) -> Arc<Mutex<String>> {
        Arc::clone(&self.log)
    }
    /// As a power failure of the process: no handler runs.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
    /// Asks it to stop and answers its exit status.
    pub fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file of the repository.
pub fn data(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(path).display().to_string()
}
