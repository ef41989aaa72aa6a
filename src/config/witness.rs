//! The witnesses that are asked to cosign what the log signs. Knows how they are written, not what their keys mean.

use super::issuer::is_safe_url;
use serde::Deserialize;
use url::Url;

/// Each is asked for every checkpoint, and each adds a line to it, so they stay countable.
pub const MAXIMUM_WITNESSES: usize = 16;

/// A witness (C2SP `tlog-witness`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessSetting {
    /// Where it is asked, without `/add-checkpoint`; https, or http on loopback.
    pub url: String,
    /// The verifier key of its cosignatures (C2SP `signed-note`, type 0x04).
    pub vkey: String,
    /// The logs that it knows, by their names in paths.
    #[serde(default = "both")]
    pub logs: Vec<WitnessedLog>,
}

/// A log that a witness can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WitnessedLog {
    /// What happened.
    Outcomes,
    /// Who was shown whose data.
    Accesses,
}

fn both() -> Vec<WitnessedLog> {
    vec![WitnessedLog::Outcomes, WitnessedLog::Accesses]
}

/// What is wrong with a list of witnesses, in words that follow "it must be".
pub(super) fn check(witnesses: &[WitnessSetting]) -> Result<(), String> {
    for (position, witness) in witnesses.iter().enumerate() {
        let place = format!("witnesses with sound fields, unlike number {}", position + 1);
        let is_base = Url::parse(&witness.url).is_ok_and(|url| {
            let is_bare = url.query().is_none() && url.fragment().is_none();
            is_bare && url.username().is_empty() && url.password().is_none()
        });
        if !is_base || !is_safe_url(&witness.url) {
            return Err(format!(
                "{place}: `url` must be an https URL (http on loopback only) without user, query and fragment"
            ));
        }
        if witness.vkey.trim().is_empty() {
            return Err(format!("{place}: `vkey` is empty"));
        }
        if witness.logs.is_empty() {
            return Err(format!("{place}: `logs` names none"));
        }
        if witnesses[..position].iter().any(|earlier| earlier.url == witness.url || earlier.vkey == witness.vkey) {
            return Err(format!("{place}: it stands there twice"));
        }
    }
    Ok(())
}
