"""A device guard for CUDA that does nothing, without which C++ code of torch refuses tensors of a device not there.

c10 keeps one guard for each type of device in a table; a library that is loaded may put its own into it. It is
compiled once for each torch with the compiler that Inductor's CPU backend needs, too (2 to 10 seconds), from c10's
headers alone, and kept in torch's folder of C++ extensions (TORCH_EXTENSIONS_DIR).
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import os
import subprocess
from pathlib import Path
from typing import Any

import torch

_SOURCE = r"""
#include <c10/core/impl/DeviceGuardImplInterface.h>
namespace {
constexpr auto CUDA = c10::DeviceType::CUDA;
struct Guard final : public c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return CUDA; }
  c10::Device getDevice() const override { return c10::Device(CUDA, 0); }
  c10::Device exchangeDevice(c10::Device) const override { return getDevice(); }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  c10::Stream getStream(c10::Device) const override { return c10::Stream(c10::Stream::DEFAULT, getDevice()); }
  c10::Stream getNewStream(c10::Device, int) const override { return c10::Stream(c10::Stream::DEFAULT, getDevice()); }
  c10::Stream exchangeStream(c10::Stream stream) const override { return stream; }
};
}
C10_REGISTER_GUARD_IMPL(CUDA, Guard)
"""
_SECONDS = 180


class NoGuard(RuntimeError):
    """It could not be made; the message is a sentence for people."""


def install() -> None:
    """Put it in place, for the life of this process. Raises NoGuard."""
    library = _built()
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        raise NoGuard(f"The device guard that stands for a GPU could not be loaded: {error}.") from None


def _built() -> Path:
    folder = _folder()
    key = hashlib.sha256(f"{torch.__version__} {torch.__file__} {_SOURCE}".encode()).hexdigest()[:16]
    library = folder / f"g2_absent_gpu_{key}.so"
    if library.exists():
        return library
    source, made = (folder / f"{library.stem}.{os.getpid()}{ending}" for ending in (".cpp", ".so"))
    try:
        source.write_text(_SOURCE)
        done = subprocess.run(_command(source, made), capture_output=True, text=True, timeout=_SECONDS, check=False)
        if done.returncode != 0:
            said = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip()[-200:])
            raise NoGuard(f"The C++ compiler could not build the device guard that stands for a GPU: {said}")
        made.replace(library)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoGuard(f"The device guard that stands for a GPU could not be built: {error}.") from None
    finally:
        source.unlink(missing_ok=True)
        made.unlink(missing_ok=True)
    return library


def _folder() -> Path:
    extension: Any = importlib.import_module("torch.utils.cpp_extension")
    root = Path(os.environ.get("TORCH_EXTENSIONS_DIR") or extension.get_default_build_root())
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise NoGuard(f"The device guard that stands for a GPU could not be built: {error}.") from None
    return root


def _command(source: Path, made: Path) -> list[str]:
    builder: Any = importlib.import_module("torch._inductor.cpp_builder")
    try:
        compiler = str(builder.get_cpp_compiler())
    except Exception as error:  # InvalidCxxCompiler, and what its search raises
        raise NoGuard(
            "Planning for a GPU that is not there takes a C++ compiler (g++ or clang++, or one named by CXX), and none "
            f"was found: {error}"
        ) from None
    package = Path(torch.__file__).parent
    abi = int(torch.compiled_with_cxx11_abi())
    return [
        compiler, "-std=c++20" if _newer() else "-std=c++17", "-O0", "-w", "-shared", "-fPIC",
        str(source), "-o", str(made),
        f"-I{package / 'include'}", f"-D_GLIBCXX_USE_CXX11_ABI={abi}", f"-L{package / 'lib'}", "-lc10",
        f"-Wl,-rpath,{package / 'lib'}",
    ]  # fmt: skip


def _newer() -> bool:
    """torch's headers are C++20 from 2.12 on."""
    return tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2]) >= (2, 12)
