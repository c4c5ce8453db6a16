"""Keys that let programs and people in: three roles, kept as hashes in the store's folder, shown once."""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Literal, get_args

import orjson
from filelock import FileLock

from sosie.errors import StoreError
from sosie.store.files import explained, sync_folder

Role = Literal["read", "write", "admin"]
ROLES: Sequence[Role] = get_args(Role)  # each may do what those before it may
FILE, LOCK = "keys.json", "keys.lock"
PREFIX = "sosie_"  # by which scanners for leaked secrets know them


@dataclass(frozen=True, slots=True)
class Key:
    """One key as it is kept: everything but itself."""

    name: str
    role: Role
    hash: str  # SHA-256 of the key; it holds 256 random bits, so nothing slower is needed
    since: str

    def may(self, role: Role) -> bool:
        """Whether this key may do what a role may."""
        return ROLES.index(self.role) >= ROLES.index(role)


def add_key(store: Path, name: str, role: Role) -> str:
    """Make a key and keep its hash; returns the key, which nobody can show again. Raises StoreError: name taken."""
    secret = PREFIX + secrets.token_urlsafe(32)
    with _changing(store):
        keys = list_keys(store)
        if any(key.name == name for key in keys):
            raise StoreError(f"there is a key '{name}' already; revoke it first, or take another name.")
        since = datetime.now(UTC).isoformat(timespec="seconds")
        _write(store, [*keys, Key(name, role, _hash(secret), since)])
    return secret


def revoke_key(store: Path, name: str) -> None:
    """Let a key in no more, from the next request on. Raises StoreError: there is none of that name."""
    with _changing(store):
        keys = list_keys(store)
        if all(key.name != name for key in keys):
            known = ", ".join(key.name for key in keys) or "none"
            raise StoreError(f"there is no key '{name}'; there are: {known}.")
        _write(store, [key for key in keys if key.name != name])


def list_keys(store: Path) -> list[Key]:
    """All keys, in the order in which they were made. Raises StoreError where the file is damaged."""
    file = store / FILE
    try:
        return [Key(**one) for one in orjson.loads(file.read_bytes())["keys"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StoreError(f"{file}: can't be read ({error}); remove it, and make the keys anew.") from error


class KeyRing:
    """The keys of a store for a running service; sees what is added and revoked meanwhile."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._seen: tuple[int, int, int] | None = None
        self._keys: list[Key] = []
        self._lock = Lock()

    def find(self, secret: str) -> Key | None:
        """The key that somebody shows; None where it is none, or revoked. Raises StoreError."""
        hashed = _hash(secret)
        found = None
        for key in self._now():
            if hmac.compare_digest(key.hash, hashed):
                found = key
        return found

    def _now(self) -> list[Key]:
        try:
            status = (self._store / FILE).stat()
            seen = (status.st_mtime_ns, status.st_ino, status.st_size)
        except OSError:
            seen = (0, 0, 0)
        with self._lock:
            if seen != self._seen:
                self._keys, self._seen = list_keys(self._store), seen
            return self._keys


def _hash(secret: str) -> str:
    return sha256(secret.encode(errors="replace")).hexdigest()


def _changing(store: Path) -> FileLock:
    if not store.is_dir():
        raise StoreError(f"{store}: there is no store here.")
    return FileLock(store / LOCK, timeout=10)


def _write(store: Path, keys: Sequence[Key]) -> None:
    partial = store / f"{FILE}.partial"
    with explained(store, "write its keys"):
        partial.touch(mode=0o600)
        partial.chmod(0o600)
        partial.write_bytes(orjson.dumps({"keys": [asdict(key) for key in keys]}, option=orjson.OPT_INDENT_2))
        partial.replace(store / FILE)
        sync_folder(store)
