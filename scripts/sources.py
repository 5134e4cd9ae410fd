"""Which files of this checkout are ours, for the scripts beside this one."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CPP_FOLDERS = ("include", "src", "tools", "tests", "bench", "examples")


def cpp_files(root=ROOT, folders=CPP_FOLDERS):
    """Every .h, .cpp and .c file below the folders, in a fixed order."""
    found = []
    for folder in folders:
        for pattern in ("*.h", "*.cpp", "*.c"):
            found += (root / folder).rglob(pattern)
    return sorted(path.relative_to(root) for path in found)
