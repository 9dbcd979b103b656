//! Expressions but for operators: calls, places, literals with parts, control.

use super::*;

/// An element between square brackets, before it is known whether they hold a list or a map.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RawElement<'a> {
    Value(&'a Expr<'a>),
    Spread(&'a Expr<'a>),
    Entry(&'a Expr<'a>, &'a Expr<'a>),
}

impl<'a> Builder<'a> {
    /// `object.name`, `object?.name`
    pub(crate) fn field(
        &mut self,
        object: &'a Expr<'a>,
        name: Ident<'a>,
        optional: bool,
    ) -> &'a Expr<'a> {
        let (span, depth) = (object.span.to(name.span), object.depth);
        let name = self.put(name);
        self.expr(ExprKind::Field { object, name, optional }, span, depth)
    }

    /// `callee(args)`, a method call if the callee is a bare `object.name`.
    pub(crate) fn call(
        &mut self,
        callee: &'a Expr<'a>,
        args: Items<'a, Arg<'a>>,
        end: u32,
    ) -> &'a Expr<'a> {
        let span = Span { start: callee.span.start, end };
        let args = self.all(args);
        let depth = callee.depth.max(deepest(args.iter().map(|arg| arg.value)));
        let kind = match callee.kind {
            ExprKind::Field { object, name, optional } => {
                ExprKind::Method { object, name, args, optional }
            }
            _ => ExprKind::Call { callee, args },
        };
        self.expr(kind, span, depth)
    }

    /// `object[index]`
    pub(crate) fn index(
        &mut self,
        object: &'a Expr<'a>,
        index: &'a Index<'a>,
        end: u32,
    ) -> &'a Expr<'a> {
        let span = Span { start: object.span.start, end };
        let inner = match index {
            Index::At(at) => at.depth,
            Index::Open { start, end, .. } => deepest(start.iter().chain(end).copied()),
        };
        let depth = object.depth.max(inner);
        let kind = ExprKind::Index { object, index };
        self.expr(kind, span, depth)
    }

    /// `[start..]`, `[..end]`, `[..]`
    pub(crate) fn open_index(
        &mut self,
        start: Option<&'a Expr<'a>>,
        end: Option<&'a Expr<'a>>,
        inclusive: bool,
    ) -> &'a Index<'a> {
        self.put(Index::Open { start, end, inclusive })
    }

    /// `args` and one without a name.
    pub(crate) fn arg(
        &mut self,
        args: Items<'a, Arg<'a>>,
        kind: ArgKind,
        value: &'a Expr<'a>,
    ) -> Items<'a, Arg<'a>> {
        self.check_arg(kind, value);
        self.push(args, Arg { kind, name: None, value })
    }

    /// `args` and one with a name: `name: value`, `name: &place`.
    pub(crate) fn named_arg(
        &mut self,
        args: Items<'a, Arg<'a>>,
        name: &'a Expr<'a>,
        kind: ArgKind,
        value: &'a Expr<'a>,
    ) -> Items<'a, Arg<'a>> {
        self.check_arg(kind, value);
        let name = match name.kind {
            ExprKind::Name(text) => Some(Ident { name: text, span: name.span }),
            ExprKind::TypeName(_) => Some(self.lower_name(name.span, "names of arguments")),
            _ => {
                let message = "what stands before `:` in a call is the name of a parameter";
                self.error(Code::BadKey, name.span, message);
                None
            }
        };
        self.push(args, Arg { kind, name, value })
    }

    fn check_arg(&mut self, kind: ArgKind, value: &Expr<'_>) {
        if kind == ArgKind::Place {
            self.check_place(value, "`&` takes a place that the call may change");
        }
    }

    /// `[a, ...b]`, `[k: v, ...m]`
    pub(crate) fn brackets(
        &mut self,
        elements: Items<'a, RawElement<'a>>,
        span: Span,
    ) -> &'a Expr<'a> {
        let elements = self.all(elements);
        let entry = |element: &RawElement<'_>| matches!(element, RawElement::Entry(..));
        if elements.iter().any(entry) {
            return self.map(elements, span);
        }
        let mut depth = 0;
        let mut items = Nodes::with_capacity_in(elements.len(), self.arena);
        for &element in elements {
            let (item, value) = match element {
                RawElement::Value(value) => (Element::Value(value), value),
                RawElement::Spread(value) => (Element::Spread(value), value),
                RawElement::Entry(..) => continue,
            };
            items.push(item);
            depth = depth.max(value.depth);
        }
        self.expr(ExprKind::List(items.into_bump_slice()), span, depth)
    }

