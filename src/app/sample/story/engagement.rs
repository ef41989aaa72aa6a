//! Conversations, the narratives that come from them, and the outcomes that are identified in them.

use super::{Conversation, Outcome, Story};
use crate::app::sample::account::{Account, Mood, Voice, compose};
use crate::app::sample::cast::party_of;
use crate::app::sample::line::{Body, Recording};
use crate::app::sample::phrases;
use crate::app::sample::themes::{Life, Theme};
use crate::domain::conversation::Asked;
use crate::domain::time::LifeTime;
use crate::domain::words::{ConversationMode, Direction, PartyKind, Perspective};
use serde_json::{Value, json};

/// The most outcomes of one sample person.
const OUTCOMES_MAX: usize = 4;

/// A conversation's content, kept so that an amendment can repeat it.
struct Told {
    asked: &'static str,
    not_asked_reason: Option<String>,
    mode: ConversationMode,
    participants: Vec<(PartyKind, Option<String>)>,
    participation: Option<&'static str>,
    note: Option<String>,
}

impl Told {
    fn onto(&self, body: Body) -> Body {
        let participants: Vec<Value> = self
            .participants
            .iter()
            .map(|(kind, name)| match name {
                Some(name) => json!({"kind": kind.as_str(), "name": name}),
                None => json!({"kind": kind.as_str()}),
            })
            .collect();
        body.with("asked", self.asked)
            .with_some("not_asked_reason", self.not_asked_reason.clone())
            .with("mode", self.mode.as_str())
            .with("participants", participants)
            .with_some("participation", self.participation)
            .with_some("note", self.note.clone())
    }
}

impl Story {
    /// Holds a conversation and tells all that comes of it.
    pub(super) fn converse(&mut self, day: i64, is_last: bool) {
        let first_share = if self.outcomes.is_empty() { 86 } else { 80 };
        let asked =
            self.chance.weighted(&[(first_share, Asked::Expressed), (9, Asked::NoneExpressed), (9, Asked::NotAsked)]);
        let told = self.conversation_content(asked);
        let held_at = if self.chance.percent(60) { self.hour(day) } else { self.date(day) };
        let body = told.onto(self.about(held_at));
        let body = self.sourced(body);
        let recording = self.book.create("record_conversation", 'c', body);
        let conversation = Conversation { recording, day, is_last };
        match asked {
            Asked::Expressed => self.engage(conversation),
            Asked::NoneExpressed if self.chance.percent(70) => {
                let mut account = Account::default();
                account.text = self.phrase(phrases::NONE_EXPRESSED);
                self.narrate(Some(conversation), self.date(day), Voice::Noticed, account, &[]);
            }
            Asked::NotAsked if self.chance.percent(40) => {
                let mut account = Account::default();
                account.text = self.phrase(phrases::FILED);
                self.narrate(Some(conversation), self.date(day), Voice::Filed, account, &[]);
            }
            Asked::NoneExpressed | Asked::NotAsked => {}
        }
        self.progress_steps(day);
        if self.chance.percent(4) {
            self.amend_conversation(conversation, told, held_at);
        }
    }

    fn conversation_content(&mut self, asked: Asked) -> Told {
        let mode = self.chance.weighted(&[
            (62, ConversationMode::InPerson),
            (20, ConversationMode::Telephone),
            (9, ConversationMode::Video),
            (5, ConversationMode::Written),
            (4, ConversationMode::Other),
        ]);
        let mut participants = vec![(PartyKind::Practitioner, Some(self.cast.worker.clone()))];
        for other in self.cast.others.clone() {
            if self.chance.percent(45) {
                let party = party_of(other);
                participants.push((party, self.cast.name_of(party).filter(|_| self.chance.percent(70))));
            }
        }
        let participation = match self.life {
            Life::Child => Some(self.chance.weighted(&[
                (60, "ssda903-participation@1#PN1"),
                (20, "ssda903-participation@1#PN2"),
                (10, "ssda903-participation@1#PN3"),
                (10, "ssda903-participation@1#PN6"),
            ])),
            _ => self
                .chance
                .percent(6)
                .then(|| self.chance.weighted(&[(2, "iap2-spectrum@1#involve"), (1, "iap2-spectrum@1#collaborate")])),
        };
        Told {
            asked: match asked {
                Asked::Expressed => "expressed",
                Asked::NoneExpressed => "none_expressed",
                Asked::NotAsked => "not_asked",
            },
            not_asked_reason: (asked == Asked::NotAsked).then(|| self.phrase(phrases::NOT_ASKED)),
            mode,
            participants,
            participation,
            note: self.perhaps(18, phrases::CONVERSATION_NOTES),
        }
    }

