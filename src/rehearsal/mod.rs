//! The embedded stack: servers that speak the real protocols, on loopback, within this process. They answer
//! in the shapes that the products document. The tests use those of which no real one can be had.

pub mod app;
mod client;
pub mod collector;
pub mod drills;
pub mod files;
pub mod forge;
pub mod grafana;
pub mod jaeger;
pub mod kubernetes;
pub mod names;
pub mod prometheus;
pub mod rabbitmq;
pub mod redis;
pub mod registry;
pub mod secrets;
pub mod server;
pub mod stack;
pub mod tools;
pub mod vault;
