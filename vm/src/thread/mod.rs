//! User threads: what `spawn` makes.
//!
//! A [`UserThread`] is a record of plain data: a register stack, the place in the code, fuel, a
//! wait word. It is not tied to any kernel thread; the interpreter picks it up, runs it for a slice
//! and puts it down. [`ThreadRef`] is a counted reference to it, and what the scheduler queues.
//!
//! Two kinds of fields:
//! - [`ThreadState`] belongs to whoever runs the thread: the LWP that has it in hand, between
//!   taking it from a queue and parking it. Nobody else looks at it.
//! - all other fields are shared: immutable, atomic, or under their own lock.
//!
//! # A new thread
//!
//! Its record and its first stack are one block: the stack stands behind the record, and stays there until
//! it has to grow. Its stack holds the callee in slot 0 and the arguments from slot 3 on (slot 1 gets the result,
//! slots 1 and 2 become the frame link); its place in the code is an instruction of the
//! interpreter's own that makes the call, after which comes the one that ends the thread.

//! # References
//!
//! The registry has one until the thread ends; so have each handle, each token of a wait, the run queue
//! that the thread is in, and the LWP that runs it. A wait takes that of the LWP over: it *is* the one in
//! the first token ([`ThreadRef::give_up`]), and the LWP lets go without counting. Whoever wakes the thread
//! hands a token's to the run queue. So nothing is counted in a switch.

#![expect(unsafe_code, reason = "the state is owned by the LWP that runs the thread")]

mod calling;
pub(crate) mod completion;
pub(crate) mod family;
mod memo;
pub(crate) mod program;
mod registry;
mod spare;
mod stack;
mod trace;
pub(crate) mod wait;
pub(crate) mod waitq;

use std::{
    alloc::Layout,
    cell::UnsafeCell,
    ptr::NonNull,
    sync::{Arc, OnceLock},
};

pub(crate) use calling::{Calling, InCall};
pub use completion::{Completion, End, Joining};
pub use family::{Ripple, Scope, Start, Wake, level_of};
pub use memo::Memo;
pub use program::Program;
use registry::Listed;
pub(crate) use registry::{Owner, Registry, Removed};
use spare::VmRef;
pub(crate) use stack::Stack;
pub(crate) use trace::{Edge, Frames, caller, record_trace};
pub use wait::{
    Delivery, EVERY_LEVEL, Generation, Interrupt, Noticed, Wait, WaitReason, WaitToken, Waiting,
};
pub use waitq::{Ticket, WaitQueue};

use lisle_compiler::bytecode::Word;
use once_cell::race::OnceBox;
use thin_vec::ThinVec;

use crate::{
    atomics::{AtomicU8, AtomicU32, AtomicUsize, Ordering, fence},
    interp::Asked,
    model::Model,
    native::{Cx, Finish, Later, NativeDef, Resume, ResumeLent, ResumePlace},
    rc::{Heap, pool},
    sched::{BindError, ParkWord},
    value::{Owned, Raw, Shared, TraceEntry},
    vm::VmShared,
};

/// The slot of a new thread's callee.
pub(crate) const ENTRY_CALLEE: usize = 0;
/// The slot that a thread's result arrives in.
pub(crate) const ENTRY_RESULT: usize = 1;
/// The slot of a new thread's first argument.
pub(crate) const ENTRY_ARGS: usize = 3;

/// A counted reference to a user thread: one word. An `Arc` whose memory comes from the pool.
pub struct ThreadRef(NonNull<UserThread>);

// SAFETY: it gives shared access to the record, which is `Send` and `Sync`, and frees it on the kernel
// thread that drops the last reference.
unsafe impl Send for ThreadRef {}
// SAFETY: as above.
unsafe impl Sync for ThreadRef {}

