//! `cairn migrate-store`: a whole store from SQLite to PostgreSQL or back, the same to the byte.

use crate::app::backup::{Move, move_keys, move_store};
use crate::cli::CommonArguments;
use crate::cli::backup::{Watched, say_what_was_checked};
use crate::cli::failure::Failure;
use crate::cli::service::{Sources, database, keys_of};
use crate::cli::signer::signed_logs;
use crate::config::DatabaseUrl;
use clap::Args;

/// The arguments of `cairn migrate-store`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cairn migrate-store sqlite:cairn-data/cairn.db postgres://cairn_owner@HOST/cairn --service-role cairn_service\n\
    Stop every service on the source first: it is only read, and compared with the target at the end, row for row; one that was\n\
    written to meanwhile is told and the move must be made again into an empty target. The target must be empty or not there\n\
    yet (do not run `cairn migrate` on it before). The keys stay where they are; with --keys they are moved, too. The signers'\n\
    keys and last signed checkpoints stay as they are, and a source that is behind them is refused. Afterwards set database_url\n\
    (and keys_url). Run it again after a crash."
)]
pub struct MigrateStoreArguments {
    /// The source: sqlite:PATH or postgres://…
    #[arg(value_name = "SOURCE")]
    pub source: String,
    /// The target: sqlite:PATH or postgres://…
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// Move the keys, too: from this key store into that empty one
    #[arg(long, num_args = 2, value_names = ["SOURCE", "TARGET"])]
    pub keys: Vec<String>,
    /// The PostgreSQL role that the service runs as: it is granted what it needs and owns nothing
    #[arg(long, value_name = "ROLE")]
    pub service_role: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// No progress
    #[arg(long)]
    pub quiet: bool,
}

/// Moves.
///
/// # Errors
/// Status 1 where the target is not empty or the source was served meanwhile; 2 for a URL that cannot be read; 3 where a store
/// cannot be had.
pub async fn run(common: &CommonArguments, arguments: &MigrateStoreArguments) -> Result<(), Failure> {
    let settings = common.settings()?;
    let (source, target) = (url("the source", &arguments.source)?, url("the target", &arguments.target)?);
    let mut keys = keys_of(&settings)?;
    if source.is_same_database(&target) {
        return Err(Failure::configuration("source and target are one database".to_owned()));
    }
    let mut watched = Watched::new(arguments.quiet);
    let mut moved_keys = None;
    if let [from, to] = arguments.keys.as_slice() {
        let (from, to) = (url("the keys' source", from)?, url("the keys' target", to)?);
        if to.is_same_database(&target) || to.is_same_database(&source) || to.is_same_database(&from) {
            return Err(Failure::configuration("the keys must go to a database of their own".to_owned()));
        }
        let to = keys_url(&to);
        moved_keys = Some(move_keys(&keys_url(&from), &to, &mut |told| watched.tell(told)).await?);
        keys.url = to;
    }
    let Sources { clock, ids } = Sources::default();
    let moving = Move {
        from: database(&source, false),
        to: database(&target, true),
        service_role: arguments.service_role.clone().or_else(|| settings.service_role.clone()),
        keys,
        connections: settings.database_connections,
        logs: signed_logs(&settings)?,
        clock,
        ids,
    };
    let moved = move_store(moving, &mut |told| watched.tell(told)).await?;
    watched.finish();
    let (outcomes, accesses) = (&moved.logs.outcomes, &moved.logs.accesses);
    if arguments.json {
        let answer = serde_json::json!({"events": outcomes.size, "root": outcomes.root, "logs": moved.logs, "rows": moved.rows,
                "keys": moved_keys, "signatures_checked": moved.signatures});
        println!("{answer}");
    } else {
        eprintln!(
            "cairn: {target} holds the same {} events (root {}), {} accesses and {} rows as {source}. Set database_url to it and \
             keep the signers' files as they are; the source is as it was, and must not be served any more",
            outcomes.size, outcomes.root, accesses.size, moved.rows
        );
        say_what_was_checked(moved.signatures);
        match moved_keys {
            Some(rows) => eprintln!("cairn: the keys were moved, too ({rows} rows): set keys_url, keep the master key"),
            None => eprintln!("cairn: the keys stay where they are"),
        }
    }
    Ok(())
}

fn url(what: &str, text: &str) -> Result<DatabaseUrl, Failure> {
    DatabaseUrl::parse(text).map_err(|error| Failure::configuration(format!("{what} cannot be used")).because(error))
}

fn keys_url(url: &DatabaseUrl) -> String {
    match url {
        DatabaseUrl::Sqlite { path } => format!("sqlite:{}", path.display()),
        DatabaseUrl::Postgres { url } => url.clone(),
    }
}
