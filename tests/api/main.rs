//! The API as its callers meet it: black box over HTTP, on both stores, with a fixed clock and seeded ids.
#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

mod matrix;
mod openapi;
mod operations;
mod slice;
