"""The private hooks into Dynamo by which a trace goes on behind every break (torch 2.11 to 2.15, in a fork only).

`install(session)` raises MissingHook with the name of the first one that this torch does not have.
"""

from __future__ import annotations

import dis
import logging
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch._functorch.config as functorch_config
from torch._dynamo import config as dynamo_config
from torch._dynamo import convert_frame, exc, side_effects, symbolic_convert
from torch._dynamo.variables.base import AttributeMutationExisting, ValueMutationExisting
from torch._subclasses import meta_utils

from g2.capture.through import zone
from g2.capture.through.calls import calls_recurrent
from g2.capture.through.opcodes import recover
from g2.capture.through.scalars import know_scalars
from g2.capture.through.session import Session, WholeFrameTraced
from g2.capture.through.stop import Stop
from g2.capture.through.values import Unreal

Base = symbolic_convert.InstructionTranslatorBase

# Dynamo's way to speak to itself: never a break.
_CONTROL = (
    exc.ObservedException, exc.RestartAnalysis, exc.SkipFrame, exc.InfiniteGeneratorError,
    symbolic_convert.ReturnValueOp, symbolic_convert.YieldValueOp,
)  # fmt: skip
_BREAKS = (
    exc.Unsupported, exc.UserError, exc.TorchRuntimeError, exc.UncapturedHigherOrderOpError,
    exc.InternalTorchDynamoError,
)  # fmt: skip
_NEVER_BREAK = frozenset(
    (
        "CACHE", "NOP", "RESUME", "PRECALL", "KW_NAMES", "EXTENDED_ARG", "PUSH_NULL", "POP_TOP", "COPY", "SWAP",
        "LOAD_CONST", "LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_AND_CLEAR", "LOAD_FAST_LOAD_FAST", "STORE_FAST",
        "STORE_FAST_STORE_FAST", "STORE_FAST_LOAD_FAST", "DELETE_FAST", "MAKE_CELL", "COPY_FREE_VARS", "JUMP_FORWARD",
        "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT", "RETURN_VALUE", "RETURN_CONST", "YIELD_VALUE", "END_FOR",
        "END_SEND", "POP_EXCEPT", "PUSH_EXC_INFO", "RERAISE",
    )
)  # fmt: skip


class MissingHook(Exception):
    """This torch has no such private name; hidden breaks cannot be looked for."""


def install(session: Session) -> None:
    """Change Dynamo in this process for good: it traces through breaks and compiles nothing."""
    for owner, name in (
        (Base, "should_compile_partial_graph"), (Base, "dispatch_table"), (Base, "maybe_has_backedge"),
        (symbolic_convert.InstructionTranslator, "_return"),
        (symbolic_convert.InliningInstructionTranslator, "inline_call_"), (side_effects.SideEffects, "mutation"),
        (side_effects.SideEffects, "store_attr"), (convert_frame.ConvertFrame, "__call__"), (meta_utils, "_safe_copy"),
        (functorch_config, "fake_tensor_propagate_real_tensors"),
    ):  # fmt: skip
        if not hasattr(owner, name):
            raise MissingHook(f"{owner.__name__}.{name}")
    _configure()
    _without_probes()
    splits = _effect_of()
    for translator in (Base, *_subclasses(Base)):
        _wrap(translator, session, splits)
    _end_at_return()
    _note_inlined(session)
    _note_changes(session)
    zone.install(session)


def _configure() -> None:
    dynamo_config.automatic_dynamic_shapes = False
    dynamo_config.suppress_errors = True
    functorch_config.fake_tensor_propagate_real_tensors = True
    setattr(meta_utils, "_safe_copy", _copy_values)  # noqa: B010  # its parameters have other names
    logging.getLogger("torch").setLevel(logging.CRITICAL)


def _copy_values(target: torch.Tensor, source: torch.Tensor | None) -> None:
    # Torch copies only when type(source) is Tensor, so the values of Parameters would be uninitialised memory.
    if type(source) in (torch.Tensor, torch.nn.Parameter):
        target.copy_(source.detach())  # type: ignore[union-attr]


def _without_probes() -> None:
    """The natural capture's hooks, inherited by the fork, would turn the end of a trace into an error."""
    ours = __file__.rsplit("through", 1)[0]
    for owner, name in (
        (convert_frame.ConvertFrameAssert, "__call__"), (convert_frame.ConvertFrame, "__call__"),
        (convert_frame.CatchErrorsWrapper, "__call__"), (convert_frame.CatchErrorsWrapper, "_handle_skip"),
        (Base, "log_graph_break"),
    ):  # fmt: skip
        function = getattr(owner, name, None)
        while function is not None and getattr(getattr(function, "__code__", None), "co_filename", "").startswith(ours):
            function = getattr(function, "__wrapped__", None)
        if function is not None:
            setattr(owner, name, function)


