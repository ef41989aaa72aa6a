//! Another master key takes over while vaults are in use: whatever is broken off, nothing is lost, and afterwards the old key opens
//! nothing.

use super::ground_test::{Ground, master, on_both_stores};
use super::key::KeyName;
use super::store::{NewKey, WrappedBytes, WrappedKey};
use super::*;
use crate::domain::ids::{EventId, StreamId};
use sqlx::postgres::PgPool;
use tempfile::TempDir;
use uuid::Uuid;

on_both_stores! {
    everything_opens_after_a_rotation_and_an_old_copy_does_not
    vaults_in_use_learn_of_a_rotation
    a_key_in_the_environment_must_be_given_anew
    the_database_itself_refuses_an_epoch_that_has_passed
    the_epoch_never_goes_back
    a_key_destroyed_meanwhile_stays_destroyed
    an_altered_row_is_told_and_left_under_its_epoch
    another_key_of_the_same_epoch_is_refused
    broken_off_anywhere_it_is_done_by_doing_it_again
    every_column_of_the_key_store_travels
    what_was_erased_since_is_buried_on_its_way_in
    a_store_from_before_the_mark_gets_it_from_its_own_master_key_only
}

const WORDS: KeyClass = KeyClass::Words;

fn person() -> PersonId {
    PersonId(Uuid::new_v4())
}

fn place() -> SealContext<'static> {
    let (event, stream) = (EventId(Uuid::from_u128(1)), StreamId(Uuid::from_u128(2)));
    SealContext { event, stream, version: 0, part: "narrative" }
}

async fn sealed(vault: &Vault, subject: PersonId) -> Sealed {
    vault.ensure_keys(&[subject], 1).await.unwrap();
    vault.seal(subject, WORDS, &place(), &[6; SALT_LENGTH], b"alone").await.unwrap()
}

async fn open(vault: &Vault, sealed: &Sealed) -> Result<Opened, OpenError> {
    let part = SealedPart { key_id: sealed.key_id, class: WORDS, context: place(), bytes: &sealed.bytes };
    vault.unseal_many(&[part]).await.remove(0)
}

/// A file with the master key of the first epoch.
fn first_key() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    generate_master_key_file(&path, 1, &[1; 32]).unwrap();
    (folder, path)
}

async fn everything_opens_after_a_rotation_and_an_old_copy_does_not(ground: &Ground) {
    let (folder, path) = first_key();
    let vault = ground.open_from(&path).await;
    // More than fit into a batch.
    let subjects: Vec<PersonId> = (0..600).map(|_| person()).collect();
    vault.ensure_keys(&subjects, 1).await.unwrap();
    let (kept, gone) = (sealed(&vault, subjects[0]).await, sealed(&vault, subjects[1]).await);
    vault.destroy(subjects[1], WORDS, "test", 2).await.unwrap();
    let index = vault.blind_index(&"R1A".parse().unwrap(), "nhs-number", "9434765919");
    vault.close().await;
    let copy = ground.copy().await;
    let old_file = folder.path().join("old.key");
    std::fs::copy(&path, &old_file).unwrap();

    let file = MasterKeyFile::lock(&path).unwrap();
    file.add(2, &[2; 32]).unwrap();
    let vault = ground.open_from(&path).await;
    vault.move_on_to(2, 9).await.unwrap();
    let mut seen = 0;
    let rewrapped = vault.wrap_anew(|more| seen += more).await.unwrap();
    assert_eq!((rewrapped, seen), (Rewrapped { wrapped: 1_201, unopened: Vec::new() }, 1_201));
    let status = vault.key_status().await.unwrap();
    assert_eq!((status.current, status.began_at_micros, status.held.as_slice()), (2, Some(9), [1, 2].as_slice()));
    assert_eq!((status.counts.older_than(2), status.counts.people[&2], status.counts.destroyed), (0, 1_199, 1));
    assert!(file.retain(|epoch| epoch == 2).unwrap());
    vault.settle_keys().await.unwrap();
    vault.check().await.unwrap();
    assert_eq!(vault.key_status().await.unwrap().held, [2], "what was destroyed is forgotten here, too");

    let later = ground.open_from(&path).await;
    for vault in [&vault, &later] {
        assert!(open(vault, &kept).await.is_ok());
        assert!(matches!(open(vault, &gone).await, Err(OpenError::Erased)));
        assert_eq!(vault.blind_index(&"R1A".parse().unwrap(), "nhs-number", "9434765919"), index);
        vault.close().await;
    }
    let missing = copy.open_with(false, MasterKeys::load(&path).unwrap()).await;
    assert!(matches!(missing, Err(VaultError::EpochMissing { epoch: 1 })), "{missing:?}");
    let outdated = ground.open_with(false, MasterKeys::load(&old_file).unwrap()).await;
    assert!(matches!(outdated, Err(VaultError::EpochMissing { epoch: 2 })), "{outdated:?}");
    // That the copy is whole, and that it is the key that was missing.
    let with_both = copy.open_with(false, MasterKeys::load(&old_file).unwrap()).await.unwrap();
    assert!(open(&with_both, &kept).await.is_ok());
    with_both.close().await;
    copy.remove().await;
}

