"""Tables: what torch's own functions, methods and attributes give, as kinds."""

from __future__ import annotations

from g2.explain.scan.values import (
    ARRAY,
    MASK,
    MAYBE,
    NUMBER,
    OTHER,
    SIZES,
    TENSOR,
    TENSOR_LIST,
    TEXT,
    UNKNOWN,
    Kind,
    instance,
    several,
)


def _words(text: str, kind: Kind) -> dict[str, Kind]:
    return dict.fromkeys(text.split(), kind)


def _pair(*kinds: Kind) -> Kind:
    return frozenset({("T", kinds)})


# Methods that a tensor has and hardly anything else: what they are called on is a tensor, or nearly one.
TENSOR_ONLY = frozenset(
    """
    abs abs_ add_ addmm all amax amin any argmax argmin argsort baddbmm bernoulli_ bfloat16 bmm bool broadcast_to
    chunk clamp clamp_ clamp_max clamp_max_ clamp_min clamp_min_ contiguous cos cumprod cumsum detach detach_
    diag diag_embed diagonal div div_ double einsum eq erf exp exp_ expand expand_as fill_ fill_diagonal_
    flatten flip float floor gather half index_add index_add_ index_copy_ index_fill index_fill_ index_put_
    index_select inverse isnan isinf isfinite item kthvalue log log1p log2 log_softmax logical_and logical_not
    logical_or logsumexp long lt masked_fill masked_fill_ masked_scatter masked_scatter_ masked_select matmul
    max maximum mean median min minimum mm moveaxis movedim mul mul_ mv nan_to_num narrow ndimension neg neg_ nelement
    new_empty new_full new_ones new_tensor new_zeros nonzero norm normal_ numel permute pow prod random_
    reciprocal relu relu_ repeat_interleave requires_grad_ reshape_as roll round rsqrt rsqrt_ scatter scatter_
    scatter_add scatter_add_ select sigmoid sign sin softmax sqrt square squeeze squeeze_ std sub_ sum
    swapaxes t tanh tanh_ tensor_split tolist topk transpose transpose_ tril triu trunc type_as unbind unfold
    uniform_ unflatten unsqueeze unsqueeze_ var view view_as zero_ reshape ravel nonzero unique
    unique_consecutive logit
    """.split()  # noqa: SIM905  read as words
)

METHODS: dict[str, Kind] = {
    **_words(
        "dim ndimension numel nelement element_size stride storage_offset get_device item data_ptr output_nr", NUMBER
    ),
    **_words(
        "is_floating_point is_complex is_contiguous equal allclose is_nonzero is_signed is_shared is_pinned", NUMBER
    ),
    **_words("is_coalesced is_same_size is_inference dense_dim sparse_dim is_set_to", NUMBER),
    **_words("eq ne lt le gt ge not_equal less less_equal greater greater_equal bool", MASK),
    **_words(
        "isnan isinf isfinite isreal isclose isneginf isposinf logical_and logical_or logical_not logical_xor", MASK
    ),
    **_words("all any signbit", MASK),
    **_words("split chunk unbind tensor_split split_with_sizes hsplit vsplit dsplit", TENSOR_LIST),
    **_words(
        "sort topk kthvalue cummax cummin mode frexp slogdet qr svd eig symeig geqrf lstsq aminmax",
        _pair(TENSOR, TENSOR),
    ),
    "size": SIZES,
    "tolist": several(NUMBER),
    "numpy": ARRAY,
    "storage": OTHER,
    "untyped_storage": OTHER,
    "type": TENSOR,
    "register_hook": OTHER,
    "backward": frozenset({"N"}),
    "dim_order": SIZES,
    "__len__": NUMBER,
}
REDUCED_WITH_INDICES = frozenset({"max", "min", "median", "nanmedian"})  # a pair when they are given a dimension

ATTRIBUTES: dict[str, Kind] = {
    **_words("T mT H mH data real imag values_", TENSOR),
    **_words(
        "ndim is_cuda requires_grad is_leaf is_sparse is_quantized is_meta is_nested itemsize nbytes is_mps", NUMBER
    ),
    **_words("dtype device layout grad_fn name names", OTHER),
    "shape": SIZES,
    "grad": MAYBE,
}
# Of anything at all, whatever it is: they are no tensors.
SURE_ATTRIBUTES: dict[str, Kind] = {
    **_words("dtype device __name__ __class__ __dict__", OTHER),
    **_words("ndim is_cuda training requires_grad", NUMBER),
    "shape": SIZES,
}

