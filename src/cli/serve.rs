//! `cairn serve`: serves until it is told to stop, then lets accepted work finish.

use crate::cli::CommonArguments;
use crate::cli::failure::Failure;
use crate::cli::service::{Service, Sources};
use crate::telemetry::{Telemetry, keep_metrics_small};
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The arguments of `cairn serve`.
#[derive(Debug, Args)]
#[command(after_help = "Example: cairn serve --data-dir ./cairn-data --listen 127.0.0.1:8080")]
pub struct ServeArguments {}

/// Serves.
///
/// # Errors
/// [`Failure`] where it cannot start, or the server fails.
pub async fn run(common: &CommonArguments, _: &ServeArguments) -> Result<(), Failure> {
    let settings = common.settings()?;
    let mut stop = StopSignals::listen()?;
    let telemetry = Telemetry::start(&settings)
        .map_err(|error| Failure::configuration("logs and metrics cannot be started".to_owned()).because(error))?;
    let metrics = telemetry.metrics();
    let tidy = metrics.clone().map(|metrics| tokio::spawn(keep_metrics_small(metrics)));
    let sources = Sources::default();
    let mut service = tokio::select! {
        started = Service::start(&settings, &sources, metrics) => started?,
        // A start that waits for a database is as good as a crash to end: nothing was promised yet.
        () = stop.told() => return Ok(()),
    };
    for address in &service.addresses {
        eprintln!("cairn: serving on http://{address} (docs: http://{address}/docs/)");
    }
    let ended = tokio::select! {
        ended = service.ended() => ended,
        () = stop.told() => Ok(()),
    };
    tracing::info!("stopping: accepted work finishes");
    if let Some(tidy) = tidy {
        tidy.abort();
    }
    service.stop().await;
    telemetry.finish();
    ended
}

/// The signals that tell a process to stop. They are listened for from the moment that this is made: whoever reads that
/// the service serves may stop it at once, and it must not die of it.
pub struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// Listens from now on.
    ///
    /// # Errors
    /// [`Failure`] where the system refuses to tell.
    pub fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Failure::unavailable("signals to stop cannot be listened for".to_owned()).because(error)
            })
        };
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for SIGINT or SIGTERM, which may have come before.
    pub async fn told(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
