//! What a vault does, whatever its store: each function runs on SQLite and on PostgreSQL.

use super::ground_test::{Ground, master, on_both_stores};
use super::*;
use crate::domain::ids::{EventId, StreamId};
use std::collections::HashSet;
use uuid::Uuid;

on_both_stores! {
    what_is_sealed_opens_again_also_later
    a_part_opens_in_its_own_place_only
    answers_keep_the_order_of_the_parts
    erased_is_neither_missing_nor_tampered
    destruction_is_of_one_class_and_happens_once
    a_later_generation_seals_and_the_earlier_can_be_destroyed
    a_generation_is_made_once_and_never_behind_a_destruction
    a_lost_key_is_unavailable
    a_store_that_is_away_is_unavailable
    keys_passed_off_as_others_are_unavailable
    a_destruction_elsewhere_counts_when_the_cache_expires
    a_destruction_here_counts_at_once
    racing_for_one_person_gives_one_key
    racing_to_open_gives_one_set_of_deployment_keys
    a_person_without_keys_has_none
    a_key_is_not_made_behind_a_destruction
    one_erased_person_refuses_only_those_who_ask
    another_master_key_opens_nothing
    an_older_epoch_opens_and_the_newer_wraps
    a_missing_store_is_said_and_not_replaced
    lost_deployment_keys_are_not_replaced_once_people_have_keys
    keys_do_not_stand_beside_events
    deployment_keys_that_changed_are_noticed
    durability_switched_off_is_refused
}

const WORDS: KeyClass = KeyClass::Words;
const IDENTITY: KeyClass = KeyClass::Identity;
const SALT: [u8; SALT_LENGTH] = [6; SALT_LENGTH];
const TEXT: &[u8] = b"to walk to the shop alone";

fn person() -> PersonId {
    PersonId(Uuid::new_v4())
}

fn place() -> SealContext<'static> {
    let (event, stream) = (EventId(Uuid::from_u128(1)), StreamId(Uuid::from_u128(2)));
    SealContext { event, stream, version: 0, part: "narrative" }
}

async fn sealed(vault: &Vault, subject: PersonId, class: KeyClass) -> Sealed {
    vault.ensure_keys(&[subject], 1).await.unwrap();
    vault.seal(subject, class, &place(), &SALT, TEXT).await.unwrap()
}

fn part(sealed: &Sealed, class: KeyClass) -> SealedPart<'_> {
    SealedPart { key_id: sealed.key_id, class, context: place(), bytes: &sealed.bytes }
}

async fn open(vault: &Vault, part: SealedPart<'_>) -> Result<Opened, OpenError> {
    vault.unseal_many(&[part]).await.remove(0)
}

fn opens(answer: &Result<Opened, OpenError>) -> bool {
    answer.as_ref().is_ok_and(|opened| opened.plaintext.expose() == TEXT && opened.salt.expose() == &SALT)
}

async fn what_is_sealed_opens_again_also_later(ground: &Ground) {
    let (vault, subject) = (ground.open().await, person());
    let words = sealed(&vault, subject, WORDS).await;
    let identity = sealed(&vault, subject, IDENTITY).await;
    assert_ne!(words.key_id, identity.key_id);
    assert!(!words.bytes.windows(4).any(|window| TEXT.starts_with(window)));
    assert_ne!(words.bytes, sealed(&vault, subject, WORDS).await.bytes);
    vault.check().await.unwrap();
    vault.close().await;

    let later = ground.open_with(false, master(&[(1, "a")])).await.unwrap();
    assert!(opens(&open(&later, part(&words, WORDS)).await));
    assert!(opens(&open(&later, part(&identity, IDENTITY)).await));
    assert!(later.unseal_many(&[]).await.is_empty());
    later.ensure_keys(&[], 1).await.unwrap();
}

