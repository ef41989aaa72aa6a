//! Log lines on standard error: text for people or JSON for machines. Standard output stays free for answers.
//!
//! Two filters, both of which a line must pass: the operator's (`log_filter`), and a fixed one. Libraries write whole
//! requests, with their queries, below `info`, so no setting may turn those on.

use super::TelemetryError;
use crate::config::{LogFormat, Settings};
use std::io::IsTerminal;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, filter::FilterFn};

/// Our own lines and spans have this target or one below it.
const OWN_TARGET: &str = "cairn";

/// Stands where a layer of traces would, in a binary without them.
#[cfg(not(feature = "otel"))]
pub(super) type NoLayer = tracing_subscriber::layer::Identity;

pub(super) fn start<L>(settings: &Settings, traces: Option<L>) -> Result<(), TelemetryError>
where
    L: Layer<Registry> + Send + Sync,
{
    let is_terminal = std::io::stderr().is_terminal();
    let lines = lines(settings, std::io::stderr, is_terminal)?;
    let traces = traces.map(|layer| layer.with_filter(FilterFn::new(may_pass)));
    Registry::default().with(traces).with(lines).try_init().map_err(|_| TelemetryError::AlreadyStarted)
}

/// The layer that writes lines to `writer`, with both filters.
fn lines<S, W>(settings: &Settings, writer: W, has_colours: bool) -> Result<impl Layer<S> + use<S, W>, TelemetryError>
where
    S: Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let wanted = EnvFilter::builder().parse(&settings.log_filter).map_err(TelemetryError::Filter)?;
    let format = tracing_subscriber::fmt::layer().with_writer(writer);
    let format = match settings.log_format {
        LogFormat::Text => format.with_ansi(has_colours).boxed(),
        // Fields beside the message, so that a query on a field needs no path.
        LogFormat::Json => format.json().flatten_event(true).with_ansi(false).boxed(),
    };
    Ok(format.with_filter(wanted).with_filter(FilterFn::new(may_pass)))
}

/// Whether a line may be written at all, whatever the operator wants.
fn may_pass(line: &Metadata<'_>) -> bool {
    let is_own = line.target().strip_prefix(OWN_TARGET).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    is_own || *line.level() <= Level::INFO
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;
    use std::io;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn settings(format: &str, filter: &str) -> Settings {
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let environment = vec![variable("CAIRN_LOG_FORMAT", format), variable("CAIRN_LOG_FILTER", filter)];
        Settings::load(&Sources { environment, ..Sources::default() }).unwrap()
    }

    fn written(format: &str, filter: &str) -> String {
        let target = Written::default();
        let writer = target.clone();
        let layer = lines(&settings(format, filter), move || writer.clone(), false).unwrap();
        tracing::subscriber::with_default(Registry::default().with(layer), || {
            tracing::info!(target: "cairn::store", position = 7, "appended");
            tracing::debug!(target: "cairn", "our detail");
            tracing::debug!(target: "cairnlike", "a stranger's detail");
            tracing::trace!(target: "actix_http", "GET /?name=s3cret");
            tracing::info!(target: "sqlx", "a library's notice");
        });
        let bytes = target.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_lines_carry_fields() {
        let lines = written("json", "info");
        let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!((&first["message"], &first["position"]), (&"appended".into(), &7.into()));
        assert_eq!((&first["level"], &first["target"]), (&"INFO".into(), &"cairn::store".into()));
    }

    #[test]
    fn libraries_stay_at_info_whatever_is_asked() {
        let lines = written("text", "trace,actix_http=trace");
        for (text, is_there) in [
            ("appended", true),
            ("our detail", true),
            ("a library's notice", true),
            ("a stranger's detail", false),
            ("s3cret", false),
        ] {
            assert_eq!(lines.contains(text), is_there, "{text} in {lines}");
        }
    }

    #[test]
    fn the_operators_filter_holds() {
        let lines = written("text", "warn,sqlx=info");
        assert!(lines.contains("a library's notice") && !lines.contains("appended"), "{lines}");
        let wrong = lines_of("cairn=loud");
        assert!(matches!(wrong, Err(TelemetryError::Filter(_))));
    }

    fn lines_of(filter: &str) -> Result<(), TelemetryError> {
        lines::<Registry, _>(&settings("text", filter), io::sink, false).map(drop)
    }
}
