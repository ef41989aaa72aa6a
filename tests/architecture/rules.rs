//! The rules and where they are broken. Knows how to read source text (`source`), not where files lie.

use crate::source::{
    Source, closing, first_names, is_name, line_of, module_path, occurrences, opening, starts_with, words,
};
use std::collections::BTreeSet;
use std::fmt;

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    pub file: String,
    pub line: usize,
    pub reason: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.file, self.line, self.reason)
    }
}

/// Near 400 is the aim; this is where the aim has been missed.
const MOST_LINES_OF_A_FILE: usize = 420;
/// Tests tell one story after another and are longer.
const MOST_LINES_OF_A_TEST_FILE: usize = 600;
/// Near 70 is the aim.
const MOST_LINES_OF_A_FUNCTION: usize = 75;

/// Each part of `src/` and the parts that it may know; itself is understood.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("projections", &["domain"]),
    ("ledger", &["domain"]),
    ("extracts", &["domain"]),
    ("database_file", &[]),
    ("patience", &[]),
    ("transfer", &[]),
    ("vault", &["domain", "ledger", "database_file", "patience", "transfer"]),
    ("store", &["domain", "projections", "ledger", "vault", "database_file", "patience", "transfer"]),
    ("config", &["domain"]),
    ("telemetry", &["config"]),
    ("app", &["domain", "projections", "ledger", "extracts", "vault", "store", "transfer", "config", "telemetry"]),
    ("api", &["app", "config", "telemetry"]),
    // `serve` starts the HTTP edge and `openapi` prints its description; nothing else of `api` is a command's business.
    ("cli", &["app", "api", "config", "telemetry"]),
];

/// Libraries, by the start of their name, with the only places that may use them and the reason.
const LIBRARIES: &[(&str, &[&str], &str)] = &[
    (
        "sqlx",
        &["src/store/", "src/vault/", "src/transfer/"],
        "SQL belongs to `store`, to the vault's own store, and to what copies both",
    ),
    ("actix", &["src/api/"], "HTTP belongs to `api`"),
    ("utoipa", &["src/api/"], "the description of the API belongs to `api`"),
];

/// Where clock, randomness and environment may enter.
const ENTRANCES: &[&str] =
    &["src/config", "src/app/clock", "src/app/ids", "src/vault/random.rs", "src/cli/", "src/main.rs"];
/// What enters only there.
const FROM_OUTSIDE: &[&str] = &[
    "std::env",
    "env::",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "Uuid::new_v4",
    "Uuid::now_v7",
    "rand::",
    "OsRng",
    "getrandom",
];
/// The pure parts, which may not even measure how long something takes; elsewhere a duration is for metrics only.
const PURE: &[&str] = &["src/domain/", "src/projections/", "src/ledger/", "src/extracts/"];

const UNFINISHED: &[&str] = &["todo!(", "unimplemented!(", "dbg!("];
/// In two halves, so that this file does not carry them.
const MARKS: &[&str] = &[concat!("FIX", "ME"), concat!("X", "XX")];
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "manager"];

impl Source<'_> {
    fn complaint(&self, line: usize, reason: String) -> Complaint {
        Complaint { file: self.file.to_owned(), line, reason }
    }

    fn at(&self, code: &[char], position: usize, reason: String) -> Complaint {
        self.complaint(line_of(code, position), reason)
    }
}

/// Everything that is wrong with one source file of `src/`, by its path from the root.
pub fn check(file: &str, text: &str) -> Vec<Complaint> {
    let source = Source::new(file, text);
    let mut complaints = Vec::new();
    check_size_and_opening(&source, &mut complaints);
    check_unfinished(&source, &mut complaints);
    check_acquaintances(&source, &mut complaints);
    check_libraries(&source, &mut complaints);
    check_outside_world(&source, &mut complaints);
    check_functions(&source, &mut complaints);
    complaints
}

fn check_size_and_opening(source: &Source<'_>, complaints: &mut Vec<Complaint>) {
    let lines = source.text.lines().count();
    let most = if source.is_test { MOST_LINES_OF_A_TEST_FILE } else { MOST_LINES_OF_A_FILE };
    if lines > most {
        let reason = format!("{lines} lines; at most {most}: give each idea a file of its own");
        complaints.push(source.complaint(lines, reason));
    }
    if !source.is_test && !source.text.starts_with("//!") {
        let reason = "a module opens with a `//!` that says its duty and what it must not know".to_owned();
        complaints.push(source.complaint(1, reason));
    }
}

