//! Statements, blocks and declarations.

use super::expr::params_depth;
use super::*;

/// A member of a struct or an enum.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Member<'a> {
    /// A field of a struct.
    Field(&'a Param<'a>),
    /// A variant of an enum with its payload.
    Variant(Ident<'a>, &'a [&'a Param<'a>]),
    /// A function of either.
    Fn(&'a FnDecl<'a>),
}

impl<'a> Builder<'a> {
    fn stmt(&mut self, kind: StmtKind<'a>, span: Span, below: u16) -> &'a Stmt<'a> {
        let stmt = match self.level(below, span) {
            Some(depth) => Stmt { kind, span, depth },
            None => Stmt { kind: StmtKind::Error, span, depth: 1 },
        };
        self.put(stmt)
    }

    /// An expression as a statement.
    pub(crate) fn expr_stmt(&mut self, expr: &'a Expr<'a>) -> &'a Stmt<'a> {
        let (span, depth) = (expr.span, expr.depth);
        let kind =
            if expr.kind == ExprKind::Error { StmtKind::Error } else { StmtKind::Expr(expr) };
        self.stmt(kind, span, depth)
    }

    /// `place = value`, `place op= value`
    pub(crate) fn assign(
        &mut self,
        place: &'a Expr<'a>,
        op: AssignOp,
        value: &'a Expr<'a>,
    ) -> &'a Stmt<'a> {
        self.check_place(place, "this cannot be assigned to");
        let (span, depth) = (place.span.to(value.span), place.depth.max(value.depth));
        self.stmt(StmtKind::Assign { place, op, value }, span, depth)
    }

    /// `let pattern = value`, or `var`.
    pub(crate) fn binding(
        &mut self,
        pattern: &'a Pattern<'a>,
        mutable: bool,
        value: &'a Expr<'a>,
        start: u32,
    ) -> &'a Stmt<'a> {
        let pattern = self.value_pattern(pattern, "names of values");
        let span = Span { start, end: value.span.end };
        let depth = pattern.depth.max(value.depth);
        self.stmt(StmtKind::Let { pattern, mutable, value }, span, depth)
    }

    /// `defer what`
    pub(crate) fn defer(&mut self, what: &'a Stmt<'a>, start: u32) -> &'a Stmt<'a> {
        let (span, depth) = (Span { start, end: what.span.end }, what.depth);
        self.stmt(StmtKind::Defer(what), span, depth)
    }

    /// `import ...`
    pub(crate) fn import(
        &mut self,
        module: &'a ModulePath<'a>,
        alias: Option<Ident<'a>>,
        members: Option<Items<'a, Ident<'a>>>,
        span: Span,
    ) -> &'a Stmt<'a> {
        let members = members.map(|members| self.all(members));
        let import = self.put(Import { module: *module, alias, members, span });
        self.stmt(StmtKind::Import(import), span, 0)
    }

    /// `fn name(params) body`
    pub(crate) fn function(
        &mut self,
        name: Ident<'a>,
        params: Items<'a, &'a Param<'a>>,
        body: &'a Block<'a>,
        start: u32,
    ) -> &'a FnDecl<'a> {
        let span = Span { start, end: body.span.end };
        let params = self.all(params);
        self.put(FnDecl { name, params, body, span, doc: self.doc(start) })
    }

    /// A function as a statement.
    pub(crate) fn function_stmt(&mut self, function: &'a FnDecl<'a>) -> &'a Stmt<'a> {
        let (span, depth) = (function.span, function_depth(function));
        self.stmt(StmtKind::Fn(function), span, depth)
    }

    /// `struct name { members }`
    pub(crate) fn structure(
        &mut self,
        name: Ident<'a>,
        members: Items<'a, &'a Member<'a>>,
        span: Span,
    ) -> &'a Stmt<'a> {
        let (mut fields, mut functions, mut depth) = (self.nodes(), self.nodes(), 0);
        for &&member in self.all(members) {
            depth = depth.max(member_depth(&member));
            match member {
                Member::Field(field) => fields.push(field),
                Member::Fn(function) => functions.push(function),
                Member::Variant(variant, _) => {
                    let message = "a struct has no variants: fields are lower-case";
                    self.error(Code::NameCase, variant.span, message);
                }
            }
        }
        let doc = self.doc(span.start);
        let (fields, functions) = (fields.into_bump_slice(), functions.into_bump_slice());
        let declaration = self.put(StructDecl { name, fields, functions, span, doc });
        self.stmt(StmtKind::Struct(declaration), span, depth)
    }

