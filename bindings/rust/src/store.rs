//! A store, open in this process.

use crate::error::{answer, Result};
use crate::options::{c_path, Options};
use crate::verification::{verification, Verification};
use crate::{sys, Batch, Cursor, Entry, Query, Snapshot, Transaction, Version, LATEST};
use std::ffi::{c_void, CStr};
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{ptr, slice, thread};

/// A store. Any number of threads may use it at once; dropping it closes it and swallows the error of that.
#[derive(Debug)]
pub struct Store {
    handle: *mut sys::zverse_store,
}

// SAFETY: the store's contract: any number of threads at once, none once it is freed, which borrows see to.
unsafe impl Send for Store {}
unsafe impl Sync for Store {}

/// A call of C that gives a version.
fn versioned(call: impl FnOnce(*mut u64, *mut *mut sys::zverse_error) -> i32) -> Result<Version> {
    let mut version = 0;
    answer(|error| call(&mut version, error))?;
    Ok(version)
}

/// Opening and closing.
impl Store {
    /// Opens or creates the store in the folder `path`.
    pub fn open(path: impl AsRef<Path>, options: &Options) -> Result<Store> {
        let path = c_path(path.as_ref())?;
        let lowered = options.lower()?;
        let mut handle = ptr::null_mut();
        // SAFETY: the path and the options are read while the call lasts.
        answer(|error| unsafe { sys::zverse_open(path.as_ptr(), &lowered.options, &mut handle, error) })?;
        Ok(Store { handle })
    }

    /// Syncs and closes; an error is told, where dropping would swallow it.
    pub fn close(self) -> Result<()> {
        // SAFETY: the handle is ours; it is freed when self goes. So it is below, where nothing else is said.
        answer(|error| unsafe { sys::zverse_close(self.handle, error) })
    }
}

/// Writes. On return visible to every later read, with the store's durability.
impl Store {
    /// Stores a new version of the key; older versions stay readable.
    pub fn put(&self, key: &[u8], value: &[u8]) -> Result<Version> {
        versioned(|version, error| unsafe {
            sys::zverse_put(self.handle, key.as_ptr(), key.len(), value.as_ptr(), value.len(), version, error)
        })
    }

    /// Stores a tombstone; erasing an absent key is fine and takes a version too.
    pub fn erase(&self, key: &[u8]) -> Result<Version> {
        versioned(|version, error| unsafe { sys::zverse_erase(self.handle, key.as_ptr(), key.len(), version, error) })
    }

    /// Puts if the newest version of the key is `expected` (0: absent or erased), else `Conflict`.
    pub fn put_if(&self, key: &[u8], value: &[u8], expected: Version) -> Result<Version> {
        versioned(|version, error| unsafe {
            sys::zverse_put_if(
                self.handle,
                key.as_ptr(),
                key.len(),
                value.as_ptr(),
                value.len(),
                expected,
                version,
                error,
            )
        })
    }

    /// All of the batch or nothing, under one version.
    pub fn write(&self, batch: &Batch) -> Result<Version> {
        versioned(|version, error| unsafe { sys::zverse_write(self.handle, batch.handle, version, error) })
    }

    /// Begins a transaction on the newest state.
    pub fn begin(&self) -> Result<Transaction<'_>> {
        Transaction::begun(self.handle)
    }
}

