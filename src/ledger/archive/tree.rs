//! Leaves against the tree's stored hashes, and the tree against what was signed. Fed one position after the other, it keeps
//! the growing edge alone.
//!
//! Where a leaf and its stored hash differ, the next hash that stands above both (a complete subtree, or a signed root) says
//! which of them was changed. Until then two edges grow: over the leaves, and over the stored hashes.

use super::finding::{Code, Findings, Place};
use crate::ledger::{CompletedSubtree, Frontier, Hash};
use std::collections::BTreeMap;

/// A root that the tree must have had at a size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The root.
    pub root: Hash,
    /// What it means where it is another.
    pub code: Code,
    /// Who says so: a file or a table.
    pub said_by: String,
}

/// A leaf that does not have its stored hash.
struct Differing {
    position: u64,
    leaf: String,
    stored: String,
}

/// The audit of a log's tree.
pub struct TreeAudit {
    leaves: Frontier,
    stored: Frontier,
    differing: Vec<Differing>,
    /// The code for a stored hash that is wrong: of a table or of a file.
    wrong_hash: Code,
    wanted: BTreeMap<u64, Vec<Wanted>>,
    /// The position from which on no root can be computed.
    broken: Option<u64>,
    roots: u64,
}

impl TreeAudit {
    /// An empty tree. `wrong_hash` is the code for a stored hash that is not its leaf's.
    #[must_use]
    pub fn new(wrong_hash: Code) -> Self {
        Self {
            leaves: Frontier::new(),
            stored: Frontier::new(),
            differing: Vec::new(),
            wrong_hash,
            wanted: BTreeMap::new(),
            broken: None,
            roots: 0,
        }
    }

    /// How many leaves it has so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.leaves.size()
    }

    /// The edge over the leaves as they are; `None` where it could not be computed.
    #[must_use]
    pub fn edge(&self) -> Option<&Frontier> {
        self.broken.is_none().then_some(&self.leaves)
    }

    /// How many signed roots it was held against.
    #[must_use]
    pub const fn roots(&self) -> u64 {
        self.roots
    }

    /// Asks that the tree have a root at a size, which must not be behind it yet.
    pub fn want(&mut self, size: u64, wanted: Wanted, findings: &mut Findings) {
        self.wanted.entry(size).or_default().push(wanted);
        if size == self.size() {
            self.hold(findings);
        }
    }

    /// The next position: the hash of its leaf, where that is at hand, and its stored hash. Answers the subtrees that it
    /// completed, each over the leaves and over the stored hashes.
    pub fn push(
        &mut self,
        leaf: Option<(Hash, Place<'_>)>,
        stored: Option<(Hash, Place<'_>)>,
        findings: &mut Findings,
    ) -> Vec<(CompletedSubtree, Hash)> {
        let position = self.size();
        if let (Some((hash, leaf)), Some((kept, stored))) = (&leaf, &stored)
            && hash != kept
        {
            let differing = Differing { position, leaf: leaf.to_string(), stored: stored.to_string() };
            self.differing.push(differing);
        }
        let (leaf, stored) = (leaf.map(|(hash, _)| hash), stored.map(|(hash, _)| hash));
        let (Some(over_leaf), Some(over_stored)) = (leaf.or(stored), stored.or(leaf)) else {
            self.broken.get_or_insert(position);
            return self.push_both(Hash::new([0; 32]), Hash::new([0; 32]), findings);
        };
        self.push_both(over_leaf, over_stored, findings)
    }

    fn push_both(&mut self, leaf: Hash, stored: Hash, findings: &mut Findings) -> Vec<(CompletedSubtree, Hash)> {
        // A log of 2⁶³ events does not exist.
        let over_leaves = self.leaves.push(leaf).unwrap_or_default();
        let over_stored = self.stored.push(stored).unwrap_or_default();
        let completed = over_leaves.into_iter().zip(over_stored.into_iter().map(|completed| completed.hash)).collect();
        if self.wanted.first_key_value().is_some_and(|(size, _)| *size <= self.size()) {
            self.hold(findings);
        }
        completed
    }

    /// Holds a stored hash of a complete subtree against the leaves. `None` says that there is none where one must be.
    pub fn subtree(
        &mut self,
        completed: (CompletedSubtree, Hash),
        stored: Option<Hash>,
        place: Place<'_>,
        findings: &mut Findings,
    ) {
        if self.broken.is_some() {
            return;
        }
        let (CompletedSubtree { tile_level, index, hash }, over_stored) = completed;
        let name = format!("hash {index} of level {tile_level}");
        let Some(kept) = stored else {
            return findings.note(Code::Tile, place, None, format!("{name} is not there"));
        };
        if kept == hash {
            self.leaves_are_right(findings);
        } else if kept == over_stored && !self.differing.is_empty() {
            self.leaves_are_wrong(findings);
        } else {
            findings.note(Code::Tile, place, None, format!("{name} is not the one that its leaves have"));
        }
    }

    /// Holds the roots that are wanted at this size against the tree.
    fn hold(&mut self, findings: &mut Findings) {
        let size = self.size();
        let Some(wanted) = self.wanted.remove(&size) else { return };
        for Wanted { root, code, said_by } in wanted {
            // The head's own edge is not signed.
            self.roots += u64::from(code != Code::Head);
            let place = Place::file(&said_by);
            if let Some(position) = self.broken {
                let detail = format!("the root of {size} events cannot be computed: position {position} is missing");
                findings.note(code, place, None, detail);
            } else if self.leaves.root() == root {
                self.leaves_are_right(findings);
            } else if self.stored.root() == root {
                self.leaves_are_wrong(findings);
            } else {
                findings.note(code, place, None, format!("the first {size} events have another root than it says"));
            }
        }
    }

    fn leaves_are_right(&mut self, findings: &mut Findings) {
        for differing in std::mem::take(&mut self.differing) {
            let detail = "the stored hash of this event is not its leaf's, and the tree says that the leaf is right";
            findings.note(self.wrong_hash, Place::file(&differing.stored), Some(differing.position), detail);
        }
        self.stored.clone_from(&self.leaves);
    }

    fn leaves_are_wrong(&mut self, findings: &mut Findings) {
        for differing in std::mem::take(&mut self.differing) {
            let detail = "the leaf does not have the hash that was signed for this position";
            findings.note(Code::Leaf, Place::file(&differing.leaf), Some(differing.position), detail);
        }
        self.leaves.clone_from(&self.stored);
    }

    /// Ends the audit: what the tree never grew to is a finding, and so is every difference that nothing has decided.
    pub fn finish(&mut self, findings: &mut Findings) {
        let size = self.size();
        for (wanted_size, wanted) in std::mem::take(&mut self.wanted) {
            for Wanted { said_by, .. } in wanted {
                self.roots += 1;
                let detail = format!("it was signed for {wanted_size} events, and the log has {size}");
                findings.note(Code::Truncated, Place::file(&said_by), None, detail);
            }
        }
        for differing in std::mem::take(&mut self.differing) {
            let detail = "the leaf and its stored hash differ, and nothing that was signed says which is right";
            findings.note(Code::Leaf, Place::file(&differing.leaf), Some(differing.position), detail);
        }
    }
}
