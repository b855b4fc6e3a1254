//! Messages that a failed run has left in RabbitMQ: queue, attempts, and the last log lines about each. For the reader
//! of the output of a past run.

use std::fs;
use std::path::Path;

use messages::Queue;
use runtime::Message;
use runtime::broker::QueueFilter;

use crate::site::Site;

/// Maximum number of printed messages, and of log lines per message.
const MOST: usize = 10;

/// Prints the remaining messages.
pub(crate) async fn print(site: &Site) {
    for queue in Queue::all() {
        let Ok(depth) = site.broker.depth(&queue).await else { continue };
        if depth.ready > 0 {
            println!("    left in {queue}: {}, taken from by {} workers", depth.ready, depth.consumers);
            messages(site, "waits", site.broker.filter(queue, |_| true)).await;
        }
    }
    messages(site, "is parked", site.broker.filter_delayed(|_| true)).await;
}

async fn messages(site: &Site, how: &str, mut filter: QueueFilter) {
    let mut left = MOST;
    while left > 0 {
        let Ok(Some(deliveries)) = filter.next().await else { return };
        for delivery in deliveries.iter().take(left) {
            tell(how, &delivery.message, &site.program.folder);
        }
        left = left.saturating_sub(deliveries.len());
    }
}

fn tell(how: &str, message: &Message, logs: &Path) {
    let headers = &message.headers;
    println!(
        "    {how}: {} for {}, attempt {}, first seen {}, {} replays",
        headers.message_id, message.queue, headers.attempt, headers.first_seen, headers.replays
    );
    if let Some(cause) = &headers.cause {
        println!("      its last failure: {} ({})", cause.text, cause.class);
    }
    let Ok(files) = fs::read_dir(logs) else { return };
    for path in files
        .flatten()
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|end| end == "log"))
    {
        let log = fs::read_to_string(&path).unwrap_or_default();
        let about: Vec<_> = log.lines().filter(|line| line.contains(&headers.message_id)).collect();
        for line in &about[about.len().saturating_sub(MOST)..] {
            println!("      {}: {line}", path.file_stem().unwrap_or_default().display());
        }
    }
}
