//! From a compiled unit to code that can run.
//!
//! [`link`] turns a [`Unit`] into a [`Module`]: register operands become byte offsets, constants
//! become immortal values, names become symbols, and the names of built-in functions and of members
//! of standard modules become what they stand for. Nothing is looked up by name afterwards but
//! keys of maps.
//!
//! # Linked code
//!
//! Words keep their places, so positions in the unit's tables (spans, handlers, live maps) hold.
//! What changes:
//!
//! - A register operand is its number times 16.
//! - The last word of every instruction that calls has the register of its result in `a`: a return
//!   finds the caller's base by it. So the register of an `Index` step moves from `a` to `b`, in all
//!   paths, and the extension words of calls are laid out anew (see [`Word`] users below).
//! - `GetGlobal` of a name that is set once reads a *cell*: a slot behind the function's constants
//!   that the first run of the instruction fills. Until then its tag is `ABSENT` and its payload the
//!   global's slot. In a session, where names are set anew, it has the flag [`DIRECT`] instead.
//! - `GetForeign` becomes a `GetGlobal`, whose cell says by [`FOREIGN`] which of the function's
//!   foreign slots it is for.
//! - `CallConst` with the right number of arguments becomes an operation of the interpreter's own,
//!   whose operand is a slot behind the constants with the closure and the [`Proto`]; with fewer, which
//!   may be left out, another one.
//! - `CallConst` of a native becomes one, too, whose operand is a slot with its address.
//! - `JumpBack` to a `RangeLoop` or an `IterNext` becomes an operation of the interpreter's own.
//! - `IsType` has in `c` the lowest and in the high byte of `c` the highest tag of its type. That of a
//!   type that is no kind of value of ours is the type of a handle, and has a row in `handle_types`.
//! - `LoadConst` of a value that is counted (a handle) has the flag [`DIRECT`].
//!
//! # Types
//!
//! A struct, an enum and each variant become a [`TypeInfo`](crate::value::TypeInfo), before the constants that name them.
//! Their functions are set when all functions of the unit exist.
//!
//! The word before a function's first constant is its header: a pointer to its [`Proto`] and one to
//! its [`Module`].

#![expect(unsafe_code, reason = "constants are shared by raw address for the life of the VM")]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

pub(crate) use lisle_compiler::bytecode::Word;
use lisle_compiler::{
    bytecode::{
        Arm, Constant, Function, Handler, LiveMap, METHOD_WORDS, Op, Operand, Unit, effects, op,
    },
    source::{Source, Span},
};

use crate::{
    files::{self, Foreign},
    interp::{
        CALL_DIRECT, CALL_NATIVE, CALL_SHORT, JUMP_BACK_ITER, JUMP_BACK_RANGE, proto_of_closure,
    },
    native::{NativeDef, Param},
    rc,
    symbols::Symbol,
    value::{Closure, Code, Owned, Raw, View, tag},
    vm::VmShared,
};

mod code;
mod globals;
mod types;
mod units;

pub(crate) use code::{CodeWord, KnownMethod, LinkedStep, PLAIN, STEP_FIELD, STEP_INDEX, step};
use code::{are_plain_places, borrowed_below, path_below, places, steps};
pub(crate) use globals::Globals;
use types::LinkedType;
pub(crate) use units::Units;

/// Bytes of a register.
pub(crate) const SLOT: usize = size_of::<Raw>();
/// Bytes of a frame link.
pub(crate) const LINK: usize = op::FRAME as usize * SLOT;

/// Flag of `GetGlobal` and `LoadConst`: leave the fast path.
pub(crate) const DIRECT: u8 = 128;
/// In the payload of a cell that has not been filled: the rest is the number of a foreign slot.
pub(crate) const FOREIGN: u64 = 1 << 32;
/// Flag of `Landing`, which only the interpreter's own code has: the first instruction of a thread.
pub(crate) const START: u8 = 1;
/// Flag of `Landing`: the last instruction of a thread.
pub(crate) const HALT: u8 = 2;
/// Flag of `Landing`: a function that a native called has returned.
pub(crate) const RESUME: u8 = 3;

/// The number of arguments of [`Proto::exact`] for functions that never take the short way.
pub(crate) const NEVER_EXACT: u32 = u32::MAX;

