//! `cairn log`: changes the signer of the log, which must be stopped meanwhile. What is changed is stated publicly, signed by the
//! old key and the new one, and can never be taken back.

use crate::app::log::{LogError, NewOriginWanted, ReasonCode, Stated, Statement};
use crate::app::random_bytes;
use crate::cli::CommonArguments;
use crate::cli::failure::Failure;
use crate::cli::service::{Sources, open_app};
use crate::cli::signer::{signers, unsigned};
use clap::{Args, Subcommand, ValueEnum};

/// The arguments of `cairn log`.
#[derive(Debug, Args)]
pub struct LogArguments {
    /// Which log: what happened, or who was shown whose data. Each has a key and a name of its own
    #[arg(long, global = true, value_enum, value_name = "LOG", default_value_t = LogName::Outcomes)]
    pub log: LogName,
    /// What to do
    #[command(subcommand)]
    pub action: LogAction,
}

/// A log by its name in paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogName {
    /// What happened
    Outcomes,
    /// Who was shown whose data
    Accesses,
}

impl LogName {
    /// As the app knows it.
    pub(super) const fn known(self) -> crate::app::audit::LogName {
        match self {
            Self::Outcomes => crate::app::audit::LogName::Outcomes,
            Self::Accesses => crate::app::audit::LogName::Accesses,
        }
    }
}

/// What can be done with the log's signer.
#[derive(Debug, Subcommand)]
pub enum LogAction {
    /// Have a fresh key sign the log from now on
    #[command(
        after_help = "Stop every process that serves the log first, and start it again afterwards; other machines need the new \
        files of the signer's folder. Tell the witnesses the new key before the start: they know a log by its keys. The old key is put \
        beside the new one under its id: destroy it once every process signs with the new one."
    )]
    RotateKey {
        /// Print the statement as JSON
        #[arg(long)]
        json: bool,
    },
    /// End the log, because what was signed is lost, and begin another with the database as it is
    #[command(
        after_help = "For a true loss alone: a database that is behind or rewritten, and no newer copy anywhere. If there is one, \
        restore it instead. Everybody can read for ever what was signed and what goes on. Stop every process first; afterwards set \
        log_origin (of the accesses: accesses_origin) to the new name and tell the witnesses its key.\n\n\
        Example: cairn log new-origin --origin cairn.example.org/outcomes-2 --reason restored-old-backup"
    )]
    NewOrigin(NewOriginArguments),
}

/// The arguments of `cairn log new-origin`.
#[derive(Debug, Args)]
pub struct NewOriginArguments {
    /// What the log that goes on is called, for ever: a name that no log had
    #[arg(long, value_name = "NAME")]
    pub origin: String,
    /// Why, as a code of 1 to 64 of a-z, 0-9 and -; never anybody's name
    #[arg(long, value_name = "CODE")]
    pub reason: String,
    /// Begin anew although the database goes on from everything that was signed
    #[arg(long)]
    pub although_nothing_is_lost: bool,
    /// Print the statement as JSON
    #[arg(long)]
    pub json: bool,
}

/// Changes the signer.
///
/// # Errors
/// Status 1 where there is no need for a new origin, 2 for a name or reason that cannot be used, 3 while a process signs.
pub async fn run(common: &CommonArguments, arguments: &LogArguments) -> Result<(), Failure> {
    let mut settings = common.settings()?;
    // What is missing is lost, and nothing is made in its place.
    settings.create = false;
    let (app, _writer) = open_app(&settings, &Sources::default()).await?;
    app.check().await?;
    let [outcomes, accesses] = signers(&settings, &app);
    let (signer, other_origin) = match arguments.log {
        LogName::Outcomes => (outcomes, &settings.accesses_origin),
        LogName::Accesses => (accesses, &settings.log_origin),
    };
    let setting = signer.origin_setting;
    let desk = signer.desk(app);
    match &arguments.action {
        LogAction::RotateKey { json } => {
            let stated = desk.rotate_key(&random_bytes()).await.map_err(refused)?;
            show(&stated, *json);
            told(&stated, setting, matches!(stated.statement.statement(), Statement::KeyRotation(_)))
        }
        LogAction::NewOrigin(new) => {
            let reason: ReasonCode =
                new.reason.parse().map_err(|error| Failure::configuration(format!("--reason: {error}")))?;
            // Also where the other log has signed nothing yet.
            if new.origin == *other_origin {
                return Err(refused(LogError::OriginUsed(new.origin.clone())));
            }
            let wanted = NewOriginWanted {
                origin: new.origin.clone(),
                reason,
                although_nothing_is_lost: new.although_nothing_is_lost,
            };
            let stated = desk.new_origin(wanted, &random_bytes()).await.map_err(refused)?;
            show(&stated, new.json);
            told(&stated, setting, matches!(stated.statement.statement(), Statement::NewOrigin(_)))
        }
    }
}

fn refused(error: LogError) -> Failure {
    match error {
        LogError::NothingIsLost | LogError::NothingSigned => Failure::no(error.to_string()),
        LogError::OriginUsed(_) | LogError::Stating(_) => Failure::configuration(error.to_string()).because_of(&error),
        error => unsigned(error),
    }
}

/// The statement, for whoever keeps it.
fn show(stated: &Stated, json: bool) {
    let note = stated.statement.to_string();
    if json {
        let statement = stated.statement.statement();
        println!(
            "{}",
            serde_json::json!({
                "note": note, "new_key": statement.new_key().to_string(), "was_begun_before": stated.was_begun_before,
                "retired_key": stated.retired_key.as_ref().map(|path| path.display().to_string())
            })
        );
    } else {
        print!("{note}");
    }
}

/// What there is to do now, on standard error.
fn told(stated: &Stated, setting: &str, is_what_was_asked: bool) -> Result<(), Failure> {
    let statement = stated.statement.statement();
    eprintln!("cairn: the log is signed with {} from now on", statement.new_key());
    if let Some(path) = &stated.retired_key {
        eprintln!(
            "cairn: the key that signed before is in {}: destroy it once every process has been started again",
            path.display()
        );
    }
    match statement {
        Statement::KeyRotation(_) => {
            eprintln!(
                "cairn: start every process again; tell the new key to the witnesses and to whoever checks the log"
            );
        }
        Statement::NewOrigin(new) => {
            eprintln!(
                "cairn: set {setting} = \"{}\" before the start; tell it and its key to the witnesses and to whoever checks the log",
                new.new_origin
            );
        }
    }
    if is_what_was_asked {
        return Ok(());
    }
    Err(Failure::no(
        "an earlier command had broken off and is finished now; run this one again if it is still wanted".to_owned(),
    ))
}
