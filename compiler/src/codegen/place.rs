//! Places: a root and a path of fields and indexes. Reading through a path, assigning to its end,
//! and what may change what.

use super::func::{LocalKind, Reg};
use super::names::Resolved;
use super::operators::binary_op;
use super::walk::may_write;
use super::{Code, Codegen, Dest, Item};
use crate::ast::{AssignOp, Expr, ExprKind, Ident, Index};
use crate::bytecode::op::INCLUSIVE;
use crate::bytecode::{Constant, Op, Receiver, Word};
use crate::source::Span;

/// The longest path: its steps are counted in 8 bits.
const MAX_STEPS: usize = 250;

/// A step as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum PathStep<'a> {
    Field(&'a Ident),
    Index(&'a Expr),
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
pub(super) fn path_of(e: &Expr) -> (&Expr, Vec<PathStep<'_>>) {
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

impl<'a> Codegen<'a> {
    /// The place that `e` names, with its indexes evaluated; `after` is what is evaluated between
    /// this and the instruction that walks the path.
    pub(super) fn place(&mut self, e: &'a Expr, after: impl Fn() -> bool) -> Place {
        let chain = self.chain.take();
        let (root, mut steps) = path_of(e);
        let writes = |steps: &[PathStep<'_>]| {
            after() || steps.iter().any(|s| matches!(s, PathStep::Index(i) if may_write(i)))
        };
        let (root, kind) = match &root.kind {
            ExprKind::Name(name) => {
                if let (Some(module), Some(PathStep::Field(member))) =
                    (self.module_of(root), steps.first())
                {
                    let reg = self.func().alloc();
                    self.load_member(&module, member, reg);
                    steps.remove(0);
                    (reg, Receiver::Let)
                } else {
                    match self.resolve(name) {
                        Resolved::Local { reg, kind } => (reg, kind.receiver()),
                        _ => (self.operand(root), Receiver::Let),
                    }
                }
            }
            _ => {
                self.chain = chain;
                (self.temp_in_chain(root), Receiver::Temporary)
            }
        };
        if steps.len() > MAX_STEPS {
            self.error(Code::TooLarge, e.span, "this path has too many steps");
            steps.truncate(MAX_STEPS);
        }
        let mut words = Vec::with_capacity(steps.len());
        for i in 0..steps.len() {
            words.push(match steps[i] {
                PathStep::Field(name) => Word::step_field(self.func().string(&name.name)),
                PathStep::Index(index) => {
                    let copy = writes(&steps[i + 1..]);
                    let reg = if copy { self.temp(index) } else { self.operand(index) };
                    Word::step_index(reg)
                }
            });
        }
        Place { root, kind, steps: words }
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
                Step::Field(name) if name < u32::from(super::func::MAX_REGISTERS) => {
                    self.func().push(Op::GetField, dest, place.root, name as u16);
                }
                Step::Field(_) => self.get_path(place, dest),
            },
            _ => self.get_path(place, dest),
        }
    }

    fn get_path(&mut self, place: &Place, dest: Reg) {
        let count = place.steps.len() as u16;
        self.func().push_ext(Op::GetPath, dest, place.root, count, place.steps.clone());
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
        let ExprKind::Name(name) = &root.kind else {
            if !matches!(root.kind, ExprKind::Error) {
                let message = "this cannot be assigned to: the change would be lost";
                self.error(Code::NotAssignable, target.span, message).help =
                    Some("assign to a `var`, or to a field or element of one".to_owned());
            }
            return;
        };
        let Some(reg) = self.assignable(name, root.span, steps.is_empty()) else { return };
        if steps.is_empty() {
            self.assign_variable(reg, op, value);
            self.func().span_now = span;
            return;
        }
        let place = self.place(target, || may_write(value));
        match op {
            AssignOp::Set => {
                let value = self.temp(value);
                self.func().span_now = span;
                self.set_place(&place, value);
            }
            AssignOp::Op(op) => {
                let value = self.temp(value);
                self.func().span_now = span;
                let mut ext = vec![Word::abc(binary_op(op).0, 0, 0, 0)];
                ext.extend_from_slice(&place.steps);
                let count = place.steps.len() as u16;
                self.func().push_ext(Op::UpdatePath, place.root, value, count, ext);
            }
            AssignOp::Coalesce => {
                let end = self.func().label();
                let vacant = self.func().alloc();
                let count = place.steps.len() as u16;
                self.func().push_ext(
                    Op::PathVacant,
                    place.root,
                    vacant,
                    count,
                    place.steps.clone(),
                );
                self.func().jump(Op::JumpIfNot, vacant, 0, end);
                let value = self.temp(value);
                self.func().span_now = span;
                self.set_place(&place, value);
                self.func().place(end);
            }
        }
    }

    fn set_place(&mut self, place: &Place, value: Reg) {
        use crate::bytecode::Step;
        if let [step] = place.steps[..] {
            match step.step() {
                Step::Index(index) => {
                    self.func().push(Op::SetIndex, place.root, index, value);
                    return;
                }
                Step::Field(name) if name < u32::from(super::func::MAX_REGISTERS) => {
                    self.func().push(Op::SetField, place.root, name as u16, value);
                    return;
                }
                Step::Field(_) => {}
            }
        }
        let count = place.steps.len() as u16;
        self.func().push_ext(Op::SetPath, place.root, value, count, place.steps.clone());
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
    fn assignable(&mut self, name: &str, span: Span, whole: bool) -> Option<Reg> {
        let verb = if whole { "assign to" } else { "change" };
        let (kind, help) = match self.resolve(name) {
            Resolved::Local { reg, kind: LocalKind::Var } => return Some(reg),
            Resolved::Local { kind: LocalKind::Let, .. } => {
                ("a `let`", format!("declare it with `var {name} = ...` to change it later"))
            }
            Resolved::Local { kind: LocalKind::Parameter, .. } => {
                ("a parameter", format!("copy it first: `var {name} = {name}`"))
            }
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
            Resolved::Item(_) | Resolved::Builtin => {
                (self.item_is_constant(name), "choose another name for a `var`".to_owned())
            }
            Resolved::Unknown => {
                self.unknown_name(name, span);
                return None;
            }
        };
        let message = format!("cannot {verb} `{name}`: it is {kind}");
        self.error(Code::NotAssignable, span, message).help = Some(help);
        None
    }

    /// The module that an expression names.
    pub(super) fn module_of(&mut self, e: &Expr) -> Option<Box<str>> {
        let ExprKind::Name(name) = &e.kind else { return None };
        match self.resolve(name) {
            Resolved::Item(Item::Module(module)) => Some(module),
            _ => None,
        }
    }

    /// `module.name`
    fn member_of<'e>(&mut self, e: &'e Expr) -> Option<(Box<str>, &'e Ident)> {
        let ExprKind::Field { object, name, optional: false } = &e.kind else { return None };
        Some((self.module_of(object)?, name))
    }

    /// Loads a member of a standard module.
    pub(super) fn load_member(&mut self, module: &str, name: &Ident, dest: Reg) {
        let known =
            self.environment.modules.get(module).is_some_and(|m| m.contains_key(&name.name));
        if !known {
            self.unknown_member(module, &name.name, name.span);
            return;
        }
        let member = Constant::Member { module: module.into(), name: name.name.clone() };
        let k = self.func().constant(member);
        self.func().push_wide(Op::LoadConst, dest, k);
    }
}
