//! The load generator: raw HTTP/1.1 over kept connections, requests built before the clock runs. A client library would
//! take the cores that server and database need. Closed loop: each connection sends when it has its answer.

use crate::Fallible;
use crate::machine::{micros, quantile};
use crate::place::Server;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A kept connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// An answer in the connection's buffer.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    head: usize,
    total: usize,
    chunked: bool,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Fallible<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 16 * 1024], filled: 0 })
    }

    /// Sends a request and reads its answer, whose body can be looked at until the next exchange.
    pub async fn exchange(&mut self, request: &[u8]) -> Fallible<Answer> {
        self.filled = 0;
        self.stream.write_all(request).await?;
        loop {
            if self.filled == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            let read = self.stream.read(&mut self.buffer[self.filled..]).await?;
            if read == 0 {
                let so_far = String::from_utf8_lossy(&self.buffer[..self.filled.min(2_000)]).into_owned();
                return Err(format!("the server closed the connection after: {so_far}").into());
            }
            self.filled += read;
            if let Some(answer) = parse(&self.buffer[..self.filled]) {
                return Ok(answer);
            }
        }
    }

    /// The body of the last answer.
    pub fn body(&self, answer: Answer) -> Vec<u8> {
        let raw = &self.buffer[answer.head..answer.total];
        if answer.chunked { dechunk(raw) } else { raw.to_vec() }
    }

    /// The head of the last answer.
    pub fn head(&self, answer: Answer) -> String {
        String::from_utf8_lossy(&self.buffer[..answer.head]).into_owned()
    }
}

/// The answer, once all of it is there. Takes what actix-web writes (lower-case or capitalised names), no more of RFC 9112.
fn parse(bytes: &[u8]) -> Option<Answer> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).ok()?;
    let status: u16 = text.get(9..12)?.parse().ok()?;
    let header = |name: &str| {
        text.split("\r\n").skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    if status == 304 || status == 204 {
        return Some(Answer { status, head, total: head, chunked: false });
    }
    if let Some(length) = header("content-length") {
        let total = head + length.parse::<usize>().ok()?;
        return (bytes.len() >= total).then_some(Answer { status, head, total, chunked: false });
    }
    // Chunked: the last chunk is empty and there are no trailers.
    bytes.ends_with(b"0\r\n\r\n").then_some(Answer { status, head, total: bytes.len(), chunked: true })
}

fn dechunk(mut raw: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(raw.len());
    while let Some(end) = raw.windows(2).position(|two| two == b"\r\n") {
        let size =
            std::str::from_utf8(&raw[..end]).ok().and_then(|text| usize::from_str_radix(text, 16).ok()).unwrap_or(0);
        if size == 0 || raw.len() < end + 2 + size + 2 {
            break;
        }
        body.extend_from_slice(&raw[end + 2..end + 2 + size]);
        raw = &raw[end + 2 + size + 2..];
    }
    body
}

/// A request: its bytes, and where its idempotency key is to be written, if it has one.
#[derive(Clone)]
pub struct Request {
    bytes: Vec<u8>,
    key_at: Option<usize>,
}

/// How many digits a key has.
const KEY_DIGITS: usize = 16;

impl Request {
    /// A GET.
    pub fn get(server: &Server, path: &str, more: &str) -> Self {
        let bytes = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n{more}\r\n",
            server.address, server.token
        );
        Self { bytes: bytes.into_bytes(), key_at: None }
    }

    /// A POST of JSON under an idempotency key of its own each time that it is sent.
    pub fn post(server: &Server, path: &str, body: &str) -> Self {
        let before = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nIdempotency-Key: ",
            server.address,
            server.token,
            body.len()
        );
        let key_at = Some(before.len());
        let bytes = format!("{before}{:0KEY_DIGITS$}\r\n\r\n{body}", 0).into_bytes();
        Self { bytes, key_at }
    }

    /// A POST of lines.
    pub fn batch(server: &Server, lines: &str) -> Self {
        let bytes = format!(
            "POST /v1/batches HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/x-ndjson\r\n\
             Content-Length: {}\r\n\r\n{lines}",
            server.address,
            server.token,
            lines.len()
        );
        Self { bytes: bytes.into_bytes(), key_at: None }
    }

    /// Its bytes, under a key.
    pub fn under(&self, key: u64, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.bytes);
        if let Some(at) = self.key_at {
            out[at..at + KEY_DIGITS].copy_from_slice(format!("{key:0KEY_DIGITS$}").as_bytes());
        }
    }
}

/// What a run measured.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// Answers a second.
    pub rate: f64,
    /// The median latency in microseconds.
    pub p50: f64,
    /// The 99th percentile in microseconds.
    pub p99: f64,
    /// CPU microseconds of the server for each answer.
    pub server_cpu: f64,
    /// CPU microseconds of PostgreSQL for each answer; SQLite's are the server's.
    pub database_cpu: f64,
}

/// What a load is made of.
pub struct Load<'a> {
    /// The server.
    pub server: &'a Server,
    /// What is sent, in turn.
    pub requests: &'a [Request],
    /// The status that every answer must have.
    pub expect: u16,
    /// Where the keys of this load begin: no two loads on a database share any.
    pub first_key: u64,
}

impl Load<'_> {
    /// Sends from `connections` connections for `time`, after a moment to warm up that is not measured.
    pub async fn run(&self, connections: usize, time: Duration) -> Fallible<Run> {
        let mut open = Vec::with_capacity(connections);
        for _ in 0..connections {
            open.push(Connection::open(self.server.address).await?);
        }
        let warm = Instant::now() + time / 8;
        let next = std::cell::Cell::new(0);
        let loops = open.iter_mut().map(|connection| self.send_until(connection, &next, warm, None));
        futures::future::try_join_all(loops).await?;
        let before = self.server.cpu();
        let started = Instant::now();
        let latencies = std::cell::RefCell::new(Vec::with_capacity(1 << 18));
        let loops =
            open.iter_mut().map(|connection| self.send_until(connection, &next, started + time, Some(&latencies)));
        futures::future::try_join_all(loops).await?;
        let elapsed = started.elapsed().as_secs_f64();
        let after = self.server.cpu();
        let mut latencies = latencies.into_inner();
        let count = latencies.len().max(1) as f64;
        Ok(Run {
            rate: count / elapsed,
            p50: quantile(&mut latencies, 0.5),
            p99: quantile(&mut latencies, 0.99),
            server_cpu: (after.0 - before.0) * 1e6 / count,
            database_cpu: (after.1 - before.1) * 1e6 / count,
        })
    }

    async fn send_until(
        &self,
        connection: &mut Connection,
        next: &std::cell::Cell<u64>,
        end: Instant,
        latencies: Option<&std::cell::RefCell<Vec<f64>>>,
    ) -> Fallible<()> {
        let mut bytes = Vec::new();
        while Instant::now() < end {
            let number = next.get();
            next.set(number + 1);
            // A stride that shares no factor with the pool's size, so that neighbours are not asked for one after another.
            let request = &self.requests[usize::try_from(number * 7919 % self.requests.len() as u64)?];
            request.under(self.first_key + number, &mut bytes);
            let started = Instant::now();
            let answer = connection.exchange(&bytes).await?;
            if let Some(latencies) = latencies {
                latencies.borrow_mut().push(micros(started.elapsed()));
            }
            if answer.status != self.expect {
                let body = String::from_utf8_lossy(&connection.body(answer)).into_owned();
                return Err(format!("status {} instead of {}: {body}", answer.status, self.expect).into());
            }
        }
        Ok(())
    }
}
