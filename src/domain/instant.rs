//! How an instant is written: RFC 3339, read with any offset that a clock can have and shown in UTC.
//!
//! By the calendar alone: jiff's instants end a day before the year 9999 does, and it reads forms that RFC 3339 does
//! not have (no seconds, spaces, signs, offsets of more than a day). Knows microseconds since the epoch and nothing
//! of what happened then.

use crate::domain::time::InvalidTime;
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, date};

const EXPECTED: InvalidTime = InvalidTime {
    expected: "an RFC 3339 instant with an offset, in the years 1000 to 9999, such as 2026-11-01T09:30:00Z",
};
const EXPECTED_OFFSET: InvalidTime =
    InvalidTime { expected: "an RFC 3339 instant whose offset is Z or between -23:59 and +23:59" };
const EXPECTED_RANGE: InvalidTime = InvalidTime { expected: "an instant in the years 1000 to 9999 of UTC" };

const MICROS_PER_SECOND: i64 = 1_000_000;
/// 1000-01-01T00:00:00Z
const EARLIEST_MICROS: i64 = -30_610_224_000 * MICROS_PER_SECOND;
/// 9999-12-31T23:59:59.999999Z
const LATEST_MICROS: i64 = 253_402_300_800 * MICROS_PER_SECOND - 1;
/// `2026-11-01T09:30:00`
const LENGTH_WITHOUT_FRACTION: usize = 19;

