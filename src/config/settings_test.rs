//! The configuration as those who write it meet it: each limit and one past it, precedence, unknown keys, secrets.

use super::build::Written;
use super::*;
use figment::Figment;
use figment::error::Kind as FigmentKind;
use figment::providers::Serialized;
use std::fs;

/// Sources of a test: a file's text, variables, flags.
struct Given {
    folder: tempfile::TempDir,
    sources: Sources,
}

impl Given {
    fn nothing() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), sources: Sources::default() }
    }

    fn file(mut self, text: &str) -> Self {
        let path = self.folder.path().join("cairn.toml");
        fs::write(&path, text).unwrap();
        self.sources.file = Some(path);
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn load(&self) -> Result<Settings, ConfigError> {
        Settings::load(&self.sources)
    }

    fn refused(&self) -> String {
        let error = self.load().unwrap_err();
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{error}{cause}")
    }
}

fn value(settings: &Settings, name: &str) -> String {
    settings.redacted().into_iter().find(|line| line.name == name).unwrap().value
}

#[test]
fn nothing_written_is_a_development_service_on_loopback() {
    let settings = Given::nothing().load().unwrap();
    assert_eq!(settings.database.redacted(), "sqlite:./cairn-data/cairn.db");
    assert_eq!(settings.keys.redacted(), "sqlite:./cairn-data/keys/keys.db");
    let MasterKeySource::File(file) = &settings.master_key else { panic!("a file by default") };
    assert_eq!(file, &PathBuf::from("./cairn-data/keys/master.key"));
    assert_eq!(settings.public_url_at(settings.listen[0]), "http://127.0.0.1:8080");
    assert!(settings.create && settings.development_issuer && settings.metrics);
    assert_eq!(settings.request_timeout, Duration::from_secs(30));
    assert_eq!(settings.log_format, LogFormat::Json);
}

#[test]
fn a_terminal_gets_text_and_a_word_overrides_it() {
    let mut given = Given::nothing();
    given.sources.is_terminal = true;
    assert_eq!(given.load().unwrap().log_format, LogFormat::Text);
    let given = given.variable("CAIRN_LOG_FORMAT", "json");
    assert_eq!(given.load().unwrap().log_format, LogFormat::Json);
    assert!(Given::nothing().variable("CAIRN_LOG_FORMAT", "xml").refused().contains("must be one of text, json"));
}

#[test]
fn each_layer_covers_the_one_below() {
    let mut given = Given::nothing().file("listen = \"127.0.0.1:1001\"\nworkers = 3");
    let settings = given.load().unwrap();
    assert_eq!(value(&settings, "listen"), "127.0.0.1:1001");
    assert_eq!(settings.origin("listen"), Origin::File(given.sources.file.clone().unwrap()));

    given = given.variable("CAIRN_LISTEN", "[::1]:1002");
    let settings = given.load().unwrap();
    assert_eq!(value(&settings, "listen"), "[::1]:1002");
    assert_eq!(settings.origin("listen"), Origin::Environment("CAIRN_LISTEN".to_owned()));

    given.sources.flags.listen = Some("127.0.0.1:1003,localhost:1004".to_owned());
    let settings = given.load().unwrap();
    assert_eq!(value(&settings, "listen"), "127.0.0.1:1003,127.0.0.1:1004");
    assert_eq!(settings.origin("listen"), Origin::Flag("--listen".to_owned()));
    assert_eq!((settings.workers, settings.origin("metrics")), (3, Origin::Default));
}

#[test]
fn every_number_keeps_its_limits_in_file_and_environment() {
    for setting in SETTINGS {
        let Kind::Whole { minimum, maximum } = setting.kind else { continue };
        for (number, is_within) in [
            (i128::from(minimum), true),
            (i128::from(maximum), true),
            (i128::from(minimum) - 1, false),
            (i128::from(maximum) + 1, false),
        ] {
            // A quorum needs as many witnesses.
            let nothing = || Given::nothing().variable("CAIRN_WITNESSES", &witnesses(MAXIMUM_WITNESSES));
            let in_file = nothing().file(&format!("{} = {number}", setting.name));
            let in_environment = nothing().variable(&setting.variable(), &number.to_string());
            for given in [in_file, in_environment] {
                if is_within {
                    assert_eq!(value(&given.load().unwrap(), setting.name), number.to_string());
                    continue;
                }
                let refused = given.refused();
                for part in [setting.name, &number.to_string(), &format!("from {minimum} to {maximum}")] {
                    assert!(refused.contains(part), "{refused}");
                }
                let place = if given.sources.file.is_some() { "the file " } else { &setting.variable() };
                assert!(refused.contains(place), "{refused}");
            }
        }
    }
}

