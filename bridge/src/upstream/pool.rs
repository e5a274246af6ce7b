//! The connections to one broker: a few, shared by all sessions.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::connection::Connection;
use super::dial::DialError;

/// After a failure nobody is dialled for so long.
const BACKOFF: Duration = Duration::from_millis(250);

/// A fixed number of places for connections; who uses which is a matter of a number.
#[derive(Debug)]
pub(super) struct Pool(Vec<Mutex<Place>>);

#[derive(Debug, Default)]
struct Place {
    connection: Option<Arc<Connection>>,
    failed: Option<(Instant, DialError)>,
}

impl Pool {
    pub(super) fn new(size: usize) -> Self {
        Self((0..size.max(1)).map(|_| Mutex::default()).collect())
    }

    /// The connection of `number`, opened by `open` if it is not up.
    pub(super) async fn get<F>(
        &self,
        number: u64,
        open: impl FnOnce() -> F,
    ) -> Result<Arc<Connection>, DialError>
    where
        F: Future<Output = Result<Arc<Connection>, DialError>>,
    {
        let index = (number % self.0.len() as u64) as usize;
        let mut place = self.0[index].lock().await;
        if let Some(connection) = place.connection.as_ref().filter(|it| it.is_up()) {
            return Ok(connection.clone());
        }
        match &place.failed {
            Some((at, error)) if at.elapsed() < BACKOFF => return Err(error.clone()),
            _ => {}
        }
        let opened = open().await;
        place.failed = opened.as_ref().err().map(|error| (Instant::now(), error.clone()));
        place.connection = opened.as_ref().ok().cloned();
        opened
    }
}
