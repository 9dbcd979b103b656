//! Freeing: the chain of the dead, and who takes objects off it. See the text of [`rc`](super).

#![expect(unsafe_code, reason = "objects are freed by their headers")]

use std::cell::Cell;
use std::ptr::NonNull;

use super::{ALIGN, Body, Header, LOCAL, Object, heap, pool, with_body};
use crate::value::{
    BytesObject, CellObject, Closure, ErrorObject, HandleObject, ListObject, MapObject,
    NativeObject, RangeObject, Raw, RecordObject, SetObject, StrObject, TypeObject, tag,
};

/// Links a dead object into the chain, and frees the chain unless that is going on already.
pub(super) unsafe fn bury(raw: Raw) {
    let object = raw.pointer::<Header>();
    LOCAL.with(|local| {
        let kind = (raw.tag - tag::HEAP) as usize;
        let next = local.pending.replace(object.map_addr(|address| address | kind));
        // SAFETY: nobody refers to the object any more; its first word is free for the chain.
        unsafe { object.cast::<*mut Header>().write(next) };
        if !local.draining.get() {
            drain(local.at_once.get());
        }
    });
}

/// True when there are dead objects that have not been freed.
#[inline]
pub(crate) fn has_dead() -> bool {
    LOCAL.with(|local| !local.pending.get().is_null())
}

/// Puts a chain of dead objects in front of that of this kernel thread.
pub(super) fn join_dead(chain: *mut Header) {
    if chain.is_null() {
        return;
    }
    LOCAL.with(|local| {
        let mut last = untagged(chain);
        // Hardly ever: a host object has panicked, or a thread's record goes while others are freed.
        while !local.pending.get().is_null() {
            // SAFETY: what is in a chain holds the next link in its first word.
            let next = unsafe { last.cast::<*mut Header>().read() };
            if next.is_null() {
                // SAFETY: as above.
                unsafe { last.cast::<*mut Header>().write(local.pending.get()) };
                break;
            }
            last = untagged(next);
        }
        local.pending.set(chain);
    });
}

/// The address of an object in a link, which holds its kind too.
fn untagged(link: *mut Header) -> *mut Header {
    link.map_addr(|address| address & !(ALIGN - 1))
}

/// Frees dead objects, about `n` of them; false when there are more.
pub(crate) fn free_dead(n: usize) -> bool {
    if has_dead() && !LOCAL.with(|local| local.draining.get()) {
        drain(n);
    }
    !has_dead()
}

struct Reset<'a>(&'a Cell<bool>);

impl Drop for Reset<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Frees what is in the chain, and what joins it meanwhile: about `n` objects.
fn drain(n: usize) {
    LOCAL.with(|local| {
        local.draining.set(true);
        // A host object's `Drop` may panic: the rest is freed with the next object then.
        let _reset = Reset(&local.draining);
        drain_chain(n);
    });
}

fn drain_chain(mut n: usize) {
    while n > 0 {
        let tagged = LOCAL.with(|local| local.pending.get());
        let Some(tagged) = NonNull::new(tagged) else { break };
        let kind = (tagged.addr().get() & (ALIGN - 1)) as u64 + tag::HEAP;
        let object = untagged(tagged.as_ptr());
        // It stays where it is: what it drops comes before it.
        // SAFETY: a dead object, of the kind that its link tells, whose body has not been dropped.
        let cost =
            unsafe { with_body!(kind, B => B::shed(&mut (*object.cast::<Object<B>>()).body)) };
        if cost > 0 {
            n = n.saturating_sub(cost);
            continue;
        }
        n -= 1;
        // SAFETY: what is in the chain is dead and holds the next link in its first word.
        let next = unsafe { object.cast::<*mut Header>().read() };
        LOCAL.with(|local| local.pending.set(next));
        // SAFETY: a dead object off the chain, of the kind that its link tells.
        unsafe { with_body!(kind, B => free::<B>(object)) };
    }
}

/// [`drop_body`] for the type that the tag tells.
pub(super) unsafe fn drop_body_of(raw: Raw) {
    // SAFETY: the caller has a dead object.
    unsafe { with_body!(raw.tag, B => drop_body::<B>(raw.pointer())) };
}

/// [`free_memory`] for the type that the tag tells.
pub(super) unsafe fn free_memory_of(raw: Raw) {
    // SAFETY: the caller has a dead object without a body.
    unsafe { with_body!(raw.tag, B => free_memory::<B>(raw.pointer())) };
}

/// Drops the body of a dead object and gives its memory back.
pub(super) unsafe fn free<T: Body>(object: *mut Header) {
    // SAFETY: the caller has a dead object.
    unsafe { drop_body::<T>(object) };
    // SAFETY: its body has just been dropped.
    unsafe { free_memory::<T>(object) };
}

/// Drops the body of a dead object, once.
unsafe fn drop_body<T: Body>(object: *mut Header) {
    // SAFETY: the object is dead, and its body was never dropped.
    let body = unsafe { &raw mut (*object.cast::<Object<T>>()).body };
    // SAFETY: as above.
    heap::freed(size_of::<Object<T>>() + unsafe { T::trailing(body) });
    // SAFETY: as above.
    unsafe { body.drop_in_place() };
}

/// Gives back the memory of a dead object, whose body has been dropped.
unsafe fn free_memory<T: Body>(object: *mut Header) {
    // SAFETY: the body has been dropped, and its number of trailing bytes outlives that.
    let trailing = unsafe { T::trailing(&raw const (*object.cast::<Object<T>>()).body) };
    // SAFETY: it came from the pool with this layout; it is not null.
    unsafe { pool::free(NonNull::new_unchecked(object.cast()), Object::<T>::layout(trailing)) };
}
