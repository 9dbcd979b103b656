//! `select`: its arms, what they wait for, and what they do.

use super::{Code, Codegen, Dest};
use crate::ast::{Arg, ArgKind, Expr, ExprKind, SelectArm, SelectKind, StmtKind};
use crate::bytecode::{Arm, Op, Word};
use crate::source::Span;

impl<'a> Codegen<'a> {
    pub(super) fn select(&mut self, arms: &'a [&'a SelectArm], span: Span, dest: Dest) {
        let (result, outer_top) = self.landing_register(dest);
        let inner = if dest == Dest::Discard { dest } else { Dest::Into(result) };
        if !self.check_select(arms, span) {
            return;
        }
        // What was chosen, and what it received.
        let chosen = self.func().alloc_n(2);
        let mut words = self.select_guards(arms);
        for (arm, word) in arms.iter().zip(&mut words) {
            self.select_operands(arm, word);
        }
        self.func().span_now = span;
        let count = arms.len() as u16;
        self.func().push_ext(Op::Select, chosen, 0, count, &words);
        let end = self.func().label();
        self.func().top = chosen + 2;
        for (i, arm) in arms.iter().enumerate() {
            let next = self.func().label();
            if i + 1 < arms.len() {
                self.func().jump(Op::JumpNeImm, chosen, i as u16, next);
            }
            let names = self.func().locals.len();
            if let SelectKind::Call { binding: Some(name), .. } = &arm.kind {
                let kind = super::func::LocalKind::Bound;
                self.func().declare(name.name, chosen + 1, kind);
            }
            match &arm.body.kind {
                StmtKind::Expr(value) => self.eval(value, inner),
                _ => {
                    self.statement(arm.body);
                    self.nil_to(inner);
                }
            }
            self.func().locals.truncate(names);
            if i + 1 < arms.len() && !self.func().is_dead_end() {
                self.func().jump(Op::Jump, 0, 0, end);
            }
            self.func().place(next);
        }
        self.func().place(end);
        self.land(dest, result, outer_top);
    }

    fn check_select(&mut self, arms: &[&SelectArm], span: Span) -> bool {
        let before = self.diagnostics.len();
        let is = |kind: fn(&SelectKind) -> bool| arms.iter().filter(move |a| kind(&a.kind));
        let afters = is(|k| matches!(k, SelectKind::After(_))).count();
        let elses = is(|k| matches!(k, SelectKind::Else)).count();
        if afters > 0 && elses > 0 {
            let message = "a `select` has `after` or `else`, not both";
            let last = arms.iter().rev().find(|a| !matches!(a.kind, SelectKind::Call { .. }));
            let at = last.map_or(span, |arm| arm.span);
            self.error(Code::BadSelect, at, message).help =
                Some("`else` never waits, so `after` would never come to pass".to_owned());
        }
        if afters > 1 || elses > 1 {
            let message = "a `select` has one `after` or one `else` at most";
            let last = arms.iter().rev().find(|a| !matches!(a.kind, SelectKind::Call { .. }));
            self.error(Code::BadSelect, last.map_or(span, |arm| arm.span), message);
        }
        if arms.is_empty() {
            self.error(Code::BadSelect, span, "a `select` without arms would wait for ever");
        }
        for arm in arms {
            let SelectKind::Call { binding, call } = &arm.kind else {
                if arm.guard.is_some() {
                    let message = "`after` and `else` take no `if`";
                    self.error(Code::BadSelect, arm.span, message);
                }
                continue;
            };
            match method_of(call) {
                Some(("recv" | "join", [])) => {}
                Some(("send", [arg])) if arg.kind == ArgKind::Value && arg.name.is_none() => {
                    if let Some(name) = binding {
                        let message = "a send gives no value to bind";
                        self.error(Code::BadSelect, name.span, message);
                    }
                }
                _ => {
                    let message =
                        "an arm of a `select` is `x = c.recv()`, `c.send(v)` or `x = t.join()`";
                    self.error(Code::BadSelect, arm.span, message);
                }
            }
        }
        self.diagnostics.len() == before
    }

    /// Evaluates the guards, which come first, and makes the words of the arms.
    fn select_guards(&mut self, arms: &'a [&'a SelectArm]) -> Vec<Word> {
        arms.iter()
            .map(|arm| {
                let kind = match &arm.kind {
                    SelectKind::After(_) => Arm::After,
                    SelectKind::Else => Arm::Else,
                    SelectKind::Call { call, .. } => match method_of(call) {
                        Some(("send", _)) => Arm::Send,
                        Some(("join", _)) => Arm::Join,
                        _ => Arm::Recv,
                    },
                };
                let guard = arm.guard.as_ref().map(|guard| self.temp(guard));
                Word {
                    op: kind as u8,
                    flags: u8::from(guard.is_some()),
                    a: 0,
                    b: 0,
                    c: guard.unwrap_or(0),
                }
            })
            .collect()
    }

    /// Evaluates the channel and value of an arm, when it is on.
    fn select_operands(&mut self, arm: &'a SelectArm, word: &mut Word) {
        let (first, second) = match &arm.kind {
            SelectKind::Else => return,
            SelectKind::After(duration) => (*duration, None),
            SelectKind::Call { call, .. } => {
                let ExprKind::Method { object, args, .. } = &call.kind else { return };
                (*object, args.first().map(|arg| arg.value))
            }
        };
        word.a = self.func().alloc();
        if second.is_some() {
            word.b = self.func().alloc();
        }
        let (off, end) = (self.func().label(), self.func().label());
        if word.flags != 0 {
            self.func().jump(Op::JumpIfNot, word.c, 0, off);
        }
        self.eval(first, Dest::Into(word.a));
        if let Some(second) = second {
            self.eval(second, Dest::Into(word.b));
        }
        if word.flags != 0 {
            self.func().jump(Op::Jump, 0, 0, end);
            self.func().place(off);
            self.nil_to(Dest::Into(word.a));
            if second.is_some() {
                self.nil_to(Dest::Into(word.b));
            }
            self.func().place(end);
        }
    }
}

fn method_of<'e>(call: &Expr<'e>) -> Option<(&'e str, &'e [Arg<'e>])> {
    match &call.kind {
        ExprKind::Method { name, args, optional: false, .. } => Some((name.name, args)),
        _ => None,
    }
}
