//! Wrapping: how a key lies in the key store, readable only with the master key of its epoch.
//!
//! Format: `nonce (12) ‖ ciphertext and tag (48)` of the key's 32 bytes, AES-256-GCM-SIV (RFC 8452: a repeated nonce
//! reveals at most that two keys are equal), under the epoch's wrapping key (see `master`). Associated data, so that
//! no row can be passed off as another:
//! - a person's key: `"cairn-key/v1" ‖ key id (16) ‖ subject (16) ‖ text(class) ‖ generation (u32 be) ‖ epoch (u32 be)`;
//! - a deployment key: `"cairn-deployment-key/v1" ‖ text(name) ‖ epoch (u32 be)`;
//!
//! where `text(x)` is `length (u16 be) ‖ x`.

use super::error::VaultError;
use super::key::KeyName;
use super::master::MasterKeys;
use super::random::RandomSource;
use super::secret::{KEY_LENGTH, SecretKey};
use super::store::WrappedBytes;
use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use zeroize::Zeroizing;

const NONCE_LENGTH: usize = 12;

/// What a wrapped key is bound to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Binding<'a> {
    /// A key of one person.
    Person(&'a KeyName),
    /// A key of the deployment, by its name.
    Deployment(&'static str),
}

impl Binding<'_> {
    fn associated_data(&self, epoch: u32) -> Vec<u8> {
        let text = |data: &mut Vec<u8>, text: &'static str| {
            // Both texts are constants of this crate, a few bytes long: the fallback is never taken.
            data.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
            data.extend(text.as_bytes());
        };
        let mut data = Vec::new();
        match *self {
            Self::Person(name) => {
                data.extend(b"cairn-key/v1");
                data.extend(name.id.0.as_bytes());
                data.extend(name.subject.0.as_bytes());
                text(&mut data, name.class.code());
                data.extend(name.generation.to_be_bytes());
            }
            Self::Deployment(name) => {
                data.extend(b"cairn-deployment-key/v1");
                text(&mut data, name);
            }
        }
        data.extend(epoch.to_be_bytes());
        data
    }
}

/// Draws a new key and wraps it under an epoch.
///
/// # Errors
/// [`VaultError::EpochMissing`] without that epoch's master key; the cipher's limit lies far above 32 bytes.
pub(super) fn draw_wrapped(
    master: &MasterKeys,
    epoch: u32,
    random: &dyn RandomSource,
    binding: Binding<'_>,
) -> Result<WrappedBytes, VaultError> {
    let mut secret = Zeroizing::new([0; KEY_LENGTH]);
    random.fill(&mut *secret);
    let mut nonce = [0; NONCE_LENGTH];
    random.fill(&mut nonce);
    wrap(master, epoch, binding, nonce, &secret)
}

/// Opens a wrapped key and wraps it under another epoch with a new nonce.
///
/// # Errors
/// Those of [`unwrap`], and [`VaultError::EpochMissing`] without the other epoch's master key.
pub(super) fn wrap_anew(
    master: &MasterKeys,
    epoch: u32,
    random: &dyn RandomSource,
    binding: Binding<'_>,
    wrapped: &WrappedBytes,
) -> Result<WrappedBytes, VaultError> {
    let secret = unwrap(master, binding, wrapped)?;
    let mut nonce = [0; NONCE_LENGTH];
    random.fill(&mut nonce);
    wrap(master, epoch, binding, nonce, secret.expose())
}

fn wrap(
    master: &MasterKeys,
    epoch: u32,
    binding: Binding<'_>,
    nonce: [u8; NONCE_LENGTH],
    secret: &[u8; KEY_LENGTH],
) -> Result<WrappedBytes, VaultError> {
    let key = master.wrapping_key(epoch)?;
    let payload = Payload { msg: secret, aad: &binding.associated_data(epoch) };
    let ciphertext = Aes256GcmSiv::new(key.expose().into())
        .encrypt(&Nonce::from(nonce), payload)
        .map_err(|_| VaultError::Damaged("a key of 32 bytes could not be wrapped"))?;
    Ok(WrappedBytes { epoch, bytes: [nonce.as_slice(), &ciphertext].concat() })
}

