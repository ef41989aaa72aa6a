//! Tiles and proofs of a log, all of them within its last checkpoint: nothing is proved that was not signed. That an entry is in
//! it is proved under the checkpoint that is shown, which enough witnesses cosigned where the operator asks for it.

use crate::app::AppError;
use crate::app::accesses::About;
use crate::app::log::keeper::LogKeeper;
use crate::app::log::nodes::construct;
use crate::domain::access::{Caller, Scope, allow};
use crate::domain::reading_access::{ShownPart, Through};
use crate::ledger::{
    Hash, SignedCheckpoint, TileKind, TilePath, TlogProof, consistency_proof, encode_entry_bundle, encode_hash_tile,
    inclusion_proof, leaf_hash,
};
use crate::store::{KeptCheckpoint, StoreError};

/// That a leaf is in its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
    /// Its position: the leaf's index.
    pub position: u64,
    /// Its leaf, verbatim.
    pub leaf: Vec<u8>,
    /// The leaf's hash.
    pub leaf_hash: Hash,
    /// The hashes that lead to the root, from the leaf upwards.
    pub proof: Vec<Hash>,
    /// The checkpoint that the root is of.
    pub checkpoint: KeptCheckpoint,
}

impl LogKeeper {
    /// The bytes of a tile of hashes; `None` where the log has none yet. Hashes say nothing about anybody, so anybody may have them.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn hash_tile(&self, path: TilePath) -> Result<Option<Vec<u8>>, AppError> {
        let TileKind::Hashes { level } = path.kind() else { return Ok(None) };
        if !path.is_within(self.signed_size().await?) {
            return Ok(None);
        }
        let width = u32::try_from(path.width()).unwrap_or(u32::MAX);
        let hashes = self.tree().hashes(level, path.places().start, width).await?;
        if hashes.len() as u64 != path.width() {
            return Err(lacking(path.places().start));
        }
        let bytes = encode_hash_tile(&hashes).map_err(|error| AppError::CannotFollow { detail: error.to_string() })?;
        Ok(Some(bytes))
    }

    /// The bytes of a bundle of leaves; `None` where the log has none yet. Leaves name organisations and streams, so only who may audit the
    /// whole log has them.
    ///
    /// # Errors
    /// [`AppError::NotAllowed`] without the scope, else [`AppError::Store`].
    pub async fn entry_bundle(&self, caller: &Caller, path: TilePath) -> Result<Option<Vec<u8>>, AppError> {
        allow(caller, Scope::LogRead)?;
        if path.kind() != TileKind::Entries || !path.is_within(self.signed_size().await?) {
            return Ok(None);
        }
        let width = u32::try_from(path.width()).unwrap_or(u32::MAX);
        let leaves = self.tree().leaves(path.places().start, width).await?;
        if leaves.len() as u64 != path.width() {
            return Err(lacking(path.places().start));
        }
        let bytes =
            encode_entry_bundle(&leaves).map_err(|error| AppError::CannotFollow { detail: error.to_string() })?;
        Ok(Some(bytes))
    }

    /// The scope that proving a leaf needs.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.tree().scope()
    }

    /// Proves that a leaf of the caller's organisation is in the log, under the last checkpoint; `None` where there is no such
    /// leaf within reach, or no checkpoint holds it yet.
    ///
    /// # Errors
    /// [`AppError::NotAllowed`] without the scope, else [`AppError::Store`].
    pub async fn prove_entry(&self, caller: &Caller, position: u64) -> Result<Option<Inclusion>, AppError> {
        allow(caller, self.tree().scope())?;
        let Some(checkpoint) = self.shown().await? else { return Ok(None) };
        if position >= checkpoint.size {
            return Ok(None);
        }
        let Some(entry) = self.tree().entry_at(&caller.organisation, position).await? else { return Ok(None) };
        let leaf = self.tree().leaves(position, 1).await?.pop().ok_or_else(|| lacking(position))?;
        let size = checkpoint.size;
        let proof = construct(self.tree(), move |fetch: &mut dyn FnMut(_) -> Hash| {
            inclusion_proof(position, size, &mut |node| Ok(fetch(node)))
        })
        .await?;
        let leaf_hash = leaf_hash(&leaf);
        let about = entry.person.map(|person| {
            let mut about = About::nothing_of(person, caller.organisation.clone());
            about.parts.insert(ShownPart::Leaf);
            about.count(self.tree().entry());
            about
        });
        self.app().release(caller, Through::Proof, None, about.into_iter().collect()).await?;
        Ok(Some(Inclusion { position, leaf, leaf_hash, proof, checkpoint }))
    }

    /// Proves that the tree of `to` leaves goes on from the tree of `from`. Hashes only, so anybody may ask.
    ///
    /// # Errors
    /// [`AppError::InvalidQuery`] where `from` is 0, greater than `to`, or `to` was not signed yet.
    pub async fn prove_consistency(&self, from: u64, to: u64) -> Result<Vec<Hash>, AppError> {
        let signed = self.signed_size().await?;
        if to > signed {
            let detail = format!("the last checkpoint has {signed} {}", self.tree().entries());
            return Err(AppError::InvalidQuery { parameter: "to", detail });
        }
        if from == 0 || from > to {
            let detail = "is at least 1 and at most `to`".to_owned();
            return Err(AppError::InvalidQuery { parameter: "from", detail });
        }
        self.consistency(from, to).await
    }

    /// The same for whoever has ruled out what cannot be proved.
    pub(super) async fn consistency(&self, from: u64, to: u64) -> Result<Vec<Hash>, AppError> {
        construct(self.tree(), move |fetch: &mut dyn FnMut(_) -> Hash| {
            consistency_proof(from, to, &mut |node| Ok(fetch(node)))
        })
        .await
    }

    async fn signed_size(&self) -> Result<u64, AppError> {
        Ok(self.last().await?.map_or(0, |last| last.size))
    }
}

impl Inclusion {
    /// The proof as one file (C2SP `tlog-proof`), which is checked with the leaf and the key alone.
    ///
    /// # Errors
    /// [`AppError::CannotFollow`] where the kept checkpoint is none any more.
    pub fn file(&self) -> Result<String, AppError> {
        let broken = |error: &dyn std::fmt::Display| AppError::CannotFollow { detail: error.to_string() };
        let checkpoint = SignedCheckpoint::parse(self.checkpoint.note.as_bytes()).map_err(|error| broken(&error))?;
        let proof = TlogProof::new(self.position, self.proof.clone(), checkpoint).map_err(|error| broken(&error))?;
        Ok(proof.to_string())
    }
}

fn lacking(position: u64) -> AppError {
    StoreError::Corrupt { position, detail: "the log ends before its last checkpoint".to_owned() }.into()
}
