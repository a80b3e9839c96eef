"""The level `obfuscated`: off unless turned on, its name everywhere, one network for one key."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from safelight.cli.main import main
from safelight.client.obfuscated_client import ObfuscatedClient
from safelight.client.sealed_client import SealedClient
from safelight.errors import InputError, MisbehavingServiceError
from safelight.models.deep.deep_folder import load_deep_model
from safelight.service.clients import add_client
from safelight.vault import obfuscation_key
from safelight.vault.audit.reading import LogReader
from safelight.vault.envelope import HybridPrivateKey, seal_bytes
from safelight.vault.obfuscated_input import obfuscated_images
from safelight.vault.obfuscation_key import ObfuscationKey, load_obfuscation_key
from safelight.wire.plain_tensor import encode_inputs
from safelight.wire.sealed_request import SealedRequest, encode_sealed_request
from safelight.wire.transformation import Transformation
from service_harness import Caller, ServiceProcess, finished

pytest.importorskip("torch", reason="the extra `train` is not installed")

NAME = "spots-16"
OTHER = "wdbc-logistic"
SIDE = 16
SCHEMAS = Path(__file__).parents[3] / "docs" / "schemas"


def spots(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A bright spot in the upper or the lower half."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = rng.normal(100, 15, (count, SIDE, SIDE))
    for image, label, column in zip(images, labels, rng.integers(0, 12, count), strict=True):
        image[10 * label : 10 * label + 4, column : column + 4] += 70
    return np.clip(images, 0, 255).astype(np.uint8), labels[:, None].astype(np.uint8)


@dataclass(frozen=True)
class Clinic:
    """A key, its file, and the network that was trained with it."""

    key_file: Path
    key: ObfuscationKey
    network: Path

    def expected(self, images: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the network says at the clinic itself."""
        from safelight.models.training.masked_folder import load_masked_folder

        transformation = load_deep_model(self.network).transformation
        assert transformation is not None
        seen = obfuscated_images(images, self.key, transformation)
        return load_masked_folder(self.network).probabilities(seen)


