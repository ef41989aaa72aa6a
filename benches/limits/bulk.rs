//! Targets 9 and 10: bulk import, and what a long log costs.

use crate::load::Run;
use crate::machine::{median, memory_mb};
use crate::place::{Backend, Place, Server};
use crate::raw::Raw;
use crate::report::{Report, Target};
use crate::sample::{Bulk, People, bulk, send_bulk};
use crate::{Fallible, Plan};
use cairn::app::sample::SamplePerson;

/// Connections that import.
const CONNECTIONS: usize = 4;
/// Lines that are prepared at once: a slice is one measurement.
const SLICE: usize = 25_000;

/// A measurement of the target: lines of recordings like those that the limit writes.
const LIKE_LINES: usize = 12_000;

/// Lines a second, and CPU microseconds of server and database for each.
async fn import(server: &Server, requests: &[Bulk]) -> Fallible<(f64, f64)> {
    let count: usize = requests.iter().map(|bulk| bulk.operations.len()).sum();
    let before = server.cpu();
    let (rate, _) = send_bulk(server, requests, CONNECTIONS, false).await?;
    let after = server.cpu();
    Ok((rate, (after.0 + after.1 - before.0 - before.1) * 1e6 / count as f64))
}

/// Imports the plan's events in slices, the same recordings as the limit's and the limit between them.
pub async fn measure(
    place: &Place,
    server: &Server,
    plan: &Plan,
    people: &People,
    lives: &mut impl Iterator<Item = SamplePerson>,
    raw: &mut Raw,
    report: &mut Report,
) -> Fallible<()> {
    let store = place.backend.name();
    let slices = (plan.events / SLICE).max(plan.repeats);
    let lines = plan.events / slices;
    let (mut mixed, mut like, mut limits, mut ratios) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for slice in 0..slices {
        mixed.push(import(server, &bulk(server, lives, lines)).await?);
        if slice < plan.repeats {
            let run = import(server, &people.bulk(server, slice, LIKE_LINES.min(lines * 2))).await?;
            let limit = raw.run(256, plan.time, place.postmaster).await?.rate;
            ratios.push(run.0 / limit);
            like.push(run);
            limits.push(limit);
        }
    }
    let name = |what: &str| format!("bulk import of {what}, {CONNECTIONS} connections, 1,000 lines a request");
    for (what, runs) in [("narratives", like), ("everything that a life holds", mixed)] {
        let (mut rates, mut cpus): (Vec<f64>, Vec<f64>) = runs.into_iter().unzip();
        report.add(store, name(what), median(&mut rates), "lines/s");
        report.add(store, "  CPU of server and database per line", median(&mut cpus), "us");
    }
    report.add(store, "raw limit, transactions of 256", median(&mut limits), "rows/s");
    report.aim(store, "bulk import of narratives / raw batch-256", median(&mut ratios), "", Target::AtLeast(9, 0.6));
    Ok(())
}

/// What a recording cost when the log was short and now.
pub fn compare_ends(backend: Backend, server: &Server, beginning: &Run, end: &Run, report: &mut Report) {
    let store = backend.name();
    let cost = |run: &Run| run.server_cpu + run.database_cpu;
    report.add(store, "CPU per recording at the log's beginning, 64 connections", cost(beginning), "us");
    report.add(store, "CPU per recording at its end", cost(end), "us");
    report.aim(store, "CPU per recording, end / beginning", cost(end) / cost(beginning), "x", Target::AtMost(10, 1.2));
    report.add(store, "rate of recordings, end / beginning", end.rate / beginning.rate, "x");
    let (now, most) = memory_mb(server.pid());
    report.add(store, "memory of the server at the end", now, "MB");
    report.aim(store, "memory of the server at most", most, "MB", Target::AtMost(10, 200.0));
}
