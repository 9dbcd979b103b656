//! UDP: datagrams, each of which arrives as a whole or not at all.

use std::{
    io,
    mem::MaybeUninit,
    net::SocketAddr,
    os::fd::OwnedFd,
    sync::{Arc, LazyLock},
    time::Duration,
};

use lisle_vm::{
    Bytes, Context, Error, HostObject, HostType, Interest, Object, Poller, Reply, Waited, Watched,
};
use rustix::{
    io::Errno,
    net::{AddressFamily, RecvFlags, SendFlags, SocketType, sockopt},
};

use super::{
    addr::{self, Address},
    socket,
};
use crate::{
    arguments::{Data, Limit},
    failure::{closed, failed, failed_with, timed_out},
};

/// No datagram is longer.
const LONGEST: usize = 65_535;

/// `net.udp`.
pub(super) fn udp(context: &mut Context<'_, '_>) -> Result<Reply, Error> {
    let text = context.get::<String>(0)?;
    let doing = format!("udp at `{text}`");
    let address = Address::parse(&text, &doing)?;
    let poller = context.poller();
    Ok(Reply::later(move || {
        let made = addresses(&address).and_then(|addresses| Udp::bind(&poller, &addresses));
        made.map(Object).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => {
                failed_with(&doing, &error, "choose another port, or port 0 for any that is free")
            }
            _ => failed(&doing, &error),
        })
    }))
}

fn addresses(address: &Address) -> io::Result<Vec<SocketAddr>> {
    match address {
        Address::Host(host, port) => addr::resolve(host, *port),
        Address::Unix(..) => Err(io::Error::other("UDP has no Unix sockets")),
    }
}

/// A UDP socket.
pub(super) struct Udp {
    socket: Watched<OwnedFd>,
    addr: String,
}

impl Udp {
    fn bind(poller: &Poller, addresses: &[SocketAddr]) -> io::Result<Self> {
        let mut last = Errno::ADDRNOTAVAIL;
        for address in addresses {
            let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
            let fd = socket(family, SocketType::DGRAM)?;
            match rustix::net::bind(&fd, address) {
                Ok(()) => {
                    sockopt::set_socket_broadcast(&fd, true)?;
                    let addr = addr::own(&fd)?;
                    return Ok(Self { socket: poller.watch(fd)?, addr });
                }
                Err(error) => last = error,
            }
        }
        Err(last.into())
    }

    fn send(&self, data: Vec<u8>, to: SocketAddr, limit: Option<Duration>, doing: String) -> Reply {
        let length = data.len();
        let send =
            move |fd: &OwnedFd| Ok(rustix::net::sendto(fd, &data, SendFlags::NOSIGNAL, &to)?);
        Reply::io(&self.socket, Interest::Write, limit, send, move |waited| match waited {
            Waited::Done(Ok(_)) => Reply::now(()),
            Waited::Done(Err(error)) if Errno::from_io_error(&error) == Some(Errno::MSGSIZE) => {
                let mend = format!("it has {length} bytes: send several");
                Err(failed_with(&doing, &error, &mend))
            }
            Waited::Done(Err(error)) => Err(failed(&doing, &error)),
            Waited::TimedOut => Err(timed_out(&doing)),
            Waited::Closed => Err(closed("the UDP socket")),
        })
    }
}

fn send_to(this: &Arc<Udp>, context: &mut Context<'_, '_>) -> Result<Reply, Error> {
    let data = context.get::<Data>(0)?.0;
    let text = context.get::<String>(1)?;
    let limit = context.get::<Limit>(2)?.0;
    let doing = format!("send to `{text}`");
    let address = Address::parse(&text, &doing)?;
    if let Some(to) = address.known() {
        return Ok(this.send(data, to, limit, doing));
    }
    let this = this.clone();
    // A name has several addresses, of which this socket can reach those of its own kind.
    let same_kind = this.addr.starts_with('[');
    Ok(Reply::later_then(
        move || addresses(&address),
        move |found| match found {
            Ok(found) => {
                match found.iter().find(|to| to.is_ipv6() == same_kind).or(found.first()) {
                    Some(&to) => Ok(this.send(data, to, limit, doing)),
                    None => Err(failed(&doing, &Errno::ADDRNOTAVAIL.into())),
                }
            }
            Err(error) => Err(failed(&doing, &error)),
        },
    ))
}

fn recv_from(this: &Arc<Udp>, context: &mut Context<'_, '_>) -> Result<Reply, Error> {
    let most = context.get::<usize>(0)?.min(LONGEST);
    let limit = context.get::<Limit>(1)?.0;
    let receive = move |fd: &OwnedFd| {
        let mut buffer = [MaybeUninit::uninit(); LONGEST];
        let ((data, _), _, from) =
            rustix::net::recvfrom(fd, &mut buffer[..most], RecvFlags::empty())?;
        Ok((data.to_vec(), from))
    };
    let this = this.clone();
    Ok(Reply::io(&this.socket.clone(), Interest::Read, limit, receive, move |waited| {
        let doing = || format!("receive at `{}`", this.addr);
        match waited {
            Waited::Done(Ok((data, from))) => {
                Reply::now((Bytes(data), from.map_or_else(String::new, addr::shown)))
            }
            Waited::Done(Err(error)) => Err(failed(&doing(), &error)),
            Waited::TimedOut => Err(timed_out(&doing())),
            Waited::Closed => Err(closed(&format!("the UDP socket at `{}`", this.addr))),
        }
    }))
}

impl HostObject for Udp {
    fn host_type() -> &'static HostType<Self> {
        static TYPE: LazyLock<HostType<Udp>> = LazyLock::new(|| {
            HostType::new("udp")
                .raw("send_to(data, addr, timeout = nil)", "Sends a text or bytes.", send_to)
                .raw(
                    "recv_from(n = 65535, timeout = nil)",
                    "The next datagram, cut to `n` bytes, and who sent it: `[bytes, addr]`.",
                    recv_from,
                )
                .property("addr", "The address it is at.", |this: &Udp| this.addr.clone())
                .method("close()", "Closes it, and wakes who waits for it.", |this: &Udp| {
                    this.socket.close();
                })
        });
        &TYPE
    }
}
