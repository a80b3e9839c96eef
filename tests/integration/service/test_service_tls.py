"""HTTPS, with a certificate that the client was told to trust, and with one that it was not."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from safelight.client.transport import Transport
from safelight.errors import UnreachableError
from safelight.service.clients import add_client
from service_harness import ServiceProcess


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Certificate and key for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "certificate.pem", folder / "key.pem"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_path, key_path


def test_https(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    service = ServiceProcess(tmp_path / "data")
    service.script += ["--tls-certificate", str(certificate), "--tls-key", str(key)]
    service.start()
    try:
        assert service.url.startswith("https://")
        token = add_client(service.data, "clinic")
        trusting = ssl.create_default_context(cafile=str(certificate))
        with Transport(service.url, token, verify=trusting) as transport:
            assert "tiny" in transport.models()
        with (
            Transport(service.url, token) as transport,
            pytest.raises(UnreachableError, match="not trusted"),
        ):
            transport.models()
    finally:
        service.kill()
