//! Rust closures as functions of scripts, and tuples as arguments of calls.
//!
//! A closure's parameters are any types with [`FromValue`], and those that look at an argument
//! without copying it: `&str` and [`ValueRef`]. The traits here are implemented by closures of up
//! to eight parameters; nobody else implements them, or names them but in bounds.

use std::sync::Arc;

use crate::{
    convert::{FromValue, IntoValue, Local, ValueRef},
    error::Error,
    value::Owned,
    vm::VmShared,
};

/// The arguments of one call of a native.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    values: &'a [Owned],
    /// The names of the parameters, for messages.
    names: &'a [Box<str>],
    home: &'a Arc<VmShared>,
}

impl<'a> Args<'a> {
    pub(crate) fn new(values: &'a [Owned], names: &'a [Box<str>], home: &'a Arc<VmShared>) -> Self {
        Self { values, names, home }
    }

    /// Argument `i`, converted; an error names the parameter.
    pub fn get<T: FromArgument>(self, i: usize) -> Result<T::Item<'a>, Error> {
        T::from_argument(self.at(i))
            .map_err(|e| e.context(&format!("argument `{}`", self.names[i])))
    }

    /// Argument `i`.
    ///
    /// # Panics
    ///
    /// When the native has no such parameter.
    pub fn at(self, i: usize) -> ValueRef<'a> {
        ValueRef::new(&self.values[i], Some(self.home))
    }
}

/// A type that a parameter of a native may have: one with [`FromValue`], `&str`, [`ValueRef`].
pub trait FromArgument {
    /// The type, for as long as the call lasts.
    type Item<'a>;

    /// Converts, or says why not.
    fn from_argument(value: ValueRef<'_>) -> Result<Self::Item<'_>, Error>;
}

impl<T: FromValue> FromArgument for T {
    type Item<'a> = T;

    fn from_argument(value: ValueRef<'_>) -> Result<T, Error> {
        T::from_value(value)
    }
}

impl FromArgument for &str {
    type Item<'a> = &'a str;

    fn from_argument(value: ValueRef<'_>) -> Result<&str, Error> {
        value.as_str().ok_or_else(|| value.mismatch::<String>())
    }
}

impl FromArgument for ValueRef<'_> {
    type Item<'a> = ValueRef<'a>;

    fn from_argument(value: ValueRef<'_>) -> Result<ValueRef<'_>, Error> {
        Ok(value)
    }
}

/// What a blocking native does in the kernel; what it gives is finished back in the thread.
pub(crate) type Work = Box<dyn FnOnce() -> Answer + Send>;

/// Makes the value of a finished blocking native.
pub(crate) type Answer = Box<dyn FnOnce() -> Result<Local, Error> + Send>;

/// A closure that is a quick function of scripts.
pub trait HostFunction<Params>: Send + Sync + 'static {
    /// How many parameters it has.
    const COUNT: usize;

    /// Converts the arguments, calls it, and converts its result.
    fn invoke(&self, args: Args<'_>) -> Result<Local, Error>;
}

/// A closure that may block the kernel thread. Its parameters own what they hold.
pub trait BlockingFunction<Params>: Send + Sync + 'static {
    /// How many parameters it has.
    const COUNT: usize;

    /// Converts the arguments; gives what is to be done without the script's thread.
    fn prepare(self: &Arc<Self>, args: Args<'_>) -> Result<Work, Error>;
}

/// A closure that is a quick method of host objects.
pub trait HostMethod<T, Params>: Send + Sync + 'static {
    /// How many parameters it has besides the object.
    const COUNT: usize;

    /// As [`HostFunction::invoke`].
    fn invoke(&self, object: &T, args: Args<'_>) -> Result<Local, Error>;
}

/// A closure that is a method of host objects and may block the kernel thread.
pub trait BlockingMethod<T, Params>: Send + Sync + 'static {
    /// How many parameters it has besides the object.
    const COUNT: usize;

