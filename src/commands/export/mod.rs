//! `ua export`: tables for analysts, written row by row. One file per table.

mod attendance;
pub(crate) mod course_list;
mod documents;
mod episodes;
mod lectures;
mod meetings;
mod rollcall;
mod sessions;
mod sheet;
mod students;
mod viewing_options;

use anyhow::bail;
use jiff::civil::Date;
use store::Store;

use crate::assemble;
use crate::cli::{Export, ExportTable, Target};
use crate::config::Config;
use crate::exit::{Outcome, usage};
use crate::signal::signalled;

pub(super) async fn execute(words: Export, config: &Config) -> anyhow::Result<Outcome> {
    let store = assemble::store(config)?;
    // Without its templates, a search engine returns wrong results or none.
    crate::templates::current(&store).await?;
    if target(&words.report).output.is_none() {
        return write(&words.report, &store, config).await;
    }
    // Dropping `write` on a signal removes the temporary file.
    tokio::select! {
        ended = write(&words.report, &store, config) => ended,
        signal = signalled() => bail!("stopped by {signal}; the file was left as it was"),
    }
}

async fn write(report: &ExportTable, store: &Store, config: &Config) -> anyhow::Result<Outcome> {
    match report {
        ExportTable::Attendance(words) => attendance::write(words, store).await,
        ExportTable::ViewingOptions(words) => viewing_options::write(words, store).await,
        ExportTable::Rollcall(words) => rollcall::write(words, store, config).await,
        ExportTable::Sessions(words) => sessions::write(words, store).await,
        ExportTable::Meetings(words) => meetings::write(words, store).await,
        ExportTable::Episodes(words) => episodes::write(words, store).await,
    }
}

fn target(report: &ExportTable) -> &Target {
    match report {
        ExportTable::Attendance(words) => &words.of.target,
        ExportTable::ViewingOptions(words) | ExportTable::Rollcall(words) | ExportTable::Episodes(words) => {
            &words.target
        }
        ExportTable::Sessions(words) | ExportTable::Meetings(words) => &words.target,
    }
}

/// Formats both ends of a range of dates for a query.
fn dates(from: Option<Date>, to: Option<Date>) -> anyhow::Result<(Option<String>, Option<String>)> {
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        return Err(usage(format!("--from {from} is later than --to {to}: nothing lies between")));
    }
    Ok((from.map(|date| date.to_string()), to.map(|date| date.to_string())))
}
