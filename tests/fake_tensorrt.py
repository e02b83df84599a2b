"""A fake of TensorRT's Python module for one of the versions in ``tensorrt_api.json``.

Enumerations come from that file. The classes have what the package needs and no more; a test
compares their methods and arguments with the file, and setting a property that is not in it fails
as it does in the real module. A "plan" is the ONNX file with the settings of the builder, and an
engine computes it with onnx's own reference implementation, when the stream gets to it.
"""

from __future__ import annotations

import base64
import ctypes
import json
import weakref
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from fake_cuda import COMPUTE_MS, FakeCuda
from onnx.reference import ReferenceEvaluator

API = Path(__file__).resolve().parent / "fixtures" / "tensorrt_api.json"
_TYPES = {1: "FLOAT", 10: "HALF", 7: "INT64", 6: "INT32", 16: "BF16"}
_WORDS = {
    "FLOAT": ("Row major linear FP32", "Float"),
    "HALF": ("Row major linear FP16 format", "Half"),
}
"""As TensorRT 10 and as TensorRT 11 put it."""


@cache
def published() -> dict[str, Any]:
    """What each version has, by its full number."""
    versions: dict[str, Any] = json.loads(API.read_text())["versions"]
    return versions


class FakeTensorRt:
    """The module.

    Args:
        version: One of :func:`published`.
        cuda: The GPU it runs on.

    Attributes:
        calls: What was done, in order.
        ignores_types: Build in FP32 whatever the graph says.
        fuses_all: Build one layer of everything.
        says: What the inspector says instead.
        build_error: Log it and build nothing.
        starts: Whether a builder can be created.
        loads: Whether an engine can be deserialised.
        refuses_capture, replay_differs: What goes wrong with a CUDA graph.
        refuses_timings: Whether timing caches that are not new are refused.
    """

    def __init__(self, version: str, cuda: FakeCuda) -> None:
        self.__version__ = version
        self.api = published()[version]
        self.cuda = cuda
        self.calls: list[str] = []
        self.ignores_types = self.refuses_capture = self.replay_differs = False
        self.refuses_timings = self.fuses_all = False
        self.says: str | None = None
        self.starts = self.loads = True
        self.build_error = ""
        enums = {name: IntEnum(name, members) for name, members in self.api["enums"].items()}
        self.ILogger: Any = type("ILogger", (ILogger,), {"Severity": enums.pop("ILogger.Severity")})
        vars(self).update(enums)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the fake of TensorRT {self.__version__} has no {name}")

    def Builder(self, logger: Any) -> Builder:
        if not self.starts:
            logger.log(self.ILogger.Severity.ERROR, "CUDA initialization failure with error: 35")
            raise TypeError("pybind11::init(): factory function returned nullptr")
        return Builder(self, logger)

    def OnnxParser(self, network: INetworkDefinition, logger: Any) -> OnnxParser:
        return OnnxParser(self, network)

    def Runtime(self, logger: Any) -> Runtime:
        return Runtime(self, logger)

    def init_libnvinfer_plugins(self, logger: Any, namespace: str) -> bool:
        self.calls.append("init_libnvinfer_plugins")
        return True


class ILogger:
    def __init__(self) -> None: ...

    def log(self, severity: Any, msg: str) -> None:
        raise NotImplementedError


class _Fake:
    """An object of the module, whose properties can be set only if they are published as such."""

    def __init__(self, trt: FakeTensorRt) -> None:
        self._trt = trt

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            properties = self._trt.api["classes"][type(self).__name__]["properties"]
            if properties.get(name) != "rw":
                raise AttributeError(f"{type(self).__name__} has no {name} that can be set")
        object.__setattr__(self, name, value)


class ITensor(_Fake):
    def __init__(self, trt: FakeTensorRt, value: Any, ends: tuple[str, ...] = ()) -> None:
        super().__init__(trt)
        self.name = value.name
        self.shape = _shape(value)
        self._kind = value.type.tensor_type.elem_type
        self._is_end = value.name in ends

    @property
    def dtype(self) -> Any:
        return self._trt.DataType[_TYPES[self._kind]]

    @property
    def is_network_output(self) -> bool:
        return self._is_end


