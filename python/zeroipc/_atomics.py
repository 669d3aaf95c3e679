# SPDX-License-Identifier: MIT
"""Atomic accesses, fences and futexes, from the system's libatomic and libc.

Words are read and written by index. On x86-64 a memoryview of 64-bit or 32-bit
items does that: CPython moves an aligned item by one instruction, a load there
acquires and a store releases, and no compiler reorders across two operations
of the interpreter. Elsewhere each access is a call into libatomic.

What changes a word from a known value is a call of libatomic everywhere, by
PyDLL, which keeps the interpreter's lock: to give it up for one instruction
would cost more than the instruction, and would invite other threads in.
"""
import ctypes
import errno
import os
import platform
from typing import Any, Tuple, Union

from .errors import failure

_MACHINE = platform.machine()
_SYSCALLS = {  # membarrier, futex
    "x86_64": (324, 202),
    "aarch64": (283, 98),
}
if _MACHINE not in _SYSCALLS:
    raise ImportError(f"ZeroIPC runs on x86-64 and aarch64, not {_MACHINE}")
_SYS_MEMBARRIER, _SYS_FUTEX = _SYSCALLS[_MACHINE]
STORES_ARE_ORDERED = _MACHINE == "x86_64"

RELAXED, ACQUIRE, RELEASE, ACQ_REL, SEQ_CST = 0, 2, 3, 4, 5


def _load_libatomic() -> ctypes.PyDLL:
    try:
        return ctypes.PyDLL("libatomic.so.1")
    except OSError as missing:
        raise ImportError("ZeroIPC needs libatomic.so.1: install the package "
                          "libatomic1") from missing


_atomic = _load_libatomic()
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64,
                           ctypes.c_int64)


def _function(name: str, restype: Any, *argtypes: Any) -> Any:
    function = getattr(_atomic, name)
    function.restype = restype
    function.argtypes = argtypes
    return function


_address, _order = ctypes.c_void_p, ctypes.c_int
cas_8 = _function("__atomic_compare_exchange_8", ctypes.c_bool, _address,
                   _address, ctypes.c_uint64, _order, _order)
_cas_4 = _function("__atomic_compare_exchange_4", ctypes.c_bool, _address,
                   _address, ctypes.c_uint32, _order, _order)
_fetch_add_8 = _function("__atomic_fetch_add_8", ctypes.c_uint64, _address,
                         ctypes.c_uint64, _order)
_fetch_add_4 = _function("__atomic_fetch_add_4", ctypes.c_uint32, _address,
                         ctypes.c_uint32, _order)
_fetch_or_8 = _function("__atomic_fetch_or_8", ctypes.c_uint64, _address,
                        ctypes.c_uint64, _order)
_fetch_and_8 = _function("__atomic_fetch_and_8", ctypes.c_uint64, _address,
                         ctypes.c_uint64, _order)
_thread_fence = _function("atomic_thread_fence", None, _order)
_loads = {size: _function(f"__atomic_load_{size}", kind, _address, _order)
          for size, kind in ((1, ctypes.c_uint8), (2, ctypes.c_uint16),
                             (4, ctypes.c_uint32), (8, ctypes.c_uint64))}
_stores = {size: _function(f"__atomic_store_{size}", None, _address, kind,
                           _order)
           for size, kind in ((1, ctypes.c_uint8), (2, ctypes.c_uint16),
                              (4, ctypes.c_uint32), (8, ctypes.c_uint64))}


def load(address: int, size: int) -> int:
    """The word of 1, 2, 4 or 8 bytes; acquire."""
    return int(_loads[size](address, ACQUIRE))


def store(address: int, size: int, value: int) -> None:
    """Release."""
    _stores[size](address, value, RELEASE)


def set_bits(address: int, bits: int) -> None:
    """In a word of 8 bytes; relaxed."""
    _fetch_or_8(address, bits, RELAXED)


def clear_bits(address: int, bits: int) -> None:
    """Release."""
    _fetch_and_8(address, bits ^ 0xFFFFFFFFFFFFFFFF, RELEASE)


def cas64(address: int, expected: int, desired: int) -> bool:
    """Change the word if it is as expected; acquire and release."""
    seen = ctypes.c_uint64(expected)
    return bool(cas_8(address, ctypes.addressof(seen), desired, ACQ_REL,
                       ACQUIRE))


def cas32(address: int, expected: int, desired: int) -> bool:
    """Sequentially consistent: arrivals of sleepers need that."""
    seen = ctypes.c_uint32(expected)
    return bool(_cas_4(address, ctypes.addressof(seen), desired, SEQ_CST,
                       RELAXED))


def swap(address: int, size: int, expected: int,
         desired: int) -> Tuple[bool, int]:
    """As cas, of 4 or 8 bytes, and what stood there."""
    seen: Union[ctypes.c_uint64, ctypes.c_uint32]
    if size == 8:
        seen = ctypes.c_uint64(expected)
        done = cas_8(address, ctypes.addressof(seen), desired, ACQ_REL,
                      ACQUIRE)
    else:
        seen = ctypes.c_uint32(expected)
        done = _cas_4(address, ctypes.addressof(seen), desired, ACQ_REL,
                      ACQUIRE)
    return bool(done), seen.value


