//! Whether mapped bytes are in memory: reading a cold page blocks its thread on the disk, which an async worker must not do.

/// Bytes at whose granularity memory is mapped.
const PAGE: usize = 4096;

/// Whether reading the slice would not wait for a disk. Costs one system call, about a microsecond for a mebibyte.
#[allow(unsafe_code)]
pub(super) fn is_resident(bytes: &[u8]) -> bool {
    // One byte for each page, of which only the lowest bit is defined (mincore(2)).
    let mut pages = [0_u8; 1025];
    let start = bytes.as_ptr().addr() & !(PAGE - 1);
    let length = bytes.as_ptr().addr() + bytes.len() - start;
    let count = length.div_ceil(PAGE);
    if bytes.is_empty() || count > pages.len() {
        return bytes.is_empty();
    }
    let page = bytes.as_ptr().map_addr(|_| start);
    // SAFETY: mincore reads no memory of ours but `pages`, which has room for one byte for each page of the range; the range
    // is that of a live slice, rounded down to the page that holds its first byte.
    let outcome = unsafe { libc::mincore(page.cast_mut().cast(), length, pages.as_mut_ptr()) };
    // A page size other than 4096 fails with EINVAL here: then it is taken as cold, which is slower and right.
    outcome == 0 && pages[..count].iter().all(|page| page & 1 == 1)
}

/// Reads a byte of each page. Blocks on the disk.
pub(super) fn fault_in(bytes: &[u8]) {
    for page in bytes.chunks(PAGE) {
        std::hint::black_box(page.first());
    }
    std::hint::black_box(bytes.last());
}
