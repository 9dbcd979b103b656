//! Operators: which binds tighter, and what does not chain.
//!
//! The grammar sees an expression as operands with operators between and before them, and hands
//! them over left to right. Here they are combined by two stacks: an operator waits until one comes
//! that binds no tighter, and then takes its operands. So a long chain costs no grammar rules for
//! each level, and the rules below can be broken with a message of their own.
//!
//! All chains of a statement share the two stacks: a chain in parentheses ends before the one
//! around it goes on. A [`Chain`] says where its part of the stacks starts.

use super::*;

/// From loose to tight.
mod precedence {
    pub(super) const OR: u8 = 1;
    pub(super) const AND: u8 = 2;
    pub(super) const NOT: u8 = 3;
    pub(super) const COMPARE: u8 = 4;
    pub(super) const COALESCE: u8 = 5;
    pub(super) const RANGE: u8 = 6;
    pub(super) const BIT_OR: u8 = 7;
    pub(super) const BIT_XOR: u8 = 8;
    pub(super) const BIT_AND: u8 = 9;
    pub(super) const SHIFT: u8 = 10;
    pub(super) const ADD: u8 = 11;
    pub(super) const MULTIPLY: u8 = 12;
    pub(super) const MINUS: u8 = 13;
    pub(super) const POWER: u8 = 14;
}

/// What to do when an operator meets one that binds as tightly.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Associativity {
    Left,
    Right,
    None,
}

/// An operator between two operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Infix {
    /// One that evaluates both.
    Binary(BinaryOp),
    /// One that may leave out the second.
    Logic(LogicOp),
    /// `..`, or `..=` when `inclusive`.
    Range { inclusive: bool },
    /// `by`, which follows a range.
    By,
}

impl Infix {
    fn binding(self) -> (u8, Associativity) {
        use Associativity::{Left, None, Right};
        use precedence::*;
        match self {
            Self::Logic(LogicOp::Or) => (OR, Left),
            Self::Logic(LogicOp::And) => (AND, Left),
            Self::Logic(LogicOp::Coalesce) => (COALESCE, Right),
            Self::Range { .. } | Self::By => (RANGE, None),
            Self::Binary(op) => match op {
                BinaryOp::Eq
                | BinaryOp::Ne
                | BinaryOp::Lt
                | BinaryOp::Le
                | BinaryOp::Gt
                | BinaryOp::Ge
                | BinaryOp::In
                | BinaryOp::NotIn => (COMPARE, None),
                BinaryOp::BitOr => (BIT_OR, Left),
                BinaryOp::BitXor => (BIT_XOR, Left),
                BinaryOp::BitAnd => (BIT_AND, Left),
                BinaryOp::Shl | BinaryOp::Shr => (SHIFT, Left),
                BinaryOp::Add | BinaryOp::Sub => (ADD, Left),
                BinaryOp::Mul | BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Mod => {
                    (MULTIPLY, Left)
                }
                BinaryOp::Pow => (POWER, Right),
            },
        }
    }
}

/// An operator that waits for its last operand.
#[derive(Clone, Copy, Debug)]
enum Operator {
    Prefix(UnaryOp),
    Infix(Infix),
    /// `is T` was applied; stands for a comparison, so that none follows.
    Tested,
}

impl Operator {
    fn precedence(self) -> u8 {
        match self {
            Self::Prefix(UnaryOp::Not) => precedence::NOT,
            Self::Prefix(UnaryOp::Neg | UnaryOp::BitNot) => precedence::MINUS,
            Self::Infix(infix) => infix.binding().0,
            Self::Tested => precedence::COMPARE,
        }
    }
}

/// The two stacks.
#[derive(Debug, Default)]
pub(super) struct Stacks<'a> {
    operands: Vec<&'a Expr<'a>>,
    operators: Vec<(Operator, Span)>,
}

impl Stacks<'_> {
    pub(super) fn clear(&mut self) {
        self.operands.clear();
        self.operators.clear();
    }
}

/// Operands and operators read so far: where they start on the stack of operators.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain {
    operators: usize,
}

impl<'a> Builder<'a> {
    /// A chain that starts with an operator before its first operand.
    pub(crate) fn chain(&mut self) -> Chain {
        Chain { operators: self.stacks.operators.len() }
    }

    /// A chain that starts with an operand.
    pub(crate) fn chain_of(&mut self, first: &'a Expr<'a>) -> Chain {
        self.stacks.operands.push(first);
        self.chain()
    }

    /// The chain with an operand after its last operator.
    pub(crate) fn operand(&mut self, chain: Chain, operand: &'a Expr<'a>) -> Chain {
        self.stacks.operands.push(operand);
        chain
    }

    /// The chain with an operator before its next operand.
    pub(crate) fn prefix(&mut self, chain: Chain, op: UnaryOp, span: Span) -> Chain {
        if op == UnaryOp::Not
            && let Some((before, _)) = self.top(chain)
            && before.precedence() > precedence::NOT
        {
            self.error(Code::OperatorPlace, span, "`not` needs parentheses here").help =
                Some("`not` binds looser than comparisons and arithmetic: write `(not a)`".into());
        }
        self.stacks.operators.push((Operator::Prefix(op), span));
        chain
    }

    /// The chain with an operator after its last operand.
    pub(crate) fn infix(&mut self, chain: Chain, op: Infix, span: Span) -> Chain {
        let (own, associativity) = op.binding();
        self.reduce_while(chain, |above| above > own);
        if op == Infix::By {
            if !matches!(self.top(chain), Some((Operator::Infix(Infix::Range { .. }), _))) {
                self.error(Code::OperatorPlace, span, "`by` follows a range, as in `0..10 by 2`");
            }
        } else if associativity == Associativity::None && self.meets_equal(chain, own) {
            self.chained(chain, op, span);
            self.reduce_while(chain, |above| above >= own);
        } else if associativity == Associativity::Left {
            self.reduce_while(chain, |above| above >= own);
        }
        self.stacks.operators.push((Operator::Infix(op), span));
        chain
    }