def printed(schema: str, *command: str) -> Any:
    """What a command prints with ``--json``, which fits its schema."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main([*command, "--json"]) == 0
    document = json.loads(out.getvalue())
    jsonschema.validate(document, json.loads((SCHEMAS / f"{schema}.schema.json").read_text()))
    return document


@pytest.fixture(scope="module", autouse=True)
def passphrase(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A file with a passphrase; keys whose derivation takes no second."""
    path = tmp_path_factory.mktemp("passphrase") / "passphrase"
    path.write_text("for this test only\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(obfuscation_key, "_COST_LOG2", 4)
        patch.setenv("SAFELIGHT_PASSPHRASE_FILE", str(path))
        yield


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    folder = tmp_path_factory.mktemp("clinic")
    content: dict[str, Any] = {}
    for seed, (split, count) in enumerate((("train", 240), ("val", 60), ("test", 20))):
        content[f"{split}_images"], content[f"{split}_labels"] = spots(count, seed)
    np.savez(folder / "spots.npz", **content)
    key_file, network = folder / "key", folder / NAME
    key_id = printed("vault-obfuscation-key", "vault", "obfuscation-key", "new", str(key_file))
    about = ["--licence", "CC0", "--attribution", "a test", "--epochs", "3", "--threads", "1"]
    command = ["train", str(folder / "spots.npz"), "--obfuscated", str(key_file), *about]
    command += ["--jpeg2000-ratio", "2", "--output", str(network)]
    report = printed("train-obfuscated", *command)
    assert report["transformation"]["key_id"] == key_id["key_id"]
    assert report["transformation"]["jpeg2000_ratio"] == 2
    return Clinic(key_file, load_obfuscation_key(key_file, "for this test only"), network)


@pytest.fixture(scope="module")
def service(clinic: Clinic, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    options = ["--model", OTHER, "--engine", "native", "--deep-model", str(clinic.network)]
    options += ["--minimum-level", f"{NAME}=obfuscated"]
    process = ServiceProcess(
        tmp_path_factory.mktemp("service") / "data", {}, ["-m", "safelight.service", *options]
    ).start()
    try:
        yield process
    finally:
        process.kill()


@pytest.fixture(scope="module")
def token(service: ServiceProcess) -> str:
    return add_client(service.data, "clinic")


def images(count: int) -> NDArray[np.float64]:
    return spots(count, 9)[0][:, None] / 255


def test_the_answer_is_the_local_networks(
    service: ServiceProcess, clinic: Clinic, token: str
) -> None:
    with ObfuscatedClient(service.url, token, clinic.key, service_key=service.public_key) as client:
        answer = client.infer(NAME, images(6))
    assert np.abs(answer.unrounded_probabilities[:, 1] - clinic.expected(images(6))).max() < 1e-6
    assert answer.receipt.model_digest == load_deep_model(clinic.network).digest.hex()


def test_the_level_is_on_everything(service: ServiceProcess, clinic: Clinic, token: str) -> None:
    caller = Caller(service, token)
    models = {m["name"]: m for m in caller.ask("GET", "/v1/models").json()["models"]}
    described = models[NAME]
    assert described["levels"] == ["obfuscated"]
    assert described["protection_level"] == described["minimum_level"] == "obfuscated"
    assert models[OTHER]["levels"] == ["homomorphic"]
    assert "obfuscated" in caller.ask("GET", "/v1/service").json()["levels"]
    key_id = caller.ask("GET", f"/v1/models/{NAME}").json()["obfuscated"]["transformation"][
        "key_id"
    ]
    assert key_id == clinic.key.key_id.hex()
    request = request_for(service, clinic, caller)
    job = caller.post(f"/v1/inferences?model={NAME}&level=obfuscated", request).json()
    assert job["level"] == "obfuscated"
    assert finished(caller, job["id"])["status"] == "done"
    entries = LogReader(service.data / "audit").entries()
    assert "obfuscated" in {e["level"] for e in entries if e["event"] == "inference"}


def request_for(service: ServiceProcess, clinic: Clinic, caller: Caller, **changes: Any) -> bytes:
    """A request of a client that may do what it likes."""
    with ObfuscatedClient(
        service.url, caller.token, clinic.key, service_key=service.public_key
    ) as client:
        key, described = client.envelope_key(), client.model(NAME)
    request = SealedRequest(
        level="obfuscated",
        model_digest=bytes.fromhex(described.model_digest),
        service_key_digest=hashlib.sha256(key.to_bytes()).digest(),
        nonce=b"a nonce of 16 b.",
        reply_key=HybridPrivateKey.generate().public_key.to_bytes(),
        envelope=b"",
        transformation=described.transformation,
    )
    sealed = seal_bytes(bytes(encode_inputs(images(1))), [key], context=request.context())
    return encode_sealed_request(replace(request.with_envelope(sealed), **changes))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"transformation": Transformation(bytes(16), 4, 2)}, "transformation-mismatch"),
        ({"level": "envelope", "transformation": None}, "level-mismatch"),
        ({"model_digest": bytes(32)}, "model-mismatch"),
    ],
)
def test_requests_that_do_not_fit_are_refused(
    service: ServiceProcess, clinic: Clinic, token: str, changes: dict[str, Any], code: str
) -> None:
    caller = Caller(service, token)
    request = request_for(service, clinic, caller, **changes)
    answer = caller.post(f"/v1/inferences?model={NAME}&level=obfuscated", request)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"model={NAME}&level=envelope", "level-not-served"),
        (f"model={NAME}&level=homomorphic&keyset=x", "level-not-served"),
        (f"model={NAME}&level=plaintext", "level-too-low"),
        (f"model={OTHER}&level=obfuscated", "level-too-low"),
    ],
)
def test_no_level_is_changed(service: ServiceProcess, token: str, path: str, code: str) -> None:
    answer = Caller(service, token).post(f"/v1/inferences?{path}", b"x" * 100)
    assert answer.json()["code"] == code


