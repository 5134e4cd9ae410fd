//! Goal: every method of the crate does what the library's function does, and errors arrive whole.

mod small;

use small::{small, Folder};
use std::fs;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::thread;
use std::time::{Duration, SystemTime};
use zverse::{Batch, Code, Durability, Options, Query, Record, Store, LATEST};

fn keys(records: zverse::Cursor<'_>) -> Vec<String> {
    records.map(|record| String::from_utf8(record.unwrap().key).unwrap()).collect()
}

#[test]
fn writes_and_reads_as_of_versions() {
    let folder = Folder::new();
    let store = folder.open();
    let red = store.put(b"color", b"red").unwrap();
    let blue = store.put(b"color", b"blue").unwrap();
    assert!(blue > red);
    assert_eq!(store.get(b"color").unwrap().as_deref(), Some(&b"blue"[..]));
    assert_eq!(store.get_at(b"color", red).unwrap().as_deref(), Some(&b"red"[..]));
    let gone = store.erase(b"color").unwrap();
    assert_eq!(store.get(b"color").unwrap(), None);
    assert_eq!(store.latest_version(), gone);
    store.put(b"empty", b"").unwrap();
    assert_eq!(store.get(b"empty").unwrap(), Some(vec![]));
    store.close().unwrap();
    assert_eq!(folder.open().get_at(b"color", blue).unwrap().as_deref(), Some(&b"blue"[..]));
}

#[test]
fn visits_look_and_panics_pass() {
    let folder = Folder::new();
    let store = folder.open();
    let version = store.put(b"k", b"value").unwrap();
    let seen = store.visit(b"k", LATEST, |entry| (entry.key.len(), entry.value.len(), entry.version)).unwrap();
    assert_eq!(seen, Some((1, 5, version)));
    assert_eq!(store.visit(b"nobody", LATEST, |_| ()).unwrap(), None);
    let panicked = catch_unwind(AssertUnwindSafe(|| store.visit(b"k", LATEST, |_| panic!("in the middle"))));
    assert_eq!(*panicked.unwrap_err().downcast::<&str>().unwrap(), "in the middle");
    assert_eq!(store.get(b"k").unwrap(), Some(b"value".to_vec())); // and the store goes on
}

#[test]
fn errors_arrive_whole() {
    let folder = Folder::new();
    let store = folder.open();
    let version = store.put_if(b"k", b"1", 0).unwrap();
    let lost = store.put_if(b"k", b"2", 0).unwrap_err();
    assert_eq!((lost.code, lost.version), (Code::Conflict, version));
    assert!(lost.to_string().len() > 5);
    assert!(store.put_if(b"k", b"2", version).is_ok());
    assert_eq!(store.put(b"", b"v").unwrap_err().code, Code::InvalidArgument);
    assert_eq!(store.get_at(b"k", store.latest_version() + 1000).unwrap_err().code, Code::VersionUnknown);
    let locked = Store::open(folder.path("store"), &small()).unwrap_err();
    assert_eq!(locked.code, Code::Locked);
    let nothing = Options { create_if_missing: false, ..small() };
    assert_eq!(Store::open(folder.path("nothing"), &nothing).unwrap_err().code, Code::NotFound);
    assert_eq!(Store::open("a\0b", &small()).unwrap_err().code, Code::InvalidArgument);
    let odd = Options { force_io: "pigeon".into(), ..small() };
    assert!(Store::open(folder.path("odd"), &odd).unwrap_err().message.contains("pigeon"));
}

#[test]
fn options_arrive() {
    let folder = Folder::new();
    let rings = folder.path("rings");
    let options = Options {
        durability: Durability::Process,
        sync_every: Duration::ZERO,
        hot_paths: vec![rings.clone()],
        curve: "kv".into(),
        retention_max_age: Some(Duration::from_secs(3600)),
        ..small()
    };
    let store = Store::open(folder.path("store"), &options).unwrap();
    assert!(fs::read_dir(&rings).unwrap().count() > 0);
    let version = store.put(b"k", b"v").unwrap();
    assert!(store.durable_version() < version);
    store.wait_durable(version).unwrap();
    assert!(store.durable_version() >= version);
    store.put(b"k", b"w").unwrap();
    store.sync().unwrap();
    assert!(store.durable_version() >= store.latest_version());
    drop(store);
    let read_only = Options { read_only: true, ..options };
    let store = Store::open(folder.path("store"), &read_only).unwrap();
    assert_eq!(store.put(b"k", b"x").unwrap_err().code, Code::ReadOnly);
}

