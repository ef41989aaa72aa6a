//! A reader of server-sent events that holds the service to the format (WHATWG HTML, section 9.2).

use super::{Answer, Client};
use serde_json::{Value, json};

/// What stands between two blank lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    pub id: Option<u64>,
    pub event: Option<String>,
    pub data: Option<Value>,
    pub comment: Option<String>,
    pub retry: Option<u64>,
}

/// A stream that is being read.
pub struct EventStream {
    pub response: reqwest::Response,
    buffer: Vec<u8>,
}

impl EventStream {
    /// Opens a stream, which must be one.
    pub async fn open(caller: &Client, path: &str, headers: &[(&str, &str)]) -> Self {
        let response = Self::ask(caller, path, headers).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, buffer: Vec::new() }
    }

    /// Asks for one, whatever is answered.
    pub async fn ask(caller: &Client, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let mut request = caller.http.get(format!("{}{path}", caller.base));
        if let Some(token) = &caller.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    /// The next frame; `None` where the service has ended the stream.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|two| two == b"\n\n") {
                let frame: Vec<u8> = self.buffer.drain(..at + 2).collect();
                return Some(read(std::str::from_utf8(&frame).unwrap()));
            }
            match self.response.chunk().await.unwrap() {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => {
                    assert!(self.buffer.is_empty(), "the stream ended within an event");
                    return None;
                }
            }
        }
    }

    /// The next event.
    pub async fn event(&mut self) -> Frame {
        loop {
            let frame = self.next().await.expect("the stream ended");
            if frame.id.is_some() {
                return frame;
            }
        }
    }

    /// Every event until the stream says that it is complete.
    pub async fn caught_up(&mut self) -> Vec<Frame> {
        let mut events = Vec::new();
        loop {
            let frame = self.next().await.expect("the stream ended");
            if frame.comment.as_ref().is_some_and(|comment| comment.starts_with("complete to ")) {
                return events;
            }
            events.extend(Some(frame).filter(|frame| frame.id.is_some()));
        }
    }

    /// The comments until the service ends the stream; no event may come any more.
    pub async fn end(&mut self) -> Vec<String> {
        let mut comments = Vec::new();
        while let Some(frame) = self.next().await {
            assert_eq!(frame.id, None, "an event came after the end");
            comments.extend(frame.comment);
        }
        comments
    }

    /// An answer in the form of a list, for whoever compares it with others: what there is right now.
    pub async fn as_answer(response: reqwest::Response) -> Answer {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut stream = Self { response, buffer: Vec::new() };
        let items: Vec<Value> = stream.caught_up().await.into_iter().filter_map(|frame| frame.data).collect();
        let body = json!({"items": items});
        Answer { status, headers, text: body.to_string(), body }
    }
}

fn read(text: &str) -> Frame {
    let mut frame = Frame::default();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (field, value) = line.split_once(": ").unwrap_or_else(|| panic!("not a field: {line}"));
        let was = match field {
            "id" => frame.id.replace(value.parse().unwrap()).is_some(),
            "event" => frame.event.replace(value.to_owned()).is_some(),
            "data" => frame.data.replace(serde_json::from_str(value).unwrap()).is_some(),
            "retry" => frame.retry.replace(value.parse().unwrap()).is_some(),
            "" => frame.comment.replace(value.to_owned()).is_some(),
            _ => panic!("there is no field {field}"),
        };
        assert!(!was, "{field} comes twice in {text}");
    }
    frame
}
