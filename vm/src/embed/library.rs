//! What a VM says of all that is built into it: functions, types and modules, each with its members.
//!
//! It is gathered from the tables that the functions and methods themselves are made from, so that
//! help at a prompt and documents cannot say anything else.

use std::collections::BTreeMap;

use crate::{
    builtins::TYPES,
    interp::proto_of_function,
    methods::Method,
    module::{HandleDocs, MemberValue, ModuleBuilder},
    native::{NativeDef, Param, Signature},
    value::{Owned, Shared, View},
    vm::VmShared,
};

/// What is built into a VM.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Library {
    /// Functions that are known everywhere, by name.
    pub functions: Vec<Entry>,
    /// The built-in types with their methods.
    pub types: Vec<Section>,
    /// The modules with their members, by name.
    pub modules: Vec<Module>,
}

/// A module.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Module {
    /// Its name, its line, its members.
    pub section: Section,
    /// The types of the handles that its functions give.
    pub handles: Vec<Section>,
}

/// A type or a module.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Section {
    /// Its name.
    pub name: String,
    /// A line about it.
    pub doc: String,
    /// Its methods or members.
    pub entries: Vec<Entry>,
}

/// A function, a method, or a constant of a module.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// How it is written: `pad(width, fill = " ")`.
    pub written: String,
    /// A line about it.
    pub doc: String,
    /// It is a method that changes its receiver.
    pub changes: bool,
}

/// What the modules of a VM say, by name.
pub(super) type Docs = BTreeMap<Box<str>, ModuleDocs>;

/// What a module says.
pub(super) struct ModuleDocs(Module);

impl ModuleDocs {
    /// Before the module is taken apart.
    pub(super) fn new(module: &ModuleBuilder) -> Self {
        let entries = module.members.iter().map(|member| {
            let written = match &member.value {
                Ok(MemberValue::Native(native)) => format!("{native:?}"),
                Ok(MemberValue::Row(row)) => {
                    let signature = Signature::parse(row.signature).map(|(_, s)| s.to_string());
                    format!("{}{}", row.name, signature.unwrap_or_default())
                }
                Ok(MemberValue::Value(_) | MemberValue::OfArgs(_)) | Err(_) => {
                    member.name.clone().into_owned()
                }
            };
            Entry {
                name: member.name.clone().into_owned(),
                written,
                doc: member.doc.clone().into_owned(),
                changes: false,
            }
        });
        let section = Section {
            name: module.name.clone().into_owned(),
            doc: module.doc.clone().into_owned(),
            entries: entries.collect(),
        };
        Self(Module { section, handles: module.handles.iter().map(handle).collect() })
    }

    /// Adds a function of the module's script, if it says what it does; the others are its helpers.
    pub(super) fn add(&mut self, name: &str, function: &Owned) -> bool {
        let entry = of_function(name, function).filter(|entry| !entry.doc.is_empty());
        let is_member = entry.is_some();
        self.0.section.entries.extend(entry);
        is_member
    }
}

fn handle(docs: &HandleDocs) -> Section {
    let entries = docs.methods.iter().map(|(written, doc)| Entry {
        name: written.split('(').next().unwrap_or_default().to_owned(),
        written: written.clone(),
        doc: doc.clone(),
        changes: false,
    });
    Section { name: docs.name.to_owned(), doc: docs.doc.to_owned(), entries: entries.collect() }
}

/// What a function of a script says.
pub(super) fn of_function(name: &str, function: &Owned) -> Option<Entry> {
    let proto = proto_of_function(function)?;
    let doc = proto.doc.as_deref().unwrap_or_default().to_owned();
    Some(Entry {
        name: name.to_owned(),
        written: written(name, &proto.params),
        doc,
        changes: false,
    })
}

/// What a struct or enum of a script says, with its functions. The doc's first line is how a value
/// of it is made.
pub(super) fn of_type(value: &Owned) -> Option<Section> {
    let info = value.as_type()?;
    let mut entries = Vec::new();
    for variant in info.variants() {
        let name = variant.info.full_name();
        let constructor = variant.info.constructor().and_then(|made| of_function(name, &made));
        entries.push(constructor.unwrap_or_else(|| Entry {
            name: name.to_owned(),
            written: name.to_owned(),
            doc: String::new(),
            changes: false,
        }));
    }
    let mut functions: Vec<_> = info
        .methods()
        .filter_map(|method| {
            let function = method.value();
            let params = &proto_of_function(&function)?.params;
            let mut entry = of_function(&method.name, &function)?;
            entry.written = if method.takes_self {
                written(&method.name, params.get(1..)?)
            } else {
                written(&format!("{}.{}", info.name(), method.name), params)
            };
            entry.changes = method.self_mutable;
            Some(entry)
        })
        .collect();
    functions.sort();
    entries.extend(functions);
    let made = info.constructor();
    let made = made.as_ref().and_then(|made| of_function(info.full_name(), made));
    let written = made.map_or_else(|| info.full_name().to_owned(), |entry| entry.written);
    let doc = format!("{written}\n{}", info.doc());
    Some(Section { name: info.full_name().to_owned(), doc, entries })
}

/// How a function is written that has these parameters.
pub(super) fn written(name: &str, params: &[Param]) -> String {
    let params = params.iter().map(|param| match param {
        Param { rest: true, name, .. } => format!("...{name}"),
        Param { optional: true, name, .. } => format!("{name} = ..."),
        Param { name, .. } => name.to_string(),
    });
    format!("{name}({})", params.collect::<Vec<_>>().join(", "))
}

fn of_native(native: &NativeDef) -> Entry {
    Entry {
        name: native.name.clone().into_owned(),
        written: format!("{native:?}"),
        doc: native.doc.clone().into_owned(),
        changes: native.mutating,
    }
}

/// All that is built into a VM whose modules say this.
pub(super) fn library(vm: &VmShared, docs: &Docs) -> Library {
    let of_builtin = |name: &str, value: &Shared| match value.as_owned().view() {
        View::Native(native) => native.downcast::<NativeDef>().map(of_native),
        _ => of_function(name, value.as_owned()),
    };
    let builtins = vm.builtins.lock();
    let functions = builtins.iter().filter_map(|(name, value)| of_builtin(name, value));
    let mut functions: Vec<_> = functions.collect();
    drop(builtins);
    functions.sort();
    let types = TYPES.iter().map(|of_type| {
        let methods = of_type.tags.first().into_iter().flat_map(|&tag| {
            vm.methods.symbols(tag).into_iter().filter_map(move |symbol| {
                match vm.methods.find(tag, symbol)? {
                    Method::Native(native) => Some(of_native(native)),
                    Method::Script(function) => {
                        let mut entry = of_function(&vm.symbols.name(symbol), function.as_owned())?;
                        // The receiver stands before the dot.
                        let proto = proto_of_function(function.as_owned())?;
                        entry.written = written(&entry.name, proto.params.get(1..)?);
                        Some(entry)
                    }
                }
            })
        });
        let mut entries: Vec<_> = methods.collect();
        entries.sort();
        Section { name: of_type.name.to_owned(), doc: of_type.doc.to_owned(), entries }
    });
    Library {
        functions,
        types: types.collect(),
        modules: docs.values().map(|docs| docs.0.clone()).collect(),
    }
}
