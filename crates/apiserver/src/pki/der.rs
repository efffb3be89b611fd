//! The little DER (X.690) that certificates need. Writing only: reading is `x509-parser`'s.

/// Tag of `BOOLEAN`.
pub(super) const BOOLEAN: u8 = 0x01;
/// Tag of `INTEGER`.
pub(super) const INTEGER: u8 = 0x02;
/// Tag of `BIT STRING`.
pub(super) const BIT_STRING: u8 = 0x03;
/// Tag of `OCTET STRING`.
pub(super) const OCTET_STRING: u8 = 0x04;
/// Tag of `OBJECT IDENTIFIER`.
pub(super) const OID: u8 = 0x06;
/// Tag of `UTF8String`.
pub(super) const UTF8_STRING: u8 = 0x0c;
/// Tag of `UTCTime`.
pub(super) const UTC_TIME: u8 = 0x17;
/// Tag of `GeneralizedTime`.
pub(super) const GENERALIZED_TIME: u8 = 0x18;
/// Tag of `SEQUENCE`, constructed.
pub(super) const SEQUENCE: u8 = 0x30;
/// Tag of `SET`, constructed.
pub(super) const SET: u8 = 0x31;

/// Tag, length, value.
pub(super) fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len();
    let mut out = Vec::with_capacity(length + 6);
    out.push(tag);
    if let Ok(short @ 0..=0x7f) = u8::try_from(length) {
        out.push(short);
    } else {
        let bytes = length.to_be_bytes();
        let significant = &bytes[bytes.iter().position(|b| *b != 0).unwrap_or(0)..];
        out.push(0x80 | u8::try_from(significant.len()).unwrap_or(8));
        out.extend_from_slice(significant);
    }
    out.extend_from_slice(value);
    out
}

/// A constructed value of these parts.
pub(super) fn constructed(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    tlv(tag, &parts.concat())
}

/// A `BIT STRING` of whole bytes.
pub(super) fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(BIT_STRING, &[&[0], bytes].concat())
}

/// A named-bit list of at most eight bits, without trailing zero bits as DER wants (X.690, 11.2.2).
pub(super) fn named_bits(flags: u8) -> Vec<u8> {
    if flags == 0 {
        return tlv(BIT_STRING, &[0]);
    }
    let unused = u8::try_from(flags.trailing_zeros()).unwrap_or(0);
    tlv(BIT_STRING, &[unused, flags])
}

/// A `Time` as RFC 5280, 4.1.2.5 wants it: `UTCTime` through 2049, `GeneralizedTime` from 2050.
pub(super) fn time(at: jiff::Timestamp) -> Vec<u8> {
    let civil = at.to_zoned(jiff::tz::TimeZone::UTC);
    if (1950..2050).contains(&civil.year()) {
        tlv(UTC_TIME, civil.strftime("%y%m%d%H%M%SZ").to_string().as_bytes())
    } else {
        tlv(GENERALIZED_TIME, civil.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes())
    }
}
