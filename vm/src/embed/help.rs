//! What modules and natives say of themselves.

use std::collections::BTreeMap;

use super::host::Host;
use crate::{
    module::{MemberValue, ModuleBuilder},
    native::{NativeDef, Signature},
    value::View,
};

/// What the modules of a VM say, by name.
pub(super) type Docs = BTreeMap<Box<str>, ModuleDocs>;

/// What a module says.
pub(super) struct ModuleDocs {
    doc: String,
    /// Members in their order: name, how it is written, a line about it.
    members: Vec<(String, String, String)>,
}

impl ModuleDocs {
    /// Before the module is taken apart.
    pub(super) fn new(module: &ModuleBuilder) -> Self {
        let members = module.members.iter().map(|member| {
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
            (member.name.clone().into_owned(), written, member.doc.clone().into_owned())
        });
        Self { doc: module.doc.clone().into_owned(), members: members.collect() }
    }
}

/// A text about a module, a member of one, or a name that is built in everywhere.
pub(super) fn about(host: &Host, name: &str) -> Option<String> {
    let docs = host.docs()?;
    if let Some(module) = docs.get(name) {
        let mut text = format!("{name}: {}\n", module.doc);
        for (_, written, doc) in &module.members {
            text.push_str(&format!("  {name}.{written}\n      {doc}\n"));
        }
        return Some(text);
    }
    if let Some((module, member)) = name.split_once('.') {
        let (_, written, doc) = docs.get(module)?.members.iter().find(|(m, ..)| m == member)?;
        return Some(format!("{module}.{written}\n    {doc}\n"));
    }
    let value = host.shared().builtin(name)?;
    let View::Native(native) = value.view() else { return None };
    let native = native.downcast::<NativeDef>()?;
    Some(format!("{native:?}\n    {}\n", native.doc))
}