    /// As [`BlockingFunction::prepare`].
    fn prepare(self: &Arc<Self>, object: Arc<T>, args: Args<'_>) -> Result<Work, Error>;
}

/// A tuple of arguments for a call of a script function.
pub trait Arguments {
    /// Converts all of them.
    fn into_arguments(self) -> Result<Vec<Local>, Error>;
}

/// Any number of arguments.
impl<T: IntoValue> Arguments for Vec<T> {
    fn into_arguments(self) -> Result<Vec<Local>, Error> {
        self.into_iter().map(T::into_value).collect()
    }
}

macro_rules! closures {
    ($($count:literal ($($param:ident $arg:ident $index:tt),*);)*) => {$(
        impl<F, R, $($param),*> HostFunction<($($param,)*)> for F
        where
            F: Fn($($param),*) -> R + Send + Sync + 'static,
            F: for<'a> Fn($($param::Item<'a>),*) -> R,
            R: IntoValue,
            $($param: FromArgument,)*
        {
            const COUNT: usize = $count;

            fn invoke(&self, args: Args<'_>) -> Result<Local, Error> {
                fn apply<R, $($param: FromArgument),*>(
                    function: impl for<'a> Fn($($param::Item<'a>),*) -> R,
                    args: Args<'_>,
                ) -> Result<R, Error> {
                    let _ = args;
                    Ok(function($(args.get::<$param>($index)?),*))
                }
                apply::<R, $($param),*>(self, args)?.into_value()
            }
        }

        impl<F, R, $($param),*> BlockingFunction<($($param,)*)> for F
        where
            F: Fn($($param),*) -> R + Send + Sync + 'static,
            R: IntoValue + Send + 'static,
            $($param: FromValue + Send + 'static,)*
        {
            const COUNT: usize = $count;

            fn prepare(self: &Arc<Self>, args: Args<'_>) -> Result<Work, Error> {
                let _ = args;
                let this = self.clone();
                $(let $arg = args.get::<$param>($index)?;)*
                Ok(Box::new(move || {
                    let result = this($($arg),*);
                    Box::new(move || result.into_value())
                }))
            }
        }

        impl<T, F, R, $($param),*> HostMethod<T, ($($param,)*)> for F
        where
            F: Fn(&T, $($param),*) -> R + Send + Sync + 'static,
            F: for<'a> Fn(&T, $($param::Item<'a>),*) -> R,
            R: IntoValue,
            $($param: FromArgument,)*
        {
            const COUNT: usize = $count;

            fn invoke(&self, object: &T, args: Args<'_>) -> Result<Local, Error> {
                fn apply<T, R, $($param: FromArgument),*>(
                    method: impl for<'a> Fn(&T, $($param::Item<'a>),*) -> R,
                    object: &T,
                    args: Args<'_>,
                ) -> Result<R, Error> {
                    let _ = args;
                    Ok(method(object, $(args.get::<$param>($index)?),*))
                }
                apply::<T, R, $($param),*>(self, object, args)?.into_value()
            }
        }

        impl<T, F, R, $($param),*> BlockingMethod<T, ($($param,)*)> for F
        where
            T: Send + Sync + 'static,
            F: Fn(&T, $($param),*) -> R + Send + Sync + 'static,
            R: IntoValue + Send + 'static,
            $($param: FromValue + Send + 'static,)*
        {
            const COUNT: usize = $count;

            fn prepare(self: &Arc<Self>, object: Arc<T>, args: Args<'_>) -> Result<Work, Error> {
                let _ = args;
                let this = self.clone();
                $(let $arg = args.get::<$param>($index)?;)*
                Ok(Box::new(move || {
                    let result = this(&object, $($arg),*);
                    Box::new(move || result.into_value())
                }))
            }
        }

        impl<$($param: IntoValue),*> Arguments for ($($param,)*) {
            fn into_arguments(self) -> Result<Vec<Local>, Error> {
                Ok(vec![$(self.$index.into_value()?),*])
            }
        }
    )*};
}

closures! {
    0 ();
    1 (A a 0);
    2 (A a 0, B b 1);
    3 (A a 0, B b 1, C c 2);
    4 (A a 0, B b 1, C c 2, D d 3);
    5 (A a 0, B b 1, C c 2, D d 3, E e 4);
    6 (A a 0, B b 1, C c 2, D d 3, E e 4, G g 5);
    7 (A a 0, B b 1, C c 2, D d 3, E e 4, G g 5, H h 6);
    8 (A a 0, B b 1, C c 2, D d 3, E e 4, G g 5, H h 6, I i 7);
}
