//! Counting references: when objects are freed, who may write in place, and what may cross from
//! one user thread to another.
//!
//! Every object starts with a [`Header`] of 8 bytes. Its count word says how many references
//! there are and who may touch it:
//!
//! | word | state | counted |
//! |---|---|---|
//! | `n > 0` | local, `n` references | plain load and store |
//! | `-2^30 < n < 0` | shared, `-n` references | atomically |
//! | `n <= -2^30` | immortal | never: the word is not written again |
//! | 0 | dead, waiting to be freed | |
//!
//! # Invariants
//!
//! 1. A local object is reachable from one user thread only (or from one host thread). Every way
//!    out of a thread (spawn, send, a result, a mutex, the host) calls [`share`] first.
//! 2. A shared or immortal object refers to shared and immortal objects only. So [`share`] stops
//!    at them, and a shared object is never written in place: [`make_unique`] takes it back to
//!    local first, which leaves its children as they are (a local object may refer to anything).
//! 3. Handles are shared from birth, never immortal, and never written through a count.
//! 4. Only an object without other references is written, and its address is not known to
//!    anyone else then.
//!
//! [`check`] re-derives them from a graph of values.
//!
//! # Freeing
//!
//! Nothing here recurses. An object whose last reference goes is linked into a chain that runs
//! through the headers of the dead (the word becomes the address of the next one, with the kind in
//! its lowest bits), and whoever is not already inside the loop takes objects off the chain and
//! drops their bodies, which may link more. So a structure of any depth is freed in constant
//! space, and a host object's `Drop` may itself drop values. A large list or map stays in the chain
//! and lets go of its values some at a time ([`Body::shed`]), so that they are freed while they are
//! at hand.
//!
//! In a slice of a user thread ([`Slice`]) only so many objects are freed at once. What is left of
//! the chain is the thread's: it does nothing else until that is freed, some in each slice, so that a
//! structure of any size takes the processor from nobody. Everywhere else the chain is freed to its
//! end before the loop is left.
//!
//! # Overflow
//!
//! 2^30 references are possible (a list of them has 16 GiB), so a count that gets there sticks:
//! the object becomes immortal, and what it refers to is shared first (invariant 2).

#![expect(unsafe_code, reason = "counts, and access to objects by their headers")]

mod at_once;
#[cfg(test)]
pub mod check;
pub(crate) mod class;
mod copies;
mod free;
mod heap;
pub(crate) mod pool;
#[cfg(test)]
mod tests;

use std::alloc::Layout;
use std::cell::Cell;
use std::collections::HashSet;
use std::sync::atomic::{AtomicI32, Ordering, fence};

use crate::value::{
    BytesObject, CellObject, Closure, ErrorObject, HandleObject, ListObject, MapObject,
    NativeObject, Owned, RangeObject, Raw, RecordObject, SetObject, StrObject, TypeObject, tag,
};

pub(crate) use at_once::{is_uncounted, try_release, try_retain};
pub(crate) use copies::{LargeCopy, take_copies, watch_copies};
use free::{bury, drop_body_of, free, free_memory_of, join_dead};
pub(crate) use free::{free_dead, has_dead};
use heap::LOCAL;
pub(crate) use heap::Slice;
#[cfg(test)]
pub use heap::live_objects;
pub(crate) use heap::{Heap, SharedHeap};
pub(crate) use heap::{Steps, charge, credit, work, work_on};

/// Words at or below this are immortal.
const STICKY: i32 = -(1 << 30);
/// What an object that becomes immortal gets: far from both ends of the sticky words, so that no
/// number of threads that are just counting leads out of them.
const IMMORTAL: i32 = -(3 << 29);

/// Objects are aligned so that the lowest four bits of their addresses are free.
const ALIGN: usize = 16;

/// A buffer of a dead object is given back in parts of so many bytes: the kernel takes its time for
/// each page.
pub(crate) const LARGE_BUFFER: usize = 1 << 22;
/// What that costs, in objects that are freed.
pub(crate) const BUFFER_COST: usize = 1 << 13;
/// What it costs to drop some values, in objects that are freed.
pub(crate) const VALUES_COST: usize = 8;

