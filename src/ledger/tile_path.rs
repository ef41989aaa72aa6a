//! Where tiles are found (C2SP `tlog-tiles`): the paths of hash tiles and of entry bundles, and which of them a tree of
//! some size has. Numbers and names alone; `tiles` has what is inside.

use super::lines::decimal;
use super::tree::TILE_HEIGHT;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// How many hashes or entries a full tile or bundle has.
pub const TILE_WIDTH: u64 = 1 << TILE_HEIGHT;
/// The highest level that the standard gives a path. A tree of the greatest size has levels 0 to 7.
pub const MAXIMUM_TILE_LEVEL: u8 = 63;

/// How many hashes a tree of this size has at a level: the roots of its complete subtrees of 256^level leaves.
const fn width_of_level(level: u8, size: u64) -> u64 {
    match size.checked_shr(TILE_HEIGHT as u32 * level as u32) {
        Some(width) => width,
        None => 0,
    }
}

/// Text or numbers that name no tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the path of a tile: tile/<level>/<index> or tile/entries/<index>, with .p/<width> if it is partial")]
pub struct InvalidTilePath;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// Hashes of a level: those of leaves at level 0, roots of full tiles of the level below at each other.
    Hashes {
        /// The level, at most [`MAXIMUM_TILE_LEVEL`].
        level: u8,
    },
    /// The leaves themselves ("entry bundle"), as many and at the same places as the hashes of level 0.
    Entries,
}

impl TileKind {
    const fn level(self) -> u8 {
        match self {
            Self::Hashes { level } => level,
            Self::Entries => 0,
        }
    }
}

/// The name of one tile or bundle: what it holds, its place in its level and its width. `Display` and `FromStr` are its path
/// below the log's prefix, without a slash before it: `tile/0/x001/x234/067`, `tile/entries/000.p/17`.
///
/// A tile of one name never changes, whatever the log grows to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePath {
    kind: TileKind,
    index: u64,
    width: u16,
}

impl TilePath {
    /// The tile at this place with this width.
    ///
    /// # Errors
    /// When the width is not 1 to 256, the level is over 63 or the index is beyond any tree.
    pub fn new(kind: TileKind, index: u64, width: u64) -> Result<Self, InvalidTilePath> {
        // 2⁵⁵ tiles of 256 would be 2⁶³ leaves, one more than any tree has.
        let fits = (1..=TILE_WIDTH).contains(&width) && kind.level() <= MAXIMUM_TILE_LEVEL && index < 1 << 55;
        if fits { Ok(Self { kind, index, width: width as u16 }) } else { Err(InvalidTilePath) } // at most 256
    }

    /// The widest tile that a tree of this size has at this place; `None` if it has none there.
    #[must_use]
    pub fn widest(kind: TileKind, index: u64, size: u64) -> Option<Self> {
        let start = index.checked_mul(TILE_WIDTH)?;
        let width = width_of_level(kind.level(), size).saturating_sub(start).min(TILE_WIDTH);
        Self::new(kind, index, width).ok()
    }

    /// What it holds.
    #[must_use]
    pub const fn kind(&self) -> TileKind {
        self.kind
    }
    /// Its place in its level, from the left; 0-based.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }
    /// How many hashes or entries it has; 1 to 256.
    #[must_use]
    pub fn width(&self) -> u64 {
        u64::from(self.width)
    }
    /// Whether it has fewer than 256.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.width() < TILE_WIDTH
    }
    /// The places in its level that it holds: what a store reads to answer for it (see
    /// [`StoredSpan`](super::tree::StoredSpan) for the same numbers).
    #[must_use]
    pub fn places(&self) -> Range<u64> {
        let start = self.index * TILE_WIDTH;
        start..start + self.width()
    }
    /// Whether a tree of this size has it, be it as a part of a wider one: a reader with an earlier checkpoint asks for a
    /// narrower tile than there is by now.
    #[must_use]
    pub fn is_within(&self, size: u64) -> bool {
        self.places().end <= width_of_level(self.kind.level(), size)
    }
}

/// The tiles of a level of a tree of this size, from the left; the last one may be partial.
fn level_tiles(kind: TileKind, size: u64) -> impl Iterator<Item = TilePath> {
    let count = width_of_level(kind.level(), size).div_ceil(TILE_WIDTH);
    (0..count).filter_map(move |index| TilePath::widest(kind, index, size))
}

