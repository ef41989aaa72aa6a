//! Reviews: how far outcomes have come, as each standpoint sees it, and what follows: closure and opening again.

use super::{Conversation, Story};
use crate::app::sample::account::{Mood, Voice, compose};
use crate::app::sample::cast::party_of;
use crate::app::sample::line::{Body, Recording};
use crate::app::sample::phrases;
use crate::domain::words::{ClosureReason, Direction, PartyKind, Perspective, ReviewStage};

/// How far an outcome is met, by the shipped list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    FullyMet,
    PartlyMet,
    NotMet,
    NoLongerMatters,
    NotDiscussed,
}

impl Status {
    const fn item(self) -> &'static str {
        match self {
            Self::FullyMet => "review-status@1#fully_met",
            Self::PartlyMet => "review-status@1#partly_met",
            Self::NotMet => "review-status@1#not_met",
            Self::NoLongerMatters => "review-status@1#no_longer_matters",
            Self::NotDiscussed => "review-status@1#not_discussed",
        }
    }

    const fn notes(self) -> &'static [&'static str] {
        match self {
            Self::FullyMet => phrases::NOTED_BETTER,
            Self::PartlyMet => phrases::NOTED_PARTLY,
            Self::NotMet => phrases::NOTED_WORSE,
            Self::NoLongerMatters => phrases::NO_LONGER_MATTERS,
            Self::NotDiscussed => phrases::NOT_DISCUSSED,
        }
    }

    fn of(progress: i64) -> Self {
        match progress {
            68.. => Self::FullyMet,
            34.. => Self::PartlyMet,
            _ => Self::NotMet,
        }
    }
}

/// One standpoint's review, before it is recorded.
#[derive(Debug, Clone, Copy)]
struct View {
    perspective: Perspective,
    status: Status,
    stage: ReviewStage,
    day: i64,
}

impl Story {
    /// How things stood at the start, in some cases.
    pub(super) fn baseline_perhaps(&mut self, at: usize, conversation: Conversation) {
        if !self.chance.percent(45) {
            return;
        }
        let perspective = self.chance.weighted(&[(3, Perspective::Person), (2, Perspective::Practitioner)]);
        let status = Status::of(self.outcomes[at].progress);
        let view = View { perspective, status, stage: ReviewStage::Baseline, day: conversation.day };
        self.review(at, view, Some(conversation), &[], 80);
    }

    /// Reviews what is open, tells what was said, and closes what has come to an end.
    pub(super) fn review_open_outcomes(&mut self, conversation: Conversation) {
        for at in self.open() {
            if !self.chance.percent(84) {
                continue;
            }
            let outcome = &self.outcomes[at];
            let step = match outcome.direction {
                Direction::Change => self.chance.between(-10, 45),
                Direction::Maintain => self.chance.between(-22, 14),
            };
            let progress = (outcome.progress + step).clamp(0, 100);
            self.outcomes[at].progress = progress;
            let status = self.chance.weighted(&[
                (90, Status::of(progress)),
                (4, Status::NoLongerMatters),
                (6, Status::NotDiscussed),
            ]);
            self.review_round(at, status, conversation);
            if self.outcomes[at].closed.is_none() {
                self.reword_perhaps(at, conversation.day);
            }
        }
    }

    fn review_round(&mut self, at: usize, status: Status, conversation: Conversation) {
        let is_final = conversation.is_last && self.chance.percent(35);
        let stage = if is_final { ReviewStage::Final } else { ReviewStage::FollowUp };
        let mut view = View { perspective: Perspective::Practitioner, status, stage, day: conversation.day };
        if status == Status::NotDiscussed {
            self.review(at, view, Some(conversation), &[], 0);
            return;
        }
        let narratives = self.review_narratives(at, status, conversation);
        let mut perspectives = Vec::new();
        for (perspective, share) in [(Perspective::Person, 88), (Perspective::Practitioner, 78)]
            .into_iter()
            .chain(self.cast.others.clone().into_iter().map(|other| (other, 40)))
        {
            if self.chance.percent(share) {
                perspectives.push(perspective);
            }
        }
        // The odd one out sees it otherwise: data, not an error.
        let others = (perspectives.len() as u64).saturating_sub(1);
        let odd = (others > 0 && self.chance.percent(21)).then(|| 1 + self.chance.below(others));
        for (place, perspective) in (0..).zip(perspectives) {
            view.perspective = perspective;
            view.status = if odd == Some(place) { self.other_than(status) } else { status };
            let review = self.review(at, view, Some(conversation), &narratives, 30);
            self.correct_review_perhaps(at, review, view, conversation);
        }
        self.contribute_perhaps(at, conversation);
        self.close_perhaps(at, status, conversation.day);
    }

    fn review_narratives(&mut self, at: usize, status: Status, conversation: Conversation) -> Vec<Recording> {
        if !self.chance.percent(56) {
            return Vec::new();
        }
        let (theme, outcome) = (self.outcomes[at].theme, self.outcomes[at].recording);
        let mood = match status {
            Status::FullyMet => Mood::Better,
            Status::PartlyMet if self.chance.percent(60) => Mood::Better,
            _ => Mood::Worse,
        };
        let voice =
            self.chance.weighted(&[(60, Voice::Told), (15, Voice::Written), (25, Voice::Noticed), (1, Voice::Studied)]);
        let mut narratives = Vec::new();
        for voice in self.with_somebody_beside(voice, 25) {
            let account = compose(voice, theme, mood, &self.cast, &mut self.chance);
            let told_at = self.date(conversation.day);
            narratives.push(self.narrate(Some(conversation), told_at, voice, account, &[outcome]));
        }
        narratives
    }

