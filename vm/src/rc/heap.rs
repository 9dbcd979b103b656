//! Who pays for memory: the bytes of local objects are charged to their user thread, those of
//! shared objects to the VM.
//!
//! Every user thread has a [`Heap`] in its record. The interpreter *enters* it at the start of a
//! slice; a thread-local pointer of the LWP then leads every allocation, growth and release to
//! it. A host thread enters a heap of its own while it makes or drops values; without one nothing
//! is accounted.
//!
//! # Invariants
//!
//! - The bytes of all heaps of a VM and of its [`SharedHeap`] sum up to the bytes of its live
//!   objects: crossing moves an object's bytes, a heap that ends leaves the rest to the VM.
//! - What crosses is told to the VM's total by the [`UNTOLD`], and when the heap ends; one that ends
//!   while another of the VM is entered leaves that to it. So threads that come and go write little
//!   to the one word that all LWPs write to.
//! - `reserved` is what this heap has announced to the VM's total, always a multiple of
//!   [`GRANULE`] and never above its bytes at the time it was set: small threads cost no atomic.
//! - Going past a limit never fails by itself. It sets a flag, which the interpreter turns into a
//!   `memory` error at the next safepoint; whoever makes something big asks [`Heap::room`] first.
//!
//! # Work
//!
//! What is done to values takes time in proportion to their size: freeing, copying, comparing,
//! hashing, showing, marking. Whoever does it notes it here ([`work`], [`work_on`], [`Steps`]), and
//! the interpreter takes it off the thread's fuel at the end of the instruction. So a slice in which
//! much is done to few values ends as soon as one in which little is done to many.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use super::Header;
use crate::value::CellDomain;

/// How many bytes a heap announces to the VM at a time.
const GRANULE: i64 = 16 * 1024;

/// How many bytes cross before the VM is told.
const UNTOLD: i64 = GRANULE / 4;

/// The VM's side of the accounting.
#[derive(Debug)]
pub(crate) struct SharedHeap {
    /// Bytes of shared and immortal objects. Any LWP; only a sum, so relaxed.
    #[cfg(test)]
    bytes: AtomicI64,
    /// Bytes of shared and immortal objects, and what the heaps have announced. Any LWP; only a sum,
    /// so relaxed.
    total: AtomicI64,
    /// The most that `total` may be. Any LWP; a late reader only notices a change later.
    limit: AtomicI64,
    /// Some type of the VM has its own `==`. Set while it is linked, before any value of it exists;
    /// whoever has a value of the type has heard of it, so relaxed.
    own_equality: AtomicBool,
}

impl SharedHeap {
    /// Accounts for one VM; `None` is no limit.
    pub(crate) fn new(limit: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            #[cfg(test)]
            bytes: AtomicI64::new(0),
            total: AtomicI64::new(0),
            limit: AtomicI64::new(to_limit(limit)),
            own_equality: AtomicBool::new(false),
        })
    }

    /// Bytes of shared and immortal objects.
    #[cfg(test)]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed).max(0).cast_unsigned()
    }

    /// Bytes of all objects, but for up to 16 KiB of each thread's own, and 4 KiB of what it shares.
    pub(crate) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed).max(0).cast_unsigned()
    }

    fn add(&self, bytes: i64) {
        self.total.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts bytes of shared objects, in tests: at once.
    fn note(&self, bytes: i64) {
        #[cfg(test)]
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        #[cfg(not(test))]
        let _ = bytes;
    }

    fn over(&self, more: i64) -> bool {
        let total = self.total.load(Ordering::Relaxed);
        total.saturating_add(more) > self.limit.load(Ordering::Relaxed)
    }
}

fn to_limit(limit: Option<u64>) -> i64 {
    limit.map_or(i64::MAX, |n| i64::try_from(n).unwrap_or(i64::MAX))
}

