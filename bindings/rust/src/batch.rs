//! Batches.

use crate::error::{answer, Result};
use crate::sys;
use std::ptr;

/// Puts and erases that commit together. Of several operations on one key the last wins.
#[derive(Debug)]
pub struct Batch {
    pub(crate) handle: *mut sys::zverse_batch,
}

// SAFETY: one thread at a time, which &mut sees to; Store::write() only reads it.
unsafe impl Send for Batch {}

impl Batch {
    /// An empty one, of no store in particular.
    pub fn new() -> Result<Batch> {
        let mut handle = ptr::null_mut();
        answer(|error| unsafe { sys::zverse_batch_new(&mut handle, error) })?;
        Ok(Batch { handle })
    }

    /// Adds a put.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        answer(|error| unsafe {
            sys::zverse_batch_put(self.handle, key.as_ptr(), key.len(), value.as_ptr(), value.len(), error)
        })
    }

    /// Adds an erase.
    pub fn erase(&mut self, key: &[u8]) -> Result<()> {
        answer(|error| unsafe { sys::zverse_batch_erase(self.handle, key.as_ptr(), key.len(), error) })
    }

    /// Operations added.
    pub fn len(&self) -> usize {
        let mut operations = 0;
        unsafe { sys::zverse_batch_size(self.handle, &mut operations, ptr::null_mut()) };
        operations
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Empties it for the next use.
    pub fn clear(&mut self) {
        unsafe { sys::zverse_batch_clear(self.handle) }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody uses it any more.
        unsafe { sys::zverse_batch_free(self.handle) }
    }
}
