"""Runs tests with the evaluator built under a sanitizer: what `make sanitize` does.

    python native/sanitize.py address,undefined tests/unit/native
    python native/sanitize.py thread tests/unit/native/test_threads.py

1. Builds `native/` with the sanitizer in `build/sanitize-…`.
2. Lays a package beside it: the sources, and the module just built instead of the installed one.
3. Runs pytest there. The interpreter is not instrumented, so the sanitizer's library is loaded
   first. `-S` keeps the hook of an editable install from finding the other module.

Needs a C++ compiler that has the sanitizers (GCC or Clang on Linux) and the development packages.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = {"address": "asan", "thread": "tsan", "undefined": "ubsan"}
OPTIONS = {
    # the interpreter's own leaks are not ours to find; a failed malloc is tested for
    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:abort_on_error=0",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:report_signal_unsafe=0:history_size=4",
}


def main(arguments: list[str]) -> int:
    """Builds and tests; pytest's exit code."""
    if len(arguments) < 2:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    sanitizers, tests = arguments[0], arguments[1:]
    build = ROOT / "build" / f"sanitize-{sanitizers.replace(',', '-')}"
    module = compiled(build, sanitizers)
    package = build / "package"
    lay_out(package, module)
    environment = os.environ | OPTIONS
    environment["PYTHONPATH"] = os.pathsep.join([str(package), sysconfig.get_path("purelib")])
    environment["LD_PRELOAD"] = " ".join(runtimes(sanitizers))
    environment["OPENBLAS_NUM_THREADS"] = environment["OMP_NUM_THREADS"] = "1"
    command = [sys.executable, "-S", "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    if "thread" in sanitizers and shutil.which("setarch"):
        # ThreadSanitizer refuses address spaces that are too random
        command = ["setarch", platform.machine(), "-R", *command]
    print("+", " ".join(command), flush=True)
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def compiled(build: Path, sanitizers: str) -> Path:
    """The module, built with the sanitizers."""
    configure = [
        *("cmake", "-S", str(ROOT), "-B", str(build)),
        f"-DPython_EXECUTABLE={sys.executable}",
        f"-DSAFELIGHT_SANITIZE={sanitizers}",
        "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
    ]
    if shutil.which("ninja"):
        configure += ["-G", "Ninja"]
    subprocess.run(configure, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", str(build), "--parallel", "2"], check=True)
    (module,) = (build / "native").glob("_native*.so")
    return module


def lay_out(package: Path, module: Path) -> None:
    """Links to everything of the package, with this module in place of the installed one."""
    shutil.rmtree(package, ignore_errors=True)
    target = package / "safelight"
    target.mkdir(parents=True)
    for path in (ROOT / "src" / "safelight").iterdir():
        if not path.name.startswith("_native") and path.name != "__pycache__":
            (target / path.name).symlink_to(path)
    shutil.copy(module, target / module.name)


def runtimes(sanitizers: str) -> list[str]:
    """The libraries to load first, as the compiler names them."""
    compiler = os.environ.get("CXX", "c++")
    # libstdc++ as well, so that exceptions are seen when they are thrown
    names = [f"lib{LIBRARY[name]}.so" for name in sanitizers.split(",")] + ["libstdc++.so"]
    found = [
        subprocess.run(
            [compiler, f"-print-file-name={name}"], check=True, capture_output=True, text=True
        ).stdout.strip()
        for name in names
    ]
    return [str(Path(path).resolve()) for path in found if Path(path).is_absolute()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
