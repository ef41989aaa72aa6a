//! Traces for OpenTelemetry: our spans, sent in batches over HTTP (OTLP, binary protobuf) from a thread of their own. Knows
//! nothing of what is traced; the filter that keeps libraries' details out stands in `logs`.

use super::TelemetryError;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::Registry;

const SERVICE: &str = "cairn";

/// The sender of traces.
#[derive(Debug)]
pub(super) struct Traces(SdkTracerProvider);

impl Traces {
    /// A sender to this endpoint, path included. Does not try whether anybody is there: a missing collector must not stop
    /// the service.
    pub(super) fn to(endpoint: &str) -> Result<Self, TelemetryError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint)
            .build()
            .map_err(TelemetryError::Traces)?;
        let resource = Resource::builder().with_service_name(SERVICE).build();
        Ok(Self(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build()))
    }

    pub(super) fn layer(&self) -> impl Layer<Registry> + Send + Sync + use<> {
        tracing_opentelemetry::layer().with_tracer(self.0.tracer(SERVICE))
    }

    /// Sends what waits. A collector that does not answer costs a line, not the end of the process.
    pub(super) fn finish(self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(error = %error, "the last traces were not sent");
        }
    }
}
