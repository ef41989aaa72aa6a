//! A disk of some megabytes that a test can fill: a file system in memory within a mount namespace of its own, so that it
//! takes no root where the kernel lets users make namespaces, and goes with the process that holds it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The disk; gone when it is dropped.
pub struct SmallDisk {
    /// Holds the namespace; ends when its standard input does, even if the test is killed.
    holder: Child,
    path: PathBuf,
}

impl SmallDisk {
    /// One that is mounted on a folder, for those that enter; `None` only where such tests were ruled out by name.
    pub fn on(path: &Path, megabytes: u32) -> Option<Self> {
        if std::env::var("CAIRN_TEST_WITHOUT_MOUNT").as_deref() == Ok("1") {
            println!("NOT RUN: CAIRN_TEST_WITHOUT_MOUNT=1 rules out disks that can be filled");
            return None;
        }
        let mount = format!("mount -t tmpfs -o size={megabytes}m cairn \"$0\" && echo mounted && exec cat");
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount])
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare (util-linux) is needed to test a full disk; CAIRN_TEST_WITHOUT_MOUNT=1 leaves that out");
        let mut said = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(
            said, "mounted\n",
            "a small file system could not be mounted, so a full disk cannot be tested: run as root or allow user \
             namespaces; CAIRN_TEST_WITHOUT_MOUNT=1 leaves it out"
        );
        Some(Self { holder, path: path.to_owned() })
    }

    /// The program and arguments that start another where the disk can be seen.
    pub fn entrance(&self) -> Vec<String> {
        let id = self.holder.id().to_string();
        ["nsenter", "--target", &id, "--user", "--mount", "--preserve-credentials"].map(str::to_owned).to_vec()
    }

    /// A file on it as this process can reach it.
    fn seen_from_here(&self, name: &str) -> PathBuf {
        let path = self.path.strip_prefix("/").unwrap();
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(path).join(name)
    }

    /// Takes space away until [`Self::give_back`].
    pub fn take(&self, kibibytes: usize) {
        std::fs::write(self.seen_from_here("taken"), vec![1; kibibytes * 1024]).unwrap();
    }

    pub fn give_back(&self) {
        std::fs::remove_file(self.seen_from_here("taken")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
