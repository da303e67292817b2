"""Training a network, or only one of its layers: methods, stopping rules, histories, and certificates."""

from implicit_tutorial.training.certificate import ConvergenceCertificate, convergence_certificate
from implicit_tutorial.training.descent import GradientDescent
from implicit_tutorial.training.ensemble import train_ensemble
from implicit_tutorial.training.flow import ExponentialFlow
from implicit_tutorial.training.gauss_newton import GaussNewton
from implicit_tutorial.training.history import Record
from implicit_tutorial.training.minimum import GlobalMinimum, global_minimum
from implicit_tutorial.training.optimizer import Optimizer
from implicit_tutorial.training.reference import ReferenceFlow
from implicit_tutorial.training.run import Run, TrainingInterrupted, train
from implicit_tutorial.training.single_sweep import SingleSweep
from implicit_tutorial.training.stopping import TrainingError, TrainingStatus, Until

__all__ = [
    "ConvergenceCertificate",
    "ExponentialFlow",
    "GaussNewton",
    "GlobalMinimum",
    "GradientDescent",
    "Optimizer",
    "Record",
    "ReferenceFlow",
    "Run",
    "SingleSweep",
    "TrainingError",
    "TrainingInterrupted",
    "TrainingStatus",
    "Until",
    "convergence_certificate",
    "global_minimum",
    "train",
    "train_ensemble",
]
