"""What parameters hold: what calls hand in, what annotations and defaults promise, what their names suggest."""

from __future__ import annotations

from g2.explain.scan.activation import Activation
from g2.explain.scan.evaluate import Evaluation
from g2.explain.scan.facts import Function
from g2.explain.scan.values import GUESSED, NONE, NOTHING, TENSOR, UNKNOWN, Kind, several

_BATCHES = frozenset(
    {"batch", "batch_idx", "data", "inputs", "features", "samples", "targets", "batch_data", "kwargs", "args"}
)
# Names that a forward gives to what is no tensor.
_OTHER = frozenset(
    """
    self cls config cfg mode name names key keys training train size dim dims axis n k layer layers index idx
    i j step steps temperature scale scale_factor eps dtype device shape sizes height width h w length
    max_length seq_len batch_size num_heads reduction verbose options params past_key_values cache state_dict
    callback fn func function generator epoch optimizer output_size window_size head_mask_type upsample stride
    padding ctx optimizer_idx dataloader_idx bs bsz spatial_shapes feature_size resolution H W N T B C
    num_frames patch_size kwargs model module block factor ratio p method level
    """.split()  # noqa: SIM905  read as words
)
_OTHER_STARTS = (
    "return_",
    "output_",
    "use_",
    "is_",
    "num_",
    "n_",
    "max_",
    "min_",
    "do_",
    "with_",
    "need_",
    "skip_",
    "has_",
    "add_",
)
_OTHER_ENDS = (
    "_size",
    "_dim",
    "_idx",
    "_index_",
    "_type",
    "_mode",
    "_name",
    "_len",
    "_length",
    "_fn",
    "_kwargs",
    "_config",
    "_cfg",
    "_shape",
)


def promised(engine: Evaluation, act: Activation) -> list[Kind]:
    """What each parameter holds in this activation."""
    function = act.function
    out: list[Kind] = []
    for number, name in enumerate(function.params):
        given = act.given[number]
        said = said_of(engine, act, function, number)
        if said is not None and said == TENSOR and given is not None and "~" in given:
            out.append(said)  # what a call only guesses the annotation promises
        elif given is not None and "?" not in given and not (act.root and "~" in given):
            out.append(given)
        elif said is not None:
            out.append(said)
        elif number == 0 and function.owner >= 0 and "s" not in function.flags:
            out.append(frozenset({("K" if "c" in function.flags else "V", act.owner)}))
        elif act.root:
            guess = guessed(engine, act, function, number, name)
            out.append(guess if given is None else guess | (given - UNKNOWN))
        elif given is None:
            # Until everything that is known has been followed: perhaps a call hands something in.
            out.append(
                NOTHING
                if not engine.settled
                else _default(engine, act, function, number)
                if not act.region
                else UNKNOWN
            )
        else:
            out.append(given)
        if act.region and number in function.tensors and "~" in out[-1]:
            out[-1] -= {"~"}
    for number in range(len(function.params), len(act.given)):
        given = act.given[number]
        out.append(given if given is not None else NOTHING)
    return out


def said_of(engine: Evaluation, act: Activation, function: Function, number: int) -> Kind | None:
    """What the annotation says, with None when that is the default."""
    value = function.annotations[number] if number < len(function.annotations) else None
    if value is None:
        return None
    kind = engine.value(value, act)
    if "?" in kind:
        return None
    return kind | NONE if function.defaults[number] == NONE else kind


def _default(engine: Evaluation, act: Activation, function: Function, number: int) -> Kind:
    value = function.defaults[number] if number < len(function.defaults) else None
    if value is None:
        return UNKNOWN
    kind = engine.value(value, act)
    return kind | UNKNOWN


def guessed(engine: Evaluation, act: Activation, function: Function, number: int, name: str) -> Kind:
    """What a parameter of something compiled probably holds, when nothing is said of it."""
    if number == function.star:
        return several(GUESSED)
    if number == function.stars:
        return UNKNOWN
    default = function.defaults[number] if number < len(function.defaults) else None
    if default is not None:
        kind = engine.value(default, act)
        if kind and not kind & {"N", "?"}:
            return kind | {"~"} if kind == TENSOR else kind
    if name in _OTHER or name.startswith(_OTHER_STARTS) or name.endswith(_OTHER_ENDS):
        return UNKNOWN if number not in function.tensors else GUESSED
    if name in _BATCHES and number not in function.tensors:
        return GUESSED | UNKNOWN
    if default is not None:
        return GUESSED | NONE
    return GUESSED
