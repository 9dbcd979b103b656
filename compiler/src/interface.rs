//! What files know of each other: the members of a module, and why its other names are none.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{Signature, TypeShape};

/// A module, as an import finds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ModuleName {
    /// A standard module.
    Standard(Box<str>),
    /// A file, by the name under which it was compiled.
    File(Box<str>),
}

/// What a path in an `import` leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Located {
    /// The module of this name, whose interface is known.
    Module(Box<str>),
    /// A module that is wrong itself. What is said of that is enough.
    Broken,
    /// Nothing that can be imported.
    Refused {
        /// Why.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
}

/// What other files may know of a module.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Interface {
    /// How the module is called in messages.
    pub shown: Box<str>,
    /// What other files may name.
    pub members: BTreeMap<Box<str>, Member>,
    /// Its other top-level names.
    pub hidden: BTreeMap<Box<str>, Hidden>,
}

/// A member of a file module.
#[derive(Clone, PartialEq, Debug)]
pub enum Member {
    /// A function.
    Function {
        /// Its number in the module's unit.
        index: u32,
        /// How it may be called.
        signature: Signature,
    },
    /// A struct or enum.
    Type {
        /// Its number in the module's unit.
        index: u32,
        /// What is known of it.
        shape: Arc<TypeShape>,
    },
    /// A `let`.
    Value,
}

/// Why a top-level name is no member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hidden {
    /// Its name starts with `_`.
    Private,
    /// It is a variable of the top-level code.
    Var,
    /// The module has it from elsewhere.
    Import,
}

impl Interface {
    /// Why `name` is no member, when the module has it.
    pub(crate) fn reason(&self, name: &str) -> Option<String> {
        let shown = &self.shown;
        Some(match self.hidden.get(name)? {
            Hidden::Private => format!("`{name}` is private to `{shown}`"),
            Hidden::Var => {
                format!("`{name}` is a `var` of `{shown}`, which only its own code sees")
            }
            Hidden::Import => {
                format!("`{name}` is an import of `{shown}`, not one of its own names")
            }
        })
    }
}

impl Hidden {
    /// What to do about it.
    pub(crate) fn help(self) -> &'static str {
        match self {
            Self::Private => "names that start with `_` stay in their file",
            Self::Var => "make it a `let`, or write a function that gives its value",
            Self::Import => "import it here as well",
        }
    }
}
