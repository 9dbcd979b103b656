//! Operators and conditions: arithmetic in its immediate and constant forms, comparisons fused
//! with the jump that uses them, `and`, `or`, `??`, `not`, `is`.

use super::func::Reg;
use super::place::root_name;
use super::walk::{may_write, may_write_to};
use super::{Codegen, Dest};
use crate::ast::{BinaryOp, Cond, Expr, ExprKind, LogicOp, PatternKind, TypePath, UnaryOp};
use crate::bytecode::draft::Label;
use crate::bytecode::op::{FLOAT, SWAPPED};
use crate::bytecode::{Constant, Op};

/// The instruction of an operator on two registers, and whether its operands are swapped.
pub(super) fn binary_op(op: BinaryOp) -> (Op, bool) {
    match op {
        BinaryOp::Add => (Op::Add, false),
        BinaryOp::Sub => (Op::Sub, false),
        BinaryOp::Mul => (Op::Mul, false),
        BinaryOp::Div => (Op::Div, false),
        BinaryOp::FloorDiv => (Op::FloorDiv, false),
        BinaryOp::Mod => (Op::Rem, false),
        BinaryOp::Pow => (Op::Pow, false),
        BinaryOp::BitAnd => (Op::BitAnd, false),
        BinaryOp::BitOr => (Op::BitOr, false),
        BinaryOp::BitXor => (Op::BitXor, false),
        BinaryOp::Shl => (Op::Shl, false),
        BinaryOp::Shr => (Op::Shr, false),
        BinaryOp::Eq => (Op::Eq, false),
        BinaryOp::Ne => (Op::Ne, false),
        BinaryOp::Lt => (Op::Lt, false),
        BinaryOp::Le => (Op::Le, false),
        BinaryOp::Gt => (Op::Lt, true),
        BinaryOp::Ge => (Op::Le, true),
        BinaryOp::In | BinaryOp::NotIn => (Op::In, false),
    }
}

pub(super) fn immediate_op(op: BinaryOp) -> Option<Op> {
    match op {
        BinaryOp::Add => Some(Op::AddImm),
        BinaryOp::Sub => Some(Op::SubImm),
        BinaryOp::Mul => Some(Op::MulImm),
        BinaryOp::FloorDiv => Some(Op::FloorDivImm),
        BinaryOp::Mod => Some(Op::RemImm),
        _ => None,
    }
}

fn constant_op(op: BinaryOp) -> Option<Op> {
    match op {
        BinaryOp::Add => Some(Op::AddConst),
        BinaryOp::Sub => Some(Op::SubConst),
        BinaryOp::Mul => Some(Op::MulConst),
        BinaryOp::Div => Some(Op::DivConst),
        BinaryOp::Mod => Some(Op::RemConst),
        _ => None,
    }
}

/// A small integer literal.
pub(super) fn small_int(e: &Expr) -> Option<i16> {
    match &e.kind {
        ExprKind::Int(n) => i16::try_from(*n).ok(),
        ExprKind::Unary { op: UnaryOp::Neg, operand } => {
            small_int(operand).and_then(i16::checked_neg)
        }
        ExprKind::Paren(inner) => small_int(inner),
        _ => None,
    }
}

/// A float literal that is a small integer.
fn small_float(e: &Expr) -> Option<i16> {
    match &e.kind {
        ExprKind::Float(f) if f.fract() == 0.0 && f.abs() <= f64::from(i16::MAX) => Some(*f as i16),
        ExprKind::Paren(inner) => small_float(inner),
        _ => None,
    }
}

/// A numeric literal as a constant.
fn number(e: &Expr) -> Option<Constant> {
    match &e.kind {
        ExprKind::Int(n) => i64::try_from(*n).ok().map(Constant::Int),
        ExprKind::Float(f) => Some(Constant::Float(*f)),
        ExprKind::Unary { op: UnaryOp::Neg, operand } => match &operand.kind {
            ExprKind::Float(f) => Some(Constant::Float(-f)),
            _ => None,
        },
        _ => None,
    }
}

impl<'a> Codegen<'a> {
    /// The operand `left` of something whose other part is `right`, evaluated after it: a copy
    /// when evaluating `right` may change what `left` names.
    pub(super) fn operand_before(&mut self, left: &'a Expr, right: &Expr) -> Reg {
        let changes = match root_name(left) {
            Some(name) => may_write_to(name, right),
            None => may_write(right),
        };
        if changes { self.temp(left) } else { self.operand(left) }
    }

