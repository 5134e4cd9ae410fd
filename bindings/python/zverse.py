"""ZVerse for Python: an embedded, versioned key-value store, through zverse/c.h and ctypes.

    import zverse

    with zverse.Store("/srv/zv") as store:
        red = store.put(b"color", b"red")  # durable on return; gives the version of the write
        store[b"color"] = b"blue"
        store[b"color"]                    # b"blue"
        store.get(b"color", as_of=red)     # b"red", for ever
        for entry in store.history(b"color"):
            print(entry.version, entry.value)

Keys and values are bytes; what is returned is the caller's own copy. A store may be used by many threads at once (the
interpreter lock is released while a call waits); a batch, a transaction and an iterator by one at a time. Every failure
is a subclass of Error. The library is looked for as libzverse.so.1 by the loader, or is what ZVERSE_LIBRARY names.
"""

from __future__ import annotations

import ctypes
import datetime
import enum
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from ctypes import POINTER, Structure, byref, c_char_p, c_int, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from dataclasses import dataclass
from typing import Any

LATEST = 2**64 - 1
"""As an as-of version: the newest state, resolved when the call is made."""

_NO_LIMIT = 2**64 - 1


# ---- What C calls it.


class _Error(Structure):
    _fields_ = [("code", c_int), ("os_errno", c_int), ("version", c_uint64), ("message", c_char_p)]


class _Entry(Structure):
    _fields_ = [
        ("key", c_void_p), ("key_bytes", c_size_t), ("value", c_void_p), ("value_bytes", c_size_t),
        ("version", c_uint64), ("tombstone", c_int),
    ]


class _Bytes(Structure):
    _fields_ = [("data", c_void_p), ("bytes", c_size_t)]


