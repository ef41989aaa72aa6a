//! The checker checked: bad snippets must draw their complaint, good ones none.

use crate::rules::{check, check_name, check_twins};
use std::collections::BTreeSet;

/// Checks a snippet below a proper opening, so that line 2 is its first.
fn complaints(file: &str, snippet: &str) -> Vec<String> {
    check(file, &format!("//! Duty.\n{snippet}\n")).iter().map(ToString::to_string).collect()
}

fn assert_complains(file: &str, snippet: &str, line: usize, reason: &str) {
    let found = complaints(file, snippet);
    let prefix = format!("{file}:{line}: ");
    let hit = found.iter().any(|complaint| complaint.starts_with(&prefix) && complaint.contains(reason));
    assert!(hit, "{snippet}\nshould draw {prefix}…{reason}…, drew {found:?}");
    assert_eq!(found.len(), 1, "{snippet}\nshould draw one complaint, drew {found:?}");
}

fn assert_fine(file: &str, snippet: &str) {
    assert_eq!(complaints(file, snippet), Vec::<String>::new(), "{snippet}");
}

#[test]
fn each_part_knows_only_its_friends() {
    assert_complains("src/domain/ids.rs", "use crate::store::Store;", 2, "`domain` must not know `store`");
    assert_complains("src/domain/mod.rs", "fn f() {\n    crate::ledger::g();\n}", 3, "it knows nobody");
    assert_complains("src/ledger/tree.rs", "use crate::vault::Key;", 2, "it knows domain");
    assert_complains("src/vault/keys.rs", "use cairn::store::Store;", 2, "it knows domain, ledger");
    assert_complains("src/app/record.rs", "pub use crate::api::Problem;", 2, "`app` must not know `api`");
    assert_complains("src/api/people.rs", "use crate::domain::ids::PersonId;", 2, "`api` must not know `domain`");
    assert_complains("src/cli/replay.rs", "use crate::store::Store;", 2, "`cli` must not know `store`");
    assert_complains("src/config.rs", "use crate::app::Clock;", 2, "`config` must not know `app`");
}

#[test]
fn groups_and_super_hide_nothing() {
    assert_complains(
        "src/ledger/tree.rs",
        "use crate::{domain::ids::{EventId, StreamId},\n    store};",
        2,
        "know `store`",
    );
    assert_complains("src/domain/a/b.rs", "use super::super::super::vault;", 2, "know `vault`");
    assert_complains("src/domain/a.rs", "use super::super::api;", 2, "know `api`");
    assert_complains("src/config.rs", "use super::app;", 2, "know `app`");
    assert_eq!(complaints("src/domain/a.rs", "use super::super::{ledger, store::Row};").len(), 2);
    assert_complains("src/ledger/a.rs", "use crate::*;", 2, "name what is used");
}

#[test]
fn friends_are_welcome() {
    assert_fine("src/ledger/tree.rs", "use crate::domain::{ids, personal::Personal};\nuse super::leaf::Leaf;");
    assert_fine("src/domain/a/b.rs", "use super::super::store::Nested;\nuse super::ledger;");
    assert_fine(
        "src/domain/ids.rs",
        "use crate::domain::personal;\n// crate::store is not for us\nconst S: &str = \"crate::store\";",
    );
    assert_fine("src/cli/serve.rs", "use crate::app::App;\nuse crate::api::server;");
    assert_fine("src/lib.rs", "pub use crate::store::Store;");
    assert_fine("src/domain/ids.rs", "#[cfg(test)]\nmod tests {\n    use crate::store::Store;\n}");
    assert_fine("src/domain/ids_test.rs", "use crate::store::Store;");
}

#[test]
fn test_code_ends_where_it_ends() {
    let shipped_after = "#[cfg(test)]\nmod tests;\n\nuse crate::store::Store;";
    assert_complains("src/domain/ids.rs", shipped_after, 5, "know `store`");
    let shipped_after = "#[cfg(test)]\nmod tests { fn f(a: [u8; 2]) {} }\nuse crate::store::Store;";
    assert_complains("src/domain/ids.rs", shipped_after, 4, "know `store`");
}

#[test]
fn libraries_stay_in_their_place() {
    assert_complains("src/app/record.rs", "use sqlx::Row;", 2, "SQL belongs");
    assert_complains("src/cli/serve.rs", "#[actix_web::main]", 2, "HTTP belongs");
    assert_complains("src/domain/ids.rs", "#[derive(utoipa::ToSchema)]", 2, "description of the API");
    assert_fine("src/store/sqlite/log.rs", "use sqlx::Row;");
    assert_fine("src/vault/keys.rs", "use sqlx::Row;");
    assert_fine("src/api/people.rs", "use actix_web::web;\nuse utoipa_actix_web::scope;");
    assert_fine("src/app/record.rs", "let no_sqlx = 1; // sqlx");
}

