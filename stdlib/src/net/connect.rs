//! `net.connect`.
//!
//! 1. The address is read. A number goes on with step 3, a name with step 2, a path with step 5.
//! 2. The name is looked up, which waits in the kernel.
//! 3. For each address in turn: a socket begins to connect, and the thread waits, without an LWP,
//!    until it can be written to.
//! 4. Then it is connected, or the next address is tried; the error of the last one is thrown.
//! 5. A Unix socket is connected at once, unless the server is slow to accept and its queue is full.
//!    Nobody tells when that has changed, so this is waited for in the kernel.
//!
//! The limit of time is for all of it.

use std::{
    io,
    net::SocketAddr,
    os::fd::OwnedFd,
    time::{Duration, Instant},
    vec,
};

use lisle_vm::{Context, Error, Interest, Object, Poller, Reply, Waited};
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketType, sockopt},
};

use super::{
    addr::{self, Address},
    connection::Connection,
    socket,
};
use crate::{
    arguments::Limit,
    failure::{failed, failed_with, timed_out},
};

/// `net.connect`.
pub(super) fn connect(context: &mut Context<'_, '_>) -> Result<Reply, Error> {
    let text = context.get::<String>(0)?;
    let doing = format!("connect to `{text}`");
    let address = Address::parse(&text, &doing)?;
    let limit = context.get::<Limit>(1)?.0;
    let attempt = Attempt {
        poller: context.poller(),
        doing,
        until: limit.and_then(|limit| Instant::now().checked_add(limit)),
        last: Errno::ADDRNOTAVAIL.into(),
    };
    match address.known() {
        Some(known) => attempt.next(vec![known].into_iter()),
        None => match address {
            Address::Host(host, port) => Ok(Reply::later_then(
                move || addr::resolve(&host, port),
                move |found| match found {
                    Ok(addresses) => attempt.next(addresses.into_iter()),
                    Err(error) => Err(attempt.failed(&error)),
                },
            )),
            Address::Unix(path, address) => attempt.unix(&path, address),
        },
    }
}

/// What there is to know while connecting.
struct Attempt {
    poller: Poller,
    doing: String,
    until: Option<Instant>,
    /// Why the address before this one could not be connected to.
    last: io::Error,
}

impl Attempt {
    /// Steps 3 and 4.
    fn next(mut self, mut left: vec::IntoIter<SocketAddr>) -> Result<Reply, Error> {
        while let Some(address) = left.next() {
            match begin(address).and_then(|fd| self.poller.watch(fd)) {
                Err(error) => self.last = error,
                Ok(socket) => {
                    let begun = socket.clone();
                    return Ok(Reply::io(
                        &begun,
                        Interest::Write,
                        self.left(),
                        end,
                        move |waited| match waited {
                            Waited::Done(Ok(())) => {
                                match Connection::new(socket, address.to_string()) {
                                    Ok(made) => Reply::now(Object(made)),
                                    Err(error) => Err(self.failed(&error)),
                                }
                            }
                            Waited::Done(Err(error)) => {
                                self.last = error;
                                self.next(left)
                            }
                            // Nobody else has the socket, so nobody has closed it.
                            Waited::TimedOut | Waited::Closed => Err(timed_out(&self.doing)),
                        },
                    ));
                }
            }
        }
        Err(self.failed(&self.last))
    }

    /// Step 5.
    fn unix(self, path: &str, address: SocketAddrUnix) -> Result<Reply, Error> {
        let peer = format!("unix:{path}");
        let fd = socket(AddressFamily::UNIX, SocketType::STREAM);
        let fd = fd.map_err(|error| self.failed(&error.into()))?;
        match rustix::net::connect(&fd, &address) {
            Ok(()) => self.connected(fd, peer),
            Err(Errno::AGAIN) => {
                let left = self.left();
                Ok(Reply::later_then(
                    move || {
                        let outcome = wait_for_room(&fd, &address, left);
                        (fd, outcome)
                    },
                    move |(fd, outcome)| match outcome {
                        Ok(()) => self.connected(fd, peer),
                        Err(Errno::AGAIN) => Err(timed_out(&self.doing)),
                        Err(error) => Err(self.failed(&error.into())),
                    },
                ))
            }
            Err(error) => Err(self.failed(&error.into())),
        }
    }

    fn connected(&self, fd: OwnedFd, peer: String) -> Result<Reply, Error> {
        let made = self.poller.watch(fd).and_then(|socket| Connection::new(socket, peer));
        Reply::now(Object(made.map_err(|error| self.failed(&error))?))
    }

    fn left(&self) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(Instant::now()))
    }

    fn failed(&self, error: &io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                failed_with(&self.doing, error, "is the server running?")
            }
            io::ErrorKind::NotFound => {
                failed_with(&self.doing, error, "there is no such socket; is the server running?")
            }
            _ => failed(&self.doing, error),
        }
    }
}

/// Begins to connect.
fn begin(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let fd = socket(family, SocketType::STREAM)?;
    match rustix::net::connect(&fd, &address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(fd),
        Err(error) => Err(error.into()),
    }
}

/// Says whether a connection that was begun is there; that it would block while it is not.
fn end(fd: &OwnedFd) -> io::Result<()> {
    sockopt::socket_error(fd)??;
    match rustix::net::getpeername(fd) {
        // A port that nobody listens on may have been given to this very socket.
        Ok(peer) if peer == Some(rustix::net::getsockname(fd)?) => Err(Errno::CONNREFUSED.into()),
        Ok(_) => Ok(()),
        Err(Errno::NOTCONN) => Err(Errno::WOULDBLOCK.into()),
        Err(error) => Err(error.into()),
    }
}

/// Connects and waits in the kernel for that; `AGAIN` when the time is up.
fn wait_for_room(
    fd: &OwnedFd,
    address: &SocketAddrUnix,
    left: Option<Duration>,
) -> rustix::io::Result<()> {
    if left.is_some_and(|left| left.is_zero()) {
        // To the kernel this is no limit.
        return Err(Errno::AGAIN);
    }
    rustix::io::ioctl_fionbio(fd, false)?;
    sockopt::set_socket_timeout(fd, sockopt::Timeout::Send, left)?;
    rustix::io::retry_on_intr(|| rustix::net::connect(fd, address))?;
    rustix::io::ioctl_fionbio(fd, true)
}