async fn vaults_in_use_learn_of_a_rotation(ground: &Ground) {
    let (_folder, path) = first_key();
    let serving = [ground.open_from(&path).await, ground.open_from(&path).await];
    let before = sealed(&serving[0], person()).await;
    let rotating = ground.open_from(&path).await;
    for epoch in 2..5 {
        let file = MasterKeyFile::lock(&path).unwrap();
        file.add(epoch, &[u8::try_from(epoch).unwrap(); 32]).unwrap();
        rotating.move_on_to(epoch, 9).await.unwrap();
        // Refused by the database, learnt, done.
        let newer = sealed(&serving[0], person()).await;
        assert!(open(&serving[1], &newer).await.is_ok(), "and met by the other when it reads");
        rotating.wrap_anew(|_| ()).await.unwrap();
        file.retain(|kept| kept == epoch).unwrap();
        for vault in &serving {
            vault.check().await.unwrap();
            assert!(open(vault, &before).await.is_ok());
            assert!(open(vault, &newer).await.is_ok());
        }
    }
    assert_eq!(ground.count("SELECT count(*) FROM person_key WHERE epoch <> 4").await, 0);
}

async fn a_key_in_the_environment_must_be_given_anew(ground: &Ground) {
    let serving = ground.open().await;
    let words = sealed(&serving, person()).await;
    let rotating = ground.open_with(false, master(&[(1, "a"), (2, "b")])).await.unwrap();
    rotating.move_on_to(2, 1).await.unwrap();
    assert!(matches!(serving.ensure_keys(&[person()], 1).await, Err(VaultError::EpochMissing { epoch: 2 })));
    assert!(open(&serving, &words).await.is_ok(), "what it holds the key of opens still");
    rotating.wrap_anew(|_| ()).await.unwrap();
    let unavailable = open(&serving, &words).await;
    assert!(matches!(unavailable, Err(OpenError::KeyUnavailable(VaultError::EpochMissing { epoch: 2 }))));
}

async fn the_database_itself_refuses_an_epoch_that_has_passed(ground: &Ground) {
    let vault = ground.open_with(true, master(&[(1, "a"), (2, "b"), (3, "c")])).await.unwrap();
    assert_eq!(vault.key_status().await.unwrap().current, 3, "a new store begins with the newest");
    let name = KeyName { id: KeyId(Uuid::new_v4()), subject: person(), class: WORDS, generation: 0 };
    let late = |epoch| {
        let key = WrappedKey { name, wrapped: WrappedBytes { epoch, bytes: vec![0; 60] } };
        [NewKey { key, created_at_micros: 1 }]
    };
    let refused = vault.ring.store().insert_missing(&late(2)).await;
    assert!(matches!(refused, Err(VaultError::EpochPassed)), "{refused:?}");
    assert_eq!(ground.count("SELECT count(*) FROM person_key").await, 0);
    vault.ring.store().insert_missing(&late(3)).await.unwrap();
}

async fn the_epoch_never_goes_back(ground: &Ground) {
    let vault = ground.open_with(true, master(&[(1, "a"), (2, "b")])).await.unwrap();
    vault.move_on_to(1, 1).await.unwrap();
    assert_eq!(vault.key_status().await.unwrap().current, 2);
    for sql in ["UPDATE key_epoch SET current = 1", "UPDATE key_epoch SET probe = NULL", "DELETE FROM key_epoch"] {
        assert!(ground.try_run(sql).await.is_err(), "accepted: {sql}");
    }
}

