// What a power cut leaves of an emulated NVDIMM: a plugin for QEMU that keeps a second image with nothing in it but
// what was flushed and fenced.
//
// An emulated NVDIMM is a shared file: every store is in it at once, so killing the machine loses none, and a missing
// flush goes unnoticed. This plugin watches each instruction of the guest and writes into another file, the shadow:
//
//   a store by user code        makes its lines dirty; the shadow does not have them
//   clwb, clflushopt, clflush   take a copy of a dirty line, which is then on its way
//   a non-temporal store        is on its way at once
//   sfence, mfence              what is on its way arrives in the shadow
//   a store by the kernel       arrives at once: file systems and their journals are not what is tested
//
// So it is stricter than x86: locked instructions and the kernel's own fences drain nothing, because the library's
// rule, on every architecture, is that a flush counts from its drain on. With evict=N one dirty store in N arrives by
// itself, as caches evict when they like. After a SIGKILL the shadow is what the NVDIMM holds.
//
// It begins when user code executes the marker, the NOP `nopl 0x5a564d31(%rax)` (guest/write_stores.cpp): then the
// image is copied into the shadow, and all code is translated anew, user code one instruction at a time.
//
// Arguments: image=FILE,shadow=FILE[,evict=N,seed=S]. Says "pmemsim: ..." on standard error when it begins, and how
// much it saw from time to time.
//
// What it rests on, beside the plugin interface (version 1), is private to QEMU 7.2 as Debian 12 builds it, with
// modules and therefore with exported symbols; host.py looks at the version:
//   - that interface can't read registers, and a clwb touches no memory there, so its address is computed from
//     x86_cpu_gdb_read_register(). Registers are up to date between two translation blocks only, hence `singlestep`;
//     the kernel, whose flushes do not matter, runs without, or it would take most of the time.
//   - struct qemu_plugin_hwaddr, whose second word is the host's address of a store.
// One virtual CPU only: the thread that runs it is the only one here, so nothing is locked.
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

// ---- The plugin interface, whose header Debian does not ship.

typedef uint64_t PluginId;
struct TranslationBlock;
struct Instruction;
struct HardwareAddress {
    bool is_io, is_store;
    void* host;  // of RAM
};
struct QemuInfo {
    const char* target_name;
    struct {
        int least, current;
    } version;
    bool whole_system;
    struct {
        int cpus, cpus_max;
    } system;
};
enum { kNoRegisters = 0, kReadsRegisters = 1, kWrites = 2 };

void qemu_plugin_register_vcpu_tb_trans_cb(PluginId, void (*)(PluginId, struct TranslationBlock*));
void qemu_plugin_register_vcpu_insn_exec_cb(struct Instruction*, void (*)(unsigned, void*), int, void*);
void qemu_plugin_register_vcpu_mem_cb(struct Instruction*, void (*)(unsigned, uint32_t, uint64_t, void*), int, int,
                                      void*);
size_t qemu_plugin_tb_n_insns(const struct TranslationBlock*);
struct Instruction* qemu_plugin_tb_get_insn(const struct TranslationBlock*, size_t);
const void* qemu_plugin_insn_data(const struct Instruction*);
size_t qemu_plugin_insn_size(const struct Instruction*);
uint64_t qemu_plugin_insn_vaddr(const struct Instruction*);
unsigned qemu_plugin_mem_size_shift(uint32_t);
struct HardwareAddress* qemu_plugin_get_hwaddr(uint32_t, uint64_t);

// ---- Of QEMU itself, see above.

extern __thread void* current_cpu;
extern int singlestep;
void tb_flush(void* cpu);
typedef struct {
    uint8_t* data;
    unsigned length;
} ByteArray;
ByteArray* g_byte_array_new(void);
ByteArray* g_byte_array_set_size(ByteArray*, unsigned);
int x86_cpu_gdb_read_register(void* cpu, ByteArray* out, int number);

EXPORTED int qemu_plugin_version = 1;

// ---- State.

enum { kLine = 64, kPage = 4096 };

static char image_path[4096], shadow_path[4096];
static unsigned evict_one_in;
static uint64_t random_state = 1;

static uint8_t* image;   // QEMU's own mapping of the NVDIMM
static uint8_t* shadow;  // ours of the other file
static size_t image_bytes;
static bool* dirty;  // by line
static bool begun;

