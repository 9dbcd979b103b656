//! One function being compiled: its registers, names, code so far, and what surrounds a statement.
//!
//! Registers are a stack: parameters first, then locals where they are declared, then temporaries.
//! Captured values, and those of module-level `let`s that are only looked at, get registers of their
//! own between parameters and locals, but only once the whole body has been seen; until then they are
//! numbered from [`CAPTURE_BASE`] on. What these registers hold is borrowed: from the closure, or from
//! the module.
//!
//! The body of a `spawn` is no closure: whoever starts the thread gives it the captured values as
//! arguments. They are its parameters, and its own.

use std::rc::Rc;

use super::constants::Constants;
use crate::ast;
use crate::bytecode::draft::{Draft, Ins, Label, Loan, Region, Words};
use crate::bytecode::effects::{Access, visit_registers};
use crate::bytecode::op::{BORROWED, Operand};
use crate::bytecode::{Constant, METHOD_WORDS, Op, Parameter, Receiver, Step, Word, places_of};
use crate::source::Span;

/// A register.
pub(super) type Reg = u16;

/// The most registers a function may use: operands are scaled to 16-bit byte offsets.
pub(super) const MAX_REGISTERS: u16 = 4000;

/// Registers from here on stand for captured values until the function is finished.
pub(super) const CAPTURE_BASE: Reg = 0x8000;

/// What a local name stands for: decides what may be done with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LocalKind {
    Var,
    Let,
    Parameter,
    Captured,
    Bound,
}

impl LocalKind {
    pub(super) fn receiver(self) -> Receiver {
        match self {
            Self::Var => Receiver::Var,
            Self::Let => Receiver::Let,
            Self::Parameter => Receiver::Parameter,
            Self::Captured => Receiver::Captured,
            Self::Bound => Receiver::Bound,
        }
    }
}

/// A name in scope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local<'a> {
    pub(super) name: &'a str,
    pub(super) reg: Reg,
    pub(super) kind: LocalKind,
    /// It was bound to the literal of a list, map or string: what its methods are is known.
    pub(super) is_literal: bool,
}

/// Where a captured value comes from, seen from the function that makes the closure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CaptureFrom {
    /// A register of the enclosing function.
    Register(Reg),
    /// The closure itself: a local function that calls itself.
    Itself,
    /// A slot of the module. It may not be set yet, so it is fetched where it is used.
    Module(u16),
}

/// A captured name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Capture<'a> {
    pub(super) name: &'a str,
    pub(super) from: CaptureFrom,
}

impl Capture<'_> {
    /// The register that holds it in the enclosing function: what has none is found anew.
    pub(super) fn held(&self) -> Option<Reg> {
        match self.from {
            CaptureFrom::Register(reg) => Some(reg),
            CaptureFrom::Itself | CaptureFrom::Module(_) => None,
        }
    }
}

/// What `break`, `continue`, `return` pass on their way out.
#[derive(Clone, Debug)]
pub(super) enum Control<'a> {
    Loop {
        /// Where `continue` goes.
        next: Label,
        /// Where `break` goes.
        exit: Label,
        /// Where `break v` puts its value: `loop` only.
        result: Option<Reg>,
        /// It is a `loop`.
        takes_value: bool,
        /// The region around it.
        region: Option<u32>,
    },
    /// A `defer`: runs on the way out. `names` is how many locals it sees.
    Defer { body: &'a ast::Stmt<'a>, names: usize, region: Option<u32> },
    /// A `scope`: waits on the way out.
    Scope { region: Option<u32> },
    /// A turn of `for &x in`: puts the element back on the way out.
    Place { back: Rc<PlaceBack>, region: Option<u32> },
    /// The inside of a `defer`: nothing may leave it.
    Barrier,
}

/// Where a turn of `for &x in` puts its element back.
#[derive(Debug)]
pub(super) struct PlaceBack {
    /// The register of the position; the element stands in the next one.
    pub(super) position: Reg,
    /// The register of the place's root, and the path from there.
    pub(super) root: Reg,
    pub(super) steps: Vec<Word>,
    /// Flags of the instruction.
    pub(super) flags: u8,
}