#[test]
fn scans_seek_and_histories() {
    let folder = Folder::new();
    let store = folder.open();
    for key in ["a", "ab", "b", "c"] {
        store.put(key.as_bytes(), b"v").unwrap();
    }
    let all = store.latest_version();
    store.erase(b"b").unwrap();
    assert_eq!(keys(store.scan(&Query::default()).unwrap()), ["a", "ab", "c"]);
    assert_eq!(keys(store.scan(&Query { upto: all, ..Query::range(b"ab", b"c") }).unwrap()), ["ab", "b"]);
    assert_eq!(keys(store.scan(&Query::with_prefix(b"a")).unwrap()), ["a", "ab"]);
    assert_eq!(keys(store.scan(&Query { reverse: true, limit: 2, ..Query::default() }).unwrap()), ["c", "ab"]);

    let mut cursor = store.scan(&Query { keys_only: true, ..Query::default() }).unwrap();
    let entry = cursor.seek(b"aa").unwrap().unwrap();
    assert_eq!((entry.key, entry.value), (&b"ab"[..], &b""[..]));
    assert_eq!(cursor.advance().unwrap().unwrap().key, b"c");
    assert!(cursor.advance().unwrap().is_none());

    let history: Vec<Record> = store.history(b"b", &Query::default()).unwrap().map(Result::unwrap).collect();
    assert_eq!(history.iter().map(|record| record.tombstone).collect::<Vec<_>>(), [true, false]);
    assert_eq!(keys(store.changes(&Query { after: all, ..Query::default() }).unwrap()), ["b"]);
    let backwards = store.scan(&Query::range(b"b", b"a")).unwrap_err();
    assert_eq!(backwards.code, Code::InvalidArgument);
}

#[test]
fn batches_and_many_at_once() {
    let folder = Folder::new();
    let store = folder.open();
    let mut batch = Batch::new().unwrap();
    assert!(batch.is_empty());
    batch.put(b"a", b"1").unwrap();
    batch.put(b"b", b"2").unwrap();
    batch.erase(b"a").unwrap();
    assert_eq!(batch.len(), 3);
    let version = store.write(&batch).unwrap();
    let found = store.multi_get(&[b"b", b"a", b"nobody"], version).unwrap();
    assert_eq!(found, [Some(b"2".to_vec()), None, None]);
    batch.clear();
    assert_eq!(store.write(&batch).unwrap_err().code, Code::InvalidArgument);
    assert_eq!(store.multi_get(&[], LATEST).unwrap(), []);
}

#[test]
fn transactions() {
    let folder = Folder::new();
    let store = folder.open();
    store.put(b"k", b"old").unwrap();
    let mut transaction = store.begin().unwrap();
    transaction.put(b"k", b"new").unwrap();
    transaction.put(b"side", b"1").unwrap();
    assert_eq!(transaction.get(b"k").unwrap(), Some(b"new".to_vec()));
    assert_eq!(transaction.get(b"nobody").unwrap(), None);
    assert_eq!(keys(transaction.scan(&Query::default()).unwrap()), ["k", "side"]);
    let before = transaction.snapshot_version();
    let version = transaction.commit().unwrap();
    assert!(version > before);
    assert_eq!(store.get_at(b"side", version).unwrap(), Some(b"1".to_vec()));

    let mut loser = store.begin().unwrap();
    loser.erase(b"k").unwrap();
    let theirs = store.put(b"k", b"theirs").unwrap();
    let lost = loser.commit().unwrap_err();
    assert_eq!((lost.code, lost.version), (Code::Conflict, theirs));
    let mut dropped = store.begin().unwrap();
    dropped.put(b"k", b"never").unwrap();
    drop(dropped);
    assert_eq!(store.get(b"k").unwrap(), Some(b"theirs".to_vec()));
}

