//! Imports: which names they declare, what a name of a module stands for, and what a module shows of
//! itself.
//!
//! Functions of another file are constants, and called like functions of this one; what its `let`s
//! hold is read when the code runs, since that file's top level may not have run yet. The import
//! statement is the place where it runs.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use std::sync::Arc;

use super::call::is_plain;
use super::names::closest;
use super::types::{KnownType, TypeRef};
use super::{Code, Codegen, Dest, Item, Reg};
use crate::ast::{self, Ident};
use crate::bytecode::{Constant, Global, GlobalKind, Op};
use crate::lexer;
use crate::source::{Source, Span};
use crate::token::{Lexeme, Token};
use crate::{Hidden, Interface, Located, Member, ModuleName, Options, Signature};

/// Imported names: the module, and the member where one was named.
pub(super) type Imports = BTreeMap<Box<str>, (ModuleName, Option<Box<str>>)>;

/// What a text may import, and who may import it.
pub(super) struct Files<'a> {
    paths: &'a BTreeMap<Box<str>, Located>,
    modules: &'a BTreeMap<Box<str>, Arc<Interface>>,
    is_module: bool,
    /// The text imports a module that is wrong itself, so it cannot be compiled.
    pub(super) broken: bool,
}

impl<'a> Files<'a> {
    pub(super) fn new(options: &Options<'a>) -> Self {
        let &Options { paths, modules, is_module, .. } = options;
        Self { paths, modules, is_module, broken: false }
    }

    /// Can other files name the top-level `let` called `name`?
    pub(super) fn exports(&self, name: &str) -> bool {
        self.is_module && !name.starts_with('_')
    }

    /// The type of that name of another file.
    pub(super) fn type_of(&self, module: &str, name: &str) -> Option<KnownType> {
        let Member::Type { shape, .. } = self.member(module, name)? else { return None };
        let at = TypeRef::Module(module.into(), name.into());
        Some(KnownType { name: name.into(), at, shape: shape.clone() })
    }

    fn member(&self, module: &str, name: &str) -> Option<&'a Member> {
        self.modules.get(module)?.members.get(name)
    }
}

/// What others may know of a module with these top-level names.
pub(super) fn interface(
    source: &Source,
    items: &HashMap<&str, (Item, Span)>,
    globals: &[Global],
) -> Interface {
    let mut interface = Interface { shown: source.name().into(), ..Interface::default() };
    for (name, (item, _)) in items {
        let found = match item {
            _ if name.starts_with('_') => Err(Hidden::Private),
            Item::Function { index, signature } => {
                Ok(Member::Function { index: *index, signature: signature.clone() })
            }
            Item::Slot { slot, .. } => match globals[usize::from(*slot)].kind {
                GlobalKind::Let | GlobalKind::Fn | GlobalKind::Type => Ok(Member::Value),
                GlobalKind::Var => Err(Hidden::Var),
            },
            Item::Type(KnownType { at: TypeRef::Unit(index), shape, .. }) => {
                Ok(Member::Type { index: *index, shape: shape.clone() })
            }
            Item::Type(_) => Err(Hidden::Import),
            Item::TopVar | Item::SessionVar { .. } => Err(Hidden::Var),
            Item::Module(_) | Item::Member { .. } | Item::Broken => Err(Hidden::Import),
        };
        match found {
            Ok(member) => drop(interface.members.insert((*name).into(), member)),
            Err(reason) => drop(interface.hidden.insert((*name).into(), reason)),
        }
    }
    interface
}

impl<'a> Codegen<'a> {
    /// Notes the names that an import declares.
    pub(super) fn declare_import(&mut self, import: &'a ast::Import, imports: &mut Imports) {
        let Some(module) = self.find_module(&import.module) else {
            self.files.broken = true;
            self.declare_broken(import);
            return;
        };
        let Some(names) = &import.members else {
            if let Some(name) = self.module_alias(import) {
                imports.insert(name.name.into(), (module.clone(), None));
                let found = self.diagnostics.len();
                self.declare_item(name.name, Item::Module(module), name.span);
                if let Some(duplicate) = self.diagnostics.get_mut(found) {
                    duplicate.help = Some("give it another name: `import ... as name`".to_owned());
                }
            }
            return;
        };
        for name in *names {
            if !self.has_member(&module, name.name) {
                self.unknown_member(&module, name.name, name.span);
                self.declare_item(name.name, Item::Broken, name.span);
                continue;
            }
            imports.insert(name.name.into(), (module.clone(), Some(name.name.into())));
            let item = Item::Member { module: module.clone(), name: name.name.into() };
            self.declare_item(name.name, item, name.span);
        }
    }

