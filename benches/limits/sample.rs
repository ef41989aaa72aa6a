//! What is sent: people and their accounts for single recordings, a synthetic population for bulk.

use crate::Fallible;
use crate::load::{Connection, Request};
use crate::place::Server;
use cairn::app::sample::{SampleLine, SamplePerson, population};
use cairn::app::words::LifeTime;
use std::time::Instant;

/// Lines of one bulk request, at most; a person's lines stay together.
const BULK_LINES: usize = 1_000;

/// A bulk request with the operation of each of its lines.
pub struct Bulk {
    pub request: Request,
    pub operations: Vec<&'static str>,
}

/// A recording that bulk made.
#[derive(Debug, Clone)]
pub struct Made {
    pub operation: &'static str,
    pub id: String,
    pub position: u64,
}

/// People of one population, whose identifiers are their own, one after the other.
pub fn lives() -> impl Iterator<Item = SamplePerson> {
    population(u64::MAX, 1, LifeTime::Year(2025))
}

/// Requests with at least `lines` lines of the next of these people.
pub fn bulk(server: &Server, lives: &mut impl Iterator<Item = SamplePerson>, lines: usize) -> Vec<Bulk> {
    let mut requests = Vec::new();
    let (mut text, mut operations, mut total) = (String::new(), Vec::new(), 0);
    for person in lives {
        if operations.len() + person.lines.len() > BULK_LINES {
            requests.push(Bulk { request: Request::batch(server, &text), operations: std::mem::take(&mut operations) });
            text.clear();
            if total >= lines {
                return requests;
            }
        }
        total += person.lines.len();
        operations.extend(person.lines.iter().map(|line| line.op));
        for line in person.lines.iter().map(SampleLine::to_line) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    requests
}

/// Sends bulk requests over some connections; answers lines a second, and what was made where that is asked for.
pub async fn send_bulk(
    server: &Server,
    requests: &[Bulk],
    connections: usize,
    tell: bool,
) -> Fallible<(f64, Vec<Made>)> {
    let next = std::cell::Cell::new(0);
    let made = std::cell::RefCell::new(Vec::new());
    let started = Instant::now();
    let loops = (0..connections).map(|_| async {
        let mut bytes = Vec::new();
        while let Some(bulk) = requests.get(next.replace(next.get() + 1)) {
            bulk.request.under(0, &mut bytes);
            // The server answers while it still reads, and then closes: a connection serves one bulk request.
            let mut connection = Connection::open(server.address).await?;
            let answer = connection.exchange(&bytes).await?;
            let body = String::from_utf8(connection.body(answer))?;
            let recorded = body.matches("\"status\":201").count();
            if answer.status != 200 || recorded != bulk.operations.len() {
                let refused = body.lines().find(|line| !line.contains("\"status\":201")).unwrap_or_default();
                return Err(format!(
                    "bulk: status {}, {recorded} of {} lines: {refused}",
                    answer.status,
                    bulk.operations.len()
                )
                .into());
            }
            if tell {
                for (line, operation) in body.lines().zip(&bulk.operations) {
                    let line: serde_json::Value = serde_json::from_str(line)?;
                    made.borrow_mut().push(Made {
                        operation,
                        id: line["id"].as_str().unwrap_or_default().to_owned(),
                        position: line["position"].as_u64().unwrap_or_default(),
                    });
                }
            }
        }
        Fallible::Ok(())
    });
    futures::future::try_join_all(loops).await?;
    let lines: usize = requests.iter().map(|bulk| bulk.operations.len()).sum();
    Ok((lines as f64 / started.elapsed().as_secs_f64(), made.into_inner()))
}

/// People whose accounts are recorded.
pub struct People {
    ids: Vec<String>,
}

impl People {
    /// Registers them.
    pub async fn register(server: &Server, people: usize) -> Fallible<Self> {
        let lines: String = (0..people)
            .map(|number| {
                let body = serde_json::json!({"occurred_at": "2024-01-05", "name": format!("Synthetic Person {number}"), "birth_date": "1951-03-14"});
                format!("{}\n", serde_json::json!({"key": format!("pool-{number}"), "op": "register_person", "body": body}))
            })
            .collect();
        let bulk = Bulk { request: Request::batch(server, &lines), operations: vec!["register_person"; people] };
        let (_, made) = send_bulk(server, &[bulk], 1, true).await?;
        Ok(Self { ids: made.into_iter().map(|person| person.id).collect() })
    }

    /// One request for each, which records an account of theirs.
    pub fn requests(&self, server: &Server) -> Vec<Request> {
        self.ids.iter().map(|person| Request::post(server, "/v1/narratives", &account(person).to_string())).collect()
    }

    /// The same accounts as lines of bulk requests; `round` keeps their keys apart.
    pub fn bulk(&self, server: &Server, round: usize, lines: usize) -> Vec<Bulk> {
        let numbers: Vec<usize> = (0..lines).collect();
        let requests = numbers.chunks(BULK_LINES).map(|numbers| {
            let line = |number: &usize| {
                let body = account(&self.ids[number % self.ids.len()]);
                let key = format!("account-{round}-{number}");
                format!("{}\n", serde_json::json!({"key": key, "op": "record_narrative", "body": body}))
            };
            let text: String = numbers.iter().map(line).collect();
            Bulk { request: Request::batch(server, &text), operations: vec!["record_narrative"; numbers.len()] }
        });
        requests.collect()
    }
}

/// A narrative of some 400 bytes.
fn account(person: &str) -> serde_json::Value {
    let text = "I used to walk the dog with my friends every morning, and since the fall I have not been out with them once. \
        The house is quiet. What I want is to be back on the green with the others before the summer, even if it is only to the \
        bench and home again. My daughter says that I should rest, but resting is what made me weak. If somebody came with me \
        the first few times I would manage the rest.";
    serde_json::json!({
        "occurred_at": "2025-11-01", "person": person, "text": text, "author": "practitioner", "perspective": "person",
        "knowledge_form": "lived", "verbatim_spans": [{"start": 0, "end": 108}]
    })
}
