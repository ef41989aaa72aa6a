//! A business "no": why a command was not accepted, in words that help whoever sent it.
//!
//! A refusal never repeats personal text: it points at the field and says what was expected.

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A value is outside what the domain accepts.
    #[error("{detail}")]
    Invalid {
        /// JSON pointer (RFC 6901) into the body.
        pointer: String,
        /// What was expected.
        detail: String,
    },
    /// Something that the command names does not exist within the caller's reach, or belongs to another person.
    #[error("{detail}")]
    UnknownReference {
        /// JSON pointer into the body.
        pointer: String,
        /// What was looked for.
        detail: String,
    },
    /// A time in life that lies in the future.
    #[error("a recording cannot have happened in the future")]
    InTheFuture {
        /// JSON pointer into the body.
        pointer: String,
    },
    /// A time in life before the person was born.
    #[error("it lies before the person's date of birth")]
    BeforeBirth {
        /// JSON pointer into the body.
        pointer: String,
    },
    /// The recording's present state does not allow it (an outcome that is already closed, say).
    #[error("{detail}")]
    NotInThisState {
        /// What stands in the way.
        detail: &'static str,
    },
}

impl Refusal {
    /// A value outside what is accepted.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid { pointer: pointer.into(), detail: detail.into() }
    }
    /// The JSON pointer of the offending field, if it is one field.
    #[must_use]
    pub fn pointer(&self) -> Option<&str> {
        match self {
            Self::Invalid { pointer, .. }
            | Self::UnknownReference { pointer, .. }
            | Self::InTheFuture { pointer }
            | Self::BeforeBirth { pointer } => Some(pointer),
            Self::NotInThisState { .. } => None,
        }
    }
}
