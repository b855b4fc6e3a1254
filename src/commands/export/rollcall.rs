//! `ua export rollcall`: the people of the courses that have episodes. The store knows the courses, the course list
//! their people.

use std::time::Duration;

use anyhow::Context as _;
use store::{Grouping, Store};

use super::course_list::{self, CourseList, Person};
use super::lectures::{self, Course};
use super::sheet::{Cell, Sheet};
use crate::cli::{Lectures, OfLectures};
use crate::config::{Config, ConfigError};
use crate::exit::{Outcome, sentence, usage};
use crate::{output, units};

/// Pause between two requests: the course list serves other clients, too.
const PAUSE: Duration = Duration::from_secs(1);
/// Series per request to the store.
const PAGE: usize = 1_000;

pub(super) async fn write(asked: &OfLectures, store: &Store, config: &Config) -> anyhow::Result<Outcome> {
    let base = config.banner.as_ref().ok_or(ConfigError::Missing { names: vec!["BANNER_ENDPOINT_BASE"] })?;
    let Lectures { term, series, .. } = &asked.lectures;
    if term.is_none() && series.is_none() {
        return Err(usage(
            "a roll call needs --term or --series: the course list is asked for each series, one a second",
        ));
    }
    let list = CourseList::at(base)?;
    let columns = ["series", "huid", "status", "first_name", "mi", "last_name", "reg_level"];
    let all = all_series(store, &asked.lectures).await?;
    lectures::say_undated(store, &asked.lectures).await?;
    let mut sheet = Sheet::open(&asked.target, &columns)?;
    lectures::say_if_none(&all);
    let mut course = Course::of("courses", all.len(), &asked.target);
    let mut failed = 0;
    for (position, series) in all.iter().enumerate() {
        if position > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        match people(&list, series).await {
            Ok(people) => people.iter().try_for_each(|person| row(&mut sheet, series, person))?,
            Err(error) => {
                failed += 1;
                output::remark(&format!("series {series}: {}", sentence(&error)));
            }
        }
        course.step();
    }
    drop(course);
    sheet.close()?;
    if failed == 0 {
        return Ok(Outcome::Complete);
    }
    let all = units::some(all.len() as u64, "course");
    output::remark(&format!(
        "{} of {all} could not be read; the same command again asks for all of them",
        units::count(failed)
    ));
    Ok(Outcome::Incomplete)
}

async fn people(list: &CourseList, series: &str) -> anyhow::Result<Vec<Person>> {
    let course = course_list::Course::of(series);
    let course = course.context("it has no number of a course behind year and term")?;
    list.people(course).await
}

fn row(sheet: &mut Sheet, series: &str, person: &Person) -> anyhow::Result<()> {
    let Person { huid, status, first_name, mi, last_name, reg_level } = person;
    sheet.row(&[series, huid, status, first_name, mi, last_name, reg_level].map(Cell::from))
}

/// Returns every series of the lectures, once and in order.
async fn all_series(store: &Store, asked: &Lectures) -> anyhow::Result<Vec<String>> {
    let (query, grouping) = (lectures::query(asked)?, Grouping::by(&["series"]));
    let (mut all, mut place) = (Vec::new(), None);
    loop {
        let (groups, next) = store.tally(&query, &grouping, PAGE, place).await?;
        all.extend(groups.into_iter().flat_map(|group| group.words).filter(|series| !series.is_empty()));
        match next {
            Some(next) => place = Some(next),
            None => break,
        }
    }
    Ok(all)
}