#[test]
fn snapshots_pins_and_times() {
    let folder = Folder::new();
    let store = folder.open();
    store.put(b"k", b"old").unwrap();
    let snapshot = store.snapshot().unwrap();
    store.put(b"k", b"new").unwrap();
    assert_eq!(store.get_at(b"k", snapshot.version()).unwrap(), Some(b"old".to_vec()));
    assert_eq!(store.pin(b"then", snapshot.version()).unwrap(), snapshot.version());
    assert_eq!(store.pin(b"then", LATEST).unwrap_err().code, Code::Exists);
    let pins: Vec<_> = store.pins().unwrap().map(|pin| pin.map(|pin| (pin.key, pin.version)).unwrap()).collect();
    assert_eq!(pins, [(b"then".to_vec(), snapshot.version())]);
    store.unpin(b"then").unwrap();
    assert_eq!(store.unpin(b"then").unwrap_err().code, Code::NotFound);

    let later = SystemTime::now() + Duration::from_secs(3600);
    assert_eq!(store.version_at(later).unwrap(), store.latest_version());
    let long_ago = SystemTime::UNIX_EPOCH - Duration::from_secs(3600);
    assert_eq!(store.version_at(long_ago).unwrap_err().code, Code::VersionTooOld);
    let latest = store.latest_version();
    assert_eq!(store.wait_newer(latest - 1, Duration::from_secs(5)).unwrap(), latest);
    assert!(store.floor() <= latest);
}

#[test]
fn maintenance() {
    let folder = Folder::new();
    let store = folder.open();
    let version = store.put(b"k", b"v").unwrap();
    store.flush().unwrap();
    store.compact(&Query::default()).unwrap();
    store.checkpoint(folder.path("copy")).unwrap();
    assert_eq!(store.checkpoint(folder.path("copy")).unwrap_err().code, Code::Exists);
    let copy = Store::open(folder.path("copy"), &small()).unwrap();
    assert_eq!(copy.get_at(b"k", version).unwrap(), Some(b"v".to_vec()));
    let seen = store.verify().unwrap();
    assert_eq!((seen.findings.len(), seen.segments), (0, 1));
    assert!(seen.records > 0 && seen.bytes > 0);
    assert_eq!(store.scrubbed().unwrap().findings, []);
    assert!(store.openmetrics().unwrap().contains("zverse_puts_total 1"));
    assert!(store.stats_json().unwrap().contains("zverse.stats/1"));
}

#[test]
fn findings_arrive() {
    let folder = Folder::new();
    let store = folder.open();
    store.put(b"k", &[7; 10_000]).unwrap();
    store.flush().unwrap();
    let segment = fs::read_dir(folder.path("store/cold")).unwrap().next().unwrap().unwrap().path();
    let file = fs::OpenOptions::new().read(true).write(true).open(&segment).unwrap();
    let middle = file.metadata().unwrap().len() / 2;
    use std::os::unix::fs::FileExt;
    let mut byte = [0];
    file.read_exact_at(&mut byte, middle).unwrap();
    file.write_all_at(&[byte[0] ^ 1], middle).unwrap();
    let finding = &store.verify().unwrap().findings[0];
    assert!(finding.code.starts_with("ZV-SEG-"));
    assert_eq!(finding.file, segment.to_string_lossy());
    assert!(!finding.what.is_empty() && finding.offset > 0);
}

#[test]
fn threads_share_a_store() {
    let folder = Folder::new();
    let store = folder.open();
    thread::scope(|scope| {
        for number in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for i in 0..200 {
                    let key = format!("{number}-{i}");
                    let version = store.put(key.as_bytes(), key.as_bytes()).unwrap();
                    assert_eq!(store.get_at(key.as_bytes(), version).unwrap(), Some(key.into_bytes()));
                }
            });
        }
    });
    assert_eq!(store.scan(&Query::default()).unwrap().count(), 800);
}
