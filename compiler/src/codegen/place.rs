//! Places: a root and a path of fields and indexes. Reading through a path, assigning to its end,
//! and what may change what.

use super::func::{LocalKind, Reg};
use super::names::Resolved;
use super::operators::binary_op;
use super::walk::may_write;
use super::{Code, Codegen, Dest, Item};
use crate::ModuleName;
use crate::ast::{AssignOp, Expr, ExprKind, Ident, Index};
use crate::bytecode::op::{INCLUSIVE, READ_ROOT};
use crate::bytecode::{Op, Receiver, Word};
use crate::source::Span;

/// The longest path: its steps are counted in 8 bits.
const MAX_STEPS: usize = 250;

/// A step as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum PathStep<'a> {
    Field(&'a Ident<'a>),
    Index(&'a Expr<'a>),
}

/// A root with its path, ready for an instruction.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) root: Reg,
    pub(super) kind: Receiver,
    pub(super) steps: Vec<Word>,
}

/// Takes an expression apart into its root and the steps from there. A slice, a `?.` and anything
/// else that makes a new value is a root.
pub(super) fn path_of<'e>(e: &'e Expr<'e>) -> (&'e Expr<'e>, Vec<PathStep<'e>>) {
    let mut steps = Vec::new();
    let mut at = e;
    loop {
        match &at.kind {
            ExprKind::Field { object, name, optional: false } => {
                steps.push(PathStep::Field(name));
                at = object;
            }
            ExprKind::Index { object, index } => match &**index {
                Index::At(i) if !matches!(i.kind, ExprKind::Range { .. }) => {
                    steps.push(PathStep::Index(i));
                    at = object;
                }
                Index::At(_) | Index::Open { .. } => break,
            },
            ExprKind::Paren(inner) if steps.is_empty() && std::ptr::eq(at, e) => at = inner,
            _ => break,
        }
    }
    steps.reverse();
    (at, steps)
}

/// The most registers that a place takes in [`Codegen::changeable_place`].
pub(super) fn slots_of(e: &Expr) -> u16 {
    let (_, steps) = path_of(e);
    1 + steps.iter().filter(|step| matches!(step, PathStep::Index(_))).count() as u16
}

/// The name of the variable at a root.
pub(super) fn root_name<'e>(root: &Expr<'e>) -> Option<&'e str> {
    match &root.kind {
        ExprKind::Name(name) => Some(name),
        ExprKind::SelfRef => Some("self"),
        _ => None,
    }
}

