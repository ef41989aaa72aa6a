//! A log as auditors and witnesses read it, the outcomes' or the accesses': C2SP `tlog-checkpoint`, `tlog-tiles` and RFC 9162 proofs. Hashes and
//! checkpoints are public, because they say nothing about anybody; leaves and events are not.

use crate::api::problem::{Problem, Type};
use crate::api::query::{limit, read};
use crate::api::request::{Call, Path, Query};
use crate::api::state::ApiState;
use crate::api::views::log::{
    CheckpointList, CheckpointView, ConsistencyView, InclusionView, LogKeyList, LogKeyView, StatementList,
    StatementView,
};
use crate::app::log::{Inclusion, LogError, LogKeeper, TileKind, TilePath};
use crate::app::words::Scope;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use serde::Deserialize;
use utoipa::IntoParams;

/// A full tile is the same for ever.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// What the next checkpoint replaces.
const BRIEFLY: &str = "public, max-age=1";
/// Leaves are for the caller alone.
const PRIVATE_FOR_EVER: &str = "private, max-age=31536000, immutable";

/// Parameters of the list of checkpoints.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CheckpointQuery {
    /// Of at least so many events.
    #[param(value_type = Option<u64>, example = 0)]
    pub from: Option<String>,
    /// At most so many, 1 to 500; 50 unless said otherwise.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, example = 50)]
    pub limit: Option<String>,
}

/// Two sizes of the log.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConsistencyQuery {
    /// Events of the earlier tree; at least 1.
    #[param(value_type = u64, example = 1)]
    pub from: Option<String>,
    /// Events of the later tree; at most those of the last checkpoint.
    #[param(value_type = u64, example = 2)]
    pub to: Option<String>,
}

fn none(what: &str) -> Problem {
    Problem::new(Type::NotFound).detail(format!("there is no such {what}"))
}

/// The last signed checkpoint: how many events there are, and the root of their tree. A signed note as C2SP `tlog-checkpoint` has it,
/// with the cosignatures of witnesses (C2SP `tlog-cosignature`). Where the service asks for a quorum of them, the greatest that has it.
///
/// Who may call: anybody.
#[utoipa::path(tag = "log", operation_id = "find_log_checkpoint", params(("log" = String, Path, description = "`outcomes` or `accesses`", example = "outcomes")), security(()),
    responses((status = 200, content_type = "text/plain", body = String, description = "The signed note")))]
#[get("/log/{log}/checkpoint")]
pub async fn find_log_checkpoint(state: Data<ApiState>, log: Path<String>) -> Result<HttpResponse, Problem> {
    let shown = named(&state, &log)?.shown().await?;
    let last = shown.ok_or_else(|| none("checkpoint yet, or too few witnesses have cosigned one"))?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((CACHE_CONTROL, BRIEFLY))
        .body(last.note))
}

/// Checkpoints that were signed, smallest first, each with the cosignatures that it has; also those that have none yet.
///
/// Who may call: anybody.
#[utoipa::path(tag = "log", operation_id = "list_log_checkpoints", params(("log" = String, Path, description = "`outcomes` or `accesses`", example = "outcomes"), CheckpointQuery), security(()),
    responses((status = 200, body = CheckpointList, description = "Signed checkpoints")))]
#[get("/log/{log}/checkpoints")]
pub async fn list_log_checkpoints(
    state: Data<ApiState>,
    log: Path<String>,
    query: Query<CheckpointQuery>,
) -> Result<HttpResponse, Problem> {
    let keeper = named(&state, &log)?;
    let query = query.read()?;
    let from = read::<u64>("from", query.from.as_deref())?.unwrap_or(0);
    let limit = limit(query.limit.as_deref())?;
    let mut kept = keeper.signed_from(from, limit + 1).await?;
    let next =
        kept.get(limit as usize).map(|next| format!("/v1/log/{log}/checkpoints?from={}&limit={limit}", next.size));
    kept.truncate(limit as usize);
    let kept = keeper.with_cosignatures(kept).await?;
    let items = kept.into_iter().map(CheckpointView::from).collect();
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, BRIEFLY)).json(CheckpointList { items, next }))
}

/// The key that verifies the log's checkpoints, as C2SP `signed-note` writes it (`name+id+key`). Keep a copy: whoever
/// changes the history could change this answer too.
///
/// Who may call: anybody.
#[utoipa::path(tag = "log", operation_id = "find_log_key", params(("log" = String, Path, description = "`outcomes` or `accesses`", example = "outcomes")), security(()),
    responses((status = 200, content_type = "text/plain", body = String, description = "The verifier key")))]
#[get("/log/{log}/key")]
pub async fn find_log_key(state: Data<ApiState>, log: Path<String>) -> Result<HttpResponse, Problem> {
    let key = named(&state, &log)?.verifier_key();
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((CACHE_CONTROL, BRIEFLY))
        .body(format!("{key}\n")))
}