class ILayer(_Fake):
    def __init__(self, trt: FakeTensorRt, kind: str, outputs: list[ITensor]) -> None:
        super().__init__(trt)
        self._kind = kind
        self._outputs = outputs

    @property
    def type(self) -> Any:
        return self._trt.LayerType[self._kind]

    @property
    def num_outputs(self) -> int:
        return len(self._outputs)

    def get_output(self, index: int) -> ITensor:
        return self._outputs[index]


class INetworkDefinition(_Fake):
    """A layer for every initialiser, as for those that are no weights of convolutions, and node."""

    _model: Any = None
    _parser: Any = None
    _layers: tuple[ILayer, ...] = ()
    _inputs: tuple[ITensor, ...] = ()

    @property
    def num_inputs(self) -> int:
        return len(self._inputs)

    def get_input(self, index: int) -> ITensor:
        return self._inputs[index]

    @property
    def num_layers(self) -> int:
        return len(self._layers)

    def get_layer(self, index: int) -> ILayer:
        return self._layers[index]

    def _read(self, model: Any) -> None:
        trt, graph = self._trt, onnx.shape_inference.infer_shapes(model).graph
        values = {v.name: v for v in (*graph.value_info, *graph.output)}
        ends = tuple(output.name for output in graph.output)
        weights = [onnx.helper.make_tensor_value_info(w.name, w.data_type, w.dims)
                   for w in graph.initializer]  # fmt: skip
        nodes = [node for node in graph.node if not node.domain]
        self._model = model
        self._inputs = tuple(ITensor(trt, value) for value in graph.input)
        self._layers = (
            *(ILayer(trt, "CONSTANT", [ITensor(trt, value)]) for value in weights),
            *(ILayer(trt, "ELEMENTWISE", [ITensor(trt, values[name], ends) for name in n.output])
              for n in nodes),
        )  # fmt: skip

    def _fixed(self) -> Any:
        """The model with the sizes that its inputs were given, in all that has the same names."""
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        sizes: dict[str, int] = {}
        for tensor, value in zip(self._inputs, model.graph.input, strict=True):
            dims = value.type.tensor_type.shape.dim
            sizes |= {d.dim_param: n for d, n in zip(dims, tensor.shape, strict=True)}
        for value in (*model.graph.input, *model.graph.output):
            for dim in value.type.tensor_type.shape.dim:
                if sizes.get(dim.dim_param, -1) > 0 and not dim.HasField("dim_value"):
                    dim.dim_value = sizes[dim.dim_param]
        return model


class ParserError(_Fake):
    def __init__(self, trt: FakeTensorRt, node: Any) -> None:
        super().__init__(trt)
        self._node = node

    def desc(self) -> str:
        return "No importer registered for op"

    def node_name(self) -> str:
        return str(self._node.name)

    def node_operator(self) -> str:
        return str(self._node.op_type)


class OnnxParser(_Fake):
    """Knows every operator but those of other domains."""

    def __init__(self, trt: FakeTensorRt, network: INetworkDefinition) -> None:
        super().__init__(trt)
        self._network = network
        self._errors: list[ParserError] = []
        network._parser = weakref.ref(self)

    def parse(self, model: bytes, path: str) -> bool:
        assert Path(path).exists()
        parsed = onnx.load_model_from_string(model)
        self._errors = [ParserError(self._trt, n) for n in parsed.graph.node if n.domain]
        self._network._read(parsed)
        return not self._errors

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, index: int) -> ParserError:
        return self._errors[index]


class IHostMemory(_Fake):
    def __init__(self, trt: FakeTensorRt, data: bytes) -> None:
        super().__init__(trt)
        self._data = data

    def __bytes__(self) -> bytes:
        return self._data


class ITimingCache(_Fake):
    def __init__(self, trt: FakeTensorRt, data: bytes) -> None:
        super().__init__(trt)
        self._data = data

    def serialize(self) -> IHostMemory:
        return IHostMemory(self._trt, self._data)


