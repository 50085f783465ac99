"""A stored ONNX model made fit for use, by editing its protobuf bytes directly.

Older exporters wrote a fixed input size and listed every weight among the graph's inputs. The first forbids pictures of
other sizes; the second forbids the runtime to fold batch normalisation into convolutions, which costs a third of the
speed. Only the outer structure is touched; weights and nodes are copied as they are. Format: onnx.proto (ModelProto,
GraphProto, ValueInfoProto) and the protocol buffers wire format.
"""

from collections.abc import Iterator, Sequence

from evidence.errors import BadInput

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_GRAPH = 7
_GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_VALUE_INFO = 11, 12, 13
_FLOAT = 1


class NotAModel(BadInput):
    """Bytes are not an ONNX model of the structure that is expected."""

    code = "not-a-model"


def with_free_shapes(model: bytes, input_name: str, channels: int) -> bytes:
    """The model with one input of free height and width, no weights among its inputs, and outputs of free shape."""
    try:
        parts = [
            _field(number, _free_graph(value, input_name, channels)) if number == _GRAPH else raw
            for number, value, raw in _fields(model)
        ]
    except IndexError as cut:
        raise NotAModel("the model's bytes end too early") from cut
    return b"".join(parts)


def _free_graph(graph: bytes, input_name: str, channels: int) -> bytes:
    kept, outputs = [], []
    for number, value, raw in _fields(graph):
        if number == _GRAPH_OUTPUT:
            outputs.append(_name(value))
        elif number not in (_GRAPH_INPUT, _GRAPH_VALUE_INFO):
            kept.append(raw)
    if not outputs:
        raise NotAModel("the model has no outputs")
    kept.append(_field(_GRAPH_INPUT, _value_info(input_name, [1, channels, "height", "width"])))
    kept += [_field(_GRAPH_OUTPUT, _value_info(name, [1, f"c{name}", "rows", "columns"])) for name in outputs]
    return b"".join(kept)


def _name(value_info: bytes) -> str:
    return next(value.decode("utf-8") for number, value, _ in _fields(value_info) if number == 1)


def _value_info(name: str, shape: Sequence[int | str]) -> bytes:
    dimensions = b"".join(_field(1, _dimension(size)) for size in shape)
    tensor = _varint(1 << 3) + _varint(_FLOAT) + _field(2, dimensions)
    return _field(1, name.encode()) + _field(2, _field(1, tensor))


def _dimension(size: int | str) -> bytes:
    return _varint(1 << 3) + _varint(size) if isinstance(size, int) else _field(2, size.encode())


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _fields(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Number, payload (empty for numbers) and raw bytes of every field of a message."""
    at = 0
    while at < len(data):
        begin = at
        key, at = _read_varint(data, at)
        payload = b""
        if key & 7 == _BYTES:
            length, at = _read_varint(data, at)
            payload, at = data[at : at + length], at + length
        elif key & 7 == _VARINT:
            _, at = _read_varint(data, at)
        elif key & 7 in (_FIXED64, _FIXED32):
            at += 8 if key & 7 == _FIXED64 else 4
        else:
            raise NotAModel(f"field type {key & 7} is not known")
        yield key >> 3, payload, data[begin:at]
