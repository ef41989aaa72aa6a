//! The two times of every recording: when in life it happened, and when the log learnt of it.
//!
//! Instants are whole microseconds since 1970-01-01T00:00:00Z, because both databases keep those exactly.
//! Times in life may be known to the year, the month, the day or the instant only, and stay as precise as they
//! were told. Knows no clock: "now" is always an argument.

use crate::domain::instant;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_HOUR: i64 = 3_600 * MICROS_PER_SECOND;

/// A text that is no time; says what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{expected}")]
pub struct InvalidTime {
    /// What a valid value looks like.
    pub expected: &'static str,
}

const EXPECTED_LIFE_TIME: InvalidTime = InvalidTime {
    expected: "a year (2026), a month (2026-11), a date (2026-11-01) or an RFC 3339 instant, in the years 1000 to 9999",
};

/// An instant: whole microseconds since the epoch, shown as RFC 3339 in UTC with six fractional digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }
    /// Microseconds since the epoch.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }
    /// This instant moved by a number of microseconds; stays at the ends of the range.
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match instant::show(self.0) {
            Some(text) => formatter.write_str(&text),
            None => write!(formatter, "{}us", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTime;
    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        instant::read(text).map(Self)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// When something happened in somebody's life, as precisely as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LifeTime {
    /// A year.
    Year(i16),
    /// A month of a year.
    Month(i16, i8),
    /// A calendar date.
    Day(Date),
    /// An instant.
    Instant(Timestamp),
}

impl LifeTime {
    /// The first microsecond that it may mean, dates read in UTC.
    #[must_use]
    pub fn earliest(self) -> Timestamp {
        match self {
            Self::Year(year) => start_of(year, 1, 1),
            Self::Month(year, month) => start_of(year, month, 1),
            Self::Day(date) => start_of(date.year(), date.month(), date.day()),
            Self::Instant(instant) => instant,
        }
    }
    /// The first microsecond after all that it may mean.
    #[must_use]
    pub fn until(self) -> Timestamp {
        match self {
            Self::Year(9999) | Self::Month(9999, 12) => start_of(9999, 12, 31).plus_micros(24 * MICROS_PER_HOUR),
            Self::Year(year) => start_of(year + 1, 1, 1),
            Self::Month(year, 12) => start_of(year + 1, 1, 1),
            Self::Month(year, month) => start_of(year, month + 1, 1),
            Self::Day(date) => start_of(date.year(), date.month(), date.day()).plus_micros(24 * MICROS_PER_HOUR),
            Self::Instant(instant) => instant.plus_micros(1),
        }
    }
    /// Whether it lies in the future as seen at `now`. A date may already have begun in a time zone up to
    /// 14 hours ahead of UTC; an instant may be five minutes ahead, for clocks that differ.
    #[must_use]
    pub fn is_after(self, now: Timestamp) -> bool {
        let tolerance = match self {
            Self::Instant(_) => 5 * 60 * MICROS_PER_SECOND,
            _ => 14 * MICROS_PER_HOUR,
        };
        self.earliest() > now.plus_micros(tolerance)
    }
    /// Whether it is certainly before `birth`: all that it may mean ended before the birth can have begun.
    #[must_use]
    pub fn is_before_birth(self, birth: LifeTime) -> bool {
        self.until() <= birth.earliest().plus_micros(-14 * MICROS_PER_HOUR)
            || matches!((self, birth), (Self::Day(day), Self::Day(born)) if day < born)
    }
    /// Whether it is no more precise than a day: what a birth date must be.
    #[must_use]
    pub const fn is_date(self) -> bool {
        !matches!(self, Self::Instant(_))
    }
}

/// The first microsecond of a date in UTC. By the calendar alone: jiff's instants end a day before the year 9999 does.
fn start_of(year: i16, month: i8, day: i8) -> Timestamp {
    let since_epoch = Date::new(year, month, day).map(|date| date.duration_since(jiff::civil::date(1970, 1, 1)));
    since_epoch.map_or(Timestamp(0), |since| Timestamp(since.as_secs().saturating_mul(MICROS_PER_SECOND)))
}

impl fmt::Display for LifeTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Year(year) => write!(formatter, "{year:04}"),
            Self::Month(year, month) => write!(formatter, "{year:04}-{month:02}"),
            Self::Day(date) => write!(formatter, "{date}"),
            Self::Instant(instant) => write!(formatter, "{instant}"),
        }
    }
}

