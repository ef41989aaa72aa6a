//! Which files an export has. A name says what is inside (how many positions, how many hashes), so a file of one name never
//! changes as the log grows, and whoever is interrupted goes on by writing what is not there yet. Names and numbers alone.

use super::super::lines::decimal;

/// Which of the two logs of a deployment; its name is its folder's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogName {
    /// What happened.
    Outcomes,
    /// Who was shown whose data.
    Accesses,
}

impl LogName {
    /// Both, in the order in which an export has them.
    pub const ALL: [Self; 2] = [Self::Outcomes, Self::Accesses];

    /// As paths have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Outcomes => "outcomes",
            Self::Accesses => "accesses",
        }
    }

    /// The log of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|log| log.as_str() == name)
    }
}

/// How many positions one file of events spans: four tiles.
pub const EVENTS_PER_FILE: u64 = 1_024;
/// How many checkpoints one file has.
pub const CHECKPOINTS_PER_FILE: u64 = 1_024;
/// The list of all other files.
pub const MANIFEST: &str = "manifest.json";
/// What the log stated about itself, below its folder, a line each; there only where it stated anything.
pub const STATEMENTS: &str = "statements.ndjson";
/// Stands there while an export is not complete.
pub const UNFINISHED: &str = "unfinished.json";

/// The digits of a first position; more are written where it needs them.
const DIGITS: usize = 12;

/// Where the events of a run of positions are, below the log's folder: `events/000000001024.ndjson`, or
/// `events/000000001024.p/17.ndjson` where the log ends within it.
#[must_use]
pub fn events_file(first: u64, positions: u64) -> String {
    file("events", first, positions, EVENTS_PER_FILE)
}

/// Where a run of the checkpoints that the database keeps is, counted from the smallest.
#[must_use]
pub fn checkpoints_file(first: u64, count: u64) -> String {
    file("checkpoints", first, count, CHECKPOINTS_PER_FILE)
}

fn file(folder: &str, first: u64, count: u64, full: u64) -> String {
    if count == full {
        format!("{folder}/{first:0DIGITS$}.ndjson")
    } else {
        format!("{folder}/{first:0DIGITS$}.p/{count}.ndjson")
    }
}

/// The first position and the number of positions of a file of events, by the one spelling of its name.
#[must_use]
pub fn read_events_file(path: &str) -> Option<(u64, u64)> {
    let name = path.strip_prefix("events/")?.strip_suffix(".ndjson")?;
    let (first, count) = match name.split_once(".p/") {
        Some((first, count)) => (first, decimal(count)?),
        None => (name, EVENTS_PER_FILE),
    };
    let first: u64 = first.parse().ok()?;
    (events_file(first, count) == path).then_some((first, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_is_inside_in_one_spelling() {
        for (first, count, path) in [
            (0, 1_024, "events/000000000000.ndjson"),
            (1_024, 17, "events/000000001024.p/17.ndjson"),
            (1_024_000_000_000_000, 1_024, "events/1024000000000000.ndjson"),
        ] {
            assert_eq!(events_file(first, count), path);
            assert_eq!(read_events_file(path), Some((first, count)));
        }
        assert_eq!(checkpoints_file(0, 3), "checkpoints/000000000000.p/3.ndjson");
        for wrong in [
            "events/0.ndjson",
            "events/+00000000000.ndjson",
            "events/000000000000.p/01.ndjson",
            "events/000000000000.p/1024.ndjson",
            "events/000000000000",
            "checkpoints/000000000000.ndjson",
        ] {
            assert_eq!(read_events_file(wrong), None, "{wrong}");
        }
    }
}
