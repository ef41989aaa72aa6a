//! `cairn witness` over HTTP as a log meets it: every status of the standard, forks, many at once, and crashes.

use crate::binary::{Place, Served};
use crate::support::Backend;
use cairn::ledger::{
    AddCheckpoint, Checkpoint, Hash, NodeId, NoteSigner, SignatureLine, SignedCheckpoint, SigningSeed, VerifierKey,
    consistency_proof, leaf_hash, read_tree_size, subtree_root,
};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const LOG: &str = "log.example.org/cairn";

/// A log in memory that a test owns: its leaves and the seed of its key.
#[derive(Clone)]
struct Log {
    hashes: Vec<Hash>,
    seed: u8,
}

impl Log {
    /// Of so many leaves; another salt is another history.
    fn of(size: u64, salt: u8) -> Self {
        let hashes = (0..size).map(|index| leaf_hash(&[&[salt], index.to_be_bytes().as_slice()].concat())).collect();
        Self { hashes, seed: 1 }
    }
    fn signer(seed: u8) -> NoteSigner {
        NoteSigner::new(LOG.parse().unwrap(), &SigningSeed::new([seed; 32])).unwrap()
    }
    fn key(seed: u8) -> String {
        Self::signer(seed).verifier_key().to_string()
    }
    fn checkpoint(&self, size: u64) -> SignedCheckpoint {
        let root = subtree_root(&self.hashes[..size as usize]);
        Checkpoint { origin: LOG.parse().unwrap(), size, root }.sign(&Self::signer(self.seed)).unwrap()
    }
    fn proof(&self, old: u64, size: u64) -> Vec<Hash> {
        let mut fetch = |NodeId { height, index }| {
            let start = (index as usize) << height;
            Ok::<_, Infallible>(subtree_root(&self.hashes[start..start + (1 << height)]))
        };
        if old == 0 { Vec::new() } else { consistency_proof(old, size, &mut fetch).unwrap() }
    }
    fn request(&self, old: u64, size: u64) -> String {
        AddCheckpoint::new(old, self.proof(old, size), self.checkpoint(size)).unwrap().to_string()
    }
}

/// A witness's answer: status, content type and body.
type Answer = (u16, String, String);

async fn post(base: &str, body: impl Into<reqwest::Body>) -> Option<Answer> {
    let response = reqwest::Client::new().post(format!("{base}/add-checkpoint")).body(body).send().await.ok()?;
    let status = response.status().as_u16();
    let content_type = response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    Some((status, content_type.unwrap_or_default(), response.text().await.ok()?))
}

async fn add(base: &str, body: impl Into<reqwest::Body>) -> Answer {
    post(base, body).await.unwrap()
}

fn witness(place: &Place, keys: &[&str]) -> Served {
    let mut arguments = vec!["witness"];
    keys.iter().for_each(|key| arguments.extend(["--log", key]));
    place.start(&arguments, &[], "witnessing on ")
}

