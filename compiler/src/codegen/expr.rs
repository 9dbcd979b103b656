//! Expressions: literals, names, collections, strings, lambdas, and the dispatch to the rest.

use super::func::{CAPTURE_BASE, Capture, Control, Local, LocalKind, Reg};
use super::names::Resolved;
use super::place::root_name;
use super::{Code, Codegen, Dest, Item};
use crate::ast::{Element, Expr, ExprKind, Lambda, MapElement, StmtKind, StrPart};
use crate::bytecode::op::{INCLUSIVE, NUMBER};
use crate::bytecode::{Constant, Op};
use crate::source::Span;

/// The most registers that one literal takes at once; longer ones are built in steps.
const CHUNK: usize = 32;

impl<'a> Codegen<'a> {
    /// Evaluates `e` to `dest`.
    pub(super) fn eval(&mut self, e: &'a Expr, dest: Dest) {
        let span = self.func().span_now;
        let chain = self.chain.take();
        self.func().span_now = e.span;
        match &e.kind {
            ExprKind::Nil => self.nil_to(dest),
            ExprKind::Bool(value) => {
                let value = u16::from(*value);
                self.produce(dest, |c, dest| {
                    c.func().push(Op::LoadBool, dest, value, 0);
                });
            }
            ExprKind::Int(n) => match i64::try_from(*n) {
                Ok(n) => self.produce(dest, |c, dest| c.load_int(n, dest)),
                Err(_) => {
                    let message = "this integer does not fit 64 bits";
                    self.error(Code::IntegerRange, e.span, message);
                }
            },
            ExprKind::Float(f) => self.produce(dest, |c, dest| c.load_float(*f, dest)),
            ExprKind::Str(text) => self.produce(dest, |c, dest| c.load_str(text, dest)),
            ExprKind::Interpolated(parts) => self.interpolated(parts, dest),
            ExprKind::Name(name) => self.name(name, e.span, dest),
            ExprKind::TypeName(name) => self.type_name(name, e.span, dest),
            ExprKind::SelfRef => self.name("self", e.span, dest),
            ExprKind::List(items) => self.list(items, dest),
            ExprKind::Map(items) => self.map(items, dest),
            ExprKind::Range { start, end, step, inclusive } => {
                self.range(start, end, step.as_deref(), *inclusive, dest);
            }
            ExprKind::Unary { op, operand } => self.unary(*op, operand, dest),
            ExprKind::Binary { op, left, right, .. } => self.binary(*op, left, right, dest),
            ExprKind::Logic { op, left, right } => self.logic(*op, left, right, dest),
            ExprKind::Is { value, ty, negated } => self.is_type(value, ty, *negated, dest),
            ExprKind::Field { .. }
            | ExprKind::Index { .. }
            | ExprKind::Call { .. }
            | ExprKind::Method { .. } => {
                self.chain = chain;
                self.postfix(e, dest);
            }
            ExprKind::Paren(inner) => self.eval(inner, dest),
            ExprKind::Block(block) => self.block(block, dest),
            ExprKind::If { cond, then, otherwise } => {
                self.if_else(cond, then, otherwise.as_deref(), dest);
            }
            ExprKind::Match { value, arms } => self.match_value(value, arms, e.span, dest),
            ExprKind::Try { body, name, handler } => {
                self.try_catch(body, name.as_deref(), handler, dest);
            }
            ExprKind::While { cond, body } => self.while_loop(cond, body, dest),
            ExprKind::Loop { body } => self.endless_loop(body, dest),
            ExprKind::For { first, second, in_place, iterable, body } => {
                if *in_place {
                    self.for_places(first, iterable, body, dest);
                } else {
                    self.for_loop(first, second.as_deref(), iterable, body, dest);
                }
            }
            ExprKind::Scope { body } => {
                self.func().push(Op::ScopeEnter, 0, 0, 0);
                let region = self.func().region;
                self.guarded(Control::Scope { region }, dest, |c, dest| c.block(body, dest));
            }
            ExprKind::Select { arms } => self.select(arms, e.span, dest),
            ExprKind::Spawn(what) => self.spawn(what, dest),
            ExprKind::Lambda(lambda) => self.lambda(lambda, e.span, dest),
            ExprKind::Return(value) => self.return_value(value.as_deref(), e.span),
            ExprKind::Break(value) => self.break_loop(value.as_deref(), e.span),
            ExprKind::Continue => self.continue_loop(e.span),
            ExprKind::Throw(value) => {
                let temp = self.temp(value);
                self.func().span_now = e.span;
                self.func().push(Op::Throw, temp, 0, 0);
            }
            ExprKind::Error => {}
        }
        self.func().span_now = span;
    }

    /// The register that holds the value of `e`: a local's own, or a new one on top.
    pub(super) fn operand(&mut self, e: &'a Expr) -> Reg {
        if let ExprKind::Paren(inner) = &e.kind {
            return self.operand(inner);
        }
        let Some(name) = root_name(e) else { return self.temp(e) };
        let span = self.func().span_now;
        self.func().span_now = e.span;
        let reg = self.read_name(name, e.span);
        self.func().span_now = span;
        reg.unwrap_or(0)
    }

