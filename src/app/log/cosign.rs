//! Cosignatures: which witnesses are asked, what they answered, and which checkpoint is shown for it. `cosign_asking` talks to
//! one witness. A witness that does not answer never holds up recording, signing or reading.

use crate::app::AppError;
use crate::app::log::cosign_asking::{WitnessClient, WitnessProblem};
use crate::app::log::keeper::LogKeeper;
use crate::ledger::{SignatureLine, SignatureType, SignedCheckpoint, VerifierKey};
use crate::store::{KeptCheckpoint, KeptCosignature};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long after a failure a witness is asked again at the earliest, and at the latest.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// A witness that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessAddress {
    /// Its submission prefix (C2SP `tlog-witness`), without a final slash.
    pub url: String,
    /// The key of its cosignatures.
    pub key: VerifierKey,
}

impl WitnessAddress {
    /// A witness; `None` where the key is not one of cosignatures.
    #[must_use]
    pub fn new(url: &str, key: VerifierKey) -> Option<Self> {
        let url = url.trim_end_matches('/').to_owned();
        (key.signature_type() == SignatureType::Cosignature).then_some(Self { url, key })
    }
}

/// Which witnesses are asked, and how many must have cosigned what is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WitnessPolicy {
    /// The witnesses, each with a key of its own.
    pub witnesses: Vec<WitnessAddress>,
    /// How many of them; 0 shows what is signed at once, with whatever cosignatures there are.
    pub quorum: u32,
}

impl WitnessPolicy {
    fn keys(&self) -> Vec<String> {
        self.witnesses.iter().map(|witness| witness.key.to_string()).collect()
    }
}

impl LogKeeper {
    /// The checkpoint that is shown, with its cosignatures: the greatest that enough witnesses cosigned, or the last signed one
    /// where nobody has to. `None` before there is one.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn shown(&self) -> Result<Option<KeptCheckpoint>, AppError> {
        let policy = self.policy();
        let last = if policy.quorum == 0 { self.last().await? } else { self.last_cosigned(policy.quorum).await? };
        let shown = self.with_cosignatures(last.into_iter().collect()).await?;
        Ok(shown.into_iter().next())
    }

    /// The greatest checkpoint that so many of the witnesses cosigned.
    async fn last_cosigned(&self, quorum: u32) -> Result<Option<KeptCheckpoint>, AppError> {
        let origin = self.origin().as_str();
        let size = self.app().store.last_cosigned(origin, &self.policy().keys(), quorum).await?;
        let Some(size) = size else { return Ok(None) };
        let found = self.app().store.checkpoints(origin, size, 1).await?;
        Ok(found.into_iter().find(|kept| kept.size == size))
    }

    /// Adds the cosignatures that are kept to checkpoints, smallest first. One that is not over the checkpoint that it is kept
    /// under is told to the operator and left out: the history was rewritten under it.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn with_cosignatures(&self, mut kept: Vec<KeptCheckpoint>) -> Result<Vec<KeptCheckpoint>, AppError> {
        let (Some(first), Some(last)) = (kept.first(), kept.last()) else { return Ok(kept) };
        let lines = self.app().store.cosignatures(self.origin().as_str(), first.size, last.size).await?;
        for checkpoint in &mut kept {
            let of_it: Vec<_> = lines.iter().filter(|line| line.size == checkpoint.size).collect();
            if let Some(note) = adopted(checkpoint, &of_it) {
                checkpoint.note = note;
            }
        }
        Ok(kept)
    }

    /// Asks every witness for a cosignature whenever something new is signed, each in a task of its own, until the service ends.
    pub fn keep_collecting(self: &Arc<Self>, client: &WitnessClient, interval: Duration) -> Vec<JoinHandle<()>> {
        let collect = |witness: &WitnessAddress| {
            tokio::spawn(collect(Arc::clone(self), client.clone(), witness.clone(), interval))
        };
        self.policy().witnesses.iter().map(collect).collect()
    }

    /// Says in the metrics how old the checkpoint is that was cosigned last.
    async fn measure(&self) {
        if let Ok(Some(shown)) = self.last_cosigned(self.policy().quorum.max(1)).await {
            let origin = self.origin().to_string();
            metrics::gauge!("cairn_cosigned_checkpoint_time_seconds", "origin" => origin.clone())
                .set(shown.signed_at.micros() as f64 / 1e6);
            metrics::gauge!("cairn_cosigned_checkpoint_size", "origin" => origin).set(shown.size as f64);
        }
    }
}

/// The note of a checkpoint with its cosignatures; `None` where nothing is to be added.
fn adopted(checkpoint: &KeptCheckpoint, lines: &[&KeptCosignature]) -> Option<String> {
    let mut signed = SignedCheckpoint::parse(checkpoint.note.as_bytes()).ok()?;
    for kept in lines {
        let adopted = kept.key.parse::<VerifierKey>().ok().and_then(|key| {
            let line = SignatureLine::parse_lines(kept.line.as_bytes()).ok()?;
            signed.adopt(line, std::slice::from_ref(&key)).ok().filter(|taken| *taken > 0)
        });
        if adopted.is_none() {
            tracing::error!(
                witness = kept.key,
                size = kept.size,
                "a kept cosignature is not over the checkpoint of its size"
            );
        }
    }
    (!lines.is_empty()).then(|| signed.to_string())
}

/// Asks one witness again and again.
async fn collect(keeper: Arc<LogKeeper>, client: WitnessClient, witness: WitnessAddress, interval: Duration) {
    let mut recorded = keeper.tree().follow();
    let store = Arc::clone(keeper.app().store());
    let own = [witness.key.to_string()];
    let mut known = store.last_cosigned(keeper.origin().as_str(), &own, 1).await.ok().flatten().unwrap_or(0);
    // Each start asks at least once: whether the witness still knows the log as it is.
    let mut done = None;
    let mut wait = RETRY.0;
    keeper.measure().await;
    loop {
        let last = keeper.last().await.ok().flatten();
        if last.is_some_and(|last| done.is_none_or(|done| last.size > done)) {
            let asked = client.ask(&keeper, &witness, known).await;
            let kept = match asked {
                Ok(cosignature) => store
                    .put_cosignature(&cosignature)
                    .await
                    .map(|()| cosignature.size)
                    .map_err(|error| WitnessProblem::Ours(AppError::from(error))),
                Err(problem) => Err(problem),
            };
            match kept {
                Ok(size) => {
                    metrics::counter!("cairn_witness_answers_total", "answer" => "cosigned").increment(1);
                    (known, done, wait) = (size, Some(size), RETRY.0);
                    keeper.measure().await;
                }
                Err(problem) => {
                    problem.tell(&witness);
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(RETRY.1);
                    continue;
                }
            }
        }
        let size = *recorded.borrow_and_update();
        if done.is_some_and(|done| done >= size) && recorded.changed().await.is_err() {
            return;
        }
        // What was recorded is signed within this time.
        tokio::time::sleep(interval).await;
    }
}
