"""A call of Python's logging inside a compiled function."""

from g2.explain.reading import flat, standard_library
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot


def _claims(evidence: Evidence) -> bool:
    return "LoggingLoggerVariable" in evidence.context or standard_library(evidence, "logging")


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"logging inside a compiled function: {source}" if source else ""


_LEVELS = (
    "debug",
    "info",
    "warning",
    "warn",
    "error",
    "exception",
    "critical",
    "log",
    "warning_once",
    "info_once",
    "warning_advice",
    "isEnabledFor",
)


def _logged(event: Event) -> Spot | None:
    if event.name.startswith("logging."):
        return Spot(event.node, "logging inside a compiled function: {}")
    return Spot(event.node, "logging inside a compiled function: {}", (Need(event.receiver, "logger"),))


REASON = Reason(
    title="logging inside a compiled function",
    happened="""
        The compiled function writes to a log (`logger.info`, `logger.warning`, `logging.debug`).
        The break comes even when the level is switched off and nothing is written.
        """,
    why="""
        A graph holds tensor operations and nothing else. A log message has to come at its place,
        at every call, so Dynamo ends the graph, lets Python log, and starts a new graph.
        """,
    instead="""
        Log outside the compiled function, or leave it out while compiling:

            if not torch.compiler.is_compiling():
                logger.info("using the slow path")

        Dynamo can also drop calls of a function. The messages are then gone, without a word:

            torch._dynamo.config.ignore_logging_functions.add(logging.Logger.info)
        """,
    cost="""
        The graph is cut in two for a message that is often not even shown. Inside a loop the
        whole function stays uncompiled.
        """,
    kinds=("GB0291", "GB0296"),
    claims=_claims,
    headline=_headline,
    steps=(
        "Log outside the compiled function, or guard it: `if not torch.compiler.is_compiling(): logger.info(...)`.",
        "Where the messages may go: `torch._dynamo.config.ignore_logging_functions.add(logging.Logger.info)`.",
    ),
    outside=(
        "When you can do without the message: "
        "`torch._dynamo.config.ignore_logging_functions.add(logging.Logger.warning)`, with the "
        "method that is called. The messages are then gone.",
    ),
    example=Example(
        bad="""
            import logging

            import torch

            logger = logging.getLogger("training")

            @torch.compile
            def step(x):
                y = x * 2
                logger.info("stepping")
                return y + 1

            step(torch.ones(4))
            """,
        good="""
            import logging

            import torch

            logger = logging.getLogger("training")

            @torch.compile
            def step(x):
                y = x * 2
                if not torch.compiler.is_compiling():
                    logger.info("stepping")
                return y + 1

            step(torch.ones(4))
            """,
        option="import logging, torch; torch._dynamo.config.ignore_logging_functions.add(logging.Logger.info)",
    ),
    see_also=("print-call", "warning-call"),
    seen=(Detector("call", _logged, names=tuple(f"logging.{name}" for name in _LEVELS[:8]), methods=_LEVELS),),
)
