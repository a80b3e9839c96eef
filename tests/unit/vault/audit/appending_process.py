"""A process that appends until it is killed: ``python appending_process.py FOLDER START``.

Each line that it prints names an entry that it was told is on the disk.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from safelight.vault.audit.entry import AuditEvent
from safelight.vault.audit.log import AuditLog


def main() -> None:
    log = AuditLog(Path(sys.argv[1]))
    sys.stdout.write(f"ready {log.size}\n")
    sys.stdout.flush()

    def work(name: int) -> None:
        number = 0
        while True:
            event = AuditEvent(
                {"event": "test", "request_id": f"{name}-{number}"}, {"input": b"x" * 32}
            )
            index = log.append_all([event] * (1 + number % 3))
            sys.stdout.write(f"{index} {name}-{number}\n")
            sys.stdout.flush()
            number += 1

    threads = [threading.Thread(target=work, args=(name,), daemon=True) for name in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
