//! A log to be taken away and verified, and `cairn verify` as whoever asks for the JSON sees it.

use crate::binary::Place;
use crate::outage::narrative;
use crate::support::Client;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a log was filled with.
pub struct Filled {
    /// A person of the organisation RX1.
    pub ours: String,
    /// A second person of RX1.
    pub second: String,
}

/// Of `cairn export`: both logs.
pub const BOTH: [&str; 4] = ["--log", "outcomes", "--log", "accesses"];
/// Words that stand in one record alone.
pub const OURS: &str = "Walking with Quastenflosser";
pub const SECOND: &str = "Reading to Nachtigallenschwinge";
pub const THEIRS: &str = "Swimming in Zanzibarkanal";

/// The organisation of who is called.
pub fn as_organisation(place: &Place, base: &str, organisation: &str) -> Client {
    let token = place.run(&["token", "--organisation", organisation]).expect_status(0).out();
    Client { base: base.to_owned(), http: reqwest::Client::new(), token: Some(token.trim().to_owned()) }
}

/// Serves for a while: two people of one organisation and one of another, and as many more people as are asked for.
pub async fn fill(place: &Place, more: usize) -> Filled {
    let served = place.serve();
    let (us, them) = (as_organisation(place, &served.base, "RX1"), as_organisation(place, &served.base, "RX2"));
    let mut people = Vec::new();
    for (caller, words) in [(&us, OURS), (&us, SECOND), (&them, THEIRS)] {
        let person = caller.person().await;
        caller.outcome(&person).await;
        caller.post("/v1/narratives", &narrative(&person, words)).await.expect(201);
        people.push(person);
    }
    record_people(&us, more).await;
    assert_eq!(served.terminate(), Some(0));
    let [ours, second, _] = people.try_into().unwrap();
    Filled { ours, second }
}

/// Records people in batches.
pub async fn record_people(caller: &Client, many: usize) {
    let people: Vec<Value> = (0..many)
        .map(|number| {
            let body =
                json!({"occurred_at": "2026-01-05", "name": format!("Sample {number}"), "birth_date": "1951-03-14"});
            json!({"op": "register_person", "key": caller.fresh_key(), "body": body})
        })
        .collect();
    for lines in people.chunks(500) {
        let answers = caller.batch("each", lines).await;
        assert!(answers.iter().all(|answer| answer["status"] == 201), "{:?}", answers.first());
    }
}

/// The answer of `cairn verify --json` with its exit status.
pub fn verify(place: &Place, arguments: &[&str]) -> (i32, Value) {
    let ran = place.run(&[&["verify", "--json", "--quiet"], arguments].concat());
    let status = ran.0.status.code().unwrap();
    let answer = serde_json::from_str(&ran.out()).unwrap_or_else(|_| panic!("{}{}", ran.out(), ran.err()));
    (status, answer)
}

/// Expects that everything is right.
#[track_caller]
pub fn verified(place: &Place, arguments: &[&str]) -> Value {
    let (status, answer) = verify(place, arguments);
    assert_eq!((status, answer["verdict"].as_str()), (0, Some("verified")), "{answer:#}");
    assert_eq!(answer["finding_count"], 0);
    answer
}

/// Expects that something is wrong, and that it is called by this code.
#[track_caller]
pub fn wrong(place: &Place, arguments: &[&str], code: &str) -> Value {
    let (status, answer) = verify(place, arguments);
    assert_eq!((status, answer["verdict"].as_str()), (1, Some("wrong")), "{code}: {answer:#}");
    assert!(answer["finding_counts"][code].as_u64() > Some(0), "no {code} in {answer:#}");
    answer
}

/// Every file below a folder by its path there.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    gather(folder, folder, &mut found);
    found
}

fn gather(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        if path.is_dir() {
            gather(root, &path, found);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            found.insert(name, std::fs::read(&path).unwrap());
        }
    }
}
