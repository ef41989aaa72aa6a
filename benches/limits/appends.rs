//! Targets 1 to 5: durable recordings through HTTP against the database's own limit.

use crate::load::{Load, Request, Run};
use crate::machine::median;
use crate::place::{Backend, Place, Server};
use crate::raw::{Raw, RawRun};
use crate::report::{Report, Target};
use crate::{Fallible, PEOPLE, Plan, sample};

/// Connections, and the batch of the limit that each is held against.
const STEPS: [usize; 3] = [64, 16, 1];
/// Keys that one load uses at most.
const KEYS_OF_A_LOAD: u64 = 1_000_000_000;

/// Single recordings on one server.
pub struct Appends<'a> {
    pub plan: &'a Plan,
    pub server: &'a Server,
    pub narratives: &'a [Request],
    pub next_key: u64,
}

impl Appends<'_> {
    async fn at(&mut self, connections: usize) -> Fallible<Run> {
        let load = Load { server: self.server, requests: self.narratives, expect: 201, first_key: self.next_key };
        self.next_key += KEYS_OF_A_LOAD;
        load.run(connections, self.plan.time).await
    }

    /// One run from 64 connections.
    pub async fn at_64(&mut self) -> Fallible<Run> {
        self.at(64).await
    }

    /// Measures and limit in turn.
    pub async fn measure(
        &mut self,
        backend: Backend,
        raw: &mut Raw,
        single: &Place,
        report: &mut Report,
    ) -> Fallible<()> {
        let single_server = single.serve(1)?;
        let single_narratives = sample::People::register(&single_server, PEOPLE).await?.requests(&single_server);
        let mut alone =
            Appends { plan: self.plan, server: &single_server, narratives: &single_narratives, next_key: 0 };
        let mut pairs: Vec<Vec<(Run, RawRun)>> = vec![Vec::new(); STEPS.len()];
        let mut unbatched = Vec::new();
        for _ in 0..self.plan.repeats {
            for (step, pairs) in STEPS.into_iter().zip(&mut pairs) {
                let run = self.at(step).await?;
                pairs.push((run, raw.run(step, self.plan.time, single.postmaster).await?));
            }
            unbatched.push(alone.at_64().await?);
        }
        for (step, pairs) in STEPS.into_iter().zip(&pairs) {
            report_step(backend, step, pairs, report);
        }
        let store = backend.name();
        let batched = pairs.first().map(Vec::as_slice).unwrap_or_default();
        let gain = of(&mut batched.iter().zip(&unbatched).map(|((run, _), alone)| run.rate / alone.rate));
        report.add(
            store,
            "transaction per request, 64 connections",
            of(&mut unbatched.iter().map(|run| run.rate)),
            "/s",
        );
        let cpu = of(&mut unbatched.iter().map(|run| run.server_cpu + run.database_cpu));
        report.add(store, "  CPU of server and database per recording", cpu, "us");
        let bound = if backend == Backend::Postgres { 10.0 } else { 4.0 };
        report.aim(
            store,
            "batching writer / transaction per request, 64 connections",
            gain,
            "x",
            Target::AtLeast(3, bound),
        );
        Ok(())
    }
}

fn of(values: &mut dyn Iterator<Item = f64>) -> f64 {
    median(&mut values.collect::<Vec<_>>())
}

fn report_step(backend: Backend, step: usize, pairs: &[(Run, RawRun)], report: &mut Report) {
    let store = backend.name();
    let from = if step == 1 { "1 connection".to_owned() } else { format!("{step} connections") };
    let median = |value: &dyn Fn(&(Run, RawRun)) -> f64| of(&mut pairs.iter().map(value));
    report.add(store, format!("recordings, {from}"), median(&|(run, _)| run.rate), "/s");
    report.add(store, "  p50", median(&|(run, _)| run.p50), "us");
    report.add(store, "  p99", median(&|(run, _)| run.p99), "us");
    report.add(store, "  CPU of the server per recording", median(&|(run, _)| run.server_cpu), "us");
    report.add(store, "  CPU of the database per recording", median(&|(run, _)| run.database_cpu), "us");
    report.add(store, format!("raw limit, transactions of {step}"), median(&|(_, raw)| raw.rate), "rows/s");
    report.add(store, "  p50 of a transaction", median(&|(_, raw)| raw.p50), "us");
    report.add(store, "  CPU of the writer per row", median(&|(_, raw)| raw.client_cpu), "us");
    report.add(store, "  CPU of the database per row", median(&|(_, raw)| raw.database_cpu), "us");
    let ratio = median(&|(run, raw)| run.rate / raw.rate);
    let cpu = median(&|(run, raw)| (run.server_cpu + run.database_cpu) / (raw.client_cpu + raw.database_cpu));
    let name = format!("recordings at {from} / raw batch-{step}");
    match step {
        64 => {
            let bound = if backend == Backend::Postgres { Target::AtLeast(1, 0.50) } else { Target::AtLeast(2, 0.45) };
            report.aim(store, name, ratio, "", bound);
            report.aim(store, "CPU per recording / raw CPU per row, 64", cpu, "x", Target::AtMost(4, 2.5));
            let tail = median(&|(run, _)| run.p99 / run.p50);
            report.aim(store, "p99 / p50 at 64 connections", tail, "x", Target::AtMost(5, 3.0));
        }
        1 => {
            report.add(store, name, ratio, "");
            let latency = median(&|(run, raw)| run.p50 / raw.p50);
            report.aim(store, "p50 at 1 connection / p50 of a plain transaction", latency, "x", Target::AtMost(5, 1.3));
        }
        _ => report.add(store, name, ratio, ""),
    }
}