/// What the log states about itself, in order: that another key signs it from a size on, or that another origin goes on where it
/// ended, and what was lost. Each is a signed note (C2SP `signed-note`), signed by the old key and the new one.
///
/// Who may call: anybody.
#[utoipa::path(tag = "log", operation_id = "list_log_statements", params(("log" = String, Path, description = "`outcomes` or `accesses`", example = "outcomes")), security(()),
    responses((status = 200, body = StatementList, description = "Signed statements")))]
#[get("/log/{log}/statements")]
pub async fn list_log_statements(state: Data<ApiState>, log: Path<String>) -> Result<HttpResponse, Problem> {
    let stated = named(&state, &log)?.statements().await.map_err(unusable)?;
    let items = stated.iter().map(StatementView::of).collect();
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, BRIEFLY)).json(StatementList { items }))
}

/// The keys that sign or signed the log, and the logs that it continues, with the sizes of the checkpoints that each signs. Follow them from
/// a key that you have kept, by the statements: whoever changes the history could change this answer too.
///
/// Who may call: anybody.
#[utoipa::path(tag = "log", operation_id = "list_log_keys", params(("log" = String, Path, description = "`outcomes` or `accesses`", example = "outcomes")), security(()),
    responses((status = 200, body = LogKeyList, description = "The keys, the oldest first")))]
#[get("/log/{log}/keys")]
pub async fn list_log_keys(state: Data<ApiState>, log: Path<String>) -> Result<HttpResponse, Problem> {
    let keys = named(&state, &log)?.known_keys().await.map_err(unusable)?;
    let items = keys.into_iter().map(LogKeyView::from).collect();
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, BRIEFLY)).json(LogKeyList { items }))
}

/// What is kept of the log's own statements cannot be used: the operator's business alone.
fn unusable(error: LogError) -> Problem {
    match error {
        LogError::App(error) => error.into(),
        error => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "the statements of the log cannot be shown");
            Problem::new(Type::Internal)
        }
    }
}

/// A tile of hashes, as C2SP `tlog-tiles` has it: `0/x001/x234/067`, or `0/000.p/17` for the first 17 of it.
///
/// Who may call: anybody.
#[utoipa::path(tag = "log", operation_id = "find_log_tile", security(()),
    params(("log" = String, Path, description = "`outcomes` or `accesses`", example = "outcomes"),
        ("path" = String, Path, description = "Level, index and width", example = "0/000.p/12")),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>, description = "Hashes of 32 bytes each")))]
#[get("/log/{log}/tile/{path:.*}")]
pub async fn find_log_tile(state: Data<ApiState>, place: Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (log, path) = place.into_inner();
    let keeper = named(&state, &log)?;
    let path = tile_path(&path).filter(|path| matches!(path.kind(), TileKind::Hashes { .. }));
    let path = path.ok_or_else(|| none("tile"))?;
    let tile = keeper.hash_tile(path).await?.ok_or_else(|| none("tile"))?;
    Ok(octets(tile, FOR_EVER))
}

/// A bundle of leaves, as C2SP `tlog-tiles` has it: `x001/x234/067`, or `000.p/17` for the first 17 of it. Leaves name
/// organisations and streams, and nobody's words.
///
/// Who may call: clients with `log:read`, who may audit the whole log.
#[utoipa::path(tag = "log", operation_id = "find_log_entries",
    params(("log" = String, Path, description = "`outcomes` or `accesses`", example = "outcomes"),
        ("path" = String, Path, description = "Index and width", example = "000.p/12")),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>, description = "Leaves, each after its length in two bytes")),
    security(("oauth2" = ["log:read"])))]
#[get("/log/{log}/tile/entries/{path:.*}")]
pub async fn find_log_entries(call: Call, place: Path<(String, String)>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::LogRead)?;
    let (log, path) = place.into_inner();
    let keeper = named(&call.state, &log)?;
    let path = tile_path(&format!("entries/{path}")).ok_or_else(|| none("entry bundle"))?;
    let bundle = keeper.entry_bundle(&call.caller, path).await?.ok_or_else(|| none("entry bundle"))?;
    Ok(octets(bundle, PRIVATE_FOR_EVER))
}

/// Proves that a later tree goes on from an earlier one (RFC 9162, section 2.1.4): nothing before was changed.
///
/// Who may call: anybody.
#[utoipa::path(tag = "log", operation_id = "prove_log_consistency", params(("log" = String, Path, description = "`outcomes` or `accesses`", example = "outcomes"), ConsistencyQuery), security(()),
    responses((status = 200, body = ConsistencyView, description = "The proof")))]
