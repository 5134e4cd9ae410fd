//! How a store is opened.

use crate::error::{answer, Code, Error, Result};
use crate::sys;
use std::ffi::CString;
use std::mem::{size_of, MaybeUninit};
use std::os::raw::c_char;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::time::Duration;

/// What a write has survived when it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Power loss.
    Power = 0,
    /// The death of the process at once, power loss after the next sync.
    Process = 1,
}

/// Which ring takes a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharding {
    /// The ring of the CPU that runs the writer.
    ByCore = 0,
    /// The ring of the key's hash.
    ByKey = 1,
}

/// What of the settled versions is stored compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Nothing.
    None = 0,
    /// Superseded versions.
    History = 1,
}

/// How settled bytes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColdReads {
    /// Where they lie, in mappings.
    Mapped = 0,
    /// By read calls, so that a bad medium is always an error.
    Copied = 1,
}

/// Every knob; `zverse/options.h` says more about each. Start from `Options::default()`.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Options {
    pub create_if_missing: bool,
    pub error_if_exists: bool,
    pub read_only: bool,
    pub durability: Durability,
    /// Zero: only who asks.
    pub sync_every: Duration,
    pub sync_every_writes: u64,
    /// Empty: in the store's own folder.
    pub hot_paths: Vec<PathBuf>,
    /// Zero: 64 MiB, or as created.
    pub ring_bytes: u64,
    /// Zero: one per core, or as created.
    pub shards: u32,
    pub sharding: Sharding,
    pub workers: u32,
    pub compression: Compression,
    pub curve: String,
    pub cold_reads: ColdReads,
    /// None: no such limit.
    pub retention_max_age: Option<Duration>,
    /// None: no such limit.
    pub retention_max_versions_behind: Option<u64>,
    pub value_bytes_max: u64,
    pub memory_bytes_max: u64,
    pub background_bytes_per_second: u64,
    pub write_timeout: Duration,
    pub force_kernel: String,
    pub force_io: String,
    pub force_granularity: String,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            create_if_missing: true,
            error_if_exists: false,
            read_only: false,
            durability: Durability::Power,
            sync_every: Duration::from_millis(5),
            sync_every_writes: 0,
            hot_paths: Vec::new(),
            ring_bytes: 0,
            shards: 0,
            sharding: Sharding::ByCore,
            workers: 0,
            compression: Compression::None,
            curve: String::new(),
            cold_reads: ColdReads::Mapped,
            retention_max_age: None,
            retention_max_versions_behind: None,
            value_bytes_max: 0,
            memory_bytes_max: 0,
            background_bytes_per_second: 0,
            write_timeout: Duration::from_secs(10),
            force_kernel: String::new(),
            force_io: String::new(),
            force_granularity: String::new(),
        }
    }
}

/// The options of C, and the strings that they point at.
pub(crate) struct Lowered {
    pub(crate) options: sys::zverse_options,
    _texts: Vec<CString>,
    _paths: Vec<*const c_char>,
}

impl Options {
    pub(crate) fn lower(&self) -> Result<Lowered> {
        let mut texts = Vec::new();
        let mut options = MaybeUninit::<sys::zverse_options>::uninit();
        // SAFETY: init sets all members, unless it fails.
        let mut options = unsafe {
            answer(|error| sys::zverse_options_init(options.as_mut_ptr(), size_of::<sys::zverse_options>(), error))?;
            options.assume_init()
        };
        options.create_if_missing = self.create_if_missing.into();
        options.error_if_exists = self.error_if_exists.into();
        options.read_only = self.read_only.into();
        options.durability = self.durability as u32;
        options.sync_every_ms = milliseconds(self.sync_every);
        options.sync_every_writes = self.sync_every_writes;
        options.ring_bytes = self.ring_bytes;
        options.shards = self.shards;
        options.sharding = self.sharding as u32;
        options.workers = self.workers;
        options.compression = self.compression as u32;
        options.curve = text(&self.curve, &mut texts)?;
        options.cold_reads = self.cold_reads as u32;
        options.retention_max_age_s = self.retention_max_age.map_or(sys::ZVERSE_NO_LIMIT, |age| age.as_secs());
        options.retention_max_versions_behind = self.retention_max_versions_behind.unwrap_or(sys::ZVERSE_NO_LIMIT);
        options.value_bytes_max = self.value_bytes_max;
        options.memory_bytes_max = self.memory_bytes_max;
        options.background_bytes_per_second = self.background_bytes_per_second;
        options.write_timeout_ms = milliseconds(self.write_timeout);
        options.force_kernel = text(&self.force_kernel, &mut texts)?;
        options.force_io = text(&self.force_io, &mut texts)?;
        options.force_granularity = text(&self.force_granularity, &mut texts)?;

        let mut paths = Vec::new();
        for path in &self.hot_paths {
            let path = c_path(path)?;
            paths.push(path.as_ptr());
            texts.push(path);
        }
        options.hot_paths = paths.as_ptr();
        options.hot_paths_count = paths.len();
        Ok(Lowered { options, _texts: texts, _paths: paths })
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn text(value: &str, texts: &mut Vec<CString>) -> Result<*const c_char> {
    if value.is_empty() {
        return Ok(ptr::null());
    }
    let owned = CString::new(value).map_err(|_| Error::new(Code::InvalidArgument, "an option has a zero byte"))?;
    texts.push(owned);
    Ok(texts[texts.len() - 1].as_ptr()) // its bytes stay where they are when the vector grows
}

pub(crate) fn c_path(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Error::new(Code::InvalidArgument, "a path has no zero byte"))
}
