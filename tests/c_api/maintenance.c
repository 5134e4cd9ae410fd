// Times, waits, flushes, checkpoints, checks of every byte, and figures.
#include "check.h"

#include <glob.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void times_and_waits(const char* dir) {
    zverse_options options = small_options();
    zverse_store* store;
    options.durability = ZVERSE_PROCESS;
    options.sync_every_ms = 0;  // only who asks
    OK(zverse_open(dir, &options, &store, &error));
    uint64_t version = 0;
    uint64_t found = 0;
    put(store, "k", "value", &version);
    CHECK(zverse_durable_version(store) < version);
    OK(zverse_wait_durable(store, version, &error));
    CHECK(zverse_durable_version(store) >= version);
    put(store, "k", "newer", &version);
    CHECK(zverse_durable_version(store) < version);
    OK(zverse_sync(store, &error));
    CHECK(zverse_durable_version(store) >= version);

    const int64_t now_ms = (int64_t)time(NULL) * 1000;
    OK(zverse_version_at(store, now_ms + 3600000, &found, &error));
    CHECK(found == zverse_latest_version(store));
    EXPECT(ZVERSE_VERSION_TOO_OLD, zverse_version_at(store, now_ms - 3600000, &found, &error));
    CHECK(found == 0);
    OK(zverse_version_at(store, INT64_MAX, &found, &error));
    CHECK(found == zverse_latest_version(store));
    EXPECT(ZVERSE_VERSION_TOO_OLD, zverse_version_at(store, INT64_MIN, &found, &error));
    CHECK(zverse_floor(store) <= version);
    zverse_store_free(store);
}

static void* put_newer(void* store) {
    (void)zverse_put(store, "k", 1, "newer", 5, NULL, NULL);
    return NULL;
}

static void* close_it(void* store) {
    (void)zverse_close(store, NULL);
    return NULL;
}

void waits_for_writers(const char* dir) {
    zverse_store* const store = open_small(dir);
    uint64_t version = 0;
    uint64_t seen = 0;
    put(store, "k", "value", &version);
    OK(zverse_wait_newer(store, version - 1, 1000, &seen, &error));
    CHECK(seen >= version);
    const uint64_t latest = zverse_latest_version(store);
    // The timeout. The store takes a version for itself now and then.
    OK(zverse_wait_newer(store, latest + 1000, 1, &seen, &error));
    CHECK(seen >= latest && seen < latest + 1000);

    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, put_newer, store) == 0);
    OK(zverse_wait_newer(store, latest, UINT64_MAX, &seen, &error));
    CHECK(seen > latest);
    pthread_join(thread, NULL);
    CHECK(pthread_create(&thread, NULL, close_it, store) == 0);
    EXPECT(ZVERSE_CLOSED, zverse_wait_newer(store, seen + 1000, UINT64_MAX, &seen, &error));
    CHECK(seen == 0);
    pthread_join(thread, NULL);
    zverse_store_free(store);
}

static uint64_t figure(const zverse_store* store, const char* name) {
    char* figures;
    unsigned long long value = 0;
    OK(zverse_stats(store, ZVERSE_OPENMETRICS, &figures, NULL, &error));
    const char* const line = figures != NULL ? strstr(figures, text("\n%s ", name)) : NULL;
    CHECK(line != NULL && sscanf(line + 1 + strlen(name), "%llu", &value) == 1);
    zverse_free(figures);
    return value;
}

void flushes_and_checkpoints(const char* dir) {
    zverse_store* store = open_small(text("%s/store", dir));
    const char* const copy = text("%s/copy", dir);
    uint64_t first = 0;
    put(store, "k", "old", &first);
    put(store, "k", "new", NULL);
    OK(zverse_flush(store, &error));
    CHECK(figure(store, "zverse_segments") > 0);
    CHECK(has(store, "k", first, "old") && has(store, "k", ZVERSE_LATEST, "new"));
    OK(zverse_compact(store, NULL, &error));
    zverse_query range = ZVERSE_QUERY_INIT;
    range.begin = "z";
    range.begin_bytes = 1;
    range.end = "a";
    range.end_bytes = 1;
    INVALID(zverse_compact(store, &range, &error));
    CHECK(has(store, "k", first, "old"));

    OK(zverse_checkpoint(store, copy, &error));
    EXPECT(ZVERSE_EXISTS, zverse_checkpoint(store, copy, &error));
    put(store, "k", "later", NULL);
    zverse_store_free(store);
    store = open_small(copy);
    CHECK(has(store, "k", first, "old") && has(store, "k", ZVERSE_LATEST, "new"));
    zverse_store_free(store);
}

/// Changes one byte in the middle of the only segment.
static void damage_segment(const char* dir) {
    glob_t found;
    CHECK(glob(text("%s/cold/*.zseg", dir), 0, NULL, &found) == 0 && found.gl_pathc == 1);
    if (found.gl_pathc == 1) {
        FILE* const file = fopen(found.gl_pathv[0], "r+");
        fseek(file, 0, SEEK_END);
        const long middle = ftell(file) / 2;
        fseek(file, middle, SEEK_SET);
        const int byte = fgetc(file);
        fseek(file, middle, SEEK_SET);
        fputc(byte ^ 1, file);
        fclose(file);
    }
    globfree(&found);
}

void checks_that_find_damage(const char* dir) {
    zverse_store* const store = open_small(dir);
    static char value[1000];
    for (int i = 0; i < 100; ++i) {
        const char* const key = text("key %d", i);
        OK(zverse_put(store, key, strlen(key), value, sizeof value, NULL, &error));
    }
    OK(zverse_flush(store, &error));
    zverse_verification* verification;
    OK(zverse_verify(store, &verification, &error));
    CHECK(verification->findings_count == 0 && verification->segments == 1);
    CHECK(verification->records >= 100 && verification->bytes > 100000);
    zverse_verification_free(verification);

    damage_segment(dir);
    OK(zverse_verify(store, &verification, &error));
    CHECK(verification->findings_count > 0);
    for (size_t i = 0; i < verification->findings_count; ++i) {
        const zverse_finding* const finding = verification->findings[i];
        CHECK(strncmp(finding->code, "ZV-SEG-", 7) == 0);
        CHECK(strncmp(finding->file, dir, strlen(dir)) == 0);
        CHECK(strlen(finding->what) > 5 && finding->offset > 0);
    }
    zverse_verification_free(verification);
    OK(zverse_scrubbed(store, &verification, &error));
    CHECK(verification->findings_count == 0);  // it has not been there
    zverse_verification_free(verification);
    OK(zverse_close(store, &error));
    EXPECT(ZVERSE_CLOSED, zverse_verify(store, &verification, &error));
    CHECK(verification == NULL);
    zverse_store_free(store);
}

void figures(const char* dir) {
    zverse_store* const store = open_small(dir);
    put(store, "k", "value", NULL);
    CHECK(figure(store, "zverse_puts_total") == 1);
    char* json;
    size_t bytes = 0;
    OK(zverse_stats(store, ZVERSE_JSON, &json, &bytes, &error));
    CHECK(json != NULL && strstr(json, "\"zverse.stats/1\"") != NULL && strlen(json) == bytes);
    zverse_free(json);
    INVALID(zverse_stats(store, 2, &json, &bytes, &error));
    CHECK(json == NULL && bytes == 0);
    OK(zverse_close(store, &error));
    OK(zverse_stats(store, ZVERSE_OPENMETRICS, &json, &bytes, &error));
    CHECK(json != NULL && strstr(json, "zverse_puts_total") == NULL && strstr(json, "# EOF") != NULL);
    zverse_free(json);
    zverse_store_free(store);
}
