//! Cairn: personal outcomes in health and social care, kept in an append-only, provable log.
//!
//! The modules in the order of the story: what happened and what is allowed (`domain`), the rows that
//! events become (`projections`), the proof (`ledger`), the keys (`vault`), the database (`store`), the
//! verbs that join them (`app`), and the edges (`api`, `cli`).
#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
pub mod domain;
pub mod ledger;
pub mod projections;
pub mod store;
pub mod telemetry;
pub mod vault;
