//! Real proxies: microsocks and tinyproxy, and nginx in front of a server.

use std::net::TcpStream;
use std::process::Command;

use super::supervisor::Supervised;
use super::{ports, wait};

/// The programs.
pub const SOCKS: &str = "microsocks";
pub const HTTP: &str = "tinyproxy";
pub const REVERSE: &str = "nginx";

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

    /// nginx in front of a server on this port, with these directives beside `proxy_pass`.
    #[track_caller]
    pub fn reverse(upstream: u16, directives: &str) -> Self {
        let (dir, port) = (tempfile::tempdir().unwrap(), ports::free_port());
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {kind};\n"))
            .concat();
        let config = format!(
            "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n\
             {temporary}server {{ listen 127.0.0.1:{port}; location / {{\n\
             proxy_pass http://127.0.0.1:{upstream};\n{directives}\n}} }}\n}}\n"
        );
        std::fs::write(dir.path().join("nginx.conf"), config).unwrap();
        let mut server = Command::new(REVERSE);
        server.arg("-p").arg(dir.path()).args(["-c", "nginx.conf"]);
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
