//! `net`: TCP and Unix sockets, UDP, and names of hosts.
//!
//! All waiting is done by the VM's poller: a thread that waits for a connection or for data holds no
//! LWP, so there may be as many as there are descriptors. Only the lookup of a name (and a Unix
//! server that is slow to accept) waits in the kernel.
//!
//! An address is a text, `"127.0.0.1:8080"`, `"[::1]:80"`, `"example.org:80"`, `"unix:/path"`, and
//! every error starts with what was attempted on which. The data of a stream are bytes; lines are
//! texts. TCP connections send small pieces at once, as most programs want it (`TCP_NODELAY`).
//!
//! Every handle closes its socket when it is dropped.

mod addr;
mod connect;
mod connection;
mod listener;
mod udp;

use std::os::fd::OwnedFd;

use lisle_vm::ModuleBuilder;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use connection::Connection;
use listener::Listener;
use udp::Udp;

/// The module.
pub(crate) fn module() -> ModuleBuilder {
    ModuleBuilder::new("net", "TCP and Unix sockets, UDP, and names of hosts.")
        .raw(
            "listen(addr)",
            "Waits for connections at an address: \"127.0.0.1:8080\" (port 0: any free one), or \
             \"unix:/path\".",
            listener::listen,
        )
        .raw("connect(addr, timeout = nil)", "A connection to an address.", connect::connect)
        .raw(
            "udp(addr = \"0.0.0.0:0\")",
            "A UDP socket at an address; without one, at any free port.",
            udp::udp,
        )
        .blocking("lookup(host)", "The addresses of a host, without ports.", addr::lookup)
        .object::<Listener>("Accepts connections; `for` walks them until it is closed.")
        .object::<Connection>("A stream of bytes in both directions.")
        .object::<Udp>("Sends and receives datagrams.")
}

/// A socket that does not block and is not left to child processes.
fn socket(family: AddressFamily, sort: SocketType) -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    rustix::net::socket_with(family, sort, flags, None)
}
