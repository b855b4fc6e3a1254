//! Checks what only RabbitMQ's management API reports: alarms, feature flags, policies. Skipped unless
//! `AMQP_MANAGEMENT_URL` is set.

use std::collections::BTreeMap;
use std::time::Duration;

use runtime::body;
use runtime::broker::amqp::Survey;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::AmqpConfig;
use crate::diagnostic::Diagnostic;
use crate::exit::usage;
use crate::{assemble, units};

const WHAT: &str = "management";
/// Maximum size of an answer: some thousand queues and policies.
const MAX_BODY: usize = 16 << 20;
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// Feature flags that quorum queues need for at-least-once dead-lettering; always on from RabbitMQ 4.0.
const NEEDED_FLAGS: [&str; 2] = ["quorum_queue", "stream_queue"];

#[derive(Deserialize)]
struct Node {
    name: String,
    #[serde(default)]
    running: bool,
    #[serde(default)]
    mem_alarm: bool,
    #[serde(default)]
    disk_free_alarm: bool,
}

#[derive(Deserialize)]
struct Flag {
    name: String,
    state: String,
}

#[derive(Deserialize)]
struct Queue {
    name: String,
    #[serde(default)]
    policy: Option<String>,
    #[serde(default)]
    operator_policy: Option<String>,
}

#[derive(Deserialize)]
struct Policy {
    name: String,
    definition: BTreeMap<String, Value>,
}

/// Returns the diagnostics; `None` without a management API.
pub(super) async fn examine(amqp: &AmqpConfig, survey: &Survey) -> Option<Vec<Diagnostic>> {
    let url = amqp.management_url.as_ref()?;
    Some(match ask(amqp, url, survey).await {
        Ok(diagnostics) => diagnostics,
        Err(error) => vec![
            Diagnostic::notable(WHAT, format!("not told: {}", crate::exit::sentence(&error)))
                .remedy("look at AMQP_MANAGEMENT_URL; its user needs the tag `monitoring`"),
        ],
    })
}

async fn ask(amqp: &AmqpConfig, url: &SecretString, survey: &Survey) -> anyhow::Result<Vec<Diagnostic>> {
    let api = Api::new(amqp, url)?;
    let nodes: Vec<Node> = api.get("nodes").await?;
    let mut diagnostics = alarms(&nodes);
    diagnostics.extend(flags(&api.get::<Vec<Flag>>("feature-flags").await?));
    let vhost = survey.vhost.replace('%', "%25").replace('/', "%2F");
    let mut queues: Vec<Queue> = api.get(&format!("queues/{vhost}?disable_stats=true")).await?;
    queues.retain(|queue| survey.queues.iter().any(|surveyed| surveyed.name == queue.name));
    if queues.iter().any(|queue| queue.policy.is_some() || queue.operator_policy.is_some()) {
        let mut all: Vec<Policy> = api.get(&format!("policies/{vhost}")).await?;
        all.extend(api.get::<Vec<Policy>>(&format!("operator-policies/{vhost}")).await?);
        diagnostics.extend(policies(&queues, &all, &survey.pattern));
    }
    Ok(diagnostics)
}

/// Diagnoses any of the answers, for the fuzz target. Returns `None` for an unknown one.
pub(crate) fn read(body: &[u8]) -> Option<Vec<Diagnostic>> {
    let queue = |policy: &str| Queue {
        name: "ua.dead".to_owned(),
        policy: Some(policy.to_owned()),
        operator_policy: None,
    };
    let queues: Option<Vec<Queue>> = serde_json::from_slice(body).ok();
    let read = [
        serde_json::from_slice(body).ok().map(|nodes: Vec<Node>| alarms(&nodes)),
        serde_json::from_slice(body).ok().map(|list: Vec<Flag>| flags(&list)),
        serde_json::from_slice(body).ok().map(|all: Vec<Policy>| policies(&[queue("short")], &all, "^ua")),
        queues.map(|queues| policies(&queues, &[], "^ua")),
    ];
    read.into_iter().flatten().reduce(|all, more| [all, more].concat())
}

struct Api {
    http: reqwest::Client,
    base: reqwest::Url,
}

impl Api {
    fn new(amqp: &AmqpConfig, url: &SecretString) -> anyhow::Result<Self> {
        let refused = || usage("AMQP_MANAGEMENT_URL is not of the form http[s]://user:password@host:port");
        let base: reqwest::Url = url.expose_secret().parse().map_err(|_| refused())?;
        let host = base.host_str().ok_or_else(refused)?;
        let mut builder = body::client().timeout(ANSWER_TIME);
        if matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
            // A proxy cannot reach servers on this machine.
            builder = builder.no_proxy();
        }
        if let Some(path) = &amqp.ca_cert {
            builder = builder.add_root_certificate(reqwest::Certificate::from_pem(&std::fs::read(path)?)?);
        }
        Ok(Self { http: builder.build()?, base })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let url = format!("{}/api/{path}", self.base.as_str().trim_end_matches('/'));
        let answer = self.http.get(url).send().await.and_then(reqwest::Response::error_for_status);
        // The URL may hold a password.
        let answer = answer.map_err(reqwest::Error::without_url)?;
        if answer.status().is_redirection() {
            let target =
                body::redirected(&answer).unwrap_or_else(|| "another address of the same host".to_owned());
            anyhow::bail!(
                "it answers {}, a redirect to {target}, which is not followed",
                answer.status().as_u16()
            );
        }
        let body = body::read(answer, MAX_BODY).await?;
        serde_json::from_slice(&body)
            .map_err(|_| anyhow::anyhow!("what answers is no management API of RabbitMQ"))
    }
}

