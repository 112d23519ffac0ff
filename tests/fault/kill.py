# SPDX-License-Identifier: Apache-2.0
"""Kills Sluice, for as long as asked, and then compares ledger and table.

    kill.py [--kills N] [--seconds S] [--seed N] [--stores local,minio]
            [--scenarios all|none|NAME,…] [--keep]

Targets one after the other, each with a topic, a table, a producer that keeps
the book, and now and then delta-rs appending beside.  Each target is killed
some dozens of times in the ways of KINDS, then drained and compared with what
was produced.  The directed scenarios of scenarios.py come first.

The last line is "N kills, 0 lost, 0 doubled"; the exit code is 0 only then.
"""

import argparse
import collections
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

import proxy
import scenarios
from bench import EXIT_FENCED, Feeder, Servers, Stranger, Target, wait_for
from sluicetest import deps

FAILPOINTS = ["before_start_commit", "after_start_commit", "before_upload", "during_upload",
              "after_upload", "before_commit", "commit_sent", "after_commit", "before_checkpoint",
              "after_checkpoint"]
KILLS_PER_TARGET = 40
PATIENCE_S = 8.0  # for a point that may not be reached


class Campaign:
    def __init__(self, servers: Servers, seed: int):
        self.servers = servers
        self.rng = random.Random(seed)
        self.seed = seed
        self.kills: collections.Counter = collections.Counter()
        self.lost = self.doubled = self.other = 0
        self.records = 0
        self.commits = 0
        self.faults: collections.Counter = collections.Counter()
        self.complaints: list[str] = []

    # --- the ways to die ----------------------------------------------------

    def kill_at_random(self, target: Target) -> str:
        run = target.run()
        time.sleep(self.rng.random() ** 2 * 2.5)
        run.kill()
        return "anywhere"

    def kill_at_point(self, target: Target) -> str:
        name = self.rng.choice(FAILPOINTS)
        nth = 1 if "start" in name or "checkpoint" in name else self.rng.randrange(1, 6)
        run = target.run(failpoint=f"{name}:{nth}")
        return self._wait_death(run, name)

    def kill_in_request(self, target: Target) -> str:
        """After the server has done it, before Sluice hears of it."""
        what, matches = self.rng.choice([
            ("commit sent", lambda r: r.is_commit),
            ("file sent", lambda r: r.method in ("PUT", "POST") and r.key.endswith(".parquet")),
            ("checkpoint sent", lambda r: r.method in ("PUT", "POST") and "checkpoint" in r.key),
            ("hint sent", lambda r: r.method == "PUT" and r.key.endswith("_last_checkpoint")),
        ])
        started: list = []
        rule = proxy.Once(matches, proxy.then(lambda: started[0].kill()),
                          self.rng.randrange(1, 5) if "check" not in what else 1)
        self.servers.proxy.rules.insert(0, rule)
        started.append(target.run())
        try:
            return self._wait_death(started[0], what)
        finally:
            self.servers.proxy.rules.remove(rule)

    def take_over(self, target: Target) -> str:
        """One instance sleeps, another comes; when the sleeper wakes up, exactly one of
        the two must be fenced: the sleeper, unless it had yet to start."""
        if self.rng.random() < 0.5:
            old = target.run(failpoint=f"{self.rng.choice(FAILPOINTS[1:8])}:1:pause")
        else:
            old = target.run()
            time.sleep(0.3 + self.rng.random())
            old.process.send(signal.SIGSTOP)
        time.sleep(0.5 + self.rng.random())
        new = target.run()
        try:
            new.process.wait_until(lambda: len(new.progress()) >= 2, "two batches")
            begun = bool(old.progress())
            old.process.send(signal.SIGSTOP)  # in case it had not come to its point
            old.process.send(signal.SIGCONT)
            both = (old, new)
            if not wait_for("one fenced", lambda: any(r.process.exit_code is not None
                                                      for r in both), 60):
                raise AssertionError("two instances run side by side")
            fenced = old if old.process.exit_code is not None else new
            if fenced.process.exit_code != EXIT_FENCED or (begun and fenced is new):
                raise AssertionError(f"{'old' if fenced is old else 'new'} instance ended with "
                                     f"{fenced.process.exit_code}:\n{fenced.process.tail(5)}")
        except Exception as e:
            self.complain(f"taking over: {e}")
        old.kill()
        new.kill()
        return "takeover, both"

    def _wait_death(self, run, what: str) -> str:
        if wait_for(what, lambda: run.process.exit_code is not None, PATIENCE_S):
            if run.process.exit_code == -signal.SIGKILL:
                return what
            self.complain(f"ended with {run.process.exit_code} at {what}:\n"
                           f"{run.process.tail(15)}")
        run.kill()
        return "anywhere"

    def complain(self, text: str) -> None:
        self.complaints.append(text)
        lines = text.splitlines()
        short = "\n   ".join(line[:300] for line in lines[:2] + lines[2:][-5:])
        print(f"!! {short}", flush=True)

    # --- targets --------------------------------------------------------------

    def weather(self, request: proxy.Request):
        """Faults that any request may meet, once in a while."""
        dice = self.rng.random()
        if request.is_commit:
            dice /= 4
        if dice < 0.004:
            return proxy.swallow
        if dice < 0.008:
            return proxy.error_after
        if dice < 0.012:
            return proxy.reset
        return proxy.slow_down if dice < 0.02 else None

    def one_kill(self, target: Target) -> None:
        ways = [(self.kill_at_random, 4), (self.kill_at_point, 6), (self.take_over, 1)]
        if target.s3:
            ways.append((self.kill_in_request, 4))
        way = self.rng.choices([w for w, _ in ways], [n for _, n in ways])[0]
        what = way(target)
        self.kills[what] += 1

    def attack(self, store: str, kills: int, deadline: float) -> int:
        """One target; how many kills it took."""
        target = Target(self.servers, store, partitions=self.rng.randrange(1, 5))
        feeder = Feeder(self.servers.kafka, target.topic, self.rng.randrange(1 << 30))
        stranger = None
        if self.rng.random() < 0.6:
            stranger = Stranger(target.table, self.rng.randrange(1 << 30))
        rules = [self.weather] if target.s3 and self.rng.random() < 0.7 else []
        if target.s3:
            self.servers.proxy.rules = rules
        done = 0
        try:
            while done < kills and time.monotonic() < deadline:
                self.one_kill(target)
                done += 1
            ledger = feeder.stop()
            if stranger:
                stranger.stop()
            if target.s3:
                self.faults.update(self.servers.proxy.counts)
                self.servers.proxy.counts.clear()
            self._judge(target, ledger, stranger, store, done)
        except Exception as e:
            self.other += 1
            self.complain(f"{store} target {target.number} (seed {self.seed}): {e}")
        finally:
            feeder.ending.set()
            target.close()
            if target.s3:
                self.servers.proxy.rules = []
        return done

    def _judge(self, target, ledger, stranger, store: str, kills: int) -> None:
        target.drain()
        difference = target.compare(ledger, stranger)
        self.lost += len(difference.missing)
        self.doubled += len(difference.doubled)
        self.other += len(difference.foreign) + len(difference.altered)
        self.records += len(ledger)
        self.commits += target.table.version() + 1
        if difference:
            self.complain(f"{store} target {target.number}: {difference}")
        print(f"{store:6} {kills:4} kills {len(ledger):7} records {target.table.version():6} "
              f"versions {'with delta-rs' if stranger else '':13} "
              f"{'WRONG' if difference else 'right'}", flush=True)
        if not difference and not target.s3:
            shutil.rmtree(target.folder, ignore_errors=True)

    # --- the end ----------------------------------------------------------------

    def print_table(self) -> None:
        print(f"\n{'killed at':24} kills")
        for name, count in sorted(self.kills.items()):
            print(f"{name:24} {count:5}")
        for name, count in sorted(self.faults.items()):
            print(f"requests: {name:14} {count:5}")
        print(f"{self.records} records, {self.commits} versions")


