//! What the service says about itself: log lines on standard error, metrics for Prometheus, traces where asked for.
//! Knows the settings; must not know what is recorded, by whom, or over which protocol.
//!
//! The rule of the house: a log line, a metric and a trace carry names, counts, times, ids of requests and positions;
//! never a body, a query value or anything that a person said. Our own lines keep it by what they are given; those of
//! libraries by never passing below `info` (`logs`); those of a panic by not repeating its text (`panics`).

mod logs;
mod metrics;
mod panics;
#[cfg(feature = "otel")]
mod traces;

pub use metrics::{METRICS, MetricDescription, MetricKind, keep_metrics_small, metrics_recorder};
pub use metrics_exporter_prometheus::PrometheusHandle;
pub use panics::install_panic_hook;

use crate::config::Settings;

/// Why the service cannot speak about itself.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log_filter` cannot be read.
    #[error("`log_filter` is no list of levels and `target=level`")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// Logs or metrics were started before in this process.
    #[error("logs or metrics have already been started in this process")]
    AlreadyStarted,
    /// The recorder of metrics cannot be made.
    #[error("the recorder of metrics cannot be made")]
    Metrics(#[source] metrics_exporter_prometheus::BuildError),
    /// `otlp_endpoint` is set, but this binary cannot send traces.
    #[error("`otlp_endpoint` is set, but this cairn was built without the feature `otel`")]
    NoTraces,
    /// The exporter of traces cannot be made.
    #[cfg(feature = "otel")]
    #[error("traces cannot be sent to `otlp_endpoint`")]
    Traces(#[source] opentelemetry_otlp::ExporterBuildError),
}

/// What was started, for whoever serves `/metrics` and ends the process.
#[derive(Debug)]
pub struct Telemetry {
    metrics: Option<PrometheusHandle>,
    #[cfg(feature = "otel")]
    traces: Option<traces::Traces>,
}

impl Telemetry {
    /// Starts logs, metrics and traces for this process. Once a process; call inside the runtime.
    ///
    /// # Errors
    /// A filter that cannot be read, an endpoint that this binary cannot serve, a second start.
    pub fn start(settings: &Settings) -> Result<Self, TelemetryError> {
        #[cfg(not(feature = "otel"))]
        if settings.otlp_endpoint.is_some() {
            return Err(TelemetryError::NoTraces);
        }
        install_panic_hook();
        #[cfg(feature = "otel")]
        let traces = settings.otlp_endpoint.as_deref().map(traces::Traces::to).transpose()?;
        #[cfg(feature = "otel")]
        logs::start(settings, traces.as_ref().map(traces::Traces::layer))?;
        #[cfg(not(feature = "otel"))]
        logs::start(settings, None::<logs::NoLayer>)?;
        Ok(Self {
            metrics: metrics::start(settings)?,
            #[cfg(feature = "otel")]
            traces,
        })
    }

    /// What renders `/metrics`; `None` where `metrics` is false. Someone must run `keep_metrics_small` beside it.
    #[must_use]
    pub fn metrics(&self) -> Option<PrometheusHandle> {
        self.metrics.clone()
    }

    /// Sends what is still waiting to be sent. The last thing before the process ends.
    pub fn finish(self) {
        #[cfg(feature = "otel")]
        if let Some(traces) = self.traces {
            traces.finish();
        }
    }
}

#[cfg(test)]
#[cfg(not(feature = "otel"))]
mod tests {
    use super::*;
    use crate::config::Sources;

    #[test]
    fn an_endpoint_that_this_binary_cannot_serve_is_refused() {
        let environment = vec![("CAIRN_OTLP_ENDPOINT".to_owned(), "http://127.0.0.1:4318/v1/traces".to_owned())];
        let settings = Settings::load(&Sources { environment, ..Sources::default() }).unwrap();
        assert!(matches!(Telemetry::start(&settings), Err(TelemetryError::NoTraces)));
    }
}
