//! The recorded time as a leaf spells it: `2026-11-22T09:30:00.000001Z` (RFC 3339, UTC, six fractional
//! digits). Knows only whole microseconds and the proleptic Gregorian calendar.
//!
//! Written here and not taken from a date library, because the format must cover exactly the years 0001 to
//! 9999 to their last microsecond (jiff's timestamps end about a day earlier) and is written for every event
//! inside the writer's transaction.

/// The first instant that a leaf can say: 0001-01-01T00:00:00.000000Z.
pub const EARLIEST_MICROS: i64 = -62_135_596_800_000_000;
/// The last instant that a leaf can say: 9999-12-31T23:59:59.999999Z.
pub const LATEST_MICROS: i64 = 253_402_300_799_999_999;

/// The length of the text in bytes.
pub(super) const TEXT_BYTES: usize = 27;

const MICROS_PER_SECOND: u64 = 1_000_000;
const MICROS_PER_DAY: u64 = 86_400 * MICROS_PER_SECOND;
const DAYS_PER_4_YEARS: u64 = 4 * 365 + 1;
const DAYS_PER_100_YEARS: u64 = 25 * DAYS_PER_4_YEARS - 1;
const DAYS_PER_400_YEARS: u64 = 4 * DAYS_PER_100_YEARS + 1;
/// Where the separators and the closing `Z` stand; every other byte is a digit.
const SHAPE: &[u8; TEXT_BYTES] = b"0000-00-00T00:00:00.000000Z";

/// Appends the text of an instant; `None`, and nothing written, outside the years 0001 to 9999.
pub(super) fn write(micros: i64, text: &mut String) -> Option<()> {
    if !(EARLIEST_MICROS..=LATEST_MICROS).contains(&micros) {
        return None;
    }
    let since_year_1 = micros.abs_diff(EARLIEST_MICROS);
    let (year, month, day) = date_of(since_year_1 / MICROS_PER_DAY);
    let of_day = since_year_1 % MICROS_PER_DAY;
    let second = of_day / MICROS_PER_SECOND;
    write_digits(year, 4, text);
    for (separator, value) in
        [('-', month), ('-', day), ('T', second / 3_600), (':', second / 60 % 60), (':', second % 60)]
    {
        text.push(separator);
        write_digits(value, 2, text);
    }
    text.push('.');
    write_digits(of_day % MICROS_PER_SECOND, 6, text);
    text.push('Z');
    Some(())
}

/// Reads exactly what [`write`] writes; `None` for everything else, leap seconds and 30 February included.
pub(super) fn read(text: &str) -> Option<i64> {
    let bytes: &[u8; TEXT_BYTES] = text.as_bytes().try_into().ok()?;
    let shaped = bytes.iter().zip(SHAPE).all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        separator => byte == separator,
    });
    if !shaped {
        return None;
    }
    let number =
        |from: usize, to: usize| bytes[from..to].iter().fold(0_u64, |sum, byte| sum * 10 + u64::from(byte - b'0'));
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
    let valid = year >= 1
        && (1..=12).contains(&month)
        && (1..=days_of(month, is_leap(year))).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !valid {
        return None;
    }
    let days =
        days_before_year(year) + (1..month).map(|earlier| days_of(earlier, is_leap(year))).sum::<u64>() + day - 1;
    let micros = days * MICROS_PER_DAY + (hour * 3_600 + minute * 60 + second) * MICROS_PER_SECOND + number(20, 26);
    EARLIEST_MICROS.checked_add_unsigned(micros)
}

/// The date of a day counted from 0001-01-01 (day 0), as year, month and day.
fn date_of(day_number: u64) -> (u64, u64, u64) {
    let rest = day_number % DAYS_PER_400_YEARS;
    // The last century of a cycle, and the last year of four, are a day longer: hence the caps.
    let centuries = (rest / DAYS_PER_100_YEARS).min(3);
    let rest = rest - centuries * DAYS_PER_100_YEARS;
    let fours = rest / DAYS_PER_4_YEARS;
    let rest = rest % DAYS_PER_4_YEARS;
    let singles = (rest / 365).min(3);
    let mut day = rest - singles * 365;
    let year = day_number / DAYS_PER_400_YEARS * 400 + centuries * 100 + fours * 4 + singles + 1;
    let mut month = 1;
    while day >= days_of(month, is_leap(year)) {
        day -= days_of(month, is_leap(year));
        month += 1;
    }
    (year, month, day + 1)
}

