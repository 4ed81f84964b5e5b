"""The fan-out of broadcasts beside bare statements for the same rows, taking turns in the same run.

    python -m tests.bench.bench_broadcast [--database postgresql://.../empty] [--people 100000] [--rounds 5] [--only same ...]

Prints people a second, the median ratio, and the process's peak memory. Targets P1 and P2. The same lines as `carillon bench`.
"""

import argparse

from dashboard.bench import fanout
from dashboard.bench.ground import fill, ground
from dashboard.bench.measure import peak_memory
from tasks.extensions import db

KINDS = {"same": fanout.one_text, "personal": fanout.own_text, "mail": fanout.with_mail, "personal-mail": fanout.own_mail}


def main() -> None:
    """Run the benchmark."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--database", default="", help="default: SQLite in a new folder; an empty PostgreSQL database")
    options.add_argument("--people", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--only", nargs="*", choices=KINDS, default=list(KINDS))
    chosen = options.parse_args()
    with ground(chosen.database):
        fill(chosen.people)
        for kind in chosen.only:
            line = KINDS[kind](chosen.people, chosen.rounds)
            print(f"{db.engine.dialect.name}: {line.name}: {line.figure}, {line.reference}, {line.ratio:.2f} x {line.target}"
                  f" (peak {peak_memory():.0f} MB)", flush=True)


if __name__ == "__main__":
    main()
