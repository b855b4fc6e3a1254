//! `ua export viewing-options`: students' use of the player's options, by action type.

use store::{Group, Store};

use super::lectures::{self, Course};
use super::sheet::{Cell, Sheet};
use super::students;
use crate::cli::OfLectures;
use crate::exit::Outcome;

/// Action types end with what was switched on.
const CAPTIONS: &str = "paella:caption:enabled";
const PLAYBACK_SPEED: &str = "paella:button:action;es.upv.paella.playbackRatePlugin";
const VIEW_MODE: &str = "paella:button:action;edu.harvard.dce.paella.viewModeTogglePlugin";

/// Number of actions of a student by option.
#[derive(Debug, Default)]
struct Counts {
    huid: String,
    captions: u64,
    playback_speed: u64,
    view_mode: u64,
}

impl Counts {
    fn add(&mut self, action: &str, count: u64) {
        match action {
            PLAYBACK_SPEED => self.playback_speed += count,
            VIEW_MODE => self.view_mode += count,
            _ if action.starts_with(CAPTIONS) => self.captions += count,
            _ => {}
        }
    }

    fn write(&self, mpid: &str, sheet: &mut Sheet) -> anyhow::Result<()> {
        let number = |count: u64| Cell::Number(i64::try_from(count).unwrap_or(i64::MAX));
        let Self { huid, captions, playback_speed, view_mode } = self;
        let counts = [number(*captions), number(*playback_speed), number(*view_mode)];
        let [captions, playback_speed, view_mode] = counts;
        sheet.row(&[mpid.into(), (&**huid).into(), captions, playback_speed, view_mode])
    }
}

pub(super) async fn write(asked: &OfLectures, store: &Store) -> anyhow::Result<Outcome> {
    let columns = ["mpid", "huid", "captions", "playback_speed", "view_mode"];
    let lectures = lectures::chosen(store, &asked.lectures).await?;
    let mut sheet = Sheet::open(&asked.target, &columns)?;
    lectures::say_if_none(&lectures);
    let mut course = Course::of("lectures", lectures.len(), &asked.target);
    for lecture in &lectures {
        one(store, &lecture.mpid, &mut sheet).await?;
        course.step();
    }
    drop(course);
    sheet.close()?;
    Ok(Outcome::Complete)
}

async fn one(store: &Store, mpid: &str, sheet: &mut Sheet) -> anyhow::Result<()> {
    let grouping = students::by_student(&["action.type"]);
    let mut current: Option<Counts> = None;
    students::each(store, &students::actions(mpid), &grouping, |Group { words, count, .. }| {
        let [huid, action] = <[String; 2]>::try_from(words).unwrap_or_default();
        if current.as_ref().is_none_or(|counts| counts.huid != huid)
            && let Some(counts) = current.replace(Counts { huid, ..Counts::default() })
        {
            counts.write(mpid, sheet)?;
        }
        if let Some(counts) = &mut current {
            counts.add(&action, count);
        }
        Ok(())
    })
    .await?;
    current.map_or(Ok(()), |counts| counts.write(mpid, sheet))
}

#[cfg(test)]
mod tests;
