//! Cairn: personal outcomes in health and social care, kept in an append-only, provable log.
//!
//! The modules in the order of the story: what happened and what is allowed (`domain`), the rows that
//! events become (`projections`), the proof (`ledger`), the keys (`vault`), the database (`store`), the verbs that join them
//! (`app`), and the edges (`api`, `cli`). `store` and `vault` share `database_file` (is it still there?), `patience` (will it
//! ever answer?) and `transfer` (tables on their way to another place).
#![forbid(unsafe_code)]

pub mod api;
pub mod app;
pub mod cli;
pub mod config;
mod database_file;
pub mod domain;
pub mod ledger;
mod patience;
pub mod projections;
pub mod store;
pub mod telemetry;
pub mod transfer;
pub mod vault;
