//! The pipes to and from a process.
//!
//! A pipe may be given on to another process that is started, and belongs to that alone from then
//! on: the handle here is closed. If it stayed open, the one who writes would never learn that
//! nobody reads any more, nor the one who reads that nobody writes.

use std::{
    io,
    os::fd::OwnedFd,
    sync::{Arc, LazyLock},
};

use lisle_vm::{Error, ErrorKind, HostObject, HostType, Poller};

use crate::{
    failure::failed,
    stream::{self, Stream, Streamed},
};

/// What a process writes.
pub(super) struct Reader(Arc<Stream>);

/// What a process reads.
pub(super) struct Writer(Arc<Stream>);

/// Our end of a pipe, which nothing here waits for.
fn watched(poller: &Poller, fd: OwnedFd, name: String) -> io::Result<Arc<Stream>> {
    rustix::io::ioctl_fionbio(&fd, true)?;
    Ok(Arc::new(Stream::pipe(poller.watch(fd)?, name)))
}

impl Reader {
    pub(super) fn new(poller: &Poller, fd: OwnedFd, name: String) -> io::Result<Self> {
        watched(poller, fd, name).map(Self)
    }

    /// Gives the pipe away.
    pub(super) fn give(&self) -> Result<OwnedFd, Error> {
        if self.0.has_read_ahead() {
            let text = format!(
                "{} cannot go to another process: a part of it has been read here already",
                self.0.name()
            );
            return Err(Error::new(ErrorKind::Value, text));
        }
        give(&self.0)
    }
}

impl Writer {
    pub(super) fn new(poller: &Poller, fd: OwnedFd, name: String) -> io::Result<Self> {
        watched(poller, fd, name).map(Self)
    }

    /// Gives the pipe away.
    pub(super) fn give(&self) -> Result<OwnedFd, Error> {
        give(&self.0)
    }
}

/// A descriptor of a stream, which is closed itself. Programs expect descriptors that block; no
/// attempt of ours may find one, so the stream is closed before.
fn give(stream: &Stream) -> Result<OwnedFd, Error> {
    let failed = |error: io::Error| failed(&format!("give {} away", stream.name()), &error);
    let fd = stream.with(OwnedFd::try_clone)?.map_err(failed)?;
    stream.close();
    rustix::io::ioctl_fionbio(&fd, false).map_err(|error| failed(error.into()))?;
    Ok(fd)
}

impl Streamed for Reader {
    fn stream(&self) -> &Arc<Stream> {
        &self.0
    }
}

impl Streamed for Writer {
    fn stream(&self) -> &Arc<Stream> {
        &self.0
    }
}

impl HostObject for Reader {
    fn host_type() -> &'static HostType<Self> {
        static TYPE: LazyLock<HostType<Reader>> =
            LazyLock::new(|| stream::closable(stream::readable(HostType::new("reader"))));
        &TYPE
    }
}

impl HostObject for Writer {
    fn host_type() -> &'static HostType<Self> {
        static TYPE: LazyLock<HostType<Writer>> =
            LazyLock::new(|| stream::closable(stream::writable(HostType::new("writer"))));
        &TYPE
    }
}
