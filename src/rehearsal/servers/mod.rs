//! Servers that speak the real protocols, each on its own loopback port.

pub mod app;
pub(crate) mod client;
pub mod collector;
pub mod forge;
pub mod grafana;
pub mod jaeger;
pub mod kubernetes;
pub mod prometheus;
pub mod rabbitmq;
pub mod redis;
pub mod registry;
pub mod server;
pub mod vault;
