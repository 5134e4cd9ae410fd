//! `zverse/c.h`, which says what each of these means.

use std::os::raw::{c_char, c_int, c_void};

macro_rules! handles {
    ($($name:ident),*) => {
        $(#[repr(C)]
        pub struct $name {
            _opaque: [u8; 0],
        })*
    };
}
handles!(zverse_store, zverse_batch, zverse_cursor, zverse_snapshot, zverse_transaction);

#[repr(C)]
pub struct zverse_error {
    pub code: c_int,
    pub os_errno: c_int,
    pub version: u64,
    pub message: *const c_char,
}

#[repr(C)]
pub struct zverse_options {
    pub struct_bytes: usize,
    pub create_if_missing: u32,
    pub error_if_exists: u32,
    pub read_only: u32,
    pub durability: u32,
    pub sync_every_ms: u64,
    pub sync_every_writes: u64,
    pub hot_paths: *const *const c_char,
    pub hot_paths_count: usize,
    pub ring_bytes: u64,
    pub shards: u32,
    pub sharding: u32,
    pub workers: u32,
    pub compression: u32,
    pub curve: *const c_char,
    pub cold_reads: u32,
    pub reserved: u32,
    pub retention_max_age_s: u64,
    pub retention_max_versions_behind: u64,
    pub value_bytes_max: u64,
    pub memory_bytes_max: u64,
    pub background_bytes_per_second: u64,
    pub write_timeout_ms: u64,
    pub force_kernel: *const c_char,
    pub force_io: *const c_char,
    pub force_granularity: *const c_char,
}

