//! Measures the throughput of a broker: publishes with confirms, then takes and acks.
//!
//! `cargo run --release -p runtime --example rates` measures the local broker; with `AMQP_URL` set, RabbitMQ as well,
//! in temporary queues.

use std::error::Error;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use messages::{Family, Lane, Queue};
use runtime::broker::{Amqp, Local, Subscription, amqp, local};
use runtime::{Broker, Delivery, Ladder, Message, clock};

#[expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a tool that reads one variable and prints"
)]
#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let settings = local::LocalBrokerSettings {
        folder: folder.path().to_owned(),
        ladder: Ladder::default(),
        documents_limit: 2_000,
    };
    println!("local");
    measure(&Broker::Local(Local::open(settings)?)).await?;
    if let Ok(url) = std::env::var("AMQP_URL") {
        let mut settings = amqp::AmqpSettings::new(url.into());
        settings.prefix = format!("rates-{}", std::process::id());
        let amqp = Amqp::connect(settings).await?;
        println!("RabbitMQ {}", amqp.version());
        measure(&Broker::Amqp(amqp.clone())).await?;
        amqp.remove().await?;
        Broker::Amqp(amqp).close().await;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is what it is for")]
async fn measure(broker: &Broker) -> Result<(), Box<dyn Error>> {
    let queue = Queue::jobs(Family::ZOOM_DETAIL, Lane::Daily);
    for (size, count, batch) in [(1_000, 20_000, 200), (200_000, 1_000, 20), (1_000, 300, 1)] {
        let body = vec![b'x'; size];
        let messages: Vec<_> = (0..count)
            .map(|number| Message::new(queue.clone(), format!("m{number}"), body.clone(), clock::now()))
            .collect();
        let begin = Instant::now();
        for batch in messages.chunks(batch) {
            broker.publish(batch.to_vec()).await?;
        }
        let published = begin.elapsed();
        let mut consumer =
            broker.consume(vec![Subscription { queue: queue.clone(), prefetch: 1_000 }]).await?;
        let begin = Instant::now();
        let mut taken = 0;
        while taken < count {
            let acks: Vec<_> = consumer.take(500).await?.into_iter().map(Delivery::ack).collect();
            for acked in join_all(acks).await {
                acked?;
                taken += 1;
            }
        }
        let settled = begin.elapsed();
        let rate = |time: Duration| (f64::from(count) / time.as_secs_f64()).round();
        println!(
            "  {count:6} of {size:6} bytes, {batch:3} to a batch: published {:7}/s, taken and acked {:7}/s",
            rate(published),
            rate(settled)
        );
    }
    Ok(())
}
