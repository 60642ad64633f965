//! Real proxies: microsocks and tinyproxy.

use std::net::TcpStream;
use std::process::Command;

use super::supervisor::Supervised;
use super::{ports, wait};

/// The programs.
pub const SOCKS: &str = "microsocks";
pub const HTTP: &str = "tinyproxy";

/// A proxy.
#[must_use]
pub struct Proxy {
    port: u16,
    _server: Supervised,
}

impl Proxy {
    /// A SOCKS 5 proxy.
    #[track_caller]
    pub fn socks() -> Self {
        let (dir, port) = (tempfile::tempdir().unwrap(), ports::free_port());
        let mut server = Command::new(SOCKS);
        server.args(["-i", "127.0.0.1", "-p", &port.to_string()]);
        Self::start(&server, dir, port)
    }

    /// An HTTP proxy.
    #[track_caller]
    pub fn http() -> Self {
        let (dir, port) = (tempfile::tempdir().unwrap(), ports::free_port());
        let config = format!("Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 30\nLogLevel Error\n");
        std::fs::write(dir.path().join("proxy.conf"), config).unwrap();
        let mut server = Command::new(HTTP);
        server.args(["-d", "-c", "proxy.conf"]);
        Self::start(&server, dir, port)
    }

    #[track_caller]
    fn start(server: &Command, dir: tempfile::TempDir, port: u16) -> Self {
        let server = Supervised::spawn(server, dir, &[port]);
        server.wait_ready(wait::TIMEOUT, || TcpStream::connect(("127.0.0.1", port)).ok().map(drop));
        Self { port, _server: server }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }
}
