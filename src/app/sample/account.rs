//! Composes accounts out of phrases and marks where the person's own words stand. Knows no dates and no lines.

use super::cast::{Cast, party_of};
use super::chance::Chance;
use super::phrases;
use super::themes::Theme;
use crate::domain::text::Span;
use crate::domain::words::{KnowledgeForm, PartyKind, Perspective};

/// A text and the ranges of code points in it that are the person's own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// The text.
    pub text: String,
    /// The person's own words, in order.
    pub spans: Vec<Span>,
    code_points: u32,
}

impl Account {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.code_points += u32::try_from(text.chars().count()).unwrap_or(0);
    }
    /// A sentence of the author's.
    fn say(&mut self, sentence: &str) {
        if !self.text.is_empty() {
            self.push(" ");
        }
        self.push(sentence);
    }
    /// A sentence of the author's in which `“”` stands for the person's own words.
    fn quote(&mut self, frame: &str, words: &str) {
        let (before, after) = frame.split_once("“”").unwrap_or((frame, ""));
        self.say(before);
        self.push("“");
        let start = self.code_points;
        self.push(words);
        self.spans.push(Span { start, end: self.code_points });
        self.push("”");
        self.push(after);
    }
    /// Words that are the person's from end to end.
    fn own(&mut self, words: &str) {
        self.say(words);
        self.spans = vec![Span { start: 0, end: self.code_points }];
    }
}

/// Who speaks, and who writes it down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// The person tells, a practitioner writes.
    Told,
    /// The person writes.
    Written,
    /// A practitioner tells what they noticed.
    Noticed,
    /// Somebody else of the record, who speaks and writes: carer, family or advocate.
    Beside(Perspective),
    /// A service keeps its files.
    Filed,
    /// A researcher asks.
    Studied,
}

impl Voice {
    /// Author, standpoint and form of knowledge.
    #[must_use]
    pub const fn stands(self) -> (PartyKind, Perspective, KnowledgeForm) {
        match self {
            Self::Told => (PartyKind::Practitioner, Perspective::Person, KnowledgeForm::Lived),
            Self::Written => (PartyKind::Person, Perspective::Person, KnowledgeForm::Lived),
            Self::Noticed => (PartyKind::Practitioner, Perspective::Practitioner, KnowledgeForm::Practice),
            Self::Beside(perspective) => (party_of(perspective), perspective, KnowledgeForm::Lived),
            Self::Filed => (PartyKind::Service, Perspective::Service, KnowledgeForm::Administrative),
            Self::Studied => (PartyKind::Service, Perspective::Person, KnowledgeForm::Research),
        }
    }
}

/// How things are going when the account is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// It comes up for the first time.
    First,
    /// It has gone well.
    Better,
    /// It has not.
    Worse,
}

