//! Finds the meeting of a call's path, and answers an error if it is not available.

use jiff::ToSpan;

use super::answer::ZoomAnswer;
use super::api::Call;
use super::endpoint::uuid_text;
use crate::clock::first_second;
use crate::faults::Fault;
use crate::world::{EventType, Meeting, MeetingUuid};

impl Call<'_> {
    /// Returns the ended meeting or webinar of this call's path.
    pub(super) fn ended(&mut self, kind: EventType) -> Result<Meeting, ZoomAnswer> {
        let text = uuid_text(self.id).map_err(|mangled| ZoomAnswer::no_meeting(&mangled))?;
        let uuid = MeetingUuid::parse(&text).ok_or_else(|| ZoomAnswer::no_meeting(&text))?;
        let found = self.shared.world.find(uuid).filter(|meeting| meeting.kind == kind);
        let meeting = found.ok_or_else(|| ZoomAnswer::no_meeting(&text))?;
        if meeting.end() > self.shared.clock.now().as_second() {
            return Err(ZoomAnswer::no_meeting(&text));
        }
        let a_year_ago = self.shared.clock.today().checked_sub(1.year()).map_or(i64::MIN, first_second);
        if meeting.start < a_year_ago {
            return Err(ZoomAnswer::error(400, 12702, "Can not access a meeting a year ago."));
        }
        self.hidden = self.shared.faults().hides(uuid);
        match self.hidden {
            Some(Fault::Forbidden) => {
                Err(ZoomAnswer::error(403, 403, "No permission to access this meeting."))
            }
            Some(_) => Err(ZoomAnswer::no_meeting(&text)),
            None => Ok(meeting),
        }
    }

    /// Like [`Call::ended`], for operations with a `type`. The default is `live`; one-person meetings are found under
    /// `pastOne` only.
    pub(super) fn ended_of_type(&mut self, kind: EventType) -> Result<Meeting, ZoomAnswer> {
        let wanted = self.params.get("type").unwrap_or("live").to_owned();
        if !matches!(wanted.as_str(), "past" | "pastOne" | "live") {
            return Err(ZoomAnswer::bad_field("type", "must be past, pastOne or live"));
        }
        let uuid = uuid_text(self.id).unwrap_or_else(|mangled| mangled);
        if wanted == "live" {
            return Err(ZoomAnswer::no_meeting(&uuid));
        }
        let meeting = self.ended(kind)?;
        if meeting.one_person() != (wanted == "pastOne") {
            return Err(ZoomAnswer::no_meeting(&uuid));
        }
        Ok(meeting)
    }
}
