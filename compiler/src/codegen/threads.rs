//! Threads: `spawn` and `select`.

use super::call::is_plain;
use super::func::Reg;
use super::{Code, Codegen, Dest};
use crate::ast::{Arg, ArgKind, Expr, ExprKind, SelectArm, SelectKind, StmtKind};
use crate::bytecode::op::FRAME;
use crate::bytecode::{Arm, Op, Word};
use crate::source::Span;

impl<'a> Codegen<'a> {
    pub(super) fn spawn(&mut self, what: &'a Expr, dest: Dest) {
        match &what.kind {
            ExprKind::Block(block) => {
                let index = self.reserve_function();
                self.begin_function("spawn", what.span);
                self.function_body(block);
                let captures = self.end_function(index);
                let top = self.func().top;
                let callee = self.func().alloc();
                self.closure(index, &captures, callee);
                self.spawn_call(callee, &[], dest);
                self.func().top = top;
            }
            ExprKind::Call { callee, args } if is_plain(args) => {
                let top = self.func().top;
                let callee = self.spawn_callee(callee, args, what.span);
                self.spawn_call(callee, args, dest);
                self.func().top = top;
            }
            ExprKind::Method { object, name, args, optional: false }
                if is_plain(args) && self.module_of(object).is_some() =>
            {
                let top = self.func().top;
                let callee = self.func().alloc();
                if let Some(module) = self.module_of(object) {
                    self.load_member(&module, name, callee);
                }
                self.spawn_call(callee, args, dest);
                self.func().top = top;
            }
            ExprKind::Method { object, name, args, optional: false }
                if is_plain(args) && self.type_of_expr(object).is_some() =>
            {
                let top = self.func().top;
                let callee = self.func().alloc();
                if let Some(ty) = self.type_of_expr(object) {
                    self.read_on_type(&ty, name, callee);
                }
                self.spawn_call(callee, args, dest);
                self.func().top = top;
            }
            ExprKind::Method { object, args, optional: false, .. } if is_plain(args) => {
                self.spawn_method(what, object, args, dest);
            }
            ExprKind::Call { .. } | ExprKind::Method { .. } => {
                let message = "`spawn` takes a call with plain arguments";
                self.error(Code::WrongArguments, what.span, message).help =
                    Some("write `spawn { ... }` around this call".to_owned());
            }
            _ => {
                let message = "`spawn` takes one call or a block";
                self.error(Code::WrongArguments, what.span, message);
            }
        }
    }

    fn spawn_callee(&mut self, callee: &'a Expr, args: &'a [Arg], span: Span) -> Reg {
        if let ExprKind::Name(name) = &callee.kind {
            let signature = self.signature_of_name(name);
            if signature.as_ref().is_some_and(|s| s.mutable.contains(&true)) {
                let message = format!("`{name}` has `mut` parameters, so it cannot be spawned");
                self.error(Code::BadPlace, callee.span, message).help =
                    Some("spawn a block that keeps the variable: `spawn { var x = ...; ... }`".to_owned());
                return self.func().alloc();
            }
            self.check_arguments(name, signature.as_ref(), args, span);
        }
        self.temp(callee)
    }

    fn spawn_call(&mut self, callee: Reg, args: &'a [Arg], dest: Dest) {
        let frame = self.func().alloc_n(FRAME);
        for arg in args {
            self.temp(&arg.value);
        }
        self.func().push(Op::Spawn, frame, callee, args.len() as u16);
        self.produce(dest, |c, dest| {
            c.func().push(Op::Copy, dest, frame, 0);
        });
    }

    /// `spawn object.method(args)`: object and arguments are evaluated here, the call is made by a
    /// function of them in the new thread.
    fn spawn_method(&mut self, what: &'a Expr, object: &'a Expr, args: &'a [Arg], dest: Dest) {
        let ExprKind::Method { name, .. } = &what.kind else { return };
        let index = self.reserve_function();
        self.begin_function(&name.name, what.span);
        let count = args.len() as u16;
        let func = self.func();
        let first = func.alloc_n(count + 1);
        for i in 0..=count {
            let name = format!("argument {i}").into();
            let parameter =
                crate::bytecode::Parameter { name, optional: false, rest: false, mutable: false };
            func.parameters.push(parameter);
        }
        let call = func.alloc_n(FRAME + 1 + count);
        for i in 0..count {
            func.push(Op::Copy, call + FRAME + 1 + i, first + 1 + i, 0);
        }
        let method = func.string(&name.name);
        let ext = vec![
            Word::receiver(crate::bytecode::Receiver::Temporary, first, 0, 0),
            Word::names(method, None),
        ];
        func.push_ext(Op::CallMethod, call, 0, count, ext);
        func.push(Op::Ret, call, 0, 0);
        let captures = self.end_function(index);
        let top = self.func().top;
        let callee = self.func().alloc();
        self.closure(index, &captures, callee);
        let frame = self.func().alloc_n(FRAME);
        self.temp(object);
        for arg in args {
            self.temp(&arg.value);
        }
        self.func().push(Op::Spawn, frame, callee, count + 1);
        self.produce(dest, |c, dest| {
            c.func().push(Op::Copy, dest, frame, 0);
        });
        self.func().top = top;
    }

    pub(super) fn select(&mut self, arms: &'a [SelectArm], span: Span, dest: Dest) {
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
        self.func().push_ext(Op::Select, chosen, 0, count, words);
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
                self.func().declare(&name.name, chosen + 1, kind);
            }
            match &arm.body.kind {
                StmtKind::Expr(value) => self.eval(value, inner),
                _ => {
                    self.statement(&arm.body);
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

    fn check_select(&mut self, arms: &[SelectArm], span: Span) -> bool {
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
            self.error(Code::BadSelect, span, message);
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
    fn select_guards(&mut self, arms: &'a [SelectArm]) -> Vec<Word> {
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
            SelectKind::After(duration) => (duration, None),
            SelectKind::Call { call, .. } => {
                let ExprKind::Method { object, args, .. } = &call.kind else { return };
                (&**object, args.first().map(|arg| &arg.value))
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

fn method_of(call: &Expr) -> Option<(&str, &[Arg])> {
    match &call.kind {
        ExprKind::Method { name, args, optional: false, .. } => Some((&name.name, args)),
        _ => None,
    }
}
