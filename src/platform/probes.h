// Probes: places in the engine that a tracer (bpftrace, SystemTap, perf) can watch, provider `zverse`. Each is one NOP
// until somebody does; its arguments are numbers that are there anyway. docs/probes.md lists them. Where the system had
// no sys/sdt.h when the library was built there are none.
#pragma once

#include <zverse_config.h>

#if ZVERSE_HAVE_SDT
#include <sys/sdt.h>
#define ZVERSE_PROBE1(name, a) DTRACE_PROBE1(zverse, name, a)
#define ZVERSE_PROBE2(name, a, b) DTRACE_PROBE2(zverse, name, a, b)
#define ZVERSE_PROBE3(name, a, b, c) DTRACE_PROBE3(zverse, name, a, b, c)
#else
#define ZVERSE_PROBE1(name, a) static_cast<void>(a)
#define ZVERSE_PROBE2(name, a, b) (static_cast<void>(a), static_cast<void>(b))
#define ZVERSE_PROBE3(name, a, b, c) (static_cast<void>(a), static_cast<void>(b), static_cast<void>(c))
#endif
