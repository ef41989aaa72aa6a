//! A body of lines, read as it arrives and in bounded memory.

use crate::api::json::{broken, decoded};
use crate::api::problem::{Problem, Type};
use crate::api::state::Limits;
use actix_web::HttpRequest;
use actix_web::dev::Decompress;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures::StreamExt;

/// The lines of a request's body, numbered from 1; blank lines are skipped and counted.
pub struct Lines {
    payload: Decompress<actix_web::dev::Payload>,
    buffer: BytesMut,
    limits: Limits,
    number: u64,
    answered: usize,
    bytes: usize,
    ended: bool,
}

impl Lines {
    /// Reads a request's body.
    ///
    /// # Errors
    /// [`Type::UnsupportedMediaType`] for a content coding that is not accepted.
    pub fn of(request: &HttpRequest, payload: Payload, limits: Limits) -> Result<Self, Problem> {
        let mut payload = payload.into_inner();
        let payload = decoded(request, &mut payload)?;
        Ok(Self { payload, buffer: BytesMut::new(), limits, number: 0, answered: 0, bytes: 0, ended: false })
    }

    /// The next line with its number, or the number of the line at which reading had to stop.
    pub async fn next(&mut self) -> Option<Result<(u64, Bytes), (u64, Problem)>> {
        loop {
            while let Some(at) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(at + 1).freeze();
                self.number += 1;
                if let Some(line) = self.counted(line.slice(..at)) {
                    return Some(line);
                }
            }
            if self.ended {
                if self.buffer.is_empty() {
                    return None;
                }
                self.number += 1;
                let line = self.buffer.split().freeze();
                return self.counted(line);
            }
            if self.buffer.len() > self.limits.body_bytes {
                return Some(Err(self.stop(Type::BodyTooLarge, "one line may have 1 MiB")));
            }
            let chunk = tokio::time::timeout(self.limits.body_timeout, self.payload.next()).await;
            match chunk {
                Err(_) => return Some(Err(self.stop(Type::RequestTimeout, "no bytes arrived for too long"))),
                Ok(None) => self.ended = true,
                Ok(Some(Err(error))) => {
                    self.ended = true;
                    return Some(Err((self.number + 1, broken(&error))));
                }
                Ok(Some(Ok(chunk))) => {
                    self.bytes += chunk.len();
                    if self.bytes > self.limits.batch_bytes {
                        return Some(Err(self.stop(Type::BodyTooLarge, "the batch is larger than allowed")));
                    }
                    self.buffer.extend_from_slice(&chunk);
                }
            }
        }
    }

    fn stop(&mut self, kind: Type, detail: &str) -> (u64, Problem) {
        self.ended = true;
        self.buffer.clear();
        (self.number + 1, Problem::new(kind).detail(detail))
    }

    fn counted(&mut self, line: Bytes) -> Option<Result<(u64, Bytes), (u64, Problem)>> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        self.answered += 1;
        if self.answered > self.limits.batch_lines {
            self.ended = true;
            self.buffer.clear();
            let detail = format!("a batch has at most {} lines; send the rest in another", self.limits.batch_lines);
            return Some(Err((self.number, Problem::new(Type::BodyTooLarge).detail(detail))));
        }
        if line.len() > self.limits.body_bytes {
            return Some(Err((self.number, Problem::new(Type::BodyTooLarge).detail("one line may have 1 MiB"))));
        }
        Some(Ok((self.number, line)))
    }
}