class _Query(Structure):
    _fields_ = [
        ("struct_bytes", c_size_t), ("begin", c_char_p), ("begin_bytes", c_size_t), ("end", c_char_p),
        ("end_bytes", c_size_t), ("after", c_uint64), ("upto", c_uint64), ("limit", c_uint64), ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class _Options(Structure):
    _fields_ = [
        ("struct_bytes", c_size_t), ("create_if_missing", c_uint32), ("error_if_exists", c_uint32),
        ("read_only", c_uint32), ("durability", c_uint32), ("sync_every_ms", c_uint64),
        ("sync_every_writes", c_uint64), ("hot_paths", POINTER(c_char_p)), ("hot_paths_count", c_size_t),
        ("ring_bytes", c_uint64), ("shards", c_uint32), ("sharding", c_uint32), ("workers", c_uint32),
        ("compression", c_uint32), ("curve", c_char_p), ("cold_reads", c_uint32), ("reserved", c_uint32),
        ("retention_max_age_s", c_uint64), ("retention_max_versions_behind", c_uint64),
        ("value_bytes_max", c_uint64), ("memory_bytes_max", c_uint64), ("background_bytes_per_second", c_uint64),
        ("write_timeout_ms", c_uint64), ("force_kernel", c_char_p), ("force_io", c_char_p),
        ("force_granularity", c_char_p),
    ]


class _Finding(Structure):
    _fields_ = [("code", c_char_p), ("file", c_char_p), ("what", c_char_p), ("offset", c_uint64)]


class _Verification(Structure):
    _fields_ = [
        ("bytes", c_uint64), ("records", c_uint64), ("segments", c_uint64), ("findings_count", c_size_t),
        ("findings", POINTER(POINTER(_Finding))),
    ]


_HANDLE, _KEY, _NUMBER = c_void_p, (c_char_p, c_size_t), POINTER(c_uint64)

# Parameters of each function before the last, which is the error; its result is the code.
_FALLIBLE: dict[str, tuple[Any, ...]] = {
    "zverse_options_init": (POINTER(_Options), c_size_t),
    "zverse_open": (c_char_p, POINTER(_Options), POINTER(_HANDLE)),
    "zverse_close": (_HANDLE,),
    "zverse_put": (_HANDLE, *_KEY, *_KEY, _NUMBER),
    "zverse_erase": (_HANDLE, *_KEY, _NUMBER),
    "zverse_put_if": (_HANDLE, *_KEY, *_KEY, c_uint64, _NUMBER),
    "zverse_batch_new": (POINTER(_HANDLE),),
    "zverse_batch_put": (_HANDLE, *_KEY, *_KEY),
    "zverse_batch_erase": (_HANDLE, *_KEY),
    "zverse_write": (_HANDLE, _HANDLE, _NUMBER),
    "zverse_get": (_HANDLE, *_KEY, c_uint64, POINTER(c_void_p), POINTER(c_size_t), _NUMBER),
    "zverse_multi_get": (_HANDLE, POINTER(_Bytes), c_size_t, c_uint64, POINTER(_Bytes), POINTER(c_void_p)),
    "zverse_scan": (_HANDLE, POINTER(_Query), POINTER(_HANDLE)),
    "zverse_history": (_HANDLE, *_KEY, POINTER(_Query), POINTER(_HANDLE)),
    "zverse_changes": (_HANDLE, POINTER(_Query), POINTER(_HANDLE)),
    "zverse_cursor_next": (_HANDLE, POINTER(POINTER(_Entry))),
    "zverse_cursor_seek": (_HANDLE, *_KEY, POINTER(POINTER(_Entry))),
    "zverse_snapshot_new": (_HANDLE, POINTER(_HANDLE)),
    "zverse_pin": (_HANDLE, *_KEY, c_uint64, _NUMBER),
    "zverse_unpin": (_HANDLE, *_KEY),
    "zverse_pins": (_HANDLE, POINTER(_HANDLE)),
    "zverse_begin": (_HANDLE, POINTER(_HANDLE)),
    "zverse_transaction_get": (_HANDLE, *_KEY, POINTER(c_void_p), POINTER(c_size_t)),
    "zverse_transaction_scan": (_HANDLE, POINTER(_Query), POINTER(_HANDLE)),
    "zverse_transaction_put": (_HANDLE, *_KEY, *_KEY),
    "zverse_transaction_erase": (_HANDLE, *_KEY),
    "zverse_transaction_commit": (_HANDLE, _NUMBER),
    "zverse_version_at": (_HANDLE, c_int64, _NUMBER),
    "zverse_sync": (_HANDLE,),
    "zverse_wait_durable": (_HANDLE, c_uint64),
    "zverse_wait_newer": (_HANDLE, c_uint64, c_uint64, _NUMBER),
    "zverse_flush": (_HANDLE,),
    "zverse_compact": (_HANDLE, POINTER(_Query)),
    "zverse_checkpoint": (_HANDLE, c_char_p),
    "zverse_verify": (_HANDLE, POINTER(POINTER(_Verification))),
    "zverse_scrubbed": (_HANDLE, POINTER(POINTER(_Verification))),
    "zverse_stats": (_HANDLE, c_int, POINTER(c_void_p), POINTER(c_size_t)),
}
_OTHERS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "zverse_version": (c_char_p, ()),
    "zverse_abi": (c_uint32, ()),
    "zverse_error_free": (None, (c_void_p,)),
    "zverse_free": (None, (c_void_p,)),
    "zverse_store_free": (None, (_HANDLE,)),
    "zverse_batch_size": (None, (_HANDLE, POINTER(c_size_t), POINTER(c_size_t))),
    "zverse_batch_clear": (None, (_HANDLE,)),
    "zverse_batch_free": (None, (_HANDLE,)),
    "zverse_cursor_free": (None, (_HANDLE,)),
    "zverse_snapshot_version": (c_uint64, (_HANDLE,)),
    "zverse_snapshot_free": (None, (_HANDLE,)),
    "zverse_transaction_version": (c_uint64, (_HANDLE,)),
    "zverse_transaction_free": (None, (_HANDLE,)),
    "zverse_latest_version": (c_uint64, (_HANDLE,)),
    "zverse_durable_version": (c_uint64, (_HANDLE,)),
    "zverse_floor": (c_uint64, (_HANDLE,)),
    "zverse_verification_free": (None, (POINTER(_Verification),)),
}


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL(os.environ.get("ZVERSE_LIBRARY") or "libzverse.so.1")
    for name, parameters in _FALLIBLE.items():
        function = getattr(library, name)
        function.argtypes, function.restype = (*parameters, POINTER(POINTER(_Error))), c_int
    for name, (result, parameters) in _OTHERS.items():
        function = getattr(library, name)
        function.argtypes, function.restype = parameters, result
    return library


_library = _load()


# ---- Errors.


class Error(Exception):
    """A failed call. `code` is that of zverse/c.h, `version` the floor or the version found, where there is one."""

    code = 0

    def __init__(self, message: str, code: int, os_errno: int = 0, version: int = 0):
        super().__init__(message)
        self.code, self.os_errno, self.version = code, os_errno, version


class InvalidArgument(Error, ValueError):
    code = 1


