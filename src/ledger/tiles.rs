//! What tiles hold (C2SP `tlog-tiles`): hashes one after another, or leaves each behind its length in two bytes. Bytes
//! in, bytes out; where they are found is in `tile_path`, and whether they are those of a log only a checkpoint can say.

use super::tile_path::TILE_WIDTH;
use super::tree::Hash;

/// The longest entry in bytes: what two bytes can count.
pub const MAXIMUM_ENTRY_BYTES: usize = u16::MAX as usize;

/// Contents that make no tile, or bytes that are not the tile of the asked width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// A tile is never empty and never wider than 256.
    #[error("a tile has 1 to 256 hashes or entries, not {0}")]
    Width(usize),
    /// An entry is longer than its length can say.
    #[error("an entry has at most {MAXIMUM_ENTRY_BYTES} bytes, not {0}")]
    EntryTooLong(usize),
    /// The bytes end too early or too late for the width.
    #[error("the bytes are not those of a tile of this width")]
    Length,
}

fn check_width(width: usize) -> Result<(), TileError> {
    if (1..=TILE_WIDTH as usize).contains(&width) { Ok(()) } else { Err(TileError::Width(width)) }
}

/// Writes a hash tile: the hashes of a level at a tile's places.
///
/// # Errors
/// When there are none or more than 256.
pub fn encode_hash_tile(hashes: &[Hash]) -> Result<Vec<u8>, TileError> {
    check_width(hashes.len())?;
    Ok(hashes.iter().flat_map(|hash| *hash.as_bytes()).collect())
}

/// Reads a hash tile of a width.
///
/// # Errors
/// When there are more or fewer bytes than a tile of this width has.
pub fn decode_hash_tile(bytes: &[u8], width: usize) -> Result<Vec<Hash>, TileError> {
    check_width(width)?;
    let (hashes, rest) = bytes.as_chunks::<{ Hash::BYTES }>();
    if hashes.len() != width || !rest.is_empty() {
        return Err(TileError::Length);
    }
    Ok(hashes.iter().copied().map(Hash::new).collect())
}

/// Writes an entry bundle: the leaves at a bundle's places, each behind its length (16 bits, big-endian).
///
/// # Errors
/// When there are no leaves or more than 256, or one is longer than 65,535 bytes (no
/// [`Leaf`](super::leaf::Leaf) is).
pub fn encode_entry_bundle<Entry: AsRef<[u8]>>(leaves: &[Entry]) -> Result<Vec<u8>, TileError> {
    check_width(leaves.len())?;
    let mut bytes = Vec::with_capacity(leaves.iter().map(|leaf| 2 + leaf.as_ref().len()).sum());
    for leaf in leaves.iter().map(AsRef::as_ref) {
        let length = u16::try_from(leaf.len()).map_err(|_| TileError::EntryTooLong(leaf.len()))?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(leaf);
    }
    Ok(bytes)
}

/// Reads an entry bundle of a width.
///
/// # Errors
/// When the bytes hold more or fewer entries.
pub fn decode_entry_bundle(bytes: &[u8], width: usize) -> Result<Vec<&[u8]>, TileError> {
    check_width(width)?;
    let mut rest = bytes;
    let mut leaves = Vec::with_capacity(width);
    for _ in 0..width {
        let (length, after) = rest.split_first_chunk::<2>().ok_or(TileError::Length)?;
        let (leaf, after) =
            after.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(TileError::Length)?;
        leaves.push(leaf);
        rest = after;
    }
    if rest.is_empty() { Ok(leaves) } else { Err(TileError::Length) }
}

#[cfg(test)]
mod tests {
    use super::super::tree::leaf_hash;
    use super::super::tree_examples::hashes;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_full_hash_tile_has_8_192_bytes_and_reads_back() {
        let hashes = hashes(257);
        let bytes = encode_hash_tile(&hashes[..256]).unwrap();
        assert_eq!(bytes.len(), 8_192);
        assert_eq!(decode_hash_tile(&bytes, 256).unwrap(), hashes[..256]);
        assert_eq!(decode_hash_tile(&bytes, 255), Err(TileError::Length));
        assert_eq!(decode_hash_tile(&bytes[..8_191], 256), Err(TileError::Length));
        assert_eq!(decode_hash_tile(&bytes[..8_191], 255), Err(TileError::Length));
        assert_eq!(encode_hash_tile(&hashes), Err(TileError::Width(257)));
        assert_eq!(encode_hash_tile(&[]), Err(TileError::Width(0)));
        assert_eq!(decode_hash_tile(&[], 0), Err(TileError::Width(0)));
    }

    #[test]
    fn a_bundle_is_lengths_and_leaves() {
        assert_eq!(encode_entry_bundle(&["", "ab"]).unwrap(), b"\0\0\0\x02ab");
        let longest = vec![7_u8; MAXIMUM_ENTRY_BYTES];
        let bytes = encode_entry_bundle(&[&longest]).unwrap();
        assert_eq!(decode_entry_bundle(&bytes, 1).unwrap(), [longest.as_slice()]);
        assert_eq!(encode_entry_bundle(&[vec![7_u8; 65_536]]), Err(TileError::EntryTooLong(65_536)));
        assert_eq!(encode_entry_bundle::<&[u8]>(&[]), Err(TileError::Width(0)));
        assert_eq!(encode_entry_bundle(&["a"; 257]), Err(TileError::Width(257)));
        assert_eq!(decode_entry_bundle(b"", 257), Err(TileError::Width(257)));
        for (bytes, width) in
            [(b"".as_slice(), 1), (b"\0", 1), (b"\0\x01", 1), (b"\0\0\0", 1), (b"\0\0", 2), (b"\0\0\0\0", 1)]
        {
            assert_eq!(decode_entry_bundle(bytes, width), Err(TileError::Length), "{bytes:?} of {width}");
        }
    }

    proptest! {
        #[test]
        fn a_changed_byte_of_a_bundle_changes_a_leaf_or_is_refused(
            leaves in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..20),
            place: prop::sample::Index, change in 1_u8..=255,
        ) {
            let mut bytes = encode_entry_bundle(&leaves).unwrap();
            let hashes: Vec<_> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
            let width = leaves.len();
            prop_assert_eq!(decode_entry_bundle(&bytes, width).unwrap(), leaves);
            let place = place.index(bytes.len());
            bytes[place] ^= change;
            if let Ok(others) = decode_entry_bundle(&bytes, width) {
                prop_assert_ne!(others.iter().map(|leaf| leaf_hash(leaf)).collect::<Vec<_>>(), hashes);
                prop_assert_eq!(encode_entry_bundle(&others).unwrap(), bytes);
            }
        }
    }
}
