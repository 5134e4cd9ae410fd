#!/usr/bin/env python3
"""Makes a page with plots, and a Markdown table, of reports that zverse-bench wrote.

    scripts/bench_report.py --html PAGE.html --markdown TABLE.md [--layouts LAYOUTS.txt] REPORT.json...

The page needs nothing but itself: plots are inline SVG, and its figures stand beside them. Of reports that measured the
same row, the last one counts. Goals (GOALS below) are judged by the same rows; one that was not measured is red.
LAYOUTS.txt is what layout_bench prints: blocks that queries touch, by layout.
"""

import argparse
import html
import json
import math
import sys

SCHEMA = "zverse.bench/1"
COLOURS = {
    "zverse": "#c2410c", "rocksdb": "#1d4ed8", "lmdb": "#15803d", "leveldb": "#7c3aed", "wiredtiger": "#0e7490",
    "tkrzw": "#a16207",
}
OTHER_COLOURS = ["#334155", "#be185d", "#4d7c0f", "#0369a1", "#6d28d9", "#b45309"]

PEERS = ("rocksdb", "lmdb", "leveldb", "wiredtiger", "tkrzw")
# (what must hold, row, peer or "best" of them, times). Labels as ./dev bench report gives them.
GOALS = [
    ("durable put", "micro/overwrite/1/power", "rocksdb", 10),
    ("durable put", "micro/overwrite/1/power", "lmdb", 4),
    ("get", "micro/readrandom/1/power", "rocksdb", 8),
    ("get", "micro/readrandom/1/power", "lmdb", 2),
    ("get of a missing key", "micro/readmissing/1/power", "rocksdb", 2),
    ("scan of 100, compacted", "micro/seekrandom_settled/1/power", "rocksdb", 4),
    ("scan of 100, compacted", "micro/seekrandom_settled/1/power", "lmdb", 1),
    *((f"YCSB {load.upper()}, {threads} thread{'s' if threads > 1 else ''}", f"ycsb/{load}/{threads}/power", "rocksdb",
       3 if load == "e" else 8) for load in "abcef" for threads in (1, 2)),
    ("get as of one of 8 versions", "versions/get_as_of/1/power", "rocksdb", 4),
    ("changes of one of 100 rounds", "hundred versions/changes_settled/1/power", "rocksdb", 5),
    *((f"durable put on a disk, {threads} thread{'s' if threads > 1 else ''}", f"disk durability/put/{threads}/power",
       "best", 1) for threads in (1, 2, 16)),
    ("recovery", "recovery/reopen/1/power", "rocksdb", 5),
    ("put of 4 KiB", "4k micro/fillrandom/1/power", "best", 1),
    ("put of 64 KiB", "64k micro/fillrandom/1/power", "best", 1),
]
P99_GOALS = [("99th percentile of a durable put", "micro/overwrite/1/power", 3000)]


def load(paths):
    """{(row, engine): result}, and the reports."""
    results, reports = {}, []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        if report.get("schema") != SCHEMA:
            sys.exit(f"bench_report: {path} is no report of zverse-bench (schema {SCHEMA})")
        reports.append(report)
        request = report["request"]
        for result in report["results"]:
            value_bytes = (request["value_bytes_min"] + request["value_bytes_max"]) / 2
            result["record_bytes"] = request["key_bytes"] + value_bytes
            results[result["row"], result["engine"]] = result
    return results, reports


def rate_text(per_second):
    for scale, unit in ((1e6, "M/s"), (1e3, "k/s")):
        if per_second >= scale:
            return f"{per_second / scale:.3g} {unit}"
    return f"{per_second:.3g} /s"


def time_text(nanoseconds):
    for scale, unit in ((1e9, "s"), (1e6, "ms"), (1e3, "us")):
        if nanoseconds >= scale:
            return f"{nanoseconds / scale:.3g} {unit}"
    return f"{nanoseconds:.0f} ns"


def count_text(count):
    return f"{count:g}"