class NotFound(Error, LookupError):
    code = 2


class Exists(Error):
    code = 3


class VersionTooOld(Error):
    """`version` is the floor."""

    code = 4


class VersionUnknown(Error):
    code = 5


class Conflict(Error):
    """`version` is the version found."""

    code = 6


class Full(Error):
    code = 7


class Io(Error):
    """`os_errno` says what failed; a write's outcome is unknown."""

    code = 8


class Corrupt(Error):
    code = 9


class Incompatible(Error):
    code = 10


class Locked(Error):
    code = 11


class ReadOnly(Error):
    code = 12


class Closed(Error):
    code = 13


_ERRORS = {kind.code: kind for kind in Error.__subclasses__()}


def _number(value: int) -> int:
    """ctypes would cut off what does not fit."""
    if not 0 <= value <= 2**64 - 1:
        raise InvalidArgument(f"{value} is no number from 0 to 2**64 - 1", InvalidArgument.code)
    return value


def _path(path: str | os.PathLike[str]) -> bytes:
    name = os.fsencode(path)
    if b"\0" in name:
        raise InvalidArgument("a path has no zero byte", InvalidArgument.code)
    return name


def _call(name: str, *arguments: Any) -> None:
    for argument in arguments:
        if isinstance(argument, int):
            _number(argument)
    error = POINTER(_Error)()
    code = getattr(_library, name)(*arguments, byref(error))
    if code == 0:
        return
    told = error.contents
    failure = _ERRORS.get(code, Error)(told.message.decode("utf-8", "replace"), code, told.os_errno, told.version)
    _library.zverse_error_free(error)
    raise failure


def _taken(name: str, *arguments: Any) -> bytes | None:
    """What a call hands out as memory and a number of bytes, as an own copy."""
    memory, size = c_void_p(), c_size_t()
    _call(name, *arguments, byref(memory), byref(size))
    if not memory:
        return None
    try:
        return ctypes.string_at(memory, size.value)
    finally:
        _library.zverse_free(memory)


def _versioned(name: str, *arguments: Any) -> int:
    version = c_uint64()
    _call(name, *arguments, byref(version))
    return version.value


def _made(name: str, *arguments: Any) -> c_void_p:
    handle = c_void_p()
    _call(name, *arguments, byref(handle))
    return handle


# ---- Reading.


@dataclass(frozen=True, slots=True)
class Entry:
    """One record. The value of a tombstone is empty."""

    key: bytes
    value: bytes
    version: int
    tombstone: bool = False


def _query(begin: bytes = b"", end: bytes = b"", prefix: bytes | None = None, after: int = 0, upto: int = LATEST,
           limit: int = 0, reverse: bool = False, keys_only: bool = False) -> _Query:
    if prefix is not None and begin:
        raise ValueError("either begin or prefix")
    begin = prefix if prefix is not None else begin
    flags = (1 if reverse else 0) | (2 if keys_only else 0) | (4 if prefix is not None else 0)
    after, upto, limit = _number(after), _number(upto), _number(limit)
    return _Query(ctypes.sizeof(_Query), begin, len(begin), end, len(end), after, upto, limit, flags, 0)


class Cursor(Iterator[Entry]):
    """Walks entries; close() it, use it in a `with`, or leave it to the collector. Stays as it was when it was made,
    whatever is written meanwhile."""

    def __init__(self, handle: c_void_p):
        self._handle: c_void_p | None = handle

    def __next__(self) -> Entry:
        entry = POINTER(_Entry)()
        if self._handle is None:
            raise StopIteration
        _call("zverse_cursor_next", self._handle, byref(entry))
        if not entry:
            raise StopIteration
        return self._copy(entry.contents)

    def seek(self, key: bytes) -> Entry | None:
        """Scans only: the first entry at or after the key (at or before it, when reversed), or None."""
        entry = POINTER(_Entry)()
        if self._handle is None:
            raise Closed("the cursor was closed", Closed.code)
        _call("zverse_cursor_seek", self._handle, key, len(key), byref(entry))
        return self._copy(entry.contents) if entry else None

    @staticmethod
    def _copy(entry: _Entry) -> Entry:
        key, value = ctypes.string_at(entry.key, entry.key_bytes), ctypes.string_at(entry.value, entry.value_bytes)
        return Entry(key, value, entry.version, bool(entry.tombstone))

    def close(self) -> None:
        handle, self._handle = self._handle, None
        _library.zverse_cursor_free(handle)

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