    /// The import statement itself: runs the file's top level, unless that has been done.
    pub(super) fn run_import(&mut self, import: &ast::Import) {
        let ast::ModulePath::File(path, _) = &import.module else { return };
        let Some(Located::Module(name)) = self.files.paths.get(*path) else { return };
        let constant = Constant::Str(name.clone());
        match self.func().short_constant(constant) {
            Some(k) => {
                self.func().push(Op::Import, 0, k, 0);
            }
            None => self.too_many_constants(import.span),
        }
    }

    fn find_module(&mut self, path: &ast::ModulePath) -> Option<ModuleName> {
        let (path, span) = match path {
            ast::ModulePath::Standard(name) => {
                if self.environment.modules.contains_key(name.name) {
                    return Some(ModuleName::Standard(name.name.into()));
                }
                let known = self.environment.modules.keys().map(|n| &**n);
                let help =
                    closest(name.name, known).map(|close| format!("did you mean `{close}`?"));
                let message = format!("there is no standard module `{}`", name.name);
                let help = help.unwrap_or_else(|| {
                    format!(
                        "a module in a file is imported by its path: `import \"./{}\"`",
                        name.name
                    )
                });
                self.error(Code::UnknownModule, name.span, message).help = Some(help);
                return None;
            }
            ast::ModulePath::File(path, span) => (path, *span),
        };
        match self.files.paths.get(*path) {
            Some(Located::Module(name)) => return Some(ModuleName::File(name.clone())),
            Some(Located::Broken) => {}
            Some(Located::Refused { message, help }) => {
                self.error(Code::UnknownModule, span, message.clone()).help = help.clone();
            }
            None => {
                let message = format!("cannot import `{path}`: there are no files here");
                self.error(Code::UnknownModule, span, message);
            }
        }
        None
    }

    /// Declares the names of an import that leads nowhere, so that they are not reported as well.
    fn declare_broken(&mut self, import: &ast::Import<'a>) {
        let of_path = || match import.module {
            ast::ModulePath::Standard(name) => Some(name),
            ast::ModulePath::File(path, span) => Some(Ident { name: last_part(path), span }),
        };
        let alone = import.alias.or_else(of_path);
        let names = match import.members {
            Some(names) => names,
            None => alone.as_slice(),
        };
        for name in names {
            self.declare_item(name.name, Item::Broken, name.span);
        }
    }

