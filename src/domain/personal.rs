//! People's words and identities: values that never show themselves by accident.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Something personal: a narrative, a name, an identifier. Its `Debug` prints `[personal]` and it has no
/// `Display`, so it reaches no log line, metric or panic message by accident.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Personal<T>(T);

impl<T> Personal<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }
    /// Looks at the value; each call is a place to review.
    pub const fn expose(&self) -> &T {
        &self.0
    }
    /// Takes the value out.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[personal]")
    }
}

/// Text that is personal.
pub type Words = Personal<String>;