#[test]
fn a_value_of_another_kind_is_refused() {
    for (line, part) in [
        ("workers = \"many\"", "\"many\""),
        ("workers = 1.5", "1.5"),
        ("workers = true", "true"),
        ("metrics = \"yes\"", "true or false"),
        ("listen = 8080", "8080"),
        ("listen = \"\"", "a text of 0 bytes"),
        ("data_dir = [\"a\"]", "a list of 1"),
        ("log_filter = \"a\\u0000b\"", "on one line"),
        ("issuers = \"none\"", "a list of at most"),
    ] {
        let refused = Given::nothing().file(line).refused();
        assert!(refused.contains(part) && refused.contains(line.split(' ').next().unwrap()), "{line}: {refused}");
    }
}

#[test]
fn a_text_keeps_its_limit() {
    let folder = |length: usize| Given::nothing().variable("CAIRN_DATA_DIR", &"d".repeat(length));
    assert!(folder(MAXIMUM_TEXT_BYTES).load().is_ok());
    assert!(folder(MAXIMUM_TEXT_BYTES + 1).refused().contains("`data_dir` is a text of 4097 bytes"));
}

#[test]
fn an_unknown_key_is_named_with_advice() {
    assert!(Given::nothing().file("wrokers = 1").refused().contains("unknown setting `wrokers` in the file "));
    assert!(Given::nothing().file("[http]\nworkers = 1").refused().contains("unknown setting `http`"));
    assert!(Given::nothing().file("data-dir = \"d\"").refused().contains("did you mean `data_dir`?"));
    let key = Given::nothing().file("master_key = \"s3cret\"").refused();
    assert!(key.contains("`master_key_file` or in CAIRN_MASTER_KEY") && !key.contains("s3cret"), "{key}");
}

#[test]
fn an_unknown_variable_is_told_and_an_empty_one_is_none() {
    let given = Given::nothing()
        .variable("CAIRN_SERVICE_HOST", "10.0.0.1")
        .variable("CAIRN_WORKERS", "")
        .variable("CAIRN_TOKEN", "t")
        .variable("CAIRN_TEST_STORES", "sqlite");
    let settings = given.load().unwrap();
    assert_eq!(settings.ignored_environment, ["CAIRN_SERVICE_HOST"]);
    assert_eq!((settings.workers, settings.origin("workers")), (0, Origin::Default));
}

#[test]
fn a_file_that_is_missing_or_broken_is_told_without_its_words() {
    let mut given = Given::nothing();
    given.sources.file = Some(given.folder.path().join("absent.toml"));
    assert!(given.refused().contains("absent.toml cannot be read: "));
    let broken = Given::nothing().file("workers = 1\ndatabase_url = \"postgres://u:s3cret@h/d\nlisten = 1").refused();
    assert!(broken.contains("line 2") && !broken.contains("s3cret"), "{broken}");
}

#[test]
fn databases_are_refused_without_their_passwords() {
    let unknown = Given::nothing().variable("CAIRN_DATABASE_URL", "mysql://u:s3cret@h/d").refused();
    assert!(unknown.contains("CAIRN_DATABASE_URL") && unknown.contains("must start with `sqlite:`"), "{unknown}");
    let same = Given::nothing()
        .variable("CAIRN_DATABASE_URL", "postgres://a:s3cret@h/d")
        .file("keys_url = \"postgres://b:s3cret@h:5432/d\"")
        .refused();
    assert!(same.contains("must live apart"), "{same}");
    assert!(!unknown.contains("s3cret") && !same.contains("s3cret"));
    let file = Given::nothing().variable("CAIRN_KEYS_URL", "sqlite:cairn-data/cairn.db").refused();
    assert!(file.contains("must live apart"), "{file}");
}

