//! The signer of the log changed by its operator: another key, and another origin after a true loss; what everybody can read
//! about it, and that nobody forgets it.

use crate::auditing::{verified, wrong};
use crate::binary::Place;
use crate::rollback::{Backup, SOON, refused, stop};
use crate::support::{Backend, Client, backends};
use cairn::ledger::{KeyChain, SignedCheckpoint, SignedStatement, Statement, VerifierKey};
use serde_json::Value;
use sqlx::{Connection, PgConnection, SqliteConnection};

async fn key(caller: &Client) -> VerifierKey {
    caller.get("/v1/log/outcomes/key").await.expect(200).text.trim_end().parse().unwrap()
}

async fn checkpoints(caller: &Client) -> Vec<SignedCheckpoint> {
    let listed = caller.get("/v1/log/outcomes/checkpoints?limit=500").await.expect(200).body;
    let note = |item: &Value| SignedCheckpoint::parse(item["note"].as_str().unwrap().as_bytes()).unwrap();
    listed["items"].as_array().unwrap().iter().map(note).collect()
}

async fn statements(caller: &Client) -> Vec<SignedStatement> {
    let listed = caller.get("/v1/log/outcomes/statements").await.expect(200).body;
    let note = |item: &Value| SignedStatement::parse(item["note"].as_str().unwrap().as_bytes()).unwrap();
    listed["items"].as_array().unwrap().iter().map(note).collect()
}

/// Follows the log from a key that was kept.
async fn followed(caller: &Client, first: &VerifierKey) -> KeyChain {
    let mut chain = KeyChain::beginning_with(first.clone()).unwrap();
    for statement in statements(caller).await {
        chain.follow(&statement).unwrap();
    }
    chain
}

/// Forgets every statement in the database, as only its owner can.
async fn forget_statements(place: &Place, backend: Backend) {
    if backend == Backend::Postgres {
        let mut database = PgConnection::connect(place.database()).await.unwrap();
        let sql = "ALTER TABLE statement DISABLE TRIGGER USER; DELETE FROM statement; ALTER TABLE statement ENABLE TRIGGER USER";
        sqlx::raw_sql(sql).execute(&mut database).await.unwrap();
        return;
    }
    let mut database = SqliteConnection::connect(place.database()).await.unwrap();
    let name = "statement_is_append_only_delete";
    let trigger: String = sqlx::query_scalar("SELECT sql FROM sqlite_master WHERE name = ?1")
        .bind(name)
        .fetch_one(&mut database)
        .await
        .unwrap();
    sqlx::raw_sql("DROP TRIGGER statement_is_append_only_delete; DELETE FROM statement")
        .execute(&mut database)
        .await
        .unwrap();
    sqlx::query(sqlx::AssertSqlSafe(trigger)).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_key_signs_and_the_first_one_leads_to_it() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let served = place.serve_with(&SOON);
        let first = key(&place.caller(&served)).await;
        stop(&place, served, 2).await;
        let before = std::fs::read(place.file("signer/outcomes.pem")).unwrap();
        let ran = place.run(&["log", "rotate-key"]).expect_status(0);
        let stated = SignedStatement::parse(ran.out().as_bytes()).unwrap();
        assert_eq!(stated.statement().old_key(), Some(&first));
        let retired = place.file(&format!("signer/outcomes.retired-{}.pem", first.id()));
        assert_eq!(std::fs::read(retired).unwrap(), before, "the old key is kept aside");

        // A second time, after the new key has signed.
        let served = place.serve_with(&SOON);
        let second = key(&place.caller(&served)).await;
        assert_eq!((stated.statement().new_key(), second != first), (&second, true));
        stop(&place, served, 2).await;
        place.run(&["doctor"]).expect_status(0);
        place.run(&["log", "rotate-key", "--json"]).expect_status(0);
        let served = place.serve_with(&SOON);
        let caller = place.caller(&served);
        caller.person().await;
        crate::rollback::all_signed(&caller).await;

        let (chain, third) = (followed(&caller, &first).await, key(&caller).await);
        assert_eq!(chain.current(), Some(&third));
        let mut signers = Vec::new();
        for checkpoint in checkpoints(&caller).await {
            signers.push(chain.signer_of(&checkpoint).unwrap().key.clone());
        }
        signers.dedup();
        assert_eq!(signers, [first.clone(), second.clone(), third.clone()], "each checkpoint by the key of its time");
        let listed = caller.get("/v1/log/outcomes/keys").await.expect(200).body;
        let keys: Vec<&str> =
            listed["items"].as_array().unwrap().iter().map(|item| item["key"].as_str().unwrap()).collect();
        assert_eq!(keys, [first.to_string(), second.to_string(), third.to_string()]);
        assert_eq!((&listed["items"][0]["from_size"], listed["items"][2].get("until_size")), (&Value::from(0), None));
        assert_eq!(listed["items"][0]["until_size"], listed["items"][1]["from_size"]);

        // Whoever forged one with the new key alone is not believed.
        let note = ran.out();
        let lines: Vec<&str> = note.split_inclusive('\n').collect();
        let forged = lines.iter().filter(|line| !line.contains(&signature_start(&note))).copied().collect::<String>();
        assert_ne!(forged, note);
        assert!(SignedStatement::parse(forged.as_bytes()).is_err());
        assert_eq!(served.terminate(), Some(0));
    }
}