/// Reads. They never wait for writers.
impl Store {
    /// The newest value, or None where the key is absent or erased.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.get_at(key, LATEST)
    }

    /// The value as of a version.
    pub fn get_at(&self, key: &[u8], as_of: Version) -> Result<Option<Vec<u8>>> {
        self.visit(key, as_of, |entry| entry.value.to_vec())
    }

    /// Zero copy: what `look` makes of the record, inside the store's memory. A write inside it never waits; a long one
    /// delays reclaiming space for everybody.
    pub fn visit<R, F>(&self, key: &[u8], as_of: Version, look: F) -> Result<Option<R>>
    where
        F: FnOnce(Entry<'_>) -> R,
    {
        struct Visit<F, R> {
            look: Option<F>,
            seen: Option<thread::Result<R>>,
        }
        /// A panic must not pass through C; it goes on behind it.
        extern "C" fn show<R, F: FnOnce(Entry<'_>) -> R>(context: *mut c_void, entry: *const sys::zverse_entry) {
            // SAFETY: the context is the visit below, the entry is there until we return.
            let (visit, entry) = unsafe { (&mut *context.cast::<Visit<F, R>>(), Entry::of(entry)) };
            visit.seen = visit.look.take().map(|look| catch_unwind(AssertUnwindSafe(|| look(entry))));
        }
        let mut visit = Visit { look: Some(look), seen: None };
        let context: *mut Visit<F, R> = &mut visit;
        answer(|error| unsafe {
            sys::zverse_visit(
                self.handle,
                key.as_ptr(),
                key.len(),
                as_of,
                show::<R, F>,
                context.cast(),
                ptr::null_mut(),
                error,
            )
        })?;
        visit.seen.map(|seen| seen.unwrap_or_else(|panic| resume_unwind(panic))).map_or(Ok(None), |made| Ok(Some(made)))
    }

    /// The values of the keys, all as of one version; far cheaper than as many gets.
    pub fn multi_get(&self, keys: &[&[u8]], as_of: Version) -> Result<Vec<Option<Vec<u8>>>> {
        let places: Vec<_> =
            keys.iter().map(|key| sys::zverse_bytes { data: key.as_ptr(), bytes: key.len() }).collect();
        let mut values = vec![sys::zverse_bytes { data: ptr::null(), bytes: 0 }; keys.len()];
        let mut memory = ptr::null_mut();
        // SAFETY: there are as many values as keys; what they point at is ours until it is freed.
        unsafe {
            answer(|error| {
                sys::zverse_multi_get(
                    self.handle,
                    places.as_ptr(),
                    places.len(),
                    as_of,
                    values.as_mut_ptr(),
                    &mut memory,
                    error,
                )
            })?;
            let copy = |value: &sys::zverse_bytes| {
                (!value.data.is_null()).then(|| slice::from_raw_parts(value.data, value.bytes).to_vec())
            };
            let copies = values.iter().map(copy).collect();
            sys::zverse_free(memory);
            Ok(copies)
        }
    }

    /// Live keys of the range in key order, as of `upto`. `after` must be 0.
    pub fn scan(&self, query: &Query<'_>) -> Result<Cursor<'_>> {
        let query = query.lower();
        Cursor::made(|cursor, error| unsafe { sys::zverse_scan(self.handle, &query, cursor, error) })
    }

    /// Records of the key in (after, upto], tombstones too, newest first. The query has no range of keys.
    pub fn history(&self, key: &[u8], query: &Query<'_>) -> Result<Cursor<'_>> {
        let query = query.lower();
        Cursor::made(|cursor, error| unsafe {
            sys::zverse_history(self.handle, key.as_ptr(), key.len(), &query, cursor, error)
        })
    }

    /// Every record in (after, upto] and the range, by version, then key; tombstones too.
    pub fn changes(&self, query: &Query<'_>) -> Result<Cursor<'_>> {
        let query = query.lower();
        Cursor::made(|cursor, error| unsafe { sys::zverse_changes(self.handle, &query, cursor, error) })
    }
}

/// Versions, snapshots, pins.
impl Store {
    /// The newest version that reads can see.
    pub fn latest_version(&self) -> Version {
        unsafe { sys::zverse_latest_version(self.handle) }
    }

    /// Every version up to it survives power loss.
    pub fn durable_version(&self) -> Version {
        unsafe { sys::zverse_durable_version(self.handle) }
    }

    /// The oldest version still answerable exactly.
    pub fn floor(&self) -> Version {
        unsafe { sys::zverse_floor(self.handle) }
    }

    /// The newest version committed at or before then, to about a second.
    pub fn version_at(&self, when: SystemTime) -> Result<Version> {
        let clipped = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let unix_ms = match when.duration_since(UNIX_EPOCH) {
            Ok(since) => clipped(since),
            Err(before) => -clipped(before.duration()),
        };
        versioned(|version, error| unsafe { sys::zverse_version_at(self.handle, unix_ms, version, error) })
    }

    /// The newest state, held against the floor.
    pub fn snapshot(&self) -> Result<Snapshot<'_>> {
        Snapshot::taken(self.handle)
    }

    /// Holds a version against the floor under a name, over restarts; says which.
    pub fn pin(&self, name: &[u8], version: Version) -> Result<Version> {
        versioned(|pinned, error| unsafe {
            sys::zverse_pin(self.handle, name.as_ptr(), name.len(), version, pinned, error)
        })
    }

    /// Lets a pin go.
    pub fn unpin(&self, name: &[u8]) -> Result<()> {
        answer(|error| unsafe { sys::zverse_unpin(self.handle, name.as_ptr(), name.len(), error) })
    }

    /// All named pins, by name: the keys of the records.
    pub fn pins(&self) -> Result<Cursor<'_>> {
        Cursor::made(|cursor, error| unsafe { sys::zverse_pins(self.handle, cursor, error) })
    }

    /// On return all that was written before the call survives power loss.
    pub fn sync(&self) -> Result<()> {
        answer(|error| unsafe { sys::zverse_sync(self.handle, error) })
    }

    /// Waits until the durable version is at least `version`.
    pub fn wait_durable(&self, version: Version) -> Result<()> {
        answer(|error| unsafe { sys::zverse_wait_durable(self.handle, version, error) })
    }

    /// The latest version once it is > after, or at the timeout.
    pub fn wait_newer(&self, after: Version, timeout: Duration) -> Result<Version> {
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        versioned(|version, error| unsafe { sys::zverse_wait_newer(self.handle, after, timeout_ms, version, error) })
    }
}

/// Maintenance.
impl Store {
    /// Moves what was written before the call into cold segments; waits for it.
    pub fn flush(&self) -> Result<()> {
        answer(|error| unsafe { sys::zverse_flush(self.handle, error) })
    }

    /// Flushes, merges what is settled and applies the retention; waits. Of the query only the range of keys counts.
    pub fn compact(&self, range: &Query<'_>) -> Result<()> {
        let range = range.lower();
        answer(|error| unsafe { sys::zverse_compact(self.handle, &range, error) })
    }

    /// A store of its own in `path`, with all that this one holds.
    pub fn checkpoint(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = c_path(path.as_ref())?;
        answer(|error| unsafe { sys::zverse_checkpoint(self.handle, path.as_ptr(), error) })
    }

    /// Reads and checks everything; damage is a finding, no error.
    pub fn verify(&self) -> Result<Verification> {
        verification(|made, error| unsafe { sys::zverse_verify(self.handle, made, error) })
    }

    /// What the scrub in the background has found.
    pub fn scrubbed(&self) -> Result<Verification> {
        verification(|made, error| unsafe { sys::zverse_scrubbed(self.handle, made, error) })
    }

    /// All figures as OpenMetrics text.
    pub fn openmetrics(&self) -> Result<String> {
        self.stats(sys::ZVERSE_OPENMETRICS)
    }

    /// All figures and the platform report as one JSON object.
    pub fn stats_json(&self) -> Result<String> {
        self.stats(sys::ZVERSE_JSON)
    }

    fn stats(&self, format: i32) -> Result<String> {
        let mut text = ptr::null_mut();
        // SAFETY: the text is ours until it is freed.
        unsafe {
            answer(|error| sys::zverse_stats(self.handle, format, &mut text, ptr::null_mut(), error))?;
            let copy = CStr::from_ptr(text).to_string_lossy().into_owned();
            sys::zverse_free(text.cast());
            Ok(copy)
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: ours; whatever borrows it has gone.
        unsafe { sys::zverse_store_free(self.handle) }
    }
}