def test_another_key_is_refused_before_anything_is_sent(
    service: ServiceProcess, clinic: Clinic, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ObfuscatedClient(service.url, token, ObfuscationKey.generate()) as client:
        monkeypatch.setattr(client._transport, "submit_sealed", None)
        with pytest.raises(InputError, match="obfuscation key"):
            client.infer(NAME, images(1))
    with SealedClient(service.url, token) as client, pytest.raises(InputError, match="envelope"):
        client.model(NAME)
    with (
        ObfuscatedClient(service.url, token, clinic.key) as client,
        pytest.raises(InputError, match="not served at the level obfuscated"),
    ):
        client.model(OTHER)


def test_an_answer_of_another_level_is_refused(
    service: ServiceProcess, clinic: Clinic, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safelight.client import sealed_client

    with ObfuscatedClient(service.url, token, clinic.key) as client:
        real = sealed_client.open_result
        monkeypatch.setattr(
            sealed_client, "open_result", lambda *a, **k: real(*a, **{**k, "level": "envelope"})
        )
        with pytest.raises(MisbehavingServiceError, match="level"):
            client.infer(NAME, images(1))


def test_it_is_off_unless_turned_on(clinic: Clinic, tmp_path: Path) -> None:
    from safelight.service.plain_models import open_plain_models
    from safelight.service.settings import Settings

    deep = ((None, clinic.network),)
    for minimums in ({}, {NAME: "envelope"}, {NAME: "homomorphic"}):
        with pytest.raises(InputError, match="off unless turned on"):
            open_plain_models(
                Settings(data=tmp_path, deep_models=deep, minimum_levels=minimums),  # type: ignore[arg-type]
                [],
            )
    with pytest.raises(InputError, match="takes no obfuscated images"):
        open_plain_models(Settings(data=tmp_path, minimum_levels={OTHER: "obfuscated"}), [])


def test_diagnose_says_so(
    service: ServiceProcess, clinic: Clinic, token: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    picture = tmp_path / "image.png"
    Image.fromarray(spots(1, 9)[0][0]).save(picture)
    monkeypatch.setenv("SAFELIGHT_TOKEN", token)
    command = ["diagnose", str(picture), "--model", NAME, "--server", service.url, "--json"]
    level = ["--level", "obfuscated", "--obfuscation-key"]
    capsys.readouterr()
    assert main([*command, *level, str(clinic.key_file)]) == 0
    printed = capsys.readouterr()
    assert "not encryption" in printed.err
    document = json.loads(printed.out)
    jsonschema.validate(document, json.loads((SCHEMAS / "diagnose.schema.json").read_text()))
    assert document["level"] == document["diagnoses"][0]["level"] == "obfuscated"
    expected = float(clinic.expected(images(1))[0])
    assert document["diagnoses"][0]["probability"] == pytest.approx(expected, abs=6e-4)
    other = tmp_path / "other"
    assert main(["vault", "obfuscation-key", "new", str(other)]) == 0
    for wrong in (["--level", "obfuscated"], [*level, str(other)], [*level, str(picture)],
                  ["--obfuscation-key", str(other)]):  # fmt: skip
        assert main([*command, *wrong]) == 1
        assert "obfuscation" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--jpeg2000-ratio", "2"],
        ["--obfuscated", "KEY", "--jpeg2000-ratio", "101"],
        ["--obfuscated", "KEY", "--minutes", "1"],
        ["--obfuscated", "KEY", "--dp-epsilon", "1"],
        ["--obfuscated", "KEY", "--seeds", "1", "2"],
        ["--obfuscated", "none"],
    ],
)
def test_options_that_do_not_go_together(
    clinic: Clinic, tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    options = [str(clinic.key_file) if option == "KEY" else option for option in options]
    data = clinic.network.parent / "spots.npz"
    assert main(["train", str(data), "--output", str(tmp_path / "o"), *options]) == 1
    assert "error:" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_a_model_that_is_there_is_left_alone(
    clinic: Clinic, capsys: pytest.CaptureFixture[str]
) -> None:
    data, before = clinic.network.parent / "spots.npz", (clinic.network / "model.json").read_bytes()
    command = ["train", str(data), "--obfuscated", str(clinic.key_file)]
    for output, said in ((clinic.network, "holds a model already"), (data, "is a file")):
        assert main([*command, "--output", str(output)]) == 1
        assert said in capsys.readouterr().err
    assert (clinic.network / "model.json").read_bytes() == before


def test_a_damaged_network_does_not_start(clinic: Clinic, tmp_path: Path) -> None:
    from safelight.errors import CompileError
    from safelight.models.deep.process_runner import ProcessRunner

    (tmp_path / "weights.npz").write_bytes(b"PK no weights")
    text = (clinic.network / "model.json").read_text()
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(CompileError, match="cannot be loaded"):
        ProcessRunner(load_deep_model(tmp_path), timeout_s=60)
    (tmp_path / "model.json").write_text(text.replace('"block": 4', '"block": 1'))
    with pytest.raises(CompileError, match="damaged"):
        load_deep_model(tmp_path)
