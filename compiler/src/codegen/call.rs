//! Calls: of functions, members and methods; arguments and their checks; `?.` chains.

use super::func::{LocalKind, Reg};
use super::hand_over::{PlaceArgument, place_words};
use super::names::Resolved;
use super::pattern_type::list_of;
use super::walk::argument_writes;
use super::{Code, Codegen, Dest, Item};
use crate::ast::{Arg, ArgKind, Expr, ExprKind, Ident, Index};
use crate::bytecode::op::{FRAME, SPREAD};
use crate::bytecode::{Constant, Op, Receiver, Word};
use crate::source::Span;
use crate::{ModuleName, Signature};

/// The methods of built-in types that change their receiver.
const MUTATING: [&str; 9] =
    ["push", "pop", "pop_first", "insert", "remove", "clear", "extend", "swap", "truncate"];

/// How a call finds its callee.
pub(super) enum Callee {
    Register(Reg),
    /// A known function; its arguments are plain.
    Constant(u16),
}

/// How the arguments of a call are laid out.
pub(super) struct Layout {
    /// How many registers they take.
    pub(super) count: u16,
    /// The names of the last ones.
    names: Option<u16>,
    /// The first register holds a list of all positional ones.
    pub(super) spread: bool,
    /// The places among them.
    places: Vec<PlaceArgument>,
}

impl<'a> Codegen<'a> {
    /// Fields, indexes and calls; the end of a chain with `?.` in it arrives here too.
    pub(super) fn postfix(&mut self, e: &'a Expr, dest: Dest) {
        if self.chain.is_none() && has_optional(e) {
            let (result, top) = self.landing_register(dest);
            let (nil, end) = (self.func().label(), self.func().label());
            self.chain = Some(nil);
            self.link(e, Dest::Into(result));
            self.chain = None;
            self.func().jump(Op::Jump, 0, 0, end);
            self.func().place(nil);
            self.nil_to(Dest::Into(result));
            self.func().place(end);
            self.land(dest, result, top);
            return;
        }
        self.link(e, dest);
    }

    /// One link of a chain.
    fn link(&mut self, e: &'a Expr, dest: Dest) {
        match &e.kind {
            ExprKind::Field { object, name, optional: true } => {
                self.optional_field(object, name, e.span, dest);
            }
            ExprKind::Index { object, index } => match &**index {
                Index::Open { start, end, inclusive } => {
                    self.slice(object, (*start, *end, *inclusive), dest);
                }
                Index::At(at) => match &at.kind {
                    ExprKind::Range { start, end, step: None, inclusive } => {
                        self.slice(object, (Some(start), Some(end), *inclusive), dest);
                    }
                    ExprKind::Range { .. } => self.strided_slice(object, at, dest),
                    _ => self.read_path(e, dest),
                },
            },
            ExprKind::Call { callee, args } => match self.type_of_expr(callee) {
                Some(ty) => self.construct(&ty, args, e.span, dest),
                None => self.call(callee, args, e.span, dest),
            },
            ExprKind::Method { object, name, args, optional } => {
                if let Some(ty) = self.type_of_expr(object) {
                    self.chain = None;
                    self.call_on_type(&ty, name, args, e.span, dest);
                } else if let Some(ty) = self.type_as_member(object, name) {
                    self.chain = None;
                    self.construct(&ty, args, e.span, dest);
                } else {
                    self.method(object, name, args, *optional, e.span, dest);
                }
            }
            _ => self.read_path(e, dest),
        }
    }

    fn strided_slice(&mut self, object: &'a Expr, range: &'a Expr, dest: Dest) {
        let top = self.func().top;
        let span = self.func().span_now;
        let object = self.temp_in_chain(object);
        let range = self.temp(range);
        self.func().span_now = span;
        self.produce(dest, |c, dest| {
            c.func().push(Op::GetIndex, dest, object, range);
        });
        self.func().top = top;
    }

    fn optional_field(&mut self, object: &'a Expr, name: &Ident, span: Span, dest: Dest) {
        let chain = self.chain;
        let top = self.func().top;
        let object = self.temp_in_chain(object);
        let Some(nil) = chain else { return };
        self.func().jump(Op::JumpIfNil, object, 0, nil);
        let Some(k) = self.func().short_constant(Constant::Str(name.name.into())) else {
            self.too_many_constants(span);
            return;
        };
        self.func().span_now = span;
        let value = self.func().alloc();
        self.func().push(Op::GetFieldOpt, value, object, k);
        self.func().jump(Op::JumpIfNil, value, 0, nil);
        self.produce(dest, |c, dest| {
            c.func().push(Op::Copy, dest, value, 0);
        });
        self.func().top = top;
    }

