//! A syntax tree as one line of s-expressions, for tests.

use std::fmt::Write;

use crate::ast::*;

/// The statements of a program, separated by spaces.
pub(super) fn program(program: &Program) -> String {
    join(program.stmts.iter().map(|it| stmt(it)))
}

fn join(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().collect::<Vec<_>>().join(" ")
}

fn node(head: &str, items: impl IntoIterator<Item = String>) -> String {
    let mut text = format!("({head}");
    for item in items {
        let _ = write!(text, " {item}");
    }
    text + ")"
}

fn stmt(s: &Stmt) -> String {
    match &s.kind {
        StmtKind::Expr(e) => expr(e),
        StmtKind::Let { pattern: p, mutable, value } => {
            node(if *mutable { "var" } else { "let" }, [pattern(p), expr(value)])
        }
        StmtKind::Assign { place, op, value } => {
            let op = match op {
                AssignOp::Set => "=".to_owned(),
                AssignOp::Coalesce => "??=".to_owned(),
                AssignOp::Op(op) => format!("{}=", binary(*op)),
            };
            node(&op, [expr(place), expr(value)])
        }
        StmtKind::Defer(inner) => node("defer", [stmt(inner)]),
        StmtKind::Fn(f) => function(f),
        StmtKind::Struct(s) => {
            let fields = s.fields.iter().map(|f| node("field", [param(f)]));
            node(
                &format!("struct {}{}", s.name.name, doc(s.doc)),
                fields.chain(s.functions.iter().map(|it| function(it))),
            )
        }
        StmtKind::Enum(e) => {
            let variants = e.variants.iter().map(|(name, payload)| {
                if payload.is_empty() {
                    name.name.to_string()
                } else {
                    node(name.name, payload.iter().map(|it| param(it)))
                }
            });
            node(
                &format!("enum {}{}", e.name.name, doc(e.doc)),
                variants.chain(e.functions.iter().map(|it| function(it))),
            )
        }
        StmtKind::Import(i) => {
            let module = match &i.module {
                ModulePath::Standard(name) => name.name.to_string(),
                ModulePath::File(path, _) => format!("{path:?}"),
            };
            let alias = i.alias.iter().map(|a| format!("as {}", a.name));
            let members = i.members.iter().copied().flatten().map(|m| m.name.to_string());
            node("import", [module].into_iter().chain(alias).chain(members))
        }
        StmtKind::Error => "ERROR".into(),
    }
}

fn doc(doc: Option<&str>) -> String {
    doc.map_or(String::new(), |doc| format!(" {doc:?}"))
}

fn function(f: &FnDecl) -> String {
    let head = format!("fn {}{}", f.name.name, doc(f.doc));
    node(&head, [params(f.params), block(f.body)])
}

fn params(all: &[&Param]) -> String {
    node("params", all.iter().map(|it| param(it)))
}

fn param(p: &Param) -> String {
    let mut text = pattern(p.pattern);
    if p.rest {
        text = format!("...{text}");
    }
    if p.mutable {
        text = format!("(mut {text})");
    }
    match &p.default {
        Some(default) => node("def", [text, expr(default)]),
        None => text,
    }
}

fn block(b: &Block) -> String {
    node("block", b.stmts.iter().map(|it| stmt(it)))
}

