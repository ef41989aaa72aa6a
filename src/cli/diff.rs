//! `cairn diff A B`: what changed between two points of the log, in words and as JSON, in bounded memory however much it is.

use crate::app::words::{OrganisationCode, PersonId};
use crate::app::{
    App, AppError, Auditor, DiffAsked, DiffPage, DiffRange, DiffSummary, Difference, LATE_DAYS, LATE_DAYS_MAX, Point,
};
use crate::cli::CommonArguments;
use crate::cli::failure::Failure;
use crate::cli::point::read_point;
use crate::cli::progress::Progress;
use crate::cli::service::{Sources, open_app};
use clap::Args;
use serde_json::{Value, json};
use std::io::{BufWriter, Write};

/// Changes that are told together.
const PAGE: u32 = 500;

/// The arguments of `cairn diff`.
#[derive(Debug, Args)]
#[command(after_help = "Examples: cairn diff 4711 now --person 5f0c3c1e-7a52-4e0b-9a56-2f7f2f1f9b11\n          \
    cairn diff 2026-11-01T00:00:00Z 2026-12-01T00:00:00Z --organisation RX1 --json\n\
    A point is a position (included) or an RFC 3339 instant; `start` is before the first event, `now` after the last.\n\
    People's words are not told unless --open is given.")]
pub struct DiffArguments {
    /// The earlier point
    #[arg(value_name = "A", value_parser = read_point)]
    pub from: Point,
    /// The later point
    #[arg(value_name = "B", value_parser = read_point)]
    pub to: Point,
    /// Only of this organisation
    #[arg(long, value_name = "CODE")]
    pub organisation: Option<OrganisationCode>,
    /// Only of this person's record
    #[arg(long, value_name = "ID")]
    pub person: Option<PersonId>,
    /// A recording is late if it was made more than so many days after it happened
    #[arg(long, value_name = "N", default_value_t = LATE_DAYS, value_parser = clap::value_parser!(u32).range(0..=i64::from(LATE_DAYS_MAX)))]
    pub late_days: u32,
    /// Tell people's words, opened with their keys
    #[arg(long)]
    pub open: bool,
    /// Only count
    #[arg(long)]
    pub summary: bool,
    /// End with status 1 if anything changed
    #[arg(long)]
    pub exit_code: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// No progress
    #[arg(long)]
    pub quiet: bool,
}