_NUMBERS = _words(
    """
    is_grad_enabled is_tensor is_floating_point is_complex is_storage numel get_num_threads
    is_inference_mode_enabled is_autocast_enabled is_autocast_cpu_enabled equal allclose is_nonzero
    compiler.is_compiling compiler.is_dynamo_compiling jit.is_scripting jit.is_tracing onnx.is_in_onnx_export
    cuda.is_available cuda.device_count distributed.get_rank distributed.get_world_size
    distributed.is_initialized distributed.is_available _dynamo.is_compiling overrides.has_torch_function
    are_deterministic_algorithms_enabled is_signed can_cast initial_seed backends.mps.is_available
    get_float32_matmul_precision is_inference is_conj is_neg _utils.is_compiling compiler.is_exporting
    _C._get_tracing_state cuda.current_device sym_int sym_float sym_max sym_min sym_sum
    distributed.is_torchelastic_launched utils._pytree.tree_is_leaf
    """,
    NUMBER,
)
_OTHERS = _words(
    """
    device dtype finfo iinfo get_default_dtype get_autocast_dtype get_autocast_gpu_dtype promote_types
    result_type no_grad enable_grad inference_mode set_grad_enabled autocast amp.autocast cuda.amp.autocast
    autograd.profiler.record_function profiler.record_function cuda.Stream cuda.Event get_default_device
    get_autocast_cpu_dtype memory_format strided manual_seed set_default_dtype set_printoptions
    set_num_threads _check _check_value save get_device_module
    """,
    OTHER,
)
_MASKS = _words(
    """
    eq ne lt le gt ge isnan isinf isfinite isclose isin isreal isneginf isposinf logical_and logical_or
    logical_not logical_xor all any not_equal less less_equal greater greater_equal signbit
    """,
    MASK,
)
_LISTS = _words(
    """
    split chunk unbind tensor_split meshgrid broadcast_tensors split_with_sizes hsplit vsplit dsplit
    atleast_1d_ autograd.grad unsafe_split unsafe_chunk functional.split functional.meshgrid
    functional.broadcast_tensors nn.utils.rnn.unpad_sequence
    """,
    TENSOR_LIST,
)
_PAIRS = _words(
    """
    sort topk kthvalue cummax cummin mode frexp slogdet qr linalg.qr linalg.eigh linalg.eig var_mean std_mean
    aminmax linalg.slogdet linalg.lstsq lu triangular_solve symeig eig histogram
    nn.utils.rnn.pad_packed_sequence linalg.inv_ex linalg.cholesky_ex nn.functional.max_pool2d_with_indices
    nn.functional.multi_head_attention_forward
    """,
    _pair(TENSOR, TENSOR),
)
FUNCTIONS: dict[str, Kind] = {
    **_NUMBERS,
    **_OTHERS,
    **_MASKS,
    **_LISTS,
    **_PAIRS,
    "svd": _pair(TENSOR, TENSOR, TENSOR),
    "linalg.svd": _pair(TENSOR, TENSOR, TENSOR),
    "Size": SIZES,
    "broadcast_shapes": SIZES,
    "nn.functional.normalize": TENSOR,
    "load": UNKNOWN,
    "Generator": instance("torch.Generator"),
    "typename": TEXT,
    "nn.utils.rnn.pack_padded_sequence": instance("torch.nn.utils.rnn.PackedSequence"),
    "nn.utils.rnn.pack_sequence": instance("torch.nn.utils.rnn.PackedSequence"),
    "cond": TENSOR,
    "Tensor": TENSOR,
    "nn.Parameter": TENSOR,
    "nn.parameter.Parameter": TENSOR,
    "nn.Buffer": TENSOR,
    **_words("FloatTensor LongTensor IntTensor DoubleTensor HalfTensor ByteTensor ShortTensor", TENSOR),
    "BoolTensor": MASK,
}
# Parts of torch whose functions give tensors unless the tables above say otherwise.
TENSOR_PLACES = (
    "nn.functional.",
    "linalg.",
    "fft.",
    "special.",
    "ops.aten.",
    "_C._nn.",
    "sparse.",
    "nn.init.",
    "functional.",
)

RNN = frozenset(f"torch.nn.{name}" for name in ("LSTM", "GRU", "RNN")) | frozenset(
    f"torch.nn.modules.rnn.{name}" for name in ("LSTM", "GRU", "RNN")
)
MODULE_BASES = frozenset(
    """
    torch.nn.Module torch.nn.modules.module.Module torch.nn.modules.Module pytorch_lightning.LightningModule
    lightning.LightningModule lightning.pytorch.LightningModule pytorch_lightning.core.LightningModule
    transformers.PreTrainedModel transformers.modeling_utils.PreTrainedModel diffusers.ModelMixin
    torch_geometric.nn.MessagePassing torch_geometric.nn.conv.MessagePassing torchvision.models.ResNet
    torchmetrics.Metric diffusers.models.modeling_utils.ModelMixin
    """.split()  # noqa: SIM905  read as words
)


BUILTINS: dict[str, Kind] = {
    **_words("len int float bool complex isinstance issubclass hasattr callable hash id ord round_ divmod", NUMBER),
    **_words("str repr format chr bin hex oct ascii input type_", TEXT),
    **_words("range", several(NUMBER)),
    **_words("type open object print slice memoryview bytes", OTHER),
}
