"""The workers: they take jobs in turn, run the engine and keep the signed result.

A job that fails is failed, with a code; the process goes on. A job that was running when the
process stopped is queued again.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable
from functools import partial

from safelight.engine.base import Engine, Progress
from safelight.errors import CancelledError, MissingKeyError, ProgramError, WireError
from safelight.service.full_disk import is_disk_full
from safelight.service.gate import Asked, Gate
from safelight.service.job import Job
from safelight.service.job_endings import JobEndings
from safelight.service.key_cache import KeyCache
from safelight.service.limits import Limits
from safelight.service.logs import Log
from safelight.service.metrics import Metrics
from safelight.service.model_levels import ModelLevels
from safelight.service.prepared_programs import PreparedPrograms
from safelight.service.progress_board import ProgressBoard
from safelight.service.refusals import Refusal
from safelight.service.resident_cache import ResidentCache
from safelight.service.sealed_inference import SealedInference
from safelight.service.served_model import Catalogue
from safelight.service.signing import Signer
from safelight.service.stored_messages import read_request, signed_result
from safelight.service.stores import Stores
from safelight.vault.access.requests import ModelResource

# A worker looks for jobs this often even if nobody wakes it.
_IDLE_S = 1.0

# What stopped a job → the code that its client reads; the first that fits.
_FAILURES: tuple[tuple[type[Exception], str], ...] = (
    (MissingKeyError, "keys-missing"),
    (ProgramError, "program-mismatch"),
    (WireError, "request-damaged"),
    (FileNotFoundError, "request-lost"),
    (MemoryError, "out-of-memory"),
    (TimeoutError, "timeout"),
)


class Evaluator:
    """A bounded set of worker threads.

    Args:
        catalogue: Models to run.
        engine: Runs them.
        stores: Where jobs and keys are.
        signer: Signs results.
        limits: Workers, timeout, memory between jobs.
        log: For what happens to jobs.
        metrics: For how long it takes.
        gate: Decides once more when a job starts, as a consent may have ended while it waited,
            and records what was computed.
        levels: Minimum levels of the models.
        sealed: Runs jobs at the level `envelope`, where there are any.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        engine: Engine,
        stores: Stores,
        signer: Signer,
        limits: Limits,
        log: Log,
        metrics: Metrics,
        gate: Gate,
        levels: ModelLevels,
        sealed: SealedInference | None = None,
    ) -> None:
        self.board = ProgressBoard()
        self._catalogue = catalogue
        self._engine = engine
        self._stores = stores
        self._signer = signer
        self._limits = limits
        self._log = log
        self._metrics = metrics
        self._gate = gate
        self._levels = levels
        self._sealed = sealed
        self._cache = ResidentCache(limits.memory_bytes)
        self._keys = KeyCache(stores.keysets, engine)
        self._programs = PreparedPrograms(engine, self._cache)
        self._unwarmed = list(reversed(self._programs.wanted(catalogue)))
        self._wake = threading.Condition()
        self._work_waits = True
        self._stopping = threading.Event()
        self._endings = JobEndings(stores.jobs, log, self._stopping, limits.full_disk_wait_s)
        self._running: set[str] = set()
        self._cancelled: set[str] = set()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Starts the workers; while there are no jobs they prepare models."""
        for index in range(self._limits.workers):
            thread = threading.Thread(target=self._work, name=f"worker-{index}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, timeout_s: float) -> None:
        """Stops the workers at their next step; what they ran is queued again."""
        self._stopping.set()
        with self._wake:
            self._wake.notify_all()
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def notify(self) -> None:
        """Says that a job was queued."""
        with self._wake:
            self._work_waits = True
            self._wake.notify()

    def cancel(self, job_id: str) -> None:
        """Stops a job at its next step, if it is running."""
        if job_id in self._running:
            self._cancelled.add(job_id)
        self.board.ended(job_id)

    def _work(self) -> None:
        while not self._stopping.is_set():
            job = self._guarded(self._stores.jobs.claim)
            if job is not None:
                self._guarded(partial(self._run, job))
                continue
            if self._warm_next():
                continue
            with self._wake:
                if not self._work_waits:
                    self._wake.wait(_IDLE_S)
                self._work_waits = False

    def _warm_next(self) -> bool:
        """Prepares one model that is not prepared yet; whether there was one."""
        try:
            model = self._unwarmed.pop()
        except IndexError:
            return False
        self._guarded(partial(self._programs.warm, model))
        return True

    def _guarded(self, call: Callable[[], Job | None]) -> Job | None:
        """Nothing ends a worker; a full disk is tried again a little later."""
        try:
            return call()
        except Exception as exc:  # noqa: BLE001
            self._log.write("worker-error", detail=type(exc).__name__)
            self._stopping.wait(_IDLE_S)
            return None

    def _run(self, job: Job) -> None:
        started = time.monotonic()
        code: str | None = None
        failure: Exception | None = None
        self._running.add(job.id)
        try:
            self._evaluate(job)
        except CancelledError:
            if self._stopping.is_set() and job.id not in self._cancelled:
                self._stores.jobs.release(job)
            code = "cancelled"
        except Exception as exc:  # noqa: BLE001 - a job may fail in any way, the service not
            failure = exc
            code = _failure_code(exc)
            with contextlib.suppress(Refusal):  # a job that failed has nothing to hold back
                self._record(job, code, None, None)
            self._endings.fail(job, code)
        finally:
            self._running.discard(job.id)
            self._cancelled.discard(job.id)
            self.board.ended(job.id)
        ms = 1000 * (time.monotonic() - started)
        self._metrics.add("jobs_total", model=job.model, outcome=code or "done")
        self._metrics.add("job_seconds_total", ms / 1000, model=job.model)
        self._log.write(
            "job",
            job_id=job.id,
            client_id=job.client_id,
            model=job.model,
            code=code or "done",
            ms=round(ms, 1),
            detail=None if failure is None else type(failure).__name__,
        )

    def _evaluate(self, job: Job) -> None:
        self._decide(job)
        if job.level != "homomorphic":
            self._evaluate_sealed(job)
            return
        model = self._catalogue.model(job.model)
        request_path = self._stores.jobs.request_path(job.client_id, job.id)
        ciphertext = read_request(request_path.read_bytes(), model)
        with self._cache.lease() as lease:
            prepared = self._programs.get(lease, model)
            keys, keyset = self._keys.keys(
                lease, job.client_id, job.keyset_id, model.parameters, model.requirements
            )
            started = time.monotonic()
            output = self._engine.run(prepared, keys, ciphertext, self._progress_of(job))
            evaluate_ms = 1000 * (time.monotonic() - started)
            del prepared, keys
        result = signed_result(
            self._signer.private_key,
            model,
            output,
            request_sha256=job.request_sha256,
            job_id=job.id,
            keys_digest=keyset.digest(model.requirements),
        )
        self._keep(job, model.model_digest, result, evaluate_ms)

    def _evaluate_sealed(self, job: Job) -> None:
        # the service may have been started anew with other settings
        self._levels.check(job.model, job.level)
        if self._sealed is None:
            raise Refusal("level-not-served")
        request_path = self._stores.jobs.request_path(job.client_id, job.id)
        result, evaluate_ms = self._sealed.evaluate(job, request_path.read_bytes())
        self._keep(job, None, result, evaluate_ms)

    def _keep(self, job: Job, model_digest: str | None, result: bytes, evaluate_ms: float) -> None:
        self._endings.keep(
            job,
            result,
            evaluate_ms,
            record=partial(self._record, job, "done", model_digest, result),
            given_up=partial(self._given_up, job),
        )

    def _decide(self, job: Job) -> None:
        resource = ModelResource(job.model, self._levels.minimum(job.model))
        self._gate.decide(
            Asked(job.client_id, "infer", resource, job.level, job.claims, job_id=job.id)
        )

    def _record(self, job: Job, code: str, model_digest: str | None, result: bytes | None) -> None:
        """Records how a job ended, before anybody can fetch its result."""
        private = {"request": bytes.fromhex(job.request_sha256)}
        if result is not None:
            private["result"] = hashlib.sha256(result).digest()
        fields = {
            "job_id": job.id,
            "client_id": job.client_id,
            "model": job.model,
            "model_digest": model_digest,
            "level": job.level,
            "code": code,
        }
        self._gate.record("inference", fields, private)

    def _given_up(self, job: Job) -> bool:
        return self._stopping.is_set() or job.id in self._cancelled

    def _progress_of(self, job: Job) -> Progress:
        deadline = time.monotonic() + self._limits.job_timeout_s

        def progress(done: int, total: int) -> None:
            if self._given_up(job):
                raise CancelledError("the evaluation was stopped")
            if time.monotonic() > deadline:
                raise TimeoutError
            self.board.update(job.id, done, total)

        return progress


def _failure_code(exc: Exception) -> str:
    if isinstance(exc, Refusal):  # its model is no longer served, or its key set is gone
        return exc.code
    if is_disk_full(exc):
        return "storage-full"
    return next((code for kind, code in _FAILURES if isinstance(exc, kind)), "evaluation-failed")
