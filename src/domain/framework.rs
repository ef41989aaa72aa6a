//! Frameworks, ladders, scales and lists as versioned data: each published version is a stream of its own, never
//! changed afterwards, at most retired. Codes point into a version as `slug@version#code`.

use crate::domain::event::{CannotFollow, Decided, Facts, Recorded};
use crate::domain::reference::{FrameworkContent, FrameworkItem};
use crate::domain::refusal::Refusal;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// `FrameworkPublished`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameworkPublished {
    /// The whole content of this version.
    pub content: FrameworkContent,
}

impl Eq for FrameworkPublished {}

/// `FrameworkRetired`: no new recording may use it; old ones keep it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameworkRetired {
    /// Why; said in public, so never about a person.
    pub reason: String,
}

/// One version of a framework as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Framework {
    /// Its content.
    pub content: FrameworkContent,
    /// Why it was retired, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired: Option<String>,
}

impl Eq for Framework {}

/// Names one version of a framework: `slug@version`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameworkRef {
    /// The framework's id.
    pub id: String,
    /// Its version, from 1.
    pub version: u32,
}

/// Names one item of one version of a framework: `slug@version#code`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemRef {
    /// The framework's version.
    pub framework: FrameworkRef,
    /// The item's code in it.
    pub code: String,
}

/// A text that names no framework or item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be {expected}")]
pub struct InvalidRef {
    /// The form that was expected.
    pub expected: &'static str,
}

impl fmt::Display for FrameworkRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.id, self.version)
    }
}

impl fmt::Display for ItemRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}#{}", self.framework, self.code)
    }
}

impl FromStr for FrameworkRef {
    type Err = InvalidRef;
    fn from_str(text: &str) -> Result<Self, InvalidRef> {
        let expected = InvalidRef { expected: "a framework version such as talking-points-people@1" };
        let (id, version) = text.split_once('@').ok_or(expected)?;
        let version: u32 = version.parse().map_err(|_| expected)?;
        let canonical = format!("{id}@{version}") == text;
        if version == 0 || !is_slug(id) || !canonical {
            return Err(expected);
        }
        Ok(Self { id: id.to_owned(), version })
    }
}

impl FromStr for ItemRef {
    type Err = InvalidRef;
    fn from_str(text: &str) -> Result<Self, InvalidRef> {
        let expected = InvalidRef { expected: "a framework item such as talking-points-people@1#feeling-safe" };
        let (framework, code) = text.split_once('#').ok_or(expected)?;
        let framework = framework.parse().map_err(|_| expected)?;
        let valid = (1..=64).contains(&code.len())
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
        if valid { Ok(Self { framework, code: code.to_owned() }) } else { Err(expected) }
    }
}

/// Whether a text is a slug: 1 to 64 of `a–z 0–9 -`.
#[must_use]
pub fn is_slug(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

macro_rules! serde_as_text {
    ($($name:ident)*) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
serde_as_text! { FrameworkRef ItemRef }

/// The next state of a framework version.
///
/// # Errors
/// [`CannotFollow`] where the event does not fit the state.
pub fn evolve(state: Option<Framework>, event: &Recorded) -> Result<Framework, CannotFollow> {
    match (&event.facts, state) {
        (Facts::FrameworkPublished(published), None) => {
            Ok(Framework { content: published.content.clone(), retired: None })
        }
        (Facts::FrameworkRetired(retired), Some(framework)) => {
            Ok(Framework { retired: Some(retired.reason.clone()), ..framework })
        }
        (facts, _) => Err(CannotFollow { event: facts.name(), detail: "not an event of a framework in this state" }),
    }
}

/// What may be asked of a framework version.
#[derive(Debug, Clone, PartialEq)]
pub enum FrameworkCommand {
    /// Publish a version.
    Publish(FrameworkContent),
    /// Retire it.
    Retire {
        /// Why, in public.
        reason: String,
    },
}

/// Decides a command.
///
/// # Errors
/// A [`Refusal`] that says what is wrong.
pub fn decide(state: Option<&Framework>, command: FrameworkCommand) -> Result<Decided, Refusal> {
    let facts = match (command, state) {
        (FrameworkCommand::Publish(content), None) => {
            content.validate().map_err(|invalid| Refusal::invalid(invalid.pointer(), invalid.to_string()))?;
            Facts::FrameworkPublished(FrameworkPublished { content })
        }
        (FrameworkCommand::Publish(_), Some(_)) => {
            return Err(Refusal::NotInThisState {
                detail: "a published version never changes; publish the next version",
            });
        }
        (FrameworkCommand::Retire { reason }, Some(framework)) => {
            if framework.retired.is_some() {
                return Err(Refusal::NotInThisState { detail: "this version is already retired" });
            }
            if reason.trim().is_empty() || reason.chars().count() > 1_000 || reason.contains('\0') {
                return Err(Refusal::invalid("/reason", "must say why, in at most 1,000 characters"));
            }
            Facts::FrameworkRetired(FrameworkRetired { reason })
        }
        (FrameworkCommand::Retire { .. }, None) => {
            return Err(Refusal::NotInThisState { detail: "it has not been published" });
        }
    };
    Ok(Decided { facts, personal: Vec::new() })
}

/// How two versions of a framework differ, by the codes of their items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Items that only the later version has, in its order.
    pub added: Vec<FrameworkItem>,
    /// Items that only the earlier version has, in its order.
    pub removed: Vec<FrameworkItem>,
    /// Items of both that do not read the same: earlier, later.
    pub changed: Vec<(FrameworkItem, FrameworkItem)>,
}

/// Compares two versions.
#[must_use]
pub fn compare(earlier: &FrameworkContent, later: &FrameworkContent) -> Comparison {
    let only_in = |one: &FrameworkContent, other: &FrameworkContent| -> Vec<FrameworkItem> {
        one.items.iter().filter(|item| other.item(&item.code).is_none()).cloned().collect()
    };
    let changed = earlier
        .items
        .iter()
        .filter_map(|before| {
            later.item(&before.code).filter(|after| *after != before).map(|after| (before.clone(), after.clone()))
        })
        .collect();
    Comparison { added: only_in(later, earlier), removed: only_in(earlier, later), changed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_code() {
        let lists = crate::domain::reference::shipped().unwrap();
        let before = lists.first().unwrap().clone();
        let mut after = before.clone();
        let removed = after.items.remove(0);
        after.items[0].label = "Reworded".to_owned();
        let added = FrameworkItem { code: "new".to_owned(), ..removed.clone() };
        after.items.push(added.clone());
        let comparison = compare(&before, &after);
        assert_eq!((comparison.added, comparison.removed), (vec![added], vec![removed]));
        assert_eq!(comparison.changed.len(), 1);
        assert_eq!(compare(&before, &before), Comparison { added: vec![], removed: vec![], changed: vec![] });
    }

    #[test]
    fn references_read_back_as_written() {
        for text in ["talking-points-people@1#feeling-safe", "goal-attainment-scale@12#LA34479-8"] {
            assert_eq!(text.parse::<ItemRef>().unwrap().to_string(), text);
        }
        for text in ["", "a#b", "a@0#b", "a@01#b", "a@+1#b", "A@1#b", "a@1#", "a@1#b c", "a@1", "a@4294967296#b"] {
            assert!(text.parse::<ItemRef>().is_err(), "{text} was accepted");
        }
    }
}