/// The account of one user thread. Owner-only: the LWP that runs the thread.
pub(crate) struct Heap {
    bytes: Cell<i64>,
    /// Where `charge` must look closer: the limit, or the next granule.
    watch: Cell<i64>,
    limit: Cell<i64>,
    reserved: Cell<i64>,
    /// What went to the VM, less what came from there, since that was told.
    crossed: Cell<i64>,
    exceeded: Cell<bool>,
    /// Its cells are a session's, which outlive it.
    lent: Cell<bool>,
    /// It keeps the VM's side alive.
    keeps: bool,
    /// What was done to values since the interpreter last took it off the fuel.
    work: Cell<u64>,
    copies: Cell<u32>,
    #[cfg(test)]
    copied_bytes: Cell<u64>,
    /// Between slices: the chain of dead objects that are left to be freed; null when there are none.
    dead: Cell<*mut Header>,
    /// The cells that the thread may touch; none before it has made one.
    cells: Cell<Option<Arc<CellDomain>>>,
    vm: NonNull<SharedHeap>,
}

impl Heap {
    /// An empty account of the VM; `None` is no limit.
    pub(crate) fn new(vm: Arc<SharedHeap>, limit: Option<u64>) -> Self {
        // SAFETY: its reference is the heap's from now on, which gives it back at its end.
        let mut heap = unsafe { Self::within(&*Arc::into_raw(vm), limit) };
        heap.keeps = true;
        heap
    }

    /// The same, where something else keeps the VM's side.
    ///
    /// # Safety
    /// `vm` outlives the heap.
    pub(crate) unsafe fn within(vm: &SharedHeap, limit: Option<u64>) -> Self {
        let limit = to_limit(limit);
        Self {
            bytes: Cell::new(0),
            watch: Cell::new(limit.min(GRANULE)),
            limit: Cell::new(limit),
            reserved: Cell::new(0),
            crossed: Cell::new(0),
            exceeded: Cell::new(false),
            lent: Cell::new(false),
            keeps: false,
            work: Cell::new(0),
            copies: Cell::new(0),
            #[cfg(test)]
            copied_bytes: Cell::new(0),
            dead: Cell::new(std::ptr::null_mut()),
            cells: Cell::default(),
            vm: NonNull::from(vm),
        }
    }

