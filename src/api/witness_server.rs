//! The HTTP edge of a witness (C2SP `tlog-witness`): one call for logs, its key for everybody. Public data only, so nobody logs
//! in. Decides nothing: `app::witness` does.

use crate::api::server::{Running, ServerSettings, started};
use crate::app::witness::{Declined, MAXIMUM_ADD_CHECKPOINT_BYTES, TREE_SIZE_CONTENT_TYPE, Witness, WitnessRefusal};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::{self, Data, Payload};
use actix_web::{App, HttpResponse, HttpServer};
use futures::StreamExt;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

const TEXT: &str = "text/plain; charset=utf-8";

struct Edge {
    witness: Arc<Witness>,
    /// How long a body may take to arrive.
    body_timeout: Duration,
}

/// Serves a witness on listeners that are bound already.
///
/// # Errors
/// Where a listener cannot be used.
pub fn serve_witness(
    listeners: Vec<TcpListener>,
    settings: &ServerSettings,
    body_timeout: Duration,
    witness: Arc<Witness>,
) -> std::io::Result<Running> {
    let edge = Data::new(Edge { witness, body_timeout });
    let server = HttpServer::new(move || {
        App::new()
            .app_data(edge.clone())
            .service(
                web::resource("/add-checkpoint")
                    .route(web::post().to(add_checkpoint))
                    .default_service(web::to(only_post)),
            )
            .service(web::resource("/key").route(web::get().to(key)))
            .service(web::resource("/health/live").route(web::get().to(live)))
            .default_service(web::to(|| async { said(StatusCode::NOT_FOUND, "there is no such path") }))
    });
    started!(server, listeners, settings)
}

async fn add_checkpoint(edge: Data<Edge>, payload: Payload) -> HttpResponse {
    let Ok(read) = tokio::time::timeout(edge.body_timeout, body(payload)).await else {
        return said(StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive");
    };
    let answered = match read {
        Err(response) => return response,
        Ok(body) => edge.witness.add_checkpoint(&body).await,
    };
    match answered {
        Ok(lines) => HttpResponse::Ok()
            .content_type(TEXT)
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .body(lines),
        Err(Declined::Refused(refusal)) => refused(&refusal),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "nothing was cosigned");
            said(StatusCode::SERVICE_UNAVAILABLE, "the witness cannot cosign now; nothing was cosigned")
        }
    }
}

fn refused(refusal: &WitnessRefusal) -> HttpResponse {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    match refusal.tree_size_body() {
        Some(size) => HttpResponse::build(status)
            .content_type(TREE_SIZE_CONTENT_TYPE)
            .insert_header((CACHE_CONTROL, "no-store"))
            .body(size),
        None => said(status, &refusal.to_string()),
    }
}

/// The whole body, never more than a request can have.
async fn body(mut payload: Payload) -> Result<Vec<u8>, HttpResponse> {
    let mut bytes = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| said(StatusCode::BAD_REQUEST, "the body broke off"))?;
        if bytes.len() + chunk.len() > MAXIMUM_ADD_CHECKPOINT_BYTES {
            return Err(refused(&WitnessRefusal::TooLong(bytes.len() + chunk.len())));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

async fn only_post() -> HttpResponse {
    HttpResponse::MethodNotAllowed().insert_header(("Allow", "POST")).finish()
}

async fn key(edge: Data<Edge>) -> HttpResponse {
    said(StatusCode::OK, &edge.witness.verifier_key().to_string())
}

async fn live() -> HttpResponse {
    said(StatusCode::OK, "ok")
}

fn said(status: StatusCode, text: &str) -> HttpResponse {
    HttpResponse::build(status)
        .content_type(TEXT)
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(format!("{text}\n"))
}