#[test]
fn the_outside_world_has_its_entrances() {
    for (snippet, outside) in [
        ("let home = std::env::var(\"HOME\");", "std::env"),
        ("let home = env::var(\"HOME\");", "env::"),
        ("let now = SystemTime::now();", "SystemTime::now"),
        ("let now = jiff::Timestamp::now();", "Timestamp::now"),
        ("let id = uuid::Uuid::new_v4();", "Uuid::new_v4"),
        ("let id = Uuid::now_v7();", "Uuid::now_v7"),
        ("let random = rand::random::<u64>();", "rand::"),
    ] {
        assert_complains("src/store/writer.rs", snippet, 2, outside);
        assert_complains("src/app/record.rs", snippet, 2, outside);
        assert_complains("src/vault/keys.rs", snippet, 2, outside);
        for entrance in [
            "src/config.rs",
            "src/config/file.rs",
            "src/app/clock.rs",
            "src/app/ids.rs",
            "src/vault/random.rs",
            "src/cli/serve.rs",
        ] {
            assert_fine(entrance, snippet);
        }
    }
    assert_complains("src/ledger/tree.rs", "let start = Instant::now();", 2, "Instant::now");
    assert_fine("src/store/writer.rs", "let start = Instant::now();");
    assert_fine("src/ledger/tree.rs", "let sum = operand::sum();\nlet place = env!(\"CARGO_PKG_VERSION\");");
}

#[test]
fn unfinished_work_does_not_ship() {
    assert_complains("src/app/record.rs", "fn f() {\n    todo!()\n}", 3, "todo!(");
    assert_complains("src/app/record.rs", "fn f() { unimplemented!() }", 2, "unimplemented!(");
    assert_complains("tests/contract.rs", "fn f() { dbg!(1); }", 2, "dbg!(");
    assert_complains("src/app/record.rs", "#[allow(dead_code)]", 2, "`expect` with a reason");
    assert_complains("src/app/record.rs", "#![allow(dead_code)]", 2, "`expect` with a reason");
    for mark in [concat!("FIX", "ME"), concat!("X", "XX")] {
        assert_complains("src/app/record.rs", &format!("// {mark}: later"), 2, mark);
        assert_complains("src/app/record.rs", &format!("/* {mark} */"), 2, mark);
    }
    assert_fine(
        "src/app/record.rs",
        "// not a XXXL mark, nor \"todo!(\"\nlet text = \"dbg!(1) #[allow(x)]\";\nlet raw = r#\"todo!(\"\"#;",
    );
}

#[test]
fn literals_do_not_confuse_the_reading() {
    assert_complains("src/app/a.rs", "let quote = '\"'; todo!(); let other = '\"';", 2, "todo!(");
    assert_complains("src/app/a.rs", "fn f<'a>(x: &'a str) { todo!() } // '", 2, "todo!(");
    assert_complains("src/app/a.rs", "let tick = '\\''; let s = \"\\\"\"; todo!();", 2, "todo!(");
    assert_complains("src/app/a.rs", "let s = \"two\nlines\";\ntodo!();", 4, "todo!(");
    assert_fine("src/app/a.rs", "let s = b\"todo!(\"; let t = br#\"todo!(\"#;");
}

#[test]
fn sizes_have_limits() {
    let file = |lines: usize| format!("//! Duty.\n{}", "// line\n".repeat(lines - 1));
    assert_eq!(check("src/app/a.rs", &file(420)), []);
    let over = check("src/app/a.rs", &file(421));
    assert_eq!(over.len(), 1);
    assert!(over[0].to_string().starts_with("src/app/a.rs:421: 421 lines; at most 420"), "{over:?}");

    let function = |lines: usize| format!("fn long() -> [u8; 2] {{\n{}}}", "    work();\n".repeat(lines - 2));
    assert_fine("src/app/a.rs", &function(75));
    assert_complains("src/app/a.rs", &function(76), 2, "a function of 76 lines; at most 75");
    assert_fine("src/app/a.rs", &format!("#[cfg(test)]\nmod tests {{\n{}\n}}", function(76)));
    assert_fine("src/app/a.rs", "trait T {\n    fn f(&self, f: fn(u8) -> u8);\n}");
}

#[test]
fn modules_open_with_their_duty() {
    let silent = check("src/app/a.rs", "use std::fmt;\n");
    assert_eq!(silent.len(), 1);
    assert!(silent[0].to_string().starts_with("src/app/a.rs:1: a module opens"), "{silent:?}");
    assert_eq!(check("src/app/a_test.rs", "use std::fmt;\n"), []);
}

#[test]
fn names_say_something() {
    for file in ["src/app/utils.rs", "src/helpers/a.rs", "tests/common/mod.rs", "src/app/key_manager.rs"] {
        assert!(check_name(file).is_some(), "{file}");
    }
    for file in ["src/app/record.rs", "src/store/commonplace.rs"] {
        assert_eq!(check_name(file), None);
    }
}

#[test]
fn a_migration_without_its_twin_is_named() {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<String>>();
    let both = names(&["0001_log.sql", "0002_rows.sql"]);
    assert_eq!(check_twins(&both, &both), []);
    let complaints = check_twins(&both, &names(&["0001_log.sql", "0003_keys.sql"]));
    let lines: Vec<String> = complaints.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "migrations/sqlite/0002_rows.sql:1: has no twin in migrations/postgres",
            "migrations/postgres/0003_keys.sql:1: has no twin in migrations/sqlite"
        ]
    );
}
