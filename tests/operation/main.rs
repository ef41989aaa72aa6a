//! The binary and the service as operators meet them: commands, restarts, crashes, stores that go away.
#![cfg(test)]

#[expect(dead_code, reason = "operation needs a part of it")]
#[path = "../support/mod.rs"]
mod support;

mod auditing;
mod backup;
mod binary;
mod canaries;
mod cluster;
mod commands;
mod crashes;
mod erased;
mod exports;
mod faults;
mod flipped;
mod frozen;
mod full_disk;
mod keys;
mod loop_disk;
mod lost_answers;
mod migrate_store;
mod outage;
mod power_cut;
mod proxy;
mod replay_to;
mod restored;
mod rollback;
mod signer;
mod small_disk;
mod tampered;
mod tampered_accesses;
mod witness;
mod witnessed;
