// The checks, and all cases in a row: prints each one's name, and the count that ./dev test adds up.
#include "check.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Before each call it points to what is no error: a call that leaves it as it is shows.
static zverse_error kNotSet = {-1, 0, 0, "the call did not set its error"};
zverse_error* error = &kNotSet;
said last;

static int flaws;  // of the case that runs; written by its own thread only

void check_that(int good, const char* what, const char* file, int line) {
    if (good) return;
    ++flaws;
    printf("%s:%d: not so: %s\n", file, line, what);
}

void expect_code(int wanted, int got, const char* call, const char* file, int line) {
    if (got != wanted) {
        ++flaws;
        printf("%s:%d: %s, not %s: %s: %s\n", file, line, zverse_code_name(got), zverse_code_name(wanted), call,
               error != NULL ? error->message : "no message");
    }
    zverse_error* const told = error;
    error = &kNotSet;
    check_that((told != NULL) == (got != ZVERSE_OK), "an error is there when the call failed, and only then", file,
               line);
    if (told == NULL) return;
    check_that(told->code == got, "the error has the code that was returned", file, line);
    if (told == &kNotSet) return;
    check_that(strlen(told->message) > 5, "the error has a message", file, line);
    last.os_errno = told->os_errno;
    last.version = told->version;
    snprintf(last.message, sizeof last.message, "%s", told->message);
    zverse_error_free(told);
}

void said_that(const char* part, const char* file, int line) {
    if (strstr(last.message, part) != NULL) return;
    ++flaws;
    printf("%s:%d: said \"%s\", not \"%s\"\n", file, line, last.message, part);
}

/// Four pieces of memory that take turns.
static char* turn(size_t* bytes) {
    static char pieces[4][4096];
    static unsigned next;
    *bytes = sizeof pieces[0];
    return pieces[next++ % 4];
}

const char* text(const char* format, ...) {
    size_t bytes;
    char* const piece = turn(&bytes);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(piece, bytes, format, arguments);
    va_end(arguments);
    return piece;
}

zverse_options small_options(void) {
    zverse_options options;
    OK(zverse_options_init(&options, sizeof options, &error));
    options.ring_bytes = 1 << 20;
    options.shards = 1;
    options.force_granularity = "cache_line";
    options.write_timeout_ms = 1;
    return options;
}

zverse_store* open_small(const char* dir) {
    const zverse_options options = small_options();
    zverse_store* store;
    OK(zverse_open(dir, &options, &store, &error));
    if (store == NULL) exit(1);
    return store;
}

void put(zverse_store* store, const char* key, const char* value, uint64_t* version) {
    OK(zverse_put(store, key, strlen(key), value, strlen(value), version, &error));
}

int has(const zverse_store* store, const char* key, uint64_t as_of, const char* value) {
    char* found;
    size_t bytes;
    OK(zverse_get(store, key, strlen(key), as_of, &found, &bytes, NULL, &error));
    const int same =
        value == NULL ? found == NULL : found != NULL && bytes == strlen(value) && memcmp(found, value, bytes) == 0;
    zverse_free(found);
    return same;
}

const char* walk(zverse_cursor* cursor) {
    size_t bytes;
    size_t used = 0;
    char* const piece = turn(&bytes);
    piece[0] = '\0';
    const zverse_entry* entry;
    for (OK(zverse_cursor_next(cursor, &entry, &error)); entry != NULL;
         OK(zverse_cursor_next(cursor, &entry, &error))) {
        const int value_bytes = entry->tombstone ? 1 : (int)entry->value_bytes;
        used += (size_t)snprintf(piece + used, bytes - used, "%s%.*s=%.*s", used > 0 ? " " : "", (int)entry->key_bytes,
                                 entry->key, value_bytes, entry->tombstone ? "!" : entry->value);
        if (used >= bytes) break;
    }
    zverse_cursor_free(cursor);
    return piece;
}

static int remove_one(const char* path, const struct stat* status, int kind, struct FTW* place) {
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

/// Runs a case in a folder of its own; 1 when something was not as it must be.
static int run(const char* name, test_case* body) {
    const char* parent = getenv("ZVERSE_TEST_DIR");
    if (parent == NULL || *parent == '\0') parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR");
    char dir[1000];
    snprintf(dir, sizeof dir, "%s/zverse-c-XXXXXX", parent != NULL ? parent : "/tmp");
    if (mkdtemp(dir) == NULL) {
        perror(dir);
        return 1;
    }
    flaws = 0;
    body(dir);
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    printf("%s %s\n", flaws == 0 ? "good" : "BAD ", name);
    fflush(stdout);
    return flaws != 0;
}

#define CASE(name) {#name, name}
static const struct {
    const char* name;
    test_case* body;
} kCases[] = {
    CASE(kills),  // first, while there is one thread
    CASE(abi_numbers),
    CASE(opening_and_closing),
    CASE(options_of_all_sizes),
    CASE(options_that_are_refused),
    CASE(options_with_hot_paths),
    CASE(puts_and_erases),
    CASE(conditional_puts),
    CASE(batches),
    CASE(copies),
    CASE(gets_into_buffers),
    CASE(visits),
    CASE(gets_of_many),
    CASE(versions_that_are_unknown),
    CASE(scans),
    CASE(seeks),
    CASE(histories),
    CASE(changes),
    CASE(queries_that_are_refused),
    CASE(cursors_after_the_store),
    CASE(transactions),
    CASE(transactions_that_lose),
    CASE(snapshots),
    CASE(named_pins),
    CASE(times_and_waits),
    CASE(waits_for_writers),
    CASE(flushes_and_checkpoints),
    CASE(checks_that_find_damage),
    CASE(figures),
    CASE(handles_that_are_null),
    CASE(outputs_that_are_null),
    CASE(bytes_that_are_null),
    CASE(threads_beside_each_other),
};

int main(int argc, char** argv) {
    int passed = 0;
    int failed = 0;
    for (size_t i = 0; i < sizeof kCases / sizeof kCases[0]; ++i) {
        if (argc > 1 && strcmp(argv[1], kCases[i].name) != 0) continue;
        if (run(kCases[i].name, kCases[i].body)) {
            ++failed;
        } else {
            ++passed;
        }
    }
    printf("cases: %d passed, %d failed, 0 skipped\n", passed, failed);
    return failed > 0 || passed == 0;
}
