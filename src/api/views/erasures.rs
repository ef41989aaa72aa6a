//! Erasures as they are shown: what was asked for, what became of it, whose keys are gone, who must be told.

use crate::api::schema::{ErasureBasis, ErasureExemption, ErasureScope, ErasureStatus};
use crate::api::views::{Common, View, other_kind};
use crate::app::words::{ErasureWords, Personal, Resource};
use crate::app::{AppError, KeyDestruction, Seen};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A notice to somebody who had the data (GDPR Art 19).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NoticeView {
    /// Its number, from 0.
    pub notice: u32,
    /// The client that had the data.
    pub client: String,
    /// Whom it acts for.
    pub organisation: String,
    /// How it came to have the data: `recorded`, `read`, `exported`.
    pub because: Vec<String>,
    /// When it was recorded that they were told; `null` while that is due.
    pub sent_at: Option<String>,
    /// The client that recorded it.
    pub sent_by: Option<String>,
}

/// A request to erase.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ErasureView {
    /// What every recording has.
    #[serde(flatten)]
    pub common: Common,
    /// Whose data.
    pub person: String,
    /// What of it.
    pub scope: ErasureScope,
    /// The one narrative.
    pub narrative: Option<String>,
    /// The ground.
    pub legal_basis: ErasureBasis,
    /// Why it was asked for; `null` too once the person's words are erased.
    pub reason: Option<String>,
    /// The client that asked.
    pub requested_by: String,
    /// What became of it.
    pub status: ErasureStatus,
    /// The client that executed, refused or withdrew it.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<String>,
    /// Why it was refused.
    pub exemption: Option<ErasureExemption>,
    /// Why, in words.
    pub note: Option<String>,
    /// The position of the event that says what was erased.
    pub executed_at_position: Option<u64>,
    /// Who must be told, once it is executed.
    pub notices: Vec<NoticeView>,
    /// Whether clients that only read the data are among the notices. Where not, whoever must be told has to be found elsewhere.
    pub reads_included: bool,
}

impl View for ErasureView {
    fn of(seen: &Seen) -> Result<Self, AppError> {
        let Resource::Erasure(erasure) = &seen.row.resource else { return Err(other_kind()) };
        let reason: Option<ErasureWords> = seen.content(erasure.reason)?.flatten();
        let note: Option<ErasureWords> = seen.content(erasure.note)?.flatten();
        let notices = (0..)
            .zip(&erasure.notices)
            .map(|(number, notice)| NoticeView {
                notice: number,
                client: notice.recipient.client.clone(),
                organisation: notice.recipient.organisation.to_string(),
                because: notice.recipient.because.clone(),
                sent_at: notice.sent_at().map(|at| at.to_string()),
                sent_by: notice.sent_by.clone(),
            })
            .collect();
        Ok(Self {
            common: Common::of(seen),
            person: erasure.facts.person.to_string(),
            scope: erasure.facts.scope.into(),
            narrative: erasure.facts.narrative.map(|id| id.to_string()),
            legal_basis: erasure.facts.legal_basis.into(),
            reason: reason.and_then(|words| words.reason).map(Personal::into_inner),
            requested_by: erasure.requested_by.clone(),
            status: erasure.status.into(),
            decided_by: erasure.decided_by.clone(),
            decided_at: erasure.decided_at().map(|at| at.to_string()),
            exemption: erasure.exemption.map(Into::into),
            note: note.and_then(|words| words.note).map(Personal::into_inner),
            executed_at_position: erasure.executed,
            notices,
            reads_included: erasure.reads_included,
        })
    }
}

/// Keys that an executed erasure destroys.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeyDestructionView {
    /// The class of the parts that they open.
    pub class: String,
    /// When they were destroyed; `null` while that is still to be done.
    pub destroyed_at: Option<String>,
}

/// One erasure with its keys.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ErasureDetailView {
    /// The erasure.
    #[serde(flatten)]
    pub erasure: ErasureView,
    /// The keys that it destroys, once it is executed.
    pub keys: Vec<KeyDestructionView>,
}

impl ErasureDetailView {
    /// Shows an erasure.
    ///
    /// # Errors
    /// As [`View::of`].
    pub fn of(seen: &Seen, keys: &[KeyDestruction]) -> Result<Self, AppError> {
        let keys = keys
            .iter()
            .map(|key| KeyDestructionView {
                class: key.class.as_str().to_owned(),
                destroyed_at: key.done_at.map(|at| at.to_string()),
            })
            .collect();
        Ok(Self { erasure: ErasureView::of(seen)?, keys })
    }
}
