//! `cairn demo`: a service in a fresh folder, a sample loaded into it, and the main job walked through real HTTP.

use crate::app::auth::DevelopmentIssuer;
use crate::app::sample::{SampleLine, population};
use crate::app::words::{OrganisationCode, Scope};
use crate::app::{Clock, SystemClock};
use crate::cli::failure::Failure;
use crate::cli::http_client::{Client, RetryPolicy, TokenSource};
use crate::cli::progress::Progress;
use crate::cli::sample::day_of;
use crate::cli::serve::StopSignals;
use crate::cli::service::{Service, Sources};
use crate::config::{self, Flags, Settings};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The arguments of `cairn demo`.
#[derive(Debug, Args)]
#[command(after_help = "Example: cairn demo --once --people 50")]
pub struct DemoArguments {
    /// End after the walk, with exit status 0 or 1
    #[arg(long)]
    pub once: bool,
    /// How many people the sample has
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub people: u64,
    /// The sample's seed
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// No progress
    #[arg(long)]
    pub quiet: bool,
    /// The folder to make; it must not exist [default: a fresh one in the system's folder for temporary files]
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// The port to serve on; 0 for any that is free
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
}

/// The most lines of one batch that the demo sends.
const BATCH_LINES: usize = 1_000;
/// The organisation that the demo acts for.
const ORGANISATION: &str = "DEMO";

/// Runs the demo.
///
/// # Errors
/// Status 1 where a step of the walk fails; else where the service cannot start.
pub async fn run(arguments: &DemoArguments) -> Result<(), Failure> {
    let folder = fresh_folder(arguments)?;
    let result = run_in(&folder, arguments).await;
    if arguments.folder.is_none() {
        // What the demo made by itself it takes away again.
        let _ = std::fs::remove_dir_all(&folder);
    }
    result
}

fn fresh_folder(arguments: &DemoArguments) -> Result<PathBuf, Failure> {
    let folder = arguments
        .folder
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("cairn-demo-{}", crate::app::new_request_id())));
    if folder.exists() {
        return Err(Failure::configuration(format!(
            "{} exists already; the demo needs a fresh folder",
            folder.display()
        )));
    }
    std::fs::create_dir_all(&folder)
        .map_err(|error| Failure::unavailable(format!("{} cannot be made", folder.display())).because(error))?;
    Ok(folder)
}

async fn run_in(folder: &Path, arguments: &DemoArguments) -> Result<(), Failure> {
    let port = if arguments.once { 0 } else { arguments.port };
    let flags = Flags {
        data_dir: Some(folder.display().to_string()),
        database_url: None,
        listen: Some(format!("127.0.0.1:{port}")),
    };
    // The demo is the same everywhere, so the environment of this process has no say in it.
    let sources = config::Sources { file: None, flags, environment: Vec::new(), is_terminal: true };
    let settings = Settings::load(&sources).map_err(|error| Failure::configuration(error.to_string()))?;
    let service = Service::start(&settings, &Sources::default(), None).await?;
    let token = mint(&settings)?;
    let client = Client::new(&service.public_url, TokenSource::Fixed(token.clone()), RetryPolicy::default())
        .map_err(|error| Failure::unavailable(error.to_string()))?;
    println!("Cairn serves on {} from a fresh embedded store in {}\n", service.public_url, folder.display());
    let walked = match load(&client, arguments).await {
        Ok(()) => Walk { client: &client, step: 0 }.walk().await,
        Err(failure) => Err(failure),
    };
    if let Err(failure) = walked {
        service.stop().await;
        return Err(failure);
    }
    if arguments.once {
        service.stop().await;
        println!("\nThe walk is done: every step answered as it should.");
        return Ok(());
    }
    let mut stop = StopSignals::listen()?;
    println!("\nThe service goes on. Try it:\n");
    println!("  docs     {}/docs/", service.public_url);
    println!("  token    export TOKEN={token}");
    println!("  people   curl -s -H \"Authorization: Bearer $TOKEN\" \"{}/v1/people?limit=3\"", service.public_url);
    println!(
        "  outcomes curl -s -H \"Authorization: Bearer $TOKEN\" \"{}/v1/outcomes?status=open&limit=3\"",
        service.public_url
    );
    println!("\nCtrl-C stops it and removes the folder.");
    stop.told().await;
    service.stop().await;
    Ok(())
}

