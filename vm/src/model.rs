//! How user threads are mapped to kernel threads: one switch, same programs.
//!
//! The scheduler knows processors and bound threads, and of this nothing: the model says how many
//! processors a VM asks for and which threads it binds.

use std::fmt;
use std::str::FromStr;

/// How user threads are mapped to kernel threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Model {
    /// Many to many: user threads take turns on the LWPs that run scripts, of which there are as many
    /// as CPUs.
    #[default]
    MToN,
    /// Many to one, as in the library of SunOS 4: one LWP runs scripts. While it is stuck in the kernel
    /// another one does.
    NToOne,
    /// One to one, as in Linux or Solaris 9: each user thread has an LWP of its own. How many of them
    /// run scripts at once is limited all the same.
    OneToOne,
}

impl Model {
    /// All models, the default first.
    pub const ALL: [Self; 3] = [Self::MToN, Self::NToOne, Self::OneToOne];

    /// Its name: `m:n`, `n:1` or `1:1`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MToN => "m:n",
            Self::NToOne => "n:1",
            Self::OneToOne => "1:1",
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Model {
    type Err = UnknownModel;

    fn from_str(name: &str) -> Result<Self, UnknownModel> {
        Self::ALL.into_iter().find(|model| model.name() == name).ok_or(UnknownModel)
    }
}

/// A name that is no model's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownModel;

impl fmt::Display for UnknownModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the models are m:n, n:1 and 1:1")
    }
}

impl std::error::Error for UnknownModel {}
