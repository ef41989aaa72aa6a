//! Nodes of the tree, read for constructions that ask for them one by one.
//!
//! The constructions of `ledger` are pure and do not wait; a store makes them wait. So each is run twice: once to learn
//! which nodes it asks for, which never depends on what they are, and once with all of them at hand.

use crate::app::AppError;
use crate::app::log::tree::LogTree;
use crate::ledger::{Hash, NodeId, ProofError, StoredSpan, TILE_WIDTH, subtree_root};
use crate::store::StoreError;
use std::collections::HashMap;
use std::convert::Infallible;

/// A construction over nodes that are fetched.
pub(super) trait Construction<T>:
    Fn(&mut dyn FnMut(NodeId) -> Hash) -> Result<T, ProofError<Infallible>>
{
}
impl<T, F> Construction<T> for F where F: Fn(&mut dyn FnMut(NodeId) -> Hash) -> Result<T, ProofError<Infallible>> {}

/// Runs a construction over a log's tree.
///
/// # Errors
/// What the construction refuses is the outer caller's to have ruled out; a node that is not there is
/// [`StoreError::Corrupt`].
pub(super) async fn construct<T>(tree: &dyn LogTree, construction: impl Construction<T>) -> Result<T, AppError> {
    let mut wanted = Vec::new();
    construction(&mut |node| {
        wanted.push(node);
        Hash::new([0; 32])
    })
    .map_err(|error| AppError::CannotFollow { detail: error.to_string() })?;
    let mut tiles: HashMap<(u8, u64), Vec<Hash>> = HashMap::new();
    for StoredSpan { tile_level, entries } in wanted.iter().map(|node| node.stored_span()) {
        let tile = entries.start / TILE_WIDTH;
        if let std::collections::hash_map::Entry::Vacant(place) = tiles.entry((tile_level, tile)) {
            let width = u32::try_from(TILE_WIDTH).unwrap_or(u32::MAX);
            place.insert(tree.hashes(tile_level, tile * TILE_WIDTH, width).await?);
        }
    }
    let mut missing = None;
    let built = construction(&mut |node| {
        hash_of(&tiles, node).unwrap_or_else(|| {
            missing.get_or_insert(node);
            Hash::new([0; 32])
        })
    })
    .map_err(|error| AppError::CannotFollow { detail: error.to_string() })?;
    match missing {
        None => Ok(built),
        Some(node) => Err(StoreError::Corrupt {
            position: node.index << node.height,
            detail: format!("the tree's node of height {} is not there", node.height),
        }
        .into()),
    }
}

fn hash_of(tiles: &HashMap<(u8, u64), Vec<Hash>>, node: NodeId) -> Option<Hash> {
    let StoredSpan { tile_level, entries } = node.stored_span();
    let tile = tiles.get(&(tile_level, entries.start / TILE_WIDTH))?;
    let (start, end) = (entries.start % TILE_WIDTH, entries.start % TILE_WIDTH + (entries.end - entries.start));
    tile.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?).map(subtree_root)
}
