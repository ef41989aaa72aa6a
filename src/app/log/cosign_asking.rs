//! Asking one witness for a cosignature (C2SP `tlog-witness`, the log's side). Every answer is bounded in size and time, no
//! redirect is followed, and nothing is believed but a signature of the key that the operator named.

use crate::app::AppError;
use crate::app::log::cosign::WitnessAddress;
use crate::app::log::keeper::LogKeeper;
use crate::ledger::{
    AddCheckpoint, SignatureLine, SignedCheckpoint, TREE_SIZE_CONTENT_TYPE, Verified, WitnessRefusal, read_tree_size,
};
use crate::store::KeptCosignature;
use std::time::Duration;

/// How long a witness may take to be reached, and all in all.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(10));
/// The largest answer, in bytes: 64 lines of the longest kind fit.
const MOST_BYTES: usize = 512 * 1024;
/// How often a request is put together anew because the witness knows another size than thought.
const MOST_TRIES: u32 = 4;

/// Why there is no cosignature.
#[derive(Debug, thiserror::Error)]
pub enum WitnessProblem {
    /// Nothing is signed yet.
    #[error("nothing is signed yet")]
    NothingSigned,
    /// The witness cannot be reached, or does not answer in time.
    #[error("it does not answer")]
    Unreachable(#[source] reqwest::Error),
    /// 404: it does not know the log.
    #[error("it does not know this log: its operator has to add the log's key")]
    UnknownLog,
    /// 403: it does not know the key.
    #[error("it does not accept the key that signs this log: its operator has to add the new key")]
    UnknownKey,
    /// It cosigned another tree of the same size, or one that this log does not go on from.
    #[error(
        "it has cosigned another history: this log does not go on from the {size} entries that it knows. The history was \
         rewritten, or the witness was given another database's"
    )]
    OtherHistory {
        /// The size of what it cosigned.
        size: u64,
    },
    /// It cosigned more than there is.
    #[error(
        "it has cosigned {size} entries, and this log has signed {signed}: the database is an old backup, or another one signs \
         under the same name"
    )]
    Ahead {
        /// What it cosigned.
        size: u64,
        /// What is signed here.
        signed: u64,
    },
    /// An answer that the standard does not have.
    #[error("it answers otherwise than the standard says: {0}")]
    Unlike(String),
    /// The request could not be put together.
    #[error("the request cannot be put together")]
    Request(#[source] WitnessRefusal),
    /// Our own database.
    #[error(transparent)]
    Ours(AppError),
}

impl WitnessProblem {
    /// Whether it says that the history is another one than the witness cosigned: an alarm, not an outage.
    #[must_use]
    pub const fn is_contradiction(&self) -> bool {
        matches!(self, Self::OtherHistory { .. } | Self::Ahead { .. })
    }

    const fn label(&self) -> &'static str {
        match self {
            Self::OtherHistory { .. } | Self::Ahead { .. } => "contradicted",
            Self::UnknownLog | Self::UnknownKey => "refused",
            Self::Unreachable(_) => "unreachable",
            Self::Unlike(_) | Self::Request(_) => "unlike",
            Self::NothingSigned | Self::Ours(_) => "not_asked",
        }
    }

    /// Tells the operator, in the log and in the metrics.
    pub(super) fn tell(&self, witness: &WitnessAddress) {
        metrics::counter!("cairn_witness_answers_total", "answer" => self.label()).increment(1);
        let (name, cause) = (witness.key.name(), std::error::Error::source(self).map(ToString::to_string));
        if self.is_contradiction() {
            tracing::error!(witness = %name, problem = %self, "a witness does not cosign");
        } else {
            tracing::warn!(witness = %name, problem = %self, cause, "a witness does not cosign");
        }
    }
}

/// Calls witnesses over HTTP; cheap to clone.
#[derive(Debug, Clone)]
pub struct WitnessClient {
    http: reqwest::Client,
}

