//! The embedded stack: servers that speak the real protocols, on loopback, within this process. They answer
//! in the shapes that the products document. The tests use those of which no real one can be had.

pub mod app;
pub mod forge;
pub mod grafana;
pub mod jaeger;
pub mod kubernetes;
pub mod server;
