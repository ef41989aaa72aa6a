//! The suite turned on itself: a store that keeps nothing and answers emptily must fail it.

use super::waiting::Gate;
use crate::domain::event::{Class, PartRef, Recorded};
use crate::domain::ids::{OrganisationCode, PersonId, StreamId};
use crate::domain::time::Timestamp;
use crate::ledger::Frontier;
use crate::ledger::archive::LogName;
use crate::projections::Row;
use crate::store::lawful::{KeyDestruction, LawfulStore, SealedAnew};
use crate::store::{
    AccessHead, AccessQuery, AccessStore, Appended, Archive, Attestations, Client, EventQuery, Extent, Group, Head,
    HistoryQuery, HistoryRecord, HistoryStore, KeptAnswer, KeptCosignature, KeptStatement, KnownRecorder, NewAccess,
    RawEvent, RawPart, Reach, Rejection, RowQuery, RowWanted, SingleRow, Store, StoreError, StoredAccess, StoredPart,
};
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::watch;

/// Says yes to everything and keeps nothing; before a gate, if it stands before one.
#[derive(Default)]
pub(super) struct NothingStore {
    size: watch::Sender<u64>,
    gate: Option<Arc<Gate>>,
}

impl NothingStore {
    pub(super) fn behind(gate: &Arc<Gate>) -> Self {
        Self { gate: Some(Arc::clone(gate)), ..Self::default() }
    }
}

fn empty() -> Head {
    Head { size: 0, recorded_at: Timestamp::from_micros(0), generation: 1, frontier: Some(Frontier::new()) }
}

#[async_trait]
impl HistoryStore for NothingStore {
    async fn history(&self, _: &HistoryQuery) -> Result<(Head, Vec<HistoryRecord>), StoreError> {
        Ok((empty(), Vec::new()))
    }
}

