//! HTTP, thin: a handler parses, calls one verb of the app, renders. Knows `app` and what it re-exports, nothing below.
//!
//! `routes` lists every route on one page and is the source of both the server and the OpenAPI document.

pub mod answer;
pub mod bodies;
pub mod docs;
pub mod event_stream;
pub mod handlers;
pub mod json;
mod lines;
mod openapi;
mod operation_names;
pub mod problem;
pub mod query;
pub mod request;
pub mod routes;
pub mod schema;
pub mod server;
pub mod state;
mod strict;
mod unique;
pub mod views;
mod witness_server;

pub use openapi::{document, document_text};
pub use server::{Running, ServerSettings, serve};
pub use state::{ApiState, Limits};
pub use witness_server::serve_witness;
