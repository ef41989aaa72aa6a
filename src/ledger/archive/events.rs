//! Every event against its leaf and against those before it, one after the other and in bounded memory: the counters of
//! organisations, the versions of streams and what still waits for an erasure are all that is remembered.

use super::erasures::{ERASURE_EVENT, Erasures, Gone, class_of_name};
use super::finding::{Code, Findings, Place};
use super::layout::LogName;
use super::manifest::View;
use super::observed::{Columns, Observed, ObservedPart, PartState};
use crate::domain::event::{Class, Facts};
use crate::domain::ids::{OrganisationCode, StreamId};
use crate::domain::reading_access::{self, ReadingAccess};
use crate::ledger::{Commitment, Leaf, PartName};
use std::collections::HashMap;

/// How much was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events held against their leaves.
    pub events: u64,
    /// Parts in the clear whose commitments were opened.
    pub clear_parts: u64,
    /// Sealed parts that were opened, and their commitments with them.
    pub opened_parts: u64,
    /// Sealed parts that nobody tried to open.
    pub sealed_parts: u64,
    /// Parts that are gone and covered by an erasure.
    pub erased_parts: u64,
    /// Sealed parts whose key could not be had.
    pub unavailable_parts: u64,
}

/// The audit of a log's events; fed in the order of positions.
pub struct EventAudit {
    log: LogName,
    view: View,
    next: u64,
    counters: HashMap<OrganisationCode, u64>,
    versions: HashMap<StreamId, u64>,
    last_time: Option<i64>,
    erasures: Erasures,
    counts: Counts,
}

/// Where an event is, and what is found there.
struct At<'a> {
    place: Place<'a>,
    position: u64,
    findings: &'a mut Findings,
}

impl At<'_> {
    fn note(&mut self, code: Code, detail: impl Into<String>) {
        self.findings.note(code, self.place, Some(self.position), detail);
    }
}

impl EventAudit {
    /// The audit of what a view shows of a log.
    #[must_use]
    pub fn new(log: LogName, view: View) -> Self {
        Self {
            log,
            view,
            next: 0,
            counters: HashMap::new(),
            versions: HashMap::new(),
            last_time: None,
            erasures: Erasures::default(),
            counts: Counts::default(),
        }
    }

    /// The next event; `ours` says whether the view must show it, as far as its source can tell.
    pub fn event(&mut self, place: Place<'_>, observed: &Observed, findings: &mut Findings) {
        let mut at = At { place, position: observed.columns.position, findings };
        self.follow(&mut at);
        for column in &observed.unreadable {
            at.note(Code::RowDiffersFromLeaf, format!("the column {column} holds something that cannot stand there"));
        }
        let leaf = match Leaf::parse(&observed.leaf) {
            Ok(leaf) => leaf,
            Err(error) => {
                at.note(Code::Leaf, format!("the leaf cannot be read: {error}"));
                return self.follow_the_row(&observed.columns);
            }
        };
        self.counts.events += 1;
        let differences = observed.columns.differences(&leaf);
        if !differences.is_empty() {
            let detail = format!("the leaf says something else than the row about: {}", differences.join(", "));
            at.note(Code::RowDiffersFromLeaf, detail);
        }
        self.order(&leaf, &mut at);
        self.parts(&leaf, &observed.parts, &mut at);
    }

    /// Where a leaf cannot be read its row says how to count on, so that one damage is not told as many.
    fn follow_the_row(&mut self, columns: &Columns) {
        if let Ok(organisation) = columns.organisation.parse() {
            self.counters.insert(organisation, columns.organisation_counter.saturating_add(1));
        }
        self.versions.insert(StreamId(columns.stream), columns.version.saturating_add(1));
    }

    /// Positions follow each other; in a view they rise.
    fn follow(&mut self, at: &mut At<'_>) {
        if self.view == View::Whole && at.position != self.next {
            at.note(Code::PositionGap, format!("position {} stands where {} belongs", at.position, self.next));
        } else if at.position < self.next {
            at.note(Code::PositionGap, format!("position {} comes after {}", at.position, self.next - 1));
        }
        self.next = at.position.saturating_add(1).max(self.next);
    }

    fn order(&mut self, leaf: &Leaf, at: &mut At<'_>) {
        if let View::Organisation { organisation } = &self.view
            && leaf.organisation != *organisation
        {
            at.note(Code::NotInView, "it is another organisation's");
        }
        if self.last_time.is_some_and(|last| leaf.recorded_at_micros < last) {
            at.note(Code::TimeWentBack, "it says that it was recorded before the one that precedes it");
        }
        self.last_time = self.last_time.max(Some(leaf.recorded_at_micros));
        let counter = self.counters.entry(leaf.organisation.clone()).or_default();
        // A person's record is some of an organisation's events: their numbers rise, with gaps.
        let (person, found) = (matches!(self.view, View::Person { .. }), leaf.organisation_counter);
        if if person { found < *counter } else { found != *counter } {
            let detail =
                format!("it is number {found} of the organisation {}, where {counter} belongs", leaf.organisation);
            at.note(Code::OrganisationCounter, detail);
        }
        *counter = found.saturating_add(1);
        let version = self.versions.entry(leaf.stream).or_default();
        // An erasure may stand in a stream that is not all of this person's.
        let erasure = person && leaf.event_type == ERASURE_EVENT.0 && leaf.version > *version;
        if leaf.version != *version && !erasure {
            let detail = format!("it is version {} of its recording, where {version} belongs", leaf.version);
            at.note(Code::StreamVersion, detail);
        }
        *version = leaf.version.saturating_add(1);
    }