/// Writes a struct where it will stand, one field after the other. Put together elsewhere and moved, it
/// would be read back in larger pieces than it was written in, for which a processor waits.
macro_rules! write_in_place {
    ($type:ident at $at:expr, { $($field:ident $(: $value:expr)?),* $(,)? }) => {{
        let at: *mut $type = $at;
        // None is forgotten.
        let _ = |whole: &$type| {
            let $type { $($field: _),* } = whole;
        };
        $((&raw mut (*at).$field).write(write_in_place!(@ $field $($value)?));)*
    }};
    (@ $field:ident) => { $field };
    (@ $field:ident $value:expr) => { $value };
}

/// Adds what `make` makes to a list, for the same reason where it will stand.
#[inline(always)]
pub(crate) fn push_in_place<T>(list: &mut ThinVec<T>, make: impl FnOnce() -> T) {
    let len = list.len();
    if len == list.capacity() {
        list.reserve(1);
    }
    // SAFETY: there is room for one more.
    unsafe {
        list.as_mut_ptr().add(len).write(make());
        list.set_len(len + 1);
    }
}

const RECORD: Layout = Layout::new::<UserThread>();
// Threads are many: a record fills a class of the pool, and the next one is for a reason.
const _: () = assert!(cfg!(any(loom, test)) || RECORD.size() <= 264);

/// How many slots of so many stand behind the record: all, if the pool has such blocks.
fn room_for(slots: usize) -> u8 {
    let fits = pool::LARGEST.saturating_sub(RECORD.size()) / size_of::<Raw>();
    if slots <= fits { u8::try_from(slots).unwrap_or(0) } else { 0 }
}

/// A record with so many slots behind it.
fn with_room(room: u8) -> Layout {
    let size = RECORD.size() + usize::from(room) * size_of::<Raw>();
    Layout::from_size_align(size, RECORD.align()).expect("a block is small")
}

impl std::ops::Deref for ThreadRef {
    type Target = UserThread;

    #[inline(always)]
    fn deref(&self) -> &UserThread {
        // SAFETY: the record lives as long as there is a reference.
        unsafe { self.0.as_ref() }
    }
}

impl Clone for ThreadRef {
    #[inline]
    fn clone(&self) -> Self {
        // Relaxed: who has a reference may make more of them.
        self.references.fetch_add(1, Ordering::Relaxed);
        Self(self.0)
    }
}

impl Drop for ThreadRef {
    #[inline]
    fn drop(&mut self) {
        // Relaxed, release: partners of the fence before the free. Who sees 1 has the only reference, and
        // no exchange is needed: nobody else can make one.
        if self.references.load(Ordering::Relaxed) == 1
            || self.references.fetch_sub(1, Ordering::Release) == 1
        {
            // SAFETY: it was the last reference.
            unsafe { free(self.0) };
        }
    }
}

/// # Safety
/// The caller has just given up the last reference.
#[inline(never)]
unsafe fn free(record: NonNull<UserThread>) {
    // Acquire: partner of the releases of all other references.
    fence(Ordering::Acquire);
    // SAFETY: the caller's promise.
    let layout = with_room(unsafe { record.as_ref() }.room);
    // SAFETY: as above.
    unsafe { record.drop_in_place() };
    // SAFETY: it came from the pool with this layout.
    unsafe { pool::free(record.cast(), layout) };
}

impl std::fmt::Debug for ThreadRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

