"""Reads PyTorch checkpoints (`.ckpt`, `.pt`, `.bin`) without running anything in them.

A pickle is a small program. This reader gives that program a world in which the only things that
exist are tables, tensors on disk and inert stand-ins: no name in a file is ever imported, and one
that weights have no business with gets the whole file refused. Tensors are read later, one by one,
so that optimiser states and second copies in old checkpoints cost nothing. Needs no torch.
"""

import io
import math
import os
import pickle
import pickletools
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from modules.errors import ModelError
from modules.model.header import ITEM_BYTES
from modules.model.mapped import member_start

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
MAX_OPCODES = 20_000_000
BAD_ZIP = (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError, struct.error)
"""What Python's zip reader raises for damaged files (NotImplementedError is a RuntimeError)."""
MEMO_OPCODES = ("PUT", "BINPUT", "LONG_BINPUT")
FORBIDDEN_OPCODES = ("EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER", "PERSID")

STORAGE_DTYPES = {
    "DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8",
    "ByteStorage": "U8", "BoolStorage": "BOOL", "UntypedStorage": "U8",
}  # fmt: skip
TORCH_DTYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64",
    "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "int32": "I32", "int16": "I16",
    "int8": "I8", "uint8": "U8", "uint16": "U16", "uint32": "U32", "uint64": "U64", "bool": "BOOL",
}  # fmt: skip
INERT = (
    "pytorch_lightning.", "lightning.", "lightning_fabric.", "omegaconf.", "torchmetrics.",
    "torch.optim.", "torch.nn.", "torch.ao.", "numpy.dtype", "numpy.dtypes.", "numpy.ndarray",
    "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.float",
    "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct", "numpy.int",
    "argparse.Namespace", "pathlib.", "datetime.", "typing.", "enum.", "fractions.Fraction",
    "collections.Counter", "collections.deque", "functools.partial", "torch.device", "torch.dtype",
    "torch.Tensor", "ldm.", "sgm.", "taming.", "transformers.", "accelerate.", "wandb.",
    "easydict.", "yacs.", "modules.textual_inversion.", "modules.hypernetworks.",
)  # fmt: skip
"""Beginnings of names that trainers leave in checkpoints. They become stand-ins that do nothing."""


