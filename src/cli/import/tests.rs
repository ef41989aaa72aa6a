use super::*;
use clap::Parser;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    import: ImportArguments,
}

fn parse(arguments: &[&str]) -> Result<ImportArguments, clap::Error> {
    Command::try_parse_from([&["import"], arguments].concat()).map(|command| command.import)
}

#[test]
fn arguments_are_as_documented() {
    use clap::CommandFactory;
    Command::command().debug_assert();
    let import =
        parse(&["fhir", "a.ndjson", "b", "--url", "https://c.example", "--token", "hidden", "--json"]).unwrap();
    assert!(!format!("{import:?}").contains("hidden"));
    let ImportSource::Fhir(fhir) = import.source else { panic!("fhir") };
    assert_eq!((fhir.paths.len(), fhir.source_system.as_str(), fhir.service.json), (2, "fhir", true));
    assert!(parse(&["fhir", "--token", "t"]).is_err(), "no files");
    assert!(parse(&["ssda903", "dir", "--dry-run"]).is_ok(), "a dry run needs no token");
}

#[tokio::test]
async fn somebody_must_call_and_only_one() {
    let small = data("ssda903-small");
    let pair = ["--client-id", "care", "--client-key", "care.pem"];
    assert!(parse(&[&["ssda903", "dir"][..], &pair].concat()).is_ok());
    for wrong in [&pair[..2], &pair[2..], &[&pair[..], &["--token", "t"]].concat()] {
        assert!(parse(&[&["ssda903", "dir"], wrong].concat()).is_err(), "{wrong:?}");
    }
    let nobody = parse(&["ssda903", &small, "--quiet"]).unwrap();
    assert_eq!(run(nobody).await, Ending::Usage);
    let keyless = parse(&["ssda903", &small, "--quiet", "--client-id", "care", "--client-key", "/dev/null/care.pem"]);
    assert_eq!(run(keyless.unwrap()).await, Ending::Usage);
}

#[test]
fn the_name_of_a_source_system_fits_into_an_identifier_system() {
    for (name, right) in [("x", true), ("a-b.c_1", true), ("", false), ("-a", false), ("A", false), ("a b", false)] {
        assert_eq!(source_system(name).is_ok(), right, "{name}");
    }
    assert!(source_system(&"x".repeat(SOURCE_SYSTEM_MAX)).is_ok());
    assert!(source_system(&"x".repeat(SOURCE_SYSTEM_MAX + 1)).is_err());
}

fn data(folder: &str) -> String {
    format!("{}/tests/data/{folder}", env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test]
async fn a_dry_run_reports_every_input_and_says_whether_all_have_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.ndjson");
    let report = file.display().to_string();
    let fhir = ["fhir", &data("pco"), "--dry-run", "--quiet", "--report", &report];
    assert_eq!(run(parse(&fhir).unwrap()).await.code(), 1, "a medication has no place");
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 22);
    for words in ["Dorothy", "knee pain", "John Anderson", "1947"] {
        assert!(!text.contains(words), "personal: {words}");
    }
    let ssda903 = ["ssda903", &data("ssda903-small"), "--dry-run", "--quiet", "--report", &report];
    assert_eq!(run(parse(&ssda903).unwrap()).await, Ending::Done);
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 117);
}

#[tokio::test]
async fn what_is_not_there_is_a_usage_error() {
    let absent = parse(&["ssda903", &data("absent"), "--dry-run", "--quiet"]).unwrap();
    assert_eq!(run(absent).await, Ending::Usage);
    let nowhere = parse(&["ssda903", &data("ssda903-small"), "--dry-run", "--report", "/dev/null/report"]).unwrap();
    assert_eq!(run(nowhere).await, Ending::Usage);
    let address = parse(&["ssda903", &data("ssda903-small"), "--token", "t", "--url", "localhost", "--quiet"]).unwrap();
    assert_eq!(run(address).await, Ending::Usage);
}
