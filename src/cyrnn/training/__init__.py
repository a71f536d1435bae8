"""What turns gradients into better parameters."""

from .adam import initialize_adam, update_parameters_with_adam

__all__ = ["initialize_adam", "update_parameters_with_adam"]