class Snapshot:
    """Holds a version against the floor until it is closed: `store.get(key, as_of=snapshot.version)`."""

    def __init__(self, handle: c_void_p):
        self._handle: c_void_p | None = handle
        self.version: int = _library.zverse_snapshot_version(handle)

    def close(self) -> None:
        handle, self._handle = self._handle, None
        _library.zverse_snapshot_free(handle)

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


# ---- Writing.


class Batch:
    """Puts and erases that commit together, under one version: `store.write(batch)`, or with `store.batch() as batch`,
    which writes at its end unless an exception leaves it. Of several operations on a key the last wins."""

    def __init__(self, store: Store | None = None):
        self._handle = _made("zverse_batch_new")
        self._store = store
        self.version: int | None = None

    def put(self, key: bytes, value: bytes) -> None:
        _call("zverse_batch_put", self._handle, key, len(key), value, len(value))

    def erase(self, key: bytes) -> None:
        _call("zverse_batch_erase", self._handle, key, len(key))

    __setitem__ = put
    __delitem__ = erase

    def clear(self) -> None:
        _library.zverse_batch_clear(self._handle)

    def __len__(self) -> int:
        operations = c_size_t()
        _library.zverse_batch_size(self._handle, byref(operations), None)
        return operations.value

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, kind: type | None, *exception: object) -> None:
        if kind is None and self._store is not None and len(self) > 0:
            self.version = self._store.write(self)

    def __del__(self) -> None:
        _library.zverse_batch_free(self.__dict__.get("_handle"))


class Transaction:
    """Snapshot isolation, optimistic, first committer wins. In a `with` it commits at the end, and rolls back when an
    exception leaves it; Conflict says that somebody else was first: do it all again."""

    def __init__(self, handle: c_void_p):
        self._handle: c_void_p | None = handle
        self.snapshot_version: int = _library.zverse_transaction_version(handle)
        self.version: int | None = None

    def get(self, key: bytes) -> bytes | None:
        return _taken("zverse_transaction_get", self._handle, key, len(key))

    def put(self, key: bytes, value: bytes) -> None:
        _call("zverse_transaction_put", self._handle, key, len(key), value, len(value))

    def erase(self, key: bytes) -> None:
        _call("zverse_transaction_erase", self._handle, key, len(key))

    def scan(self, begin: bytes = b"", end: bytes = b"", *, prefix: bytes | None = None, limit: int = 0,
             reverse: bool = False, keys_only: bool = False) -> Cursor:
        """Live keys of the snapshot, with the transaction's own writes so far laid over them."""
        query = _query(begin, end, prefix, limit=limit, reverse=reverse, keys_only=keys_only)
        return Cursor(_made("zverse_transaction_scan", self._handle, byref(query)))

    def __getitem__(self, key: bytes) -> bytes:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    __setitem__ = put
    __delitem__ = erase

    def commit(self) -> int:
        """The version of the commit. Raises Conflict, and then nothing was applied."""
        self.version = _versioned("zverse_transaction_commit", self._handle)
        return self.version

    def rollback(self) -> None:
        handle, self._handle = self._handle, None
        _library.zverse_transaction_free(handle)

    def __enter__(self) -> Transaction:
        return self

    def __exit__(self, kind: type | None, *exception: object) -> None:
        try:
            if kind is None and self._handle is not None and self.version is None:
                self.commit()
        finally:
            self.rollback()

    def __del__(self) -> None:
        self.rollback()


# ---- The store.


class Durability(enum.IntEnum):
    """What a write has survived when it returns."""

    POWER = 0
    PROCESS = 1


@dataclass(frozen=True)
class Finding:
    code: str
    file: str
    what: str
    offset: int


@dataclass(frozen=True)
class Verification:
    """What a check looked at, and what it found."""

    findings: list[Finding]
    bytes: int
    records: int
    segments: int


# Of Store(): its keyword, the value C gets of it. Keywords not listed are members of zverse_options.
_CHOICES: dict[str, Sequence[str]] = {
    "sharding": ("by_core", "by_key"),
    "compression": ("none", "history"),
    "cold_reads": ("mapped", "copied"),
}


