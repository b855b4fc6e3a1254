//! RabbitMQ users with few rights, created and removed through the management API.

use serde_json::{Value, json};

/// A user with rights on the queues of one prefix.
pub(crate) struct User {
    /// The URL of the broker with this user.
    pub(crate) url: String,
    name: String,
    prefix: String,
    management: String,
}

impl User {
    /// Creates a user with rights to configure, to write and to read.
    pub(crate) async fn made(amqp: &str, management: &str, prefix: &str, rights: [&str; 3]) -> Self {
        let name = format!("user-{prefix}");
        let (_, host) = amqp.split_once('@').unwrap();
        let url = format!("amqp://{name}:secret@{host}");
        let user = Self { url, name, prefix: prefix.to_owned(), management: management.to_owned() };
        user.put("users", json!({ "password": "secret", "tags": "" })).await;
        user.may(rights).await;
        user
    }

    /// Replaces the user's rights.
    pub(crate) async fn may(&self, [configure, write, read]: [&str; 3]) {
        let rights = json!({ "configure": configure, "write": write, "read": read });
        self.put("permissions/%2F", rights).await;
    }

    /// Returns the names of the queues and exchanges with the user's prefix.
    pub(crate) async fn made_so_far(&self) -> Vec<String> {
        let mut names = Vec::new();
        for what in ["queues", "exchanges"] {
            let url = format!("{}/api/{what}/%2F", self.management);
            let all: Vec<Value> = http().get(url).send().await.unwrap().json().await.unwrap();
            let all = all.iter().map(|one| one["name"].as_str().unwrap().to_owned());
            names.extend(all.filter(|name| name.starts_with(&self.prefix)));
        }
        names
    }

    async fn put(&self, what: &str, body: Value) {
        let put = http().put(format!("{}/api/{what}/{}", self.management, self.name));
        let answer = put.header("content-type", "application/json").body(body.to_string()).send();
        let status = answer.await.unwrap().status();
        assert!(status.is_success(), "{what}: {status}");
    }

    /// Removes the user, and everything with its prefix.
    pub(crate) async fn remove(self, amqp: &str) {
        let delete = http().delete(format!("{}/api/users/{}", self.management, self.name));
        assert!(delete.send().await.unwrap().status().is_success());
        let mut settings = runtime::broker::amqp::AmqpSettings::new(amqp.into());
        settings.prefix = self.prefix;
        let sweeper = runtime::broker::Amqp::open(settings).await.unwrap();
        sweeper.remove().await.unwrap();
        sweeper.remove_lead("quota.zoom.main").await.unwrap();
    }
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}
