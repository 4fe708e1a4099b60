"""The entry points execkit and execkit-mcp: the command line that the library holds."""

from __future__ import annotations

import ctypes
import os
import sys

from . import _ffi


def _run(arguments: list[str]) -> int:
    library = _ffi.library()
    library.execkit_main.restype = ctypes.c_int
    library.execkit_main.argtypes = [ctypes.c_int, ctypes.POINTER(ctypes.c_char_p)]
    argv = [b"execkit", *map(os.fsencode, arguments)]
    return int(library.execkit_main(len(argv), (ctypes.c_char_p * len(argv))(*argv)))


def main() -> None:
    sys.exit(_run(sys.argv[1:]))


def mcp() -> None:
    sys.exit(_run(["mcp", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
