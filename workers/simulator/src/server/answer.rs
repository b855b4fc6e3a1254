//! Answers as values: status and JSON body. Independent of transport and of faults of whole calls.

use serde::Serialize;
use serde_json::Value;

use crate::faults::Damage;

/// The API's answer to one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ZoomAnswer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

#[derive(Serialize)]
struct Failure<'a> {
    code: u32,
    message: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError<'a>],
}

#[derive(Serialize)]
struct FieldError<'a> {
    field: &'a str,
    message: &'a str,
}

impl ZoomAnswer {
    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        let mut bytes = Vec::new();
        write(&mut bytes, body);
        Self { status, body: bytes }
    }

    /// An error in Zoom's format.
    pub(crate) fn error(status: u16, code: u32, message: &str) -> Self {
        Self::json(status, &Failure { code, message, errors: &[] })
    }

    /// The error for an invalid parameter.
    pub(crate) fn bad_field(field: &str, message: &str) -> Self {
        let errors = [FieldError { field, message }];
        Self::json(400, &Failure { code: 300, message: "Validation Failed.", errors: &errors })
    }

    /// The error for a meeting that does not exist, has not ended, or is hidden.
    pub(crate) fn no_meeting(uuid: &str) -> Self {
        Self::error(404, 3001, &format!("Meeting does not exist: {uuid}."))
    }

    /// A single object, possibly damaged.
    pub(crate) fn object(object: &impl Serialize, damage: &mut Damage) -> Self {
        let mut body = Vec::with_capacity(2_048);
        write_damaged(&mut body, object, damage);
        Self { status: 200, body }
    }
}

/// A page of rows. Rows are serialised as they are added.
pub(crate) struct Listing {
    body: Vec<u8>,
    rows: usize,
    damage: Damage,
}

impl Listing {
    /// Starts with the members of `head`, then the array `key`.
    pub(crate) fn new(head: &impl Serialize, key: &str, rows: usize, damage: Damage) -> Self {
        let mut body = Vec::with_capacity(512 + rows * 1_800);
        write(&mut body, head);
        if body.last() == Some(&b'}') {
            body.pop();
        }
        body.extend_from_slice(b",\"");
        body.extend_from_slice(key.as_bytes());
        body.extend_from_slice(b"\":[");
        Self { body, rows: 0, damage }
    }

    pub(crate) fn push(&mut self, row: &impl Serialize) {
        if self.rows > 0 {
            self.body.push(b',');
        }
        self.rows += 1;
        write_damaged(&mut self.body, row, &mut self.damage);
    }

    pub(crate) fn finish(mut self) -> ZoomAnswer {
        self.body.extend_from_slice(b"]}");
        ZoomAnswer { status: 200, body: self.body }
    }
}

fn write_damaged(out: &mut Vec<u8>, row: &impl Serialize, damage: &mut Damage) {
    let (empties, nulls) = (damage.empties(), damage.nulls());
    if !empties && !nulls {
        return write(out, row);
    }
    match serde_json::to_value(row) {
        Ok(mut row) => {
            if empties {
                empty_times(&mut row);
            }
            if nulls {
                null_fields(&mut row, damage);
            }
            write(out, &row);
        }
        Err(error) => tracing::error!(%error, "a row of the simulated world could not be serialised"),
    }
}

/// Clears times and durations, and sets counts to 0.
fn empty_times(row: &mut Value) {
    for key in ["start_time", "end_time", "join_time", "leave_time", "duration", "participants"] {
        match row.get_mut(key) {
            Some(Value::String(text)) => text.clear(),
            Some(number @ Value::Number(_)) => *number = 0.into(),
            _ => {}
        }
    }
}

/// Sets fields to null or removes them, except those that identify the row.
fn null_fields(row: &mut Value, damage: &mut Damage) {
    let Value::Object(fields) = row else { return };
    let numbered = fields.get("id").is_some_and(Value::is_number);
    fields.retain(|name, value| {
        if name == "uuid" || name == "user_id" || (name == "id" && numbered) {
            return true;
        }
        match damage.field() {
            1 => *value = Value::Null,
            2 => return false,
            _ => {}
        }
        true
    });
}

fn write(out: &mut Vec<u8>, value: &impl Serialize) {
    if let Err(error) = serde_json::to_writer(out, value) {
        tracing::error!(%error, "a value of the simulated world could not be serialised");
    }
}
