//! The proof: leaf, tree and commitments as pure bytes. Knows `domain` alone.
