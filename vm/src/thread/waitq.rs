//! A queue of waits: served from the front, left from anywhere.
//!
//! Whoever waits enters at the back and gets a [`Ticket`]. Whoever serves takes from the front. A
//! wait that ended for another reason (a timer, a cancellation, another arm of a `select`) leaves
//! an entry behind, which its own thread removes with the ticket when it runs again, in O(1).
//!
//! # Invariants
//!
//! - The nodes that hold an entry form one list from `head` to `tail` in order of arrival; all
//!   others form the free list, linked by `next`.
//! - A stamp is used once in the life of a queue, so a ticket whose entry was taken matches no
//!   later entry in the same node.
//! - `entries` counts the nodes that hold one.
//! - Nothing here locks: the queue's owner does.

const NONE: u32 = u32::MAX;

/// A queue whose memory is larger than this gives it back when it is empty.
const KEPT: usize = 64;

/// Names an entry of a queue, also after that has gone.
///
/// Every thread has room for one or two: packed, they take three quarters of the space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(packed(4))]
pub struct Ticket {
    stamp: u64,
    node: u32,
}

/// A first-in, first-out queue whose entries may leave early.
#[derive(Debug)]
pub struct WaitQueue<E> {
    nodes: Vec<Node<E>>,
    stamps: u64,
    entries: u32,
    head: u32,
    tail: u32,
    free: u32,
}

#[derive(Debug)]
struct Node<E> {
    /// `None` in the free list.
    entry: Option<E>,
    stamp: u64,
    prev: u32,
    next: u32,
}

impl<E> WaitQueue<E> {
    /// A queue that nobody waits in.
    pub const fn new() -> Self {
        Self { nodes: Vec::new(), stamps: 0, entries: 0, head: NONE, tail: NONE, free: NONE }
    }

    /// Adds an entry behind all others.
    pub fn push(&mut self, entry: E) -> Ticket {
        let (node, ticket) = self.place(entry, self.tail, NONE);
        match self.tail {
            NONE => self.head = node,
            tail => self.nodes[tail as usize].next = node,
        }
        self.tail = node;
        ticket
    }

    /// Adds an entry before all others: of somebody who was served in vain.
    pub fn push_front(&mut self, entry: E) -> Ticket {
        let (node, ticket) = self.place(entry, NONE, self.head);
        match self.head {
            NONE => self.tail = node,
            head => self.nodes[head as usize].prev = node,
        }
        self.head = node;
        ticket
    }

    /// Takes the oldest entry.
    pub fn pop(&mut self) -> Option<E> {
        if self.head == NONE { None } else { self.unlink(self.head) }
    }

    /// Takes the entry of a ticket, if it is still here.
    pub fn remove(&mut self, ticket: Ticket) -> Option<E> {
        let node = self.nodes.get(ticket.node as usize)?;
        if node.stamp == ticket.stamp && node.entry.is_some() {
            self.unlink(ticket.node)
        } else {
            None
        }
    }

    /// The oldest entry.
    pub fn front(&self) -> Option<&E> {
        self.nodes.get(self.head as usize)?.entry.as_ref()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries as usize
    }

    /// True when there is no entry.
    pub fn is_empty(&self) -> bool {
        self.head == NONE
    }

    /// The entries, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        let mut at = self.head;
        std::iter::from_fn(move || {
            let node = self.nodes.get(at as usize)?;
            at = node.next;
            node.entry.as_ref()
        })
    }

    /// Puts an entry in a node of its own, which is not in the list yet.
    fn place(&mut self, entry: E, prev: u32, next: u32) -> (u32, Ticket) {
        self.stamps += 1;
        self.entries += 1;
        let stamp = self.stamps;
        let new = Node { entry: Some(entry), stamp, prev, next };
        let node = if self.free == NONE {
            let node = u32::try_from(self.nodes.len()).unwrap_or(NONE);
            assert!(node != NONE, "fewer than 2^32 threads wait in one queue");
            self.nodes.push(new);
            node
        } else {
            let node = self.free;
            self.free = self.nodes[node as usize].next;
            self.nodes[node as usize] = new;
            node
        };
        (node, Ticket { stamp, node })
    }

    fn unlink(&mut self, at: u32) -> Option<E> {
        let node = &mut self.nodes[at as usize];
        let (entry, prev, next) = (node.entry.take(), node.prev, node.next);
        self.entries -= 1;
        node.next = self.free;
        self.free = at;
        match prev {
            NONE => self.head = next,
            prev => self.nodes[prev as usize].next = next,
        }
        match next {
            NONE => self.tail = prev,
            next => self.nodes[next as usize].prev = prev,
        }
        if self.head == NONE && self.nodes.len() > KEPT {
            self.nodes = Vec::new();
            self.free = NONE;
        }
        entry
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
                2 if i / 2_000 % 2 == 0 => plain.insert(0, (queue.push_front(i), i)),
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
}
