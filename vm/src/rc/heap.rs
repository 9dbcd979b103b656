//! Who pays for memory: the bytes of local objects are charged to their user thread, those of
//! shared objects to the VM.
//!
//! Every user thread has a [`Heap`] in its record. The interpreter *enters* it at the start of a
//! slice: its figures are taken to the kernel thread's [`Local`], where every allocation, growth and
//! release finds them, and back at the end. A host thread enters a heap of its own while it makes or
//! drops values; without one nothing is accounted.
//!
//! # Invariants
//!
//! - The figures of a heap are in `Local` while it is the one that was entered last, and in itself
//!   otherwise. So a thread that does not run has room for few.
//! - The bytes of all heaps of a VM and of its [`SharedHeap`] sum up to the bytes of its live
//!   objects: crossing moves an object's bytes, a heap that ends leaves the rest to the VM.
//! - What crosses is told to the VM's total by the [`UNTOLD`], and when the heap ends; one that ends
//!   while another of the VM is entered leaves that to it. So threads that come and go write little
//!   to the one word that all LWPs write to.
//! - `reserved` is what this heap has announced to the VM's total, always a multiple of
//!   [`GRANULE`] and never above its bytes at the time it was set: small threads cost no atomic. In a
//!   heap that is not entered it is all whole granules of its bytes, and stands nowhere.
//! - Going past a limit never fails by itself. It sets a flag, which the interpreter turns into a
//!   `memory` error at the next safepoint; whoever makes something big asks [`Heap::room`] first.
//!
//! # Work
//!
//! What is done to values takes time in proportion to their size: freeing, copying, comparing,
//! hashing, showing, marking. Whoever does it notes it here ([`work`], [`work_on`], [`Steps`]), and
//! the interpreter takes it off the thread's fuel at the end of the instruction. So a slice in which
//! much is done to few values ends as soon as one in which little is done to many.

use std::cell::{Cell, OnceCell};
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
    figures: Figures,
    /// What most threads have not.
    rare: OnceCell<Box<Rare>>,
    vm: NonNull<SharedHeap>,
}

/// What goes with a thread in and out of each slice: two words.
struct Figures {
    /// Bytes of its local objects.
    bytes: Cell<i64>,
    /// What was done to values since the interpreter last took it off the fuel.
    work: Cell<u32>,
    /// What went to the VM, less what came from there, since that was told: less than [`UNTOLD`].
    crossed: Cell<i16>,
    /// A limit was passed.
    exceeded: Cell<bool>,
    /// The heap keeps the VM's side alive. Immutable.
    keeps: Cell<bool>,
}

impl Figures {
    const fn new() -> Self {
        Self {
            bytes: Cell::new(0),
            work: Cell::new(0),
            crossed: Cell::new(0),
            exceeded: Cell::new(false),
            keeps: Cell::new(false),
        }
    }

    /// What changes is copied.
    #[inline(always)]
    fn set(&self, other: &Self) {
        self.bytes.set(other.bytes.get());
        self.work.set(other.work.get());
        self.crossed.set(other.crossed.get());
        self.exceeded.set(other.exceeded.get());
    }

    #[inline(always)]
    fn note_work(&self, units: usize) {
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        self.work.set(self.work.get().saturating_add(units));
    }
}

/// What the account of few threads has, so that the others are smaller.
struct Rare {
    limit: i64,
    copies: Cell<u32>,
    #[cfg(test)]
    copied_bytes: Cell<u64>,
    /// Between slices: the chain of dead objects that are left to be freed; null when there are none.
    dead: Cell<*mut Header>,
    /// The cells that the thread may touch; none before it has made one.
    cells: Cell<Option<Arc<CellDomain>>>,
    /// Its cells are a session's, which outlive it.
    lent: Cell<bool>,
}

impl Rare {
    fn new(limit: i64) -> Box<Self> {
        Box::new(Self {
            limit,
            copies: Cell::new(0),
            #[cfg(test)]
            copied_bytes: Cell::new(0),
            dead: Cell::new(std::ptr::null_mut()),
            cells: Cell::default(),
            lent: Cell::new(false),
        })
    }
}

/// The whole granules of so many bytes.
fn granules(bytes: i64) -> i64 {
    bytes.max(0) & !(GRANULE - 1)
}