async fn a_key_destroyed_meanwhile_stays_destroyed(ground: &Ground) {
    let vault = ground.open_with(true, master(&[(1, "a")])).await.unwrap();
    let subject = person();
    let words = sealed(&vault, subject).await;
    let vault = ground.open_with(false, master(&[(1, "a"), (2, "b")])).await.unwrap();
    vault.move_on_to(2, 1).await.unwrap();
    let mut old = vault.ring.store().wrapped_before(2, KeyId(Uuid::nil()), 10).await.unwrap();
    assert_eq!(old.len(), 2);
    vault.destroy(subject, WORDS, "test", 1).await.unwrap();
    old.iter_mut().for_each(|key| key.wrapped.epoch = 2);
    assert_eq!(vault.ring.store().replace_wrapped(&old, &[]).await.unwrap(), 1);
    assert!(matches!(open(&vault, &words).await, Err(OpenError::Erased)));
    assert_eq!(ground.count("SELECT count(*) FROM person_key WHERE class = 'words'").await, 0);
}

async fn an_altered_row_is_told_and_left_under_its_epoch(ground: &Ground) {
    let vault = ground.open().await;
    let (whole, altered) = (sealed(&vault, person()).await, sealed(&vault, person()).await);
    let alter = format!("UPDATE person_key SET generation = 1 WHERE key_id = {}", ground.id(altered.key_id.0));
    assert_eq!(ground.try_run(&alter).await.unwrap(), 1);
    let vault = ground.open_with(false, master(&[(1, "a"), (2, "b")])).await.unwrap();
    vault.move_on_to(2, 1).await.unwrap();
    let rewrapped = vault.wrap_anew(|_| ()).await.unwrap();
    assert_eq!(rewrapped.unopened, [altered.key_id]);
    assert_eq!(vault.key_status().await.unwrap().counts.older_than(2), 1);
    assert!(open(&vault, &whole).await.is_ok());
    let answer = open(&vault, &altered).await;
    assert!(matches!(answer, Err(OpenError::KeyUnavailable(VaultError::WrongMasterKey { epoch: 1 }))), "{answer:?}");
}

async fn another_key_of_the_same_epoch_is_refused(ground: &Ground) {
    ground.open().await;
    let (here, there) = (master(&[(1, "a"), (2, "b")]), master(&[(1, "a"), (2, "c")]));
    let here = ground.open_with(false, here).await.unwrap();
    let there = ground.open_with(false, there).await.unwrap();
    here.move_on_to(2, 1).await.unwrap();
    assert!(matches!(there.move_on_to(2, 1).await, Err(VaultError::WrongMasterKey { epoch: 2 })));
    assert!(matches!(there.wrap_anew(|_| ()).await, Err(VaultError::WrongMasterKey { epoch: 2 })));
    assert!(matches!(there.ensure_keys(&[person()], 1).await, Err(VaultError::WrongMasterKey { epoch: 2 })));
    assert_eq!(ground.count("SELECT count(*) FROM person_key").await, 0);
}

async fn broken_off_anywhere_it_is_done_by_doing_it_again(ground: &Ground) {
    let (_folder, path) = first_key();
    let vault = ground.open_from(&path).await;
    let mut told = Vec::new();
    for _ in 0..30 {
        told.push(sealed(&vault, person()).await);
    }
    MasterKeyFile::lock(&path).unwrap().add(2, &[2; 32]).unwrap();
    // Whoever starts anew in between finds both keys and goes on with the old one.
    let vault = ground.open_from(&path).await;
    told.push(sealed(&vault, person()).await);
    assert_eq!(vault.key_status().await.unwrap().counts.people[&1], 62);
    for _ in 0..2 {
        vault.move_on_to(2, 1).await.unwrap();
    }
    let vault = ground.open_from(&path).await;
    told.push(sealed(&vault, person()).await);
    // Half of it, as a batch that was the last.
    let half = vault.ring.store().wrapped_before(2, KeyId(Uuid::nil()), 31).await.unwrap();
    let (held, random) = (vault.ring.held(), vault.ring.random());
    let anew = half.iter().map(|key| WrappedKey {
        name: key.name,
        wrapped: wrap::wrap_anew(&held.master, 2, random, Binding::Person(&key.name), &key.wrapped).unwrap(),
    });
    vault.ring.store().replace_wrapped(&anew.collect::<Vec<_>>(), &[]).await.unwrap();
    let vault = ground.open_from(&path).await;
    told.push(sealed(&vault, person()).await);
    assert_eq!(vault.wrap_anew(|_| ()).await.unwrap().wrapped, 33, "31 people's keys and the deployment's two");
    assert_eq!(vault.wrap_anew(|_| ()).await.unwrap(), Rewrapped::default());
    MasterKeyFile::lock(&path).unwrap().retain(|epoch| epoch == 2).unwrap();
    let vault = ground.open_from(&path).await;
    for sealed in &told {
        assert!(open(&vault, sealed).await.is_ok());
    }
}

