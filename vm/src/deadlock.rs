//! What happens when nothing can ever run again.
//!
//! The scheduler calls [`stalled`] when all threads wait and nothing is left that could wake one.
//! Then each of them is told (a request that reaches every wait, also in cleanup) and unwinds, with
//! an error that nothing catches. One thread *bears* the deadlock: it fails with the error, whose
//! message lists all threads, where each waits and for what, and the failures that nobody has
//! noticed. The others end as if they had been cancelled, so that it is told once. When a host
//! waits for particular threads, those bear it, and only they are told.
//!
//! A host that goes on after a wait takes a hold first and leaves the list of what is awaited after
//! (see `embed::host`). So one that is about to go on, or just has, is seen: by a thread in the list
//! that has ended, or, once it has left the list, by its hold. Then there is no deadlock to tell.
//!
//! Cleanup may wait again. If that can never end either, there is another stall, and it is told in
//! its turn; so each stall takes every thread at least one step further out.
//!
//! Threads that wait for each other in a circle are told of also while others live: in dumps, and to
//! scripts that ask (`cycles.rs`). They are not stopped: somebody may.
//!
//! Runs on an LWP or the monitor, without any lock; what it reads of the threads was published
//! before they parked, and stays, as none of them runs.

mod cycles;

use std::fmt::Write as _;
use std::sync::Arc;

pub(crate) use cycles::{Cycle, Member, cycles};

use crate::{
    thread::{Delivery, EVERY_LEVEL, Interrupt, ThreadRef, Waiting, cancel},
    value::{self, Kind, Shared, View, uncatchable},
    vm::VmShared,
};

/// Of so many threads only the first ones are listed.
const LISTED: usize = 50;

/// All threads wait, and nothing can wake them; false when a host can after all.
pub(crate) fn stalled(vm: &Arc<VmShared>) -> bool {
    let all = vm.threads();
    let awaited = {
        let awaited = vm.awaited.lock();
        let nobody = awaited.threads.is_empty() && awaited.programs == 0;
        if nobody || awaited.threads.iter().any(|thread| thread.done.ended()) {
            return false;
        }
        awaited.threads.clone()
    };
    // After the look at the list.
    if vm.scheduler().is_held() {
        return false;
    }
    let error = Shared::new(uncatchable(Kind::Deadlock, describe(vm, &all)));
    let told_again =
        !awaited.is_empty() && awaited.iter().all(|thread| thread.flags() & cancel::DEADLOCK != 0);
    let (told, bearers) = if awaited.is_empty() {
        (&all, bearer(&all).into_iter().collect())
    } else if told_again {
        // They wait, shielded, for threads that nobody has told yet.
        (&all, awaited.clone())
    } else {
        (&awaited, awaited.clone())
    };
    vm.program.set_deadlock(error, bearers.iter().map(|thread| thread.id()).collect());
    for thread in told {
        thread.set_flags(cancel::DEADLOCK);
        if thread.wait.interrupt(EVERY_LEVEL, Delivery::Interrupted) == Interrupt::Claimed {
            vm.scheduler().ready(thread.clone());
        }
    }
    true
}

/// The thread whose failure the program's is: the main one, or the oldest that no scope waits for.
fn bearer(all: &[ThreadRef]) -> Option<ThreadRef> {
    let main = all.iter().find(|thread| thread.main());
    let free = || all.iter().find(|thread| !thread.background() && thread.scope.is_none());
    main.or_else(free).or(all.first()).cloned()
}

fn describe(vm: &VmShared, all: &[ThreadRef]) -> String {
    let mut text = "all threads wait for each other".to_owned();
    let waiting = all.iter().filter_map(|thread| Some((thread, thread.wait.waiting()?)));
    for (thread, Waiting { reason, site, .. }) in waiting.clone().take(LISTED) {
        write!(text, "\n  {} waits {reason}", thread.name()).expect("writing to a string");
        if let Some((file, line)) = vm.units.locate(site) {
            write!(text, " ({file}:{line})").expect("writing to a string");
        }
    }
    let more = waiting.count().saturating_sub(LISTED);
    if more > 0 {
        write!(text, "\n  and {more} more").expect("writing to a string");
    }
    for cycle in cycles(vm).iter().take(LISTED) {
        write!(text, "\n  in a circle: {cycle}").expect("writing to a string");
    }
    for thread in vm.program.unnoticed().iter().take(LISTED) {
        if let Some(failure) = thread.done.failure() {
            let what = summary(&failure);
            write!(text, "\n  {} failed before: {what}", thread.name())
                .expect("writing to a string");
        }
    }
    text
}

/// A failure in a few words.
fn summary(failure: &Shared) -> String {
    match failure.as_owned().view() {
        View::Error(error) => format!("{}: {}", error.kind(), error.message()),
        _ => value::cut_literal(failure.as_owned()),
    }
}