class IBuilderConfig(_Fake):
    def __init__(self, trt: FakeTensorRt) -> None:
        super().__init__(trt)
        self.builder_optimization_level = 3
        self.profiling_verbosity: Any = trt.ProfilingVerbosity.LAYER_NAMES_ONLY
        self._flags = {"TF32"}
        self._pools: dict[str, int] = {}
        self._timings: Any = None

    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
        self._pools[pool.name] = pool_size

    def clear_flag(self, flag: Any) -> None:
        self._flags.discard(flag.name)

    def create_timing_cache(self, serialized_timing_cache: bytes) -> ITimingCache | None:
        self._trt.calls.append(f"create_timing_cache {len(serialized_timing_cache)}")
        if self._trt.refuses_timings and serialized_timing_cache:
            return None
        return ITimingCache(self._trt, serialized_timing_cache)

    def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        self._timings = weakref.ref(cache)
        return True


class Builder(_Fake):
    def __init__(self, trt: FakeTensorRt, logger: Any) -> None:
        super().__init__(trt)
        self._logger = logger
        self._creation_flags = 0

    def create_network(self, flags: int = 0) -> INetworkDefinition:
        self._creation_flags = flags
        return INetworkDefinition(self._trt)

    def create_builder_config(self) -> IBuilderConfig:
        return IBuilderConfig(self._trt)

    def build_serialized_network(
        self, network: INetworkDefinition, config: IBuilderConfig
    ) -> IHostMemory | None:
        self._trt.calls.append("build")
        if self._trt.build_error:
            self._logger.log(self._trt.ILogger.Severity.ERROR, self._trt.build_error)
            return None
        model = network._fixed()
        assert not any(-1 in _shape(value) for value in model.graph.input), "no profile is given"
        assert network._parser() is not None, "the weights are gone"
        assert config._timings() is not None, "the timing cache is gone"
        config._timings()._data += b"timings "
        flag = self._trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED
        typed = bool(self._creation_flags >> flag & 1) and not self._trt.ignores_types
        settings = {
            "onnx": base64.b64encode(model.SerializeToString()).decode(),
            "version": self._trt.__version__,
            "typed": typed,
            "level": config.builder_optimization_level,
            "verbosity": config.profiling_verbosity.name,
            "flags": sorted(config._flags),
            "pools": config._pools,
        }
        return IHostMemory(self._trt, json.dumps(settings).encode())


class Runtime(_Fake):
    def __init__(self, trt: FakeTensorRt, logger: Any) -> None:
        super().__init__(trt)
        self._logger = logger

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None:
        self._trt.calls.append("deserialize")
        if not self._trt.loads:
            self._logger.log(self._trt.ILogger.Severity.ERROR, "Serialization assertion failed")
            return None
        return ICudaEngine(self._trt, json.loads(serialized_engine), self._logger)


class ICudaEngine(_Fake):
    def __init__(self, trt: FakeTensorRt, settings: dict[str, Any], logger: Any) -> None:
        super().__init__(trt)
        assert settings["version"] == trt.__version__
        self._settings, self._logger = settings, logger
        self._model = onnx.load_model_from_string(base64.b64decode(settings["onnx"]))
        graph = self._model.graph
        self._values = {value.name: value for value in (*graph.input, *graph.output)}
        self._inputs = [value.name for value in graph.input]

    @property
    def num_io_tensors(self) -> int:
        return len(self._values)

    def get_tensor_name(self, index: int) -> str:
        return str(list(self._values)[index])

    def get_tensor_mode(self, name: str) -> Any:
        modes = self._trt.TensorIOMode
        return modes.INPUT if name in self._inputs else modes.OUTPUT

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return _shape(self._values[name])

    def get_tensor_dtype(self, name: str) -> Any:
        kind = _TYPES[self._values[name].type.tensor_type.elem_type]
        return self._trt.DataType[kind]

    def get_tensor_location(self, name: str) -> Any:
        return self._trt.TensorLocation.DEVICE

    def create_execution_context(self) -> IExecutionContext:
        return IExecutionContext(self._trt, self)

    def create_engine_inspector(self) -> EngineInspector:
        return EngineInspector(self._trt, self)


