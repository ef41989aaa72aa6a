//! What the machine says of a process: CPU time and memory, from /proc (Linux). Clock ticks of 10 ms are fine enough for
//! runs of seconds.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

/// Clock ticks of a second in /proc/PID/stat: `USER_HZ`, 100 on every Linux architecture that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time of one process so far, in seconds.
pub fn cpu_seconds(pid: u32) -> f64 {
    stat(pid).map_or(0.0, |stat| stat.own)
}

/// CPU time of this process so far, in seconds.
pub fn own_cpu_seconds() -> f64 {
    cpu_seconds(std::process::id())
}

/// CPU time of a process and all its children, those that have ended too (PostgreSQL: one process a connection).
pub fn family_cpu_seconds(pid: u32) -> f64 {
    let Some(parent) = stat(pid) else { return 0.0 };
    let children: f64 = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(stat)
        .filter(|child| child.parent == pid)
        .map(|child| child.own)
        .sum();
    parent.own + parent.ended_children + children
}

struct Stat {
    parent: u32,
    own: f64,
    ended_children: f64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold spaces; the fields that count come after it, from `state` (3) on.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let ticks =
        |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0) / TICKS_PER_SECOND;
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: ticks(11) + ticks(12),
        ended_children: ticks(13) + ticks(14),
    })
}

/// Memory of a process in MB: now and at most so far.
pub fn memory_mb(pid: u32) -> (f64, f64) {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let lines: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once(':')).collect();
    let of = |name: &str| {
        let kib = lines.get(name).and_then(|value| value.split_ascii_whitespace().next()?.parse::<f64>().ok());
        kib.unwrap_or(0.0) / 1024.0
    };
    (of("VmRSS"), of("VmHWM"))
}

/// The median time that the disk of a folder takes to make 8 KiB durable, in microseconds.
pub fn sync_micros(folder: &std::path::Path) -> std::io::Result<f64> {
    use std::io::Write;
    let path = folder.join("sync-probe");
    let mut file = fs::File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..200 {
        let started = Instant::now();
        file.write_all(&[0x5a; 8192])?;
        file.sync_data()?;
        times.push(micros(started.elapsed()));
    }
    fs::remove_file(path)?;
    Ok(median(&mut times))
}

/// A duration in microseconds.
pub fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// The median.
pub fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

/// A quantile, 0 to 1; 0 of nothing.
pub fn quantile(values: &mut [f64], at: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    // In whole thousandths, so that no float becomes a place.
    let thousandths = (0..=1_000_usize).take_while(|step| *step as f64 <= at * 1_000.0).last().unwrap_or(0);
    values.get((last * thousandths + 500) / 1_000).copied().unwrap_or(0.0)
}
