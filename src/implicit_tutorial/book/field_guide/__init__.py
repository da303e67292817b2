"""The field guide: every method of the field that the book implements, measured on one problem."""

from implicit_tutorial.book.field_guide.measure import Measured, measure
from implicit_tutorial.book.field_guide.pages import FieldGuide, Table
from implicit_tutorial.book.field_guide.systems import SYSTEMS, Section, System

__all__ = ["SYSTEMS", "FieldGuide", "Measured", "Section", "System", "Table", "measure"]
