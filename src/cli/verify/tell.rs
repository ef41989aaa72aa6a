//! The answer of `cairn verify`, in words and as one JSON document. Knows the report and nothing of how it came about.
//!
//! The document of `--json` (stable: fields are added, never changed):
//!
//! ```json
//! {"verdict": "verified", "source": "export", "folder": "DIR", "seconds": 0.5,
//!  "view": {"kind": "whole"}, "key_given": true, "files": 12, "bytes": 34567,
//!  "logs": [{"name": "outcomes", "origin": "example.org/log", "size": 300, "root": "base64", "checkpoint_size": 300,
//!            "keys": ["vkey"], "witnesses": [{"witness": "name", "at": 1763800000}], "events": 300, "clear_parts": 400,
//!            "opened_parts": 0, "sealed_parts": 290, "erased_parts": 0, "unavailable_parts": 0, "signed_roots": 3}],
//!  "finding_count": 1, "finding_counts": {"leaf": 1},
//!  "findings": [{"code": "leaf", "place": "outcomes/events/000000000000.p/300.ndjson, line 8", "position": 7,
//!                "detail": "…", "meaning": "…", "advice": "…"}],
//!  "limits": ["what the answer does not cover"]}
//! ```
//!
//! `verdict` is `verified`, `wrong` or `incomplete` (exit status 0, 1, 3); `source` is `export` or `store`. Of the findings the
//! first twenty are told, at most eight of one code; `finding_counts` has all by code. `position` is null for what is not about one event.

use crate::app::audit::{LogReport, Report, Verdict, View};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

const fn verdict(report: Verdict) -> &'static str {
    match report {
        Verdict::Verified => "verified",
        Verdict::Wrong => "wrong",
        Verdict::Incomplete => "incomplete",
    }
}

/// The document.
pub(super) fn json(report: &Report, folder: Option<&Path>, seconds: f64) -> Value {
    let findings = report.findings.told().iter().map(|finding| {
        json!({
            "code": finding.code.as_str(), "place": finding.place, "position": finding.position, "detail": finding.detail,
            "meaning": finding.code.meaning(), "advice": finding.code.advice(),
        })
    });
    let counts: serde_json::Map<String, Value> =
        report.findings.counts().iter().map(|(code, count)| (code.as_str().to_owned(), (*count).into())).collect();
    json!({
        "verdict": verdict(report.verdict()),
        "source": if folder.is_some() { "export" } else { "store" },
        "folder": folder,
        "seconds": seconds,
        "view": report.view,
        "key_given": report.key_given,
        "files": report.files.0,
        "bytes": report.files.1,
        "logs": report.logs.iter().map(log_json).collect::<Vec<_>>(),
        "finding_count": report.findings.total(),
        "finding_counts": counts,
        "findings": findings.collect::<Vec<_>>(),
        "limits": report.limits,
    })
}

fn log_json(log: &LogReport) -> Value {
    let witnesses: Vec<Value> =
        log.witnesses.iter().map(|signed| json!({"witness": signed.witness, "at": signed.at})).collect();
    json!({
        "name": log.name, "origin": log.origin, "size": log.size, "root": log.root, "checkpoint_size": log.checkpoint,
        "keys": log.keys, "witnesses": witnesses, "events": log.counts.events, "clear_parts": log.counts.clear_parts,
        "opened_parts": log.counts.opened_parts, "sealed_parts": log.counts.sealed_parts,
        "erased_parts": log.counts.erased_parts, "unavailable_parts": log.counts.unavailable_parts,
        "signed_roots": log.roots,
    })
}

/// The answer in words, with line ends.
pub(super) fn text(report: &Report, folder: Option<&Path>, seconds: f64) -> String {
    let mut text = String::new();
    write_text(&mut text, report, folder, seconds).unwrap_or_default();
    text
}

fn write_text(text: &mut String, report: &Report, folder: Option<&Path>, seconds: f64) -> std::fmt::Result {
    match (folder, &report.view) {
        (Some(folder), Some(view)) => {
            let shown = match view {
                View::Whole => "the whole log".to_owned(),
                View::Organisation { organisation } => format!("the events of {organisation}"),
                View::Person { person } => format!("the record of the person {person}"),
            };
            writeln!(
                text,
                "The export {} of {shown}: {} files, {} bytes",
                folder.display(),
                report.files.0,
                report.files.1
            )?;
        }
        (Some(folder), None) => writeln!(text, "The export {}", folder.display())?,
        (None, _) => writeln!(text, "The logs where they live")?,
    }
    for log in &report.logs {
        write_log(text, log)?;
    }
    write_findings(text, report)?;
    for limit in &report.limits {
        writeln!(text, "Note: {limit}.")?;
    }
    match report.verdict() {
        Verdict::Verified => {
            writeln!(text, "VERIFIED in {seconds:.1} s: everything that was checked is as it was signed.")
        }
        Verdict::Wrong => {
            writeln!(text, "NOT VERIFIED: {} things are wrong ({seconds:.1} s).", report.findings.total())
        }
        Verdict::Incomplete => writeln!(
            text,
            "INCOMPLETE: nothing is wrong with what could be checked, and the keys of some sealed parts could not be had \
             ({seconds:.1} s). Verify again when the key store is whole."
        ),
    }
}

fn write_log(text: &mut String, log: &LogReport) -> std::fmt::Result {
    writeln!(
        text,
        "Log {} ({}), {} events, root {}",
        log.name,
        log.origin,
        log.size,
        log.root.as_deref().unwrap_or("unknown")
    )?;
    for key in &log.keys {
        writeln!(text, "  key {key}")?;
    }
    if let Some(size) = log.checkpoint {
        writeln!(text, "  signed up to {size} events; held against {} signed roots", log.roots)?;
    }
    for signed in &log.witnesses {
        let at = signed.at.map(|at| format!(" at {at} s since 1970")).unwrap_or_default();
        writeln!(text, "  cosigned by {}{at}", signed.witness)?;
    }
    let counts = &log.counts;
    writeln!(
        text,
        "  checked: {} events; parts: {} in the clear, {} opened; {} sealed (not opened here), {} erased lawfully, {} unavailable",
        counts.events,
        counts.clear_parts,
        counts.opened_parts,
        counts.sealed_parts,
        counts.erased_parts,
        counts.unavailable_parts
    )
}

fn write_findings(text: &mut String, report: &Report) -> std::fmt::Result {
    for finding in report.findings.told() {
        let position = finding.position.map(|position| format!(", position {position}")).unwrap_or_default();
        writeln!(text, "{}: {}{position}: {}", finding.code.as_str(), finding.place, finding.detail)?;
    }
    let told = report.findings.told().len() as u64;
    if report.findings.total() > told {
        writeln!(text, "… and {} more. All by kind:", report.findings.total() - told)?;
        for (code, count) in report.findings.counts() {
            writeln!(text, "  {}: {count}", code.as_str())?;
        }
    }
    let codes: BTreeSet<_> = report.findings.counts().keys().copied().collect();
    for code in codes {
        writeln!(text, "{} means: {}. What to do: {}.", code.as_str(), code.meaning(), code.advice())?;
    }
    Ok(())
}