impl Heap {
    /// An empty account of the VM; `None` is no limit.
    pub(crate) fn new(vm: Arc<SharedHeap>, limit: Option<u64>) -> Self {
        // SAFETY: its reference is the heap's from now on, which gives it back at its end.
        let heap = unsafe { Self::within(&*Arc::into_raw(vm), limit) };
        heap.figures.keeps.set(true);
        heap
    }

    /// The same, where something else keeps the VM's side.
    ///
    /// # Safety
    /// `vm` outlives the heap.
    pub(crate) unsafe fn within(vm: &SharedHeap, limit: Option<u64>) -> Self {
        let rare = limit.map(|limit| OnceCell::from(Rare::new(to_limit(Some(limit)))));
        Self { figures: Figures::new(), rare: rare.unwrap_or_default(), vm: NonNull::from(vm) }
    }

    fn rare(&self) -> &Rare {
        self.rare.get_or_init(|| Rare::new(i64::MAX))
    }

    fn limit(&self) -> i64 {
        self.rare.get().map_or(i64::MAX, |rare| rare.limit)
    }

    /// Takes its figures to the calling kernel thread, whose heap it is from now on.
    #[inline]
    fn load(&self) {
        let reserved = granules(self.figures.bytes.get());
        LOCAL.with(|local| {
            local.heap.set(self);
            local.figures.set(&self.figures);
            local.reserved.set(reserved);
            local.watch.set(self.limit().min(reserved + GRANULE));
        });
    }

