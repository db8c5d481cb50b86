"""Small ONNX files written by hand: protocol buffers are lengths, kinds and bytes."""

import struct

import numpy as np

FLOAT, INT64 = 1, 7


def number(field, value):
    """A whole number; negative ones are 64 bits wide."""
    return varint(field << 3) + varint(value & 0xFFFFFFFFFFFFFFFF)


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def text(field, value):
    data = value if isinstance(value, bytes) else value.encode()
    return varint(field << 3 | 2) + varint(len(data)) + data


def tensor(name, values):
    """A constant."""
    values = np.asarray(values)
    kind = INT64 if values.dtype.kind == "i" else FLOAT
    data = values.astype("<i8" if kind == INT64 else "<f4").tobytes()
    sides = b"".join(number(1, side) for side in values.shape)
    return sides + number(2, kind) + text(8, name) + text(9, data)


def attribute(name, value):
    if isinstance(value, float):
        return text(1, name) + varint(2 << 3 | 5) + struct.pack("<f", value) + number(20, 1)
    if isinstance(value, int):
        return text(1, name) + number(3, value) + number(20, 2)
    return text(1, name) + b"".join(number(8, one) for one in value) + number(20, 7)


def node(kind, inputs, outputs, **attributes):
    parts = [text(1, one) for one in inputs] + [text(2, one) for one in outputs]
    parts += [text(3, outputs[0]), text(4, kind)]
    return b"".join(parts + [text(5, attribute(*one)) for one in attributes.items()])


def value(name, sides):
    shape = b"".join(text(1, number(1, side)) for side in sides)
    return text(1, name) + text(2, text(1, number(1, FLOAT) + text(2, shape)))


def model(nodes, constants, inputs, outputs):
    """A whole file; `inputs` and `outputs` are names with sides."""
    graph = b"".join(
        [text(1, one) for one in nodes]
        + [text(2, "graph")]
        + [text(5, tensor(*one)) for one in constants.items()]
        + [text(11, value(*one)) for one in inputs.items()]
        + [text(12, value(*one)) for one in outputs.items()]
    )
    return number(1, 7) + text(7, graph) + text(8, text(1, "") + number(2, 11))


YUNET_NUMBERS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}


def white_square_detector(stride=32, side=320):
    """A file as YuNet's are, that finds a face of two strides wherever a place is all white."""
    nodes, constants, outputs = [], {}, {}
    for step in (8, 16, 32):
        pooled = f"mean{step}"
        nodes.append(
            node(
                "AveragePool", ["input"], [pooled], kernel_shape=[step, step], strides=[step, step]
            )
        )
        for what, count in YUNET_NUMBERS.items():
            name = f"{what}_{step}"
            weights = np.zeros((count, 3, 1, 1), np.float32)
            bias = np.zeros(count, np.float32)
            if what == "cls":
                weights += 1.0
                bias -= 3 * 250 if step == stride else 10_000
            if what == "obj":
                bias += 20
            if what == "bbox":
                bias[:] = (0.5, 0.5, np.log(2), np.log(2))
            if what == "kps":
                bias[:] = (0.25, 0.25, 0.75, 0.25, 0.5, 0.5, 0.3, 0.8, 0.7, 0.8)
            constants[f"{name}.weight"], constants[f"{name}.bias"] = weights, bias
            constants[f"{name}.shape"] = np.array([1, -1, count])
            nodes += [
                node("Conv", [pooled, f"{name}.weight", f"{name}.bias"], [f"{name}.map"]),
                node("Transpose", [f"{name}.map"], [f"{name}.turned"], perm=[0, 2, 3, 1]),
            ]
            last = name if what in ("bbox", "kps") else f"{name}.plain"
            nodes.append(node("Reshape", [f"{name}.turned", f"{name}.shape"], [last]))
            if last != name:
                nodes.append(node("Sigmoid", [last], [name]))
            outputs[name] = [1, (side // step) ** 2, count]
    return model(nodes, constants, {"input": [1, 3, side, side]}, outputs)
