//! What the compiler hands to the VM: functions, their constants, and the tables beside the code.

use crate::source::{Source, Span};

use super::op::Op;

/// One word of code: an instruction, or an extension word of the one before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C, align(8))]
pub struct Word {
    /// The operation's code; in an extension word whatever the operation says.
    pub op: u8,
    /// `KILL_A` and its kin.
    pub flags: u8,
    /// First operand.
    pub a: u16,
    /// Second operand, or the low half of a wide one.
    pub b: u16,
    /// Third operand, or the high half of a wide one.
    pub c: u16,
}

impl Word {
    /// An instruction of three operands.
    pub fn abc(op: Op, a: u16, b: u16, c: u16) -> Self {
        Self { op: op as u8, flags: 0, a, b, c }
    }

    /// An instruction with a wide operand in place of `b` and `c`.
    pub fn wide(op: Op, a: u16, wide: u32) -> Self {
        Self { op: op as u8, flags: 0, a, b: wide as u16, c: (wide >> 16) as u16 }
    }

    /// The wide operand, unsigned.
    pub fn wide_u32(self) -> u32 {
        u32::from(self.b) | u32::from(self.c) << 16
    }

    /// The wide operand, signed.
    pub fn wide_i32(self) -> i32 {
        self.wide_u32() as i32
    }

    /// Path step: the index in register `register`.
    pub fn step_index(register: u16) -> Self {
        Self { op: Step::INDEX, flags: 0, a: register, b: 0, c: 0 }
    }

    /// Path step: the field whose name is constant `name`.
    pub fn step_field(name: u32) -> Self {
        Self { op: Step::FIELD, flags: 0, a: 0, b: name as u16, c: (name >> 16) as u16 }
    }

    /// Reads a path step.
    pub fn step(self) -> Step {
        if self.op == Step::INDEX { Step::Index(self.a) } else { Step::Field(self.wide_u32()) }
    }

    /// Extension word 1 of `CallMethod`; `places` is how many places are among the arguments. The
    /// receiver's path stands after word 3, the places after that.
    pub fn receiver(kind: Receiver, root: u16, steps: u8, places: u16) -> Self {
        Self { op: kind as u8, flags: steps, a: root, b: places, c: 0 }
    }

    /// Extension word 2 of `CallPlaces`: how many places follow.
    pub fn places(count: u16) -> Self {
        Self { op: 0, flags: 0, a: 0, b: count, c: 0 }
    }

    /// The start of a place among arguments: the register `root`, what may be done with it, the
    /// number of path steps that follow, and which argument it is (counted from 0, without the
    /// receiver).
    pub fn place_root(kind: Receiver, root: u16, steps: u8, argument: u16) -> Self {
        Self { op: kind as u8, flags: steps, a: 0, b: root, c: argument }
    }

    /// Extension word 2 of `CallMethod`: where the VM remembers what it called.
    pub fn cache() -> Self {
        Self { op: 0, flags: 0, a: 0, b: 0, c: 0 }
    }

    /// Extension word of `CallWith` and extension word 3 of `CallMethod`: the method's name
    /// (constant index, 0 for `CallWith`) and the constant index of the argument names.
    pub fn names(method: u32, names: Option<u16>) -> Self {
        Self {
            op: 0,
            flags: u8::from(names.is_some()),
            a: names.unwrap_or(0),
            b: method as u16,
            c: (method >> 16) as u16,
        }
    }

    /// The constant index of the argument names of a word made by [`Word::names`].
    pub fn argument_names(self) -> Option<u16> {
        (self.flags != 0).then_some(self.a)
    }
}

/// One step of a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// `[register]`
    Index(u16),
    /// `.name`, the constant's index
    Field(u32),
}

impl Step {
    const INDEX: u8 = 0;
    const FIELD: u8 = 1;
}

/// How many extension words of `CallMethod` stand before the path of the receiver.
pub const METHOD_WORDS: usize = 3;

/// What stands before the dot of a method call: whether it may be changed, and if not, why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Receiver {
    /// A place whose root is a `var`: may be changed.
    Var,
    /// A value that nothing names: a change would be lost.
    Temporary,
    /// Rooted in a `let`.
    Let,
    /// Rooted in a parameter without `mut`.
    Parameter,
    /// Rooted in a captured variable.
    Captured,
    /// Rooted in a name bound by `for`, a pattern or `catch`.
    Bound,
}

impl Receiver {
    /// The kind with this code.
    pub fn from_code(code: u8) -> Option<Self> {
        use Receiver as R;
        [R::Var, R::Temporary, R::Let, R::Parameter, R::Captured, R::Bound]
            .get(code as usize)
            .copied()
    }
}

