//! What an audit found wrong: by a code that never changes, where, and what it means to whoever must act. Never repeats what
//! a part says.

use std::collections::BTreeMap;
use std::fmt;

/// How many findings are told whole; all are counted.
pub const FINDINGS_TOLD: usize = 20;
/// How many of one code are told whole, so that one kind of damage does not hide the others.
pub const FINDINGS_TOLD_OF_A_CODE: u64 = 8;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $meaning:literal, $advice:literal;)+) => {
        /// What kind of thing is wrong. The text of a code is a promise to machines.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $name),+ }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
            /// The code as machines read it.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $code),+ } }
            /// What it means.
            #[must_use]
            pub const fn meaning(self) -> &'static str { match self { $(Self::$name => $meaning),+ } }
            /// What to do.
            #[must_use]
            pub const fn advice(self) -> &'static str { match self { $(Self::$name => $advice),+ } }
        }
    };
}

codes! {
    /// The list of files.
    Manifest = "manifest", "the list of the export's files is not the one that this export must have",
        "ask for the export again; if it comes back the same, whoever made it did not use this program";
    /// A file that is listed and not there.
    FileMissing = "file_missing", "a file of the export is not there", "ask for the export again";
    /// A file that is there and not listed.
    FileUnexpected = "file_unexpected", "a file that is no part of the export lies in its folder",
        "find out who put it there; remove it if it is yours";
    /// A file with other bytes than listed.
    FileDiffers = "file_differs", "a file was changed, cut or exchanged after the export was made",
        "take the export again from where it was made; if it differs there as well, somebody changed it";
    /// An export that was not completed.
    Unfinished = "unfinished", "the export was interrupted and is not complete", "run the same cairn export again";
    /// A line that is not written in its one form.
    Line = "line", "a line is not what this program writes for any event", "ask for the export again";
    /// Another key.
    Key = "key", "the export names another key than the one that you trust",
        "do not believe the export before the log's operator has explained the other key in public";
    /// The log's signature.
    Signature = "signature", "the checkpoint was not signed by the log's key",
        "do not believe the export; compare the key with the one that you were given at the beginning";
    /// Too few witnesses.
    Quorum = "quorum", "fewer of your witnesses than you ask for have seen this state of the log",
        "ask the operator for a cosigned checkpoint, and the witnesses what they saw";
    /// The root.
    Root = "root", "the events do not make up the state of the log that was signed",
        "something was changed, added or removed after signing: hold on to this copy and compare with a backup or an earlier export";
    /// A hash of the tree.
    Tile = "tile", "a stored hash of the tree is not the one that its leaves have",
        "the hashes were damaged or changed; events whose leaves are listed here as wrong were changed, others were not";
    /// A leaf.
    Leaf = "leaf", "the line that stands for an event in the log is not the one that was signed, or cannot be read",
        "this event was changed after it was recorded: compare with a backup or an earlier export";
    /// The stored hash of a leaf.
    LeafHash = "leaf_hash", "the stored hash of an event is wrong, and the event is not",
        "the stored hash was damaged or changed: restore the database and find out who can write to it";
    /// A column of a row.
    RowDiffersFromLeaf = "row_differs_from_leaf", "what is told of an event is not what was signed for it",
        "the row was changed after it was recorded, or stands in another's place; its leaf has the true values";
    /// A missing or doubled position.
    PositionGap = "position_gap", "a position of the log has no event, or not the one that belongs there",
        "an event was removed, or events were exchanged: compare with a backup or an earlier export";
    /// An organisation's count.
    OrganisationCounter = "organisation_counter", "an organisation's events are not numbered without gaps",
        "an event of this organisation is missing or was slipped in";
    /// A stream's count.
    StreamVersion = "stream_version", "a recording's events are not numbered without gaps",
        "an event of this recording is missing or was slipped in";
    /// Time that fell.
    TimeWentBack = "time_went_back", "an event says that it was recorded before the one that precedes it",
        "events were reordered or dated back";
    /// A part that is not there.
    PartMissing = "part_missing", "what an event said is gone, and no lawful erasure in the log covers it",
        "find out who removed it; restore it from a backup, or see whether an erasure should have been recorded";
    /// A part that nobody signed.
    PartUnknown = "part_unknown", "something is stored with an event that was not part of it when it was recorded",
        "somebody slipped it in: do not use it";
    /// A part of another class.
    PartClass = "part_class", "a part is filed under another class than its name has", "somebody changed the row";
    /// A part of another person.
    PartSubject = "part_subject", "a sealed part is filed under another person than the one whose key sealed it",
        "somebody changed the row; an erasure would pass it by or take it along wrongly";
    /// A part that is not what was committed to.
    Commitment = "commitment", "what an event says is not what was recorded",
        "this content was changed after it was recorded: compare with a backup or an earlier export";
    /// A sealed part that does not open.
    PartTampered = "part_tampered", "a sealed part does not open although its key is there",
        "the sealed bytes were changed or belong elsewhere: restore them from a backup";
    /// Facts that cannot be read.
    FactsUnreadable = "facts_unreadable", "the facts of an event cannot be read by this program",
        "if a newer version of cairn wrote them, verify with that version; else they were written wrongly";
    /// An event of somebody else.
    NotInView = "not_in_view", "the export holds an event that is not within what it says to show",
        "it may show data of others: handle it with care and tell whoever made it";
    /// An earlier checkpoint that is contradicted.
    RewrittenSinceCheckpoint = "rewritten_since_checkpoint", "the log does not go on from a checkpoint that was signed earlier",
        "history was rewritten and signed again: keep both checkpoints, they prove it";
    /// A log that is shorter than it was.
    Truncated = "truncated", "the log is shorter than a checkpoint that was signed earlier",
        "it is an old backup or its end was cut off: keep the checkpoint, it proves it";
    /// The head.
    Head = "head", "the head of the log does not fit its events",
        "the end of the log was changed by hand: restore the database";
    /// Events beyond the head.
    EventBeyondHead = "event_beyond_head", "there are events that the log does not count",
        "they were put in, or the head was moved back, by hand: restore the database";
}

