//! Checks RabbitMQ: version, queues, permissions, and whether it accepts messages.

use runtime::Broker;
use runtime::broker::amqp::{Probe, QueueState, Survey, Surveyed};

use super::management;
use crate::config::{AmqpConfig, Config};
use crate::diagnostic::Diagnostic;
use crate::{assemble, units};

pub(super) async fn examine(config: &Config) -> Vec<Diagnostic> {
    let Some(amqp) = &config.amqp else { return Vec::new() };
    match survey(config).await {
        Err(error) => {
            let users = "likely causes: user, password, virtual host or scheme of AMQP_URL, a right that is missing, or a broker \
                         that has not loaded its users yet; workers wait for it up to 5 minutes";
            let worlds =
                "see that RabbitMQ runs and AMQP_URL can be reached from here; jobs in its queues are kept";
            let mut diagnostics = vec![Diagnostic::error("broker", &error, users, worlds)];
            diagnostics.extend(["queues", "rights"].map(|what| Diagnostic::depends(what, "broker")));
            diagnostics
        }
        Ok((survey, probe)) => {
            let mut diagnostics = diagnostics(&survey);
            diagnostics.extend(beside(amqp, &survey, probe).await);
            diagnostics
        }
    }
}

async fn survey(config: &Config) -> anyhow::Result<(Survey, Option<Probe>)> {
    let broker = assemble::reader(config, "check").await?;
    let Broker::Amqp(amqp) = &broker else { anyhow::bail!("RabbitMQ is not configured") };
    let survey = amqp.survey().await;
    // A missing permission and a blocked broker have their own diagnostics.
    let probe = match &survey {
        Ok(survey) if survey.blocked.is_none() => amqp.probe().await.ok(),
        _ => None,
    };
    broker.close().await;
    Ok((survey?, probe))
}

fn diagnostics(survey: &Survey) -> Vec<Diagnostic> {
    let mut diagnostics = vec![version(&survey.version, &survey.vhost)];
    diagnostics.extend(encryption(survey));
    diagnostics.extend(queues(&survey.queues));
    diagnostics.extend(rights(survey));
    if let Some(why) = &survey.blocked {
        let remedy =
            "free some of its memory or disk: it then takes messages again by itself, and nothing is lost";
        diagnostics.push(
            Diagnostic::worlds("alarms", format!("the broker takes no messages: {why}")).remedy(remedy),
        );
    }
    diagnostics
}

fn version(version: &str, vhost: &str) -> Diagnostic {
    let text = format!("RabbitMQ {version}, virtual host {vhost}");
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    match major {
        // Connecting to an older version fails.
        Some(3 | 4) => Diagnostic::well("broker", format!("{text}: has all that is needed")),
        Some(_) => {
            Diagnostic::notable("broker", format!("{text}: newer than the 4.x that ua is tested with"))
        }
        None => Diagnostic::notable("broker", format!("{text}: it does not say which version it is"))
            .remedy("ua needs quorum queues that dead-letter at least once: RabbitMQ 3.10 or newer"),
    }
}

fn encryption(survey: &Survey) -> Option<Diagnostic> {
    survey.encrypted.then(|| Diagnostic::well("broker", "the connection is encrypted"))
}

fn queues(queues: &[Surveyed]) -> Vec<Diagnostic> {
    let missing: Vec<&str> =
        queues.iter().filter(|queue| queue.state == QueueState::Missing).map(|queue| &*queue.name).collect();
    let mut diagnostics: Vec<Diagnostic> = queues.iter().flat_map(different).collect();
    if !missing.is_empty() {
        let text = match missing.len() == queues.len() {
            true => "no queue is there yet".to_owned(),
            false => format!("not there: {}", missing.join(", ")),
        };
        diagnostics.push(Diagnostic::users("queues", text).remedy("run `ua setup`"));
    }
    let untold = queues.iter().filter(|queue| queue.state == QueueState::Untold).count();
    if untold > 0 {
        let text = format!(
            "{} not compared: the broker shows arguments only to a user with the right to declare",
            units::some(untold as u64, "queue")
        );
        diagnostics.push(Diagnostic::notable("queues", text));
    }
    if diagnostics.is_empty() {
        let ready = queues.iter().map(|queue| queue.ready).sum();
        let text = format!(
            "{} as they should be; {} ready",
            units::some(queues.len() as u64, "queue"),
            units::some(ready, "message")
        );
        diagnostics.push(Diagnostic::well("queues", text));
    }
    diagnostics
}

