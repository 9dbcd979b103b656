//! A queue of waits: served from the front, left from anywhere.
//!
//! Whoever waits enters at the back and gets a [`Ticket`]. Whoever serves takes from the front. A
//! wait that ended for another reason (a timer, a cancellation, another arm of a `select`) leaves
//! an entry behind, which its own thread removes with the ticket when it runs again.
//!
//! # Invariants
//!
//! - Tickets are numbered in the order of arrival, and never again in the life of a queue: an old
//!   ticket matches no later entry. So the places are sorted by their numbers.
//! - An entry that leaves from the middle leaves a gap. The first and the last place are no gaps, and
//!   there are never many more gaps than entries: leaving costs O(log n), everything else O(1).
//! - Nothing here locks: the queue's owner does.

use std::{collections::VecDeque, num::NonZero};

/// A queue whose memory is larger than this gives it back when it is empty; so many gaps do not
/// matter.
const KEPT: usize = 64;

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
    places: VecDeque<(u64, Option<E>)>,
    gaps: usize,
    /// How many have ever come.
    arrived: u64,
}

impl<E> WaitQueue<E> {
    /// A queue that nobody waits in.
    pub const fn new() -> Self {
        Self { places: VecDeque::new(), gaps: 0, arrived: 0 }
    }

    /// Adds an entry behind all others.
    #[inline]
    pub fn push(&mut self, entry: E) -> Ticket {
        self.arrived += 1;
        self.places.push_back((self.arrived, Some(entry)));
        Ticket(NonZero::new(self.arrived).expect("fewer than 2^64 ever come"))
    }

    /// Takes the oldest entry.
    #[inline]
    pub fn pop(&mut self) -> Option<E> {
        let (_, entry) = self.places.pop_front()?;
        if self.gaps > 0 || self.places.capacity() > KEPT {
            self.tidy();
        }
        entry
    }

    /// Takes the entry of a ticket, if it is still here.
    pub fn remove(&mut self, ticket: Ticket) -> Option<E> {
        let at = self.place_of(ticket.0.get())?;
        if at == 0 {
            return self.pop();
        }
        let entry = self.places[at].1.take()?;
        self.gaps += 1;
        self.tidy();
        Some(entry)
    }

    /// Where the entry of this number is, or its gap. It would be as far from the first as their
    /// numbers are, if no gaps had been taken out in between.
    fn place_of(&self, number: u64) -> Option<usize> {
        let (first, _) = self.places.front()?;
        let most = usize::try_from(number.checked_sub(*first)?).ok()?;
        if self.places.get(most).is_some_and(|(its, _)| *its == number) {
            return Some(most);
        }
        self.places.binary_search_by_key(&number, |(number, _)| *number).ok()
    }

    /// The oldest entry.
    pub fn front(&self) -> Option<&E> {
        self.places.front()?.1.as_ref()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.places.len() - self.gaps
    }

    /// True when there is no entry.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The entries, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.places.iter().filter_map(|(_, entry)| entry.as_ref())
    }

    /// Takes the gaps out at both ends, and all of them when they are many. Gives memory back.
    fn tidy(&mut self) {
        while let Some((_, None)) = self.places.front() {
            self.places.pop_front();
            self.gaps -= 1;
        }
        while let Some((_, None)) = self.places.back() {
            self.places.pop_back();
            self.gaps -= 1;
        }
        if self.gaps > self.len() + KEPT {
            self.places.retain(|(_, entry)| entry.is_some());
            self.gaps = 0;
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
        assert!(queue.places.len() <= 2 * KEPT, "{}", queue.places.len());
    }
}
