//! How a long command shows that it gets on: a bar on a terminal, plain lines elsewhere, nothing with `--quiet`.
//!
//! Everything goes to standard error, so that standard output stays the answer. Knows what is counted by name only.

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The least time between two lines.
pub const LINE_EVERY: Duration = Duration::from_secs(5);
/// The least progress between two lines, in hundredths of the whole.
pub const LINE_EVERY_PERCENT: u64 = 10;

/// Progress of one piece of work. Shared by reference; may be told from several threads.
pub struct Progress {
    shown: Shown,
}

enum Shown {
    Bar(ProgressBar),
    Lines { started: Instant, lines: Mutex<Lines> },
    Nothing,
}

impl Progress {
    /// Begins to show `what` ("import: recordings"), out of `total` where that is known. Quiet shows nothing.
    #[must_use]
    pub fn new(what: &'static str, total: Option<u64>, quiet: bool) -> Self {
        let shown = if quiet {
            Shown::Nothing
        } else if std::io::stderr().is_terminal() {
            Shown::Bar(bar(what, total))
        } else {
            Shown::Lines { started: Instant::now(), lines: Mutex::new(Lines::new(what, total)) }
        };
        Self { shown }
    }

    /// Counts further items.
    pub fn advance(&self, items: u64) {
        match &self.shown {
            Shown::Bar(bar) => bar.inc(items),
            Shown::Lines { started, lines } => {
                let elapsed = started.elapsed();
                let line = lines.lock().unwrap_or_else(PoisonError::into_inner).advance(items, elapsed);
                if let Some(line) = line {
                    say(&line);
                }
            }
            Shown::Nothing => {}
        }
    }

    /// Says something above the bar or between the lines; silent when quiet.
    pub fn note(&self, text: &str) {
        match &self.shown {
            Shown::Bar(bar) => bar.suspend(|| say(text)),
            Shown::Lines { .. } => say(text),
            Shown::Nothing => {}
        }
    }

    /// Ends it: the bar stays as it stands, the lines get their last one.
    pub fn finish(self) {
        match self.shown {
            Shown::Bar(bar) => bar.abandon(),
            Shown::Lines { started, lines } => {
                let lines = lines.into_inner().unwrap_or_else(PoisonError::into_inner);
                say(&lines.last(started.elapsed()));
            }
            Shown::Nothing => {}
        }
    }
}

fn bar(what: &'static str, total: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    let template = if total.is_some() {
        "{msg} [{bar:30}] {human_pos} of {human_len} ({per_sec}, {eta} left)"
    } else {
        "{msg} {spinner} {human_pos} ({per_sec})"
    };
    // A template that cannot be read leaves the library's own: a worse look, not a failure.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.with_message(what)
}

/// A standard error that is closed is no reason to stop the work.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// When a line is due and what it says; the time since the beginning is an argument.
struct Lines {
    what: &'static str,
    total: Option<u64>,
    done: u64,
    last_done: u64,
    last_at: Duration,
}

impl Lines {
    const fn new(what: &'static str, total: Option<u64>) -> Self {
        Self { what, total, done: 0, last_done: 0, last_at: Duration::ZERO }
    }

    /// Counts, and gives a line once both enough time has passed and enough was done since the last one.
    fn advance(&mut self, items: u64, elapsed: Duration) -> Option<String> {
        self.done = self.done.saturating_add(items);
        let step = self.total.map_or(1, |total| total.saturating_mul(LINE_EVERY_PERCENT) / 100).max(1);
        if elapsed.saturating_sub(self.last_at) < LINE_EVERY || self.done - self.last_done < step {
            return None;
        }
        self.last_at = elapsed;
        self.last_done = self.done;
        Some(self.line())
    }

    fn line(&self) -> String {
        let done = HumanCount(self.done);
        match self.total {
            Some(total) if total > 0 => {
                let percent = self.done.saturating_mul(100) / total;
                format!("{}: {done} of {} ({percent} %)", self.what, HumanCount(total))
            }
            _ => format!("{}: {done}", self.what),
        }
    }

    fn last(&self, elapsed: Duration) -> String {
        format!("{} in {:.1} s", self.line(), elapsed.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_line_comes_when_both_the_time_and_the_progress_are_due() {
        let mut lines = Lines::new("replay", Some(1_000));
        assert_eq!(lines.advance(100, seconds(4)), None, "a second too early");
        assert_eq!(lines.advance(1, seconds(5)), Some("replay: 101 of 1,000 (10 %)".to_owned()));
        assert_eq!(lines.advance(99, seconds(60)), None, "one item too early");
        assert_eq!(lines.advance(1, seconds(60)), Some("replay: 201 of 1,000 (20 %)".to_owned()));
        assert_eq!(lines.advance(799, seconds(61)), None);
        assert_eq!(lines.last(seconds(61)), "replay: 1,000 of 1,000 (100 %) in 61.0 s");
    }

    #[test]
    fn without_a_known_total_only_the_time_counts() {
        let mut lines = Lines::new("events", None);
        assert_eq!(lines.advance(5, seconds(4)), None);
        assert_eq!(lines.advance(5, seconds(6)), Some("events: 10".to_owned()));
        assert_eq!(lines.advance(1, seconds(10)), None);
    }

    #[test]
    fn totals_of_nothing_and_little_do_not_divide_by_zero() {
        assert_eq!(Lines::new("import", Some(0)).last(seconds(0)), "import: 0 in 0.0 s");
        assert_eq!(Lines::new("import", Some(3)).advance(1, seconds(5)), Some("import: 1 of 3 (33 %)".to_owned()));
    }
}
