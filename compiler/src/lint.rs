//! Warnings: what a program may do and surely does not mean.
//!
//! A walk of its own over a program without errors, so that code generation need not know which
//! names were read, and so that a misspelt name is not called unused where it was declared. It finds
//! unused variables and imports, code that nothing gets to ([`flow`]), names that hide built-in
//! functions, and values that are thrown away ([`discarded`]). [`walk`] visits the tree.
//!
//! A warning is given only where there is no doubt: parameters, names of `for`, `catch` and `select`,
//! and the names that a module shows to others may be unused, and any name may that starts with `_`.

mod discarded;
mod flow;
mod walk;

use hashbrown::{HashMap, HashSet};

use crate::ast::{Ident, Import, ModulePath, Pattern, PatternKind, Program, Stmt, StmtKind};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::{Environment, Options};

/// The warnings about a program in which there are no errors.
pub(crate) fn warnings(program: &Program, options: &Options<'_>) -> Vec<Diagnostic> {
    let mut lint = Lint {
        environment: options.environment,
        is_session: options.session.is_some(),
        top: HashMap::new(),
        locals: Vec::new(),
        depth: 0,
        methods: HashSet::new(),
        foreign: false,
        found: Vec::new(),
    };
    lint.top_level(program);
    lint.found
}

/// What a name was declared as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sort {
    /// `let`, `var`, or a name of a pattern: reported when it is never read.
    Variable,
    /// The name of an arm of a `match` that is its whole pattern.
    Arm,
    /// A function inside a block.
    Function,
    /// An import of a standard module, or of a name of a module.
    Import,
    /// May be unused.
    Free,
}

/// A name in scope.
#[derive(Clone, Debug)]
struct Binding<'a> {
    name: &'a str,
    span: Span,
    sort: Sort,
    read: bool,
    assigned: bool,
}

struct Lint<'a> {
    environment: &'a Environment,
    /// Top-level names outlive this text.
    is_session: bool,
    /// The names of the top level, which are seen everywhere.
    top: HashMap<&'a str, Binding<'a>>,
    /// The names of the blocks around, the innermost last.
    locals: Vec<Binding<'a>>,
    /// How many blocks stand around.
    depth: u32,
    /// The names of the methods of this text's own types.
    methods: HashSet<&'a str>,
    /// There are types of other files about, whose methods are not known here.
    foreign: bool,
    found: Vec<Diagnostic>,
}

impl<'a> Lint<'a> {
    fn top_level(&mut self, program: &'a Program) {
        for stmt in program.stmts {
            self.declare_top(stmt);
        }
        self.stmts(program.stmts, self.is_session);
        let mut names: Vec<_> = std::mem::take(&mut self.top).into_values().collect();
        names.sort_by_key(|binding| binding.span.start);
        for binding in &names {
            self.report_unused(binding);
        }
    }

    fn declare_top(&mut self, stmt: &'a Stmt) {
        match &stmt.kind {
            StmtKind::Let { pattern, mutable, .. } => {
                // What a `let` names is a member of the module.
                let sort = if *mutable { Sort::Variable } else { Sort::Free };
                each_name(pattern, &mut |name, span| self.top_name(name, span, sort));
            }
            StmtKind::Fn(decl) => self.top_name(decl.name.name, decl.name.span, Sort::Free),
            StmtKind::Import(import) => self.import(import),
            StmtKind::Struct(decl) => {
                self.methods.extend(decl.functions.iter().map(|f| f.name.name));
            }
            StmtKind::Enum(decl) => {
                self.methods.extend(decl.functions.iter().map(|f| f.name.name));
            }
            StmtKind::Expr(_) | StmtKind::Assign { .. } | StmtKind::Defer(_) | StmtKind::Error => {}
        }
    }

    fn import(&mut self, import: &'a Import) {
        let is_file = matches!(import.module, ModulePath::File(..));
        self.foreign |= is_file;
        match (&import.members, &import.alias, &import.module) {
            (Some(members), _, _) => {
                for member in *members {
                    self.top_name(member.name, member.span, Sort::Import);
                }
            }
            (None, Some(alias), _) => self.top_name(alias.name, alias.span, Sort::Import),
            (None, None, ModulePath::Standard(name)) => {
                self.top_name(name.name, name.span, Sort::Import);
            }
            // A file may be imported for what it does.
            (None, None, ModulePath::File(..)) => {}
        }
    }

    fn top_name(&mut self, name: &'a str, span: Span, sort: Sort) {
        let sort = if self.is_session { Sort::Free } else { sort };
        self.check_shadow(name, span);
        let binding = Binding { name, span, sort, read: false, assigned: false };
        self.top.insert(name, binding);
    }