/// A function that can run.
#[repr(C)]
pub(crate) struct Proto {
    /// Its name, first: what function values refer to.
    pub(crate) name: Code,
    /// Its name for traces.
    pub(crate) label: Arc<str>,
    /// Its first instruction.
    pub(crate) code: *const Word,
    /// Its first constant.
    pub(crate) constants: *const Raw,
    /// How many bytes of stack it needs from its base on, with the links of its calls.
    pub(crate) frame: usize,
    /// The number of arguments that need no binding, when none of them is a place; or
    /// [`NEVER_EXACT`].
    pub(crate) exact: u32,
    /// The number of arguments that need no binding, or [`NEVER_EXACT`].
    pub(crate) arity: u32,
    /// No parameter may be left out, and none takes several arguments.
    pub(crate) plain: bool,
    /// How many of its parameters must be given.
    pub(crate) required: u32,
    pub(crate) params: Box<[Param]>,
    /// The parameters that are `mut`: bit `i` for parameter `i`. It returns with `RetPlaces` then.
    pub(crate) places: u32,
    /// Its parameters are the fields of the type that it makes a value of.
    pub(crate) constructs: bool,
    /// How many values a closure of it captures.
    pub(crate) captures: u16,
    pub(crate) handlers: Box<[Handler]>,
    pub(crate) live: LiveMap,
    spans: Box<[(u32, Span)]>,
    pub(crate) span: Span,
    pub(crate) doc: Option<Box<str>>,
    /// The lists of argument names of its calls.
    pub(crate) names: Box<[Box<[Box<str>]>]>,
    /// Its method calls with named arguments.
    pub(crate) sites: Box<[CallSite]>,
    /// Type tests for handles: the place of the instruction, and the constant that names the type.
    pub(crate) handle_types: Box<[(u32, u16)]>,
    /// The `let`s of other modules that it reads.
    pub(crate) foreign: Box<[files::Slot]>,
    pub(crate) module: *const Module,
    /// The function as a value, when it captures nothing. Immortal.
    pub(crate) function: Raw,
    words: Box<[CodeWord]>,
    /// The header, the constants, the cells.
    table: Box<[Cell]>,
}

/// A method call with named arguments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallSite {
    /// The method.
    pub(crate) symbol: Symbol,
    /// Which of the function's lists of names.
    pub(crate) names: u32,
}

/// A constant, or a value that is filled in later: laid out as a [`Raw`].
#[repr(C)]
pub(crate) struct Cell {
    tag: AtomicU64,
    bits: AtomicU64,
}

const _: () = assert!(size_of::<Cell>() == SLOT && align_of::<Cell>() == align_of::<Raw>());

impl Cell {
    /// What is in it; `ABSENT` with the global's slot until it is filled.
    #[inline(always)]
    pub(crate) fn load(&self) -> Raw {
        // Acquire: partner of the release in `fill`; who sees the tag sees the payload.
        let tag = self.tag.load(Ordering::Acquire);
        Raw { tag, bits: self.bits.load(Ordering::Relaxed) }
    }

    /// Fills it. All who do it at once fill in the same.
    pub(crate) fn fill(&self, value: Raw) {
        self.bits.store(value.bits, Ordering::Relaxed);
        self.tag.store(value.tag, Ordering::Release);
    }
}

impl From<Raw> for Cell {
    fn from(raw: Raw) -> Self {
        Self { tag: AtomicU64::new(raw.tag), bits: AtomicU64::new(raw.bits) }
    }
}

impl Proto {
    /// The place of an instruction, counted from the first.
    pub(crate) fn index_of(&self, pc: *const Word) -> u32 {
        ((pc.addr() - self.code.addr()) / size_of::<Word>()) as u32
    }

    /// The instruction at a place.
    pub(crate) fn at(&self, index: u32) -> *const Word {
        (&raw const self.words[index as usize]).cast()
    }

    /// The constant that names the type of handles that the instruction at `pc` tests for.
    pub(crate) fn handle_type(&self, pc: *const Word) -> Option<u16> {
        let index = self.index_of(pc);
        let row = self.handle_types.binary_search_by_key(&index, |&(at, _)| at).ok()?;
        Some(self.handle_types[row].1)
    }

