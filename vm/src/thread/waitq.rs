//! A queue of waits: served from the front, left from anywhere.
//!
//! Whoever waits enters at the back and gets a [`Ticket`]. Whoever serves takes from the front. A
//! wait that ended for another reason (a timer, a cancellation, another arm of a `select`) leaves
//! an entry behind, which its own thread removes with the ticket when it runs again.
//!
//! # Invariants
//!
//! - Tickets are numbered in the order of arrival, and never again in the life of a queue: an old
//!   ticket matches no later entry.
//! - The places have numbers one after the other, which stand nowhere: an entry that leaves from the
//!   middle, or the end, leaves a gap. The first place is no gap.
//! - When the gaps are [many](MANY), the entries between them move to the *old* ones, with their numbers. All
//!   of those came before all in the places; they have gaps of their own. So there are never many more
//!   gaps than entries: leaving costs O(log n), everything else O(1).
//! - Nothing here locks: the queue's owner does.

use std::{collections::VecDeque, num::NonZero};

/// A queue whose memory is larger than this gives it back when it is empty; so many gaps do not
/// matter.
const KEPT: usize = 64;

/// Gaps are many when there is but one entry in so many places: what leaves from the places is found
/// there by its number, what leaves from the old ones must be looked for.
const MANY: usize = 8;

/// Names an entry of a queue, also after that has gone.
///
/// Every thread has room for one or two: packed, they take three quarters of the space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ticket(NonZero<u64>);

impl Ticket {
    /// Its number, which tells it apart from all others of its queue.
    pub(super) fn number(self) -> u64 {
        self.0.get()
    }

    /// The ticket of this number; none has 0.
    pub(super) fn of_number(number: u64) -> Option<Self> {
        NonZero::new(number).map(Self)
    }
}

/// A first-in, first-out queue whose entries may leave early.
#[derive(Debug)]
pub struct WaitQueue<E> {
    /// In the order of arrival; a gap has no entry.
    places: VecDeque<Option<E>>,
    /// The number of the first place.
    first: u64,
    /// There from when an entry leaves from the middle until the queue is empty.
    left: Option<Box<Left<E>>>,
}

/// What has come of leaving.
#[derive(Debug)]
struct Left<E> {
    /// How many gaps the places have.
    gaps: usize,
    /// Entries, and gaps, with their numbers; sorted. The first is no gap.
    old: VecDeque<(u64, Option<E>)>,
    /// How many gaps those have.
    old_gaps: usize,
}

impl<E> Left<E> {
    /// Takes the entry of a number out of the old ones.
    fn remove(&mut self, number: u64) -> Option<E> {
        let at = self.old.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        let entry = self.old[at].1.take()?;
        self.old_gaps += 1;
        if self.old_gaps > self.old.len() / 2 + KEPT {
            self.old.retain(|(_, entry)| entry.is_some());
            self.old_gaps = 0;
        }
        self.tidy();
        Some(entry)
    }

    /// Takes the first of the old ones.
    fn pop(&mut self) -> Option<E> {
        let (_, entry) = self.old.pop_front()?;
        self.tidy();
        entry
    }

    fn tidy(&mut self) {
        while let Some((_, None)) = self.old.front() {
            self.old.pop_front();
            self.old_gaps -= 1;
        }
    }
}

impl<E> WaitQueue<E> {
    /// A queue that nobody waits in.
    pub const fn new() -> Self {
        Self { places: VecDeque::new(), first: 1, left: None }
    }

    /// Adds an entry behind all others.
    #[inline]
    pub fn push(&mut self, entry: E) -> Ticket {
        let number = self.first + self.places.len() as u64;
        self.places.push_back(Some(entry));
        Ticket(NonZero::new(number).expect("fewer than 2^64 ever come"))
    }

    /// Takes the oldest entry.
    #[inline]
    pub fn pop(&mut self) -> Option<E> {
        if self.left.is_some() {
            return self.pop_old();
        }
        let entry = self.places.pop_front()?;
        self.first += 1;
        if self.places.capacity() > KEPT {
            self.tidy();
        }
        entry
    }

    #[cold]
    fn pop_old(&mut self) -> Option<E> {
        let old = self.left.as_mut().and_then(|left| left.pop());
        let entry = match old {
            Some(entry) => entry,
            None => {
                self.first += 1;
                self.places.pop_front()??
            }
        };
        self.tidy();
        Some(entry)
    }

