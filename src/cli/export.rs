//! `ua export`: which table, of what, and where to.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::civil::Date;

/// `ua export`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Export {
    /// Which table
    #[command(subcommand)]
    pub report: Report,
}

const EXAMPLES: &str = "Examples:
  ua export attendance --term 202601 --output attendance.csv
                                         who watched how much of the recorded lectures of a term
  ua export attendance --term 202601 --live
                                         the same of the live streams
  ua export sessions --from 2026-01-01 --to 2026-01-31 --json
                                         the participant sessions of a month, a JSON line each

CSV has a header. A text in it that begins with = + - @, a tab or a line's end gets a ' in front, so that no spreadsheet
takes it for a formula; JSON has every text as it is. What is missing is an empty cell, or null. A file is there when it
is complete, and not before.";

/// A table.
#[derive(Debug, Subcommand)]
pub enum Report {
    /// Who watched how much of which lecture, in per cent
    #[command(after_help = ATTENDANCE)]
    Attendance(Attendance),
    /// How often which student used captions, playback speed and view mode
    #[command(after_help = VIEWING_OPTIONS)]
    ViewingOptions(OfLectures),
    /// Who is on the roll of the courses of a term, asked from the course list
    #[command(after_help = ROLLCALL)]
    Rollcall(OfLectures),
    /// Participant sessions of Zoom meetings
    #[command(after_help = SESSIONS)]
    Sessions(OfMeetings),
    /// Zoom meetings and webinars
    #[command(after_help = MEETINGS)]
    Meetings(OfMeetings),
    /// Opencast episodes
    #[command(after_help = EPISODES)]
    Episodes(OfLectures),
}

const ATTENDANCE: &str = "Columns: mpid,huid,vod_attendance or, with --live, mpid,huid,live_attendance

A lecture is cut into pieces of five minutes, the last of which may be shorter. A piece counts as watched when a
heartbeat came from within it while the player was playing; the number is the watched pieces in per cent of all,
rounded down. With --live only heartbeats of the live stream count, against the length of the live stream; without it
only those of the recording, against the length of the recording. Every student with such a heartbeat has a row;
anonymous ones have none. Lectures of unknown length have no rows: stderr says how many these are.";

const VIEWING_OPTIONS: &str = "Columns: mpid,huid,captions,playback_speed,view_mode

How often captions were switched on, and the buttons for speed and view mode were used. Every student with an action in
the lecture has a row; anonymous ones have none.";

const ROLLCALL: &str = "Columns: series,huid,status,first_name,mi,last_name,reg_level

Asks the course list at BANNER_ENDPOINT_BASE for each series that has an episode, one a second. The first six characters
of a series are year and term, the others its number in the course list. A course that cannot be read is named on
stderr, the others are written, and the exit code is 3.";

const SESSIONS: &str =
    "Columns: meeting_uuid,series_id,topic,user_id,participant_user_id,user_name,email,role,join_time,
leave_time,duration (s),leave_reason,device,os,client,network_type,city,country,data_center,recording,source

--from and --to are about the time at which a session began.";

const MEETINGS: &str = "Columns: meeting_uuid,series_id,event,topic,type,host_id,host_name,host_email,host_department,
start_time,end_time,duration (s),participant_sessions,has_video,has_screen_share,has_recording,has_chat,has_poll,source

--from and --to are about the time at which a meeting began.";

const EPISODES: &str =
    "Columns: mpid,title,course,series,year,term,crn,type,start,duration (ms),live_stream,live_start,
live_end,live_duration (ms),available";

/// `ua export attendance`
#[derive(Debug, Args)]
pub struct Attendance {
    /// Of the live streams in place of the recordings
    #[arg(long)]
    pub live: bool,
    /// Of which lectures
    #[command(flatten)]
    pub of: OfLectures,
}

/// A table about lectures.
#[derive(Debug, Args)]
pub struct OfLectures {
    /// Which ones
    #[command(flatten)]
    pub lectures: Lectures,
    /// Where to
    #[command(flatten)]
    pub target: Target,
}

/// Episodes of Opencast: those to which everything applies that is said, or all.
#[derive(Debug, Args, Default)]
pub struct Lectures {
    /// Of the series that begin with this, for example 202601
    #[arg(long, value_parser = word)]
    pub term: Option<String>,
    /// Of this series
    #[arg(long, value_parser = word)]
    pub series: Option<String>,
    /// That began on this UTC date or later
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub from: Option<Date>,
    /// That began on this UTC date or earlier
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub to: Option<Date>,
}

/// A table about Zoom meetings.
#[derive(Debug, Args)]
pub struct OfMeetings {
    /// Which ones
    #[command(flatten)]
    pub meetings: Meetings,
    /// Where to
    #[command(flatten)]
    pub target: Target,
}

/// Meetings of Zoom: those to which everything applies that is said, or all.
#[derive(Debug, Args, Default)]
pub struct Meetings {
    /// Of this meeting number
    #[arg(long, value_name = "SERIES_ID")]
    pub series: Option<u64>,
    /// On this UTC date or later
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub from: Option<Date>,
    /// On this UTC date or earlier
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub to: Option<Date>,
}

/// Where a table goes, and in which form.
#[derive(Debug, Args, Default)]
pub struct Target {
    /// Writes to this file in place of stdout
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Writes a JSON line per row in place of CSV
    #[arg(long)]
    pub json: bool,
}

/// What a series is called, or begins with.
fn word(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("it is empty".to_owned()),
        word => Ok(word.to_owned()),
    }
}