fn check_unfinished(source: &Source<'_>, complaints: &mut Vec<Complaint>) {
    for unfinished in UNFINISHED {
        for position in words(&source.code, unfinished) {
            complaints.push(source.at(&source.code, position, format!("`{unfinished}…)` does not ship")));
        }
    }
    for allowance in ["#[allow(", "#![allow("] {
        for position in occurrences(&source.code, allowance) {
            let reason = format!("`{allowance}…)]` hides: use `expect` with a reason");
            complaints.push(source.at(&source.code, position, reason));
        }
    }
    let text: Vec<char> = source.text.chars().collect();
    for mark in MARKS {
        for position in words(&text, mark) {
            let ends = text.get(position + mark.len()).is_none_or(|&next| !is_name(next));
            if ends {
                complaints.push(source.at(&text, position, format!("{mark}: finish it, or file an issue")));
            }
        }
    }
}

/// Who knows whom: `crate::…`, `cairn::…` and `super::…` wherever they stand, groups included.
fn check_acquaintances(source: &Source<'_>, complaints: &mut Vec<Complaint>) {
    let code = &source.shipped;
    let module = module_path(source.file);
    let Some((part, may_know)) = MAY_KNOW.iter().find(|(part, _)| module.first() == Some(part)) else {
        return;
    };
    let mut known = Vec::new();
    for root in ["crate::", "cairn::"] {
        for position in words(code, root) {
            known.extend(first_names(code, position + root.len()).into_iter().map(|name| (position, name)));
        }
    }
    for position in words(code, "super::") {
        if position >= 2 && code[position - 1] == ':' {
            continue; // the middle of a chain
        }
        let chain = "super::".len();
        let climbs = (0..).take_while(|climb| starts_with(code, position + climb * chain, "super::")).count();
        if climbs >= module.len() {
            known.extend(first_names(code, position + climbs * chain).into_iter().map(|name| (position, name)));
        }
    }
    for (position, name) in known {
        let is_part = MAY_KNOW.iter().any(|(other, _)| *other == name);
        if name == "*" {
            complaints.push(source.at(code, position, "everything at once: name what is used".to_owned()));
        } else if is_part && name != *part && !may_know.contains(&name.as_str()) {
            let friends = if may_know.is_empty() { "nobody".to_owned() } else { may_know.join(", ") };
            let reason = format!("`{part}` must not know `{name}`; it knows {friends}");
            complaints.push(source.at(code, position, reason));
        }
    }
}

fn check_libraries(source: &Source<'_>, complaints: &mut Vec<Complaint>) {
    for (library, places, why) in LIBRARIES {
        if places.iter().any(|place| source.file.starts_with(place)) {
            continue;
        }
        for position in words(&source.shipped, library) {
            complaints.push(source.at(&source.shipped, position, format!("`{library}` here: {why}")));
        }
    }
}

fn check_outside_world(source: &Source<'_>, complaints: &mut Vec<Complaint>) {
    let is_entrance = ENTRANCES.iter().any(|place| source.file.starts_with(place));
    let is_pure = PURE.iter().any(|place| source.file.starts_with(place));
    let mut forbidden: Vec<&str> = if is_entrance { Vec::new() } else { FROM_OUTSIDE.to_vec() };
    if is_pure {
        forbidden.push("Instant::now");
    }
    let mut seen = BTreeSet::new();
    for outside in forbidden {
        for position in words(&source.shipped, outside) {
            let line = line_of(&source.shipped, position);
            if seen.insert(line) {
                let reason = format!("`{outside}`: clock, randomness and environment are arguments here");
                complaints.push(source.complaint(line, reason));
            }
        }
    }
}

fn check_functions(source: &Source<'_>, complaints: &mut Vec<Complaint>) {
    let code = &source.shipped;
    for position in words(code, "fn ") {
        let Some(open) = opening(code, position) else { continue };
        if code[open] == '{' {
            let start = line_of(code, position);
            let lines = line_of(code, closing(code, open)) - start + 1;
            if lines > MOST_LINES_OF_A_FUNCTION {
                let reason = format!("a function of {lines} lines; at most {MOST_LINES_OF_A_FUNCTION}");
                complaints.push(source.complaint(start, reason));
            }
        }
    }
}

/// A name that says nothing about what is inside.
pub fn check_name(file: &str) -> Option<Complaint> {
    let empty =
        file.split(['/', '.', '_', '-']).find(|word| EMPTY_NAMES.contains(&word.to_ascii_lowercase().as_str()))?;
    let reason = format!("`{empty}` says nothing: name it after its duty");
    Some(Complaint { file: file.to_owned(), line: 1, reason })
}

/// The two stores' migrations are twins: same numbers, same names.
pub fn check_twins(sqlite: &BTreeSet<String>, postgres: &BTreeSet<String>) -> Vec<Complaint> {
    sqlite
        .symmetric_difference(postgres)
        .map(|name| {
            let (has, lacks) = if sqlite.contains(name) { ("sqlite", "postgres") } else { ("postgres", "sqlite") };
            let reason = format!("has no twin in migrations/{lacks}");
            Complaint { file: format!("migrations/{has}/{name}"), line: 1, reason }
        })
        .collect()
}