/// Whoever holds on to any key of the log verifies all of it, offline and where it lives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_earlier_keys_signed_still_verifies() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let served = place.serve_with(&SOON);
        let first = key(&place.caller(&served)).await.to_string();
        stop(&place, served, 2).await;
        place.run(&["export", "--quiet", "--out", "november"]).expect_status(0);
        place.run(&["log", "rotate-key"]).expect_status(0);
        let served = place.serve_with(&SOON);
        let second = key(&place.caller(&served)).await.to_string();
        stop(&place, served, 2).await;
        verified(&place, &[]);
        verified(&place, &["--key", &first]);
        place.run(&["export", "--quiet", "--out", "december"]).expect_status(0);
        let november = place.file("november/outcomes/checkpoint").display().to_string();
        for arguments in [vec![], vec!["--key", &first], vec!["--key", &second]] {
            let answer = verified(&place, &[&["december", "--checkpoint", &november], &arguments[..]].concat());
            assert_eq!(answer["logs"][0]["keys"], serde_json::json!([first, second]));
        }
        // Without the statement nothing leads from the one key to the other, and nothing leads to a stranger's.
        let stranger = "cairn/outcomes+df339f13+AdA8WW8tABV01woZWVhBhU0M/udMkVev61nRz5MPVVGi";
        wrong(&place, &["december", "--key", stranger], "signature");
        std::fs::remove_file(place.file("december/outcomes/statements.ndjson")).unwrap();
        wrong(&place, &["december", "--key", &first], "signature");
        wrong(&place, &["december", "--key", &first], "file_missing");
    }
}

/// Each log has a signer of its own, and states nothing about the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_signer_of_accesses_changes_alone() {
    for backend in backends() {
        let place = Place::new(backend).await;
        stop(&place, place.serve_with(&SOON), 1).await;
        let taken = ["log", "new-origin", "--log", "accesses", "--origin", "cairn/outcomes", "--reason", "planned"];
        place.run(&taken).expect_status(2);
        place.run(&["log", "rotate-key", "--log", "accesses"]).expect_status(0);
        place.run(&["log", "rotate-key"]).expect_status(0);
        place.run(&["doctor"]).expect_status(0);
        let served = place.serve_with(&SOON);
        let caller = place.caller(&served);
        for log in ["outcomes", "accesses"] {
            let origin = format!("cairn/{log}");
            let of = async |what: &str| caller.get(&format!("/v1/log/{log}/{what}")).await.expect(200).body;
            let (stated, keys) = (of("statements").await, of("keys").await);
            let (stated, keys) =
                (stated["items"].as_array().unwrap().clone(), keys["items"].as_array().unwrap().clone());
            assert_eq!((stated.len(), keys.len()), (1, 2), "of {log}");
            let signed = SignedStatement::parse(stated[0]["note"].as_str().unwrap().as_bytes()).unwrap();
            assert_eq!(signed.statement().origin().as_str(), origin);
            let now = caller.get(&format!("/v1/log/{log}/key")).await.expect(200).text;
            assert_eq!(keys[1]["key"], now.trim_end());
        }
        assert_eq!(caller.get("/v1/log/others/statements").await.status, 404);
        stop(&place, served, 1).await;
        place.run(&["log", "rotate-key", "--log", "accesses"]).expect_status(0);
        stop(&place, place.serve_with(&SOON), 1).await;
    }
}