    /// Makes this the heap of the calling kernel thread until the guard is dropped.
    pub(crate) fn enter(&self) -> Entered<'_> {
        // SAFETY: the guard borrows `self`, so the heap outlives it.
        unsafe { Self::enter_raw(self) }
    }

    /// As [`Heap::enter`], for a heap inside a record that is borrowed otherwise.
    ///
    /// # Safety
    /// The heap must live, and not move, until the guard is dropped.
    pub(crate) unsafe fn enter_raw<'a>(heap: *const Self) -> Entered<'a> {
        let outer = LOCAL.with(|local| local.heap.get());
        if !outer.is_null() {
            // They are on its account.
            super::free_dead(usize::MAX);
        }
        LOCAL.with(|local| local.heap.set(heap));
        Entered { outer, marker: PhantomData }
    }

    /// Calls `f` with the heap of the calling kernel thread, if it has entered one.
    pub(crate) fn with<R>(f: impl FnOnce(Option<&Self>) -> R) -> R {
        LOCAL.with(|local| {
            // SAFETY: the pointer is null or that of a heap which `enter_raw`'s caller keeps alive
            // until its guard has reset the pointer; all fields are cells.
            f(unsafe { local.heap.get().as_ref() })
        })
    }

    /// True when `bytes` more would be within the limits of the current heap and its VM.
    pub(crate) fn room(bytes: usize) -> bool {
        Self::with(|heap| {
            heap.is_none_or(|heap| {
                let more = i64::try_from(bytes).unwrap_or(i64::MAX);
                heap.bytes.get().saturating_add(more) <= heap.limit.get() && !heap.vm().over(more)
            })
        })
    }

    /// Notes that a type of the VM has its own `==`.
    pub(crate) fn note_own_equality() {
        Self::with(|heap| {
            if let Some(heap) = heap {
                heap.vm().own_equality.store(true, Ordering::Relaxed);
            }
        });
    }

    /// False when no type of the VM has its own `==`, so that keys need not be looked through.
    pub(crate) fn knows_own_equality() -> bool {
        Self::with(|heap| heap.is_none_or(|heap| heap.vm().own_equality.load(Ordering::Relaxed)))
    }

    /// True when the thread may have cells, so that a graph of its values may hold one.
    pub(crate) fn has_cells() -> bool {
        Self::with(|heap| heap.is_some_and(|heap| heap.look_at_cells(|domain| domain.is_some())))
    }

    /// The cells of the thread, made with its first one.
    pub(crate) fn domain(&self) -> Arc<CellDomain> {
        let domain = self.cells.take().unwrap_or_else(CellDomain::new);
        self.cells.set(Some(domain.clone()));
        domain
    }

    /// True when these are the cells of the thread.
    #[inline]
    pub(crate) fn has_domain(&self, wanted: &CellDomain) -> bool {
        self.look_at_cells(|domain| {
            domain.is_some_and(|domain| std::ptr::eq(&raw const **domain, wanted))
        })
    }

    #[inline]
    fn look_at_cells<R>(&self, look: impl FnOnce(Option<&Arc<CellDomain>>) -> R) -> R {
        // SAFETY: nothing is written to the cell while `look`, one of the few above, looks at it.
        look(unsafe { &*self.cells.as_ptr() }.as_ref())
    }

    /// Gives the thread a session's cells until [`Heap::end_cells`], before it has any, unless
    /// another one has them still.
    pub(crate) fn lend_cells(&self, domain: &Arc<CellDomain>) {
        if domain.lend() {
            self.cells.set(Some(domain.clone()));
            self.lent.set(true);
        }
    }

    /// The end of the thread for its cells: drops what is in its own, gives a session's back.
    pub(crate) fn end_cells(&self) {
        // They stay its own while they are emptied.
        let Some(domain) = self.look_at_cells(|domain| domain.cloned()) else { return };
        if !self.lent.get() || domain.give_back() {
            let _entered = self.enter();
            domain.drain();
        }
        self.lent.set(false);
        self.cells.take();
    }

    /// The end of a session for its cells.
    pub(crate) fn end_session(vm: &Arc<SharedHeap>, domain: &Arc<CellDomain>) {
        if domain.end() {
            let heap = Self::new(vm.clone(), None);
            heap.cells.set(Some(domain.clone()));
            // Its drop ends them.
        }
    }

    /// True when the thread has a session's cells, which go on without it.
    pub(crate) fn cells_are_lent(&self) -> bool {
        self.lent.get()
    }

    /// The VM's side.
    #[inline]
    pub(crate) fn vm(&self) -> &SharedHeap {
        // SAFETY: it keeps that, or whoever made it does.
        unsafe { self.vm.as_ref() }
    }

    /// Bytes of the local objects of this thread.
    #[cfg(test)]
    pub fn bytes(&self) -> u64 {
        self.bytes.get().max(0).cast_unsigned()
    }

    /// True when a limit was passed and still is. Resets the flag.
    pub(crate) fn take_exceeded(&self) -> bool {
        self.exceeded.replace(false) && (self.bytes.get() > self.limit.get() || self.vm().over(0))
    }

    /// True when a limit was passed: one load, for safepoints.
    #[inline(always)]
    pub(crate) fn exceeded(&self) -> bool {
        self.exceeded.get()
    }

    /// The work that was noted since the last call: to be paid in fuel.
    #[inline]
    pub(crate) fn take_work(&self) -> u64 {
        self.work.replace(0)
    }

    /// How many containers and strings were copied because someone else had them too.
    pub fn copies(&self) -> u64 {
        self.copies.get().into()
    }

    /// The bytes of those copies.
    #[cfg(test)]
    pub fn copied_bytes(&self) -> u64 {
        self.copied_bytes.get()
    }

    #[inline(always)]
    fn charge(&self, bytes: i64) {
        let now = self.bytes.get() + bytes;
        self.bytes.set(now);
        if now > self.watch.get() {
            self.passed(now);
        }
    }

    #[cold]
    fn passed(&self, now: i64) {
        if now > self.limit.get() {
            self.exceeded.set(true);
        }
        self.reserve(now);
        if self.vm().over(0) {
            self.exceeded.set(true);
        }
    }

    /// Notes that so many bytes went to the VM.
    #[inline]
    fn cross(&self, bytes: i64) {
        let crossed = self.crossed.get() + bytes;
        self.crossed.set(crossed);
        if crossed.unsigned_abs() >= UNTOLD.unsigned_abs() {
            self.tell_crossed();
        }
    }

    /// Tells the VM what the current heap has not told yet: when its thread ends, and before somebody asks.
    pub(crate) fn tell() {
        Self::with(|heap| {
            if let Some(heap) = heap
                && heap.crossed.get() != 0
            {
                heap.tell_crossed();
            }
        });
    }

    #[cold]
    fn tell_crossed(&self) {
        self.vm().add(self.crossed.take());
        if self.vm().over(0) {
            self.exceeded.set(true);
        }
    }

    /// Announces the whole granules of `now` bytes to the VM.
    fn reserve(&self, now: i64) {
        let wanted = now.max(0) / GRANULE * GRANULE;
        self.vm().add(wanted - self.reserved.get());
        self.reserved.set(wanted);
        // Past the limit every further charge comes here, and only here.
        self.watch.set(self.limit.get().min(wanted + GRANULE));
    }

    /// Gives back what was announced and is no longer used. The end of a slice does it.
    fn settle(&self) {
        if self.bytes.get() < self.reserved.get() {
            self.reserve(self.bytes.get());
        }
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        self.end_cells();
        if !self.dead.get().is_null() {
            let _entered = self.enter();
            super::join_dead(self.dead.replace(std::ptr::null_mut()));
            super::free_dead(usize::MAX);
        }
        self.vm().note(self.bytes.get());
        let left = self.crossed.get() + self.bytes.get() - self.reserved.get();
        Self::with(|other| match other {
            Some(other) if other.vm == self.vm => other.cross(left),
            Some(_) | None if left != 0 => self.vm().add(left),
            Some(_) | None => {}
        });
        if self.keeps {
            // SAFETY: it came from an `Arc`, whose reference is given back once, here.
            drop(unsafe { Arc::from_raw(self.vm.as_ptr()) });
        }
    }
}

