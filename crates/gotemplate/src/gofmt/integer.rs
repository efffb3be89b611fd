//! Integers in every base, as characters and as code points.

use super::{Printer, quote};
use crate::runes;

const LOWER: &[u8; 17] = b"0123456789abcdefx";
const UPPER: &[u8; 17] = b"0123456789ABCDEFX";

/// The integer's magnitude and sign.
#[derive(Clone, Copy)]
pub(super) struct Integer {
    pub(super) bits: u64,
    pub(super) signed: bool,
}

impl Printer<'_> {
    /// Formats an integer; false if the verb is none for integers.
    pub(super) fn fmt_integer(&mut self, n: Integer, verb: char) -> bool {
        match verb {
            'v' if self.flags.sharp_v && !n.signed => self.fmt_0x(n.bits, true),
            'v' | 'd' => self.fmt_base(n, 10, verb, LOWER),
            'b' => self.fmt_base(n, 2, verb, LOWER),
            'o' | 'O' => self.fmt_base(n, 8, verb, LOWER),
            'x' => self.fmt_base(n, 16, verb, LOWER),
            'X' => self.fmt_base(n, 16, verb, UPPER),
            'c' => {
                let mut text = Vec::with_capacity(4);
                runes::encode(rune_of(n.bits), &mut text);
                self.pad(&text);
            }
            'q' => {
                let mut text = Vec::with_capacity(12);
                quote::append_quoted_rune(&mut text, rune_of(n.bits), self.flags.plus);
                self.pad(&text);
            }
            'U' => self.fmt_unicode(n.bits),
            _ => return false,
        }
        true
    }

    /// Formats in hexadecimal, with `0x` or without whatever the flags say.
    pub(super) fn fmt_0x(&mut self, bits: u64, leading: bool) {
        let sharp = std::mem::replace(&mut self.flags.sharp, leading);
        self.fmt_base(Integer { bits, signed: false }, 16, 'v', LOWER);
        self.flags.sharp = sharp;
    }

    fn fmt_base(&mut self, n: Integer, base: u64, verb: char, digits: &[u8; 17]) {
        let negative = n.signed && n.bits.cast_signed() < 0;
        let mut rest = if negative { n.bits.wrapping_neg() } else { n.bits };
        let flags = self.flags;
        let mut precision = 0;
        if let Some(asked) = flags.precision {
            precision = asked;
            if asked == 0 && rest == 0 {
                let zero = std::mem::take(&mut self.flags.zero);
                self.padding(flags.width.unwrap_or(0));
                self.flags.zero = zero;
                return;
            }
        } else if flags.zero && !flags.minus {
            // Zeros fill up to the width like digits, so that they come after the sign.
            precision = flags.width.unwrap_or(0);
            if negative || flags.plus || flags.space {
                precision = precision.saturating_sub(1);
            }
        }
        if precision > self.limit.saturating_sub(self.out.len()) {
            self.overflow = true;
            return;
        }
        // Written backwards and turned around at the end: digits come from the right.
        let mut text = Vec::with_capacity(precision.max(20) + 3);
        loop {
            text.push(digits[usize::try_from(rest % base).unwrap_or(0)]);
            rest /= base;
            if rest == 0 {
                break;
            }
        }
        if text.len() < precision {
            text.resize(precision, b'0');
        }
        if flags.sharp {
            match base {
                2 => text.extend_from_slice(b"b0"),
                8 if text.last() != Some(&b'0') => text.push(b'0'),
                16 => text.extend_from_slice(&[digits[16], b'0']),
                _ => {}
            }
        }
        if verb == 'O' {
            text.extend_from_slice(b"o0");
        }
        if negative {
            text.push(b'-');
        } else if flags.plus {
            text.push(b'+');
        } else if flags.space {
            text.push(b' ');
        }
        text.reverse();
        self.pad_spaces(&text);
    }

    /// `U+0078`, and with the sharp flag `U+0078 'x'`.
    fn fmt_unicode(&mut self, bits: u64) {
        let digits = self.flags.precision.unwrap_or(0).max(4);
        if digits > self.limit.saturating_sub(self.out.len()) {
            self.overflow = true;
            return;
        }
        let hex = format!("{bits:X}");
        let mut text = b"U+".to_vec();
        text.resize(2 + digits.saturating_sub(hex.len()), b'0');
        text.extend_from_slice(hex.as_bytes());
        if let Ok(rune) = u32::try_from(bits)
            && self.flags.sharp
            && rune <= runes::MAX
            && runes::is_print(rune)
        {
            text.extend_from_slice(b" '");
            runes::encode(rune, &mut text);
            text.push(b'\'');
        }
        self.pad_spaces(&text);
    }
}

fn rune_of(bits: u64) -> u32 {
    u32::try_from(bits).ok().filter(|r| *r <= runes::MAX).unwrap_or(runes::ERROR)
}
