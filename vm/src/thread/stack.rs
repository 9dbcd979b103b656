//! The register stack of a user thread: one block, which grows by doubling. The first one may be lent by
//! whoever makes the stack: the thread's record has room behind it.
//!
//! Nothing but the interpreter's base points into it, and growing moves it: whoever grows it
//! computes the base anew. Slots that were never written read as nil.

#![expect(
    unsafe_code,
    reason = "the registers are one raw block that the interpreter addresses by offsets"
)]

use std::{
    alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error},
    ptr::NonNull,
};

use crate::{rc::pool, value::Raw};

/// The slots of a thread's registers and frame links. Packed: threads are many.
#[derive(Debug)]
#[repr(C, packed(4))]
pub(crate) struct Stack {
    start: NonNull<Raw>,
    /// How many there are, and [`LENT`].
    count: u32,
}

/// The block is another's, who frees it.
const LENT: u32 = 1 << 31;

impl Stack {
    /// A stack of at least `slots` slots, all nil.
    pub(crate) fn new(slots: usize) -> Self {
        let slots = slots.max(4);
        Self { start: allocate(slots), count: count(slots) }
    }

    /// A stack of so many slots, all nil, in memory that is lent.
    ///
    /// # Safety
    /// There is room for them at `start`, and it is the stack's as long as that is there.
    pub(crate) unsafe fn within(start: NonNull<Raw>, slots: usize) -> Self {
        // SAFETY: the caller's promise; nil is all zeros.
        unsafe { start.write_bytes(0, slots) };
        Self { start, count: count(slots) | LENT }
    }

    /// That of a thread that has ended: no slot, and no memory.
    pub(crate) const fn none() -> Self {
        Self { start: NonNull::dangling(), count: LENT }
    }

    /// The first slot.
    #[inline]
    pub(crate) fn start(&self) -> *mut Raw {
        { self.start }.as_ptr()
    }

    /// Just past the last slot.
    #[inline]
    pub(crate) fn end(&self) -> *mut Raw {
        { self.start }.as_ptr().wrapping_add(self.slots())
    }

    /// How many slots there are.
    pub(crate) fn slots(&self) -> usize {
        (self.count & !LENT) as usize
    }

    /// Its size in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.slots() * size_of::<Raw>()
    }

    /// Moves everything to a block of at least `slots` slots. Pointers into the old one die.
    pub(crate) fn resize(&mut self, slots: usize) {
        let new = allocate(slots);
        let kept = slots.min(self.slots());
        // SAFETY: both blocks hold at least `kept` slots, and they are different allocations.
        unsafe { new.as_ptr().copy_from_nonoverlapping({ self.start }.as_ptr(), kept) };
        *self = Self { start: new, count: count(slots) };
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if self.count & LENT != 0 {
            return;
        }
        let (layout, block) = (layout(self.slots()), { self.start }.cast());
        // SAFETY: `start` came from `allocate` for as many slots, which asked the pool or the allocator by
        // the same rule, and is freed once. What the slots held was dropped by the interpreter, which
        // alone knows which of them were owned.
        unsafe {
            if layout.size() <= pool::LARGEST {
                pool::free(block, layout);
            } else {
                dealloc(block.as_ptr(), layout);
            }
        }
    }
}

fn count(slots: usize) -> u32 {
    let count = u32::try_from(slots).ok().filter(|count| count & LENT == 0);
    count.expect("a stack has fewer than 2^31 slots")
}

fn layout(slots: usize) -> Layout {
    Layout::array::<Raw>(slots).expect("a stack fits the address space")
}

fn allocate(slots: usize) -> NonNull<Raw> {
    let layout = layout(slots);
    if layout.size() <= pool::LARGEST {
        let block = pool::allocate(layout).cast::<Raw>();
        // SAFETY: the block has room for so many slots; nil is all zeros.
        unsafe { block.write_bytes(0, slots) };
        return block;
    }
    // SAFETY: the layout is not empty: a stack has at least four slots.
    let block = unsafe { alloc_zeroed(layout) };
    NonNull::new(block.cast()).unwrap_or_else(|| handle_alloc_error(layout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lent_block_is_left_when_it_grows() {
        let mut block = [Raw::int(1); 4];
        // SAFETY: the block has four slots, and is not looked at while the stack has it.
        let mut stack = unsafe { Stack::within(NonNull::from(&mut block).cast(), 4) };
        // SAFETY: slot 2 exists.
        unsafe { stack.start().add(2).write(Raw::int(7)) };
        stack.resize(8);
        // SAFETY: both slots exist and all slots are initialized.
        let (two, last) = unsafe { (stack.start().add(2).read(), stack.start().add(7).read()) };
        assert_eq!((two.bits, last.tag, stack.slots()), (7, Raw::NIL.tag, 8));
        drop(stack);
        assert_eq!((block[0].tag, block[2].bits), (Raw::NIL.tag, 7));
    }

    #[test]
    fn growing_keeps_the_slots_and_fills_with_nil() {
        let mut stack = Stack::new(4);
        // SAFETY: slot 3 exists.
        unsafe { stack.start().add(3).write(Raw::int(7)) };
        stack.resize(64);
        assert_eq!(stack.slots(), 64);
        // SAFETY: both slots exist and all slots are initialized.
        let (three, last) = unsafe { (stack.start().add(3).read(), stack.start().add(63).read()) };
        assert_eq!((three.bits, last.tag), (7, Raw::NIL.tag));
    }
}
