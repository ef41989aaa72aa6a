//! A log as auditors see it: signed checkpoints, tiles and proofs. Joins `ledger` (what is signed and proved, pure) with
//! the store (the tree's hashes) and a file of its own (what was signed last). Which log it is, a [`LogTree`] says.

mod cosign;
mod cosign_asking;
mod guard;
mod keeper;
mod nodes;
mod proofs;
mod statement_making;
mod statements;
mod tree;

pub use crate::ledger::{ReasonCode, SignedStatement, SigningSeed, Statement, TileKind, TilePath, VerifierKey};
pub use crate::store::KeptCheckpoint;
pub use cosign::{WitnessAddress, WitnessPolicy};
pub use cosign_asking::{WitnessClient, WitnessProblem};
pub use guard::GuardError;
pub use keeper::{LogError, LogKeeper, LogSettings, verifier_key};
pub use proofs::Inclusion;
pub use statement_making::{NewOriginWanted, SignerDesk, Stated};
pub(in crate::app) use statements::chain_of;
pub use statements::{KnownKey, SignerFiles, StatementsError, stated};
pub use tree::{Entry, LogTree, OutcomesTree};

use std::sync::Arc;

/// The logs of a deployment, each with its keeper.
#[derive(Clone)]
pub struct Logs {
    /// What happened.
    pub outcomes: Arc<LogKeeper>,
    /// Who was shown whose data.
    pub accesses: Arc<LogKeeper>,
}

impl Logs {
    /// The keeper of a log by its name in paths; `None` for a name that no log has.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Arc<LogKeeper>> {
        self.all().into_iter().find(|(known, _)| *known == name).map(|(_, keeper)| keeper)
    }

    /// Each with its name.
    #[must_use]
    pub const fn all(&self) -> [(&'static str, &Arc<LogKeeper>); 2] {
        [("outcomes", &self.outcomes), ("accesses", &self.accesses)]
    }
}
