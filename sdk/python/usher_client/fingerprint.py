"""Which machine this is, without saying which machine this is."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import sys
from pathlib import Path

from usher_client.errors import FingerprintUnavailable
from usher_client.state_dir import StateDir, default_state_dir

ENVIRONMENT = "USHER_FINGERPRINT"
_SHORTEST, _LONGEST = 10, 128
_LINUX = ("/etc/machine-id", "/var/lib/dbus/machine-id")
_ID = re.compile(r"[0-9a-fA-F][0-9a-fA-F-]{30,38}[0-9a-fA-F]")
_OWN_ID = "machine"


def machine_fingerprint(product: str, state_dir: str | os.PathLike[str] | None = None) -> str:
    """64 lower-case hexadecimal digits that are the same at each start on this machine, also after a reboot.

    HMAC-SHA256 of the operating system's machine id, keyed with `product`: two vendors cannot tell that they have the
    same customer, and nobody learns the id. Where the system has none, a random one is made and kept in `state_dir`
    (default: the user's own). `FingerprintUnavailable` when it cannot be kept.

    The environment variable USHER_FINGERPRINT is taken as it is, for containers: those of one image share their
    machine id, or have none. Raises `ValueError` when it is no fingerprint.
    """
    given = os.environ.get(ENVIRONMENT)
    if given:
        return checked(given)
    machine = system_id() or _own_id(StateDir(state_dir if state_dir is not None else default_state_dir()))
    return hmac.new(b"usher:" + product.encode(), machine.lower().encode(), hashlib.sha256).hexdigest()


def checked(fingerprint: str) -> str:
    """The same text. `ValueError` unless it has 10–128 printable characters, as Usher demands.

    It is not changed in any way: Usher digests the text as it is, so another case or width is another machine.
    """
    if not (_SHORTEST <= len(fingerprint) <= _LONGEST and fingerprint.isprintable()):
        raise ValueError(f"a fingerprint has {_SHORTEST} to {_LONGEST} printable characters")
    return fingerprint


def system_id() -> str | None:
    """The operating system's own id of this machine; None when it has none."""
    found = {"win32": _windows_id, "darwin": _mac_id}.get(sys.platform, _linux_id)()
    is_real = found is not None and _ID.fullmatch(found) and set(found) - {"0", "-"}
    return found if is_real else None


def _linux_id() -> str | None:
    """machine-id(5): 32 digits, or the word `uninitialized` in an image."""
    for path in _LINUX:
        try:
            text = Path(path).read_text("ascii").strip()
        except (OSError, ValueError):
            continue
        if _ID.fullmatch(text):
            return text
    return None


def _mac_id() -> str | None:
    import subprocess

    command = ["/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice"]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    found = re.search(r'"IOPlatformUUID"\s*=\s*"([^"]+)"', shown)
    return found.group(1) if found else None


def _windows_id() -> str | None:
    if sys.platform != "win32":
        return None
    import winreg

    try:
        access = winreg.KEY_READ | winreg.KEY_WOW64_64KEY  # a 32-bit Python would look into another registry
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography", 0, access) as key:
            return str(winreg.QueryValueEx(key, "MachineGuid")[0])
    except OSError:
        return None


def _own_id(state: StateDir) -> str:
    """A random one, made at the first start."""
    known = (state.read(_OWN_ID) or {}).get("id")
    if isinstance(known, str) and _ID.fullmatch(known):
        return known
    made = secrets.token_hex(16)
    if not state.write(_OWN_ID, {"id": made}, durable=True):
        raise FingerprintUnavailable()
    return made