    /// Takes its figures back from the calling kernel thread, whose heap it is. What was announced and is
    /// no longer used is given back.
    #[inline]
    fn store(&self) {
        LOCAL.with(|local| {
            let bytes = local.figures.bytes.get();
            if granules(bytes) != local.reserved.get() {
                self.reserve(local, bytes);
            }
            self.figures.set(&local.figures);
        });
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
    #[inline]
    pub(crate) unsafe fn enter_raw<'a>(heap: *const Self) -> Entered<'a> {
        let outer = LOCAL.with(|local| local.heap.get());
        if !outer.is_null() {
            // They are on its account.
            super::free_dead(usize::MAX);
            // SAFETY: its guard is there, so it lives.
            unsafe { (*outer).store() };
        }
        // SAFETY: the caller's promise.
        unsafe { (*heap).load() };
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
                let now = LOCAL.with(|local| local.figures.bytes.get());
                now.saturating_add(more) <= heap.limit() && !heap.vm().over(more)
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
        let cells = &self.rare().cells;
        let domain = cells.take().unwrap_or_else(CellDomain::new);
        cells.set(Some(domain.clone()));
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
        // SAFETY: nothing is written to the cell while `look`, one of the few here, looks at it.
        look(self.rare.get().and_then(|rare| unsafe { &*rare.cells.as_ptr() }.as_ref()))
    }

    /// Gives the thread a session's cells until [`Heap::end_cells`], before it has any, unless
    /// another one has them still.
    pub(crate) fn lend_cells(&self, domain: &Arc<CellDomain>) {
        if domain.lend() {
            let rare = self.rare();
            rare.cells.set(Some(domain.clone()));
            rare.lent.set(true);
        }
    }

    /// The end of the thread for its cells: drops what is in its own, gives a session's back.
    #[inline]
    pub(crate) fn end_cells(&self) {
        if self.rare.get().is_some() {
            self.end_cells_there();
        }
    }

    #[cold]
    fn end_cells_there(&self) {
        // They stay its own while they are emptied.
        let Some(domain) = self.look_at_cells(|domain| domain.cloned()) else { return };
        let rare = self.rare();
        if !rare.lent.get() || domain.give_back() {
            let _entered = self.enter();
            domain.drain();
        }
        rare.lent.set(false);
        rare.cells.take();
    }

    /// The end of a session for its cells.
    pub(crate) fn end_session(vm: &Arc<SharedHeap>, domain: &Arc<CellDomain>) {
        if domain.end() {
            let heap = Self::new(vm.clone(), None);
            heap.rare().cells.set(Some(domain.clone()));
            // Its drop ends them.
        }
    }

    /// True when the thread has a session's cells, which go on without it.
    pub(crate) fn cells_are_lent(&self) -> bool {
        self.rare.get().is_some_and(|rare| rare.lent.get())
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
        let entered = LOCAL
            .with(|local| std::ptr::eq(local.heap.get(), self).then(|| local.figures.bytes.get()));
        entered.unwrap_or(self.figures.bytes.get()).max(0).cast_unsigned()
    }

    /// True when a limit was passed, of one that is not entered.
    #[cfg(test)]
    pub fn was_exceeded(&self) -> bool {
        self.figures.exceeded.get()
    }

    /// True when a limit of the current heap was passed and still is. Resets the flag.
    pub(crate) fn take_exceeded() -> bool {
        LOCAL.with(|local| {
            local.figures.exceeded.replace(false)
                && Self::with(|heap| {
                    heap.is_some_and(|heap| {
                        local.figures.bytes.get() > heap.limit() || heap.vm().over(0)
                    })
                })
        })
    }

    /// True when a limit of the current heap was passed: one load, for safepoints.
    #[inline(always)]
    pub(crate) fn exceeded() -> bool {
        LOCAL.with(|local| local.figures.exceeded.get())
    }

    /// The work that was noted on the current heap since the last call: to be paid in fuel.
    #[inline]
    pub(crate) fn take_work() -> u32 {
        LOCAL.with(|local| local.figures.work.replace(0))
    }

    /// How many containers and strings were copied because someone else had them too.
    pub fn copies(&self) -> u64 {
        self.rare.get().map_or(0, |rare| rare.copies.get().into())
    }

    /// The bytes of those copies.
    #[cfg(test)]
    pub fn copied_bytes(&self) -> u64 {
        self.rare().copied_bytes.get()
    }

    /// Notes that so many bytes went to the VM from the current heap, which this is.
    #[inline]
    fn cross(&self, bytes: i64) {
        LOCAL.with(|local| {
            let crossed = i64::from(local.figures.crossed.get()) + bytes;
            if crossed.unsigned_abs() < UNTOLD.unsigned_abs() {
                local.figures.crossed.set(crossed as i16);
            } else {
                self.tell_crossed(local, crossed);
            }
        });
    }

    /// Tells the VM what the current heap has not told yet: when its thread ends, and before somebody asks.
    pub(crate) fn tell() {
        Self::with(|heap| {
            LOCAL.with(|local| {
                let crossed = local.figures.crossed.get();
                if let Some(heap) = heap
                    && crossed != 0
                {
                    heap.tell_crossed(local, crossed.into());
                }
            });
        });
    }

    #[cold]
    fn tell_crossed(&self, local: &Local, crossed: i64) {
        local.figures.crossed.set(0);
        self.vm().add(crossed);
        if self.vm().over(0) {
            local.figures.exceeded.set(true);
        }
    }

    /// What the slice before has left to be freed.
    fn take_dead(&self) -> *mut Header {
        let none = std::ptr::null_mut();
        self.rare.get().map_or(none, |rare| rare.dead.replace(none))
    }

    /// Announces the whole granules of `now` bytes to the VM.
    fn reserve(&self, local: &Local, now: i64) {
        let wanted = granules(now);
        self.vm().add(wanted - local.reserved.get());
        local.reserved.set(wanted);
        // Past the limit every further charge comes here, and only here.
        local.watch.set(self.limit().min(wanted + GRANULE));
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        self.end_cells();
        let dead = self.take_dead();
        if !dead.is_null() {
            let _entered = self.enter();
            super::join_dead(dead);
            super::free_dead(usize::MAX);
        }
        let bytes = self.figures.bytes.get();
        self.vm().note(bytes);
        let left = i64::from(self.figures.crossed.get()) + bytes - granules(bytes);
        Self::with(|other| match other {
            Some(other) if other.vm == self.vm => other.cross(left),
            Some(_) | None if left != 0 => self.vm().add(left),
            Some(_) | None => {}
        });
        if self.figures.keeps.get() {
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
    #[inline]
    fn drop(&mut self) {
        if !self.outer.is_null() {
            // They were on this account.
            super::free_dead(usize::MAX);
        }
        Heap::with(|heap| heap.expect("it was entered, and nobody has left it").store());
        // SAFETY: its guard ends later, so it lives.
        match unsafe { self.outer.as_ref() } {
            Some(outer) => outer.load(),
            None => LOCAL.with(Local::clear),
        }
    }
}

/// While it lives, the heap of this kernel thread is that of a user thread which runs: dead objects are
/// freed some at a time. What is left of them is kept in the heap until the next slice; see `rc`.
#[derive(Debug)]
#[must_use]
pub(crate) struct Slice<'a>(PhantomData<&'a Heap>);

/// So many objects are freed together with the last reference to the first.
const AT_ONCE: usize = 1024;

impl Slice<'_> {
    /// Enters a heap, and takes up what the slice before has left. The kernel thread has entered none.
    ///
    /// # Safety
    /// As for [`Heap::enter_raw`].
    #[inline]
    pub(crate) unsafe fn enter(heap: *const Heap) -> Self {
        LOCAL.with(|local| {
            debug_assert!(local.heap.get().is_null(), "one thread runs at a time");
            local.at_once.set(AT_ONCE);
        });
        // SAFETY: the caller's promise.
        let heap = unsafe { &*heap };
        heap.load();
        super::join_dead(heap.take_dead());
        Self(PhantomData)
    }
}

impl Drop for Slice<'_> {
    #[inline]
    fn drop(&mut self) {
        LOCAL.with(|local| {
            // SAFETY: it was entered, and its caller keeps it.
            let heap = unsafe { &*local.heap.get() };
            local.at_once.set(usize::MAX);
            let dead = local.pending.replace(std::ptr::null_mut());
            if !dead.is_null() {
                heap.rare().dead.set(dead);
            }
            heap.store();
            local.clear();
        });
    }
}