    /// `enum name { members }`
    pub(crate) fn enumeration(
        &mut self,
        name: Ident<'a>,
        members: Items<'a, &'a Member<'a>>,
        span: Span,
    ) -> &'a Stmt<'a> {
        let (mut variants, mut functions, mut depth) = (self.nodes(), self.nodes(), 0);
        for &&member in self.all(members) {
            depth = depth.max(member_depth(&member));
            match member {
                Member::Variant(variant, payload) => variants.push((variant, payload)),
                Member::Fn(function) => functions.push(function),
                Member::Field(field) => {
                    let variant = self.upper_name(field.pattern.span, "variants of an enum");
                    variants.push((variant, &[][..]));
                }
            }
        }
        let doc = self.doc(span.start);
        let (variants, functions) = (variants.into_bump_slice(), functions.into_bump_slice());
        let declaration = self.put(EnumDecl { name, variants, functions, span, doc });
        self.stmt(StmtKind::Enum(declaration), span, depth)
    }

    /// `{ stmts }`
    pub(crate) fn block(&mut self, stmts: Items<'a, &'a Stmt<'a>>, span: Span) -> &'a Block<'a> {
        let stmts = self.all(stmts);
        self.warn_continued(stmts);
        let below = stmts.iter().map(|stmt| stmt.depth).max().unwrap_or(0);
        let inner = self.slice(Span { start: span.start, end: span.end.saturating_sub(1) });
        let trailing_semicolon = !stmts.is_empty() && inner.trim_end().ends_with(';');
        let block = match self.level(below, span) {
            Some(depth) => Block { stmts, span, depth, trailing_semicolon },
            None => Block { stmts: &[], span, depth: 1, trailing_semicolon: false },
        };
        self.put(block)
    }

    /// Warns about values that nobody uses and that look like the continuation of the line above.
    pub(crate) fn warn_continued(&mut self, stmts: &[&Stmt<'_>]) {
        let Some((_, all_but_last)) = stmts.split_last() else { return };
        for pair in all_but_last.windows(2) {
            let (above, stmt) = (pair[0], pair[1]);
            let between = Span { start: above.span.end, end: stmt.span.start };
            if matches!(stmt.kind, StmtKind::Expr(_))
                && self.slice(stmt.span).starts_with(['-', '(', '['])
                && self.slice(between).contains('\n')
            {
                let message = "this line looks like the continuation of the one above, and is not";
                let warning = Diagnostic::warning(Code::LooksContinued, stmt.span, message)
                    .help("end the line above with the operator, or open a bracket before it");
                self.diagnostics.push(warning);
            }
        }
    }

    /// A parameter, or a field, which is bound by `pattern`.
    pub(crate) fn param(
        &mut self,
        mutable: bool,
        pattern: &'a Pattern<'a>,
        default: Option<&'a Expr<'a>>,
        start: u32,
    ) -> &'a Param<'a> {
        let end = default.map_or(pattern.span.end, |default| default.span.end);
        let span = Span { start, end };
        self.put(Param { pattern, mutable, rest: false, default, span })
    }

    /// `name`, `name = default` in a struct; in an enum it is a mistake.
    pub(crate) fn member_field(
        &mut self,
        name: Ident<'a>,
        default: Option<&'a Expr<'a>>,
    ) -> &'a Member<'a> {
        let start = name.span.start;
        let pattern = self.binding_pattern(name);
        let field = self.param(false, pattern, default, start);
        self.put(Member::Field(field))
    }

    /// `Name`, `Name(payload)` in an enum; in a struct it is a mistake.
    pub(crate) fn variant(
        &mut self,
        name: Span,
        payload: Items<'a, &'a Param<'a>>,
    ) -> &'a Member<'a> {
        self.put(Member::Variant(self.ident(name), self.all(payload)))
    }

    /// `...name`
    pub(crate) fn rest_param(&mut self, name: Ident<'a>, start: u32) -> &'a Param<'a> {
        let span = Span { start, end: name.span.end };
        let pattern = self.binding_pattern(name);
        self.put(Param { pattern, mutable: false, rest: true, default: None, span })
    }
}

fn function_depth(function: &FnDecl<'_>) -> u16 {
    params_depth(function.params).max(function.body.depth)
}

fn member_depth(member: &Member<'_>) -> u16 {
    match member {
        Member::Field(field) => params_depth(std::slice::from_ref(field)),
        Member::Variant(_, payload) => params_depth(payload),
        Member::Fn(function) => function_depth(function),
    }
}
