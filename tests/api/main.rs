//! The API as its callers meet it: black box over HTTP, on both stores, with a fixed clock and seeded ids.
#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

mod accesses;
mod bad_facts;
mod bad_headers;
mod bad_input;
mod bad_transport;
mod batches;
mod erased_history;
mod erasures;
mod erasures_and_keys;
mod erasures_under_load;
mod history;
mod imports;
mod log;
mod matrix;
mod openapi;
mod operations;
mod operator_accesses;
mod queries;
mod raw;
mod record_and_revise;
mod slice;
mod streams;
mod tokens;
