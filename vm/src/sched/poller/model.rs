//! The kernel under the model checker: nothing happens there but kicks, and time does not pass.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use super::Event;
use crate::atomics::{Condvar, Mutex};

pub(super) struct Kernel {
    kicked: Mutex<bool>,
    changed: Condvar,
    kick: u64,
}

pub(super) struct Events(Option<u64>);

impl Events {
    pub(super) fn new() -> Self {
        Self(None)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Event> {
        let event = |key| Event { key, readable: true, writable: false, lasting: false };
        self.0.map(event).into_iter()
    }
}

impl Kernel {
    pub(super) fn new(kick: u64) -> io::Result<Self> {
        Ok(Self { kicked: Mutex::new(false), changed: Condvar::new(), kick })
    }

    pub(super) fn add(&self, _descriptor: RawFd, _key: u64) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn remove(&self, _descriptor: RawFd) {}

    pub(super) fn wait(&self, events: &mut Events, limit: Option<Duration>) {
        let mut kicked = self.kicked.lock();
        while limit.is_none() && !*kicked {
            kicked = self.changed.wait(kicked);
        }
        events.0 = kicked.then_some(self.kick);
    }

    pub(super) fn kick(&self) {
        *self.kicked.lock() = true;
        self.changed.notify_all();
    }

    pub(super) fn take_kick(&self) {
        *self.kicked.lock() = false;
    }
}
