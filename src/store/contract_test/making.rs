//! What the contract appends: events of every kind, made from nothing but a seed, so that every run makes the same.

use crate::domain::contribution::ContributionRecorded;
use crate::domain::erasure::{Cover, ErasureExecuted};
use crate::domain::event::{Class, Facts, Header, IndexEntry};
use crate::domain::ids::{EventId, OrganisationCode, OutcomeId, PersonId, StreamId};
use crate::domain::narrative::NarrativeRecorded;
use crate::domain::outcome::{
    OutcomeClosed, OutcomeContent, OutcomeIdentified, OutcomePrioritised, OutcomeReopened, OutcomeReworded,
};
use crate::domain::person::{PersonAmended, PersonRegistered};
use crate::domain::review::{Appraisal, OutcomeReviewed, ReviewWithdrawn};
use crate::domain::time::Timestamp;
use crate::domain::words::{
    ClosureReason, Direction, ErasureBasis, KnowledgeForm, OutcomeType, PartyKind, Perspective, ReviewStage,
};
use crate::ledger::{PartName, Salt, commit};
use crate::projections::RowKey;
use crate::store::{Appended, Expected, Group, IdempotencyKey, NewAppend, NewEvent, NewPart, Rejection, Store};
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// An instant of the tests: microseconds after a fixed day.
pub(super) fn at(micros: i64) -> Timestamp {
    "2026-09-01T00:00:00Z".parse::<Timestamp>().unwrap().plus_micros(micros)
}

pub(super) fn organisation(code: &str) -> OrganisationCode {
    code.parse().unwrap()
}

/// An idempotency key, and the request `body` that it came with.
pub(super) const fn key(number: u8, body: u8) -> IdempotencyKey {
    IdempotencyKey { digest: [number; 32], fingerprint: [body; 32] }
}

/// Makes ids that look random and are the same in every run.
pub(super) struct Making {
    seed: u64,
    next: AtomicU64,
}

impl Making {
    pub(super) const fn new(seed: u64) -> Self {
        Self { seed, next: AtomicU64::new(0) }
    }

