//! `cairn export` from the store: a view of the log, up to its newest signed checkpoint, as files.

use crate::app::AppError;
use crate::app::audit::{ExportError, ExportRequest, LogToExport, View, export};
use crate::app::log::stated;
use crate::app::{App, Store};
use crate::cli::CommonArguments;
use crate::cli::export::ExportArguments;
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::service::{Sources, open_app, open_store};
use crate::cli::signer::{log_verifier_key, open_log, unsigned};
use crate::config::Settings;
use std::sync::Arc;

/// Exports from the store.
pub(super) async fn run(common: &CommonArguments, arguments: &ExportArguments) -> Result<(), Failure> {
    let mut settings = common.settings()?;
    // Looking must not make anything.
    settings.create = false;
    let (store, app, log) = source(&settings, arguments).await?;
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
    let progress = Progress::new("export: positions", Some(log.checkpoint.size), arguments.quiet);
    let exported = export(store.as_ref(), app.as_ref(), &log, &request, &mut |done| progress.advance(done)).await;
    progress.finish();
    let exported = exported.map_err(failure)?;
    store.close().await;
    if arguments.json {
        let answer = serde_json::json!({
            "folder": arguments.out, "size": exported.size, "events_written": exported.events,
            "parts_gone": exported.gone, "parts_unavailable": exported.unavailable,
            "files": exported.files, "bytes": exported.bytes, "key": log.key.to_string(),
        });
        println!("{answer}");
        return Ok(());
    }
    eprintln!(
        "cairn: {} holds the log up to its checkpoint of {} events: {} files, {} bytes ({} events written now)",
        arguments.out.display(),
        exported.size,
        exported.files,
        exported.bytes,
        exported.events
    );
    if exported.unavailable > 0 {
        eprintln!("cairn: the keys of {} parts could not be had: they are not in the export", exported.unavailable);
    }
    eprintln!("cairn: check it with: cairn verify {} --key '{}'", arguments.out.display(), log.key);
    Ok(())
}

/// The store, the app where the keys are here, and the checkpoint: signed now where the signer's key is here, too.
async fn source(
    settings: &Settings,
    arguments: &ExportArguments,
) -> Result<(Arc<dyn Store>, Option<App>, LogToExport), Failure> {
    let app = if arguments.unrecorded {
        eprintln!(
            "cairn: this export is NOT recorded in the log of accesses: nobody whose data it holds is told of it"
        );
        None
    } else {
        Some(open_app(settings, &Sources::default()).await.map_err(without_keys)?.0)
    };
    if let Some(app) = &app
        && settings.log_key_file.exists()
    {
        let keeper = open_log(settings, app, false).await?;
        let (key, statements) = (keeper.verifier_key().clone(), keeper.statements().await.map_err(unsigned)?);
        if arguments.key.as_ref().is_some_and(|given| *given != key) {
            return Err(Failure::configuration(format!("--key is not the key of this log's signer, {key}")));
        }
        let checkpoint = keeper.sign().await.map_err(unsigned)?;
        return Ok((Arc::clone(app.store()), Some(app.clone()), LogToExport { key, checkpoint, statements }));
    }
    let own = || log_verifier_key(settings).transpose();
    let key = arguments.key.clone().map(Ok).or_else(own).transpose()?.ok_or_else(|| {
        Failure::configuration(format!(
            "the signer's key {} is not here: give the log's verifier key with --key",
            settings.log_key_file.display()
        ))
    })?;
    let store = match &app {
        Some(app) => Arc::clone(app.store()),
        None => open_store(settings).await?,
    };
    let statements = stated(store.as_ref(), &settings.log_state_file, &settings.log_origin).await;
    let statements = statements.map_err(unsigned)?;
    let last = store.last_checkpoint(&settings.log_origin).await.map_err(AppError::from)?;
    let checkpoint = last.ok_or_else(|| failure(ExportError::Unsigned))?;
    Ok((store, app, LogToExport { key, checkpoint, statements }))
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