struct Copy {
    size_t line;
    uint8_t bytes[kLine];
};
static struct Copy* on_its_way;
static size_t on_its_way_count, on_its_way_room;

// Where user code's pages are in the image, as its stores showed: a flush names a guest address only. Open addressing.
enum { kPagesMax = 1 << 18 };
static struct {
    uint64_t guest_page;
    size_t offset;
} pages[kPagesMax];
static size_t page_count;

static struct {
    uint64_t stores, flushes, fences, lines, unknown;
} seen;

static _Noreturn void give_up(const char* why) {
    fprintf(stderr, "pmemsim: %s\n", why);
    exit(1);
}

static bool find_image(void) {
    FILE* maps = fopen("/proc/self/maps", "r");
    char line[8192];
    const size_t name_length = strlen(image_path);
    while (maps && !image && fgets(line, sizeof line, maps)) {
        line[strcspn(line, "\n")] = 0;
        const size_t length = strlen(line);
        unsigned long begin, end;
        if (length <= name_length || line[length - name_length - 1] != ' ') continue;
        if (strcmp(line + length - name_length, image_path) != 0 || !strstr(line, "rw-s")) continue;
        if (sscanf(line, "%lx-%lx", &begin, &end) == 2 && end - begin >= image_bytes) image = (uint8_t*)begin;
    }
    if (maps) fclose(maps);
    return image != NULL;
}

static size_t slot_of(uint64_t guest_page) {
    size_t slot = (guest_page * 0x9e3779b97f4a7c15u) >> 46;
    while (pages[slot].guest_page != 0 && pages[slot].guest_page != guest_page) slot = (slot + 1) % kPagesMax;
    return slot;
}

static void remember_page(uint64_t address, size_t offset) {
    const size_t slot = slot_of(address / kPage);
    if (pages[slot].guest_page == 0 && ++page_count > kPagesMax / 2) give_up("too many pages");
    pages[slot].guest_page = address / kPage;
    pages[slot].offset = offset & ~(size_t)(kPage - 1);
}

static void arrive(size_t line) { memcpy(shadow + line * kLine, image + line * kLine, kLine); }

static void send(size_t line) {
    if (!dirty[line]) return;
    if (on_its_way_count == on_its_way_room) {
        on_its_way_room = on_its_way_room * 2 + 64;
        on_its_way = realloc(on_its_way, on_its_way_room * sizeof *on_its_way);
        if (!on_its_way) give_up("no memory");
    }
    struct Copy* copy = &on_its_way[on_its_way_count++];
    copy->line = line;
    memcpy(copy->bytes, image + line * kLine, kLine);
    dirty[line] = false;
}

static bool evicted(void) {
    if (evict_one_in == 0) return false;
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % evict_one_in == 0;
}

// ---- What instructions do.

enum { kByUser = 1, kPastCache = 2 };

static void on_store(unsigned cpu, uint32_t info, uint64_t address, void* how) {
    (void)cpu;
    const struct HardwareAddress* at = qemu_plugin_get_hwaddr(info, address);
    if (!at || at->is_io || (uint8_t*)at->host < image || (uint8_t*)at->host >= image + image_bytes) return;
    const size_t offset = (size_t)((uint8_t*)at->host - image);
    const size_t last = offset + ((size_t)1 << qemu_plugin_mem_size_shift(info)) - 1;
    const bool by_user = ((uintptr_t)how & kByUser) != 0;
    if (by_user) remember_page(address, offset);
    for (size_t line = offset / kLine; line <= last / kLine; ++line) {
        if (!by_user) {
            arrive(line);
            continue;
        }
        ++seen.stores;
        dirty[line] = true;
        if ((uintptr_t)how & kPastCache) {
            send(line);
        } else if (evicted()) {
            arrive(line);
        }
    }
}

static void on_fence(unsigned cpu, void* unused) {
    (void)cpu, (void)unused;
    for (size_t i = 0; i < on_its_way_count; ++i) {
        memcpy(shadow + on_its_way[i].line * kLine, on_its_way[i].bytes, kLine);
    }
    seen.lines += on_its_way_count;
    on_its_way_count = 0;
    if (++seen.fences % 32 == 0) {
        fprintf(stderr,
                "pmemsim: %" PRIu64 " stores, %" PRIu64 " flushes, %" PRIu64 " fences, %" PRIu64
                " lines arrived, %" PRIu64 " flushes of unknown pages\n",
                seen.stores, seen.flushes, seen.fences, seen.lines, seen.unknown);
    }
}

