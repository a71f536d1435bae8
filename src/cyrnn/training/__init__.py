"""What turns the results of a model into a better model: losses, optimizers, clipping, schedules, pieces of sequences.

    cross_entropy, mse_loss, huber_loss,        losses, each with its gradient for `backward`; `lengths=` for those
    binary_cross_entropy_with_logits            of a ragged batch
    clip_grad_norm, clip_grad_value             gradients made smaller, in place
    SGD, RMSprop, Adam, AdamW                   optimizers over modules of cyrnn.nn
    step_lr, exponential_lr,                    schedules: `lr=` of an optimizer
    cosine_annealing_lr, linear_warmup
    chunks                                      pieces of a long sequence
    initialize_adam,                            the course's Adam, for the dicts of the notebook's functions
    update_parameters_with_adam
"""

from typing import TYPE_CHECKING

from .adam import initialize_adam, update_parameters_with_adam

if TYPE_CHECKING:
    from .chunked import chunks
    from .clipping import clip_grad_norm, clip_grad_value
    from .losses import binary_cross_entropy_with_logits, cross_entropy, huber_loss, mse_loss
    from .optimizers import SGD, Adam, AdamW, RMSprop
    from .schedules import cosine_annealing_lr, exponential_lr, linear_warmup, step_lr

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "RMSprop",
    "binary_cross_entropy_with_logits",
    "chunks",
    "clip_grad_norm",
    "clip_grad_value",
    "cosine_annealing_lr",
    "cross_entropy",
    "exponential_lr",
    "huber_loss",
    "initialize_adam",
    "linear_warmup",
    "mse_loss",
    "step_lr",
    "update_parameters_with_adam",
]

if not TYPE_CHECKING:  # to a type checker a misspelt name is an error

    def __getattr__(name):
        """Import losses, optimizers and all else where they are first asked for: `import cyrnn` has no use for them."""
        if name in __all__:
            import importlib

            for module in ("losses", "optimizers", "clipping", "schedules", "chunked"):
                found = vars(importlib.import_module(f".{module}", __name__))
                globals().update({own: value for own, value in found.items() if own in __all__})
            return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return what a shell completes."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