/// A function being compiled.
#[derive(Default, Debug)]
pub(super) struct Func<'a> {
    pub(super) name: Box<str>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) span: Span,
    pub(super) doc: Option<Box<str>>,
    /// Its own name, when a local function can call itself by it.
    pub(super) own_name: Option<&'a str>,
    /// A named top-level function: it cannot see the variables of the top-level code.
    pub(super) is_item: bool,
    /// The type whose function it is.
    pub(super) owner: Option<&'a str>,
    pub(super) locals: Vec<Local<'a>>,
    pub(super) controls: Vec<Control<'a>>,
    pub(super) captures: Vec<Capture<'a>>,
    /// It is called with what it has captured, so it needs no closure.
    pub(super) is_given: bool,
    pub(super) region: Option<u32>,
    /// How many defers around here run inside one another.
    pub(super) defer_depth: u32,
    pub(super) top: Reg,
    /// Names that this block and those around it declare further down.
    pub(super) later: Vec<(&'a str, Span)>,
    most: Reg,
    pub(super) draft: Draft,
    /// Where the last label was placed.
    last_label: usize,
    pub(super) constants: Constants,
    /// Where the tests of patterns that have to fit go when those do not.
    mismatches: Vec<Mismatch>,
    pub(super) span_now: Span,
    /// Registers were asked for that there are not.
    overflow: bool,
}

/// How much of a function has been written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stand {
    code: usize,
    mismatches: usize,
}

/// A value that does not fit where it has to, and where that throws.
#[derive(Clone, Copy, Debug)]
struct Mismatch {
    label: Label,
    value: Reg,
    span: Span,
    region: Option<u32>,
}

impl<'a> Func<'a> {
    /// A function without code yet. It takes over the room of one that is `finished`.
    pub(super) fn new(name: &str, span: Span, finished: Self) -> Self {
        let Self { mut locals, mut controls, mut captures, mut later, .. } = finished;
        let Self { mut draft, mut mismatches, constants, .. } = finished;
        locals.clear();
        controls.clear();
        captures.clear();
        later.clear();
        draft.clear();
        mismatches.clear();
        Self {
            name: name.into(),
            span,
            span_now: span,
            last_label: usize::MAX,
            locals,
            controls,
            captures,
            later,
            draft,
            constants,
            mismatches,
            ..Self::default()
        }
    }

    // Registers.

    /// A new register on top.
    pub(super) fn alloc(&mut self) -> Reg {
        self.alloc_n(1)
    }

    /// `n` new registers on top; the first.
    pub(super) fn alloc_n(&mut self, n: u16) -> Reg {
        let first = self.top;
        if first as usize + n as usize > MAX_REGISTERS as usize {
            self.overflow = true;
            self.top = 0;
            return self.alloc_n(n.min(MAX_REGISTERS / 2));
        }
        self.top += n;
        self.most = self.most.max(self.top);
        first
    }

    /// It needs more registers than there are, those of captured values among them.
    pub(super) fn overflows(&self) -> bool {
        self.overflow || usize::from(self.most) + self.captures.len() > usize::from(MAX_REGISTERS)
    }

    pub(super) fn declare(&mut self, name: &'a str, reg: Reg, kind: LocalKind) {
        if name != "_" {
            self.locals.push(Local { name, reg, kind, is_literal: false });
        }
    }

