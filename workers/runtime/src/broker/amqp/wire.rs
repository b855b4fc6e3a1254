//! Encoding of messages in AMQP: the headers of `ua`, and those that the broker adds.

use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString};
use messages::{Cause, CauseClass, Queue};

use super::names::{Names, short};
use crate::{Headers, Message, telemetry};

const ATTEMPT: &str = "ua-attempt";
const ORIGIN: &str = "ua-origin";
const CAUSE: &str = "ua-cause";
const REPLAYS: &str = "ua-replays";
const FIRST_SEEN: &str = "ua-first-seen";
const DIED_AT: &str = "ua-died-at";
/// As JSON; absent without calls.
const CALLS: &str = "ua-calls";
/// Crashes before the last publish, since each publish resets the broker's count.
const CRASHES: &str = "ua-crashes";
/// Replaces the property `message_id` for ids longer than 255 bytes.
const MESSAGE_ID: &str = "ua-message-id";

const PERSISTENT: u8 = 2;

/// A message and its number of crashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parcel {
    pub(super) message: Message,
    pub(super) crashes: u32,
}

/// Returns the properties to publish a parcel with.
pub(super) fn properties(parcel: &Parcel) -> BasicProperties {
    let headers = &parcel.message.headers;
    let mut table = FieldTable::default();
    let mut number = |name: &str, value: i64| {
        table.insert(name.into(), AMQPValue::LongLongInt(value));
    };
    number(ATTEMPT, headers.attempt.into());
    number(REPLAYS, headers.replays.into());
    number(FIRST_SEEN, headers.first_seen.as_millisecond());
    if let Some(died_at) = headers.died_at {
        number(DIED_AT, died_at.as_millisecond());
    }
    if parcel.crashes > 0 {
        number(CRASHES, parcel.crashes.into());
    }
    let mut text = |name: &str, value: String| {
        table.insert(name.into(), AMQPValue::LongString(value.into()));
    };
    if let Some(origin) = &headers.origin {
        text(ORIGIN, origin.as_str().to_owned());
    }
    if let Some(cause) = headers.cause.as_ref().and_then(|cause| serde_json::to_string(cause).ok()) {
        text(CAUSE, cause);
    }
    if !headers.calls.is_none()
        && let Ok(calls) = serde_json::to_string(&headers.calls)
    {
        text(CALLS, calls);
    }
    let message_id = short(&headers.message_id);
    if message_id.is_none() {
        text(MESSAGE_ID, headers.message_id.clone());
    }
    BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_message_id(message_id.unwrap_or_default())
        .with_headers(table)
}

/// The broker's own delivery counts, which each publish resets.
const DELIVERY_COUNTS: [&str; 2] = ["x-delivery-count", "x-acquired-count"];

/// Returns the properties to publish a delivery again unchanged. The broker's count of crashes is added to ours.
pub(super) fn carried(properties: &BasicProperties) -> BasicProperties {
    let Some(table) = properties.headers() else { return properties.clone() };
    let crashes = crashes(table);
    let mut kept = FieldTable::default();
    for (name, value) in table.inner() {
        if !DELIVERY_COUNTS.contains(&name.as_str()) && name.as_str() != CRASHES {
            kept.insert(name.clone(), value.clone());
        }
    }
    if crashes > 0 {
        kept.insert(CRASHES.into(), AMQPValue::LongLongInt(crashes.into()));
    }
    properties.clone().with_headers(kept)
}

fn crashes(table: &FieldTable) -> u32 {
    count(table, CRASHES).saturating_add(count(table, DELIVERY_COUNTS[0]))
}

/// Decodes a delivery from `queue`. A message of another program has none of these headers and is read as new.
pub(super) fn read(
    properties: &BasicProperties,
    body: Vec<u8>,
    queue: &Queue,
    names: &Names,
    now: Timestamp,
) -> Parcel {
    let none = FieldTable::default();
    let table = properties.headers().as_ref().unwrap_or(&none);
    let short_id = properties.message_id().as_ref().map(|id| id.to_string()).unwrap_or_default();
    let time = |name| number(table, name).and_then(|millis| Timestamp::from_millisecond(millis).ok());
    let mut headers = Headers {
        message_id: text(table, MESSAGE_ID).unwrap_or(short_id),
        attempt: count(table, ATTEMPT),
        origin: text(table, ORIGIN).map(Queue::named),
        cause: text(table, CAUSE).and_then(|cause| serde_json::from_str(&cause).ok()),
        replays: count(table, REPLAYS),
        first_seen: time(FIRST_SEEN).unwrap_or(now),
        calls: text(table, CALLS).and_then(|calls| serde_json::from_str(&calls).ok()).unwrap_or_default(),
        // A replayed dead letter is a normal message again.
        died_at: time(DIED_AT).filter(|_| *queue == Queue::dead()),
    };
    let mut crashes = crashes(table);
    if *queue == Queue::dead()
        && let Some((origin, cause, died_at)) = buried_by_broker(table, names)
    {
        telemetry::buried_by_broker(cause.class);
        headers.died_at = died_at;
        headers.origin = Some(origin);
        headers.cause = Some(cause);
        crashes = 0;
    }
    Parcel { message: Message { queue: queue.clone(), headers, body: body.into() }, crashes }
}

