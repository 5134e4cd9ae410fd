//! Walking entries.

use crate::error::{answer, Result};
use crate::{sys, Version, LATEST};
use std::marker::PhantomData;
use std::mem::size_of;
use std::{ptr, slice};

/// One record as it lies in the store's memory, until the cursor moves or the visit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its key.
    pub key: &'a [u8],
    /// Its value; empty of a tombstone.
    pub value: &'a [u8],
    /// Its version.
    pub version: Version,
    /// Whether it says that the key was erased.
    pub tombstone: bool,
}

/// A copy of an [`Entry`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its key.
    pub key: Vec<u8>,
    /// Its value; empty of a tombstone.
    pub value: Vec<u8>,
    /// Its version.
    pub version: Version,
    /// Whether it says that the key was erased.
    pub tombstone: bool,
}

impl Entry<'_> {
    /// A copy.
    pub fn to_record(&self) -> Record {
        Record { key: self.key.to_vec(), value: self.value.to_vec(), version: self.version, tombstone: self.tombstone }
    }

    /// SAFETY: `entry` points to an entry of the library, which is there for `'a`.
    pub(crate) unsafe fn of<'a>(entry: *const sys::zverse_entry) -> Entry<'a> {
        unsafe {
            Entry {
                key: slice::from_raw_parts((*entry).key, (*entry).key_bytes),
                value: slice::from_raw_parts((*entry).value, (*entry).value_bytes),
                version: (*entry).version,
                tombstone: (*entry).tombstone != 0,
            }
        }
    }
}

/// What a cursor walks over; `Query::default()` is everything. Which members count is said at each call.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Keys at or after it; with `prefix`, keys that begin with it.
    pub begin: &'a [u8],
    /// Keys before it; empty: no upper bound.
    pub end: &'a [u8],
    /// `begin` is a prefix, and `end` empty.
    pub prefix: bool,
    /// Versions above it.
    pub after: Version,
    /// Versions up to it; of a scan, the version it is as of.
    pub upto: Version,
    /// At most so many entries; 0: all.
    pub limit: u64,
    /// From the upper end of the range downwards.
    pub reverse: bool,
    /// Leave values empty.
    pub keys_only: bool,
}

impl Default for Query<'_> {
    fn default() -> Self {
        let all: &[u8] = &[];
        Query {
            begin: all,
            end: all,
            prefix: false,
            after: 0,
            upto: LATEST,
            limit: 0,
            reverse: false,
            keys_only: false,
        }
    }
}

impl<'a> Query<'a> {
    /// Keys in [begin, end).
    pub fn range(begin: &'a [u8], end: &'a [u8]) -> Query<'a> {
        Query { begin, end, ..Query::default() }
    }

    /// Keys that begin with `prefix`.
    pub fn with_prefix(prefix: &'a [u8]) -> Query<'a> {
        Query { begin: prefix, prefix: true, ..Query::default() }
    }

    pub(crate) fn lower(&self) -> sys::zverse_query {
        let flag = |on: bool, bit: u32| if on { bit } else { 0 };
        sys::zverse_query {
            struct_bytes: size_of::<sys::zverse_query>(),
            begin: self.begin.as_ptr(),
            begin_bytes: self.begin.len(),
            end: self.end.as_ptr(),
            end_bytes: self.end.len(),
            after: self.after,
            upto: self.upto,
            limit: self.limit,
            flags: flag(self.reverse, sys::ZVERSE_REVERSE)
                | flag(self.keys_only, sys::ZVERSE_KEYS_ONLY)
                | flag(self.prefix, sys::ZVERSE_PREFIX),
            reserved: 0,
        }
    }
}

/// Walks the entries of a scan, a history or a range of changes, as they were when it was made. As an iterator it gives
/// copies; [`advance`](Cursor::advance) gives views.
#[derive(Debug)]
pub struct Cursor<'a> {
    handle: *mut sys::zverse_cursor,
    store: PhantomData<&'a crate::Store>,
}

// SAFETY: one thread at a time, which &mut sees to.
unsafe impl Send for Cursor<'_> {}

impl<'a> Cursor<'a> {
    /// What `call` makes.
    pub(crate) fn made(
        call: impl FnOnce(*mut *mut sys::zverse_cursor, *mut *mut sys::zverse_error) -> i32,
    ) -> Result<Cursor<'a>> {
        let mut handle = ptr::null_mut();
        answer(|error| call(&mut handle, error))?;
        Ok(Cursor { handle, store: PhantomData })
    }

    /// The next entry, or None at the end.
    pub fn advance(&mut self) -> Result<Option<Entry<'_>>> {
        let mut entry = ptr::null();
        // SAFETY: the handle is ours; the entry stays until the next move, which needs this borrow's end.
        unsafe {
            answer(|error| sys::zverse_cursor_next(self.handle, &mut entry, error))?;
            Ok((!entry.is_null()).then(|| Entry::of(entry)))
        }
    }

    /// Scans only: onto the first entry at or after `key` (at or before it, when reversed).
    pub fn seek(&mut self, key: &[u8]) -> Result<Option<Entry<'_>>> {
        let mut entry = ptr::null();
        // SAFETY: as advance().
        unsafe {
            answer(|error| sys::zverse_cursor_seek(self.handle, key.as_ptr(), key.len(), &mut entry, error))?;
            Ok((!entry.is_null()).then(|| Entry::of(entry)))
        }
    }
}

impl Iterator for Cursor<'_> {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Result<Record>> {
        self.advance().map(|entry| entry.map(|entry| entry.to_record())).transpose()
    }
}

impl Drop for Cursor<'_> {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody uses it any more.
        unsafe { sys::zverse_cursor_free(self.handle) }
    }
}