def fetch_add(address: int, size: int, addend: int) -> int:
    """Integers of 4 or 8 bytes, which wrap around; the value from before."""
    add = _fetch_add_8 if size == 8 else _fetch_add_4
    return int(add(address, addend & ((1 << 8 * size) - 1), ACQ_REL))


class Changer:
    """A word of 8 bytes that is often changed by compare-and-swap. What the
    call takes is made once, which halves its time:

        changer.seen.value, changer.wanted.value = 5, 6
        done = compare_and_swap(*changer.arguments)

    For one thread at a time; acquire and release."""

    def __init__(self, address: int) -> None:
        self.seen, self.wanted = ctypes.c_uint64(), ctypes.c_uint64()
        self.arguments = (
            ctypes.c_void_p(address), ctypes.byref(self.seen), self.wanted,
            ctypes.c_int(ACQ_REL), ctypes.c_int(ACQUIRE))


#: Takes what a Changer has, as it is: no types are declared to convert to.
compare_and_swap = _atomic["__atomic_compare_exchange_8"]
compare_and_swap.restype = ctypes.c_bool


class OrderedWords:
    """Words whose loads acquire and stores release, by libatomic."""

    def __init__(self, address: int, size: int) -> None:
        self._address = address
        self._size = size
        self._load = _loads[size]
        self._store = _stores[size]

    def __getitem__(self, index: int) -> int:
        return int(self._load(self._address + index * self._size, ACQUIRE))

    def __setitem__(self, index: int, value: int) -> None:
        self._store(self._address + index * self._size, value, RELEASE)


Words = Any  # a memoryview, or OrderedWords


def words(view: memoryview, address: int, size: int) -> Words:
    """The bytes of view, which begin at address, as words of 4 or 8 bytes."""
    if STORES_ARE_ORDERED:
        return view.cast("Q" if size == 8 else "I")
    return OrderedWords(address, size)


def fence_acquire() -> None:
    """Behind plain loads, which thereby acquire."""
    if not STORES_ARE_ORDERED:
        _thread_fence(ACQUIRE)


def fence_release() -> None:
    """Before plain stores, which thereby release."""
    if not STORES_ARE_ORDERED:
        _thread_fence(RELEASE)


def fence_full() -> None:
    _thread_fence(SEQ_CST)


# The asymmetric fence: docs/design.md. The light side is nothing, as the
# interpreter reorders nothing; or, in a symmetric segment, a full fence.

_GLOBAL_EXPEDITED = 2
_REGISTER_GLOBAL_EXPEDITED = 4


def register_for_fences() -> bool:
    """Whether this process is now one that heavy fences reach."""
    return not libc.syscall(_SYS_MEMBARRIER, _REGISTER_GLOBAL_EXPEDITED, 0, 0)


def fence_heavy(symmetric: bool) -> None:
    if symmetric:
        fence_full()
    elif libc.syscall(_SYS_MEMBARRIER, _GLOBAL_EXPEDITED, 0, 0):
        why = errno.errorcode.get(ctypes.get_errno(), "?")
        raise failure(
            errno.EOPNOTSUPP, f"the system refuses membarrier ({why}), which "
            "this segment needs: allow it in the sandbox, or create the "
            "segment with symmetric_fences=True")


# Futexes

_FUTEX_WAKE = 1
_FUTEX_WAIT_BITSET = 9
_ANY = 0xFFFFFFFF
_INT_MAX = 0x7FFFFFFF


class _Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_int64), ("nanoseconds", ctypes.c_int64)]


def futex_sleep(address: int, seen: int, until_ns: int) -> bool:
    """Sleep while the word is as seen, until woken, a signal, or that moment
    of CLOCK_MONOTONIC; True: by time."""
    until = _Timespec(*divmod(until_ns, 1000000000))
    return bool(
        libc.syscall(_SYS_FUTEX, ctypes.c_void_p(address), _FUTEX_WAIT_BITSET,
                     ctypes.c_uint32(seen), ctypes.byref(until), None,
                     ctypes.c_uint32(_ANY)) and
        ctypes.get_errno() == errno.ETIMEDOUT)


def futex_wake(address: int, n: int) -> int:
    """Wake up to n; how many slept."""
    woken = libc.syscall(_SYS_FUTEX, ctypes.c_void_p(address), _FUTEX_WAKE,
                         min(n, _INT_MAX), None, None, 0)
    return max(int(woken), 0)


def link_descriptor(fd: int, path: str) -> None:
    """Give an unnamed file its name; OSError."""
    at_fdcwd, follow = -100, 0x400
    if libc.linkat(at_fdcwd, f"/proc/self/fd/{fd}".encode(), at_fdcwd,
                   os.fsencode(path), follow):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def fallocate(fd: int, mode: int, offset: int, length: int) -> int:
    """0 or an errno."""
    return ctypes.get_errno() if libc.fallocate(fd, mode, offset,
                                                length) else 0
