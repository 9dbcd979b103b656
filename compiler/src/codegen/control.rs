//! Control: `if`, loops, `try`, and the ways out of them.

use super::func::{Control, LocalKind, Reg};
use super::pattern::fits_all;
use super::{Code, Codegen, Dest};
use crate::ast::{Block, Cond, Expr, ExprKind, Pattern, PatternKind};
use crate::bytecode::Op;
use crate::bytecode::op::{INCLUSIVE, PAIR};
use crate::source::Span;

impl<'a> Codegen<'a> {
    pub(super) fn if_else(
        &mut self,
        cond: &'a Cond,
        then: &'a Block,
        otherwise: Option<&'a Expr>,
        dest: Dest,
    ) {
        let (else_label, end) = (self.func().label(), self.func().label());
        let (names, top) = (self.func().locals.len(), self.func().top);
        self.condition(cond, else_label);
        self.block(then, dest);
        self.func().locals.truncate(names);
        self.func().top = top;
        let has_else = otherwise.is_some() || dest != Dest::Discard;
        if has_else && !self.func().is_dead_end() {
            self.func().jump(Op::Jump, 0, 0, end);
        }
        self.func().place(else_label);
        match otherwise {
            Some(otherwise) => self.eval(otherwise, dest),
            None => self.nil_to(dest),
        }
        self.func().place(end);
    }

    pub(super) fn try_catch(
        &mut self,
        body: &'a Block,
        pattern: Option<&'a Pattern>,
        handler: &'a Block,
        dest: Dest,
    ) {
        let (result, top) = self.landing_register(dest);
        let inner = if dest == Dest::Discard { dest } else { Dest::Into(result) };
        let func = self.func();
        let error = func.alloc();
        let (catch, end) = (func.label(), func.label());
        func.open_region(catch, error, false);
        self.block(body, inner);
        let func = self.func();
        func.close_region();
        if !func.is_dead_end() {
            func.jump(Op::Jump, 0, 0, end);
        }
        func.place(catch);
        func.push(Op::Landing, error, 0, 0);
        let names = func.locals.len();
        let unfit = func.label();
        if let Some(pattern) = pattern {
            let bound = self.bound_names(pattern, Some(error));
            self.test(pattern, error, &bound, unfit);
            self.declare_bound(&bound, LocalKind::Bound);
        }
        self.block(handler, inner);
        self.func().locals.truncate(names);
        if pattern.is_some_and(|pattern| !fits_all(pattern)) {
            if !self.func().is_dead_end() {
                self.func().jump(Op::Jump, 0, 0, end);
            }
            self.func().place(unfit);
            self.func().push(Op::Throw, error, 0, 0);
        }
        self.func().place(end);
        self.land(dest, result, top);
    }

    pub(super) fn while_loop(&mut self, cond: &'a Cond, body: &'a Block, dest: Dest) {
        let (names, top) = (self.func().locals.len(), self.func().top);
        let next = self.func().here();
        let exit = self.func().label();
        self.condition(cond, exit);
        self.loop_body(next, exit, None, false, body);
        self.func().locals.truncate(names);
        self.func().top = top;
        self.func().place(exit);
        self.nil_to(dest);
    }

    pub(super) fn endless_loop(&mut self, body: &'a Block, dest: Dest) {
        let (result, top) = self.landing_register(dest);
        let next = self.func().here();
        let exit = self.func().label();
        let wanted = (dest != Dest::Discard).then_some(result);
        self.loop_body(next, exit, wanted, true, body);
        self.func().place(exit);
        self.land(dest, result, top);
    }

    fn loop_body(
        &mut self,
        next: crate::bytecode::draft::Label,
        exit: crate::bytecode::draft::Label,
        result: Option<Reg>,
        takes_value: bool,
        body: &'a Block,
    ) {
        let span = self.func().span_now;
        let region = self.func().region;
        self.func().controls.push(Control::Loop { next, exit, result, takes_value, region });
        self.block(body, Dest::Discard);
        self.func().controls.pop();
        self.func().span_now = span;
        self.func().jump(Op::JumpBack, 0, 0, next);
    }

    pub(super) fn for_loop(
        &mut self,
        first: &'a Pattern,
        second: Option<&'a Pattern>,
        iterable: &'a Expr,
        body: &'a Block,
        dest: Dest,
    ) {
        let (names, top) = (self.func().locals.len(), self.func().top);
        let (next, exit) = (self.func().label(), self.func().label());
        let mut inner = iterable;
        while let ExprKind::Paren(e) = &inner.kind {
            inner = e;
        }
        let span = self.func().span_now;
        let mut lends = false;
        let walk = match (&inner.kind, second) {
            (ExprKind::Range { start, end, step, inclusive }, None) => {
                let walk = self.range_parts(start, end, step.as_deref());
                self.func().alloc();
                let flags = if *inclusive { INCLUSIVE } else { 0 };
                self.func().span_now = inner.span;
                self.func().push(Op::RangeLoopStart, walk, 0, 0).word.flags = flags;
                self.func().span_now = span;
                self.func().place(next);
                self.func().jump(Op::RangeLoop, walk, 0, exit);
                walk
            }
            _ => {
                let walk = self.temp(iterable);
                self.func().alloc_n(4);
                self.func().span_now = iterable.span;
                self.func().push(Op::IterStart, walk, 0, 0);
                self.func().place(next);
                self.func().jump(Op::IterNext, walk, 0, exit);
                self.func().span_now = span;
                if second.is_some() {
                    self.func().last().word.flags = PAIR;
                }
                lends = true;
                walk
            }
        };
        let body_start = self.func().stand();
        for (i, pattern) in [Some(first), second].into_iter().flatten().enumerate() {
            let reg = walk + 3 + i as u16;
            match &pattern.kind {
                PatternKind::Binding(name) => self.func().declare(name, reg, LocalKind::Bound),
                _ => self.bind_pattern(pattern, reg, LocalKind::Bound),
            }
        }
        self.loop_body(next, exit, None, false, body);
        if lends {
            self.func().lend_elements(walk, body_start);
        }
        self.func().locals.truncate(names);
        self.func().top = top;
        self.func().place(exit);
        self.nil_to(dest);
    }

