//! What is added or put right afterwards: responses, amendments, withdrawals, other wordings, late recordings, and how a
//! record comes to its end.

use super::Story;
use super::engagement::span_values;
use crate::app::sample::account::{Account, Mood, Voice, compose};
use crate::app::sample::cast::party_of;
use crate::app::sample::line::{Body, Recording};
use crate::app::sample::phrases;
use crate::app::sample::themes::Life;
use crate::domain::time::LifeTime;
use crate::domain::words::{ClosureReason, Perspective, Stance};

impl Story {
    /// Somebody who did not speak in it says something of a narrative.
    pub(super) fn respond_perhaps(&mut self, day: i64, narrative: Recording, spoken: Perspective) {
        if !self.chance.percent(9) {
            return;
        }
        let perspective = match self.cast.others.iter().copied().find(|other| *other != spoken) {
            Some(other) if self.chance.percent(60) => other,
            _ if spoken == Perspective::Person => Perspective::Practitioner,
            _ => Perspective::Person,
        };
        let stance = self.chance.weighted(&[(40, Stance::Agrees), (32, Stance::Disagrees), (28, Stance::Adds)]);
        let text = match stance {
            Stance::Agrees => self.perhaps(50, phrases::AGREES),
            Stance::Disagrees => self.perhaps(85, phrases::DISAGREES),
            Stance::Adds => Some(self.phrase(phrases::ADDS)),
        };
        let author = party_of(perspective);
        let body = Body::at(self.date(day + 2))
            .with("stance", stance.as_str())
            .with("perspective", perspective.as_str())
            .with("author", author.as_str())
            .with_some("author_name", self.cast.name_of(author).filter(|_| self.chance.percent(50)))
            .with_some("text", text);
        self.book.add("respond_to_narrative", narrative, body);
    }

    /// Adds a sentence to a narrative; the spans before it stay where they are.
    pub(super) fn amend_perhaps(&mut self, day: i64, narrative: Recording, account: &Account) {
        if !self.chance.percent(5) {
            return;
        }
        let added = self.phrase(phrases::ADDED);
        let body = Body::at(self.date(day + 3))
            .with("text", format!("{} {added}", account.text))
            .with("verbatim_spans", span_values(account))
            .with("reason", self.phrase(phrases::AMENDED));
        self.book.change("amend_narrative", narrative, body);
    }

    /// An outcome that was entered twice is closed at once.
    pub(super) fn close_as_error_perhaps(&mut self, at: usize) -> bool {
        let is_error = self.chance.percent(1);
        if is_error {
            let (reason, day) = (self.phrase(phrases::IN_ERROR), self.outcomes[at].since);
            self.close(at, ClosureReason::EnteredInError, Some(reason), day);
        }
        is_error
    }

    /// Says an outcome in other words.
    pub(super) fn reword_perhaps(&mut self, at: usize, day: i64) {
        if !self.chance.percent(9) {
            return;
        }
        let outcome = self.outcomes[at].clone();
        let why = self.perhaps(75, outcome.theme.why);
        let body = Body::at(self.date(day + 1));
        let body = self.outcome_content(body, outcome.theme, outcome.direction, why, &outcome.narratives);
        let body = body.with("reason", self.phrase(phrases::REWORDED));
        self.book.change("reword_outcome", outcome.recording, body);
    }

    /// What comes in at the end of the story: things told late, things that were never this person's, an ending.
    pub(super) fn end(&mut self) {
        if self.chance.percent(22) {
            self.tell_late();
        }
        if self.chance.percent(9) {
            self.misplace();
        }
        if self.chance.percent(15) {
            self.review_late_perhaps();
        }
        let ending = match self.life {
            Life::Older | Life::Resident if self.chance.percent(5) => ClosureReason::PersonDied,
            Life::Adult | Life::Child if self.chance.percent(5) => ClosureReason::MovedOn,
            _ => return,
        };
        let day = -self.chance.between(1, 2);
        for at in self.open() {
            self.close(at, ending, None, day);
        }
    }

    /// Something of long before all that has been recorded, as precisely as anybody remembers.
    fn tell_late(&mut self) {
        let back =
            if self.life == Life::Child { self.chance.between(60, 700) } else { self.chance.between(300, 3_000) };
        let long_ago = self.civil(-back);
        let occurred_at = self.chance.weighted(&[
            (4, LifeTime::Month(long_ago.year(), long_ago.month())),
            (2, LifeTime::Year(long_ago.year())),
            (4, LifeTime::Day(long_ago)),
        ]);
        let themes = self.life.themes();
        let theme = &themes[self.chance.below(themes.len() as u64) as usize];
        let mut account = Account::default();
        account.text = self.phrase(phrases::TOLD_LATE);
        if self.chance.percent(60) {
            account = compose(Voice::Told, theme, Mood::First, &self.cast, &mut self.chance);
        }
        self.narrate(None, occurred_at, Voice::Told, account, &[]);
    }

    /// A narrative of somebody else, withdrawn when it is found.
    fn misplace(&mut self) {
        let day = -self.chance.between(5, 11);
        let mut account = Account::default();
        account.text = self.phrase(phrases::MISPLACED);
        let narrative = self.narrate(None, self.date(day), Voice::Noticed, account, &[]);
        let body = Body::at(self.date(day + 4)).with("reason", self.phrase(phrases::IN_ERROR));
        self.book.change("withdraw_narrative", narrative, body);
    }

    /// The family's or the carer's review of months ago, found in the post.
    fn review_late_perhaps(&mut self) {
        let Some(other) = self.cast.others.first().copied() else { return };
        let may = |at: &usize| self.outcomes[*at].closed != Some(ClosureReason::EnteredInError);
        let Some(at) = (0..self.outcomes.len()).find(may) else { return };
        let day = self.chance.between(self.outcomes[at].since, -2);
        self.review_late(at, other, day);
    }
}
