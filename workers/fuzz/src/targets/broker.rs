//! Input from RabbitMQ and other processes: headers, messages of the quota, presence reports, and the broker's address.

use messages::{Calls, Cause, CauseClass, Queue};
use runtime::broker::amqp::fuzz as amqp;
use runtime::quota::fuzz as quota;
use runtime::{Message, WorkerInfo, presence};

use super::messages::{row, time};
use super::{bounded, said_well, target};
use crate::driver::Target;
use crate::mutate::Form;

pub(super) fn targets() -> Vec<Target> {
    let [want, note, order, kept] = quota::seeds();
    let addresses = [
        "amqp://user:canary-81@host:5672/%2f",
        "amqps://user:canary-81@[::1]:5671/team?heartbeat=30&frame_max=8192",
    ];
    let addresses = addresses.map(|address| address.as_bytes().to_vec());
    let greetings = [("RabbitMQ", "3.13.7"), ("RabbitMQ", "3.8.0"), ("x", "y")];
    let greetings = greetings.map(|(product, version)| amqp::greeting_of(product, version));
    let differences = [
        "PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue 'ua.documents' in vhost '/': received '1000' but current is '2000'",
        "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'ua.dead' in vhost '/': received none but current is the value 'false' of type 'bool'",
    ];
    let differences = differences.map(|text| text.as_bytes().to_vec());
    vec![
        target("message-headers", Form::Bytes, deliveries(), || Box::new(delivery)),
        target("quota-want", Form::Json, want, || Box::new(quota::request)),
        target("quota-note", Form::Json, note, || Box::new(quota::leader_message)),
        target("quota-order", Form::Json, order, || Box::new(quota::command)),
        target("quota-book", Form::Json, kept, || Box::new(quota::state)),
        target("roll-card", Form::Json, worker_infos(), || Box::new(worker_info)),
        target("roll-lift", Form::Json, vec![br#"{"lift":["zoom","index.one","all"]}"#.to_vec()], || {
            Box::new(lift)
        }),
        target("amqp-greeting", Form::Bytes, greetings.into(), || Box::new(greeting)),
        target("amqp-difference", Form::Text, differences.into(), || Box::new(difference)),
        target("amqp-address", Form::Text, addresses.into(), || Box::new(address)),
    ]
}

fn deliveries() -> Vec<Vec<u8>> {
    let mut message = Message::new(Queue::documents(), "a".repeat(300), "", time());
    message.headers.calls = Calls { heavy: 3, ..Calls::default() };
    let new = Message::new(Queue::named("ua.jobs.zoom.list.daily"), "id", "", time());
    let dead = message.clone().into_dead(Cause::new(CauseClass::Gone, "404"));
    [new, message, dead].map(|message| amqp::properties(&message)).into()
}

fn delivery(bytes: &[u8]) -> bool {
    let alive = amqp::delivery(&Queue::documents(), bytes);
    let dead = amqp::delivery(&Queue::dead(), bytes);
    assert_eq!(alive.is_some(), dead.is_some());
    let Some(message) = alive else { return false };
    bounded(format!("{:?}", message.headers).len(), bytes);
    let back =
        amqp::delivery(&Queue::documents(), &amqp::properties(&message)).expect("what was written is read");
    assert_eq!(back.headers, message.headers);
    true
}

fn worker_infos() -> Vec<Vec<u8>> {
    let identity = presence::Identity::of_this_process("0.1.0", time());
    let status = std::sync::Arc::new(runtime::Status::new("zoom"));
    vec![serde_json::to_vec(&identity.info("working", &[status], time())).unwrap()]
}

fn worker_info(bytes: &[u8]) -> bool {
    let Some(info) = row::<WorkerInfo>(bytes) else { return false };
    assert!(presence::quota(&[info.clone(), info.clone()]).len() <= info.quota.len());
    true
}

fn lift(bytes: &[u8]) -> bool {
    amqp::lift(bytes, &["zoom.list", "zoom.detail", "index"]).is_some()
}

fn greeting(bytes: &[u8]) -> bool {
    match amqp::greeting(bytes) {
        Ok(version) => {
            bounded(version.len(), bytes);
            true
        }
        Err(said) => {
            bounded(said.len(), bytes);
            false
        }
    }
}

fn difference(bytes: &[u8]) -> bool {
    let said = amqp::difference(&String::from_utf8_lossy(bytes));
    said.iter().for_each(|said| bounded(said.len(), bytes));
    said.is_some()
}

fn address(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    // A password that was moved or copied elsewhere is no secret there.
    let is_password = text.contains("user:canary-81@") && text.matches("canary-81").count() == 1;
    let (is_read, shown) = match amqp::address(&text) {
        Ok(shown) => (true, shown),
        Err(said) => {
            said_well(&said);
            (false, said)
        }
    };
    assert!(!is_password || !shown.contains("canary-81"), "a password is shown: {shown}");
    is_read
}