    fn call(&mut self, callee: &'a Expr, args: &'a [Arg], span: Span, dest: Dest) {
        let top = self.func().top;
        let chain = self.chain.take();
        let mut found = None;
        if let ExprKind::Name(name) = &callee.kind {
            let signature = self.signature_of_name(name);
            self.check_arguments(name, signature.as_ref(), args, span);
            let k = match self.resolve(name) {
                Resolved::Item(Item::Function { index, .. }) if is_plain(args) => {
                    self.func().short_constant(Constant::Function(index))
                }
                Resolved::Item(Item::Member { module, name }) => {
                    self.member_function(&module, &name, args)
                }
                Resolved::Builtin if is_plain(args) => {
                    self.func().short_constant(Constant::Builtin((*name).into()))
                }
                _ => None,
            };
            found = k.map(Callee::Constant);
        }
        let callee = found.unwrap_or_else(|| {
            let arguments_write = args.iter().any(argument_writes);
            Callee::Register(match &callee.kind {
                ExprKind::Name(_) if !arguments_write => self.operand(callee),
                _ => {
                    self.chain = chain;
                    self.temp_in_chain(callee)
                }
            })
        });
        self.call_of(callee, args, span, dest);
        self.func().top = top;
    }

    pub(super) fn call_of(&mut self, callee: Callee, args: &'a [Arg], span: Span, dest: Dest) {
        let top = self.func().top;
        let mut slots = self.place_slots(args);
        let base = self.call_base(dest, slots);
        self.func().alloc_n(FRAME - 1);
        self.check_overlaps(None, args);
        let layout = self.arguments(args, span, &mut slots);
        self.func().span_now = span;
        match callee {
            Callee::Constant(k) => {
                self.func().push(Op::CallConst, base, k, layout.count);
            }
            Callee::Register(reg) => self.call_with(base, reg, &layout),
        }
        self.func().top = top.max(base + 1);
        self.result_of_call(base, dest);
        self.func().top = top;
    }

    /// The first register of a call's frame. The result arrives there: where it is wanted, when that is
    /// on top.
    fn call_base(&mut self, dest: Dest, slots: Option<Reg>) -> Reg {
        match dest {
            Dest::Into(reg) if reg + 1 == self.func().top && slots.is_none() => reg,
            _ => self.func().alloc(),
        }
    }

    fn call_with(&mut self, base: Reg, callee: Reg, layout: &Layout) {
        if !layout.places.is_empty() {
            let mut ext =
                vec![Word::names(0, layout.names), Word::places(layout.places.len() as u16)];
            ext.extend(place_words(&layout.places));
            self.func().push_ext(Op::CallPlaces, base, callee, layout.count, &ext);
            return;
        }
        if layout.names.is_none() && !layout.spread {
            self.func().push(Op::Call, base, callee, layout.count);
            return;
        }
        let ext = vec![Word::names(0, layout.names)];
        let ins = self.func().push_ext(Op::CallWith, base, callee, layout.count, &ext);
        if layout.spread {
            ins.word.flags = SPREAD;
        }
    }

    /// Hands on the result of a call that arrived in `base`.
    fn result_of_call(&mut self, base: Reg, dest: Dest) {
        match dest {
            Dest::Into(reg) if reg == base => {}
            Dest::Into(reg) => {
                self.func().push(Op::Copy, reg, base, 0);
            }
            Dest::Discard => {}
            Dest::Tail => self.return_register(base),
        }
    }

    /// Evaluates arguments into consecutive new registers on top.
    pub(super) fn arguments(
        &mut self,
        args: &'a [Arg],
        span: Span,
        slots: &mut Option<Reg>,
    ) -> Layout {
        if args.len() > 200 {
            self.error(Code::TooLarge, span, "a call takes 200 arguments at most").help =
                Some("pass a list".to_owned());
            return Layout { count: 0, names: None, spread: false, places: Vec::new() };
        }
        let spread = args.iter().any(|a| a.kind == ArgKind::Spread);
        if let (true, Some(arg)) = (spread, args.iter().find(|a| a.kind == ArgKind::Place)) {
            let message = "a call has `&` or `...` arguments, not both";
            self.error(Code::BadPlace, arg.value.span, message);
        }
        let mut places = Vec::new();
        let mut count = 0;
        let mut names: Vec<&str> = Vec::new();
        if spread {
            let list = self.func().alloc();
            let top = self.func().top;
            self.func().push(Op::NewList, list, top, 0);
            count = 1;
        }
        for arg in args {
            if let Some(name) = &arg.name {
                if names.contains(&name.name) {
                    let message = format!("argument `{}` is given twice", name.name);
                    self.error(Code::WrongArguments, name.span, message);
                }
                names.push(name.name);
            } else if !names.is_empty() {
                let message = "positional arguments come before named ones";
                self.error(Code::WrongArguments, arg.value.span, message);
            }
            if arg.kind == ArgKind::Spread {
                let list = self.func().top - 1;
                self.append_all(list, arg.value);
                continue;
            }
            if arg.kind == ArgKind::Place {
                // Its register is the callee's parameter: only the call itself writes it.
                let top = self.func().alloc() + 1;
                places.extend(self.place_argument(arg, count, slots));
                self.func().top = top;
                count += 1;
                continue;
            }
            let temp = self.temp(arg.value);
            if spread && arg.name.is_none() {
                self.func().push(Op::ListAppend, temp - 1, temp, 0);
                self.func().top = temp;
            } else {
                count += 1;
            }
        }
        let names = if names.is_empty() {
            None
        } else {
            let k = self
                .func()
                .short_constant(Constant::Names(names.into_iter().map(Into::into).collect()));
            if k.is_none() {
                self.too_many_constants(span);
            }
            k
        };
        Layout { count, names, spread, places }
    }

