//! A synthetic population: made-up people with believable records, as lines of `POST /v1/batches`. For the demo, the
//! tests and measurements. Pure: the same population, seed and day give the same bytes on every machine, person by
//! person, so that a million people need no more memory than one. Knows the shape of the API's lines and the rules of
//! the domain; never a store, a clock or the network.
//!
//! Read in this order: `themes` (what matters to people) and `phrases` (the sentences between), `account` (how they
//! become narratives), `identity` and `cast` (who appears), `line` (keys, names and versions), `story` (what happens to
//! one person over the years).
//!
//! In a carer's record the person is the carer: their own standpoint is `person`, as everybody's is in their own record.

mod account;
mod cast;
mod chance;
mod identity;
mod line;
mod phrases;
mod story;
mod themes;

use crate::domain::time::LifeTime;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub use line::{Body, SampleLine};

/// The lines of one person, in the order in which they are to be sent. They refer to each other by `@name`, so they
/// belong into one request; names differ between people, so a request may hold many of them.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplePerson {
    /// The lines; the first registers the person.
    pub lines: Vec<SampleLine>,
}

/// The most lines that one person has: what a sender must leave room for in a request. Most have far fewer (see the
/// tests); a conversation adds at most some thirty lines for each of four outcomes to the fifty-five that came before.
pub const LINES_PER_PERSON_MAX: usize = 250;

/// The first `people` of the population of this seed, as their records stand on the first day that `today` may mean.
/// Nothing happens after that day. A smaller population is the beginning of a larger one. Days before the year 1200 are
/// taken as its first, so that every date of birth can be written.
///
/// Nobody shares an identifier with another; from the 1,000,001st person on there are no national numbers left and
/// people have local ones alone.
pub fn population(people: u64, seed: u64, today: LifeTime) -> impl Iterator<Item = SamplePerson> {
    let today = day_of(today);
    (1..=people).map(move |person| SamplePerson { lines: story::tell(seed, person, today) })
}

fn day_of(time: LifeTime) -> Date {
    let day = match time {
        LifeTime::Day(day) => day,
        other => jiff::Timestamp::from_microsecond(other.earliest().micros())
            .map_or(Date::MAX, |instant| instant.to_zoned(TimeZone::UTC).date()),
    };
    day.max(jiff::civil::date(1200, 1, 1))
}

#[cfg(test)]
mod invariants_test;
#[cfg(test)]
mod population_test;