async fn a_store_from_before_the_mark_gets_it_from_its_own_master_key_only(ground: &Ground) {
    let vault = ground.open().await;
    let words = sealed(&vault, person()).await;
    vault.close().await;
    ground.unmark().await;
    for (wrong, epoch) in [(master(&[(1, "b")]), 1), (master(&[(2, "a")]), 1)] {
        let answer = ground.open_with(true, wrong).await;
        assert!(
            matches!(answer, Err(VaultError::WrongMasterKey { epoch: e } | VaultError::EpochMissing { epoch: e }) if e == epoch),
            "{answer:?}"
        );
    }
    assert_eq!(ground.count("SELECT count(*) FROM key_epoch WHERE probe IS NULL").await, 1);
    let vault = ground.open_with(false, master(&[(1, "a"), (2, "b")])).await.unwrap();
    assert_eq!(vault.key_status().await.unwrap().current, 1);
    assert!(open(&vault, &words).await.is_ok());
}

#[tokio::test]
async fn moving_on_waits_for_a_key_that_is_being_inserted() {
    const INSERT: &str = "INSERT INTO person_key (key_id, subject, class, generation, epoch, wrapped, created_at_micros) \
                          VALUES ($1, $2, 'words', 0, 1, decode(repeat('00', 60), 'hex'), 1)";
    let Some(ground) = Ground::postgres().await else { return };
    ground.open().await;
    let vault = ground.open_with(false, master(&[(1, "a"), (2, "b")])).await.unwrap();
    let pool = PgPool::connect(&ground.url).await.unwrap();
    let mut inserting = pool.begin().await.unwrap();
    let id = Uuid::from_u128(1);
    sqlx::query(INSERT).bind(id).bind(Uuid::from_u128(2)).execute(&mut *inserting).await.unwrap();
    let commit = async {
        super::postgres_test::until_somebody_waits(&pool).await;
        inserting.commit().await.unwrap();
    };
    let both = async { tokio::join!(vault.move_on_to(2, 1), commit).0.unwrap() };
    assert!(tokio::time::timeout(Duration::from_secs(20), both).await.is_ok(), "it did not wait");
    let old = vault.ring.store().wrapped_before(2, KeyId(Uuid::nil()), 10).await.unwrap();
    assert_eq!(old.iter().map(|key| key.name.id.0).collect::<Vec<_>>(), [id]);
    pool.close().await;
    ground.remove().await;
}

async fn every_column_of_the_key_store_travels(ground: &Ground) {
    ground.open().await;
    let mut listed: Vec<String> = Vec::new();
    for table in &KEY_TABLES {
        let columns = table.columns.iter().map(|(name, _)| *name).chain(table.derived.iter().copied());
        listed.extend(columns.map(|column| format!("{}.{column}", table.name)));
    }
    listed.sort();
    assert_eq!(ground.columns().await, listed, "what is not in KEY_TABLES is lost with a restoration");
}

async fn what_was_erased_since_is_buried_on_its_way_in(ground: &Ground) {
    let vault = ground.open().await;
    let (erased, other, destroyed) = (person(), person(), person());
    let (gone, kept) = (sealed(&vault, erased).await, sealed(&vault, other).await);
    let before = sealed(&vault, destroyed).await;
    vault.destroy(destroyed, WORDS, "test", 3).await.unwrap();
    vault.close().await;
    let place = key_place(&ground.url, false).await.unwrap();
    let target = ground.bare_other().await;
    let to = key_place(&target.url, true).await.unwrap();
    let since = Erased::from([((erased.0, "words".to_owned()), 77)]);
    let source = async || bury(place.read(&KEY_TABLES).await.unwrap(), since.clone());
    to.load(&KEY_TABLES, source().await, &mut |_, _| Ok(())).await.unwrap();
    // In the order in which the database gives them, so that what is there already is known again.
    let read = to.read(&KEY_TABLES).await.unwrap();
    let same = crate::transfer::compare(source().await, read, |_| ()).await.unwrap();
    assert_eq!(same, Ok(9), "six of people, two of the deployment, the mark");
    let vault = target.open_with(false, master(&[(1, "a")])).await.unwrap();
    assert!(matches!(open(&vault, &gone).await, Err(OpenError::Erased)));
    assert!(matches!(open(&vault, &before).await, Err(OpenError::Erased)));
    assert!(open(&vault, &kept).await.is_ok());
    assert!(vault.sealing_key(erased, KeyClass::Identity).await.is_ok());
    let mark = "SELECT count(*) FROM destroyed_key WHERE destroyed_at_micros = 77";
    assert_eq!(target.count(mark).await, 1);
    vault.close().await;
    target.remove().await;
}