    pub(super) fn binary(&mut self, op: BinaryOp, left: &'a Expr, right: &'a Expr, dest: Dest) {
        if op == BinaryOp::NotIn {
            let top = self.func().top;
            let reg = self.func().alloc();
            self.binary(BinaryOp::In, left, right, Dest::Into(reg));
            self.produce(dest, |c, dest| {
                c.func().push(Op::Not, dest, reg, 0);
            });
            self.func().top = top;
            return;
        }
        let top = self.func().top;
        let span = self.func().span_now;
        if let (Some(imm_op), Some(imm)) = (immediate_op(op), small_int(right)) {
            let left = self.operand(left);
            self.func().span_now = span;
            self.produce(dest, |c, dest| {
                c.func().push(imm_op, dest, left, imm as u16);
            });
        } else if let (Some(const_op), Some(k)) = (constant_op(op), number(right))
            && let Some(k) = self.func().short_constant(k)
        {
            let left = self.operand(left);
            self.func().span_now = span;
            self.produce(dest, |c, dest| {
                c.func().push(const_op, dest, left, k);
            });
        } else if let (BinaryOp::Add | BinaryOp::Mul, Some(k)) = (op, number(left))
            && let (Some(const_op), Some(k)) = (constant_op(op), self.func().short_constant(k))
        {
            let right = self.operand(right);
            self.func().span_now = span;
            self.produce(dest, |c, dest| {
                c.func().push(const_op, dest, right, k).word.flags = SWAPPED;
            });
        } else {
            let left = self.operand_before(left, right);
            let right = self.operand(right);
            let (op, swapped) = binary_op(op);
            let (b, c) = if swapped { (right, left) } else { (left, right) };
            self.func().span_now = span;
            self.produce(dest, |codegen, dest| {
                codegen.func().push(op, dest, b, c);
            });
        }
        self.func().top = top;
    }

    pub(super) fn unary(&mut self, op: UnaryOp, operand: &'a Expr, dest: Dest) {
        if op == UnaryOp::Neg {
            match operand.kind {
                ExprKind::Int(n) => {
                    self.produce(dest, |c, dest| c.load_int((n as i64).wrapping_neg(), dest));
                    return;
                }
                ExprKind::Float(f) => {
                    self.produce(dest, |c, dest| c.load_float(-f, dest));
                    return;
                }
                _ => {}
            }
        }
        let top = self.func().top;
        let span = self.func().span_now;
        let reg = self.operand(operand);
        let op = match op {
            UnaryOp::Neg => Op::Neg,
            UnaryOp::BitNot => Op::BitNot,
            UnaryOp::Not => Op::Not,
        };
        self.func().span_now = span;
        self.produce(dest, |c, dest| {
            c.func().push(op, dest, reg, 0);
        });
        self.func().top = top;
    }

    /// `and`, `or`, `??` as values.
    pub(super) fn logic(&mut self, op: LogicOp, left: &'a Expr, right: &'a Expr, dest: Dest) {
        let end = self.func().label();
        if dest == Dest::Discard {
            match op {
                LogicOp::And => self.jump_if(left, false, end),
                LogicOp::Or => self.jump_if(left, true, end),
                LogicOp::Coalesce => {
                    let top = self.func().top;
                    let reg = self.operand(left);
                    self.func().jump(Op::JumpIfSome, reg, 0, end);
                    self.func().top = top;
                }
            }
            self.eval(right, Dest::Discard);
            self.func().place(end);
            return;
        }
        let (dest_reg, top) = self.landing_register(dest);
        self.eval(left, Dest::Into(dest_reg));
        let op = match op {
            LogicOp::And => Op::JumpIfNot,
            LogicOp::Or => Op::JumpIf,
            LogicOp::Coalesce => Op::JumpIfSome,
        };
        self.func().jump(op, dest_reg, 0, end);
        self.eval(right, Dest::Into(dest_reg));
        self.func().place(end);
        self.land(dest, dest_reg, top);
    }

    pub(super) fn is_type(&mut self, value: &'a Expr, ty: &TypePath, negated: bool, dest: Dest) {
        let top = self.func().top;
        let reg = self.operand(value);
        self.produce(dest, |c, dest| {
            if negated {
                let temp = c.func().alloc();
                c.type_test(ty, reg, temp);
                c.func().push(Op::Not, dest, temp, 0);
            } else {
                c.type_test(ty, reg, dest);
            }
        });
        self.func().top = top;
    }

    /// Jumps to `target` when `e` is true (or false, as `when` says); else goes on.
    pub(super) fn jump_if(&mut self, e: &'a Expr, when: bool, target: Label) {
        match &e.kind {
            ExprKind::Paren(inner) => self.jump_if(inner, when, target),
            ExprKind::Bool(value) => {
                if *value == when {
                    self.func().jump(Op::Jump, 0, 0, target);
                }
            }
            ExprKind::Unary { op: UnaryOp::Not, operand } => self.jump_if(operand, !when, target),
            ExprKind::Logic { op: LogicOp::And, left, right } => {
                self.both(left, right, when, target);
            }
            ExprKind::Logic { op: LogicOp::Or, left, right } => {
                if when {
                    self.jump_if(left, true, target);
                    self.jump_if(right, true, target);
                } else {
                    let skip = self.func().label();
                    self.jump_if(left, true, skip);
                    self.jump_if(right, false, target);
                    self.func().place(skip);
                }
            }
            ExprKind::Binary { op, left, right, .. } if is_comparison(*op) => {
                self.jump_compare(e, *op, (left, right), when, target);
            }
            _ => {
                let top = self.func().top;
                let reg = self.operand(e);
                let op = if when { Op::JumpIf } else { Op::JumpIfNot };
                self.func().jump(op, reg, 0, target);
                self.func().top = top;
            }
        }
    }

