"""All that scripts/mutate.py breaks, and what it can't."""

from mutation import ENVIRONMENT  # noqa: F401: part of what mutate.py takes from here
from mutations_api import API
from mutations_cold import COLD
from mutations_cursors import CURSORS
from mutations_curve import CURVES
from mutations_fsck import CHECKS
from mutations_load import LOADS
from mutations_medium import ENGINE, JUDGE, PERSIST
from mutations_memory import MEMORY
from mutations_movers import MOVERS
from mutations_recover import RECOVERIES
from mutations_sorts import SORTS
from mutations_threads import INDEXED, ORDERS, SEAL, STAMP, WARM

# Headers last: after each of them everything is built anew.
ALL = sorted(
    PERSIST + JUDGE + SEAL + STAMP + INDEXED + WARM + COLD + CURSORS + CURVES + MEMORY + MOVERS + SORTS + ENGINE + API + LOADS
    + RECOVERIES + CHECKS,
    key=lambda each: each.file.endswith(".h"),
)

NOT_MODELLED = [
    ("seq_cst weakened to acq_rel in the index's insertion and rescan",
     "x86 compiles both to the same instructions and ThreadSanitizer does not model store-load reordering; "
     "tests/model/index.pml fails without it"),
    ("a grace period of a flush begun before what it guards is published",
     "no test can stop a thread between the two lines; the order is that of tests/model/handover.pml"),
    ("the epoch pin's fence or membarrier left out",
     "it reorders only inside a store buffer; argued in platform/epoch.h, and the pin is atomic to every simulator here"),
    ("mutexes left out (sync, header marks, overflow buckets)",
     "plain data races: left to the race tests under ThreadSanitizer, not tried one by one"),
]
