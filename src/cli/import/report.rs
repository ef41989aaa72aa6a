//! The account of an import: what became of every input, in words, as JSON and line by line; and that it adds up.
//!
//! Knows what was mapped and what became of each line; knows nothing of any source format. Holds no personal words:
//! files, lines, the source's own resource names, codes, names of elements, ids of recordings and reasons.

use super::intake::{Input, Mapped, NoteKind};
use super::send::Fate;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// How many inputs the summary in words names one by one.
pub const SUMMARY_MAX_PLACES: usize = 20;

/// What became of an input as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Everything that it became is recorded, some of it by this run.
    Placed,
    /// Everything that it became was there already.
    Repeated,
    /// No recording of its own; it gave names to others.
    UsedForNames,
    /// Something that it became was refused.
    Refused,
    /// Something that it became was not sent: the service went away, or what it rests on was refused.
    NotSent,
    /// Nothing was made of it.
    NotPlaced,
}

impl Verdict {
    /// Every verdict, in the order of the report.
    pub const ALL: [Self; 6] =
        [Self::Placed, Self::Repeated, Self::UsedForNames, Self::Refused, Self::NotSent, Self::NotPlaced];

    /// As the report writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Repeated => "repeated",
            Self::UsedForNames => "used_for_names",
            Self::Refused => "refused",
            Self::NotSent => "not_sent",
            Self::NotPlaced => "not_placed",
        }
    }

    const fn in_words(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Repeated => "placed by an earlier run already",
            Self::UsedForNames => "used for names",
            Self::Refused => "refused",
            Self::NotSent => "not sent",
            Self::NotPlaced => "not placed",
        }
    }

    /// Whether the input has no place in the record, or only in part.
    const fn is_lost(self) -> bool {
        matches!(self, Self::Refused | Self::NotSent | Self::NotPlaced)
    }
}

/// The account does not add up: a fault of the import itself.
#[derive(Debug, thiserror::Error)]
#[error("the account does not add up ({detail}): this is a fault of the import; do not rely on it, and report it")]
pub struct Unaccounted {
    detail: String,
}

/// What became of one input.
#[derive(Debug)]
pub struct Account {
    /// The input.
    pub input: Input,
    /// What became of it as a whole.
    pub verdict: Verdict,
    /// What became of each line that it was mapped to.
    pub recordings: Vec<(&'static str, Fate)>,
    /// What is said of it.
    pub notes: Vec<(NoteKind, String)>,
}

/// The account of a whole import.
#[derive(Debug)]
pub struct Report {
    /// One for each input, in order.
    pub accounts: Vec<Account>,
    general: Vec<String>,
    dry_run: bool,
}

impl Report {
    /// Joins what was mapped with what became of the lines; `read` is the number of inputs that the reader counted.
    ///
    /// # Errors
    /// [`Unaccounted`] where an input has neither a recording nor a word said of it, has both a recording and the
    /// statement that it is not placed, or where the numbers differ.
    pub fn new(mapped: Mapped, fates: Vec<Fate>, read: usize) -> Result<Self, Unaccounted> {
        let wrong = |detail: String| Err(Unaccounted { detail });
        let Mapped { inputs, lines, notes, general } = mapped;
        if lines.len() != fates.len() {
            return wrong(format!("{} lines and {} answers", lines.len(), fates.len()));
        }
        if inputs.len() != read {
            return wrong(format!("{read} read and {} mapped", inputs.len()));
        }
        let dry_run = fates.contains(&Fate::DryRun);
        let mut recordings: Vec<Vec<(&'static str, Fate)>> = vec![Vec::new(); inputs.len()];
        for (line, fate) in lines.iter().zip(fates) {
            let Some(of_input) = recordings.get_mut(line.input) else { return wrong("a line of no input".to_owned()) };
            of_input.push((line.op, fate));
        }
        let mut said: Vec<Vec<(NoteKind, String)>> = vec![Vec::new(); inputs.len()];
        for note in notes {
            let Some(of_input) = said.get_mut(note.input) else { return wrong("a note of no input".to_owned()) };
            of_input.push((note.kind, note.text));
        }
        let mut accounts = Vec::with_capacity(inputs.len());
        for ((input, recordings), notes) in inputs.into_iter().zip(recordings).zip(said) {
            let Some(verdict) = verdict(&recordings, &notes) else { return wrong(input.place()) };
            accounts.push(Account { input, verdict, recordings, notes });
        }
        Ok(Self { accounts, general, dry_run })
    }

    /// How many inputs have each verdict; together they are all inputs.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Verdict, usize> {
        let mut counts: BTreeMap<Verdict, usize> = Verdict::ALL.into_iter().map(|verdict| (verdict, 0)).collect();
        for account in &self.accounts {
            *counts.entry(account.verdict).or_default() += 1;
        }
        counts
    }