    fn both(&mut self, left: &'a Expr, right: &'a Expr, when: bool, target: Label) {
        if when {
            let skip = self.func().label();
            self.jump_if(left, false, skip);
            self.jump_if(right, true, target);
            self.func().place(skip);
        } else {
            self.jump_if(left, false, target);
            self.jump_if(right, false, target);
        }
    }

    fn jump_compare(
        &mut self,
        whole: &Expr,
        op: BinaryOp,
        (left, right): (&'a Expr, &'a Expr),
        when: bool,
        target: Label,
    ) {
        use BinaryOp as B;
        let top = self.func().top;
        let span = self.func().span_now;
        if matches!((op, &right.kind), (B::Eq | B::Ne, ExprKind::Nil)) {
            // Nothing but nil equals nil, whatever `==` a type defines.
            let reg = self.operand(left);
            let op = if (op == B::Eq) == when { Op::JumpIfNil } else { Op::JumpIfSome };
            self.func().jump(op, reg, 0, target);
            self.func().top = top;
            return;
        }
        let ordered = !matches!(op, B::Eq | B::Ne);
        let float = small_float(right).filter(|_| ordered);
        if let Some(imm) = small_int(right).or(float) {
            let reg = self.operand(left);
            let op = match (op, when) {
                (B::Lt, true) => Op::JumpLtImm,
                (B::Lt, false) => Op::JumpNotLtImm,
                (B::Le, true) => Op::JumpLeImm,
                (B::Le, false) => Op::JumpNotLeImm,
                (B::Gt, true) => Op::JumpGtImm,
                (B::Gt, false) => Op::JumpNotGtImm,
                (B::Ge, true) => Op::JumpGeImm,
                (B::Ge, false) => Op::JumpNotGeImm,
                (B::Eq, true) | (B::Ne, false) => Op::JumpEqImm,
                _ => Op::JumpNeImm,
            };
            self.func().span_now = whole.span;
            self.func().jump(op, reg, imm as u16, target);
            if float.is_some() {
                self.func().last().word.flags = FLOAT;
            }
        } else {
            let constant = match &right.kind {
                ExprKind::Str(text) => Some(Constant::Str((*text).into())),
                _ => number(right),
            };
            let constant = constant
                .filter(|_| matches!(op, B::Eq | B::Ne))
                .and_then(|k| self.func().short_constant(k));
            if let Some(k) = constant {
                let reg = self.operand(left);
                let equal = (op == B::Eq) == when;
                let op = if equal { Op::JumpEqConst } else { Op::JumpNeConst };
                self.func().jump(op, reg, k, target);
            } else {
                let left = self.operand_before(left, right);
                let right = self.operand(right);
                let (op, b, c) = match (op, when) {
                    (B::Lt, true) => (Op::JumpLt, left, right),
                    (B::Lt, false) => (Op::JumpNotLt, left, right),
                    (B::Le, true) => (Op::JumpLe, left, right),
                    (B::Le, false) => (Op::JumpNotLe, left, right),
                    (B::Gt, true) => (Op::JumpLt, right, left),
                    (B::Gt, false) => (Op::JumpNotLt, right, left),
                    (B::Ge, true) => (Op::JumpLe, right, left),
                    (B::Ge, false) => (Op::JumpNotLe, right, left),
                    (B::Eq, true) | (B::Ne, false) => (Op::JumpEq, left, right),
                    _ => (Op::JumpNe, left, right),
                };
                self.func().span_now = whole.span;
                self.func().jump(op, b, c, target);
            }
        }
        self.func().span_now = span;
        self.func().top = top;
    }

    /// Jumps to `otherwise` unless the condition holds; a `let` in it declares its name.
    pub(super) fn condition(&mut self, cond: &'a Cond, otherwise: Label) {
        match cond {
            Cond::Expr(e) => self.jump_if(e, false, otherwise),
            Cond::Let { pattern, value } => {
                let PatternKind::Binding(name) = &pattern.kind else {
                    let (reg, is_stable) = self.scrutinee(value, false);
                    let bound = self.bound_names(pattern, is_stable.then_some(reg));
                    self.test(pattern, reg, &bound, otherwise);
                    self.declare_bound(&bound, super::func::LocalKind::Bound);
                    return;
                };
                let reg = self.func().alloc();
                self.eval(value, Dest::Into(reg));
                self.func().top = reg + 1;
                self.func().jump(Op::JumpIfNil, reg, 0, otherwise);
                self.func().declare(name, reg, super::func::LocalKind::Bound);
            }
        }
    }
}

fn is_comparison(op: BinaryOp) -> bool {
    use BinaryOp as B;
    matches!(op, B::Lt | B::Le | B::Gt | B::Ge | B::Eq | B::Ne)
}
