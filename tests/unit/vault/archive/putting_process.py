"""A process that puts, deletes and rewraps until it is killed: ``putting_process.py FOLDER START``.

Lines on standard output: ``put ID`` after a put returned, ``deleting ID`` before a delete begins.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[3])]

from archive_samples import ALICE, OPTIONS, image  # noqa: E402

from safelight.vault.archive import open_archive, rewrap_archive  # noqa: E402


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    images = [image(int(sys.argv[2]) + number, side=32) for number in range(60)]
    with open_archive(Path(sys.argv[1]), [ALICE]) as archive:
        say("ready")
        for number, content in enumerate(images):
            stored = archive.put(content, OPTIONS).stored
            say(f"put {stored.id}")
            if number % 5 == 3:
                say(f"deleting {stored.id}")
                archive.delete(stored.id)
            if number % 7 == 6:
                rewrap_archive(archive, [ALICE], [ALICE.public_key])


if __name__ == "__main__":
    main()
