//! The log as auditors and witnesses read it: checkpoints, tiles and proofs, checked with the pure verifiers alone.

use crate::support::{Answer, Client, TestService, backends};
use cairn::app::words::Scope;
use cairn::ledger::{
    Hash, Origin, SignedCheckpoint, TlogProof, Trust, VerifierKey, decode_entry_bundle, decode_hash_tile, leaf_hash,
    range_root, verify_consistency, verify_inclusion,
};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Checkpoints soon after events, so that no test waits long.
const SOON: &str = "checkpoint_interval_ms = 10";

/// The last checkpoint, once it holds so many events.
async fn signed(caller: &Client, size: u64) -> SignedCheckpoint {
    signed_of("outcomes", caller, size).await
}

/// The same of a log by its name.
async fn signed_of(log: &str, caller: &Client, size: u64) -> SignedCheckpoint {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = caller.get(&format!("/v1/log/{log}/checkpoint")).await;
        if answer.status == 200 {
            let checkpoint = SignedCheckpoint::parse(answer.text.as_bytes()).unwrap();
            if checkpoint.unverified().size >= size {
                return checkpoint;
            }
        }
        assert!(Instant::now() < deadline, "no checkpoint of {size}: {}", answer.text);
        tokio::task::yield_now().await;
    }
}

async fn key(caller: &Client) -> VerifierKey {
    caller.get("/v1/log/outcomes/key").await.expect(200).text.trim_end().parse().unwrap()
}

fn hashes(list: &Value) -> Vec<Hash> {
    list.as_array().unwrap().iter().map(|hash| Hash::from_base64(hash.as_str().unwrap()).unwrap()).collect()
}

async fn bytes(caller: &Client, path: &str) -> (u16, Option<String>, Vec<u8>) {
    let request = caller.http.get(format!("{}{path}", caller.base));
    let request = if let Some(token) = &caller.token { request.bearer_auth(token) } else { request };
    let response = request.send().await.unwrap();
    let caching = response.headers().get("cache-control").map(|value| value.to_str().unwrap().to_owned());
    (response.status().as_u16(), caching, response.bytes().await.unwrap().to_vec())
}

async fn consistency(caller: &Client, from: u64, to: u64) -> Answer {
    caller.get(&format!("/v1/log/outcomes/consistency?from={from}&to={to}")).await
}

