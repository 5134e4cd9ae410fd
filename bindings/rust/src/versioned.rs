//! The shape of SurrealDB's versioned store: transactions with `set`, `get(key, version)`, `del`, `scan`, `keys`, and
//! `set_at`, `get_at` and `scan_at` with timestamps of the caller's, which are what SurrealDB calls versions.
//!
//! **Versions and timestamps.** ZVerse hands versions out: one per commit, for the whole store, and nobody can choose
//! them. A timestamp is a number of the caller's, of any unit (SurrealDB's are nanoseconds). So each commit with a
//! timestamp writes down, in the same batch and under the same version, that this timestamp was reached:
//!
//! ```text
//! \0zverse/at/<timestamp, 8 bytes, big-endian>    empty; the record's own version is what counts
//! \0zverse/newest                                 the timestamp; every such commit writes it, so two of them conflict
//! ```
//!
//! `get_at(key, t)` finds the newest timestamp at or before `t` by one step of a reverse scan, takes the version of
//! that record and reads as of it. Both are in one batch, so after a crash either the write and its timestamp are
//! there, or neither is.
//!
//! **Rules.**
//! - Timestamps never fall. A commit below the newest timestamp is `InvalidArgument` and writes nothing; the same one
//!   again is fine, and `get_at` of it then shows both.
//! - Of two writers at once one commits first; the other meets a conflict. [`Versioned::set_at`] then tries again by
//!   itself, a [`Transaction`] says `Conflict`, as for any key. So commits with timestamps go one by one: where many
//!   threads write, put more into each.
//! - What `get_at(key, t)` shows is final once a later timestamp was written. Commits without a timestamp belong to the
//!   first timestamp written after them.
//! - A transaction has one version, so one timestamp.
//!
//! **Limits.** A timestamp takes one record (192 bytes of ring) that is never forgotten, since retention keeps the
//! newest record of each key. Below the store's floor `get_at` is `VersionTooOld`. Past timestamps can't be filled in
//! later. Keys that begin with [`RESERVED`] are the module's: writing them is `InvalidArgument`, scans leave them out.

use crate::error::{Code, Error, Result};
use crate::{Cursor, Query, Store, Version, LATEST};
use std::ops::Range;
use std::time::Duration;

/// What no key of the caller's may begin with.
pub const RESERVED: &[u8] = b"\0zverse/";
/// The first key behind all reserved ones.
const BEHIND_RESERVED: &[u8] = b"\0zverse0";
const MARKS: &[u8] = b"\0zverse/at/";
const NEWEST: &[u8] = b"\0zverse/newest";

/// How long a writer that lost waits to see who won, before it tries again all the same.
const LOSER_WAITS: Duration = Duration::from_millis(100);

/// One version of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When, in ZVerse's count.
    pub version: Version,
    /// The value, or None where the key was erased.
    pub value: Option<Vec<u8>>,
}

/// A store that is read and written as SurrealDB does.
#[derive(Debug)]
pub struct Versioned {
    store: Store,
}

impl Versioned {
    /// Takes the store over.
    pub fn new(store: Store) -> Versioned {
        Versioned { store }
    }

    /// The store underneath.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Gives the store back.
    pub fn into_store(self) -> Store {
        self.store
    }

