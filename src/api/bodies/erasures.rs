//! Bodies about erasures.

use crate::api::bodies::{Body, occurred_at, parsed};
use crate::api::problem::Problem;
use crate::api::schema::{ErasureBasis, ErasureExemption, ErasureScope};
use crate::app::words::{Command, ErasureCommand, ErasureRequested, Words};
use crate::app::{Recording, Target};
use serde::Deserialize;
use utoipa::ToSchema;

/// An erasure to ask for. Nothing is erased until another client approves it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "occurred_at": "2026-11-02", "person": "5f0c3c1e-7a52-4e0b-9a56-2f7f2f1f9b11", "scope": "identity_and_words",
    "legal_basis": "gdpr_17_1_b"
}))]
pub struct RequestErasure {
    /// When it was asked for.
    pub occurred_at: String,
    /// Whose data.
    pub person: String,
    /// What of it; by default names, identifiers and words, so that counts stay reproducible.
    #[serde(default = "identity_and_words")]
    #[schema(default = "identity_and_words")]
    pub scope: ErasureScope,
    /// The narrative, where the scope is `narrative`.
    #[serde(default)]
    pub narrative: Option<String>,
    /// The ground of GDPR Art 17(1).
    pub legal_basis: ErasureBasis,
    /// Why, in words; kept sealed with the person's words and erased with them. At most 10,000 code points.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub reason: Option<Words>,
}

const fn identity_and_words() -> ErasureScope {
    ErasureScope::IdentityAndWords
}

impl Body for RequestErasure {
    const OPERATION: &'static str = "request_erasure";
    const CHANGES: bool = false;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        let facts = ErasureRequested {
            person: parsed("/person", &self.person)?,
            scope: self.scope.into(),
            narrative: self.narrative.map(|id| parsed("/narrative", &id)).transpose()?,
            legal_basis: self.legal_basis.into(),
        };
        recording(target, ErasureCommand::Request { facts, reason: self.reason }, &self.occurred_at)
    }
}

/// An approval, which executes the erasure.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"occurred_at": "2026-11-03"}))]
pub struct ApproveErasure {
    /// When it was approved.
    pub occurred_at: String,
}

/// A refusal.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"occurred_at": "2026-11-03", "exemption": "gdpr_17_3_c", "note": "Needed for a safeguarding enquiry"}))]
pub struct RefuseErasure {
    /// When it was refused.
    pub occurred_at: String,
    /// The exemption of GDPR Art 17(3), or `no_ground`.
    pub exemption: ErasureExemption,
    /// Why, in words; kept sealed. At most 10,000 code points.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub note: Option<Words>,
}

impl Body for RefuseErasure {
    const OPERATION: &'static str = "refuse_erasure";
    const CHANGES: bool = true;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        let command = ErasureCommand::Refuse { exemption: self.exemption.into(), note: self.note };
        recording(target, command, &self.occurred_at)
    }
}

/// A request taken back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"occurred_at": "2026-11-03"}))]
pub struct WithdrawErasure {
    /// When it was taken back.
    pub occurred_at: String,
}

impl Body for WithdrawErasure {
    const OPERATION: &'static str = "withdraw_erasure";
    const CHANGES: bool = true;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        recording(target, ErasureCommand::Withdraw, &self.occurred_at)
    }
}

/// That somebody who had the data was told of its erasure (GDPR Art 19).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"occurred_at": "2026-11-04", "notice": 0}))]
pub struct RecordErasureNotice {
    /// When they were told.
    pub occurred_at: String,
    /// The number of the notice, from 0, as the erasure shows it.
    pub notice: u32,
}

impl Body for RecordErasureNotice {
    const OPERATION: &'static str = "record_erasure_notice";
    const CHANGES: bool = true;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        recording(target, ErasureCommand::SendNotice { notice: self.notice }, &self.occurred_at)
    }
}

fn recording(target: Target, command: ErasureCommand, when: &str) -> Result<Recording, Problem> {
    Ok(Recording { target, command: Command::Erasure(command), occurred_at: occurred_at(when)?, source: None })
}
