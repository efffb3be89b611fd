//! Netascii (RFC 1350 appendix, RFC 764): LF becomes CR LF, CR becomes CR NUL.
//!
//! A block begins wherever the one before ended, also between the two bytes of a pair: [`Cursor`] is such a place, and a
//! block can be encoded again from it. So nothing is converted ahead of time, whatever the size of the file.

/// A place in the encoded content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Bytes of the content that are encoded wholly.
    offset: usize,
    /// Second byte of a pair whose first byte ended the block before.
    pending: Option<u8>,
}

impl Cursor {
    /// The place `limit` encoded bytes further on, or the end; and how many bytes lie between.
    pub(super) fn advance(self, content: &[u8], limit: usize) -> (Self, usize) {
        self.walk(content, limit, |_| {})
    }

    /// Appends the next `limit` encoded bytes, or what is left.
    pub(super) fn encode(self, content: &[u8], limit: usize, out: &mut Vec<u8>) {
        self.walk(content, limit, |byte| out.push(byte));
    }

    fn walk(mut self, content: &[u8], limit: usize, mut emit: impl FnMut(u8)) -> (Self, usize) {
        let mut length = 0;
        while length < limit {
            if let Some(byte) = self.pending.take() {
                emit(byte);
            } else if let Some(byte) = content.get(self.offset) {
                self.offset += 1;
                match byte {
                    b'\n' => {
                        emit(b'\r');
                        self.pending = Some(b'\n');
                    }
                    b'\r' => {
                        emit(b'\r');
                        self.pending = Some(0);
                    }
                    byte => emit(*byte),
                }
            } else {
                break;
            }
            length += 1;
        }
        (self, length)
    }
}

#[cfg(test)]
mod tests;