fn expr(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Nil => "nil".into(),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Int(value) => value.to_string(),
        ExprKind::Float(value) => format!("{value:?}"),
        ExprKind::Str(value) => format!("{value:?}"),
        ExprKind::Interpolated(parts) => node(
            "str",
            parts.iter().map(|part| match part {
                StrPart::Text(text) => format!("{text:?}"),
                StrPart::Expr { value, format } => {
                    let format = format.iter().map(|(format, _)| format!("{format:?}"));
                    node("i", [expr(value)].into_iter().chain(format))
                }
            }),
        ),
        ExprKind::Name(name) | ExprKind::TypeName(name) => name.to_string(),
        ExprKind::SelfRef => "self".into(),
        ExprKind::List(items) => node(
            "list",
            items.iter().map(|item| match item {
                Element::Value(value) => expr(value),
                Element::Spread(value) => node("...", [expr(value)]),
            }),
        ),
        ExprKind::Map(items) => node(
            "map",
            items.iter().map(|item| match item {
                MapElement::Entry { key, value } => node("kv", [expr(key), expr(value)]),
                MapElement::Spread(value) => node("...", [expr(value)]),
            }),
        ),
        ExprKind::Range { start, end, step, inclusive } => {
            let parts = [expr(start), expr(end)].into_iter().chain(step.iter().map(|s| expr(s)));
            node(if *inclusive { "..=" } else { ".." }, parts)
        }
        ExprKind::Unary { op, operand } => {
            let op = match op {
                UnaryOp::Neg => "neg",
                UnaryOp::BitNot => "~",
                UnaryOp::Not => "not",
            };
            node(op, [expr(operand)])
        }
        ExprKind::Binary { op, left, right, .. } => node(binary(*op), [expr(left), expr(right)]),
        ExprKind::Logic { op, left, right } => {
            let op = match op {
                LogicOp::And => "and",
                LogicOp::Or => "or",
                LogicOp::Coalesce => "??",
            };
            node(op, [expr(left), expr(right)])
        }
        ExprKind::Is { value, ty, negated } => {
            node(if *negated { "isnt" } else { "is" }, [expr(value), path(ty)])
        }
        ExprKind::Field { object, name, optional } => {
            node(if *optional { "?." } else { "." }, [expr(object), name.name.to_string()])
        }
        ExprKind::Index { object, index } => node("idx", [expr(object), bounds(index)]),
        ExprKind::Call { callee, args } => {
            node("call", [expr(callee)].into_iter().chain(args.iter().map(arg)))
        }
        ExprKind::Method { object, name, args, optional } => {
            let field =
                node(if *optional { "?." } else { "." }, [expr(object), name.name.to_string()]);
            node("mcall", [field].into_iter().chain(args.iter().map(arg)))
        }
        ExprKind::Paren(inner) => node("paren", [expr(inner)]),
        ExprKind::Block(b) => block(b),
        ExprKind::If { cond: c, then, otherwise } => {
            let rest = otherwise.iter().map(|e| expr(e));
            node("if", [cond(c), block(then)].into_iter().chain(rest))
        }
        ExprKind::Match { value, arms } => {
            let arms = arms.iter().map(|arm| {
                let guard = arm.guard.iter().map(|g| node("guard", [expr(g)]));
                node("arm", [pattern(arm.pattern)].into_iter().chain(guard).chain([stmt(arm.body)]))
            });
            node("match", [expr(value)].into_iter().chain(arms))
        }
        ExprKind::Try { body, name, handler } => {
            let name = name.as_ref().map_or("_".into(), |p| pattern(p));
            node("try", [block(body), name, block(handler)])
        }
        ExprKind::While { cond: c, body } => node("while", [cond(c), block(body)]),
        ExprKind::Loop { body } => node("loop", [block(body)]),
        ExprKind::For { first, second, in_place, iterable, body } => {
            let second = second.iter().map(|p| pattern(p));
            let head = if *in_place { "for&" } else { "for" };
            let items = [pattern(first)].into_iter().chain(second);
            node(head, items.chain([expr(iterable), block(body)]))
        }
        ExprKind::Scope { body } => node("scope", [block(body)]),
        ExprKind::Select { arms } => node("select", arms.iter().map(|it| select_arm(it))),
        ExprKind::Spawn(what) => node("spawn", [expr(what)]),
        ExprKind::Lambda(lambda) => node("lam", [params(lambda.params), stmt(lambda.body)]),
        ExprKind::Return(value) => node("return", value.iter().map(|e| expr(e))),
        ExprKind::Break(value) => node("break", value.iter().map(|e| expr(e))),
        ExprKind::Continue => "(continue)".into(),
        ExprKind::Throw(value) => node("throw", [expr(value)]),
        ExprKind::Error => "ERROR".into(),
    }
}