    /// The piece of source that an instruction comes from.
    pub(crate) fn span_at(&self, index: u32) -> Span {
        match self.spans.partition_point(|&(start, _)| start <= index).checked_sub(1) {
            Some(i) => self.spans[i].1,
            None => self.span,
        }
    }

    /// The text it comes from.
    pub(crate) fn source(&self) -> &Source {
        // SAFETY: a module lives as long as its functions.
        unsafe { &(*self.module).source }
    }

    /// How many registers it has besides what its calls need.
    pub(crate) fn registers(&self) -> usize {
        self.frame / SLOT
    }
}

/// Linked code of one source text.
pub(crate) struct Module {
    pub(crate) source: Source,
    #[expect(
        clippy::vec_box,
        reason = "functions are referred to by address while the list grows"
    )]
    pub(crate) protos: Vec<Box<Proto>>,
    /// Its structs and enums.
    types: Vec<LinkedType>,
    pub(crate) globals: Arc<Globals>,
}

impl Module {
    /// The top-level code as a function value.
    pub(crate) fn main(&self) -> Owned {
        self.function(0).expect("top-level code captures nothing")
    }

    /// A struct or enum as a value.
    pub(crate) fn type_value(&self, index: usize) -> Option<Owned> {
        self.types.get(index).map(LinkedType::owned)
    }

    /// A function as a value, when it captures nothing.
    pub(crate) fn function(&self, index: usize) -> Option<Owned> {
        let raw = self.protos[index].function;
        // SAFETY: the function is immortal, so a reference to it needs no count.
        raw.is_heap().then(|| unsafe { Owned::from_raw(raw) })
    }
}

/// Makes a unit ready to run. `globals` are those of the session it belongs to, or new ones.
///
/// The unit is one that the compiler made: what is found wrong here is a name that this VM does not
/// know, or something too large. Builds with debug assertions have the verifier look at it as well,
/// so that every test is a test of the compiler.
pub(crate) fn link<'vm>(
    vm: &'vm VmShared,
    unit: &Unit,
    globals: Arc<Globals>,
) -> Result<&'vm Module, String> {
    #[cfg(debug_assertions)]
    if let Err(error) = lisle_compiler::bytecode::verify::verify(unit) {
        return Err(format!("the compiler made a mistake: {error}"));
    }
    globals.extend(&unit.globals);
    let (source, protos) = (unit.source.clone(), Vec::new());
    let mut module = Box::new(Module { source, protos, types: Vec::new(), globals });
    let address = &raw const *module;
    // All functions first: constants refer to them.
    for function in &unit.functions {
        let mut proto = Box::new(outline(function, address));
        if proto.captures == 0 {
            // SAFETY: protos are boxed, and live as long as the VM.
            let closure = unsafe { Closure::allocate((&raw const *proto).cast(), [].as_ptr(), 0) };
            // SAFETY: the one reference to it.
            let closure = unsafe { Owned::from_raw(closure) };
            proto.function = vm.units.keep(closure).into_raw();
        }
        module.protos.push(proto);
    }
    let types = types::declare(vm, unit);
    types::define(vm, unit, &types, &mut module.protos)?;
    let functions: Vec<Known> = module.protos.iter().map(|proto| Known::new(proto)).collect();
    for (proto, function) in module.protos.iter_mut().zip(&unit.functions) {
        let session = module.globals.session;
        let linker = Linker {
            vm,
            session,
            functions: &functions,
            types: &types,
            function,
            extras: Vec::new(),
            handle_types: Vec::new(),
            foreign: Vec::new(),
        };
        linker.fill(proto).map_err(|what| format!("{}: {what}", function.name))?;
    }
    // A session sees its types under their new meaning only when all of the text is linked.
    for (decl, linked) in unit.types.iter().zip(&types) {
        if let Some(slot) = decl.slot {
            module.globals.set(slot.into(), linked.owned(), &vm.units);
        }
    }
    module.types = types;
    vm.units.modules.lock().push(module);
    // SAFETY: the module is boxed in a list that only grows and lives as long as the VM.
    Ok(unsafe { &*address })
}

/// A native that is called with so many arguments less than it has parameters needs no larger stack.
const LEFT_OUT: usize = 1;

