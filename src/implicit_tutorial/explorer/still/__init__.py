"""A panel as a plain SVG picture, for where plotly cannot run: an exported notebook, a page without scripts.

It knows what the book's figures are made of: curves and points with their errors and fills, bars, maps,
shapes, and notes with arrows; on linear and logarithmic axes and on axes of words. Its colours read on white
and on black.
"""

from implicit_tutorial.explorer.still.picture import still

__all__ = ["still"]
