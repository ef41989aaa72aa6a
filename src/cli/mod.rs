//! The command line: one file a command.
pub mod http_client;
pub mod import;
pub mod progress;