/// How many slots a function needs: its registers, the links of its calls, and what binding may add to
/// their arguments most often. A call that needs more makes the stack larger.
fn frame_slots(function: &Function) -> usize {
    let mut slots = usize::from(function.registers);
    let mut at = 0;
    while let Some(length) = function.code.get(at..).and_then(effects::extension_len) {
        let word = function.code[at];
        let hidden = match Op::from_code(word.op) {
            Some(Op::Call | Op::CallConst | Op::CallWith | Op::CallPlaces) => Some(0),
            Some(Op::CallMethod) => Some(1),
            _ => None,
        };
        if let Some(hidden) = hidden {
            let args = usize::from(word.a) + usize::from(op::FRAME) + hidden + usize::from(word.c);
            slots = slots.max(args + LEFT_OUT);
        }
        at += 1 + length;
    }
    slots
}

/// A function without its code and constants.
fn outline(function: &Function, module: *const Module) -> Proto {
    let params: Box<[Param]> = function
        .parameters
        .iter()
        .map(|p| Param { name: p.name.clone(), optional: p.optional, rest: p.rest })
        .collect();
    let plain = params.iter().all(|p| !p.optional && !p.rest);
    Proto {
        name: Code { name: function.name.clone() },
        label: (&*function.name).into(),
        code: std::ptr::null(),
        constants: std::ptr::null(),
        frame: frame_slots(function) * SLOT,
        plain,
        exact: if plain && function.places() == 0 { params.len() as u32 } else { NEVER_EXACT },
        arity: if plain { params.len() as u32 } else { NEVER_EXACT },
        required: function.required() as u32,
        params,
        places: function.places(),
        constructs: false,
        captures: function.captures,
        handlers: function.handlers.clone().into(),
        live: function.live.clone(),
        spans: function.spans.clone().into(),
        span: function.span,
        doc: function.doc.clone(),
        names: Box::default(),
        sites: Box::default(),
        handle_types: Box::default(),
        foreign: Box::default(),
        module,
        function: Raw::NIL,
        words: Box::default(),
        table: Box::default(),
    }
}

/// Links one function.
struct Linker<'a> {
    vm: &'a VmShared,
    session: bool,
    functions: &'a [Known],
    types: &'a [LinkedType],
    function: &'a Function,
    /// What stands behind the constants.
    extras: Vec<Extra>,
    /// As [`Proto::handle_types`].
    handle_types: Vec<(u32, u16)>,
    /// The `let`s of other modules among the constants.
    foreign: Vec<files::Slot>,
}

/// A function of the unit, as its calls see it.
#[derive(Clone, Copy)]
struct Known {
    /// The function as a value, when it captures nothing.
    closure: Raw,
    /// The address of its [`Proto`].
    proto: u64,
    exact: u32,
    /// The least and the greatest number of arguments with which it may be called, some being left out.
    short: (u32, u32),
}

impl Known {
    fn new(proto: &Proto) -> Self {
        let address = std::ptr::from_ref(proto).expose_provenance() as u64;
        let takes_rest = proto.params.last().is_some_and(|param| param.rest);
        let never = takes_rest || proto.places != 0;
        let short = (if never { NEVER_EXACT } else { proto.required }, proto.params.len() as u32);
        Self { closure: proto.function, proto: address, exact: proto.exact, short }
    }
}

/// What stands behind a function's constants.
#[derive(PartialEq, Eq)]
enum Extra {
    /// The cell of a global slot.
    Global(u16),
    /// The cell of a foreign slot.
    Foreign(u64),
    /// A function that is called directly: its closure and its [`Proto`].
    Direct { closure: u64, proto: u64 },
    /// A native that is called directly: the address of its definition.
    Native(u64),
}