def judge(results):
    """Rows (what, goal, measured, met or None when it was not measured)."""
    rows = []
    for what, row, peer, times in GOALS:
        ours = results.get((row, "zverse"))
        peers = [results[row, each] for each in (PEERS if peer == "best" else (peer,)) if (row, each) in results]
        theirs = max(peers, key=lambda each: each["per_second"], default=None)
        goal = f"at least {times} x {'the best peer' if peer == 'best' else peer}"
        if ours is None or theirs is None:
            rows.append((what, goal, "not measured", None))
            continue
        ratio = ours["per_second"] / theirs["per_second"]
        measured = f"{ratio:.1f} x ({rate_text(ours['per_second'])} against {rate_text(theirs['per_second'])}, {theirs['engine']})"
        rows.append((what, goal, measured, ratio >= times))
    for what, row, nanoseconds in P99_GOALS:
        ours = results.get((row, "zverse"))
        goal = f"at most {time_text(nanoseconds)}"
        if ours is None:
            rows.append((what, goal, "not measured", None))
        else:
            p99 = ours["latency_ns"]["p99"]
            rows.append((what, goal, time_text(p99), p99 <= nanoseconds))
    return rows


def verdict(met):
    return "green" if met else "red"


def comparisons(results):
    """Row -> results of all its engines, rows in the order of the reports."""
    rows = {}
    for (row, _), result in results.items():
        rows.setdefault(row, []).append(result)
    return rows


def markdown(results):
    lines = ["| what must hold | goal | measured | |", "| --- | --- | --- | --- |"]
    lines += [f"| {what} | {goal} | {measured} | {verdict(met)} |" for what, goal, measured, met in judge(results)]
    lines += ["", "| row | engine | rate | least .. most | p50 | p99 | zverse is |", "| --- | --- | --- | --- | --- | --- | --- |"]
    for row, group in comparisons(results).items():
        ours = next((each["per_second"] for each in group if each["engine"] == "zverse"), None)
        for each in group:
            repeats = each["per_second_of_repeats"]
            latency = each["latency_ns"]
            times = f"{ours / each['per_second']:.1f} x" if ours and each["engine"] != "zverse" else ""
            lines.append(
                f"| {row} | {each['engine']} | {rate_text(each['per_second'])} | {rate_text(min(repeats))} .. "
                f"{rate_text(max(repeats))} | {time_text(latency.get('p50', 0))} | {time_text(latency.get('p99', 0))} | "
                f"{times} |"
            )
    return "\n".join(lines) + "\n"


def colour(engine, number):
    return COLOURS.get(engine, OTHER_COLOURS[number % len(OTHER_COLOURS)])


def bars(title, group, value, text):
    """Horizontal bars, one for each engine, longest first."""
    height, left, width = 22, 150, 620
    group = sorted(group, key=value, reverse=True)
    most = max(map(value, group)) or 1
    parts = [f'<figure><figcaption>{html.escape(title)}</figcaption>'
             f'<svg viewBox="0 0 {left + width + 150} {height * len(group) + 4}" role="img">']
    for number, each in enumerate(group):
        y, length = number * height + 2, max(value(each) / most * width, 1)
        parts.append(f'<text x="{left - 8}" y="{y + 15}" text-anchor="end">{html.escape(each["engine"])}</text>'
                     f'<rect x="{left}" y="{y + 2}" width="{length:.1f}" height="{height - 5}" '
                     f'fill="{colour(each["engine"], number)}"/>'
                     f'<text x="{left + length + 6:.1f}" y="{y + 15}">{html.escape(text(each))}</text>')
    return "".join(parts) + "</svg></figure>"