    fn other_than(&mut self, status: Status) -> Status {
        match status {
            Status::FullyMet => Status::PartlyMet,
            Status::PartlyMet => self.chance.weighted(&[(3, Status::FullyMet), (2, Status::NotMet)]),
            Status::NotMet => self.chance.weighted(&[(4, Status::PartlyMet), (1, Status::FullyMet)]),
            Status::NoLongerMatters | Status::NotDiscussed => Status::PartlyMet,
        }
    }

    /// Records a review; `rated` in percent of cases with a rating beside the status.
    fn review(
        &mut self,
        at: usize,
        view: View,
        conversation: Option<Conversation>,
        narratives: &[Recording],
        rated: u64,
    ) -> Recording {
        let author = match view.perspective {
            Perspective::Person if self.chance.percent(60) => PartyKind::Practitioner,
            perspective => party_of(perspective),
        };
        let author_name = self.cast.name_of(author).filter(|_| self.chance.percent(70));
        let body = self
            .about(self.date(view.day))
            .with("outcome", self.book.reference(self.outcomes[at].recording))
            .with("perspective", view.perspective.as_str())
            .with("author", author.as_str())
            .with_some("author_name", author_name);
        let body = self.appraised(body, view, narratives, rated);
        let body = body.with_some("conversation", conversation.map(|held| self.book.reference(held.recording)));
        let body = self.sourced(body);
        self.book.create("record_review", 'r', body)
    }

    fn appraised(&mut self, body: Body, view: View, narratives: &[Recording], rated: u64) -> Body {
        let rating = if self.chance.percent(rated) { self.rating(view.status) } else { None };
        body.with("status", view.status.item())
            .with("stage", view.stage.as_str())
            .with_some("rating", rating)
            .with("narratives", self.references(narratives))
            .with_some(
                "note",
                self.perhaps(if view.stage == ReviewStage::Baseline { 10 } else { 50 }, view.status.notes()),
            )
    }

    /// A rating that the shipped scale maps to the status.
    fn rating(&mut self, status: Status) -> Option<&'static str> {
        match status {
            Status::FullyMet => Some(self.chance.weighted(&[
                (5, "goal-attainment-scale@1#LA34481-4"),
                (3, "goal-attainment-scale@1#LA34480-6"),
                (1, "goal-attainment-scale@1#LA34479-8"),
            ])),
            Status::PartlyMet => Some("goal-attainment-scale@1#LA34483-0"),
            Status::NotMet => Some("goal-attainment-scale@1#LA34484-8"),
            Status::NoLongerMatters | Status::NotDiscussed => None,
        }
    }

    fn correct_review_perhaps(&mut self, at: usize, review: Recording, view: View, conversation: Conversation) {
        match self.chance.weighted(&[(940, 0), (45, 1), (15, 2)]) {
            1 => {
                let revised = View { status: self.other_than(view.status), ..view };
                let body = Body::at(self.date(view.day + 4)).with("reviewed_at", self.date(view.day).to_string());
                let body = self.appraised(body, revised, &[], 20);
                let body = body.with("reason", self.phrase(phrases::REVISED));
                self.book.change("revise_review", review, body);
            }
            2 => {
                let body = Body::at(self.date(view.day + 3)).with("reason", self.phrase(phrases::IN_ERROR));
                self.book.change("withdraw_review", review, body);
                self.review(at, view, Some(conversation), &[], 0);
            }
            _ => {}
        }
    }

    fn close_perhaps(&mut self, at: usize, status: Status, day: i64) {
        let progress = self.outcomes[at].progress;
        let (closure, reason) = match status {
            Status::FullyMet if progress >= 82 && self.chance.percent(45) => {
                (ClosureReason::Achieved, self.perhaps(60, phrases::ACHIEVED))
            }
            Status::NoLongerMatters if self.chance.percent(80) => {
                (ClosureReason::NoLongerMatters, self.perhaps(60, phrases::NO_LONGER_MATTERS))
            }
            Status::NotMet if self.chance.percent(6) => {
                (ClosureReason::Other, Some(self.phrase(phrases::CLOSED_OTHERWISE)))
            }
            _ => return,
        };
        self.close(at, closure, reason, day + 1);
    }

    /// Closes an outcome.
    pub(super) fn close(&mut self, at: usize, closure: ClosureReason, reason: Option<String>, day: i64) {
        let body = Body::at(self.date(day)).with("closure_reason", closure.as_str()).with_some("reason", reason);
        self.book.change("close_outcome", self.outcomes[at].recording, body);
        self.outcomes[at].closed = Some(closure);
    }

    /// Opens again what came back.
    pub(super) fn reopen_perhaps(&mut self, day: i64) {
        for at in 0..self.outcomes.len() {
            let may_return = matches!(
                self.outcomes[at].closed,
                Some(ClosureReason::Achieved | ClosureReason::NoLongerMatters | ClosureReason::Other)
            );
            if may_return && self.chance.percent(18) {
                let body = Body::at(self.date(day)).with("reason", self.phrase(phrases::REOPENED));
                self.book.change("reopen_outcome", self.outcomes[at].recording, body);
                self.outcomes[at].closed = None;
                self.outcomes[at].progress = self.chance.between(20, 50);
            }
        }
    }

    /// A review that comes in long after its day: whether the outcome is open or closed by then.
    pub(super) fn review_late(&mut self, at: usize, perspective: Perspective, day: i64) {
        let status = Status::of(self.outcomes[at].progress);
        let view = View { perspective, status, stage: ReviewStage::FollowUp, day };
        self.review(at, view, None, &[], 0);
    }
}
