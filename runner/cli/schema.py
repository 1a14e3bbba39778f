"""`tfmatrix schema`: the JSON Schema of matrix.yaml."""

from __future__ import annotations

import json

import click

from runner.matrix import config


@click.command("schema", help="Print the JSON Schema of matrix.yaml, for editors.")
def command() -> None:
    click.echo(json.dumps(config.json_schema(), indent=2))
