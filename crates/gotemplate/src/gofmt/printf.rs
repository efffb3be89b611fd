//! Format strings: flags, width, precision, `*`, argument indexes, and what is printed for a format that does not fit its arguments.

use super::{Flags, Printer};
use crate::runes;
use crate::value::Value;

/// Widths and precisions beyond this are refused, as in Go.
const TOO_LARGE: i64 = 1_000_000;

/// Where in the format and among the arguments the printer is.
struct Cursor<'f> {
    format: &'f [u8],
    at: usize,
    arg: usize,
    args: usize,
    /// The last thing read was an index such as `[3]`.
    after_index: bool,
    /// Some index was used, so that unused arguments are nothing to complain about.
    reordered: bool,
    /// Whether the index of this verb is usable.
    good_index: bool,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    /// A decimal number, if there is one here. One that is too large ends the format, as in Go.
    fn number(&mut self) -> Option<usize> {
        let mut number = None;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            let so_far = number.unwrap_or(0);
            if so_far > TOO_LARGE {
                self.at = self.format.len();
                return None;
            }
            number = Some(so_far * 10 + i64::from(digit - b'0'));
            self.at += 1;
        }
        number.and_then(|n| usize::try_from(n).ok())
    }

    /// An index such as `[3]`, if there is one here.
    fn index(&mut self) {
        self.after_index = false;
        if self.peek() != Some(b'[') {
            return;
        }
        self.reordered = true;
        let (index, width) = parse_index(&self.format[self.at..]);
        self.at += width;
        self.after_index = index.is_some();
        match index {
            Some(i @ 1..) if i <= self.args => self.arg = i - 1,
            _ => self.good_index = false,
        }
    }

    /// The width or precision that a `*` takes from the arguments.
    fn star(&mut self, args: &[&Value]) -> Option<i64> {
        self.at += 1;
        self.after_index = false;
        let arg = args.get(self.arg)?;
        self.arg += 1;
        arg.as_i64().filter(|n| (-TOO_LARGE..=TOO_LARGE).contains(n))
    }
}

/// The number in `[n]` and how many bytes to skip: all of it if it closes, else the bracket alone.
fn parse_index(format: &[u8]) -> (Option<usize>, usize) {
    let Some(close) = format.iter().position(|b| *b == b']').filter(|_| format.len() >= 3) else { return (None, 1) };
    let digits = &format[1..close];
    let number = (!digits.is_empty() && digits.len() <= 7 && digits.iter().all(u8::is_ascii_digit))
        .then(|| digits.iter().fold(0, |n, d| n * 10 + usize::from(d - b'0')));
    (number, close + 1)
}

impl Printer<'_> {
    /// Go's `Fprintf`.
    pub(crate) fn printf(&mut self, format: &[u8], args: &[&Value]) {
        let mut c =
            Cursor { format, at: 0, arg: 0, args: args.len(), after_index: false, reordered: false, good_index: true };
        while c.at < format.len() && !self.stopped() {
            let text = &format[c.at..];
            let percent = text.iter().position(|b| *b == b'%').unwrap_or(text.len());
            self.write(&text[..percent]);
            c.at += percent;
            if c.at < format.len() {
                c.at += 1;
                self.directive(&mut c, args);
            }
        }
        if !c.reordered && c.arg < args.len() {
            self.extra(&args[c.arg..]);
        }
    }

    /// What follows a percent sign.
    fn directive(&mut self, c: &mut Cursor<'_>, args: &[&Value]) {
        c.good_index = true;
        self.flags = Flags::default();
        self.read_flags(c);
        c.index();
        self.read_width(c, args);
        self.read_precision(c, args);
        if !c.after_index {
            c.index();
        }
        if c.at >= c.format.len() {
            return self.write(b"%!(NOVERB)");
        }
        let (rune, size) = runes::decode(&c.format[c.at..]);
        let verb = char::from_u32(rune).unwrap_or(char::REPLACEMENT_CHARACTER);
        c.at += size;
        if verb == '%' {
            self.byte(b'%');
        } else if !c.good_index {
            self.complain(verb, b"(BADINDEX)");
        } else if let Some(arg) = args.get(c.arg) {
            if matches!(verb, 'v' | 'w') {
                self.flags.sharp_v = std::mem::take(&mut self.flags.sharp);
                self.flags.plus_v = std::mem::take(&mut self.flags.plus);
            }
            self.print_arg(arg, verb);
            c.arg += 1;
        } else {
            self.complain(verb, b"(MISSING)");
        }
    }

    fn read_flags(&mut self, c: &mut Cursor<'_>) {
        while let Some(flag) = c.peek() {
            match flag {
                b'#' => self.flags.sharp = true,
                b'0' => self.flags.zero = true,
                b'+' => self.flags.plus = true,
                b'-' => self.flags.minus = true,
                b' ' => self.flags.space = true,
                _ => return,
            }
            c.at += 1;
        }
    }

    fn read_width(&mut self, c: &mut Cursor<'_>, args: &[&Value]) {
        if c.peek() == Some(b'*') {
            let width = c.star(args);
            if width.is_none() {
                self.write(b"%!(BADWIDTH)");
            }
            if width.is_some_and(|w| w < 0) {
                self.flags.minus = true;
                self.flags.zero = false;
            }
            self.flags.width = width.and_then(|w| usize::try_from(w.unsigned_abs()).ok());
        } else {
            self.flags.width = c.number();
            if c.after_index && self.flags.width.is_some() {
                c.good_index = false;
            }
        }
    }

    fn read_precision(&mut self, c: &mut Cursor<'_>, args: &[&Value]) {
        if c.peek() != Some(b'.') || c.at + 1 >= c.format.len() {
            return;
        }
        c.at += 1;
        if c.after_index {
            c.good_index = false;
        }
        c.index();
        if c.peek() == Some(b'*') {
            self.flags.precision = c.star(args).and_then(|p| usize::try_from(p).ok());
            if self.flags.precision.is_none() {
                self.write(b"%!(BADPREC)");
            }
        } else {
            self.flags.precision = Some(c.number().unwrap_or(0));
        }
    }

    fn complain(&mut self, verb: char, about: &[u8]) {
        self.write(b"%!");
        self.rune(verb);
        self.write(about);
    }

    /// `%!(EXTRA int=1, string=a)`
    fn extra(&mut self, args: &[&Value]) {
        self.flags = Flags::default();
        self.write(b"%!(EXTRA ");
        for (i, arg) in args.iter().enumerate() {
            if i > 0 {
                self.write(b", ");
            }
            if **arg == Value::Nil {
                self.write(b"<nil>");
            } else {
                self.write(arg.type_name().as_bytes());
                self.byte(b'=');
                self.print_arg(arg, 'v');
            }
        }
        self.byte(b')');
    }
}