@dataclass(frozen=True, slots=True)
class Storage:
    """A run of `count` numbers in the file, known there as `key`."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True, slots=True)
class PickledTensor:
    """A tensor still on disk: a strided view of a storage, in numbers (not bytes)."""

    storage: Storage
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class DType:
    """A torch number type named in a file."""

    name: str


class Refused(Exception):
    """A name or operation in a pickle that weights have no business with."""


class PickledFile:
    """An opened checkpoint: `content` is what was pickled, with tensors still on disk."""

    def __init__(
        self,
        content: Any,
        read: Callable[[Storage], bytearray],
        place: Callable[[Storage], int | None],
        file: BinaryIO | zipfile.ZipFile,
    ):
        self.content = content
        self.read = read
        """The bytes of a storage. Raises ModelError when they are missing or damaged."""
        self.place = place
        """Where a storage begins in the file; None if it is not there in one piece."""
        self.close = file.close


def open_zip(path: Path) -> PickledFile:
    """Open the zip form, written since PyTorch 1.6."""
    try:
        archive = zipfile.ZipFile(path)
    except BAD_ZIP as error:
        raise ModelError(
            f"{path.name} is incomplete or damaged: the index at its end is missing.",
            "Download or copy it again.",
        ) from error
    try:
        folder = check_members(archive, path.name)
        text = read_member(archive, f"{folder}data.pkl", path.name)
        content = load(io.BytesIO(text), path.name)
    except BaseException:
        archive.close()
        raise

    def read(storage: Storage) -> bytearray:
        data = read_member(archive, f"{folder}data/{storage.key}", path.name)
        return as_storage(data, storage, path.name)

    def place(storage: Storage) -> int | None:
        return member_start(archive, f"{folder}data/{storage.key}", storage_bytes(storage))

    return PickledFile(content, read, place, archive)


def check_members(archive: zipfile.ZipFile, name: str) -> str:
    """Check the members of a zip file; the folder (with slash) that everything lies in."""
    members = archive.namelist()
    pickles = [member for member in members if member.rsplit("/", 1)[-1] == "data.pkl"]
    if len(set(members)) < len(members) or len(pickles) > 1:
        raise refused(name, "it is a zip file with two members of the same name")
    if not pickles:
        raise ModelError(f"{name} is a zip file, but not one with weights (no data.pkl).")
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}constants.pkl" in members:
        raise refused(name, "it is a TorchScript program, not a file of weights")
    if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
        raise refused(name, "its members are compressed, which PyTorch never does")
    order = f"{folder}byteorder"
    if order in members and read_member(archive, order, name) != b"little":
        raise ModelError(f"{name} was written on a big-endian machine, which is not supported.")
    return folder


def read_member(archive: zipfile.ZipFile, member: str, name: str) -> bytes:
    """The bytes of one member, its checksum verified."""
    try:
        return archive.read(member)
    except KeyError as error:
        raise damaged(name, f"{member} is missing in it") from error
    except BAD_ZIP as error:
        raise damaged(name, f"{member} cannot be read ({error})") from error


def open_legacy(path: Path) -> PickledFile:
    """Open the form before PyTorch 1.6: five pickles in a row, then the storages."""
    file = path.open("rb")
    try:
        if load(file, path.name) != LEGACY_MAGIC:
            raise refused(path.name, "it is a pickle, but not a PyTorch checkpoint")
        load(file, path.name)  # the format's version
        system = load(file, path.name)
        if not isinstance(system, dict) or system.get("little_endian") is not True:
            raise damaged(path.name, "its description of the machine is missing")
        content = load(file, path.name)
        keys = load(file, path.name)
        if not isinstance(keys, list):
            raise damaged(path.name, "its list of storages is missing")
        places = find_storages(file, keys, content, path.name)
    except BaseException:
        file.close()
        raise

    def read(storage: Storage) -> bytearray:
        if storage.key not in places:
            raise damaged(path.name, f"storage {storage.key} is missing in it")
        file.seek(places[storage.key])
        return as_storage(file.read(storage_bytes(storage)), storage, path.name)

    return PickledFile(content, read, lambda storage: places.get(storage.key), file)


def find_storages(file: BinaryIO, keys: list[Any], content: Any, name: str) -> dict[str, int]:
    """The place of every storage, walking the file from where the pickles end."""
    widths = {
        tensor.storage.key: ITEM_BYTES[tensor.storage.dtype] for tensor in tensors_in(content)
    }
    size = os.fstat(file.fileno()).st_size
    place, places = file.tell(), {}
    for key in keys:
        if key not in widths:
            raise damaged(name, f"storage {key!r} belongs to no tensor")
        file.seek(place)
        head = file.read(8)
        count = struct.unpack("<q", head)[0] if len(head) == 8 else -1
        places[key] = place + 8
        place += 8 + count * widths[key]
        if count < 0 or place > size:
            raise damaged(name, "it ends before its last tensor", "incomplete")
    return places


def tensors_in(content: Any) -> list[PickledTensor]:
    """Every tensor in nested tables and lists."""
    found, waiting, seen = [], [content], set()
    while waiting:
        thing = waiting.pop()
        if isinstance(thing, PickledTensor):
            found.append(thing)
        elif isinstance(thing, dict | list | tuple) and id(thing) not in seen:
            seen.add(id(thing))
            waiting.extend(thing.values() if isinstance(thing, dict) else thing)
    return found


def storage_bytes(storage: Storage) -> int:
    """Size of a storage in bytes."""
    return storage.count * ITEM_BYTES[storage.dtype]


def as_storage(data: bytes, storage: Storage, name: str) -> bytearray:
    """`data` in writable memory, if there is as much of it as the tensors were promised."""
    if len(data) < storage_bytes(storage):
        raise damaged(name, f"storage {storage.key} is shorter than its tensors", "incomplete")
    return bytearray(data)


def load(file: IO[bytes], name: str) -> Any:
    """Unpickle one object from `file`, in the world described at the top."""
    start = file.tell()
    try:
        check_opcodes(file)
        file.seek(start)
        return Unpickler(file).load()
    except Refused as reason:
        raise refused(name, str(reason)) from reason
    except Exception as error:  # a malformed pickle can fail in any way
        raise damaged(name, f"its table of contents cannot be read ({error})") from error


def check_opcodes(file: IO[bytes]) -> None:
    """Refuse operations that no weights need, and memo numbers that would exhaust the memory."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if opcode.name in FORBIDDEN_OPCODES:
            raise Refused(f"its pickle uses the operation {opcode.name}")
        if opcode.name in MEMO_OPCODES and (argument is None or argument > count):
            raise Refused("its pickle numbers its memory wildly")
        if count > MAX_OPCODES:
            raise Refused(f"its pickle has more than {MAX_OPCODES} operations")


