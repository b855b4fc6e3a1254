//! A harvest request: the validated arguments of the command line.

use jiff::Timestamp;
use jiff::civil::Date;
use messages::{Lane, MeetingUuid, Mpid, Source};

use crate::cli::Selectors;
use crate::config::Config;
use crate::exit::usage;
use crate::receipts;
use crate::sources;

/// Maximum number of dates in one plan: ten years.
const MOST_DATES: i64 = 3_660;

/// What to harvest.
#[derive(Debug, Clone, Default)]
pub struct HarvestRequest {
    /// The sources to harvest.
    pub sources: Vec<Source>,
    /// Dates: in UTC for Zoom, in the server's time zone for Opencast. If empty, and without single meetings or
    /// episodes, the planner chooses them.
    pub dates: Vec<Date>,
    /// Single meetings.
    pub meeting_uuids: Vec<MeetingUuid>,
    /// Single episodes.
    pub episodes: Vec<Mpid>,
    /// List every episode.
    pub catalogue: bool,
    /// List every episode if the Opencast server keeps no user actions.
    pub or_catalogue: bool,
    /// The requested lane; `None` lets the planner choose.
    pub lane: Option<Lane>,
    /// Harvest complete dates again.
    pub force: bool,
}

impl HarvestRequest {
    /// Creates the request from the arguments of the command line. Without source-specific arguments it is for all
    /// configured sources.
    ///
    /// # Errors
    /// If a source cannot list a date, the range is reversed or too long, or an argument belongs to an excluded source.
    pub fn from(words: &Selectors, config: &Config, now: Timestamp) -> anyhow::Result<Self> {
        let sources = meant(words, config)?;
        let dates = dates(words)?;
        let today = receipts::read::today_at(now);
        for date in &dates {
            for source in &sources {
                sources::of(*source).check_date(*date, now, config)?;
            }
            // In a time zone east of UTC, tomorrow may have begun.
            if today.tomorrow().is_ok_and(|tomorrow| *date > tomorrow) {
                return Err(usage(format!("{date} is in the future: nothing has happened on it yet")));
            }
        }
        Ok(Self {
            sources,
            dates,
            meeting_uuids: words.meeting_uuid.clone(),
            episodes: words.episode.clone(),
            catalogue: words.catalogue,
            // A request for a date or an episode must not become one for the whole catalogue.
            or_catalogue: words.date.is_none() && words.from.is_none() && words.episode.is_empty(),
            lane: words.lane,
            force: words.force,
        })
    }
}

/// Returns the requested sources. An argument of one source implies that source.
fn meant(words: &Selectors, config: &Config) -> anyhow::Result<Vec<Source>> {
    let single: Vec<_> = sources::vocabulary::all()
        .map(|(source, of)| (source, &of.selectors))
        .filter(|(_, own)| (own.are_said)(words))
        .collect();
    let mut sources = words.source.clone();
    sources.sort_unstable();
    sources.dedup();
    for (source, own) in &single {
        if !sources.is_empty() && !sources.contains(source) {
            let flags = own.flags;
            return Err(usage(format!("{flags} belong to {source}, which --source leaves out")));
        }
    }
    if sources.is_empty() {
        sources = match single[..] {
            [] => config.sources(),
            _ => single.iter().map(|(source, _)| *source).collect(),
        };
    }
    Ok(sources)
}

/// Returns the requested dates. Checks the range, but not whether a source can list them.
fn dates(words: &Selectors) -> anyhow::Result<Vec<Date>> {
    match (words.date, words.from, words.to) {
        (Some(date), ..) => Ok(vec![date]),
        (None, Some(from), Some(to)) if from > to => Err(usage(reversed(from, to))),
        (None, Some(from), Some(to)) if i64::from((to - from).get_days()) >= MOST_DATES => {
            Err(usage(format!("{from} to {to} are more than {MOST_DATES} dates: take a shorter range")))
        }
        (None, Some(from), Some(to)) => planner::days(from, to).map_err(|error| usage(error.to_string())),
        _ => Ok(Vec::new()),
    }
}