fn alarms(nodes: &[Node]) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for node in nodes {
        let alarms = [
            (node.mem_alarm, "is short of memory", "free some of its memory, or let it have more"),
            (node.disk_free_alarm, "is short of disk space", "free some of its disk"),
            (!node.running, "does not run", "start it"),
        ];
        for (_, what, remedy) in alarms.into_iter().filter(|(rings, ..)| *rings) {
            let text = format!("the node {} {what}", node.name);
            diagnostics.push(Diagnostic::worlds("alarms", text).remedy(remedy));
        }
    }
    if diagnostics.is_empty() {
        diagnostics
            .push(Diagnostic::well("alarms", format!("none on {}", units::some(nodes.len() as u64, "node"))));
    }
    diagnostics
}

fn flags(flags: &[Flag]) -> Vec<Diagnostic> {
    let off = flags.iter().filter(|flag| NEEDED_FLAGS.contains(&&*flag.name) && flag.state == "disabled");
    off.map(|flag| {
        let text =
            format!("the feature flag {} is off: a message could be lost on its way from a rung", flag.name);
        Diagnostic::worlds("broker", text)
            .remedy(format!("run `rabbitmqctl enable_feature_flag {}` at the broker", flag.name))
    })
    .collect()
}

/// Policy settings that can make a queue drop or refuse messages.
const DESTRUCTIVE: [&str; 9] = [
    "max-length",
    "max-length-bytes",
    "message-ttl",
    "expires",
    "overflow",
    "delivery-limit",
    "dead-letter-exchange",
    "dead-letter-routing-key",
    "dead-letter-strategy",
];

/// Checks policies: they override the arguments of queues.
fn policies(queues: &[Queue], policies: &[Policy], pattern: &str) -> Vec<Diagnostic> {
    let shelf = assemble::SHELF_LIFE.as_millis();
    let mut diagnostics = Vec::new();
    for policy in policies {
        let is = |name: &Option<String>| name.as_ref() == Some(&policy.name);
        let under = queues.iter().filter(|queue| is(&queue.policy) || is(&queue.operator_policy)).count();
        if under == 0 {
            continue;
        }
        let queues = units::some(under as u64, "queue");
        for (name, value) in &policy.definition {
            let patience = value.as_u64().filter(|_| name == "consumer-timeout").map(u128::from);
            let text = format!("the policy {} sets {name} of {queues} to {value}", policy.name);
            diagnostics.push(match patience {
                Some(patience) if patience < shelf * 2 => {
                    Diagnostic::worlds("timeout", format!("{text} ms: work would be cut off"))
                        .remedy("make it half an hour or more")
                }
                _ if DESTRUCTIVE.contains(&&**name) => {
                    let what = if name.contains("dead-letter") {
                        "sends messages elsewhere"
                    } else {
                        "destroys messages"
                    };
                    Diagnostic::users("queues", format!("{text}: it {what} without a warning"))
                        .remedy(format!("change its pattern so that it leaves out ua's queues, {pattern}"))
                }
                _ => Diagnostic::notable("queues", text)
                    .remedy("take ua's queues out of its pattern, unless it is meant"),
            });
        }
    }
    diagnostics
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::State;

    fn read<T: DeserializeOwned>(json: &str) -> T {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn alarms_are_named_by_node() {
        let nodes: Vec<Node> = read(
            r#"[{"name":"rabbit@a","running":true,"mem_alarm":true,"disk_free_alarm":false},
                {"name":"rabbit@b","running":false}, {"name":"rabbit@c","running":true}]"#,
        );
        let texts: Vec<String> = alarms(&nodes).into_iter().map(|diagnostic| diagnostic.text).collect();
        assert_eq!(texts, ["the node rabbit@a is short of memory", "the node rabbit@b does not run"]);
        assert_eq!(alarms(&nodes[2..])[0].text, "none on 1 node");
    }

    #[test]
    fn flags_and_policies_that_matter_are_named() {
        let told: Vec<Flag> = read(
            r#"[{"name":"stream_queue","state":"disabled"},{"name":"quorum_queue","state":"enabled"},
                {"name":"khepri_db","state":"disabled"}]"#,
        );
        assert_eq!(flags(&told).len(), 1);
        let queues: Vec<Queue> = read(
            r#"[{"name":"ua.dead"},{"name":"ua.a","policy":"short","operator_policy":null},
                {"name":"ua.b","policy":"long","operator_policy":"bound"},{"name":"ua.c","operator_policy":"bound"}]"#,
        );
        let all: Vec<Policy> = read(
            r#"[{"name":"short","definition":{"consumer-timeout":60000}},{"name":"other","definition":{"expires":1}},
                {"name":"long","definition":{"consumer-timeout":7200000}},{"name":"bound","definition":{"max-length":5}}]"#,
        );
        let found = policies(&queues, &all, "^ua");
        let of = |state: State| -> Vec<&str> {
            found
                .iter()
                .filter(|diagnostic| diagnostic.state == state)
                .map(|diagnostic| &*diagnostic.text)
                .collect()
        };
        let cut = "the policy short sets consumer-timeout of 1 queue to 60000 ms: work would be cut off";
        let lost =
            "the policy bound sets max-length of 2 queues to 5: it destroys messages without a warning";
        assert_eq!(of(State::Failing), [cut, lost]);
        assert!(
            found
                .iter()
                .any(|diagnostic| diagnostic.remedy.as_ref().is_some_and(|remedy| remedy.contains("^ua")))
        );
        assert_eq!(of(State::Notable), ["the policy long sets consumer-timeout of 1 queue to 7200000"]);
    }
}