    fn method(
        &mut self,
        object: &'a Expr,
        name: &'a Ident,
        args: &'a [Arg],
        optional: bool,
        span: Span,
        dest: Dest,
    ) {
        let chain = self.chain;
        if let Some(module) = self.module_of(object) {
            self.chain = None;
            self.member_call(&module, name, args, span, dest);
            return;
        }
        self.check_receiver(object, name);
        if let ExprKind::SelfRef = object.kind {
            self.check_self_method(name, args, span);
        }
        self.check_overlaps(Some(object), args);
        let top = self.func().top;
        let place = if optional {
            let object = self.temp_in_chain(object);
            if let Some(nil) = chain {
                self.func().jump(Op::JumpIfNil, object, 0, nil);
            }
            super::place::Place { root: object, kind: Receiver::Temporary, steps: Vec::new() }
        } else {
            self.place(object, || args.iter().any(argument_writes))
        };
        self.chain = None;
        // A receiver that is a variable is walked after the arguments, as the language has it.
        let mut slots = self.place_slots(args);
        let base = self.call_base(dest, slots);
        self.func().alloc_n(FRAME);
        let layout = self.arguments(args, span, &mut slots);
        let method = self.func().string(name.name);
        let mut ext = vec![
            Word::receiver(
                place.kind,
                place.root,
                place.steps.len() as u8,
                layout.places.len() as u16,
            ),
            Word::cache(),
            Word::names(method, layout.names),
        ];
        ext.extend_from_slice(&place.steps);
        ext.extend(place_words(&layout.places));
        self.func().span_now = span;
        let ins = self.func().push_ext(Op::CallMethod, base, 0, layout.count, &ext);
        if layout.spread {
            ins.word.flags = SPREAD;
        }
        self.func().top = top.max(base + 1);
        self.result_of_call(base, dest);
        self.func().top = top;
    }

    /// A method that changes its receiver, on a literal or a name bound to one, is seen right here.
    fn check_receiver(&mut self, object: &Expr, method: &Ident) {
        if matches!(object.kind, ExprKind::List(_) | ExprKind::Map(_))
            && MUTATING.contains(&method.name)
        {
            let message = format!(
                "`{}` changes a value that nothing names: the change would be lost",
                method.name
            );
            self.error(Code::NotAssignable, object.span, message).help =
                Some("put the value into a `var` first".to_owned());
            return;
        }
        let ExprKind::Name(name) = &object.kind else { return };
        let local = self.funcs.iter().rev().find_map(|f| f.local(name));
        let is_literal = local.is_some_and(|l| l.is_literal && l.kind == LocalKind::Let);
        if is_literal && MUTATING.contains(&method.name) {
            let message = format!("`{}` changes `{name}`, which is a `let`", method.name);
            self.error(Code::NotAssignable, object.span, message).help =
                Some(format!("declare it with `var {name} = ...` to change it"));
        }
    }

    fn member_call(
        &mut self,
        module: &ModuleName,
        name: &'a Ident,
        args: &'a [Arg],
        span: Span,
        dest: Dest,
    ) {
        let top = self.func().top;
        let signature = self.member_signature(module, name.name);
        let called = self.member_shown(module, name.name);
        self.check_arguments(&called, signature.as_ref(), args, span);
        let callee = match self.member_function(module, name.name, args) {
            Some(k) => Callee::Constant(k),
            None => {
                let reg = self.func().alloc();
                self.load_member(module, name, reg);
                Callee::Register(reg)
            }
        };
        self.call_of(callee, args, span, dest);
        self.func().top = top;
    }

