from implicit_tutorial.generalization.sweep import cells as cells, sweep  # noqa


def run_grid(*a, reusable=None, **k):
    return sweep(*a, **k)