#[get("/log/{log}/consistency")]
pub async fn prove_log_consistency(
    state: Data<ApiState>,
    log: Path<String>,
    query: Query<ConsistencyQuery>,
) -> Result<HttpResponse, Problem> {
    let keeper = named(&state, &log)?;
    let query = query.read()?;
    let missing = |name: &str| Problem::new(Type::InvalidQuery).detail(format!("{name}: is missing"));
    let from = read::<u64>("from", query.from.as_deref())?.ok_or_else(|| missing("from"))?;
    let to = read::<u64>("to", query.to.as_deref())?.ok_or_else(|| missing("to"))?;
    let proof = keeper.prove_consistency(from, to).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, FOR_EVER)).json(ConsistencyView::of(from, to, &proof)))
}

/// Proves that an event of the caller's organisation is in the log, under its last checkpoint (RFC 9162, section 2.1.3).
///
/// Who may call: clients with `events:read`.
#[utoipa::path(tag = "log", operation_id = "prove_log_event",
    params(("position" = u64, Path, description = "The event's position", example = 12)),
    responses((status = 200, body = InclusionView, description = "Leaf, proof and checkpoint")),
    security(("oauth2" = ["events:read"])))]
#[get("/log/outcomes/events/{position}/proof")]
pub async fn prove_log_event(call: Call, position: Path<String>) -> Result<HttpResponse, Problem> {
    proof(&call, &call.state.logs.outcomes, "event", &position).await
}

/// The same proof as one file, as C2SP `tlog-proof` has it, to be handed on with the leaf.
///
/// Who may call: clients with `events:read`.
#[utoipa::path(tag = "log", operation_id = "find_log_proof_file",
    params(("position" = u64, Path, description = "The event's position", example = 12)),
    responses((status = 200, content_type = "text/plain", body = String, description = "The proof file")),
    security(("oauth2" = ["events:read"])))]
#[get("/log/outcomes/events/{position}/tlog-proof")]
pub async fn find_log_proof_file(call: Call, position: Path<String>) -> Result<HttpResponse, Problem> {
    proof_file(&call, &call.state.logs.outcomes, "event", &position).await
}

/// Proves that an access to the data of the caller's organisation is in the log, under its last checkpoint (RFC 9162, section 2.1.3).
///
/// Who may call: clients with `accesses:read`.
#[utoipa::path(tag = "log", operation_id = "prove_log_access",
    params(("position" = u64, Path, description = "The access's position", example = 12)),
    responses((status = 200, body = InclusionView, description = "Leaf, proof and checkpoint")),
    security(("oauth2" = ["accesses:read"])))]
#[get("/log/accesses/entries/{position}/proof")]
pub async fn prove_log_access(call: Call, position: Path<String>) -> Result<HttpResponse, Problem> {
    proof(&call, &call.state.logs.accesses, "access", &position).await
}

/// The same proof as one file, as C2SP `tlog-proof` has it, to be handed on with the leaf.
///
/// Who may call: clients with `accesses:read`.
#[utoipa::path(tag = "log", operation_id = "find_log_access_proof_file",
    params(("position" = u64, Path, description = "The access's position", example = 12)),
    responses((status = 200, content_type = "text/plain", body = String, description = "The proof file")),
    security(("oauth2" = ["accesses:read"])))]
#[get("/log/accesses/entries/{position}/tlog-proof")]
pub async fn find_log_access_proof_file(call: Call, position: Path<String>) -> Result<HttpResponse, Problem> {
    proof_file(&call, &call.state.logs.accesses, "access", &position).await
}

async fn proof(call: &Call, keeper: &LogKeeper, entry: &str, position: &str) -> Result<HttpResponse, Problem> {
    let found = proved(call, keeper, entry, position).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "private, no-cache")).json(InclusionView::of(&found)))
}

async fn proof_file(call: &Call, keeper: &LogKeeper, entry: &str, position: &str) -> Result<HttpResponse, Problem> {
    let found = proved(call, keeper, entry, position).await?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .body(found.file()?))
}

async fn proved(call: &Call, keeper: &LogKeeper, entry: &str, position: &str) -> Result<Inclusion, Problem> {
    call.needs(keeper.scope())?;
    let unknown = || none(&format!("{entry}, or no checkpoint holds it yet"));
    let position: u64 = position.parse().map_err(|_| unknown())?;
    keeper.prove_entry(&call.caller, position).await?.ok_or_else(unknown)
}

/// The keeper of the log that a path names.
fn named<'a>(state: &'a ApiState, log: &str) -> Result<&'a LogKeeper, Problem> {
    state.logs.named(log).map(AsRef::as_ref).ok_or_else(|| none("log"))
}

fn tile_path(below: &str) -> Option<TilePath> {
    format!("tile/{below}").parse().ok()
}

/// A tile of one name never changes; full or partial, it may be kept.
fn octets(bytes: Vec<u8>, caching: &'static str) -> HttpResponse {
    HttpResponse::Ok().content_type("application/octet-stream").insert_header((CACHE_CONTROL, caching)).body(bytes)
}