/// The microseconds since the epoch of an RFC 3339 text; what is finer is cut off. A leap second counts as the second
/// before it.
pub(super) fn read(text: &str) -> Result<i64, InvalidTime> {
    let (civil, rest) = text.split_at_checked(LENGTH_WITHOUT_FRACTION).ok_or(EXPECTED)?;
    let bytes = civil.as_bytes();
    let separated =
        [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')].iter().all(|(at, byte)| bytes.get(*at) == Some(byte));
    if !separated || !matches!(bytes.get(10), Some(b'T' | b't')) {
        return Err(EXPECTED);
    }
    let number = |from: usize, to: usize| digits(civil.get(from..to)).ok_or(EXPECTED);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if year < 1000 || hour > 23 || minute > 59 || second > 60 {
        return Err(EXPECTED);
    }
    let date = day_of(year, month, day).ok_or(EXPECTED)?;
    let (fraction, offset) = split_fraction(rest)?;
    let of_day = hour * 3_600 + minute * 60 + second.min(59) - offset_seconds(offset)?;
    let seconds = date.duration_since(epoch().date()).as_secs() + of_day;
    let micros = seconds * MICROS_PER_SECOND + fraction;
    if (EARLIEST_MICROS..=LATEST_MICROS).contains(&micros) { Ok(micros) } else { Err(EXPECTED_RANGE) }
}

/// The text in UTC with six fractional digits; `None` outside the years of the calendar.
pub(super) fn show(micros: i64) -> Option<String> {
    let shown = epoch().checked_add(SignedDuration::from_micros(micros)).ok()?;
    Some(format!("{shown:.6}Z"))
}

const fn epoch() -> DateTime {
    date(1970, 1, 1).at(0, 0, 0, 0)
}

fn day_of(year: i64, month: i64, day: i64) -> Option<Date> {
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn digits(text: Option<&str>) -> Option<i64> {
    text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

/// The microseconds of `.123…`, where there is one, and what follows it.
fn split_fraction(rest: &str) -> Result<(i64, &str), InvalidTime> {
    let Some(fraction) = rest.strip_prefix('.') else { return Ok((0, rest)) };
    let end = fraction.find(|character: char| !character.is_ascii_digit()).unwrap_or(fraction.len());
    let (fraction, offset) = fraction.split_at(end);
    if !(1..=9).contains(&fraction.len()) {
        return Err(EXPECTED);
    }
    let micros = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
    Ok((micros.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')), offset))
}

/// How far a clock is ahead of UTC. RFC 3339 has hours to 23 and minutes to 59, so that is all there is.
fn offset_seconds(text: &str) -> Result<i64, InvalidTime> {
    let (sign, offset) = match text.as_bytes().first() {
        Some(b'Z' | b'z') if text.len() == 1 => return Ok(0),
        Some(b'+') => (1, &text[1..]),
        Some(b'-') => (-1, &text[1..]),
        _ => return Err(EXPECTED),
    };
    let (hours, minutes) = offset.split_once(':').ok_or(EXPECTED)?;
    if hours.len() != 2 || minutes.len() != 2 {
        return Err(EXPECTED);
    }
    let (hours, minutes) = (digits(Some(hours)).ok_or(EXPECTED)?, digits(Some(minutes)).ok_or(EXPECTED)?);
    if hours > 23 || minutes > 59 {
        return Err(EXPECTED_OFFSET);
    }
    Ok(sign * (hours * 3_600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, &'static str> {
        read(text).map(|micros| show(micros).unwrap()).map_err(|error| error.expected)
    }

    #[test]
    fn an_instant_is_shown_in_utc_to_the_microsecond() {
        for (text, utc) in [
            ("2026-11-01T09:30:00Z", "2026-11-01T09:30:00.000000Z"),
            ("2026-11-01t09:30:00z", "2026-11-01T09:30:00.000000Z"),
            ("2026-11-01T01:30:00+02:00", "2026-10-31T23:30:00.000000Z"),
            ("2026-11-01T09:30:00.1234567-00:00", "2026-11-01T09:30:00.123456Z"),
            ("1969-12-31T23:59:59.9Z", "1969-12-31T23:59:59.900000Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000000Z"),
            ("2026-11-01T09:30:00+23:59", "2026-10-31T09:31:00.000000Z"),
            ("2026-11-01T09:30:00-23:59", "2026-11-02T09:29:00.000000Z"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(utc), "{text}");
        }
    }

    #[test]
    fn the_calendar_is_covered_to_its_last_microsecond() {
        for text in [
            "1000-01-01T00:00:00.000000Z",
            "9999-12-30T22:00:00.999999Z",
            "9999-12-30T22:00:01.000000Z",
            "9999-12-31T23:59:59.999999Z",
        ] {
            assert_eq!(shown(text).as_deref(), Ok(text));
        }
        assert_eq!(shown("9999-12-31T23:59:59+00:01").as_deref(), Ok("9999-12-31T23:58:59.000000Z"));
        for text in ["9999-12-31T23:30:00-02:00", "1000-01-01T00:30:00+01:00"] {
            assert_eq!(shown(text), Err(EXPECTED_RANGE.expected), "{text}");
        }
    }

    #[test]
    fn only_offsets_that_a_clock_can_have_are_read() {
        for offset in ["+24:00", "+24:30", "-24:00", "+25:59", "+99:99", "+14:60"] {
            assert_eq!(shown(&format!("2026-11-01T09:30:00{offset}")), Err(EXPECTED_OFFSET.expected), "{offset}");
        }
        for offset in
            ["", "+2", "+02", "+0200", "+02:0", "+002:00", "02:00", "+02:00:00", "+-2:00", "Z0", "ZZ", "+é:00"]
        {
            assert_eq!(shown(&format!("2026-11-01T09:30:00{offset}")), Err(EXPECTED.expected), "{offset}");
        }
    }

    #[test]
    fn other_forms_are_not_read() {
        for text in [
            "",
            "2026-11-01",
            "2026-11-01T09:30Z",
            "2026-11-01 09:30:00Z",
            "2026-11-01T09:30:00.Z",
            "2026-11-01T09:30:00,5Z",
            "2026-11-01T09:30:00.1234567890Z",
            "2026-11-01T24:00:00Z",
            "2026-11-01T09:60:00Z",
            "2026-11-01T09:30:61Z",
            "2026-02-30T09:30:00Z",
            "2026-11-01T+9:30:00Z",
            "0999-12-31T23:59:59Z",
            "+002026-11-01T09:30:00Z",
            "2026-11-01T09:30:0éZ",
            "2026-11-01T09:30:00Z[Europe/London]",
        ] {
            assert_eq!(shown(text), Err(EXPECTED.expected), "{text}");
        }
    }
}