async fn a_part_opens_in_its_own_place_only(ground: &Ground) {
    let (vault, subject) = (ground.open().await, person());
    let words = sealed(&vault, subject, WORDS).await;
    let other_key = sealed(&vault, person(), WORDS).await.key_id;
    let other_class = sealed(&vault, subject, IDENTITY).await.key_id;
    let right = part(&words, WORDS);
    let wrong = [
        SealedPart { context: SealContext { event: EventId(Uuid::from_u128(9)), ..place() }, ..right },
        SealedPart { context: SealContext { stream: StreamId(Uuid::from_u128(9)), ..place() }, ..right },
        SealedPart { context: SealContext { version: 1, ..place() }, ..right },
        SealedPart { context: SealContext { part: "name", ..place() }, ..right },
        SealedPart { class: IDENTITY, ..right },
        SealedPart { key_id: other_key, ..right },
        SealedPart { key_id: other_class, class: IDENTITY, ..right },
        SealedPart { bytes: &right.bytes[1..], ..right },
    ];
    for (index, answer) in vault.unseal_many(&wrong).await.iter().enumerate() {
        assert!(matches!(answer, Err(OpenError::Tampered)), "case {index}: {answer:?}");
    }
    assert!(opens(&open(&vault, right).await));
}

async fn answers_keep_the_order_of_the_parts(ground: &Ground) {
    let (vault, subject, erased) = (ground.open().await, person(), person());
    let (kept, gone) = (sealed(&vault, subject, WORDS).await, sealed(&vault, erased, WORDS).await);
    vault.destroy(erased, WORDS, "test", 2).await.unwrap();
    let (right, unknown) = (part(&kept, WORDS), KeyId(Uuid::new_v4()));
    let parts = [
        part(&gone, WORDS),
        right,
        SealedPart { key_id: unknown, ..right },
        SealedPart { class: IDENTITY, ..right },
        right,
    ];
    let answers = vault.unseal_many(&parts).await;
    assert!(matches!(answers[0], Err(OpenError::Erased)));
    assert!(opens(&answers[1]));
    assert!(matches!(answers[2], Err(OpenError::KeyUnavailable(VaultError::KeyMissing))));
    assert!(matches!(answers[3], Err(OpenError::Tampered)));
    assert!(opens(&answers[4]));
}

async fn erased_is_neither_missing_nor_tampered(ground: &Ground) {
    let (vault, subject) = (ground.open().await, person());
    let words = sealed(&vault, subject, WORDS).await;
    assert_eq!(vault.destroy(subject, WORDS, "erasure", 5).await.unwrap(), 1);
    // Also for altered bytes: without the key nobody can say more.
    let altered = SealedPart { bytes: b"", ..part(&words, WORDS) };
    for part in [part(&words, WORDS), altered] {
        assert!(matches!(open(&vault, part).await, Err(OpenError::Erased)));
    }
    assert!(matches!(vault.sealing_key(subject, WORDS).await, Err(VaultError::Erased)));
    assert!(matches!(vault.ensure_keys(&[subject], 6).await, Err(VaultError::Erased)));
    let left = "SELECT count(*) FROM destroyed_key WHERE destroyed_at_micros = 5 AND reason = 'erasure'";
    assert_eq!(ground.count(left).await, 1);
    assert_eq!(ground.count("SELECT count(*) FROM person_key WHERE class = 'words'").await, 0);
}

async fn destruction_is_of_one_class_and_happens_once(ground: &Ground) {
    let (vault, subject, other) = (ground.open().await, person(), person());
    let identity = sealed(&vault, subject, IDENTITY).await;
    let others = sealed(&vault, other, WORDS).await;
    assert_eq!(vault.destroy(subject, WORDS, "test", 1).await.unwrap(), 1);
    assert_eq!(vault.destroy(subject, WORDS, "test", 2).await.unwrap(), 0);
    assert_eq!(vault.destroy(person(), WORDS, "test", 3).await.unwrap(), 0);
    assert!(opens(&open(&vault, part(&identity, IDENTITY)).await));
    assert!(opens(&open(&vault, part(&others, WORDS)).await));
    assert_eq!(ground.count("SELECT count(*) FROM destroyed_key").await, 1);
}

