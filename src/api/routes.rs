//! Every route on one page. The handler's name is the operation id; tests mirror the paths.

use crate::api::handlers::{
    accesses, actions, batches, contributions, conversations, erasures, events, frameworks, health, history, log,
    narratives, oauth, outcomes, people, reviews, streams,
};
use crate::api::problem::{Problem, Type};
use actix_web::{ResponseError, web};
use utoipa_actix_web::scope::scope;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers every route, for the server and for the OpenAPI document alike.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(health::find_liveness)
        .service(health::find_readiness)
        .service(health::list_metrics)
        .service(oauth::grant_token)
        .service(oauth::find_authorisation_server)
        .service(oauth::find_token_keys)
        .service(
            scope("/v1")
                .configure(auditing)
                .configure(lawful)
                // people
                .service(people::search_people)
                // Another method would be taken for the person whose id is `search`.
                .route(
                    "/people/search",
                    web::to(|| async { Problem::new(Type::MethodNotAllowed).allow("POST").error_response() }),
                )
                .service(people::register_person)
                .service(people::list_people)
                .service(people::find_person_record)
                .service(people::find_person)
                .service(people::amend_person)
                .service(people::add_person_identifier)
                // conversations
                .service(conversations::record_conversation)
                .service(conversations::list_conversations)
                .service(conversations::find_conversation)
                .service(conversations::amend_conversation)
                // narratives
                .service(narratives::record_narrative)
                .service(narratives::list_narratives)
                .service(narratives::find_narrative)
                .service(narratives::amend_narrative)
                .service(narratives::withdraw_narrative)
                .service(narratives::respond_to_narrative)
                // outcomes
                .service(outcomes::identify_outcome)
                .service(outcomes::list_outcomes)
                .service(outcomes::find_outcome_history)
                .service(outcomes::find_outcome_disagreement)
                .service(outcomes::find_outcome)
                .service(outcomes::reword_outcome)
                .service(outcomes::prioritise_outcome)
                .service(outcomes::close_outcome)
                .service(outcomes::reopen_outcome)
                // reviews
                .service(reviews::record_review)
                .service(reviews::list_reviews)
                .service(reviews::find_review)
                .service(reviews::revise_review)
                .service(reviews::withdraw_review)
                // actions and contributions
                .service(actions::agree_action)
                .service(actions::list_actions)
                .service(actions::find_action)
                .service(actions::progress_action)
                .service(contributions::record_contribution)
                .service(contributions::list_contributions)
                .service(contributions::find_contribution)
                // frameworks
                .service(frameworks::publish_framework)
                .service(frameworks::list_frameworks)
                .service(frameworks::list_framework_versions)
                .service(frameworks::compare_framework_versions)
                .service(frameworks::find_framework_version)
                .service(frameworks::retire_framework)
                // batches and the feed
                .service(batches::record_batch)
                .service(events::list_events)
                .service(events::list_stream_events)
                .service(streams::follow_events),
        );
}

/// What auditors read: the logs, who was shown whose data, and the history.
fn auditing(config: &mut ServiceConfig<'_>) {
    config
        .configure(proof)
        .configure(watching)
        .service(history::list_history)
        .service(history::compare_history)
        .service(streams::follow_history);
}

/// What the law asks of data that is already recorded.
fn lawful(config: &mut ServiceConfig<'_>) {
    config
        .service(erasures::request_erasure)
        .service(erasures::list_erasures)
        .service(erasures::approve_erasure)
        .service(erasures::refuse_erasure)
        .service(erasures::withdraw_erasure)
        .service(erasures::record_erasure_notice)
        .service(erasures::find_erasure);
}

/// The logs as auditors and witnesses read them. Entry bundles come before the tiles, whose path they would fit.
fn proof(config: &mut ServiceConfig<'_>) {
    config
        .service(log::find_log_checkpoint)
        .service(log::list_log_checkpoints)
        .service(log::find_log_key)
        .service(log::list_log_keys)
        .service(log::list_log_statements)
        .service(log::find_log_entries)
        .service(log::find_log_tile)
        .service(log::prove_log_consistency)
        .service(log::prove_log_event)
        .service(log::find_log_proof_file)
        .service(log::prove_log_access)
        .service(log::find_log_access_proof_file);
}

/// Who was shown whose data.
fn watching(config: &mut ServiceConfig<'_>) {
    config
        .service(accesses::list_person_accesses)
        .service(accesses::list_access_audit_events)
        .service(accesses::report_unusual_accesses)
        .service(accesses::list_accesses);
}