/// What counting needs of the kernel thread it runs on. No destructor, so that an access is one
/// address computation and works until the very end of the thread.
pub(super) struct Local {
    /// The heap that was entered last, whose figures these are; null when there is none, and then they
    /// mean nothing.
    heap: Cell<*const Heap>,
    figures: Figures,
    /// Where `charge` must look closer: the limit, or the next granule.
    watch: Cell<i64>,
    reserved: Cell<i64>,
    /// Dead objects waiting to be freed: see `rc`.
    pub(super) pending: Cell<*mut Header>,
    /// Somebody further up the native stack is freeing what is pending.
    pub(super) draining: Cell<bool>,
    /// How many objects are freed at once: all, but in a slice.
    pub(super) at_once: Cell<usize>,
    #[cfg(test)]
    live: Cell<i64>,
}

impl Local {
    /// No heap is entered.
    fn clear(&self) {
        self.heap.set(std::ptr::null());
        self.watch.set(i64::MAX);
    }

    /// The bytes of the current heap have grown to `now`, past the watch.
    #[cold]
    fn passed(&self, now: i64) {
        Heap::with(|heap| {
            let Some(heap) = heap else { return };
            heap.reserve(self, now);
            if now > heap.limit() || heap.vm().over(0) {
                self.figures.exceeded.set(true);
            }
        });
    }
}

thread_local! {
    pub(super) static LOCAL: Local = const {
        Local {
            heap: Cell::new(std::ptr::null()),
            figures: Figures::new(),
            watch: Cell::new(i64::MAX),
            reserved: Cell::new(0),
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
    LOCAL.with(|local| {
        let now = local.figures.bytes.get() + bytes.cast_signed() as i64;
        local.figures.bytes.set(now);
        if now > local.watch.get() {
            local.passed(now);
        }
    });
}

/// Takes bytes off the current heap.
#[inline]
pub(crate) fn credit(bytes: usize) {
    LOCAL.with(|local| {
        let figures = &local.figures;
        figures.bytes.set(figures.bytes.get() - bytes.cast_signed() as i64);
    });
}

/// Moves bytes from the current heap to its VM.
pub(super) fn to_vm(bytes: usize) {
    Heap::with(|heap| {
        if let Some(heap) = heap
            && bytes != 0
        {
            credit(bytes);
            let bytes = bytes.cast_signed() as i64;
            heap.vm().note(bytes);
            heap.cross(bytes);
        }
    });
}

/// Moves bytes from the VM to the current heap.
pub(super) fn from_vm(bytes: usize) {
    Heap::with(|heap| {
        if let Some(heap) = heap {
            let crossed = bytes.cast_signed() as i64;
            heap.vm().note(-crossed);
            heap.cross(-crossed);
            charge(bytes);
        }
    });
}

/// Notes a copy made because a value had more than one owner.
pub(super) fn copied(bytes: usize) {
    Heap::with(|heap| {
        if let Some(heap) = heap {
            let rare = heap.rare();
            rare.copies.set(rare.copies.get().saturating_add(1));
            #[cfg(test)]
            rare.copied_bytes.set(rare.copied_bytes.get() + bytes as u64);
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
    LOCAL.with(|local| local.figures.note_work(units));
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
    credit(bytes);
    LOCAL.with(|local| local.figures.note_work(1));
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