    /// Evaluates `e` into a new register on top.
    pub(super) fn temp(&mut self, e: &'a Expr) -> Reg {
        let reg = self.func().alloc();
        self.eval(e, Dest::Into(reg));
        self.func().top = reg + 1;
        reg
    }

    /// Writes a value to `dest` by instructions that `write` pushes for a register.
    pub(super) fn produce(&mut self, dest: Dest, write: impl FnOnce(&mut Self, Reg)) {
        let top = self.func().top;
        match dest {
            Dest::Into(reg) => write(self, reg),
            Dest::Discard => {
                let reg = self.func().alloc();
                write(self, reg);
            }
            Dest::Tail => {
                let reg = self.func().alloc();
                write(self, reg);
                self.return_register(reg);
            }
        }
        self.func().top = top;
    }

    /// A register in which a value that is made in several steps comes to be.
    pub(super) fn landing_register(&mut self, dest: Dest) -> (Reg, Reg) {
        let top = self.func().top;
        match dest {
            Dest::Into(reg) => (reg, top),
            Dest::Discard | Dest::Tail => (self.func().alloc(), top),
        }
    }

    /// Hands on the value in a register of [`Self::landing_register`].
    pub(super) fn land(&mut self, dest: Dest, reg: Reg, top: Reg) {
        if dest == Dest::Tail {
            self.return_register(reg);
        }
        self.func().top = top;
    }

    /// Returns what a register holds.
    pub(super) fn return_register(&mut self, reg: Reg) {
        // What a walk may lend is not the function's, either.
        let is_bound = |l: &Local<'_>| l.reg == reg && l.kind == LocalKind::Bound;
        let reg = if reg >= CAPTURE_BASE || self.func().locals.iter().rev().any(is_bound) {
            let copy = self.func().alloc();
            self.func().push(Op::Copy, copy, reg, 0);
            copy
        } else {
            reg
        };
        self.func().push_return(reg);
    }

    pub(super) fn load_int(&mut self, n: i64, dest: Reg) {
        if let Ok(small) = i32::try_from(n) {
            self.func().push_wide(Op::LoadInt, dest, small as u32);
        } else {
            let k = self.func().constant(Constant::Int(n));
            self.func().push_wide(Op::LoadConst, dest, k).word.flags = NUMBER;
        }
    }

    pub(super) fn load_float(&mut self, f: f64, dest: Reg) {
        let k = self.func().constant(Constant::Float(f));
        self.func().push_wide(Op::LoadConst, dest, k).word.flags = NUMBER;
    }

    fn load_str(&mut self, text: &str, dest: Reg) {
        let k = self.func().string(text);
        self.func().push_wide(Op::LoadConst, dest, k);
    }

    pub(super) fn too_many_constants(&mut self, span: Span) {
        self.error(Code::TooLarge, span, "this function has too many different constants");
    }

    fn name(&mut self, name: &'a str, span: Span, dest: Dest) {
        match (self.resolve(name), dest) {
            (Resolved::Local { reg, .. }, Dest::Into(dest)) => {
                self.func().push(Op::Copy, dest, reg, 0);
            }
            (Resolved::Local { reg, .. }, Dest::Tail) => self.return_register(reg),
            (Resolved::Local { .. }, Dest::Discard) => {}
            (Resolved::Item(Item::Function { index, .. }), Dest::Into(dest)) => {
                let k = self.func().constant(Constant::Function(index));
                self.func().push_wide(Op::LoadConst, dest, k);
            }
            (Resolved::Item(Item::Slot { slot, .. }), Dest::Into(dest)) => {
                self.func().push(Op::GetGlobal, dest, slot, 0);
            }
            _ => {
                let top = self.func().top;
                if let Some(reg) = self.read_name(name, span) {
                    self.produce(dest, |c, dest| {
                        c.func().push(Op::Copy, dest, reg, 0);
                    });
                }
                self.func().top = top;
            }
        }
    }

    fn list(&mut self, items: &'a [Element], dest: Dest) {
        let (result, top) = self.landing_register(dest);
        let plain = items.iter().take_while(|i| matches!(i, Element::Value(_))).take(CHUNK);
        let first = self.func().top;
        let mut count = 0;
        for item in plain {
            if let Element::Value(e) = item {
                self.temp(e);
                count += 1;
            }
        }
        self.func().push(Op::NewList, result, first, count);
        self.func().top = first;
        for item in &items[count as usize..] {
            match item {
                Element::Value(e) => {
                    let temp = self.temp(e);
                    self.func().push(Op::ListAppend, result, temp, 0);
                    self.func().top = temp;
                }
                Element::Spread(e) => self.append_all(result, e),
            }
        }
        self.land(dest, result, top);
    }