    /// A correction some days later: the time was wrong, or somebody had been left out.
    fn amend_conversation(&mut self, conversation: Conversation, mut told: Told, held_at: LifeTime) {
        let reason = if self.chance.percent(50) {
            told.participants.push((PartyKind::Community, None));
            "Somebody from the club was there too and had been left out."
        } else {
            let (mode, reason) = match told.mode {
                ConversationMode::InPerson => (ConversationMode::Telephone, "It was a telephone call."),
                _ => (ConversationMode::InPerson, "It was held face to face."),
            };
            told.mode = mode;
            reason
        };
        let amended_at = self.date(conversation.day + 5);
        let body = told.onto(self.about(amended_at).with("held_at", held_at.to_string())).with("reason", reason);
        self.book.change("amend_conversation", conversation.recording, body);
    }

    /// What is told where outcomes were expressed.
    fn engage(&mut self, conversation: Conversation) {
        if self.outcomes.is_empty() {
            let count = self.chance.weighted(&[(45, 1), (39, 2), (16, 3)]);
            (0..count).for_each(|_| self.identify(conversation));
            self.rank(conversation.day);
        } else {
            self.reopen_perhaps(conversation.day);
            self.review_open_outcomes(conversation);
            if self.chance.percent(24) && self.outcomes.len() < OUTCOMES_MAX {
                self.identify(conversation);
                self.rank(conversation.day);
            }
        }
    }

    /// Records a narrative, and now and then what others say of it or what was wrong with it.
    pub(super) fn narrate(
        &mut self,
        conversation: Option<Conversation>,
        occurred_at: LifeTime,
        voice: Voice,
        account: Account,
        outcomes: &[Recording],
    ) -> Recording {
        let (author, perspective, form) = voice.stands();
        let author_name = self.cast.name_of(author).filter(|_| self.chance.percent(75));
        let body = self
            .about(occurred_at)
            .with("text", account.text.clone())
            .with("author", author.as_str())
            .with_some("author_name", author_name)
            .with("perspective", perspective.as_str())
            .with("knowledge_form", form.as_str())
            .with("verbatim_spans", span_values(&account))
            .with_some("conversation", conversation.map(|held| self.book.reference(held.recording)))
            .with("outcomes", self.references(outcomes));
        let body = self.sourced(body);
        let recording = self.book.create("record_narrative", 'n', body);
        if let Some(held) = conversation {
            self.respond_perhaps(held.day, recording, perspective);
            self.amend_perhaps(held.day, recording, &account);
        }
        recording
    }

