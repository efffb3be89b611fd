//! One value under one verb: which values take which verbs, how lists, maps and structs print, and what a wrong verb looks like.

use super::{MAX_DEPTH, Printer};
use crate::gofmt::integer::Integer;
use crate::value::{List, Map, Number, Struct, Type, Value};

impl Printer<'_> {
    /// Prints an argument.
    pub(super) fn print_arg(&mut self, arg: &Value, verb: char) {
        match (arg, verb) {
            (Value::Nil, 'T' | 'v') => self.pad(b"<nil>"),
            (Value::Nil, _) => self.bad_verb(arg, verb, 0),
            (_, 'T') => self.fmt_s(arg.type_name().as_bytes()),
            (_, 'p') => self.fmt_pointer(arg, 'p', 0),
            _ => self.print_value(arg, verb, 0),
        }
    }

    /// Prints a value inside of `depth` others.
    fn print_value(&mut self, value: &Value, verb: char, depth: usize) {
        if depth > MAX_DEPTH {
            self.too_deep = true;
        }
        if self.stopped() {
            return;
        }
        let known = match value {
            Value::Nil => {
                // Nil in an interface prints as nil whatever the verb is.
                self.write(if self.flags.sharp_v { b"interface {}(nil)" } else { b"<nil>" });
                true
            }
            Value::Bool(b) => self.fmt_bool(*b, verb),
            Value::Int(i) => self.fmt_integer(Integer { bits: i.cast_unsigned(), signed: true }, verb),
            Value::Uint(u) => self.fmt_integer(Integer { bits: *u, signed: false }, verb),
            Value::Float(f) => self.fmt_float(*f, false, verb),
            Value::Number(n) => self.fmt_number(*n, verb),
            Value::String(s) => self.fmt_string(s, verb),
            Value::List(_) | Value::Map(_) | Value::Struct(_) if verb == 'w' && !self.erroring => false,
            Value::List(l) => return self.fmt_list(l, verb, depth),
            Value::Map(m) => return self.fmt_map(m, verb, depth),
            Value::Struct(s) => return self.fmt_struct(s, verb, depth),
            Value::Func(_) => return self.fmt_pointer(value, verb, depth),
        };
        if !known {
            self.bad_verb(value, verb, depth);
        }
    }

    /// `%!d(string=hi)`
    fn bad_verb(&mut self, value: &Value, verb: char, depth: usize) {
        let erroring = std::mem::replace(&mut self.erroring, true);
        self.write(b"%!");
        self.rune(verb);
        self.byte(b'(');
        if *value == Value::Nil {
            self.write(b"<nil>");
        } else {
            self.write(value.type_name().as_bytes());
            self.byte(b'=');
            self.print_value(value, 'v', depth);
        }
        self.byte(b')');
        self.erroring = erroring;
    }

    fn fmt_bool(&mut self, b: bool, verb: char) -> bool {
        if !matches!(verb, 't' | 'v') {
            return false;
        }
        self.pad(if b { b"true" } else { b"false" });
        true
    }

    fn fmt_number(&mut self, n: Number, verb: char) -> bool {
        match n {
            Number::Int8(_) | Number::Int16(_) | Number::Int32(_) | Number::Int64(_) => {
                self.fmt_integer(Integer { bits: n.bits(), signed: true }, verb)
            }
            Number::Uint8(_) | Number::Uint16(_) | Number::Uint32(_) | Number::Uint64(_) => {
                self.fmt_integer(Integer { bits: n.bits(), signed: false }, verb)
            }
            Number::Float32(f) => self.fmt_float(f.into(), true, verb),
            Number::Complex128(re, im) => self.fmt_complex(re, im, verb),
        }
    }

    fn fmt_complex(&mut self, re: f64, im: f64, verb: char) -> bool {
        if !matches!(verb, 'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E') {
            return false;
        }
        self.byte(b'(');
        self.fmt_float(re, false, verb);
        let plus = std::mem::replace(&mut self.flags.plus, true);
        self.fmt_float(im, false, verb);
        self.write(b"i)");
        self.flags.plus = plus;
        true
    }

    fn fmt_string(&mut self, s: &[u8], verb: char) -> bool {
        match verb {
            'v' if self.flags.sharp_v => self.fmt_q(s),
            'v' | 's' => self.fmt_s(s),
            'x' => self.fmt_hex(s, false),
            'X' => self.fmt_hex(s, true),
            'q' => self.fmt_q(s),
            _ => return false,
        }
        true
    }

    /// The separator of elements.
    fn comma(&mut self) {
        self.write(if self.flags.sharp_v { b", " } else { b" " });
    }

    fn fmt_list(&mut self, list: &List, verb: char, depth: usize) {
        if let Some(bytes) = list.to_byte_vec() {
            match verb {
                's' => return self.fmt_s(&bytes),
                'q' => return self.fmt_q(&bytes),
                'x' => return self.fmt_hex(&bytes, false),
                'X' => return self.fmt_hex(&bytes, true),
                _ => {}
            }
        }
        let (open, close) = if self.flags.sharp_v {
            // Go spells the type of bytes differently at the top.
            let bytes = depth == 0 && *list.elem() == Type::Uint8;
            self.write(if bytes { "[]byte".to_owned() } else { list.go_type().to_string() }.as_bytes());
            (b'{', b'}')
        } else {
            (b'[', b']')
        };
        self.byte(open);
        for (i, item) in list.iter().enumerate() {
            if i > 0 {
                self.comma();
            }
            self.print_value(item, verb, depth + 1);
            if self.stopped() {
                return;
            }
        }
        self.byte(close);
    }

    fn fmt_map(&mut self, map: &Map, verb: char, depth: usize) {
        let close = if self.flags.sharp_v {
            self.write(map.go_type().to_string().as_bytes());
            self.byte(b'{');
            b'}'
        } else {
            self.write(b"map[");
            b']'
        };
        for (i, (key, value)) in map.entries().into_iter().enumerate() {
            if i > 0 {
                self.comma();
            }
            self.print_value(&Value::String(key), verb, depth + 1);
            self.byte(b':');
            self.print_value(&value, verb, depth + 1);
            if self.stopped() {
                return;
            }
        }
        self.byte(close);
    }

    fn fmt_struct(&mut self, s: &Struct, verb: char, depth: usize) {
        if self.flags.sharp_v {
            self.write(s.name().as_bytes());
        }
        self.byte(b'{');
        for (i, (name, value)) in s.fields().enumerate() {
            if i > 0 {
                self.comma();
            }
            if self.flags.plus_v || self.flags.sharp_v {
                self.write(name);
                self.byte(b':');
            }
            self.print_value(value, verb, depth + 1);
            if self.stopped() {
                return;
            }
        }
        self.byte(b'}');
    }

    /// Where Go prints an address, a made-up one that is always the same: a real one would differ from run to run, and tell an untrusted
    /// template where memory is.
    fn fmt_pointer(&mut self, value: &Value, verb: char, depth: usize) {
        let bits = 0xc0_0000_0000;
        if !matches!(value, Value::Func(_) | Value::List(_) | Value::Map(_)) {
            return self.bad_verb(value, verb, depth);
        }
        match verb {
            'v' if self.flags.sharp_v => {
                self.byte(b'(');
                self.write(value.type_name().as_bytes());
                self.write(b")(");
                self.fmt_0x(bits, true);
                self.byte(b')');
            }
            'v' | 'p' => self.fmt_0x(bits, !self.flags.sharp),
            'b' | 'o' | 'd' | 'x' | 'X' => {
                self.fmt_integer(Integer { bits, signed: false }, verb);
            }
            _ => self.bad_verb(value, verb, depth),
        }
    }
}