class EngineInspector(_Fake):
    def __init__(self, trt: FakeTensorRt, engine: ICudaEngine) -> None:
        super().__init__(trt)
        self._engine = engine

    def get_engine_information(self, format: Any) -> str:
        assert format is self._trt.LayerInformationFormat.JSON
        if self._trt.says is not None:
            return self._trt.says
        nodes = self._engine._model.graph.node
        if self._engine._settings["verbosity"] != "DETAILED":
            return json.dumps({"Layers": [node.name for node in nodes]})
        layers = [
            {
                "Name": node.name,
                "LayerType": "kgen",
                "Outputs": [self._told(n) for n in node.output],
            }
            for node in (nodes[-1:] if self._trt.fuses_all else nodes)
        ]
        names = list(self._engine._values)
        if self._trt.__version__.startswith("10."):
            return json.dumps({"Layers": layers, "Bindings": names})
        return json.dumps({"Layers": layers, "I/O Tensors": [{"Name": name} for name in names]})

    def _told(self, name: str) -> dict[str, Any]:
        graph = onnx.shape_inference.infer_shapes(self._engine._model).graph
        value = {v.name: v for v in (*graph.value_info, *graph.output)}[name]
        kind = _TYPES[value.type.tensor_type.elem_type]
        if not self._engine._settings["typed"]:
            kind = "FLOAT"
        word = _WORDS[kind][not self._trt.__version__.startswith("10.")]
        return {"Name": name, "Dimensions": list(_shape(value)), "Format/Datatype": word}


class IExecutionContext(_Fake):
    def __init__(self, trt: FakeTensorRt, engine: ICudaEngine) -> None:
        super().__init__(trt)
        self._engine = engine
        self._addresses: dict[str, int] = {}
        self._used = False

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._trt.calls.append(f"set_tensor_address {name}")
        self._addresses[name] = memory
        return memory in self._trt.cuda.device

    def execute_async_v3(self, stream_handle: int) -> bool:
        stream = self._trt.cuda.stream(stream_handle)
        capturing = stream.captured is not None
        self._trt.cuda.calls.append("execute_async_v3")
        if capturing and (self._trt.refuses_capture or not self._used):
            stream.invalid = True
            self._engine._logger.log(self._trt.ILogger.Severity.ERROR, "capture not permitted")
            return False
        scale = 2.0 if capturing and self._trt.replay_differs else 1.0
        stream.put((COMPUTE_MS, lambda: self._compute(scale)))
        return True

    def _compute(self, scale: float) -> None:
        self._used = True
        evaluator = ReferenceEvaluator(self._engine._model)
        inputs = {name: self._memory(name).copy() for name in self._engine._inputs}
        for name, value in zip(evaluator.output_names, evaluator.run(None, inputs), strict=True):
            self._memory(name)[...] = np.asarray(value) * scale

    def _memory(self, name: str) -> Any:
        block = self._trt.cuda.device[self._addresses[name]]
        dtype = onnx.helper.tensor_dtype_to_np_dtype(
            self._engine._values[name].type.tensor_type.elem_type
        )
        shape = self._engine.get_tensor_shape(name)
        size = int(np.prod(shape)) * dtype.itemsize
        assert size <= ctypes.sizeof(block)
        return np.frombuffer(block, dtype, int(np.prod(shape))).reshape(shape)


def _shape(value: Any) -> tuple[int, ...]:
    dims = value.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") else -1 for dim in dims)


FAKES = (
    Builder,
    EngineInspector,
    IBuilderConfig,
    ICudaEngine,
    IExecutionContext,
    IHostMemory,
    ILayer,
    ILogger,
    INetworkDefinition,
    ITensor,
    ITimingCache,
    OnnxParser,
    ParserError,
    Runtime,
)
