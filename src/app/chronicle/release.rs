//! The one way by which events at full envelope leave: within reach, and recorded in the log of accesses, durably, before
//! anybody has them.

use crate::app::accesses::{About, OperatorAccess, Released};
use crate::app::chronicle::life::true_from;
use crate::app::chronicle::{Auditor, ChronicleEvent, ChroniclePart, PartState};
use crate::app::{App, AppError, Complete};
use crate::domain::event::{Class, Kind};
use crate::domain::ids::{OrganisationCode, PersonId, StreamId};
use crate::domain::reading_access::{ShownPart, Through};
use crate::store::{HistoryRecord, Reach};
use std::collections::{BTreeMap, BTreeSet};

/// An event that was read, its parts opened as far as the reader may, and that nobody has been shown yet.
pub(super) struct Opened {
    pub record: HistoryRecord,
    pub parts: Vec<ChroniclePart>,
}

/// What is shown of one person.
struct ShownOf {
    owner: OrganisationCode,
    parts: BTreeSet<ShownPart>,
    kinds: BTreeMap<Kind, u64>,
}

impl App {
    /// Releases events to a reader. They are held against the reader's reach once more, whatever the statement that found
    /// them.
    ///
    /// # Errors
    /// [`AppError::CannotFollow`] where an event is beyond the reader's reach, or it cannot be said whose it is;
    /// [`AppError::AccessNotRecorded`]. Nothing is shown then.
    pub(super) async fn released(
        &self,
        auditor: &Auditor<'_>,
        through: Through,
        complete_to: Complete,
        opened: Vec<Opened>,
    ) -> Result<Vec<ChronicleEvent>, AppError> {
        let mut shown: BTreeMap<PersonId, ShownOf> = BTreeMap::new();
        let reach = auditor.reach();
        for Opened { record, parts } in &opened {
            check(&reach, record)?;
            let Some(person) = record.person else { continue };
            let of = shown.entry(person).or_insert_with(|| ShownOf {
                owner: record.event.organisation.clone(),
                parts: BTreeSet::new(),
                kinds: BTreeMap::new(),
            });
            of.parts.insert(ShownPart::Facts);
            of.parts.extend(parts.iter().filter_map(|part| match (&part.state, part.class) {
                (PartState::Open(_), Class::Words) => Some(ShownPart::Words),
                (PartState::Open(_), Class::Identity) => Some(ShownPart::Identity),
                _ => None,
            }));
            *of.kinds.entry(record.event.facts.kind()).or_default() += 1;
        }
        let released = self.record_shown(auditor, through, complete_to, shown).await?;
        let show = |Opened { record, parts }| ChronicleEvent {
            true_from: true_from(&record),
            person: record.person,
            organisation_counter: record.organisation_counter,
            leaf_hash: record.leaf_hash,
            event: record.event,
            parts,
            released: released.clone(),
        };
        Ok(opened.into_iter().map(show).collect())
    }

    async fn record_shown(
        &self,
        auditor: &Auditor<'_>,
        through: Through,
        complete_to: Complete,
        shown: BTreeMap<PersonId, ShownOf>,
    ) -> Result<Released, AppError> {
        match auditor {
            Auditor::Caller(caller) => {
                let about = shown.into_iter().map(|(person, of)| {
                    let mut about = About::nothing_of(person, of.owner);
                    about.parts = of.parts;
                    about.kinds = of.kinds.into_iter().map(|(kind, count)| (kind.as_str().to_owned(), count)).collect();
                    about
                });
                self.release(caller, through, complete_to.position, about.collect()).await
            }
            Auditor::Operator => {
                let command = if through == Through::Difference { "diff" } else { "history" };
                let shown = shown.into_iter().map(|(person, of)| {
                    let ShownOf { owner, parts, kinds } = of;
                    OperatorAccess { person, owner, parts, kinds }
                });
                self.record_operator_access(command, None, complete_to.position, shown.collect()).await
            }
        }
    }

