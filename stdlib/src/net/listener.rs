//! Listeners: sockets that accept connections.
//!
//! The file of a Unix socket is made by listening and removed by closing, unless something else has
//! taken its place meanwhile.

use std::{
    fs, io,
    net::SocketAddr,
    os::{
        fd::OwnedFd,
        unix::fs::{FileTypeExt, MetadataExt},
    },
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use lisle_vm::{
    Context, Error, HostObject, HostType, Interest, Object, Poller, Reply, Waited, Watched,
};
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketAddrAny, SocketFlags, SocketType, sockopt},
};

use super::{
    addr::{self, Address},
    connection::Connection,
    socket,
};
use crate::{
    arguments::Limit,
    failure::{closed, failed, failed_with, timed_out},
};

/// How many connections may wait to be accepted; the kernel may set a lower bound.
const BACKLOG: i32 = 4096;

/// `net.listen`.
pub(super) fn listen(context: &mut Context<'_, '_>) -> Result<Reply, Error> {
    let text = context.get::<String>(0)?;
    let doing = format!("listen on `{text}`");
    let address = Address::parse(&text, &doing)?;
    let poller = context.poller();
    Ok(Reply::later(move || {
        Listener::bind(&poller, &address).map(Object).map_err(|error| explain(&doing, &error))
    }))
}

fn explain(doing: &str, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::AddrInUse if doing.contains("`unix:") => {
            let mend = "remove the file, if no server has it any more";
            failed_with(doing, error, mend)
        }
        io::ErrorKind::AddrInUse => {
            failed_with(doing, error, "choose another port, or port 0 for any that is free")
        }
        io::ErrorKind::AddrNotAvailable => {
            failed_with(doing, error, "this machine has no such address; `0.0.0.0` is all it has")
        }
        io::ErrorKind::PermissionDenied if !doing.contains("`unix:") => {
            failed_with(doing, error, "ports below 1024 are for the administrator")
        }
        io::ErrorKind::NotFound => failed_with(doing, error, "make the directory first"),
        _ => failed(doing, error),
    }
}

/// A socket that accepts connections.
pub(super) struct Listener {
    socket: Watched<OwnedFd>,
    addr: String,
    /// Taken by whoever removes it.
    file: Mutex<Option<SocketFile>>,
}

/// The file of a Unix socket.
struct SocketFile {
    path: String,
    /// Which one it is: device and number.
    made: (u64, u64),
}

impl Listener {
    fn bind(poller: &Poller, address: &Address) -> io::Result<Self> {
        match address {
            Address::Host(host, port) => {
                let mut last = Errno::ADDRNOTAVAIL.into();
                for address in addr::resolve(host, *port)? {
                    match tcp(address) {
                        Ok(fd) => return Self::new(poller, fd, None),
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
            Address::Unix(path, address) => {
                let fd = socket(AddressFamily::UNIX, SocketType::STREAM)?;
                rustix::net::bind(&fd, address)?;
                let file = SocketFile::at(path);
                rustix::net::listen(&fd, BACKLOG)?;
                Self::new(poller, fd, file)
            }
        }
    }

    fn new(poller: &Poller, fd: OwnedFd, file: Option<SocketFile>) -> io::Result<Self> {
        let addr = addr::own(&fd)?;
        Ok(Self { socket: poller.watch(fd)?, addr, file: Mutex::new(file) })
    }

    fn close(&self) {
        self.socket.close();
        drop(self.file.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Accepts; `then` says what comes of a listener that is closed.
    fn accept(
        self: &Arc<Self>,
        context: &Context<'_, '_>,
        limit: Option<Duration>,
        when_closed: impl FnOnce(&Self) -> Result<Reply, Error> + Send + 'static,
    ) -> Reply {
        let (poller, this) = (context.poller(), self.clone());
        Reply::io(&self.socket, Interest::Read, limit, accept, move |waited| {
            let doing = || format!("accept at `{}`", this.addr);
            match waited {
                Waited::Done(Ok((fd, peer))) => {
                    let peer = peer.map_or_else(|| "unix:".into(), addr::shown);
                    let made = poller.watch(fd).and_then(|fd| Connection::new(fd, peer));
                    Reply::now(Object(made.map_err(|error| failed(&doing(), &error))?))
                }
                Waited::Done(Err(error)) => Err(failed(&doing(), &error)),
                Waited::TimedOut => Err(timed_out(&doing())),
                Waited::Closed => when_closed(&this),
            }
        })
    }
}

fn tcp(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let fd = socket(family, SocketType::STREAM)?;
    // A server that was restarted gets its port back at once.
    sockopt::set_socket_reuseaddr(&fd, true)?;
    rustix::net::bind(&fd, &address)?;
    rustix::net::listen(&fd, BACKLOG)?;
    Ok(fd)
}

fn accept(fd: &OwnedFd) -> io::Result<(OwnedFd, Option<SocketAddrAny>)> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    loop {
        match rustix::net::acceptfrom_with(fd, flags) {
            // Who wanted to connect has gone again; or a signal came.
            Err(Errno::CONNABORTED | Errno::INTR) => {}
            other => return Ok(other?),
        }
    }
}

impl SocketFile {
    fn at(path: &str) -> Option<Self> {
        let data = fs::symlink_metadata(path).ok()?;
        Some(Self { path: path.into(), made: (data.dev(), data.ino()) })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let same = fs::symlink_metadata(&self.path).is_ok_and(|data| {
            data.file_type().is_socket() && (data.dev(), data.ino()) == self.made
        });
        if same {
            // A file that somebody else removes at this moment is gone as well.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl HostObject for Listener {
    fn host_type() -> &'static HostType<Self> {
        static TYPE: LazyLock<HostType<Listener>> = LazyLock::new(|| {
            HostType::new("listener")
                .raw(
                    "accept(timeout = nil)",
                    "The next connection, when there is one.",
                    |this: &Arc<Listener>, context| {
                        let limit = context.get::<Limit>(0)?.0;
                        Ok(this.accept(context, limit, |this| {
                            Err(closed(&format!("the listener at `{}`", this.addr)))
                        }))
                    },
                )
                .raw(
                    "next()",
                    "The next connection, for a loop, which ends when the listener is closed.",
                    |this: &Arc<Listener>, context| {
                        Ok(this.accept(context, None, |_| Reply::now(())))
                    },
                )
                .property("addr", "The address it listens on.", |this: &Listener| this.addr.clone())
                .method(
                    "close()",
                    "Closes it, and wakes who waits to accept; again does nothing. The file of a \
                     Unix socket is removed.",
                    Listener::close,
                )
        });
        &TYPE
    }
}
