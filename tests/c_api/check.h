// What the cases of this C program share: checks that name themselves, a folder for each case, small stores.
#pragma once

#include <zverse/c.h>

#include <stddef.h>
#include <stdint.h>

/// The last parameter of every call under test. expect_code() looks at it, frees it and keeps what it said.
extern zverse_error* error;

/// What the last call that failed said.
typedef struct said {
    int os_errno;
    uint64_t version;
    char message[500];
} said;
extern said last;

#define CHECK(condition) check_that((condition) != 0, #condition, __FILE__, __LINE__)
/// `call` must return `code`, and its error must say the same.
#define EXPECT(code, call) expect_code(code, call, #call, __FILE__, __LINE__)
#define OK(call) EXPECT(ZVERSE_OK, call)
#define INVALID(call) EXPECT(ZVERSE_INVALID_ARGUMENT, call)
/// The call before was refused for what its message says.
#define SAID(part) said_that(part, __FILE__, __LINE__)

void check_that(int good, const char* what, const char* file, int line);
void expect_code(int wanted, int got, const char* call, const char* file, int line);
void said_that(const char* part, const char* file, int line);

/// sprintf into memory that lives until the next call but three.
const char* text(const char* format, ...) __attribute__((format(printf, 1, 2)));

/// One ring of 1 MiB, cache-line granularity forced, a full ring told after 1 ms.
zverse_options small_options(void);
/// Ends the program where it can't.
zverse_store* open_small(const char* dir);
void put(zverse_store* store, const char* key, const char* value, uint64_t* version);
/// Whether the key's value as of a version is the text; NULL: absent or erased.
int has(const zverse_store* store, const char* key, uint64_t as_of, const char* value);
/// All entries to the cursor's end: "key=value key=value ...", "!" for a tombstone's value; frees the cursor. Lives
/// until the next call but three.
const char* walk(zverse_cursor* cursor);

/// A case gets a folder of its own, which goes afterwards.
typedef void test_case(const char* dir);
test_case abi_numbers, opening_and_closing, options_of_all_sizes, options_that_are_refused, options_with_hot_paths;
test_case puts_and_erases, conditional_puts, batches;
test_case copies, gets_into_buffers, visits, gets_of_many, versions_that_are_unknown;
test_case scans, seeks, histories, changes, queries_that_are_refused, cursors_after_the_store;
test_case transactions, transactions_that_lose, snapshots, named_pins;
test_case times_and_waits, waits_for_writers, flushes_and_checkpoints, checks_that_find_damage, figures;
test_case handles_that_are_null, outputs_that_are_null, bytes_that_are_null, threads_beside_each_other;
test_case kills;
