//! Destroying the keys that erasures committed to destroy. The two stores have no transaction in common: the erasure notes the
//! keys in its own, and here they are destroyed and the note is ended, in this order, as often as it takes. Where only some
//! recordings were erased, everything else of the person is sealed with a new key first.

use crate::app::seen::sealed_part;
use crate::app::{App, AppError};
use crate::domain::event::Class;
use crate::domain::ids::PersonId;
use crate::store::About;
use crate::store::lawful::{KeyDestruction, SealedAnew};
use crate::vault::{DataKey, KeyClass, OpenError, SealedPart, VaultError};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How many are looked for at once.
const PAGE: u32 = 100;
/// What the tombstone of a key says.
const REASON: &str = "erasure";
/// How often what was left undone is looked for.
const INTERVAL: Duration = Duration::from_secs(30);

impl App {
    /// Destroys every key that is still to be destroyed; answers how many erasures' keys that were.
    ///
    /// # Errors
    /// What the store or the key store says; what was done stays done, the rest is found again.
    pub async fn destroy_erased_keys(&self) -> Result<usize, AppError> {
        let mut done = 0;
        loop {
            let pending = self.store.pending_destructions(PAGE).await?;
            for destruction in &pending {
                self.destroy_keys(destruction).await?;
                self.store.destruction_done(destruction, self.now()).await?;
                done += 1;
            }
            if pending.len() < PAGE as usize {
                return Ok(done);
            }
        }
    }

    async fn destroy_keys(&self, destruction: &KeyDestruction) -> Result<(), AppError> {
        let (subject, now) = (destruction.subject, self.now().micros());
        let class = match destruction.class {
            Class::Identity => KeyClass::Identity,
            Class::Words => KeyClass::Words,
            Class::Facts | Class::Index => return Ok(()),
        };
        match destruction.below {
            None => self.vault.destroy(subject, class, REASON, now).await?,
            Some(below) => match self.vault.renew(subject, class, below, now).await {
                Ok(key) => {
                    self.seal_anew(subject, destruction.class, &key).await?;
                    self.vault.destroy_below(subject, class, below, REASON, now).await?
                }
                // All of the class was erased meanwhile: there is nothing left to seal or to destroy.
                Err(VaultError::Erased) => 0,
                Err(error) => return Err(error.into()),
            },
        };
        Ok(())
    }

    /// Seals all of a person's parts of a class with one key. What is recorded meanwhile is sealed with it or not admitted.
    async fn seal_anew(&self, subject: PersonId, class: Class, key: &DataKey) -> Result<(), AppError> {
        loop {
            let parts = self.store.parts_not_sealed_with(subject, class, key.id().0, PAGE).await?;
            if parts.is_empty() {
                return Ok(());
            }
            let sealed: Vec<SealedPart<'_>> = parts.iter().filter_map(sealed_part).collect();
            let mut anew = Vec::with_capacity(parts.len());
            for (part, opened) in sealed.iter().zip(self.vault.unseal_many(&sealed).await) {
                let position = parts.iter().find(|one| one.event == part.context.event).map_or(0, |one| one.position);
                let opened = match opened {
                    Ok(opened) => opened,
                    Err(OpenError::Tampered) => return Err(AppError::Tampered { position }),
                    Err(OpenError::Erased) => return Err(AppError::Erased),
                    Err(OpenError::KeyUnavailable(error)) => return Err(AppError::KeysUnavailable(Arc::new(error))),
                };
                // The same salt and bytes: the commitment in the leaf holds as it did.
                let resealed = key
                    .seal(&part.context, self.vault.fresh_nonce(), opened.salt.expose(), opened.plaintext.expose())
                    .map_err(VaultError::from)?;
                anew.push(SealedAnew {
                    position,
                    name: part.context.part.to_owned(),
                    old_key: part.key_id.0,
                    new_key: resealed.key_id.0,
                    bytes: resealed.bytes,
                });
            }
            self.store.put_sealed_anew(&anew).await?;
        }
    }

    /// Makes sure that words are sealed with a key that an erasure left, before they are sealed once more.
    pub(in crate::app) async fn renew_words_key(&self, about: Option<About>, generation: u32) -> Result<(), AppError> {
        if let Some(about) = about {
            self.vault.renew(about.person, KeyClass::Words, generation, self.now().micros()).await?;
        }
        Ok(())
    }

    /// Looks again and again for what a crash or an outage left undone, until the service ends.
    #[must_use]
    pub fn keep_destroying_erased_keys(&self) -> JoinHandle<()> {
        let app = self.clone();
        tokio::spawn(async move {
            loop {
                app.try_to_destroy_erased_keys().await;
                tokio::time::sleep(INTERVAL).await;
            }
        })
    }

    /// The same once; what fails is told to operators and tried again later.
    pub(super) async fn try_to_destroy_erased_keys(&self) {
        match self.destroy_erased_keys().await {
            Ok(0) => {}
            Ok(keys) => tracing::info!(keys, "destroyed the keys of erased data"),
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, cause, "keys of erased data could not be destroyed yet");
            }
        }
    }
}