    fn parts(&mut self, leaf: &Leaf, parts: &[ObservedPart], at: &mut At<'_>) {
        for (number, part) in parts.iter().enumerate() {
            let known = leaf.parts.iter().any(|(name, _)| name.as_str() == part.name);
            let first = parts.iter().position(|other| other.name == part.name) == Some(number);
            if !known || !first {
                at.note(Code::PartUnknown, "a part is stored that the leaf does not name");
            }
        }
        for (rank, (name, commitment)) in (0_u64..).zip(&leaf.parts) {
            let gone = || PartState::Missing;
            let found = parts.iter().find(|part| part.name == name.as_str());
            if let Some(part) = found {
                Self::filed(rank, part, at);
            }
            match found.map_or_else(gone, |part| part.state.clone()) {
                PartState::Clear { bytes, salt } => {
                    if found.is_some_and(|part| {
                        part.key_id.is_some() || class_of_name(&part.name).is_some_and(Class::is_sealed)
                    }) {
                        at.note(
                            Code::PartClass,
                            format!("the part {name} is sealed by its nature and lies in the clear"),
                        );
                    }
                    self.counts.clear_parts += 1;
                    self.content(leaf, name, commitment, (bytes.expose(), &salt), at);
                }
                PartState::Open { bytes, salt } => {
                    self.counts.opened_parts += 1;
                    self.content(leaf, name, commitment, (bytes.expose(), &salt), at);
                }
                PartState::Unsalted => {
                    at.note(Code::Commitment, format!("the salt of the part {name} is not there"));
                }
                PartState::Sealed { .. } if class_of_name(name.as_str()).is_some_and(|class| !class.is_sealed()) => {
                    at.note(Code::PartClass, format!("the part {name} is in the clear by its nature and is sealed"));
                }
                PartState::Sealed { .. } => self.counts.sealed_parts += 1,
                PartState::Unavailable => self.counts.unavailable_parts += 1,
                PartState::Tampered => {
                    at.note(Code::PartTampered, format!("the part {name} does not open although its key is there"));
                }
                PartState::Erased | PartState::Missing | PartState::Keyless => self.erasures.missing(&Gone {
                    organisation: &leaf.organisation,
                    stream: leaf.stream,
                    version: leaf.version,
                    position: leaf.position,
                    name: name.as_str(),
                    place: at.place,
                }),
            }
        }
    }

    /// Whether a part is filed where and as what its name says.
    fn filed(rank: u64, part: &ObservedPart, at: &mut At<'_>) {
        if part.ordinal.is_some_and(|ordinal| ordinal != rank) {
            at.note(Code::PartUnknown, "a part is stored in another place than the leaf names it in");
        }
        if part.owner.is_some() && part.owner != part.subject {
            at.note(Code::PartSubject, "the row names another person than the one whose key opened the part");
        }
        let class = class_of_name(&part.name);
        if part.state != PartState::Missing && class.is_some() && part.class != class {
            at.note(Code::PartClass, "a part is filed under another class than its name has");
        }
    }

    /// Holds a part's content against its commitment, and reads facts.
    fn content(
        &mut self,
        leaf: &Leaf,
        name: &PartName,
        commitment: &Commitment,
        (bytes, salt): (&[u8], &crate::ledger::Salt),
        at: &mut At<'_>,
    ) {
        if !commitment.verify(salt, &leaf.event, name, bytes) {
            at.note(Code::Commitment, format!("the part {name} or its salt is not what was committed to"));
            return;
        }
        if *name != PartName::FACTS {
            return;
        }
        let is_erasure = (leaf.event_type.as_ref(), leaf.schema) == ERASURE_EVENT;
        let read = match self.log {
            LogName::Accesses => {
                *leaf.event_type == *reading_access::NAME && ReadingAccess::read(leaf.schema, bytes).is_ok()
            }
            LogName::Outcomes if is_erasure => self.erasures.erased(&leaf.organisation, bytes),
            LogName::Outcomes => Facts::read(&leaf.event_type, leaf.schema, bytes).is_ok(),
        };
        if !read {
            let detail = format!("this program knows no {} of schema {} of this shape", leaf.event_type, leaf.schema);
            at.note(Code::FactsUnreadable, detail);
        } else if !is_canonical(bytes) {
            at.note(Code::FactsUnreadable, "the facts are not written as canonical JSON");
        }
    }

    /// Notes where a whole log ends before this size.
    pub fn ends_at(&self, size: u64, place: Place<'_>, findings: &mut Findings) {
        if self.view == View::Whole && self.next < size {
            let detail = format!("the events from position {} to {} are not there", self.next, size - 1);
            findings.note(Code::PositionGap, place, Some(self.next), detail);
        }
    }

    /// When the last event was recorded, in microseconds since the epoch; `None` before the first.
    #[must_use]
    pub const fn last_recorded_at(&self) -> Option<i64> {
        self.last_time
    }

    /// Whether a part is gone that no erasure has covered so far: a later one may.
    #[must_use]
    pub fn waits_for_an_erasure(&self) -> bool {
        self.erasures.waits()
    }

    /// Ends the audit: what nothing covers is a finding. Answers how much was looked at.
    pub fn finish(mut self, findings: &mut Findings) -> Counts {
        self.erasures.finish(findings);
        Counts { erased_parts: self.erasures.covered(), ..self.counts }
    }
}

fn is_canonical(bytes: &[u8]) -> bool {
    let value = serde_json::from_slice::<serde_json::Value>(bytes);
    value.ok().and_then(|value| serde_json_canonicalizer::to_vec(&value).ok()).as_deref() == Some(bytes)
}
