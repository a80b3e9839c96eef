"""Bad input on the command line: one error, at most one hint, exit 1, nothing of the patient."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from transcripts import Transcript, in_process, safelight

from bad_inputs import BAD_DICOM, BAD_PICTURES, BAD_RECORDS
from imaging_samples import build_picture
from service_harness import Caller, ServiceProcess
from tampering_proxy import tampering_proxy

RECORDS, IMAGES = "wdbc-logistic", "cxr-pneumonia-28-fast"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """One service for all commands here: nothing bad may reach it."""
    script = ["-m", "safelight.service", "--model", RECORDS, "--model", IMAGES]
    service = ServiceProcess(tmp_path_factory.mktemp("service") / "data", script=script).start()
    yield service
    service.stop()


@pytest.fixture
def caller(service: ServiceProcess) -> Caller:
    return service.client(f"clinic-{uuid.uuid4().hex[:8]}")


Diagnose = Callable[..., Transcript]


@pytest.fixture
def diagnose(caller: Caller, capsys: pytest.CaptureFixture[str]) -> Diagnose:
    """``safelight diagnose`` with a model and files, at the service."""

    def run(model: str, *paths: Path) -> Transcript:
        server = ("--server", caller.service.url)
        token = {"SAFELIGHT_TOKEN": caller.token}
        return in_process(capsys, "diagnose", *paths, "--model", model, *server, **token)

    return run


def stored(caller: Caller) -> set[Path]:
    """What lies at the service beside its databases: keys, requests and results."""
    files = caller.service.data.rglob("*")
    return {path for path in files if path.is_file() and "sqlite" not in path.name}


PIXELS = np.random.default_rng(5).integers(0, 255, (64, 64), dtype=np.uint8)


@pytest.mark.parametrize("name", BAD_DICOM | BAD_PICTURES)
def test_files_that_are_no_images(
    diagnose: Diagnose, caller: Caller, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes((BAD_DICOM | BAD_PICTURES)[name])
    before = stored(caller)
    message = diagnose(IMAGES, path).refusal("Mustermann", "Erika", caller.token)
    assert len(message) < 300
    assert stored(caller) == before  # neither a key nor a request


def test_files_that_are_not_there(diagnose: Diagnose, tmp_path: Path) -> None:
    diagnose(IMAGES, tmp_path / "missing.png").refusal()
    diagnose(IMAGES, tmp_path).refusal()
    diagnose(RECORDS, tmp_path / "missing.csv").refusal()


ROW = ["1.0"] * 30


@pytest.mark.parametrize(("name", "content"), BAD_RECORDS.items())
def test_records_that_are_none(
    diagnose: Diagnose, caller: Caller, tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    diagnose(RECORDS, path).refusal("Mustermann", caller.token)


def test_one_bad_file_among_good_ones_sends_nothing(
    diagnose: Diagnose, caller: Caller, tmp_path: Path
) -> None:
    (tmp_path / "good.png").write_bytes(build_picture(PIXELS, "PNG"))
    (tmp_path / "bad.png").write_bytes(b"x")
    before = stored(caller)
    done = diagnose(IMAGES, tmp_path / "good.png", tmp_path / "bad.png")
    assert done.refusal().startswith("input 2 of 2")
    assert stored(caller) == before  # neither a key nor a request


def test_unknown_models(
    diagnose: Diagnose, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    record = tmp_path / "record.csv"
    record.write_text(",".join(ROW))
    assert "nope" in in_process(capsys, "diagnose", record, "--model", "nope").refusal()
    assert "nope" in in_process(capsys, "evaluate", "nope").refusal()
    assert "nope" in in_process(capsys, "compile", "nope").refusal()
    assert "nope" in in_process(capsys, "models", "nope").refusal()
    diagnose("nope", record).refusal()
    diagnose("../../etc/passwd", record).refusal()


def test_key_files(caller: Caller, tmp_path: Path) -> None:
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("a good passphrase\n")
    wrong.write_text("another\n")
    key, record = tmp_path / "clinic.key", tmp_path / "record.csv"
    # the mean patient: within every bound
    from safelight.models.registry import load_model

    steps = load_model(RECORDS).meaning.preprocessing["steps"]
    record.write_text(",".join(map(str, steps[0]["mean"])))
    with_right = {"SAFELIGHT_PASSPHRASE_FILE": str(right), "SAFELIGHT_TOKEN": caller.token}
    with_wrong = with_right | {"SAFELIGHT_PASSPHRASE_FILE": str(wrong)}
    made = safelight("keys", "new", key, "--model", RECORDS, "--json", **with_right)
    assert key.stat().st_mode & 0o777 == 0o600
    assert made.document("keys")["n"] == 4096
    use = ("diagnose", record, "--model", RECORDS, "--server", caller.service.url, "--keys")
    assert safelight(*use, key, "--json", **with_right).document("diagnose")
    again = safelight("keys", "new", key, "--model", RECORDS, **with_right)
    assert "exists already" in again.refusal("good passphrase")
    assert "passphrase" in safelight(*use, key, **with_wrong).refusal("another", "good passphrase")
    data = key.read_bytes()
    for name, content in {
        "damaged": data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
        "cut": data[: len(data) // 2],
        "foreign": b"-----BEGIN PRIVATE KEY-----",
        "empty": b"",
    }.items():
        path = tmp_path / name
        path.write_bytes(content)
        safelight(*use, path, **with_right).refusal("good passphrase")
    # without a terminal nothing can be asked
    nobody = safelight(*use, key, SAFELIGHT_TOKEN=caller.token)
    assert "passphrase is needed" in nobody.refusal()


def test_services_that_cannot_be_used(caller: Caller, tmp_path: Path) -> None:
    record = tmp_path / "record.csv"
    record.write_text(",".join(ROW))
    use = ("diagnose", record, "--model", RECORDS, "--server")
    token = {"SAFELIGHT_TOKEN": caller.token}
    assert "no service" in safelight(*use, "http://127.0.0.1:9", **token).refusal(caller.token)
    assert "token" in safelight(*use, caller.service.url).refusal()
    wrong = safelight(*use, caller.service.url, SAFELIGHT_TOKEN="x" * 43)
    assert wrong.refusal()
    other = ("--service-key", "22" * 32)
    assert safelight(*use, caller.service.url, *other, **token).refusal(caller.token)
    short = ("--service-key", "2222")
    assert "32 bytes" in safelight(*use, caller.service.url, *short, **token).refusal()


def test_a_false_signature(caller: Caller, tmp_path: Path) -> None:
    from safelight.models.registry import load_model

    record = tmp_path / "record.csv"
    steps = load_model(RECORDS).meaning.preprocessing["steps"]
    record.write_text(",".join(map(str, steps[0]["mean"])))

    def tamper(method: str, path: str, body: bytes) -> bytes:
        if method == "GET" and path.endswith("/result"):
            return body[:60] + bytes([body[60] ^ 1]) + body[61:]
        return body

    with tampering_proxy(caller.service.url, tamper) as url:
        done = safelight(
            *("diagnose", record, "--model", RECORDS, "--server", url),
            SAFELIGHT_TOKEN=caller.token,
        )
    assert "signature" in done.refusal(caller.token)


def test_wrong_command_lines() -> None:
    for arguments in (
        (),
        ("diagnose",),
        ("diagnose", "x.png"),
        ("evaluate", RECORDS, "--encrypted", "0"),
        ("evaluate", RECORDS, "--encrypted", "some"),
        ("nonsense",),
        ("keys", "steal"),
    ):
        done = safelight(*arguments)
        assert done.code == 2
        assert done.out == ""
        assert "Traceback" not in done.err
