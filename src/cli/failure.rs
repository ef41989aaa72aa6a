//! Why a command ends otherwise than well: what failed, why, and the exit status that says so.

use crate::app::AppError;
use std::error::Error;
use std::fmt;

/// Exit statuses, the same for every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Done, or the answer is yes.
    Done = 0,
    /// The answer is no: verification failed, drift found, lines refused.
    No = 1,
    /// Usage or configuration.
    Usage = 2,
    /// Something needed is unavailable.
    Unavailable = 3,
}

/// A command's failure, in words for people.
#[derive(Debug)]
pub struct Failure {
    /// The exit status.
    pub status: Status,
    text: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A mistake of usage or configuration.
    #[must_use]
    pub const fn configuration(text: String) -> Self {
        Self { status: Status::Usage, text, source: None }
    }
    /// Something needed is unavailable.
    #[must_use]
    pub const fn unavailable(text: String) -> Self {
        Self { status: Status::Unavailable, text, source: None }
    }
    /// The answer is no.
    #[must_use]
    pub const fn no(text: String) -> Self {
        Self { status: Status::No, text, source: None }
    }
    /// Says why.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
    /// The whole chain of causes on one line.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.text.clone();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        Self::unavailable(error.to_string()).because_of(&error)
    }
}

impl Failure {
    /// Says why, with the whole chain of causes.
    #[must_use]
    pub fn because_of(mut self, error: &dyn Error) -> Self {
        let mut causes = Vec::new();
        let mut cause = error.source();
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        if !causes.is_empty() {
            self.source = Some(causes.join(": ").into());
        }
        self
    }
}