/// When a witness of this key cosigned this checkpoint, by the lines of its answer.
fn cosigned(checkpoint: &SignedCheckpoint, lines: &str, key: &VerifierKey) -> Option<u64> {
    let mut checkpoint = checkpoint.clone();
    let known = std::slice::from_ref(key);
    checkpoint.adopt(SignatureLine::parse_lines(lines.as_bytes()).ok()?, known).ok()?;
    checkpoint.note().verify(known).ok()?[0].cosigned_at
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_has_the_status_of_the_standard() {
    let place = Place::new(Backend::Sqlite).await;
    let served = witness(&place, &[&Log::key(1)]);
    let (base, log) = (served.base.as_str(), Log::of(40, 0));
    let shown = place.run(&["witness", "--show-key"]).expect_status(0).out();
    let key: VerifierKey = shown.trim_end().parse().unwrap();
    let http = reqwest::Client::new();
    let get = async |path: &str| http.get(format!("{base}{path}")).send().await.unwrap().text().await.unwrap();
    assert_eq!(get("/key").await, shown);
    assert_eq!(get("/health/live").await, "ok\n");
    assert_eq!(http.get(format!("{base}/add-checkpoint")).send().await.unwrap().status(), 405);
    assert_eq!(http.post(format!("{base}/elsewhere")).send().await.unwrap().status(), 404);

    let (status, _, lines) = add(base, log.request(0, 7)).await;
    assert_eq!(status, 200, "{lines}");
    assert!(cosigned(&log.checkpoint(7), &lines, &key).is_some());
    assert!(cosigned(&log.checkpoint(6), &lines, &key).is_none(), "of this checkpoint alone");

    let conflict = |size: u64| (409, "text/x.tlog.size".to_owned(), format!("{size}\n"));
    assert_eq!(add(base, log.request(0, 9)).await, conflict(7), "whoever does not know begins with nothing");
    assert_eq!(add(base, log.request(5, 9)).await, conflict(7), "and never goes back");
    assert_eq!(add(base, Log::of(7, 9).request(7, 7)).await, conflict(7), "one size, another history");
    let (wrong, other) = (log.request(7, 9), Log::of(40, 9));
    for (request, expected) in [
        (other.request(7, 9), 422),
        (AddCheckpoint::new(7, Vec::new(), log.checkpoint(9)).unwrap().to_string(), 422),
        (Log { seed: 2, ..log.clone() }.request(7, 9), 403),
        (wrong.replacen("\n9\n", "\n10\n", 1), 403),
        (wrong.replacen(&format!("\n{LOG}\n"), "\nelsewhere.example.org\n", 1), 404),
        (wrong.replacen("old 7", "old 10", 1), 400),
        (wrong.replacen("old 7", "old 07", 1), 400),
        (wrong.replacen("old 7\n", "", 1), 400),
        (format!("old 7\n{}", "A\n".repeat(3)), 400),
        (format!("old 7\n{}\n{}", format!("{}\n", log.hashes[0]).repeat(64), log.checkpoint(9)), 400),
        (String::new(), 400),
    ] {
        let (status, _, text) = add(base, request.clone()).await;
        assert_eq!(status, expected, "{text} for {request}");
    }
    assert_eq!(add(base, vec![0xff; 9]).await.0, 400, "no text");
    let most = cairn::ledger::MAXIMUM_ADD_CHECKPOINT_BYTES;
    for bytes in [most, most + 1] {
        let (status, _, text) = add(base, "a".repeat(bytes)).await;
        assert_eq!((status, text.contains("at most")), (400, bytes > most), "{text}");
    }

    // Nothing of all that changed what it remembers.
    let (status, _, lines) = add(base, log.request(7, 40)).await;
    assert_eq!(status, 200);
    assert!(cosigned(&log.checkpoint(40), &lines, &key).is_some());
    assert_eq!(served.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_changes_its_key_is_known_by_both() {
    let place = Place::new(Backend::Sqlite).await;
    let served = witness(&place, &[&Log::key(1)]);
    let log = Log::of(9, 0);
    assert_eq!(add(&served.base, log.request(0, 7)).await.0, 200);
    let renewed = Log { seed: 2, ..log.clone() };
    assert_eq!(add(&served.base, renewed.request(7, 8)).await.0, 403);
    assert_eq!(served.terminate(), Some(0));
    let served = witness(&place, &[&Log::key(1), &Log::key(2)]);
    assert_eq!(add(&served.base, renewed.request(7, 8)).await.0, 200);
    assert_eq!(add(&served.base, log.request(8, 9)).await.0, 200);
    assert_eq!(served.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_witnessed_is_refused_plainly() {
    let place = Place::new(Backend::Sqlite).await;
    place.run(&["witness", "--show-key"]).expect_status(1);
    let key = Log::key(1);
    for (arguments, said) in [
        (vec!["witness"], "--log VKEY"),
        (vec!["witness", "--log", "nonsense"], "no verifier key"),
        (vec!["witness", "--log", &key, "--name", "a b"], "cannot be called"),
        (vec!["witness", "--log", &key, "--listen", "example.org:80"], "IP:PORT"),
    ] {
        let ran = place.run(&arguments).expect_status(2);
        assert!(ran.err().contains(said), "{arguments:?}: {}", ran.err());
    }
    let served = witness(&place, &[&key]);
    let second = place.run(&["witness", "--log", &key]).expect_status(3);
    assert!(second.err().contains("another witness is at work"), "{}", second.err());
    assert_eq!(served.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_histories_sent_at_once_one_is_cosigned() {
    let place = Place::new(Backend::Sqlite).await;
    let served = witness(&place, &[&Log::key(1)]);
    let (base, log) = (served.base.clone(), Log::of(20, 0));
    assert_eq!(add(&base, log.request(0, 10)).await.0, 200);
    let requests: Vec<String> = (0..12_u8)
        .map(|salt| {
            // The same ten leaves, and then eleven histories that differ.
            let mut fork = Log { hashes: log.hashes[..10].to_vec(), ..log.clone() };
            fork.hashes.extend(Log::of(10, 100 + salt).hashes);
            fork.request(10, 11 + u64::from(salt % 5))
        })
        .collect();
    let answers = futures::future::join_all(requests.into_iter().map(|request| add(&base, request))).await;
    let won: Vec<_> = answers.iter().filter(|(status, ..)| *status == 200).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    assert!(answers.iter().all(|(status, ..)| [200, 409].contains(status)), "{answers:?}");
}

/// A witness is killed again and again while a log sends what goes on: whatever was answered is remembered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_cosignature_is_older_than_what_is_remembered() {
    let place = Place::new(Backend::Sqlite).await;
    let log = Log::of(3_000, 0);
    let answered = Arc::new(AtomicU64::new(0));
    let first = witness(&place, &[&Log::key(1)]);
    assert_eq!(add(&first.base, log.request(0, 1)).await.0, 200);
    first.kill();
    for round in 0..8_u64 {
        let served = witness(&place, &[&Log::key(1)]);
        let (status, content_type, body) = add(&served.base, log.request(0, 3_000)).await;
        let known = match status {
            409 => read_tree_size(body.as_bytes()).unwrap(),
            _ => panic!("{status} {content_type} {body}"),
        };
        assert!(known >= answered.load(Ordering::SeqCst), "it cosigned more than it remembers");
        let sender = {
            let (base, log, answered) = (served.base.clone(), log.clone(), Arc::clone(&answered));
            tokio::spawn(async move {
                let mut old = known;
                while let Some((200, ..)) = post(&base, log.request(old, old + 1)).await {
                    old += 1;
                    answered.store(old, Ordering::SeqCst);
                }
            })
        };
        // Somewhere in the middle of an answer: each round at another place.
        let wanted = answered.load(Ordering::SeqCst) + 2;
        while answered.load(Ordering::SeqCst) < wanted {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_micros(700 * round)).await;
        served.kill();
        sender.await.unwrap();
    }
    assert!(answered.load(Ordering::SeqCst) >= 16);
}
