//! What happened and what is allowed: pure. Knows no database, no network, no clock.

pub mod identifier;
pub mod ids;
pub mod personal;
pub mod reference;
