//! Batches: many recordings in one request, one answer a line.

use crate::api::bodies::actions::{AgreeAction, ProgressAction};
use crate::api::bodies::contributions::RecordContribution;
use crate::api::bodies::conversations::{AmendConversation, RecordConversation};
use crate::api::bodies::frameworks::PublishFramework;
use crate::api::bodies::narratives::{AmendNarrative, RecordNarrative, RespondToNarrative, WithdrawNarrative};
use crate::api::bodies::outcomes::{CloseOutcome, IdentifyOutcome, PrioritiseOutcome, ReopenOutcome, RewordOutcome};
use crate::api::bodies::people::{AddPersonIdentifier, AmendPerson, RegisterPerson};
use crate::api::bodies::reviews::{RecordReview, ReviseReview, WithdrawReview};
use crate::api::bodies::{Body, batch::RawLine};
use crate::api::json::{is_ndjson, parse, parse_value};
use crate::api::lines::Lines;
use crate::api::problem::{Problem, ProblemDocument, Type};
use crate::api::request::{Call, Query, check_idempotency_key, current_id, with_id};
use crate::api::views::ReceiptView;
use crate::app::words::{Scope, StreamId};
use crate::app::{ALL_MAX_LINES, BatchLine, BatchMode, CHUNK_LINES, Names, Receipt, Recording, Target};
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpRequest, HttpResponse, post};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};

/// Parameters of a batch.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BatchQuery {
    /// `each` (the default) records each line on its own; `all` records all or none, at most 500 lines.
    #[param(example = "each")]
    pub mode: Option<String>,
}

/// A line that is recorded.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "line": 1, "status": 201, "id": "0f6f1f6e-52a4-4b6f-8a39-0d1f3c1f7a22", "version": 0, "position": 4711,
    "recorded_at": "2026-11-02T10:00:00.000000Z", "repeated": false
}))]
pub struct RecordedLine {
    /// The line's number, from 1; blank lines count and get no answer.
    pub line: u64,
    /// 201.
    pub status: u16,
    /// Where it stands.
    #[serde(flatten)]
    pub receipt: ReceiptView,
}

/// A line that is not recorded.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "line": 2, "status": 422, "problem": {
        "type": "/problems/invalid-body", "title": "The body is not what the operation accepts", "status": 422,
        "detail": "a date that exists", "errors": [{"pointer": "/body/occurred_at", "detail": "a date that exists"}]
    }
}))]
pub struct RefusedLine {
    /// The line's number, from 1; blank lines count and get no answer.
    pub line: u64,
    /// The status of the problem.
    pub status: u16,
    /// Why.
    pub problem: ProblemDocument,
}

/// The answer to one line of a batch.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum LineAnswer {
    /// It is recorded.
    Recorded(RecordedLine),
    /// It is not.
    Refused(RefusedLine),
}

impl LineAnswer {
    fn of(line: u64, answer: Result<Receipt, Problem>) -> Self {
        match answer {
            Ok(receipt) => Self::Recorded(RecordedLine { line, status: 201, receipt: receipt.into() }),
            Err(problem) => {
                let mut problem = problem.document();
                problem.request_id = current_id();
                Self::Refused(RefusedLine { line, status: problem.status, problem })
            }
        }
    }
}

/// Records many: NDJSON in, one answer a line, in order, each durable when it is answered. Send it again after a break: what was recorded answers as the first time.
///
/// Who may call: clients with `batches:write`; each line needs its operation's scope besides.
#[utoipa::path(tag = "batches", operation_id = "record_batch", params(BatchQuery),
    request_body(content((RawLine = "application/x-ndjson", example = json!({
        "key": "visit-1-narrative", "op": "record_narrative", "name": "n1",
        "body": {"occurred_at": "2026-11-02", "person": "5f0c3c1e-7a52-4e0b-9a56-2f7f2f1f9b11", "text": "I miss walking the dog.",
            "author": "person", "perspective": "person", "knowledge_form": "lived"}
    })))),
    responses((status = 200, content((LineAnswer = "application/x-ndjson")), description = "One answer a line, as they are recorded")),
    security(("oauth2" = ["batches:write"])))]
