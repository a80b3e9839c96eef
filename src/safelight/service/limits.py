"""Every limit of the service, each with its reason.

Sizes of messages are not here: they follow exactly from the parameters and the program
(`safelight.wire`), so a body may never be longer than its one right length.
"""

from __future__ import annotations

from dataclasses import dataclass

# ---- one connection: what a slow or silent peer may hold --------------------------------------

# A request head of ours is under 1 kB; h11 keeps at most this much of an unfinished one.
MAX_HEAD_BYTES = 16 * 1024
# Seconds for a complete request head, so that half-sent heads cannot hold every connection.
HEAD_TIMEOUT_S = 10.0
# Seconds that an idle connection is kept: a client pauses between requests while it encrypts.
KEEP_ALIVE_S = 30
# Seconds without a single byte after which a body is given up.
BODY_IDLE_TIMEOUT_S = 20.0
# Slowest upload that is served: 32 kB/s is below any clinic's line, and bounds a key's upload.
MIN_BODY_BYTES_PER_S = 32 * 1024
# JSON bodies hold one digest: anything longer is not a request of ours.
MAX_JSON_BYTES = 4 * 1024
# What is read and dropped of a refused body so that the peer sees the answer, not a reset.
MAX_DRAIN_BYTES = 1024 * 1024
DRAIN_TIMEOUT_S = 1.0
# Connections and requests at once; each costs a few kB until its body is accepted.
MAX_CONNECTIONS = 256
# Bodies parsed at once: a parsed key of N = 16384 takes tens of MB.
MAX_PARSERS = 2
# A comment this often keeps proxies from closing a quiet event stream.
EVENT_KEEP_ALIVE_S = 10.0
# Event streams that one client may hold open: each is a connection of the few that there are.
MAX_EVENT_STREAMS = 16
# Printable, so that it can be logged by digest and stored; a UUID has 36 characters.
MAX_IDEMPOTENCY_KEY_CHARS = 128
# What running requests and jobs get to finish in after SIGTERM; jobs are queued again on start.
SHUTDOWN_GRACE_S = 10


@dataclass(frozen=True)
class Limits:
    """Limits that an operator may change: quotas of a client, and what the process may hold.

    Args:
        keysets: Key sets of a client: one a ring size and epoch; eight leave room to rotate keys.
        key_bytes: Stored keys of a client: 4 GiB holds some twenty sets of N = 16384.
        queued_jobs: Jobs of a client that wait or run; each keeps a request on disk.
        stored_jobs: Jobs of a client in any state; each keeps a result on disk until it expires.
        requests_per_minute: A key set of 64 keys and 200 inferences with their events and
            results are about 700 requests; quotas also slow the extraction of a model.
        job_timeout_s: The largest shipped program takes seconds; minutes mean that it hangs.
        job_attempts: Starts of a job; one that took the process down three times is given up,
            so that it cannot keep the service from working.
        full_disk_wait_s: How long a computed result waits for room on a full disk before its job
            is failed: long enough for an operator's clean-up job, short enough for a person.
        retention_s: How long a result waits to be fetched: a day covers a night's outage.
        memory_bytes: Evaluation keys and prepared programs kept between jobs: the largest
            shipped model with one client's keys and a few small ones, in a process under 600 MB.
        workers: Programs evaluated at once; an engine has threads of its own.
    """

    keysets: int = 8
    key_bytes: int = 4 * 1024**3
    queued_jobs: int = 64
    stored_jobs: int = 2048
    requests_per_minute: int = 3000
    job_timeout_s: float = 600.0
    job_attempts: int = 3
    full_disk_wait_s: float = 60.0
    retention_s: float = 24 * 3600.0
    memory_bytes: int = 360 * 1024**2
    workers: int = 1
