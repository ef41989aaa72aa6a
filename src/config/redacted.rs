//! The configuration as `cairn doctor` may print it: every setting, its value without passwords, and where it came from.
//! Knows how values are shown, not what they mean.

use super::{MasterKeySource, Origin, SETTINGS, Settings};
use std::path::Path;
use std::time::Duration;
use url::Url;

/// One line of the printed configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactedSetting {
    /// The setting's name.
    pub name: &'static str,
    /// Its value, as it would be written, with passwords hidden.
    pub value: String,
    /// Where the value came from.
    pub origin: Origin,
}

impl Settings {
    /// Every setting in the order of `SETTINGS`. The master key is never among them, only where it comes from.
    #[must_use]
    pub fn redacted(&self) -> Vec<RedactedSetting> {
        let line = |name| RedactedSetting { name, value: self.shown(name), origin: self.origin(name) };
        SETTINGS.iter().map(|setting| line(setting.name)).collect()
    }

    fn shown(&self, setting: &str) -> String {
        match setting {
            "data_dir" => path(&self.data_dir),
            "database_url" => self.database.redacted(),
            "keys_url" => self.keys.redacted(),
            "master_key_file" => match &self.master_key {
                MasterKeySource::File(file) => path(file),
                MasterKeySource::Given(_) => "none; the key is in CAIRN_MASTER_KEY".to_owned(),
            },
            "create" => self.create.to_string(),
            "database_connections" => self.database_connections.to_string(),
            "append_batch_events" => self.append_batch_events.to_string(),
            "service_role" => or_none(self.service_role.clone()),
            "key_cache_ms" => milliseconds(self.key_cache),
            "listen" => self.listen.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
            "public_url" => match (&self.public_url, self.listen.first()) {
                (None, Some(&first)) => self.public_url_at(first),
                (url, _) => or_none(url.clone()),
            },
            "workers" => self.workers.to_string(),
            "max_connections" => self.max_connections.to_string(),
            "body_limit_bytes" => self.body_limit_bytes.to_string(),
            "batch_limit_bytes" => self.batch_limit_bytes.to_string(),
            "request_timeout_ms" => milliseconds(self.request_timeout),
            "header_timeout_ms" => milliseconds(self.header_timeout),
            "keep_alive_ms" => milliseconds(self.keep_alive),
            "shutdown_timeout_ms" => milliseconds(self.shutdown_timeout),
            "long_poll_max_ms" => milliseconds(self.long_poll_max),
            "stream_heartbeat_ms" => milliseconds(self.stream_heartbeat),
            "streams_per_client" => self.streams_per_client.to_string(),
            "log_origin" => self.log_origin.clone(),
            "log_key_file" => path(&self.log_key_file),
            "log_state_file" => path(&self.log_state_file),
            "accesses_origin" => self.accesses_origin.clone(),
            "accesses_key_file" => path(&self.accesses_key_file),
            "accesses_state_file" => path(&self.accesses_state_file),
            "checkpoint_interval_ms" => milliseconds(self.checkpoint_interval),
            "witnesses" => {
                let urls: Vec<&str> = self.witnesses.iter().map(|witness| witness.url.as_str()).collect();
                or_none(Some(urls.join(",")).filter(|urls| !urls.is_empty()))
            }
            "witness_quorum" => self.witness_quorum.to_string(),
            "token_key_file" => path(&self.token_key_file),
            "access_token_life_s" => self.access_token_life.as_secs().to_string(),
            "development_issuer" => self.development_issuer.to_string(),
            "issuers" => {
                let names: Vec<&str> = self.issuers.iter().map(|issuer| issuer.issuer.as_str()).collect();
                or_none(Some(names.join(",")).filter(|names| !names.is_empty()))
            }
            "private_hosts" => {
                let names: Vec<&str> = self.private_hosts.iter().map(String::as_str).collect();
                or_none(Some(names.join(",")).filter(|names| !names.is_empty()))
            }
            _ => self.shown_of_operation(setting),
        }
    }

    fn shown_of_operation(&self, setting: &str) -> String {
        match setting {
            "log_format" => format!("{:?}", self.log_format).to_lowercase(),
            "log_filter" => self.log_filter.clone(),
            "metrics" => self.metrics.to_string(),
            "metrics_listen" => or_none(self.metrics_listen.map(|address| address.to_string())),
            "otlp_endpoint" => or_none(self.otlp_endpoint.as_deref().map(without_login)),
            // A test shows that no setting ends here.
            _ => "unknown".to_owned(),
        }
    }
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

fn milliseconds(duration: Duration) -> String {
    duration.as_millis().to_string()
}

fn or_none(value: Option<String>) -> String {
    value.unwrap_or_else(|| "none".to_owned())
}

/// Only where it points: the user, the password and the query of a collector's URL are often its key.
fn without_login(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) => format!("{}{}", url.origin().ascii_serialization(), url.path()),
        Err(_) => "hidden".to_owned(),
    }
}