def _subclasses(kind: type) -> Iterator[type]:
    children: list[type] = kind.__subclasses__()
    for child in children:
        yield child
        yield from _subclasses(child)


def _effect_of() -> Callable[[Any], str]:
    """What Dynamo would do about a break: decided by the root frame, since frames inlined in it go with it."""
    original = symbolic_convert.InstructionTranslator.should_compile_partial_graph
    table = symbolic_convert.InstructionTranslator.dispatch_table
    resumable = {number for number, handler in enumerate(table) if _natural(handler) is not handler}

    def effect(tx: Any) -> str:
        root = tx.output.root_tx
        inst = root.current_instruction
        can = inst.opcode in resumable or ("JUMP" in inst.opname and "IF" in inst.opname)
        splits = can and original(root) and not root.maybe_has_backedge()
        return "split" if splits else "frame-lost"

    return effect


def _natural(handler: Any) -> Any:
    """The handler without the decorator that ends the graph."""
    if "handle_graph_break" in getattr(getattr(handler, "__code__", None), "co_freevars", ()):
        return handler.__wrapped__
    return handler


def _wrap(translator: Any, session: Session, effect: Callable[[Any], str]) -> None:
    table = list(translator.dispatch_table)
    for name, number in dis.opmap.items():
        handler = table[number] if number < len(table) else None
        if handler is not None and name not in _NEVER_BREAK and not hasattr(handler, "func"):
            table[number] = _through(_natural(handler), session, effect)
    translator.dispatch_table = table
    if "should_compile_partial_graph" in vars(translator):
        translator.should_compile_partial_graph = lambda self: False


def _through(handler: Any, session: Session, effect: Callable[[Any], str]) -> Callable[[Any, Any], Any]:
    def traced(tx: Any, inst: Any) -> Any:
        stack, kw_names, changes = list(tx.stack), tx.kw_names, session.changes
        try:
            if session.recurrent and calls_recurrent(inst, stack):
                return recover(Stop(tx, inst, stack, kw_names, session.undo, session.entered, handler))
            return handler(tx, inst)
        except _CONTROL:
            raise
        except Exception as error:
            if isinstance(error, exc.TorchDynamoException) and not isinstance(error, _BREAKS):
                raise
            known = getattr(error, "_g2_told", False)
            if not known:
                _tell(session, tx, error, effect)
            try:
                if known and session.changes != changes:
                    raise Unreal("the call had changed things before it stopped")
                if "RNN, GRU, or LSTM" in str(error)[:200]:
                    # Loading the module is refused. It is loaded, and its call run whole: what stands in torch's own
                    # recurrent layers is no place of the script's.
                    session.recurrent = True
                    tx.stack[:] = stack
                    with dynamo_config.patch(allow_rnn=True):
                        handler(tx, inst)
                else:
                    recover(Stop(tx, inst, stack, kw_names, session.undo, session.entered, handler))
                know_scalars(tx)
                session.counts["whole" if known else "recovered"] += 1
            except _CONTROL:
                raise
            except Exception as problem:
                session.stop(f"{inst.opname}: {type(problem).__name__}: {problem}"[:200])
                tx.stack[:] = stack
                raise error from None

    return traced


def _tell(session: Session, tx: Any, error: Exception, effect: Callable[[Any], str]) -> None:
    session.tell(tx, error, effect(tx))
    error._g2_told = True  # type: ignore[attr-defined]
    error.logged = True  # type: ignore[attr-defined]


def _end_at_return() -> None:
    def done(tx: Any, inst: Any) -> None:
        raise WholeFrameTraced("traced to its end")

    root = symbolic_convert.InstructionTranslator
    root._return = done  # type: ignore[assignment,method-assign]
    for name in ("RETURN_VALUE", "RETURN_CONST"):
        if name in dis.opmap:
            root.dispatch_table[dis.opmap[name]] = done


def _note_inlined(session: Session) -> None:
    original = symbolic_convert.InliningInstructionTranslator.inline_call_

    def inline(tx: Any) -> Any:
        try:
            result = original(tx)
        except (exc.ObservedException, exc.RestartAnalysis):
            raise
        except Exception:
            session.entered.add(tx.f_code)
            raise
        if session.inlined:
            session.inlined[-1].add(tx.f_code)
        return result

    symbolic_convert.InliningInstructionTranslator.inline_call_ = inline  # type: ignore[method-assign,assignment]


def _note_changes(session: Session) -> None:
    def counting(original: Any) -> Any:
        def noted(self: Any, variable: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(variable.mutation_type, (ValueMutationExisting, AttributeMutationExisting)):
                session.changes += 1
            return original(self, variable, *args, **kwargs)

        return noted

    for name in ("mutation", "store_attr"):
        setattr(side_effects.SideEffects, name, counting(getattr(side_effects.SideEffects, name)))
