"""What may not go into a side of torch.cond."""

from __future__ import annotations

from g2.rewrite.rules._choice import Refused
from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._pure import Effects


def drawn_anew(effects: Effects, kinds: Kinds) -> None:
    """Raises Refused where a side may draw random numbers for values that get gradients.

    The backward of torch.cond computes the side again (torch 2.11 to 2.15), with other numbers drawn: a dropout in it
    gives gradients of another mask, measured with the backends eager, aot_eager and Inductor.
    """
    trained = any(value.requires_grad for value in kinds.site.values.values())
    training = kinds.site.values.get("self.training")
    if effects.draws or (effects.unknown and (trained or (training is not None and training.text == "True"))):
        raise Refused("the backward of torch.cond draws random numbers anew, and a side may draw some")
