//! Goal: the shape of SurrealDB's versioned store: versions, timestamps, and what holds when writers meet or die.

mod small;

use small::Folder;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use zverse::versioned::{Change, Versioned, RESERVED};
use zverse::{Code, Query};

fn value(text: &str) -> Option<Vec<u8>> {
    Some(text.as_bytes().to_vec())
}

#[test]
fn transactions_read_versions() {
    let folder = Folder::new();
    let data = Versioned::new(folder.open());
    let mut first = data.begin().unwrap();
    first.set(b"a", b"1").unwrap();
    first.set(b"b", b"1").unwrap();
    let one = first.commit().unwrap();
    let mut second = data.begin().unwrap();
    second.del(b"a").unwrap();
    second.set(b"c", b"2").unwrap();
    assert_eq!(second.get(b"a", None).unwrap(), None);
    assert_eq!(second.get(b"a", Some(one)).unwrap(), value("1"));
    assert!(second.exists(b"c", None).unwrap());
    assert!(!second.exists(b"c", Some(one)).unwrap());
    assert_eq!(second.keys(&b""[..]..&b""[..], 10, None).unwrap(), [b"b", b"c"]);
    let two = second.commit().unwrap();

    let mut third = data.begin().unwrap();
    let pairs = |text: &[(&str, &str)]| -> Vec<(Vec<u8>, Vec<u8>)> {
        text.iter().map(|(key, value)| (key.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
    };
    assert_eq!(third.scan("a".."z", 10, Some(one)).unwrap(), pairs(&[("a", "1"), ("b", "1")]));
    assert_eq!(third.scan("a".."z", 1, Some(two)).unwrap(), pairs(&[("b", "1")]));
    assert_eq!(third.scan("b".."c", 10, None).unwrap(), pairs(&[("b", "1")]));
    assert_eq!(third.scan("".."", 0, None).unwrap(), []);
    let gone = Change { version: two, value: None };
    assert_eq!(third.history(b"a").unwrap(), [gone, Change { version: one, value: value("1") }]);

    let mut other = data.begin().unwrap();
    other.set(b"a", b"later").unwrap();
    let later = other.commit().unwrap();
    assert_eq!(third.get(b"a", None).unwrap(), None); // the snapshot stays
    assert_eq!(third.get(b"a", Some(later)).unwrap_err().code, Code::VersionUnknown);
    assert_eq!(third.scan("a".."z", 10, Some(later)).unwrap_err().code, Code::VersionUnknown);
    assert_eq!(third.history(b"a").unwrap().len(), 2);
    assert_eq!(data.history(b"a").unwrap().len(), 3);
    third.cancel();
}

#[test]
fn timestamps_find_versions() {
    let folder = Folder::new();
    let data = Versioned::new(folder.open());
    assert_eq!(data.get_at(b"k", u64::MAX).unwrap(), None); // before the first
    assert_eq!(data.version_of(5).unwrap(), None);
    let ten = data.set_at(b"k", b"ten", 10).unwrap();
    let twenty = data.set_at(b"k", b"twenty", 20).unwrap();
    assert_eq!(data.get_at(b"k", 9).unwrap(), None);
    assert_eq!(data.get_at(b"k", 10).unwrap(), value("ten"));
    assert_eq!(data.get_at(b"k", 19).unwrap(), value("ten"));
    assert_eq!(data.get_at(b"k", 20).unwrap(), value("twenty"));
    assert_eq!(data.get_at(b"k", u64::MAX).unwrap(), value("twenty"));
    assert_eq!((data.version_of(19).unwrap(), data.version_of(20).unwrap()), (Some(ten), Some(twenty)));
    assert_eq!((data.timestamp_of(ten - 1).unwrap(), data.timestamp_of(ten).unwrap()), (None, Some(10)));
    assert_eq!(data.timestamp_of(twenty).unwrap(), Some(20));

    let before = data.store().latest_version();
    let falling = data.set_at(b"k", b"late", 19).unwrap_err();
    assert_eq!(falling.code, Code::InvalidArgument);
    assert!(falling.message.contains("the timestamp 19 is below 20"), "{}", falling.message);
    assert_eq!(data.store().latest_version(), before); // nothing was written

    data.set_at(b"k", b"again", 20).unwrap(); // the same once more
    assert_eq!(data.get_at(b"k", 20).unwrap(), value("again"));
    data.store().put(b"k", b"untimed").unwrap();
    assert_eq!(data.get_at(b"k", 30).unwrap(), value("again")); // belongs to the next timestamp
    data.set_at(b"other", b"v", 30).unwrap();
    assert_eq!(data.get_at(b"k", 30).unwrap(), value("untimed"));
    assert_eq!(data.get_at(b"k", 29).unwrap(), value("again"));
    let mut transaction = data.begin().unwrap();
    let both = [(b"k".to_vec(), b"untimed".to_vec()), (b"other".to_vec(), b"v".to_vec())];
    assert_eq!(transaction.scan_at("".."", 10, 30).unwrap(), both);
    assert_eq!(transaction.scan_at("".."", 10, 19).unwrap(), [(b"k".to_vec(), b"ten".to_vec())]);
    assert_eq!(transaction.scan_at("".."", 10, 9).unwrap(), []);
    // The bytes of a timestamp sort as its number does.
    data.set_at(b"k", b"wide", 0x0100).unwrap();
    data.set_at(b"k", b"wider", u64::MAX).unwrap();
    assert_eq!(data.get_at(b"k", 0x01ff).unwrap(), value("wide"));
    assert_eq!(data.get_at(b"k", u64::MAX).unwrap(), value("wider"));
}

#[test]
fn a_transaction_has_one_timestamp() {
    let folder = Folder::new();
    let data = Versioned::new(folder.open());
    let mut transaction = data.begin().unwrap();
    transaction.set_at(b"a", b"1", 5).unwrap();
    transaction.set_at(b"b", b"1", 5).unwrap();
    assert_eq!(transaction.set_at(b"c", b"1", 6).unwrap_err().code, Code::InvalidArgument);
    assert_eq!(transaction.get_at(b"a", 5).unwrap(), None); // not committed yet
    let version = transaction.commit().unwrap();
    assert_eq!(data.get_at(b"b", 5).unwrap(), value("1"));
    assert_eq!(data.get_at(b"c", 6).unwrap(), None);
    assert_eq!(data.version_of(5).unwrap(), Some(version));

    // Two at once: who is second begins again, and then its timestamp has become too old.
    let (mut early, mut late) = (data.begin().unwrap(), data.begin().unwrap());
    early.set_at(b"x", b"early", 7).unwrap();
    late.set_at(b"y", b"late", 8).unwrap();
    late.commit().unwrap();
    assert_eq!(early.commit().unwrap_err().code, Code::Conflict);
    assert_eq!(data.set_at(b"x", b"early", 7).unwrap_err().code, Code::InvalidArgument);
    assert_eq!(data.get_at(b"x", 8).unwrap(), None);
}

#[test]
fn reserved_keys_stay_out_of_sight() {
    let folder = Folder::new();
    let data = Versioned::new(folder.open());
    for timestamp in 0..20 {
        data.set_at(b"k", b"v", timestamp).unwrap();
    }
    let mut transaction = data.begin().unwrap();
    transaction.set(b"\0a", b"before").unwrap();
    transaction.set(b"\0zverse0", b"behind").unwrap();
    for key in [RESERVED, b"\0zverse/mine"] {
        assert_eq!(transaction.set(key, b"v").unwrap_err().code, Code::InvalidArgument);
        assert_eq!(transaction.del(key).unwrap_err().code, Code::InvalidArgument);
        assert_eq!(transaction.set_at(key, b"v", 99).unwrap_err().code, Code::InvalidArgument);
    }
    let everything = transaction.keys("".."", 10, None).unwrap();
    assert_eq!(everything, [&b"\0a"[..], b"\0zverse0", b"k"]);
    let version = transaction.commit().unwrap();
    let mut transaction = data.begin().unwrap();
    assert_eq!(transaction.keys("".."", 2, Some(version)).unwrap(), [&b"\0a"[..], b"\0zverse0"]);
    assert_eq!(transaction.keys(&RESERVED[..]..&b"\0zverse/z"[..], 10, None).unwrap(), Vec::<Vec<u8>>::new());
}

#[test]
fn writers_at_once_keep_time() {
    let folder = Folder::new();
    let data = Versioned::new(folder.open());
    let clock = AtomicU64::new(1);
    thread::scope(|scope| {
        for number in 0..4_u8 {
            let (data, clock) = (&data, &clock);
            scope.spawn(move || {
                for _ in 0..50 {
                    // A timestamp that another thread has passed meanwhile is refused; the clock gives a new one.
                    loop {
                        let timestamp = clock.fetch_add(1, Ordering::Relaxed);
                        match data.set_at(&[number], &timestamp.to_be_bytes(), timestamp) {
                            Ok(_) => break,
                            Err(error) => assert_eq!(error.code, Code::InvalidArgument, "{error}"),
                        }
                    }
                }
            });
        }
    });
    let mut by_version = BTreeMap::new();
    for number in 0..4_u8 {
        let history = data.history(&[number]).unwrap();
        assert_eq!(history.len(), 50);
        for change in history {
            let timestamp = u64::from_be_bytes(change.value.unwrap().try_into().unwrap());
            assert_eq!(data.version_of(timestamp).unwrap(), Some(change.version));
            assert_eq!(data.timestamp_of(change.version).unwrap(), Some(timestamp));
            by_version.insert(change.version, timestamp);
        }
    }
    let timestamps: Vec<_> = by_version.values().collect();
    assert_eq!(timestamps.len(), 200);
    assert!(timestamps.windows(2).all(|pair| pair[0] < pair[1]), "timestamps fell");
}

#[test]
fn timestamps_survive() {
    let folder = Folder::new();
    let data = Versioned::new(folder.open());
    data.set_at(b"k", b"ten", 10).unwrap();
    data.set_at(b"k", b"twenty", 20).unwrap();
    data.store().flush().unwrap();
    data.store().compact(&Query::default()).unwrap();
    data.into_store().close().unwrap();
    let data = Versioned::new(folder.open());
    assert_eq!(data.get_at(b"k", 15).unwrap(), value("ten"));
    assert_eq!(data.set_at(b"k", b"late", 15).unwrap_err().code, Code::InvalidArgument);
    data.set_at(b"k", b"thirty", 30).unwrap();
    assert_eq!(data.get_at(b"k", 30).unwrap(), value("thirty"));
}