    fn identify(&mut self, conversation: Conversation) {
        let Some(theme) = self.fresh_theme() else { return };
        let day = conversation.day;
        let voice =
            self.chance.weighted(&[(62, Voice::Told), (14, Voice::Written), (18, Voice::Noticed), (1, Voice::Studied)]);
        let mut narratives = Vec::new();
        for voice in self.with_somebody_beside(voice, 22) {
            let account = compose(voice, theme, Mood::First, &self.cast, &mut self.chance);
            let at = self.date(day);
            narratives.push(self.narrate(Some(conversation), at, voice, account, &[]));
        }
        let direction = if self.chance.percent(34) { Direction::Maintain } else { Direction::Change };
        let identified_by = match voice {
            Voice::Noticed => Perspective::Practitioner,
            _ => Perspective::Person,
        };
        let why = self.perhaps(75, theme.why);
        let at = self.date(day);
        let body = self.about(at).with("identified_by", identified_by.as_str());
        let body = self.outcome_content(body, theme, direction, why, &narratives);
        let body = body.with("conversation", self.book.reference(conversation.recording));
        let body = self.sourced(body);
        let recording = self.book.create("identify_outcome", 'o', body);
        let progress = match direction {
            Direction::Change => self.chance.between(5, 30),
            Direction::Maintain => self.chance.between(65, 95),
        };
        self.outcomes.push(Outcome { recording, theme, direction, since: day, closed: None, progress, narratives });
        let at = self.outcomes.len() - 1;
        if self.close_as_error_perhaps(at) {
            return;
        }
        self.baseline_perhaps(at, conversation);
        self.agree_steps(at, conversation);
    }

    /// The content of an outcome, when it is identified and when it is reworded.
    pub(super) fn outcome_content(
        &mut self,
        body: Body,
        theme: &'static Theme,
        direction: Direction,
        why: Option<String>,
        narratives: &[Recording],
    ) -> Body {
        let titles = if direction == Direction::Change { theme.change } else { theme.keep };
        let items: Vec<&str> = theme.items.iter().copied().filter(|_| self.chance.percent(70)).collect();
        body.with("outcome_type", theme.outcome_type.as_str())
            .with("direction", direction.as_str())
            .with("title", self.phrase(titles))
            .with_some("why_it_matters", why)
            .with("framework_items", items)
            .with("narratives", self.references(narratives))
    }

    /// A theme that has not come up yet, if one is left.
    fn fresh_theme(&mut self) -> Option<&'static Theme> {
        let themes = self.life.themes();
        let begin = self.chance.below(themes.len() as u64) as usize;
        (0..themes.len())
            .map(|step| &themes[(begin + step) % themes.len()])
            .find(|theme| !self.outcomes.iter().any(|outcome| std::ptr::eq(outcome.theme, *theme)))
    }

    /// The voice, and sometimes that of somebody else of the record after it.
    pub(super) fn with_somebody_beside(&mut self, voice: Voice, percent: u64) -> Vec<Voice> {
        let mut voices = vec![voice];
        if !self.cast.others.is_empty() && self.chance.percent(percent) {
            let at = self.chance.below(self.cast.others.len() as u64) as usize;
            voices.push(Voice::Beside(self.cast.others[at]));
        }
        voices
    }

    /// What comes first, by the person's ranking and somebody else's, which is seldom the same.
    fn rank(&mut self, day: i64) {
        let mut open = self.open();
        if open.is_empty() || !self.chance.percent(62) {
            return;
        }
        if self.chance.percent(50) {
            open.reverse();
        }
        self.rank_as(Perspective::Person, &open, day);
        if self.chance.percent(55) {
            let other = match self.cast.others.first() {
                Some(other) if self.chance.percent(50) => *other,
                _ => Perspective::Practitioner,
            };
            if self.chance.percent(65) {
                open.rotate_left(1);
            }
            self.rank_as(other, &open, day);
        }
    }

    fn rank_as(&mut self, perspective: Perspective, order: &[usize], day: i64) {
        for (place, at) in order.iter().enumerate() {
            let body = Body::at(self.date(day))
                .with("perspective", perspective.as_str())
                .with("rank", place + 1)
                .with_some("reason", self.perhaps(25, phrases::RANKED));
            self.book.change("prioritise_outcome", self.outcomes[*at].recording, body);
        }
    }
}

/// Spans as the API reads them.
pub(super) fn span_values(account: &Account) -> Vec<Value> {
    account.spans.iter().map(|span| json!({"end": span.end, "start": span.start})).collect()
}
