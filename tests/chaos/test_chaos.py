"""The short form of the chaos runs: small broadcasts, and something breaks in the middle of each. Every line has its seed."""

import os
import random

import pytest

from tests.chaos import kills, outages, stores
from tests.chaos.run import Run
from tests.chaos.stores import Absent

SEED = int(os.environ.get("CARILLON_CHAOS_SEED", "0")) or random.SystemRandom().randrange(10**6)


@pytest.fixture
def sqlite(tmp_path, migrated_sqlite):
    """A fresh installation in files."""
    return stores.sqlite(tmp_path, migrated_sqlite)


@pytest.fixture
def at_scale(tmp_path, postgres_url, redis_url):
    """The test process's PostgreSQL database, with Redis queues."""
    return stores.at_scale(tmp_path, postgres_url, redis_url, migrated=True)


def check(store, folder, people, act, *, outside=("email",)):
    """Run it, say how it went, and hold it to the law."""
    try:
        with Run(act.__name__, store, folder, people, SEED, patience=90, outside=outside) as run:
            line = act(run)
    except Absent as reason:
        pytest.skip(str(reason))
    print(line)
    assert not line.breaches, line
    assert (line.lost, line.doubled) == (0, 0), line


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.timeout(300)
def test_workers_are_killed_while_the_broadcast_is_paused_and_the_provider_misbehaves(at_scale, tmp_path):
    def misbehaving(run):
        return outages.provider_moody(run, slow=0.005, drop=0.01, refuse=0.03, kills=2)

    check(at_scale, tmp_path, 100, misbehaving, outside=("email", "sms"))


@pytest.mark.timeout(300)
def test_carillon_up_is_killed_while_clients_post(sqlite, tmp_path):
    def web_killed(run):
        return kills.web_killed(run, 1, 10, embedded=True)

    check(sqlite, tmp_path, 300, web_killed)


@pytest.mark.timeout(300)
def test_a_worker_that_is_asked_to_end_leaves_no_doubt_though_the_provider_is_slow(sqlite, tmp_path):
    def ended(run):
        return kills.ended_while_slow(run, seconds=1.0)

    check(sqlite, tmp_path, 40, ended)


@pytest.mark.timeout(300)
def test_the_clock_is_stepped(sqlite, tmp_path):
    def stepped(run):
        return outages.clock_stepped(run, [-7_200], workers=1)

    check(sqlite, tmp_path, 300, stepped)


@pytest.mark.timeout(300)
def test_the_disk_is_full(tmp_path, migrated_sqlite):
    def full(run):
        return outages.disk_full(run, tmp_path / "disk", 1)

    try:
        with stores.small_disk(tmp_path / "disk", 16) as disk:
            check(stores.sqlite(disk, migrated_sqlite), tmp_path / "run", 300, full)
    except Absent as reason:
        pytest.skip(str(reason))


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.timeout(300)
def test_postgres_crashes_and_redis_is_killed(tmp_path, redis_url):
    try:
        with stores.Cluster() as cluster, stores.Redis(tmp_path) as redis:
            def crashes(run):
                return outages.database_restarted(run, cluster, 1, redis=redis)

            check(stores.at_scale(tmp_path, cluster.url, redis.url), tmp_path / "run", 400, crashes)
    except Absent as reason:
        pytest.skip(str(reason))
