//! The command line as it is typed. All arguments are put together here, so that each is parsed, whether its command
//! exists yet or not.

use super::*;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

#[derive(Debug, Parser)]
#[command(name = "cairn")]
struct Everything {
    #[command(flatten)]
    common: CommonArguments,
    #[command(subcommand)]
    command: Each,
}

#[derive(Debug, Subcommand)]
enum Each {
    Serve(ServeArguments),
    Demo(DemoArguments),
    Sample(SampleArguments),
    Export(ExportArguments),
    Replay(ReplayArguments),
    Rebuild(RebuildArguments),
    Client(ClientArguments),
    Token(TokenArguments),
    Openapi(OpenapiArguments),
    Migrate(MigrateArguments),
    Doctor(DoctorArguments),
}

fn parse(line: &str) -> Result<Everything, ErrorKind> {
    Everything::try_parse_from(line.split(' ')).map_err(|error| error.kind())
}

#[test]
fn the_parsers_are_sound_and_every_command_has_its_help() {
    CommandLine::command().debug_assert();
    let mut everything = Everything::command();
    everything.build();
    for command in everything.get_subcommands().filter(|command| command.get_name() != "help") {
        let help = command.clone().render_long_help().to_string();
        assert!(command.get_about().is_some(), "{} has no help", command.get_name());
        assert!(help.contains("Common options:") && help.contains("--data-dir <DIR>"), "{help}");
    }
}

#[test]
fn every_example_of_the_help_can_be_typed() {
    let mut seen = 0;
    for command in Everything::command().get_subcommands() {
        let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for example in examples.lines().filter_map(call) {
            let end = example.find(" | ").or(example.find(" && ")).or(example.find(")\"")).unwrap_or(example.len());
            let words = shell_words(&example[..end]);
            let parsed = Everything::try_parse_from(&words);
            assert!(parsed.is_ok(), "{words:?}: {}", parsed.unwrap_err());
            seen += 1;
        }
    }
    assert!(seen >= 14, "only {seen} examples were found");
}

/// From the program's name on, which also ends URLs that come before it.
fn call(line: &str) -> Option<&str> {
    let start = |mark: &str| line.rfind(mark).map(|position| position + 1);
    let start = start(" cairn ").or_else(|| start("(cairn "))?;
    Some(&line[start..])
}

/// Words with single quotes, as the examples use them.
fn shell_words(line: &str) -> Vec<String> {
    let quoted = line.split('\'').enumerate();
    quoted.fold(vec![], |mut words: Vec<String>, (part, text)| {
        if part % 2 == 1 {
            words.push(text.to_owned());
        } else {
            words.extend(text.split_whitespace().map(str::to_owned));
        }
        words
    })
}

#[test]
fn common_options_stand_before_or_behind_the_command() {
    for line in ["cairn --data-dir d --json serve", "cairn serve --json --data-dir d"] {
        let parsed = parse(line).unwrap();
        assert_eq!(
            parsed.common.flags(),
            crate::config::Flags { data_dir: Some("d".to_owned()), ..Default::default() }
        );
        assert!(parsed.common.json && !parsed.common.quiet, "{line}");
        assert!(matches!(parsed.command, Each::Serve(_)));
    }
}

#[test]
fn numbers_of_people_keep_their_limits() {
    for (line, is_right) in [
        ("cairn demo --people 1", true),
        ("cairn demo --people 10000", true),
        ("cairn demo --people 0", false),
        ("cairn demo --people 10001", false),
        ("cairn sample --seed 1 --people 1", true),
        ("cairn sample --seed 1 --people 10000000", true),
        ("cairn sample --seed 1 --people 0", false),
        ("cairn sample --seed 1 --people 10000001", false),
    ] {
        let expected = if is_right { None } else { Some(ErrorKind::ValueValidation) };
        assert_eq!(parse(line).err(), expected, "{line}");
    }
}

#[test]
fn a_client_has_its_keys_in_exactly_one_place() {
    let client = "cairn client rotate c";
    assert_eq!(parse(client).err(), Some(ErrorKind::MissingRequiredArgument));
    assert_eq!(parse(&format!("{client} --jwks f --issuer i")).err(), Some(ErrorKind::ArgumentConflict));
    for keys in ["--jwks f", "--jwks-url u", "--issuer i"] {
        assert!(parse(&format!("{client} {keys}")).is_ok(), "{keys}");
    }
}

#[test]
fn what_is_missing_or_unknown_is_wrong_usage() {
    for (line, kind) in [
        ("cairn token", ErrorKind::MissingRequiredArgument),
        ("cairn export", ErrorKind::MissingRequiredArgument),
        ("cairn sample --people 1", ErrorKind::MissingRequiredArgument),
        ("cairn serve --master-key k", ErrorKind::UnknownArgument),
        ("cairn sing", ErrorKind::InvalidSubcommand),
    ] {
        assert_eq!(parse(line).err(), Some(kind), "{line}");
    }
}

#[test]
fn help_and_version_are_done_and_the_rest_is_usage() {
    for (line, exit) in [
        ("cairn --version", Exit::Done),
        ("cairn --help", Exit::Done),
        ("cairn", Exit::Usage),
        ("cairn --sing", Exit::Usage),
    ] {
        let error = CommandLine::try_parse_from(line.split(' ')).unwrap_err();
        assert_eq!(told(&error), exit, "{line}");
    }
}
