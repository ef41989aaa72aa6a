//! The command line: parse, run one command, end with a status that scripts can rely on. One file a command; the
//! arguments of those that need the settings stand in `arguments`, the exit statuses in `exit`.
//!
//! A command speaks through `app`, or through the API like any partner; it decides nothing itself and knows no database.
//! Answers go to standard output; people's text and progress go to standard error.

mod arguments;
#[cfg(test)]
mod arguments_test;
mod exit;

pub use arguments::{
    ClientAddArguments, ClientArguments, ClientCommand, ClientIdArguments, ClientKeyArguments, ClientListArguments,
    ClientRotateArguments, CommonArguments, DemoArguments, DoctorArguments, ExportArguments, MAXIMUM_DEMO_PEOPLE,
    MAXIMUM_SAMPLE_PEOPLE, MigrateArguments, OpenapiArguments, RebuildArguments, ReplayArguments, SampleArguments,
    ServeArguments, TokenArguments,
};
pub use exit::{Exit, Failure};

use clap::{Parser, Subcommand};
use std::ffi::OsString;

const EXIT_STATUSES: &str = "\
Exit status: 0 done, or yes; 1 the answer is no (drift found, lines refused); 2 usage or configuration; 3 something \
needed is unavailable.";

/// Everything on the command line.
#[derive(Debug, Parser)]
#[command(name = "cairn", version, about, after_help = EXIT_STATUSES, arg_required_else_help = true)]
pub struct CommandLine {
    /// What every command takes.
    #[command(flatten)]
    pub common: CommonArguments,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands, each with its arguments; the help is that of the arguments.
#[derive(Debug, Subcommand)]
pub enum Command {}

/// Parses `arguments`, the program's name first, and runs the command. What went wrong has been told when this returns.
pub async fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let parsed = match CommandLine::try_parse_from(arguments) {
        Ok(parsed) => parsed,
        Err(error) => return told(&error),
    };
    match dispatch(parsed).await {
        Ok(exit) => exit,
        Err(failure) => {
            eprintln!("cairn: {failure}");
            failure.exit()
        }
    }
}

/// Help and version are answers, too; everything else was called wrongly.
fn told(error: &clap::Error) -> Exit {
    match error.print() {
        Ok(()) if error.use_stderr() => Exit::Usage,
        Ok(()) => Exit::Done,
        Err(_) => Exit::Unavailable,
    }
}

async fn dispatch(line: CommandLine) -> Result<Exit, Failure> {
    match line.command {}
}