impl WitnessClient {
    /// A client that keeps its connections.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub fn new() -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(PATIENCE.0)
            .timeout(PATIENCE.1)
            .user_agent(concat!("cairn/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http })
    }

    /// Asks a witness to cosign the last signed checkpoint. `known` is the size that it is thought to have cosigned last.
    ///
    /// # Errors
    /// [`WitnessProblem`]: there is no cosignature.
    pub async fn ask(
        &self,
        keeper: &LogKeeper,
        witness: &WitnessAddress,
        known: u64,
    ) -> Result<KeptCosignature, WitnessProblem> {
        let mut old = known;
        for _ in 0..MOST_TRIES {
            // Another process may have signed, and told the witness, since the last try.
            let last = keeper.last().await.map_err(WitnessProblem::Ours)?.ok_or(WitnessProblem::NothingSigned)?;
            let checkpoint = SignedCheckpoint::parse(last.note.as_bytes());
            let checkpoint = checkpoint.map_err(|error| WitnessProblem::Unlike(error.to_string()))?;
            if old > last.size {
                return Err(WitnessProblem::Ahead { size: old, signed: last.size });
            }
            let proof = if old == 0 {
                Vec::new()
            } else {
                keeper.consistency(old, last.size).await.map_err(WitnessProblem::Ours)?
            };
            let request = AddCheckpoint::new(old, proof, checkpoint.clone()).map_err(WitnessProblem::Request)?;
            match self.post(witness, request.to_string()).await? {
                Answered::Lines(lines) => return cosignature(&checkpoint, &lines, witness),
                // It goes on from the size that was sent, so it is the root that differs.
                Answered::Size(size) if size == old => return Err(WitnessProblem::OtherHistory { size }),
                Answered::Size(size) => old = size,
                Answered::BadProof => return Err(WitnessProblem::OtherHistory { size: old }),
            }
        }
        Err(WitnessProblem::Unlike("it names another size each time".to_owned()))
    }

    async fn post(&self, witness: &WitnessAddress, body: String) -> Result<Answered, WitnessProblem> {
        let url = format!("{}/add-checkpoint", witness.url);
        let mut answer = self.http.post(url).body(body).send().await.map_err(WitnessProblem::Unreachable)?;
        let status = answer.status().as_u16();
        let is_size = answer.headers().get("content-type").is_some_and(|value| value == TREE_SIZE_CONTENT_TYPE);
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(WitnessProblem::Unreachable)? {
            if bytes.len() + chunk.len() > MOST_BYTES {
                return Err(WitnessProblem::Unlike(format!("more than {MOST_BYTES} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        match status {
            200 => Ok(Answered::Lines(bytes)),
            409 if is_size => {
                let size = read_tree_size(&bytes);
                size.map(Answered::Size).ok_or_else(|| WitnessProblem::Unlike("409 without a size".to_owned()))
            }
            422 => Ok(Answered::BadProof),
            403 => Err(WitnessProblem::UnknownKey),
            404 => Err(WitnessProblem::UnknownLog),
            status => Err(WitnessProblem::Unlike(format!("the status {status}"))),
        }
    }
}

enum Answered {
    Lines(Vec<u8>),
    Size(u64),
    BadProof,
}

/// The line of the witness's own key, verified.
fn cosignature(
    checkpoint: &SignedCheckpoint,
    lines: &[u8],
    witness: &WitnessAddress,
) -> Result<KeptCosignature, WitnessProblem> {
    let unlike = |error: &dyn std::fmt::Display| WitnessProblem::Unlike(error.to_string());
    let lines = SignatureLine::parse_lines(lines).map_err(|error| unlike(&error))?;
    let known = std::slice::from_ref(&witness.key);
    let mut note = checkpoint.clone();
    note.adopt(lines, known).map_err(|error| unlike(&error))?;
    let verified = note.note().verify(known).map_err(|_| unlike(&"200 without a cosignature of its key"))?;
    let by_it = |line: &&SignatureLine| line.name() == witness.key.name().as_str() && line.id() == witness.key.id();
    let line = note.note().signatures().iter().find(by_it).map(ToString::to_string);
    match (verified.first(), line) {
        (Some(Verified { cosigned_at: Some(cosigned_at), .. }), Some(line)) => Ok(KeptCosignature {
            origin: checkpoint.unverified().origin.to_string(),
            size: checkpoint.unverified().size,
            key: witness.key.to_string(),
            cosigned_at: *cosigned_at,
            line,
        }),
        _ => Err(unlike(&"200 without a cosignature of its key")),
    }
}