impl PartialEq for ThreadRef {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for ThreadRef {}

/// What a thread is made with besides its function.
#[derive(Default, Debug)]
pub struct ThreadOptions {
    /// Its name; `thread N` when there is none.
    pub name: Option<Arc<str>>,
    /// It does not keep the program alive, and belongs to no scope.
    pub background: bool,
    /// It has an LWP of its own, whatever the VM's model.
    pub bound: bool,
    /// It is a program's main thread: when it fails all others are cancelled.
    pub main: bool,
    /// The scope that waits for it.
    pub scope: Option<Arc<Scope>>,
    /// The most that its own objects may take, in bytes.
    pub memory_limit: Option<u64>,
    /// All the fuel it gets.
    pub fuel: Option<u64>,
}

/// A user thread.
pub struct UserThread {
    /// How many [`ThreadRef`]s there are.
    references: AtomicUsize,
    /// Counted from 1 in the order of creation; the main thread of a program is the first of it.
    id: u64,
    /// Where the registry has it. Written once, before anybody else knows the thread.
    seat: AtomicU32,
    /// [`BACKGROUND`], [`MAIN`], [`BOUND`]: what it was made as; and from [`SHARD_AT`] on its shard of the
    /// registry.
    made: u8,
    /// How many slots stand behind the record: its first stack.
    room: u8,
    /// The scheduler's word: does an LWP have the thread in hand?
    pub(crate) park: ParkWord,
    /// What it waits for, and who has woken it.
    pub(crate) wait: Wait,
    /// [`cancel`] flags. Any LWP, atomic.
    flags: AtomicU8,
    /// Its result and who waits for it.
    pub(crate) done: Completion,
    /// What most threads have not. Made by whoever has the thread in hand.
    rare: OnceBox<Rare>,
    /// The scope it was spawned in.
    pub(crate) scope: Option<Arc<Scope>>,
    /// Owner-only: whoever runs the thread.
    state: UnsafeCell<ThreadState>,
    /// Behind the state, whose heap is an account of it.
    vm: VmRef,
}

/// It does not keep the program alive.
const BACKGROUND: u8 = 1;
/// It is a program's main thread.
const MAIN: u8 = 2;
/// It has an LWP of its own.
const BOUND: u8 = 4;
const SHARD_AT: u32 = 3;

/// What few threads have, so that the others are smaller.
#[derive(Debug)]
struct Rare {
    name: Option<Arc<str>>,
    /// The LWP that alone runs it, if it has one of its own.
    bound_to: Option<usize>,
    /// The blocking call it makes.
    calling: Calling,
    /// Where the value was thrown that ended it, when that is no Error and so cannot say it.
    thrown_at: OnceLock<Box<[TraceEntry]>>,
}

impl Rare {
    fn new(name: Option<Arc<str>>, bound_to: Option<usize>) -> Box<Self> {
        Box::new(Self { name, bound_to, calling: Calling::new(), thrown_at: OnceLock::new() })
    }
}

// SAFETY: all fields but `state` are `Send + Sync` by themselves. `state` is only touched through
// `UserThread::state`, whose contract is that the caller has the thread in hand; the scheduler's
// queues and the park word order one owner's accesses before the next one's. What it holds that is
// not `Send` (local values, raw registers) belongs to this thread alone: no other thread refers to
// local objects.
unsafe impl Send for UserThread {}
// SAFETY: as above.
unsafe impl Sync for UserThread {}

impl std::fmt::Debug for UserThread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserThread")
            .field("id", &self.id)
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

/// Flags of a thread that others set.
pub mod cancel {
    /// Somebody asked the thread to stop.
    pub const REQUESTED: u8 = 1;
    /// The request has been delivered: it unwinds, or has unwound.
    pub const DELIVERED: u8 = 2;
    /// Its time limit is over: it is stopped with a `timeout` error.
    pub const TIMEOUT: u8 = 4;
    /// The program is ended at once: no more of its code runs, not even cleanup.
    pub const KILL: u8 = 8;
    /// It waits in a way that can never end: it is stopped with a `deadlock` error.
    pub const DEADLOCK: u8 = 16;
    /// A scope that it opened has failed.
    pub const SCOPE: u8 = 32;
}

impl ThreadRef {
    /// A thread that will call `callee` with `arguments`, which are taken and become shared. It is
    /// entered in the VM's registry and counted among the live ones; it runs once it is given to
    /// the scheduler, which the caller is to do: an LWP of its own waits for it.
    ///
    /// A kernel that refuses that LWP is an error, and nothing has happened then.
    pub fn new(
        vm: &Arc<VmShared>,
        mut options: ThreadOptions,
        callee: &mut Owned,
        arguments: &mut [Owned],
    ) -> Result<Self, BindError> {
        let home = (registry::HOST, Owner::NONE);
        let record = Self::make(vm, home, &mut options, 0, callee, arguments)?;
        Ok(Self(record))
    }

