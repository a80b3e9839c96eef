"""One service process a test module, for tests that do not kill it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service_harness import Caller, ServiceProcess, running_service, upload_keys


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A running service."""
    with running_service(tmp_path_factory.mktemp("service")) as process:
        yield process


@pytest.fixture(scope="module")
def caller(service: ServiceProcess) -> Caller:
    """A client of it."""
    return service.client("clinic")


@pytest.fixture(scope="module")
def keyset(caller: Caller) -> str:
    """A key set with every key of the model ``tiny``."""
    keyset_id = caller.keyset()
    upload_keys(caller, keyset_id)
    return keyset_id
