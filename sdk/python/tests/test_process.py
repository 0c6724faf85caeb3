"""The client inside a whole program: how it ends, forks, and what of it is ever written down."""

from __future__ import annotations

import logging
import os
import signal
import ssl
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from office import Office
from stand_in import KEY

from usher_client import AsyncLicenseClient, LicenseClient, QueueFull, State, UsherError
from usher_client.calls import Granted, Machine, Place
from usher_client.flow import Call

HOME = Path(__file__).parents[1]
START = f"""
import os, signal, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have put the tests behind: then it is ignored
from usher_client import LicenseClient
url, directory = sys.argv[1:]
client = LicenseClient(url, "{KEY}", product="coditect", fingerprint="fingerprint-of-ada", state_dir=directory)
"""


@pytest.fixture
def started(office, tmp_path):
    """Runs a program of these lines to its end, or to the line that it prints."""
    running = []

    def start(lines: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", "-c", START + lines, office.url, str(tmp_path / "state")]
        environment = {**os.environ, "PYTHONPATH": str(HOME)}
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str], code: int = 0) -> str:
    said, problems = process.communicate(timeout=30)
    assert (process.returncode, problems) == (code, ""), problems
    return said


def test_a_program_that_ends_without_a_word_gives_its_seat_back(started, engine):
    ended(started("seat = client.acquire()"))
    assert engine.seen("DELETE", "sessions") == 1 and engine.open() == []


def test_a_program_that_ends_while_usher_is_away_is_not_held_up(started, engine, office):
    process = started("seat = client.acquire(); print('seated', flush=True); sys.stdin.readline()")
    assert process.stdout.readline() == "seated\n"
    office.close()
    said, _ = process.communicate("\n", timeout=30)
    assert (said, process.returncode) == ("", 0)


def test_a_program_that_is_interrupted_gives_its_seat_back(started, engine):
    process = started("""
with client.acquire() as seat:
    print("seated", flush=True)
    threading.Event().wait(60)
""")
    assert process.stdout.readline() == "seated\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert engine.open() == []


def test_a_program_that_waits_in_line_and_is_interrupted_leaves_the_line(started, engine):
    engine.limit, engine.has_queue = 0, True
    process = started("client.acquire(wait=60)")
    engine.wait_for("GET", "wait=")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert engine.tickets[0].closed == "left"


def test_a_program_that_was_killed_starts_again_without_a_network(started, engine, office):
    process = started("seat = client.acquire(); print('seated', flush=True); threading.Event().wait(60)")
    assert process.stdout.readline() == "seated\n"
    process.kill()
    process.wait()
    office.close()
    said, _ = started("with client.acquire() as seat: seat.check(); print(seat.status.state.value)").communicate()
    assert said == "offline\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_leaves_its_parents_seat_alone(started, engine):
    lines = """
with client.acquire() as seat:
    child = os.fork()
    if child == 0:
        seat.check()
        assert seat.release() is False and threading.active_count() == 1
        try:
            seat.swap("another-machine")
        except Exception as error:
            assert "forked" in str(error), error
            sys.exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    seat.renew()
    sys.stdin.readline()
    seat.check()
"""
    process = started(lines)
    engine.wait_for("PATCH", "heartbeat")
    assert engine.seen("DELETE", "sessions") == 0 and len(engine.open()) == 1
    said, problems = process.communicate("\n", timeout=30)
    assert (said, problems, process.returncode) == ("", "", 0)
    assert engine.open() == []


def test_many_threads_may_ask_one_seat_and_one_client(program, engine):
    engine.limit = 20
    client, failures = program(), []

    def work() -> None:
        try:
            for _ in range(5):
                with client.acquire() as seat:
                    seat.renew()
                    seat.check()
                    assert seat.status.works
        except UsherError as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == [] and engine.open() == []


def test_a_program_that_does_not_use_asyncio_does_not_load_it(started):
    ended(
        started("""
assert not {"asyncio", "httpx", "cryptography", "ssl"} & set(sys.modules), set(sys.modules)
with client.acquire() as seat:
    assert {"httpx", "cryptography"} < set(sys.modules)
    assert not {"asyncio", "rich", "click", "pygments"} & set(sys.modules)
import httpx
assert httpx.get and "httpx._main" not in sys.modules
""")
    )


