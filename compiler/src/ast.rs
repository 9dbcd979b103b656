//! The surface syntax tree, as the grammar builds it: public fields, spans, no resolved names.
//!
//! Depth is bounded by [`MAX_DEPTH`] when nodes are built, so that every later pass may recurse.
//! Names are plain strings; code generation knows what they mean. A variant's doc shows the syntax
//! that its fields hold the parts of.

#![expect(
    missing_docs,
    reason = "the fields of a variant are the parts of the syntax its doc shows"
)]

use crate::source::Span;

pub mod build;

/// The deepest nesting of expressions and blocks that is accepted.
pub const MAX_DEPTH: u16 = 500;

/// A name where it stands.
#[derive(Clone, PartialEq, Debug)]
pub struct Ident {
    /// The text of the name.
    pub name: Box<str>,
    /// Where it stands.
    pub span: Span,
}

/// A whole source text.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Program {
    /// The top-level statements in order.
    pub stmts: Vec<Stmt>,
}

/// A statement.
#[derive(Clone, PartialEq, Debug)]
pub struct Stmt {
    /// What it is.
    pub kind: StmtKind,
    /// The whole statement.
    pub span: Span,
    /// Levels of nesting below and including this node.
    pub depth: u16,
}

/// The kinds of statement.
#[derive(Clone, PartialEq, Debug)]
pub enum StmtKind {
    /// An expression, whose value is the block's when it comes last.
    Expr(Expr),
    /// `let p = e` or, when `mutable`, `var p = e`.
    Let { pattern: Pattern, mutable: bool, value: Expr },
    /// `place = e`, `place op= e`.
    Assign { place: Expr, op: AssignOp, value: Expr },
    /// `defer e` or `defer place = e`.
    Defer(Box<Stmt>),
    /// A named function.
    Fn(Box<FnDecl>),
    /// A struct.
    Struct(Box<StructDecl>),
    /// An enum.
    Enum(Box<EnumDecl>),
    /// An import.
    Import(Box<Import>),
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
#[derive(Clone, PartialEq, Debug)]
pub struct Block {
    /// The statements in order.
    pub stmts: Vec<Stmt>,
    /// With the braces.
    pub span: Span,
    /// Levels of nesting below and including this node.
    pub depth: u16,
    /// True when a `;` follows the last expression: it changes no value, kept for the formatter.
    pub trailing_semicolon: bool,
}

/// An expression.
#[derive(Clone, PartialEq, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// The whole expression.
    pub span: Span,
    /// Levels of nesting below and including this node.
    pub depth: u16,
}

/// The kinds of expression.
#[derive(Clone, PartialEq, Debug)]
pub enum ExprKind {
    /// `nil`
    Nil,
    /// `true`, `false`
    Bool(bool),
    /// An integer literal's magnitude: up to 2^63, which is legal only right below a minus.
    Int(u64),
    /// A float or duration literal.
    Float(f64),
    /// A string without interpolation, escapes resolved.
    Str(Box<str>),
    /// A string with interpolation.
    Interpolated(Vec<StrPart>),
    /// A name that starts with a lower-case letter, or `_`.
    Name(Box<str>),
    /// A name that starts with an upper-case letter.
    TypeName(Box<str>),
    /// `self`
    SelfRef,
    /// `[a, ...b]`
    List(Vec<Element>),
    /// `[k: v, ...m]`, `[:]`
    Map(Vec<MapElement>),
    /// `a..b`, `a..=b`, `a..b by c`
    Range { start: Box<Expr>, end: Box<Expr>, step: Option<Box<Expr>>, inclusive: bool },
    /// `-a`, `~a`, `not a`
    Unary { op: UnaryOp, operand: Box<Expr> },
    /// `a + b`, `a == b`, `a in b`, ...
    Binary { op: BinaryOp, op_span: Span, left: Box<Expr>, right: Box<Expr> },
    /// `a and b`, `a or b`, `a ?? b`
    Logic { op: LogicOp, left: Box<Expr>, right: Box<Expr> },
    /// `a is T`, `a is not T`
    Is { value: Box<Expr>, ty: TypePath, negated: bool },
    /// `a.f`, `a?.f`
    Field { object: Box<Expr>, name: Ident, optional: bool },
    /// `a[i]`, `a[i..j]`
    Index { object: Box<Expr>, index: Box<Index> },
    /// `f(args)`
    Call { callee: Box<Expr>, args: Vec<Arg> },
    /// `a.m(args)`, `a?.m(args)`
    Method { object: Box<Expr>, name: Ident, args: Vec<Arg>, optional: bool },
    /// `(a)`: kept, because `(x.f)(a)` is no method call.
    Paren(Box<Expr>),
    /// `{ ... }`
    Block(Block),
    /// `if c { } else { }`; `otherwise` is a block or another `if`.
    If { cond: Box<Cond>, then: Block, otherwise: Option<Box<Expr>> },
    /// `match e { arms }`
    Match { value: Box<Expr>, arms: Vec<MatchArm> },
    /// `try { } catch p { }`
    Try { body: Block, name: Option<Box<Pattern>>, handler: Box<Block> },
    /// `while c { }`
    While { cond: Box<Cond>, body: Block },
    /// `loop { }`
    Loop { body: Block },
    /// `for x in xs { }`, `for i, x in xs { }`, `for &x in xs { }`
    For {
        first: Box<Pattern>,
        second: Option<Box<Pattern>>,
        in_place: bool,
        iterable: Box<Expr>,
        body: Box<Block>,
    },
    /// `scope { }`
    Scope { body: Block },
    /// `select { arms }`
    Select { arms: Vec<SelectArm> },
    /// `spawn f(x)`, `spawn { }`: a call, method call or block.
    Spawn(Box<Expr>),
    /// `|params| body`; the body is an expression or an assignment.
    Lambda(Box<Lambda>),
    /// `return`, `return e`
    Return(Option<Box<Expr>>),
    /// `break`, `break e`
    Break(Option<Box<Expr>>),
    /// `continue`
    Continue,
    /// `throw e`
    Throw(Box<Expr>),
    /// What could not be parsed or nests too deep; an error was reported.
    Error,
}

