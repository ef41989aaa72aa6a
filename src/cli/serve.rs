//! `cairn serve`: serves until it is told to stop, then lets accepted work finish.

use crate::cli::CommonArguments;
use crate::cli::failure::Failure;
use crate::cli::service::{Service, Sources};
use crate::telemetry::{Telemetry, keep_metrics_small};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

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
    let telemetry = Telemetry::start(&settings)
        .map_err(|error| Failure::configuration("logs and metrics cannot be started".to_owned()).because(error))?;
    let metrics = telemetry.metrics();
    let tidy = metrics.clone().map(|metrics| tokio::spawn(keep_metrics_small(metrics)));
    let mut service = Service::start(&settings, &Sources::default(), metrics).await?;
    for address in &service.addresses {
        eprintln!("cairn: serving on http://{address} (docs: http://{address}/docs/)");
    }
    let ended = tokio::select! {
        ended = service.ended() => ended,
        () = told_to_stop() => Ok(()),
    };
    tracing::info!("stopping: accepted work finishes");
    if let Some(tidy) = tidy {
        tidy.abort();
    }
    service.stop().await;
    telemetry.finish();
    ended
}

/// Waits for SIGINT or SIGTERM.
pub async fn told_to_stop() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                terminate.recv().await;
            }
            Err(error) => {
                tracing::warn!(error = %error, "SIGTERM cannot be listened for");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
