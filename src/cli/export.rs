//! `ua export`: tables, filters, output.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::civil::Date;

/// `ua export`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Export {
    /// Table
    #[command(subcommand)]
    pub report: ExportTable,
}

const EXAMPLES: &str = "Examples:
  ua export attendance --term 202601 --output attendance.csv
                                         share of each recorded lecture that each student watched
  ua export attendance --term 202601 --live
                                         the same for live streams
  ua export sessions --from 2026-01-01 --to 2026-01-31 --json
                                         participant sessions of a month as JSON lines

CSV has a header. Where a text could begin a formula (= + - @ at its start or behind , ; | a tab or a line break), a '
is inserted, so that a spreadsheet does not run it; identifiers and JSON texts are unchanged. On a terminal, control
characters are escaped. A missing value is an empty cell, or null. The output file appears when it is complete.";

/// A table.
#[derive(Debug, Subcommand)]
pub enum ExportTable {
    /// Share of each lecture that each student watched, in percent
    #[command(after_help = ATTENDANCE)]
    Attendance(Attendance),
    /// Use of captions, playback speed and view mode per student
    #[command(after_help = VIEWING_OPTIONS)]
    ViewingOptions(OfLectures),
    /// Course rolls of a term, from the course list service
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

A lecture is divided into intervals of five minutes; the last may be shorter. An interval is watched if it has a
heartbeat while the player was playing. The value is the percentage of watched intervals, rounded down. With --live only
heartbeats of the live stream count, divided by its length; otherwise only those of the recording. Each student with
such a heartbeat has a row; anonymous viewers have none. Lectures of unknown length have no rows; stderr shows their
number.";

const VIEWING_OPTIONS: &str = "Columns: mpid,huid,captions,playback_speed,view_mode

Number of times that captions were switched on, and that the speed and view buttons were used. Each student with an
action in the lecture has a row; anonymous viewers have none.";

const ROLLCALL: &str = "Columns: series,huid,status,first_name,mi,last_name,reg_level

Queries the course list at BANNER_ENDPOINT_BASE for each series that has an episode, one per second. The first six
characters of a series are year and term, the rest its number in the course list. Courses that cannot be read are named
on stderr, the others are written, and the exit code is 3.";

const SESSIONS: &str =
    "Columns: meeting_uuid,series_id,topic,user_id,participant_user_id,user_name,email,role,join_time,
leave_time,duration (s),leave_reason,device,os,client,network_type,city,country,data_center,recording,source

--from and --to refer to the UTC date of join_time; without one, of leave_time, else of the start of the meeting.";

const MEETINGS: &str = "Columns: meeting_uuid,series_id,event,topic,type,host_id,host_name,host_email,host_department,
start_time,end_time,duration (s),participant_sessions,has_video,has_screen_share,has_recording,has_chat,has_poll,source

--from and --to refer to the UTC date of start_time; without one, of end_time.";

const EPISODES: &str =
    "Columns: mpid,title,course,series,year,term,crn,type,start,duration (ms),live_stream,live_start,
live_end,live_duration (ms),available";

/// `ua export attendance`
#[derive(Debug, Args)]
pub struct Attendance {
    /// Live streams instead of recordings
    #[arg(long)]
    pub live: bool,
    /// Lectures
    #[command(flatten)]
    pub of: OfLectures,
}

/// A table about lectures.
#[derive(Debug, Args)]
pub struct OfLectures {
    /// Filter
    #[command(flatten)]
    pub lectures: Lectures,
    /// Output
    #[command(flatten)]
    pub target: Target,
}

/// A filter for Opencast episodes; all conditions must hold.
#[derive(Debug, Args, Default)]
pub struct Lectures {
    /// Only series that begin with this, for example 202601
    #[arg(long, value_parser = word)]
    pub term: Option<String>,
    /// Only this series
    #[arg(long, value_parser = word)]
    pub series: Option<String>,
    /// Only episodes that began on this UTC date or later
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub from: Option<Date>,
    /// Only episodes that began on this UTC date or earlier
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub to: Option<Date>,
}

/// A table about Zoom meetings.
#[derive(Debug, Args)]
pub struct OfMeetings {
    /// Filter
    #[command(flatten)]
    pub meetings: Meetings,
    /// Output
    #[command(flatten)]
    pub target: Target,
}

/// A filter for Zoom meetings; all conditions must hold.
#[derive(Debug, Args, Default)]
pub struct Meetings {
    /// Only this meeting number
    #[arg(long, value_name = "SERIES_ID")]
    pub series: Option<u64>,
    /// Only from this UTC date
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub from: Option<Date>,
    /// Only up to this UTC date
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub to: Option<Date>,
}

/// Output file and format.
#[derive(Debug, Args, Default)]
pub struct Target {
    /// Write to this file instead of stdout
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write JSON lines instead of CSV
    #[arg(long)]
    pub json: bool,
}

/// Parses a series or its prefix.
fn word(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("it is empty".to_owned()),
        word => Ok(word.to_owned()),
    }
}