    /// `...e` in a list: appends whatever `for` walks, which may wait, to the list in `list`.
    pub(super) fn append_all(&mut self, list: Reg, e: &'a Expr) {
        let top = self.func().top;
        let walk = self.temp(e);
        self.func().alloc_n(3);
        self.func().push(Op::IterStart, walk, 0, 0);
        let next = self.func().here();
        let exit = self.func().label();
        self.func().jump(Op::IterNext, walk, 0, exit);
        self.func().push(Op::ListAppend, list, walk + 3, 0);
        self.func().jump(Op::JumpBack, 0, 0, next);
        self.func().place(exit);
        self.func().top = top;
    }

    fn map(&mut self, items: &'a [MapElement], dest: Dest) {
        let (result, top) = self.landing_register(dest);
        let plain = items.iter().take_while(|i| matches!(i, MapElement::Entry { .. }));
        let first = self.func().top;
        let mut count = 0;
        for item in plain.take(CHUNK / 2) {
            if let MapElement::Entry { key, value } = item {
                self.temp(key);
                self.temp(value);
                count += 1;
            }
        }
        self.func().push(Op::NewMap, result, first, count);
        self.func().top = first;
        for item in &items[count as usize..] {
            let top = self.func().top;
            match item {
                MapElement::Entry { key, value } => {
                    let key = self.temp(key);
                    let value = self.temp(value);
                    self.func().push(Op::MapInsert, result, key, value);
                }
                MapElement::Spread(e) => {
                    let temp = self.temp(e);
                    self.func().push(Op::MapExtend, result, temp, 0);
                }
            }
            self.func().top = top;
        }
        self.land(dest, result, top);
    }

    /// The three parts of a range into three new registers; the first.
    pub(super) fn range_parts(
        &mut self,
        start: &'a Expr,
        end: &'a Expr,
        step: Option<&'a Expr>,
    ) -> Reg {
        let first = self.temp(start);
        self.temp(end);
        match step {
            Some(step) => {
                self.temp(step);
            }
            None => {
                let reg = self.func().alloc();
                self.load_int(1, reg);
            }
        }
        first
    }

    fn range(
        &mut self,
        start: &'a Expr,
        end: &'a Expr,
        step: Option<&'a Expr>,
        inclusive: bool,
        dest: Dest,
    ) {
        let top = self.func().top;
        let first = self.range_parts(start, end, step);
        self.produce(dest, |c, dest| {
            let flags = if inclusive { INCLUSIVE } else { 0 };
            c.func().push(Op::NewRange, dest, first, 0).word.flags = flags;
        });
        self.func().top = top;
    }

    fn interpolated(&mut self, parts: &'a [StrPart], dest: Dest) {
        let top = self.func().top;
        let first = top;
        let mut count = 0;
        for part in parts {
            if count as usize == CHUNK {
                // What there is so far becomes one part.
                let joined = self.func().alloc();
                self.func().push(Op::Concat, joined, first, count);
                self.func().push(Op::Copy, first, joined, 0);
                self.func().top = first + 1;
                count = 1;
            }
            match part {
                StrPart::Text(text) => {
                    let reg = self.func().alloc();
                    self.load_str(text, reg);
                }
                StrPart::Expr { value, format: None } => {
                    self.temp(value);
                }
                StrPart::Expr { value, format: Some((format, span)) } => {
                    let reg = self.func().alloc();
                    let value = self.operand(value);
                    match self.func().short_constant(Constant::Str((*format).into())) {
                        Some(k) => {
                            self.func().push(Op::Format, reg, value, k);
                        }
                        None => self.too_many_constants(*span),
                    }
                    self.func().top = reg + 1;
                }
            }
            count += 1;
        }
        self.produce(dest, |c, dest| {
            c.func().push(Op::Concat, dest, first, count);
        });
        self.func().top = top;
    }

    fn lambda(&mut self, lambda: &'a Lambda, span: Span, dest: Dest) {
        let index = self.reserve_function();
        self.begin_function("lambda", span);
        self.parameters(lambda.params);
        match &lambda.body.kind {
            StmtKind::Expr(value) => self.eval(value, Dest::Tail),
            _ => self.statement(lambda.body),
        }
        let captures = self.end_function(index);
        self.produce(dest, |c, dest| c.closure(index, &captures, dest));
    }

    /// A closure of function `index` into `dest`.
    pub(super) fn closure(&mut self, index: u32, captures: &[Capture], dest: Reg) {
        let Ok(short) = u16::try_from(index) else {
            let span = self.func().span_now;
            self.error(Code::TooLarge, span, "this file has too many functions");
            return;
        };
        let values: Vec<Reg> = captures.iter().filter_map(Capture::held).collect();
        if values.is_empty() {
            let k = self.func().constant(Constant::Function(index));
            self.func().push_wide(Op::LoadConst, dest, k);
            return;
        }
        let top = self.func().top;
        let first = self.func().alloc_n(values.len() as u16);
        for (i, value) in values.into_iter().enumerate() {
            self.func().push(Op::Copy, first + i as u16, value, 0);
        }
        self.func().push(Op::Closure, dest, short, first);
        self.func().top = top;
    }
}