/// What an arm of a `select` waits for: the `op` of its extension word. `a` is the register of the
/// channel, thread or duration, `b` that of the value to send, and `flags` 1 means that `c` is the
/// register of a guard. All are consumed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Arm {
    /// Receive from a channel.
    Recv,
    /// Send to a channel.
    Send,
    /// Join a thread.
    Join,
    /// `after` a duration.
    After,
    /// `else`
    Else,
}

impl Arm {
    /// The kind with this code.
    pub fn from_code(code: u8) -> Option<Self> {
        [Self::Recv, Self::Send, Self::Join, Self::After, Self::Else].get(code as usize).copied()
    }
}

/// A constant of a function.
#[derive(Clone, PartialEq, Debug)]
pub enum Constant {
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string: a literal, or the name of a field, method, type or format.
    Str(Box<str>),
    /// Names of the named arguments of a call, in the order of their registers.
    Names(Box<[Box<str>]>),
    /// A function of this unit that captures nothing.
    Function(u32),
    /// Type `0` of this unit, as a value.
    Type(u32),
    /// A variant of an enum of this unit, as a type.
    Variant {
        /// The enum, an index of the unit's types.
        ty: u32,
        /// The variant, counted from 0.
        variant: u32,
    },
    /// The value of a variant without fields of an enum of this unit.
    UnitVariant {
        /// The enum, an index of the unit's types.
        ty: u32,
        /// The variant, counted from 0.
        variant: u32,
    },
    /// A name of another file's module.
    Foreign {
        /// The module, by the name under which it was compiled.
        module: Box<str>,
        /// A function or a type, or a `let` (for `GetForeign`).
        name: Box<str>,
    },
    /// A name that is built in everywhere (`print`).
    Builtin(Box<str>),
    /// A member of a standard module (`math.sqrt`).
    Member {
        /// The module's name.
        module: Box<str>,
        /// The member's name.
        name: Box<str>,
    },
}

/// A parameter of a function.
#[derive(Clone, PartialEq, Debug)]
pub struct Parameter {
    /// Its name, for named arguments and messages.
    pub name: Box<str>,
    /// It may be left out.
    pub optional: bool,
    /// It takes all further positional arguments as a list.
    pub rest: bool,
    /// It is `mut`: the call hands over a place.
    pub mutable: bool,
}

/// How many parameters from the first on may be `mut`.
pub const MAX_PLACES: usize = 32;

/// Where a throw goes. Of several that cover an instruction the first in the list counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handler {
    /// The first word covered.
    pub start: u32,
    /// Just past the last word covered.
    pub end: u32,
    /// Where to go on.
    pub target: u32,
    /// The register that gets the error; it is dead before.
    pub register: u16,
    /// True for `defer` and `scope`, which also see what cannot be caught.
    pub cleanup: bool,
}

/// Which registers are owned where: for unwinding, and for ending a thread.
///
/// `owned(pc)` is the set of registers that hold owned values when the instruction at `pc` has
/// thrown or is suspended: those owned before it less those it consumes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LiveMap {
    /// `(pc, set)`: from this pc on the set counts that stands there, until the next entry.
    pub runs: Vec<(u32, u32)>,
    /// The sets one after the other: how many registers, and their numbers in order.
    sets: Vec<u16>,
}

impl LiveMap {
    /// Adds a set of registers; gives where it stands, for the runs.
    pub fn add_set(&mut self, registers: impl Iterator<Item = u16>) -> u32 {
        let at = self.sets.len();
        self.sets.push(0);
        self.sets.extend(registers);
        self.sets[at] = (self.sets.len() - at - 1) as u16;
        at as u32
    }

    /// The owned registers at `pc`.
    pub fn owned(&self, pc: u32) -> &[u16] {
        match self.runs.partition_point(|&(start, _)| start <= pc).checked_sub(1) {
            Some(i) => {
                let at = self.runs[i].1 as usize;
                &self.sets[at + 1..][..usize::from(self.sets[at])]
            }
            None => &[],
        }
    }
}

