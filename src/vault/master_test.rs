//! Master keys are read strictly, kept private on disk and never shown.

use super::*;
use std::fs::Permissions;

fn line(epoch: u32, digit: &str) -> String {
    format!("{FORMAT} {epoch} {}", digit.repeat(64))
}

#[test]
fn the_highest_epoch_is_the_current_one() {
    let keys = MasterKeys::parse(&format!("# rotated\n{}\n\n  {}\r\n", line(2, "a"), line(1, "B"))).unwrap();
    assert_eq!(keys.newest_epoch(), 2);
    assert!(keys.wrapping_key(1).is_ok());
    assert!(matches!(keys.wrapping_key(3), Err(VaultError::EpochMissing { epoch: 3 })));
}

#[test]
fn epochs_and_keys_give_different_wrapping_keys() {
    let derived = |text: &str, epoch| *MasterKeys::parse(text).unwrap().wrapping_key(epoch).unwrap().expose();
    assert_ne!(derived(&line(1, "a"), 1), derived(&line(2, "a"), 2));
    assert_ne!(derived(&line(1, "a"), 1), derived(&line(1, "b"), 1));
    assert_ne!(derived(&line(1, "a"), 1), [0xaa; 32]);
}

#[test]
fn other_shapes_are_refused_without_showing_them() {
    let digits = "a".repeat(64);
    let wrong = [
        format!("cairn-master-key/v2 1 {digits}"),
        format!("{FORMAT} -1 {digits}"),
        format!("{FORMAT} +1 {digits}"),
        format!("{FORMAT} 4294967296 {digits}"),
        format!("{FORMAT} 1 {}", "a".repeat(63)),
        format!("{FORMAT} 1 {}", "a".repeat(65)),
        format!("{FORMAT} 1 {}", "a".repeat(66)),
        format!("{FORMAT} 1 {}g", "a".repeat(63)),
        format!("{FORMAT} 1 {digits} more"),
        format!("{FORMAT} 1"),
        digits,
    ];
    for text in wrong {
        let error = MasterKeys::parse(&format!("{}\n{text}", line(9, "c"))).unwrap_err();
        assert!(matches!(error, MasterKeyError::Line { line: 2 }), "{text}");
        assert!(!format!("{error} {error:?}").contains("aaa"));
    }
    assert!(MasterKeys::parse(&line(u32::MAX, "a")).is_ok());
    assert!(matches!(MasterKeys::parse("\n# none\n"), Err(MasterKeyError::Empty)));
    let twice = format!("{}\n{}", line(1, "a"), line(1, "b"));
    assert!(matches!(MasterKeys::parse(&twice), Err(MasterKeyError::DuplicateEpoch { epoch: 1 })));
}

#[test]
fn a_generated_file_is_private_whole_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    generate_master_key_file(&path, 4, &[0xab; 32]).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{FORMAT} 4 {}\n", "ab".repeat(32)));
    assert_eq!(MasterKeys::load(&path).unwrap().newest_epoch(), 4);

    let again = generate_master_key_file(&path, 5, &[0xcd; 32]);
    assert!(matches!(again, Err(MasterKeyError::Exists { .. })));
    assert_eq!(MasterKeys::load(&path).unwrap().newest_epoch(), 4);

    let link = folder.path().join("link.key");
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), &link).unwrap();
    assert!(matches!(generate_master_key_file(&link, 1, &[1; 32]), Err(MasterKeyError::Exists { .. })));
    let nowhere = folder.path().join("absent/master.key");
    assert!(matches!(generate_master_key_file(&nowhere, 1, &[1; 32]), Err(MasterKeyError::File { .. })));
}

#[test]
fn a_file_open_to_others_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    generate_master_key_file(&path, 1, &[1; 32]).unwrap();
    for mode in [0o640, 0o620, 0o610, 0o604, 0o602, 0o601] {
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let error = MasterKeys::load(&path).unwrap_err();
        assert!(matches!(error, MasterKeyError::Permissions { .. }), "{mode:o}");
        assert!(error.to_string().contains(&format!("mode {mode:03o}")));
    }
    for mode in [0o600, 0o400, 0o700] {
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert!(MasterKeys::load(&path).is_ok(), "{mode:o}");
    }
}

#[test]
fn the_largest_file_is_read_and_one_more_byte_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    generate_master_key_file(&path, 1, &[1; 32]).unwrap();
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str(&"\n".repeat(usize::try_from(FILE_LIMIT).unwrap() - text.len()));
    std::fs::write(&path, &text).unwrap();
    assert!(MasterKeys::load(&path).is_ok());
    text.push('\n');
    std::fs::write(&path, &text).unwrap();
    assert!(matches!(MasterKeys::load(&path), Err(MasterKeyError::NotAKeyFile { .. })));
    assert!(matches!(MasterKeys::load(&folder.path().join("absent")), Err(MasterKeyError::File { .. })));
}

#[test]
fn debug_shows_no_key() {
    let key = MasterKey { epoch: 3, bytes: Zeroizing::new([0xab; 32]) };
    assert_eq!(format!("{key:?}"), "MasterKey { epoch: 3, bytes: \"[key]\" }");
    assert_eq!(format!("{:?}", MasterKeys::new([key]).unwrap()), "MasterKeys { epochs: [3] }");
}