/// Where something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The file, below the export's folder, or the table.
    pub file: &'a str,
    /// The line, counted from 1.
    pub line: Option<u64>,
}

impl<'a> Place<'a> {
    /// A whole file or table.
    #[must_use]
    pub const fn file(file: &'a str) -> Self {
        Self { file, line: None }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "{}, line {line}", self.file),
            None => formatter.write_str(self.file),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing.
    pub code: Code,
    /// The file or table, and the line.
    pub place: String,
    /// The position of the event, where it is about one.
    pub position: Option<u64>,
    /// What was found, in words.
    pub detail: String,
}

/// Everything that is wrong: the first ones whole, all counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    told: Vec<Finding>,
    counts: BTreeMap<Code, u64>,
}

impl Findings {
    /// Notes one.
    pub fn note(&mut self, code: Code, place: Place<'_>, position: Option<u64>, detail: impl Into<String>) {
        let count = self.counts.entry(code).or_default();
        *count += 1;
        if *count <= FINDINGS_TOLD_OF_A_CODE && self.told.len() < FINDINGS_TOLD {
            self.told.push(Finding { code, place: place.to_string(), position, detail: detail.into() });
        }
    }
    /// The first [`FINDINGS_TOLD_OF_A_CODE`] of each code, [`FINDINGS_TOLD`] at most.
    #[must_use]
    pub fn told(&self) -> &[Finding] {
        &self.told
    }
    /// How many there are of each code.
    #[must_use]
    pub const fn counts(&self) -> &BTreeMap<Code, u64> {
        &self.counts
    }
    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_first_ones_are_told_and_all_are_counted() {
        let mut findings = Findings::default();
        for number in 0..25 {
            findings.note(Code::Leaf, Place { file: "a", line: Some(number) }, Some(number), "x");
        }
        findings.note(Code::Root, Place::file("b"), None, "y");
        assert_eq!((findings.told().len(), findings.total()), (9, 26));
        assert_eq!((findings.told()[3].place.as_str(), findings.told()[8].place.as_str()), ("a, line 3", "b"));
        for code in [Code::Tile, Code::Line] {
            (0..25).for_each(|_| findings.note(code, Place::file("c"), None, "z"));
        }
        assert_eq!((findings.told().len(), findings.total()), (20, 76));
        assert_eq!((findings.counts()[&Code::Leaf], findings.counts()[&Code::Root]), (25, 1));
    }

    #[test]
    fn every_code_is_another() {
        let codes: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), Code::ALL.len());
    }
}