/// Every hash tile of a tree of this size, level by level, each at its widest.
pub fn hash_tiles(size: u64) -> impl Iterator<Item = TilePath> {
    (0..=MAXIMUM_TILE_LEVEL).flat_map(move |level| level_tiles(TileKind::Hashes { level }, size))
}

/// Every entry bundle of a tree of this size, each at its widest.
pub fn entry_bundles(size: u64) -> impl Iterator<Item = TilePath> {
    level_tiles(TileKind::Entries, size)
}

impl fmt::Display for TilePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes { level } => write!(formatter, "tile/{level}/")?,
            TileKind::Entries => formatter.write_str("tile/entries/")?,
        }
        // Groups of three digits from the left; each but the last is marked, so that a file never stands where a folder must.
        let mut divisor = 1;
        while self.index / divisor >= 1_000 {
            divisor *= 1_000;
        }
        while divisor > 1 {
            write!(formatter, "x{:03}/", self.index / divisor % 1_000)?;
            divisor /= 1_000;
        }
        write!(formatter, "{:03}", self.index % 1_000)?;
        if self.is_partial() { write!(formatter, ".p/{}", self.width) } else { Ok(()) }
    }
}

impl FromStr for TilePath {
    type Err = InvalidTilePath;

    /// Reads the one spelling that `Display` writes: of two paths of one tile, a cache or a firewall would see two things.
    fn from_str(text: &str) -> Result<Self, InvalidTilePath> {
        let place = text.strip_prefix("tile/").ok_or(InvalidTilePath)?;
        let (kind, place) = place.split_once('/').ok_or(InvalidTilePath)?;
        let kind = if kind == "entries" {
            TileKind::Entries
        } else {
            let level = decimal(kind).and_then(|level| u8::try_from(level).ok());
            TileKind::Hashes { level: level.ok_or(InvalidTilePath)? }
        };
        let (index, width) = match place.split_once(".p/") {
            None => (place, TILE_WIDTH),
            Some((index, width)) => (index, decimal(width).filter(|width| *width < TILE_WIDTH).ok_or(InvalidTilePath)?),
        };
        Self::new(kind, read_index(index).ok_or(InvalidTilePath)?, width)
    }
}

fn read_index(text: &str) -> Option<u64> {
    let mut groups = text.split('/');
    let last = groups.next_back()?;
    let mut index = 0_u64;
    for (place, group) in groups.enumerate() {
        let group = three_digits(group.strip_prefix('x')?)?;
        if place == 0 && group == 0 {
            return None; // a number does not start with zeros
        }
        index = index.checked_mul(1_000)?.checked_add(group)?;
    }
    index.checked_mul(1_000)?.checked_add(three_digits(last)?)
}