async fn a_later_generation_seals_and_the_earlier_can_be_destroyed(ground: &Ground) {
    let (vault, subject) = (ground.open_caching().await, person());
    vault.ensure_keys(&[subject], 1).await.unwrap();
    let (old, identity) = (sealed(&vault, subject, WORDS).await, sealed(&vault, subject, IDENTITY).await);
    assert_eq!(old.generation, 0);
    assert_eq!(vault.renew(subject, WORDS, 1, 2).await.unwrap().generation(), 1);
    let new = sealed(&vault, subject, WORDS).await;
    assert_eq!(new.generation, 1);
    assert!(opens(&open(&vault, part(&old, WORDS)).await), "until it is destroyed");
    assert_eq!(vault.destroy_below(subject, WORDS, 1, "test", 3).await.unwrap(), 1);
    assert_eq!(vault.destroy_below(subject, WORDS, 1, "test", 3).await.unwrap(), 0);
    for vault in [&vault, &ground.open().await] {
        assert!(matches!(open(vault, part(&old, WORDS)).await, Err(OpenError::Erased)));
        assert!(opens(&open(vault, part(&new, WORDS)).await));
        assert!(opens(&open(vault, part(&identity, IDENTITY)).await));
        // The person is not erased: there is a key to seal with.
        vault.ensure_keys(&[subject], 4).await.unwrap();
        assert_eq!(sealed(vault, subject, WORDS).await.generation, 1);
    }
}

async fn a_generation_is_made_once_and_never_behind_a_destruction(ground: &Ground) {
    let (one, other, subject) = (ground.open().await, ground.open().await, person());
    assert!(matches!(one.renew(subject, WORDS, 1, 1).await, Err(VaultError::KeyMissing)));
    one.ensure_keys(&[subject], 1).await.unwrap();
    let (first, second) = tokio::join!(one.renew(subject, WORDS, 1, 2), other.renew(subject, WORDS, 1, 2));
    assert_eq!(first.unwrap().id(), second.unwrap().id());
    assert_eq!(one.renew(subject, WORDS, 0, 3).await.unwrap().generation(), 1, "a later one will do");
    one.destroy(subject, WORDS, "test", 4).await.unwrap();
    for vault in [&one, &other] {
        assert!(matches!(vault.renew(subject, WORDS, 2, 5).await, Err(VaultError::Erased)));
    }
    assert_eq!(ground.count("SELECT count(*) FROM destroyed_key").await, 2);
}

async fn a_lost_key_is_unavailable(ground: &Ground) {
    let (vault, subject) = (ground.open().await, person());
    let words = sealed(&vault, subject, WORDS).await;
    assert_eq!(ground.run("DELETE FROM person_key").await, 2);
    let answer = open(&vault, part(&words, WORDS)).await;
    assert!(matches!(answer, Err(OpenError::KeyUnavailable(VaultError::KeyMissing))), "{answer:?}");
}

async fn a_store_that_is_away_is_unavailable(ground: &Ground) {
    let (vault, subject) = (ground.open().await, person());
    let words = sealed(&vault, subject, WORDS).await;
    vault.close().await;
    let answer = open(&vault, part(&words, WORDS)).await;
    assert!(matches!(answer, Err(OpenError::KeyUnavailable(VaultError::Store { .. }))), "{answer:?}");
    assert!(matches!(vault.sealing_key(subject, WORDS).await, Err(VaultError::Store { .. })));
    assert!(matches!(vault.ensure_keys(&[subject], 1).await, Err(VaultError::Store { .. })));
    assert!(matches!(vault.destroy(subject, WORDS, "test", 1).await, Err(VaultError::Store { .. })));
    assert!(matches!(vault.check().await, Err(VaultError::Store { .. })));
}

