//! `ua export attendance`: how much of each lecture each student watched. The store counts heartbeats by student and
//! piece.

use store::{DocumentKind, Group, Query, Store};

use super::lectures::{self, Course, Lecture};
use super::sheet::{Cell, Sheet};
use super::students;
use crate::cli::Attendance;
use crate::exit::Outcome;
use crate::{output, units};

/// Seconds per piece.
const PIECE: u32 = 300;
/// Action type of a player's heartbeat.
const BEAT: &str = "HEARTBEAT";
/// Remark for a store without heartbeats.
const NO_BEATS: &str = "no rows: no heartbeats are held, from which attendance is computed; the server's player may send \
    none, as Opencast's own do not";

pub(super) async fn write(asked: &Attendance, store: &Store) -> anyhow::Result<Outcome> {
    let Attendance { live, of } = asked;
    let column = if *live { "live_attendance" } else { "vod_attendance" };
    let lectures = lectures::chosen(store, &of.lectures).await?;
    let mut sheet = Sheet::open(&of.target, &["mpid", "huid", column])?;
    lectures::say_if_none(&lectures);
    let mut course = Course::of("lectures", lectures.len(), &of.target);
    let (mut unknown, mut rows) = (0, 0_u64);
    for lecture in &lectures {
        match pieces(lecture, *live) {
            None => unknown += 1,
            Some(pieces) => {
                let row = |huid: &str, percent| {
                    rows += 1;
                    sheet.row(&[(&*lecture.mpid).into(), huid.into(), Cell::Number(percent)])
                };
                watched(store, &beats(&lecture.mpid, *live), pieces, row).await?;
            }
        }
        course.step();
    }
    drop(course);
    sheet.close()?;
    if rows == 0 && !lectures.is_empty() && has_no_beats(store).await? {
        output::remark(NO_BEATS);
    }
    if unknown > 0 {
        let what = if *live { "live stream" } else { "recording" };
        output::remark(&format!(
            "{} without rows: the length of the {what} is not known",
            units::some(unknown, "lecture")
        ));
    }
    Ok(Outcome::Complete)
}

/// Returns the number of pieces of a lecture; `None` if its length is unknown.
fn pieces(lecture: &Lecture, live: bool) -> Option<i64> {
    let length = if live { lecture.live_duration } else { lecture.duration };
    let piece = u64::from(PIECE) * 1_000;
    let pieces = u64::try_from(length?).ok()?.div_ceil(piece);
    i64::try_from(pieces).ok().filter(|pieces| *pieces > 0)
}

/// True if the store has no heartbeat of any lecture: then the player sends none.
async fn has_no_beats(store: &Store) -> anyhow::Result<bool> {
    let beats = Query::all(DocumentKind::Useractions).with("action.type", BEAT);
    Ok(store.count(&beats).await? == 0)
}

/// Selects the heartbeats of playing players.
fn beats(mpid: &str, live: bool) -> Query {
    students::actions(mpid).with("action.type", BEAT).with("action.is_playing", true).with("is_live", live)
}

/// Calls `row` for every student with the percentage of watched pieces.
async fn watched(
    store: &Store,
    beats: &Query,
    pieces: i64,
    mut row: impl FnMut(&str, i64) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let grouping = students::by_student(&[]).in_steps("action.inpoint", PIECE);
    // The current student and the number of watched pieces so far.
    let mut current: Option<(String, i64)> = None;
    // A player may be beyond the catalogue's end. Pieces there count as watched, but the maximum is 100 percent.
    let percent = |watched: i64| (100 * watched / pieces).min(100);
    students::each(store, beats, &grouping, |Group { words, step, .. }| {
        let Some(huid) = words.into_iter().next() else { return Ok(()) };
        let piece = i64::from(step >= 0);
        match &mut current {
            Some((student, watched)) if *student == huid => *watched += piece,
            other => {
                if let Some((student, watched)) = other.replace((huid, piece)) {
                    row(&student, percent(watched))?;
                }
            }
        }
        Ok(())
    })
    .await?;
    current.map_or(Ok(()), |(student, watched)| row(&student, percent(watched)))
}

#[cfg(test)]
mod tests;