    /// A transaction on the newest state.
    pub fn begin(&self) -> Result<Transaction<'_>> {
        Ok(Transaction { store: &self.store, inner: self.store.begin()?, timestamp: None })
    }

    /// Writes one key under a timestamp; tries again where other writers were first.
    pub fn set_at(&self, key: &[u8], value: &[u8], timestamp: u64) -> Result<Version> {
        loop {
            let mut transaction = self.begin()?;
            transaction.set_at(key, value, timestamp)?;
            match transaction.commit() {
                // On a plain file a commit is seen once it is durable: the next snapshot has to have the winner.
                Err(lost) if lost.code == Code::Conflict => {
                    self.store.wait_newer(lost.version.saturating_sub(1), LOSER_WAITS)?;
                }
                done => return done,
            }
        }
    }

    /// The value at a timestamp: as of the newest timestamp at or before it. None before the first.
    pub fn get_at(&self, key: &[u8], timestamp: u64) -> Result<Option<Vec<u8>>> {
        self.begin()?.get_at(key, timestamp)
    }

    /// The version that a timestamp stands for: that of the newest timestamp at or before it. None before the first.
    pub fn version_of(&self, timestamp: u64) -> Result<Option<Version>> {
        self.begin()?.version_of(timestamp)
    }

    /// The newest timestamp written up to a version, or None before the first.
    pub fn timestamp_of(&self, version: Version) -> Result<Option<u64>> {
        self.store.get_at(NEWEST, version)?.map(|value| timestamp_in(&value)).transpose()
    }

    /// Every version of a key still kept, newest first.
    pub fn history(&self, key: &[u8]) -> Result<Vec<Change>> {
        self.begin()?.history(key)
    }
}

/// Snapshot isolation, optimistic, first committer wins. Dropping it cancels it.
#[derive(Debug)]
pub struct Transaction<'a> {
    store: &'a Store,
    inner: crate::Transaction<'a>,
    timestamp: Option<u64>,
}

