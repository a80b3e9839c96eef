"""``safelight audit show|verify|prove|watch``: the log of decisions and inferences."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safelight.cli.connection import add_audit_source_arguments, audit_source
from safelight.cli.console import print_json, watcher
from safelight.cli.serve import DEFAULT_DATA
from safelight.errors import AuditTamperedError, InputError
from safelight.vault.audit.checkpoint import Checkpoint, VerifierKey, open_checkpoint
from safelight.vault.audit.proof_documents import (
    MAX_PROOF_BYTES,
    check_consistency,
    check_inclusion,
    parse_proof,
)
from safelight.vault.audit.reading import LogReader
from safelight.vault.audit.watching import Watch

_FOLDER_HELP = "folder of the log; the service's by default"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = actions.add_parser("verify", help="check a log, or a proof about one")
    prove = actions.add_parser("prove", help="print a proof that an entry is in the log")
    watch = actions.add_parser("watch", help="follow checkpoints; an alarm on a fork")
    show = actions.add_parser("show", help="print entries")
    for action in (verify, prove, watch, show):
        action.add_argument("--log", type=Path, metavar="FOLDER", help=_FOLDER_HELP)
        action.add_argument("--key", metavar="KEY", help="the log's public key, or a file of it")
        action.add_argument("--json", action="store_true", help="print a JSON document")
    verify.add_argument("--proof", type=Path, help="check this proof instead; needs --key")
    verify.add_argument(
        "--content", metavar="NAME=HEX", help="with --proof: what a commitment must be to"
    )
    verify.add_argument(
        "--since", type=Path, metavar="FILE", help="a checkpoint kept earlier, to be continued"
    )
    prove.add_argument("index", type=int, nargs="?", help="of the entry")
    prove.add_argument("--job", metavar="ID", help="the entry of this inference's result")
    prove.add_argument("--continues", type=int, metavar="SIZE", help="prove this size continued")
    prove.add_argument("--out", type=Path, metavar="FILE", help="write it there")
    prove.add_argument("--salt", action="store_true", help="open the entry's commitments")
    watch.add_argument("--state", type=Path, required=True, help="file of the last checkpoint")
    watch.add_argument("--once", action="store_true", help="look once and stop")
    watch.add_argument("--interval", type=float, default=60.0, metavar="S", help="between looks")
    add_audit_source_arguments(watch)
    show.add_argument("--from", type=int, default=0, dest="start", metavar="INDEX")
    show.add_argument("--count", type=int, default=20, help="entries at most")


def run(arguments: argparse.Namespace) -> int:
    """Does what the action says."""
    if arguments.action == "watch":
        return _watch(arguments)
    if arguments.action == "verify" and arguments.proof is not None:
        return _verify_proof(arguments)
    reader = LogReader(arguments.log or DEFAULT_DATA / "audit", _key(arguments.key))
    if arguments.action == "verify":
        return _verify(arguments, reader)
    if arguments.action == "prove":
        return _prove(arguments, reader)
    return _show(arguments, reader)


def _verify(arguments: argparse.Namespace, reader: LogReader) -> int:
    with watcher() as watch:
        found = reader.verify(lambda done, total: watch("audit", done, total))
    if arguments.since is not None:
        old = open_checkpoint(_read(arguments.since), reader.key)
        if old.size > found.checkpoint.size:
            raise AuditTamperedError(
                f"the log has {found.checkpoint.size} entries, it had {old.size}"
            )
        check_consistency(reader.consistency(old.size), reader.key, old)
    if arguments.json:
        print_json(
            {
                **_checkpoint_json(found.checkpoint, reader.key),
                "behind": found.behind,
                "torn_bytes": found.torn_bytes,
                "erased_salts": found.erased_salts,
                "clock_steps": found.clock_steps,
                "key_pinned": arguments.key is not None,
            }
        )
        return 0
    sys.stdout.write(
        f"{found.checkpoint.size} entries, as the signed checkpoint says\n"
        f"  key           {reader.key}"
        f"{'' if arguments.key else '  (from the log itself: pin it with --key)'}\n"
        f"  root          {found.checkpoint.root.hex()}\n"
        f"  not yet signed {found.behind} entries, {found.torn_bytes} bytes unfinished\n"
        f"  erased salts  {found.erased_salts}\n"
        f"  clock steps   {found.clock_steps}\n"
    )
    return 0


def _verify_proof(arguments: argparse.Namespace) -> int:
    key = _key(arguments.key)
    if key is None:
        raise InputError(
            "a proof needs the key that its reader trusts", hint="give --key; not from the prover"
        )
    document = parse_proof(_read(arguments.proof))
    result: dict[str, Any] = {"proof": document["proof"]}
    if document["proof"] == "inclusion":
        checked = check_inclusion(document, key)
        checkpoint = checked.checkpoint
        result["entry"] = checked.entry
        if arguments.content is not None:
            name, _, content = arguments.content.partition("=")
            result["content_matches"] = checked.shows(name, _hex(content))
    else:
        old = None if arguments.since is None else open_checkpoint(_read(arguments.since), key)
        checkpoint = check_consistency(document, key, old)
        result["old_size"] = document["old_size"]
    result |= _checkpoint_json(checkpoint, key)
    if arguments.json:
        print_json(result)
    else:
        sys.stdout.write(f"the proof holds for the log of {checkpoint.size} entries\n")
        if "entry" in result:
            sys.stdout.write(_line(result["entry"]))
        if "content_matches" in result:
            said = "is" if result["content_matches"] else "is NOT"
            sys.stdout.write(f"the content {said} what the entry commits to\n")
    return 0 if result.get("content_matches", True) else 1


def _prove(arguments: argparse.Namespace, reader: LogReader) -> int:
    given = [arguments.index, arguments.job, arguments.continues]
    if sum(value is not None for value in given) != 1:
        raise InputError("give one of INDEX, --job ID and --continues SIZE")
    if arguments.continues is not None:
        return _give(arguments, reader.consistency(arguments.continues))
    index = arguments.index
    if index is None:
        found = (e["index"] for e in reader.entries() if e.get("job_id") == arguments.job)
        index = next(found, None)
        if index is None:
            raise InputError("no entry is about a job of that id")
    return _give(arguments, reader.inclusion(index, with_salt=arguments.salt))


def _give(arguments: argparse.Namespace, proof: dict[str, Any]) -> int:
    if arguments.out is None:
        print_json(proof)
        return 0
    try:
        arguments.out.write_text(json.dumps(proof, indent=2) + "\n", encoding="utf-8")
    except OSError as exc:
        raise InputError(f"the proof cannot be written to {arguments.out.name}") from exc
    sys.stdout.write(f"a proof for the log of {proof['checkpoint'].splitlines()[1]} entries\n")
    return 0


def _show(arguments: argparse.Namespace, reader: LogReader) -> int:
    if not 0 <= arguments.start <= reader.checkpoint.size or arguments.count < 0:
        raise InputError(f"the log has entries 0 to {reader.checkpoint.size - 1}")
    entries = reader.entries(arguments.start)
    shown = [entry for _, entry in zip(range(arguments.count), entries, strict=False)]
    if arguments.json:
        print_json({**_checkpoint_json(reader.checkpoint, reader.key), "entries": shown})
    else:
        sys.stdout.write("".join(map(_line, shown)))
    return 0


def _watch(arguments: argparse.Namespace) -> int:
    if not arguments.interval > 0:
        raise InputError("the interval must be above zero")
    folder = arguments.log or DEFAULT_DATA / "audit"
    given = _key(arguments.key)
    with audit_source(arguments, folder, given) as (source, named_key):
        watch = Watch(source, arguments.state, named_key if given is None else lambda: given)
        if given is not None and watch.key != given:
            raise AuditTamperedError("the watch has followed a log of another key")
        while True:
            seen = watch.look()
            new = seen.now.size - (0 if seen.before is None else seen.before.size)
            if arguments.json:
                sys.stdout.write(
                    json.dumps({**_checkpoint_json(seen.now, watch.key), "new": new}) + "\n"
                )
            elif new or seen.before is None or arguments.once:
                sys.stdout.write(
                    f"{seen.now.size} entries, {new} new, root {seen.now.root.hex()}\n"
                )
            sys.stdout.flush()
            if arguments.once:
                return 0
            time.sleep(arguments.interval)


def _line(entry: dict[str, Any]) -> str:
    moment = datetime.fromtimestamp(entry["time_ms"] / 1000, UTC).isoformat(timespec="seconds")
    skipped = ("index", "time_ms", "event", "commitments", "salt_sha256")
    rest = " ".join(f"{name}={value}" for name, value in entry.items() if name not in skipped)
    return f"{entry['index']:>8} {moment} {entry.get('event', ''):10} {rest}\n"


def _checkpoint_json(checkpoint: Checkpoint, key: VerifierKey) -> dict[str, Any]:
    return {"size": checkpoint.size, "root": checkpoint.root.hex(), "key": str(key)}


def _key(text: str | None) -> VerifierKey | None:
    if text is None:
        return None
    if "+" not in text:
        text = _read(Path(text)).decode("ascii", "replace")
    return VerifierKey.parse(text)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_PROOF_BYTES + 1)
    except OSError as exc:
        raise InputError(f"the file {path.name} cannot be read") from exc


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as exc:
        raise InputError("the content of a commitment is given in hex") from exc
