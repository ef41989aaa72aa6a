//! Where values come from, one layer over the other, and the check of each against the table of settings. Knows kinds and
//! limits, not what the values mean together (`build` does).

use super::setting::{DefaultValue, Kind, MAXIMUM_TEXT_BYTES, SETTINGS, Setting};
use super::{ConfigError, MAXIMUM_ISSUERS, MAXIMUM_WITNESSES, Origin};
use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Error, Figment, Metadata, Profile, Provider};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

const PREFIX: &str = "CAIRN_";
/// Variables that are ours without being settings: the value of the master key, the flags that are no settings, and what
/// client commands and tests read.
const MASTER_KEY: &str = "CAIRN_MASTER_KEY";
const OTHER_VARIABLES: &[&str] = &[
    MASTER_KEY,
    "CAIRN_CONFIG",
    "CAIRN_JSON",
    "CAIRN_QUIET",
    "CAIRN_URL",
    "CAIRN_TOKEN",
    "CAIRN_WITNESS_LOGS",
    "CAIRN_WITNESS_NAME",
];
const TEST_VARIABLES: &str = "CAIRN_TEST_";
/// How much of a wrong value is repeated, in characters.
const SHOWN_CHARACTERS: usize = 40;

/// Everything that a configuration is made of. The environment is an argument, so that a test brings its own.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The TOML file, if one was named; then it must exist.
    pub file: Option<PathBuf>,
    /// What the flags say.
    pub flags: Flags,
    /// Variables, of which those that start with `CAIRN_` matter. An empty value is no value.
    pub environment: Vec<(String, String)>,
    /// Whether a person is likely to read the log.
    pub is_terminal: bool,
}

/// The settings that are flags, too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--data-dir`
    pub data_dir: Option<String>,
    /// `--database-url`
    pub database_url: Option<String>,
    /// `--listen`
    pub listen: Option<String>,
}

impl Sources {
    /// This process's environment and standard error.
    ///
    /// # Errors
    /// A `CAIRN_…` variable that is not UTF-8.
    pub fn of_process(file: Option<PathBuf>, flags: Flags) -> Result<Self, ConfigError> {
        let mut environment = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
            let value = OsString::into_string(value).map_err(|_| ConfigError::NotUnicode(name.to_owned()))?;
            environment.push((name.to_owned(), value));
        }
        let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
        Ok(Self { file, flags, environment, is_terminal })
    }

    /// A variable with a value.
    fn variable(&self, wanted: &str) -> Option<&str> {
        let found = self.environment.iter().rev().find(|(name, _)| name == wanted)?;
        Some(found.1.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn master_key(&self) -> Option<&str> {
        self.variable(MASTER_KEY)
    }
}

/// The joined layers: every value is of its setting's kind and within its limits.
pub(super) struct Layers {
    pub(super) figment: Figment,
    pub(super) origins: BTreeMap<&'static str, Origin>,
    pub(super) ignored_environment: Vec<String>,
}

impl Layers {
    pub(super) fn origin(&self, setting: &str) -> Origin {
        self.origins.get(setting).cloned().unwrap_or(Origin::Default)
    }
}

pub(super) fn join(sources: &Sources) -> Result<Layers, ConfigError> {
    let mut origins = BTreeMap::new();
    let defaults = SETTINGS.iter().filter_map(|setting| match setting.default {
        DefaultValue::Given(text) => Some((setting.name, value_of(setting.kind, text))),
        DefaultValue::Derived(_) => None,
    });
    let mut figment = Figment::from(Layer::new("defaults", defaults));
    if let Some(path) = &sources.file {
        let file = read_file(path)?;
        for setting in keys_of(&file, path)? {
            origins.insert(setting.name, Origin::File(path.clone()));
        }
        figment = figment.merge(file);
    }
    let environment = environment_layer(sources, &mut origins);
    let flags = flags_layer(&sources.flags, &mut origins);
    figment = figment.merge(Layer::new("environment", environment)).merge(Layer::new("flags", flags));

    let ignored_environment = ignored(sources);
    let layers = Layers { figment, origins, ignored_environment };
    for setting in SETTINGS {
        if let Ok(value) = layers.figment.find_value(setting.name) {
            check(setting, &value).map_err(|limit| ConfigError::OutOfLimits {
                setting: setting.name,
                value: shown(setting.kind, &value),
                limit,
                origin: layers.origin(setting.name),
            })?;
        }
    }
    Ok(layers)
}

/// Values that were written one by one, as figment wants them.
struct Layer {
    name: &'static str,
    values: Dict,
}

impl Layer {
    fn new(name: &'static str, values: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        Self { name, values: values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect() }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

fn read_file(path: &std::path::Path) -> Result<figment::providers::Data<Toml>, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::FileUnreadable { path: path.to_owned(), source })?;
    Ok(Toml::string(&text))
}

/// The settings that the file names.
fn keys_of(file: &impl Provider, path: &std::path::Path) -> Result<Vec<&'static Setting>, ConfigError> {
    let data = file.data().map_err(|error| ConfigError::FileMalformed {
        path: path.to_owned(),
        what: without_source_lines(&error.kind.to_string()),
    })?;
    data.into_values().flat_map(Dict::into_keys).map(|key| known(&key, path)).collect()
}

fn known(key: &str, path: &std::path::Path) -> Result<&'static Setting, ConfigError> {
    SETTINGS.iter().find(|setting| setting.name == key).ok_or_else(|| {
        let advice = if key == "master_key" {
            format!("; the key itself stands in `master_key_file` or in {MASTER_KEY}")
        } else {
            let plain = |name: &str| name.replace(['_', '-', '.'], "").to_ascii_lowercase();
            let near = SETTINGS.iter().find(|setting| plain(setting.name) == plain(key));
            near.map(|setting| format!("; did you mean `{}`?", setting.name)).unwrap_or_default()
        };
        ConfigError::UnknownKey { key: key.to_owned(), origin: Origin::File(path.to_owned()), advice }
    })
}

