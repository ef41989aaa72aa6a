//! Whose data an export takes away, so that it is in the log of accesses before it is in a file.

use crate::app::accesses::OperatorAccess;
use crate::app::seen::shown_as;
use crate::app::{App, AppError};
use crate::domain::ids::{OrganisationCode, PersonId, StreamId};
use crate::domain::reading_access::ShownPart;
use crate::ledger::archive::{Observed, PartState};
use crate::store::Reach;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The command as accesses name it.
const COMMAND: &str = "export";

impl App {
    /// Records that these events are about to be written into an export, one access for each person, durably.
    ///
    /// # Errors
    /// [`AppError::AccessNotRecorded`]: then they may not be written.
    pub(super) async fn record_export(&self, events: &[Observed], complete_to: Option<u64>) -> Result<(), AppError> {
        let mut streams: Vec<StreamId> = events.iter().map(|event| StreamId(event.columns.stream)).collect();
        streams.sort_unstable();
        streams.dedup();
        let rows = self.store.rows_by_id(&Reach::Operator, &streams).await?;
        let row_of: HashMap<StreamId, _> = rows.iter().map(|row| (row.id, row)).collect();
        let mut shown: BTreeMap<PersonId, OperatorAccess> = BTreeMap::new();
        for event in events {
            let row = row_of.get(&StreamId(event.columns.stream));
            let Some((row, person)) = row.and_then(|row| Some((row, row.person()?))) else { continue };
            let owner = row.organisation.clone();
            let nothing = || OperatorAccess { person, owner, parts: BTreeSet::new(), kinds: BTreeMap::new() };
            let of = shown.entry(person).or_insert_with(nothing);
            *of.kinds.entry(row.kind()).or_default() += 1;
            of.parts.insert(ShownPart::Facts);
            let opened = event.parts.iter().filter(|part| matches!(part.state, PartState::Open { .. }));
            of.parts.extend(opened.filter_map(|part| shown_as(part.class?)));
        }
        self.record_operator_access(COMMAND, None, complete_to, shown.into_values().collect()).await?;
        Ok(())
    }

    /// Records that these accesses are about to be written into an export: once for each controller, and about the person whose
    /// accesses they are, if they are one person's. A record for each person in them would make the log feed on itself.
    ///
    /// # Errors
    /// [`AppError::AccessNotRecorded`]: then they may not be written.
    pub(super) async fn record_export_of_accesses(
        &self,
        accesses: &[Observed],
        person: Option<PersonId>,
    ) -> Result<(), AppError> {
        let mut shown: BTreeMap<OrganisationCode, u64> = BTreeMap::new();
        for access in accesses {
            // A row that was damaged is about nobody who could be told; verifying finds it.
            let owner = access.columns.organisation.parse().unwrap_or_else(|_| OrganisationCode::reference());
            *shown.entry(owner).or_default() += 1;
        }
        self.record_operators_look_at_accesses(COMMAND, person, shown).await?;
        Ok(())
    }
}
