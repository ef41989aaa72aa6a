//! The handlers, one file a noun. Each parses, calls one verb of the app and renders; its name is its operation id, and its
//! doc comment says who may call it.

pub mod accesses;
pub mod actions;
pub mod batches;
pub mod contributions;
pub mod conversations;
pub mod erasures;
pub mod events;
pub mod frameworks;
pub mod health;
pub mod history;
pub mod log;
pub mod narratives;
pub mod oauth;
pub mod outcomes;
pub mod people;
pub mod reviews;
pub mod streams;