    /// The same, by a thread that runs on this processor, and a reference for the handle that it has of
    /// the new one, which is to be dropped once. Name and scope are taken.
    #[inline(always)]
    pub fn with_handle(
        vm: &Arc<VmShared>,
        context: &Cx<'_>,
        options: &mut ThreadOptions,
        callee: &mut Owned,
        arguments: &mut [Owned],
    ) -> Result<(Self, Self), BindError> {
        let home = (registry::shard_of(context.processor()), owner(context));
        let record = Self::make(vm, home, options, 1, callee, arguments)?;
        Ok((Self(record), Self(record)))
    }

    /// A record with the registry's reference, one more, and one for each of so many handles.
    #[inline(always)]
    fn make(
        vm: &Arc<VmShared>,
        (shard, maker): (u8, Owner),
        options: &mut ThreadOptions,
        handles: u32,
        callee: &mut Owned,
        arguments: &mut [Owned],
    ) -> Result<NonNull<UserThread>, BindError> {
        let bound = options.bound || vm.options.model == Model::OneToOne;
        let bound_to = if bound { Some(vm.scheduler().bind()?.into_lwp()) } else { None };
        let id = vm.registry.next_id();
        let made = if options.background { BACKGROUND } else { 0 }
            | if options.main { MAIN } else { 0 }
            | if bound { BOUND } else { 0 }
            | shard << SHARD_AT;
        let rare = match (options.name.take(), bound_to) {
            (None, None) => OnceBox::new(),
            (name, bound_to) => OnceBox::with_value(Rare::new(name, bound_to)),
        };
        let memory_limit = options.memory_limit.or(vm.options.thread_memory_limit);
        let vm = VmRef::new(vm);
        let slots = ENTRY_ARGS + crate::interp::registers_of(callee).max(arguments.len());
        let room = room_for(slots);
        let block: NonNull<UserThread> = pool::allocate(with_room(room)).cast();
        let stack = if room == 0 {
            Stack::new(slots)
        } else {
            // SAFETY: so many slots stand there, and the record has them as long as its stack.
            unsafe { Stack::within(block.add(1).cast(), slots) }
        };
        fill_entry(&stack, callee, arguments);
        // SAFETY: fresh memory of the record's layout. The record keeps the VM, and lets go of it after its
        // state.
        unsafe {
            let heap = Heap::within(&vm.heap, memory_limit);
            write_in_place!(UserThread at block.as_ptr(), {
                references: AtomicUsize::new(2 + handles as usize),
                id,
                seat: AtomicU32::new(0),
                made,
                room,
                park: ParkWord::new(),
                wait: Wait::standing_at(crate::interp::entry()),
                flags: AtomicU8::new(0),
                done: Completion::new(handles),
                rare,
                scope: options.scope.take(),
                state: UnsafeCell::new(ThreadState::new(heap, stack, arguments.len(), options.fuel)),
                vm,
            });
        }
        // SAFETY: just written; the caller's reference keeps it.
        let thread = unsafe { block.as_ref() };
        thread.vm.registry.insert(Self(block), maker);
        Ok(block)
    }

    /// The reference of the LWP that runs the thread, for the token of a wait.
    ///
    /// # Safety
    /// The thread runs, and parks next: the LWP then gives its own up without dropping it. Once for each
    /// wait that has begun.
    pub(crate) unsafe fn give_up(&self) -> Self {
        Self(self.0)
    }

    /// Drops this reference and another one.
    ///
    /// # Safety
    /// The other one has been forgotten.
    pub(crate) unsafe fn drop_two(self) {
        let this = std::mem::ManuallyDrop::new(self);
        // As in `drop`: whoever has all that there are needs no exchange.
        if this.references.load(Ordering::Relaxed) == 2
            || this.references.fetch_sub(2, Ordering::Release) == 2
        {
            // SAFETY: they were the last references.
            unsafe { free(this.0) };
        }
    }

    /// The address of its record: tells threads apart.
    pub fn address(&self) -> usize {
        self.0.addr().get()
    }
}

/// Whoever has this context, which is lent to it while it holds the processor.
pub(crate) fn owner(context: &Cx<'_>) -> Owner {
    // SAFETY: the context is the processor's as long as a thread has it.
    unsafe { Owner::new(context.processor(), context.processors()) }
}

impl Listed for ThreadRef {
    fn id(&self) -> u64 {
        self.id
    }

