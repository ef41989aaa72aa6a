//! From when in life an event holds. Most events tell of something that happened, and hold from when it happened. A
//! correction tells that an earlier recording was wrong all along, so it holds from the time of what it corrects:
//! otherwise whoever asks how things stood on a day would be told the mistake and not that it was one.

use crate::domain::event::Facts;
use crate::domain::time::LifeTime;
use crate::store::HistoryRecord;

/// Whether an event corrects what was recorded, rather than telling of a change in life.
pub(super) const fn is_correction(facts: &Facts) -> bool {
    match facts {
        Facts::PersonAmended(_)
        | Facts::PersonIdentifierAdded(_)
        | Facts::ConversationAmended(_)
        | Facts::NarrativeAmended(_)
        | Facts::NarrativeWithdrawn(_)
        | Facts::ReviewRevised(_)
        | Facts::ReviewWithdrawn(_) => true,
        Facts::PersonRegistered(_)
        | Facts::ConversationHeld(_)
        | Facts::NarrativeRecorded(_)
        | Facts::RecordResponseAdded(_)
        | Facts::OutcomeIdentified(_)
        | Facts::OutcomeReworded(_)
        | Facts::OutcomePrioritised(_)
        | Facts::OutcomeClosed(_)
        | Facts::OutcomeReopened(_)
        | Facts::OutcomeReviewed(_)
        | Facts::ActionAgreed(_)
        | Facts::ActionProgressed(_)
        | Facts::ContributionRecorded(_)
        | Facts::FrameworkPublished(_)
        | Facts::FrameworkRetired(_)
        | Facts::ErasureRequested(_)
        | Facts::ErasureApproved(_)
        | Facts::ErasureRefused(_)
        | Facts::ErasureWithdrawn(_)
        | Facts::ErasureNoticeSent(_)
        | Facts::ErasureExecuted(_)
        | Facts::Erased(_) => false,
    }
}

/// From when in life an event holds. What a recording shows after a correction is the time of what was corrected, and the
/// right one where the time itself was wrong.
pub(super) const fn true_from(record: &HistoryRecord) -> LifeTime {
    if is_correction(&record.event.facts) { record.shown_at } else { record.event.header.occurred_at }
}

/// Whether something that holds from a time in life may hold at the end of another. A time that is known to the month
/// only counts from the month's beginning.
pub(super) fn holds_on(true_from: LifeTime, on: LifeTime) -> bool {
    true_from.earliest() < on.until()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_holds_what_began_before_its_end() {
        let holds = |from: &str, on: &str| holds_on(from.parse().unwrap(), on.parse().unwrap());
        assert!(holds("2026-01-01", "2026-01-01"));
        assert!(!holds("2026-01-02", "2026-01-01"));
        assert!(holds("2026-01-01T23:59:59.999999Z", "2026-01-01"));
        assert!(!holds("2026-01-02T00:00:00Z", "2026-01-01"));
        assert!(holds("2026-01", "2026-01-01"), "it may have been on the first");
        assert!(holds("2026", "2026-01-01"));
        assert!(holds("2026-01-31", "2026-01"), "a month ends with its last day");
    }
}