#[repr(C)]
pub struct zverse_entry {
    pub key: *const u8,
    pub key_bytes: usize,
    pub value: *const u8,
    pub value_bytes: usize,
    pub version: u64,
    pub tombstone: c_int,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct zverse_bytes {
    pub data: *const u8,
    pub bytes: usize,
}

#[repr(C)]
pub struct zverse_query {
    pub struct_bytes: usize,
    pub begin: *const u8,
    pub begin_bytes: usize,
    pub end: *const u8,
    pub end_bytes: usize,
    pub after: u64,
    pub upto: u64,
    pub limit: u64,
    pub flags: u32,
    pub reserved: u32,
}

#[repr(C)]
pub struct zverse_finding {
    pub code: *const c_char,
    pub file: *const c_char,
    pub what: *const c_char,
    pub offset: u64,
}

#[repr(C)]
pub struct zverse_verification {
    pub bytes: u64,
    pub records: u64,
    pub segments: u64,
    pub findings_count: usize,
    pub findings: *const *const zverse_finding,
}

pub type zverse_visitor = extern "C" fn(context: *mut c_void, entry: *const zverse_entry);

pub const ZVERSE_OK: c_int = 0;
pub const ZVERSE_NO_LIMIT: u64 = u64::MAX;
pub const ZVERSE_REVERSE: u32 = 1;
pub const ZVERSE_KEYS_ONLY: u32 = 2;
pub const ZVERSE_PREFIX: u32 = 4;
pub const ZVERSE_OPENMETRICS: c_int = 0;
pub const ZVERSE_JSON: c_int = 1;

type Error = *mut *mut zverse_error;

extern "C" {
    pub fn zverse_version() -> *const c_char;
    pub fn zverse_abi() -> u32;
    pub fn zverse_error_free(error: *mut zverse_error);
    pub fn zverse_code_name(code: c_int) -> *const c_char;
    pub fn zverse_free(memory: *mut c_void);

    pub fn zverse_options_init(options: *mut zverse_options, struct_bytes: usize, error: Error) -> c_int;
    pub fn zverse_open(
        path: *const c_char,
        options: *const zverse_options,
        store: *mut *mut zverse_store,
        error: Error,
    ) -> c_int;
    pub fn zverse_close(store: *mut zverse_store, error: Error) -> c_int;
    pub fn zverse_store_free(store: *mut zverse_store);

    pub fn zverse_put(
        store: *mut zverse_store,
        key: *const u8,
        key_bytes: usize,
        value: *const u8,
        value_bytes: usize,
        version: *mut u64,
        error: Error,
    ) -> c_int;
    pub fn zverse_erase(
        store: *mut zverse_store,
        key: *const u8,
        key_bytes: usize,
        version: *mut u64,
        error: Error,
    ) -> c_int;
    pub fn zverse_put_if(
        store: *mut zverse_store,
        key: *const u8,
        key_bytes: usize,
        value: *const u8,
        value_bytes: usize,
        expected: u64,
        version: *mut u64,
        error: Error,
    ) -> c_int;
    pub fn zverse_batch_new(batch: *mut *mut zverse_batch, error: Error) -> c_int;
    pub fn zverse_batch_put(
        batch: *mut zverse_batch,
        key: *const u8,
        key_bytes: usize,
        value: *const u8,
        value_bytes: usize,
        error: Error,
    ) -> c_int;
    pub fn zverse_batch_erase(batch: *mut zverse_batch, key: *const u8, key_bytes: usize, error: Error) -> c_int;
    pub fn zverse_batch_size(batch: *const zverse_batch, operations: *mut usize, bytes: *mut usize);
    pub fn zverse_batch_clear(batch: *mut zverse_batch);
    pub fn zverse_batch_free(batch: *mut zverse_batch);
    pub fn zverse_write(store: *mut zverse_store, batch: *const zverse_batch, version: *mut u64, error: Error)
        -> c_int;

    pub fn zverse_get(
        store: *const zverse_store,
        key: *const u8,
        key_bytes: usize,
        as_of: u64,
        value: *mut *mut c_char,
        value_bytes: *mut usize,
        version: *mut u64,
        error: Error,
    ) -> c_int;
    pub fn zverse_get_into(
        store: *const zverse_store,
        key: *const u8,
        key_bytes: usize,
        as_of: u64,
        buffer: *mut c_void,
        buffer_bytes: usize,
        value_bytes: *mut usize,
        version: *mut u64,
        error: Error,
    ) -> c_int;
    pub fn zverse_visit(
        store: *const zverse_store,
        key: *const u8,
        key_bytes: usize,
        as_of: u64,
        visitor: zverse_visitor,
        context: *mut c_void,
        found: *mut c_int,
        error: Error,
    ) -> c_int;
    pub fn zverse_multi_get(
        store: *const zverse_store,
        keys: *const zverse_bytes,
        count: usize,
        as_of: u64,
        values: *mut zverse_bytes,
        memory: *mut *mut c_void,
        error: Error,
    ) -> c_int;

    pub fn zverse_scan(
        store: *const zverse_store,
        query: *const zverse_query,
        cursor: *mut *mut zverse_cursor,
        error: Error,
    ) -> c_int;
    pub fn zverse_history(
        store: *const zverse_store,
        key: *const u8,
        key_bytes: usize,
        query: *const zverse_query,
        cursor: *mut *mut zverse_cursor,
        error: Error,
    ) -> c_int;
    pub fn zverse_changes(
        store: *const zverse_store,
        query: *const zverse_query,
        cursor: *mut *mut zverse_cursor,
        error: Error,
    ) -> c_int;
    pub fn zverse_cursor_next(cursor: *mut zverse_cursor, entry: *mut *const zverse_entry, error: Error) -> c_int;
    pub fn zverse_cursor_seek(
        cursor: *mut zverse_cursor,
        key: *const u8,
        key_bytes: usize,
        entry: *mut *const zverse_entry,
        error: Error,
    ) -> c_int;
    pub fn zverse_cursor_free(cursor: *mut zverse_cursor);

    pub fn zverse_snapshot_new(store: *const zverse_store, snapshot: *mut *mut zverse_snapshot, error: Error) -> c_int;
    pub fn zverse_snapshot_version(snapshot: *const zverse_snapshot) -> u64;
    pub fn zverse_snapshot_free(snapshot: *mut zverse_snapshot);
    pub fn zverse_pin(
        store: *mut zverse_store,
        name: *const u8,
        name_bytes: usize,
        version: u64,
        pinned: *mut u64,
        error: Error,
    ) -> c_int;
    pub fn zverse_unpin(store: *mut zverse_store, name: *const u8, name_bytes: usize, error: Error) -> c_int;
    pub fn zverse_pins(store: *const zverse_store, cursor: *mut *mut zverse_cursor, error: Error) -> c_int;

    pub fn zverse_begin(store: *mut zverse_store, transaction: *mut *mut zverse_transaction, error: Error) -> c_int;
    pub fn zverse_transaction_version(transaction: *const zverse_transaction) -> u64;
    pub fn zverse_transaction_get(
        transaction: *mut zverse_transaction,
        key: *const u8,
        key_bytes: usize,
        value: *mut *mut c_char,
        value_bytes: *mut usize,
        error: Error,
    ) -> c_int;
    pub fn zverse_transaction_scan(
        transaction: *mut zverse_transaction,
        query: *const zverse_query,
        cursor: *mut *mut zverse_cursor,
        error: Error,
    ) -> c_int;
    pub fn zverse_transaction_put(
        transaction: *mut zverse_transaction,
        key: *const u8,
        key_bytes: usize,
        value: *const u8,
        value_bytes: usize,
        error: Error,
    ) -> c_int;
    pub fn zverse_transaction_erase(
        transaction: *mut zverse_transaction,
        key: *const u8,
        key_bytes: usize,
        error: Error,
    ) -> c_int;
    pub fn zverse_transaction_commit(transaction: *mut zverse_transaction, version: *mut u64, error: Error) -> c_int;
    pub fn zverse_transaction_free(transaction: *mut zverse_transaction);

    pub fn zverse_latest_version(store: *const zverse_store) -> u64;
    pub fn zverse_durable_version(store: *const zverse_store) -> u64;
    pub fn zverse_floor(store: *const zverse_store) -> u64;
    pub fn zverse_version_at(store: *const zverse_store, unix_ms: i64, version: *mut u64, error: Error) -> c_int;
    pub fn zverse_sync(store: *mut zverse_store, error: Error) -> c_int;
    pub fn zverse_wait_durable(store: *mut zverse_store, version: u64, error: Error) -> c_int;
    pub fn zverse_wait_newer(
        store: *const zverse_store,
        after: u64,
        timeout_ms: u64,
        version: *mut u64,
        error: Error,
    ) -> c_int;

    pub fn zverse_flush(store: *mut zverse_store, error: Error) -> c_int;
    pub fn zverse_compact(store: *mut zverse_store, range: *const zverse_query, error: Error) -> c_int;
    pub fn zverse_checkpoint(store: *const zverse_store, path: *const c_char, error: Error) -> c_int;
    pub fn zverse_verify(
        store: *const zverse_store,
        verification: *mut *mut zverse_verification,
        error: Error,
    ) -> c_int;
    pub fn zverse_scrubbed(
        store: *const zverse_store,
        verification: *mut *mut zverse_verification,
        error: Error,
    ) -> c_int;
    pub fn zverse_verification_free(verification: *mut zverse_verification);
    pub fn zverse_stats(
        store: *const zverse_store,
        format: c_int,
        text: *mut *mut c_char,
        text_bytes: *mut usize,
        error: Error,
    ) -> c_int;
}

#[cfg(test)]
mod tests {
    use std::mem::size_of;

    #[test]
    fn structs_have_the_sizes_of_c() {
        assert_eq!(size_of::<super::zverse_error>(), 24);
        assert_eq!(size_of::<super::zverse_options>(), 168);
        assert_eq!(size_of::<super::zverse_entry>(), 48);
        assert_eq!(size_of::<super::zverse_query>(), 72);
        assert_eq!(size_of::<super::zverse_finding>(), 32);
        assert_eq!(size_of::<super::zverse_verification>(), 40);
    }
}
