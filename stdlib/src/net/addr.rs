//! Addresses: from text, to text, and the names of hosts.

use std::{
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs},
    os::fd::AsFd,
};

use lisle_vm::{Error, ErrorKind};
use rustix::net::{SocketAddrAny, SocketAddrUnix};

use crate::failure::failed;

/// Where to listen, or to connect to.
#[derive(Clone)]
pub(super) enum Address {
    /// The name of a host, or its number, and a port.
    Host(String, u16),
    /// The path of a Unix socket, and the same as the kernel wants it.
    Unix(String, SocketAddrUnix),
}

impl Address {
    /// Reads `host:port`, `[v6]:port` or `unix:/path`; `doing` is what messages start with.
    pub(super) fn parse(text: &str, doing: &str) -> Result<Self, Error> {
        let wrong = |what: String| Error::new(ErrorKind::Io, format!("{doing}: {what}"));
        match text.strip_prefix("unix:") {
            Some(path) => unix(path).map_err(wrong),
            None => host(text).map_err(wrong),
        }
    }

    /// The address, if it takes no lookup to know it.
    pub(super) fn known(&self) -> Option<SocketAddr> {
        match self {
            Self::Host(host, port) => Some(SocketAddr::new(number(host)?, *port)),
            Self::Unix(..) => None,
        }
    }
}

fn number(host: &str) -> Option<IpAddr> {
    host.parse().ok()
}

fn unix(path: &str) -> Result<Address, String> {
    /// What fits into the kernel's structure, with a zero at its end.
    const LONGEST: usize = 107;
    if path.is_empty() {
        return Err("no path after `unix:`".into());
    }
    if path.contains('\0') {
        return Err("a path cannot hold a zero character".into());
    }
    match SocketAddrUnix::new(path) {
        Ok(address) if path.len() <= LONGEST => Ok(Address::Unix(path.into(), address)),
        _ => {
            let length = path.len();
            Err(format!(
                "the path has {length} bytes, and a socket's may have {LONGEST}: use a shorter one"
            ))
        }
    }
}

const IN_BRACKETS: &str = "an IPv6 address stands in brackets before its port, as in `[::1]:80`";

fn host(text: &str) -> Result<Address, String> {
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err(IN_BRACKETS.into());
    }
    if text.contains("://") {
        return Err(
            "an address is `host:port` or `unix:/path`, without a protocol before it".into()
        );
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        let host = if text.is_empty() { "HOST" } else { text };
        return Err(format!("an address has a port: `{host}:PORT`, or `unix:/path`"));
    };
    let Ok(port) = port.parse::<u16>() else {
        return Err(format!("`{port}` is no port: ports are numbers from 0 to 65535"));
    };
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(number) if number.parse::<Ipv6Addr>().is_ok() => number,
        Some(inner) => return Err(format!("`{inner}` is no IPv6 address")),
        None if host.is_empty() => {
            return Err(format!(
                "an address has a host: `127.0.0.1:{port}` is this machine, `0.0.0.0:{port}` all \
                 networks it is in"
            ));
        }
        None if host.contains(':') => return Err(IN_BRACKETS.into()),
        None => host,
    };
    Ok(Address::Host(host.into(), port))
}

/// All addresses of a host, which may wait for the network.
pub(super) fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let mut found: Vec<SocketAddr> = Vec::new();
    for address in (host, port).to_socket_addrs().map_err(plain)? {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    if found.is_empty() { Err(io::Error::other("the host has no address")) } else { Ok(found) }
}

/// The resolver's reason without the words that it puts before.
fn plain(error: io::Error) -> io::Error {
    let text = error.to_string();
    match text.strip_prefix("failed to lookup address information: ") {
        Some(reason) => io::Error::other(reason.to_owned()),
        None => error,
    }
}

/// `net.lookup`.
pub(super) fn lookup(host: String) -> Result<Vec<String>, Error> {
    let found = resolve(&host, 0).map_err(|e| failed(&format!("lookup `{host}`"), &e))?;
    Ok(found.into_iter().map(|address| address.ip().to_string()).collect())
}

/// An address of the kernel as a text.
pub(super) fn shown(address: SocketAddrAny) -> String {
    if let Ok(address) = SocketAddr::try_from(address.clone()) {
        return address.to_string();
    }
    let unix = SocketAddrUnix::try_from(address);
    let path = unix.as_ref().ok().and_then(SocketAddrUnix::path_bytes).unwrap_or_default();
    format!("unix:{}", String::from_utf8_lossy(path))
}

/// The text of a socket's own address.
pub(super) fn own(socket: impl AsFd) -> io::Result<String> {
    Ok(shown(rustix::net::getsockname(socket)?))
}
