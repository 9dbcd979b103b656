//! The surface syntax tree, as the grammar builds it: public fields, spans, no resolved names.
//!
//! Depth is bounded by [`MAX_DEPTH`] when nodes are built, so that every later pass may recurse.
//! Names are plain strings; code generation knows what they mean. A variant's doc shows the syntax
//! that its fields hold the parts of.
//!
//! All nodes live in one arena and refer to each other and to the source text, so that building a tree
//! is writing it once, front to back, and freeing it is nothing at all. Nodes are plain data.

#![expect(
    missing_docs,
    reason = "the fields of a variant are the parts of the syntax its doc shows"
)]

use crate::source::Span;

pub mod build;

/// The deepest nesting of expressions and blocks that is accepted.
pub const MAX_DEPTH: u16 = 500;

/// A name where it stands.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Ident<'a> {
    /// The text of the name.
    pub name: &'a str,
    /// Where it stands.
    pub span: Span,
}

/// A whole source text.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Program<'a> {
    /// The top-level statements in order.
    pub stmts: &'a [&'a Stmt<'a>],
}

/// A statement.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Stmt<'a> {
    /// What it is.
    pub kind: StmtKind<'a>,
    /// The whole statement.
    pub span: Span,
    /// Levels of nesting below and including this node.
    pub depth: u16,
}

/// The kinds of statement.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum StmtKind<'a> {
    /// An expression, whose value is the block's when it comes last.
    Expr(&'a Expr<'a>),
    /// `let p = e` or, when `mutable`, `var p = e`.
    Let { pattern: &'a Pattern<'a>, mutable: bool, value: &'a Expr<'a> },
    /// `place = e`, `place op= e`.
    Assign { place: &'a Expr<'a>, op: AssignOp, value: &'a Expr<'a> },
    /// `defer e` or `defer place = e`.
    Defer(&'a Stmt<'a>),
    /// A named function.
    Fn(&'a FnDecl<'a>),
    /// A struct.
    Struct(&'a StructDecl<'a>),
    /// An enum.
    Enum(&'a EnumDecl<'a>),
    /// An import.
    Import(&'a Import<'a>),
    /// What could not be parsed; an error was reported.
    Error,
}

/// How an assignment changes its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AssignOp {
    /// `=`
    Set,
    /// `??=`
    Coalesce,
    /// `+=` and its kin.
    Op(BinaryOp),
}

/// `{ ... }`: statements; the last expression is its value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Block<'a> {
    /// The statements in order.
    pub stmts: &'a [&'a Stmt<'a>],
    /// With the braces.
    pub span: Span,
    /// Levels of nesting below and including this node.
    pub depth: u16,
    /// True when a `;` follows the last expression: it changes no value, kept for the formatter.
    pub trailing_semicolon: bool,
}

/// An expression.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Expr<'a> {
    /// What it is.
    pub kind: ExprKind<'a>,
    /// The whole expression.
    pub span: Span,
    /// Levels of nesting below and including this node.
    pub depth: u16,
}