    /// The innermost local of that name.
    pub(super) fn local(&self, name: &str) -> Option<&Local<'a>> {
        self.locals.iter().rev().find(|l| l.name == name)
    }

    /// The register that stands for captured value `name`, noting it when it is new.
    pub(super) fn capture(&mut self, name: &'a str, from: CaptureFrom) -> Reg {
        let index = self.captures.iter().position(|c| c.name == name && c.from == from);
        let index = index.unwrap_or_else(|| {
            self.captures.push(Capture { name, from });
            self.captures.len() - 1
        });
        CAPTURE_BASE + index as u16
    }

    // Constants.

    pub(super) fn constant(&mut self, constant: Constant) -> u32 {
        self.constants.index(constant)
    }

    pub(super) fn string(&mut self, text: &str) -> u32 {
        self.constants.string(text)
    }

    /// A constant whose index has to fit a scaled 16-bit operand.
    pub(super) fn short_constant(&mut self, constant: Constant) -> Option<u16> {
        let index = self.constant(constant);
        (index < u32::from(MAX_REGISTERS)).then_some(index as u16)
    }

    // Code.

    pub(super) fn push(&mut self, op: Op, a: u16, b: u16, c: u16) -> &mut Ins {
        self.push_ins(Word::abc(op, a, b, c), op, &[], None)
    }

    pub(super) fn push_wide(&mut self, op: Op, a: u16, wide: u32) -> &mut Ins {
        self.push_ins(Word::wide(op, a, wide), op, &[], None)
    }

    pub(super) fn push_ext(&mut self, op: Op, a: u16, b: u16, c: u16, ext: &[Word]) -> &mut Ins {
        self.push_ins(Word::abc(op, a, b, c), op, ext, None)
    }

    /// `dest = object.name`, where the name is constant `name`.
    pub(super) fn get_field(&mut self, dest: Reg, object: Reg, name: u32) {
        self.push_ext(Op::GetField, dest, object, 0, &[Word::step_field(name)]);
    }

    /// The instruction pushed last.
    pub(super) fn last(&mut self) -> &mut Ins {
        let last = self.draft.code.len() - 1;
        &mut self.draft.code[last]
    }

    /// A jump; `b` is the second operand of compare-and-jump instructions.
    pub(super) fn jump(&mut self, op: Op, a: u16, b: u16, target: Label) {
        self.push_ins(Word::abc(op, a, b, 0), op, &[], Some(target));
    }

    fn push_ins(&mut self, word: Word, op: Op, ext: &[Word], target: Option<Label>) -> &mut Ins {
        let ext = Words::append(&mut self.draft.words, ext);
        let ins = Ins { op, word, ext, target, span: self.span_now, region: self.region };
        self.draft.code.push(ins);
        self.last()
    }

    /// The value in a register does not fit its pattern: `label` is where the tests jump. What
    /// happens there stands at the end of the function, out of the way.
    pub(super) fn mismatch(&mut self, label: Label, value: Reg, span: Span) {
        self.mismatches.push(Mismatch { label, value, span, region: self.region });
    }

    /// Writes what the mismatches come to, after the last instruction of the function.
    pub(super) fn push_mismatches(&mut self) {
        for Mismatch { label, value, span, region } in std::mem::take(&mut self.mismatches) {
            (self.span_now, self.region) = (span, region);
            self.place(label);
            self.push(Op::MatchError, value, 1, 0);
        }
    }

    /// Returns what a register holds, and with it the `mut` parameters.
    pub(super) fn push_return(&mut self, reg: Reg) {
        let places = places_of(&self.parameters);
        if places == 0 {
            self.push(Op::Ret, reg, 0, 0);
            return;
        }
        // The result has to be a value beside those that go back.
        let result = self.alloc();
        self.push(Op::Copy, result, reg, 0);
        self.push_ext(Op::RetPlaces, result, 0, 0, &[Word::wide(Op::RetPlaces, 0, places)]);
        self.top = result;
    }

    /// Returns nil, and the `mut` parameters.
    pub(super) fn push_return_nil(&mut self) {
        let places = places_of(&self.parameters);
        if places == 0 {
            self.push(Op::RetNil, 0, 0, 0);
            return;
        }
        let nil = self.alloc();
        self.push(Op::LoadNil, nil, 0, 0);
        self.push_ext(Op::RetPlaces, nil, 0, 0, &[Word::wide(Op::RetPlaces, 0, places)]);
        self.top = nil;
    }

    /// True when the next instruction cannot be reached from the one before.
    pub(super) fn is_dead_end(&self) -> bool {
        self.draft.code.last().is_some_and(|ins| ins.op.effects().ends)
            && self.last_label != self.draft.code.len()
    }

    pub(super) fn label(&mut self) -> Label {
        self.draft.labels.push(usize::MAX);
        Label(self.draft.labels.len() as u32 - 1)
    }

    pub(super) fn place(&mut self, label: Label) {
        self.draft.labels[label.0 as usize] = self.draft.code.len();
        self.last_label = self.draft.code.len();
    }

    pub(super) fn here(&mut self) -> Label {
        let label = self.label();
        self.place(label);
        label
    }

    /// Opens a region whose throws go to `handler`, with the error in `register`.
    pub(super) fn open_region(&mut self, handler: Label, register: Reg, cleanup: bool) {
        self.draft.regions.push(Region { handler, register, cleanup, parent: self.region });
        self.region = Some(self.draft.regions.len() as u32 - 1);
    }

    pub(super) fn close_region(&mut self) {
        if let Some(region) = self.region {
            self.region = self.draft.regions[region as usize].parent;
        }
    }

    /// How much has been written.
    pub(super) fn stand(&self) -> Stand {
        Stand { code: self.draft.code.len(), mismatches: self.mismatches.len() }
    }

    /// Makes the walk whose loop has just been written lend its elements, unless a turn needs one of
    /// its own, or they are read outside of the body. So what is only looked at is not counted.
    pub(super) fn lend_elements(&mut self, walk: Reg, body: Stand) {
        let loan = Loan { walk, body: body.code..self.draft.code.len() };
        let elements = loan.elements();
        let code = &self.draft.code;
        let is_taken = |i: usize| {
            let ins = &code[i];
            let mut taken = ins.op == Op::Copy && elements.contains(&ins.word.b);
            // A copy for the way out is no turn's.
            taken &= code.get(i + 1).is_none_or(|after| after.op != Op::Ret);
            visit_registers(
                ins.decoded(&self.draft.words),
                |_| 0,
                |r, access| taken |= access == Access::Take && elements.contains(&r),
            );
            taken
        };
        if !loan.body.clone().any(is_taken)
            && !self.mismatches[body.mismatches..].iter().any(|m| elements.contains(&m.value))
        {
            self.draft.code[body.code - 1].word.flags |= BORROWED;
            self.draft.loans.push(loan);
        }
    }

    /// Finishes the draft: captured values get their registers, and those that are not given are fetched
    /// first. Gives how many of them a closure holds.
    pub(super) fn finish(&mut self) -> u16 {
        let first = self.parameters.len() as u16;
        let shift = self.captures.len() as u16;
        if self.is_given {
            let given = self.captures.iter().filter(|capture| capture.held().is_some());
            self.parameters.extend(given.map(|capture| Parameter {
                name: capture.name.into(),
                optional: false,
                rest: false,
                mutable: false,
            }));
        }
        let parameters = self.parameters.len() as u16;
        let draft = &mut self.draft;
        draft.registers = self.most + shift;
        draft.parameters = parameters;
        draft.places = places_of(&self.parameters);
        draft.borrowed.extend(parameters..first + shift);
        if shift == 0 {
            draft.place_labels(0);
            return 0;
        }
        // The given ones are parameters, the others come behind.
        let (mut given, mut fetched) = (first, parameters);
        let mut register = |capture: &Capture<'_>| {
            let is_given = self.is_given && capture.held().is_some();
            let next = if is_given { &mut given } else { &mut fetched };
            *next += 1;
            *next - 1
        };
        let registers: Vec<Reg> = self.captures.iter().map(&mut register).collect();
        let map = |r: Reg| {
            if r >= CAPTURE_BASE {
                registers[usize::from(r - CAPTURE_BASE)]
            } else if r >= first {
                r + shift
            } else {
                r
            }
        };
        for ins in &mut draft.code {
            map_registers(ins, &mut draft.words, &map);
        }
        for region in &mut draft.regions {
            region.register = map(region.register);
        }
        for loan in &mut draft.loans {
            loan.walk = map(loan.walk);
        }
        let mut slot = 0;
        let fetches = self.captures.iter().zip(&registers).filter_map(|(capture, &register)| {
            let (op, from) = match capture.from {
                CaptureFrom::Itself => (Op::GetSelfFn, 0),
                CaptureFrom::Register(_) if self.is_given => return None,
                CaptureFrom::Register(_) => {
                    slot += 1;
                    (Op::GetCapture, slot - 1)
                }
                CaptureFrom::Module(_) => return None,
            };
            Some(Ins::plain(Word::abc(op, register, from, 0), op, self.span))
        });
        let before = draft.code.len();
        draft.code.splice(..0, fetches);
        let offset = draft.code.len() - before;
        draft.place_labels(offset);
        slot
    }
}

