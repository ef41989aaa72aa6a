//! `cairn migrate`: prepares or upgrades the databases, and makes the key store and the master key where the log is empty.

use crate::app::open;
use crate::cli::CommonArguments;
use crate::cli::failure::Failure;
use crate::cli::service::{Sources, open_app};
use crate::config::DatabaseUrl;
use clap::Args;

/// The arguments of `cairn migrate`.
#[derive(Debug, Args)]
#[command(
    after_help = "On PostgreSQL, run it as the role that owns the database and name the role that the service uses:\n\
    cairn migrate --database-url postgres://owner@host/cairn --service-role cairn_service"
)]
pub struct MigrateArguments {
    /// The PostgreSQL role that the service runs as: it is granted what it needs and owns nothing
    #[arg(long, value_name = "ROLE")]
    pub service_role: Option<String>,
}

/// Migrates.
///
/// # Errors
/// Where a database cannot be reached or is newer than this program.
pub async fn run(common: &CommonArguments, arguments: &MigrateArguments) -> Result<(), Failure> {
    let mut settings = common.settings()?;
    if let DatabaseUrl::Postgres { url } = &settings.database {
        let role = arguments.service_role.as_deref().or(settings.service_role.as_deref());
        open::migrate(url, role).await?;
    }
    // A key store is made only where the log is empty: `open` sees to that.
    settings.create = true;
    let (app, _writer) = open_app(&settings, &Sources::default()).await?;
    app.check().await?;
    let loaded = app.load_reference_lists().await?;
    eprintln!("cairn: the databases are up to date; {loaded} reference lists were loaded");
    Ok(())
}
