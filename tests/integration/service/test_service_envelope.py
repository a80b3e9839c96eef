"""The level `envelope`: same API, same signatures, its name everywhere, nothing kept in clear."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from safelight.circuit.outputs import Outputs
from safelight.circuit.reference import evaluate
from safelight.client.client import Client
from safelight.client.sealed_client import SealedClient
from safelight.errors import (
    InputError,
    MisbehavingServiceError,
    RecordError,
    RequestRejectedError,
)
from safelight.models.registry import load_model
from safelight.service.clients import add_client
from safelight.vault.audit.reading import LogReader
from safelight.vault.envelope import HybridPrivateKey, seal_bytes
from safelight.wire.plain_tensor import encode_inputs
from safelight.wire.sealed_request import SealedRequest, encode_sealed_request
from service_harness import Caller, ServiceProcess, finished

MODEL = "wdbc-logistic"
HIGH = "cxr-pneumonia-28-fast"
STEPS = {"version": 1, "steps": []}
IMAGES = np.random.default_rng(5).normal(size=(3, 1, 8, 8))
WEIGHTS = np.random.default_rng(6).normal(size=(2, 64))


def onnx_folder(folder: Path) -> Path:
    """A dense layer as an ONNX file."""
    onnx = pytest.importorskip("onnx", reason="the extra `import` is not installed")
    pytest.importorskip("onnxruntime", reason="the extra `deep` is not installed")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["image"], ["flat"], axis=1),
            helper.make_node("MatMul", ["flat", "weight"], ["logits"]),
        ],
        "dense",
        [helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, ["n", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(WEIGHTS.T.astype(np.float32), "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    folder.mkdir()
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    document = {
        "format": "safelight-deep-1",
        "name": "dense-8",
        "version": "3",
        "title": "A dense layer",
        "input_shape": [1, 8, 8],
        "records": 2,
        "preprocessing": STEPS,
        "outputs": {"classes": ["a", "b"], "activation": "softmax", "positive": "b"}
        | {"threshold": 0.5},
        "file": "model.onnx",
    }
    (folder / "model.json").write_text(json.dumps(document))
    return folder


def baseline_folder(folder: Path) -> Path:
    """Logistic regression in the baseline format."""
    document = {
        "format": "safelight-baseline-1",
        "name": "logistic",
        "input_shape": [1, 8, 8],
        "preprocessing": STEPS,
        "outputs": {"classes": ["a", "b"], "activation": "softmax", "positive": "b"}
        | {"threshold": 0.5, "temperature": 1.0, "map_shape": []},
        "options": {},
        "data": {"name": "none", "licence": "CC0-1.0", "attribution": "none"},
        "training": {},
    }
    folder.mkdir()
    (folder / "baseline.json").write_text(json.dumps(document))
    np.savez(folder / "weights.npz", weight=WEIGHTS, bias=np.zeros(2))
    return folder


def expected(images: NDArray[np.float64]) -> NDArray[np.float64]:
    logits = np.exp(images.reshape(len(images), -1) @ WEIGHTS.T)
    shares: NDArray[np.float64] = logits / logits.sum(axis=1, keepdims=True)
    return shares


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    onnx_folder(folder / "onnx")
    baseline_folder(folder / "logistic-8")
    return folder


@pytest.fixture(scope="module")
def service(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    options = ["--model", MODEL, "--model", HIGH, "--engine", "native"]
    options += ["--minimum-level", f"{MODEL}=envelope"]
    options += ["--deep-model", str(folders / "onnx"), "--deep-model", str(folders / "logistic-8")]
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


@pytest.fixture
def client(service: ServiceProcess, token: str) -> Iterator[SealedClient]:
    with SealedClient(service.url, token, service_key=service.public_key) as opened:
        yield opened


def records(count: int) -> NDArray[np.float64]:
    return np.random.default_rng(7).normal(size=(count, 30))


def test_the_same_model_gives_the_same_answer(
    service: ServiceProcess, client: SealedClient
) -> None:
    inputs = records(4)
    sealed = client.infer(MODEL, inputs)
    model = load_model(MODEL)
    clear = client.model(MODEL).interface.probabilities(evaluate(model.graph, inputs))
    assert np.abs(sealed.unrounded_probabilities - clear).max() < 1e-6
    with Client(service.url, add_client(service.data, "other")) as homomorphic:
        encrypted = homomorphic.infer(MODEL, inputs)
    assert np.abs(encrypted.unrounded_probabilities - clear).max() < 1e-3
    assert sealed.receipt.model_digest == encrypted.receipt.model_digest
    assert sealed.receipt.program_digest != encrypted.receipt.program_digest


@pytest.mark.parametrize("name", ["dense-8", "logistic-8"])
def test_models_too_deep_for_encryption(client: SealedClient, name: str) -> None:
    interface = client.model(name).interface
    images = IMAGES[: min(3, interface.records)]
    answer = client.infer(name, images)
    assert np.abs(answer.unrounded_probabilities - expected(images)).max() < 1e-5
    assert {"seal", "wait", "evaluate", "open"} <= set(answer.timings_ms)


def test_the_level_is_on_everything(service: ServiceProcess, token: str) -> None:
    caller = Caller(service, token)
    models = {m["name"]: m for m in caller.ask("GET", "/v1/models").json()["models"]}
    assert models[MODEL]["levels"] == ["homomorphic", "envelope"]
    assert models[HIGH]["levels"] == ["homomorphic"]
    assert models["dense-8"]["levels"] == ["envelope"]
    assert models["dense-8"]["minimum_level"] == models["dense-8"]["protection_level"] == "envelope"
    described = caller.ask("GET", "/v1/service").json()
    assert described["levels"] == ["homomorphic", "envelope"]
    request = sealed_for(service, caller, "dense-8", IMAGES[:1])
    job = caller.post("/v1/inferences?model=dense-8&level=envelope", request).json()
    assert (job["level"], job["keyset"]) == ("envelope", None)
    assert finished(caller, job["id"])["status"] == "done"


def test_nothing_in_clear_is_kept(service: ServiceProcess, client: SealedClient) -> None:
    inputs = records(2) + 0.125
    client.infer(MODEL, inputs)
    plain = bytes(encode_inputs(inputs))[8:]
    parts = [plain[i : i + 16] for i in range(0, len(plain) - 16, 16)]
    for path in service.data.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(part in content for part in parts), path.name
    assert (service.data / "envelope-key").stat().st_mode & 0o077 == 0


def test_a_request_waits_sealed(folders: Path, tmp_path: Path) -> None:
    """A killed service has accepted jobs on its disk: as they came."""
    options = ["--model", MODEL, "--engine", "native", "--deep-model", str(folders / "logistic-8")]
    service = ServiceProcess(tmp_path / "data", {}, ["-m", "safelight.service", *options]).start()
    caller = service.client("clinic")
    request = sealed_for(service, caller, "logistic-8", IMAGES)
    job = caller.post("/v1/inferences?model=logistic-8&level=envelope", request).json()
    service.kill()
    for path in service.data.rglob("*.request"):
        assert path.read_bytes() == request
    service.start()
    try:
        caller = Caller(service, caller.token)
        assert finished(caller, job["id"])["status"] == "done"
    finally:
        service.stop()
    entries = list(LogReader(service.data / "audit").entries())
    assert {entry["level"] for entry in entries if entry["event"] == "inference"} == {"envelope"}


def sealed_for(
    service: ServiceProcess, caller: Caller, model: str, images: NDArray[np.float64], **changes: Any
) -> bytes:
    """A request of a client that may do what it likes."""
    with SealedClient(service.url, caller.token, service_key=service.public_key) as client:
        key = client.envelope_key()
        described = client.model(model)
    request = SealedRequest(
        level="envelope",
        model_digest=bytes.fromhex(described.model_digest),
        service_key_digest=hashlib.sha256(key.to_bytes()).digest(),
        nonce=hashlib.sha256(str(sorted(changes)).encode()).digest()[:16],
        reply_key=HybridPrivateKey.generate().public_key.to_bytes(),
        envelope=b"",
    )
    plain = changes.pop("plain", bytes(encode_inputs(images)))
    request = request.with_envelope(seal_bytes(plain, [key], context=request.context()))
    return encode_sealed_request(replace(request, **changes))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"level": "homomorphic"}, "level-mismatch"),
        ({"model_digest": bytes(32)}, "model-mismatch"),
        ({"service_key_digest": bytes(32)}, "envelope-key-mismatch"),
        ({"reply_key": b"\xff" * 1216}, "malformed"),
        ({"reply_key": b"short"}, "malformed"),
    ],
)
def test_requests_that_do_not_fit_are_refused(
    service: ServiceProcess, token: str, changes: dict[str, Any], code: str
) -> None:
    caller = Caller(service, token)
    request = sealed_for(service, caller, "dense-8", IMAGES[:1], **changes)
    answer = caller.post("/v1/inferences?model=dense-8&level=envelope", request)
    assert answer.json()["code"] == code, answer.text


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": b"another nonce 16"},
        {"reply_key": HybridPrivateKey.generate().public_key.to_bytes()},
        {"envelope": b""},
        {"plain": b""},
        {"plain": b"\1\0\0\0\x40\0\0\0" + b"\0" * 255},
        {"plain": b"\1\0\0\0\x40\0\0\0" + np.full(64, np.nan, "<f4").tobytes()},
        {"plain": b"\3\0\0\0\x40\0\0\0" + bytes(3 * 256)},
        {"plain": b"\1\0\0\0\x40\0\0\0" + bytes(4000)},
    ],
)
def test_envelopes_that_do_not_open_give_one_code(
    service: ServiceProcess, token: str, changes: dict[str, Any]
) -> None:
    caller = Caller(service, token)
    request = sealed_for(service, caller, "dense-8", IMAGES[:1], **changes)
    answer = caller.post("/v1/inferences?model=dense-8&level=envelope", request)
    assert answer.status_code == 202, answer.text
    job = finished(caller, answer.json()["id"])
    assert (job["status"], job["code"]) == ("failed", "request-damaged")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"model={HIGH}&level=envelope", 403, "level-too-low"),
        ("model=dense-8&level=homomorphic&keyset=x", 422, "level-not-served"),
        (f"model={MODEL}&level=obfuscated", 403, "level-too-low"),
        ("model=dense-8&level=plaintext", 403, "level-too-low"),
        ("model=dense-8&level=none", 400, "bad-request"),
        ("model=dense-8", 422, "level-not-served"),
        ("model=unknown&level=envelope", 404, "unknown-model"),
    ],
)
def test_no_level_is_changed(
    service: ServiceProcess, token: str, path: str, status: int, code: str
) -> None:
    answer = Caller(service, token).post(f"/v1/inferences?{path}", b"x" * 100)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if code == "level-too-low":
        assert answer.json()["minimum_level"] in ("homomorphic", "envelope")


def test_a_client_refuses_what_it_did_not_ask_for(
    service: ServiceProcess, client: SealedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="not served at the level envelope"):
        client.model(HIGH)
    with (
        Client(service.url, add_client(service.data, "hasty")) as homomorphic,
        pytest.raises(InputError, match="not served at the level homomorphic"),
    ):
        homomorphic.model("dense-8")
    with pytest.raises(RecordError):
        client.infer("dense-8", IMAGES)  # three, where two go
    with pytest.raises(RecordError):
        client.infer("dense-8", np.full((1, 1, 8, 8), np.nan))
    monkeypatch.setattr("safelight.client.sealed_client.LEVEL", "homomorphic")
    with pytest.raises(RequestRejectedError):
        client.infer("dense-8", IMAGES[:1])
    monkeypatch.undo()
    real = client._transport.result
    answers: list[bytes] = []
    monkeypatch.setattr(
        client._transport, "result", lambda job, most: answers.append(real(job, most)) or answers[0]
    )
    client.infer("dense-8", IMAGES[:1])
    with pytest.raises(MisbehavingServiceError, match="another request"):
        client.infer("dense-8", IMAGES[:1])


def test_another_services_key_is_refused(service: ServiceProcess, token: str) -> None:
    from safelight.wire.envelope_key import check_envelope_key

    with (
        SealedClient(service.url, token, service_key=bytes(32)) as client,
        pytest.raises(MisbehavingServiceError, match="another signing key"),
    ):
        client.envelope_key()
    described = Caller(service, token).ask("GET", "/v1/service").json()["envelope_key"]
    mine = HybridPrivateKey.generate().public_key.to_bytes()
    with pytest.raises(MisbehavingServiceError, match="not signed by the service"):
        check_envelope_key(mine, bytes.fromhex(described["signature"]), service.public_key)


def test_a_service_without_envelopes_says_so(tmp_path: Path) -> None:
    from service_harness import running_service

    with running_service(tmp_path) as service:
        token = add_client(service.data, "c")
        with (
            SealedClient(service.url, token) as client,
            pytest.raises(InputError, match="no model at the level envelope"),
        ):
            client.envelope_key()
        assert not (service.data / "envelope-key").exists()


def test_one_process_does_not_take_the_service_down(folders: Path, tmp_path: Path) -> None:
    from safelight.models.deep.deep_folder import load_deep_model
    from safelight.models.deep.process_runner import ProcessRunner

    runner = ProcessRunner(load_deep_model(folders / "logistic-8"), timeout_s=60)
    images = IMAGES.astype(np.float32)
    outputs = Outputs(("a", "b"), "softmax", "b", 0.5)
    from safelight.circuit.outputs import probabilities

    assert np.abs(probabilities(outputs, runner.run(images)) - expected(IMAGES)).max() < 1e-5
    runner._process.kill()
    runner._process.wait()
    assert np.abs(probabilities(outputs, runner.run(images)) - expected(IMAGES)).max() < 1e-5
    runner.close()
