"""A torch graph in half precision whose coordinates stay in single precision.

What lies between the last heavy operators and the outputs turns features into places in the
picture, and half precision has no finer steps than half a pixel beyond the 512th. The same holds
for the places that a network samples its own features at. All else computes in FP16.
"""

from __future__ import annotations

from typing import Any

from posebench.errors import InputError

_HEAVY = ("conv", "linear", "matmul", "mm", "bmm", "addmm", "baddbmm", "layer_norm", "softmax",
          "scaled_dot_product_attention", "batch_norm", "group_norm", "einsum")  # fmt: skip
_SAMPLING = "grid_sampler"
_FP16_MAX = 65504.0


def to_half(module: Any) -> None:
    """Rewrite a graph in place; its inputs and outputs stay FP32.

    Args:
        module: What ``ExportedProgram.module()`` gave, its weights in FP32.

    Raises:
        InputError: A weight is beyond what FP16 can hold, or most weights must stay in FP32.
    """
    rewriter = _Rewriter(module)
    rewriter.run()
    rewriter.check_share()
    module.graph.lint()
    module.recompile()


class _Rewriter:
    def __init__(self, module: Any) -> None:
        import torch

        self._torch = torch
        self._module = module
        self._graph = module.graph
        self._whole = _coordinate_nodes(self._graph)
        self._half: set[Any] = set()
        self._casts: dict[tuple[Any, Any], Any] = {}

    def run(self) -> None:
        for node in list(self._graph.nodes):
            if node.op == "get_attr":
                self._convert_weight(node)
            elif node.op == "call_function":
                self._convert_call(node)
            elif node.op == "output":
                self._feed(node, self._torch.float32)

    def check_share(self) -> None:
        """Refuse a network that would be called FP16 and is not."""
        weights = [node for node in self._graph.nodes if node.op == "get_attr"]
        sizes = {node: self._value(node).numel() for node in weights if self._is_float(node)}
        if 2 * sum(size for node, size in sizes.items() if node in self._half) < sum(
            sizes.values()
        ) or not sum(sizes.values()):
            raise InputError(
                "less than half of the network's weights can be converted to FP16.",
                remedy="Ask for --precision fp32.",
            )

    def _is_float(self, node: Any) -> bool:
        value = self._value(node)
        return isinstance(value, self._torch.Tensor) and value.is_floating_point()

    def _convert_weight(self, node: Any) -> None:
        value = self._value(node)
        if not self._is_single(value) or self._whole.issuperset(node.users):
            return
        if value.numel() and value.abs().max() > _FP16_MAX:
            raise InputError(
                f"the weights {node.target} are beyond what FP16 can hold.",
                remedy="Ask for --precision fp32.",
            )
        if self._whole.isdisjoint(node.users):  # else a cast of it goes where half is wanted
            self._replace(node.target, value.detach().half())
            self._half.add(node)

    def _replace(self, target: str, value: Any) -> None:
        owner, _, name = target.rpartition(".")
        parent = self._module.get_submodule(owner)
        if name in parent._parameters:
            value = self._torch.nn.Parameter(value, requires_grad=False)
        setattr(parent, name, value)

    def _is_single(self, value: Any) -> bool:
        return isinstance(value, self._torch.Tensor) and value.dtype == self._torch.float32

    def _convert_call(self, node: Any) -> None:
        if node.target == self._torch.ops.aten._assert_tensor_metadata.default:
            self._graph.erase_node(node)  # states the types that were
            return
        if node in self._whole:
            self._feed(node, self._torch.float32)
            return
        takes_single = any(self._holds_single(source) for source in node.all_input_nodes)
        asks_for_single = self._torch.float32 in (*node.args, *node.kwargs.values())
        self._feed(node, self._torch.float16)
        node.args = tuple(self._narrowed(value) for value in node.args)
        node.kwargs = {name: self._narrowed(value) for name, value in node.kwargs.items()}
        if self._gives_single(node) and (takes_single or asks_for_single):
            self._half.add(node)

    def _narrowed(self, value: Any) -> Any:
        return self._torch.float16 if value is self._torch.float32 else value

    def _holds_single(self, node: Any) -> bool:
        """Whether the original graph had FP32 there."""
        return self._gives_single(node) or (
            node.op == "get_attr" and (node in self._half or self._is_single(self._value(node)))
        )

    def _value(self, node: Any) -> Any:
        owner, _, name = node.target.rpartition(".")
        return getattr(self._module.get_submodule(owner), name)

    def _gives_single(self, node: Any) -> bool:
        values = node.meta.get("val")
        values = values if isinstance(values, (list, tuple)) else [values]
        return any(self._is_single(value) for value in values)

    def _feed(self, node: Any, wanted: Any) -> None:
        """Cast those FP32 and FP16 inputs of a node that are of the other type."""
        for source in node.all_input_nodes:
            if isinstance(source.meta.get("val"), (list, tuple)):
                continue  # its items are cast where they are taken out
            is_half = source in self._half
            if self._holds_single(source) and is_half != (wanted == self._torch.float16):
                node.replace_input_with(source, self._cast(source, wanted))

    def _cast(self, source: Any, wanted: Any) -> Any:
        key = (source, wanted)
        if key not in self._casts:
            last_input = [n for n in self._graph.nodes if n.op in ("placeholder", "get_attr")][-1]
            place = source if source.op == "call_function" else last_input
            with self._graph.inserting_after(place):
                cast = self._graph.call_function(self._torch.ops.aten.to.dtype, (source, wanted))
            self._casts[key] = cast
        return self._casts[key]


def _coordinate_nodes(graph: Any) -> set[Any]:
    """Between the last heavy operators and whatever is a place in the picture."""
    output = next(node for node in graph.nodes if node.op == "output")
    sampling = [node for node in graph.nodes if _name(node) == _SAMPLING]
    pending = [*output.all_input_nodes, *(node.args[1] for node in sampling)]
    found = set(sampling)  # of one type must be the features and the places
    while pending:
        node = pending.pop()
        if node.op == "call_function" and node not in found and not _is_heavy(node):
            found.add(node)
            pending.extend(node.all_input_nodes)
    return found


def _is_heavy(node: Any) -> bool:
    name = _name(node)
    return name in _HEAVY or name.startswith(("conv", "_scaled_dot", "_softmax", "_native"))


def _name(node: Any) -> str:
    """``conv2d`` of ``aten.conv2d.default``."""
    return str(node.target).split(".")[1] if str(node.target).startswith("aten.") else ""