// The operand of a flush, as the instruction encodes it.
struct Operand {
    int base, index;  // registers; -1: none
    unsigned scale;
    int32_t displacement;
    uint64_t next_instruction;  // not 0: relative to it
};

static uint64_t read_register(int number) {
    static const int kOfDebugger[8] = {0, 2, 3, 1, 7, 6, 4, 5};  // rax rcx rdx rbx rsp rbp rsi rdi
    static ByteArray* value;
    if (!value) value = g_byte_array_new();
    g_byte_array_set_size(value, 0);
    x86_cpu_gdb_read_register(current_cpu, value, number < 8 ? kOfDebugger[number] : number);
    uint64_t word = 0;
    memcpy(&word, value->data, sizeof word);
    return word;
}

static void on_flush(unsigned cpu, void* data) {
    (void)cpu;
    const struct Operand* operand = data;
    uint64_t address = (uint64_t)(int64_t)operand->displacement + operand->next_instruction;
    if (operand->base >= 0) address += read_register(operand->base);
    if (operand->index >= 0) address += read_register(operand->index) << operand->scale;
    ++seen.flushes;
    const size_t slot = slot_of(address / kPage);
    if (pages[slot].guest_page == 0) {
        ++seen.unknown;  // nobody stored there, so there is nothing to flush
        return;
    }
    send((pages[slot].offset + address % kPage) / kLine);
}

// ---- What instructions there are: those few are recognised that matter.

struct Code {
    const uint8_t* at;
    size_t bytes;
    bool operand_size, vex;
    uint8_t rex;
    const uint8_t* opcode;  // behind 0f; null where there is none
};

static struct Code take_apart(const struct Instruction* instruction) {
    struct Code code = {.at = qemu_plugin_insn_data(instruction), .bytes = qemu_plugin_insn_size(instruction)};
    size_t i = 0;
    for (; i < code.bytes && memchr("\x66\xf0\xf2\xf3\x2e\x3e\x26\x64\x65", code.at[i], 9); ++i) {
        code.operand_size |= code.at[i] == 0x66;
    }
    if (i < code.bytes && (code.at[i] & 0xf0) == 0x40) code.rex = code.at[i++];
    if (i + 2 < code.bytes && code.at[i] == 0x0f) code.opcode = code.at + i + 1;
    if (i + 3 < code.bytes && code.at[i] == 0xc5) code.vex = true, code.opcode = code.at + i + 2;
    if (i + 4 < code.bytes && code.at[i] == 0xc4 && (code.at[i + 1] & 0x1f) == 1) {
        code.vex = true, code.opcode = code.at + i + 3;
    }
    return code;
}

static bool is_fence(const struct Code* code) {
    // sfence is 0f ae f8, mfence 0f ae f0; the low three bits mean nothing.
    return !code->vex && code->opcode && code->opcode[0] == 0xae && code->opcode[1] >= 0xf0;
}

static bool is_flush(const struct Code* code) {
    if (code->vex || !code->opcode || code->opcode[0] != 0xae || code->opcode[1] >= 0xc0) return false;
    const int digit = code->opcode[1] >> 3 & 7;
    return digit == 7 || (digit == 6 && code->operand_size);  // clflush[opt]; clwb, but not xsaveopt
}

static bool is_past_cache(const struct Code* code) {
    if (!code->opcode) return false;
    const uint8_t opcode = code->opcode[0];
    return opcode == 0xe7 || opcode == 0x2b || (opcode == 0xc3 && !code->vex);  // movntdq, movntps and pd, movnti
}

static struct Operand* operand_of(const struct Code* code, uint64_t next_instruction) {
    struct Operand* operand = calloc(1, sizeof *operand);  // as long as the translated code, so for ever
    if (!operand) give_up("no memory");
    const uint8_t* at = code->opcode + 1;
    const int mode = *at >> 6;
    int base = *at++ & 7;
    operand->base = operand->index = -1;
    bool no_base = mode == 0 && base == 5;
    if (no_base) operand->next_instruction = next_instruction;
    if (base == 4) {
        const uint8_t sib = *at++;
        const int index = (sib >> 3 & 7) | (code->rex & 2) << 2;
        if (index != 4) operand->index = index;
        operand->scale = sib >> 6;
        base = sib & 7;
        no_base = mode == 0 && base == 5;
    }
    if (!no_base) operand->base = base | (code->rex & 1) << 3;
    if (mode == 1) operand->displacement = (int8_t)*at;
    if (mode == 2 || no_base) memcpy(&operand->displacement, at, sizeof operand->displacement);
    return operand;
}

