//! Framework versions as they are shown.

use crate::api::bodies::frameworks::{Item, ListKind};
use crate::api::views::{Common, View, other_kind};
use crate::app::words::{FrameworkItem, Resource, compare};
use crate::app::{AppError, Seen};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One version of a framework.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FrameworkView {
    /// What every recording has; the id is that of the version's stream.
    #[serde(flatten)]
    pub common: Common,
    /// The framework's name for good.
    pub framework: String,
    /// Which version.
    pub framework_version: u32,
    /// `published` or `retired`.
    pub status: String,
    /// For people.
    pub title: String,
    /// What the list is for.
    pub kind: ListKind,
    /// Where it comes from.
    pub source: String,
    /// On what terms it may be used.
    pub licence: String,
    /// True where its content could not be checked against its source.
    pub unverified: bool,
    /// What to bear in mind wherever its items are shown.
    pub caveat: Option<String>,
    /// Why it was retired.
    pub retirement_reason: Option<String>,
    /// Its items.
    pub items: Vec<Item>,
}

impl View for FrameworkView {
    fn of(seen: &Seen) -> Result<Self, AppError> {
        let Resource::Framework(framework) = &seen.row.resource else { return Err(other_kind()) };
        let content = framework.content.clone();
        Ok(Self {
            common: Common::of(seen),
            framework: content.id,
            framework_version: content.version,
            status: if framework.retired.is_some() { "retired" } else { "published" }.to_owned(),
            title: content.title,
            kind: content.kind.into(),
            source: content.source,
            licence: content.licence,
            unverified: content.unverified,
            caveat: content.caveat,
            retirement_reason: framework.retired.clone(),
            items: content.items.into_iter().map(Into::into).collect(),
        })
    }
}

/// An item before and after.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChangedItem {
    /// As the earlier version has it.
    pub before: Item,
    /// As the later version has it.
    pub after: Item,
}

/// How two versions of a framework differ, by the codes of their items.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ComparisonView {
    /// The framework.
    pub framework: String,
    /// The earlier version.
    pub from: u32,
    /// The later version.
    pub to: u32,
    /// Items that only the later version has.
    pub added: Vec<Item>,
    /// Items that only the earlier version has.
    pub removed: Vec<Item>,
    /// Items of both that do not read the same.
    pub changed: Vec<ChangedItem>,
}

impl ComparisonView {
    /// Compares two versions that were seen.
    ///
    /// # Errors
    /// As [`View::of`].
    pub fn of(earlier: &Seen, later: &Seen) -> Result<Self, AppError> {
        let (Resource::Framework(before), Resource::Framework(after)) = (&earlier.row.resource, &later.row.resource)
        else {
            return Err(other_kind());
        };
        let comparison = compare(&before.content, &after.content);
        let items = |items: Vec<FrameworkItem>| items.into_iter().map(Into::into).collect();
        Ok(Self {
            framework: before.content.id.clone(),
            from: before.content.version,
            to: after.content.version,
            added: items(comparison.added),
            removed: items(comparison.removed),
            changed: comparison
                .changed
                .into_iter()
                .map(|(before, after)| ChangedItem { before: before.into(), after: after.into() })
                .collect(),
        })
    }
}
