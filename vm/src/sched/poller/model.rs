//! The kernel under the model checker: events are raised by hand, and time does not pass.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use super::Event;
use crate::atomics::{Condvar, Mutex};

pub(in super::super) struct Kernel {
    state: Mutex<State>,
    changed: Condvar,
    kick: u64,
}

struct State {
    sources: Vec<(RawFd, u64)>,
    raised: Vec<u64>,
    kicked: bool,
}

pub(super) struct Events(Vec<u64>);

impl Events {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Event> {
        self.0.iter().map(|&key| Event { key, readable: true, writable: false })
    }
}

impl Kernel {
    pub(super) fn new(kick: u64) -> io::Result<Self> {
        let state = State { sources: Vec::new(), raised: Vec::new(), kicked: false };
        Ok(Self { state: Mutex::new(state), changed: Condvar::new(), kick })
    }

    pub(super) fn add(&self, descriptor: RawFd, key: u64) -> io::Result<()> {
        self.state.lock().sources.push((descriptor, key));
        Ok(())
    }

    pub(super) fn remove(&self, descriptor: RawFd) {
        self.state.lock().sources.retain(|(other, _)| *other != descriptor);
    }

    /// There is something to read.
    pub(in super::super) fn raise(&self, descriptor: RawFd) {
        let mut state = self.state.lock();
        let key = state.sources.iter().find(|(other, _)| *other == descriptor).map(|(_, key)| *key);
        state.raised.extend(key);
        drop(state);
        self.changed.notify_all();
    }

    pub(super) fn wait(&self, events: &mut Events, limit: Option<Duration>) {
        let mut state = self.state.lock();
        while limit.is_none() && state.raised.is_empty() && !state.kicked {
            state = self.changed.wait(state);
        }
        events.0 = std::mem::take(&mut state.raised);
        if state.kicked {
            events.0.push(self.kick);
        }
    }

    pub(super) fn kick(&self) {
        self.state.lock().kicked = true;
        self.changed.notify_all();
    }

    pub(super) fn take_kick(&self) {
        self.state.lock().kicked = false;
    }
}
