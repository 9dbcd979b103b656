//! `spawn`: what runs in the new thread, and what is evaluated before.

use super::call::{Layout, is_plain};
use super::func::{Capture, Reg};
use super::{Code, Codegen, Dest};
use crate::Signature;
use crate::ast::{Arg, ArgKind, Expr, ExprKind, Ident};
use crate::bytecode::op::{FRAME, SPREAD};
use crate::bytecode::{Constant, Op, Parameter, Receiver, Word};
use crate::source::Span;

impl<'a> Codegen<'a> {
    pub(super) fn spawn(&mut self, what: &'a Expr, dest: Dest) {
        if let ExprKind::Call { args, .. } | ExprKind::Method { args, .. } = &what.kind
            && let Some(place) = args.iter().find(|a| a.kind == ArgKind::Place)
        {
            let message = "a spawned call takes no `&`: the threads would share the place";
            self.error(Code::BadPlace, place.value.span, message).help =
                Some("give the thread a value, and take its result from `join`".to_owned());
            return;
        }
        match &what.kind {
            ExprKind::Block(block) => {
                let index = self.reserve_function();
                self.begin_function("spawn", what.span);
                self.function_body(block);
                self.func().is_given = true;
                let captures = self.end_function(index);
                let top = self.func().top;
                let callee = self.func().alloc();
                self.closure(index, &[], callee);
                let frame = self.func().alloc_n(FRAME);
                let mut count = 0;
                for value in captures.iter().filter_map(Capture::held) {
                    let argument = self.func().alloc();
                    self.func().push(Op::Copy, argument, value, 0);
                    count += 1;
                }
                self.start_thread(frame, callee, count, dest);
                self.func().top = top;
            }
            ExprKind::Call { callee, args } => {
                let top = self.func().top;
                let callee = self.spawn_callee(callee, args, what.span);
                self.spawn_call(callee, args, dest);
                self.func().top = top;
            }
            ExprKind::Method { object, name, args, optional: false }
                if self.module_of(object).is_some() =>
            {
                let top = self.func().top;
                let callee = self.func().alloc();
                if let Some(module) = self.module_of(object) {
                    let signature = self.member_signature(&module, name.name);
                    let shown = self.member_shown(&module, name.name);
                    self.check_spawned(&shown, signature.as_ref(), args, what.span);
                    self.load_member(&module, name, callee);
                }
                self.spawn_call(callee, args, dest);
                self.func().top = top;
            }
            ExprKind::Method { object, name, args, optional: false }
                if self.type_of_expr(object).is_some() =>
            {
                let top = self.func().top;
                let callee = self.func().alloc();
                if let Some(ty) = self.type_of_expr(object) {
                    self.read_on_type(&ty, name, callee);
                }
                self.spawn_call(callee, args, dest);
                self.func().top = top;
            }
            ExprKind::Method { object, name, args, optional: false } => {
                let top = self.func().top;
                let object = self.temp(object);
                self.forward(object, Some(name), args, dest);
                self.func().top = top;
            }
            ExprKind::Method { .. } => {
                let message = "`spawn` takes a call that is surely made: this one has a `?.`";
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
            self.check_spawned(name, signature.as_ref(), args, span);
        }
        self.temp(callee)
    }

    /// Reports a known function that cannot be spawned with these arguments.
    fn check_spawned(
        &mut self,
        name: &str,
        signature: Option<&Signature>,
        args: &[Arg],
        span: Span,
    ) {
        if signature.is_some_and(|s| s.parameters.iter().any(|p| p.mutable)) {
            let message = format!("`{name}` has `mut` parameters, so it cannot be spawned");
            self.error(Code::BadPlace, span, message).help = Some(
                "spawn a block that keeps the variable: `spawn { var x = ...; ... }`".to_owned(),
            );
            return;
        }
        self.check_arguments(name, signature, args, span);
    }

    /// Starts a thread that calls what a register holds.
    fn spawn_call(&mut self, callee: Reg, args: &'a [Arg], dest: Dest) {
        if !is_plain(args) {
            self.forward(callee, None, args, dest);
            return;
        }
        let frame = self.func().alloc_n(FRAME);
        for arg in args {
            self.temp(arg.value);
        }
        self.start_thread(frame, callee, args.len() as u16, dest);
    }

    /// Starts a thread that calls `callee` with `count` arguments, which stand in the frame.
    fn start_thread(&mut self, frame: Reg, callee: Reg, count: u16, dest: Dest) {
        self.func().push(Op::Spawn, frame, callee, count);
        self.produce(dest, |c, dest| {
            c.func().push(Op::Copy, dest, frame, 0);
        });
    }

    /// Starts a thread with a call that `Spawn` cannot make itself: of a method, or with named or
    /// spread arguments. Everything is evaluated here; a function of it makes the call there.
    fn forward(&mut self, head: Reg, method: Option<&'a Ident>, args: &'a [Arg], dest: Dest) {
        let span = self.func().span_now;
        let index = self.reserve_function();
        let runner = self.func().alloc();
        self.closure(index, &[], runner);
        let frame = self.func().alloc_n(FRAME);
        let first = self.func().alloc();
        self.func().push(Op::Copy, first, head, 0);
        let layout = self.arguments(args, span, &mut None);
        self.forwarder(index, method, args, &layout);
        self.start_thread(frame, runner, layout.count + 1, dest);
    }

    /// The function that makes the call: its parameters are the callee or receiver, and the argument
    /// registers of the call.
    fn forwarder(&mut self, index: u32, method: Option<&Ident>, args: &[Arg], layout: &Layout) {
        let span = self.func().span_now;
        self.begin_function(method.map_or("spawn", |name| name.name), span);
        let func = self.func();
        let head = func.alloc_n(layout.count + 1);
        for i in 0..=layout.count {
            let name = format!("argument {i}").into();
            let parameter = Parameter { name, optional: false, rest: false, mutable: false };
            func.parameters.push(parameter);
        }
        let hidden = u16::from(method.is_some());
        let call = func.alloc_n(FRAME + hidden + layout.count);
        for i in 0..layout.count {
            func.push(Op::Copy, call + FRAME + hidden + i, head + 1 + i, 0);
        }
        let names: Box<[Box<str>]> =
            args.iter().filter_map(|arg| Some(arg.name?.name.into())).collect();
        let names = match names.is_empty() {
            true => None,
            false => func.short_constant(Constant::Names(names)),
        };
        let ins = match method {
            Some(name) => {
                let symbol = func.string(name.name);
                let receiver = Word::receiver(Receiver::Temporary, head, 0, 0);
                let ext = [receiver, Word::cache(), Word::names(symbol, names)];
                func.push_ext(Op::CallMethod, call, 0, layout.count, &ext)
            }
            None => func.push_ext(Op::CallWith, call, head, layout.count, &[Word::names(0, names)]),
        };
        if layout.spread {
            ins.word.flags = SPREAD;
        }
        func.push(Op::Ret, call, 0, 0);
        self.end_function(index);
    }
}