#[test]
fn postgresql_is_not_created_unless_told() {
    let given = Given::nothing().variable("CAIRN_DATABASE_URL", "postgres://h/d");
    assert!(!given.load().unwrap().create);
    assert!(given.variable("CAIRN_CREATE", "true").load().unwrap().create);
}

#[test]
fn the_master_key_has_one_source_and_is_never_shown() {
    let given = Given::nothing().variable("CAIRN_MASTER_KEY", "s3cret");
    let settings = given.load().unwrap();
    let MasterKeySource::Given(key) = &settings.master_key else { panic!("the environment holds it") };
    assert_eq!(key.reveal(), "s3cret");
    assert!(!format!("{settings:?}{:?}", settings.redacted()).contains("s3cret"));
    assert!(given.file("master_key_file = \"k\"").refused().contains("two master keys"));
}

#[test]
fn no_password_survives_redaction() {
    let settings = Given::nothing()
        .variable("CAIRN_DATABASE_URL", "postgres://u:s3cret@h/d")
        .variable("CAIRN_KEYS_URL", "postgres://h/k?password=s3cret")
        .variable("CAIRN_OTLP_ENDPOINT", "https://u:s3cret@collector.example/v1/traces?key=s3cret")
        .load()
        .unwrap();
    let printed = format!("{:?}", settings.redacted());
    assert!(!printed.contains("s3cret") && printed.contains("https://collector.example/v1/traces"), "{printed}");
}

#[test]
fn the_embedded_issuer_stays_on_loopback() {
    let outside = || Given::nothing().variable("CAIRN_LISTEN", "127.0.0.1:80,0.0.0.0:80");
    let public = |given: Given| given.variable("CAIRN_PUBLIC_URL", "https://cairn.example/");
    let trusted = |given: Given| given.variable("CAIRN_DEVELOPMENT_ISSUER", "false");
    assert!(outside().refused().contains("`listen` has 0.0.0.0:80, not on loopback"));
    assert!(public(Given::nothing()).refused().contains("`public_url` is not on loopback"));
    assert!(trusted(outside()).refused().contains("set `public_url`"));
    let settings = trusted(public(outside())).load().unwrap();
    assert_eq!(settings.public_url_at(settings.listen[0]), "https://cairn.example");
    assert!(Given::nothing().variable("CAIRN_PUBLIC_URL", "http://localhost:9").load().is_ok());
}

#[test]
fn addresses_and_urls_are_read_strictly() {
    let eight = ["127.0.0.1:1"; 8].join(",");
    assert_eq!(Given::nothing().variable("CAIRN_LISTEN", &eight).load().unwrap().listen.len(), 8);
    for (name, text) in [
        ("LISTEN", format!("{eight},127.0.0.1:1").as_str()),
        ("LISTEN", "127.0.0.1"),
        ("LISTEN", "example.org:80"),
        ("LISTEN", "127.0.0.1:65536"),
        ("PUBLIC_URL", "http://cairn.example"),
        ("PUBLIC_URL", "https://cairn.example?a=b"),
        ("PUBLIC_URL", "https://u@cairn.example"),
        ("METRICS_LISTEN", "127.0.0.1:1,127.0.0.1:2"),
        ("OTLP_ENDPOINT", "collector:4318"),
        ("SERVICE_ROLE", "cairn\"; drop"),
        ("SERVICE_ROLE", "1cairn"),
        ("SERVICE_ROLE", &"r".repeat(64)),
    ] {
        let refused = Given::nothing().variable(&format!("CAIRN_{name}"), text).refused();
        assert!(refused.contains(&format!("`{}` is something else", name.to_lowercase())), "{text}: {refused}");
    }
    assert!(Given::nothing().variable("CAIRN_SERVICE_ROLE", &"r".repeat(63)).load().is_ok());
    let off = Given::nothing().variable("CAIRN_METRICS", "false").variable("CAIRN_METRICS_LISTEN", "127.0.0.1:1");
    assert!(off.refused().contains("`metrics` is false"));
}

