//! The commands that show by hand what was seen: each starts from the first thing that can be wrong.

use gonogo_core::checklist::spec::RabbitmqSpec;
use gonogo_core::text::shell_word;

use super::super::address::Address;
use super::super::http_client::segment;
use super::BrokerAddresses;

/// A header of no version: a broker answers it with its own, and closes or resets the connection (AMQP 0-9-1, 4.2.2).
const NO_VERSION: &str = r"printf 'AMQP\0\0\0\0'";

/// The commands for one broker.
pub(super) struct Commands<'a> {
    spec: &'a RabbitmqSpec,
    addresses: &'a BrokerAddresses,
}

impl<'a> Commands<'a> {
    pub(super) const fn new(spec: &'a RabbitmqSpec, addresses: &'a BrokerAddresses) -> Self {
        Self { spec, addresses }
    }

    /// Whether a broker responds, and then whether it accepts the user. Without the management API, `rabbitmqctl` on the
    /// broker says that.
    pub(super) fn login(&self) -> String {
        let user = shell_word(&self.spec.username);
        let login = self.api(&["/whoami", "/vhosts"]).unwrap_or_else(|| {
            let password = self.spec.password.shell();
            format!(
                "rabbitmqctl authenticate_user {user} {password} && rabbitmqctl list_user_permissions {user}"
            )
        });
        format!("{} | grep -a AMQP && {login}", greeting(self.spec, &self.addresses.amqp))
    }

    /// Whether the management API responds, and accepts the user.
    pub(super) fn management_login(&self) -> String {
        self.api(&["/whoami"]).unwrap_or_else(|| self.login())
    }

    pub(super) fn exchange(&self, name: &str) -> String {
        let path = self.path("exchanges", name);
        self.api(&[&path]).unwrap_or_else(|| self.list("list_exchanges name type durable"))
    }

    pub(super) fn queue(&self, name: &str) -> String {
        let path = self.path("queues", name);
        self.api(&[&path]).unwrap_or_else(|| self.list("list_queues name messages_ready consumers"))
    }

    pub(super) fn bindings(&self) -> String {
        let path = format!("/bindings/{}", segment(&self.spec.vhost));
        self.api(&[&path]).unwrap_or_else(|| self.list("list_bindings"))
    }

    pub(super) fn alarms(&self) -> String {
        self.api(&["/health/checks/alarms"]).unwrap_or_else(|| "rabbitmq-diagnostics alarms".to_owned())
    }

    fn path(&self, what: &str, name: &str) -> String {
        format!("/{what}/{}/{}", segment(&self.spec.vhost), segment(name))
    }

    fn list(&self, what: &str) -> String {
        format!("rabbitmqctl -p {} {what}", shell_word(&self.spec.vhost))
    }

    /// `curl` of the management API, the password as a reference.
    fn api(&self, paths: &[&str]) -> Option<String> {
        let (spec, base) = (self.spec, self.addresses.management.as_ref()?.as_str().trim_end_matches('/'));
        let user = format!("{}{}", shell_word(&format!("{}:", spec.username)), spec.password.shell());
        let mut words = vec!["curl".to_owned(), "-sS".into(), "-u".into(), user];
        words.extend(spec.tls.roots.iter().flat_map(|roots| ["--cacert".into(), shell_word(roots)]));
        words.extend(paths.iter().map(|path| shell_word(&format!("{base}/api{path}"))));
        Some(words.join(" "))
    }
}

/// What a broker answers to who connects.
fn greeting(spec: &RabbitmqSpec, address: &Address) -> String {
    let at = shell_word(&address.to_string());
    if !address.tls {
        return format!(
            "{NO_VERSION} | curl -sS -m 5 --output - {}",
            shell_word(&format!("telnet://{address}"))
        );
    }
    let name = shell_word(&address.host);
    let roots = spec.tls.roots.iter().map(|roots| format!(" -CAfile {}", shell_word(roots)));
    let roots: String = roots.collect();
    format!(
        "{NO_VERSION} | openssl s_client -quiet -verify_return_error -connect {at} -servername {name}{roots}"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    type Show = fn(&Commands<'_>) -> String;

    fn with(spec: Value, show: Show) -> String {
        let spec: RabbitmqSpec = serde_json::from_value(spec).unwrap();
        let addresses =
            super::super::broker_addresses(&spec).unwrap_or_else(|(what, why)| panic!("{what}: {why}"));
        show(&Commands::new(&spec, &addresses))
    }

    #[test]
    fn each_cause_has_a_command_that_shows_it() {
        let managed = json!({"url": "amqp://mq", "vhost": "/", "username": "app", "password": {"env": "PW"},
            "management": "http://mq:15672/"});
        let plain = json!({"url": "amqps://mq", "vhost": "v 1", "username": "app", "password": {"env": "PW"},
            "tls": {"roots": "ca.pem"}});
        let curl = "curl -sS -u app:\"$PW\" http://mq:15672/api";
        let cases: [(&Value, Show, String); 8] = [
            (
                &managed,
                |commands| commands.login(),
                format!(
                    "printf 'AMQP\\0\\0\\0\\0' | curl -sS -m 5 --output - telnet://mq:5672 | grep -a AMQP && {curl}/whoami \
                     http://mq:15672/api/vhosts"
                ),
            ),
            (
                &plain,
                |commands| commands.login(),
                "printf 'AMQP\\0\\0\\0\\0' | openssl s_client -quiet -verify_return_error -connect mq:5671 -servername mq \
                 -CAfile ca.pem | grep -a AMQP && rabbitmqctl authenticate_user app \"$PW\" && rabbitmqctl list_user_permissions app"
                    .to_owned(),
            ),
            (&managed, |commands| commands.management_login(), format!("{curl}/whoami")),
            (&managed, |commands| commands.queue("a/b"), format!("{curl}/queues/%2F/a%2Fb")),
            (&managed, |commands| commands.exchange("x"), format!("{curl}/exchanges/%2F/x")),
            (&managed, |commands| commands.bindings(), format!("{curl}/bindings/%2F")),
            (&managed, |commands| commands.alarms(), format!("{curl}/health/checks/alarms")),
            (
                &plain,
                |commands| commands.queue("q"),
                "rabbitmqctl -p 'v 1' list_queues name messages_ready consumers".to_owned(),
            ),
        ];
        for (spec, show, expected) in cases {
            assert_eq!(with(spec.clone(), show), expected);
        }
    }
}
