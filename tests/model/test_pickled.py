"""Nothing in a pickle runs, and what is hostile is refused with its reason."""

import io
import pickle
import struct
import zipfile

import pytest
import torch

from modules.errors import ModelError
from modules.model.files import read_weights
from modules.model.pickled import LEGACY_MAGIC


class Call:
    """Pickles to a call of any function."""

    def __init__(self, module, name, *arguments):
        self.module, self.name, self.arguments = module, name, arguments

    def assembled(self, protocol=2):
        """The pickle of the call, without importing the function."""
        body = f"c{self.module}\n{self.name}\n".encode()
        if protocol >= 4:
            body = short_text(self.module) + short_text(self.name) + b"\x93"
        arguments = b"".join(text(argument) for argument in self.arguments)
        return body + b"(" + arguments + b"tR"


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def short_text(value):
    data = value.encode()
    return b"\x8c" + bytes([len(data)]) + data


def zip_of(body, tmp_path, name="evil.ckpt", members=None, compression=zipfile.ZIP_STORED):
    path = tmp_path / name
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", body)
        for member, data in (members or {}).items():
            archive.writestr(member, data)
    return path


def legacy_of(body, tmp_path):
    path = tmp_path / "evil.pt"
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    heads = [pickle.dumps(part, protocol=2) for part in (LEGACY_MAGIC, 1001, system)]
    path.write_bytes(b"".join(heads) + body + pickle.dumps([], protocol=2))
    return path


CANARY = "touch {canary}"
PAYLOADS = [
    ("os", "system", CANARY),
    ("posix", "system", CANARY),
    ("nt", "system", CANARY),
    ("subprocess", "getoutput", CANARY),
    ("subprocess", "Popen", CANARY),
    ("builtins", "eval", "open('{canary}', 'w')"),
    ("builtins", "exec", "open('{canary}', 'w')"),
    ("builtins", "open", "{canary}", "w"),
    ("builtins", "__import__", "os"),
    ("builtins", "getattr", "a", "b"),
    ("builtins", "compile", "1", "2", "eval"),
    ("__builtin__", "eval", "open('{canary}', 'w')"),
    ("io", "open", "{canary}", "w"),
    ("_io", "FileIO", "{canary}", "w"),
    ("pathlib2", "Path.touch", "{canary}"),
    ("runpy", "run_path", "{canary}"),
    ("pkgutil", "resolve_name", "os:system"),
    ("importlib", "import_module", "os"),
    ("operator", "attrgetter", "system"),
    ("operator", "methodcaller", "system"),
    ("pty", "spawn", "sh"),
    ("code", "interact"),
    ("pdb", "run", "1"),
    ("timeit", "timeit", "open('{canary}', 'w')"),
    ("cProfile", "run", "open('{canary}', 'w')"),
    ("trace", "Trace"),
    ("webbrowser", "open", "http://localhost:1"),
    ("socket", "create_connection", "localhost"),
    ("urllib.request", "urlopen", "file:///etc/passwd"),
    ("shutil", "rmtree", "{canary}"),
    ("os", "remove", "{canary}"),
    ("ctypes", "CDLL", "libc.so.6"),
    ("multiprocessing.util", "spawnv_passfds", "a"),
    ("torch", "load", "{canary}"),
    ("torch.hub", "load", "a"),
    ("torch.utils.cpp_extension", "load_inline", "a"),
    ("torch.storage", "_load_from_bytes", "a"),
    ("torch.serialization", "load", "{canary}"),
    ("torch.jit", "load", "{canary}"),
    ("torch._dynamo", "config", "a"),
    ("numpy", "load", "{canary}"),
    ("numpy", "memmap", "{canary}"),
    ("numpy.f2py.crackfortran", "getlincoef", "1"),
    ("numpy.testing._private.utils", "runstring", "1", "2"),
    ("pip", "main", "install"),
    ("idlelib.pyshell", "ModifiedInterpreter"),
    ("distutils.file_util", "write_file", "{canary}"),
    ("asyncio.unix_events", "_UnixSubprocessTransport._start"),
    ("types", "CodeType"),
    ("types", "FunctionType"),
    ("copyreg", "_reconstructor"),
    ("pickle", "loads", "a"),
    ("marshal", "loads", "a"),
    ("modules.model.files", "read_weights", "{canary}"),
    ("collections", "OrderedDict.__init__", "a"),
]


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: ".".join(payload[:2]))
@pytest.mark.parametrize("form", ["zip", "legacy", "stack global"])
def test_a_call_hidden_in_a_pickle_is_refused_and_not_made(tmp_path, payload, form):
    canary = tmp_path / "canary"
    module, name, *arguments = payload
    call = Call(module, name, *(argument.format(canary=canary) for argument in arguments))
    protocol = 4 if form == "stack global" else 2
    body = b"\x80" + bytes([protocol]) + call.assembled(protocol) + b"."
    path = legacy_of(body, tmp_path) if form == "legacy" else zip_of(body, tmp_path)
    with pytest.raises(ModelError) as caught:
        read_weights(path)
    assert f"{module}.{name}" in caught.value.message
    assert "Nothing in it was run" in caught.value.hint
    assert not canary.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"\x80\x02cos\nsystem\n",  # cut off after the name
        b"\x80\x02(S'x'\nios\nsystem\n.",  # INST
        b"\x80\x02(cos\nsystem\nS'x'\no.",  # OBJ
        b"\x80\x02\x82\x01.",  # EXT1
        b"\x80\x02P1\n.",  # PERSID
        b"\x80\x02X\x01\x00\x00\x00aQ.",  # BINPERSID of a text
        b"\x80\x02r\xff\xff\xff\x7f.",  # LONG_BINPUT: a memo of gigabytes
        b"\x80\x02]r\xff\xff\xff\x7f.",
        b"\x80\x02\x8a\xff",  # a number cut off
        b"\x80\x05\x97.",  # NEXT_BUFFER
        b"\x80\x02ccollections\nOrderedDict\n}X\x01\x00\x00\x00aK\x01sb.",  # BUILD on a class
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x08\x00\x00\x00__code__K\x01sb.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nN}X\x08\x00\x00\x00functionK\x01s\x86b.",
        b"\x80\x02K\x01K\x02K\x03s.",  # SETITEM on a number
        b"\x80\x02]K\x01a0.",  # nothing left on the stack
        b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R.",
        b"\x80\x02.",
        b"\x80\x09.",
        b"",
    ],
)
def test_malformed_and_tricky_pickles_are_refused(tmp_path, body):
    for path in (zip_of(body, tmp_path), legacy_of(body, tmp_path)):
        with pytest.raises(ModelError):
            read_weights(path)


