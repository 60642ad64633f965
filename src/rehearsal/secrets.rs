//! The credentials of a rehearsal.

use std::io;

/// The credentials of a rehearsal, generated for each.
#[derive(Clone, Debug)]
pub struct RehearsalSecrets {
    /// The application's current token.
    pub token: String,
    /// The application's previous token.
    pub old_token: String,
    /// The password of Redis.
    pub redis: String,
    /// The password of RabbitMQ.
    pub rabbitmq: String,
    /// The password of the registry.
    pub registry: String,
    /// The token of Vault.
    pub vault: String,
    /// The token of the forge.
    pub forge: String,
    /// The token of Grafana.
    pub grafana: String,
    /// The token of the OTLP collector.
    pub otlp: String,
}

impl RehearsalSecrets {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            token: random_hex()?,
            old_token: random_hex()?,
            redis: random_hex()?,
            rabbitmq: random_hex()?,
            registry: random_hex()?,
            vault: random_hex()?,
            forge: random_hex()?,
            grafana: random_hex()?,
            otlp: random_hex()?,
        })
    }
}

/// 128 random bits in hex.
pub(super) fn random_hex() -> io::Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(base16ct::lower::encode_string(&bytes))
}
