"""Chapter 6, Training only the implicit layer (C12 … C14, C20, C22): certificates, and learned curves."""

from implicit_tutorial.book.ch06_training_the_implicit_layer.certificate_conditions import (
    certificate_conditions,
)
from implicit_tutorial.book.ch06_training_the_implicit_layer.certified_width import (
    certified_errors,
    certified_width,
    growth,
    required_width,
)
from implicit_tutorial.book.ch06_training_the_implicit_layer.following_the_flow import (
    cheapest,
    following_the_flow,
    orders,
)
from implicit_tutorial.book.ch06_training_the_implicit_layer.following_the_flow import runs as flow_runs
from implicit_tutorial.book.ch06_training_the_implicit_layer.learning_circle import (
    SAMPLES,
    learning_circle,
    predicted,
    waves,
)
from implicit_tutorial.book.ch06_training_the_implicit_layer.loss_curves import (
    curves,
    loss_curves,
    moved,
    reached,
)
from implicit_tutorial.book.ch06_training_the_implicit_layer.loss_run import IMPLICIT, OUTPUT
from implicit_tutorial.book.ch06_training_the_implicit_layer.mode_decay import mode_decay
from implicit_tutorial.book.ch06_training_the_implicit_layer.proved_end import moments, proved_end
from implicit_tutorial.book.ch06_training_the_implicit_layer.setting import demanding_task, unit_labels
from implicit_tutorial.book.ch06_training_the_implicit_layer.studies import CIRCLE_TIMES, INTEGRATORS
from implicit_tutorial.book.ch06_training_the_implicit_layer.unit_descent import unit_descent
from implicit_tutorial.book.ch06_training_the_implicit_layer.which_layer import (
    contributions,
    mean_test_error,
    which_layer,
)
from implicit_tutorial.explorer import number
from implicit_tutorial.prose import powers

# In the order of the text.
number(
    6,
    "unit-descent",
    "certificate-conditions",
    "certified-width",
    "proved-end",
    "mode-decay",
    "loss-curves",
    "learning-circle",
    "which-layer",
    "following-the-flow",
)
