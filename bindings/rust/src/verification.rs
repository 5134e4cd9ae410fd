//! What a check of the store found.

use crate::error::{answer, Result};
use crate::sys;
use std::ffi::CStr;
use std::ptr;

/// One thing that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable, e.g. "ZV-SEG-014".
    pub code: String,
    /// Path of the file.
    pub file: String,
    /// One sentence for people.
    pub what: String,
    /// In the file, in bytes.
    pub offset: u64,
}

/// What a check looked at, and what it found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// In the order in which they were met.
    pub findings: Vec<Finding>,
    /// Read and checked.
    pub bytes: u64,
    /// Read; some may count twice while a flush runs.
    pub records: u64,
    /// Read, damaged ones too.
    pub segments: u64,
}

/// What `call` makes.
pub(crate) fn verification(
    call: impl FnOnce(*mut *mut sys::zverse_verification, *mut *mut sys::zverse_error) -> i32,
) -> Result<Verification> {
    let mut made = ptr::null_mut();
    answer(|error| call(&mut made, error))?;
    // SAFETY: what a call that succeeds makes is ours until it is freed; its texts are strings.
    unsafe {
        let text = |text| CStr::from_ptr(text).to_string_lossy().into_owned();
        let findings = (0..(*made).findings_count)
            .map(|i| &**(*made).findings.add(i))
            .map(|each| Finding {
                code: text(each.code),
                file: text(each.file),
                what: text(each.what),
                offset: each.offset,
            })
            .collect();
        let copy =
            Verification { findings, bytes: (*made).bytes, records: (*made).records, segments: (*made).segments };
        sys::zverse_verification_free(made);
        Ok(copy)
    }
}
