//! Small stores in folders of their own, for the tests beside this one.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};
use zverse::{Options, Store};

/// Removed with all it holds when this goes.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let memory = Path::new("/dev/shm");
        let parent = env::var_os("ZVERSE_TEST_DIR").map(PathBuf::from);
        let parent = parent.unwrap_or_else(|| if memory.is_dir() { memory.into() } else { env::temp_dir() });
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("zverse-rust-{}-{number}", process::id()));
        fs::create_dir(&path).expect("a folder for the test");
        Folder(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The store of this folder: one ring of 1 MiB, cache-line granularity forced.
    pub fn open(&self) -> Store {
        Store::open(self.path("store"), &small()).expect("a small store")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn small() -> Options {
    Options { ring_bytes: 1 << 20, shards: 1, force_granularity: "cache_line".into(), ..Options::default() }
}