#[tokio::test]
async fn what_is_signed_can_be_checked_by_anybody_with_the_key_alone() {
    for backend in backends() {
        let service = TestService::start_with(backend, SOON).await;
        let (ours, theirs) = (service.caller("TEST-1"), service.caller("TEST-2"));
        let nobody = service.caller_as(None);
        let first = signed(&nobody, 1).await;
        // More than a tile, so that there is a full one and a partial one beside it.
        let lines: Vec<Value> = (0..300)
            .map(|number| {
                serde_json::json!({"key": format!("p-{number}"), "op": "register_person",
                "body": {"occurred_at": "2026-01-05", "name": format!("Morgan Sample {number}")}})
            })
            .collect();
        for answer in ours.batch("each", &lines).await {
            assert_eq!(answer["status"], 201);
        }
        let foreign = theirs.person().await;
        let size = ours.head().await + 1;
        let last = signed(&nobody, size).await;
        let (key, origin) = ([key(&nobody).await], "cairn/outcomes".parse::<Origin>().unwrap());
        let trust = Trust { origin: &origin, log_keys: &key, witness_keys: &[], quorum: 0 };
        let (first, last) = (first.open(&trust).unwrap().checkpoint, last.open(&trust).unwrap().checkpoint);
        assert_eq!(last.size, size);

        // The tree of the leaves is the one that was signed.
        let mut leaf_hashes = Vec::new();
        for (path, width) in [("000", 256), (&*format!("001.p/{}", size - 256), size as usize - 256)] {
            let (status, caching, tile) = bytes(&nobody, &format!("/v1/log/outcomes/tile/0/{path}")).await;
            assert_eq!((status, caching.as_deref()), (200, Some("public, max-age=31536000, immutable")), "{path}");
            let tile = decode_hash_tile(&tile, width).unwrap();
            let (_, caching, bundle) = bytes(&ours, &format!("/v1/log/outcomes/tile/entries/{path}")).await;
            assert_eq!(caching.as_deref(), Some("private, max-age=31536000, immutable"));
            let leaves = decode_entry_bundle(&bundle, width).unwrap();
            assert_eq!(leaves.iter().map(|leaf| leaf_hash(leaf)).collect::<Vec<_>>(), tile);
            leaf_hashes.extend(tile);
        }
        let fetch = &mut |node: cairn::ledger::NodeId| {
            let leaves = (node.index << node.height) as usize..((node.index + 1) << node.height) as usize;
            Ok::<_, std::convert::Infallible>(cairn::ledger::subtree_root(&leaf_hashes[leaves]))
        };
        assert_eq!(range_root(0..size, fetch).unwrap(), last.root);
        let (_, _, above) = bytes(&nobody, "/v1/log/outcomes/tile/1/000.p/1").await;
        assert_eq!(decode_hash_tile(&above, 1).unwrap(), [cairn::ledger::subtree_root(&leaf_hashes[..256])]);

        // What was signed first is the beginning of what was signed last, and no other tree is.
        let proof = consistency(&nobody, first.size, last.size).await.expect(200);
        let proof = hashes(&proof.body["proof"]);
        verify_consistency(first.size, last.size, &first.root, &last.root, &proof).unwrap();
        assert!(verify_consistency(first.size, last.size, &last.root, &first.root, &proof).is_err());
        let listed = nobody.get("/v1/log/outcomes/checkpoints?limit=500").await.expect(200);
        let notes: Vec<&str> =
            listed.body["items"].as_array().unwrap().iter().map(|item| item["note"].as_str().unwrap()).collect();
        assert!(
            notes.len() >= 2
                && notes.iter().all(|note| { SignedCheckpoint::parse(note.as_bytes()).unwrap().open(&trust).is_ok() })
        );

        // Each organisation proves its own events, and cannot ask for another's.
        for position in [size - 2, size - 100, size - 301] {
            let answer = ours.get(&format!("/v1/log/outcomes/events/{position}/proof")).await.expect(200);
            let leaf = answer.body["leaf"].as_str().unwrap();
            assert!(leaf.contains(&format!("\npos {position}\n")), "{leaf}");
            let proof = hashes(&answer.body["proof"]);
            verify_inclusion(&leaf_hash(leaf.as_bytes()), position, size, &proof, &last.root).unwrap();
            assert!(verify_inclusion(&leaf_hash(b"another"), position, size, &proof, &last.root).is_err());
        }
        let position = size - 2;
        let file = ours.get(&format!("/v1/log/outcomes/events/{position}/tlog-proof")).await.expect(200);
        let leaf =
            ours.get(&format!("/v1/log/outcomes/events/{position}/proof")).await.expect(200).body["leaf"].clone();
        let file = TlogProof::parse(file.text.as_bytes()).unwrap();
        assert_eq!(file.verify(leaf.as_str().unwrap().as_bytes(), &trust).unwrap().checkpoint, last);
        assert!(file.verify(b"another", &trust).is_err());
        let of_theirs = format!("/v1/log/outcomes/events/{}/proof", size - 1);
        theirs.get(&of_theirs).await.expect(200);
        ours.get(&of_theirs).await.expect_problem(404, "not-found");
        assert!(!foreign.is_empty());
        ours.get(&format!("/v1/log/outcomes/events/{size}/proof")).await.expect_problem(404, "not-found");
        let without = service.caller_with("TEST-1", &[Scope::EventsRead]);
        without.get("/v1/log/outcomes/tile/entries/000").await.expect_problem(403, "insufficient-scope");
        nobody.get("/v1/log/outcomes/tile/entries/000").await.expect_problem(401, "unauthorised");
    }
}

#[tokio::test]
async fn what_was_not_signed_is_not_shown() {
    for backend in backends() {
        let service = TestService::start_with(backend, SOON).await;
        let nobody = service.caller_as(None);
        let size = signed(&nobody, 1).await.unverified().size;
        for (from, to, parameter) in [(0, size, "from"), (size + 1, size, "from"), (1, size + 1, "to")] {
            let answer = consistency(&nobody, from, to).await.expect_problem(400, "invalid-query");
            assert!(answer.text.contains(parameter), "{}", answer.text);
        }
        assert_eq!(consistency(&nobody, size, size).await.expect(200).body["proof"], serde_json::json!([]));
        for path in [
            "0/000",
            "0/001",
            "1/000.p/1",
            "0/0",
            "0/000.p/0",
            "0/000.p/257",
            "64/000",
            "entries/000",
            "x",
            "0/../0/000",
        ] {
            let (status, ..) = bytes(&nobody, &format!("/v1/log/outcomes/tile/{path}")).await;
            let expected = if path == "entries/000" { 401 } else { 404 };
            assert_eq!(status, expected, "{path}");
        }
        let (status, _, tile) = bytes(&nobody, &format!("/v1/log/outcomes/tile/0/000.p/{size}")).await;
        assert_eq!((status, tile.len() as u64), (200, 32 * size));
        // A reader with an earlier checkpoint asks for less.
        let (_, _, narrow) = bytes(&nobody, "/v1/log/outcomes/tile/0/000.p/3").await;
        assert_eq!(narrow, tile[..96]);
    }
}

#[tokio::test]
async fn the_same_key_signs_after_a_restart_and_nothing_is_signed_twice() {
    for backend in backends() {
        let mut service = TestService::start_with(backend, SOON).await;
        let caller = service.caller("TEST-1");
        caller.person().await;
        let size = caller.head().await + 1;
        let (before, vkey) = (signed(&caller, size).await, key(&caller).await);
        service.restart().await;
        let caller = service.caller("TEST-1");
        assert_eq!(key(&caller).await, vkey);
        assert_eq!(signed(&caller, size).await, before, "the same tree has one checkpoint");
    }
}