def storage(key="0", count=4, kind="FloatStorage"):
    """The opcodes of a reference to a storage."""
    parts = text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu")
    return b"(" + parts + b"J" + struct.pack("<i", count) + b"tQ"


def tensor(offset=0, shape=(2, 2), strides=(2, 1), **options):
    """The opcodes of a tensor."""
    numbers = [
        b"(" + b"".join(b"J" + struct.pack("<i", n) for n in row) + b"t" for row in (shape, strides)
    ]
    start = b"J" + struct.pack("<i", offset)
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage(**options)
        + start
        + b"".join(numbers)
        + b"\x89}tR"
    )


def table_of(body):
    return b"\x80\x02}" + text("w") + body + b"s."


def test_the_assembled_tensor_is_a_good_one(tmp_path):
    """Keeps the tests below honest: without the lie, the same bytes are read."""
    data = struct.pack("<4f", 1, 2, 3, 4)
    path = zip_of(table_of(tensor()), tmp_path, members={"archive/data/0": data})
    with read_weights(path) as weights:
        assert torch.equal(weights["w"], torch.tensor([[1.0, 2], [3, 4]]))


@pytest.mark.parametrize(
    "lie",
    [
        {"offset": 1},
        {"offset": -1},
        {"shape": (2, 3)},
        {"shape": (2,)},
        {"shape": (-2, 2)},
        {"strides": (2, -1)},
        {"strides": (2**30, 1)},
        {"shape": (1,) * 20, "strides": (0,) * 20},
        {"key": "../../../../etc/passwd"},
        {"key": ""},
        {"count": -4},
        {"count": 4000},
        {"key": "7"},
        {"kind": "QUInt8Storage"},
    ],
)
def test_a_tensor_that_lies_about_its_storage_is_refused(tmp_path, lie):
    body = table_of(tensor(**lie))
    path = zip_of(body, tmp_path, members={"archive/data/0": bytes(16)})
    with pytest.raises(ModelError), read_weights(path) as weights:
        weights["w"]


def test_tensors_that_all_view_one_number_cost_no_more_than_they_say(tmp_path):
    """A stride of 0 makes 16 bytes look like terabytes."""
    body = table_of(tensor(shape=(2**20, 2**20), strides=(0, 0)))
    path = zip_of(body, tmp_path, members={"archive/data/0": bytes(16)})
    with pytest.raises(ModelError):
        read_weights(path)


@pytest.mark.parametrize(
    "members, message",
    [
        ({"archive/constants.pkl": b"x"}, "TorchScript"),
        ({"other/data.pkl": b"x"}, "same name"),
        ({"archive/byteorder": b"big"}, "big-endian"),
    ],
)
def test_odd_archives_are_refused(tmp_path, members, message):
    with pytest.raises(ModelError, match=message):
        read_weights(zip_of(b"\x80\x02}.", tmp_path, members=members))


def test_compressed_archives_are_refused(tmp_path):
    path = zip_of(b"\x80\x02}.", tmp_path, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelError, match="compressed"):
        read_weights(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(tmp_path):
    path = zip_of(b"\x80\x02}.", tmp_path, members={"archive/data.pkl": b"x"})
    with pytest.raises(ModelError, match="same name"):
        read_weights(path)


def test_a_zip_file_of_other_things_is_refused(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme.txt", "hello")
    (tmp_path / "archive.ckpt").write_bytes(buffer.getvalue())
    with pytest.raises(ModelError, match=r"no data\.pkl"):
        read_weights(tmp_path / "archive.ckpt")


def test_one_file_leaves_no_traces_for_the_next(tmp_path):
    """A stand-in class altered by one file is as before in the next."""
    inert = b"cargparse\nNamespace\n"
    body = b"\x80\x02" + inert + b"N}" + text("append") + b"K\x01s\x86b."
    with pytest.raises(ModelError):
        read_weights(zip_of(body, tmp_path))
    torch.save({"w": torch.ones(1)}, tmp_path / "good.pt")
    with read_weights(tmp_path / "good.pt") as weights:
        assert weights["w"].item() == 1
