//! What the loop and its slow paths share: the place in the code, registers, exits.
//!
//! # Why register access is sound
//!
//! Code comes from the compiler or has passed the verifier, and says which registers exist, which
//! are owned before an instruction, and what it does with them. The methods here are called with
//! the operands of the current instruction, in the role its table row gives them. So a register is
//! inside the frame, is owned when it is read, dead when it is written. Debug builds check what can
//! be checked: that the register is inside the stack and holds a tag that exists.

#![expect(unsafe_code, reason = "registers are read unchecked, as verified code says")]

use lisle_compiler::bytecode::op::{KILL_A, KILL_B, KILL_C};

use lisle_compiler::bytecode::Word;

use crate::{
    link::{CodeWord, Module, Proto, SLOT},
    native::Cx,
    sched::Outcome,
    thread::{Place, ThreadRef, ThreadState},
    value::{Owned, Raw, tag},
    vm::VmShared,
};

/// How an instruction ends when it does not go on.
#[derive(Debug)]
pub(super) enum Exit {
    /// The value is thrown.
    Throw(Owned),
    /// The slice ends.
    Stop(Outcome),
}

impl From<Owned> for Exit {
    fn from(value: Owned) -> Self {
        Self::Throw(value)
    }
}

/// What a slow path gives.
pub(super) type Step<T = ()> = Result<T, Exit>;

/// A running thread.
pub(super) struct Machine<'a> {
    /// The current instruction.
    pub(super) pc: *const Word,
    /// The first register of the current frame.
    pub(super) base: *mut u8,
    /// The first constant of the running function; null in the entry frame.
    pub(super) constants: *const Raw,
    /// What is left of the slice.
    pub(super) fuel: i64,
    /// The end of the stack.
    pub(super) limit: *mut u8,
    /// The fuel that the slice started with, less what was accounted for already.
    pub(super) granted: i64,
    /// What was taken out of `fuel` so that the next back edge or call is a safepoint.
    pub(super) saved: i64,
    pub(super) thread: &'a ThreadRef,
    pub(super) state: *mut ThreadState,
    pub(super) context: *mut Cx<'a>,
}

impl<'a> Machine<'a> {
    /// The current instruction.
    #[inline(always)]
    pub(super) fn word(&self) -> Word {
        self.extension(0)
    }

    /// Word `i` from the current instruction on.
    #[inline(always)]
    pub(super) fn extension(&self, i: usize) -> Word {
        // SAFETY: verified code has all extension words of its instructions.
        unsafe { *self.pc.add(i) }
    }

