//! Circles of threads that wait for each other, found while other threads may go on.
//!
//! A thread waits for one thing at a time. When that is a mutex, or the end of a thread, there is one
//! thread that it waits for: the holder, or that one. So these waits make a graph with at most one
//! way out of each thread, and following the ways finds every circle in one walk.
//!
//! What is looked at moves meanwhile, and still no circle is ever shown that was none:
//!
//! 1. Look at what each thread waits for, and at the number of that wait.
//! 2. Look up who holds the mutexes among that.
//! 3. Follow the ways. A circle counts if each thread in it is still in the wait of step 1.
//!
//! Then there was a moment, after the last look of 1 and before the first of 3, at which all these
//! waits were on at once. And at that moment each mutex was held by whom step 2 had found. That
//! thread, H, is in the circle, so it was in one wait w from 1 to 3. A thread in a wait neither takes
//! nor releases anything, and a mutex that is handed to it ends its wait. So H was noted as the
//! holder before w began or after it ended. After: then the end of w came before the look of step 2
//! (both went through the mutex's lock), and step 3 would have seen it. So before; and what H released
//! before w began, it had released before step 1 saw w, and step 2 would not have found it. Thus H
//! held the mutex all through w.
//!
//! A thread in such a circle can be stopped, by `cancel` or a failing scope, but it can never go on.
//! One under a deadline (`thread.timeout`) can: its waits do not count.
//!
//! Waits for channels, semaphores and the like do not count either: anybody may end them.

use std::fmt;

use super::LISTED;
use crate::{
    thread::{ThreadRef, WaitReason, Waiting},
    vm::VmShared,
};

/// Threads each of which waits for the next one, and the last for the first.
#[derive(Debug)]
pub(crate) struct Cycle(Vec<Member>);

/// A thread of a circle.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) thread: ThreadRef,
    pub(crate) waiting: Waiting,
}

/// All circles of the VM's threads, by the oldest thread of each, with which it begins.
pub(crate) fn cycles(vm: &VmShared) -> Vec<Cycle> {
    // Step 1. In the order of their numbers.
    let members: Vec<Member> = vm.threads().into_iter().filter_map(Member::of).collect();
    // Step 2.
    let next: Vec<Option<usize>> = members
        .iter()
        .map(|member| {
            let id = member.waits_for(vm)?;
            members.binary_search_by_key(&id, |member| member.thread.id()).ok()
        })
        .collect();
    // Step 3.
    let circles = circles(&next).into_iter();
    let circles = circles.map(|circle| circle.into_iter().map(|i| members[i].clone()).collect());
    circles.map(Cycle).filter(|Cycle(members)| members.iter().all(Member::still_waits)).collect()
}

/// The circles of a graph in which `next` is the one way out of each node.
fn circles(next: &[Option<usize>]) -> Vec<Vec<usize>> {
    // In which walk a node was come to.
    let mut walks: Vec<Option<usize>> = vec![None; next.len()];
    let mut found = Vec::new();
    for start in 0..next.len() {
        let mut at = Some(start);
        while let Some(node) = at.filter(|&node| walks[node].is_none()) {
            walks[node] = Some(start);
            at = next[node];
        }
        let Some(first) = at.filter(|&node| walks[node] == Some(start)) else { continue };
        let mut circle = vec![first];
        let onward = std::iter::successors(next[first], |&node| next[node]);
        circle.extend(onward.take_while(|&node| node != first));
        let oldest = circle.iter().enumerate().min_by_key(|(_, node)| **node);
        let oldest = oldest.map_or(0, |(i, _)| i);
        circle.rotate_left(oldest);
        found.push(circle);
    }
    found.sort_unstable();
    found
}

impl Cycle {
    /// Its threads, in the order in which they wait for each other.
    pub(crate) fn members(&self) -> &[Member] {
        &self.0
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, member) in self.0.iter().enumerate().take(LISTED) {
            let name = member.thread.name();
            let next = self.0[(i + 1) % self.0.len()].thread.name();
            f.write_str(if i > 0 { "; " } else { "" })?;
            match member.waiting.reason {
                WaitReason::Mutex(n) => {
                    write!(f, "`{name}` waits for mutex {n}, held by `{next}`")?;
                }
                _ => write!(f, "`{name}` waits for `{next}` to end")?,
            }
        }
        let more = self.0.len().saturating_sub(LISTED);
        if more > 0 { write!(f, "; and {more} more") } else { Ok(()) }
    }
}

impl Member {
    /// The thread, when it is in a wait that may be part of a circle.
    fn of(thread: ThreadRef) -> Option<Self> {
        let waiting = thread.wait.waiting()?;
        let counts = matches!(waiting.reason, WaitReason::Mutex(_) | WaitReason::Join(_));
        // Only the thread itself begins and ends its deadlines, so there is none in this wait.
        (counts && !thread.done.has_deadline()).then_some(Self { thread, waiting })
    }

    /// The number of the thread that it waits for.
    fn waits_for(&self, vm: &VmShared) -> Option<u64> {
        match self.waiting.reason {
            WaitReason::Join(thread) => Some(thread),
            WaitReason::Mutex(number) => vm.contended.holder(number),
            _ => None,
        }
    }

    fn still_waits(&self) -> bool {
        self.thread.wait.is_open(self.waiting.generation)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::circles;

    #[test]
    fn circles_are_found_once_and_ways_into_them_are_none() {
        let some = |next: &[usize]| next.iter().map(|&node| Some(node)).collect::<Vec<_>>();
        assert_eq!(circles(&[None, Some(0), Some(1)]), Vec::<Vec<usize>>::new());
        assert_eq!(circles(&some(&[0])), [[0]]);
        assert_eq!(circles(&some(&[1, 0, 1, 2])), [[0, 1]]);
        assert_eq!(circles(&some(&[3, 2, 1, 4, 3])), [[1, 2], [3, 4]]);
        assert_eq!(circles(&some(&[4, 4, 4, 2, 3])), [[2, 4, 3]]);
    }

    #[test]
    fn a_long_way_is_walked_once() {
        let count = 200_000;
        let line: Vec<_> = (0..count).map(|i| (i + 1 < count).then_some(i + 1)).collect();
        assert!(circles(&line).is_empty());
        let ring: Vec<_> = (0..count).map(|i| Some((i + 1) % count)).collect();
        assert_eq!(circles(&ring)[0].len(), count);
    }
}
