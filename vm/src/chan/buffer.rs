//! The values a channel holds between their senders and their receivers: a bounded queue.

use std::collections::VecDeque;

/// An emptied buffer larger than this gives its memory back.
const KEPT: usize = 64;

/// A first-in, first-out queue with a bound.
#[derive(Debug)]
pub(crate) struct Buffer<T> {
    items: VecDeque<T>,
    /// The most items it holds; `usize::MAX` is no bound. Immutable.
    capacity: usize,
}

impl<T> Buffer<T> {
    /// An empty buffer. The bound reserves nothing.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { items: VecDeque::new(), capacity }
    }

    /// Adds an item behind all others, or gives it back when the buffer is full.
    pub(crate) fn push(&mut self, item: T) -> Result<(), T> {
        if self.is_full() {
            return Err(item);
        }
        self.items.push_back(item);
        Ok(())
    }

    /// Takes the oldest item.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let item = self.items.pop_front();
        if self.items.is_empty() && self.items.capacity() > KEPT {
            self.items = VecDeque::new();
        }
        item
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.items.len() >= self.capacity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_bound() {
        let mut buffer = Buffer::new(2);
        assert_eq!((buffer.push(1), buffer.push(2), buffer.push(3)), (Ok(()), Ok(()), Err(3)));
        assert!(buffer.is_full());
        assert_eq!((buffer.pop(), buffer.pop(), buffer.pop()), (Some(1), Some(2), None));
    }

    #[test]
    fn a_bound_of_zero_holds_nothing() {
        assert_eq!(Buffer::new(0).push('x'), Err('x'));
    }

    #[test]
    fn a_large_emptied_buffer_gives_its_memory_back() {
        let mut buffer = Buffer::new(usize::MAX);
        for i in 0..10_000 {
            buffer.push(i).unwrap();
        }
        for i in 0..10_000 {
            assert_eq!(buffer.pop(), Some(i));
        }
        assert_eq!(buffer.items.capacity(), 0);
    }
}