/// Opens a wrapped key.
///
/// # Errors
/// [`VaultError::EpochMissing`] without that epoch's master key; [`VaultError::WrongMasterKey`] when it does not open
/// the row, because the key is another or the row was altered.
pub(super) fn unwrap(
    master: &MasterKeys,
    binding: Binding<'_>,
    wrapped: &WrappedBytes,
) -> Result<SecretKey, VaultError> {
    let refused = || VaultError::WrongMasterKey { epoch: wrapped.epoch };
    let key = master.wrapping_key(wrapped.epoch)?;
    let (nonce, ciphertext) = wrapped.bytes.split_first_chunk::<NONCE_LENGTH>().ok_or_else(refused)?;
    let payload = Payload { msg: ciphertext, aad: &binding.associated_data(wrapped.epoch) };
    let opened = Aes256GcmSiv::new(key.expose().into())
        .decrypt(&Nonce::from(*nonce), payload)
        .map(Zeroizing::new)
        .map_err(|_| refused())?;
    let bytes: [u8; KEY_LENGTH] = opened.as_slice().try_into().map_err(|_| refused())?;
    Ok(SecretKey::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::PersonId;
    use crate::vault::key::{KeyClass, KeyId};
    use uuid::Uuid;

    fn master(epoch: u32, digit: &str) -> MasterKeys {
        MasterKeys::parse(&format!("cairn-master-key/v1 {epoch} {}", digit.repeat(64))).unwrap()
    }

    fn name() -> KeyName {
        KeyName {
            id: KeyId(Uuid::from_u128(1)),
            subject: PersonId(Uuid::from_u128(2)),
            class: KeyClass::Words,
            generation: 3,
        }
    }

    fn wrapped() -> WrappedBytes {
        wrap(&master(7, "a"), 7, Binding::Person(&name()), [9; NONCE_LENGTH], &[5; KEY_LENGTH]).unwrap()
    }

    #[test]
    fn a_wrapped_key_opens_under_its_own_name_only() {
        let master = master(7, "a");
        assert_eq!(wrapped().bytes.len(), 60);
        assert_eq!(unwrap(&master, Binding::Person(&name()), &wrapped()).unwrap().expose(), &[5; 32]);
        let others = [
            KeyName { id: KeyId(Uuid::from_u128(9)), ..name() },
            KeyName { subject: PersonId(Uuid::from_u128(9)), ..name() },
            KeyName { class: KeyClass::Identity, ..name() },
            KeyName { generation: 4, ..name() },
        ];
        for other in others {
            let answer = unwrap(&master, Binding::Person(&other), &wrapped());
            assert!(matches!(answer, Err(VaultError::WrongMasterKey { epoch: 7 })), "{other:?}");
        }
        assert!(unwrap(&master, Binding::Deployment("fingerprint"), &wrapped()).is_err());
    }

    #[test]
    fn another_master_key_and_another_epoch_are_told_apart() {
        let wrong = unwrap(&master(7, "b"), Binding::Person(&name()), &wrapped());
        assert!(matches!(wrong, Err(VaultError::WrongMasterKey { epoch: 7 })));
        let missing = unwrap(&master(8, "a"), Binding::Person(&name()), &wrapped());
        assert!(matches!(missing, Err(VaultError::EpochMissing { epoch: 7 })));
        let both = MasterKeys::parse(&format!(
            "cairn-master-key/v1 8 {}\ncairn-master-key/v1 7 {}",
            "b".repeat(64),
            "a".repeat(64)
        ));
        assert!(unwrap(&both.unwrap(), Binding::Person(&name()), &wrapped()).is_ok());
    }

    #[test]
    fn every_altered_bit_is_refused() {
        for bit in 0..60 * 8 {
            let mut altered = wrapped();
            altered.bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(unwrap(&master(7, "a"), Binding::Person(&name()), &altered).is_err(), "bit {bit}");
        }
        let relabelled = WrappedBytes { epoch: 8, ..wrapped() };
        assert!(unwrap(&master(8, "a"), Binding::Person(&name()), &relabelled).is_err());
    }

    #[test]
    fn the_format_is_a_promise() {
        let associated = Binding::Person(&name()).associated_data(7);
        let expected = [
            "636169726e2d6b65792f7631",
            "00000000000000000000000000000001",
            "00000000000000000000000000000002",
            "0005776f726473",
            "00000003",
            "00000007",
        ];
        assert_eq!(hex::encode(associated), expected.concat());
        // Checked against a second implementation of HKDF and AES-GCM-SIV.
        let frozen = "09090909090909090909090987c7b29f79f0f43981e58a7a8731111d56b50374a673364bc7223e27de75023a5c386d8718ba7b0f\
                      acbbbb288060bba3";
        assert_eq!(hex::encode(wrapped().bytes), frozen);
    }
}