/// While it lives, a heap is the one of this kernel thread. Guards end in reverse order.
#[derive(Debug)]
#[must_use]
pub(crate) struct Entered<'a> {
    outer: *const Heap,
    marker: PhantomData<&'a Heap>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if !self.outer.is_null() {
            // They were on this account.
            super::free_dead(usize::MAX);
        }
        Heap::with(|heap| {
            if let Some(heap) = heap {
                heap.settle();
            }
        });
        LOCAL.with(|local| local.heap.set(self.outer));
    }
}

/// While it lives, the heap that this kernel thread has entered is that of a user thread which runs:
/// dead objects are freed some at a time. What is left of them is kept in the heap until the next
/// slice; see `rc`.
#[derive(Debug)]
#[must_use]
pub(crate) struct Slice(PhantomData<*mut ()>);

/// So many objects are freed together with the last reference to the first.
const AT_ONCE: usize = 1024;

impl Slice {
    /// Takes up what the slice before has left.
    pub(crate) fn begin() -> Self {
        Heap::with(|heap| {
            if let Some(heap) = heap {
                super::join_dead(heap.dead.replace(std::ptr::null_mut()));
            }
        });
        LOCAL.with(|local| local.at_once.set(AT_ONCE));
        Self(PhantomData)
    }
}

impl Drop for Slice {
    fn drop(&mut self) {
        LOCAL.with(|local| local.at_once.set(usize::MAX));
        Heap::with(|heap| match heap {
            Some(heap) => LOCAL.with(|local| {
                heap.dead.set(local.pending.replace(std::ptr::null_mut()));
            }),
            None => unreachable!("the guard of the heap ends later"),
        });
    }
}

/// What counting needs of the kernel thread it runs on. No destructor, so that an access is one
/// address computation and works until the very end of the thread.
pub(super) struct Local {
    heap: Cell<*const Heap>,
    /// Dead objects waiting to be freed: see `rc`.
    pub(super) pending: Cell<*mut Header>,
    /// Somebody further up the native stack is freeing what is pending.
    pub(super) draining: Cell<bool>,
    /// How many objects are freed at once: all, but in a slice.
    pub(super) at_once: Cell<usize>,
    #[cfg(test)]
    live: Cell<i64>,
}