/// A piece of an interpolated string.
#[derive(Clone, PartialEq, Debug)]
pub enum StrPart {
    /// Literal text, escapes resolved.
    Text(Box<str>),
    /// `{e}`, `{e:format}`
    Expr { value: Expr, format: Option<(Box<str>, Span)> },
}

/// An element of a list literal.
#[derive(Clone, PartialEq, Debug)]
pub enum Element {
    /// One value.
    Value(Expr),
    /// `...e`
    Spread(Expr),
}

/// An entry of a map literal.
#[derive(Clone, PartialEq, Debug)]
pub enum MapElement {
    /// `key: value`; a bare name has become a string.
    Entry { key: Expr, value: Expr },
    /// `...e`
    Spread(Expr),
}

/// What stands in the brackets of an index expression.
#[derive(Clone, PartialEq, Debug)]
pub enum Index {
    /// `[e]`; `e` may be a whole range `i..j`.
    At(Expr),
    /// `[i..]`, `[..j]`, `[..=j]`, `[..]`: at least one end is missing.
    Open { start: Option<Expr>, end: Option<Expr>, inclusive: bool },
}

/// An argument of a call.
#[derive(Clone, PartialEq, Debug)]
pub struct Arg {
    /// How it is handed over.
    pub kind: ArgKind,
    /// The name in `name: value`.
    pub name: Option<Ident>,
    /// The value, or the place of an `&` argument.
    pub value: Expr,
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
#[derive(Clone, PartialEq, Debug)]
pub struct TypePath {
    /// One to three names.
    pub parts: Vec<Ident>,
    /// The whole path.
    pub span: Span,
}

/// The condition of `if` and `while`.
#[derive(Clone, PartialEq, Debug)]
pub enum Cond {
    /// A plain condition.
    Expr(Expr),
    /// `let pattern = e`
    Let { pattern: Pattern, value: Expr },
}

/// An arm of a `match`. The body is an expression or an assignment.
#[derive(Clone, PartialEq, Debug)]
pub struct MatchArm {
    /// What it matches.
    pub pattern: Pattern,
    /// `if e`
    pub guard: Option<Expr>,
    /// What it does.
    pub body: Stmt,
}

/// An arm of a `select`. The body is an expression or an assignment.
#[derive(Clone, PartialEq, Debug)]
pub struct SelectArm {
    /// What it waits for.
    pub kind: SelectKind,
    /// `if e`
    pub guard: Option<Expr>,
    /// What it does.
    pub body: Stmt,
    /// Head of the arm, without the body.
    pub span: Span,
}

/// What an arm of a `select` waits for.
#[derive(Clone, PartialEq, Debug)]
pub enum SelectKind {
    /// `name = e.recv()`, `e.send(x)`, `name = e.join()`: any method call is parsed, `resolve`
    /// checks which one it is.
    Call { binding: Option<Ident>, call: Expr },
    /// `after d`
    After(Expr),
    /// `else`
    Else,
}

/// `fn name(params) { body }`, also as a member of a type, where it may be an operator.
#[derive(Clone, PartialEq, Debug)]
pub struct FnDecl {
    /// The name, or the operator (`+`, `[]`).
    pub name: Ident,
    /// With `self` first where it has one.
    pub params: Vec<Param>,
    /// The body.
    pub body: Block,
    /// From `fn` to the closing brace.
    pub span: Span,
    /// The `## ` lines above.
    pub doc: Option<Box<str>>,
}

/// `|params| body`
#[derive(Clone, PartialEq, Debug)]
pub struct Lambda {
    /// The parameters.
    pub params: Vec<Param>,
    /// An expression or an assignment.
    pub body: Stmt,
}

/// A parameter of a function or lambda, or a field of a struct or variant.
#[derive(Clone, PartialEq, Debug)]
pub struct Param {
    /// What it binds; `self` is a binding of that name.
    pub pattern: Pattern,
    /// `mut`
    pub mutable: bool,
    /// `...`
    pub rest: bool,
    /// `= e`
    pub default: Option<Expr>,
    /// The whole parameter.
    pub span: Span,
}

/// A struct declaration.
#[derive(Clone, PartialEq, Debug)]
pub struct StructDecl {
    /// Its name.
    pub name: Ident,
    /// Its fields in order.
    pub fields: Vec<Param>,
    /// Its functions in order.
    pub functions: Vec<FnDecl>,
    /// The whole declaration.
    pub span: Span,
    /// The `## ` lines above.
    pub doc: Option<Box<str>>,
}

/// An enum declaration.
#[derive(Clone, PartialEq, Debug)]
pub struct EnumDecl {
    /// Its name.
    pub name: Ident,
    /// Its variants in order, each with its payload.
    pub variants: Vec<(Ident, Vec<Param>)>,
    /// Its functions in order.
    pub functions: Vec<FnDecl>,
    /// The whole declaration.
    pub span: Span,
    /// The `## ` lines above.
    pub doc: Option<Box<str>>,
}

/// An import.
#[derive(Clone, PartialEq, Debug)]
pub struct Import {
    /// Which module.
    pub module: ModulePath,
    /// `as name`
    pub alias: Option<Ident>,
    /// `.{a, b}`
    pub members: Option<Vec<Ident>>,
    /// The whole import.
    pub span: Span,
}

/// The module an import names.
#[derive(Clone, PartialEq, Debug)]
pub enum ModulePath {
    /// A standard module.
    Standard(Ident),
    /// A file, relative to the importing file.
    File(Box<str>, Span),
}

/// A pattern.
#[derive(Clone, PartialEq, Debug)]
pub struct Pattern {
    /// What it is.
    pub kind: PatternKind,
    /// The whole pattern.
    pub span: Span,
    /// Levels of nesting below and including this node.
    pub depth: u16,
}

/// The kinds of pattern.
#[derive(Clone, PartialEq, Debug)]
pub enum PatternKind {
    /// A name that binds (`_` binds nothing).
    Binding(Box<str>),
    /// `x is T`
    Is { name: Ident, ty: TypePath },
    /// A literal: nil, bool, int, float or string, also negative numbers.
    Literal(Box<Expr>),
    /// `1..5`, `1..=5`
    Range { start: Box<Expr>, end: Box<Expr>, inclusive: bool },
    /// `[a, b, ...rest]`
    List { items: Vec<Pattern>, rest: Option<Box<Rest>> },
    /// `[k: p, ...]`; exact without `rest`.
    Map { entries: Vec<(Expr, Pattern)>, rest: Option<Box<Rest>> },
    /// `Point(a, b)`, `Shape.Circle(r: p, ...)`, `Shape.Empty`
    Constructor { path: TypePath, args: Option<Vec<CtorArg>>, rest: bool },
    /// `a | b`
    Or(Vec<Pattern>),
    /// What could not be parsed; an error was reported.
    Error,
}

/// `...` or `...name` in a list or map pattern.
#[derive(Clone, PartialEq, Debug)]
pub struct Rest {
    /// How many items stand before it.
    pub position: usize,
    /// The name it binds.
    pub name: Option<Ident>,
    /// Where it stands.
    pub span: Span,
}

/// An argument of a constructor pattern.
#[derive(Clone, PartialEq, Debug)]
pub struct CtorArg {
    /// The field's name in `name: pattern`.
    pub field: Option<Ident>,
    /// The pattern.
    pub pattern: Pattern,
}
