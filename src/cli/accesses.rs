//! `cairn accesses`: who was shown whose data, through the API like any partner: one person's accesses, or what looks unusual.
//!
//! Answers stand on standard output, one a line, as text or with `--json` as the API gives them. Whatever looks unusual is a
//! prompt to look, so the exit status does not call it wrong.

use crate::cli::failure::Failure;
use crate::cli::http_client::{Client, ClientError, CredentialArguments, RetryPolicy};
use clap::{Args, Subcommand};
use serde_json::Value;
use std::fmt;

/// The arguments of `cairn accesses`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cairn accesses unusual --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z --token \"$TOKEN\""
)]
pub struct AccessesArguments {
    /// What to show
    #[command(subcommand)]
    pub command: AccessesCommand,
}

/// What to show.
#[derive(Debug, Subcommand)]
pub enum AccessesCommand {
    /// Everybody who was shown one person's data, the oldest first
    Of {
        /// The person's id
        person: String,
        /// Where and as whom
        #[command(flatten)]
        call: CallArguments,
    },
    /// What looks unusual in a period, as a prompt to look
    Unusual {
        /// Recorded at or after this instant (RFC 3339)
        #[arg(long, value_name = "INSTANT")]
        from: String,
        /// Recorded before this instant
        #[arg(long, value_name = "INSTANT")]
        to: String,
        /// The usual hours, such as 06:00-22:00
        #[arg(long, value_name = "HOURS")]
        hours: Option<String>,
        /// The time zone of the hours as POSIX writes it [default: the United Kingdom's]
        #[arg(long, value_name = "ZONE")]
        time_zone: Option<String>,
        /// Where and as whom
        #[command(flatten)]
        call: CallArguments,
    },
}

/// Where the service is and who calls.
#[derive(Args)]
pub struct CallArguments {
    /// The address of the service
    #[arg(long, value_name = "URL", env = "CAIRN_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// Who calls.
    #[command(flatten)]
    pub credentials: CredentialArguments,
    /// Print the API's answer as JSON
    #[arg(long)]
    pub json: bool,
}

impl fmt::Debug for CallArguments {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CallArguments").field("url", &self.url).finish_non_exhaustive()
    }
}

impl CallArguments {
    fn client(&self) -> Result<Client, Failure> {
        let token = self
            .credentials
            .source()
            .map_err(|error| Failure::configuration("the service cannot be called".to_owned()).because(error))?;
        Client::new(&self.url, token, RetryPolicy::default()).map_err(|error| Failure::configuration(error.to_string()))
    }
}

/// Shows accesses.
///
/// # Errors
/// Status 2 where the question or the caller is refused, 3 where the service does not answer.
pub async fn run(arguments: &AccessesArguments) -> Result<(), Failure> {
    match &arguments.command {
        AccessesCommand::Of { person, call } => of(person, call).await,
        AccessesCommand::Unusual { from, to, hours, time_zone, call } => {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("from", from).append_pair("to", to);
            for (name, value) in [("hours", hours), ("time_zone", time_zone)] {
                if let Some(value) = value {
                    query.append_pair(name, value);
                }
            }
            unusual(&query.finish(), call).await
        }
    }
}

async fn of(person: &str, call: &CallArguments) -> Result<(), Failure> {
    let client = call.client()?;
    if uuid::Uuid::parse_str(person).is_err() {
        return Err(Failure::configuration("a person's id is a UUID".to_owned()));
    }
    let mut path = format!("/v1/people/{person}/accesses?order=oldest&limit=500");
    loop {
        let page = client.get_json(&path).await.map_err(failure)?;
        for access in page["items"].as_array().into_iter().flatten() {
            if call.json {
                println!("{access}");
            } else {
                println!("{}", line(access));
            }
        }
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut path),
            None => return Ok(()),
        }
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("-")
}

fn line(access: &Value) -> String {
    let parts: Vec<&str> = access["parts"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    format!(
        "{} {}, for user {} ({}), purpose {}: {} of {} by {}",
        text(access, "recorded_at"),
        text(access, "client"),
        text(access, "user"),
        text(access, "role"),
        text(access, "purpose"),
        text(access, "outcome"),
        if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") },
        text(access, "operation"),
    )
}

async fn unusual(query: &str, call: &CallArguments) -> Result<(), Failure> {
    let report = call.client()?.get_json(&format!("/v1/accesses/unusual?{query}")).await.map_err(failure)?;
    if call.json {
        println!("{report}");
        return Ok(());
    }
    let findings = report["findings"].as_array().cloned().unwrap_or_default();
    for finding in &findings {
        println!(
            "{}: {}, for user {}: {} reads of {} people, {} to {}: {}",
            text(finding, "reason"),
            text(finding, "client"),
            text(finding, "user"),
            finding["reads"],
            finding["people"],
            text(finding, "first_at"),
            text(finding, "last_at"),
            text(finding, "because"),
        );
    }
    eprintln!("cairn: {} things to look at among {} reads; none of them is a verdict", findings.len(), report["reads"]);
    for missing in report["not_judged"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        eprintln!("cairn: not judged: {missing}");
    }
    Ok(())
}

/// A refusal of the question or of who asks is the caller's to mend; anything else may pass.
fn failure(error: ClientError) -> Failure {
    match &error {
        ClientError::Scope { problem } => {
            Failure::configuration(format!("the token does not allow this ({problem}): it needs accesses:read"))
        }
        ClientError::Refused { status: 400..=422, .. } => Failure::configuration(error.to_string()),
        _ if error.is_usage() => Failure::configuration(error.to_string()),
        _ => Failure::unavailable(error.to_string()),
    }
}