fn map_registers(ins: &mut Ins, words: &mut [Word], map: &impl Fn(Reg) -> Reg) {
    let is_register = |o: Operand| matches!(o, Operand::W | Operand::R | Operand::M | Operand::X);
    let [a, b, c] = ins.op.operands();
    if is_register(a) {
        ins.word.a = map(ins.word.a);
    }
    if is_register(b) || matches!(ins.op, Op::NewList | Op::NewMap | Op::NewRange | Op::Concat) {
        ins.word.b = map(ins.word.b);
    }
    if is_register(c) || matches!(ins.op, Op::Closure | Op::Slice) {
        ins.word.c = map(ins.word.c);
    }
    let ext = &mut words[ins.ext.range()];
    match ins.op {
        Op::CallMethod => {
            ext[0].a = map(ext[0].a);
            let steps = usize::from(ext[0].flags);
            let (path, places) = ext[METHOD_WORDS..].split_at_mut(steps);
            map_steps(path, map);
            map_places(places, map);
        }
        Op::CallPlaces => map_places(&mut ext[2..], map),
        Op::NewRecord => ext[0].a = map(ext[0].a),
        Op::GetPath
        | Op::SetPath
        | Op::PathVacant
        | Op::PlaceStart
        | Op::PlaceTake
        | Op::PlaceBack => map_steps(ext, map),
        Op::UpdatePath => map_steps(&mut ext[1..], map),
        Op::Select => {
            for arm in ext {
                (arm.a, arm.b, arm.c) = (map(arm.a), map(arm.b), map(arm.c));
            }
        }
        _ => {}
    }
}

fn map_places(mut words: &mut [Word], map: &impl Fn(Reg) -> Reg) {
    while let Some((root, rest)) = words.split_first_mut() {
        root.b = map(root.b);
        let (path, rest) = rest.split_at_mut(usize::from(root.flags));
        map_steps(path, map);
        words = rest;
    }
}

fn map_steps(words: &mut [Word], map: &impl Fn(Reg) -> Reg) {
    for word in words {
        if let Step::Index(register) = word.step() {
            *word = Word::step_index(map(register));
        }
    }
}