    fn background(&self) -> bool {
        (**self).background()
    }

    fn shard(&self) -> u8 {
        self.made >> SHARD_AT
    }

    fn seat(&self) -> u32 {
        // Relaxed: whoever knows the thread heard of it after it was written.
        self.seat.load(Ordering::Relaxed)
    }

    fn set_seat(&self, seat: u32) {
        // Relaxed: as in `seat`.
        self.seat.store(seat, Ordering::Relaxed);
    }
}

impl UserThread {
    /// Its number.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The name it was given, or `thread N`.
    pub fn name(&self) -> Arc<str> {
        match self.rare.get().and_then(|rare| rare.name.as_ref()) {
            Some(name) => name.clone(),
            None => format!("thread {}", self.id).into(),
        }
    }

    /// True when it does not keep the program alive.
    pub fn background(&self) -> bool {
        self.made & BACKGROUND != 0
    }

    /// The LWP that alone runs it, when it has one of its own.
    pub fn bound_to(&self) -> Option<usize> {
        if self.made & BOUND != 0 { self.rare.get()?.bound_to } else { None }
    }

    /// True for a program's main thread.
    pub fn main(&self) -> bool {
        self.made & MAIN != 0
    }

    /// Its VM.
    pub fn vm(&self) -> &Arc<VmShared> {
        &self.vm
    }

    /// The blocking call that it makes; `None` when it has never made one.
    pub(crate) fn calling(&self) -> Option<&Calling> {
        self.rare.get().map(|rare| &rare.calling)
    }

    /// It asks for a blocking call of this name. Whoever has the thread in hand.
    pub(crate) fn ask_call(&self, name: &Arc<str>) {
        self.rare.get_or_init(|| Rare::new(None, None)).calling.ask(name);
    }

    /// Where the value was thrown that ended it, when that is no Error.
    pub(crate) fn thrown_at(&self) -> &[TraceEntry] {
        self.rare.get().and_then(|rare| rare.thrown_at.get()).map_or(&[], |trace| trace)
    }

    /// It ends with a value that is no Error and was thrown here. Whoever has the thread in hand.
    pub(crate) fn set_thrown_at(&self, trace: Vec<TraceEntry>) {
        // Set once: a thread ends once.
        let _ = self.rare.get_or_init(|| Rare::new(None, None)).thrown_at.set(trace.into());
    }

    /// The flags that others have set: [`cancel`].
    #[inline]
    pub fn flags(&self) -> u8 {
        // Acquire pairs with the release in `set_flags`: who sees a flag sees what led to it.
        self.flags.load(Ordering::Acquire)
    }

    /// Sets flags; gives the old ones. The thread sees them at its next safepoint.
    pub fn set_flags(&self, flags: u8) -> u8 {
        // Release pairs with the acquire in `flags`; acquire orders two setters.
        self.flags.fetch_or(flags, Ordering::AcqRel)
    }

    /// Clears flags; gives the old ones.
    pub fn clear_flags(&self, flags: u8) -> u8 {
        // As in `set_flags`.
        self.flags.fetch_and(!flags, Ordering::AcqRel)
    }

    /// It has ended, and there is no value in its record. It stays so.
    pub(crate) fn holds_no_value(&self) -> bool {
        self.done.is_plain() && self.scope.is_none()
    }

    /// The thread's own data.
    ///
    /// # Safety
    /// The caller has the thread in hand: it runs it, or the thread has not been given to the
    /// scheduler yet, or will never run again. It must not use the pointer afterwards.
    pub(crate) unsafe fn state(&self) -> *mut ThreadState {
        self.state.get()
    }
}

impl Drop for UserThread {
    fn drop(&mut self) {
        if self.holds_no_value() {
            return;
        }
        let state = self.state.get_mut();
        crate::interp::abandon(&self.wait, state);
        // What the record holds is freed on the thread's own account.
        // SAFETY: the heap is dropped with the record, after the guard.
        let entered = unsafe { Heap::enter_raw(&raw const state.heap) };
        self.done = Completion::new(0);
        self.wait = Wait::new();
        self.scope = None;
        drop(entered);
    }
}

/// Where a thread stands in the code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// The instruction to run next.
    pub(crate) pc: *const Word,
    /// The first register of the running function, in bytes from the start of the stack.
    pub(crate) base: usize,
    /// Its constants; null in the entry frame.
    pub(crate) constants: *const Raw,
}

