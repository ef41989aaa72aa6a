//! `cairn doctor`: checks what must hold before serving, and says what to do where it does not.

use crate::app::log::{LogKeeper, WitnessAddress};
use crate::app::{App, AppError, Clock, SystemClock};
use crate::cli::CommonArguments;
use crate::cli::failure::Failure;
use crate::cli::service::{Sources, open_app};
use crate::cli::signer::{signers, witness_client};
use crate::config::{DatabaseUrl, Settings};
use clap::Args;

/// The arguments of `cairn doctor`.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Fine,
    Advice,
    Wrong,
}

struct Finding {
    what: &'static str,
    verdict: Verdict,
    detail: String,
}

/// Checks everything that can be checked and prints it.
///
/// # Errors
/// Status 1 where something is wrong, 2 where the configuration cannot be read.
pub async fn run(common: &CommonArguments, arguments: &DoctorArguments) -> Result<(), Failure> {
    let mut settings = common.settings()?;
    // Looking must not make anything.
    settings.create = false;
    let mut findings = configuration(&settings);
    match open_app(&settings, &Sources::default()).await {
        Ok((app, _writer)) => {
            findings.push(found("database and key store", app.check().await, "durable, append-only, keys open"));
            findings.extend(log(&app).await);
            findings.extend(proof(&settings, &app).await);
        }
        Err(failure) => {
            findings.push(Finding { what: "database and key store", verdict: Verdict::Wrong, detail: failure.chain() });
        }
    }
    if let DatabaseUrl::Postgres { url } = &settings.database {
        findings.push(privileges(url).await);
    }
    for finding in &findings {
        let mark = match finding.verdict {
            Verdict::Fine => "ok    ",
            Verdict::Advice => "advice",
            Verdict::Wrong => "WRONG ",
        };
        if arguments.json {
            let line = serde_json::json!({"check": finding.what, "verdict": mark.trim().to_lowercase(), "detail": finding.detail});
            println!("{line}");
        } else {
            println!("{mark}  {}: {}", finding.what, finding.detail);
        }
    }
    let wrong = findings.iter().filter(|finding| finding.verdict == Verdict::Wrong).count();
    if wrong > 0 {
        return Err(Failure::no(format!("{wrong} of {} checks failed", findings.len())));
    }
    Ok(())
}

fn found(what: &'static str, result: Result<(), AppError>, fine: &str) -> Finding {
    match result {
        Ok(()) => Finding { what, verdict: Verdict::Fine, detail: fine.to_owned() },
        Err(error) => Finding { what, verdict: Verdict::Wrong, detail: Failure::from(error).chain() },
    }
}

fn configuration(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![Finding {
        what: "configuration",
        verdict: Verdict::Fine,
        detail: format!("data directory {}", settings.data_dir.display()),
    }];
    if !settings.ignored_environment.is_empty() {
        findings.push(Finding {
            what: "environment",
            verdict: Verdict::Advice,
            detail: format!("these CAIRN_… variables are no settings: {}", settings.ignored_environment.join(", ")),
        });
    }
    if settings.development_issuer {
        findings.push(Finding {
            what: "tokens",
            verdict: Verdict::Advice,
            detail:
                "the embedded development issuer is on (loopback only); set development_issuer = false in production"
                    .to_owned(),
        });
    }
    let loopback = settings.listen.iter().all(|address| address.ip().is_loopback());
    if !loopback && settings.public_url.as_deref().is_none_or(|url| !url.starts_with("https://")) {
        findings.push(Finding {
            what: "public address",
            verdict: Verdict::Advice,
            detail: "set public_url to the https address that callers use; Cairn itself speaks http behind a proxy"
                .to_owned(),
        });
    }
    findings
}

async fn log(app: &crate::app::App) -> Vec<Finding> {
    let head = match app.store().head().await {
        Ok(head) => head,
        Err(error) => return vec![found("log", Err(AppError::from(error)), "")],
    };
    let now = SystemClock.now();
    let ahead = head.recorded_at.micros().saturating_sub(now.micros());
    let clock = if ahead > 1_000_000 {
        Finding {
            what: "clock",
            verdict: Verdict::Wrong,
            detail: format!(
                "the last event was recorded {} s in the future: set the clock right (NTP)",
                ahead / 1_000_000
            ),
        }
    } else {
        Finding { what: "clock", verdict: Verdict::Fine, detail: format!("now {now}, last event {}", head.recorded_at) }
    };
    vec![Finding { what: "log", verdict: Verdict::Fine, detail: format!("{} events", head.size) }, clock]
}

/// Whether the database goes on from what was signed of each log, and what the witnesses say to it.
async fn proof(settings: &Settings, app: &App) -> Vec<Finding> {
    let mut findings = Vec::new();
    for signer in signers(settings, app) {
        let (what, log) = ("signed checkpoints", signer.log.as_str());
        if signer.is_new() {
            let detail = format!("of {log}, nothing was signed here yet: the first start makes the key");
            findings.push(Finding { what, verdict: Verdict::Advice, detail });
            continue;
        }
        match signer.open(app, false).await {
            Ok(keeper) => {
                let detail = format!("{log} goes on from all of them; its key is {}", keeper.verifier_key());
                findings.push(Finding { what, verdict: Verdict::Fine, detail });
                findings.extend(witnesses(log, &keeper).await);
            }
            Err(failure) => findings.push(Finding { what, verdict: Verdict::Wrong, detail: failure.chain() }),
        }
    }
    findings
}

/// Whether each witness answers, and still knows the log as it is. One that is away is no failure of the service; one that
/// knows another history is an alarm. It is asked to cosign what was signed last, as the service asks it.
async fn witnesses(log: &str, keeper: &LogKeeper) -> Vec<Finding> {
    let what = "witness";
    let client = match witness_client() {
        Ok(client) => client,
        Err(failure) => return vec![Finding { what, verdict: Verdict::Wrong, detail: failure.chain() }],
    };
    let ask = async |witness: &WitnessAddress| {
        let name = witness.key.name();
        match client.ask(keeper, witness, 0).await {
            Ok(cosigned) => {
                let detail = format!("{name} at {} cosigns {log}; it knows {} entries", witness.url, cosigned.size);
                Finding { what, verdict: Verdict::Fine, detail }
            }
            Err(problem) => {
                let verdict = if problem.is_contradiction() { Verdict::Wrong } else { Verdict::Advice };
                let failure =
                    Failure::unavailable(format!("{name} at {} does not cosign {log}: {problem}", witness.url));
                Finding { what, verdict, detail: failure.because_of(&problem).chain() }
            }
        }
    };
    futures::future::join_all(keeper.policy().witnesses.iter().map(ask)).await
}

async fn privileges(url: &str) -> Finding {
    match crate::app::open::owns_the_log(url).await {
        Ok(false) => Finding { what: "privileges", verdict: Verdict::Fine, detail: "the role owns nothing".to_owned() },
        Ok(true) => Finding {
            what: "privileges",
            verdict: Verdict::Advice,
            detail:
                "the role owns the tables, may act as their owner, may change the log or is a superuser: serve as another role (cairn migrate --service-role …)"
                    .to_owned(),
        },
        Err(error) => found("privileges", Err(error), ""),
    }
}
