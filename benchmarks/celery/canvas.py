"""Celery's side of the canvas cases: `canvas.py <case> <port> <runs>` prints one line of JSON, `{"ms": median}`.

Celery as it is fastest: Redis for broker and results, prefork with two processes, prefetch 4, early acknowledgement. The time is
from the call that publishes until the last result is in Redis. Uses databases 12 and 13 of the server, and empties them.
"""
import json
import os
import statistics
import subprocess
import sys
import time

import redis
from celery import Celery, chain, chord, group

PORT = os.environ.get("CANVAS_PORT") or sys.argv[2]
BROKER, BACKEND = 12, 13
WARM_UP = 2

app = Celery("canvas", broker=f"redis://127.0.0.1:{PORT}/{BROKER}", backend=f"redis://127.0.0.1:{PORT}/{BACKEND}")
app.conf.update(worker_prefetch_multiplier=4, task_acks_late=False, broker_connection_retry_on_startup=True, result_expires=3600)


@app.task(name="step")
def step(n):
    return n + 1


@app.task(name="total")
def total(values):
    return sum(values) % 1000


def chain_of(count):
    return chain([step.si(0)] + [step.s() for _ in range(count - 1)])


def members():
    return [step.si(n) for n in range(1000)]


# Case -> what publishes it, and how many results it leaves.
CASES = {
    "chain-100": (lambda: chain_of(100).apply_async(), 100),
    "chains-200x5": (lambda: [chain_of(5).apply_async() for _ in range(200)], 1000),
    "chord-1000": (lambda: chord(members(), total.s()).apply_async(), 1001),
    "group-1000": (lambda: group(members()).apply_async(), 1000),
}


def results_in(backend):
    return sum(1 for _ in backend.scan_iter("celery-task-meta-*", count=5000))


def once(publish, results, backend):
    backend.flushdb()
    started = time.perf_counter()
    published = publish()
    last = published.id if hasattr(published, "id") and not hasattr(published, "results") else None
    while not (backend.exists(f"celery-task-meta-{last}") if last else backend.dbsize() >= results and results_in(backend) >= results):
        time.sleep(0.002)
    return (time.perf_counter() - started) * 1000


def main():
    case, runs = sys.argv[1], int(sys.argv[3])
    publish, results = CASES[case]
    backend = redis.StrictRedis(port=int(PORT), db=BACKEND)
    redis.StrictRedis(port=int(PORT), db=BROKER).flushdb()
    command = [sys.executable, "-m", "celery", "-A", "canvas", "worker", "-P", "prefork", "-c", "2", "-l", "ERROR"]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    here = os.path.dirname(os.path.abspath(__file__))
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    worker = subprocess.Popen(command, cwd=here, env={**os.environ, "CANVAS_PORT": PORT, "C_FORCE_ROOT": "1"}, **quiet)
    try:
        for _ in range(WARM_UP):
            once(publish, results, backend)
        times = [once(publish, results, backend) for _ in range(runs)]
    finally:
        worker.terminate()
        worker.wait(15)
    for database in (BROKER, BACKEND):
        redis.StrictRedis(port=int(PORT), db=database).flushdb()
    print(json.dumps({"ms": statistics.median(times)}))


if __name__ == "__main__":
    main()