    /// Records that a caller asked for events whose parts could not be opened.
    pub(super) async fn record_failed(
        &self,
        auditor: Auditor<'_>,
        through: Through,
        complete_to: Complete,
        records: &[HistoryRecord],
        error: &AppError,
    ) {
        let Auditor::Caller(caller) = auditor else { return };
        let mut streams: Vec<StreamId> = records.iter().map(|record| record.event.stream).collect();
        streams.sort_unstable();
        streams.dedup();
        match self.store.rows_by_id(&auditor.reach(), &streams).await {
            Ok(rows) => self.record_attempt(caller, through, complete_to.position, &rows, error).await,
            Err(error) => tracing::error!(%error, "an attempt to read that failed could not be recorded"),
        }
    }
}

/// Refuses an event that the reader may not have, or of which it cannot be said whose it is.
fn check(reach: &Reach, record: &HistoryRecord) -> Result<(), AppError> {
    let position = record.event.position;
    if let Reach::Organisation(own) = reach
        && record.event.organisation != *own
    {
        return Err(AppError::CannotFollow { detail: format!("position {position} is beyond the reader's reach") });
    }
    if record.person.is_none() && record.event.facts.kind() != Kind::Framework && record.has_facts() {
        let detail = format!("the event at position {position} has no row: it cannot be said whose data it is");
        return Err(AppError::CannotFollow { detail });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::HistoryAsked;
    use crate::domain::event::{Facts, Header, Recorded};
    use crate::domain::ids::EventId;
    use crate::domain::narrative::NarrativeWithdrawn;
    use crate::domain::time::Timestamp;
    use crate::ledger::Hash;
    use crate::store::HistoryPart;
    use uuid::Uuid;

    fn record(person: Option<PersonId>, has_facts: bool) -> HistoryRecord {
        let occurred_at = "2026-11-01".parse().unwrap();
        let header = Header { occurred_at, client: "one".to_owned(), purpose: None, source_system: None };
        HistoryRecord {
            event: Recorded {
                position: 7,
                event: EventId(Uuid::from_u128(7)),
                stream: StreamId(Uuid::from_u128(8)),
                version: 0,
                organisation: "TEST".parse().unwrap(),
                recorded_at: Timestamp::from_micros(0),
                header,
                facts: Facts::NarrativeWithdrawn(NarrativeWithdrawn {}),
                index: Vec::new(),
                sealed: Vec::new(),
                erased: Vec::new(),
            },
            person,
            shown_at: occurred_at,
            organisation_counter: 0,
            leaf_hash: Hash::new([0; 32]),
            parts: vec![HistoryPart { name: "facts".to_owned(), class: Class::Facts, is_there: has_facts }],
        }
    }

    #[test]
    fn nothing_beyond_reach_leaves_nor_what_nobody_can_be_told_of() {
        let somebody = Some(PersonId(Uuid::from_u128(9)));
        let own = Reach::Organisation("TEST".parse().unwrap());
        let other = Reach::Organisation("OTHER".parse().unwrap());
        assert!(check(&own, &record(somebody, true)).is_ok());
        assert!(check(&Reach::Operator, &record(somebody, true)).is_ok());
        assert!(check(&other, &record(somebody, true)).is_err());
        assert!(check(&own, &record(None, true)).is_err(), "whose it is must be known while its facts are there");
        assert!(check(&own, &record(None, false)).is_ok(), "what was erased whole is nobody's any more");
        assert!(check(&other, &record(None, false)).is_err());
    }

    #[test]
    fn what_was_erased_whole_answers_no_question_about_what_went() {
        let (there, gone) = (record(None, true), record(None, false));
        let asked = |asked: &HistoryAsked| (asked.wants(&there), asked.wants(&gone));
        let everything = HistoryAsked::default();
        assert_eq!(asked(&everything), (true, true));
        let named = HistoryAsked { names: vec!["NarrativeWithdrawn".to_owned()], ..everything.clone() };
        assert_eq!(asked(&named), (true, true));
        for about_facts in [
            HistoryAsked { client: Some("one".to_owned()), ..everything.clone() },
            HistoryAsked { occurred_from: Some("2026-11".parse().unwrap()), ..everything.clone() },
            HistoryAsked { occurred_to: Some("2026-11".parse().unwrap()), ..everything.clone() },
            HistoryAsked { true_on: Some("2026-11".parse().unwrap()), ..everything },
        ] {
            assert_eq!(asked(&about_facts), (true, false), "{about_facts:?}");
        }
    }
}