    /// Whether every input found its place.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.accounts.iter().any(|account| account.verdict.is_lost())
    }

    /// The summary for people.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut text = format!("{} things read, every one accounted for", self.accounts.len());
        text.push_str(if self.dry_run { " (dry run: nothing was sent)\n" } else { "\n" });
        // Writing to a String cannot fail.
        for (verdict, count) in self.counts().into_iter().filter(|(_, count)| *count > 0) {
            let _ = writeln!(text, "  {count:>7} {}", verdict.in_words());
        }
        self.write_operations(&mut text);
        self.write_notes(&mut text);
        self.write_lost(&mut text);
        for saying in &self.general {
            let _ = writeln!(text, "{saying}");
        }
        text
    }

    fn operations(&self) -> BTreeMap<&'static str, BTreeMap<&'static str, usize>> {
        let mut operations: BTreeMap<_, BTreeMap<_, usize>> = BTreeMap::new();
        for (op, fate) in self.accounts.iter().flat_map(|account| &account.recordings) {
            *operations.entry(*op).or_default().entry(fate_word(fate)).or_default() += 1;
        }
        operations
    }

    fn write_operations(&self, text: &mut String) {
        for (op, fates) in self.operations() {
            let fates: Vec<String> =
                fates.iter().map(|(fate, count)| format!("{count} {}", fate.replace('_', " "))).collect();
            let _ = writeln!(text, "  {op}: {}", fates.join(", "));
        }
        if self
            .accounts
            .iter()
            .flat_map(|account| &account.recordings)
            .any(|(_, fate)| matches!(fate, Fate::Found { .. }))
        {
            text.push_str(
                "  Found: registered before by one of their identifiers; name and birth are not recorded again\n",
            );
        }
    }

    /// The notes beside the reasons, each once with the number of inputs of which it is said.
    fn write_notes(&self, text: &mut String) {
        for (kind, title) in [
            (NoteKind::Remark, "Said of what was read:"),
            (NoteKind::KeptInWords, "Kept in words, for want of a field:"),
            (NoteKind::LeftOut, "Elements without a place; they stay in the source:"),
        ] {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for (_, note) in self.accounts.iter().flat_map(|account| &account.notes).filter(|note| note.0 == kind) {
                *counts.entry(note).or_default() += 1;
            }
            if !counts.is_empty() {
                let _ = writeln!(text, "{title}");
            }
            for (note, count) in counts {
                let _ = writeln!(text, "  {count:>7} {note}");
            }
        }
    }

    /// Names what was refused or not placed; of what was not sent, the reasons say enough.
    fn write_lost(&self, text: &mut String) {
        let mut not_sent: BTreeMap<String, usize> = BTreeMap::new();
        for account in self.accounts.iter().filter(|account| account.verdict == Verdict::NotSent) {
            for reason in account.reasons() {
                *not_sent.entry(reason).or_default() += 1;
            }
        }
        for (reason, count) in not_sent {
            let _ = writeln!(text, "  {count:>7} {reason}");
        }
        let lost = || {
            let named = |account: &&Account| matches!(account.verdict, Verdict::Refused | Verdict::NotPlaced);
            self.accounts.iter().filter(named)
        };
        let more = lost().count().saturating_sub(SUMMARY_MAX_PLACES);
        if lost().next().is_some() {
            text.push_str("Refused or not placed; it stays in the source and nowhere else:\n");
        }
        for account in lost().take(SUMMARY_MAX_PLACES) {
            let _ = writeln!(text, "  {}: {}", account.input.place(), account.reasons().join("; "));
        }
        if more > 0 {
            let _ = writeln!(text, "  … and {more} more: --report FILE writes a line for each input");
        }
    }

    /// The report for machines: counts, and the inputs that found no place.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let verdicts: BTreeMap<&str, usize> =
            self.counts().into_iter().map(|(verdict, count)| (verdict.as_str(), count)).collect();
        let lost: Vec<Value> =
            self.accounts.iter().filter(|account| account.verdict.is_lost()).map(Account::to_json).collect();
        json!({
            "inputs": self.accounts.len(),
            "verdicts": verdicts,
            "recordings": self.operations(),
            "without_a_place": lost,
            "general": self.general,
            "dry_run": self.dry_run,
        })
    }

    /// One JSON line for each input, in order.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.accounts.iter().map(|account| account.to_json().to_string())
    }
}