/// A compiled function.
#[derive(Clone, PartialEq, Debug)]
pub struct Function {
    /// Its name for traces: `main`, `area`, `lambda`.
    pub name: Box<str>,
    /// Its parameters, which are its first registers.
    pub parameters: Vec<Parameter>,
    /// How many registers it needs.
    pub registers: u16,
    /// How many values a closure of it captures.
    pub captures: u16,
    /// The code.
    pub code: Vec<Word>,
    /// The constants.
    pub constants: Vec<Constant>,
    /// `(pc, span)`: from this pc on the code comes from that piece of the source.
    pub spans: Vec<(u32, Span)>,
    /// Handlers, inner ones first.
    pub handlers: Vec<Handler>,
    /// Owned registers.
    pub live: LiveMap,
    /// Where it is declared.
    pub span: Span,
    /// The `## ` lines above it.
    pub doc: Option<Box<str>>,
}

impl Function {
    /// A function without code: what stands for one that could not be compiled.
    pub(crate) fn empty() -> Self {
        Self {
            name: "".into(),
            parameters: Vec::new(),
            registers: 0,
            captures: 0,
            code: Vec::new(),
            constants: Vec::new(),
            spans: Vec::new(),
            handlers: Vec::new(),
            live: LiveMap::default(),
            span: Span::default(),
            doc: None,
        }
    }

    /// The piece of source that the instruction at `pc` comes from.
    pub fn span_at(&self, pc: u32) -> Span {
        match self.spans.partition_point(|&(start, _)| start <= pc).checked_sub(1) {
            Some(i) => self.spans[i].1,
            None => self.span,
        }
    }

    /// The number of arguments that must be given.
    pub fn required(&self) -> usize {
        self.parameters.iter().filter(|p| !p.optional && !p.rest).count()
    }

    /// The parameters that are `mut`: bit `i` for parameter `i`.
    pub fn places(&self) -> u32 {
        places_of(&self.parameters)
    }

    /// True when the last parameter takes all further arguments.
    pub fn has_rest(&self) -> bool {
        self.parameters.last().is_some_and(|p| p.rest)
    }
}

/// The parameters that are `mut`: bit `i` for parameter `i`.
pub(crate) fn places_of(parameters: &[Parameter]) -> u32 {
    let first = parameters.iter().take(MAX_PLACES).enumerate();
    first.filter(|(_, p)| p.mutable).fold(0, |mask, (i, _)| mask | 1 << i)
}

/// A struct or enum of a unit.
#[derive(Clone, PartialEq, Debug)]
pub struct TypeDecl {
    /// Its name.
    pub name: Box<str>,
    /// What it is made of.
    pub body: TypeBody,
    /// Its functions, methods and operators in order.
    pub functions: Vec<TypeFunction>,
    /// In a session: the module slot of its name.
    pub slot: Option<u16>,
    /// Where it is declared.
    pub span: Span,
    /// The `## ` lines above it.
    pub doc: Option<Box<str>>,
}

/// What a type is made of.
#[derive(Clone, PartialEq, Debug)]
pub enum TypeBody {
    /// A struct.
    Struct {
        /// The names of its fields in order.
        fields: Vec<Box<str>>,
        /// The function of the unit that makes a value of its fields.
        constructor: u32,
    },
    /// An enum: its variants in order.
    Enum(Vec<VariantDecl>),
}

/// A variant of an enum.
#[derive(Clone, PartialEq, Debug)]
pub struct VariantDecl {
    /// Its name.
    pub name: Box<str>,
    /// The names of its fields in order.
    pub fields: Vec<Box<str>>,
    /// The function of the unit that makes a value of its fields; none when there are none.
    pub constructor: Option<u32>,
}

/// A function of a type.
#[derive(Clone, PartialEq, Debug)]
pub struct TypeFunction {
    /// Its name, or the operator as it is written: `push`, `+`, `[]`, `str`.
    pub name: Box<str>,
    /// The function of the unit; it captures nothing.
    pub function: u32,
    /// Its first parameter is `self`; else it is called on the type.
    pub takes_self: bool,
}

/// What a module-level name is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GlobalKind {
    /// `let`, or an import: set once.
    Let,
    /// `fn`
    Fn,
    /// A struct or enum of a session: set when the text is linked.
    Type,
    /// `var` of a session: each line moves it out and back.
    Var,
}

/// A module-level name: its slot is its index.
#[derive(Clone, PartialEq, Debug)]
pub struct Global {
    /// The name.
    pub name: Box<str>,
    /// What it is.
    pub kind: GlobalKind,
}

/// A compiled source text.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Where it comes from.
    pub source: Source,
    /// Its functions; the first is its top-level code, without parameters.
    pub functions: Vec<Function>,
    /// Its structs and enums.
    pub types: Vec<TypeDecl>,
    /// All module-level names; in a session those of earlier lines come first, in their slots.
    pub globals: Vec<Global>,
}