/// What stands in front of every object.
#[repr(C, align(8))]
#[derive(Debug)]
pub(crate) struct Header {
    /// See the module's text. Local: owner-only. Shared: any LWP, atomic.
    count: AtomicI32,
    /// The tag of the values that refer to this object. Immutable.
    kind: u8,
    /// [`HOLDS_CELLS`] or 0. Written before the object is shared, by its owner.
    flags: Cell<u8>,
    /// Which fields and methods it has: see [`class`]. Immutable.
    class: u16,
}

/// In the flags of an object that is no longer local: a cell may be reachable from it.
const HOLDS_CELLS: u8 = 1;

const _: () = assert!(size_of::<Header>() == 8);
const _: () = assert!(tag::END - tag::HEAP <= ALIGN as u64);

/// A counted object.
#[repr(C)]
pub(crate) struct Object<T> {
    header: Header,
    /// What it holds.
    pub(crate) body: T,
}

/// What can stand in an object.
///
/// # Safety
/// `TAG` belongs to this type alone, but for the tags of handles, which share [`HandleObject`].
pub(crate) unsafe trait Body: Sized {
    /// The tag of values that refer to such an object.
    const TAG: u64;

    /// The bytes it has charged besides the object itself: buffers, and what stands behind the body.
    fn buffer_bytes(&self) -> usize;

    /// How many bytes of the same allocation stand behind the body.
    ///
    /// # Safety
    /// `this` is a body, or one that has been dropped.
    unsafe fn trailing(this: *const Self) -> usize {
        let _ = this;
        0
    }

    /// Of a dead object: drops some of the values that it owns, or gives a part of its buffer back,
    /// when there is so much that giving up all takes long. What that cost, in objects that are freed;
    /// 0 when there is not so much, or no longer.
    fn shed(&mut self) -> usize {
        0
    }

    /// Calls `visit` with every value that it owns.
    fn children(&self, visit: &mut dyn FnMut(&Owned));
}

impl<T> Object<T> {
    /// The layout of an object with so many bytes behind its body.
    #[inline(always)]
    const fn layout(trailing: usize) -> Layout {
        assert!(align_of::<Self>() <= ALIGN);
        match Layout::from_size_align(size_of::<Self>() + trailing, ALIGN) {
            Ok(layout) => layout,
            Err(_) => panic!("objects are small"),
        }
    }
}

/// Makes an object with one local reference, which the caller owns.
pub(crate) fn allocate<T: Body>(body: T) -> Raw {
    // SAFETY: the whole body is written.
    unsafe { allocate_in_place(|at: *mut T| at.write(body)) }
}

/// Makes a shared object with one reference, which the caller owns, and so many bytes behind its body.
///
/// # Safety
/// `init` writes a whole body and what stands behind it, and does not panic.
pub(crate) unsafe fn allocate_shared<T: Body>(
    kind: u64,
    class: u16,
    trailing: usize,
    init: impl FnOnce(*mut T),
) -> Raw {
    debug_assert!(matches!(kind, tag::CHANNEL | tag::THREAD | tag::HANDLE | tag::CELL));
    // SAFETY: the caller's promise.
    let raw = unsafe { allocate_with(kind, class, -1, trailing, init) };
    heap::to_vm(size_of::<Object<T>>() + trailing);
    raw
}

/// Makes an object with one local reference, which the caller owns; `init` writes the body where
/// it will stand. Worth it where a body is put together from small pieces: written elsewhere and
/// moved, they would be read back before they are all there.
///
/// # Safety
/// `init` writes a whole body, and does not panic.
#[inline]
pub(crate) unsafe fn allocate_in_place<T: Body>(init: impl FnOnce(*mut T)) -> Raw {
    // SAFETY: the caller's promise.
    unsafe { allocate_with(T::TAG, T::TAG as u16, 1, 0, init) }
}