impl Account {
    fn reasons(&self) -> Vec<String> {
        let refused = self.recordings.iter().filter_map(|(op, fate)| match fate {
            Fate::Refused { reason } => Some(format!("{op} refused: {reason}")),
            Fate::NotSent { reason } => Some(format!("{op} not sent: {reason}")),
            Fate::Recorded { .. } | Fate::Found { .. } | Fate::DryRun => None,
        });
        let said = self.notes.iter().filter(|(kind, _)| *kind == NoteKind::NotPlaced).map(|(_, text)| text.clone());
        said.chain(refused).collect()
    }

    fn to_json(&self) -> Value {
        let recordings: Vec<Value> = self
            .recordings
            .iter()
            .map(|(op, fate)| match fate {
                Fate::Recorded { id, .. } | Fate::Found { id } => json!({"op": op, "fate": fate_word(fate), "id": id}),
                Fate::Refused { reason } | Fate::NotSent { reason } => {
                    json!({"op": op, "fate": fate_word(fate), "reason": reason})
                }
                Fate::DryRun => json!({"op": op, "fate": fate_word(fate)}),
            })
            .collect();
        let said = |kinds: &[NoteKind]| -> Vec<&str> {
            self.notes.iter().filter(|(kind, _)| kinds.contains(kind)).map(|(_, text)| text.as_str()).collect()
        };
        json!({
            "file": self.input.file,
            "line": self.input.line,
            "resource": self.input.resource,
            "verdict": self.verdict.as_str(),
            "recordings": recordings,
            "not_placed": said(&[NoteKind::NotPlaced]),
            "kept_in_words": said(&[NoteKind::KeptInWords]),
            "left_out": said(&[NoteKind::LeftOut]),
            "notes": said(&[NoteKind::Remark, NoteKind::UsedForNames]),
        })
    }
}

const fn fate_word(fate: &Fate) -> &'static str {
    match fate {
        Fate::Recorded { repeated: false, .. } => "recorded",
        Fate::Recorded { repeated: true, .. } => "repeated",
        Fate::Found { .. } => "found",
        Fate::Refused { .. } => "refused",
        Fate::NotSent { .. } => "not_sent",
        Fate::DryRun => "dry_run",
    }
}

/// `None` where what is known of the input does not fit together.
fn verdict(recordings: &[(&'static str, Fate)], notes: &[(NoteKind, String)]) -> Option<Verdict> {
    let said = |kind| notes.iter().any(|(other, _)| *other == kind);
    match (recordings.is_empty(), said(NoteKind::NotPlaced), said(NoteKind::UsedForNames)) {
        (true, true, false) => Some(Verdict::NotPlaced),
        (true, false, true) => Some(Verdict::UsedForNames),
        (false, false, false) => {
            let any = |test: fn(&Fate) -> bool| recordings.iter().any(|(_, fate)| test(fate));
            if any(|fate| matches!(fate, Fate::Refused { .. })) {
                Some(Verdict::Refused)
            } else if any(|fate| matches!(fate, Fate::NotSent { .. })) {
                Some(Verdict::NotSent)
            } else if any(|fate| matches!(fate, Fate::Recorded { repeated: false, .. } | Fate::DryRun)) {
                Some(Verdict::Placed)
            } else {
                Some(Verdict::Repeated)
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