async fn keys_passed_off_as_others_are_unavailable(ground: &Ground) {
    let (vault, subject) = (ground.open().await, person());
    let words = sealed(&vault, subject, WORDS).await;
    let cause = async || match open(&vault, part(&words, WORDS)).await {
        Err(OpenError::KeyUnavailable(cause)) => cause,
        other => panic!("{other:?}"),
    };
    ground.run("UPDATE person_key SET generation = 1").await;
    assert!(matches!(cause().await, VaultError::WrongMasterKey { epoch: 1 }));
    ground.run("UPDATE person_key SET generation = 0, epoch = 7").await;
    assert!(matches!(cause().await, VaultError::EpochMissing { epoch: 7 }));
    let identity = "UPDATE person_key SET epoch = 1, \
                    wrapped = (SELECT other.wrapped FROM person_key AS other WHERE other.class = 'identity')";
    ground.run(identity).await;
    assert!(matches!(cause().await, VaultError::WrongMasterKey { epoch: 1 }));
}

async fn a_destruction_elsewhere_counts_when_the_cache_expires(ground: &Ground) {
    let (here, elsewhere, subject) = (ground.open_caching().await, ground.open().await, person());
    ground.clock.set(100);
    let words = sealed(&here, subject, WORDS).await;
    elsewhere.destroy(subject, WORDS, "test", 1).await.unwrap();
    assert!(matches!(open(&elsewhere, part(&words, WORDS)).await, Err(OpenError::Erased)));
    ground.clock.set(159);
    assert!(opens(&open(&here, part(&words, WORDS)).await));
    ground.clock.set(160);
    assert!(matches!(open(&here, part(&words, WORDS)).await, Err(OpenError::Erased)));
    assert!(matches!(here.sealing_key(subject, WORDS).await, Err(VaultError::Erased)));
    assert!(matches!(here.ensure_keys(&[subject], 1).await, Err(VaultError::Erased)));
}

async fn a_destruction_here_counts_at_once(ground: &Ground) {
    let (vault, subject) = (ground.open_caching().await, person());
    let (words, identity) = (sealed(&vault, subject, WORDS).await, sealed(&vault, subject, IDENTITY).await);
    vault.clone().destroy(subject, WORDS, "test", 1).await.unwrap();
    assert!(matches!(open(&vault, part(&words, WORDS)).await, Err(OpenError::Erased)));
    assert!(matches!(vault.sealing_key(subject, WORDS).await, Err(VaultError::Erased)));
    assert!(matches!(vault.ensure_keys(&[subject], 1).await, Err(VaultError::Erased)));
    vault.close().await;
    assert!(opens(&open(&vault, part(&identity, IDENTITY)).await), "what is remembered needs no store");
}

async fn racing_for_one_person_gives_one_key(ground: &Ground) {
    let vaults = [ground.open().await, ground.open().await];
    let subjects: Vec<PersonId> = (0..8).map(|_| person()).collect();
    let mut racers = tokio::task::JoinSet::new();
    for index in 0..32_usize {
        let (vault, mut order) = (vaults[index % 2].clone(), subjects.clone());
        order.rotate_left(index % 8);
        racers.spawn(async move {
            vault.ensure_keys(&order, 1).await.unwrap();
            let mut found = Vec::new();
            for subject in order {
                found.push((subject, vault.sealing_key(subject, WORDS).await.unwrap().id()));
            }
            found
        });
    }
    let found: HashSet<(PersonId, KeyId)> = racers.join_all().await.into_iter().flatten().collect();
    assert_eq!(found.len(), 8);
    assert_eq!(ground.count("SELECT count(*) FROM person_key").await, 16);
}