    /// The chain with `is T` or `is not T` after its last operand.
    pub(crate) fn is_test(&mut self, chain: Chain, ty: &'a TypePath<'a>, negated: bool) -> Chain {
        self.reduce_while(chain, |above| above > precedence::COMPARE);
        if self.meets_equal(chain, precedence::COMPARE) {
            self.report_chained(ty.span, "comparisons do not chain");
            self.reduce_while(chain, |above| above >= precedence::COMPARE);
        }
        let Some(value) = self.stacks.operands.pop() else { return chain };
        let (span, depth) = (value.span.to(ty.span), value.depth);
        let kind = ExprKind::Is { value, ty, negated };
        let test = self.expr(kind, span, depth);
        self.stacks.operands.push(test);
        self.stacks.operators.push((Operator::Tested, span));
        chain
    }

    /// The expression that the chain is.
    pub(crate) fn finish(&mut self, chain: Chain) -> &'a Expr<'a> {
        self.reduce_while(chain, |_| true);
        self.pop_operand()
    }

    fn top(&self, chain: Chain) -> Option<(Operator, Span)> {
        self.stacks.operators[chain.operators..].last().copied()
    }

    fn meets_equal(&self, chain: Chain, precedence: u8) -> bool {
        self.top(chain).is_some_and(|(above, _)| above.precedence() == precedence)
    }

    fn reduce_while(&mut self, chain: Chain, test: impl Fn(u8) -> bool) {
        while let Some((operator, span)) = self.top(chain)
            && test(operator.precedence())
        {
            self.stacks.operators.pop();
            self.apply(chain, operator, span);
        }
    }

    fn pop_operand(&mut self) -> &'a Expr<'a> {
        // The grammar never sends an operator without its operands.
        let operand = self.stacks.operands.pop();
        operand.unwrap_or_else(|| self.leaf(ExprKind::Error, Span::default()))
    }

    fn apply(&mut self, chain: Chain, operator: Operator, op_span: Span) {
        let result = match operator {
            Operator::Tested => return,
            Operator::Prefix(op) => {
                let operand = self.pop_operand();
                self.unary(op, op_span, operand)
            }
            Operator::Infix(Infix::By) => {
                let step = self.pop_operand();
                let Some((Operator::Infix(Infix::Range { inclusive }), _)) = self.top(chain) else {
                    // `by` without a range, which was reported.
                    self.pop_operand();
                    self.stacks.operands.push(step);
                    return;
                };
                self.stacks.operators.pop();
                self.range(inclusive, Some(step))
            }
            Operator::Infix(Infix::Range { inclusive }) => self.range(inclusive, None),
            Operator::Infix(Infix::Binary(op)) => {
                let (left, right) = self.pop_two();
                let (span, depth) = (left.span.to(right.span), left.depth.max(right.depth));
                self.expr(ExprKind::Binary { op, op_span, left, right }, span, depth)
            }
            Operator::Infix(Infix::Logic(op)) => {
                let (left, right) = self.pop_two();
                let (span, depth) = (left.span.to(right.span), left.depth.max(right.depth));
                self.expr(ExprKind::Logic { op, left, right }, span, depth)
            }
        };
        self.stacks.operands.push(result);
    }

    fn pop_two(&mut self) -> (&'a Expr<'a>, &'a Expr<'a>) {
        let right = self.pop_operand();
        (self.pop_operand(), right)
    }

    fn range(&mut self, inclusive: bool, step: Option<&'a Expr<'a>>) -> &'a Expr<'a> {
        let (start, end) = self.pop_two();
        let depth = deepest([start, end].into_iter().chain(step));
        let span = start.span.to(step.map_or(end.span, |step| step.span));
        self.expr(ExprKind::Range { start, end, step, inclusive }, span, depth)
    }

    /// `op operand`.
    pub(crate) fn unary(
        &mut self,
        op: UnaryOp,
        op_span: Span,
        operand: &'a Expr<'a>,
    ) -> &'a Expr<'a> {
        if op == UnaryOp::Neg && operand.kind == ExprKind::Int(MIN_INT_MAGNITUDE) {
            // The literal was built last: no other can stand between it and its minus.
            self.unsigned.pop_if(|span| *span == operand.span);
        }
        let (span, depth) = (op_span.to(operand.span), operand.depth);
        self.expr(ExprKind::Unary { op, operand }, span, depth)
    }

    /// Reports `a < b < c` and `a..b..c`; `op` is the second operator.
    fn chained(&mut self, chain: Chain, op: Infix, span: Span) {
        if op.binding().0 == precedence::RANGE {
            return self.report_chained(span, "ranges do not chain");
        }
        let before = self.top(chain).map(|(_, span)| span);
        let middle = self.stacks.operands.last().map(|expr| expr.span);
        let advice = match (before.and_then(|s| self.quote(s)), middle.and_then(|s| self.quote(s)))
        {
            (Some(first), Some(middle)) => Some(format!(
                "compare twice: `... {first} {middle} and {middle} {} ...`",
                self.slice(span)
            )),
            _ => None,
        };
        self.report_chained(span, "comparisons do not chain");
        if let (Some(advice), Some(last)) = (advice, self.diagnostics.last_mut()) {
            last.help = Some(advice);
        }
    }

    fn report_chained(&mut self, span: Span, message: &str) {
        self.error(Code::ChainedComparison, span, message);
    }
}