impl Transaction<'_> {
    /// The newest version that it sees.
    pub fn snapshot_version(&self) -> Version {
        self.inner.snapshot_version()
    }

    /// The value as of a version, or the newest of the snapshot and of what was written here.
    pub fn get(&mut self, key: &[u8], version: Option<Version>) -> Result<Option<Vec<u8>>> {
        match version {
            Some(version) => self.store.get_at(key, self.seen(version)?),
            None => self.inner.get(key),
        }
    }

    /// Whether there is a value.
    pub fn exists(&mut self, key: &[u8], version: Option<Version>) -> Result<bool> {
        Ok(self.get(key, version)?.is_some())
    }

    /// Writes a key.
    pub fn set(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.inner.put(not_reserved(key)?, value)
    }

    /// Erases a key; fine where it is absent.
    pub fn del(&mut self, key: &[u8]) -> Result<()> {
        self.inner.erase(not_reserved(key)?)
    }

    /// Writes a key under a timestamp, which is the whole transaction's.
    pub fn set_at(&mut self, key: &[u8], value: &[u8], timestamp: u64) -> Result<()> {
        match self.timestamp {
            Some(other) if other != timestamp => Err(Error::new(
                Code::InvalidArgument,
                format!("the transaction has the timestamp {other}, and can't have {timestamp} too"),
            )),
            _ => {
                self.set(key, value)?;
                self.timestamp = Some(timestamp);
                Ok(())
            }
        }
    }

    /// The value at a timestamp, of what was committed before this transaction began. None before the first.
    pub fn get_at(&mut self, key: &[u8], timestamp: u64) -> Result<Option<Vec<u8>>> {
        match self.version_of(timestamp)? {
            Some(version) => self.store.get_at(key, version),
            None => Ok(None),
        }
    }

    /// The version that a timestamp stands for, or None before the first.
    pub fn version_of(&self, timestamp: u64) -> Result<Option<Version>> {
        let mut behind = mark(timestamp);
        behind.push(0);
        let marks = Query {
            upto: self.snapshot_version(),
            reverse: true,
            limit: 1,
            keys_only: true,
            ..Query::range(MARKS, &behind)
        };
        Ok(self.store.scan(&marks)?.advance()?.map(|newest| newest.version))
    }

    /// Keys and values in a range (an empty end: no upper bound), at most `limit` of them, as of a version or as `get`.
    pub fn scan<K: AsRef<[u8]>>(
        &mut self,
        range: Range<K>,
        limit: usize,
        version: Option<Version>,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let query = Query::range(range.start.as_ref(), range.end.as_ref());
        self.walk(query, limit, version, |key, value| (key.to_vec(), value.to_vec()))
    }

    /// As [`scan`](Transaction::scan), without the values.
    pub fn keys<K: AsRef<[u8]>>(
        &mut self,
        range: Range<K>,
        limit: usize,
        version: Option<Version>,
    ) -> Result<Vec<Vec<u8>>> {
        let query = Query { keys_only: true, ..Query::range(range.start.as_ref(), range.end.as_ref()) };
        self.walk(query, limit, version, |key, _| key.to_vec())
    }

    /// As [`scan`](Transaction::scan) at a timestamp; nothing before the first.
    pub fn scan_at<K: AsRef<[u8]>>(
        &mut self,
        range: Range<K>,
        limit: usize,
        timestamp: u64,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        match self.version_of(timestamp)? {
            Some(version) => self.scan(range, limit, Some(version)),
            None => Ok(Vec::new()),
        }
    }

    /// Every version of a key still kept, newest first, up to the snapshot's.
    pub fn history(&self, key: &[u8]) -> Result<Vec<Change>> {
        let query = Query { upto: self.snapshot_version(), ..Query::default() };
        let change = |record: crate::Record| Change {
            version: record.version,
            value: (!record.tombstone).then(|| record.value),
        };
        self.store.history(key, &query)?.map(|record| record.map(change)).collect()
    }

    /// Commits what was written, under its timestamp if it has one.
    ///
    /// Errors: `Conflict` (somebody else wrote one of the keys, or a timestamp, since this began: begin again), and
    /// `InvalidArgument` where the timestamp is below the newest one. Then nothing was applied.
    pub fn commit(mut self) -> Result<Version> {
        if let Some(timestamp) = self.timestamp {
            if let Some(newest) = self.inner.get(NEWEST)? {
                let newest = timestamp_in(&newest)?;
                if timestamp < newest {
                    return Err(Error::new(
                        Code::InvalidArgument,
                        format!("the timestamp {timestamp} is below {newest}, the newest one: timestamps never fall"),
                    ));
                }
            }
            self.inner.put(NEWEST, &timestamp.to_be_bytes())?;
            self.inner.put(&mark(timestamp), &[])?;
        }
        self.inner.commit()
    }

    /// Forgets what was written.
    pub fn cancel(self) {}

    /// A version that this transaction sees.
    fn seen(&self, version: Version) -> Result<Version> {
        let snapshot = self.snapshot_version();
        if version <= snapshot {
            return Ok(version);
        }
        let message = format!("version {version} is above {snapshot}, the transaction's snapshot");
        Err(Error::new(Code::VersionUnknown, message))
    }

    fn walk<T>(
        &mut self,
        query: Query<'_>,
        limit: usize,
        version: Option<Version>,
        make: impl Fn(&[u8], &[u8]) -> T,
    ) -> Result<Vec<T>> {
        let upto = version.map_or(Ok(LATEST), |version| self.seen(version))?;
        let query = Query { upto, ..query };
        let mut cursor: Cursor<'_> = match version {
            Some(_) => self.store.scan(&query)?,
            None => self.inner.scan(&query)?,
        };
        let mut found = Vec::new();
        let mut past_reserved = false;
        while found.len() < limit {
            let entry = if past_reserved { cursor.seek(BEHIND_RESERVED)? } else { cursor.advance()? };
            past_reserved = false;
            match entry {
                Some(entry) if entry.key.starts_with(RESERVED) => past_reserved = true,
                Some(entry) => found.push(make(entry.key, entry.value)),
                None => break,
            }
        }
        Ok(found)
    }
}

fn mark(timestamp: u64) -> Vec<u8> {
    [MARKS, &timestamp.to_be_bytes()].concat()
}

fn timestamp_in(value: &[u8]) -> Result<u64> {
    let bytes = value.try_into().map_err(|_| Error::new(Code::Corrupt, "a reserved key holds no timestamp"))?;
    Ok(u64::from_be_bytes(bytes))
}

fn not_reserved(key: &[u8]) -> Result<&[u8]> {
    if key.starts_with(RESERVED) {
        return Err(Error::new(Code::InvalidArgument, "keys that begin with \\0zverse/ are reserved"));
    }
    Ok(key)
}
