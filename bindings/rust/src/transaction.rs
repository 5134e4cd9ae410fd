//! Transactions.

use crate::error::{answer, Result};
use crate::{sys, Cursor, Query, Store, Version};
use std::marker::PhantomData;
use std::{ptr, slice};

/// Snapshot isolation, optimistic, first committer wins. Dropping it rolls back.
#[derive(Debug)]
pub struct Transaction<'a> {
    handle: *mut sys::zverse_transaction,
    store: PhantomData<&'a Store>,
}

// SAFETY: one thread at a time, which &mut sees to.
unsafe impl Send for Transaction<'_> {}

impl<'a> Transaction<'a> {
    pub(crate) fn begun(store: *mut sys::zverse_store) -> Result<Transaction<'a>> {
        let mut handle = ptr::null_mut();
        // SAFETY: the store is open for 'a.
        unsafe { answer(|error| sys::zverse_begin(store, &mut handle, error))? };
        Ok(Transaction { handle, store: PhantomData })
    }

    /// The version that it reads as of.
    pub fn snapshot_version(&self) -> Version {
        // SAFETY: the handle is ours.
        unsafe { sys::zverse_transaction_version(self.handle) }
    }

    /// The value in the snapshot, or what was written here.
    pub fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let (mut value, mut bytes) = (ptr::null_mut(), 0);
        // SAFETY: what is handed out is ours until it is freed.
        unsafe {
            answer(|error| {
                sys::zverse_transaction_get(self.handle, key.as_ptr(), key.len(), &mut value, &mut bytes, error)
            })?;
            let copy = (!value.is_null()).then(|| slice::from_raw_parts(value.cast::<u8>(), bytes).to_vec());
            sys::zverse_free(value.cast());
            Ok(copy)
        }
    }

    /// Live keys of the snapshot, with the writes so far laid over them. `upto` must be `LATEST`, `after` 0.
    pub fn scan(&mut self, query: &Query<'_>) -> Result<Cursor<'a>> {
        let query = query.lower();
        // SAFETY: the cursor keeps what it needs of the transaction, and borrows the store.
        Cursor::made(|cursor, error| unsafe { sys::zverse_transaction_scan(self.handle, &query, cursor, error) })
    }

    /// Noted until the commit.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        // SAFETY: both slices are copied.
        answer(|error| unsafe {
            sys::zverse_transaction_put(self.handle, key.as_ptr(), key.len(), value.as_ptr(), value.len(), error)
        })
    }

    /// Noted until the commit.
    pub fn erase(&mut self, key: &[u8]) -> Result<()> {
        // SAFETY: the slice is copied.
        answer(|error| unsafe { sys::zverse_transaction_erase(self.handle, key.as_ptr(), key.len(), error) })
    }

    /// All writes under one version, or `Conflict`, and then nothing was applied.
    pub fn commit(self) -> Result<Version> {
        let mut version = 0;
        // SAFETY: the handle is ours; it is freed when self goes.
        answer(|error| unsafe { sys::zverse_transaction_commit(self.handle, &mut version, error) })?;
        Ok(version)
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody uses it any more.
        unsafe { sys::zverse_transaction_free(self.handle) }
    }
}
