//! The command line: one file a command. Knows `app`, `api`, `config` and `telemetry`.

pub mod failure;
pub mod http_client;
pub mod import;
pub mod progress;
pub mod service;