class Unpickler(pickle.Unpickler):
    """An unpickler in whose world hardly anything exists."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, encoding="latin1")
        # A class of its own for every file, so that one file cannot leave traces for the next.
        self.inert = type("Inert", (Inert,), {})

    def find_class(self, module: str, name: str) -> Any:
        """What a name in the file means here. Nothing is imported, whatever the name is."""
        full = f"{module}.{name}"
        if full in KNOWN:
            return KNOWN[full]
        if module in ("torch", "torch.storage") and name in STORAGE_DTYPES:
            return DType(STORAGE_DTYPES[name])
        if module == "torch" and name in TORCH_DTYPES:
            return DType(TORCH_DTYPES[name])
        if full.startswith(INERT):
            return self.inert
        raise Refused(f"it asks for {full}, which weights have no business with")

    def persistent_load(self, pid: Any) -> Any:
        """A storage the file refers to, or the class of a module."""
        match pid:
            case ("storage", DType(dtype), str(key), str(), int(count), *rest):
                if count < 0 or (rest and rest != [None]):
                    raise Refused("it holds storages that are views of others")
                if not key.isascii() or not key.replace("_", "").isalnum():
                    raise Refused(f"it names a storage {key!r}")
                return Storage(key, dtype, count)
            case ("module", known, *_):  # a class, with its source code, which is not looked at
                return known
        raise Refused("it refers to something that is not a storage")


class Inert:
    """Stands in for an object that is not weights: accepts everything, keeps and does nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> "Inert":
        return object.__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, item: Any) -> None:
        """Forget `item`."""

    def extend(self, items: Any) -> None:
        """Forget `items`."""


class ParameterTable(dict[str, Any]):
    """Stands in for torch's ParameterDict, which holds the vectors of some textual inversions."""

    def __setstate__(self, state: Any) -> None:
        parameters = state.get("_parameters") if isinstance(state, dict) else None
        self.update(parameters if isinstance(parameters, dict) else {})


class Known:
    """A function that exists in the unpickler's world; cannot be altered from there."""

    __slots__ = ("function",)
    function: Callable[..., Any]

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "function", function)

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)

    def __setattr__(self, name: str, value: Any) -> None:
        raise Refused("it tries to alter a function")

    def __setstate__(self, state: Any) -> None:
        raise Refused("it tries to alter a function")


def rebuild_tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any
) -> PickledTensor:
    """A view of a storage, checked to lie inside it."""
    # `rest` is requires_grad and hooks; version 3 adds the dtype of an untyped storage.
    dtype = next((item.name for item in rest if isinstance(item, DType)), None)
    if not isinstance(storage, Storage):
        raise Refused("it holds a tensor without a storage")
    shape, strides = tuple(shape), tuple(strides)
    numbers = (offset, *shape, *strides)
    if len(shape) != len(strides) or len(shape) > 16 or not all(is_count(n) for n in numbers):
        raise Refused("it holds a tensor of an impossible shape")
    available = storage.count
    if dtype is not None:
        available = storage_bytes(storage) // ITEM_BYTES[dtype]
    reach = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if 0 not in shape and (reach >= available or math.prod(shape) > available):
        raise Refused("it holds a tensor that is larger than its storage")
    return PickledTensor(storage, dtype or storage.dtype, shape, strides, offset)


def is_count(value: Any) -> bool:
    """Whether `value` is a sensible non-negative integer."""
    return type(value) is int and 0 <= value < 2**40


def rebuild_parameter(data: Any, *_: Any) -> Any:
    """A parameter is its tensor."""
    return data


def rebuild_from_type(function: Any, _: Any, arguments: Any, *__: Any) -> Any:
    """A tensor of a subclass is its tensor."""
    if not isinstance(function, Known):
        raise Refused("it rebuilds a tensor in an unknown way")
    return function(*arguments)


def encode(text: Any, encoding: Any = "latin1") -> bytes:
    """Bytes, the way old pickles write them."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise Refused("it encodes text in an unusual way")
    return text.encode("latin1")


KNOWN: dict[str, Any] = {
    "collections.OrderedDict": OrderedDict,
    "collections.defaultdict": Known(lambda *_: {}),
    "builtins.set": set,
    "builtins.frozenset": frozenset,
    "builtins.dict": Known(lambda *items: dict(*items)),
    "builtins.list": Known(lambda *items: list(*items)),
    "__builtin__.set": set,
    "__builtin__.dict": Known(lambda *items: dict(*items)),
    "__builtin__.list": Known(lambda *items: list(*items)),
    "_codecs.encode": Known(encode),
    "torch.Size": Known(lambda sizes=(): tuple(sizes)),
    "torch._utils._rebuild_tensor": Known(rebuild_tensor),
    "torch._utils._rebuild_tensor_v2": Known(rebuild_tensor),
    "torch._utils._rebuild_tensor_v3": Known(rebuild_tensor),
    "torch._utils._rebuild_parameter": Known(rebuild_parameter),
    "torch._utils._rebuild_parameter_with_state": Known(rebuild_parameter),
    "torch._tensor._rebuild_from_type_v2": Known(rebuild_from_type),
    "torch.nn.modules.container.ParameterDict": ParameterTable,
}
"""Everything that exists in the unpickler's world, apart from number types."""


def refused(name: str, why: str) -> ModelError:
    """The error for a file that might be hostile."""
    return ModelError(
        f"{name} was refused: {why}.",
        "Nothing in it was run. Get the model as .safetensors, from a source you trust.",
    )


def damaged(name: str, why: str, state: str = "damaged") -> ModelError:
    """The error for a file that contradicts itself or ends early."""
    return ModelError(f"{name} is {state}: {why}.", "Download or copy it again.")
