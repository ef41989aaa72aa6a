//! A PostgreSQL cluster of one test's own, which may be stopped hard, started again, or frozen.

use crate::support::{Backend, backends, postgres};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The cluster; stopped and removed when it is dropped.
pub struct Cluster {
    folder: PathBuf,
    port: String,
    programs: PathBuf,
    /// The superuser's URL.
    pub url: String,
}

fn script(arguments: &[&str]) -> String {
    script_in(&std::env::temp_dir(), arguments)
}

fn script_in(folder: &Path, arguments: &[&str]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres_cluster");
    let mut command = Command::new(path);
    let output = command.args(arguments).env("TMPDIR", folder).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let output = output.unwrap();
    assert!(output.status.success(), "tests/postgres_cluster {arguments:?} failed");
    String::from_utf8(output.stdout).unwrap()
}

impl Cluster {
    /// Starts one; `None` only where PostgreSQL was ruled out by name.
    pub fn start() -> Option<Self> {
        Self::start_in(&std::env::temp_dir())
    }

    /// The same with its files in a folder.
    pub fn start_in(folder: &Path) -> Option<Self> {
        if !backends().contains(&Backend::Postgres) {
            println!("NOT RUN: CAIRN_TEST_STORES rules out PostgreSQL");
            return None;
        }
        let said = script_in(folder, &["start"]);
        let value = |name: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(&format!("export {name}=")));
            line.unwrap_or_else(|| panic!("no {name} in {said}")).to_owned()
        };
        let url = value("CAIRN_TEST_POSTGRES_URL");
        let (_, place) = url.rsplit_once(':').unwrap();
        let port = place.split('/').next().unwrap().to_owned();
        let programs = PathBuf::from(script(&["ensure"]).trim());
        Some(Self { folder: PathBuf::from(value("CAIRN_TEST_POSTGRES_FOLDER")), port, programs, url })
    }

    /// Two fresh databases with the tables of the log in the first.
    pub async fn databases(&self) -> (String, String) {
        postgres::fresh_on(&self.url).await
    }

    /// Where its files are.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A program of the server's.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// Stops it without any courtesy: every connection breaks, and it must recover from its log.
    pub fn stop_hard(&self) {
        self.control(&["stop", "-m", "immediate"]);
    }

    /// Starts it again on the same port.
    pub fn start_again(&self) {
        let log = self.data().join("server.log");
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=300",
            self.port
        );
        self.control(&["start", "-l", log.to_str().unwrap(), "-o", &options]);
    }

    /// Starts it as after a power failure: the file of its process's id says nothing any more, and here where no machine
    /// was really started anew it could name a process that there is.
    pub fn start_after_power_cut(&self) {
        let _ = std::fs::remove_file(self.data().join("postmaster.pid"));
        self.start_again();
    }

    /// As the script does it: PostgreSQL refuses to run as root, so root runs it as another.
    fn control(&self, arguments: &[&str]) {
        let (data, program) = (self.data(), self.program("pg_ctl"));
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        let mut command = if is_root {
            let there = Command::new("getent").args(["passwd", "postgres"]).stdout(Stdio::null()).status();
            let user = if there.is_ok_and(|status| status.success()) { "postgres" } else { "nobody" };
            let mut command = Command::new("runuser");
            command.args(["-u", user, "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.args(["-w", "-t", "60", "-s", "-D"]).arg(data).args(arguments).current_dir("/");
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(status.success(), "pg_ctl {arguments:?} failed");
    }

    /// Every process of the server halts where it is: connections stay open, and nothing is answered on any of them.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// They go on as if nothing had been.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Every process of the server is gone at once, as at a power failure.
    pub fn kill(&self) {
        let killed = self.signal("KILL");
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        // A process that has ended but whose parent has not asked for its status holds nothing any more.
        let lives = |id: &String| {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
        };
        while killed.iter().any(lives) {
            assert!(std::time::Instant::now() < deadline, "the server outlives SIGKILL");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Answers the processes that were told.
    fn signal(&self, name: &str) -> Vec<String> {
        let Ok(text) = std::fs::read_to_string(self.data().join("postmaster.pid")) else { return Vec::new() };
        let postmaster = text.lines().next().unwrap().to_owned();
        let tell = |id: &String| {
            // A child may have ended by itself.
            let _ = Command::new("kill").args(["-s", name, id]).stderr(Stdio::null()).status();
        };
        // The postmaster first, so that it makes no more children; those that it has are looked for before it may be gone.
        let mut all = children(&postmaster);
        tell(&postmaster);
        all.extend(children(&postmaster));
        all.iter().for_each(tell);
        all.push(postmaster);
        all
    }
}

/// The processes whose parent is this one.
fn children(parent: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_child = |id: &String| {
        // `id (name) state parent …`; a name may hold anything, even brackets.
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)) == Some(parent)
    };
    processes.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).filter(is_child).collect()
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.thaw();
        let _ = std::panic::catch_unwind(|| script(&["stop", self.folder.to_str().unwrap()]));
    }
}

/// Looks again and again until there is something, and says what was waited for in vain.
pub async fn until<T>(what: &str, limit: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + limit;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited {limit:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
