//! What building and checking a proof can answer with. The structures are those of RFC 9162 and no others:
//! verifiers that nobody here wrote must accept ours, and ours must refuse what they refuse.

/// A proof that cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError<E> {
    /// The leaf or the earlier tree is not part of the tree, or the earlier tree has no leaves.
    #[error("there is no proof between {part} and a tree of {size} leaves")]
    OutOfRange {
        /// The leaf's index, or the earlier tree's size.
        part: u64,
        /// The tree's size.
        size: u64,
    },
    /// A node could not be fetched.
    #[error("a node of the tree could not be fetched")]
    Fetch(#[source] E),
}

/// Why a proof proves nothing. Whoever checks one may believe nothing of what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofRejected {
    /// The leaf's index is not below the tree's size.
    #[error("the leaf's index lies outside the tree")]
    IndexOutsideTree,
    /// The earlier tree is greater than the later one.
    #[error("the earlier tree is greater than the later one")]
    SizesFall,
    /// The earlier tree has no leaves: every tree goes on from it, so there is nothing to prove (RFC 9162 asks
    /// for at least one leaf).
    #[error("the earlier tree is empty: there is nothing to prove")]
    EmptyTree,
    /// The proof has more or fewer hashes than one between these places has.
    #[error("the proof has the wrong number of hashes")]
    Length,
    /// The proof leads to another root.
    #[error("the proof leads to another root")]
    Root,
}