/// Compares.
///
/// # Errors
/// Status 2 where a point is not in the log or B lies before A; status 1 with `--exit-code` where something changed.
pub async fn run(common: &CommonArguments, arguments: &DiffArguments) -> Result<(), Failure> {
    let (app, _writer) = open_app(&common.settings()?, &Sources::default()).await?;
    let range = app.diff_range(arguments.from, arguments.to).await.map_err(told)?;
    if arguments.open {
        eprintln!(
            "cairn: WARNING: people's words are opened and printed; keep the output as you keep the records themselves"
        );
    }
    let asked = DiffAsked {
        organisation: arguments.organisation.clone(),
        person: arguments.person,
        late_days: arguments.late_days,
        with_words: arguments.open,
        after: None,
        limit: PAGE,
    };
    let progress = Progress::new("events counted", Some(range.until - range.from), arguments.quiet);
    let mut reached = range.from;
    let summary = app
        .diff_summary(Auditor::Operator, &asked, range, |now| {
            progress.advance(now.saturating_sub(reached));
            reached = now.max(reached);
        })
        .await
        .map_err(told)?;
    progress.finish();
    let mut out = BufWriter::new(std::io::stdout().lock());
    let written = if arguments.json {
        print_json(&mut out, &app, arguments, asked, range, &summary).await
    } else {
        print_words(&mut out, &app, arguments, asked, range, &summary).await
    };
    match written.and_then(|()| Ok(out.flush()?)) {
        // Whoever reads has seen enough (`| head`).
        Err(Unprinted::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        Err(Unprinted::Output(error)) => {
            return Err(Failure::unavailable("the answer cannot be printed".to_owned()).because(error));
        }
        Err(Unprinted::App(error)) => return Err(told(error)),
        Ok(()) => {}
    }
    if arguments.exit_code && summary.events > 0 { Err(Failure::no(String::new())) } else { Ok(()) }
}

fn told(error: AppError) -> Failure {
    match &error {
        AppError::InvalidQuery { parameter, detail } => {
            let point = if *parameter == "from" { "A" } else { "B" };
            Failure::configuration(format!("{point}: {detail}"))
        }
        _ => error.into(),
    }
}

/// Why an answer was not printed to its end.
enum Unprinted {
    App(AppError),
    Output(std::io::Error),
}

impl From<AppError> for Unprinted {
    fn from(error: AppError) -> Self {
        Self::App(error)
    }
}

impl From<std::io::Error> for Unprinted {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}

/// The next page of the changes; `None` after the last.
async fn next_page(app: &App, asked: &mut Option<DiffAsked>, range: DiffRange) -> Result<Option<DiffPage>, AppError> {
    let Some(current) = asked.take() else { return Ok(None) };
    let page = app.diff(Auditor::Operator, &current, range).await?;
    *asked = page.next.map(|next| DiffAsked { after: Some(next), ..current });
    Ok(Some(page))
}

async fn print_words(
    out: &mut impl Write,
    app: &App,
    arguments: &DiffArguments,
    asked: DiffAsked,
    range: DiffRange,
    summary: &DiffSummary,
) -> Result<(), Unprinted> {
    let last = |size: u64| size.checked_sub(1).map_or_else(|| "the start".to_owned(), |at| format!("position {at}"));
    let plural = |count: u64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    writeln!(
        out,
        "From {} to {}: {}; {}, {}; {} (more than {} days after it happened).",
        last(range.from),
        last(range.until),
        plural(summary.events, "event", "events"),
        plural(summary.begun, "began a new recording", "began new recordings"),
        plural(summary.events - summary.begun, "changed one", "changed one"),
        plural(summary.late, "recorded late", "recorded late"),
        arguments.late_days,
    )?;
    for (by, counts) in [("kind", &summary.by_kind), ("event", &summary.by_event)] {
        let counts: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
        if !counts.is_empty() {
            writeln!(out, "By {by}: {}", counts.join(", "))?;
        }
    }
    let by_who =
        summary.by_who.iter().map(|((organisation, client), count)| format!("{organisation} / {client} {count}"));
    let by_who: Vec<String> = by_who.collect();
    if !by_who.is_empty() {
        writeln!(out, "By whom: {}", by_who.join(", "))?;
    }
    let mut asked = (!arguments.summary).then_some(asked);
    while let Some(page) = next_page(app, &mut asked, range).await? {
        for item in &page.items {
            print_item(out, item)?;
        }
    }
    Ok(())
}

fn print_item(out: &mut impl Write, item: &Difference) -> Result<(), Unprinted> {
    let event = &item.event.event;
    let late = item.days_late.map(|days| format!(", LATE by {days} days")).unwrap_or_default();
    let view = item.perspective.map(|perspective| format!(", {perspective}'s view")).unwrap_or_default();
    writeln!(out)?;
    let (position, recorded_at, organisation) = (event.position, event.recorded_at, &event.organisation);
    if item.event.has_facts() {
        let (client, occurred_at) = (&event.header.client, event.header.occurred_at);
        writeln!(out, "{position}  recorded {recorded_at} by {organisation} / {client}, in life {occurred_at}{late}")?;
    } else {
        writeln!(out, "{position}  recorded {recorded_at} by {organisation}, its facts erased since")?;
    }
    writeln!(out, "    {}{view}", item.what.expose())?;
    if let Some(why) = &item.why {
        writeln!(out, "    why: {}", why.expose())?;
    }
    let person = item.event.person.map(|person| format!(" of person {person}")).unwrap_or_default();
    writeln!(out, "    {} {} version {}{person}", event.facts.kind().as_str(), event.stream, event.version)?;
    Ok(())
}

/// One JSON document, written as it is read.
async fn print_json(
    out: &mut impl Write,
    app: &App,
    arguments: &DiffArguments,
    asked: DiffAsked,
    range: DiffRange,
    summary: &DiffSummary,
) -> Result<(), Unprinted> {
    let by_who: Vec<Value> = summary
        .by_who
        .iter()
        .map(|((organisation, client), count)| {
            json!({"organisation": organisation.as_str(), "client": client, "events": count})
        })
        .collect();
    let counted = json!({
        "events": summary.events, "begun": summary.begun, "late": summary.late, "by_kind": summary.by_kind,
        "by_event": summary.by_event, "by_who": by_who
    });
    let (from, to) = (json!(range.from.checked_sub(1)), json!(range.until.checked_sub(1)));
    write!(out, "{{\"from\":{from},\"to\":{to},\"late_days\":{},\"summary\":{counted}", arguments.late_days)?;
    if arguments.summary {
        writeln!(out, "}}")?;
        return Ok(());
    }
    write!(out, ",\"events\":[")?;
    let (mut asked, mut is_first) = (Some(asked), true);
    while let Some(page) = next_page(app, &mut asked, range).await? {
        for item in &page.items {
            write!(out, "{}{}", if is_first { "\n" } else { ",\n" }, as_json(item))?;
            is_first = false;
        }
    }
    writeln!(out, "\n]}}")?;
    Ok(())
}

fn as_json(item: &Difference) -> Value {
    let event = &item.event.event;
    // Of what was erased whole only the envelope is left.
    let header = Some(&event.header).filter(|_| item.event.has_facts());
    json!({
        "position": event.position,
        "event": event.event.to_string(),
        "name": event.facts.name(),
        "kind": event.facts.kind().as_str(),
        "stream": event.stream.to_string(),
        "version": event.version,
        "organisation": event.organisation.as_str(),
        "client": header.map(|header| header.client.as_str()),
        "person": item.event.person.map(|person| person.to_string()),
        "recorded_at": event.recorded_at.to_string(),
        "occurred_at": header.map(|header| header.occurred_at.to_string()),
        "late": item.days_late.is_some(),
        "days_late": item.days_late,
        "perspective": item.perspective,
        "what": item.what.expose(),
        "why": item.why.as_ref().map(|why| why.expose().clone()),
    })
}
