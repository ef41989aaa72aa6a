//! Bodies about frameworks.

use crate::api::bodies::{Body, occurred_at};
use crate::api::problem::Problem;
use crate::app::words::{Command, FrameworkCommand, FrameworkContent, FrameworkItem, FrameworkKind, ItemMapping};
use crate::app::{Recording, Target};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a list is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListKind {
    /// Kinds of outcome that people name.
    Framework,
    /// Ordered rungs of participation.
    Ladder,
    /// Ordered answers of a rating; never averaged over people.
    Scale,
    /// What a review can find.
    StatusList,
    /// What a person may be able to be and do.
    CapabilityList,
    /// Questions that help whoever writes.
    PromptList,
    /// How somebody took part.
    ParticipationList,
}

impl From<ListKind> for FrameworkKind {
    fn from(kind: ListKind) -> Self {
        match kind {
            ListKind::Framework => Self::Framework,
            ListKind::Ladder => Self::Ladder,
            ListKind::Scale => Self::Scale,
            ListKind::StatusList => Self::StatusList,
            ListKind::CapabilityList => Self::CapabilityList,
            ListKind::PromptList => Self::PromptList,
            ListKind::ParticipationList => Self::ParticipationList,
        }
    }
}

impl From<FrameworkKind> for ListKind {
    fn from(kind: FrameworkKind) -> Self {
        match kind {
            FrameworkKind::Framework => Self::Framework,
            FrameworkKind::Ladder => Self::Ladder,
            FrameworkKind::Scale => Self::Scale,
            FrameworkKind::StatusList => Self::StatusList,
            FrameworkKind::CapabilityList => Self::CapabilityList,
            FrameworkKind::PromptList => Self::PromptList,
            FrameworkKind::ParticipationList => Self::ParticipationList,
        }
    }
}

/// A published policy: which item of another list comes nearest.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// The other list.
    pub list: String,
    /// The item there; absent where nothing comes near.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What is lost on the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One entry of a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Unique in the list: 1 to 64 of letters, digits and `_.-`.
    #[schema(example = "feeling-safe")]
    pub code: String,
    /// For people, up to 300 characters.
    #[schema(example = "Feeling safe")]
    pub label: String,
    /// A heading that several items share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Rank from the lowest; every item of a ladder or scale has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<i32>,
    /// What it stands for in another list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maps_to: Option<Mapping>,
    /// More words, up to 2,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl From<Item> for FrameworkItem {
    fn from(item: Item) -> Self {
        let maps_to = item.maps_to.map(|to| ItemMapping { list: to.list, code: to.code, note: to.note });
        Self {
            code: item.code,
            label: item.label,
            group: item.group,
            order: item.order,
            maps_to,
            description: item.description,
        }
    }
}

impl From<FrameworkItem> for Item {
    fn from(item: FrameworkItem) -> Self {
        let maps_to = item.maps_to.map(|to| Mapping { list: to.list, code: to.code, note: to.note });
        Self {
            code: item.code,
            label: item.label,
            group: item.group,
            order: item.order,
            maps_to,
            description: item.description,
        }
    }
}

/// One version of a framework, ladder, scale or list.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "occurred_at": "2026-11-01", "id": "our-outcomes", "version": 1, "title": "What people here told us matters",
    "kind": "framework", "source": "Conversations of 2025", "licence": "Ours to share",
    "items": [{"code": "garden", "label": "Being in the garden"}]
}))]
pub struct PublishFramework {
    /// When it was adopted.
    pub occurred_at: String,
    /// Its name for good: 1 to 64 of `a–z 0–9 -`.
    pub id: String,
    /// From 1 upwards, one after the other.
    pub version: u32,
    /// For people, up to 300 characters.
    pub title: String,
    /// What the list is for.
    pub kind: ListKind,
    /// Where it comes from.
    pub source: String,
    /// On what terms it may be used.
    pub licence: String,
    /// True where its content could not be checked against its source.
    #[serde(default)]
    pub unverified: bool,
    /// What to bear in mind wherever its items are shown.
    #[serde(default)]
    pub caveat: Option<String>,
    /// 1 to 500 items.
    pub items: Vec<Item>,
}

impl Body for PublishFramework {
    const OPERATION: &'static str = "publish_framework";
    const CHANGES: bool = false;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        let content = FrameworkContent {
            id: self.id,
            version: self.version,
            title: self.title,
            kind: self.kind.into(),
            source: self.source,
            licence: self.licence,
            unverified: self.unverified,
            caveat: self.caveat,
            items: self.items.into_iter().map(Into::into).collect(),
        };
        Ok(Recording {
            target,
            command: Command::Framework(FrameworkCommand::Publish(content)),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: None,
        })
    }
}

/// That no new recording may use a version. Old recordings keep it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"occurred_at": "2026-11-20", "reason": "Version 2 replaces it"}))]
pub struct RetireFramework {
    /// When it was retired.
    pub occurred_at: String,
    /// Why; shown to everybody, so never about a person.
    pub reason: String,
}

impl Body for RetireFramework {
    const OPERATION: &'static str = "retire_framework";
    const CHANGES: bool = true;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        Ok(Recording {
            target,
            command: Command::Framework(FrameworkCommand::Retire { reason: self.reason }),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: None,
        })
    }
}