/// The parser shows the line that it stumbled over, which may hold a password: only its place and complaint stay.
fn without_source_lines(message: &str) -> String {
    let lines: Vec<&str> =
        message.lines().filter(|line| !line.contains(" |")).map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(": ")
}

fn environment_layer(sources: &Sources, origins: &mut BTreeMap<&'static str, Origin>) -> Vec<(&'static str, Value)> {
    let mut values = Vec::new();
    for setting in SETTINGS {
        let variable = setting.variable();
        if let Some(text) = sources.variable(&variable) {
            values.push((setting.name, value_of(setting.kind, text)));
            origins.insert(setting.name, Origin::Environment(variable));
        }
    }
    values
}

fn flags_layer(flags: &Flags, origins: &mut BTreeMap<&'static str, Origin>) -> Vec<(&'static str, Value)> {
    let written = [("data_dir", &flags.data_dir), ("database_url", &flags.database_url), ("listen", &flags.listen)];
    let mut values = Vec::new();
    for (name, text) in written {
        if let Some(text) = text {
            values.push((name, Value::from(text.as_str())));
            origins.insert(name, Origin::Flag(format!("--{}", name.replace('_', "-"))));
        }
    }
    values
}

fn ignored(sources: &Sources) -> Vec<String> {
    let is_ours = |name: &str| {
        OTHER_VARIABLES.contains(&name)
            || name.starts_with(TEST_VARIABLES)
            || SETTINGS.iter().any(|setting| setting.variable() == name)
    };
    let names = sources.environment.iter().map(|(name, _)| name);
    names.filter(|name| name.starts_with(PREFIX) && !is_ours(name)).cloned().collect()
}

/// A text as a value of its kind; what does not read as one stays a text, for `check` to refuse.
fn value_of(kind: Kind, text: &str) -> Value {
    let value = match kind {
        Kind::Text | Kind::OneOf(_) => None,
        Kind::Switch => text.parse::<bool>().ok().map(Value::from),
        Kind::Whole { .. } => text.parse::<u64>().ok().map(Value::from),
        Kind::Issuers | Kind::Witnesses => {
            serde_json::from_str::<serde_json::Value>(text).ok().and_then(|list| Value::serialize(list).ok())
        }
    };
    value.unwrap_or_else(|| Value::from(text))
}

/// The limit in words, where the value does not keep it.
fn check(setting: &Setting, value: &Value) -> Result<(), String> {
    let keeps = match setting.kind {
        Kind::Text => value.as_str().is_some_and(is_sound_text),
        Kind::Switch => value.to_bool().is_some(),
        Kind::Whole { minimum, maximum } => whole(value).is_some_and(|number| (minimum..=maximum).contains(&number)),
        Kind::OneOf(words) => value.as_str().is_some_and(|text| words.contains(&text)),
        Kind::Issuers => value.as_array().is_some_and(|issuers| issuers.len() <= MAXIMUM_ISSUERS),
        Kind::Witnesses => value.as_array().is_some_and(|witnesses| witnesses.len() <= MAXIMUM_WITNESSES),
    };
    if keeps { Ok(()) } else { Err(limit(setting.kind)) }
}

fn whole(value: &Value) -> Option<u64> {
    let signed = value.to_i128().and_then(|number| u64::try_from(number).ok());
    signed.or_else(|| value.to_u128().and_then(|number| u64::try_from(number).ok()))
}

fn is_sound_text(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= MAXIMUM_TEXT_BYTES && !text.contains(char::is_control)
}

/// What a kind takes, in words that follow "it must be".
pub(super) fn limit(kind: Kind) -> String {
    match kind {
        Kind::Text => format!("a text of 1 to {MAXIMUM_TEXT_BYTES} bytes on one line"),
        Kind::Switch => "true or false".to_owned(),
        Kind::Whole { minimum, maximum } => format!("a whole number from {minimum} to {maximum}"),
        Kind::OneOf(words) => format!("one of {}", words.join(", ")),
        Kind::Issuers => format!("a list of at most {MAXIMUM_ISSUERS} issuers"),
        Kind::Witnesses => format!("a list of at most {MAXIMUM_WITNESSES} witnesses"),
    }
}

/// A wrong value, shortened. Where a free text is right, only its length is shown: it could hold a password.
fn shown(kind: Kind, value: &Value) -> String {
    match (kind, value) {
        (Kind::Text | Kind::Issuers | Kind::Witnesses, Value::String(_, text)) => {
            format!("a text of {} bytes", text.len())
        }
        (_, Value::String(_, text)) => {
            let start: String = text.chars().take(SHOWN_CHARACTERS).collect();
            format!("{start:?}")
        }
        (_, Value::Bool(_, switch)) => switch.to_string(),
        (_, Value::Num(..)) => match (value.to_i128(), value.to_u128(), value.to_f64()) {
            (Some(number), ..) => number.to_string(),
            (_, Some(number), _) => number.to_string(),
            (.., Some(number)) => number.to_string(),
            (None, None, None) => "a number".to_owned(),
        },
        (_, Value::Array(_, items)) => format!("a list of {}", items.len()),
        (_, Value::Dict(..)) => "a table".to_owned(),
        (_, Value::Char(..) | Value::Empty(..)) => "something else".to_owned(),
    }
}
