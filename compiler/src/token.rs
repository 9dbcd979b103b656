//! The tokens of the language, and which of them can end a statement.
//!
//! A token carries no text: the grammar's actions read names and literals from the source by their
//! spans, so a token with its span is 12 bytes. `logos` finds the tokens that have a pattern below;
//! the ones without are made by the lexer (pieces of strings) and by the layout pass (ends of
//! statements).
//!
//! Adding a keyword or an operator is one row here and one in the grammar.

use logos::Logos;

/// A token and where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lexeme {
    /// Offset of the first byte.
    pub(crate) start: u32,
    /// What it is.
    pub(crate) token: Token,
    /// Offset just past the last byte.
    pub(crate) end: u32,
}

/// What a piece of text is.
#[derive(Logos, Clone, Copy, PartialEq, Eq, Debug)]
#[logos(skip r"[ \t\r]+")]
pub(crate) enum Token {
    // ---- names and literals
    /// A name that starts with a lower-case letter, or an underscore.
    #[regex(r"[_\p{XID_Start}][\p{XID_Continue}]*")]
    Name,
    /// A name that starts with an upper-case letter.
    TypeName,
    /// Anything that starts like a number; whether it is one is judged when its value is taken.
    #[regex(r"[0-9][0-9_]*(\.[0-9][0-9_]*)?([eE][+-]?[0-9][0-9_]*)?[\p{XID_Continue}]*")]
    Number,
    /// A whole string of any kind, without interpolation.
    Str,
    /// The opening quotes of a string with interpolation.
    StrStart,
    /// Text between two interpolations.
    Text,
    /// The `{` of an interpolation.
    InterpStart,
    /// `:format`, with the colon.
    Format,
    /// The `}` of an interpolation.
    InterpEnd,
    /// The closing quotes of a string with interpolation.
    StrEnd,

    // ---- keywords
    #[token("and")]
    And,
    #[token("as")]
    As,
    #[token("break")]
    Break,
    #[token("by")]
    By,
    #[token("catch")]
    Catch,
    #[token("continue")]
    Continue,
    #[token("defer")]
    Defer,
    #[token("else")]
    Else,
    #[token("enum")]
    Enum,
    #[token("false")]
    False,
    #[token("fn")]
    Fn,
    #[token("for")]
    For,
    #[token("if")]
    If,
    #[token("import")]
    Import,
    #[token("in")]
    In,
    #[token("is")]
    Is,
    #[token("let")]
    Let,
    #[token("loop")]
    Loop,
    #[token("match")]
    Match,
    #[token("mut")]
    Mut,
    #[token("nil")]
    Nil,
    #[token("not")]
    Not,
    #[token("or")]
    Or,
    #[token("return")]
    Return,
    #[token("scope")]
    Scope,
    #[token("select")]
    Select,
    #[token("self")]
    SelfRef,
    #[token("spawn")]
    Spawn,
    #[token("struct")]
    Struct,
    #[token("throw")]
    Throw,
    #[token("true")]
    True,
    #[token("try")]
    Try,
    #[token("var")]
    Var,
    #[token("while")]
    While,
    /// `after` at the start of an arm of a `select`; a name everywhere else.
    After,
    /// An `else` that is followed by `=>`.
    ElseArm,

    // ---- brackets and separators
    #[token("(")]
    LParen,
    #[token(")")]
    RParen,
    #[token("[")]
    LBracket,
    #[token("]")]
    RBracket,
    #[token("{")]
    LBrace,
    #[token("}")]
    RBrace,
    #[token(",")]
    Comma,
    #[token(":")]
    Colon,
    #[token(".")]
    Dot,
    #[token("?.")]
    QuestionDot,
    #[token("...")]
    Ellipsis,
    #[token("=>")]
    FatArrow,
    /// The end of a statement.
    Terminator,