    /// How the function that `name` stands for may be called, where that is known.
    pub(super) fn signature_of_name(&mut self, name: &str) -> Option<Signature> {
        match self.resolve(name) {
            Resolved::Item(Item::Function { signature, .. }) => Some(signature),
            // In a session the function may be replaced before the call runs.
            Resolved::Item(Item::Slot { signature, .. }) if !self.is_session => signature,
            Resolved::Item(Item::Member { module, name }) => self.member_signature(&module, &name),
            Resolved::Builtin => self.environment.builtins.get(name)?.clone(),
            Resolved::Item(_) | Resolved::Local { .. } | Resolved::Unknown => None,
        }
    }

    /// Reports arguments that do not fit.
    pub(super) fn check_arguments(
        &mut self,
        name: &str,
        signature: Option<&Signature>,
        args: &[Arg],
        span: Span,
    ) {
        let Some(signature) = signature else { return };
        self.check_places(name, signature, args);
        let first_named = args.iter().position(|a| a.name.is_some()).unwrap_or(args.len());
        if args.iter().any(|a| a.kind == ArgKind::Spread)
            || args[first_named..].iter().any(|a| a.name.is_none())
        {
            return;
        }
        let positional = args.iter().filter(|a| a.name.is_none()).count();
        let total = signature.parameters.len();
        let mut given = vec![false; total];
        given.iter_mut().take(positional).for_each(|g| *g = true);
        if positional > total && !signature.rest {
            self.wrong_number(name, signature, args.len(), span);
            return;
        }
        let before = self.diagnostics.len();
        for arg in args {
            let Some(arg_name) = &arg.name else { continue };
            match signature.position(arg_name.name) {
                Some(i) if given[i] => {
                    let message = format!("argument `{}` is given twice", arg_name.name);
                    self.error(Code::WrongArguments, arg_name.span, message);
                }
                Some(i) => given[i] = true,
                None => {
                    let message = format!("`{name}` has no parameter `{}`", arg_name.name);
                    let close = super::names::closest(arg_name.name, signature.names());
                    let help = close.map(|c| format!("did you mean `{c}`?"));
                    self.error(Code::WrongArguments, arg_name.span, message).help = help;
                }
            }
        }
        // An argument of a wrong name is likely the one that is missing.
        let is_known = self.diagnostics.len() == before;
        let mut missing =
            given.iter().zip(&*signature.parameters).map(|(given, p)| !given && !p.optional);
        if is_known && let Some(at) = missing.position(|missing| missing) {
            if positional == args.len() {
                self.wrong_number(name, signature, args.len(), span);
            } else {
                let parameter = &signature.parameters[at].name;
                let message = format!("`{name}` needs a value for `{parameter}`");
                self.error(Code::WrongArguments, span, message);
            }
        }
    }

    fn wrong_number(&mut self, name: &str, signature: &Signature, given: usize, span: Span) {
        let wants = arguments_wanted(signature);
        let declared = match self.items.get(name) {
            Some((Item::Function { .. }, declared)) => Some(*declared),
            _ => None,
        };
        let message = format!("`{name}` takes {wants}, {given} given");
        let error = self.error(Code::WrongArguments, span, message);
        if let Some(declared) = declared.filter(|declared| *declared != Span::default()) {
            error.labels.push((declared, "declared here".to_owned()));
        }
    }
}

/// `1 argument (x)`, `1 to 2 arguments (x, y)`
fn arguments_wanted(signature: &Signature) -> String {
    let total = signature.parameters.len();
    let wants = match (signature.parameters.iter().filter(|p| !p.optional).count(), signature.rest)
    {
        (n, true) => format!("at least {}", arguments_text(n)),
        (n, false) if n == total => arguments_text(n),
        (n, false) => format!("{n} to {}", arguments_text(total)),
    };
    if total == 0 { wants } else { format!("{wants} ({})", list_of(signature)) }
}

fn arguments_text(n: usize) -> String {
    if n == 1 { "1 argument".to_owned() } else { format!("{n} arguments") }
}

/// True when a `?.` stands in the chain that ends with `e`.
fn has_optional(e: &Expr) -> bool {
    let mut at = e;
    loop {
        at = match &at.kind {
            ExprKind::Field { optional: true, .. } | ExprKind::Method { optional: true, .. } => {
                return true;
            }
            ExprKind::Field { object, .. }
            | ExprKind::Method { object, .. }
            | ExprKind::Index { object, .. } => object,
            ExprKind::Call { callee, .. } => callee,
            _ => return false,
        };
    }
}

/// True when all arguments are values by position.
pub(super) fn is_plain(args: &[Arg]) -> bool {
    args.iter().all(|a| a.kind == ArgKind::Value && a.name.is_none())
}