async fn racing_to_open_gives_one_set_of_deployment_keys(ground: &Ground) {
    let vaults = futures::future::join_all((0..6).map(|_| ground.open())).await;
    let organisation: OrganisationCode = "R1A".parse().unwrap();
    let index = |vault: &Vault| vault.blind_index(&organisation, "nhs-number", "9434765919");
    for vault in &vaults {
        vault.check().await.unwrap();
        assert_eq!(index(vault), index(&vaults[0]));
        assert_eq!(vault.fingerprint(&[b"body"]), vaults[0].fingerprint(&[b"body"]));
    }
    assert_eq!(index(&ground.open().await), index(&vaults[0]));
}

async fn a_person_without_keys_has_none(ground: &Ground) {
    let vault = ground.open().await;
    assert!(matches!(vault.sealing_key(person(), WORDS).await, Err(VaultError::KeyMissing)));
    assert_eq!(ground.count("SELECT count(*) FROM person_key").await, 0);
}

async fn a_key_is_not_made_behind_a_destruction(ground: &Ground) {
    // The keeper read that there is no key; by the time that it inserts one, there is a tombstone, or a later generation.
    let (vault, subject) = (ground.open().await, person());
    let words = sealed(&vault, subject, WORDS).await;
    let id = KeyId(Uuid::new_v4());
    let name = key::KeyName { id, subject, class: WORDS, generation: 0 };
    let wrapped = store::WrappedBytes { epoch: 1, bytes: vec![0; 60] };
    let late = [store::NewKey { key: store::WrappedKey { name, wrapped }, created_at_micros: 1 }];
    ground.run("UPDATE person_key SET generation = 1").await;
    let ids = async || {
        let records = vault.ring.store().insert_missing(&late).await.unwrap();
        records.iter().filter(|record| record.name().class == WORDS).map(|record| record.name().id).collect::<Vec<_>>()
    };
    assert_eq!(ids().await, [words.key_id]);
    vault.destroy(subject, WORDS, "test", 2).await.unwrap();
    assert_eq!(ids().await, [words.key_id]);
    assert_eq!(ground.count("SELECT count(*) FROM person_key WHERE class = 'words'").await, 0);
}

async fn one_erased_person_refuses_only_those_who_ask(ground: &Ground) {
    let (vault, erased, other) = (ground.open().await, person(), person());
    vault.ensure_keys(&[erased], 1).await.unwrap();
    vault.destroy(erased, IDENTITY, "test", 2).await.unwrap();
    let third = [person()];
    let both = [erased, other];
    let (mixed, alone) = tokio::join!(vault.ensure_keys(&both, 3), vault.ensure_keys(&third, 3));
    assert!(matches!(mixed, Err(VaultError::Erased)));
    alone.unwrap();
    vault.sealing_key(third[0], IDENTITY).await.unwrap();
    assert_eq!(ground.count("SELECT count(*) FROM destroyed_key").await, 1);
}

async fn another_master_key_opens_nothing(ground: &Ground) {
    sealed(&ground.open().await, person(), WORDS).await;
    let wrong = ground.open_with(true, master(&[(1, "b")])).await;
    assert!(matches!(wrong, Err(VaultError::WrongMasterKey { epoch: 1 })));
    let missing = ground.open_with(true, master(&[(2, "a")])).await;
    assert!(matches!(missing, Err(VaultError::EpochMissing { epoch: 1 })));
}

async fn an_older_epoch_opens_and_the_newer_wraps(ground: &Ground) {
    let words = sealed(&ground.open().await, person(), WORDS).await;
    let rotated = ground.open_with(false, master(&[(1, "a"), (2, "b")])).await.unwrap();
    assert!(opens(&open(&rotated, part(&words, WORDS)).await));
    // The store says which epoch wraps: other processes may not have the newer key yet.
    sealed(&rotated, person(), WORDS).await;
    assert_eq!(ground.count("SELECT count(*) FROM person_key WHERE epoch = 2").await, 0);
    rotated.move_on_to(2, 7).await.unwrap();
    let newer = sealed(&rotated, person(), WORDS).await;
    assert!(opens(&open(&rotated, part(&newer, WORDS)).await));
    assert_eq!(ground.count("SELECT count(*) FROM person_key WHERE epoch = 2").await, 2);
}

