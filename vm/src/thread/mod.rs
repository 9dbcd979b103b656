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
//! Its stack holds the callee in slot 0 and the arguments from slot 3 on (slot 1 gets the result,
//! slots 1 and 2 become the frame link); its place in the code is an instruction of the
//! interpreter's own that makes the call, after which comes the one that ends the thread.

#![expect(unsafe_code, reason = "the state is owned by the LWP that runs the thread")]

mod calling;
pub(crate) mod completion;
pub(crate) mod family;
pub(crate) mod program;
mod registry;
mod stack;
mod trace;
pub(crate) mod wait;
pub(crate) mod waitq;

use std::{
    cell::UnsafeCell,
    sync::{Arc, OnceLock},
};

pub(crate) use calling::{Calling, InCall};
pub use completion::{Completion, End, Joining};
pub use family::{Ripple, Scope, Start, Wake, level_of};
pub use program::Program;
pub(crate) use registry::Registry;
pub(crate) use stack::Stack;
pub(crate) use trace::{Edge, Frames, caller, record_trace};
pub use wait::{
    Delivery, EVERY_LEVEL, Generation, Interrupt, Memo, Noticed, Wait, WaitReason, WaitToken,
    Waiting,
};
pub use waitq::{Ticket, WaitQueue};

use lisle_compiler::bytecode::Word;

