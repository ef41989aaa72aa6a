//! Target 8: replaying the log against a bare scan of the same columns without reading any of them.

use crate::Fallible;
use crate::machine::median;
use crate::place::{Backend, Place};
use crate::report::{Report, Target};
use futures::TryStreamExt;
use sqlx::postgres::PgPoolCopyExt;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, PgPool};
use std::str::FromStr;
use std::time::Instant;

const REPEATS: usize = 3;
const EVENTS: &str = "SELECT position, event_id, stream, version, organisation, recorded_at, name, schema_version FROM event ORDER BY position";
const PARTS: &str = "SELECT position, class, CASE WHEN key_id IS NULL THEN bytes END FROM part ORDER BY part_id";

/// Replays and scans in turn.
pub async fn measure(place: &Place, report: &mut Report) -> Fallible<()> {
    let store = place.backend.name();
    let (mut rates, mut limits, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        let answer: serde_json::Value = serde_json::from_str(&place.run(&["replay", "--json", "--quiet"])?)?;
        let (events, seconds) =
            (answer["events"].as_f64().unwrap_or(0.0), answer["seconds"].as_f64().unwrap_or(f64::MAX));
        let started = Instant::now();
        scan(place).await?;
        let limit = events / started.elapsed().as_secs_f64();
        rates.push(events / seconds);
        limits.push(limit);
        ratios.push(events / seconds / limit);
    }
    report.add(store, "replay with fold", median(&mut rates), "events/s");
    let name = if place.backend == Backend::Postgres {
        "bare COPY of events and parts"
    } else {
        "bare scan of events and parts through the driver"
    };
    report.add(store, name, median(&mut limits), "events/s");
    report.aim(store, "replay / bare scan", median(&mut ratios), "", Target::AtLeast(8, 0.5));
    Ok(())
}

async fn scan(place: &Place) -> Fallible<()> {
    match place.backend {
        Backend::Postgres => {
            let pool = PgPool::connect(&place.database).await?;
            for select in [EVENTS, PARTS] {
                let copy = format!("COPY ({select}) TO STDOUT (FORMAT binary)");
                let mut stream = pool.copy_out_raw(&copy).await?;
                while stream.try_next().await?.is_some() {}
            }
            pool.close().await;
        }
        Backend::Sqlite => {
            let mut connection = SqliteConnectOptions::from_str(&place.database)?.read_only(true).connect().await?;
            for select in [EVENTS, PARTS] {
                let mut rows = sqlx::query(select).fetch(&mut connection);
                while rows.try_next().await?.is_some() {}
            }
        }
    }
    Ok(())
}
