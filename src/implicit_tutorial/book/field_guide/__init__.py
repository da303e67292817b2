"""The field guide: every method of the field that the book implements, measured on one problem."""

from implicit_tutorial.book.field_guide.pages import FieldGuide