impl Place {
    /// That of a thread that has ended.
    pub(crate) const ENDED: Self =
        Self { pc: std::ptr::null(), base: 0, constants: std::ptr::null() };
}

/// A native call that has not ended yet: the thread parked in it, blocked in it, or it waits for a
/// function that it called. Or an instruction that waits for the function of an operator.
pub(crate) struct Pending {
    /// The native; what refers to it stays in the caller's registers. Null for an instruction.
    pub(crate) native: *const NativeDef,
    /// The instruction that calls it.
    pub(crate) place: Place,
    /// The slot of its first bound argument.
    pub(crate) args: usize,
    /// How many there are. They are owned until the call ends.
    pub(crate) count: usize,
    /// Its receiver, where only the function of an operator could find that.
    pub(crate) receiver: Option<Owned>,
    /// How it goes on.
    pub(crate) then: Then,
}

impl Pending {
    /// The slot where the function that it calls stands, with its arguments behind it as for a new
    /// thread.
    pub(crate) fn called(&self) -> usize {
        self.args + self.count
    }
}

/// How a pending native goes on.
pub(crate) enum Then {
    /// It is called again.
    Again,
    /// It has done a part of its work, and goes on with this.
    Later(Later),
    /// A blocking closure runs or has run: its `Finish` is called.
    Blocked(Blocked),
    /// A function runs.
    Called(Called),
}

/// A function that a native or an instruction has called.
pub(crate) struct Called {
    /// What goes on with its outcome.
    pub(crate) then: After,
    /// How many arguments it got.
    pub(crate) args: usize,
    /// It may have the first of them as a place.
    pub(crate) place: bool,
    /// What that is when it has ended; nil while the function has it.
    pub(crate) back: Owned,
}

/// What goes on when a function that was called has ended.
pub(crate) enum After {
    /// A native.
    Native(Resume),
    /// A native that handed a place over.
    NativePlace(ResumePlace),
    /// A native whose receiver has lent the place ([`Loan`](crate::native::Loan)), in a plain method
    /// call.
    Lent(ResumeLent),
    /// The instruction.
    Instruction(Box<Asked>),
}

/// A frame whose function has `mut` parameters, and so something to give back; or a turn of
/// `for &`, which has an element of a cell's value in its hands.
pub(crate) struct Handed {
    /// The base of the frame, in bytes from the start of the stack.
    pub(crate) base: usize,
    /// The instruction whose places they are; null when a native or an operator has them.
    pub(crate) pc: *const Word,
    /// How many parameters stand before the arguments of the instruction.
    pub(crate) hidden: u8,
    /// The receiver is one of the places; true when it is what a cell at its end stands for.
    pub(crate) receiver: Option<bool>,
    /// The cells that are in use meanwhile.
    pub(crate) cells: ThinVec<InUse>,
    /// The instruction says [`PLAIN`](crate::link::PLAIN), so all places are registers: the loop may
    /// give them back.
    pub(crate) plain: bool,
}

/// A cell whose value, or a part of that, a call has as a place.
pub(crate) struct InUse {
    /// Which place of the instruction: the receiver counts.
    pub(crate) place: usize,
    /// The cell.
    pub(crate) cell: Owned,
    /// The first step of the place's path that leads on from the cell's value.
    pub(crate) from: usize,
}

/// A blocking call on its way.
pub(crate) enum Blocked {
    /// Not started.
    Ready(Box<dyn FnOnce() -> Finish + Send>),
    /// Running.
    Running,
    /// Ended.
    Ended(Finish),
}