def _options(settings: dict[str, Any]) -> _Options:
    options = _Options()
    _call("zverse_options_init", byref(options), ctypes.sizeof(options))
    members = {name for name, _ in _Options._fields_} - {"struct_bytes", "reserved", "hot_paths_count"}
    for name, value in settings.items():
        if name not in members:
            raise TypeError(f"no option {name!r}; there are {', '.join(sorted(members))}")
        if name == "hot_paths":
            paths = [_path(path) for path in value]
            options.hot_paths = (c_char_p * len(paths))(*paths)
            options.hot_paths_count = len(paths)
        elif name in _CHOICES and isinstance(value, str):
            setattr(options, name, _CHOICES[name].index(value))
        elif isinstance(value, str):
            setattr(options, name, value.encode())
        else:
            setattr(options, name, _number(value))
            if getattr(options, name) != value:
                raise InvalidArgument(f"{name} is {value}, more than 2**32 - 1", InvalidArgument.code)
    return options


class Store:
    """A store, open in this process: a mapping of bytes to bytes that remembers every version.

    `options` are the members of zverse_options by name, e.g. read_only=True, durability=Durability.PROCESS,
    ring_bytes=1 << 20, compression="history"; zverse/c.h says what each means.
    """

    def __init__(self, path: str | os.PathLike[str], **options: Any):
        self._handle: c_void_p | None = None
        self._handle = _made("zverse_open", _path(path), byref(_options(options)))

    def close(self) -> None:
        """Syncs, and refuses all later calls. Once closed, closing again does nothing."""
        try:
            _call("zverse_close", self._handle)
        except Closed:
            pass

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        _library.zverse_store_free(self._handle)

    # Writes. On return visible to every later read, with the store's durability.

    def put(self, key: bytes, value: bytes) -> int:
        """Stores a new version of the key, and says which."""
        return _versioned("zverse_put", self._handle, key, len(key), value, len(value))

    def erase(self, key: bytes) -> int:
        """Stores a tombstone; erasing an absent key is fine and takes a version too."""
        return _versioned("zverse_erase", self._handle, key, len(key))

    def put_if(self, key: bytes, value: bytes, expected: int) -> int:
        """Puts if the newest version of the key is `expected` (0: absent or erased), else raises Conflict."""
        return _versioned("zverse_put_if", self._handle, key, len(key), value, len(value), expected)

    def batch(self) -> Batch:
        return Batch(self)

    def write(self, batch: Batch) -> int:
        """All of the batch or nothing, under one version."""
        return _versioned("zverse_write", self._handle, batch._handle)

    def begin(self) -> Transaction:
        return Transaction(_made("zverse_begin", self._handle))

    # Reads. They never wait for writers.

    def get(self, key: bytes, default: bytes | None = None, *, as_of: int = LATEST) -> bytes | None:
        value = _taken_of(self._handle, key, as_of)[0]
        return default if value is None else value

    def get_entry(self, key: bytes, *, as_of: int = LATEST) -> Entry | None:
        """As get(), with the version of the value."""
        value, version = _taken_of(self._handle, key, as_of)
        return None if value is None else Entry(key, value, version)

    def multi_get(self, keys: Iterable[bytes], *, as_of: int = LATEST) -> list[bytes | None]:
        """The values of the keys, all as of one version; far cheaper than as many gets."""
        wanted = list(keys)
        places = (_Bytes * len(wanted))(*((ctypes.cast(c_char_p(key), c_void_p), len(key)) for key in wanted))
        values = (_Bytes * len(wanted))()
        memory = c_void_p()
        _call("zverse_multi_get", self._handle, places, len(wanted), as_of, values, byref(memory))
        try:
            return [ctypes.string_at(value.data, value.bytes) if value.data else None for value in values]
        finally:
            _library.zverse_free(memory)

    def __getitem__(self, key: bytes) -> bytes:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self.put(key, value)

    def __delitem__(self, key: bytes) -> None:
        self.erase(key)

    def __contains__(self, key: bytes) -> bool:
        return self.get(key) is not None

    def __iter__(self) -> Iterator[bytes]:
        return (entry.key for entry in self.scan(keys_only=True))

    def scan(self, begin: bytes = b"", end: bytes = b"", *, prefix: bytes | None = None, as_of: int = LATEST,
             limit: int = 0, reverse: bool = False, keys_only: bool = False) -> Cursor:
        """Live keys in [begin, end), or with a prefix, in key order."""
        query = _query(begin, end, prefix, upto=as_of, limit=limit, reverse=reverse, keys_only=keys_only)
        return Cursor(_made("zverse_scan", self._handle, byref(query)))

    def history(self, key: bytes, *, after: int = 0, upto: int = LATEST, limit: int = 0, reverse: bool = False,
                keys_only: bool = False) -> Cursor:
        """Records of the key in (after, upto], tombstones too, newest first (reverse: oldest)."""
        query = _query(after=after, upto=upto, limit=limit, reverse=reverse, keys_only=keys_only)
        return Cursor(_made("zverse_history", self._handle, key, len(key), byref(query)))

    def changes(self, after: int = 0, upto: int = LATEST, *, begin: bytes = b"", end: bytes = b"",
                prefix: bytes | None = None, limit: int = 0, reverse: bool = False, keys_only: bool = False) -> Cursor:
        """Every record in (after, upto], by version, then key; tombstones too. Raises VersionTooOld below the floor."""
        query = _query(begin, end, prefix, after, upto, limit, reverse, keys_only)
        return Cursor(_made("zverse_changes", self._handle, byref(query)))

    # Versions, snapshots, pins.

    @property
    def latest_version(self) -> int:
        return _library.zverse_latest_version(self._handle)

    @property
    def durable_version(self) -> int:
        """Every version up to it survives power loss."""
        return _library.zverse_durable_version(self._handle)

    @property
    def floor(self) -> int:
        """The oldest version still answerable exactly."""
        return _library.zverse_floor(self._handle)

    def version_at(self, when: datetime.datetime) -> int:
        """The newest version committed at or before then, to about a second. A time without a zone is local."""
        return _versioned("zverse_version_at", self._handle, c_int64(int(when.timestamp() * 1000)))

    def snapshot(self) -> Snapshot:
        return Snapshot(_made("zverse_snapshot_new", self._handle))

    def pin(self, name: bytes, version: int = LATEST) -> int:
        """Holds a version against the floor under a name, over restarts; says which."""
        return _versioned("zverse_pin", self._handle, name, len(name), version)

    def unpin(self, name: bytes) -> None:
        _call("zverse_unpin", self._handle, name, len(name))

    def pins(self) -> dict[bytes, int]:
        return {entry.key: entry.version for entry in Cursor(_made("zverse_pins", self._handle))}

    def sync(self) -> None:
        """On return all that was written before the call survives power loss."""
        _call("zverse_sync", self._handle)

    def wait_durable(self, version: int) -> None:
        _call("zverse_wait_durable", self._handle, version)

    def wait_newer(self, after: int, timeout: float) -> int:
        """The latest version once it is > after, or when `timeout` seconds have passed."""
        return _versioned("zverse_wait_newer", self._handle, after, max(0, int(timeout * 1000)))

    # Maintenance.

    def flush(self) -> None:
        _call("zverse_flush", self._handle)

    def compact(self, begin: bytes = b"", end: bytes = b"", *, prefix: bytes | None = None) -> None:
        _call("zverse_compact", self._handle, byref(_query(begin, end, prefix)))

    def checkpoint(self, path: str | os.PathLike[str]) -> None:
        """A store of its own in `path`, which must not exist or be empty, with all that this one holds."""
        _call("zverse_checkpoint", self._handle, _path(path))

    def verify(self) -> Verification:
        """Reads and checks everything; damage is a finding, no exception."""
        return _verification("zverse_verify", self._handle)

    def scrubbed(self) -> Verification:
        """What the scrub in the background has found."""
        return _verification("zverse_scrubbed", self._handle)

    def stats(self) -> dict[str, Any]:
        """All figures and the platform report."""
        return json.loads(_taken("zverse_stats", self._handle, 1) or b"{}")

    def openmetrics(self) -> str:
        return (_taken("zverse_stats", self._handle, 0) or b"").decode()


def _taken_of(store: c_void_p | None, key: bytes, as_of: int) -> tuple[bytes | None, int]:
    memory, size, version = c_void_p(), c_size_t(), c_uint64()
    _call("zverse_get", store, key, len(key), as_of, byref(memory), byref(size), byref(version))
    if not memory:
        return None, 0
    try:
        return ctypes.string_at(memory, size.value), version.value
    finally:
        _library.zverse_free(memory)


def _verification(name: str, store: c_void_p | None) -> Verification:
    made = POINTER(_Verification)()
    _call(name, store, byref(made))
    try:
        seen = made.contents
        found = (seen.findings[i].contents for i in range(seen.findings_count))
        findings = [Finding(each.code.decode(), os.fsdecode(each.file), each.what.decode("utf-8", "replace"),
                            each.offset) for each in found]
        return Verification(findings, seen.bytes, seen.records, seen.segments)
    finally:
        _library.zverse_verification_free(made)


def version() -> str:
    """The library's, e.g. "0.1.0"."""
    return _library.zverse_version().decode()
