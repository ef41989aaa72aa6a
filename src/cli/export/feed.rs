//! `cairn export --url`: copies an organisation's events into a folder, through the API like any partner; resumable.
//!
//! `events.ndjson` holds one event a line as `GET /v1/events` shows it, in the order of positions. A run goes on after
//! the last whole line that is there.

use crate::cli::export::ExportArguments;
use crate::cli::failure::Failure;
use crate::cli::http_client::{Client, ClientError, RetryPolicy};
use crate::cli::progress::Progress;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

/// Copies through the service at an address.
///
/// # Errors
/// Where the service does not answer or the folder cannot be written.
pub(super) async fn run(arguments: &ExportArguments, url: &str) -> Result<(), Failure> {
    let token = arguments
        .credentials
        .source()
        .map_err(|error| Failure::configuration("the export cannot call the service".to_owned()).because(error))?;
    let written =
        |error: std::io::Error| Failure::unavailable("the export cannot be written".to_owned()).because(error);
    std::fs::create_dir_all(&arguments.out).map_err(written)?;
    let path = arguments.out.join("events.ndjson");
    let (mut after, kept) = resume(&path).map_err(written)?;
    let file = OpenOptions::new().create(true).append(true).open(&path).map_err(written)?;
    let mut out = BufWriter::new(file);
    let client =
        Client::new(url, token, RetryPolicy::default()).map_err(|error| Failure::configuration(error.to_string()))?;
    let progress = Progress::new("events", None, arguments.quiet);
    let mut count = 0u64;
    loop {
        let mut query = String::from("/v1/events?limit=500");
        if let Some(after) = after {
            query.push_str(&format!("&after={after}"));
        }
        if arguments.words {
            query.push_str("&include=words");
        }
        let page = client.get_json(&query).await.map_err(failure)?;
        let items = page["items"].as_array().cloned().unwrap_or_default();
        for event in &items {
            writeln!(out, "{event}").map_err(written)?;
            after = event["position"].as_u64().or(after);
        }
        count += items.len() as u64;
        progress.advance(items.len() as u64);
        if page.get("next").is_none() {
            break;
        }
    }
    out.flush().map_err(written)?;
    out.get_ref().sync_all().map_err(written)?;
    progress.finish();
    if arguments.json {
        println!("{}", serde_json::json!({"file": path, "kept": kept, "added": count, "complete_to": after}));
    } else {
        eprintln!("cairn: added {count} events to {} ({kept} were there)", path.display());
    }
    Ok(())
}

/// A refusal of who calls is the caller's to mend; anything else may pass.
fn failure(error: ClientError) -> Failure {
    if error.is_usage() { Failure::configuration(error.to_string()) } else { Failure::unavailable(error.to_string()) }
}

/// The position after which to go on, and how many whole lines are there; a line that was cut off is removed.
fn resume(path: &Path) -> std::io::Result<(Option<u64>, u64)> {
    if !path.exists() {
        return Ok((None, 0));
    }
    let mut reader = BufReader::new(OpenOptions::new().read(true).write(true).open(path)?);
    let (mut whole, mut last, mut count) = (0u64, None, 0u64);
    // Bytes, because the cut may go through a character.
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        let event: Option<u64> =
            serde_json::from_slice::<serde_json::Value>(&line).ok().and_then(|event| event["position"].as_u64());
        match event {
            Some(position) if line.ends_with(b"\n") => {
                whole += read as u64;
                last = Some(position);
                count += 1;
            }
            _ => break,
        }
    }
    let mut file = reader.into_inner();
    file.set_len(whole)?;
    file.seek(SeekFrom::End(0))?;
    Ok((last, count))
}