/// Returns origin and cause of a message that the broker itself dead-lettered. `ua` publishes dead letters as new
/// messages, so only the broker's have this `x-death`. A rung dead-letters what is due, which is no death.
fn buried_by_broker(table: &FieldTable, names: &Names) -> Option<(Queue, Cause, Option<Timestamp>)> {
    let AMQPValue::FieldArray(deaths) = table.inner().get("x-death")? else { return None };
    let deaths = deaths.as_slice().iter().filter_map(|death| match death {
        AMQPValue::FieldTable(death) => Some(death),
        _ => None,
    });
    let mut buried = deaths.filter_map(|death| {
        let queue = text(death, "queue").filter(|queue| !names.is_rung(queue))?;
        Some((death, names.logical(&queue), text(death, "reason")?))
    });
    let (death, origin, reason) = buried.next()?;
    let cause = match reason.as_str() {
        "delivery_limit" => Cause::new(
            CauseClass::CrashedWorker,
            format!("the broker took it out of {origin}: delivered again and again without being settled"),
        ),
        "expired" | "maxlen" => {
            let setting = if reason == "expired" { "message-ttl" } else { "max-length" };
            let text =
                format!("the broker took it out of {origin} ({reason}): a policy sets {setting} there");
            Cause::new(CauseClass::RemovedByPolicy, text)
        }
        _ => return None,
    };
    let died_at = match death.inner().get("time") {
        Some(AMQPValue::Timestamp(seconds)) => {
            i64::try_from(*seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok())
        }
        _ => None,
    };
    Some((origin, cause, died_at))
}