fn issuer(number: usize) -> String {
    let url = format!("https://issuer{number}.example");
    format!(r#"{{"issuer":"{url}","jwks_url":"{url}/jwks","audience":"cairn","algorithms":["ES384"]}}"#)
}

#[test]
fn issuers_are_read_from_file_and_environment() {
    let in_file = Given::nothing().file(
        "[[issuers]]\nissuer = \"https://issuer0.example\"\njwks_url = \"https://issuer0.example/jwks\"\n\
         audience = \"cairn\"\nalgorithms = [\"ES384\"]",
    );
    let in_environment = Given::nothing().variable("CAIRN_ISSUERS", &format!("[{}]", issuer(0)));
    let issuers = in_file.load().unwrap().issuers;
    assert_eq!(issuers, in_environment.load().unwrap().issuers);
    assert_eq!((issuers[0].client_claim.as_str(), issuers[0].algorithms[0]), ("client_id", SignatureAlgorithm::ES384));
    assert!(!issuers[0].requires_at_jwt, "not every issuer says what its tokens are");
    let strict = issuer(0).replace('}', ",\"requires_at_jwt\":true}");
    let strict = Given::nothing().variable("CAIRN_ISSUERS", &format!("[{strict}]")).load().unwrap().issuers;
    assert!(strict[0].requires_at_jwt);
}

#[test]
fn private_hosts_are_named_one_by_one() {
    let given = |text: &str| Given::nothing().variable("CAIRN_PRIVATE_HOSTS", text);
    assert!(Given::nothing().load().unwrap().private_hosts.is_empty());
    let settings = given("Login.Internal.example., 10.0.0.7,[FD00::1]").load().unwrap();
    assert_eq!(value(&settings, "private_hosts"), "10.0.0.7,[fd00::1],login.internal.example");
    let many = |count| (0..count).map(|at| format!("h{at}")).collect::<Vec<_>>().join(",");
    assert_eq!(given(&many(16)).load().unwrap().private_hosts.len(), 16);
    for text in [&many(17), "a,,b", "https://a.example", "a.example:443", "*.example", "a b", "a/b", "fd00::1", "u@a"] {
        let refused = given(text).refused();
        assert!(refused.contains("`private_hosts` is something else"), "{text}: {refused}");
    }
}

#[test]
fn issuers_are_refused_one_by_one() {
    let list = |length| format!("[{}]", (0..length).map(issuer).collect::<Vec<_>>().join(","));
    let given = |text: &str| Given::nothing().variable("CAIRN_ISSUERS", text);
    assert_eq!(given(&list(MAXIMUM_ISSUERS)).load().unwrap().issuers.len(), MAXIMUM_ISSUERS);
    assert!(given(&list(MAXIMUM_ISSUERS + 1)).refused().contains("a list of 17"));
    let one = list(1);
    for (from, to, part) in [
        ("https://issuer0.example/jwks", "http://issuer0.example/jwks", "must be an https URL"),
        ("\"cairn\"", "\" \"", "`audience` is empty"),
        ("\"ES384\"", "", "`algorithms` is empty"),
        ("ES384", "HS256", "HS256"),
        ("ES384", "none", "none"),
        ("\"audience\"", "\"audiense\"", "audiense"),
        ("\"audience\"", "\"client_claim\":\"sub\",\"audience\"", "`client_claim` must be client_id or azp"),
        ("\"audience\":\"cairn\",", "", "audience"),
    ] {
        let text = one.replace(from, to);
        assert_ne!(text, one);
        let refused = given(&text).refused();
        assert!(refused.contains("`issuers`") && refused.contains(part), "{text}: {refused}");
    }
    assert!(given(&format!("[{},{}]", issuer(0), issuer(0))).refused().contains("twice"));
}

fn witnesses(many: usize) -> String {
    let witness = |number: usize| format!(r#"{{"url":"https://w{number}.example","vkey":"w{number}+00000000+key"}}"#);
    format!("[{}]", (0..many).map(witness).collect::<Vec<_>>().join(","))
}

#[test]
fn witnesses_and_their_quorum_go_together() {
    let list = witnesses;
    let given = |text: &str, quorum: &str| {
        Given::nothing().variable("CAIRN_WITNESSES", text).variable("CAIRN_WITNESS_QUORUM", quorum)
    };
    let settings = given(&list(MAXIMUM_WITNESSES), "16").load().unwrap();
    assert_eq!((settings.witnesses.len(), settings.witness_quorum), (MAXIMUM_WITNESSES, 16));
    assert_eq!(given(&list(2), "2").load().unwrap().witnesses[1].url, "https://w1.example");
    assert!(given(&list(2), "3").refused().contains("`witness_quorum` is 3, but `witnesses` names 2"));
    assert!(Given::nothing().variable("CAIRN_WITNESS_QUORUM", "1").refused().contains("names 0"));
    assert!(given(&list(MAXIMUM_WITNESSES + 1), "0").refused().contains("a list of 17"));
    for (from, to, part) in [
        ("https://w0.example", "http://w0.example", "must be an https URL"),
        ("https://w0.example", "https://u@w0.example", "without user"),
        ("https://w0.example", "https://w0.example?a", "without user"),
        ("w0+00000000+key", " ", "`vkey` is empty"),
        ("w1+00000000+key", "w0+00000000+key", "twice"),
        ("https://w1.example", "https://w0.example", "twice"),
        ("\"vkey\"", "\"key\"", "key"),
        ("key\"}", "key\",\"logs\":[]}", "names none"),
        ("key\"}", "key\",\"logs\":[\"incomes\"]}", "incomes"),
    ] {
        let text = list(2).replacen(from, to, 1);
        assert_ne!(text, list(2));
        let refused = given(&text, "0").refused();
        assert!(refused.contains("`witnesses`") && refused.contains(part), "{text}: {refused}");
    }
    let one = given(r#"[{"url":"http://127.0.0.1:8090","vkey":"w"}]"#, "1").load().unwrap();
    assert_eq!(one.witnesses[0].logs, [WitnessedLog::Outcomes, WitnessedLog::Accesses], "both unless it says less");
    let less = given(r#"[{"url":"http://127.0.0.1:8090","vkey":"w","logs":["accesses"]}]"#, "1").load().unwrap();
    assert_eq!(less.witnesses[0].logs, [WitnessedLog::Accesses]);
}

#[test]
fn the_table_and_the_fields_are_one_list() {
    let wrong = Figment::from(Serialized::default("no_such_setting", 1)).extract::<Written>().err().unwrap();
    let FigmentKind::UnknownField(_, fields) = wrong.kind else { panic!("unknown fields are denied") };
    let names: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
    assert_eq!(names, fields);
    let settings = Given::nothing().load().unwrap();
    assert!(settings.redacted().iter().all(|line| line.value != "unknown"), "a setting is not shown");
}

/// The documented example with every line that sets something uncommented.
fn example() -> String {
    let text = include_str!("../../deploy/cairn.example.toml");
    let is_setting = |line: &&str| line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| is_name(key));
    let lines = text.lines().map(|line| line.strip_prefix('#').filter(is_setting).unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

fn is_name(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[test]
fn the_example_names_every_setting_and_shows_the_defaults() {
    let given = Given::nothing().file(&example());
    let settings = given.load().unwrap();
    let defaults = Given::nothing().load().unwrap();
    // These have no default that could be written down; the example shows how they look.
    let illustrated = ["service_role", "witnesses", "issuers", "private_hosts", "metrics_listen", "otlp_endpoint"];
    for (line, default) in settings.redacted().into_iter().zip(defaults.redacted()) {
        assert_eq!(
            line.origin,
            Origin::File(given.sources.file.clone().unwrap()),
            "{} is not in the example",
            line.name
        );
        if !illustrated.contains(&line.name) {
            assert_eq!(line.value, default.value, "{}", line.name);
        }
    }
    for setting in SETTINGS {
        if let Kind::Whole { minimum, maximum } = setting.kind {
            let limits = format!("{minimum} to {maximum}");
            assert!(example().contains(&limits), "{}: the example does not say {limits}", setting.name);
        }
    }
}

#[test]
fn the_example_as_it_is_sets_nothing() {
    let settings = Given::nothing().file(include_str!("../../deploy/cairn.example.toml")).load().unwrap();
    assert!(settings.redacted().iter().all(|line| line.origin == Origin::Default));
}