/// The first signature line's beginning: that of the old key.
fn signature_start(note: &str) -> String {
    let line = note.lines().find(|line| line.starts_with('—')).unwrap();
    line.chars().take(60).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_signer_is_not_changed_while_a_process_signs() {
    let place = Place::new(Backend::Sqlite).await;
    let served = place.serve_with(&SOON);
    for arguments in [vec!["log", "rotate-key"], vec!["log", "new-origin", "--origin", "x", "--reason", "planned"]] {
        let ran = place.run(&arguments).expect_status(3);
        assert!(ran.err().contains("stop every process"), "{}", ran.err());
    }
    stop(&place, served, 1).await;
    place.run(&["log", "rotate-key"]).expect_status(0);
}

/// Another machine cannot see that this one serves: the statement tells it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_elsewhere_stops_signing_once_another_key_does() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let served = place.serve_with(&SOON);
        let caller = place.caller(&served);
        caller.person().await;
        crate::rollback::all_signed(&caller).await;
        let elsewhere = place.file("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        for name in ["outcomes.pem", "outcomes.checkpoint"] {
            std::fs::copy(place.file("signer").join(name), elsewhere.join(name)).unwrap();
        }
        let mut command = place.command(&["log", "rotate-key"]);
        let command = command.env("CAIRN_LOG_KEY_FILE", elsewhere.join("outcomes.pem"));
        let ran = command.env("CAIRN_LOG_STATE_FILE", elsewhere.join("outcomes.checkpoint")).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let before = checkpoints(&caller).await.len();
        caller.person().await;
        crate::cluster::until("the process to stop signing", std::time::Duration::from_secs(30), async || {
            let ready = caller.get("/health/ready").await;
            (ready.status == 503 && ready.text.contains("signed with another key now")).then_some(())
        })
        .await;
        assert_eq!(checkpoints(&caller).await.len(), before, "nothing is signed with the key that was given up");
        caller.person().await;
        assert_eq!(served.terminate(), Some(0));
        refused(&place, "the log is signed with another key now");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_broke_off_is_finished_and_until_then_nothing_is_signed() {
    let place = Place::new(Backend::Sqlite).await;
    stop(&place, place.serve_with(&SOON), 1).await;
    let old = std::fs::read(place.file("signer/outcomes.pem")).unwrap();
    place.run(&["log", "rotate-key"]).expect_status(0);
    // As if it had ended after the statement and before the new key stood in the place of the old one.
    let (current, next) = (place.file("signer/outcomes.pem"), place.file("signer/outcomes.next.pem"));
    std::fs::rename(&current, &next).unwrap();
    let retired = std::fs::read_dir(place.file("signer")).unwrap().map(|entry| entry.unwrap().path());
    let retired = retired.into_iter().find(|path| path.to_str().unwrap().contains("retired-")).unwrap();
    std::fs::rename(&retired, &current).unwrap();
    refused(&place, "the log is signed with another key now");
    let finished = place.run(&["log", "rotate-key", "--json"]).expect_status(0);
    let finished: Value = serde_json::from_str(&finished.out()).unwrap();
    assert_eq!(finished["was_begun_before"], true);
    assert_eq!(std::fs::read(&retired).unwrap(), old);
    let served = place.serve_with(&SOON);
    assert_eq!(statements(&place.caller(&served)).await.len(), 1, "it is stated once");
    stop(&place, served, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_goes_on_under_a_new_origin_after_a_true_loss() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let served = place.serve_with(&SOON);
        let first = key(&place.caller(&served)).await;
        stop(&place, served, 2).await;
        let new =
            |origin: &str| place.run(&["log", "new-origin", "--origin", origin, "--reason", "restored-old-backup"]);
        let needless = new("cairn/outcomes-2").expect_status(1);
        assert!(needless.err().contains("goes on from everything that was signed"), "{}", needless.err());
        let backup = Backup::of(&place, "old").await;
        stop(&place, place.serve_with(&SOON), 3).await;
        let guard = std::fs::read(place.file("signer/outcomes.checkpoint")).unwrap();
        backup.restore(&place).await;
        refused(&place, "the database is behind");

        new("cairn/outcomes").expect_status(2);
        new("a name with spaces").expect_status(2);
        let bad = place.run(&["log", "new-origin", "--origin", "cairn/outcomes-2", "--reason", "Robin lost it"]);
        bad.expect_status(2);
        refused(&place, "the database is behind");
        let ran = new("cairn/outcomes-2").expect_status(0);
        let stated = SignedStatement::parse(ran.out().as_bytes()).unwrap();
        let Statement::NewOrigin(stated) = stated.statement() else { panic!("{}", ran.out()) };
        assert_eq!(stated.old_key.as_ref(), Some(&first), "the old key vouches for the new log");
        assert_eq!((stated.last_signed.size, stated.goes_on.size), (17, 14), "three events were lost");
        assert_eq!(std::fs::read(place.file("signer/outcomes.ended-0")).unwrap(), guard, "what was signed is kept");

        refused(&place, "the log cairn/outcomes has ended: cairn/outcomes-2 goes on in its place");
        let renamed = [SOON[0], ("CAIRN_LOG_ORIGIN", "cairn/outcomes-2")];
        let served = place.serve_with(&renamed);
        let caller = place.caller(&served);
        assert_eq!(key(&caller).await, stated.new_key);
        assert_eq!(followed(&caller, &first).await.ended(), Some(stated));
        stop(&place, served, 1).await;

        // The database forgets; the signer does not, and reminds it.
        forget_statements(&place, backend).await;
        refused(&place, "the log cairn/outcomes has ended");
        let served = place.serve_with(&renamed);
        assert_eq!(statements(&place.caller(&served)).await.len(), 1);
        stop(&place, served, 1).await;
        // And the other way round: a signer's folder of another machine.
        std::fs::remove_file(place.file("signer/outcomes.statement-0")).unwrap();
        refused(&place, "the log cairn/outcomes has ended");
        stop(&place, place.serve_with(&renamed), 1).await;
        assert_eq!(std::fs::read_to_string(place.file("signer/outcomes.statement-0")).unwrap(), ran.out());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_whose_key_is_lost_says_so() {
    let place = Place::new(Backend::Sqlite).await;
    stop(&place, place.serve_with(&SOON), 1).await;
    std::fs::remove_file(place.file("signer/outcomes.pem")).unwrap();
    place.run(&["log", "rotate-key"]).expect_status(3);
    let ran =
        place.run(&["log", "new-origin", "--origin", "cairn/outcomes-2", "--reason", "key-lost"]).expect_status(0);
    assert!(ran.out().contains("\ncairn/outcomes\nlost\n"), "{}", ran.out());
    let served = place.serve_with(&[SOON[0], ("CAIRN_LOG_ORIGIN", "cairn/outcomes-2")]);
    stop(&place, served, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_somebody_else_wrote_is_not_believed() {
    let place = Place::new(Backend::Sqlite).await;
    stop(&place, place.serve_with(&SOON), 1).await;
    let other = Place::new(Backend::Sqlite).await;
    stop(&other, other.serve_with(&SOON), 1).await;
    // Another log of the same name, with keys of its own: every signature of it holds.
    let forged = other.run(&["log", "rotate-key"]).expect_status(0).out();
    let mut database = SqliteConnection::connect(place.database()).await.unwrap();
    sqlx::query("INSERT INTO statement VALUES (0, 5, ?1)").bind(forged).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    refused(&place, "the log is signed with another key now");
}
