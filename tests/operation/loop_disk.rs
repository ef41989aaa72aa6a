//! A disk that can lose its power: a file system within a file. What its writers did not wait for the disk to keep is in
//! the kernel's memory only and not in the file, so a copy of the file is what a power failure leaves.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a file system may be busy with the last writes of processes that have ended.
const BUSY: Duration = Duration::from_secs(20);

/// The disk; unmounted and gone when it is dropped.
pub struct LoopDisk {
    folder: TempDir,
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap_or_else(|error| {
        panic!("{program} is needed to test power failures ({error}); CAIRN_TEST_WITHOUT_LOOP=1 leaves that out")
    })
}

#[track_caller]
fn expect(program: &str, arguments: &[&str]) {
    let output = run(program, arguments);
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl LoopDisk {
    /// One of so many megabytes; `None` only where such tests were ruled out by name.
    pub fn new(megabytes: u64) -> Option<Self> {
        if std::env::var("CAIRN_TEST_WITHOUT_LOOP").as_deref() == Ok("1") {
            println!("NOT RUN: CAIRN_TEST_WITHOUT_LOOP=1 rules out disks that lose their power");
            return None;
        }
        let disk = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(disk.path()).unwrap();
        std::fs::File::create(disk.image()).unwrap().set_len(megabytes * 1024 * 1024).unwrap();
        expect("mkfs.ext4", &["-q", "-F", disk.image().to_str().unwrap()]);
        disk.mount();
        // Whoever works on it may not be whoever made it: PostgreSQL refuses to be root.
        expect("chmod", &["755", disk.folder.path().to_str().unwrap(), disk.path().to_str().unwrap()]);
        Some(disk)
    }

    /// Where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }
    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }
    fn kept(&self) -> PathBuf {
        self.folder.path().join("kept")
    }

    fn mount(&self) {
        // The kernel writes back late, so that what nobody waited for is not kept by chance.
        let (image, path) = (self.image(), self.path());
        expect("mount", &["-o", "loop,commit=300", image.to_str().unwrap(), path.to_str().unwrap()]);
    }

    /// Keeps aside what a power failure at this moment would leave. Its writers must be halted.
    pub fn cut(&self) {
        expect("cp", &["--sparse=always", self.image().to_str().unwrap(), self.kept().to_str().unwrap()]);
    }

    /// Power comes back: the disk holds what [`Self::cut`] kept. Its writers must be gone.
    pub fn restore(&self) {
        self.unmount();
        std::fs::rename(self.kept(), self.image()).unwrap();
        self.mount();
    }

    fn unmount(&self) {
        let (path, started) = (self.path(), Instant::now());
        while !run("umount", &[path.to_str().unwrap()]).status.success() {
            assert!(started.elapsed() < BUSY, "{} stays busy", path.display());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        let _ = run("umount", &["--lazy", self.path().to_str().unwrap_or_default()]);
    }
}

/// Sends a signal to a process.
pub fn signal(name: &str, id: u32) {
    expect("kill", &["-s", name, &id.to_string()]);
}

/// Makes all that was written durable.
pub fn sync(folder: &Path) {
    expect("sync", &["-f", folder.to_str().unwrap()]);
}