/// How far an instruction had come when its thread stopped. Used up when the instruction goes on.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) enum Stopped {
    /// Not begun.
    #[default]
    Before,
    /// The arguments of a call stand in these slots, and nothing owns them but the call.
    Call(Slots),
    /// It has called a native with the bound arguments in these slots, which is called again. What it
    /// was called on is found again, too.
    Native(Slots),
    /// It waits by itself.
    Inside,
}

/// Some slots of a stack, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slots {
    first: u32,
    count: u32,
}

impl Slots {
    /// `count` slots from `first` on.
    pub(crate) fn new(first: usize, count: usize) -> Self {
        let small = |n: usize| u32::try_from(n).expect("a stack has fewer than 2^32 slots");
        Self { first: small(first), count: small(count) }
    }

    /// The first one, and how many there are.
    pub(crate) fn parts(self) -> (usize, usize) {
        (self.first as usize, self.count as usize)
    }

    /// Their numbers.
    pub(crate) fn range(self) -> std::ops::Range<usize> {
        let (first, count) = self.parts();
        first..first + count
    }
}

impl Stopped {
    /// The slots that only the instruction owns.
    pub(crate) fn slots(self) -> Option<Slots> {
        match self {
            Self::Call(slots) | Self::Native(slots) => Some(slots),
            Self::Before | Self::Inside => None,
        }
    }
}

/// The fuel of a thread that has no limit.
const UNLIMITED: u64 = u64::MAX;

/// What belongs to the running thread alone.
pub struct ThreadState {
    /// The account of its memory.
    pub heap: Heap,
    pub(crate) stack: Stack,
    /// Where it stands, with the instruction that its [`Wait`] shows to others: the number of the first
    /// slot of the running function.
    base: u32,
    /// And that function's constants.
    constants: *const Raw,
    /// Natives that have not ended, the innermost last, but for one that `stopped` tells of.
    pub(crate) pending: ThinVec<Pending>,
    /// The frames that give places back, the innermost last.
    pub(crate) handed: ThinVec<Handed>,
    /// How many cleanup handlers run, one inside the other: cancellation is held back meanwhile.
    pub shield: u32,
    /// What an operation remembers while the thread is parked in it.
    pub(crate) parked: Memo,
    /// How far the instruction at its place had come when it stopped.
    pub(crate) stopped: Stopped,
    /// The number of arguments of the entry call.
    entry_args: u32,
    /// What is left of the slice that a blocking call has interrupted.
    pub(crate) slice: i32,
    /// What most threads have not.
    more: Option<Box<More>>,
}

/// What few threads have while they run: see [`ThreadState`].
struct More {
    /// What of its fuel is left; [`UNLIMITED`] stays.
    fuel: u64,
    /// Its fuel is used up, and what it has now is the reserve for its cleanup.
    spent: bool,
    /// It ends without unwinding, and its natives are told.
    died: bool,
    /// The scopes it has opened, the innermost last.
    scopes: ThinVec<Arc<Scope>>,
    /// The trace of the value on its way, when that is no Error and so cannot keep it itself.
    thrown: Option<Box<Thrown>>,
}

impl Default for More {
    fn default() -> Self {
        Self { fuel: UNLIMITED, spent: false, died: false, scopes: ThinVec::new(), thrown: None }
    }
}

/// Writes callee and arguments of a new thread, which are taken, to its stack.
#[inline(always)]
fn fill_entry(stack: &Stack, callee: &mut Owned, arguments: &mut [Owned]) {
    let write = |slot: usize, value: &mut Owned| {
        let value = Shared::new(value.take()).into_owned().into_raw();
        // SAFETY: the stack has room for the callee, the link, and all arguments.
        unsafe { stack.start().add(slot).write(value) };
    };
    write(ENTRY_CALLEE, callee);
    for (i, argument) in arguments.iter_mut().enumerate() {
        write(ENTRY_ARGS + i, argument);
    }
}

/// The trace of a thrown value that is no Error.
pub(crate) struct Thrown {
    /// Which value: its tag and payload.
    pub(crate) value: Raw,
    /// Where it was first thrown.
    pub(crate) trace: Vec<TraceEntry>,
}