/// As [`allocate_in_place`], with a class and so many bytes behind the body.
///
/// # Safety
/// `init` writes a whole body and what stands behind it, as [`Body::trailing`] says, and does not
/// panic.
#[inline]
pub(crate) unsafe fn allocate_trailing<T: Body>(
    class: u16,
    trailing: usize,
    init: impl FnOnce(*mut T),
) -> Raw {
    // SAFETY: the caller's promise.
    unsafe { allocate_with(T::TAG, class, 1, trailing, init) }
}

/// # Safety
/// `init` writes a whole body with so many bytes behind it, and does not panic.
#[inline]
unsafe fn allocate_with<T: Body>(
    kind: u64,
    class: u16,
    count: i32,
    trailing: usize,
    init: impl FnOnce(*mut T),
) -> Raw {
    let layout = Object::<T>::layout(trailing);
    let pointer = pool::allocate(layout).cast::<Object<T>>().as_ptr();
    let header =
        Header { count: AtomicI32::new(count), kind: kind as u8, flags: Cell::new(0), class };
    // SAFETY: fresh memory of the type's size and alignment.
    unsafe { (&raw mut (*pointer).header).write(header) };
    // SAFETY: as above.
    init(unsafe { &raw mut (*pointer).body });
    charge(layout.size());
    heap::count_live(1);
    Raw::object(kind, pointer)
}

/// The body of the object that a value refers to.
///
/// # Safety
/// `raw` refers to a live object whose body is a `T`, and it is not written during `'a`.
#[inline(always)]
pub(crate) unsafe fn body<'a, T: Body>(raw: Raw) -> &'a T {
    // SAFETY: the caller's promise.
    unsafe { &(*raw.pointer::<Object<T>>()).body }
}

/// The body of the object that a value refers to, for writing.
///
/// # Safety
/// `raw` refers to a live object whose body is a `T`, and this is its only reference
/// ([`is_unique`]).
#[inline(always)]
pub(crate) unsafe fn body_mut<'a, T: Body>(raw: Raw) -> &'a mut T {
    // SAFETY: the caller's promise.
    unsafe { &mut (*raw.pointer::<Object<T>>()).body }
}

/// The class of a live object.
///
/// # Safety
/// `raw` refers to a live object.
#[inline(always)]
pub(crate) unsafe fn class_of(raw: Raw) -> u16 {
    // SAFETY: the caller's promise; headers come first in every object, and this field never
    // changes.
    unsafe { (*raw.pointer::<Header>()).class }
}

/// The class of a value: of an object its own, of anything else the tag of its type.
#[inline(always)]
pub(crate) fn class_of_value(value: &Owned) -> u16 {
    let raw = value.as_raw();
    // SAFETY: a value keeps its object alive.
    if raw.is_heap() { unsafe { class_of(raw) } } else { tag::of_type(raw.tag) as u16 }
}

/// The count word of a live object.
///
/// # Safety
/// `raw` refers to a live object.
#[inline(always)]
unsafe fn count<'a>(raw: Raw) -> &'a AtomicI32 {
    // SAFETY: the caller's promise; headers come first in every object.
    unsafe { &(*raw.pointer::<Header>()).count }
}

/// Counts one more reference, if `raw` refers to an object.
///
/// # Safety
/// If it does, the object is live.
#[inline(always)]
pub(crate) unsafe fn retain(raw: Raw) {
    if raw.is_heap() {
        // SAFETY: it refers to a live object.
        unsafe { retain_object(raw) };
    }
}

/// Counts one more reference.
///
/// # Safety
/// `raw` refers to a live object.
#[inline(always)]
pub(crate) unsafe fn retain_object(raw: Raw) {
    // SAFETY: the caller's promise.
    let count = unsafe { count(raw) };
    // Relaxed: a local count belongs to this thread; for a shared one see `retain_cold`.
    let n = count.load(Ordering::Relaxed);
    // One test for "local, and not the last number": `1 <= n < MAX`.
    if n.wrapping_sub(1).cast_unsigned() < (i32::MAX - 1).cast_unsigned() {
        count.store(n + 1, Ordering::Relaxed);
    } else if n > STICKY {
        // SAFETY: as above.
        unsafe { retain_cold(raw) };
    }
}

