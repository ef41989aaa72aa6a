//! What Cairn reaches against what its database can do, in one run on one machine: `cargo bench --bench limits`.
//!
//! It starts what it needs: a private PostgreSQL (`tests/postgres_cluster`), fresh databases made by the store's own
//! migrations, and `cairn serve` as a child process. Measured and limit alternate, at least three times, and the median
//! counts. Trust the ratios: the absolute figures are this machine's, and the load generator shares its cores.

mod appends;
mod bulk;
mod load;
mod machine;
mod place;
mod raw;
mod raw_postgres;
mod raw_sqlite;
mod reads;
mod replay;
mod report;
mod sample;

use place::{Backend, Cluster, Place};
use report::Report;
use std::time::Duration;

/// Anything may go wrong; a benchmark says what and ends.
pub type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// People whose accounts are recorded.
pub const PEOPLE: usize = 1_000;
/// The most recordings that the writer commits together unless told otherwise: the default of `append_batch_events`.
pub const BATCH_EVENTS: usize = 512;

const USAGE: &str =
    "cargo bench --bench limits -- [--quick] [--store sqlite|postgres|both] [--events N] [--only PART,…] [--json FILE]
  --quick     seconds instead of minutes; good for a look, not for the README
  --store     which stores (both)
  --events    how many recordings are imported for memory, as-of reads and replay (200000; quick: 20000)
  --only      appends, reads, bulk, replay (all)
  --json      also write the figures to a file";

/// What is to be done.
pub struct Plan {
    /// How long each run takes.
    pub time: Duration,
    /// How often measured and limit alternate.
    pub repeats: usize,
    /// How many recordings are imported.
    pub events: usize,
    stores: Vec<Backend>,
    only: Option<Vec<String>>,
    json: Option<String>,
}

impl Plan {
    fn from_arguments() -> Fallible<Self> {
        let mut plan = Self {
            time: Duration::from_secs(4),
            repeats: 3,
            events: 200_000,
            stores: vec![Backend::Sqlite, Backend::Postgres],
            only: None,
            json: None,
        };
        let mut events = None;
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value\n{USAGE}"));
            match argument.as_str() {
                "--bench" => {}
                "--quick" => {
                    plan.time = Duration::from_millis(1_500);
                    plan.events = 20_000;
                }
                "--store" => {
                    plan.stores = match value()?.as_str() {
                        "sqlite" => vec![Backend::Sqlite],
                        "postgres" => vec![Backend::Postgres],
                        "both" => vec![Backend::Sqlite, Backend::Postgres],
                        other => return Err(format!("{other} is no store\n{USAGE}").into()),
                    };
                }
                "--events" => events = Some(value()?.parse()?),
                "--only" => plan.only = Some(value()?.split(',').map(str::to_owned).collect()),
                "--json" => plan.json = Some(value()?),
                _ => return Err(format!("{argument} is unknown\n{USAGE}").into()),
            }
        }
        plan.events = events.unwrap_or(plan.events);
        Ok(plan)
    }

    fn wants(&self, part: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|wanted| wanted == part))
    }
}

fn main() -> std::process::ExitCode {
    // One thread: the generator must leave the cores to server and database.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run()));
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("limits: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

async fn run() -> Fallible<()> {
    let plan = Plan::from_arguments()?;
    let folder = tempfile::tempdir()?;
    let cluster = plan.stores.contains(&Backend::Postgres).then(Cluster::start).transpose()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let sync = machine::sync_micros(folder.path())?;
    println!(
        "{cores} cores, shared by server, database and load generator; the disk makes 8 KiB durable in {sync:.0} us\n"
    );
    let mut report = Report::default();
    for backend in &plan.stores {
        measure(*backend, &plan, folder.path(), cluster.as_ref(), &mut report).await?;
        println!();
    }
    println!("{}", report.text());
    if let Some(file) = &plan.json {
        let about = serde_json::json!({"cores": cores, "sync_micros": sync, "events": plan.events, "seconds": plan.time.as_secs_f64(), "repeats": plan.repeats});
        std::fs::write(file, format!("{:#}\n", report.json(&about)))?;
    }
    Ok(())
}

async fn measure(
    backend: Backend,
    plan: &Plan,
    folder: &std::path::Path,
    cluster: Option<&Cluster>,
    report: &mut Report,
) -> Fallible<()> {
    let place = Place::fresh(backend, folder, cluster).await?;
    let server = place.serve(BATCH_EVENTS)?;
    // The first of the log: what is read later, as it stood and as it stands.
    let mut lives = sample::lives();
    let first = sample::bulk(&server, &mut lives, 10_000);
    let (_, made) = sample::send_bulk(&server, &first, 1, true).await?;
    let people = sample::People::register(&server, PEOPLE).await?;
    let narratives = people.requests(&server);
    let mut appends = appends::Appends { plan, server: &server, narratives: &narratives, next_key: 0 };
    let beginning = appends.at_64().await?;
    let raw_place = Place::fresh(backend, folder, cluster).await?;
    let mut raw = raw::Raw::open(&raw_place, &place).await?;
    report.add(backend.name(), "bytes of a recording's leaf, parts and row", raw.template().bytes() as f64, "B");
    if plan.wants("appends") {
        let single = Place::fresh(backend, folder, cluster).await?;
        appends.measure(backend, &mut raw, &single, report).await?;
    }
    if plan.wants("reads") {
        reads::measure(&place, &server, plan, &made, report).await?;
    }
    if plan.wants("bulk") {
        bulk::measure(&place, &server, plan, &people, &mut lives, &mut raw, report).await?;
        let end = appends.at_64().await?;
        bulk::compare_ends(backend, &server, &beginning, &end, report);
    }
    if plan.wants("reads") {
        reads::measure_as_of(&place, &server, plan, &made, report).await?;
    }
    if plan.wants("replay") {
        replay::measure(&place, report).await?;
    }
    if backend == Backend::Sqlite {
        report.add(backend.name(), "size of the database file at the end", place.file_mb(), "MB");
    }
    Ok(())
}