use crate::{
    atomics::{AtomicU8, Ordering},
    interp::Asked,
    model::Model,
    native::{Finish, Later, NativeDef, Resume, ResumePlaces},
    rc::Heap,
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

/// A counted reference to a user thread: one word.
#[derive(Clone, Debug)]
pub struct ThreadRef(Arc<UserThread>);

impl std::ops::Deref for ThreadRef {
    type Target = UserThread;

    fn deref(&self) -> &UserThread {
        &self.0
    }
}

impl PartialEq for ThreadRef {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
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
    /// Counted from 1 in the order of creation; the main thread of a program is the first of it.
    id: u64,
    name: Option<Arc<str>>,
    background: bool,
    main: bool,
    /// The LWP that alone runs it, if it has one of its own.
    bound_to: Option<usize>,
    /// The scheduler's word: parked, ready, woken early.
    pub(crate) park: ParkWord,
    /// What it waits for, and who has woken it.
    pub(crate) wait: Wait,
    /// [`cancel`] flags. Any LWP, atomic.
    flags: AtomicU8,
    /// The blocking call it makes.
    pub(crate) calling: Calling,
    /// Its result and who waits for it.
    pub(crate) done: Completion,
    /// Where the value was thrown that ended it, when that is no Error and so cannot say it.
    pub(crate) thrown_at: OnceLock<Box<[TraceEntry]>>,
    /// The scope it was spawned in.
    pub(crate) scope: Option<Arc<Scope>>,
    vm: Arc<VmShared>,
    /// Owner-only: whoever runs the thread.
    state: UnsafeCell<ThreadState>,
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
            .field("name", &self.name)
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
    /// A thread that will call `callee` with `arguments`, both of which become shared. It is
    /// entered in the VM's registry and counted among the live ones; it runs once it is given to
    /// the scheduler, which the caller is to do: an LWP of its own waits for it.
    ///
    /// A kernel that refuses that LWP is an error, and nothing has happened then.
    pub fn new(
        vm: &Arc<VmShared>,
        options: ThreadOptions,
        callee: &Owned,
        arguments: Vec<Owned>,
    ) -> Result<Self, BindError> {
        let bound = options.bound || vm.options.model == Model::OneToOne;
        let bound_to = if bound { Some(vm.scheduler().bind()?.into_lwp()) } else { None };
        let state = ThreadState::new(vm, &options, callee, arguments);
        let id = vm.registry.next_id();
        let thread = Self(Arc::new(UserThread {
            id,
            name: options.name,
            background: options.background,
            main: options.main,
            bound_to,
            park: ParkWord::new(),
            wait: Wait::new(),
            flags: AtomicU8::new(0),
            calling: Calling::new(),
            done: Completion::new(),
            thrown_at: OnceLock::new(),
            scope: options.scope,
            vm: vm.clone(),
            state: UnsafeCell::new(state),
        }));
        vm.registry.insert(&thread);
        vm.thread_started(thread.background);
        Ok(thread)
    }

    /// The address of its record: tells threads apart.
    pub fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl UserThread {
    /// Its number.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The name it was given, or `thread N`.
    pub fn name(&self) -> Arc<str> {
        match &self.name {
            Some(name) => name.clone(),
            None => format!("thread {}", self.id).into(),
        }
    }

    /// True when it does not keep the program alive.
    pub fn background(&self) -> bool {
        self.background
    }

    /// The LWP that alone runs it, when it has one of its own.
    pub fn bound_to(&self) -> Option<usize> {
        self.bound_to
    }

    /// True for a program's main thread.
    pub fn main(&self) -> bool {
        self.main
    }

    /// Its VM.
    pub fn vm(&self) -> &Arc<VmShared> {
        &self.vm
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
        let state = self.state.get_mut();
        crate::interp::abandon(state);
        // What the record holds is freed on the thread's own account.
        // SAFETY: the heap is dropped with the record, after the guard.
        let entered = unsafe { Heap::enter_raw(&raw const state.heap) };
        self.done = Completion::new();
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
    Called(Box<Called>),
}

/// A function that a native or an instruction has called.
pub(crate) struct Called {
    /// What goes on with its outcome.
    pub(crate) then: After,
    /// How many arguments it got.
    pub(crate) args: usize,
    /// Which of them it may have as places: bit `i` for argument `i`.
    pub(crate) places: u32,
    /// What these are when it has ended, in order.
    pub(crate) back: Vec<Owned>,
}

/// What goes on when a function that was called has ended.
pub(crate) enum After {
    /// A native.
    Native(Resume),
    /// A native that handed places over.
    NativePlaces(ResumePlaces),
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
    pub(crate) hidden: usize,
    /// The receiver is one of the places; true when it is what a cell at its end stands for.
    pub(crate) receiver: Option<bool>,
    /// The cells that are in use meanwhile.
    pub(crate) cells: Vec<InUse>,
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

/// What belongs to the running thread alone.
pub struct ThreadState {
    /// The account of its memory.
    pub heap: Heap,
    pub(crate) stack: Stack,
    pub(crate) place: Place,
    /// Natives that have not ended, the innermost last.
    pub(crate) pending: Vec<Pending>,
    /// The frames that give places back, the innermost last.
    pub(crate) handed: Vec<Handed>,
    /// What of its fuel is left, when it has a limit.
    pub fuel: Option<u64>,
    /// How many cleanup handlers run, one inside the other: cancellation is held back meanwhile.
    pub shield: u32,
    /// What an operation remembers while the thread is parked in it.
    pub(crate) parked: Memo,
    /// The thread is parked in the instruction at its place, which is no call of a native.
    pub(crate) parked_here: bool,
    /// The number of arguments of the entry call.
    entry_args: u32,
    /// First slot and number of arguments of the call before which the thread was descheduled.
    pub(crate) held: Option<(usize, usize)>,
    /// What is left of the slice that a blocking call has interrupted.
    pub(crate) slice: i64,
    /// Its fuel is used up, and what it has now is the reserve for its cleanup.
    pub(crate) spent: bool,
    /// It ends without unwinding, and its natives are told.
    pub(crate) died: bool,
    /// The scopes it has opened, the innermost last.
    pub scopes: Vec<Arc<Scope>>,
    /// The trace of the value on its way, when that is no Error and so cannot keep it itself.
    pub(crate) thrown: Option<Box<Thrown>>,
}

/// The trace of a thrown value that is no Error.
pub(crate) struct Thrown {
    /// Which value: its tag and payload.
    pub(crate) value: Raw,
    /// Where it was first thrown.
    pub(crate) trace: Vec<TraceEntry>,
}

impl ThreadState {
    fn new(
        vm: &Arc<VmShared>,
        options: &ThreadOptions,
        callee: &Owned,
        arguments: Vec<Owned>,
    ) -> Self {
        let count = arguments.len();
        let registers = crate::interp::registers_of(callee);
        let stack = Stack::new(ENTRY_ARGS + registers.max(count) + 1);
        let memory_limit = options.memory_limit.or(vm.options.thread_memory_limit);
        let write = |slot: usize, value: Owned| {
            let value = Shared::new(value).into_owned().into_raw();
            // SAFETY: the stack has room for the callee, the link, and all arguments.
            unsafe { stack.start().add(slot).write(value) };
        };
        write(ENTRY_CALLEE, callee.clone());
        for (i, argument) in arguments.into_iter().enumerate() {
            write(ENTRY_ARGS + i, argument);
        }
        Self {
            heap: Heap::new(vm.heap.clone(), memory_limit),
            stack,
            place: Place { pc: crate::interp::entry(), base: 0, constants: std::ptr::null() },
            pending: Vec::new(),
            handed: Vec::new(),
            fuel: options.fuel,
            shield: 0,
            parked: Memo::default(),
            parked_here: false,
            entry_args: count as u32,
            held: None,
            slice: 0,
            spent: false,
            died: false,
            scopes: Vec::new(),
            thrown: None,
        }
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
        f.debug_struct("ThreadState").field("place", &self.place).finish_non_exhaustive()
    }
}