#[async_trait]
impl AccessStore for NothingStore {
    async fn append_accesses(&self, _: &[NewAccess], _: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }
    async fn access_head(&self) -> Result<AccessHead, StoreError> {
        Ok(AccessHead { size: 0, recorded_at: Timestamp::from_micros(0), frontier: Frontier::new() })
    }
    fn follow_accesses(&self) -> watch::Receiver<u64> {
        self.size.subscribe()
    }
    async fn accesses(&self, _: &AccessQuery) -> Result<Vec<StoredAccess>, StoreError> {
        Ok(Vec::new())
    }
    async fn first_access_at(&self, _: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }
    async fn access_leaves(&self, _: u64, _: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(Vec::new())
    }
    async fn access_hashes(&self, _: u8, _: u64, _: u32) -> Result<Vec<crate::ledger::Hash>, StoreError> {
        Ok(Vec::new())
    }
    async fn known_recorders(&self, _: &OrganisationCode, _: &[StreamId]) -> Result<Vec<KnownRecorder>, StoreError> {
        Ok(Vec::new())
    }
    async fn check_access_writing(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Store for NothingStore {
    async fn append(
        &self,
        groups: &[Group],
        now: Timestamp,
    ) -> Result<Vec<Vec<Result<Appended, Rejection>>>, StoreError> {
        if let Some(gate) = &self.gate {
            gate.pass(groups).await;
        }
        let answer = |stream| Ok(Appended { position: 0, stream, version: 0, recorded_at: now, repeated: false });
        Ok(groups.iter().map(|group| group.items.iter().map(|item| answer(item.stream)).collect()).collect())
    }
    async fn head(&self) -> Result<Head, StoreError> {
        Ok(empty())
    }
    fn follow(&self) -> watch::Receiver<u64> {
        self.size.subscribe()
    }
    async fn size_at(&self, _: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }
    async fn single_rows(&self, wanted: &[RowWanted]) -> Result<Vec<Result<SingleRow, StoreError>>, StoreError> {
        Ok(wanted.iter().map(|_| Ok((empty(), None))).collect())
    }
    async fn rows_by_id(&self, _: &Reach, _: &[StreamId]) -> Result<Vec<Row>, StoreError> {
        Ok(Vec::new())
    }
    async fn rows(&self, _: &RowQuery) -> Result<(Head, Vec<Row>), StoreError> {
        Ok((empty(), Vec::new()))
    }
    async fn parts(&self, _: &[PartRef]) -> Result<Vec<StoredPart>, StoreError> {
        Ok(Vec::new())
    }
    async fn events(&self, _: &EventQuery) -> Result<(Head, Vec<Recorded>), StoreError> {
        Ok((empty(), Vec::new()))
    }
    async fn leaves(&self, _: u64, _: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(Vec::new())
    }
    async fn kept_answers(&self, _: &[[u8; 32]]) -> Result<Vec<([u8; 32], KeptAnswer)>, StoreError> {
        Ok(Vec::new())
    }
    async fn begin_rebuild(&self) -> Result<u32, StoreError> {
        Ok(2)
    }
    async fn write_rebuilt(&self, _: u32, _: &[(Row, u64)], _: &[(StreamId, u64)]) -> Result<(), StoreError> {
        Ok(())
    }
    async fn rebuilt_rows(&self, _: u32, _: &[StreamId], _: u64) -> Result<Vec<Row>, StoreError> {
        Ok(Vec::new())
    }
    async fn switch_generation(&self, _: u32, _: u64) -> Result<bool, StoreError> {
        Ok(true)
    }
    async fn row_versions(&self, _: &[(StreamId, u64)]) -> Result<Vec<(Row, u64)>, StoreError> {
        Ok(Vec::new())
    }
    async fn row_counts(&self) -> Result<(u64, u64), StoreError> {
        Ok((0, 0))
    }
    async fn add_client(&self, _: &Client) -> Result<bool, StoreError> {
        Ok(true)
    }
    async fn put_client(&self, _: &Client) -> Result<(), StoreError> {
        Ok(())
    }
    async fn client(&self, _: &str) -> Result<Option<Client>, StoreError> {
        Ok(None)
    }
    async fn clients(&self) -> Result<Vec<Client>, StoreError> {
        Ok(Vec::new())
    }
    async fn use_assertion(&self, _: &str, _: &[u8; 32], _: Timestamp, _: Timestamp) -> Result<bool, StoreError> {
        Ok(true)
    }
    async fn tree_hashes(&self, _: u8, _: u64, _: u32) -> Result<Vec<crate::ledger::Hash>, StoreError> {
        Ok(Vec::new())
    }
    async fn put_checkpoint(&self, _: &crate::store::KeptCheckpoint) -> Result<(), StoreError> {
        Ok(())
    }
    async fn checkpoints(&self, _: &str, _: u64, _: u32) -> Result<Vec<crate::store::KeptCheckpoint>, StoreError> {
        Ok(Vec::new())
    }
    async fn last_checkpoint(&self, _: &str) -> Result<Option<crate::store::KeptCheckpoint>, StoreError> {
        Ok(None)
    }
    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
    async fn close(&self) {}
}

#[async_trait]
impl Archive for NothingStore {
    async fn extent(&self, _: LogName) -> Result<Option<Extent>, StoreError> {
        Ok(None)
    }
    async fn raw_events(&self, _: LogName, _: u64, _: u64) -> Result<Vec<RawEvent>, StoreError> {
        Ok(Vec::new())
    }
    async fn raw_parts(&self, _: LogName, _: u64, _: u64) -> Result<Vec<RawPart>, StoreError> {
        Ok(Vec::new())
    }
    async fn raw_subtrees(&self, _: LogName, _: u8, _: u64, _: u32) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        Ok(Vec::new())
    }
    async fn streams_of_person(&self, _: PersonId) -> Result<Vec<StreamId>, StoreError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Attestations for NothingStore {
    async fn put_cosignature(&self, _: &KeptCosignature) -> Result<(), StoreError> {
        Ok(())
    }
    async fn cosignatures(&self, _: &str, _: u64, _: u64) -> Result<Vec<KeptCosignature>, StoreError> {
        Ok(Vec::new())
    }
    async fn last_cosigned(&self, _: &str, _: &[String], _: u32) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }
    async fn put_statement(&self, _: Timestamp, _: &str) -> Result<(), StoreError> {
        Ok(())
    }
    async fn statements(&self) -> Result<Vec<KeptStatement>, StoreError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl LawfulStore for NothingStore {
    async fn pending_destructions(&self, _: u32) -> Result<Vec<KeyDestruction>, StoreError> {
        Ok(Vec::new())
    }
    async fn destructions_of(&self, _: u64) -> Result<Vec<KeyDestruction>, StoreError> {
        Ok(Vec::new())
    }
    async fn parts_not_sealed_with(
        &self,
        _: PersonId,
        _: Class,
        _: uuid::Uuid,
        _: u32,
    ) -> Result<Vec<StoredPart>, StoreError> {
        Ok(Vec::new())
    }
    async fn put_sealed_anew(&self, _: &[SealedAnew]) -> Result<(), StoreError> {
        Ok(())
    }
    async fn destruction_done(&self, _: &KeyDestruction, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }
    async fn last_lawful_change(&self) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }
}

/// Runs a statement on a store that does nothing, and expects it to fail.
async fn must_fail(name: &str, statement: impl std::future::Future<Output = ()> + Send + 'static) {
    assert!(tokio::spawn(statement).await.is_err(), "{name} holds for a store that does nothing");
}

#[tokio::test]
async fn the_suite_fails_a_store_that_does_nothing() {
    use super::ground_test::Ground;
    use super::{accesses, appends, archive, attestation, erasures, events, groups, log, rebuilds, rows, waiting};
    macro_rules! all_fail {
        ($($module:ident::$name:ident)*) => {$(
            must_fail(stringify!($name), async { $module::$name(&Ground::nothing()).await }).await;
        )*};
    }
    all_fail! {
        log::positions_follow_each_other_from_zero
        log::leaves_say_what_was_appended
        log::the_root_is_the_root_over_the_leaves
        log::recorded_times_rise_even_when_the_clock_goes_back
        appends::versions_are_as_expected_or_the_item_is_rejected
        appends::a_key_is_answered_as_the_first_time_for_ever
        appends::an_atomic_group_is_appended_whole_or_not_at_all
        erasures::an_erasure_takes_parts_digests_and_keys_and_nothing_else
        erasures::an_erasure_of_everything_leaves_envelopes_and_a_tombstone
        erasures::only_what_an_erasure_covers_can_be_removed
        rows::a_row_as_of_a_size_is_what_was_current_then
        rows::lists_go_along_every_path_and_filter
        rows::clients_and_assertions_are_kept
        groups::a_key_twice_in_an_atomic_group_does_not_break_it_in_two
        groups::each_item_of_a_refused_group_says_why
        attestation::a_cosignature_is_kept_as_it_first_came_and_counted_once
        attestation::statements_are_kept_in_their_order
        events::events_are_read_as_they_were_appended
        events::an_answer_names_the_head_that_it_is_complete_to
        rebuilds::rows_that_are_folded_anew_equal_the_live_ones
        rebuilds::a_rebuild_that_another_one_swept_away_does_not_become_current
        accesses::accesses_are_read_as_they_were_appended
        accesses::accesses_are_found_by_whose_by_whom_and_when
        accesses::accesses_have_no_gaps_whoever_reads_at_once
        accesses::who_recorded_about_somebody_is_known
        archive::the_tables_are_read_as_they_were_written
        archive::how_far_everything_goes_is_read_at_one_moment
        archive::a_persons_streams_are_those_of_their_record
        waiting::everybody_is_answered_after_the_last_handle_is_gone
    }
}
