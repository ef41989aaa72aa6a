//! What happened and what is allowed: pure. Knows no database, no network, no clock and no other module.
//!
//! One file a noun ([`person`], [`conversation`], [`narrative`], [`outcome`], [`review`], [`action`],
//! [`contribution`], [`framework`], [`erasure`]). Each reads top-down: the events' facts, the words that are sealed beside them,
//! the state, `evolve` (state and event to state), the commands, `decide` (state and command to event), the tests.

pub mod access;
pub mod action;
pub mod contribution;
pub mod conversation;
pub mod erasure;
pub mod event;
pub mod framework;
pub mod identifier;
pub mod ids;
mod instant;
pub mod narrative;
pub mod outcome;
pub mod person;
pub mod personal;
pub mod reading_access;
pub mod reference;
pub mod refusal;
pub mod resource;
pub mod review;
pub mod text;
pub mod time;
pub mod words;

#[cfg(test)]
mod rules_test;
#[cfg(test)]
mod story_test;