/// The kinds of expression.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ExprKind<'a> {
    /// `nil`
    Nil,
    /// `true`, `false`
    Bool(bool),
    /// An integer literal's magnitude: up to 2^63, which is legal only right below a minus.
    Int(u64),
    /// A float or duration literal.
    Float(f64),
    /// A string without interpolation, escapes resolved.
    Str(&'a str),
    /// A string with interpolation.
    Interpolated(&'a [StrPart<'a>]),
    /// A name that starts with a lower-case letter, or `_`.
    Name(&'a str),
    /// A name that starts with an upper-case letter.
    TypeName(&'a str),
    /// `self`
    SelfRef,
    /// `[a, ...b]`
    List(&'a [Element<'a>]),
    /// `[k: v, ...m]`, `[:]`
    Map(&'a [MapElement<'a>]),
    /// `a..b`, `a..=b`, `a..b by c`
    Range { start: &'a Expr<'a>, end: &'a Expr<'a>, step: Option<&'a Expr<'a>>, inclusive: bool },
    /// `-a`, `~a`, `not a`
    Unary { op: UnaryOp, operand: &'a Expr<'a> },
    /// `a + b`, `a == b`, `a in b`, ...
    Binary { op: BinaryOp, op_span: Span, left: &'a Expr<'a>, right: &'a Expr<'a> },
    /// `a and b`, `a or b`, `a ?? b`
    Logic { op: LogicOp, left: &'a Expr<'a>, right: &'a Expr<'a> },
    /// `a is T`, `a is not T`
    Is { value: &'a Expr<'a>, ty: &'a TypePath<'a>, negated: bool },
    /// `a.f`, `a?.f`
    Field { object: &'a Expr<'a>, name: &'a Ident<'a>, optional: bool },
    /// `a[i]`, `a[i..j]`
    Index { object: &'a Expr<'a>, index: &'a Index<'a> },
    /// `f(args)`
    Call { callee: &'a Expr<'a>, args: &'a [Arg<'a>] },
    /// `a.m(args)`, `a?.m(args)`
    Method { object: &'a Expr<'a>, name: &'a Ident<'a>, args: &'a [Arg<'a>], optional: bool },
    /// `(a)`: kept, because `(x.f)(a)` is no method call.
    Paren(&'a Expr<'a>),
    /// `{ ... }`
    Block(&'a Block<'a>),
    /// `if c { } else { }`; `otherwise` is a block or another `if`.
    If { cond: &'a Cond<'a>, then: &'a Block<'a>, otherwise: Option<&'a Expr<'a>> },
    /// `match e { arms }`
    Match { value: &'a Expr<'a>, arms: &'a [&'a MatchArm<'a>] },
    /// `try { } catch p { }`
    Try { body: &'a Block<'a>, name: Option<&'a Pattern<'a>>, handler: &'a Block<'a> },
    /// `while c { }`
    While { cond: &'a Cond<'a>, body: &'a Block<'a> },
    /// `loop { }`
    Loop { body: &'a Block<'a> },
    /// `for x in xs { }`, `for i, x in xs { }`, `for &x in xs { }`
    For {
        first: &'a Pattern<'a>,
        second: Option<&'a Pattern<'a>>,
        in_place: bool,
        iterable: &'a Expr<'a>,
        body: &'a Block<'a>,
    },
    /// `scope { }`
    Scope { body: &'a Block<'a> },
    /// `select { arms }`
    Select { arms: &'a [&'a SelectArm<'a>] },
    /// `spawn f(x)`, `spawn { }`: a call, method call or block.
    Spawn(&'a Expr<'a>),
    /// `|params| body`; the body is an expression or an assignment.
    Lambda(&'a Lambda<'a>),
    /// `return`, `return e`
    Return(Option<&'a Expr<'a>>),
    /// `break`, `break e`
    Break(Option<&'a Expr<'a>>),
    /// `continue`
    Continue,
    /// `throw e`
    Throw(&'a Expr<'a>),
    /// What could not be parsed or nests too deep; an error was reported.
    Error,
}

/// A piece of an interpolated string.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum StrPart<'a> {
    /// Literal text, escapes resolved.
    Text(&'a str),
    /// `{e}`, `{e:format}`
    Expr { value: &'a Expr<'a>, format: Option<(&'a str, Span)> },
}

/// An element of a list literal.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Element<'a> {
    /// One value.
    Value(&'a Expr<'a>),
    /// `...e`
    Spread(&'a Expr<'a>),
}

/// An entry of a map literal.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum MapElement<'a> {
    /// `key: value`; a bare name has become a string.
    Entry { key: &'a Expr<'a>, value: &'a Expr<'a> },
    /// `...e`
    Spread(&'a Expr<'a>),
}

/// What stands in the brackets of an index expression.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Index<'a> {
    /// `[e]`; `e` may be a whole range `i..j`.
    At(&'a Expr<'a>),
    /// `[i..]`, `[..j]`, `[..=j]`, `[..]`: at least one end is missing.
    Open { start: Option<&'a Expr<'a>>, end: Option<&'a Expr<'a>>, inclusive: bool },
}

/// An argument of a call.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Arg<'a> {
    /// How it is handed over.
    pub kind: ArgKind,
    /// The name in `name: value`.
    pub name: Option<Ident<'a>>,
    /// The value, or the place of an `&` argument.
    pub value: &'a Expr<'a>,
}

/// How an argument is handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArgKind {
    /// By value.
    Value,
    /// `...e`
    Spread,
    /// `&place`, for a `mut` parameter.
    Place,
}

/// Unary operators.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnaryOp {
    /// `-`
    Neg,
    /// `~`
    BitNot,
    /// `not`
    Not,
}

/// Binary operators that evaluate both sides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `//`
    FloorDiv,
    /// `%`
    Mod,
    /// `**`
    Pow,
    /// `&`
    BitAnd,
    /// `|`
    BitOr,
    /// `^`
    BitXor,
    /// `<<`
    Shl,
    /// `>>`
    Shr,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `in`
    In,
    /// `not in`
    NotIn,
}

/// Binary operators that may leave out their right side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogicOp {
    /// `and`
    And,
    /// `or`
    Or,
    /// `??`
    Coalesce,
}

/// A type as `is` and patterns name it: `int`, `Point`, `Shape.Circle`, `geo.Point`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TypePath<'a> {
    /// One to three names.
    pub parts: &'a [Ident<'a>],
    /// The whole path.
    pub span: Span,
}

/// The condition of `if` and `while`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Cond<'a> {
    /// A plain condition.
    Expr(&'a Expr<'a>),
    /// `let pattern = e`
    Let { pattern: &'a Pattern<'a>, value: &'a Expr<'a> },
}

/// An arm of a `match`. The body is an expression or an assignment.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MatchArm<'a> {
    /// What it matches.
    pub pattern: &'a Pattern<'a>,
    /// `if e`
    pub guard: Option<&'a Expr<'a>>,
    /// What it does.
    pub body: &'a Stmt<'a>,
}

