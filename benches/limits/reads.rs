//! Targets 6 and 7: reads of what stands and of what stood.

use crate::load::{Connection, Load, Request, Run};
use crate::machine::{median, micros};
use crate::place::{Backend, Place, Server};
use crate::report::{Report, Target};
use crate::sample::Made;
use crate::{Fallible, Plan};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Connection as _, PgConnection};
use std::process::Command;
use std::str::FromStr;
use std::time::{Duration, Instant};
use uuid::Uuid;

const CONNECTIONS: usize = 64;
/// Recordings that are read.
const POOL: usize = 1_000;

fn paths(made: &[Made], operation: &str, path: impl Fn(&Made) -> String) -> Vec<String> {
    made.iter().filter(|made| made.operation == operation).take(POOL).map(path).collect()
}

async fn load(server: &Server, requests: &[Request], expect: u16, time: Duration) -> Fallible<Run> {
    Load { server, requests, expect, first_key: 0 }.run(CONNECTIONS, time).await
}

fn gets(server: &Server, paths: &[String], more: &str) -> Vec<Request> {
    paths.iter().map(|path| Request::get(server, path, more)).collect()
}

/// The version of each path as its ETag says, so that a conditional read can name it.
async fn conditional(server: &Server, paths: &[String]) -> Fallible<Vec<Request>> {
    let mut connection = Connection::open(server.address).await?;
    let mut requests = Vec::with_capacity(paths.len());
    for path in paths {
        let mut bytes = Vec::new();
        Request::get(server, path, "").under(0, &mut bytes);
        let answer = connection.exchange(&bytes).await?;
        let head = connection.head(answer);
        let tag =
            head.lines().find_map(|line| line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("etag")));
        let (_, tag) = tag.ok_or_else(|| format!("{path} has no ETag: {head}"))?;
        requests.push(Request::get(server, path, &format!("If-None-Match: {tag}\r\n")));
    }
    Ok(requests)
}

/// Reads of what stands now.
pub async fn measure(place: &Place, server: &Server, plan: &Plan, made: &[Made], report: &mut Report) -> Fallible<()> {
    let store = place.backend.name();
    let outcomes = paths(made, "identify_outcome", |made| format!("/v1/outcomes/{}", made.id));
    let ids: Vec<Uuid> = made
        .iter()
        .filter(|made| made.operation == "identify_outcome")
        .take(POOL)
        .filter_map(|made| made.id.parse().ok())
        .collect();
    let records = paths(made, "register_person", |made| format!("/v1/people/{}/record", made.id));
    let sets = [
        ("GET an outcome", gets(server, &outcomes, ""), 200),
        ("GET an outcome, 304", conditional(server, &outcomes).await?, 304),
        ("GET /health/live (actix \"pong\")", gets(server, &["/health/live".to_owned()], ""), 200),
        ("GET a person's record", gets(server, &records, ""), 200),
    ];
    let mut raw = RawReads::prepare(place, &ids).await?;
    let mut runs: Vec<Vec<Run>> = vec![Vec::new(); sets.len()];
    let mut limits = Vec::new();
    for _ in 0..plan.repeats {
        for ((_, requests, expect), runs) in sets.iter().zip(&mut runs) {
            runs.push(load(server, requests, *expect, plan.time).await?);
        }
        limits.push(raw.run(plan.time).await?);
    }
    let of = |values: &mut dyn Iterator<Item = f64>| median(&mut values.collect::<Vec<_>>());
    for ((name, ..), runs) in sets.iter().zip(&runs) {
        report.add(store, format!("{name}, 64 connections"), of(&mut runs.iter().map(|run| run.rate)), "/s");
        report.add(store, "  p50", of(&mut runs.iter().map(|run| run.p50)), "us");
        report.add(store, "  p99", of(&mut runs.iter().map(|run| run.p99)), "us");
        let cpu = of(&mut runs.iter().map(|run| run.server_cpu + run.database_cpu));
        report.add(store, "  CPU of server and database per read", cpu, "us");
    }
    report.add(store, raw.name(), of(&mut limits.iter().copied()), "/s");
    let [current, unchanged, pong, _] = &runs[..] else { return Err("a set is missing".into()) };
    let ratio = of(&mut current.iter().zip(&limits).map(|(run, limit)| run.rate / limit));
    let target = Target::AtLeast(6, 0.25);
    if place.backend == Backend::Postgres {
        report.aim(store, "read of an outcome / pgbench SELECT", ratio, "", target);
    } else {
        report.add(store, "read of an outcome / SELECT through the driver", ratio, "");
    }
    let ratio = of(&mut unchanged.iter().zip(pong).map(|(run, pong)| run.rate / pong.rate));
    report.aim(store, "read of an outcome, 304 / pong", ratio, "", Target::AtLeast(6, 0.5));
    Ok(())
}

