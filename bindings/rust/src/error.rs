//! What can go wrong, and how a code of C becomes a `Result`.

use crate::sys;
use std::ffi::CStr;
use std::fmt;
use std::os::raw::c_int;
use std::ptr;

/// One for each reaction a caller may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// The caller's mistake; the message names the argument and its limit.
    InvalidArgument,
    /// No store there and `create_if_missing` is off; unknown pin.
    NotFound,
    /// `error_if_exists` is on and a store is there; pin name in use.
    Exists,
    /// Below the floor, which is the error's version.
    VersionTooOld,
    /// Above the latest version, or in a window lost to a power cut.
    VersionUnknown,
    /// A transaction or `put_if` lost; the error's version is the version found.
    Conflict,
    /// No space, or no memory; nothing was applied.
    Full,
    /// The operating system failed; a write's outcome is unknown.
    Io,
    /// A checksum, magic or cross-check failed.
    Corrupt,
    /// A format version or feature bits that this build can't read.
    Incompatible,
    /// The store is open elsewhere.
    Locked,
    /// Opened so, or fell back to it after a failed sync.
    ReadOnly,
    /// The store was closed.
    Closed,
    /// A code that a later library has, and this crate does not know.
    Other(i32),
}

impl Code {
    fn of(code: c_int) -> Code {
        const KNOWN: [Code; 13] = [
            Code::InvalidArgument,
            Code::NotFound,
            Code::Exists,
            Code::VersionTooOld,
            Code::VersionUnknown,
            Code::Conflict,
            Code::Full,
            Code::Io,
            Code::Corrupt,
            Code::Incompatible,
            Code::Locked,
            Code::ReadOnly,
            Code::Closed,
        ];
        let known = usize::try_from(code - 1).ok().and_then(|place| KNOWN.get(place));
        known.copied().unwrap_or(Code::Other(code))
    }
}

/// A failed call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind of failure.
    pub code: Code,
    /// One full sentence.
    pub message: String,
    /// errno of the failed system call, or 0.
    pub os_errno: i32,
    /// The floor for `VersionTooOld`, the version found for `Conflict`, else 0.
    pub version: u64,
}

impl Error {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Error {
        Error { code, message: message.into(), os_errno: 0, version: 0 }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// What every call that can fail returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Makes a call of C, which gets the place for its error, into a `Result`.
pub(crate) fn answer(call: impl FnOnce(*mut *mut sys::zverse_error) -> c_int) -> Result<()> {
    let mut told = ptr::null_mut();
    let code = call(&mut told);
    if code == sys::ZVERSE_OK {
        return Ok(());
    }
    // SAFETY: a call that fails sets its error, whose message is a string; it is ours until it is freed.
    unsafe {
        let message = CStr::from_ptr((*told).message).to_string_lossy().into_owned();
        let error = Error { code: Code::of(code), message, os_errno: (*told).os_errno, version: (*told).version };
        sys::zverse_error_free(told);
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn codes_have_the_numbers_of_c() {
        assert_eq!(Code::of(1), Code::InvalidArgument);
        assert_eq!(Code::of(6), Code::Conflict);
        assert_eq!(Code::of(13), Code::Closed);
        assert_eq!(Code::of(14), Code::Other(14));
        assert_eq!(Code::of(-1), Code::Other(-1));
    }
}
