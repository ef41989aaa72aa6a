//! Agreed steps and how far they come, and what people, families, communities and services did.

use super::{Conversation, Story};
use crate::app::sample::line::Body;
use crate::app::sample::phrases;
use crate::domain::words::{ActionStatus, PartyKind, Perspective};

impl Story {
    /// Agrees on none, one or two steps towards an outcome.
    pub(super) fn agree_steps(&mut self, at: usize, conversation: Conversation) {
        let theme = self.outcomes[at].theme;
        let count = self.chance.weighted(&[(25, 0), (50, 1), (25, 2)]).min(theme.actions.len());
        let begin = self.chance.below(theme.actions.len() as u64) as usize;
        for step in 0..count {
            let (party, phrase) = theme.actions[(begin + step) % theme.actions.len()];
            let description = self.cast.fill(phrase, &mut self.chance);
            let name = self.cast.name_of(party).filter(|_| self.chance.percent(50));
            let within = self.chance.between(14, 120);
            let due = self.chance.percent(45).then(|| self.planned(conversation.day + within).to_string());
            let body = self
                .about(self.date(conversation.day))
                .with("outcomes", self.references(&[self.outcomes[at].recording]))
                .with("description", description)
                .with("taken_by", party.as_str())
                .with_some("taken_by_name", name)
                .with_some("due", due)
                .with("conversation", self.book.reference(conversation.recording));
            let body = self.sourced(body);
            let recording = self.book.create("agree_action", 'a', body);
            self.steps.push((recording, conversation.day, false));
        }
    }

    /// Moves steps on in the days after a conversation.
    pub(super) fn progress_steps(&mut self, day: i64) {
        for (recording, since, begun) in std::mem::take(&mut self.steps) {
            if !self.chance.percent(68) {
                self.steps.push((recording, since, begun));
                continue;
            }
            let status = if begun || since < day {
                self.chance.weighted(&[
                    (70, ActionStatus::Done),
                    (16, ActionStatus::Stopped),
                    (14, ActionStatus::Started),
                ])
            } else {
                ActionStatus::Started
            };
            let notes = match status {
                ActionStatus::Stopped => phrases::STOPPED,
                ActionStatus::Done => phrases::DONE,
                ActionStatus::Agreed | ActionStatus::Started => phrases::STARTED,
            };
            let on = day + self.chance.between(1, 9);
            let body =
                Body::at(self.date(on)).with("status", status.as_str()).with_some("note", self.perhaps(40, notes));
            self.book.change("progress_action", recording, body);
            if status == ActionStatus::Started {
                self.steps.push((recording, on, true));
            }
        }
    }

    /// Tells what was done towards an outcome, by one party or two; it attributes the outcome to nobody.
    pub(super) fn contribute_perhaps(&mut self, at: usize, conversation: Conversation) {
        let contributions = self.outcomes[at].theme.contributions;
        let count = self.chance.weighted(&[(42, 0), (44, 1), (14, 2)]).min(contributions.len());
        let begin = self.chance.below(contributions.len() as u64) as usize;
        for step in 0..count {
            let (party, phrase) = contributions[(begin + step) % contributions.len()];
            let description = self.cast.fill(phrase, &mut self.chance);
            let name = self.cast.name_of(party).filter(|_| self.chance.percent(40));
            let perspective = match party {
                PartyKind::Service => Perspective::Practitioner,
                _ => self.chance.weighted(&[(60, Perspective::Person), (40, Perspective::Practitioner)]),
            };
            let body = self
                .about(self.date(conversation.day))
                .with("outcomes", self.references(&[self.outcomes[at].recording]))
                .with("contributor", party.as_str())
                .with_some("contributor_name", name)
                .with("perspective", perspective.as_str())
                .with("description", description)
                .with("conversation", self.book.reference(conversation.recording));
            let body = self.sourced(body);
            self.book.create("record_contribution", 'b', body);
        }
    }
}
