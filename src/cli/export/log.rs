//! `cairn export` from the store: a view of the log, up to its newest signed checkpoint, as files.

use crate::app::AppError;
use crate::app::audit::{ExportError, ExportRequest, Exported, LogName, LogToExport, VerifierKey, View, export};
use crate::app::log::stated;
use crate::app::{App, Store};
use crate::cli::CommonArguments;
use crate::cli::export::ExportArguments;
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::service::{Sources, open_app, open_store};
use crate::cli::signer::{log_place, log_verifier_key, open_log, unsigned};
use crate::config::Settings;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Exports from the store.
pub(super) async fn run(common: &CommonArguments, arguments: &ExportArguments) -> Result<(), Failure> {
    let mut settings = common.settings()?;
    // Looking must not make anything.
    settings.create = false;
    let (store, app, logs) = source(&settings, arguments).await?;
    let view = match (&arguments.organisation, arguments.person) {
        (Some(organisation), _) => View::Organisation { organisation: organisation.clone() },
        (_, Some(person)) => View::Person { person },
        _ => View::Whole,
    };
    if arguments.open {
        eprintln!(
            "cairn: WARNING: --open writes names and people's own words in the clear into {}. Whoever gets the folder reads \
             them, and no erasure reaches it. Keep it like the keys, and delete it when it is not needed any more.",
            arguments.out.display()
        );
    }
    let request = ExportRequest { folder: arguments.out.clone(), view, opened: arguments.open };
    let total = logs.iter().map(|log| log.checkpoint.size).sum();
    let progress = Progress::new("export: positions", Some(total), arguments.quiet);
    let exported = export(store.as_ref(), app.as_ref(), &logs, &request, &mut |done| progress.advance(done)).await;
    progress.finish();
    let exported = exported.map_err(failure)?;
    store.close().await;
    if arguments.json {
        println!("{}", json(&logs, &exported, arguments));
        return Ok(());
    }
    for log in &logs {
        let (log, size) = (log.log.as_str(), log.checkpoint.size);
        eprintln!("cairn: {} holds the log {log} up to its checkpoint of {size} events", arguments.out.display());
    }
    eprintln!("cairn: {} files, {} bytes ({} events written now)", exported.files, exported.bytes, exported.events);
    if exported.unavailable > 0 {
        eprintln!("cairn: the keys of {} parts could not be had: they are not in the export", exported.unavailable);
    }
    let keys: Vec<String> = logs.iter().map(|log| format!(" --key '{}'", log.key)).collect();
    eprintln!("cairn: check it with: cairn verify {}{}", arguments.out.display(), keys.concat());
    Ok(())
}

/// The document of `--json`; `size` and `key` are the first log's.
fn json(logs: &[LogToExport], exported: &Exported, arguments: &ExportArguments) -> Value {
    let first = logs.first();
    let log =
        |log: &LogToExport| json!({"name": log.log.as_str(), "size": log.checkpoint.size, "key": log.key.to_string()});
    json!({
        "folder": arguments.out, "size": first.map(|log| log.checkpoint.size), "events_written": exported.events,
        "parts_gone": exported.gone, "parts_unavailable": exported.unavailable,
        "files": exported.files, "bytes": exported.bytes, "key": first.map(|log| log.key.to_string()),
        "logs": logs.iter().map(log).collect::<Vec<_>>(),
    })
}

/// The store, the app where the keys are here, and the logs.
async fn source(
    settings: &Settings,
    arguments: &ExportArguments,
) -> Result<(Arc<dyn Store>, Option<App>, Vec<LogToExport>), Failure> {
    let wanted: Vec<LogName> =
        LogName::ALL.into_iter().filter(|log| arguments.log.iter().any(|asked| asked.known() == *log)).collect();
    let wanted = if wanted.is_empty() { vec![LogName::Outcomes] } else { wanted };
    let origins: Vec<&str> = wanted.iter().map(|log| log_place(settings, *log).0).collect();
    if let Some(key) = arguments.key.iter().find(|key| !origins.contains(&key.name().as_str())) {
        return Err(Failure::configuration(format!("--key {key} is of no log that is exported")));
    }
    for log in &wanted {
        let (origin, files) = log_place(settings, *log);
        if !files.key.exists() && !arguments.key.iter().any(|key| key.name().as_str() == origin) {
            return Err(no_key(&files.key));
        }
    }
    let app = if arguments.unrecorded {
        eprintln!(
            "cairn: this export is NOT recorded in the log of accesses: nobody whose data it holds is told of it"
        );
        None
    } else {
        let (app, _writer) = open_app(settings, &Sources::default()).await.map_err(without_keys)?;
        // A store that is being restored must not get checkpoints or accesses of its own.
        app.check().await?;
        Some(app)
    };
    let store = match &app {
        Some(app) => Arc::clone(app.store()),
        None => open_store(settings).await?,
    };
    let mut logs = Vec::with_capacity(wanted.len());
    for log in wanted {
        logs.push(log_to_export(settings, &store, app.as_ref(), log, &arguments.key).await?);
    }
    Ok((store, app, logs))
}

/// A log with its newest checkpoint: signed now where the signer's key is here, too.
async fn log_to_export(
    settings: &Settings,
    store: &Arc<dyn Store>,
    app: Option<&App>,
    log: LogName,
    keys: &[VerifierKey],
) -> Result<LogToExport, Failure> {
    let (origin, files) = log_place(settings, log);
    let given = keys.iter().find(|key| key.name().as_str() == origin).cloned();
    if let Some(app) = app
        && files.key.exists()
    {
        let keeper = open_log(settings, app, log, false).await?;
        let (key, statements) = (keeper.verifier_key().clone(), keeper.statements().await.map_err(unsigned)?);
        if given.is_some_and(|given| given != key) {
            return Err(Failure::configuration(format!("--key is not the key of this log's signer, {key}")));
        }
        let checkpoint = keeper.sign().await.map_err(unsigned)?;
        return Ok(LogToExport { log, key, checkpoint, statements });
    }
    let key = match given {
        Some(given) => Some(given),
        None => log_verifier_key(settings, log)?,
    };
    let key = key.ok_or_else(|| no_key(&files.key))?;
    let statements = stated(store.as_ref(), &files.guard, origin).await.map_err(unsigned)?;
    let last = store.last_checkpoint(origin).await.map_err(AppError::from)?;
    let checkpoint = last.ok_or_else(|| failure(ExportError::Unsigned))?;
    Ok(LogToExport { log, key, checkpoint, statements })
}

fn no_key(file: &Path) -> Failure {
    let file = file.display();
    Failure::configuration(format!("the signer's key {file} is not here: give the log's verifier key with --key"))
}

fn without_keys(failure: Failure) -> Failure {
    let text = failure.chain();
    Failure::unavailable(format!(
        "{text}; --unrecorded exports from a database without its keys, and then nobody is told of it"
    ))
}

fn failure(error: ExportError) -> Failure {
    let text = error.to_string();
    match &error {
        ExportError::Foreign(..) => Failure::configuration(text),
        ExportError::Nothing(_) => Failure::no(text),
        _ => Failure::unavailable(text).because_of(&error),
    }
}
