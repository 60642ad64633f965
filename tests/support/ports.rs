//! Free ports that no other process on the machine is likely to take.

use std::mem;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::net::TcpSocket;

// Below the ephemeral range of the kernel (`bind(0)`, outgoing connections): a free port of that range may be taken before
// the server binds it, and a client that polls it may connect to itself.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

/// A free port; this process returns each port only once.
pub fn free_port() -> u16 {
    free_ports(1)
}

/// The first of `count` consecutive free ports, for a server that also uses the following ones.
pub fn free_ports(count: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Parallel test processes start at different ports.
    let seed = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(COUNT)).unwrap();
    (0..COUNT)
        .map(|_| FIRST + (seed + NEXT.fetch_add(count, Ordering::Relaxed) % COUNT) % COUNT)
        .find(|first| (*first..first + count).all(|port| TcpListener::bind(local(port)).is_ok()))
        .expect("a free port")
}

/// A listener on a free port.
pub fn listen() -> TcpListener {
    // Another process may take the port between the check and the bind.
    std::iter::repeat_with(free_port).find_map(|port| TcpListener::bind(local(port)).ok()).expect("a port")
}

/// A port that refuses connections for as long as the test process runs.
pub fn refused_port() -> u16 {
    // Bound and not listening: the kernel refuses connections and gives the port to no other process. The bind fails as long
    // as a program started by another test has inherited the listener of `free_port`.
    let socket = TcpSocket::new_v4().unwrap();
    let port = std::iter::repeat_with(free_port).find(|port| socket.bind(local(*port)).is_ok()).unwrap();
    mem::forget(socket);
    port
}

/// `127.0.0.1:port`.
pub fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Whether connections to `port` are accepted.
pub fn is_open(port: u16) -> bool {
    TcpStream::connect_timeout(&local(port), Duration::from_secs(1)).is_ok()
}
