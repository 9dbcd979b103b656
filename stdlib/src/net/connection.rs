//! Connections: streams with an address at each end.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, LazyLock},
};

use lisle_vm::{Error, HostObject, HostType, Watched};
use rustix::{
    io::Errno,
    net::{Shutdown, sockopt},
};

use super::addr;
use crate::{
    failure::failed,
    stream::{self, Stream, Streamed},
};

/// One end of a connection.
pub(super) struct Connection {
    stream: Arc<Stream>,
    addr: String,
    peer: String,
}

impl Connection {
    /// The connection that a socket is one end of; `peer` is the address of the other.
    pub(super) fn new(socket: Watched<OwnedFd>, peer: String) -> io::Result<Self> {
        let mut tcp = false;
        let own = socket.with(|fd| {
            // Not for Unix sockets, which never wait to send.
            tcp = sockopt::set_tcp_nodelay(fd, true).is_ok();
            addr::own(fd)
        });
        let addr = own.unwrap_or_else(|| Err(Errno::BADF.into()))?;
        let named = if peer == "unix:" { &addr } else { &peer };
        let stream = Arc::new(Stream::socket(socket, format!("`{named}`"), tcp));
        Ok(Self { stream, addr, peer })
    }

    fn shutdown(&self) -> Result<(), Error> {
        match self.stream.with(|fd| rustix::net::shutdown(fd.as_fd(), Shutdown::Write))? {
            // The other side was faster.
            Ok(()) | Err(Errno::NOTCONN) => Ok(()),
            Err(error) => Err(failed(&format!("shutdown {}", self.stream.name()), &error.into())),
        }
    }
}

impl Streamed for Connection {
    fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }
}

impl HostObject for Connection {
    fn host_type() -> &'static HostType<Self> {
        static TYPE: LazyLock<HostType<Connection>> = LazyLock::new(|| {
            let rows = HostType::new("connection");
            stream::closable(stream::writable(stream::readable(rows)))
                .method(
                    "shutdown()",
                    "Says that no more will be written: the other side comes to the end.",
                    Connection::shutdown,
                )
                .property("addr", "The address of this end.", |this: &Connection| this.addr.clone())
                .property("peer", "The address of the other end.", |this: &Connection| {
                    this.peer.clone()
                })
        });
        &TYPE
    }
}
