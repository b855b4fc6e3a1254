//! Cancelled runs in the local file: one row per run.

use messages::RunId;

use super::Local;
use crate::{BrokerError, clock};

impl Local {
    pub(in crate::broker) async fn cancel(&self, run: &RunId) -> Result<(), BrokerError> {
        let (run, now) = (run.as_str().to_owned(), clock::now().as_millisecond());
        let sql = "insert into cancelled values (?1, ?2) on conflict do nothing";
        self.inner.writer.call(move |connection| connection.execute(sql, (run, now)).map(|_| ())).await
    }

    pub(in crate::broker) async fn is_cancelled(&self, run: &RunId) -> Result<bool, BrokerError> {
        let run = run.as_str().to_owned();
        let sql = "select exists (select 1 from cancelled where run = ?1)";
        let ask = move |connection: &rusqlite::Connection| {
            connection.prepare_cached(sql)?.query_row([run], |row| row.get(0))
        };
        self.inner.writer.call(ask).await
    }

    pub(in crate::broker) async fn forget_cancelled(&self, runs: &[RunId]) -> Result<(), BrokerError> {
        let runs = runs.to_vec();
        let remove = move |connection: &rusqlite::Connection| {
            let mut delete = connection.prepare_cached("delete from cancelled where run = ?1")?;
            runs.iter().try_for_each(|run| delete.execute([run.as_str()]).map(|_| ()))
        };
        self.inner.writer.call(remove).await
    }
}
