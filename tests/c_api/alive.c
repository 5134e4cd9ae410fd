// Threads beside each other, and a writer that is killed: what was acknowledged is there.
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kThreads = 4, kWrites = 300, kKilledAfter = 200 };

struct writer {
    zverse_store* store;
    int number, flaws;
};

/// Writes keys of its own, reads each back, and makes an error now and then, which nobody else may see.
static void* write_and_read(void* context) {
    struct writer* const self = context;
    for (int i = 0; i < kWrites; ++i) {
        char key[32];
        const size_t bytes = (size_t)snprintf(key, sizeof key, "%d-%d", self->number, i);
        uint64_t version = 0;
        char* value = NULL;
        zverse_error* mine = NULL;
        if (zverse_put(self->store, key, bytes, key, bytes, &version, NULL) != ZVERSE_OK) ++self->flaws;
        if (zverse_get(self->store, key, bytes, version, &value, NULL, NULL, NULL) != ZVERSE_OK) ++self->flaws;
        if (value == NULL || strcmp(value, key) != 0) ++self->flaws;
        zverse_free(value);
        const int code = zverse_put_if(self->store, key, bytes, "", 0, 0, NULL, &mine);
        if (code != ZVERSE_CONFLICT || mine == NULL || mine->version != version) ++self->flaws;
        zverse_error_free(mine);
    }
    return NULL;
}

void threads_beside_each_other(const char* dir) {
    zverse_store* const store = open_small(dir);
    struct writer writers[kThreads];
    pthread_t threads[kThreads];
    for (int i = 0; i < kThreads; ++i) {
        writers[i] = (struct writer){store, i, 0};
        CHECK(pthread_create(&threads[i], NULL, write_and_read, &writers[i]) == 0);
    }
    for (int i = 0; i < kThreads; ++i) {
        pthread_join(threads[i], NULL);
        CHECK(writers[i].flaws == 0);
    }
    zverse_cursor* cursor;
    const zverse_entry* entry;
    int count = 0;
    OK(zverse_scan(store, NULL, &cursor, &error));
    for (OK(zverse_cursor_next(cursor, &entry, &error)); entry != NULL;
         OK(zverse_cursor_next(cursor, &entry, &error))) {
        ++count;
    }
    CHECK(count == kThreads * kWrites);
    zverse_cursor_free(cursor);
    zverse_store_free(store);
}

/// Writes until it is killed, and says over the pipe what was acknowledged.
static void write_for_ever(const char* dir, int acknowledgements) {
    zverse_store* const store = open_small(dir);
    for (unsigned i = 0;; ++i) {
        char key[16];
        uint64_t version = 0;
        const size_t bytes = (size_t)snprintf(key, sizeof key, "key %u", i % 1000);
        if (zverse_put(store, key, bytes, &i, sizeof i, &version, NULL) != ZVERSE_OK) _exit(1);
        if (write(acknowledgements, &version, sizeof version) != sizeof version) _exit(2);
    }
}

static void look_for_acknowledged(const zverse_store* store, const uint64_t* versions, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
        char key[16];
        unsigned value = 0;
        size_t bytes = 0;
        uint64_t version = 0;
        const size_t key_bytes = (size_t)snprintf(key, sizeof key, "key %u", i % 1000);
        OK(zverse_get_into(store, key, key_bytes, versions[i], &value, sizeof value, &bytes, &version, &error));
        CHECK(bytes == sizeof value && value == i && version == versions[i]);
    }
}

void kills(const char* dir) {
    static uint64_t versions[100000];
    unsigned count = 0;
    int ends[2];
    CHECK(pipe(ends) == 0);
    const pid_t child = fork();
    if (child == 0) write_for_ever(dir, ends[1]);
    close(ends[1]);
    while (count < kKilledAfter && read(ends[0], &versions[count], sizeof versions[0]) == sizeof versions[0]) ++count;
    CHECK(kill(child, SIGKILL) == 0);
    // The pipe holds what was acknowledged before the end.
    while (count < 100000 && read(ends[0], &versions[count], sizeof versions[0]) == sizeof versions[0]) ++count;
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    close(ends[0]);
    CHECK(count >= kKilledAfter);

    zverse_store* const store = open_small(dir);
    look_for_acknowledged(store, versions, count);
    uint64_t next = 0;
    put(store, "after", "value", &next);
    CHECK(count > 0 && next > versions[count - 1]);
    zverse_store_free(store);
}
