//! A service with witnesses: what it shows, what happens when one is away, and how an operator learns that the history is not
//! the one that a witness knows.

use crate::binary::{Place, Served};
use crate::cluster::until;
use crate::support::{Backend, Client, backends};
use cairn::ledger::{SignedCheckpoint, TlogProof, Trust, VerifierKey};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use std::net::TcpListener;
use std::time::Duration;

const SOON: (&str, &str) = ("CAIRN_CHECKPOINT_INTERVAL_MS", "10");
const LONG: Duration = Duration::from_secs(60);

/// A witness in a folder of its own, at an address that stays.
struct Witness {
    place: Place,
    address: String,
    log: String,
    served: Option<Served>,
    key: VerifierKey,
}

impl Witness {
    async fn of(log: &str) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let place = Place::new(Backend::Sqlite).await;
        let served = place.start(&["witness", "--log", log, "--listen", &address], &[], "witnessing on ");
        let key = place.run(&["witness", "--show-key"]).expect_status(0).out().trim_end().parse().unwrap();
        Self { place, address, log: log.to_owned(), served: Some(served), key }
    }
    fn stop(&mut self) {
        assert_eq!(self.served.take().unwrap().terminate(), Some(0));
    }
    fn start(&mut self) {
        self.start_with(&[]);
    }
    /// With more keys of the log.
    fn start_with(&mut self, keys: &[&str]) {
        let mut arguments = vec!["witness", "--log", &self.log, "--listen", &self.address];
        keys.iter().for_each(|key| arguments.extend(["--log", key]));
        self.served = Some(self.place.start(&arguments, &[], "witnessing on "));
    }
}

fn setting(witnesses: &[&Witness]) -> String {
    let list: Vec<Value> = witnesses
        .iter()
        .map(|witness| serde_json::json!({"url": format!("http://{}", witness.address), "vkey": witness.key.to_string()}))
        .collect();
    Value::from(list).to_string()
}

/// The checkpoint that is shown, once it has at least so many events and cosignatures of these witnesses.
async fn shown(caller: &Client, log: &VerifierKey, size: u64, keys: &[VerifierKey], quorum: usize) -> SignedCheckpoint {
    until("a cosigned checkpoint", LONG, async || {
        let answer = caller.get("/v1/log/outcomes/checkpoint").await;
        let checkpoint = SignedCheckpoint::parse(answer.text.as_bytes()).ok().filter(|_| answer.status == 200)?;
        let origin = "cairn/outcomes".parse().unwrap();
        let trust = Trust { origin: &origin, log_keys: std::slice::from_ref(log), witness_keys: keys, quorum };
        (checkpoint.unverified().size >= size && checkpoint.open(&trust).is_ok()).then_some(checkpoint)
    })
    .await
}

async fn log_key(place: &Place) -> String {
    let served = place.serve_with(&[SOON]);
    let key = place.caller(&served).get("/v1/log/outcomes/key").await.expect(200).text.trim_end().to_owned();
    assert_eq!(served.terminate(), Some(0));
    key
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quorum_of_witnesses_stands_under_what_is_shown() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let key = log_key(&place).await;
        let (one, mut two) = (Witness::of(&key).await, Witness::of(&key).await);
        let (log, keys) = (key.parse().unwrap(), [one.key.clone(), two.key.clone()]);
        let list = setting(&[&one, &two]);
        let settings = |quorum: &'static str| [SOON, ("CAIRN_WITNESS_QUORUM", quorum)];
        let both = [settings("2").as_slice(), &[("CAIRN_WITNESSES", &list)]].concat();
        let served = place.serve_with(&both);
        let caller = place.caller(&served);
        caller.person().await;
        let size = caller.head().await + 1;
        let checkpoint = shown(&caller, &log, size, &keys, 2).await;
        // A proof in a file is under what is shown, cosignatures included.
        let proof = caller.get(&format!("/v1/log/outcomes/events/{}/tlog-proof", size - 1)).await.expect(200).text;
        let leaf = caller.get(&format!("/v1/log/outcomes/events/{}/proof", size - 1)).await.expect(200).body;
        let origin = "cairn/outcomes".parse().unwrap();
        let trust = Trust { origin: &origin, log_keys: std::slice::from_ref(&log), witness_keys: &keys, quorum: 2 };
        let proof = TlogProof::parse(proof.as_bytes()).unwrap();
        proof.verify(leaf["leaf"].as_str().unwrap().as_bytes(), &trust).unwrap();

        // One is away: with both asked for, nothing newer is shown or proved, and recording goes on.
        two.stop();
        caller.person().await;
        let signed = until("an uncosigned checkpoint", LONG, async || {
            let listed = caller.get(&format!("/v1/log/outcomes/checkpoints?from={}", size + 1)).await.expect(200).body;
            listed["items"].as_array().unwrap().last().cloned()
        })
        .await;
        assert_eq!(signed["size"], size + 1, "it is listed");
        let last = SignedCheckpoint::parse(caller.get("/v1/log/outcomes/checkpoint").await.text.as_bytes()).unwrap();
        assert_eq!(last.unverified(), checkpoint.unverified(), "and not shown as the last");
        caller.get(&format!("/v1/log/outcomes/events/{size}/proof")).await.expect_problem(404, "not-found");
        caller.get(&format!("/v1/log/outcomes/consistency?from={size}&to={}", size + 1)).await.expect(200);
        assert_eq!(caller.get("/health/ready").await.status, 200, "witnesses are no part of readiness");
        let doctor = place.command(&["doctor"]).envs(both.iter().copied()).output().unwrap();
        let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
        assert!(doctor.contains(&format!("ok      witness: {}", one.key.name())), "{doctor}");
        assert!(doctor.contains(&format!("advice  witness: {}", two.key.name())), "{doctor}");

        // It comes back, and what it missed is cosigned.
        two.start();
        shown(&caller, &log, size + 1, &keys, 2).await;
        let metrics = caller.get("/metrics").await.text;
        assert!(metrics.contains("cairn_witness_answers_total{answer=\"cosigned\"}"), "{metrics}");
        assert!(metrics.contains("cairn_witness_answers_total{answer=\"unreachable\"}"), "{metrics}");
        assert!(
            metrics.contains(&format!("cairn_cosigned_checkpoint_size{{origin=\"cairn/outcomes\"}} {}", size + 1)),
            "{metrics}"
        );
        assert_eq!(served.terminate(), Some(0));

        // With one of two asked for, the other may stay away.
        two.stop();
        let served = place.serve_with(&[settings("1").as_slice(), &[("CAIRN_WITNESSES", &list)]].concat());
        let caller = place.caller(&served);
        caller.person().await;
        shown(&caller, &log, size + 2, &keys, 1).await;
        assert_eq!(served.terminate(), Some(0));
    }
}

