//! Types for tests, and a caller of their operators.

#![expect(unsafe_code, reason = "types are referred to by address, and hold immortal values")]

use std::sync::Arc;

use super::str;
use crate::rc::{self, Immortals};
use crate::value::{
    Behaviour, Comparison, Less, NativeCode, Operator, Owned, Raw, TypeInfo, TypeRef, Variant,
    Verdict,
};

/// The types of a test: made first, so that they go last.
#[derive(Default)]
pub(crate) struct Types {
    #[expect(clippy::vec_box, reason = "types are referred to by address")]
    infos: Vec<Box<TypeInfo>>,
    immortals: Immortals,
}

struct Named(&'static str);

impl NativeCode for Named {
    fn name(&self) -> &str {
        self.0
    }
}

impl Types {
    fn immortal(&mut self, value: Owned) -> Raw {
        // SAFETY: the registry goes with the types, after the values of the test.
        unsafe { rc::make_immortal(value.as_raw(), &mut self.immortals) };
        value.into_raw()
    }

    fn add(&mut self, info: TypeInfo) -> TypeRef {
        self.infos.push(Box::new(info));
        // SAFETY: boxed, and kept until the end of the test.
        let info = unsafe { TypeRef::new(&self.infos[self.infos.len() - 1]) };
        let value = self.immortal(Owned::type_value(info));
        info.set_value(value);
        info
    }

    fn names(&mut self, names: &[&str]) -> Box<[Raw]> {
        names.iter().map(|name| self.immortal(str(name))).collect()
    }

    fn behaviour(&mut self, operators: &[Operator]) -> Behaviour {
        let mut behaviour = Behaviour::default();
        for &operator in operators {
            let function = self.immortal(Owned::native(Arc::new(Named(operator.name()))));
            behaviour.operators[operator as usize] = Some(function);
        }
        behaviour
    }

    /// A struct with these fields and operators.
    pub(crate) fn record(
        &mut self,
        name: &str,
        fields: &[&str],
        operators: &[Operator],
    ) -> TypeRef {
        let fields = self.names(fields);
        let info = self.add(TypeInfo::new_struct(name, fields));
        info.set_behaviour(self.behaviour(operators));
        info
    }

    /// An enum with these variants and operators.
    pub(crate) fn choice(
        &mut self,
        name: &str,
        variants: &[(&str, &[&str])],
        operators: &[Operator],
    ) -> TypeRef {
        let info = self.add(TypeInfo::new_enum(name));
        info.set_behaviour(self.behaviour(operators));
        let variants = variants.iter().map(|(name, fields)| {
            let names = self.names(fields);
            let variant = self.add(TypeInfo::new_variant(info, name, names));
            let unit = fields.is_empty().then(|| self.immortal(Owned::record(variant, Vec::new())));
            Variant { info: variant, unit }
        });
        info.set_variants(variants.collect());
        info
    }
}

/// What `==` is when the types' own operators answer so; and how often they were asked.
pub(crate) fn equal_by(
    a: &Owned,
    b: &Owned,
    answer: impl Fn(&Owned, &Owned) -> bool,
) -> (bool, usize) {
    let mut comparison = Comparison::new(a.clone(), b.clone());
    let mut asked = 0;
    loop {
        match comparison.next() {
            Verdict::Known(equal) => return (equal, asked),
            Verdict::Ask { left, right, .. } => {
                asked += 1;
                comparison.answer(answer(&left, &right));
            }
        }
    }
}

/// What `<` is when the types' own operators answer so, by their names.
pub(crate) fn less_by(
    a: &Owned,
    b: &Owned,
    answer: impl Fn(&str, &Owned, &Owned) -> bool,
) -> Result<bool, Owned> {
    let mut less = Less::new(a.clone(), b.clone());
    loop {
        match less.next()? {
            Verdict::Known(yes) => return Ok(yes),
            Verdict::Ask { function, left, right } => {
                let text = crate::value::display(&function);
                let name = if text.contains("==") { "==" } else { "<" };
                less.answer(answer(name, &left, &right));
            }
        }
    }
}
