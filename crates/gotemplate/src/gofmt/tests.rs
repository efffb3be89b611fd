//! What Go's `fmt` printed for the same formats and values; the golden corpus holds many more.

use super::*;
use crate::value::{List, Map, Number, Struct, Type};

fn f(format: &str, args: &[Value]) -> String {
    String::from_utf8_lossy(&sprintf(format.as_bytes(), args)).into_owned()
}

#[test]
fn floats() {
    for (format, value, want) in [
        ("%v", 1e6, "1e+06"),
        ("%v", 123_456.0, "123456"),
        ("%v", 0.000_01, "1e-05"),
        ("%g", 1e21, "1e+21"),
        ("%.3g", 1000.0, "1e+03"),
        ("%.10g", 100.0, "100"),
        ("%#g", 1.0, "1.00000"),
        ("%#.0f", 1.0, "1."),
        ("%e", 0.0, "0.000000e+00"),
        ("%x", 1.5, "0x1.8p+00"),
        ("%.0x", 1.5, "0x1p+01"),
        ("%b", 1.0, "4503599627370496p-52"),
        ("%08.2f", -1.5, "-0001.50"),
        ("%+v", f64::INFINITY, "+Inf"),
        ("%08v", f64::NAN, "     NaN"),
        ("%.2000f", 0.0, &format!("0.{}", "0".repeat(2000))),
    ] {
        assert_eq!(f(format, &[value.into()]), want, "{format} {value}");
    }
    assert_eq!(f("%v", &[Number::Float32(0.1).into()]), "0.1");
    assert_eq!(f("%v", &[Number::Complex128(1.0, -0.5).into()]), "(1-0.5i)");
}

#[test]
fn integers() {
    for (format, value, want) in [
        ("%d", i64::MIN, "-9223372036854775808"),
        ("%x", -255, "-ff"),
        ("%#o", 8, "010"),
        ("%O", 8, "0o10"),
        ("%#b", 5, "0b101"),
        ("%05d", -7, "-0007"),
        ("%.0d", 0, ""),
        ("%+.3d", 5, "+005"),
        ("%q", 0x1F600, "'😀'"),
        ("%U", 0x1F600, "U+1F600"),
        ("%#U", 0x2318, "U+2318 '⌘'"),
        ("%c", -1, "\u{FFFD}"),
        ("%s", 3, "%!s(int=3)"),
    ] {
        assert_eq!(f(format, &[value.into()]), want, "{format} {value}");
    }
}

#[test]
fn strings() {
    for (format, want) in [
        ("%5.1s|", "    é|"),
        ("%-5s|", "é\n   |"),
        ("%q", r#""é\n""#),
        ("%+q", r#""\u00e9\n""#),
        ("%#q", r#""é\n""#),
        ("% x", "c3 a9 0a"),
        ("%#X", "0XC3A90A"),
        ("%d", "%!d(string=é\n)"),
    ] {
        assert_eq!(f(format, &["é\n".into()]), want, "{format}");
    }
}

#[test]
fn composites() {
    let list = Value::from(vec![Value::Int(1), Value::Nil, "a".into()]);
    assert_eq!(f("%v %d", &[list.clone(), list.clone()]), "[1 <nil> a] [1 <nil> %!d(string=a)]");
    assert_eq!(f("%#v", &[list]), r#"[]interface {}{1, interface {}(nil), "a"}"#);
    let map = Map::from_iter([("b", Value::Bool(true)), ("a", 1.5.into())]);
    assert_eq!(
        f("%v %t", &[map.clone().into(), map.into()]),
        "map[a:1.5 b:true] map[%!t(string=a):%!t(float64=1.5) %!t(string=b):true]"
    );
    let s = Struct::new("main.T").field("A", 1).any_field("B", "x");
    assert_eq!(
        f("%v %+v %#v", &[s.clone().into(), s.clone().into(), s.into()]),
        r#"{1 x} {A:1 B:x} main.T{A:1, B:"x"}"#
    );
    let bytes = List::of(Type::Uint8, vec![104u8.into(), 105u8.into()]);
    assert_eq!(f("%v %s %x %#v", &vec![bytes.into(); 4]), "[104 105] hi 6869 []byte{0x68, 0x69}");
}

#[test]
fn malformed_formats() {
    for (format, args, want) in [
        ("%", &[][..], "%!(NOVERB)"),
        ("%z", &[1], "%!z(int=1)"),
        ("%d", &[], "%!d(MISSING)"),
        ("x", &[1, 2], "x%!(EXTRA int=1, int=2)"),
        ("%[2]d %[1]d", &[1, 2], "2 1"),
        ("%[3]d", &[1, 2], "%!d(BADINDEX)"),
        ("%[x]d", &[1], "%!d(BADINDEX)"),
        ("%*d", &[5, 1], "    1"),
        ("%-*d|", &[-5, 1], "1    |"),
        ("%.*d", &[-1, 7], "%!(BADPREC)7"),
        ("%*d", &[2_000_000, 7], "%!(BADWIDTH)7"),
        ("%99999999d", &[7], "%!(NOVERB)%!(EXTRA int=7)"),
        ("100%%", &[], "100%"),
    ] {
        let args: Vec<Value> = args.iter().map(|i| Value::from(*i)).collect();
        assert_eq!(f(format, &args), want, "{format}");
    }
}

#[test]
fn printing_separates_what_is_no_string() {
    assert_eq!(sprint(&["a".into(), 1.into(), 2.into(), "b".into(), Value::Nil, true.into()]), b"a1 2b<nil> true");
}

#[test]
fn a_printer_stops_at_its_limit() {
    let mut out = Vec::new();
    let mut printer = Printer::new(&mut out, 5);
    printer.printf(b"abc%10d", &[&Value::Int(1)]);
    assert_eq!(printer.finish(), Err(Stop::TooLong));
    assert_eq!(out, b"abc");
}