fn reversed(from: Date, to: Date) -> String {
    format!("--from {from} is after --to {to}: swap the two dates")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    fn config(variables: &[(&'static str, &str)]) -> Config {
        Config::from(&Environment::of(variables.iter().map(|(name, value)| (*name, (*value).to_owned()))))
            .unwrap()
    }

    fn both() -> Config {
        config(&[
            ("ZOOM_ACCOUNT_ID", "a"),
            ("ZOOM_CLIENT_ID", "b"),
            ("ZOOM_CLIENT_SECRET", "c"),
            ("OPENCAST_ENGAGE_URL", "http://h"),
        ])
    }

    fn request(config: &Config, change: impl FnOnce(&mut Selectors)) -> anyhow::Result<HarvestRequest> {
        let mut words = Selectors::default();
        change(&mut words);
        HarvestRequest::from(&words, config, "2026-07-15T12:00:00Z".parse().unwrap())
    }

    fn date(text: &str) -> Option<Date> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn dates_are_checked_before_anything_is_done() {
        let config = both();
        assert_eq!(request(&config, |words| words.date = date("2026-07-14")).unwrap().dates.len(), 1);
        assert!(request(&config, |words| words.date = date("2026-07-16")).is_err());
        assert!(request(&config, |words| words.date = date("2026-01-14")).is_err());
        let range = |from, to| request(&config, |words| (words.from, words.to) = (date(from), date(to)));
        assert_eq!(range("2026-06-01", "2026-06-30").unwrap().dates.len(), 30);
        assert!(range("2026-06-30", "2026-06-01").is_err());
        // Refused before a list of a million dates is allocated.
        assert!(range("0001-01-01", "2026-06-01").is_err());
    }

    #[test]
    fn a_range_is_bounded_by_all_its_dates() {
        let alone = config(&[("OPENCAST_ENGAGE_URL", "http://h")]);
        let range = |from: &str, dates: i64| {
            let from: Date = from.parse().unwrap();
            let to = from.checked_add(jiff::Span::new().days(dates - 1)).unwrap();
            let request = request(&alone, |words| (words.from, words.to) = (Some(from), Some(to)));
            request.map(|request| request.dates.len() as i64).map_err(|error| error.to_string())
        };
        // Ranges across months, years and 29 February have their exact number of days.
        for dates in [1, 28, 31, 32, 365, 366, 3_659, MOST_DATES] {
            assert_eq!(range("2016-02-01", dates), Ok(dates));
        }
        for dates in [MOST_DATES + 1, MOST_DATES + 28, 2 * MOST_DATES] {
            let error = range("2006-02-01", dates).unwrap_err();
            assert!(error.contains("more than 3660 dates") && error.contains("2006-02-01"), "{error}");
        }
    }

    #[test]
    fn opencast_holds_dates_that_zoom_lists_no_more() {
        let alone = config(&[("OPENCAST_ENGAGE_URL", "http://h")]);
        assert_eq!(
            request(&alone, |words| words.date = date("2019-02-01")).unwrap().sources,
            [Source::Opencast]
        );
        let error = request(&alone, |words| words.date = date("2026-07-17")).unwrap_err();
        assert!(error.to_string().contains("in the future"), "{error}");
    }

    #[test]
    fn a_date_that_has_not_begun_where_the_server_is_is_refused() {
        // Noon of 15 July 2026 in UTC.
        for (zone, today, tomorrow) in [
            ("America/New_York", "2026-07-15", "2026-07-16"),
            ("Pacific/Kiritimati", "2026-07-16", "2026-07-17"),
            ("Etc/GMT+12", "2026-07-15", "2026-07-16"),
        ] {
            let alone = config(&[("OPENCAST_ENGAGE_URL", "http://h"), ("OPENCAST_TIMEZONE", zone)]);
            let asked = |day: &str| request(&alone, |words| words.date = date(day));
            assert_eq!(asked(today).unwrap().dates.len(), 1, "{zone}");
            let error = asked(tomorrow).unwrap_err();
            assert!(crate::exit::is_users(&error), "{error}");
            let said =
                format!("{tomorrow} is in the future (today is {today}, {zone}): choose {today} or earlier");
            assert_eq!(error.to_string(), said);
            let range = request(&alone, |words| (words.from, words.to) = (date(today), date(tomorrow)));
            assert!(range.is_err(), "{zone}");
        }
    }

    #[test]
    fn what_is_for_one_source_means_that_one() {
        let config = both();
        assert_eq!(request(&config, |_| {}).unwrap().sources, [Source::Zoom, Source::Opencast]);
        let episode = |words: &mut Selectors| words.episode = vec!["a-1".parse().unwrap()];
        assert_eq!(request(&config, episode).unwrap().sources, [Source::Opencast]);
        let error = request(&config, |words| {
            episode(words);
            words.source = vec![Source::Zoom];
        });
        assert!(error.unwrap_err().to_string().contains("--source leaves out"));
    }
}
