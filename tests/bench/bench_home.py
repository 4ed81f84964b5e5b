"""How long the start page takes on a filled database: `python -m tests.bench.bench_home HOME` after `tests.bench.fill HOME`.

CARILLON_DATABASE_URL, where it is set, names the database instead of HOME's own. Prints what one count of the figures takes
(first the whole last month, then again), and the median and the worst of ten pages for each stretch of time; the aim is under a
second.
"""

import statistics
import sys
import time

from dashboard import create_app
from tasks import figures
from tests.bench.bench_pages import measure, signed_in

AIM = 1_000.0  # milliseconds


def main() -> None:
    """Print a line each; exit with 1 where a page misses the aim."""
    app = create_app(home=sys.argv[1], secret_key="a-bench-secret-of-32-bytes-or-more")
    with app.app_context():
        for name in ("the first count of the figures", "another count"):
            figures._pace().pause = 0.0
            started = time.perf_counter()
            quarters = figures.count(lambda: False)
            print(f"{(time.perf_counter() - started) * 1_000:7.1f} ms   {name}, {quarters} quarters")
    client, slow = signed_in(app), 0
    for span in ("day", "week", "month"):
        taken = measure(client, f"/admin/?span={span}")
        slow += statistics.median(taken) > AIM
        print(f"{statistics.median(taken):7.1f} ms   worst {max(taken):7.1f} ms   /admin/?span={span}")
    raise SystemExit(1 if slow else 0)


if __name__ == "__main__":
    main()
