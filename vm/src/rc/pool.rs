//! Memory of small objects, and of threads: free lists of each kernel thread, one a size class.
//!
//! A block freed on an LWP is the next one made there. What a list holds beyond [`keep`] blocks goes
//! back to the allocator, as does everything when the kernel thread ends. A block may be freed on
//! another LWP than it was made on: each is an allocation of its own.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::NonNull;

/// Sizes are rounded up to a multiple of this, and [`ODD`].
const STEP: usize = 16;
/// Allocators keep a word of their own beside each block, and blocks aligned: what is odd by a word
/// leaves them no gap. Objects are, with a header of a word and bodies of pairs of words.
const ODD: usize = 8;
/// Number of classes.
const CLASSES: usize = 32;
/// The largest block that comes from a list, in bytes.
pub(crate) const LARGEST: usize = STEP * CLASSES + ODD;

/// The most blocks that the free list of a class keeps: 4,096, or half a megabyte of them. None
/// under stress, so that a checker of the allocator sees the end of every object.
#[inline(always)]
const fn keep(class: usize) -> u32 {
    let most = (512 * 1024 / ((class + 1) * STEP + ODD)) as u32;
    if cfg!(lisle_zeal) {
        0
    } else if most < 4096 {
        most
    } else {
        4096
    }
}

/// What the allocator is asked for, and given back, before it gives so many bytes in blocks. Some grow by
/// no more than they must, which is a system call for each page: a third of the cost of a new thread.
const ROOM: usize = 64 * 1024;

struct List {
    /// The first free block, whose first word is the address of the next.
    first: Cell<*mut u8>,
    len: Cell<u32>,
}

struct Lists {
    lists: [List; CLASSES],
    /// `SWEEPER` is there to empty the lists at the end of the kernel thread.
    swept: Cell<bool>,
    /// The kernel thread is ending: nothing is kept any more.
    ended: Cell<bool>,
    /// The bytes of blocks that came from the allocator since it was asked for [`ROOM`].
    taken: Cell<usize>,
}

thread_local! {
    // No destructor, so that an access is one address computation.
    static LISTS: Lists = const {
        Lists {
            lists: [const { List { first: Cell::new(std::ptr::null_mut()), len: Cell::new(0) } };
                CLASSES],
            swept: Cell::new(false),
            ended: Cell::new(false),
            taken: Cell::new(0),
        }
    };
    static SWEEPER: Sweeper = const { Sweeper };
}

/// Empties the lists of its kernel thread when that ends.
struct Sweeper;

impl Drop for Sweeper {
    fn drop(&mut self) {
        LISTS.with(|lists| {
            lists.ended.set(true);
            lists.swept.set(false);
            for (class, list) in lists.lists.iter().enumerate() {
                while let Some(block) = take(list) {
                    // SAFETY: blocks of a list were allocated with the layout of its class.
                    unsafe { dealloc(block.as_ptr(), class_layout(class)) };
                }
            }
        });
    }
}

/// The class of objects of a size, which is above [`ODD`].
#[inline(always)]
const fn class_of(size: usize) -> usize {
    (size - ODD - 1) / STEP
}

fn class_layout(class: usize) -> Layout {
    match Layout::from_size_align((class + 1) * STEP + ODD, STEP) {
        Ok(layout) => layout,
        Err(_) => unreachable!("classes are small"),
    }
}

#[inline(always)]
fn take(list: &List) -> Option<NonNull<u8>> {
    let first = NonNull::new(list.first.get())?;
    // SAFETY: a free block holds the address of the next one in its first word.
    list.first.set(unsafe { first.cast::<*mut u8>().read() });
    list.len.set(list.len.get() - 1);
    Some(first)
}

/// Memory for a block. `layout` has an alignment of at most 16 and is larger than [`ODD`].
#[inline(always)]
pub(crate) fn allocate(layout: Layout) -> NonNull<u8> {
    debug_assert!(layout.align() <= STEP && layout.size() > ODD);
    let class = class_of(layout.size());
    if class < CLASSES
        && let Some(block) = LISTS.with(|lists| take(&lists.lists[class]))
    {
        return block;
    }
    fresh(layout)
}

#[cold]
#[inline(never)]
fn fresh(layout: Layout) -> NonNull<u8> {
    let class = class_of(layout.size());
    let layout = if class < CLASSES { class_layout(class) } else { layout };
    LISTS.with(|lists| {
        let taken = lists.taken.get() + layout.size();
        lists.taken.set(taken % ROOM);
        if taken >= ROOM {
            // If there is none left, the block itself may still be had.
            let mut room = Vec::<u8>::new();
            let _ = std::hint::black_box(&mut room).try_reserve_exact(ROOM);
        }
    });
    // SAFETY: the layout is not empty.
    let block = unsafe { alloc(layout) };
    NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Gives memory back.
///
/// # Safety
/// `block` came from [`allocate`] with the same layout, and is not used any more.
#[inline(always)]
pub(crate) unsafe fn free(block: NonNull<u8>, layout: Layout) {
    let class = class_of(layout.size());
    if class < CLASSES {
        LISTS.with(|lists| {
            let list = &lists.lists[class];
            let len = list.len.get();
            if len < keep(class) && lists.swept.get() {
                // SAFETY: the block is free and has room for an address.
                unsafe { block.cast::<*mut u8>().write(list.first.get()) };
                list.first.set(block.as_ptr());
                list.len.set(len + 1);
            } else {
                // SAFETY: the caller's promise.
                unsafe { free_cold(lists, block, class) };
            }
        });
    } else {
        // SAFETY: the caller's promise.
        unsafe { dealloc(block.as_ptr(), layout) };
    }
}

#[cold]
#[inline(never)]
unsafe fn free_cold(lists: &Lists, block: NonNull<u8>, class: usize) {
    if !lists.swept.get() && !lists.ended.get() {
        // Registers the destructor; it fails when the kernel thread is past running them.
        if SWEEPER.try_with(|_| ()).is_ok() {
            lists.swept.set(true);
        } else {
            lists.ended.set(true);
        }
    }
    // SAFETY: the caller's promise; the class tells the layout it was allocated with.
    unsafe { dealloc(block.as_ptr(), class_layout(class)) };
}
