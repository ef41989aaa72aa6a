//! Calls to a database that may never be answered: a server that is frozen or cut off keeps its connections open and says
//! nothing, so that nothing but a clock can tell.
//!
//! Knows neither database nor HTTP; `store` and `vault` ask PostgreSQL with it.

use std::fmt;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long after an abandoned call connections are under suspicion. They are looked at as soon as they are given back.
const SUSPICION: Duration = Duration::from_secs(10);
/// How long a service that ends waits for connections to say good-bye.
pub(crate) const CLOSING: Duration = Duration::from_secs(5);
/// How long a connection under suspicion may take to show that it has answered everything.
const PROOF: Duration = Duration::from_secs(2);

static LAST_ABANDONED: Mutex<Option<Instant>> = Mutex::new(None);

/// There was no answer in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoAnswer(pub(crate) Duration);

impl fmt::Display for NoAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the database did not answer within {} s", self.0.as_secs_f32())
    }
}

impl std::error::Error for NoAnswer {}

impl From<NoAnswer> for std::io::Error {
    fn from(error: NoAnswer) -> Self {
        Self::new(std::io::ErrorKind::TimedOut, error)
    }
}

/// Whether an error is [`NoAnswer`] and not the system's own word that a connection is dead.
pub(crate) fn is_no_answer(error: &std::io::Error) -> bool {
    matches!(error.get_ref(), Some(inner) if inner.is::<NoAnswer>())
}

/// Notes that a call was abandoned, unless it was answered: at the end of its time, or because nobody waits any more.
struct Call {
    answered: bool,
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.answered {
            *LAST_ABANDONED.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }
}

/// Waits for an answer so long and no longer.
pub(crate) async fn within<T>(limit: Duration, call: impl Future<Output = T>) -> Result<T, NoAnswer> {
    // Noted before the call is dropped, and with it the connection that it used.
    let call = std::pin::pin!(call);
    let mut noted = Call { answered: false };
    let answer = tokio::time::timeout(limit, call).await.map_err(|_| NoAnswer(limit));
    noted.answered = answer.is_ok();
    answer
}

/// For connections that are given back to a pool: lets one that may have an answer still before it show that it is alive, and
/// fails for one that does not, so that it is closed. The driver asks every one by itself, yet without a limit: one that
/// says nothing would be missing for as long as the system takes to give it up, which may be a quarter of an hour.
pub(crate) async fn prove_alive<E: From<std::io::Error>>(ask: impl Future<Output = Result<(), E>>) -> Result<bool, E> {
    // To ask each connection twice would cost a quarter of all reads.
    if is_suspicious() {
        tokio::time::timeout(PROOF, ask).await.map_err(|_| E::from(NoAnswer(PROOF).into()))??;
    }
    Ok(true)
}

/// Whether a call was abandoned just now.
fn is_suspicious() -> bool {
    let last = *LAST_ABANDONED.lock().unwrap_or_else(PoisonError::into_inner);
    last.is_some_and(|last| last.elapsed() < SUSPICION)
}

#[cfg(test)]
mod tests {
    use super::{NoAnswer, is_no_answer, prove_alive, within};
    use std::future::pending;
    use std::time::Duration;

    #[tokio::test]
    async fn what_is_not_answered_is_given_up_and_remembered() {
        let limit = Duration::from_millis(7);
        assert_eq!(within(limit, async { 5 }).await, Ok(5));
        assert_eq!(within(limit, pending::<()>()).await, Err(NoAnswer(limit)));
        assert!(matches!(prove_alive(async { Ok::<_, std::io::Error>(()) }).await, Ok(true)));
        let silent = prove_alive(pending::<Result<(), std::io::Error>>()).await;
        assert!(silent.is_err_and(|error| is_no_answer(&error)));
        let error = std::io::Error::from(NoAnswer(limit));
        assert!(is_no_answer(&error) && error.to_string().contains("0.007 s"));
        assert!(!is_no_answer(&std::io::ErrorKind::TimedOut.into()));
    }
}