def run(kills: int, seconds: float, seed: int, stores: list[str], names: list[str],
        servers: Servers) -> bool:
    campaign = Campaign(servers, seed)
    for name in names:
        try:
            scenarios.ALL[name](servers)
            print(f"scenario {name}: right", flush=True)
        except Exception as e:
            campaign.other += 1
            campaign.complain(f"scenario {name}: {e}")
    deadline = time.monotonic() + seconds
    done = 0
    share = min(KILLS_PER_TARGET, -(-kills // len(stores))) if kills else 0
    for number in range(1 << 30):
        if done >= kills or time.monotonic() >= deadline:
            break
        done += campaign.attack(stores[number % len(stores)], min(share, kills - done), deadline)
    campaign.print_table()
    if campaign.complaints:
        print(f"{len(campaign.complaints)} complaints, see above")
    print(f"{sum(campaign.kills.values())} kills, {campaign.lost} lost, "
          f"{campaign.doubled} doubled", flush=True)
    return not (campaign.lost or campaign.doubled or campaign.other or campaign.complaints)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stores", default="local,minio")
    parser.add_argument("--scenarios", default="all")
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    args = parser.parse_args()
    names = {"all": list(scenarios.ALL), "none": []}.get(args.scenarios,
                                                         args.scenarios.split(","))
    scratch = deps.prefix() / "scratch"
    scratch.mkdir(exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kill-", dir=scratch))
    servers = Servers(folder)
    fine = False
    try:
        fine = run(args.kills, args.seconds, args.seed, args.stores.split(","), names, servers)
    finally:
        servers.stop()
        if fine and not args.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"kept: {folder}", file=sys.stderr)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
