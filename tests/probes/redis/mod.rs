mod cluster;
mod connection;
mod settings;

use gonogo_core::outcome::Outcome;
use serde_json::{Value, json};

use super::*;
use crate::support::redis::{Builder, RedisServer};

const CHANNEL: &str = "advanced:activity";

#[track_caller]
pub(super) fn run_probe(with: &Value) -> Outcome {
    run_probe_within(DEADLINE, "redis", with)
}

fn connection_spec(server: &RedisServer) -> Value {
    json!({"url": format!("redis://127.0.0.1:{}", server.port())})
}

pub(super) fn well_configured() -> Builder {
    RedisServer::builder().appendonly(true).save("3600 1").latency_threshold(100)
}

pub(super) fn full_spec(server: &RedisServer) -> Value {
    let checks =
        json!({"persistence": true, "latency_threshold_ms": 100, "spike_limit_ms": 100, "cluster": false});
    plus(&connection_spec(server), &checks)
}