#[tokio::test]
async fn the_log_of_accesses_is_signed_and_proved_like_the_other() {
    for backend in backends() {
        let service = TestService::start_with(backend, SOON).await;
        let (ours, theirs) = (service.caller("TEST-1"), service.caller("TEST-2"));
        let nobody = service.caller_as(None);
        let lines: Vec<Value> = (0..300)
            .map(|number| {
                serde_json::json!({"key": format!("p-{number}"), "op": "register_person",
                "body": {"occurred_at": "2026-01-05", "name": format!("Morgan Sample {number}")}})
            })
            .collect();
        ours.batch("each", &lines).await;
        // Before anybody was read, the empty log is signed.
        let first = signed_of("accesses", &nobody, 0).await;
        ours.get("/v1/people?limit=200").await.expect(200);
        let some = signed_of("accesses", &nobody, 200).await;
        ours.get("/v1/people?limit=200").await.expect(200);
        let person = theirs.person().await;
        theirs.get(&format!("/v1/people/{person}")).await.expect(200);
        let size = service.access_count().await;
        assert_eq!(size, 401);
        let last = signed_of("accesses", &nobody, size).await;
        let key: [VerifierKey; 1] =
            [nobody.get("/v1/log/accesses/key").await.expect(200).text.trim_end().parse().unwrap()];
        assert_ne!(key[0], self::key(&nobody).await, "each log has a key of its own");
        let origin = "cairn/accesses".parse::<Origin>().unwrap();
        let trust = Trust { origin: &origin, log_keys: &key, witness_keys: &[], quorum: 0 };
        assert_eq!(first.open(&trust).unwrap().checkpoint.size, 0);
        let (some, last) = (some.open(&trust).unwrap().checkpoint, last.open(&trust).unwrap().checkpoint);

        let mut leaf_hashes = Vec::new();
        let mut versions = std::collections::HashMap::new();
        for (path, width) in [("000", 256), (&*format!("001.p/{}", size - 256), size as usize - 256)] {
            let (status, _, tile) = bytes(&nobody, &format!("/v1/log/accesses/tile/0/{path}")).await;
            assert_eq!(status, 200, "{path}");
            let tile = decode_hash_tile(&tile, width).unwrap();
            let (_, _, bundle) = bytes(&ours, &format!("/v1/log/accesses/tile/entries/{path}")).await;
            let leaves = decode_entry_bundle(&bundle, width).unwrap();
            assert_eq!(leaves.iter().map(|leaf| leaf_hash(leaf)).collect::<Vec<_>>(), tile);
            for leaf in &leaves {
                let leaf = cairn::ledger::Leaf::parse(leaf).unwrap();
                assert_eq!((&*leaf.event_type, leaf.schema), ("DataRead", 1));
                let next = versions.entry(leaf.stream).or_insert(0);
                assert_eq!(leaf.version, *next, "gapless for each person");
                *next += 1;
            }
            leaf_hashes.extend(tile);
        }
        let fetch = &mut |node: cairn::ledger::NodeId| {
            let leaves = (node.index << node.height) as usize..((node.index + 1) << node.height) as usize;
            Ok::<_, std::convert::Infallible>(cairn::ledger::subtree_root(&leaf_hashes[leaves]))
        };
        assert_eq!(range_root(0..last.size, fetch).unwrap(), last.root);
        let path = format!("/v1/log/accesses/consistency?from={}&to={}", some.size, last.size);
        let proof = hashes(&nobody.get(&path).await.expect(200).body["proof"]);
        verify_consistency(some.size, last.size, &some.root, &last.root, &proof).unwrap();

        // Each organisation proves accesses to its own data.
        let place = |position: u64, form: &str| format!("/v1/log/accesses/entries/{position}/{form}");
        for position in [0, 255, 399] {
            let answer = ours.get(&place(position, "proof")).await.expect(200);
            let leaf = answer.body["leaf"].as_str().unwrap();
            let now = SignedCheckpoint::parse(answer.body["checkpoint"]["note"].as_str().unwrap().as_bytes()).unwrap();
            let now = now.open(&trust).unwrap().checkpoint;
            let proof = hashes(&answer.body["proof"]);
            verify_inclusion(&leaf_hash(leaf.as_bytes()), position, now.size, &proof, &now.root).unwrap();
            let file = ours.get(&place(position, "tlog-proof")).await.expect(200);
            TlogProof::parse(file.text.as_bytes()).unwrap().verify(leaf.as_bytes(), &trust).unwrap();
        }
        theirs.get(&place(400, "proof")).await.expect(200);
        ours.get(&place(400, "proof")).await.expect_problem(404, "not-found");
        for path in ["checkpoint", "checkpoints", "key", "tile/0/000.p/3", "consistency?from=1&to=3"] {
            nobody.get(&format!("/v1/log/another/{path}")).await.expect_problem(404, "not-found");
            nobody.get(&format!("/v1/log/outcomes/{path}")).await.expect(200);
        }
        ours.get("/v1/log/another/tile/entries/000.p/3").await.expect_problem(404, "not-found");
    }
}
