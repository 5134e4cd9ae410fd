//! ZVerse for Rust: an embedded, versioned key-value store. Every write gets one version, and every read can name one.
//!
//! ```no_run
//! # fn main() -> zverse::Result<()> {
//! let store = zverse::Store::open("/srv/zv", &zverse::Options::default())?;
//! let red = store.put(b"color", b"red")?; // durable on return; gives the version of the write
//! store.put(b"color", b"blue")?;
//! store.get(b"color")?; // Some(b"blue")
//! store.get_at(b"color", red)?; // Some(b"red"), for ever
//! # Ok(())
//! # }
//! ```
//!
//! A [`Store`] may be shared by any number of threads; a [`Batch`], [`Cursor`] or [`Transaction`] belongs to one at a
//! time. Cursors, snapshots and transactions borrow the store, so none outlives it. [`versioned`] has the shape of
//! SurrealDB's versioned store. What is promised is in the library's own `zverse/store.h`.
#![deny(missing_docs, unsafe_op_in_unsafe_fn)]

mod batch;
mod cursor;
mod error;
mod options;
mod snapshot;
mod store;
#[allow(missing_docs, non_camel_case_types)]
pub mod sys;
mod transaction;
mod verification;
pub mod versioned;

pub use batch::Batch;
pub use cursor::{Cursor, Entry, Query, Record};
pub use error::{Code, Error, Result};
pub use options::{ColdReads, Compression, Durability, Options, Sharding};
pub use snapshot::Snapshot;
pub use store::Store;
pub use transaction::Transaction;
pub use verification::{Finding, Verification};

/// One per committed write or batch, strictly increasing over the whole store; 0 is before everything.
pub type Version = u64;

/// As an as-of version: the newest state, resolved when the call is made.
pub const LATEST: Version = u64::MAX;
