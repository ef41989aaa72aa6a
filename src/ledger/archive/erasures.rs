//! What may be missing: the rule by which an auditor accepts that a part cannot be opened. A part of an event is covered if a
//! later erasure of the same organisation names its class and its place; nothing else excuses it.
//!
//! Reads the facts of an erasure by a shape of its own: the auditor's rule is a promise that must not move with the domain.

use super::finding::{Code, Findings, Place};
use crate::domain::event::Class;
use crate::domain::ids::{OrganisationCode, StreamId};
use serde::Deserialize;
use std::collections::HashMap;
use uuid::Uuid;

/// The event that erases, at schema 1.
pub const ERASURE_EVENT: (&str, u32) = ("ErasureExecuted", 1);

#[derive(Deserialize)]
struct ErasureFacts {
    body: ErasureBody,
}

#[derive(Deserialize)]
struct ErasureBody {
    subject: Uuid,
    classes: Vec<String>,
    covers: Vec<Covered>,
}

#[derive(Deserialize)]
struct Covered {
    stream: Uuid,
    through_version: u64,
}

/// Whose data an erasure erased; `None` where the facts are not an erasure's.
#[must_use]
pub fn erasure_subject(facts: &[u8]) -> Option<Uuid> {
    serde_json::from_slice::<ErasureFacts>(facts).ok().map(|facts| facts.body.subject)
}

/// The class that a part's name stands for; `None` for names that no version of Cairn has.
pub(super) fn class_of_name(name: &str) -> Option<Class> {
    match name {
        "facts" => Some(Class::Facts),
        "words" => Some(Class::Words),
        "identity" | "source" => Some(Class::Identity),
        "index" => Some(Class::Index),
        _ => None,
    }
}

/// A part that cannot be opened and waits for an erasure that covers it.
struct Waiting {
    organisation: OrganisationCode,
    version: u64,
    class: Option<Class>,
    name: String,
    position: u64,
    place: String,
}

/// Parts that are missing so far. Fed in the order of positions, so an erasure excuses only what came before it.
#[derive(Default)]
pub(super) struct Erasures {
    waiting: HashMap<StreamId, Vec<Waiting>>,
    covered: u64,
}

/// A missing part's place in the log.
pub(super) struct Gone<'a> {
    pub(super) organisation: &'a OrganisationCode,
    pub(super) stream: StreamId,
    pub(super) version: u64,
    pub(super) position: u64,
    pub(super) name: &'a str,
    pub(super) place: Place<'a>,
}

impl Erasures {
    /// Notes a part that cannot be opened.
    pub(super) fn missing(&mut self, gone: &Gone<'_>) {
        self.waiting.entry(gone.stream).or_default().push(Waiting {
            organisation: gone.organisation.clone(),
            version: gone.version,
            class: class_of_name(gone.name),
            name: gone.name.to_owned(),
            position: gone.position,
            place: gone.place.to_string(),
        });
    }

    /// Takes an erasure into account; `false` if its facts are not an erasure's.
    pub(super) fn erased(&mut self, organisation: &OrganisationCode, facts: &[u8]) -> bool {
        let Ok(ErasureFacts { body }) = serde_json::from_slice(facts) else { return false };
        let names = |class: Class| body.classes.iter().any(|name| name == class.as_str());
        let erases = |class| names(class) || class == Class::Index && names(Class::Identity);
        for cover in &body.covers {
            let Some(waiting) = self.waiting.get_mut(&StreamId(cover.stream)) else { continue };
            let before = waiting.len();
            waiting.retain(|part| {
                let is_covered = part.organisation == *organisation
                    && part.version <= cover.through_version
                    && part.class.is_some_and(erases);
                !is_covered
            });
            self.covered += (before - waiting.len()) as u64;
            if waiting.is_empty() {
                self.waiting.remove(&StreamId(cover.stream));
            }
        }
        true
    }

    /// Whether some part still waits.
    pub(super) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// How many parts are covered.
    pub(super) const fn covered(&self) -> u64 {
        self.covered
    }

    /// Every part that nothing covers is a finding.
    pub(super) fn finish(&mut self, findings: &mut Findings) {
        let mut left: Vec<Waiting> = self.waiting.drain().flat_map(|(_, waiting)| waiting).collect();
        left.sort_by(|one, other| (one.position, &one.name).cmp(&(other.position, &other.name)));
        for part in left {
            let detail = format!("the part {} is gone, and no later erasure covers it", part.name);
            findings.note(Code::PartMissing, Place::file(&part.place), Some(part.position), detail);
        }
    }
}
