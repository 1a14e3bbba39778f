"""Removes text after or inside a message that does not belong to it."""

from __future__ import annotations

import re

from runner.cells.signature.rule import Substitution

CUTS = (
    Substitution(
        "operation",
        re.compile(r" ?\[Op:.*$"),
        "",
        "from 2.0 eager errors end in `[Op:MatMul]`, from 2.13 in `[Op:MatMul] name: x`",
    ),
    Substitution(
        "node behind the message",
        re.compile(r"(?<=[^:\s]) ?\[\[\{\{node .*$"),
        "",
        "the same error in a graph ends in `[[{{node x}}]]`",
    ),
    Substitution(
        "where defined",
        re.compile(r" \(defined at [^)]*\)"),
        "",
        "1.13 to 2.7 name the line that made a node",
    ),
    Substitution(
        "Python's guess",
        re.compile(r"\. (?:Did you (?:mean|forget)|Maybe you meant|Perhaps you)\b.*$"),
        "",
        "Python 3.10 and later guess what was meant",
    ),
    Substitution(
        "where imported from",
        re.compile(r"(cannot import name '?\w+'?) from .*$"),
        r"\1",
        "Python 3.6 does not name the module, 3.8 calls it partially initialized at times",
    ),
    Substitution(
        "circular import",
        re.compile(r" \(most likely due to a circular import\).*$"),
        "",
        "Python 3.8 and later guess why",
    ),
    Substitution(
        "weights",
        re.compile(r" Provided weights: .*$"),
        "",
        "2.x prints arrays behind the message",
    ),
    Substitution(
        "shape behind the message",
        re.compile(r"\.? Full shape received: .*$"),
        "",
        "Keras adds it from 2.4 on",
    ),
    Substitution(
        "advice on AutoGraph",
        re.compile(
            r"(?i)^(using|iterating over) (?:a )?(?:symbolic )?(.tf\.Tensor.*is not allowed).*$"
        ),
        lambda m: f"{m[1].lower()} a {m[2]}",
        "the advice changes with nearly every series",
    ),
    Substitution(
        "shadowing",
        re.compile(r" \(consider renaming .*$"),
        "",
        "Python 3.13 guesses that a script hides a module",
    ),
    Substitution(
        "values",
        re.compile(r"(<tf\.[^<>]{1,200}?), numpy=[^>]*"),
        r"\1",
        "the values of a tensor or variable, often random",
    ),
    Substitution(
        "graphs", re.compile(r" \(graphs are <.*$"), "", "2.x prints the objects behind the message"
    ),
    Substitution(
        "advice",
        re.compile(
            r"\. (?:Please ensure |Make sure custom |Allowed kwargs are |Build the model first ).*$"
        ),
        "",
        "it changes with nearly every series of Keras",
    ),
    Substitution(
        "what may be given",
        re.compile(
            r"(?:\. (?:Valid|Supported|Available|Allowed|Existing) \w+ (?:are|include)\b"
            r"|\. One of (?=[A-Z][\w, ]{2,200} required$)"
            r"|(?<=is not in the list of allowed values):).*$"
        ),
        "",
        "each release has other ones",
    ),
    Substitution(
        "likely cause",
        re.compile(r"(?:\. It is (?:most )?likely\b.*| \(Is this even [^()]*\?\))$"),
        "",
        "guesses are worded anew",
    ),
    Substitution(
        "objects of a checkpoint",
        re.compile(
            r"\b(?:Some|Found \d+) Python objects (?:that )?(were not bound to checkpointed values)"
            r"\b.*$"
        ),
        r"Some Python objects \1",
        "all unmatched objects, in each release's own way",
    ),
    Substitution(
        "variables without a gradient",
        re.compile(r"(?<=No gradients provided for any variable)\b.*$"),
        "",
        "their names",
    ),
    Substitution(
        "sizes of data",
        re.compile(r"(?<=Data cardinality is ambiguous)\b.*$"),
        "",
        "in each release's own way",
    ),
    Substitution(
        "objects behind the message",
        re.compile(r"\.? (?:Target variable: <|Provided 'grads_and_vars' is ).*$"),
        "",
        "printed in each release's own way",
    ),
    Substitution(
        "objects that could not be loaded",
        re.compile(r" List of objects that could not be loaded: .*$"),
        "",
        "Keras 3 prints them behind the message",
    ),
    Substitution(
        "arguments",
        re.compile(
            r"\.? (?:Inputs received|Received: (?:args|inputs)|Full object config|Received config"
            r"|Call arguments received|Arguments received by \S+)\b.*$"
        ),
        "",
        "Keras prints what it was given behind the message",
    ),
    Substitution("allocator", re.compile(r" by allocator \w+"), "", "cpu to 2.7, then mklcpu"),
    Substitution(
        "where to read on",
        re.compile(r"\.? (?:Please s|S)ee (?:also )?https?://\S+(?: for more \w+)?\.?$"),
        "",
        "pages move",
    ),
    Substitution("full stop", re.compile(r"(?<=[^.\s])\.$"), "", "comes and goes"),
)