def test_no_key_lease_or_ticket_is_ever_written_down(program, engine, office, caplog, tmp_path):
    """Everything that happens to a seat, with every logger at its most talkative."""
    caplog.set_level(logging.DEBUG)
    engine.limit, engine.has_queue = 1, True
    shown: list[object] = []
    holder = program(fingerprint="fingerprint-of-bob").acquire()
    threading.Timer(0.3, holder.release).start()
    with program().acquire(wait=60, on_place=shown.append) as seat:
        for reason in ("expired", "suspended", "evicted"):
            engine.close(reason)
            seat.renew()
            engine.wait_for("PATCH", "heartbeat", times=engine.seen("PATCH", "heartbeat") + 1)
        shown += [seat, seat.status, seat._sitting.held, seat._sitting._facts]
    with program().acquire() as seat:
        borrowed = seat.borrow(days=1)
        shown += [borrowed, borrowed.granted, borrowed.lease]
    office.close()
    for call in (borrowed.give_back, program().validate):
        with pytest.raises(UsherError) as problem:
            call()
        shown += [problem.value, problem.value.details, repr(problem.value.__context__), problem.value.__cause__]
    shown += [program(), AsyncLicenseClient(office.url, KEY, product="p", fingerprint="fingerprint-of-ada")]
    shown += [Call("GET", "/", {"license_key": KEY}, "Lease x"), Machine(KEY, "f"), Place("id", False, 1, 60, "T")]
    shown += [Granted("id", 1, "the lease", 300, None, None, False)]
    text = caplog.text + "".join(f"{each!r}{each!s}" for each in shown)
    secrets = {KEY, KEY[5:], *(ticket.secret for ticket in engine.tickets), "the lease", "'T'", "Lease x"}
    secrets |= {each.partition(" ")[2] for each in engine.credentials if each}
    secrets |= {each.rpartition(".")[2] for each in engine.credentials if each.startswith("Lease ")}
    assert len(secrets) > 10 and "fingerprint-of-ada" not in text
    assert [secret for secret in secrets if secret in text] == []


def test_a_key_over_a_network_without_encryption_is_warned_of(options, caplog):
    LicenseClient("http://127.0.0.1:1", KEY, **options)
    LicenseClient("https://usher.example", KEY, **options)
    assert caplog.text == ""
    LicenseClient("http://usher.example", KEY, **options)
    assert "unencrypted" in caplog.text and KEY not in caplog.text


def test_a_program_may_bring_its_own_http_client(office, options, engine):
    import httpx

    said = []
    with httpx.Client(event_hooks={"request": [said.append]}) as own:
        with LicenseClient(office.url, KEY, http=own, **options).acquire():
            pass
        assert len(said) == 3 and not own.is_closed
    assert engine.open() == []


@pytest.fixture
def certificate(tmp_path) -> Path:
    """Of 127.0.0.1, with its key, signed by nobody but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "usher")])
    now, day = datetime.now(timezone.utc), timedelta(days=1)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - day).not_valid_after(now + day)
    signed = builder.add_extension(alternative, critical=False).sign(key, hashes.SHA256())
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "certificate.pem"
    path.write_bytes(signed.public_bytes(plain[0]) + key.private_bytes(*plain))
    return path


def test_certificates_are_checked(engine, options, certificate, monkeypatch):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    office = Office(engine, tls)
    with pytest.raises(UsherError, match="cannot be reached"):
        LicenseClient(office.url, KEY, **options).acquire()
    assert engine.requests == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # somebody vouches for it now
    with LicenseClient(office.url, KEY, **options).acquire() as seat:
        assert seat.status.state is State.SEATED
    with pytest.raises(UsherError, match="cannot be reached"):
        LicenseClient(office.url.replace("https:", "http:"), KEY, **options).validate()
    office.close()


def test_every_error_is_drawn_in_the_tree():
    from usher_client import errors, refusals

    kinds = {kind.__name__ for kind in refusals.all_below(UsherError)}
    drawn = {line.split("── ")[1].split()[0] for line in errors.__doc__.splitlines() if "── " in line}
    assert kinds == drawn and QueueFull.__name__ in kinds and State.LOST.value == "lost"
