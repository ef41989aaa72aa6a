//! Changes in law: what must happen to data that is already recorded. Each verb says in one event what was done, in the
//! transaction that does it.
//!
//! `erasures` executes an erasure that two clients agreed on · `keys` destroys the keys that it committed to destroy, also after a
//! crash · `recipients` finds who had the data and must be told.

mod erasures;
mod keys;
mod recipients;

pub use erasures::ErasureShown;
pub use recipients::Received;