/// Reads of what stood, early and late in the log.
pub async fn measure_as_of(
    place: &Place,
    server: &Server,
    plan: &Plan,
    made: &[Made],
    report: &mut Report,
) -> Fallible<()> {
    let store = place.backend.name();
    let mut connection = Connection::open(server.address).await?;
    let mut bytes = Vec::new();
    Request::get(server, &format!("/v1/outcomes/{}", first_outcome(made)?), "").under(0, &mut bytes);
    let answer = connection.exchange(&bytes).await?;
    let head = connection.head(answer);
    let position =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("cairn-position: ").map(str::to_owned));
    let size: u64 = position.ok_or("no Cairn-Position")?.trim().parse()?;
    report.add(store, "events in the log at the as-of reads", size as f64, "");
    let old: Vec<Made> = made
        .iter()
        .filter(|made| made.operation == "identify_outcome" && made.position < size / 100)
        .cloned()
        .collect();
    let at = |query: &str| {
        gets(server, &paths(&old, "identify_outcome", |made| format!("/v1/outcomes/{}{query}", made.id)), "")
    };
    let current = at("");
    let sets: Vec<(u64, Vec<Request>)> =
        [1, 50, 99].into_iter().map(|part| (part, at(&format!("?as_of={}", size * part / 100)))).collect();
    let mut ratios: Vec<Vec<f64>> = vec![Vec::new(); sets.len()];
    let mut latencies: Vec<Vec<f64>> = vec![Vec::new(); sets.len()];
    for _ in 0..plan.repeats {
        let now = load(server, &current, 200, plan.time).await?;
        for (((_, requests), ratios), latencies) in sets.iter().zip(&mut ratios).zip(&mut latencies) {
            let then = load(server, requests, 200, plan.time).await?;
            ratios.push(then.p50 / now.p50);
            latencies.push(then.p50);
        }
    }
    for (((part, _), ratios), latencies) in sets.iter().zip(&mut ratios).zip(&mut latencies) {
        report.add(store, format!("as-of read at {part} % of the log, 64 connections, p50"), median(latencies), "us");
        report.aim(
            store,
            format!("as-of read at {part} % / current read, p50"),
            median(ratios),
            "x",
            Target::AtMost(7, 1.5),
        );
    }
    Ok(())
}

fn first_outcome(made: &[Made]) -> Fallible<&str> {
    let outcome = made.iter().find(|made| made.operation == "identify_outcome");
    outcome.map(|made| made.id.as_str()).ok_or_else(|| "the sample has no outcome".into())
}

/// The database's own reads by id, over a pool of the same size.
enum RawReads {
    /// `pgbench -S` in style: a prepared SELECT by key, 64 clients, over a table with the same rows.
    Postgres { program: String, url: String, script: tempfile::NamedTempFile },
    /// SELECT through the driver, from the tables themselves.
    Sqlite { pool: sqlx::SqlitePool, ids: Vec<Uuid> },
}

impl RawReads {
    async fn prepare(place: &Place, ids: &[Uuid]) -> Fallible<Self> {
        if place.backend == Backend::Sqlite {
            let options = SqliteConnectOptions::from_str(&place.database)?.read_only(true);
            let pool =
                SqlitePoolOptions::new().max_connections(16).test_before_acquire(false).connect_with(options).await?;
            return Ok(Self::Sqlite { pool, ids: ids.to_vec() });
        }
        let mut connection = PgConnection::connect(&place.database).await?;
        sqlx::raw_sql("CREATE TABLE bench_pool (number bigint PRIMARY KEY, body text NOT NULL)")
            .execute(&mut connection)
            .await?;
        sqlx::query("INSERT INTO bench_pool SELECT row_number() OVER (), body FROM row_version WHERE id = ANY($1) AND to_position = $2")
            .bind(ids)
            .bind(i64::MAX)
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        let script = tempfile::NamedTempFile::new()?;
        std::fs::write(
            script.path(),
            format!("\\set number random(1, {})\nSELECT body FROM bench_pool WHERE number = :number;\n", ids.len()),
        )?;
        let ensured =
            Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres_cluster")).arg("ensure").output()?;
        let program = format!("{}/pgbench", String::from_utf8(ensured.stdout)?.trim());
        Ok(Self::Postgres { program, url: place.database.clone(), script })
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Postgres { .. } => "pgbench prepared SELECT by key, 64 clients",
            Self::Sqlite { .. } => "SELECT by id through the driver, 64 tasks",
        }
    }

    async fn run(&mut self, time: Duration) -> Fallible<f64> {
        match self {
            Self::Postgres { program, url, script } => {
                let seconds = time.as_secs().max(3).to_string();
                let output = Command::new(program)
                    .args(["-n", "-M", "prepared", "-c", "64", "-j", "1", "-T", &seconds, "-f"])
                    .arg(script.path())
                    .arg(&*url)
                    .output()?;
                let text = String::from_utf8(output.stdout)?;
                let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
                rate.ok_or_else(|| format!("pgbench: {text}{}", String::from_utf8_lossy(&output.stderr)).into())
            }
            Self::Sqlite { pool, ids } => {
                let started = Instant::now();
                let next = std::cell::Cell::new(0usize);
                let loops = (0..CONNECTIONS).map(|_| async {
                    while started.elapsed() < time {
                        let number = next.replace(next.get() + 1);
                        let _: String = sqlx::query_scalar(
                            "SELECT body FROM row_version WHERE id = ?1 AND generation = 1 AND to_position = ?2",
                        )
                        .bind(ids[number * 7919 % ids.len()])
                        .bind(i64::MAX)
                        .fetch_one(&*pool)
                        .await?;
                    }
                    Fallible::Ok(())
                });
                futures::future::try_join_all(loops).await?;
                Ok(next.get() as f64 * 1e6 / micros(started.elapsed()))
            }
        }
    }
}
