//! Expressions but for operators: calls, places, literals with parts, control.

use super::*;

/// An element between square brackets, before it is known whether they hold a list or a map.
#[derive(Debug)]
pub(crate) enum RawElement {
    Value(Expr),
    Spread(Expr),
    Entry(Expr, Expr),
}

impl Builder<'_> {
    /// `object.name`, `object?.name`
    pub(crate) fn field(&mut self, object: Expr, name: Ident, optional: bool) -> Expr {
        let (span, depth) = (object.span.to(name.span), object.depth);
        self.expr(ExprKind::Field { object: Box::new(object), name, optional }, span, depth)
    }

    /// `callee(args)`, a method call if the callee is a bare `object.name`.
    pub(crate) fn call(&mut self, callee: Expr, args: Vec<Arg>, end: u32) -> Expr {
        let span = Span { start: callee.span.start, end };
        let depth = callee.depth.max(deepest(args.iter().map(|arg| &arg.value)));
        let kind = match callee.kind {
            ExprKind::Field { object, name, optional } => {
                ExprKind::Method { object, name, args, optional }
            }
            _ => ExprKind::Call { callee: Box::new(callee), args },
        };
        self.expr(kind, span, depth)
    }

    /// `object[index]`
    pub(crate) fn index(&mut self, object: Expr, index: Box<Index>, end: u32) -> Expr {
        let span = Span { start: object.span.start, end };
        let inner = match &*index {
            Index::At(at) => at.depth,
            Index::Open { start, end, .. } => deepest(start.iter().chain(end)),
        };
        let depth = object.depth.max(inner);
        let kind = ExprKind::Index { object: Box::new(object), index };
        self.expr(kind, span, depth)
    }

    /// `[start..]`, `[..end]`, `[..]`
    pub(crate) fn open_index(
        &mut self,
        start: Option<Expr>,
        end: Option<Expr>,
        inclusive: bool,
    ) -> Box<Index> {
        Box::new(Index::Open { start, end, inclusive })
    }

    /// `args` and one without a name.
    pub(crate) fn arg(&mut self, mut args: Vec<Arg>, kind: ArgKind, value: Expr) -> Vec<Arg> {
        self.check_arg(kind, &value);
        args.push(Arg { kind, name: None, value });
        args
    }

    /// `args` and one with a name: `name: value`, `name: &place`.
    pub(crate) fn named_arg(
        &mut self,
        mut args: Vec<Arg>,
        name: Expr,
        kind: ArgKind,
        value: Expr,
    ) -> Vec<Arg> {
        self.check_arg(kind, &value);
        let name = match name.kind {
            ExprKind::Name(text) => Some(Ident { name: text, span: name.span }),
            ExprKind::TypeName(_) => Some(self.lower_name(name.span, "names of arguments")),
            _ => {
                let message = "what stands before `:` in a call is the name of a parameter";
                self.error(Code::BadKey, name.span, message);
                None
            }
        };
        args.push(Arg { kind, name, value });
        args
    }

    fn check_arg(&mut self, kind: ArgKind, value: &Expr) {
        if kind == ArgKind::Place {
            self.check_place(value, "`&` takes a place that the call may change");
        }
    }

    /// `[a, ...b]`, `[k: v, ...m]`
    pub(crate) fn brackets(&mut self, elements: Vec<RawElement>, span: Span) -> Expr {
        let entry = |element: &RawElement| matches!(element, RawElement::Entry(..));
        if elements.iter().any(entry) {
            return self.map(elements, span);
        }
        let mut depth = 0;
        let elements = elements
            .into_iter()
            .filter_map(|element| match element {
                RawElement::Value(value) => Some(Element::Value(value)),
                RawElement::Spread(value) => Some(Element::Spread(value)),
                RawElement::Entry(..) => None,
            })
            .inspect(|element| match element {
                Element::Value(value) | Element::Spread(value) => depth = depth.max(value.depth),
            })
            .collect();
        self.expr(ExprKind::List(elements), span, depth)
    }

    fn map(&mut self, elements: Vec<RawElement>, span: Span) -> Expr {
        let mut depth = 0;
        let mut entries = Vec::with_capacity(elements.len());
        let mut mixed = false;
        for element in elements {
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
        self.expr(ExprKind::Map(entries), span, depth)
    }

    /// The key of a map: a bare name is a string.
    fn key(&mut self, key: Expr) -> Expr {
        match key.kind {
            ExprKind::Name(name) | ExprKind::TypeName(name) => {
                Expr { kind: ExprKind::Str(name), ..key }
            }
            ExprKind::Str(_)
            | ExprKind::Interpolated(_)
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Paren(_)
            | ExprKind::Error => key,
            ExprKind::Unary { op: UnaryOp::Neg, ref operand }
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
    pub(crate) fn interpolated(&mut self, parts: Vec<StrPiece>, span: Span) -> Expr {
        let triple = self.slice(span).starts_with("\"\"\"");
        let depth = deepest(parts.iter().filter_map(|part| match part {
            StrPiece::Expr { value, .. } => Some(value),
            StrPiece::Text(_) => None,
        }));
        let texts = if triple { self.triple_texts(&parts, span) } else { Vec::new() };
        let mut texts = texts.into_iter();
        let mut done = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                StrPiece::Text(span) => {
                    let text = if triple {
                        texts.next().unwrap_or_default()
                    } else {
                        let text = self.slice(span);
                        literal::unescape(text, span.start, &mut self.diagnostics)
                    };
                    if !text.is_empty() {
                        done.push(StrPart::Text(text.into()));
                    }
                }
                StrPiece::Expr { value, format } => {
                    let format = format.map(|span| {
                        let text = self.slice(span);
                        (text.strip_prefix(':').unwrap_or(text).into(), span)
                    });
                    done.push(StrPart::Expr { value, format });
                }
            }
        }
        self.expr(ExprKind::Interpolated(done), span, depth)
    }

    fn triple_texts(&mut self, parts: &[StrPiece], span: Span) -> Vec<String> {
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
    pub(crate) fn paren(&mut self, inner: Expr, span: Span) -> Expr {
        let depth = inner.depth;
        self.expr(ExprKind::Paren(Box::new(inner)), span, depth)
    }

    /// `spawn what`
    pub(crate) fn spawn(&mut self, what: Expr, start: u32) -> Expr {
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
        self.expr(ExprKind::Spawn(Box::new(what)), span, depth)
    }

    /// Reports `what` if it can be no place.
    pub(super) fn check_place(&mut self, what: &Expr, message: &str) {
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
        arms: Vec<(u32, Box<Cond>, Block)>,
        last: Option<Block>,
    ) -> Expr {
        let mut otherwise = last.map(|block| self.block_expr(block));
        for (start, cond, then) in arms.into_iter().rev() {
            let end = otherwise.as_ref().map_or(then.span.end, |expr| expr.span.end);
            let depth = cond_depth(&cond).max(then.depth).max(deepest(&otherwise));
            let rest = otherwise.map(Box::new);
            let kind = ExprKind::If { cond, then, otherwise: rest };
            otherwise = Some(self.expr(kind, Span { start, end }, depth));
        }
        otherwise.unwrap_or_else(|| self.leaf(ExprKind::Error, Span::default()))
    }

    /// `{ ... }` as an expression.
    pub(crate) fn block_expr(&mut self, block: Block) -> Expr {
        let (span, depth) = (block.span, block.depth);
        self.expr(ExprKind::Block(block), span, depth)
    }

    /// An expression whose parts are one expression at most and one block at most.
    pub(crate) fn node(&mut self, kind: ExprKind, span: Span) -> Expr {
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
                .map(|arm| deepest(&arm.guard).max(arm.pattern.depth).max(arm.body.depth))
                .fold(value.depth, u16::max),
            ExprKind::Select { arms } => arms
                .iter()
                .map(|arm| {
                    let head = match &arm.kind {
                        SelectKind::Call { call, .. } => call.depth,
                        SelectKind::After(delay) => delay.depth,
                        SelectKind::Else => 0,
                    };
                    deepest(&arm.guard).max(head).max(arm.body.depth)
                })
                .fold(0, u16::max),
            ExprKind::Lambda(lambda) => params_depth(&lambda.params).max(lambda.body.depth),
            _ => 0,
        };
        self.expr(kind, span, depth)
    }

    /// `for first, second in iterable body`
    pub(crate) fn for_loop(
        &mut self,
        first: Pattern,
        second: Option<Pattern>,
        in_place: bool,
        iterable: Expr,
        body: Block,
        start: u32,
    ) -> Expr {
        let span = Span { start, end: body.span.end };
        let first = Box::new(self.value_pattern(first, "names of values"));
        let second = second.map(|second| Box::new(self.value_pattern(second, "names of values")));
        let (iterable, body) = (Box::new(iterable), Box::new(body));
        self.node(ExprKind::For { first, second, in_place, iterable, body }, span)
    }

    /// An arm of a `match`.
    pub(crate) fn match_arm(
        &mut self,
        pattern: Pattern,
        guard: Option<Expr>,
        body: Stmt,
    ) -> Box<MatchArm> {
        Box::new(MatchArm { pattern, guard, body })
    }

    /// An arm of a `select`.
    pub(crate) fn select_arm(
        &mut self,
        kind: SelectKind,
        guard: Option<Expr>,
        body: Stmt,
        span: Span,
    ) -> Box<SelectArm> {
        Box::new(SelectArm { kind, guard, body, span })
    }

    /// `call`, `binding = call` in an arm of a `select`.
    pub(crate) fn select_call(&mut self, binding: Option<Expr>, call: Expr) -> Box<SelectKind> {
        let binding = binding.and_then(|binding| match binding.kind {
            ExprKind::Name(name) => Some(Ident { name, span: binding.span }),
            _ => {
                let message = "an arm of a `select` binds a new name, and assigns to nothing else";
                self.error(Code::NotAPlace, binding.span, message).help =
                    Some("bind a name, and assign it in the body".into());
                None
            }
        });
        Box::new(SelectKind::Call { binding, call })
    }

    /// `let pattern = value` as a condition.
    pub(crate) fn let_cond(&mut self, pattern: Pattern, value: Expr) -> Box<Cond> {
        Box::new(Cond::Let { pattern, value })
    }

    /// `left = right` where a condition is wanted.
    pub(crate) fn assigned_cond(&mut self, left: Expr, op_span: Span, right: Expr) -> Box<Cond> {
        self.error(Code::AssignmentAsValue, op_span, "`=` assigns; it does not compare").help =
            Some("write `==` to compare, or `let name = ...` to bind".into());
        let (span, depth) = (left.span.to(right.span), left.depth.max(right.depth));
        let (left, right) = (Box::new(left), Box::new(right));
        let kind = ExprKind::Binary { op: BinaryOp::Eq, op_span, left, right };
        Box::new(Cond::Expr(self.expr(kind, span, depth)))
    }
}

/// A piece of an interpolated string as it was written.
#[derive(Debug)]
pub(crate) enum StrPiece {
    Text(Span),
    Expr { value: Expr, format: Option<Span> },
}

fn cond_depth(cond: &Cond) -> u16 {
    match cond {
        Cond::Expr(expr) => expr.depth,
        Cond::Let { pattern, value } => pattern.depth.max(value.depth),
    }
}

/// The depth of the deepest of `params`.
pub(super) fn params_depth(params: &[Param]) -> u16 {
    params.iter().map(|param| param.pattern.depth.max(deepest(&param.default))).max().unwrap_or(0)
}

fn is_place(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Name(_) | ExprKind::Field { .. } | ExprKind::Index { .. })
}

/// The first call in what stands before the last one, unless parentheses make it plain.
fn call_inside(mut expr: &Expr) -> Option<Span> {
    loop {
        expr = match &expr.kind {
            ExprKind::Call { .. } | ExprKind::Method { .. } => return Some(expr.span),
            ExprKind::Block(_) => return Some(expr.span),
            ExprKind::Field { object, .. } | ExprKind::Index { object, .. } => object,
            _ => return None,
        };
    }
}
