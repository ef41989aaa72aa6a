//! What sample people care about, and in which words they and those around them speak of it. Data only: knows nothing
//! of dates, lines or chance. All of it is made up; nobody said it.
//!
//! Slots in braces are filled from the person's [`Cast`](super::cast::Cast). A phrase in somebody's own voice is one or
//! more whole sentences, so that it can stand between quotation marks.

mod adult;
mod carer;
mod child;
mod older;
mod resident;

use crate::domain::words::{OutcomeType, PartyKind};

/// One thing that may matter to somebody.
#[derive(Debug)]
pub struct Theme {
    /// What kind of outcome it is.
    pub outcome_type: OutcomeType,
    /// Items of shipped lists that it belongs to.
    pub items: &'static [&'static str],
    /// The outcome where something should become different.
    pub change: &'static [&'static str],
    /// The outcome where something should stay as it is.
    pub keep: &'static [&'static str],
    /// Why it matters, in the person's words.
    pub why: &'static [&'static str],
    /// What the person says of it at first.
    pub said: &'static [&'static str],
    /// What the person says where it has gone well.
    pub better: &'static [&'static str],
    /// What the person says where it has not.
    pub worse: &'static [&'static str],
    /// What a practitioner notices.
    pub seen: &'static [&'static str],
    /// What somebody close to the person says.
    pub near: &'static [&'static str],
    /// Steps that may be agreed, and who takes them.
    pub actions: &'static [(PartyKind, &'static str)],
    /// What was done towards it, and by whom.
    pub contributions: &'static [(PartyKind, &'static str)],
}

/// The kind of life that a sample person leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Older, at home.
    Older,
    /// Of working age, with support.
    Adult,
    /// An unpaid carer, with outcomes of their own.
    Carer,
    /// A child who is looked after.
    Child,
    /// In a care home.
    Resident,
}

impl Life {
    /// Every kind of life.
    #[cfg(test)]
    pub const ALL: &'static [Self] = &[Self::Older, Self::Adult, Self::Carer, Self::Child, Self::Resident];

    /// What matters in such a life.
    #[must_use]
    pub const fn themes(self) -> &'static [Theme] {
        match self {
            Self::Older => older::THEMES,
            Self::Adult => adult::THEMES,
            Self::Carer => carer::THEMES,
            Self::Child => child::THEMES,
            Self::Resident => resident::THEMES,
        }
    }
}