#[cold]
#[inline(never)]
unsafe fn retain_cold(raw: Raw) {
    // SAFETY: the caller has a live object.
    let count = unsafe { count(raw) };
    let n = count.load(Ordering::Relaxed);
    if n > 0 {
        // The last local number. Invariant 2 first, then it sticks. (Sharing already does: the
        // negated number is below the sticky border.)
        // SAFETY: as above.
        unsafe { share(raw) };
        count.store(IMMORTAL, Ordering::Relaxed);
    } else {
        // Relaxed: who has a reference may make more of them; nothing is read through this.
        let before = count.fetch_sub(1, Ordering::Relaxed);
        if before - 1 <= STICKY {
            // Relaxed: threads that are just counting lead at most their number away from this.
            count.store(IMMORTAL, Ordering::Relaxed);
        }
    }
}

/// Gives up one reference, if `raw` refers to an object; the last one frees it.
///
/// # Safety
/// The caller owns that reference, and does not use it again.
#[inline(always)]
pub(crate) unsafe fn release(raw: Raw) {
    if raw.is_heap() {
        // SAFETY: the caller's promise.
        unsafe { release_object(raw) };
    }
}

/// Gives up one reference; the last one frees the object.
///
/// # Safety
/// `raw` refers to an object, the caller owns that reference and does not use it again.
#[inline(always)]
pub(crate) unsafe fn release_object(raw: Raw) {
    // SAFETY: the caller's reference keeps it alive.
    let count = unsafe { count(raw) };
    // Relaxed: a local count belongs to this thread; for a shared one see `release_cold`.
    let n = count.load(Ordering::Relaxed);
    if n > 1 {
        count.store(n - 1, Ordering::Relaxed);
    } else if n > STICKY {
        // SAFETY: as above.
        unsafe { release_cold(raw) };
    }
}

#[cold]
#[inline(never)]
unsafe fn release_cold(raw: Raw) {
    // SAFETY: the caller's reference keeps it alive.
    let count = unsafe { count(raw) };
    let n = count.load(Ordering::Relaxed);
    if n < 0 {
        // Who sees -1 has the only reference, and no exchange is needed: nobody else can make one.
        // Release: what this thread read or wrote through its reference comes before the free.
        if n != -1 && count.fetch_add(1, Ordering::Release) != -1 {
            return;
        }
        // Acquire: partner of the releases of all other references.
        fence(Ordering::Acquire);
        // It is ours alone now, as if local; its bytes are, too.
        // SAFETY: the last reference was ours, so nobody else reads it.
        heap::from_vm(unsafe { bytes(raw) });
    }
    match raw.tag {
        // They own no values, so nothing can follow: no need for the chain, but for a large buffer.
        // SAFETY: no reference is left.
        tag::STR if unsafe { body::<StrObject>(raw) }.buffer_bytes() < LARGE_BUFFER => unsafe {
            free::<StrObject>(raw.pointer());
        },
        // SAFETY: as above.
        tag::RANGE => unsafe { free::<RangeObject>(raw.pointer()) },
        // Most threads have returned nothing that is counted.
        // SAFETY: as above.
        tag::THREAD if unsafe { body::<HandleObject>(raw) }.get().holds_no_value() => unsafe {
            free::<HandleObject>(raw.pointer());
        },
        // Most threads are made of such a function.
        // SAFETY: as above.
        tag::FUNCTION if unsafe { body::<Closure>(raw) }.is_plain() => unsafe {
            free::<Closure>(raw.pointer());
        },
        // SAFETY: as above.
        _ => unsafe { bury(raw) },
    }
}

/// True when nobody else has a reference, and the object may be written as it is.
///
/// A shared object with one reference is not unique in this sense: [`make_unique`] takes it back.
///
/// # Safety
/// `raw` refers to a live object to which the caller owns a reference.
#[inline(always)]
pub(crate) unsafe fn is_unique(raw: Raw) -> bool {
    // SAFETY: the caller's promise. Relaxed: 1 is a local count, which is this thread's.
    unsafe { count(raw) }.load(Ordering::Relaxed) == 1
}