fn different(queue: &Surveyed) -> Vec<Diagnostic> {
    let Surveyed { name, state, ready, left_apart, .. } = queue;
    let mut diagnostics = Vec::new();
    if let QueueState::Different(differences) = state {
        let words: Vec<String> = differences.iter().map(ToString::to_string).collect();
        let bound = differences.iter().any(|difference| difference.argument == "x-max-length");
        let or = if bound { "; or set UA_DOCUMENTS_LIMIT to what it was" } else { "" };
        let remedy = format!(
            "stop the workers, then run `ua setup --migrate`: {} kept, in their order{or}",
            units::some(*ready, "message")
        );
        diagnostics.push(Diagnostic::users("queues", format!("{name}: {}", words.join("; "))).remedy(remedy));
    }
    if let Some(left) = left_apart {
        let text = format!("{name}: an interrupted migration left {} apart", units::some(*left, "message"));
        diagnostics
            .push(Diagnostic::users("queues", text).remedy("run `ua setup --migrate`: it brings them back"));
    }
    diagnostics
}

fn rights(survey: &Survey) -> Vec<Diagnostic> {
    let rights = &survey.rights;
    let refused = [
        ("declare", "configure", &rights.declare),
        ("publish and bind", "write", &rights.publish),
        ("take messages", "read", &rights.take),
    ];
    let diagnostics: Vec<Diagnostic> = refused
        .into_iter()
        .filter_map(|(what, right, refusal)| {
            let text = format!("the user may not {what}: no right to {right} ({})", refusal.as_ref()?);
            let remedy = format!(
                "run `{}` at the broker, USER being that of AMQP_URL; until then `ua status` and `ua check` work, and \
                 workers do not",
                permissions(survey)
            );
            Some(Diagnostic::users("rights", text).remedy(remedy))
        })
        .collect();
    if diagnostics.is_empty() && survey.blocked.is_none() {
        let text = "the user may declare, publish and take all that is needed";
        return vec![match &rights.default_exchange {
            None => Diagnostic::well("rights", text),
            Some(_) => Diagnostic::well(
                "rights",
                format!(
                    "{text}; not write to amq.default, by which alone who may not declare could see the workers"
                ),
            ),
        }];
    }
    diagnostics
}

/// Returns the command that grants exactly the required permissions: configure, write, read.
fn permissions(survey: &Survey) -> String {
    let Survey { vhost, pattern, .. } = survey;
    format!("rabbitmqctl set_permissions -p '{vhost}' USER '{pattern}' '{pattern}' '{pattern}'")
}

/// Checks what AMQP does not report.
async fn beside(amqp: &AmqpConfig, survey: &Survey, probe: Option<Probe>) -> Vec<Diagnostic> {
    let told = management::examine(amqp, survey).await;
    let is_told = told.as_ref().is_some_and(|told| told.iter().any(|diagnostic| diagnostic.what == "alarms"));
    let mut diagnostics = told.unwrap_or_default();
    if !is_told {
        diagnostics.extend(probe.map(policies));
    }
    if !diagnostics.iter().any(|diagnostic| diagnostic.what == "timeout") {
        diagnostics.push(timeout());
    }
    diagnostics
}

