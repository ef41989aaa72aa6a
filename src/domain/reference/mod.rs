//! Reference lists: frameworks, ladders, scales and codes as versioned data, with those that ship beside this file.
//!
//! A list is never an enum in code: partners publish their own and replace ours. This module knows what a
//! well-formed list is and reads the shipped ones; it does not know who may publish, nor where lists are kept.
//! The shape of the JSON files is [`FrameworkContent`], one file per list and version (`<id>.v<version>.json`).

mod limits;
mod shipped;

use serde::{Deserialize, Serialize};

pub use limits::{InvalidFramework, MAXIMUM_ITEMS, MAXIMUM_LABEL_CHARACTERS, MAXIMUM_TEXT_CHARACTERS};
pub use shipped::{BrokenReference, shipped};

/// One version of a list: what `FrameworkPublished` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameworkContent {
    /// The list's name for good: `[a-z0-9-]{1,64}`; recordings refer to `id@version`.
    pub id: String,
    /// From 1 upwards; a version never changes once it is published.
    pub version: u32,
    /// For people, up to 300 characters.
    pub title: String,
    /// What the list is for.
    pub kind: FrameworkKind,
    /// Where it comes from, up to 2,000 characters.
    pub source: String,
    /// On what terms it may be used, up to 2,000 characters.
    pub licence: String,
    /// True when its content could not be checked against its source: then it is not to be attributed.
    #[serde(default)]
    pub unverified: bool,
    /// What to bear in mind wherever its items are shown, up to 2,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caveat: Option<String>,
    /// 1 to 500, in the order of the source.
    pub items: Vec<FrameworkItem>,
}

/// What a list is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameworkKind {
    /// Kinds of outcome that people name.
    Framework,
    /// Ordered rungs of participation; an order, not a distance.
    Ladder,
    /// Ordered answers of a rating; ordinal, so never averaged over people.
    Scale,
    /// What a review can find.
    StatusList,
    /// What a person may be able to be and do.
    CapabilityList,
    /// Questions that help whoever writes; they never reject anything.
    PromptList,
    /// How somebody took part.
    ParticipationList,
}

impl FrameworkKind {
    /// Whether the list means nothing without the order of its items.
    #[must_use]
    pub const fn is_ordered(self) -> bool {
        matches!(self, Self::Ladder | Self::Scale)
    }
}

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameworkItem {
    /// The source's own code, or a name of ours: `[A-Za-z0-9_.-]{1,64}`, unique in the list.
    pub code: String,
    /// For people, up to 300 characters.
    pub label: String,
    /// A heading that several items share, up to 300 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Rank from the lowest, unique in the list; every item of a ladder or scale has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<i32>,
    /// What it stands for in another list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maps_to: Option<ItemMapping>,
    /// More words, up to 2,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A published policy: which item of another list comes nearest. The original is always kept beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemMapping {
    /// The other list: an id of ours, or the URI of a code system; up to 300 characters.
    pub list: String,
    /// The item there, shaped like any code; absent when nothing comes near.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What is lost on the way, up to 2,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl FrameworkContent {
    /// The item with this code.
    #[must_use]
    pub fn item(&self, code: &str) -> Option<&FrameworkItem> {
        self.items.iter().find(|item| item.code == code)
    }
}