impl Linker<'_> {
    fn fill(mut self, proto: &mut Proto) -> Result<(), String> {
        let mut names = Vec::new();
        let mut constants = Vec::with_capacity(self.function.constants.len() + 1);
        constants
            .push(Raw { tag: (&raw const *proto).addr() as u64, bits: proto.module.addr() as u64 });
        for constant in &self.function.constants {
            constants.push(self.constant(constant, &mut names)?);
        }
        let mut words = self.function.code.clone();
        let (mut sites, mut starts) = (Vec::new(), Vec::new());
        let mut at = 0;
        while at < words.len() {
            let length = effects::extension_len(&words[at..])
                .ok_or_else(|| format!("bad instruction at {at}"))?;
            self.note_handle_type(words[at], at);
            self.instruction(&mut words[at..=at + length], &constants, &mut sites)?;
            starts.push(at);
            at += length + 1;
        }
        Self::fuse(&mut words, &starts);
        constants.extend(self.extras.iter().map(|extra| match *extra {
            Extra::Global(slot) => Raw { tag: tag::ABSENT, bits: slot.into() },
            Extra::Foreign(index) => Raw { tag: tag::ABSENT, bits: FOREIGN | index },
            Extra::Direct { closure, proto } => Raw { tag: closure, bits: proto },
            Extra::Native(native) => Raw { tag: native, bits: 0 },
        }));
        proto.names = names.into();
        proto.sites = sites.into();
        proto.handle_types = std::mem::take(&mut self.handle_types).into();
        proto.foreign = self.foreign.into();
        proto.words = words.into_iter().map(CodeWord::from).collect();
        proto.code = proto.words.as_ptr().cast();
        proto.table = constants.into_iter().map(Cell::from).collect();
        proto.constants = proto.table[1..].as_ptr().cast();
        Ok(())
    }

    fn constant(
        &mut self,
        constant: &Constant,
        names: &mut Vec<Box<[Box<str>]>>,
    ) -> Result<Raw, String> {
        Ok(match constant {
            &Constant::Int(int) => Raw::int(int),
            &Constant::Float(float) => Raw::float(float),
            Constant::Str(text) => self.vm.units.text(text),
            Constant::Names(list) => {
                names.push(list.clone());
                Raw::int(names.len() as i64 - 1)
            }
            &Constant::Function(index) => match self.functions.get(index as usize) {
                Some(known) if known.closure.is_heap() => known.closure,
                _ => return Err(format!("function {index} is no constant")),
            },
            &Constant::Type(ty) => self.linked_type(ty)?.value,
            &Constant::Variant { ty, variant } => {
                self.linked_type(ty)?.variants.get(variant as usize).ok_or("no such variant")?.value
            }
            &Constant::UnitVariant { ty, variant } => {
                let variant = self.linked_type(ty)?.variants.get(variant as usize);
                variant.and_then(|variant| variant.unit).ok_or("no such value of a variant")?
            }
            Constant::Foreign { module, name } => self.foreign(module, name)?,
            Constant::Builtin(name) => {
                let value =
                    self.vm.builtin(name).ok_or_else(|| format!("unknown name `{name}`"))?;
                self.vm.units.hold(value)
            }
            Constant::Member { module, name } => {
                let value = self.vm.member(module, name);
                let value =
                    value.ok_or_else(|| format!("module `{module}` has no member `{name}`"))?;
                self.vm.units.hold(value)
            }
        })
    }

    fn linked_type(&self, index: u32) -> Result<&LinkedType, &'static str> {
        self.types.get(index as usize).ok_or("no such type")
    }

    /// Links an instruction, given with its extension words.
    fn instruction(
        &mut self,
        words: &mut [Word],
        constants: &[Raw],
        sites: &mut Vec<CallSite>,
    ) -> Result<(), String> {
        let (word, ext) = words.split_first_mut().ok_or("no instruction")?;
        let op = Op::from_code(word.op).ok_or("unknown operation")?;
        let constant = |index: u32| constants.get(index as usize + 1).copied().ok_or("no constant");
        for (operand, field) in
            op.operands().into_iter().zip([&mut word.a, &mut word.b, &mut word.c])
        {
            match operand {
                Operand::R | Operand::W | Operand::M | Operand::X => *field = scaled(*field)?,
                Operand::None
                | Operand::K
                | Operand::K32
                | Operand::I
                | Operand::I32
                | Operand::N
                | Operand::J
                | Operand::J32 => {}
            }
        }
        match op {
            Op::Closure | Op::Slice => word.c = scaled(word.c)?,
            Op::NewList | Op::NewMap | Op::NewRange | Op::Concat => word.b = scaled(word.b)?,
            Op::LoadConst => {
                let raw = constant(word.wide_u32())?;
                // SAFETY: constants are kept alive by the VM.
                let counted = !rc::is_uncounted(unsafe { Owned::borrow_raw(&raw) });
                word.flags = if counted { DIRECT } else { 0 };
            }
            Op::GetGlobal => self.get_global(word),
            Op::GetForeign => self.get_foreign(word, constant(word.b.into())?),
            Op::CallConst => self.call_const(word, constant(word.b.into())?),
            Op::IsType => {
                let name = self.text(u32::from(word.c))?;
                let (low, high) = tags_of_type(name).unwrap_or((tag::HANDLE, tag::HANDLE));
                word.c = low as u16 | (high as u16) << 8;
            }
            Op::NewRecord => {
                if constant(word.b.into())?.tag != tag::TYPE {
                    return Err("a record of what is no type".into());
                }
                ext[0].a = scaled(ext[0].a)?;
            }
            Op::CallWith | Op::CallPlaces => {
                let names = match ext[0].argument_names() {
                    Some(index) => constant(index.into())?.bits as u32,
                    None => 0,
                };
                let flags = u8::from(ext[0].argument_names().is_some());
                ext[0] = extension(0, flags, word.a, names);
                if let [_, count, words @ ..] = ext {
                    count.a = word.a;
                    places(words, word.a)?;
                    let words: &[Word] = words;
                    if flags == 0 && word.flags & op::SPREAD == 0 && are_plain_places(words) {
                        word.flags |= PLAIN;
                    }
                }
            }
            Op::CallMethod => {
                let name = ext[2];
                let symbol = self.vm.symbols.intern(self.text(name.wide_u32())?);
                let detail = match name.argument_names() {
                    Some(index) => {
                        sites.push(CallSite { symbol, names: constant(index.into())?.bits as u32 });
                        sites.len() as u32 - 1
                    }
                    None => symbol.0,
                };
                let flags = u8::from(name.argument_names().is_some());
                ext[0].a = scaled(ext[0].a)?;
                ext[2] = extension(0, flags, word.a, detail);
                let own = usize::from(ext[0].flags);
                let (path, handed) = ext[METHOD_WORDS..].split_at_mut(own);
                steps(path, word.a)?;
                places(handed, word.a)?;
                if flags == 0 && word.flags & op::SPREAD == 0 && handed.is_empty() {
                    word.flags |= PLAIN;
                }
            }
            Op::GetField
            | Op::SetField
            | Op::GetPath
            | Op::SetPath
            | Op::PathVacant
            | Op::PlaceStart
            | Op::PlaceTake
            | Op::PlaceBack => steps(ext, 0)?,
            Op::UpdatePath => steps(&mut ext[1..], 0)?,
            Op::Select => {
                for arm in &mut *ext {
                    arm.a = scaled(arm.a)?;
                    if arm.op == Arm::Send as u8 {
                        arm.b = scaled(arm.b)?;
                    }
                    if arm.flags & 1 != 0 {
                        arm.c = scaled(arm.c)?;
                    }
                }
            }
            _ => {}
        }
        let below = |register: u16| {
            // What a call borrows must not lie in the frame of the callee.
            if register < word.a { Ok(()) } else { Err("a call borrows from its callee's frame") }
        };
        match op {
            Op::Call | Op::CallWith => below(word.b)?,
            Op::CallPlaces => {
                below(word.b)?;
                borrowed_below(&ext[2..], below)?;
            }
            Op::CallMethod => {
                below(ext[0].a)?;
                let (path, handed) = ext[METHOD_WORDS..].split_at(usize::from(ext[0].flags));
                path_below(path, below)?;
                borrowed_below(handed, below)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Fuses jumps back to loops with the turn of the loop.
    fn fuse(words: &mut [Word], starts: &[usize]) {
        for &at in starts {
            let word = words[at];
            if word.op != Op::JumpBack as u8 {
                continue;
            }
            let target = (at as i64 + 1 + i64::from(word.wide_i32())) as usize;
            let turn = words[target];
            words[at].op = match Op::from_code(turn.op) {
                Some(Op::RangeLoop) => JUMP_BACK_RANGE,
                Some(Op::IterNext) => JUMP_BACK_ITER,
                _ => continue,
            };
            (words[at].a, words[at].flags) = (turn.a, turn.flags);
        }
    }

    fn get_global(&mut self, word: &mut Word) {
        match self.extra(Extra::Global(word.b)) {
            Some(index) if !self.session => word.b = index,
            _ => word.flags |= DIRECT,
        }
    }

    /// What a name of another module stands for: a constant, or the number of a foreign slot.
    fn foreign(&mut self, module: &str, name: &str) -> Result<Raw, String> {
        let found = self.vm.files.member(module, name);
        Ok(match found.ok_or_else(|| format!("module `{module}` has no member `{name}`"))? {
            Foreign::Constant(value) => self.vm.units.keep(value).into_raw(),
            Foreign::Slot(slot) => {
                self.foreign.push(slot);
                Raw::int(self.foreign.len() as i64 - 1)
            }
        })
    }

    fn get_foreign(&mut self, word: &mut Word, slot: Raw) {
        if let Some(index) = self.extra(Extra::Foreign(slot.bits)) {
            (word.op, word.b, word.flags) = (Op::GetGlobal as u8, index, 0);
        }
    }

    /// Turns the call of a known function with the right number of arguments into a direct one.
    fn call_const(&mut self, word: &mut Word, callee: Raw) {
        let (closure, known) = match self.function.constants.get(word.b as usize) {
            Some(Constant::Function(index)) => {
                let known = &self.functions[*index as usize];
                (known.closure, *known)
            }
            Some(Constant::Foreign { .. }) if callee.tag == tag::FUNCTION => {
                // SAFETY: functions of other modules are immortal, and so is their code.
                let proto = unsafe { &*proto_of_closure(callee) };
                (callee, Known::new(proto))
            }
            _ => {
                // SAFETY: constants are kept as long as the VM lives.
                let native = match unsafe { Owned::borrow_raw(&callee) }.view() {
                    View::Native(native) => native.downcast::<NativeDef>(),
                    _ => None,
                };
                let address = native.map(|native| std::ptr::from_ref(native).expose_provenance());
                if let Some(index) = address.and_then(|at| self.extra(Extra::Native(at as u64))) {
                    (word.op, word.b) = (CALL_NATIVE, index);
                }
                return;
            }
        };
        let given = u32::from(word.c);
        let op = if known.exact == given { CALL_DIRECT } else { CALL_SHORT };
        if known.exact == given || (known.short.0..=known.short.1).contains(&given) {
            let direct = Extra::Direct { closure: closure.bits, proto: known.proto };
            if let Some(index) = self.extra(direct) {
                (word.op, word.b) = (op, index);
            }
        }
    }

    /// The index of something behind the constants, if that is small enough.
    fn extra(&mut self, extra: Extra) -> Option<u16> {
        let at = self.extras.iter().position(|known| *known == extra).unwrap_or(self.extras.len());
        let index = u16::try_from(self.function.constants.len() + at).ok()?;
        if at == self.extras.len() {
            self.extras.push(extra);
        }
        Some(index)
    }

    /// Notes a test for a type that only handles may have.
    fn note_handle_type(&mut self, word: Word, at: usize) {
        let is_handle = |name: &str| tags_of_type(name).is_none();
        if word.op == Op::IsType as u8 && self.text(word.c.into()).is_ok_and(is_handle) {
            self.handle_types.push((at as u32, word.c));
        }
    }

    fn text(&self, index: u32) -> Result<&str, String> {
        match self.function.constants.get(index as usize) {
            Some(Constant::Str(text)) => Ok(text),
            _ => Err(format!("constant {index} is no text")),
        }
    }
}

/// A register operand in bytes.
fn scaled(register: u16) -> Result<u16, String> {
    register.checked_mul(SLOT as u16).ok_or_else(|| "the function needs too many registers".into())
}

/// The lowest and the highest tag of the type that `type(v)` calls `name`.
fn tags_of_type(name: &str) -> Option<(u64, u64)> {
    let mut tags = (0..tag::END).filter(|&tag| tag != tag::ABSENT && tag::name(tag) == name);
    let low = tags.next()?;
    Some((low, tags.next_back().unwrap_or(low)))
}

fn extension(op: u8, flags: u8, a: u16, wide: u32) -> Word {
    Word { op, flags, a, b: wide as u16, c: (wide >> 16) as u16 }
}