fn text(table: &FieldTable, name: &str) -> Option<String> {
    match table.inner().get(name)? {
        AMQPValue::LongString(text) => Some(lossy(text)),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

fn lossy(text: &LongString) -> String {
    String::from_utf8_lossy(text.as_bytes()).into_owned()
}

fn count(table: &FieldTable, name: &str) -> u32 {
    number(table, name).and_then(|value| u32::try_from(value).ok()).unwrap_or(0)
}

/// Reads a number of any width.
fn number(table: &FieldTable, name: &str) -> Option<i64> {
    match table.inner().get(name)? {
        AMQPValue::ShortShortInt(value) => Some((*value).into()),
        AMQPValue::ShortShortUInt(value) => Some((*value).into()),
        AMQPValue::ShortInt(value) => Some((*value).into()),
        AMQPValue::ShortUInt(value) => Some((*value).into()),
        AMQPValue::LongInt(value) => Some((*value).into()),
        AMQPValue::LongUInt(value) => Some((*value).into()),
        AMQPValue::LongLongInt(value) => Some(*value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use lapin::types::FieldArray;
    use messages::Calls;

    use super::*;

    fn now() -> Timestamp {
        "2026-01-02T03:04:05.678Z".parse().unwrap()
    }

    fn there_and_back(parcel: &Parcel) -> Parcel {
        let body = parcel.message.body.to_vec();
        read(&properties(parcel), body, &parcel.message.queue, &Names::new("t"), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_parcel_goes_there_and_back() {
        let mut message = Message::new(Queue::documents(), "a".repeat(255), "body", now());
        assert_eq!(there_and_back(&Parcel { message: message.clone(), crashes: 0 }).message, message);
        message.headers.message_id = "b".repeat(256);
        message.headers.attempt = u32::MAX;
        message.headers.calls = Calls { heavy: u64::MAX, light: 1, ..Calls::default() };
        message.headers.cause = Some(Cause::new(CauseClass::Gone, "404 \"ä\""));
        message = message.into_dead(Cause::new(CauseClass::Gone, "404"));
        let mut parcel = Parcel { message, crashes: 19 };
        parcel.message.headers.died_at = Some(now());
        assert_eq!(there_and_back(&parcel), parcel);
        parcel.message.queue = Queue::documents();
        assert_eq!(there_and_back(&parcel).message.headers.died_at, None, "replayed");
    }

    #[test]
    fn a_delivery_is_carried_on_as_it_came() {
        let mut message = Message::new(Queue::documents(), "a", "body", now());
        message.headers.attempt = 3;
        let parcel = Parcel { message, crashes: 2 };
        let mut delivered = properties(&parcel).headers().clone().unwrap();
        delivered.insert("x-delivery-count".into(), AMQPValue::LongLongInt(5));
        delivered.insert("x-acquired-count".into(), AMQPValue::LongLongInt(6));
        delivered.insert("strange".into(), AMQPValue::Boolean(true));
        let carried = carried(&properties(&parcel).with_headers(delivered).with_priority(7));
        let headers = carried.headers().as_ref().unwrap().inner();
        assert_eq!(headers.get("strange"), Some(&AMQPValue::Boolean(true)));
        assert!(!headers.contains_key("x-delivery-count") && !headers.contains_key("x-acquired-count"));
        assert_eq!(carried.priority(), &Some(7));
        let again =
            read(&carried, b"body".to_vec(), &Queue::documents(), &Names::new("t"), Timestamp::UNIX_EPOCH);
        assert_eq!(again, Parcel { crashes: 7, ..parcel });
        let bare = BasicProperties::default();
        assert_eq!(super::carried(&bare), bare);
    }

    #[test]
    fn a_stranger_is_read_as_new() {
        let parcel = read(&BasicProperties::default(), vec![1], &Queue::documents(), &Names::new("t"), now());
        assert_eq!(
            parcel,
            Parcel { message: Message::new(Queue::documents(), "", vec![1], now()), crashes: 0 }
        );
    }

    #[test]
    fn the_brokers_own_dead_letters_get_their_origin_and_a_cause() {
        let death = |reason: &str, queue: &str| {
            let mut death = FieldTable::default();
            death.insert("reason".into(), AMQPValue::LongString(reason.into()));
            death.insert("queue".into(), AMQPValue::LongString(queue.into()));
            death.insert("time".into(), AMQPValue::Timestamp(1_767_322_800));
            AMQPValue::FieldTable(death)
        };
        let mut deaths = FieldArray::default();
        deaths.push(death("delivery_limit", "t.jobs.zoom.list.daily"));
        deaths.push(death("expired", "t.rung.5s"));
        let mut table = FieldTable::default();
        table.insert("x-death".into(), AMQPValue::FieldArray(deaths));
        table.insert("x-delivery-count".into(), AMQPValue::LongLongInt(101));
        let properties = BasicProperties::default().with_headers(table);
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let dead = metrics::with_local_recorder(&recorder, || {
            read(&properties, Vec::new(), &Queue::dead(), &Names::new("t"), now())
        });
        let counted = "ua_dead_letters_total{role=\"broker\",class=\"crashed-worker\"} 1";
        assert!(recorder.handle().render().contains(counted), "no role counts these");
        assert_eq!(dead.message.headers.origin, Some(Queue::named("ua.jobs.zoom.list.daily")));
        assert_eq!(dead.message.headers.cause.unwrap().class, CauseClass::CrashedWorker);
        assert_eq!(dead.crashes, 0);
        assert_eq!(dead.message.headers.died_at.unwrap().as_second(), 1_767_322_800);
        // In any other queue, it is a normal message.
        let queue = Queue::named("ua.jobs.zoom.list.daily");
        let alive = read(&properties, Vec::new(), &queue, &Names::new("t"), now());
        assert_eq!((alive.message.headers.origin, alive.crashes), (None, 101));
    }

    #[test]
    fn what_a_policy_has_removed_gets_its_origin_and_another_cause() {
        let read_dead = |deaths: &[(&str, &str)]| {
            let mut array = FieldArray::default();
            for (reason, queue) in deaths {
                let mut death = FieldTable::default();
                death.insert("reason".into(), AMQPValue::LongString((*reason).into()));
                death.insert("queue".into(), AMQPValue::LongString((*queue).into()));
                array.push(AMQPValue::FieldTable(death));
            }
            let mut table = FieldTable::default();
            table.insert("x-death".into(), AMQPValue::FieldArray(array));
            let properties = BasicProperties::default().with_headers(table);
            read(&properties, Vec::new(), &Queue::dead(), &Names::new("t"), now()).message.headers
        };
        for (reason, setting) in [("expired", "message-ttl"), ("maxlen", "max-length")] {
            let headers = read_dead(&[(reason, "t.jobs.zoom.detail.daily"), ("expired", "t.rung.5s")]);
            assert_eq!(headers.origin, Some(Queue::named("ua.jobs.zoom.detail.daily")));
            let cause = headers.cause.unwrap();
            assert_eq!(cause.class, CauseClass::RemovedByPolicy);
            assert!(cause.text.contains(setting), "{cause}");
        }
        let headers = read_dead(&[("expired", "t.rung.5s")]);
        assert_eq!((headers.origin, headers.cause), (None, None), "a rung lets go of what is due");
    }
}