/// An arm of a `select`. The body is an expression or an assignment.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SelectArm<'a> {
    /// What it waits for.
    pub kind: SelectKind<'a>,
    /// `if e`
    pub guard: Option<&'a Expr<'a>>,
    /// What it does.
    pub body: &'a Stmt<'a>,
    /// Head of the arm, without the body.
    pub span: Span,
}

/// What an arm of a `select` waits for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum SelectKind<'a> {
    /// `name = e.recv()`, `e.send(x)`, `name = e.join()`: any method call is parsed, `resolve`
    /// checks which one it is.
    Call { binding: Option<Ident<'a>>, call: &'a Expr<'a> },
    /// `after d`
    After(&'a Expr<'a>),
    /// `else`
    Else,
}

/// `fn name(params) { body }`, also as a member of a type, where it may be an operator.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FnDecl<'a> {
    /// The name, or the operator (`+`, `[]`).
    pub name: Ident<'a>,
    /// With `self` first where it has one.
    pub params: &'a [&'a Param<'a>],
    /// The body.
    pub body: &'a Block<'a>,
    /// From `fn` to the closing brace.
    pub span: Span,
    /// The `## ` lines above.
    pub doc: Option<&'a str>,
}

/// `|params| body`
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Lambda<'a> {
    /// The parameters.
    pub params: &'a [&'a Param<'a>],
    /// An expression or an assignment.
    pub body: &'a Stmt<'a>,
}

/// A parameter of a function or lambda, or a field of a struct or variant.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Param<'a> {
    /// What it binds; `self` is a binding of that name.
    pub pattern: &'a Pattern<'a>,
    /// `mut`
    pub mutable: bool,
    /// `...`
    pub rest: bool,
    /// `= e`
    pub default: Option<&'a Expr<'a>>,
    /// The whole parameter.
    pub span: Span,
}

/// A struct declaration.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct StructDecl<'a> {
    /// Its name.
    pub name: Ident<'a>,
    /// Its fields in order.
    pub fields: &'a [&'a Param<'a>],
    /// Its functions in order.
    pub functions: &'a [&'a FnDecl<'a>],
    /// The whole declaration.
    pub span: Span,
    /// The `## ` lines above.
    pub doc: Option<&'a str>,
}

/// An enum declaration.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct EnumDecl<'a> {
    /// Its name.
    pub name: Ident<'a>,
    /// Its variants in order, each with its payload.
    pub variants: &'a [(Ident<'a>, &'a [&'a Param<'a>])],
    /// Its functions in order.
    pub functions: &'a [&'a FnDecl<'a>],
    /// The whole declaration.
    pub span: Span,
    /// The `## ` lines above.
    pub doc: Option<&'a str>,
}

/// An import.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Import<'a> {
    /// Which module.
    pub module: ModulePath<'a>,
    /// `as name`
    pub alias: Option<Ident<'a>>,
    /// `.{a, b}`
    pub members: Option<&'a [Ident<'a>]>,
    /// The whole import.
    pub span: Span,
}

/// The module an import names.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ModulePath<'a> {
    /// A standard module.
    Standard(Ident<'a>),
    /// A file, relative to the importing file.
    File(&'a str, Span),
}

/// A pattern.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pattern<'a> {
    /// What it is.
    pub kind: PatternKind<'a>,
    /// The whole pattern.
    pub span: Span,
    /// Levels of nesting below and including this node.
    pub depth: u16,
}

/// The kinds of pattern.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum PatternKind<'a> {
    /// A name that binds (`_` binds nothing).
    Binding(&'a str),
    /// `x is T`
    Is { name: &'a Ident<'a>, ty: &'a TypePath<'a> },
    /// A literal: nil, bool, int, float or string, also negative numbers.
    Literal(&'a Expr<'a>),
    /// `1..5`, `1..=5`
    Range { start: &'a Expr<'a>, end: &'a Expr<'a>, inclusive: bool },
    /// `[a, b, ...rest]`
    List { items: &'a [&'a Pattern<'a>], rest: Option<&'a Rest<'a>> },
    /// `[k: p, ...]`; exact without `rest`.
    Map { entries: &'a [(&'a Expr<'a>, &'a Pattern<'a>)], rest: Option<&'a Rest<'a>> },
    /// `Point(a, b)`, `Shape.Circle(r: p, ...)`, `Shape.Empty`
    Constructor { path: &'a TypePath<'a>, args: Option<&'a [&'a CtorArg<'a>]>, rest: bool },
    /// `a | b`
    Or(&'a [&'a Pattern<'a>]),
    /// What could not be parsed; an error was reported.
    Error,
}

/// `...` or `...name` in a list or map pattern.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rest<'a> {
    /// How many items stand before it.
    pub position: usize,
    /// The name it binds.
    pub name: Option<Ident<'a>>,
    /// Where it stands.
    pub span: Span,
}

/// An argument of a constructor pattern.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CtorArg<'a> {
    /// The field's name in `name: pattern`.
    pub field: Option<Ident<'a>>,
    /// The pattern.
    pub pattern: &'a Pattern<'a>,
}
