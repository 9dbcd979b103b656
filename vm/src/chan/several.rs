//! Several channels, locked at once: what a `select` works on.
//!
//! Nothing about the channels changes while they are locked, but that waits in their queues may be
//! ended by others. Each is locked once, however often it is named, and in the order of the channels'
//! numbers: two who lock the same channels never have one each and wait for the other.

use super::{Channel, Locked, State, Waiter};
use crate::atomics::{Spot, sound};

/// Some channels, locked.
pub(crate) struct Several<'a, W: Waiter> {
    /// With their numbers; in their order.
    locked: Vec<(u64, Locked<'a, W>)>,
}

impl<'a, W: Waiter> Several<'a, W> {
    /// Locks these channels.
    pub(crate) fn lock(channels: impl Iterator<Item = &'a Channel<W>>) -> Self {
        let mut channels: Vec<&Channel<W>> = channels.collect();
        if sound(Spot::ChannelOrder) {
            channels.sort_unstable_by_key(|channel| channel.id());
        }
        channels.dedup_by_key(|channel| channel.id());
        let locked = channels.into_iter().map(|channel| (channel.id(), channel.lock())).collect();
        Self { locked }
    }

    /// One of them.
    ///
    /// # Panics
    ///
    /// When it is none of them.
    pub(crate) fn of(&mut self, channel: &Channel<W>) -> &mut State<W> {
        let at = self.locked.iter().position(|(id, _)| *id == channel.id());
        &mut self.locked[at.expect("the channel is one of those that were locked")].1
    }
}