/// What the person says of a theme.
#[must_use]
pub fn own_words(theme: &'static Theme, mood: Mood) -> &'static [&'static str] {
    match mood {
        Mood::First => theme.said,
        Mood::Better => theme.better,
        Mood::Worse => theme.worse,
    }
}

/// Composes an account of a theme.
#[must_use]
pub fn compose(voice: Voice, theme: &'static Theme, mood: Mood, cast: &Cast, chance: &mut Chance) -> Account {
    let mut account = Account::default();
    match voice {
        Voice::Told => told(&mut account, theme, mood, cast, chance),
        Voice::Written => written(&mut account, theme, mood, cast, chance),
        Voice::Noticed => noticed(&mut account, theme, mood, cast, chance),
        Voice::Beside(_) => beside(&mut account, theme, mood, cast, chance),
        Voice::Filed => account.say(&cast.fill(chance.pick(phrases::FILED), chance)),
        Voice::Studied => {
            account.say(&cast.fill(chance.pick(phrases::STUDIED), chance));
            quoted(&mut account, theme, mood, cast, chance);
        }
    }
    account
}

fn quoted(account: &mut Account, theme: &'static Theme, mood: Mood, cast: &Cast, chance: &mut Chance) {
    let frame = cast.fill(chance.pick(phrases::FRAMES), chance);
    let words = cast.fill(chance.pick(own_words(theme, mood)), chance);
    if !account.text.contains(&words) {
        account.quote(&frame, &words);
    }
}

fn told(account: &mut Account, theme: &'static Theme, mood: Mood, cast: &Cast, chance: &mut Chance) {
    let openers = if mood == Mood::First { phrases::OPENERS } else { phrases::OPENERS_AGAIN };
    account.say(&cast.fill(chance.pick(openers), chance));
    quoted(account, theme, mood, cast, chance);
    if let Some(tongue) = cast.identity.tongue.filter(|_| chance.percent(55)) {
        let (saying, meaning) = tongue.sayings[chance.below(tongue.sayings.len() as u64) as usize];
        account.quote(&format!("Then, in {}: “”", tongue.name), saying);
        account.push(&format!(" (meaning: {meaning})."));
    }
    if chance.percent(35) {
        quoted(account, theme, mood, cast, chance);
    }
    if mood == Mood::First && chance.percent(45) {
        account.quote("Asked why it matters: “”", &cast.fill(chance.pick(theme.why), chance));
    }
    if chance.percent(35) {
        account.say(&cast.fill(chance.pick(theme.seen), chance));
    }
    if chance.percent(40) {
        account.say(&cast.fill(chance.pick(phrases::CLOSERS), chance));
    }
}

fn written(account: &mut Account, theme: &'static Theme, mood: Mood, cast: &Cast, chance: &mut Chance) {
    if chance.percent(40) {
        account.own(&cast.fill(chance.pick(phrases::LETTER_OPENERS), chance));
    }
    account.own(&cast.fill(chance.pick(own_words(theme, mood)), chance));
    if chance.percent(60) {
        account.own(&cast.fill(chance.pick(theme.why), chance));
    }
    if chance.percent(25) {
        account.own(&cast.fill(chance.pick(phrases::LETTER_CLOSERS), chance));
    }
}

fn noticed(account: &mut Account, theme: &'static Theme, mood: Mood, cast: &Cast, chance: &mut Chance) {
    if chance.percent(50) {
        account.say(&cast.fill(chance.pick(phrases::OPENERS), chance));
    }
    account.say(&cast.fill(chance.pick(theme.seen), chance));
    let judgement = match mood {
        Mood::First => phrases::JUDGED_FIRST,
        Mood::Better => phrases::JUDGED_BETTER,
        Mood::Worse => phrases::JUDGED_WORSE,
    };
    account.say(&cast.fill(chance.pick(judgement), chance));
    if chance.percent(25) {
        quoted(account, theme, mood, cast, chance);
    }
}

fn beside(account: &mut Account, theme: &'static Theme, mood: Mood, cast: &Cast, chance: &mut Chance) {
    account.say(&cast.fill(chance.pick(theme.near), chance));
    let judgement = match mood {
        Mood::First => phrases::NEAR_FIRST,
        Mood::Better => phrases::NEAR_BETTER,
        Mood::Worse => phrases::NEAR_WORSE,
    };
    account.say(&cast.fill(chance.pick(judgement), chance));
    if chance.percent(20) {
        account.quote(
            "{name} said to me: “”".replace("{name}", cast.identity.given_name).as_str(),
            &cast.fill(chance.pick(own_words(theme, mood)), chance),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::span_of;

    #[test]
    fn spans_count_code_points_and_hold_the_words_alone() {
        let mut account = Account::default();
        account.say("Zoë’s café 😀:");
        account.quote("“” That was all.", "Ça va, née.");
        account.quote("Then: “”", "Dw i’n iawn.");
        assert_eq!(account.text, "Zoë’s café 😀: “Ça va, née.” That was all. Then: “Dw i’n iawn.”");
        let quoted: Vec<_> = account.spans.iter().map(|span| span_of(&account.text, *span)).collect();
        assert_eq!(quoted, [Some("Ça va, née."), Some("Dw i’n iawn.")]);
    }
}