#[post("/batches")]
pub async fn record_batch(
    call: Call,
    request: HttpRequest,
    query: Query<BatchQuery>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::BatchesWrite)?;
    let mode = match query.read()?.mode.as_deref() {
        None | Some("each") => BatchMode::Each,
        Some("all") => BatchMode::All,
        Some(_) => return Err(Problem::new(Type::InvalidQuery).detail("mode: can be `each` or `all`")),
    };
    if !is_ndjson(&request) {
        return Err(Problem::new(Type::UnsupportedMediaType).detail("send application/x-ndjson"));
    }
    let lines = Lines::of(&request, payload, call.state.limits)?;
    // Answers are bounded by the number of lines, so a caller that sends first and reads later cannot block itself.
    let (answers, mut sent) = mpsc::unbounded_channel::<Bytes>();
    let id = current_id().unwrap_or_default();
    actix_web::rt::spawn(with_id(id, async move {
        Batch { call, mode, names: Names::new(), answers }.run(lines).await;
    }));
    let stream = futures::stream::poll_fn(move |context| {
        sent.poll_recv(context).map(|bytes| bytes.map(Ok::<Bytes, Infallible>))
    });
    Ok(HttpResponse::Ok()
        .content_type("application/x-ndjson")
        .insert_header(("Cache-Control", "no-store"))
        .streaming(stream))
}

struct Batch {
    call: Call,
    mode: BatchMode,
    names: Names,
    answers: mpsc::UnboundedSender<Bytes>,
}

impl Batch {
    async fn run(mut self, mut lines: Lines) {
        let chunk_max = match self.mode {
            BatchMode::Each => CHUNK_LINES,
            BatchMode::All => ALL_MAX_LINES + 1,
        };
        let mut chunk: Vec<(u64, Result<BatchLine, Problem>)> = Vec::new();
        loop {
            let next = lines.next().await;
            let ended = next.is_none();
            match next {
                Some(Ok((number, bytes))) => chunk.push((number, read_line(&bytes))),
                Some(Err((number, problem))) => {
                    // The rest of the request cannot be told apart any more: what came before it still counts.
                    if self.mode == BatchMode::Each {
                        self.record(std::mem::take(&mut chunk)).await;
                    } else {
                        self.refuse_all(std::mem::take(&mut chunk));
                    }
                    self.answer(number, Err(problem));
                    return;
                }
                None => {}
            }
            if ended || chunk.len() >= chunk_max {
                if chunk.len() > ALL_MAX_LINES && self.mode == BatchMode::All {
                    self.refuse_all(std::mem::take(&mut chunk));
                    return;
                }
                self.record(std::mem::take(&mut chunk)).await;
            }
            if ended || self.answers.is_closed() {
                return;
            }
        }
    }

    fn refuse_all(&self, chunk: Vec<(u64, Result<BatchLine, Problem>)>) {
        for (number, line) in chunk {
            let problem = line.err().unwrap_or_else(|| {
                Problem::new(Type::LineRefused)
                    .detail(format!("an all-or-nothing batch has at most {ALL_MAX_LINES} whole lines"))
            });
            self.answer(number, Err(problem));
        }
    }

