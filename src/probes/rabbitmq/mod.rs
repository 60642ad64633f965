//! The RabbitMQ probe. Existence and depth come from AMQP (a passive declare is exact and at once); type,
//! durability, arguments, bindings and unacknowledged messages from the management API.

mod amqp;
mod connection;
mod guard;
mod judge;
mod management;
mod peek;
mod reproduce;
mod routing;
mod settings;
mod subscription;

pub(super) use subscription::QueueSubscription;

use percent_encoding::percent_decode_str;
use reqwest::Url;

use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::RabbitmqSpec;
use gonogo_core::outcome::{Observation, Outcome};
use gonogo_core::secret::Secret;

use super::address::{Address, AddressError, Schemes, has_credentials};
use super::checked_by::{self, CheckedBy};
use super::deadline::Deadline;
use super::effects::Effects;
use super::secrets::read_secret;

const AMQP_SCHEMES: Schemes = Schemes { plain: ("amqp", 5672), secure: ("amqps", 5671) };
const MANAGEMENT_SCHEMES: Schemes = Schemes { plain: ("http", 15672), secure: ("https", 15671) };

/// A broker's two addresses.
struct BrokerAddresses {
    amqp: Address,
    management: Option<Url>,
}

/// Connects to AMQP and, if a check needs it, to the management API; queries everything; judges it.
pub(super) async fn run(
    spec: &RabbitmqSpec,
    deadline: &Deadline,
    secret_store: &SecretStore,
    effects: &Effects,
) -> Outcome {
    let addresses = match broker_addresses(spec) {
        Ok(places) => places,
        Err((what, why)) => return Outcome::error(what, "an address", why.to_string()),
    };
    match password(spec, deadline, secret_store).await {
        Ok(password) => checked_by::outcome(visit(spec, &addresses, &password, deadline, effects).await),
        Err(observation) => Outcome::of(vec![observation], spec.password.shell_check()),
    }
}

/// The command that shows whether a broker is reachable and accepts the user; none without an address.
pub(super) fn login_command(spec: &RabbitmqSpec) -> Option<String> {
    broker_addresses(spec).ok().map(|addresses| reproduce::Commands::new(spec, &addresses).login())
}

async fn visit(
    spec: &RabbitmqSpec,
    addresses: &BrokerAddresses,
    password: &Secret,
    deadline: &Deadline,
    effects: &Effects,
) -> Vec<CheckedBy> {
    let management = addresses.management.as_ref();
    let (declared, snapshot) = tokio::join!(
        Box::pin(amqp::survey(spec, &addresses.amqp, password, deadline)),
        Box::pin(management::survey(spec, management, password, deadline)),
    );
    let mut checks = judge::judge(spec, addresses, &declared, &snapshot);
    let seen = Box::pin(peek::heads(spec, management, password, &declared, deadline, effects)).await;
    // They are recorded, so their command is never shown.
    checks.push(CheckedBy { command: String::new(), seen });
    checks
}

fn broker_addresses(spec: &RabbitmqSpec) -> Result<BrokerAddresses, (&'static str, AddressError)> {
    let amqp = Address::parse(&spec.url, &AMQP_SCHEMES).map_err(|why| ("AMQP address", why))?;
    check_vhost(spec, &amqp).map_err(|why| ("AMQP address", why))?;
    let management = spec.management.as_deref().map(management_address).transpose();
    Ok(BrokerAddresses { amqp, management: management.map_err(|why| ("management address", why))? })
}

/// An address can name the virtual host, percent-encoded: <https://www.rabbitmq.com/docs/uri-spec>. Two different ones
/// contradict each other.
fn check_vhost(spec: &RabbitmqSpec, address: &Address) -> Result<(), AddressError> {
    let named = percent_decode_str(&address.rest).decode_utf8_lossy();
    if named.is_empty() || named == spec.vhost {
        return Ok(());
    }
    Err(AddressError::Contradiction { named: named.into_owned(), vhost: spec.vhost.clone() })
}

/// The scheme, host and path prefix of the management API.
fn management_address(text: &str) -> Result<Url, AddressError> {
    let (scheme, port) = MANAGEMENT_SCHEMES.plain;
    let url = Url::parse(text).map_err(|_| AddressError::Malformed(scheme, port))?;
    if has_credentials(&url) {
        return Err(AddressError::Credentials);
    }
    Address::parse(text, &MANAGEMENT_SCHEMES).map(|_| url)
}

async fn password(
    spec: &RabbitmqSpec,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> Result<Secret, Observation> {
    let read = read_secret(&spec.password, deadline, secret_store).await;
    read.map_err(|why| Observation::unknown(format!("password of user `{}`", spec.username), "readable", why))
}
