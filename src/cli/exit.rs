//! How a command ends: four exit statuses, which scripts rely on, and the failure that carries one together with its
//! reason. A panic keeps Rust's own status, 101: a defect is none of these answers.

use crate::config::ConfigError;
use crate::telemetry::TelemetryError;
use std::error::Error;
use std::fmt;
use std::process::ExitCode;

/// The exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, or the answer is yes.
    Done,
    /// 1: it ran, and the answer is no: verification failed, drift found, lines refused.
    No,
    /// 2: called or configured wrongly; the same call will fail again.
    Usage,
    /// 3: something needed is unavailable: a database, a service, a key, a file; later it may be there.
    Unavailable,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Unavailable => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.status())
    }
}

/// Why a command could not do its work. `Display` tells the whole chain of causes, each once, for people.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    reason: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// It ran, and the answer is no.
    pub fn no(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit: Exit::No, reason: reason.into() }
    }

    /// It was called or configured wrongly.
    pub fn usage(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit: Exit::Usage, reason: reason.into() }
    }

    /// Something needed is unavailable.
    pub fn unavailable(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit: Exit::Unavailable, reason: reason.into() }
    }

    /// How the process must end.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = self.reason.to_string();
        let mut cause = self.reason.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Some libraries repeat their cause in their own text.
            if !told.contains(&text) {
                told.push_str(": ");
                told.push_str(&text);
            }
            cause = error.source();
        }
        formatter.write_str(&told)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(error)
    }
}

/// All of these are settings that cannot be used.
impl From<TelemetryError> for Failure {
    fn from(error: TelemetryError) -> Self {
        Self::usage(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the store cannot be opened")]
    struct Outer(#[source] Middle);

    #[derive(Debug, thiserror::Error)]
    #[error("connecting failed: refused")]
    struct Middle(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("refused")]
    struct Inner;

    #[test]
    fn each_cause_is_told_once() {
        let failure = Failure::unavailable(Outer(Middle(Inner)));
        assert_eq!(failure.to_string(), "the store cannot be opened: connecting failed: refused");
        assert_eq!(failure.exit(), Exit::Unavailable);
        assert_eq!(Failure::no("drift").to_string(), "drift");
    }

    #[test]
    fn the_statuses_are_the_documented_ones() {
        let statuses = [Exit::Done, Exit::No, Exit::Usage, Exit::Unavailable].map(Exit::status);
        assert_eq!(statuses, [0, 1, 2, 3]);
        let exits = [Failure::no("").exit(), Failure::usage("").exit(), Failure::unavailable("").exit()];
        assert_eq!(exits, [Exit::No, Exit::Usage, Exit::Unavailable]);
        assert_eq!(Failure::from(TelemetryError::NoTraces).exit(), Exit::Usage);
    }
}
