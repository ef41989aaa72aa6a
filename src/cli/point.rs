//! A point of the log as it is written on the command line: a position, an instant, `start` or `now`.

use crate::app::words::Timestamp;
use crate::app::{AsOf, Point};

/// Reads a point.
///
/// # Errors
/// Says what a point looks like.
pub fn read_point(text: &str) -> Result<Point, String> {
    match text {
        "start" => Ok(Point::Beginning),
        "now" => Ok(Point::Now),
        _ => read_as_of(text).map(Point::At),
    }
}

/// Reads a position or an instant.
///
/// # Errors
/// Says what one looks like.
pub fn read_as_of(text: &str) -> Result<AsOf, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let position = text.parse::<u64>().ok().filter(|position| *position < i64::MAX as u64);
        return position.map(AsOf::Position).ok_or_else(|| "is past every position".to_owned());
    }
    let instant = text.parse::<Timestamp>().map(AsOf::Instant);
    instant.map_err(|_| "must be a position or an RFC 3339 instant such as 2026-11-01T09:30:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_positions_instants_and_two_words() {
        assert_eq!(read_point("start"), Ok(Point::Beginning));
        assert_eq!(read_point("now"), Ok(Point::Now));
        assert_eq!(read_point("0"), Ok(Point::At(AsOf::Position(0))));
        let instant = "2026-11-01T09:30:00Z".parse().unwrap();
        assert_eq!(read_point("2026-11-01T10:30:00+01:00"), Ok(Point::At(AsOf::Instant(instant))));
        for bad in ["", "-1", "+1", "9223372036854775807", "2026-11-01", "yesterday"] {
            assert!(read_point(bad).is_err(), "{bad}");
        }
        assert!(read_as_of("now").is_err());
    }
}