fn mint(settings: &Settings) -> Result<String, Failure> {
    let unusable = |error: &dyn std::error::Error| {
        Failure::configuration(format!("the development token cannot be made: {error}"))
    };
    let issuer = DevelopmentIssuer::open_or_create(&settings.data_dir, &crate::app::random_bytes())
        .map_err(|error| unusable(&error))?;
    let organisation: OrganisationCode = ORGANISATION.parse().map_err(|error| unusable(&error))?;
    let scopes = Scope::ALL.iter().copied().collect();
    let token = issuer
        .mint(&organisation, &scopes, 24 * 3_600, SystemClock.now(), &crate::app::random_bytes())
        .map_err(|error| unusable(&error))?;
    Ok(token.to_string())
}

async fn load(client: &Client, arguments: &DemoArguments) -> Result<(), Failure> {
    let progress = Progress::new("people of the sample", Some(arguments.people), arguments.quiet);
    let today = day_of(SystemClock.now());
    let (mut lines, mut people, mut recorded) = (Vec::new(), 0, 0);
    let mut sample = population(arguments.people, arguments.seed, today).peekable();
    while let Some(person) = sample.next() {
        lines.extend(person.lines.iter().map(SampleLine::to_line));
        people += 1;
        let next = sample.peek().map_or(usize::MAX, |next| next.lines.len());
        if lines.len().saturating_add(next) > BATCH_LINES {
            let answers = client.post_batch(&lines).await.map_err(|error| Failure::unavailable(error.to_string()))?;
            if let Some(refused) = answers.iter().find(|answer| !answer.is_recorded()) {
                return Err(Failure::no(format!(
                    "line {} of the sample was refused with status {}",
                    refused.line, refused.status
                )));
            }
            recorded += answers.len();
            progress.advance(people);
            people = 0;
            lines.clear();
        }
    }
    progress.finish();
    println!("Loaded a synthetic sample: {} people, {recorded} recordings.\n", arguments.people);
    Ok(())
}

struct Walk<'a> {
    client: &'a Client,
    step: u32,
}

