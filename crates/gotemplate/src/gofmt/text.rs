//! Padding, and strings under `%s`, `%q` and `%x`.

use super::{Printer, quote};
use crate::runes;

impl Printer<'_> {
    /// Padding of `n` bytes: zeros only on the left.
    pub(super) fn padding(&mut self, n: usize) {
        if n > self.limit.saturating_sub(self.out.len()) {
            self.overflow = true;
        } else if !self.stopped() {
            let fill = if self.flags.zero && !self.flags.minus { b'0' } else { b' ' };
            self.out.resize(self.out.len() + n, fill);
        }
    }

    /// Writes text padded to the width, which counts characters.
    pub(super) fn pad(&mut self, s: &[u8]) {
        let Some(width) = self.flags.width.filter(|w| *w > 0) else { return self.write(s) };
        let missing = width.saturating_sub(runes::count(s));
        if self.flags.minus {
            self.write(s);
            self.padding(missing);
        } else {
            self.padding(missing);
            self.write(s);
        }
    }

    /// Like [`Self::pad`], with spaces even where zeros are asked for.
    pub(super) fn pad_spaces(&mut self, s: &[u8]) {
        let zero = std::mem::take(&mut self.flags.zero);
        self.pad(s);
        self.flags.zero = zero;
    }

    pub(super) fn fmt_s(&mut self, s: &[u8]) {
        self.pad(self.truncated(s));
    }

    pub(super) fn fmt_q(&mut self, s: &[u8]) {
        let s = self.truncated(s);
        let mut quoted = Vec::with_capacity(s.len() + 2);
        if self.flags.sharp && quote::can_backquote(s) {
            quoted.push(b'`');
            quoted.extend_from_slice(s);
            quoted.push(b'`');
        } else {
            quote::append_quoted(&mut quoted, s, b'"', self.flags.plus);
        }
        self.pad(&quoted);
    }

    /// The bytes in hexadecimal.
    pub(super) fn fmt_hex(&mut self, s: &[u8], upper: bool) {
        let s = &s[..s.len().min(self.flags.precision.unwrap_or(usize::MAX))];
        let digits: &[u8; 17] = if upper { b"0123456789ABCDEFX" } else { b"0123456789abcdefx" };
        if s.is_empty() {
            return self.padding(self.flags.width.unwrap_or(0));
        }
        let mut hex = Vec::with_capacity(2 * s.len());
        for (i, b) in s.iter().enumerate() {
            if self.flags.space && i > 0 {
                hex.push(b' ');
            }
            if self.flags.sharp && (self.flags.space || i == 0) {
                hex.extend_from_slice(&[b'0', digits[16]]);
            }
            hex.extend_from_slice(&[digits[usize::from(b >> 4)], digits[usize::from(b & 0xF)]]);
        }
        self.pad(&hex);
    }

    /// The text cut to as many characters as the precision says.
    fn truncated<'s>(&self, s: &'s [u8]) -> &'s [u8] {
        match self.flags.precision {
            Some(n) if n < s.len() => runes::iter(s).nth(n).map_or(s, |(at, ..)| &s[..at]),
            _ => s,
        }
    }
}