static void on_kernel_entered(unsigned cpu, void* unused) {
    (void)cpu, (void)unused;
    singlestep = 0;
}

static void on_kernel_left(unsigned cpu, void* unused) {
    (void)cpu, (void)unused;
    singlestep = 1;
}

// sysret, sysexit, iret: what comes next may be user code.
static bool is_return_from_kernel(const struct Code* code) {
    const uint8_t last = code->at[code->bytes - 1];
    const bool two_bytes = code->bytes >= 2 && code->at[code->bytes - 2] == 0x0f;
    return (two_bytes && (last == 0x07 || last == 0x35)) || (last == 0xcf && code->bytes <= 2);
}

static void on_marker(unsigned cpu, void* unused) {
    (void)unused;
    if (begun) return;
    if (cpu != 0 || !find_image()) give_up("no mapping of the image, or more than one CPU");
    for (size_t at = 0; at < image_bytes; at += kPage) {
        if (memcmp(shadow + at, image + at, kPage) != 0) memcpy(shadow + at, image + at, kPage);
    }
    begun = true;
    singlestep = 1;
    tb_flush(current_cpu);
    fprintf(stderr, "pmemsim: begun\n");
}

static void on_translation(PluginId id, struct TranslationBlock* block) {
    (void)id;
    static const uint8_t kMarker[7] = {0x0f, 0x1f, 0x80, 0x31, 0x4d, 0x56, 0x5a};
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); ++i) {
        struct Instruction* instruction = qemu_plugin_tb_get_insn(block, i);
        const struct Code code = take_apart(instruction);
        if (!begun) {
            if (code.bytes == sizeof kMarker && memcmp(code.at, kMarker, sizeof kMarker) == 0) {
                qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_marker, kNoRegisters, NULL);
            }
            continue;
        }
        const uint64_t address = qemu_plugin_insn_vaddr(instruction);
        const bool by_user = address >> 63 == 0;
        // A block of one instruction: we came from user code, and the next block is to be a whole one.
        if (!by_user && qemu_plugin_tb_n_insns(block) == 1) {
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_kernel_entered, kNoRegisters, NULL);
        }
        if (!by_user && is_return_from_kernel(&code)) {
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_kernel_left, kNoRegisters, NULL);
        }
        if (by_user && is_fence(&code)) {
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_fence, kNoRegisters, NULL);
        } else if (by_user && is_flush(&code)) {
            struct Operand* operand = operand_of(&code, address + code.bytes);
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_flush, kReadsRegisters, operand);
        }
        const uintptr_t how = (by_user ? kByUser : 0) | (is_past_cache(&code) ? kPastCache : 0);
        qemu_plugin_register_vcpu_mem_cb(instruction, on_store, kNoRegisters, kWrites, (void*)how);
    }
}

EXPORTED int qemu_plugin_install(PluginId id, const struct QemuInfo* info, int count, char** arguments) {
    if (!info->whole_system || strcmp(info->target_name, "x86_64") != 0 || info->system.cpus_max != 1) {
        give_up("for qemu-system-x86_64 with one CPU");
    }
    for (int i = 0; i < count; ++i) {
        if (sscanf(arguments[i], "image=%4095s", image_path) == 1) continue;
        if (sscanf(arguments[i], "shadow=%4095s", shadow_path) == 1) continue;
        if (sscanf(arguments[i], "evict=%u", &evict_one_in) == 1) continue;
        if (sscanf(arguments[i], "seed=%" SCNu64, &random_state) == 1 && random_state != 0) continue;
        give_up("image=FILE,shadow=FILE[,evict=N,seed=S]");
    }
    struct stat status;
    const int file = open(shadow_path, O_RDWR | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0) give_up("no shadow");
    image_bytes = (size_t)status.st_size;
    shadow = mmap(NULL, image_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    dirty = calloc(image_bytes / kLine, sizeof *dirty);
    if (shadow == MAP_FAILED || !dirty) give_up("no memory for the shadow");
    close(file);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}
