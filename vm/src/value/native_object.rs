//! Functions of the host as values.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::{Owned, tag};
use crate::rc::Body;

/// What a native function value refers to: the layer above knows what is in it.
pub(crate) trait NativeCode: Any + Send + Sync {
    /// The function's name.
    fn name(&self) -> &str;
}

/// The body of a native function.
#[derive(Clone)]
pub(crate) struct NativeObject {
    code: Arc<dyn NativeCode>,
}

#[expect(unsafe_code, reason = "says which tag belongs to this type")]
// SAFETY: native functions have a tag of their own.
unsafe impl Body for NativeObject {
    const TAG: u64 = tag::NATIVE;

    fn buffer_bytes(&self) -> usize {
        0
    }

    fn children(&self, _: &mut dyn FnMut(&Owned)) {}
}

impl NativeObject {
    /// A function value of this code.
    pub(crate) fn new(code: Arc<dyn NativeCode>) -> Self {
        Self { code }
    }

    /// The code.
    pub(crate) fn code(&self) -> &Arc<dyn NativeCode> {
        &self.code
    }

    /// The code as the type it was made of.
    #[inline]
    pub(crate) fn downcast<T: NativeCode>(&self) -> Option<&T> {
        let code: &dyn Any = &*self.code;
        code.downcast_ref()
    }

    /// The name of the function.
    pub(crate) fn name(&self) -> &str {
        self.code.name()
    }
}

impl fmt::Debug for NativeObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<fn {}>", self.name())
    }
}