def lines_plot(title, series, x_label, text=time_text):
    """Values on a logarithmic axis over named steps; series: {name: [(step, value)]}."""
    width, height, left, bottom = 700, 260, 70, 36
    steps = list(dict.fromkeys(step for points in series.values() for step, _ in points))
    values = [value for points in series.values() for _, value in points if value > 0]
    if not values or len(steps) < 2:
        return ""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)

    def place(step, value):
        x = left + steps.index(step) / (len(steps) - 1) * (width - left - 20)
        y = height - bottom - (math.log10(max(value, 10**low)) - low) / (high - low) * (height - bottom - 12)
        return x, y

    parts = [f'<figure><figcaption>{html.escape(title)}</figcaption><svg viewBox="0 0 {width + 130} {height}" role="img">']
    for power in range(low, high + 1):
        _, y = place(steps[0], 10**power)
        parts.append(f'<line x1="{left}" x2="{width - 20}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
                     f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{text(10.0**power)}</text>')
    for step in steps:
        x, _ = place(step, 10**low)
        parts.append(f'<text x="{x:.1f}" y="{height - 14}" text-anchor="middle">{html.escape(step)}</text>')
    taken = []  # heights of names, so that none lies on another
    for number, (name, points) in enumerate(series.items()):
        path = " ".join("{:.1f},{:.1f}".format(*place(step, value)) for step, value in points)
        x, y = place(*points[-1])
        while any(abs(y - other) < 12 for other in taken):
            y += 12
        taken.append(y)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour(name, number)}" stroke-width="2"/>'
                     f'<text x="{x + 6:.1f}" y="{y + 4:.1f}" fill="{colour(name, number)}">{html.escape(name)}</text>')
    parts.append(f'<text x="{width / 2}" y="{height}" text-anchor="middle">{html.escape(x_label)}</text>')
    return "".join(parts) + "</svg></figure>"


def by_engine(results, key, step):
    """{what: {engine: [(step, result)]}} of the results for which key() is not None."""
    groups = {}
    for result in results.values():
        if (what := key(result)) is not None:
            groups.setdefault(what, {}).setdefault(result["engine"], []).append((step(result), result))
    return groups


def scaling_plots(results):
    """Rates by threads, of what was measured with several numbers of them, and by size of data."""
    def of_threads(result):
        if not result["threads"]:
            return None
        return " ".join(filter(None, (result["label"], result["suite"], result["phase"], result["durability"])))

    def of_size(result):
        return "of " + result["phase"].split("_")[0] if result["suite"] == "scale" else None

    parts = []
    for what, engines in by_engine(results, of_threads, lambda result: result["threads"]).items():
        series = {}
        for engine, points in engines.items():
            rates = sorted((threads, result["per_second"]) for threads, result in points)
            series[engine] = [(str(threads), rate) for threads, rate in rates]
        parts.append(lines_plot(f"{what}, operations per second", series, "threads", rate_text))
    sizes = {"quarter": "1/4", "once": "1", "four_times": "4"}
    for what, engines in by_engine(results, of_size, lambda result: result["phase"].split("_", 1)[1]).items():
        series = {engine: [(sizes[size], result["per_second"]) for size, result in points if result["threads"] == 1]
                  for engine, points in engines.items()}
        series = {engine: points for engine, points in series.items() if points}
        parts.append(lines_plot(f"{what}, operations per second", series, "data, times of the engine's memory",
                                rate_text))
    return parts if any(parts) else []


def amplification_plots(results):
    """Bytes written to data files for each byte put, as time goes on."""
    parts = []
    groups = by_engine(results, lambda result: result["row"] if result["steps"] else None, lambda result: None)
    for row, engines in groups.items():
        series = {}
        for engine, points in engines.items():
            for _, result in points:
                bytes_put = [step["operations"] * result["record_bytes"] for step in result["steps"]]
                series[engine] = [(count_text(number + 1), step["bytes_written"] / bytes_put[number])
                                  for number, step in enumerate(result["steps"])]
        parts.append(lines_plot(f"{row}: bytes written to data files for each byte put", series,
                                "parts of the run", count_text))
    return parts


