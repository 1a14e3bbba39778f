"""`--report-url`: where a run's index.html is published."""

from __future__ import annotations

from typing import Any

import click

from runner.report import links


class PageAddress(click.ParamType):  # type: ignore[type-arg]  # generic from Click 8.2 on
    name = "https://…"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        if value and not links.is_page(value):
            self.fail(
                f"{value!r} cannot be linked to; it is https://HOST/PATH/, without `?` and "
                f"`#`, of at most {links.MOST} characters",
                param,
                ctx,
            )
        return str(value)


published = click.option(
    "--report-url",
    type=PageAddress(),
    metavar="URL",
    default="",
    help="Where the run's index.html is published: the Markdown links to it and to its cells.",
)
