"""The field guide as two tables: what each method promises, and what it did on the common problem."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape

import pandas as pd

from implicit_tutorial.book.descent import SAMPLES, STEPS, WIDTH
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.book.field_guide.measure import measure
from implicit_tutorial.book.field_guide.studies import FIELD_GUIDE_COST
from implicit_tutorial.book.field_guide.systems import SYSTEMS, System
from implicit_tutorial.explorer.page import inline

BASELINE = "Bai, Kolter & Koltun 2019"


@dataclass(frozen=True)
class Table:
    """Rows of cells, each a piece of HTML; the first of a row is its header. On a phone a row is a card."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    tag: str = ""
    """What kind of truth it is, as before the caption of a figure."""

    def _repr_html_(self) -> str:
        # Styled as blocks, a table keeps its meaning for a screen reader only if the roles are spelt out.
        head = "".join(f'<th role="columnheader" scope="col">{escape(name)}</th>' for name in self.columns)
        tag = self.tag and f'<span class="it-tag">{inline(self.tag)}</span>'
        body = "\n".join(self._row(row) for row in self.rows)
        return (
            '<table class="it-guide it-cards" role="table">\n'
            f"<caption>{tag}{escape(self.caption)}</caption>\n"
            f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>\n'
            f'<tbody role="rowgroup">\n{body}\n</tbody>\n</table>'
        )

    def _row(self, row: tuple[str, ...]) -> str:
        header, *cells = row
        named = "".join(
            f'<td role="cell" data-label="{escape(name)}">{cell}</td>'
            for name, cell in zip(self.columns[1:], cells, strict=True)
        )
        return f'<tr role="row"><th role="rowheader" scope="row">{header}</th>{named}</tr>'

    def __repr__(self) -> str:
        return f"Table of {len(self.rows)} rows: {self.caption}"


@dataclass(frozen=True)
class FieldGuide:
    """Both tables over the same methods."""

    systems: dict[str, System] = field(default_factory=lambda: SYSTEMS)

    def promises(self) -> Table:
        """What each method does, guarantees and costs, with links to the section and to the objects."""
        return Table(
            caption="What each method guarantees, what it costs, and where to find it.",
            columns=("Method", "Guarantees", "Costs", "In the library"),
            rows=tuple(
                (
                    f"{_name(name, system)}<p>{escape(system.idea)}</p>",
                    escape(system.guarantees),
                    escape(system.costs),
                    " ".join(map(_api_link, system.objects)),
                )
                for name, system in self.systems.items()
            ),
        )

    @property
    def frame(self) -> pd.DataFrame:
        """One row a method: everything that was measured, and the stored time of a step beside BASELINE's."""
        return pd.DataFrame(
            [
                vars(measure(name)) | {"method": name, "time": stored_time(name) / stored_time(BASELINE)}
                for name in self.systems
            ]
        ).set_index("method")

    def measurements(self) -> Table:
        """What each method did on the common problem."""
        return Table(
            tag=str(measured(width=WIDTH, seeds=1, samples=SAMPLES)),
            caption="The same problem, the same initial weights, the same plain gradient descent.",
            columns=(
                "Method",
                "Sweeps, first → last",
                "Backward",
                "Gradient error",
                "Certificate",
                "Loss",
                "Test error",
                "Time",
            ),
            rows=tuple(
                (
                    _name(name, self.systems[name]),
                    f"{row.first_sweeps} → {row.last_sweeps}{_failure(row.steps)}",
                    str(row.backward_sweeps),
                    _error(row.gradient_error),
                    "none" if row.certificate is None else _certificate(row.certificate),
                    f"{row.loss:.2f}",
                    f"{row.test:.2f}",
                    f"{row.time:.2f}",
                )
                for name, row in self.frame.iterrows()
            ),
        )


def stored_time(name: str) -> float:
    """Seconds of processor time that a step of descent took, on the machine of the stored result."""
    return FIELD_GUIDE_COST.at(method=name)["seconds"]


def _name(name: str, system: System) -> str:
    return f'<a href="{system.section.address}">{escape(name)}</a>'


def _api_link(name: str) -> str:
    return f'<a href="api.html#implicit_tutorial.{name}"><code>{name}</code></a>'


def _failure(steps: int) -> str:
    return "" if steps == STEPS else f" (fails at step {steps + 1})"


def _error(value: float) -> str:
    if value > 0.005:
        return f"{100 * value:.0f} %"
    digit, exponent = f"{value:.0e}".split("e")
    return f"{digit}·10<sup>{int(exponent)}</sup>".replace("-", "−")


def _certificate(condition) -> str:
    formula = escape(condition.formula.replace(" < 1", f" = {condition.value:.2f}"))
    return re.sub(r"_(max|∞)", r"<sub>\1</sub>", formula)
