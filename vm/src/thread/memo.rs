//! What an operation remembers while its thread is parked in it: how to leave the queues it entered, or
//! what it goes on with.
//!
//! Every thread has room for one, so it is one word.
//!
//! # Invariant
//!
//! The word is null, or [`YIELDED`], or a ticket's number times two and one, or the address of a box that
//! the memo owns: those are even, and above the others.

#![expect(unsafe_code, reason = "numbers and boxes share a word")]

use std::{any::Any, fmt, mem::ManuallyDrop, ptr};

use super::Ticket;

/// What a box has in it: of any type, so that is one, too.
type Content = Box<dyn Any>;

/// See [`Memo`]: no box stands there.
const YIELDED: *mut Content = ptr::without_provenance_mut(2);

/// What an operation remembers. Owner-only.
pub struct Memo(*mut Content);

impl Memo {
    /// Nothing.
    pub const NOTHING: Self = Self(ptr::null_mut());
    /// It has let other threads run.
    pub const YIELDED: Self = Self(YIELDED);

    /// A place in one queue.
    pub fn ticket(ticket: Ticket) -> Self {
        let number = usize::try_from(ticket.number()).ok().and_then(|number| number.checked_mul(2));
        Self(ptr::without_provenance_mut(number.expect("fewer than 2^63 ever come") + 1))
    }

    /// More: to be taken as the type that it is made of.
    pub fn boxed<T: 'static>(what: Box<T>) -> Self {
        Self(Box::into_raw(Box::<Content>::new(what)))
    }

    /// Has it let other threads run?
    pub fn has_yielded(&self) -> bool {
        self.0 == YIELDED
    }

    fn is_ticket(&self) -> bool {
        self.0.addr() & 1 == 1
    }

    /// Takes the ticket.
    pub fn take_ticket(&mut self) -> Option<Ticket> {
        let memo = std::mem::take(self);
        if memo.is_ticket() { Ticket::of_number(memo.0.addr() as u64 / 2) } else { None }
    }

    /// Takes what was remembered, as the type it was made of.
    pub fn take_boxed<T: 'static>(&mut self) -> Option<Box<T>> {
        std::mem::take(self).into_box()?.downcast().ok()
    }

    fn into_box(self) -> Option<Content> {
        let memo = ManuallyDrop::new(self);
        if memo.0.is_null() || memo.has_yielded() || memo.is_ticket() {
            return None;
        }
        // SAFETY: by the invariant it is a box of its own, which is given up here.
        Some(*unsafe { Box::from_raw(memo.0) })
    }
}

impl Drop for Memo {
    fn drop(&mut self) {
        drop(Self(self.0).into_box());
    }
}

impl Default for Memo {
    fn default() -> Self {
        Self::NOTHING
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn gives_what_it_was_made_of_once() {
        let ticket = Ticket::of_number(7).unwrap();
        let mut memo = Memo::ticket(ticket);
        assert!(!memo.has_yielded());
        assert_eq!((memo.take_ticket(), memo.take_ticket()), (Some(ticket), None));
        assert!(Memo::YIELDED.has_yielded());
        let mut memo = Memo::boxed(Box::new("text"));
        assert_eq!(memo.take_boxed::<&str>().as_deref(), Some(&"text"));
        assert!(memo.take_boxed::<&str>().is_none());
    }

    #[test]
    fn drops_what_it_has() {
        let counted = Rc::new(());
        drop(Memo::boxed(Box::new(counted.clone())));
        let mut memo = Memo::boxed(Box::new(counted.clone()));
        assert_eq!(memo.take_ticket(), None);
        memo = Memo::YIELDED;
        drop(memo);
        assert_eq!(Rc::strong_count(&counted), 1);
    }
}