def read_layouts(path):
    """{world: {layout: [(query, blocks)]}} of what layout_bench printed; blocks found by zones and jumps together."""
    worlds, world, layouts = {}, None, []
    with open(path, encoding="utf-8") as file:
        for line in file:
            cells = [cell.strip() for cell in line.split(" | ")]
            if line.rstrip().endswith("; zones, jumps, both"):
                world = worlds.setdefault(line.strip().removesuffix("; zones, jumps, both"), {})
            elif world is not None and len(cells) > 1 and cells[0] == "optimum":
                layouts = cells[1:]
            elif world is not None and len(cells) == len(layouts) + 1:
                query, optimum = cells[0].rsplit(None, 1)
                world.setdefault("optimum", []).append((query, float(optimum)))
                for layout, cell in zip(layouts, cells[1:]):
                    world.setdefault(layout, []).append((query, float(cell.split()[-1])))
    return worlds


def circumstances(report):
    rows = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
                   for name, value in report["circumstances"].items())
    settings = "".join(f"<li><b>{html.escape(name)}</b>: {html.escape(text)}</li>"
                       for name, text in (report.get("settings") or {}).items())
    return f"<details><summary>Circumstances and settings</summary><table>{rows}</table><ul>{settings}</ul></details>"


STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1f2937 }
figure { margin: 1.2rem 0 } figcaption { font-weight: 600; margin-bottom: .3rem } svg { width: 100%; font-size: 12px }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .2rem .6rem; text-align: left; vertical-align: top }
tr:nth-child(even) { background: #f3f4f6 } .green { color: #15803d } .red { color: #b91c1c; font-weight: 600 }
.grid { stroke: #d1d5db } .warning { background: #fef3c7; padding: .6rem 1rem }
"""


def section(title, figures):
    figures = [figure for figure in figures if figure]
    return [f"<h2>{title}</h2>", *figures] if figures else []


def page(results, reports, layouts):
    parts = [f"<!doctype html><html lang=en><meta charset=utf-8><title>ZVerse benchmarks</title><style>{STYLE}</style>",
             "<h1>ZVerse benchmarks</h1>"]
    if any(report["emulated"] for report in reports):
        parts.append("<p class=warning>Cache-line granularity is forced on a medium that has less: ZVerse's durable "
                     "figures are the cost of its flushes and fences on this memory, not on a persistent one.</p>")
    parts.append("<h2>What must hold</h2><table><tr><th>what</th><th>goal</th><th>measured</th><th></th></tr>")
    for what, goal, measured, met in judge(results):
        parts.append(f"<tr><td>{html.escape(what)}</td><td>{html.escape(goal)}</td><td>{html.escape(measured)}</td>"
                     f"<td class={verdict(met)}>{verdict(met)}</td></tr>")
    parts.append("</table>")
    for row, group in comparisons(results).items():
        first = group[0]
        title = f"{first['suite']} {first['phase']}"
        if first["durability"]:
            title += f", threads {first['threads']}, survives the loss of {first['durability']}"
        parts.append(f"<h2>{html.escape(title)}</h2>")
        parts.append(bars("Operations per second", group, lambda each: each["per_second"],
                          lambda each: rate_text(each["per_second"])))
        parts.append(bars("99th percentile of the latency", group, lambda each: each["latency_ns"].get("p99", 0),
                          lambda each: time_text(each["latency_ns"].get("p99", 0))))
        parts.append(lines_plot("Latency by percentile",
                                {each["engine"]: list(each["latency_ns"].items()) for each in group}, "percentile"))
    parts += section("Scaling", scaling_plots(results))
    parts += section("Write amplification over time", amplification_plots(results))
    parts += section("Blocks touched per query, by layout",
                     [lines_plot(world, queries, "queries", count_text) for world, queries in layouts.items()])
    parts += [circumstances(report) for report in reports]
    return "\n".join(parts) + "\n"


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reports", nargs="+")
    parser.add_argument("--html")
    parser.add_argument("--markdown")
    parser.add_argument("--layouts")
    options = parser.parse_args(arguments)
    results, reports = load(options.reports)
    if options.html:
        with open(options.html, "w", encoding="utf-8") as file:
            file.write(page(results, reports, read_layouts(options.layouts) if options.layouts else {}))
    table = markdown(results)
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(table)
    elif not options.html:
        print(table, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