fn three_digits(text: &str) -> Option<u64> {
    let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::super::tree::MAXIMUM_TREE_SIZE;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn paths_are_as_the_standard_spells_them() {
        let hashes = |level, index, width| TilePath::new(TileKind::Hashes { level }, index, width).unwrap().to_string();
        let entries = |index, width| TilePath::new(TileKind::Entries, index, width).unwrap().to_string();
        assert_eq!(hashes(0, 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(hashes(63, 0, 1), "tile/63/000.p/1");
        assert_eq!(hashes(1, 999, 255), "tile/1/999.p/255");
        assert_eq!(entries(1_000, 256), "tile/entries/x001/000");
        assert_eq!(entries((1 << 55) - 1, 17), "tile/entries/x036/x028/x797/x018/x963/967.p/17");
    }

    /// The numbers of the standard's examples.
    #[test]
    fn a_tree_has_the_tiles_of_the_standard_s_examples() {
        let count = |level: u8| {
            let tiles: Vec<_> = hash_tiles(70_000).filter(|tile| tile.kind() == TileKind::Hashes { level }).collect();
            let partial: Vec<_> = tiles.iter().filter(|tile| tile.is_partial()).map(TilePath::width).collect();
            (tiles.len() - partial.len(), partial)
        };
        assert_eq!(
            (count(0), count(1), count(2), count(3)),
            ((273, vec![112]), (1, vec![17]), (0, vec![1]), (0, vec![]))
        );
        assert_eq!(entry_bundles(70_000).count(), 274);
        let paths: Vec<_> = hash_tiles(256).map(|tile| tile.to_string()).collect();
        assert_eq!(paths, ["tile/0/000", "tile/1/000.p/1"]);
        assert_eq!(hash_tiles(0).count() + entry_bundles(0).count(), 0);
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/",
            "/tile/0/000",
            "tile/0/000/",
            "tile/0//000",
            "tile/00/000",
            "tile/+1/000",
            "tile/64/000",
            "tile/256/000",
            "tile/-1/000",
            "tile/entry/000",
            "tile/Entries/000",
            "tile/data/000",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/0/x000",
            "tile/0/x000/001",
            "tile/0/001/002",
            "tile/0/X001/002",
            "tile/0/x001/x002",
            "tile/0/x1/002",
            "tile/0/x0a1/002",
            "tile/0/x001/٠٠٢",
            "tile/0/000.p",
            "tile/0/000.p/",
            "tile/0/000.p/0",
            "tile/0/000.p/01",
            "tile/0/000.p/256",
            "tile/0/000.p/1/",
            "tile/0/000.p/1.p/1",
            "tile/0/x001.p/1/000",
            "tile/0/000?",
            "tile/0/../0/000",
            "tile/0/x036/x028/x797/x018/x963/968",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(text.parse::<TilePath>(), Err(InvalidTilePath), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_tile_is_within_every_tree_that_is_large_enough() {
        let tile = TilePath::new(TileKind::Hashes { level: 1 }, 1, 3).unwrap();
        assert_eq!(tile.places(), 256..259);
        assert!(!tile.is_within(259 * 256 - 1) && tile.is_within(259 * 256) && tile.is_within(MAXIMUM_TREE_SIZE));
        let beyond = TilePath::new(TileKind::Hashes { level: 8 }, 0, 1).unwrap();
        assert!(!beyond.is_within(MAXIMUM_TREE_SIZE) && !beyond.is_within(u64::MAX));
        assert_eq!(TilePath::widest(TileKind::Hashes { level: 7 }, 0, MAXIMUM_TREE_SIZE).unwrap().width(), 127);
        for (index, size, width) in
            [(0, 0, None), (0, 1, Some(1)), (0, 256, Some(256)), (1, 256, None), (1, 300, Some(44))]
        {
            let widest = TilePath::widest(TileKind::Entries, index, size).map(|tile| tile.width());
            assert_eq!(widest, width, "{index} of {size}");
        }
        assert_eq!(TilePath::widest(TileKind::Entries, u64::MAX, u64::MAX), None);
        for (level, index, width) in [(0, 0, 0), (0, 0, 257), (64, 0, 1), (0, 1 << 55, 1)] {
            assert_eq!(TilePath::new(TileKind::Hashes { level }, index, width), Err(InvalidTilePath));
        }
    }

    proptest! {
        #[test]
        fn a_path_reads_back_as_itself_and_no_changed_one_does(
            level in prop::option::of(0_u8..=63), index in 0_u64..1 << 55, bits in 0_u32..55, width in 1_u64..=256,
            place: prop::sample::Index, new in "[0-9x/.pt ]",
        ) {
            let kind = level.map_or(TileKind::Entries, |level| TileKind::Hashes { level });
            let tile = TilePath::new(kind, index >> bits, width).unwrap();
            let text = tile.to_string();
            prop_assert_eq!(text.parse(), Ok(tile));
            let place = place.index(text.len());
            let changed = format!("{}{new}{}", &text[..place], &text[place + 1..]);
            if let Ok(other) = changed.parse::<TilePath>() {
                prop_assert_eq!(other == tile, changed == text);
                prop_assert_eq!(other.to_string(), changed);
            }
        }

        /// The tiles of a level hold each of its places once.
        #[test]
        fn the_tiles_of_a_tree_hold_every_complete_subtree_once(size in 0_u64..200_000) {
            for level in 0..4 {
                let tiles = hash_tiles(size).filter(|tile| tile.kind() == TileKind::Hashes { level });
                let places: Vec<u64> = tiles.flat_map(|tile| tile.places()).collect();
                let expected: Vec<u64> = (0..size / 256_u64.pow(u32::from(level))).collect();
                prop_assert_eq!(places, expected);
            }
            let distinct: BTreeSet<_> = hash_tiles(size).chain(entry_bundles(size)).collect();
            prop_assert_eq!(distinct.len(), hash_tiles(size).count() + entry_bundles(size).count());
            prop_assert!(distinct.iter().all(|tile| tile.is_within(size)));
        }
    }
}
