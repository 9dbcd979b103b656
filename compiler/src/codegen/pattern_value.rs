//! Patterns that are values: literals, and ranges of numbers.

use super::func::Reg;
use super::operators::small_int;
use super::{Code, Codegen};
use crate::ast::{Expr, ExprKind, UnaryOp};
use crate::bytecode::draft::Label;
use crate::bytecode::op::NUMBER;
use crate::bytecode::{Constant, Op};

impl<'a> Codegen<'a> {
    pub(super) fn test_literal(&mut self, literal: &'a Expr, value: Reg, fail: Label) {
        match &literal.kind {
            ExprKind::Nil => self.func().jump(Op::JumpIfSome, value, 0, fail),
            ExprKind::Bool(wanted) => {
                let reg = self.func().alloc();
                self.func().push(Op::LoadBool, reg, u16::from(*wanted), 0);
                self.func().jump(Op::JumpNe, value, reg, fail);
            }
            ExprKind::Error => {}
            _ => {
                if let Some(n) = small_int(literal) {
                    self.func().jump(Op::JumpNeImm, value, n as u16, fail);
                    return;
                }
                let Some(constant) = self.pattern_constant(literal) else { return };
                match self.func().short_constant(constant) {
                    Some(k) => self.func().jump(Op::JumpNeConst, value, k, fail),
                    None => self.too_many_constants(literal.span),
                }
            }
        }
    }

    /// The value of a literal in a pattern; reports what is none.
    pub(super) fn pattern_constant(&mut self, literal: &Expr) -> Option<Constant> {
        let number = |e: &Expr, negative: bool| match e.kind {
            ExprKind::Int(n) if negative => 0i64.checked_sub_unsigned(n).map(Constant::Int),
            ExprKind::Int(n) => i64::try_from(n).ok().map(Constant::Int),
            ExprKind::Float(f) => Some(Constant::Float(if negative { -f } else { f })),
            _ => None,
        };
        let constant = match &literal.kind {
            ExprKind::Str(text) => Some(Constant::Str((*text).into())),
            ExprKind::Interpolated(_) => {
                let message = "a string in a pattern is compared as it stands: no `{...}` in it";
                self.error(Code::WrongPattern, literal.span, message).help =
                    Some("bind a name, and compare it in a guard: `s if s == \"...\"`".to_owned());
                return None;
            }
            ExprKind::Unary { op: UnaryOp::Neg, operand } => number(operand, true),
            _ => number(literal, false),
        };
        if constant.is_none() && !matches!(literal.kind, ExprKind::Error) {
            let message = "this integer does not fit 64 bits";
            self.error(Code::IntegerRange, literal.span, message);
        }
        constant
    }

    /// A number between two others.
    pub(super) fn test_range(
        &mut self,
        start: &'a Expr,
        end: &'a Expr,
        inclusive: bool,
        value: Reg,
        fail: Label,
    ) {
        let (Some(low), Some(high)) = (self.pattern_constant(start), self.pattern_constant(end))
        else {
            return;
        };
        if is_empty(&low, &high, inclusive) {
            let message = "this range is empty: nothing ever fits it";
            self.error(Code::WrongPattern, start.span.to(end.span), message).help =
                Some("the smaller end comes first; `..=` takes the end in".to_owned());
            return;
        }
        let (holds, number) = (self.func().alloc(), self.func().label());
        self.is_builtin("int", value, holds);
        self.func().jump(Op::JumpIf, holds, 0, number);
        self.is_builtin("float", value, holds);
        self.func().jump(Op::JumpIfNot, holds, 0, fail);
        // NaN lies nowhere, but is not below anything either.
        self.func().jump(Op::JumpNe, value, value, fail);
        self.func().place(number);
        match small_int(start) {
            Some(n) => self.func().jump(Op::JumpNotGeImm, value, n as u16, fail),
            None => {
                let low = self.load_number(low);
                self.func().jump(Op::JumpNotLe, low, value, fail);
            }
        }
        match (small_int(end), inclusive) {
            (Some(n), true) => self.func().jump(Op::JumpNotLeImm, value, n as u16, fail),
            (Some(n), false) => self.func().jump(Op::JumpNotLtImm, value, n as u16, fail),
            (None, _) => {
                let high = self.load_number(high);
                let op = if inclusive { Op::JumpNotLe } else { Op::JumpNotLt };
                self.func().jump(op, value, high, fail);
            }
        }
    }

    fn load_number(&mut self, number: Constant) -> Reg {
        let reg = self.func().alloc();
        let k = self.func().constant(number);
        self.func().push_wide(Op::LoadConst, reg, k).word.flags = NUMBER;
        reg
    }
}

/// True when no number lies between these two.
fn is_empty(low: &Constant, high: &Constant, inclusive: bool) -> bool {
    let float = |number: &Constant| match number {
        Constant::Int(n) => *n as f64,
        Constant::Float(f) => *f,
        _ => 0.0,
    };
    let order = match (low, high) {
        (Constant::Int(low), Constant::Int(high)) => Some(low.cmp(high)),
        _ => float(low).partial_cmp(&float(high)),
    };
    match order {
        Some(std::cmp::Ordering::Less) => false,
        Some(std::cmp::Ordering::Equal) => !inclusive,
        Some(std::cmp::Ordering::Greater) | None => true,
    }
}