/// Makes the object that `raw` refers to one that nobody else refers to: it stays as it is, is
/// taken back from shared to local, or is copied (one level).
///
/// # Safety
/// `raw` refers to a live object of a kind that can be changed (a string, list, map, set, record,
/// error, bytes) and the caller owns that reference, which the new value replaces.
#[inline(always)]
pub(crate) unsafe fn make_unique(raw: &mut Raw) {
    // SAFETY: the caller's promise.
    if !unsafe { is_unique(*raw) } {
        // SAFETY: as above.
        unsafe { make_unique_cold(raw) };
    }
}

#[cold]
#[inline(never)]
unsafe fn make_unique_cold(raw: &mut Raw) {
    // SAFETY: the caller's reference keeps it alive.
    let count = unsafe { count(*raw) };
    // Acquire: partner of the releases in `release_cold`. Who sees -1 has the only reference, and
    // sees everything the former owners did with theirs.
    if count.load(Ordering::Acquire) == -1 {
        // Its children stay shared: a local object may refer to them.
        count.store(1, Ordering::Relaxed);
        // SAFETY: it is live.
        heap::from_vm(unsafe { bytes(*raw) });
        return;
    }
    // SAFETY: it is live, and is one of these by the caller's promise.
    let copy = unsafe {
        match raw.tag {
            tag::STR => allocate(body::<StrObject>(*raw).clone()),
            tag::LIST => allocate(body::<ListObject>(*raw).clone()),
            tag::MAP => allocate(body::<MapObject>(*raw).clone()),
            tag::ERROR => allocate(body::<ErrorObject>(*raw).clone()),
            tag::RECORD => body::<RecordObject>(*raw).copy(),
            tag::SET => allocate(body::<SetObject>(*raw).clone()),
            tag::BYTES => allocate(body::<BytesObject>(*raw).clone()),
            _ => unreachable!("only values that can be changed are made unique"),
        }
    };
    // SAFETY: just made.
    let size = unsafe { bytes(copy) };
    heap::copied(size);
    // SAFETY: as above, and nobody changes it meanwhile.
    copies::note(unsafe { Owned::borrow_raw(&copy) }, size);
    // SAFETY: the caller's reference, which is replaced.
    unsafe { release_object(*raw) };
    *raw = copy;
}

/// Makes everything reachable from `raw` shared, so that other threads may have it. Costs the
/// local part of the graph only.
///
/// # Safety
/// What `raw` refers to is live.
#[inline]
pub(crate) unsafe fn share(raw: Raw) {
    // SAFETY: the caller's promise. Relaxed: a local count is this thread's.
    if !raw.is_heap() || unsafe { count(raw) }.load(Ordering::Relaxed) < 0 {
        return;
    }
    // SAFETY: the caller's promise.
    unsafe { share_as(raw, if holds_cell(raw) { HOLDS_CELLS } else { 0 }) };
}

/// As [`share`], for a graph without cells ([`holds_cell`] says so).
///
/// # Safety
/// What `raw` refers to is live.
pub(crate) unsafe fn share_without_cells(raw: Raw) {
    // SAFETY: the caller's promise.
    unsafe { share_as(raw, 0) };
}

unsafe fn share_as(raw: Raw, flags: u8) {
    let mut moved = 0;
    let mut work = Vec::new();
    let mut steps = Steps::new();
    // SAFETY: the caller's promise; children of a live object are live.
    let mut next = unsafe { mark_shared(raw, flags, &mut moved) };
    while let Some(object) = next {
        steps.turn();
        // SAFETY: as above.
        unsafe {
            visit_children(object, &mut |child| {
                work.extend(mark_shared(child.as_raw(), flags, &mut moved));
            });
        }
        next = work.pop();
    }
    heap::to_vm(moved);
    // The marking went over about so much.
    work_on(moved);
}

