//! Cairn: personal outcomes in health and social care, kept in an append-only, provable log.
//!
//! The modules in the order of the story: what happened and what is allowed (`domain`), the rows that
//! events become (`projections`), the proof (`ledger`), the keys (`vault`), the database (`store`; `database_file` is what
//! its embedded kind and that of the keys share), the verbs that join them (`app`), and the edges (`api`, `cli`).
#![forbid(unsafe_code)]

pub mod api;
pub mod app;
pub mod cli;
pub mod config;
mod database_file;
pub mod domain;
pub mod ledger;
pub mod projections;
pub mod store;
pub mod telemetry;
pub mod vault;
