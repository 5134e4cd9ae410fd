// The shortest useful program in C: write, read, read the past, walk a history. More: docs/c-api.md.
#include <zverse/c.h>

#include <stdio.h>

int main(int argc, char** argv) {
    zverse_store* store;
    zverse_error* error;
    if (zverse_open(argc > 1 ? argv[1] : "quickstart-store", NULL, &store, &error) != ZVERSE_OK) {
        fprintf(stderr, "%s\n", error->message);
        zverse_error_free(error);
        return 1;
    }
    uint64_t red = 0;
    int bad = zverse_put(store, "color", 5, "red", 3, &red, NULL);  // durable on return
    bad |= zverse_put(store, "color", 5, "blue", 4, NULL, NULL);    // the older value stays readable

    char* now = NULL;
    char* then = NULL;
    bad |= zverse_get(store, "color", 5, ZVERSE_LATEST, &now, NULL, NULL, NULL);
    bad |= zverse_get(store, "color", 5, red, &then, NULL, NULL, NULL);  // as of a version: the same answer for ever
    printf("now %s, then %s\n", now, then);
    zverse_free(now);
    zverse_free(then);

    zverse_cursor* history = NULL;
    const zverse_entry* entry = NULL;
    bad |= zverse_history(store, "color", 5, NULL, &history, NULL);  // newest first
    while (zverse_cursor_next(history, &entry, NULL) == ZVERSE_OK && entry != NULL) {
        printf("version %llu: %.*s\n", (unsigned long long)entry->version, (int)entry->value_bytes, entry->value);
    }
    zverse_cursor_free(history);
    bad |= zverse_close(store, NULL);
    zverse_store_free(store);
    return bad;
}