async fn a_missing_store_is_said_and_not_replaced(ground: &Ground) {
    assert!(matches!(ground.open_with(false, master(&[(1, "a")])).await, Err(VaultError::Missing)));
    if let Some(file) = ground.file() {
        assert!(!file.exists());
        std::fs::write(&file, b"").unwrap();
        assert!(matches!(ground.open_with(false, master(&[(1, "a")])).await, Err(VaultError::Missing)));
    }
    ground.open().await.close().await;
    assert!(ground.open_with(false, master(&[(1, "a")])).await.is_ok());
}

async fn lost_deployment_keys_are_not_replaced_once_people_have_keys(ground: &Ground) {
    let vault = ground.open().await;
    ground.run("DELETE FROM deployment_key WHERE name = 'blind-index'").await;
    assert!(matches!(ground.open_with(false, master(&[(1, "a")])).await, Err(VaultError::Missing)));
    assert!(ground.open_with(true, master(&[(1, "a")])).await.is_ok(), "nobody is there yet");
    let subject = person();
    vault.ensure_keys(&[subject], 1).await.unwrap();
    for class in KeyClass::ALL {
        ground.run("DELETE FROM deployment_key WHERE name = 'blind-index'").await;
        for create in [false, true] {
            assert!(matches!(ground.open_with(create, master(&[(1, "a")])).await, Err(VaultError::Missing)));
        }
        // A tombstone stands for a person, too.
        vault.destroy(subject, class, "test", 1).await.unwrap();
    }
    assert!(matches!(ground.open_with(true, master(&[(1, "a")])).await, Err(VaultError::Missing)));
}

async fn keys_do_not_stand_beside_events(ground: &Ground) {
    let vault = ground.open().await;
    ground.run("CREATE TABLE event (position BIGINT)").await;
    assert!(matches!(vault.check().await, Err(VaultError::SharedWithEvents)));
    assert!(matches!(ground.open_with(true, master(&[(1, "a")])).await, Err(VaultError::SharedWithEvents)));
}

async fn deployment_keys_that_changed_are_noticed(ground: &Ground) {
    let vault = ground.open().await;
    ground.run("DELETE FROM deployment_key").await;
    assert!(matches!(vault.check().await, Err(VaultError::Missing)));
    ground.open().await;
    assert!(matches!(vault.check().await, Err(VaultError::Damaged(_))));
}

async fn durability_switched_off_is_refused(ground: &Ground) {
    ground.open().await.check().await.unwrap();
    if ground.weaken().await {
        let answer = ground.open_with(true, master(&[(1, "a")])).await;
        assert!(matches!(answer, Err(VaultError::NotDurable { setting: "synchronous_commit", .. })));
    }
}

#[tokio::test]
async fn settings_out_of_range_are_refused() {
    let ground = Ground::sqlite().await.unwrap();
    let answer = async |change: &dyn Fn(&mut VaultSettings)| {
        let mut settings = ground.settings(true, 60);
        change(&mut settings);
        Vault::open(settings, master(&[(1, "a")]), Arc::new(SystemRandom)).await
    };
    assert!(answer(&|_| ()).await.is_ok());
    let too_long = answer(&|settings| settings.cache_ttl = LONGEST_CACHE_TTL + Duration::from_nanos(1)).await;
    assert!(matches!(too_long, Err(VaultError::Configuration(_))));
    for url in
        ["", "keys", "mysql://x", "sqlite:", "sqlite::memory:", "sqlite:keys?mode=memory", "postgres://u:geheim@["]
    {
        let error = answer(&|settings| settings.url = url.to_owned()).await.unwrap_err();
        assert!(matches!(error, VaultError::Configuration(_)), "{url}");
        assert!(!format!("{error} {error:?}").contains("geheim"));
    }
}
