use super::MasterKeyFile;
use crate::vault::{MasterKeyError, MasterKeys, generate_master_key_file};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

#[test]
fn an_epoch_is_added_and_taken_out_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    generate_master_key_file(&path, 1, &[1; 32]).unwrap();
    let first = std::fs::read_to_string(&path).unwrap();
    // A note of somebody's, and no end of the last line.
    std::fs::write(&path, format!("# kept\n{}", first.trim_end())).unwrap();
    let file = MasterKeyFile::lock(&path).unwrap();
    file.add(2, &[2; 32]).unwrap();
    assert_eq!(MasterKeys::load(&path).unwrap().epochs(), [1, 2]);
    assert!(matches!(file.add(2, &[3; 32]), Err(MasterKeyError::DuplicateEpoch { epoch: 2 })));
    assert!(!file.retain(|_| true).unwrap());
    assert!(matches!(file.retain(|_| false), Err(MasterKeyError::Empty)));

    let held = std::fs::File::open(&path).unwrap();
    assert!(file.retain(|epoch| epoch == 2).unwrap());
    let left = std::fs::read_to_string(&path).unwrap();
    assert!(left.starts_with("# kept\n") && left.contains(&"02".repeat(32)) && !left.contains(&"01".repeat(32)));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let overwritten = std::io::read_to_string(held).unwrap();
    assert!(!overwritten.contains("01") && overwritten.len() > 160, "what the old file held is gone from it");
}

#[test]
fn two_do_not_change_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    assert!(MasterKeyFile::lock(&path).is_err(), "there is none");
    generate_master_key_file(&path, 1, &[1; 32]).unwrap();
    let first = MasterKeyFile::lock(&path).unwrap();
    assert!(matches!(MasterKeyFile::lock(&path), Err(MasterKeyError::Busy { .. })));
    drop(first);
    assert!(MasterKeyFile::lock(&path).is_ok());
}

#[test]
fn what_a_crash_left_beside_is_no_hindrance_and_a_link_stays_one() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("master.key"), folder.path().join("link"));
    generate_master_key_file(&path, 1, &[1; 32]).unwrap();
    symlink(&path, &link).unwrap();
    std::fs::write(folder.path().join("master.next"), "half a").unwrap();
    MasterKeyFile::lock(&link).unwrap().add(2, &[2; 32]).unwrap();
    assert_eq!(MasterKeys::load(&path).unwrap().epochs(), [1, 2]);
    assert!(link.is_symlink() && !folder.path().join("master.next").exists());
}

#[test]
fn the_file_stays_its_owners() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    generate_master_key_file(&path, 1, &[1; 32]).unwrap();
    // Only root can give a file away.
    if chown(&path, Some(65_534), Some(65_534)).is_err() {
        println!("NOT RUN: only root can give a file to somebody else");
        return;
    }
    MasterKeyFile::lock(&path).unwrap().add(2, &[2; 32]).unwrap();
    let metadata = std::fs::metadata(&path).unwrap();
    assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o777), (65_534, 65_534, 0o600));
}
