//! A log as auditors see it: signed checkpoints, tiles and proofs. Joins `ledger` (what is signed and proved, pure) with
//! the store (the tree's hashes) and a file of its own (what was signed last). Which log it is, a [`LogTree`] says.

mod guard;
mod keeper;
mod nodes;
mod proofs;
mod tree;

pub use crate::ledger::{SigningSeed, TileKind, TilePath};
pub use crate::store::KeptCheckpoint;
pub use guard::GuardError;
pub use keeper::{LogError, LogKeeper, LogSettings};
pub use proofs::Inclusion;
pub use tree::{LogTree, OutcomesTree};