    pub(super) fn return_value(&mut self, value: Option<&'a Expr>, span: Span) {
        let func = self.func();
        if func.controls.iter().any(|c| matches!(c, Control::Barrier)) {
            let message = "`return` cannot leave a `defer`";
            self.error(Code::MisplacedJump, span, message);
            return;
        }
        if self.funcs.len() == 1 && !self.func().is_item {
            let message = "`return` outside of a function";
            self.error(Code::MisplacedJump, span, message).help =
                Some("`import os`, then `os.exit(0)` ends the program".to_owned());
            return;
        }
        let func = self.func();
        let is_plain = func.controls.iter().all(|c| matches!(c, Control::Loop { .. }));
        if is_plain && func.region.is_none() {
            match value {
                Some(value) => self.eval(value, Dest::Tail),
                None => self.nil_to(Dest::Tail),
            }
            return;
        }
        let top = self.func().top;
        let reg = match value {
            Some(value) => self.temp(value),
            None => {
                let reg = self.func().alloc();
                self.nil_to(Dest::Into(reg));
                reg
            }
        };
        self.leave(0);
        self.func().push_return(reg);
        self.func().top = top;
    }

    /// Runs the cleanups from the innermost out to the control at `depth`.
    fn leave(&mut self, depth: usize) {
        let controls = self.func().controls.clone();
        let region = self.func().region;
        for i in (depth..controls.len()).rev() {
            if let Control::Defer { region, .. }
            | Control::Scope { region }
            | Control::Place { region, .. } = &controls[i]
            {
                self.func().region = *region;
                self.func().controls.truncate(i);
                self.clean_up(&controls[i]);
            }
        }
        self.func().controls = controls;
        self.func().region = region;
    }

    /// The innermost loop that `break` and `continue` here belong to.
    fn innermost_loop(&mut self, what: &str, span: Span) -> Option<usize> {
        let controls = &self.func().controls;
        let found =
            controls.iter().rposition(|c| matches!(c, Control::Loop { .. } | Control::Barrier));
        match found.map(|i| (i, &controls[i])) {
            Some((i, Control::Loop { .. })) => Some(i),
            Some(_) => {
                let message = format!("`{what}` cannot leave a `defer`");
                self.error(Code::MisplacedJump, span, message);
                None
            }
            None => {
                let message = format!("`{what}` outside of a loop");
                let in_loop = |func: &super::func::Func<'_>| {
                    func.controls.iter().any(|c| matches!(c, Control::Loop { .. }))
                };
                let outer = self.funcs.iter().rev().skip(1).any(in_loop);
                let help = outer.then(|| {
                    "a lambda or `spawn { }` is a function of its own: `return` leaves it"
                        .to_owned()
                });
                self.error(Code::MisplacedJump, span, message).help = help;
                None
            }
        }
    }

    pub(super) fn break_loop(&mut self, value: Option<&'a Expr>, span: Span) {
        let Some(depth) = self.innermost_loop("break", span) else { return };
        let Control::Loop { exit, result, takes_value, .. } = self.func().controls[depth] else {
            return;
        };
        if value.is_some() && !takes_value {
            let message = "`break` with a value belongs to `loop`";
            self.error(Code::MisplacedJump, span, message).help =
                Some("`for` and `while` give nil; assign to a `var` instead".to_owned());
            return;
        }
        let top = self.func().top;
        match (value, result) {
            (Some(value), Some(result)) => {
                let temp = self.temp(value);
                self.leave(depth);
                self.func().push(Op::Copy, result, temp, 0);
            }
            (Some(value), None) => {
                self.eval(value, Dest::Discard);
                self.leave(depth);
            }
            (None, Some(result)) => {
                self.leave(depth);
                self.nil_to(Dest::Into(result));
            }
            (None, None) => self.leave(depth),
        }
        self.func().top = top;
        self.func().jump(Op::Jump, 0, 0, exit);
    }

    pub(super) fn continue_loop(&mut self, span: Span) {
        let Some(depth) = self.innermost_loop("continue", span) else { return };
        if let Control::Loop { next, region, .. } = self.func().controls[depth] {
            self.leave(depth);
            // A thread may be cancelled here, where what was left has been cleaned up.
            let inner = std::mem::replace(&mut self.func().region, region);
            self.func().jump(Op::JumpBack, 0, 0, next);
            self.func().region = inner;
        }
    }
}