    /// Takes the entry of a ticket, if it is still here.
    pub fn remove(&mut self, ticket: Ticket) -> Option<E> {
        let number = ticket.0.get();
        let Some(after) = number.checked_sub(self.first) else {
            let entry = self.left.as_mut()?.remove(number)?;
            self.tidy();
            return Some(entry);
        };
        let at = usize::try_from(after).ok()?;
        if at == 0 && self.left.is_none() {
            return self.pop();
        }
        let entry = self.places.get_mut(at)?.take()?;
        let none = || Box::new(Left { gaps: 0, old: VecDeque::new(), old_gaps: 0 });
        let left = self.left.get_or_insert_with(none);
        left.gaps += 1;
        self.tidy();
        Some(entry)
    }

    /// The oldest entry.
    pub fn front(&self) -> Option<&E> {
        self.iter().next()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        let Some(left) = &self.left else { return self.places.len() };
        self.places.len() - left.gaps + left.old.len() - left.old_gaps
    }

    /// True when there is no entry.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty() && self.left.is_none()
    }

    /// The entries, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        let old = self.left.iter().flat_map(|left| &left.old).map(|(_, entry)| entry);
        old.chain(&self.places).flatten()
    }

    /// Takes the gaps out at the front, and all of them when they are many. Gives memory back.
    #[cold]
    fn tidy(&mut self) {
        if let Some(left) = &mut self.left {
            while let Some(None) = self.places.front() {
                self.places.pop_front();
                self.first += 1;
                left.gaps -= 1;
            }
            if left.gaps > self.places.len() / MANY * (MANY - 1) + KEPT {
                let next = self.first + self.places.len() as u64;
                let entries = (self.first..).zip(self.places.drain(..));
                left.old.extend(entries.filter(|(_, entry)| entry.is_some()));
                (self.first, left.gaps) = (next, 0);
            }
            if self.places.is_empty() && left.old.is_empty() {
                self.left = None;
            }
        }
        if self.places.is_empty() && self.places.capacity() > KEPT {
            self.places = VecDeque::new();
        }
    }
}

impl<E> Default for WaitQueue<E> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serves_in_order_of_arrival() {
        let mut queue = WaitQueue::new();
        for i in 0..5 {
            queue.push(i);
        }
        assert_eq!(queue.iter().copied().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!(std::iter::from_fn(|| queue.pop()).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert!(queue.is_empty());
    }

    #[test]
    fn entries_leave_from_anywhere() {
        let mut queue = WaitQueue::new();
        let tickets: Vec<_> = (0..5).map(|i| queue.push(i)).collect();
        for i in [2, 0, 4] {
            assert_eq!(queue.remove(tickets[i]), Some(i));
            assert_eq!(queue.remove(tickets[i]), None);
        }
        assert_eq!(queue.front(), Some(&1));
        assert_eq!((queue.pop(), queue.pop(), queue.pop()), (Some(1), Some(3), None));
    }

    #[test]
    fn an_old_ticket_takes_nobody_elses_entry() {
        let mut queue = WaitQueue::new();
        let old = queue.push('a');
        queue.pop();
        queue.push('b');
        assert_eq!(queue.remove(old), None);
        assert_eq!(queue.pop(), Some('b'));
    }

    #[test]
    fn agrees_with_a_plain_list() {
        let (mut queue, mut plain) = (WaitQueue::new(), Vec::new());
        let mut random = 12345_u64;
        for i in 0..20_000_u32 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let choice = (random >> 33) as usize;
            match choice % 5 {
                // Phases of growth and of shrinking, so that memory is given back too.
                0 | 1 => plain.push((queue.push(i), i)),
                2 if i / 2_000 % 2 == 0 => plain.push((queue.push(i), i)),
                3 if !plain.is_empty() => {
                    let (ticket, value) = plain.remove(choice / 5 % plain.len());
                    assert_eq!(queue.remove(ticket), Some(value));
                }
                _ => {
                    let first = (!plain.is_empty()).then(|| plain.remove(0).1);
                    assert_eq!(queue.pop(), first);
                }
            }
            assert_eq!((queue.len(), queue.is_empty()), (plain.len(), plain.is_empty()));
        }
        assert!(queue.iter().eq(plain.iter().map(|(_, value)| value)));
    }

    #[test]
    fn gaps_between_those_who_stay_do_not_pile_up() {
        let mut queue = WaitQueue::new();
        queue.push(0);
        let mut last = queue.push(1);
        for i in 2..10_000 {
            let next = queue.push(i);
            assert_eq!(queue.remove(last), Some(i - 1));
            last = next;
        }
        assert_eq!((queue.len(), queue.iter().copied().collect::<Vec<_>>()), (2, vec![0, 9_999]));
        assert!(queue.places.len() <= MANY * (KEPT + 2), "{}", queue.places.len());
    }
}