/// True when an object need not be marked to go to another thread, and no cell is in it: a quick look,
/// which may say no too often.
///
/// # Safety
/// `raw` refers to a live object.
#[inline]
pub(crate) unsafe fn crosses_as_it_is(raw: Raw) -> bool {
    // SAFETY: the caller's promise. Relaxed: a local count is this thread's.
    unsafe { count(raw) }.load(Ordering::Relaxed) < 0 && !Heap::has_cells()
}

/// True when a cell is reachable from `raw` (but through a cell or another handle). Nothing is
/// walked in a thread that has made no cells, and of what is not local only what was made so
/// together with a cell.
///
/// # Safety
/// What `raw` refers to is live.
#[inline]
pub(crate) unsafe fn holds_cell(raw: Raw) -> bool {
    // SAFETY: the caller's promise.
    raw.is_heap() && Heap::has_cells() && unsafe { leads_to_cell(raw) }
}

/// As [`holds_cell`], for an object in a thread that has made cells.
unsafe fn leads_to_cell(raw: Raw) -> bool {
    let mut found = false;
    let mut seen = HashSet::new();
    let mut work = vec![raw];
    let mut steps = Steps::new();
    while let Some(object) = work.pop() {
        steps.turn();
        if object.tag == tag::CELL {
            return true;
        }
        // SAFETY: children of a live object are live.
        let n = unsafe { count(object) }.load(Ordering::Relaxed);
        // SAFETY: as above. Flags are not written any more when an object is not local.
        if n < 0 && unsafe { &*object.pointer::<Header>() }.flags.get() & HOLDS_CELLS == 0 {
            continue;
        }
        // One reference leads to it once.
        if n != 1 && !seen.insert(object.bits) {
            continue;
        }
        // SAFETY: as above.
        unsafe {
            visit_children(object, &mut |child| match child.tag() {
                tag::CELL => found = true,
                tag::STR | tag::RANGE | tag::BYTES => {}
                other if other >= tag::HEAP => work.push(child.as_raw()),
                _ => {}
            });
        }
        if found {
            return true;
        }
    }
    false
}

/// Marks one object if it is local; gives it back if it has children to mark.
unsafe fn mark_shared(raw: Raw, flags: u8, moved: &mut usize) -> Option<Raw> {
    if !raw.is_heap() {
        return None;
    }
    // SAFETY: the caller has a live object.
    let count = unsafe { count(raw) };
    // Relaxed: who hands the value to another thread does so with a release of its own.
    let n = count.load(Ordering::Relaxed);
    if n > 0 {
        count.store(-n, Ordering::Relaxed);
        // SAFETY: as above; it was this thread's alone until now.
        unsafe { &*raw.pointer::<Header>() }.flags.set(flags);
        // SAFETY: as above.
        *moved += unsafe { bytes(raw) };
        if !matches!(raw.tag, tag::STR | tag::RANGE | tag::BYTES | tag::TYPE) {
            return Some(raw);
        }
    }
    None
}

/// The objects that live as long as their VM: see [`make_immortal`].
///
/// They are freed when it is dropped, which its owner does only when no value of the VM is left
/// anywhere.
#[derive(Debug, Default)]
pub(crate) struct Immortals {
    objects: Vec<Raw>,
}

// SAFETY: the addresses of immortal objects, which any thread may read, and which only `drop`
// frees.
unsafe impl Send for Immortals {}

impl Drop for Immortals {
    fn drop(&mut self) {
        // They refer to each other, in circles even, and whoever gives up a reference reads the
        // count of what it refers to: all bodies go before the memory of any.
        for &raw in &self.objects {
            // SAFETY: the owner drops this when nothing refers to them but each other, and
            // references between them are not counted.
            heap::from_vm(unsafe { bytes(raw) });
            // SAFETY: as above; each is in the list once.
            unsafe { drop_body_of(raw) };
        }
        for &raw in &self.objects {
            // SAFETY: as above, and its body has been dropped.
            unsafe { free_memory_of(raw) };
        }
    }
}