    pub(super) fn uuid(&self) -> Uuid {
        let number = self.next.fetch_add(2, Ordering::SeqCst);
        let high = scatter(self.seed ^ number.rotate_left(32));
        let low = scatter(high ^ (number + 1));
        let bytes = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// A new stream.
    pub(super) fn new_stream(&self, code: &str, facts: Facts) -> NewAppend {
        self.item(organisation(code), StreamId(self.uuid()), Expected::New, facts, Vec::new())
    }

    /// The event that follows another in its stream.
    pub(super) fn after(&self, before: &NewAppend, facts: Facts) -> NewAppend {
        let expected = Expected::Version(version_of(before));
        self.item(before.organisation.clone(), before.stream, expected, facts, Vec::new())
    }

    pub(super) fn person(&self, code: &str) -> NewAppend {
        self.new_stream(code, registered(&[]))
    }

    /// A person with an identifier, which must be free.
    pub(super) fn person_known_as(&self, code: &str, digest: &str) -> NewAppend {
        let system = "nhs-number";
        let index = vec![IndexEntry { system: system.to_owned(), digest: digest.to_owned() }];
        let facts = registered(&[system]);
        let item = self.item(organisation(code), StreamId(self.uuid()), Expected::New, facts, index);
        NewAppend { must_be_free: vec![RowKey::identifier(system, digest)], ..item }
    }

    pub(super) fn outcome(&self, of: &NewAppend) -> NewAppend {
        let facts = identified(PersonId(of.stream.0), &[]);
        self.item(of.organisation.clone(), StreamId(self.uuid()), Expected::New, facts, Vec::new())
    }

    /// An erasure of classes of a person, of some streams or of all.
    pub(super) fn erasure(&self, of: &NewAppend, classes: &[Class], only: &[StreamId]) -> NewAppend {
        let facts = Facts::ErasureExecuted(ErasureExecuted {
            classes: classes.to_vec(),
            covers: only.iter().map(|stream| Cover { stream: *stream, through_version: 0 }).collect(),
            legal_basis: ErasureBasis::ConsentWithdrawn,
            request: StreamId(self.uuid()),
            subject: PersonId(of.stream.0),
        });
        let mut item = self.after(of, facts);
        item.event.parts.retain(|part| part.class == Class::Facts);
        item
    }

    fn item(
        &self,
        organisation: OrganisationCode,
        stream: StreamId,
        expected: Expected,
        facts: Facts,
        index: Vec<IndexEntry>,
    ) -> NewAppend {
        let header = Header {
            occurred_at: "2026-03".parse().unwrap(),
            client: "contract".to_owned(),
            purpose: None,
            source_system: None,
        };
        let event = self.event(header, facts, index, Some(PersonId(stream.0)));
        NewAppend {
            organisation,
            stream,
            expected,
            key: None,
            must_be_free: Vec::new(),
            needs: Vec::new(),
            about: None,
            event,
        }
    }

    fn event(&self, header: Header, facts: Facts, index: Vec<IndexEntry>, subject: Option<PersonId>) -> NewEvent {
        let id = EventId(self.uuid());
        let clear = facts.to_part(&header).unwrap();
        let mut parts = vec![self.part(id, PartName::FACTS, Class::Facts, None, clear)];
        if !index.is_empty() {
            let bytes = serde_json_canonicalizer::to_vec(&index).unwrap();
            parts.push(self.part(id, PartName::INDEX, Class::Index, subject, bytes));
        }
        let is_person = matches!(facts, Facts::PersonRegistered(_) | Facts::PersonAmended(_));
        let (name, class) =
            if is_person { (PartName::IDENTITY, Class::Identity) } else { (PartName::WORDS, Class::Words) };
        parts.push(self.part(id, name, class, subject, self.uuid().as_bytes().to_vec()));
        parts.sort_by(|one, other| one.name.cmp(&other.name));
        NewEvent { id, header, facts, index, parts }
    }

    /// A part whose seal is the store's business no more than its words: any bytes will do.
    fn part(&self, event: EventId, name: PartName, class: Class, subject: Option<PersonId>, bytes: Vec<u8>) -> NewPart {
        let mut salt = [0; 32];
        salt[..16].copy_from_slice(self.uuid().as_bytes());
        let commitment = commit(&Salt::new(salt), &event, &name, &bytes);
        let (key, salt) = if class.is_sealed() { (Some(self.uuid()), None) } else { (None, Some(salt)) };
        NewPart { name, class, subject, key, bytes, salt, commitment }
    }

    /// The same event told to have happened at another time in life.
    pub(super) fn in_life(&self, item: NewAppend, occurred_at: &str) -> NewAppend {
        let NewEvent { header, facts, index, .. } = item.event;
        let header = Header { occurred_at: occurred_at.parse().unwrap(), ..header };
        let event = self.event(header, facts, index, Some(PersonId(item.stream.0)));
        NewAppend { event, ..item }
    }
}

/// The finaliser of SplitMix64: a bijection, so that different numbers stay different.
const fn scatter(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The version that an item has once it is appended.
pub(super) fn version_of(item: &NewAppend) -> u64 {
    match item.expected {
        Expected::New => 0,
        Expected::Version(before) => before + 1,
    }
}

pub(super) fn registered(systems: &[&str]) -> Facts {
    Facts::PersonRegistered(PersonRegistered {
        identifier_systems: systems.iter().map(|system| (*system).to_owned()).collect(),
    })
}

pub(super) const fn amended() -> Facts {
    Facts::PersonAmended(PersonAmended {})
}

fn content(items: &[&str]) -> OutcomeContent {
    OutcomeContent {
        outcome_type: OutcomeType::Change,
        direction: Direction::Maintain,
        framework_items: items.iter().map(|item| item.parse().unwrap()).collect(),
        narratives: Vec::new(),
    }
}

pub(super) fn identified(person: PersonId, items: &[&str]) -> Facts {
    let identified_by = Perspective::Person;
    Facts::OutcomeIdentified(OutcomeIdentified { person, conversation: None, identified_by, content: content(items) })
}

pub(super) fn reworded(items: &[&str]) -> Facts {
    Facts::OutcomeReworded(OutcomeReworded { content: content(items) })
}

pub(super) const fn prioritised(rank: u32) -> Facts {
    Facts::OutcomePrioritised(OutcomePrioritised { perspective: Perspective::Carer, rank })
}

pub(super) fn closed() -> Facts {
    Facts::OutcomeClosed(OutcomeClosed { closure_reason: ClosureReason::ALL[0] })
}

pub(super) const fn reopened() -> Facts {
    Facts::OutcomeReopened(OutcomeReopened {})
}

pub(super) fn told(person: PersonId, outcomes: &[OutcomeId], perspective: Perspective) -> Facts {
    Facts::NarrativeRecorded(NarrativeRecorded {
        person,
        conversation: None,
        outcomes: outcomes.to_vec(),
        author: PartyKind::Practitioner,
        perspective,
        knowledge_form: KnowledgeForm::Lived,
        verbatim_spans: Vec::new(),
    })
}

pub(super) fn contributed(person: PersonId, outcomes: &[OutcomeId]) -> Facts {
    Facts::ContributionRecorded(ContributionRecorded {
        person,
        outcomes: outcomes.to_vec(),
        conversation: None,
        contributor: PartyKind::Community,
        perspective: Perspective::Family,
    })
}

pub(super) fn reviewed(person: PersonId, outcome: OutcomeId, status: &str) -> Facts {
    Facts::OutcomeReviewed(OutcomeReviewed {
        outcome,
        person,
        perspective: Perspective::Practitioner,
        author: PartyKind::Practitioner,
        conversation: None,
        appraisal: Appraisal {
            status: format!("review-status@1#{status}").parse().unwrap(),
            stage: ReviewStage::FollowUp,
            rating: None,
            narratives: Vec::new(),
        },
    })
}

pub(super) const fn withdrawn() -> Facts {
    Facts::ReviewWithdrawn(ReviewWithdrawn {})
}

/// Each item a group of its own.
pub(super) fn each(items: impl IntoIterator<Item = NewAppend>) -> Vec<Group> {
    items.into_iter().map(|item| Group { atomic: false, items: vec![item] }).collect()
}

/// One group, item by item or all or nothing.
pub(super) fn group(atomic: bool, items: impl IntoIterator<Item = NewAppend>) -> Vec<Group> {
    vec![Group { atomic, items: items.into_iter().collect() }]
}

/// What is answered to each item, whatever the groups.
pub(super) async fn append(store: &dyn Store, groups: &[Group], now: Timestamp) -> Vec<Result<Appended, Rejection>> {
    store.append(groups, now).await.unwrap().into_iter().flatten().collect()
}

/// Appends what must succeed.
pub(super) async fn appended(
    store: &dyn Store,
    items: impl IntoIterator<Item = NewAppend>,
    now: Timestamp,
) -> Vec<Appended> {
    append(store, &each(items), now).await.into_iter().map(Result::unwrap).collect()
}
