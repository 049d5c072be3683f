"""torch's functional interface as the rules know it: what gives a tensor, what is pure, what is not.

Names, without their owner: "where" of torch.where and of x.where. From torch's documentation, 2.11 to 2.15.
"""

from __future__ import annotations


def _words(*texts: str) -> frozenset[str]:
    return frozenset(word for text in texts for word in text.split())


_POINTWISE = """
abs absolute acos acosh add addcdiv addcmul arccos arcsin arctan asin asinh atan atan2 atanh bitwise_and
bitwise_not bitwise_or bitwise_xor ceil clamp clamp_max clamp_min clip copysign cos cosh deg2rad div divide
digamma erf erfc erfinv exp exp2 expm1 float_power floor floor_divide fmod frac hypot ldexp lerp lgamma log
log10 log1p log2 logaddexp logaddexp2 logit maximum minimum fmax fmin mul multiply nan_to_num neg negative
positive pow rad2deg reciprocal remainder round rsqrt sgn sigmoid sign sin sinc sinh softmax log_softmax
softplus sqrt square sub subtract tan tanh true_divide trunc xlogy where masked_fill relu gelu silu elu selu
celu leaky_relu relu6 hardtanh hardswish hardsigmoid mish softsign tanhshrink softshrink hardshrink logsigmoid
threshold glu normalize
"""
_COMPARING = """
all any eq ne lt le gt ge greater greater_equal less less_equal not_equal isclose isfinite isinf
isnan isneginf isposinf isreal isin logical_and logical_not logical_or logical_xor signbit
"""
_REDUCING = """
amax amin argmax argmin aminmax count_nonzero cumprod cumsum logcumsumexp logsumexp max mean median min
nanmean nansum norm prod quantile std sum var dist cross cosine_similarity pairwise_distance
"""
_MATRICES = """
addmm addmv baddbmm bmm dot einsum matmul mm mv outer inner tensordot linear bilinear conv1d conv2d conv3d
embedding scaled_dot_product_attention layer_norm group_norm rms_norm instance_norm max_pool1d max_pool2d
avg_pool1d avg_pool2d adaptive_avg_pool1d adaptive_avg_pool2d interpolate pad mse_loss l1_loss smooth_l1_loss
"""
_SHAPING = """
broadcast_to cat chunk clone concat contiguous detach diagonal expand expand_as flatten flip gather hstack
index_select index_add index_copy index_fill scatter scatter_add movedim moveaxis narrow permute ravel repeat
repeat_interleave reshape reshape_as roll select split squeeze stack swapaxes swapdims t take take_along_dim
tile transpose tril triu type_as unbind unflatten unfold unsqueeze view view_as vstack rot90 sort topk argsort
diff masked_select
"""
_CONVERTING = "bfloat16 bool byte char double float half int long short to type"
_MOVING = "cpu cuda to_dense"
_MAKING = """
arange as_tensor empty empty_like eye full full_like linspace logspace new_empty new_full new_ones new_tensor
new_zeros ones ones_like scalar_tensor tensor zeros zeros_like meshgrid complex polar one_hot
"""

RANDOM = _words(
    """
    rand randn randint randperm rand_like randn_like randint_like normal bernoulli multinomial poisson dropout
    dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout feature_dropout rrelu gumbel_softmax
    uniform_ normal_ bernoulli_ exponential_ random_ cauchy_ log_normal_ geometric_ manual_seed seed
    fractional_max_pool2d
    """
)
BOOL_RESULTS = _words(_COMPARING)
TENSOR_FUNCTIONS = (
    _words(_POINTWISE, _COMPARING, _REDUCING, _MATRICES, _SHAPING, _MAKING)
    | RANDOM - {"manual_seed", "seed"}
)
TENSOR_METHODS = _words(_POINTWISE, _COMPARING, _REDUCING, _MATRICES, _SHAPING, _CONVERTING, _MOVING, _MAKING)
CONVERTING = _words(_CONVERTING)
NUMBER_METHODS = {
    **dict.fromkeys(("dim", "ndimension", "numel", "nelement", "item"), "number"),
    **dict.fromkeys(("is_contiguous", "is_floating_point", "is_complex"), "bool"),
}

PURE_BUILTINS = _words(
    "len int float bool abs min max isinstance hasattr getattr tuple list"
    " dict set sum round zip range str repr type"
)

# Whose derivative is infinite or NaN somewhere, and what stands in for the argument there without harm.
SINGULAR = {
    **dict.fromkeys(
        _words("sqrt rsqrt log log2 log10 reciprocal norm pow float_power exp exp2 expm1 digamma lgamma"), "1.0"
    ),
    **dict.fromkeys(_words("acos arccos asin arcsin atanh erfinv log1p tan logit sinh cosh"), "0.5"),
    "acosh": "2.0",
}

# Modules of torch.nn that keep no state in forward, draw no random numbers and give a new tensor.
PURE_MODULES = _words(
    """
    Linear Bilinear Conv1d Conv2d Conv3d LayerNorm GroupNorm RMSNorm Embedding ReLU GELU SiLU ELU SELU CELU
    LeakyReLU Sigmoid Tanh Softmax LogSoftmax Softplus Hardtanh Hardswish Mish AvgPool1d AvgPool2d MaxPool1d
    MaxPool2d AdaptiveAvgPool1d AdaptiveAvgPool2d
    """
)

# Methods and functions that may give a tensor which shares its memory with another.
VIEWS = frozenset(
    {"view", "view_as", "reshape", "reshape_as", "transpose", "permute", "expand", "expand_as", "squeeze", "unsqueeze"}
    | {"flatten", "contiguous", "to", "float", "half", "double", "detach", "narrow", "select", "unfold", "t", "type"}
    | {"swapaxes", "movedim", "diagonal", "ravel", "type_as", "unflatten", "chunk", "split"}
)
