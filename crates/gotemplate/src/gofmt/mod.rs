//! Go's `fmt` for template values: what `print`, `printf` and `println` give, and how any value prints.
//!
//! Invariants: no format and no value makes it panic; the output stops growing at the printer's limit; values nested deeper than
//! [`MAX_DEPTH`] stop it as well.

mod float;
mod integer;
mod printf;
mod quote;
#[cfg(test)]
mod tests;
mod text;
mod verb;

#[cfg(feature = "sprig")]
pub(crate) use float::format_float;
#[cfg(feature = "sprig")]
pub(crate) use quote::append_escaped;

use crate::value::{Kind, Value};

/// Values nested deeper than this are not printed.
pub const MAX_DEPTH: usize = 256;

/// Go's `fmt.Sprint`: the default format of each value, with a space between two that are both no strings.
///
/// ```
/// use gotemplate::gofmt;
/// assert_eq!(gofmt::sprint(&[1.into(), 2.into(), "a".into()]), b"1 2a");
/// ```
pub fn sprint(args: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    Printer::new(&mut out, usize::MAX).print(args.iter());
    out
}

/// Go's `fmt.Sprintf`.
///
/// ```
/// use gotemplate::gofmt;
/// assert_eq!(gofmt::sprintf(b"%05.1f|%-3d|%q", &[2.25.into(), 7.into(), "a".into()]), b"002.2|7  |\"a\"");
/// ```
pub fn sprintf(format: &[u8], args: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    let refs: Vec<&Value> = args.iter().collect();
    Printer::new(&mut out, usize::MAX).printf(format, &refs);
    out
}

/// Go's `strconv.Quote`.
///
/// ```
/// assert_eq!(gotemplate::gofmt::quote(b"a\n\xff"), r#""a\n\xff""#);
/// ```
pub fn quote(s: &[u8]) -> String {
    let mut out = Vec::new();
    quote::append_quoted(&mut out, s, b'"', false);
    String::from_utf8_lossy(&out).into_owned()
}

/// A format's flags, width and precision.
#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are flags, and Go's")]
struct Flags {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%+v`, which is another thing than a plus sign.
    plus_v: bool,
    /// `%#v`
    sharp_v: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Writes values in Go's formats to a buffer.
pub(crate) struct Printer<'b> {
    out: &'b mut Vec<u8>,
    /// How long `out` may become.
    limit: usize,
    flags: Flags,
    /// Set once output was withheld.
    overflow: bool,
    /// Set once a value was too deep.
    too_deep: bool,
    /// Inside of a complaint about a verb, where `%w` is not complained about again.
    erroring: bool,
}

/// Why a printer stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    TooLong,
    TooDeep,
}

impl<'b> Printer<'b> {
    pub(crate) fn new(out: &'b mut Vec<u8>, limit: usize) -> Self {
        Self { out, limit, flags: Flags::default(), overflow: false, too_deep: false, erroring: false }
    }

    pub(crate) fn print<'v>(&mut self, args: impl Iterator<Item = &'v Value>) {
        let mut previous_string = true;
        for (i, arg) in args.enumerate() {
            let string = arg.kind() == Kind::String;
            if i > 0 && !string && !previous_string {
                self.byte(b' ');
            }
            self.print_arg(arg, 'v');
            previous_string = string;
        }
    }

    pub(crate) fn println<'v>(&mut self, args: impl Iterator<Item = &'v Value>) {
        for (i, arg) in args.enumerate() {
            if i > 0 {
                self.byte(b' ');
            }
            self.print_arg(arg, 'v');
        }
        self.byte(b'\n');
    }

    /// Whether everything was printed.
    pub(crate) fn finish(self) -> Result<(), Stop> {
        match (self.too_deep, self.overflow) {
            (true, _) => Err(Stop::TooDeep),
            (_, true) => Err(Stop::TooLong),
            _ => Ok(()),
        }
    }

    fn stopped(&self) -> bool {
        self.overflow || self.too_deep
    }

    fn write(&mut self, s: &[u8]) {
        if s.len() > self.limit.saturating_sub(self.out.len()) {
            self.overflow = true;
        } else if !self.stopped() {
            self.out.extend_from_slice(s);
        }
    }

    fn byte(&mut self, b: u8) {
        self.write(&[b]);
    }

    fn rune(&mut self, c: char) {
        self.write(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}
