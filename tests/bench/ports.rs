//! Ports that nobody else on the machine is about to take.

use std::mem;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::net::TcpSocket;

// Below the range from which the kernel serves `bind(0)` and outgoing connections: a port found free there
// can be gone when the server comes to bind it, and a client polling it can connect to itself.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

/// A port that is free now and is handed out once by this process.
pub fn free_port() -> u16 {
    free_ports(1)
}

/// The first of so many ports in a row, for a server that takes the next ones too.
pub fn free_ports(count: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Two test processes at once start far apart.
    let seed = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(COUNT)).unwrap();
    (0..COUNT)
        .map(|_| FIRST + (seed + NEXT.fetch_add(count, Ordering::Relaxed) % COUNT) % COUNT)
        .find(|first| (*first..first + count).all(|port| TcpListener::bind(local(port)).is_ok()))
        .expect("a free port")
}

/// A listener on such a port.
pub fn listen() -> TcpListener {
    // Between the look and the bind somebody else may have taken it.
    std::iter::repeat_with(free_port).find_map(|port| TcpListener::bind(local(port)).ok()).expect("a port")
}

/// A port nobody listens on, nor will for as long as the test process runs.
pub fn refused_port() -> u16 {
    // Bound and not listening: the system refuses connections, and gives the port to nobody else. It can be bound only when
    // no program that another test starts holds the listener any more that showed it to be free.
    let socket = TcpSocket::new_v4().unwrap();
    let port = std::iter::repeat_with(free_port).find(|port| socket.bind(local(*port)).is_ok()).unwrap();
    mem::forget(socket);
    port
}

/// `127.0.0.1:port`.
pub fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Whether somebody accepts connections on `port`.
pub fn is_open(port: u16) -> bool {
    TcpStream::connect_timeout(&local(port), Duration::from_secs(1)).is_ok()
}
