//! Snapshots.

use crate::error::{answer, Result};
use crate::{sys, Store, Version};
use std::marker::PhantomData;
use std::ptr;

/// Holds a version against the floor while it lives.
#[derive(Debug)]
pub struct Snapshot<'a> {
    handle: *mut sys::zverse_snapshot,
    store: PhantomData<&'a Store>,
}

// SAFETY: after it was made it is only read.
unsafe impl Send for Snapshot<'_> {}
unsafe impl Sync for Snapshot<'_> {}

impl<'a> Snapshot<'a> {
    pub(crate) fn taken(store: *const sys::zverse_store) -> Result<Snapshot<'a>> {
        let mut handle = ptr::null_mut();
        // SAFETY: the store is open for 'a.
        unsafe { answer(|error| sys::zverse_snapshot_new(store, &mut handle, error))? };
        Ok(Snapshot { handle, store: PhantomData })
    }

    /// The version to read as of.
    pub fn version(&self) -> Version {
        unsafe { sys::zverse_snapshot_version(self.handle) }
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody uses it any more.
        unsafe { sys::zverse_snapshot_free(self.handle) }
    }
}