impl Walk<'_> {
    async fn walk(mut self) -> Result<(), Failure> {
        let today = day_of(SystemClock.now()).to_string();
        let person = self
            .record(
                "/v1/people",
                None,
                &json!({"occurred_at": "2025-01-05", "name": "Morgan Sample", "birth_date": "1951-03-14"}),
            )
            .await?;
        let person = text(&person, "id")?;
        self.say(&format!("Registered Morgan Sample (synthetic) as {person}"));
        let narrative = self
            .record("/v1/narratives", None, &json!({"occurred_at": "2025-02-01", "person": person, "text": "Morgan said: I miss walking the dog with my friends.",
                "author": "practitioner", "perspective": "person", "knowledge_form": "lived", "verbatim_spans": [{"start": 13, "end": 52}]}))
            .await?;
        let narrative = text(&narrative, "id")?;
        let outcome = self
            .record(
                "/v1/outcomes",
                None,
                &json!({"occurred_at": "2025-02-01", "person": person, "identified_by": "person",
                "outcome_type": "quality_of_life", "direction": "change", "title": "Walk the dog with my friends again",
                "framework_items": ["talking-points-people@1#seeing-people"], "narratives": [narrative]}),
            )
            .await?;
        let outcome = text(&outcome, "id")?;
        self.say("Recorded Morgan's own words, and what matters: “Walk the dog with my friends again”");
        self.reviews(&person, &outcome).await?;
        let changed = self
            .record(&format!("/v1/outcomes/{outcome}/rewordings"), Some(0), &json!({"occurred_at": today, "outcome_type": "quality_of_life",
                "direction": "change", "title": "Walk the dog with my friends twice a week",
                "framework_items": ["talking-points-people@1#seeing-people"], "narratives": [narrative], "reason": "Once a week came back quickly"}))
            .await?;
        let position = changed["position"].as_u64().ok_or_else(|| wrong("the rewording has no position"))?;
        self.say(&format!("Amended the outcome at position {position}; nothing was overwritten:"));
        self.expect_title(&outcome, Some(position - 1), "Walk the dog with my friends again").await?;
        self.expect_title(&outcome, None, "Walk the dog with my friends twice a week").await?;
        self.history(&outcome).await?;
        self.feed(position).await
    }

    async fn reviews(&mut self, person: &str, outcome: &str) -> Result<(), Failure> {
        for (perspective, status, note) in [
            ("person", "partly_met", "Out twice, not with the friends yet"),
            ("practitioner", "fully_met", "Walks every week"),
        ] {
            let body = json!({"occurred_at": "2025-06-10", "person": person, "outcome": outcome, "perspective": perspective,
                "author": "practitioner", "status": format!("review-status@1#{status}"), "note": note});
            self.record("/v1/reviews", None, &body).await?;
        }
        let sides = self.get(&format!("/v1/outcomes/{outcome}/disagreement")).await?;
        if sides["disagree"] != Value::Bool(true) {
            return Err(wrong("the two reviews should disagree"));
        }
        self.say("Two reviews stand side by side and disagree: the person says partly met, the practitioner fully met");
        Ok(())
    }

    async fn expect_title(&self, outcome: &str, as_of: Option<u64>, title: &str) -> Result<(), Failure> {
        let query = as_of.map(|position| format!("?as_of={position}")).unwrap_or_default();
        let seen = self.get(&format!("/v1/outcomes/{outcome}{query}")).await?;
        if seen["title"] != title {
            return Err(wrong("an outcome does not read as it should"));
        }
        let when = as_of.map_or_else(|| "now".to_owned(), |position| format!("as of {position}"));
        println!("     {when}: “{title}”");
        Ok(())
    }

    async fn history(&mut self, outcome: &str) -> Result<(), Failure> {
        let history = self.get(&format!("/v1/outcomes/{outcome}/history")).await?;
        let entries = history["entries"].as_array().cloned().unwrap_or_default();
        if entries.len() < 4 {
            return Err(wrong("the history is shorter than what was recorded"));
        }
        self.say("Its history, in words:");
        for entry in &entries {
            let late = if entry["late"] == Value::Bool(true) { " (recorded late)" } else { "" };
            println!(
                "     {}  {}{late}",
                entry["when_in_life"].as_str().unwrap_or(""),
                entry["what"].as_str().unwrap_or("")
            );
        }
        Ok(())
    }

    async fn feed(&mut self, position: u64) -> Result<(), Failure> {
        let feed = self.get(&format!("/v1/events?after={}", position - 1)).await?;
        let found =
            feed["items"].as_array().is_some_and(|items| items.iter().any(|event| event["position"] == position));
        if !found {
            return Err(wrong("the feed does not have the amendment"));
        }
        self.say(&format!(
            "The feed of events has it at position {position}: partners follow with GET /v1/events?after=…"
        ));
        Ok(())
    }

    async fn record(&self, path: &str, if_match: Option<u64>, body: &Value) -> Result<Value, Failure> {
        let key = format!("demo-{}", crate::app::new_request_id());
        self.client
            .record(path, &key, if_match, body)
            .await
            .map_err(|error| Failure::no(format!("POST {path}: {error}")))
    }

    async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.client.get_json(path).await.map_err(|error| Failure::no(format!("GET {path}: {error}")))
    }

    fn say(&mut self, text: &str) {
        self.step += 1;
        println!("{:>3}. {text}", self.step);
    }
}

fn text(answer: &Value, field: &str) -> Result<String, Failure> {
    answer[field].as_str().map(str::to_owned).ok_or_else(|| wrong("an answer has no id"))
}

fn wrong(text: &str) -> Failure {
    Failure::no(text.to_owned())
}