    /// The words from `i` on, `count` of them.
    pub(super) fn words(&self, i: usize, count: usize) -> &'a [CodeWord] {
        // SAFETY: as above; code lives as long as the VM, which outlives the slice.
        unsafe { std::slice::from_raw_parts(self.pc.add(i).cast(), count) }
    }

    /// Goes on with the instruction `length` words further.
    #[inline(always)]
    pub(super) fn next(&mut self, length: usize) -> Step {
        self.pc = self.pc.wrapping_add(length);
        Ok(())
    }

    /// Goes on `offset` words after the next one.
    pub(super) fn jump(&mut self, offset: i32) -> Step {
        self.pc = self.pc.wrapping_offset(offset as isize + 1);
        Ok(())
    }

    /// The address of a register, or of a row of none behind the last.
    #[inline(always)]
    pub(super) fn reg(&self, register: u16) -> *mut Raw {
        let address = self.base.wrapping_add(register as usize);
        debug_assert!(address <= self.limit, "a register is inside the stack");
        address.cast()
    }

    /// The address of the register `n` registers after `register`.
    #[inline(always)]
    pub(super) fn reg_after(&self, register: u16, n: usize) -> *mut Raw {
        let address = self.base.wrapping_add(register as usize + n * SLOT);
        debug_assert!(address <= self.limit, "a register is inside the stack");
        address.cast()
    }

    /// The words in a register.
    #[inline(always)]
    pub(super) fn raw(&self, register: u16) -> Raw {
        // SAFETY: the module's text.
        let raw = unsafe { *self.reg(register) };
        debug_assert!(raw.tag < tag::END, "a register that is read is owned");
        raw
    }

    /// A register, borrowed.
    #[inline(always)]
    pub(super) fn get(&self, register: u16) -> &Owned {
        debug_assert!(self.raw(register).tag < tag::END);
        // SAFETY: the module's text; nobody changes the register while `self` is borrowed.
        unsafe { Owned::borrow_raw(&*self.reg(register)) }
    }

    /// A register, moved out: it is dead, and holds nil.
    #[inline(always)]
    pub(super) fn take(&mut self, register: u16) -> Owned {
        self.take_at(self.reg(register))
    }

    /// As [`Machine::take`], by address.
    #[inline(always)]
    pub(super) fn take_at(&mut self, register: *mut Raw) -> Owned {
        // SAFETY: the module's text; the reference is now the result's.
        unsafe { Owned::from_raw(register.replace(Raw::NIL)) }
    }

    /// Moves `count` values out of the registers from `first` on.
    pub(super) fn take_all(&mut self, first: u16, count: usize) -> Vec<Owned> {
        (0..count).map(|i| self.take_at(self.reg_after(first, i))).collect()
    }

    /// Writes a register that is dead.
    #[inline(always)]
    pub(super) fn put(&mut self, register: u16, value: Owned) {
        // SAFETY: the module's text; what the register held was no reference.
        unsafe { self.reg(register).write(value.into_raw()) };
    }

    /// Makes a dead register borrow what is kept elsewhere.
    pub(super) fn put_borrowed(&mut self, register: u16, value: &Owned) {
        // SAFETY: as above; the register is not owned.
        unsafe { self.reg(register).write(value.as_raw()) };
    }

    /// Writes a dead register, by address.
    #[inline(always)]
    pub(super) fn put_at(&mut self, register: *mut Raw, value: Owned) {
        debug_assert!(register.cast() < self.limit);
        // SAFETY: as above.
        unsafe { register.write(value.into_raw()) };
    }

    /// A register that is a place: owned before and after.
    #[inline(always)]
    pub(super) fn place(&mut self, register: u16) -> &mut Owned {
        // SAFETY: the module's text; `Owned` is laid out as `Raw`.
        unsafe { &mut *self.reg(register).cast() }
    }

    /// Drops the operands whose kill flags are set.
    #[inline(always)]
    pub(super) fn kill(&mut self, word: Word) {
        if word.flags & (KILL_A | KILL_B | KILL_C) != 0 {
            self.kill_flagged(word);
        }
    }

    fn kill_flagged(&mut self, word: Word) {
        for (flag, register) in [(KILL_A, word.a), (KILL_B, word.b), (KILL_C, word.c)] {
            if word.flags & flag != 0 {
                drop(self.take(register));
            }
        }
    }

    /// Constant `index` of the running function.
    #[inline(always)]
    pub(super) fn constant(&self, index: usize) -> Raw {
        // SAFETY: verified code has the constants that it names.
        unsafe { *self.constants.add(index) }
    }

    /// Constant `index`, borrowed.
    #[inline(always)]
    pub(super) fn constant_value(&self, index: usize) -> &'a Owned {
        // SAFETY: as above; constants live as long as the VM.
        unsafe { Owned::borrow_raw(&*self.constants.add(index)) }
    }

    /// The text of constant `index`.
    pub(super) fn text(&self, index: usize) -> &'a str {
        self.constant_value(index).as_str().expect("verified code names a constant text")
    }

    /// The running function.
    pub(super) fn proto(&self) -> &'a Proto {
        proto_of(self.constants).expect("instructions with constants are in functions")
    }

    /// The module of the running function.
    pub(super) fn module(&self) -> &'a Module {
        // SAFETY: modules live as long as the VM.
        unsafe { &*self.proto().module }
    }

    /// The VM.
    pub(super) fn vm(&self) -> &'a VmShared {
        self.thread.vm()
    }

    /// The thread's own data.
    pub(super) fn state(&mut self) -> &mut ThreadState {
        // SAFETY: this machine runs the thread, so the state is its own; no other borrow of it is
        // live while `self` is borrowed exclusively.
        unsafe { &mut *self.state }
    }

    /// The scheduler, as seen from here.
    pub(super) fn context(&mut self) -> &mut Cx<'a> {
        // SAFETY: the context is lent to this slice, and only to it.
        unsafe { &mut *self.context }
    }

    /// The number of the slot that an address is in.
    pub(super) fn slot_of(&mut self, register: *mut Raw) -> usize {
        (register.addr() - self.state().stack.start().addr()) / SLOT
    }

    /// Where the machine stands, in terms that survive a growth of the stack.
    pub(super) fn save(&mut self) -> Place {
        let start = self.state().stack.start().addr();
        Place { pc: self.pc, base: self.base.addr() - start, constants: self.constants }
    }

    /// Where the thread stood when its slice began, or since it was last said.
    pub(super) fn place_of_thread(&mut self) -> Place {
        let thread = self.thread;
        self.state().place(&thread.wait)
    }

    /// The thread stands there when it is next asked.
    pub(super) fn stand_at(&mut self, place: Place) {
        let thread = self.thread;
        self.state().stand_at(&thread.wait, place);
    }

    /// Goes to a place.
    pub(super) fn restore(&mut self, place: Place) {
        self.pc = place.pc;
        self.base = self.state().stack.start().cast::<u8>().wrapping_add(place.base);
        self.constants = place.constants;
    }
}

/// The function that constants belong to; none for the entry frame.
pub(crate) fn proto_of<'a>(constants: *const Raw) -> Option<&'a Proto> {
    if constants.is_null() {
        return None;
    }
    // SAFETY: the word before a function's first constant is its header, which holds the address of
    // its proto; protos live as long as the VM.
    Some(unsafe { &*std::ptr::with_exposed_provenance((*constants.sub(1)).tag as usize) })
}