    async fn record(&mut self, chunk: Vec<(u64, Result<BatchLine, Problem>)>) {
        let broken = self.mode == BatchMode::All && chunk.iter().any(|(_, line)| line.is_err());
        let mut whole = Vec::new();
        let mut numbers = Vec::new();
        let mut answers: Vec<(u64, Result<Receipt, Problem>)> = Vec::new();
        for (number, line) in chunk {
            match line {
                Ok(_) if broken => answers.push((
                    number,
                    Err(Problem::new(Type::LineRefused).detail("another line of the batch was refused")),
                )),
                Ok(line) => {
                    whole.push(line);
                    numbers.push(number);
                }
                Err(problem) => answers.push((number, Err(problem))),
            }
        }
        let app = self.call.state.app.clone();
        let count = whole.len();
        if count > 0 {
            let recorded = app.record_lines(&self.call.caller, self.mode, &mut self.names, whole, &recording_of).await;
            match recorded {
                Ok(outcomes) => answers.extend(numbers.into_iter().zip(outcomes)),
                Err(error) => {
                    let problem = Problem::from(error);
                    answers.extend(numbers.into_iter().map(|number| (number, Err(problem.clone()))));
                }
            }
        }
        answers.sort_by_key(|(number, _)| *number);
        for (number, answer) in answers {
            self.answer(number, answer);
        }
    }

    fn answer(&self, number: u64, answer: Result<Receipt, Problem>) {
        let mut bytes = serde_json::to_vec(&LineAnswer::of(number, answer)).unwrap_or_default();
        bytes.push(b'\n');
        // The caller may be gone; what is recorded stays recorded, and a repeat learns of it.
        let _ = self.answers.send(Bytes::from(bytes));
    }
}

fn read_line(bytes: &[u8]) -> Result<BatchLine, Problem> {
    let line: RawLine = parse(bytes)?;
    check_idempotency_key(&line.key)
        .map_err(|_| Problem::invalid("/key", "must have 1 to 200 printable ASCII characters"))?;
    if line.name.as_ref().is_some_and(|name| name.is_empty() || name.len() > 64 || name.starts_with('@')) {
        return Err(Problem::invalid("/name", "must have 1 to 64 characters and not begin with @"));
    }
    Ok(BatchLine {
        key: line.key,
        name: line.name,
        operation: line.op,
        id: line.id,
        if_match: line.if_match,
        body: line.body,
    })
}

macro_rules! operations {
    ($($body:ty),+ $(,)?) => {
        /// Operations that a line can name.
        pub const OPERATIONS: &[&str] = &[$(<$body as Body>::OPERATION),+];

        fn recording_of(line: &BatchLine) -> Result<Recording, Problem> {
            $(if line.operation == <$body as Body>::OPERATION {
                return recording::<$body>(line);
            })+
            Err(Problem::invalid("/op", format!("must be one of {}", OPERATIONS.join(", "))))
        }
    };
}

operations!(
    RegisterPerson,
    AmendPerson,
    AddPersonIdentifier,
    RecordConversation,
    AmendConversation,
    RecordNarrative,
    AmendNarrative,
    WithdrawNarrative,
    RespondToNarrative,
    IdentifyOutcome,
    RewordOutcome,
    PrioritiseOutcome,
    CloseOutcome,
    ReopenOutcome,
    RecordReview,
    ReviseReview,
    WithdrawReview,
    AgreeAction,
    ProgressAction,
    RecordContribution,
    PublishFramework,
);

fn recording<B: Body>(line: &BatchLine) -> Result<Recording, Problem> {
    let target = match &line.id {
        Some(id) => {
            let id = uuid::Uuid::parse_str(id)
                .map_err(|_| Problem::invalid("/id", "must be a UUID or the @name of an earlier line"))?;
            if B::CHANGES && line.if_match.is_none() {
                return Err(Problem::new(Type::PreconditionRequired)
                    .field("/if_match", "is required: the version that you saw"));
            }
            Target::Existing { id: StreamId(id), if_match: line.if_match }
        }
        None if B::CHANGES || B::OPERATION == RespondToNarrative::OPERATION => {
            return Err(Problem::invalid("/id", "is required for this operation"));
        }
        None => Target::New,
    };
    if line.id.is_some() && !B::CHANGES && B::OPERATION != RespondToNarrative::OPERATION {
        return Err(Problem::invalid("/id", "is given by the service for this operation"));
    }
    let body: B = parse_value(line.body.clone()).map_err(|problem| problem.below("/body"))?;
    body.into_recording(target).map_err(|problem| problem.below("/body"))
}