impl ThreadState {
    /// That of a thread whose callee and arguments stand in `stack`.
    #[inline(always)]
    fn new(heap: Heap, stack: Stack, arguments: usize, fuel: Option<u64>) -> Self {
        Self {
            heap,
            stack,
            base: 0,
            constants: std::ptr::null(),
            pending: ThinVec::new(),
            handed: ThinVec::new(),
            shield: 0,
            parked: Memo::default(),
            stopped: Stopped::Before,
            entry_args: arguments as u32,
            slice: 0,
            more: fuel.map(|fuel| Box::new(More { fuel, ..More::default() })),
        }
    }

    /// Where the thread stands whose wait this is.
    #[inline]
    pub(crate) fn place(&self, wait: &Wait) -> Place {
        let base = self.base as usize * size_of::<Raw>();
        Place { pc: wait.site(), base, constants: self.constants }
    }

    /// From now on it stands there.
    #[inline]
    pub(crate) fn stand_at(&mut self, wait: &Wait, place: Place) {
        // A stack has fewer than 2^32 slots.
        self.base = (place.base / size_of::<Raw>()) as u32;
        self.constants = place.constants;
        wait.stand_at(place.pc);
    }

    /// What of its fuel is left; [`UNLIMITED`] stays.
    #[inline]
    pub fn fuel(&self) -> u64 {
        self.more.as_ref().map_or(UNLIMITED, |more| more.fuel)
    }

    /// Takes what was used off its fuel, when that is limited.
    pub(crate) fn use_fuel(&mut self, used: u64) {
        if let Some(more) = &mut self.more
            && more.fuel != UNLIMITED
        {
            more.fuel = more.fuel.saturating_sub(used);
        }
    }

    /// Its fuel is used up, and what it has now is the reserve for its cleanup.
    pub(crate) fn spent(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.spent)
    }

    /// Gives it this reserve; false when it had one already.
    pub(crate) fn spend(&mut self, reserve: u64) -> bool {
        let more = self.more.get_or_insert_default();
        let first = !std::mem::replace(&mut more.spent, true);
        if first {
            more.fuel = reserve;
        }
        first
    }

    /// It ends without unwinding, and its natives are told.
    pub(crate) fn died(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.died)
    }

    /// From now on it ends so.
    pub(crate) fn die(&mut self) {
        self.more.get_or_insert_default().died = true;
    }

    /// The scopes it has opened, the innermost last.
    pub fn scopes(&self) -> &[Arc<Scope>] {
        self.more.as_ref().map_or(&[], |more| &more.scopes)
    }

    /// It has opened a scope.
    pub fn open_scope(&mut self, scope: Arc<Scope>) {
        self.more.get_or_insert_default().scopes.push(scope);
    }

    /// The innermost scope that it has opened is closed.
    pub fn close_scope(&mut self) -> Option<Arc<Scope>> {
        self.more.as_mut()?.scopes.pop()
    }

    /// The trace of the value on its way, when that is no Error and so cannot keep it itself.
    pub(crate) fn thrown(&self) -> Option<&Thrown> {
        self.more.as_ref()?.thrown.as_deref()
    }

    /// Keeps such a trace.
    pub(crate) fn set_thrown(&mut self, thrown: Thrown) {
        self.more.get_or_insert_default().thrown = Some(Box::new(thrown));
    }

    /// Takes such a trace.
    pub(crate) fn take_thrown(&mut self) -> Option<Box<Thrown>> {
        self.more.as_mut()?.thrown.take()
    }

    /// The number of arguments of the call that the first instruction of a thread, or of a function
    /// called by a native, makes.
    pub(crate) fn start_args(&self) -> usize {
        match self.pending.last().map(|pending| &pending.then) {
            Some(Then::Called(called)) => called.args,
            Some(Then::Again | Then::Later(_) | Then::Blocked(_)) | None => {
                self.entry_args as usize
            }
        }
    }
}

impl std::fmt::Debug for ThreadState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ThreadState").field("base", &self.base).finish_non_exhaustive()
    }
}