thread_local! {
    pub(super) static LOCAL: Local = const {
        Local {
            heap: Cell::new(std::ptr::null()),
            pending: Cell::new(std::ptr::null_mut()),
            draining: Cell::new(false),
            at_once: Cell::new(usize::MAX),
            #[cfg(test)]
            live: Cell::new(0),
        }
    };
}

/// Charges bytes to the current heap.
#[inline]
pub(crate) fn charge(bytes: usize) {
    Heap::with(|heap| {
        if let Some(heap) = heap {
            heap.charge(bytes.cast_signed() as i64);
        }
    });
}

/// Takes bytes off the current heap.
#[inline]
pub(crate) fn credit(bytes: usize) {
    Heap::with(|heap| {
        if let Some(heap) = heap {
            heap.bytes.set(heap.bytes.get() - bytes.cast_signed() as i64);
        }
    });
}

/// Moves bytes from the current heap to its VM.
pub(super) fn to_vm(bytes: usize) {
    Heap::with(|heap| {
        if let Some(heap) = heap
            && bytes != 0
        {
            let bytes = bytes.cast_signed() as i64;
            heap.bytes.set(heap.bytes.get() - bytes);
            heap.vm().note(bytes);
            heap.cross(bytes);
        }
    });
}

/// Moves bytes from the VM to the current heap.
pub(super) fn from_vm(bytes: usize) {
    Heap::with(|heap| {
        if let Some(heap) = heap {
            let bytes = bytes.cast_signed() as i64;
            heap.vm().note(-bytes);
            heap.cross(-bytes);
            heap.charge(bytes);
        }
    });
}

/// Notes a copy made because a value had more than one owner.
pub(super) fn copied(bytes: usize) {
    Heap::with(|heap| {
        if let Some(heap) = heap {
            heap.copies.set(heap.copies.get().saturating_add(1));
            #[cfg(test)]
            heap.copied_bytes.set(heap.copied_bytes.get() + bytes as u64);
        }
    });
    work_on(bytes);
}

/// Fewer bytes than this are no work worth noting.
const BULK: usize = 1024;

/// So many bytes are copied, compared or looked through for a unit of fuel.
const BYTES_PER_UNIT: usize = 64;

/// Notes work, in units of fuel: about a turn of a short loop each.
#[inline]
pub(crate) fn work(units: usize) {
    Heap::with(|heap| {
        if let Some(heap) = heap {
            heap.work.set(heap.work.get().saturating_add(units as u64));
        }
    });
}

/// Notes the work of going over so many bytes in one sweep.
#[inline(always)]
pub(crate) fn work_on(bytes: usize) {
    if bytes >= BULK {
        work(bytes / BYTES_PER_UNIT);
    }
}

/// Counts the turns of a walk over values, and notes them as work when it ends.
#[derive(Debug)]
pub(crate) struct Steps(usize);

impl Steps {
    /// A walk that begins.
    pub(crate) const fn new() -> Self {
        Self(0)
    }

    /// One more turn.
    #[inline(always)]
    pub(crate) fn turn(&mut self) {
        self.0 += 1;
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        if self.0 > 1 {
            work(self.0);
        }
    }
}

/// Takes the bytes of a dead object off the current heap, and notes the work of freeing it.
#[inline]
pub(super) fn freed(bytes: usize) {
    Heap::with(|heap| {
        if let Some(heap) = heap {
            heap.bytes.set(heap.bytes.get() - bytes.cast_signed() as i64);
            heap.work.set(heap.work.get() + 1);
        }
    });
    count_live(-1);
}

/// Counts objects made and freed by this kernel thread, in tests.
#[inline(always)]
pub(super) fn count_live(change: i64) {
    #[cfg(test)]
    LOCAL.with(|local| local.live.set(local.live.get() + change));
    #[cfg(not(test))]
    let _ = change;
}

/// Objects made less objects freed by this kernel thread. Only counted in tests.
#[cfg(test)]
pub fn live_objects() -> i64 {
    LOCAL.with(|local| local.live.get())
}
