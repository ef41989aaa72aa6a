//! The command line: one file a command. Knows `app`, `api`, `config` and `telemetry`.

pub mod failure;
pub mod service;