    /// The name under which a whole module is imported.
    fn module_alias(&mut self, import: &ast::Import<'a>) -> Option<Ident<'a>> {
        if import.alias.is_some() {
            return import.alias;
        }
        match import.module {
            ast::ModulePath::Standard(name) => Some(name),
            ast::ModulePath::File(path, span) => {
                let name = last_part(path);
                if is_value_name(name) {
                    return Some(Ident { name, span });
                }
                let message = format!("`{name}` is no name for a module");
                let help = format!("name it: `import \"{path}\" as name`");
                self.error(Code::BadModuleName, span, message).help = Some(help);
                None
            }
        }
    }

    fn has_member(&self, module: &ModuleName, name: &str) -> bool {
        match module {
            ModuleName::Standard(module) => {
                self.environment.modules.get(module).is_some_and(|m| m.contains_key(name))
            }
            ModuleName::File(module) => self.files.member(module, name).is_some(),
        }
    }

    pub(super) fn unknown_member(&mut self, module: &ModuleName, name: &str, span: Span) {
        let shown = self.module_shown(module);
        let (names, reason): (Vec<&str>, _) = match module {
            ModuleName::Standard(module) => {
                let members = self.environment.modules.get(module);
                (members.into_iter().flat_map(|m| m.keys().map(|n| &**n)).collect(), None)
            }
            ModuleName::File(module) => match self.files.modules.get(module) {
                Some(interface) => {
                    let reason = interface.hidden.get(name).map(|h| (interface.reason(name), *h));
                    (interface.members.keys().map(|n| &**n).collect(), reason)
                }
                None => return,
            },
        };
        let (message, help) = match reason {
            Some((message, hidden)) => (message, Some(hidden.help().to_owned())),
            None => {
                let close = closest(name, names.into_iter());
                (None, close.map(|close| format!("did you mean `{close}`?")))
            }
        };
        let message = message.unwrap_or_else(|| format!("module `{shown}` has no `{name}`"));
        self.error(Code::UnknownModule, span, message).help = help;
    }

    /// A module as messages name it.
    pub(super) fn module_shown(&self, module: &ModuleName) -> Box<str> {
        match module {
            ModuleName::Standard(name) => name.clone(),
            ModuleName::File(name) => {
                self.files.modules.get(name).map_or_else(|| name.clone(), |m| m.shown.clone())
            }
        }
    }

    /// A member of a module as messages name it.
    pub(super) fn member_shown(&self, module: &ModuleName, name: &str) -> String {
        let shown = self.module_shown(module);
        format!("{}.{name}", last_part(&shown).trim_end_matches(".lisle"))
    }

    /// How a member that is a function may be called, where that is known.
    pub(super) fn member_signature(&self, module: &ModuleName, name: &str) -> Option<Signature> {
        match module {
            ModuleName::Standard(module) => {
                self.environment.modules.get(module)?.get(name)?.clone()
            }
            ModuleName::File(module) => match self.files.member(module, name)? {
                Member::Function { signature, .. } => Some(signature.clone()),
                Member::Value | Member::Type { .. } => None,
            },
        }
    }

    /// The constant that a member is, if it is one that is known when the code is linked.
    pub(super) fn member_constant(&self, module: &ModuleName, name: &str) -> Option<Constant> {
        let name = name.into();
        match module {
            ModuleName::Standard(module) => Some(Constant::Member { module: module.clone(), name }),
            ModuleName::File(module) => match self.files.member(module, &name)? {
                Member::Function { .. } | Member::Type { .. } => {
                    Some(Constant::Foreign { module: module.clone(), name })
                }
                Member::Value => None,
            },
        }
    }

    /// The constant of a module's function, where a call with these arguments can name it directly.
    pub(super) fn member_function(
        &mut self,
        module: &ModuleName,
        name: &str,
        args: &[ast::Arg],
    ) -> Option<u16> {
        let constant = self.member_constant(module, name)?;
        if !is_plain(args) || !self.has_member(module, name) {
            return None;
        }
        self.func().short_constant(constant)
    }

    /// Loads a member of a module, which is looked for.
    pub(super) fn load_member(&mut self, module: &ModuleName, name: &Ident, dest: Reg) {
        if self.has_member(module, name.name) {
            self.load_known_member(module, name.name, name.span, dest);
        } else {
            self.unknown_member(module, name.name, name.span);
        }
    }

    /// Loads a member of a module, which is there.
    pub(super) fn load_known_member(
        &mut self,
        module: &ModuleName,
        name: &str,
        span: Span,
        dest: Reg,
    ) {
        if let Some(constant) = self.member_constant(module, name) {
            let k = self.func().constant(constant);
            self.func().push_wide(Op::LoadConst, dest, k);
            return;
        }
        let ModuleName::File(module) = module else { return };
        let constant = Constant::Foreign { module: module.clone(), name: name.into() };
        match self.func().short_constant(constant) {
            Some(k) => {
                self.func().push(Op::GetForeign, dest, k, 0);
            }
            None => self.too_many_constants(span),
        }
    }

    /// A value of which nothing is known: the code will not run.
    pub(super) fn broken(&mut self, dest: Dest) {
        self.nil_to(dest);
    }
}

/// `./lib/util` gives `util`.
fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Can this be the name of a value or module?
fn is_value_name(name: &str) -> bool {
    let lexed = lexer::tokenize(name);
    let whole = |lexeme: &Lexeme| (lexeme.start, lexeme.end as usize) == (0, name.len());
    lexed.problems.is_empty()
        && lexed.tokens.iter().any(|lexeme| lexeme.token == Token::Name && whole(lexeme))
}
