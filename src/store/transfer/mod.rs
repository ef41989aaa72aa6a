//! A store as tables that travel: the one list of what is copied and what is made anew, for a backup, its restoration and the move
//! to the other database.
//!
//! Rows (`row_version`, `row_key`) are made from events by the fold and not copied. A table or column that a migration adds has to
//! be put into this list, or named as derived; the contract holds the list against both migrated databases.

mod accesses;
mod erasures;
mod signed;
mod tables;
mod tree;

pub use erasures::{ErasureUnreadable, erasures};
pub use tables::{ROW_TABLES, SEALED_PARTS, TABLES};
pub use tree::{EachLog, LogFound, TreeCheck, TreeWrong};
