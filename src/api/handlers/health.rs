//! Health and metrics, for whoever operates the service. Public: they say nothing about anybody.

use crate::api::problem::causes;
use crate::api::state::ApiState;
use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// How long readiness may take to find out; whoever asks does so every few seconds.
const READY_WITHIN: Duration = Duration::from_secs(3);

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`, or what is wrong, in words for operators.
    #[schema(example = "ok")]
    pub status: String,
}

/// Says that the process runs.
#[utoipa::path(tag = "operation", operation_id = "find_liveness", responses((status = 200, body = Health, description = "It runs")), security(()))]
#[get("/health/live")]
pub async fn find_liveness() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "ok".to_owned() })
}

/// Says whether the service can do its work: database and key store answer and are durable, and who reads can be recorded.
#[utoipa::path(tag = "operation", operation_id = "find_readiness", responses((status = 200, body = Health, description = "Ready"), (status = 503, body = Health, description = "Not ready")), security(()))]
#[get("/health/ready")]
pub async fn find_readiness(state: Data<ApiState>) -> HttpResponse {
    let Ok(checked) = tokio::time::timeout(READY_WITHIN, state.app.check()).await else {
        let status = format!("database or key store did not answer within {} s", READY_WITHIN.as_secs());
        tracing::warn!(error = status, "not ready");
        return HttpResponse::ServiceUnavailable().json(Health { status });
    };
    let unsigned = state.logs.all().into_iter().find_map(|(name, keeper)| Some((name, keeper.why_not()?)));
    if let (Ok(()), Some((name, failure))) = (&checked, unsigned) {
        let status = format!("no checkpoint can be signed of the log {name}: {failure}");
        return HttpResponse::ServiceUnavailable().json(Health { status });
    }
    match checked {
        Ok(()) => HttpResponse::Ok().json(Health { status: "ok".to_owned() }),
        Err(error) => {
            tracing::warn!(error = %error, causes = causes(&error), "not ready");
            HttpResponse::ServiceUnavailable().json(Health { status: error.to_string() })
        }
    }
}

/// Shows the metrics in the Prometheus text format.
#[utoipa::path(tag = "operation", operation_id = "list_metrics", responses((status = 200, content_type = "text/plain", body = String, description = "Metrics"), (status = 404, description = "Metrics are off, or on a listener of their own")), security(()))]
#[get("/metrics")]
pub async fn list_metrics(state: Data<ApiState>) -> HttpResponse {
    let Some(metrics) = &state.metrics else { return HttpResponse::NotFound().finish() };
    metrics::gauge!("cairn_writer_waiting").set(state.app.waiting() as f64);
    metrics::gauge!("cairn_accesses_waiting").set(state.app.accesses_waiting() as f64);
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(metrics.render())
}