impl FromStr for LifeTime {
    type Err = InvalidTime;
    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let digits = |range: std::ops::Range<usize>| -> Option<i16> {
            let part = text.get(range)?;
            part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten()
        };
        let year = digits(0..4).filter(|year| *year >= 1000).ok_or(EXPECTED_LIFE_TIME)?;
        let hyphen = |at: usize| text.as_bytes().get(at) == Some(&b'-');
        match text.len() {
            4 => Ok(Self::Year(year)),
            7 if hyphen(4) => {
                let month = digits(5..7).filter(|month| (1..=12).contains(month)).ok_or(EXPECTED_LIFE_TIME)?;
                Ok(Self::Month(year, i8::try_from(month).map_err(|_| EXPECTED_LIFE_TIME)?))
            }
            10 if hyphen(4) && hyphen(7) => {
                let month = digits(5..7).and_then(|month| i8::try_from(month).ok()).ok_or(EXPECTED_LIFE_TIME)?;
                let day = digits(8..10).and_then(|day| i8::try_from(day).ok()).ok_or(EXPECTED_LIFE_TIME)?;
                Date::new(year, month, day).map(Self::Day).map_err(|_| InvalidTime { expected: "a date that exists" })
            }
            // What looks like an instant is told what is wrong with it as one.
            _ if matches!(text.as_bytes().get(10), Some(b'T' | b't')) => text.parse().map(Self::Instant),
            _ => Err(EXPECTED_LIFE_TIME),
        }
    }
}

impl Serialize for LifeTime {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LifeTime {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_life_keep_their_precision() {
        for text in ["2026", "2026-11", "2026-11-01", "2026-11-01T09:30:00.000000Z"] {
            assert_eq!(text.parse::<LifeTime>().unwrap().to_string(), text);
        }
        let offset: LifeTime = "2026-11-01T01:30:00+01:00".parse().unwrap();
        assert_eq!(offset.to_string(), "2026-11-01T00:30:00.000000Z");
    }

    #[test]
    fn dates_that_do_not_exist_are_refused() {
        for text in [
            "2026-02-31",
            "2025-02-29",
            "10000-01-01",
            "10000",
            "0999",
            "2026-13",
            "2026-00",
            "26-01-01",
            "2026-1-1",
            "",
            "٢٠٢٦",
            "2026-11-01 09:30:00Z",
            "2026-11-01T09:30:00",
            "2026-11-01T25:00:00Z",
            "-2026",
            "2026-11-01T09:30Z",
            "2026-11-01T09:30:00Z[Europe/London]",
            "+002026-11-01T09:30:00Z",
        ] {
            assert!(text.parse::<LifeTime>().is_err(), "{text} was accepted");
        }
        assert!("2024-02-29".parse::<LifeTime>().is_ok());
        assert!("9999-12-31".parse::<LifeTime>().is_ok());
    }

    #[test]
    fn bounds_are_half_open() {
        let month: LifeTime = "2026-12".parse().unwrap();
        assert_eq!(month.earliest().to_string(), "2026-12-01T00:00:00.000000Z");
        assert_eq!(month.until().to_string(), "2027-01-01T00:00:00.000000Z");
        let last: LifeTime = "9999".parse().unwrap();
        assert!(last.until() > last.earliest());
    }

    #[test]
    fn the_future_begins_after_the_tolerance() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let after = |text: &str| text.parse::<LifeTime>().unwrap().is_after(now);
        assert!(!after("2026-11-24T12:05:00Z"));
        assert!(after("2026-11-24T12:05:00.000001Z"));
        assert!(!after("2026-11-25"), "already today in Kiritimati");
        assert!(after("2026-11-26"));
        assert!(!after("2026"));
        assert!(after("2027"));
    }

    #[test]
    fn before_birth_is_said_only_when_certain() {
        let born: LifeTime = "2010-06-15".parse().unwrap();
        let before = |text: &str| text.parse::<LifeTime>().unwrap().is_before_birth(born);
        assert!(before("2010-06-14"));
        assert!(before("2009"));
        assert!(!before("2010-06-15"));
        assert!(!before("2010-06"));
        assert!(!before("2010-06-14T23:30:00Z"), "may be the fifteenth where the birth was");
        assert!(before("2010-06-13T23:30:00Z"));
    }
}
