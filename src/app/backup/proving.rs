//! Proving what was filled in: the rows are made and held against the events, and then the same audit of both logs is run as
//! `cairn verify` runs it on a live store, with the keys.

use super::{BackupError, EachLog, SignedLog, Tell, Told};
use crate::app::audit::{Auditor, EarlierCheckpoint, LiveLog, LogName, Report, Verdict, verify_store};
use crate::app::{App, AppError};

/// What was proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proved {
    /// Whether the checkpoints' signatures were checked: the key of each log's signer was at hand.
    pub signatures: bool,
}

/// Verifies a store that was filled and has its rows. `is_older` says that it is known to be older than what was signed, and wanted
/// all the same.
pub(super) async fn verify(
    app: &App,
    logs: &EachLog<SignedLog>,
    is_older: bool,
    tell: Tell<'_>,
) -> Result<Proved, BackupError> {
    let signatures = logs.outcomes.key.is_some() && logs.accesses.key.is_some();
    let live = [live(LogName::Outcomes, &logs.outcomes, is_older)?, live(LogName::Accesses, &logs.accesses, is_older)?];
    let mut begun = false;
    let mut progress = |done, total| {
        if !begun {
            tell(Told::Begins("events verified", Some(total)));
            begun = true;
        }
        tell(Told::More(done));
    };
    let (store, vault) = (app.store.as_ref(), Some(&app.vault));
    let report = verify_store(store, vault, &live, &Auditor::default(), &mut progress).await?;
    match report.verdict() {
        Verdict::Verified => Ok(Proved { signatures }),
        Verdict::Wrong => Err(BackupError::Unverified(findings(&report))),
        Verdict::Incomplete => {
            Err(BackupError::Unavailable { count: report.logs.iter().map(|log| log.counts.unavailable_parts).sum() })
        }
    }
}

/// A log with what its signer has beside it.
fn live(log: LogName, signed: &SignedLog, is_older: bool) -> Result<LiveLog, BackupError> {
    let guard = if is_older { None } else { signed.kept_apart()? };
    let name = signed.state_file.display().to_string();
    Ok(LiveLog {
        log,
        origin: signed.origin.clone(),
        key: signed.key.clone(),
        guard: guard.map(|(_, note)| EarlierCheckpoint { name, note }),
        guard_file: signed.state_file.clone(),
    })
}

/// Makes the rows of the events, and holds them against the events once more.
pub(super) async fn make_rows(app: &App, tell: Tell<'_>) -> Result<(), BackupError> {
    let size = app.store.head().await.map_err(AppError::from)?.size;
    let told = |what, tell: Tell<'_>| tell(Told::Begins(what, Some(size)));
    told("rows", tell);
    let mut done = 0;
    app.rebuild(|now, _| {
        tell(Told::More(now - done));
        done = now;
    })
    .await?;
    told("rows checked", tell);
    done = 0;
    let replayed = app
        .replay(true, |now, _| {
            tell(Told::More(now - done));
            done = now;
        })
        .await?;
    if replayed.drift_count > 0 || replayed.events != size {
        let drifts = replayed.drift_count;
        return Err(BackupError::Differs(format!("{drifts} rows are not what the events make of them")));
    }
    app.check().await?;
    Ok(())
}

/// The first things that are wrong, by kind and place, never with what a part says.
fn findings(report: &Report) -> String {
    let told: Vec<String> = report
        .findings
        .told()
        .iter()
        .take(3)
        .map(|finding| {
            let position = finding.position.map(|position| format!(", position {position}")).unwrap_or_default();
            format!("{}: {}{position}: {}", finding.code.as_str(), finding.place, finding.detail)
        })
        .collect();
    format!("{} things are wrong, first {}", report.findings.total(), told.join("; "))
}