/// True when the path may lead through a cell: what stands before that is only read.
fn has_value_step(steps: &[PathStep<'_>]) -> bool {
    steps.iter().any(|step| matches!(step, PathStep::Field(name) if name.name == "value"))
}

impl<'a> Codegen<'a> {
    /// The place that `e` names, about to be changed, and the flags of the instructions that do it;
    /// or reports why it cannot be changed. `after` as for [`Self::place`].
    pub(super) fn changeable_place(
        &mut self,
        e: &'a Expr,
        verb: &str,
        after: impl Fn() -> bool,
        slots: &mut Option<Reg>,
    ) -> Option<(Place, u8)> {
        let (root, steps) = path_of(e);
        let name = root_name(root);
        let is_var = name.is_some_and(|name| {
            matches!(self.resolve(name), Resolved::Local { kind: LocalKind::Var, .. })
        });
        if is_var {
            return Some((self.place_in(e, after, slots), 0));
        }
        if has_value_step(&steps) {
            return Some((self.place_in(e, after, slots), READ_ROOT));
        }
        match name {
            Some(name) => {
                self.assignable(name, root.span, verb);
            }
            None => self.no_place(root, e.span),
        }
        None
    }

    /// Reports that something is a value, and no place.
    fn no_place(&mut self, root: &Expr, span: Span) {
        let what = match &root.kind {
            ExprKind::Error => return,
            ExprKind::Index { .. } => "a slice is a new value",
            ExprKind::Field { optional: true, .. } | ExprKind::Method { optional: true, .. } => {
                "what `?.` gives is a value"
            }
            ExprKind::Call { .. } | ExprKind::Method { .. } => "the result of a call is a value",
            _ => "this is a value that nothing names",
        };
        let message = format!("{what}, not a place: the change would be lost");
        self.error(Code::NotAssignable, span, message).help =
            Some("put it into a `var` first, and change that".to_owned());
    }

    /// The place that `e` names, with its indexes evaluated; `after` is what is evaluated between
    /// this and the instruction that walks the path.
    pub(super) fn place(&mut self, e: &'a Expr, after: impl Fn() -> bool) -> Place {
        self.place_in(e, after, &mut None)
    }

    /// As [`Self::place`]; values that need a register get those from `slots` on, if given:
    /// [`slots_of`] says how many.
    fn place_in(
        &mut self,
        e: &'a Expr,
        after: impl Fn() -> bool,
        slots: &mut Option<Reg>,
    ) -> Place {
        let chain = self.chain.take();
        let (root, mut steps) = path_of(e);
        let writes = |steps: &[PathStep<'_>]| {
            after() || steps.iter().any(|s| matches!(s, PathStep::Index(i) if may_write(i)))
        };
        let (root, kind) = match root_name(root) {
            Some(name) => {
                if let (ExprKind::SelfRef, Some(PathStep::Field(field))) =
                    (&root.kind, steps.first())
                {
                    self.check_self_field(field);
                }
                if let [PathStep::Field(ty), PathStep::Field(member), ..] = steps[..]
                    && let Some(ty) = self.type_as_member(root, ty)
                {
                    let reg = self.slot_in(slots);
                    self.read_on_type(&ty, member, reg);
                    steps.drain(..2);
                    (reg, Receiver::Let)
                } else if let (Some(module), Some(PathStep::Field(member))) =
                    (self.module_of(root), steps.first())
                {
                    let reg = self.slot_in(slots);
                    self.load_member(&module, member, reg);
                    steps.remove(0);
                    (reg, Receiver::Let)
                } else {
                    match self.resolve(name) {
                        Resolved::Local { reg, kind } => (reg, kind.receiver()),
                        _ => (self.operand_in(root, false, slots), Receiver::Let),
                    }
                }
            }
            None if let (Some(ty), Some(PathStep::Field(member))) =
                (self.type_of_expr(root), steps.first()) =>
            {
                let reg = self.slot_in(slots);
                self.read_on_type(&ty, member, reg);
                steps.remove(0);
                (reg, Receiver::Let)
            }
            None => {
                self.chain = chain;
                let root = match slots {
                    Some(_) => self.operand_in(root, true, slots),
                    None => self.temp_in_chain(root),
                };
                (root, Receiver::Temporary)
            }
        };
        if steps.len() > MAX_STEPS {
            self.error(Code::TooLarge, e.span, "this path has too many steps");
            steps.truncate(MAX_STEPS);
        }
        let mut words = Vec::with_capacity(steps.len());
        for i in 0..steps.len() {
            words.push(match steps[i] {
                PathStep::Field(name) => Word::step_field(self.func().string(name.name)),
                PathStep::Index(index) => {
                    let copy = writes(&steps[i + 1..]);
                    Word::step_index(self.operand_in(index, copy, slots))
                }
            });
        }
        Place { root, kind, steps: words }
    }

    /// A register for a part of a place.
    fn slot_in(&mut self, slots: &mut Option<Reg>) -> Reg {
        match slots {
            Some(next) => {
                *next += 1;
                *next - 1
            }
            None => self.func().alloc(),
        }
    }

    /// The register of a value that is a part of a place: a variable's own unless it is to be
    /// copied.
    fn operand_in(&mut self, e: &'a Expr, copy: bool, slots: &mut Option<Reg>) -> Reg {
        if slots.is_none() {
            return if copy { self.temp(e) } else { self.operand(e) };
        }
        if let (ExprKind::Name(name), false) = (&e.kind, copy)
            && let Resolved::Local { reg, .. } = self.resolve(name)
        {
            return reg;
        }
        let reg = self.slot_in(slots);
        self.eval(e, Dest::Into(reg));
        reg
    }

    /// Evaluates an expression in which a `?.` may end the chain around it.
    pub(super) fn temp_in_chain(&mut self, e: &'a Expr) -> Reg {
        let chain = self.chain;
        let reg = match (&e.kind, chain) {
            (ExprKind::Paren(_), _) | (_, None) => {
                self.chain = None;
                self.temp(e)
            }
            _ => {
                let reg = self.func().alloc();
                self.eval(e, Dest::Into(reg));
                self.func().top = reg + 1;
                reg
            }
        };
        self.chain = None;
        reg
    }

    /// A field or an element as a value.
    pub(super) fn read_path(&mut self, e: &'a Expr, dest: Dest) {
        let top = self.func().top;
        if let Some((module, name)) = self.member_of(e) {
            self.produce(dest, |c, dest| c.load_member(&module, name, dest));
            return;
        }
        if let ExprKind::Field { object, name, optional: false } = &e.kind
            && let Some(ty) = self.type_of_expr(object)
        {
            self.produce(dest, |c, dest| c.read_on_type(&ty, name, dest));
            return;
        }
        let place = self.place(e, || false);
        self.func().span_now = e.span;
        self.produce(dest, |c, dest| c.read_place(&place, dest));
        self.func().top = top;
    }

    fn read_place(&mut self, place: &Place, dest: Reg) {
        use crate::bytecode::Step;
        match place.steps[..] {
            [] => {
                self.func().push(Op::Copy, dest, place.root, 0);
            }
            [step] => match step.step() {
                Step::Index(index) => {
                    self.func().push(Op::GetIndex, dest, place.root, index);
                }
                Step::Field(name) => self.func().get_field(dest, place.root, name),
            },
            _ => self.get_path(place, dest),
        }
    }

    fn get_path(&mut self, place: &Place, dest: Reg) {
        let count = place.steps.len() as u16;
        self.func().push_ext(Op::GetPath, dest, place.root, count, &place.steps);
    }

    /// `a[i..j]` and its kin.
    pub(super) fn slice(
        &mut self,
        object: &'a Expr,
        (start, end, inclusive): (Option<&'a Expr>, Option<&'a Expr>, bool),
        dest: Dest,
    ) {
        let top = self.func().top;
        let span = self.func().span_now;
        let chain = self.chain.take();
        let ends_write = [start, end].into_iter().flatten().any(may_write);
        let object = match &object.kind {
            ExprKind::Name(_) if !ends_write => self.operand(object),
            _ => {
                self.chain = chain;
                self.temp_in_chain(object)
            }
        };
        let first = self.func().alloc_n(2);
        for (i, part) in [start, end].into_iter().enumerate() {
            let dest = Dest::Into(first + i as u16);
            match part {
                Some(part) => self.eval(part, dest),
                None => self.nil_to(dest),
            }
        }
        self.func().span_now = span;
        self.produce(dest, |c, dest| {
            let flags = if inclusive { INCLUSIVE } else { 0 };
            c.func().push(Op::Slice, dest, object, first).word.flags = flags;
        });
        self.func().top = top;
    }

    /// `place = value`, `place op= value`, `place ??= value`.
    pub(super) fn assign(&mut self, target: &'a Expr, op: AssignOp, value: &'a Expr) {
        let span = self.func().span_now;
        let (root, steps) = path_of(target);
        if let (Some(name), true) = (root_name(root), steps.is_empty()) {
            if let Some(reg) = self.assignable(name, root.span, "assign to") {
                self.assign_variable(reg, op, value);
                self.func().span_now = span;
            }
            return;
        }
        let Some((place, flags)) =
            self.changeable_place(target, "change", || may_write(value), &mut None)
        else {
            return;
        };
        match op {
            AssignOp::Set => {
                let value = self.temp(value);
                self.func().span_now = span;
                self.set_place(&place, value, flags);
            }
            AssignOp::Op(op) => {
                let value = self.temp(value);
                self.func().span_now = span;
                let mut ext = vec![Word::abc(binary_op(op).0, 0, 0, 0)];
                ext.extend_from_slice(&place.steps);
                let count = place.steps.len() as u16;
                let ins = self.func().push_ext(Op::UpdatePath, place.root, value, count, &ext);
                ins.word.flags = flags;
            }
            AssignOp::Coalesce => {
                let end = self.func().label();
                let vacant = self.func().alloc();
                let count = place.steps.len() as u16;
                self.func().push_ext(Op::PathVacant, place.root, vacant, count, &place.steps);
                self.func().jump(Op::JumpIfNot, vacant, 0, end);
                let value = self.temp(value);
                self.func().span_now = span;
                self.set_place(&place, value, flags);
                self.func().place(end);
            }
        }
    }

    fn set_place(&mut self, place: &Place, value: Reg, flags: u8) {
        use crate::bytecode::Step;
        let count = place.steps.len() as u16;
        let ins = match place.steps[..] {
            [step] => match step.step() {
                Step::Index(index) => self.func().push(Op::SetIndex, place.root, index, value),
                Step::Field(_) => self.func().push_ext(Op::SetField, place.root, 0, value, &[step]),
            },
            _ => self.func().push_ext(Op::SetPath, place.root, value, count, &place.steps),
        };
        ins.word.flags = flags;
    }

    fn assign_variable(&mut self, reg: Reg, op: AssignOp, value: &'a Expr) {
        let span = self.func().span_now;
        match op {
            AssignOp::Set => {
                if self.is_direct(value, reg) {
                    self.eval(value, Dest::Into(reg));
                } else {
                    let temp = self.temp(value);
                    self.func().push(Op::Copy, reg, temp, 0);
                }
            }
            AssignOp::Op(op) => {
                if let Some(imm) = super::operators::small_int(value)
                    && let Some(imm_op) = super::operators::immediate_op(op)
                {
                    self.func().push(imm_op, reg, reg, imm as u16);
                    return;
                }
                let value = self.operand(value);
                self.func().span_now = span;
                if value == reg {
                    // `x += x`: the operation must not take the one for the other.
                    let copy = self.func().alloc();
                    self.func().push(Op::Copy, copy, value, 0);
                    self.func().push(binary_op(op).0, reg, reg, copy);
                } else {
                    self.func().push(binary_op(op).0, reg, reg, value);
                }
            }
            AssignOp::Coalesce => {
                let end = self.func().label();
                self.func().jump(Op::JumpIfSome, reg, 0, end);
                let temp = self.temp(value);
                self.func().push(Op::Copy, reg, temp, 0);
                self.func().place(end);
            }
        }
    }

    /// True when the value may be computed straight into variable `reg`: its last instruction
    /// either cannot throw, or reads the variable as its first operand alone, and then keeps it
    /// when it throws.
    fn is_direct(&mut self, value: &Expr, reg: Reg) -> bool {
        let arithmetic = |op: crate::ast::BinaryOp| {
            use crate::ast::BinaryOp as B;
            !matches!(op, B::Gt | B::Ge | B::Lt | B::Le | B::Eq | B::Ne | B::In | B::NotIn)
        };
        match &value.kind {
            ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Str(_) | ExprKind::Bool(_) => true,
            ExprKind::Binary { op, left, right, .. } if arithmetic(*op) && !may_write(right) => {
                let is_reg = |codegen: &mut Self, e: &Expr| match &e.kind {
                    ExprKind::Name(name) => {
                        matches!(codegen.resolve(name), Resolved::Local { reg: r, .. } if r == reg)
                    }
                    _ => false,
                };
                is_reg(self, left) && !is_reg(self, right)
            }
            _ => false,
        }
    }

    /// The register of the variable `name`, if it may be changed; else says why not.
    pub(super) fn assignable(&mut self, name: &str, span: Span, verb: &str) -> Option<Reg> {
        let (kind, help) = match self.resolve(name) {
            Resolved::Local { reg, kind: LocalKind::Var } => return Some(reg),
            Resolved::Local { kind: LocalKind::Let, .. } => {
                ("a `let`", format!("declare it with `var {name} = ...` to change it later"))
            }
            Resolved::Local { kind: LocalKind::Parameter, .. } if name == "self" => (
                "not declared `mut` in this method",
                "write `mut self` in the method's parameters".to_owned(),
            ),
            Resolved::Local { kind: LocalKind::Parameter, .. } => (
                "a parameter",
                format!(
                    "copy it first: `var {name} = {name}`; or declare it `mut {name}` and hand over \
                     a place: `&...`"
                ),
            ),
            Resolved::Local { kind: LocalKind::Captured, .. } => (
                "captured by value",
                "a closure has its own copy; return the new value, or share it through a \
                 `sync.mutex` or a channel"
                    .to_owned(),
            ),
            Resolved::Local { kind: LocalKind::Bound, .. } => (
                "bound by `for`, a pattern or `catch`",
                "copy it into a `var` of another name first".to_owned(),
            ),
            Resolved::Item(Item::TopVar | Item::SessionVar { .. }) => {
                if self.funcs.iter().any(|f| f.is_item) {
                    self.top_level_var(name, span);
                } else {
                    self.unknown_name(name, span);
                }
                return None;
            }
            Resolved::Item(Item::Broken) => return None,
            Resolved::Item(Item::Module(_)) => (
                "a module",
                "the names of a module are set by its own code; copy what it holds into a `var`"
                    .to_owned(),
            ),
            Resolved::Item(_) | Resolved::Builtin => {
                (self.item_is_constant(name), "choose another name for a `var`".to_owned())
            }
            Resolved::Unknown if name == "self" => {
                self.unknown_name(name, span);
                return None;
            }
            Resolved::Unknown => {
                let before = self.diagnostics.len();
                self.unknown_name(name, span);
                if let [error] = &mut self.diagnostics[before..]
                    && verb == "assign to"
                    && error.help.as_ref().is_none_or(|help| !help.starts_with("did you mean"))
                {
                    error.help = Some(format!("declare it first: `var {name} = ...`"));
                }
                return None;
            }
        };
        let message = format!("cannot {verb} `{name}`: it is {kind}");
        self.error(Code::NotAssignable, span, message).help = Some(help);
        None
    }

    /// The module that an expression names.
    pub(super) fn module_of(&mut self, e: &Expr) -> Option<ModuleName> {
        let ExprKind::Name(name) = &e.kind else { return None };
        match self.resolve(name) {
            Resolved::Item(Item::Module(module)) => Some(module),
            _ => None,
        }
    }

    /// `module.name`
    fn member_of<'e>(&mut self, e: &Expr<'e>) -> Option<(ModuleName, &'e Ident<'e>)> {
        let ExprKind::Field { object, name, optional: false } = &e.kind else { return None };
        Some((self.module_of(object)?, name))
    }
}
