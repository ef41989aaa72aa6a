//! The metrics that exist, by name, unit and meaning, and their recorder for Prometheus. Labels have few values that the
//! code lists (an operation, a status): never an id, an organisation or anything of a person.

use super::TelemetryError;
use crate::config::Settings;
use metrics::Unit;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::time::Duration;

/// How often waiting samples of histograms are folded. Between two runs they pile up, each some bytes.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// From a cached answer to the slowest that is allowed, in seconds.
const SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// How full the writer's batches are, in events.
const EVENTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// One metric, for its `HELP` line and for whoever writes it.
#[derive(Debug, Clone, Copy)]
pub struct MetricDescription {
    /// The name as it is scraped.
    pub name: &'static str,
    /// What kind it is.
    pub kind: MetricKind,
    /// What it says.
    pub about: &'static str,
}

/// Kinds of metrics.
#[derive(Debug, Clone, Copy)]
pub enum MetricKind {
    /// Only grows; counts things.
    Counter,
    /// Goes up and down; counts things.
    Gauge,
    /// A distribution in this unit over these upper bounds.
    Histogram(Unit, &'static [f64]),
}

const fn metric(name: &'static str, kind: MetricKind, about: &'static str) -> MetricDescription {
    MetricDescription { name, kind, about }
}

use MetricKind::{Counter, Gauge, Histogram};

/// Every metric of the service.
pub const METRICS: &[MetricDescription] = &[
    metric("cairn_http_requests_total", Counter, "Answered requests, by operation and status."),
    metric(
        "cairn_http_request_seconds",
        Histogram(Unit::Seconds, SECONDS),
        "Time from request to answer, by operation.",
    ),
    metric(
        "cairn_append_batch_events",
        Histogram(Unit::Count, EVENTS),
        "Events that the writer appended in one transaction.",
    ),
    metric(
        "cairn_append_seconds",
        Histogram(Unit::Seconds, SECONDS),
        "Time of one append transaction, commit included.",
    ),
    metric(
        "cairn_access_batch_records",
        Histogram(Unit::Count, EVENTS),
        "Accesses that were recorded in one transaction.",
    ),
    metric("cairn_accesses_waiting", Gauge, "Answers that wait for their accesses to be durable."),
    metric("cairn_streams", Gauge, "Streams of events that are being followed."),
    metric("cairn_log_size", Gauge, "Events in the log."),
    metric("cairn_writer_waiting", Gauge, "Appends that wait for the writer."),
    metric(
        "cairn_witness_answers_total",
        Counter,
        "Answers of witnesses that were asked to cosign, by what they were.",
    ),
    metric(
        "cairn_cosigned_checkpoint_size",
        Gauge,
        "Entries of the greatest checkpoint that enough witnesses cosigned.",
    ),
    metric(
        "cairn_cosigned_checkpoint_time_seconds",
        Gauge,
        "When that checkpoint was signed, in seconds since the Unix epoch.",
    ),
    metric("cairn_projection_stopped", Gauge, "1 where a projection, by name, has stopped at an event; else 0."),
];

pub(super) fn start(settings: &Settings) -> Result<Option<PrometheusHandle>, TelemetryError> {
    if !settings.metrics {
        return Ok(None);
    }
    let recorder = metrics_recorder()?;
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_| TelemetryError::AlreadyStarted)?;
    Ok(Some(handle))
}

/// A recorder that knows the service's metrics, not yet installed; a test may install it for itself.
///
/// # Errors
/// A histogram without bounds, which would be a defect of `METRICS`.
pub fn metrics_recorder() -> Result<PrometheusRecorder, TelemetryError> {
    let mut builder = PrometheusBuilder::new();
    for metric in METRICS {
        if let Histogram(_, bounds) = metric.kind {
            let name = Matcher::Full(metric.name.to_owned());
            builder = builder.set_buckets_for_metric(name, bounds).map_err(TelemetryError::Metrics)?;
        }
    }
    let recorder = builder.build_recorder();
    describe(&recorder);
    Ok(recorder)
}

fn describe(recorder: &dyn metrics::Recorder) {
    for metric in METRICS {
        let (name, about) = (metric.name.into(), metric.about.into());
        match metric.kind {
            Counter => recorder.describe_counter(name, Some(Unit::Count), about),
            Gauge => recorder.describe_gauge(name, Some(Unit::Count), about),
            Histogram(unit, _) => recorder.describe_histogram(name, Some(unit), about),
        }
    }
}

/// Folds waiting samples again and again, so that memory stays small while nobody scrapes. Never ends: spawn it beside the
/// service and abort it at the end.
pub async fn keep_metrics_small(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP_EVERY);
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_scraped_with_its_help_and_bounds() {
        let recorder = metrics_recorder().unwrap();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            for metric in METRICS {
                match metric.kind {
                    Counter => metrics::counter!(metric.name, "operation" => "record_outcome").increment(1),
                    Gauge => metrics::gauge!(metric.name).set(2.0),
                    Histogram(..) => metrics::histogram!(metric.name).record(0.002),
                }
            }
        });
        let page = handle.render();
        for metric in METRICS {
            assert!(page.contains(&format!("# HELP {} {}\n", metric.name, metric.about)), "{page}");
            if let Histogram(_, bounds) = metric.kind {
                for bound in bounds {
                    assert!(page.contains(&format!("{}_bucket{{le=\"{bound}\"}}", metric.name)), "{page}");
                }
            }
        }
        assert!(page.contains("cairn_http_requests_total{operation=\"record_outcome\"} 1"), "{page}");
    }
}