/// Rewrites the log of a service that is stopped: everything but what others hold, with the key that was stolen.
async fn rewrite(place: &Place) {
    let mut database = SqliteConnection::connect(place.database()).await.unwrap();
    let triggers: Vec<(String, String)> = sqlx::query_as("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        .fetch_all(&mut database)
        .await
        .unwrap();
    for (name, _) in &triggers {
        sqlx::query(AssertSqlSafe(format!("DROP TRIGGER {name}"))).execute(&mut database).await.unwrap();
    }
    let leaves: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT leaf FROM event ORDER BY position").fetch_all(&mut database).await.unwrap();
    let mut frontier = cairn::ledger::Frontier::new();
    for (position, leaf) in (0_i64..).zip(&leaves) {
        // Another commitment in one leaf, and the whole tree over it anew.
        let mut leaf = leaf.clone();
        if position == 12 {
            let place = leaf.len() - 10;
            leaf[place] = if leaf[place] == b'A' { b'B' } else { b'A' };
        }
        let hash = cairn::ledger::leaf_hash(&leaf);
        frontier.push(hash).unwrap();
        sqlx::query("UPDATE event SET leaf = ?1, leaf_hash = ?2 WHERE position = ?3")
            .bind(&leaf)
            .bind(hash.as_bytes().as_slice())
            .bind(position)
            .execute(&mut database)
            .await
            .unwrap();
    }
    sqlx::query("UPDATE log_head SET frontier = ?1").bind(frontier.to_bytes()).execute(&mut database).await.unwrap();
    sqlx::raw_sql("DELETE FROM checkpoint; DELETE FROM cosignature").execute(&mut database).await.unwrap();
    for (_, sql) in triggers {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut database).await.unwrap();
    }
    database.close().await.unwrap();
    std::fs::remove_file(place.file("signer/outcomes.checkpoint")).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_that_was_rewritten_and_signed_anew_is_caught_by_its_witness() {
    let place = Place::new(Backend::Sqlite).await;
    let key = log_key(&place).await;
    let witness = Witness::of(&key).await;
    let list = setting(&[&witness]);
    let settings = [SOON, ("CAIRN_WITNESSES", list.as_str()), ("CAIRN_WITNESS_QUORUM", "1")];
    let served = place.serve_with(&settings);
    let caller = place.caller(&served);
    caller.person().await;
    caller.person().await;
    let size = caller.head().await + 1;
    let (log, keys) = (key.parse().unwrap(), [witness.key.clone()]);
    shown(&caller, &log, size, &keys, 1).await;
    assert_eq!(served.terminate(), Some(0));

    // The database, the guard and the key are all in the forger's hands: nothing here can see it.
    rewrite(&place).await;
    let served = place.serve_with(&settings);
    let caller = place.caller(&served);
    let told = served.log();
    until("the operator to be told", LONG, async || {
        told.lock().unwrap().contains("it has cosigned another history").then_some(())
    })
    .await;
    assert_eq!(
        caller.get("/v1/log/outcomes/checkpoint").await.status,
        404,
        "no quorum stands under the forged history"
    );
    let metrics = caller.get("/metrics").await.text;
    assert!(metrics.contains("cairn_witness_answers_total{answer=\"contradicted\"}"), "{metrics}");
    // Greater trees of that history fare no better.
    caller.person().await;
    let doctor = place.command(&["doctor"]).envs(settings).output().unwrap();
    assert_eq!(doctor.status.code(), Some(1));
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.contains("WRONG   witness:") && doctor.contains("another history"), "{doctor}");
    let logs = std::fs::read_dir(witness.place.file("witness/logs")).unwrap();
    let kept: Vec<_> = logs.map(|entry| entry.unwrap().path().extension().unwrap().to_owned()).collect();
    assert!(kept.iter().any(|kind| kind == "fork" || kind == "refused"), "the witness keeps the proof: {kept:?}");
    assert_eq!(served.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_witness_cosigns_under_a_new_key_once_its_operator_knows_it() {
    let place = Place::new(Backend::Sqlite).await;
    let key = log_key(&place).await;
    let mut witness = Witness::of(&key).await;
    let list = setting(&[&witness]);
    let settings = [SOON, ("CAIRN_WITNESSES", list.as_str()), ("CAIRN_WITNESS_QUORUM", "1")];
    let served = place.serve_with(&settings);
    shown(&place.caller(&served), &key.parse().unwrap(), 1, &[witness.key.clone()], 1).await;
    assert_eq!(served.terminate(), Some(0));

    place.run(&["log", "rotate-key"]).expect_status(0);
    let served = place.serve_with(&settings);
    let caller = place.caller(&served);
    caller.person().await;
    let (size, new_key) = (caller.head().await + 1, caller.get("/v1/log/outcomes/key").await.text);
    let told = served.log();
    until("the operator to be told", LONG, async || {
        told.lock().unwrap().contains("it does not accept the key that signs this log").then_some(())
    })
    .await;
    witness.stop();
    witness.start_with(&[new_key.trim_end()]);
    shown(&caller, &new_key.trim_end().parse().unwrap(), size, &[witness.key.clone()], 1).await;
    assert_eq!(served.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn witnesses_that_cannot_be_asked_are_refused_at_the_start() {
    let place = Place::new(Backend::Sqlite).await;
    let key = log_key(&place).await;
    for (list, said) in [
        (r#"[{"url":"http://127.0.0.1:1","vkey":"nonsense"}]"#.to_owned(), "cannot be read"),
        (format!(r#"[{{"url":"http://127.0.0.1:1","vkey":"{key}"}}]"#), "none of a cosigner"),
        (r#"[{"url":"http://192.0.2.1","vkey":"w"}]"#.to_owned(), "must be an https URL"),
    ] {
        let ran = place.command(&["serve"]).env("CAIRN_WITNESSES", &list).output().unwrap();
        assert_eq!(ran.status.code(), Some(2));
        let text = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(text.contains(said), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_log_has_the_witnesses_that_know_it() {
    for backend in backends() {
        let place = Place::new(backend).await;
        log_key(&place).await;
        let served = place.serve_with(&[SOON]);
        let caller = place.caller(&served);
        let key =
            async |log: &str| caller.get(&format!("/v1/log/{log}/key")).await.expect(200).text.trim_end().to_owned();
        let (outcomes, accesses) = (key("outcomes").await, key("accesses").await);
        assert_eq!(served.terminate(), Some(0));
        let (one, two) = (Witness::of(&outcomes).await, Witness::of(&accesses).await);
        let witness = |witness: &Witness, log: &str| serde_json::json!({"url": format!("http://{}", witness.address), "vkey": witness.key.to_string(), "logs": [log]});
        let list = Value::from(vec![witness(&one, "outcomes"), witness(&two, "accesses")]).to_string();
        // Two are asked for; of each log there is one, and that one must cosign.
        let served = place.serve_with(&[SOON, ("CAIRN_WITNESSES", &list), ("CAIRN_WITNESS_QUORUM", "2")]);
        let caller = place.caller(&served);
        let person = caller.person().await;
        caller.get(&format!("/v1/people/{person}")).await.expect(200);
        for (log, key, witness, other) in [("outcomes", &outcomes, &one, &two), ("accesses", &accesses, &two, &one)] {
            let origin = format!("cairn/{log}").parse().unwrap();
            let log_key = [key.parse().unwrap()];
            let trusting = |keys: &VerifierKey| {
                let witness_keys = vec![keys.clone()];
                move |text: &str| {
                    let trust = Trust { origin: &origin, log_keys: &log_key, witness_keys: &witness_keys, quorum: 1 };
                    SignedCheckpoint::parse(text.as_bytes())
                        .is_ok_and(|signed| signed.unverified().size > 0 && signed.open(&trust).is_ok())
                }
            };
            let cosigned = trusting(&witness.key);
            until("a checkpoint that its witness cosigned", LONG, async || {
                let answer = caller.get(&format!("/v1/log/{log}/checkpoint")).await;
                cosigned(&answer.text).then_some(())
            })
            .await;
            let text = caller.get(&format!("/v1/log/{log}/checkpoint")).await.text;
            assert!(!text.contains(other.key.name().as_str()), "{text}");
        }
        assert_eq!(served.terminate(), Some(0));
    }
}
