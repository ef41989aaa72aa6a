//! Learning of commits of other processes: a notification is a wake-up and nothing else.

use crate::store::raise;
use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The channel on which every append says the log's new size.
pub(super) const CHANNEL: &str = "cairn_head";
const HEAD: &str = "SELECT size FROM log_head";
/// How long to wait before listening again after the connection was lost.
const PAUSE: Duration = Duration::from_secs(1);
/// How often the head is asked for, in case that a notification never comes: a connection can be dead without saying so.
const LOOK: Duration = Duration::from_secs(5);
/// How long a notification may be on its way when the head has been seen already.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// Listens until it is aborted; a lost connection is made again.
pub(super) fn listen(pool: PgPool, size: Arc<watch::Sender<u64>>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            // Whichever ends, the connection is given up with it.
            tokio::select! {
                ended = listen_once(&pool, &size) => if let Err(error) = ended {
                    tracing::warn!(error = %error, "following the log was interrupted");
                },
                () = missed(&pool, &size) => tracing::warn!("a commit was not told of; listening anew"),
            }
            if pool.is_closed() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    })
}

async fn listen_once(pool: &PgPool, size: &watch::Sender<u64>) -> Result<(), sqlx::Error> {
    // A pool of its own: a listener that is given up says good-bye on its connection and holds its place in the pool until
    // that is answered, which may be never.
    let own = PgPoolOptions::new().max_connections(1).connect_lazy_with(pool.connect_options().as_ref().clone());
    let mut listener = PgListener::connect_with(&own).await?;
    listener.listen(CHANNEL).await?;
    // What was committed while nobody listened.
    let now: i64 = sqlx::query_scalar(HEAD).fetch_one(pool).await?;
    raise(size, u64::try_from(now).unwrap_or(0));
    while let Some(notification) = listener.try_recv().await? {
        if let Ok(told) = notification.payload().parse() {
            raise(size, told);
        }
    }
    Ok(())
}

/// Ends once the log has grown without a notification; whoever follows is told all the same.
async fn missed(pool: &PgPool, size: &watch::Sender<u64>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Ok(now) = sqlx::query_scalar::<_, i64>(HEAD).fetch_one(pool).await else { continue };
        let now = u64::try_from(now).unwrap_or(0);
        if now <= *size.borrow() {
            continue;
        }
        tokio::time::sleep(ON_ITS_WAY).await;
        if now > *size.borrow() {
            raise(size, now);
            return;
        }
    }
}
