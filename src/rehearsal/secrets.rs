//! What is secret in a rehearsal.

use std::io;

/// What is secret in a rehearsal: made anew for each.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// The application's token.
    pub token: String,
    /// The token before.
    pub old_token: String,
    /// Redis' password.
    pub redis: String,
    /// RabbitMQ's.
    pub rabbitmq: String,
    /// The registry's.
    pub registry: String,
    /// Vault's token.
    pub vault: String,
    /// The forge's.
    pub forge: String,
    /// Grafana's.
    pub grafana: String,
    /// The collector's.
    pub otlp: String,
}

impl Secrets {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            token: random()?,
            old_token: random()?,
            redis: random()?,
            rabbitmq: random()?,
            registry: random()?,
            vault: random()?,
            forge: random()?,
            grafana: random()?,
            otlp: random()?,
        })
    }
}

/// 128 random bits in hex.
pub(super) fn random() -> io::Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(base16ct::lower::encode_string(&bytes))
}
