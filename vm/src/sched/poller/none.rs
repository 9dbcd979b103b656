//! Systems whose poller nobody has written yet: nothing can be watched there, and whoever tries is
//! told so.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use super::Event;

pub(super) struct Kernel;

pub(super) struct Events;

impl Events {
    pub(super) fn new() -> Self {
        Self
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Event> {
        std::iter::empty()
    }
}

impl Kernel {
    pub(super) fn new(_kick: u64) -> io::Result<Self> {
        let message = "waiting for sockets, pipes and processes works on Linux only as yet";
        Err(io::Error::new(io::ErrorKind::Unsupported, message))
    }

    pub(super) fn add(&self, _descriptor: RawFd, _key: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn remove(&self, _descriptor: RawFd) {}

    pub(super) fn wait(&self, _events: &mut Events, _limit: Option<Duration>) {}

    pub(super) fn kick(&self) {}

    pub(super) fn take_kick(&self) {}
}