    // ---- operators
    #[token("..")]
    Range,
    #[token("..=")]
    RangeInclusive,
    #[token("??")]
    Coalesce,
    #[token("==")]
    EqEq,
    #[token("!=")]
    NotEq,
    #[token("<")]
    Less,
    #[token("<=")]
    LessEq,
    #[token(">")]
    Greater,
    #[token(">=")]
    GreaterEq,
    #[token("|")]
    Pipe,
    #[token("^")]
    Caret,
    #[token("&")]
    Amp,
    #[token("<<")]
    Shl,
    #[token(">>")]
    Shr,
    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token("/")]
    Slash,
    #[token("//")]
    SlashSlash,
    #[token("%")]
    Percent,
    #[token("**")]
    StarStar,
    #[token("~")]
    Tilde,

    // ---- assignments
    #[token("=")]
    Assign,
    #[token("+=")]
    AddAssign,
    #[token("-=")]
    SubAssign,
    #[token("*=")]
    MulAssign,
    #[token("/=")]
    DivAssign,
    #[token("//=")]
    FloorDivAssign,
    #[token("%=")]
    ModAssign,
    #[token("**=")]
    PowAssign,
    #[token("&=")]
    AndAssign,
    #[token("|=")]
    OrAssign,
    #[token("^=")]
    XorAssign,
    #[token("<<=")]
    ShlAssign,
    #[token(">>=")]
    ShrAssign,
    #[token("??=")]
    CoalesceAssign,

    /// What could not be read; an error was reported. The grammar takes it for an expression.
    Error,

    // ---- seen by the lexer and the layout pass only
    #[token("\n")]
    Newline,
    #[token(";")]
    Semicolon,
    #[regex(r"#[^\n]*", allow_greedy = true)]
    Comment,
    #[token("\"")]
    Quote,
    #[token("\"\"\"")]
    TripleQuote,
    #[token("'")]
    SingleQuote,
    #[token("r\"")]
    RawQuote,

    // ---- what users of other languages write; each gets its own hint
    #[token("&&")]
    AmpAmp,
    #[token("!")]
    Bang,
    #[token("++")]
    PlusPlus,
    #[token("===")]
    TripleEq,
    #[token("!==")]
    NotDoubleEq,
    #[token("<>")]
    LessGreater,
    #[token("->")]
    ThinArrow,
    #[token("?")]
    Question,
}

impl Token {
    /// A word of the language, which is a plain name in a few places only.
    pub(crate) fn is_keyword(self) -> bool {
        (Self::And as u8..=Self::While as u8).contains(&(self as u8))
            && !matches!(self, Self::As | Self::By)
    }

    /// A newline after this token may end a statement.
    pub(crate) fn ends_statement(self) -> bool {
        matches!(
            self,
            Self::Name
                | Self::TypeName
                | Self::Number
                | Self::Str
                | Self::StrEnd
                | Self::By
                | Self::As
                | Self::Break
                | Self::Continue
                | Self::Return
                | Self::False
                | Self::True
                | Self::Nil
                | Self::SelfRef
                | Self::RParen
                | Self::RBracket
                | Self::RBrace
                | Self::Error
        )
    }

    /// A line that starts with this token continues the statement of the line above.
    pub(crate) fn continues_line(self) -> bool {
        matches!(
            self,
            Self::Dot
                | Self::QuestionDot
                | Self::Coalesce
                | Self::Catch
                | Self::And
                | Self::Or
                | Self::Else
        )
    }

    /// A statement that is no expression starts with this keyword, so an open `(` or `[` before it
    /// was never closed.
    pub(crate) fn starts_declaration(self) -> bool {
        matches!(
            self,
            Self::Let
                | Self::Var
                | Self::Fn
                | Self::Struct
                | Self::Enum
                | Self::Import
                | Self::Defer
        )
    }

    /// Opens a bracket.
    pub(crate) fn opens(self) -> bool {
        matches!(self, Self::LParen | Self::LBracket | Self::LBrace | Self::InterpStart)
    }

    /// Closes a bracket.
    pub(crate) fn closes(self) -> bool {
        matches!(self, Self::RParen | Self::RBracket | Self::RBrace | Self::InterpEnd)
    }
}