/// Result of a probe: a temporary queue shows which policies apply.
fn policies(probe: Probe) -> Diagnostic {
    let Probe { sent, kept } = probe;
    if kept < sent {
        let text =
            format!("a policy destroys messages: a new queue kept {kept} of {sent}, without a warning");
        return Diagnostic::users("queues", text).remedy(
            "run `rabbitmqctl list_policies` and `rabbitmqctl list_operator_policies` at the broker, and leave ua's \
             queues out of the pattern",
        );
    }
    let text = format!(
        "a new queue kept {sent} messages; policies with larger limits (max-length, message-ttl, expires) are not told \
         over AMQP"
    );
    Diagnostic::unknown("queues", text)
        .remedy("set AMQP_MANAGEMENT_URL, or run `rabbitmqctl list_policies` at the broker")
}

/// Neither AMQP nor the management API reports the broker's own `consumer_timeout`, only values set by policies.
fn timeout() -> Diagnostic {
    let minutes = assemble::SHELF_LIFE.as_secs() / 60;
    let text = format!(
        "RabbitMQ tells nobody its consumer_timeout (30 min unless set); a delivery waits here for up to {minutes} min \
         before its work, so {} min or more are needed",
        minutes * 2
    );
    let remedy =
        "`rabbitmqctl eval 'application:get_env(rabbit, consumer_timeout).'` at the broker shows it in ms";
    Diagnostic::unknown("timeout", text).remedy(remedy)
}

#[cfg(test)]
mod tests {
    use runtime::broker::amqp::{Difference, Rights};

    use super::*;
    use crate::diagnostic::State;

    fn survey(queues: Vec<Surveyed>) -> Survey {
        Survey {
            version: "3.10.8".to_owned(),
            encrypted: false,
            same_machine: true,
            vhost: "/".to_owned(),
            pattern: r"^ua(\..*)?$".to_owned(),
            queues,
            rights: Rights::default(),
            blocked: None,
        }
    }

    fn queue(state: QueueState) -> Surveyed {
        Surveyed { name: "ua.documents".to_owned(), state, ready: 12, consumers: 0, left_apart: None }
    }

    fn lines(survey: &Survey) -> Vec<String> {
        let amiss = |diagnostic: &Diagnostic| diagnostic.state != State::Well;
        diagnostics(survey).into_iter().filter(amiss).map(|diagnostic| diagnostic.to_string()).collect()
    }

    #[test]
    fn what_is_amiss_is_said_with_what_to_do() {
        assert_eq!(lines(&survey(vec![queue(QueueState::Right)])), [""; 0]);
        let difference = Difference {
            argument: "x-max-length".to_owned(),
            found: Some("2000".to_owned()),
            wanted: Some("1000".to_owned()),
        };
        let differs = lines(&survey(vec![queue(QueueState::Different(vec![difference]))]));
        assert_eq!(differs.len(), 1);
        for part in ["ua.documents: x-max-length is 2000, wanted 1000", "setup --migrate", "12 messages kept"]
        {
            assert!(differs[0].contains(part), "{differs:?}");
        }
        let missing = lines(&survey(vec![queue(QueueState::Missing), queue(QueueState::Right)]));
        assert!(missing[0].contains("not there: ua.documents") && missing[0].contains("`ua setup`"));
        let apart = Surveyed { left_apart: Some(1_200), ..queue(QueueState::Right) };
        assert!(lines(&survey(vec![apart]))[0].contains("left 1,200 messages apart"));
        let blocked = Survey { blocked: Some("low on memory".to_owned()), ..survey(Vec::new()) };
        assert!(lines(&blocked)[0].contains("takes no messages: low on memory"));
        let rights = Rights { declare: Some("refused".to_owned()), ..Rights::default() };
        let rights = lines(&Survey { rights, ..survey(Vec::new()) });
        let command = r"`rabbitmqctl set_permissions -p '/' USER '^ua(\..*)?$' '^ua(\..*)?$' '^ua(\..*)?$'`";
        assert!(
            rights[0].contains("no right to configure (refused)") && rights[0].contains(command),
            "{rights:?}"
        );
        assert!(lines(&Survey { version: "5.0.1".to_owned(), ..survey(Vec::new()) })[0].contains("newer"));
    }
}