const fn days_before_year(year: u64) -> u64 {
    let whole = year - 1;
    whole * 365 + whole / 4 - whole / 100 + whole / 400
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_of(month: u64, leap: bool) -> u64 {
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn write_digits(value: u64, width: u32, text: &mut String) {
    for place in (0..width).rev() {
        text.push(char::from(b'0' + (value / 10_u64.pow(place) % 10) as u8)); // a remainder by 10 fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(micros: i64) -> Option<String> {
        let mut text = String::new();
        write(micros, &mut text).map(|()| text)
    }

    #[test]
    fn the_first_and_last_instants_are_written_and_the_next_ones_are_not() {
        assert_eq!(written(EARLIEST_MICROS).unwrap(), "0001-01-01T00:00:00.000000Z");
        assert_eq!(written(LATEST_MICROS).unwrap(), "9999-12-31T23:59:59.999999Z");
        for beyond in [EARLIEST_MICROS - 1, LATEST_MICROS + 1, i64::MIN, i64::MAX] {
            assert_eq!(written(beyond), None);
        }
    }

    #[test]
    fn every_day_of_the_calendar_agrees_with_jiff() {
        let mut date = jiff::civil::date(1, 1, 1);
        for day_number in 0..days_before_year(10_000) {
            let expected = (
                date.year().unsigned_abs().into(),
                date.month().unsigned_abs().into(),
                date.day().unsigned_abs().into(),
            );
            assert_eq!(date_of(day_number), expected, "day {day_number}");
            if let Ok(next) = date.tomorrow() {
                date = next;
            }
        }
        assert_eq!(date.to_string(), "9999-12-31");
    }

    #[test]
    fn only_the_exact_form_of_a_real_instant_is_read() {
        assert_eq!(read("1970-01-01T00:00:00.000000Z"), Some(0));
        assert_eq!(read("1969-12-31T23:59:59.999999Z"), Some(-1));
        assert!(read("2024-02-29T00:00:00.000000Z").is_some() && read("2000-02-29T00:00:00.000000Z").is_some());
        for wrong in [
            "2023-02-29T00:00:00.000000Z",
            "1900-02-29T00:00:00.000000Z",
            "2024-02-31T00:00:00.000000Z",
            "2024-04-31T00:00:00.000000Z",
            "2024-00-01T00:00:00.000000Z",
            "2024-13-01T00:00:00.000000Z",
            "2024-01-00T00:00:00.000000Z",
            "2024-01-01T24:00:00.000000Z",
            "2024-01-01T00:60:00.000000Z",
            "2016-12-31T23:59:60.000000Z",
            "0000-12-31T00:00:00.000000Z",
            "2024-01-01T00:00:00Z",
            "2024-01-01T00:00:00.000Z",
            "2024-01-01T00:00:00.000000000Z",
            "2024-01-01T00:00:00.000000z",
            "2024-01-01t00:00:00.000000Z",
            "2024-01-01 00:00:00.000000Z",
            "2024-01-01T00:00:00,000000Z",
            "2024-01-01T00:00:00.00000+Z",
            "2024-01-01T00:00:00.0000000",
            "+024-01-01T00:00:00.000000Z",
            "",
        ] {
            assert_eq!(read(wrong), None, "{wrong:?} was read");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_and_agrees_with_jiff(
            // jiff's timestamps end on 9999-12-30T22:00Z.
            micros in EARLIEST_MICROS..=LATEST_MICROS - 2 * MICROS_PER_DAY.cast_signed(),
        ) {
            let text = written(micros).unwrap();
            prop_assert_eq!(read(&text), Some(micros));
            let theirs = format!("{:.6}", jiff::Timestamp::from_microsecond(micros).unwrap());
            prop_assert_eq!(text, theirs);
        }
    }
}