fn select_arm(arm: &SelectArm) -> String {
    let guard = arm.guard.iter().map(|g| node("guard", [expr(g)]));
    let (head, items) = match &arm.kind {
        SelectKind::Call { binding: Some(name), call } => {
            ("recv", vec![name.name.to_string(), expr(call)])
        }
        SelectKind::Call { binding: None, call } => ("op", vec![expr(call)]),
        SelectKind::After(delay) => ("after", vec![expr(delay)]),
        SelectKind::Else => ("else", vec![]),
    };
    node(head, items.into_iter().chain(guard).chain([stmt(arm.body)]))
}

fn cond(c: &Cond) -> String {
    match c {
        Cond::Expr(e) => expr(e),
        Cond::Let { pattern: p, value } => node("iflet", [pattern(p), expr(value)]),
    }
}

fn bounds(index: &Index) -> String {
    let Index::Open { start, end, inclusive } = index else {
        let Index::At(at) = index else { return String::new() };
        return expr(at);
    };
    let op = if *inclusive { "..=" } else { ".." };
    match (start, end) {
        (Some(start), _) => node("from", [expr(start)]),
        (None, Some(end)) => node("to", [op.into(), expr(end)]),
        (None, None) => "(all)".into(),
    }
}

fn arg(a: &Arg) -> String {
    let value = expr(a.value);
    let name = a.name.as_ref().map(|n| format!("{}:", n.name)).unwrap_or_default();
    let head = match a.kind {
        ArgKind::Value => name,
        ArgKind::Spread => format!("{name}..."),
        ArgKind::Place => format!("{name}&"),
    };
    if head.is_empty() { value } else { node(&head, [value]) }
}

fn path(p: &TypePath) -> String {
    p.parts.iter().map(|part| part.name).collect::<Vec<_>>().join(".")
}

fn pattern(p: &Pattern) -> String {
    match &p.kind {
        PatternKind::Binding(name) => name.to_string(),
        PatternKind::Is { name, ty } => node("is", [name.name.to_string(), path(ty)]),
        PatternKind::Literal(value) => expr(value),
        PatternKind::Range { start, end, inclusive } => {
            node(if *inclusive { "..=" } else { ".." }, [expr(start), expr(end)])
        }
        PatternKind::List { items, rest: r } => {
            node("list", with_rest(items.iter().map(|it| pattern(it)).collect(), r))
        }
        PatternKind::Map { entries, rest: r } => {
            let entries = entries.iter().map(|(key, p)| node("kv", [expr(key), pattern(p)]));
            node("map", with_rest(entries.collect(), r))
        }
        PatternKind::Constructor { path: p, args: None, .. } => path(p),
        PatternKind::Constructor { path: p, args: Some(args), rest } => {
            let args = args.iter().map(|arg| match &arg.field {
                Some(field) => node(&format!("{}:", field.name), [pattern(arg.pattern)]),
                None => pattern(arg.pattern),
            });
            let rest = rest.then(|| "...".to_owned());
            node(&format!("ctor {}", path(p)), args.chain(rest))
        }
        PatternKind::Or(all) => node("|", all.iter().map(|it| pattern(it))),
        PatternKind::Error => "ERROR".into(),
    }
}

fn with_rest(mut items: Vec<String>, rest: &Option<&Rest>) -> Vec<String> {
    if let Some(rest) = rest {
        let name = rest.name.as_ref().map_or("", |name| name.name);
        items.insert(rest.position, format!("...{name}"));
    }
    items
}

fn binary(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::FloorDiv => "//",
        BinaryOp::Mod => "%",
        BinaryOp::Pow => "**",
        BinaryOp::BitAnd => "&",
        BinaryOp::BitOr => "|",
        BinaryOp::BitXor => "^",
        BinaryOp::Shl => "<<",
        BinaryOp::Shr => ">>",
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::In => "in",
        BinaryOp::NotIn => "notin",
    }
}