/// Makes everything reachable from `raw` immortal: never counted again. Objects that are shared
/// already keep their counts (others may be counting just now), as do handles. The caller's
/// reference is used up where the object became immortal: `raw` may be copied at will and
/// releasing it does nothing.
///
/// # Safety
/// What `raw` refers to is live. `registry` outlives every use of the value.
pub(crate) unsafe fn make_immortal(raw: Raw, registry: &mut Immortals) {
    let first = registry.objects.len();
    // SAFETY: the caller's promise.
    let flags = if unsafe { holds_cell(raw) } { HOLDS_CELLS } else { 0 };
    // SAFETY: the caller's promise; children of a live object are live.
    unsafe { mark_immortal(raw, flags, registry) };
    let mut next = first;
    while let Some(&object) = registry.objects.get(next) {
        next += 1;
        // SAFETY: as above.
        unsafe {
            visit_children(object, &mut |child| mark_immortal(child.as_raw(), flags, registry));
        }
    }
    let bytes = registry.objects[first..].iter().map(|raw| {
        // SAFETY: as above.
        unsafe { bytes(*raw) }
    });
    let bytes = bytes.sum();
    heap::to_vm(bytes);
    work_on(bytes);
    work(next - first);
}

unsafe fn mark_immortal(raw: Raw, flags: u8, registry: &mut Immortals) {
    // SAFETY: the caller has a live object. Relaxed: a local count is this thread's.
    if raw.is_heap() && unsafe { count(raw) }.load(Ordering::Relaxed) > 0 {
        // SAFETY: as above.
        unsafe { &*raw.pointer::<Header>() }.flags.set(flags);
        // SAFETY: as above.
        unsafe { count(raw) }.store(IMMORTAL, Ordering::Relaxed);
        registry.objects.push(raw);
    }
}

/// True when there is one reference, local or shared: the object occurs once in any graph. May be
/// out of date at once when it is shared; good for deciding what is worth remembering.
///
/// # Safety
/// `raw` refers to a live object.
pub(crate) unsafe fn has_one_reference(raw: Raw) -> bool {
    // SAFETY: the caller's promise. Relaxed: only a hint.
    matches!(unsafe { count(raw) }.load(Ordering::Relaxed), 1 | -1)
}

/// Calls a generic function with the body type of a tag.
macro_rules! with_body {
    ($tag:expr, $body:ident => $call:expr) => {
        match $tag {
            tag::STR => {
                type $body = StrObject;
                $call
            }
            tag::LIST => {
                type $body = ListObject;
                $call
            }
            tag::MAP => {
                type $body = MapObject;
                $call
            }
            tag::RANGE => {
                type $body = RangeObject;
                $call
            }
            tag::FUNCTION => {
                type $body = Closure;
                $call
            }
            tag::NATIVE => {
                type $body = NativeObject;
                $call
            }
            tag::ERROR => {
                type $body = ErrorObject;
                $call
            }
            tag::CHANNEL | tag::THREAD | tag::HANDLE => {
                type $body = HandleObject;
                $call
            }
            tag::RECORD => {
                type $body = RecordObject;
                $call
            }
            tag::TYPE => {
                type $body = TypeObject;
                $call
            }
            tag::SET => {
                type $body = SetObject;
                $call
            }
            tag::BYTES => {
                type $body = BytesObject;
                $call
            }
            tag::CELL => {
                type $body = CellObject;
                $call
            }
            other => unreachable!("no object has the tag {other}"),
        }
    };
}

use with_body;

/// The bytes charged for an object.
unsafe fn bytes(raw: Raw) -> usize {
    // SAFETY: the caller has a live object, whose tag tells its type.
    unsafe { with_body!(raw.tag, B => size_of::<Object<B>>() + body::<B>(raw).buffer_bytes()) }
}

/// Calls `visit` with every value that a live object owns.
pub(super) unsafe fn visit_children(raw: Raw, visit: &mut dyn FnMut(&Owned)) {
    // SAFETY: the caller has a live object, whose tag tells its type.
    unsafe { with_body!(raw.tag, B => body::<B>(raw).children(visit)) }
}