    /// Declares the names of a pattern in the innermost block.
    fn declare(&mut self, pattern: &'a Pattern, sort: Sort) {
        each_name(pattern, &mut |name, span| self.local(name, span, sort));
    }

    fn local(&mut self, name: &'a str, span: Span, sort: Sort) {
        self.locals.push(Binding { name, span, sort, read: false, assigned: false });
    }

    fn declare_ident(&mut self, ident: &'a Ident, sort: Sort) {
        self.local(ident.name, ident.span, sort);
    }

    /// Leaves a block: its names go, and those that were never read are reported.
    fn leave(&mut self, names: usize) {
        for binding in self.locals.split_off(names) {
            self.report_unused(&binding);
        }
    }

    fn find(&mut self, name: &str) -> Option<&mut Binding<'a>> {
        match self.locals.iter().rposition(|binding| binding.name == name) {
            Some(at) => self.locals.get_mut(at),
            None => self.top.get_mut(name),
        }
    }

    /// True when `name` stands for an imported module here.
    fn is_import(&mut self, name: &str) -> bool {
        let session = self.is_session;
        self.find(name).is_none_or(|binding| session || binding.sort == Sort::Import)
    }

    fn read(&mut self, name: &str) {
        if let Some(binding) = self.find(name) {
            binding.read = true;
        }
    }

    fn assigned(&mut self, name: &str) {
        if let Some(binding) = self.find(name) {
            binding.assigned = true;
        }
    }

    /// True when `name` stands for the built-in function here.
    fn is_builtin(&mut self, name: &str) -> bool {
        self.environment.builtins.contains_key(name) && self.find(name).is_none()
    }

    fn check_shadow(&mut self, name: &str, span: Span) {
        let function = self.environment.builtins.get(name).is_some_and(Option::is_some);
        // A name that hides the name that hid it does no further harm.
        if function && self.find(name).is_none() {
            let message = format!("this `{name}` hides the built-in function `{name}`");
            let help = "give it another name, so that the function can still be called";
            self.warn(Code::ShadowedBuiltin, span, message).help = Some(help.to_owned());
        }
    }

    fn report_unused(&mut self, binding: &Binding<'_>) {
        let &Binding { name, span, sort, read, assigned } = binding;
        if read || name.starts_with('_') {
            return;
        }
        let or_mark = format!("take it out, or call it `_{name}` if it has to be there");
        match sort {
            Sort::Free => {}
            Sort::Variable if assigned => {
                let message = format!("`{name}` is assigned, and never read");
                self.warn(Code::UnusedVariable, span, message).help = Some(or_mark);
            }
            Sort::Variable => {
                let message = format!("`{name}` is never used");
                self.warn(Code::UnusedVariable, span, message).help = Some(or_mark);
            }
            Sort::Arm => {
                let message = format!("`{name}` matches anything, and is never used");
                let help = format!(
                    "a name in a pattern is a new one: write `_` for all else, or \
                     `x if x == {name}` to compare"
                );
                self.warn(Code::UnusedVariable, span, message).help = Some(help);
            }
            Sort::Function => {
                let message = format!("function `{name}` is never called");
                self.warn(Code::UnusedVariable, span, message).help = Some(or_mark);
            }
            Sort::Import => {
                let message = format!("`{name}` is imported, and never used");
                self.warn(Code::UnusedImport, span, message).help =
                    Some("take the import out".to_owned());
            }
        }
    }

    fn warn(&mut self, code: Code, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        let at = self.found.len();
        self.found.push(Diagnostic::warning(code, span, message));
        &mut self.found[at]
    }
}

/// Visits the names that a pattern binds, those of alternatives once.
fn each_name<'a>(pattern: &'a Pattern, visit: &mut impl FnMut(&'a str, Span)) {
    match &pattern.kind {
        PatternKind::Binding(name) => visit(name, pattern.span),
        PatternKind::Is { name, .. } => visit(name.name, name.span),
        PatternKind::List { items, rest } => {
            items.iter().for_each(|item| each_name(item, visit));
            if let Some(name) = rest.as_ref().and_then(|rest| rest.name.as_ref()) {
                visit(name.name, name.span);
            }
        }
        PatternKind::Map { entries, rest } => {
            entries.iter().for_each(|(_, value)| each_name(value, visit));
            if let Some(name) = rest.as_ref().and_then(|rest| rest.name.as_ref()) {
                visit(name.name, name.span);
            }
        }
        PatternKind::Constructor { args, .. } => {
            args.iter().copied().flatten().for_each(|arg| each_name(arg.pattern, visit));
        }
        PatternKind::Or(alternatives) => {
            alternatives.iter().take(1).for_each(|one| each_name(one, visit));
        }
        PatternKind::Literal(_) | PatternKind::Range { .. } | PatternKind::Error => {}
    }
}