    fn map(&mut self, elements: &[RawElement<'a>], span: Span) -> &'a Expr<'a> {
        let mut depth = 0;
        let mut entries = Nodes::with_capacity_in(elements.len(), self.arena);
        let mut mixed = false;
        for &element in elements {
            match element {
                RawElement::Entry(key, value) => {
                    let key = self.key(key);
                    depth = depth.max(key.depth).max(value.depth);
                    entries.push(MapElement::Entry { key, value });
                }
                RawElement::Spread(value) => {
                    depth = depth.max(value.depth);
                    entries.push(MapElement::Spread(value));
                }
                RawElement::Value(value) => {
                    if !mixed {
                        mixed = true;
                        let message = "this element of a map has no key";
                        self.error(Code::MixedLiteral, value.span, message).help = Some(
                            "all elements of a map are `key: value`; none of a list is".into(),
                        );
                    }
                }
            }
        }
        self.expr(ExprKind::Map(entries.into_bump_slice()), span, depth)
    }

    /// The key of a map: a bare name is a string.
    fn key(&mut self, key: &'a Expr<'a>) -> &'a Expr<'a> {
        match key.kind {
            ExprKind::Name(name) | ExprKind::TypeName(name) => {
                self.put(Expr { kind: ExprKind::Str(name), ..*key })
            }
            ExprKind::Str(_)
            | ExprKind::Interpolated(_)
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Paren(_)
            | ExprKind::Error => key,
            ExprKind::Unary { op: UnaryOp::Neg, operand }
                if matches!(operand.kind, ExprKind::Int(_) | ExprKind::Float(_)) =>
            {
                key
            }
            _ => {
                let help = match self.quote(key.span) {
                    Some(text) => format!("write `({text}): ...`"),
                    None => "write `(expression): ...`".into(),
                };
                let message = "a key that is an expression needs parentheses";
                self.error(Code::BadKey, key.span, message).help = Some(help);
                key
            }
        }
    }

    /// A string with interpolation: `parts` are its texts as spans, and its expressions.
    pub(crate) fn interpolated(
        &mut self,
        parts: Items<'a, StrPiece<'a>>,
        span: Span,
    ) -> &'a Expr<'a> {
        let parts = self.all(parts);
        let triple = self.slice(span).starts_with("\"\"\"");
        let depth = deepest(parts.iter().filter_map(|part| match part {
            StrPiece::Expr { value, .. } => Some(*value),
            StrPiece::Text(_) => None,
        }));
        let texts = if triple { self.triple_texts(parts, span) } else { Vec::new() };
        let mut texts = texts.into_iter();
        let mut done = Nodes::with_capacity_in(parts.len(), self.arena);
        for &part in parts {
            match part {
                StrPiece::Text(span) => {
                    let text = if triple {
                        texts.next().unwrap_or_default().into()
                    } else {
                        let text = self.slice(span);
                        literal::unescape(text, span.start, &mut self.diagnostics)
                    };
                    if !text.is_empty() {
                        done.push(StrPart::Text(self.text_of(text)));
                    }
                }
                StrPiece::Expr { value, format } => {
                    let format = format.map(|span| {
                        let text = self.slice(span);
                        (text.strip_prefix(':').unwrap_or(text), span)
                    });
                    done.push(StrPart::Expr { value, format });
                }
            }
        }
        self.expr(ExprKind::Interpolated(done.into_bump_slice()), span, depth)
    }

    fn triple_texts(&mut self, parts: &[StrPiece<'_>], span: Span) -> Vec<String> {
        let pieces: Vec<_> = parts
            .iter()
            .filter_map(|part| match part {
                StrPiece::Text(span) => {
                    Some(literal::Piece { text: self.slice(*span), start: span.start })
                }
                StrPiece::Expr { .. } => None,
            })
            .collect();
        literal::triple(&pieces, span.start + 3, &mut self.diagnostics)
    }

    /// `(inner)`
    pub(crate) fn paren(&mut self, inner: &'a Expr<'a>, span: Span) -> &'a Expr<'a> {
        let depth = inner.depth;
        self.expr(ExprKind::Paren(inner), span, depth)
    }

    /// `spawn what`
    pub(crate) fn spawn(&mut self, what: &'a Expr<'a>, start: u32) -> &'a Expr<'a> {
        let span = Span { start, end: what.span.end };
        let (place, message) = match &what.kind {
            ExprKind::Block(_) | ExprKind::Error => (None, ""),
            ExprKind::Call { callee: inner, .. } | ExprKind::Method { object: inner, .. } => {
                (call_inside(inner), "this would run here, not in the new thread")
            }
            _ => (Some(what.span), "`spawn` takes one call or a block"),
        };
        if let Some(place) = place {
            self.error(Code::BadSpawn, place, message).help =
                Some("write `spawn { ... }` to run a block in the new thread".into());
        }
        let depth = what.depth;
        self.expr(ExprKind::Spawn(what), span, depth)
    }

    /// Reports `what` if it can be no place.
    pub(super) fn check_place(&mut self, what: &Expr<'_>, message: &str) {
        let help = match &what.kind {
            ExprKind::Name(_) | ExprKind::SelfRef | ExprKind::Error => return,
            ExprKind::Field { optional: false, .. } => return,
            ExprKind::Field { .. } => "`?.` may find nothing: use `.`, or check for nil first",
            ExprKind::Index { index, .. } => match &**index {
                Index::At(at) if !matches!(at.kind, ExprKind::Range { .. }) => return,
                Index::At(_) | Index::Open { .. } => "a slice is a copy: assign its elements",
            },
            ExprKind::List(_) => {
                "a list is a value: put it into a `var`; to take one apart, write `let [a, b] = ...`"
            }
            ExprKind::TypeName(_) => {
                "an upper-case letter makes it a type: variables are lower-case"
            }
            ExprKind::Call { .. } | ExprKind::Method { .. } => {
                "the result of a call is a value: keep it in a `var`, and change that"
            }
            ExprKind::Paren(inner) if is_place(inner) => "leave out the parentheses",
            _ => "a place is a variable, then any chain of `.field` and `[index]`",
        };
        self.error(Code::NotAPlace, what.span, message).help = Some(help.into());
    }

    /// `if cond { } else ...`: `arms` in order, then what stands after the last `else`.
    pub(crate) fn if_chain(
        &mut self,
        arms: Items<'a, (u32, &'a Cond<'a>, &'a Block<'a>)>,
        last: Option<&'a Block<'a>>,
    ) -> &'a Expr<'a> {
        let mut otherwise = last.map(|block| self.block_expr(block));
        for &(start, cond, then) in self.all(arms).iter().rev() {
            let end = otherwise.map_or(then.span.end, |expr| expr.span.end);
            let depth = cond_depth(cond).max(then.depth).max(deepest(otherwise));
            let kind = ExprKind::If { cond, then, otherwise };
            otherwise = Some(self.expr(kind, Span { start, end }, depth));
        }
        otherwise.unwrap_or_else(|| self.leaf(ExprKind::Error, Span::default()))
    }

    /// `{ ... }` as an expression.
    pub(crate) fn block_expr(&mut self, block: &'a Block<'a>) -> &'a Expr<'a> {
        let (span, depth) = (block.span, block.depth);
        self.expr(ExprKind::Block(block), span, depth)
    }

    /// An expression whose parts are one expression at most and one block at most.
    pub(crate) fn node(&mut self, kind: ExprKind<'a>, span: Span) -> &'a Expr<'a> {
        let depth = match &kind {
            ExprKind::Return(inner) | ExprKind::Break(inner) => {
                inner.as_ref().map_or(0, |inner| inner.depth)
            }
            ExprKind::Throw(inner) => inner.depth,
            ExprKind::Loop { body } | ExprKind::Scope { body } => body.depth,
            ExprKind::While { cond, body } => cond_depth(cond).max(body.depth),
            ExprKind::Try { body, handler, .. } => body.depth.max(handler.depth),
            ExprKind::For { first, second, iterable, body, .. } => first
                .depth
                .max(second.as_ref().map_or(0, |second| second.depth))
                .max(iterable.depth)
                .max(body.depth),
            ExprKind::Match { value, arms } => arms
                .iter()
                .map(|arm| deepest(arm.guard).max(arm.pattern.depth).max(arm.body.depth))
                .fold(value.depth, u16::max),
            ExprKind::Select { arms } => arms
                .iter()
                .map(|arm| {
                    let head = match &arm.kind {
                        SelectKind::Call { call, .. } => call.depth,
                        SelectKind::After(delay) => delay.depth,
                        SelectKind::Else => 0,
                    };
                    deepest(arm.guard).max(head).max(arm.body.depth)
                })
                .fold(0, u16::max),
            ExprKind::Lambda(lambda) => params_depth(lambda.params).max(lambda.body.depth),
            _ => 0,
        };
        self.expr(kind, span, depth)
    }

    /// `|params| body`
    pub(crate) fn lambda(
        &mut self,
        params: Items<'a, &'a Param<'a>>,
        body: &'a Stmt<'a>,
        span: Span,
    ) -> &'a Expr<'a> {
        let lambda = self.put(Lambda { params: self.all(params), body });
        self.node(ExprKind::Lambda(lambda), span)
    }

    /// `for first, second in iterable body`
    pub(crate) fn for_loop(
        &mut self,
        first: &'a Pattern<'a>,
        second: Option<&'a Pattern<'a>>,
        in_place: bool,
        iterable: &'a Expr<'a>,
        body: &'a Block<'a>,
        start: u32,
    ) -> &'a Expr<'a> {
        let span = Span { start, end: body.span.end };
        let first = self.value_pattern(first, "names of values");
        let second = second.map(|second| self.value_pattern(second, "names of values"));
        self.node(ExprKind::For { first, second, in_place, iterable, body }, span)
    }

    /// An arm of a `match`.
    pub(crate) fn match_arm(
        &mut self,
        pattern: &'a Pattern<'a>,
        guard: Option<&'a Expr<'a>>,
        body: &'a Stmt<'a>,
    ) -> &'a MatchArm<'a> {
        self.put(MatchArm { pattern, guard, body })
    }

    /// An arm of a `select`.
    pub(crate) fn select_arm(
        &mut self,
        kind: &'a SelectKind<'a>,
        guard: Option<&'a Expr<'a>>,
        body: &'a Stmt<'a>,
        span: Span,
    ) -> &'a SelectArm<'a> {
        self.put(SelectArm { kind: *kind, guard, body, span })
    }

    /// `call`, `binding = call` in an arm of a `select`.
    pub(crate) fn select_call(
        &mut self,
        binding: Option<&'a Expr<'a>>,
        call: &'a Expr<'a>,
    ) -> &'a SelectKind<'a> {
        let binding = binding.and_then(|binding| match binding.kind {
            ExprKind::Name(name) => Some(Ident { name, span: binding.span }),
            _ => {
                let message = "an arm of a `select` binds a new name, and assigns to nothing else";
                self.error(Code::NotAPlace, binding.span, message).help =
                    Some("bind a name, and assign it in the body".into());
                None
            }
        });
        self.put(SelectKind::Call { binding, call })
    }

    /// `let pattern = value` as a condition.
    pub(crate) fn let_cond(
        &mut self,
        pattern: &'a Pattern<'a>,
        value: &'a Expr<'a>,
    ) -> &'a Cond<'a> {
        self.put(Cond::Let { pattern, value })
    }

    /// `left = right` where a condition is wanted.
    pub(crate) fn assigned_cond(
        &mut self,
        left: &'a Expr<'a>,
        op_span: Span,
        right: &'a Expr<'a>,
    ) -> &'a Cond<'a> {
        self.error(Code::AssignmentAsValue, op_span, "`=` assigns; it does not compare").help =
            Some("write `==` to compare, or `let name = ...` to bind".into());
        let (span, depth) = (left.span.to(right.span), left.depth.max(right.depth));
        let kind = ExprKind::Binary { op: BinaryOp::Eq, op_span, left, right };
        let compared = self.expr(kind, span, depth);
        self.put(Cond::Expr(compared))
    }
}

/// A piece of an interpolated string as it was written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StrPiece<'a> {
    Text(Span),
    Expr { value: &'a Expr<'a>, format: Option<Span> },
}

fn cond_depth(cond: &Cond<'_>) -> u16 {
    match cond {
        Cond::Expr(expr) => expr.depth,
        Cond::Let { pattern, value } => pattern.depth.max(value.depth),
    }
}

/// The depth of the deepest of `params`.
pub(super) fn params_depth(params: &[&Param<'_>]) -> u16 {
    params.iter().map(|param| param.pattern.depth.max(deepest(param.default))).max().unwrap_or(0)
}

fn is_place(expr: &Expr<'_>) -> bool {
    matches!(expr.kind, ExprKind::Name(_) | ExprKind::Field { .. } | ExprKind::Index { .. })
}

/// The first call in what stands before the last one, unless parentheses make it plain.
fn call_inside<'e>(mut expr: &'e Expr<'e>) -> Option<Span> {
    loop {
        expr = match &expr.kind {
            ExprKind::Call { .. } | ExprKind::Method { .. } => return Some(expr.span),
            ExprKind::Block(_) => return Some(expr.span),
            ExprKind::Field { object, .. } | ExprKind::Index { object, .. } => object,
            _ => return None,
        };
    }
}
