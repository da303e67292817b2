"""How fast training is, beside other ways to do the same: ``make bench``.

The rows are stored among the package's results, from where the book reads them.
"""
