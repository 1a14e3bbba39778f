"""What is told in another way by each release, environment or process."""

from __future__ import annotations

import re

from runner.cells.signature.rule import Rule

_TEMPORARY = re.compile(r"tmp[a-z0-9_]{8}(?![a-z0-9_])|(?<=__autograph_generated_file)\w{8}")
_NUMBERED = re.compile(r"(?<=[^\W\d])_\d+(?=$|[/:_]|\.$)")


def _basename(match: re.Match[str]) -> str:
    name = match[0].rstrip("/").rsplit("/", 1)[-1]
    return _TEMPORARY.sub("<tmp>", name)


def _unnumbered(match: re.Match[str]) -> str:
    return match[1] + _NUMBERED.sub("", match[2])


def _shape(match: re.Match[str]) -> str:
    items = (item.strip() for item in match[1].split(","))
    return "[" + ",".join(_UNKNOWN.sub("?", item) for item in items if item) + "]"


_UNKNOWN = re.compile(r"(?:None|null|Dimension\(None\)|\?)$")
_DIM = r"(?:\d{1,12}|None|null|\?)"

SPELLINGS = (
    Rule("quotes", re.compile(r"[\"`‘’]"), "'", 'layer dense, layer "dense", layer `dense`'),
    Rule(
        "node with its operation",
        re.compile(r"'\{\{node [^}']*\}\} = (\w+)[^']*'"),
        r"op '\1'",
        "from 2.3 a failed shape inference names node, attributes and inputs",
    ),
    Rule(
        "node with its operation, to 2.2",
        re.compile(r"'[^']*' \(op: '(\w+)'\)"),
        r"op '\1'",
        "the same before",
    ),
    Rule(
        "node",
        re.compile(r"\[\[(?:[Nn]ode:? )?(?:\{\{node )?([\w./]+)(?:\}\})? ?(?:= .*)?(?:\]\]|$)"),
        lambda m: f"[[{_NUMBERED.sub('', m[1])}]]",
        "[[Node: x = Op[…](…)]], [[{{node x}} = …]], [[node x (defined at …)]], [[x]]",
    ),
    Rule("node", re.compile(r"\{\{node ([^}']*)\}\}"), r"node '\1'", "{{node x}} in a sentence"),
    Rule(
        "function of a graph",
        re.compile(r"\b(__(?:inference|forward|backward)_\w*?)_\d+\b"),
        r"\1",
        "__inference_train_function_353: a counter of the process",
    ),
    Rule("object", re.compile(r" at 0x[0-9a-fA-F]+"), "", "<Foo object at 0x7f0c>"),
    Rule("address", re.compile(r"\b0x[0-9a-fA-F]{6,}"), "0x…", "a pointer"),
    Rule(
        "id of a tensor", re.compile(r"(?<=Tensor: )id=\d+, "), "", "2.0 prints a tensor's number"
    ),
    Rule(
        "path",
        re.compile(r"(?<![\w.:/<>~-])~?(?:/[\w.@+~%=<>-]+){2,}/?"),
        _basename,
        "differs between environments; the file's own name is kept",
    ),
    Rule(
        "line of a file",
        re.compile(r"(?<=\.(?:py|cc))(?::\d+){1,2}\b|(?<=\.h)(?::\d+){1,2}\b"),
        "",
        "moves with each release",
    ),
    Rule("line", re.compile(r", line \d+\b"), "", "(x.py, line 3)"),
    Rule(
        "time",
        re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?Z?"),
        "<time>",
        "a clock",
    ),
    Rule(
        "uuid",
        re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"),
        "<uuid>",
        "a random name",
    ),
    Rule(
        "process",
        re.compile(r"\b(pid|PID|tid|TID)([ =:]+)\d+\b"),
        r"\1\2<n>",
        "numbers of the machine",
    ),
    Rule(
        "port",
        re.compile(r"\b(localhost|127\.0\.0\.1|0\.0\.0\.0):\d+"),
        r"\1:<port>",
        "any free one",
    ),
    Rule(
        "device",
        re.compile(r"/job:\w+/replica:\d+/task:\d+(?=/device:)"),
        "",
        "full and short names of a device",
    ),
    Rule(
        "public module",
        re.compile(
            r"\b(?:tensorflow_core|tensorflow(?=\._api|\.python\.keras\.api))"
            r"(?:\._api\.v[12](?!\w)|\.python\.keras\.api(?:\._v[12])?(?!\w))?"
        ),
        "tensorflow",
        "tensorflow_core._api.v2.x, tensorflow._api.v1.x and tensorflow.x are the same module",
    ),
    Rule(
        "public module of Keras",
        re.compile(r"'(?:keras|tf_keras)(?:\.api)?\._(?:v[12]|tf_keras)\.keras\b"),
        "'tensorflow.keras",
        "tf.keras lives elsewhere in each series from 2.5",
    ),
    Rule("module", re.compile(r"\bpartially initialized (?=module)"), "", "Python 3.8"),
    Rule(
        "method",
        re.compile(r"(?<![\w.])(?:\w+\.|<locals>\.)+(\w+\(\)) (?=got|takes|missing)"),
        r"\1 ",
        "Python 3.10 says Dense.__init__() where 3.9 says __init__()",
    ),
    Rule(
        "module by name",
        re.compile(r"(?<=^No module named )([\w.]+)$"),
        r"'\1'",
        "Python 2 has no quotes",
    ),
    Rule(
        "name by name",
        re.compile(r"(?<=^cannot import name )(\w+)$"),
        r"'\1'",
        "Python 2 has no quotes",
    ),
    Rule(
        "layer",
        re.compile(
            r"\bInput (\d+) (?:of layer '?([\w/.-]+)'? is incompatible with the layer:"
            r"|is incompatible with layer '?([\w/.-]+)'?:)(?: :)?"
        ),
        lambda m: f"Input {m[1]} of layer '{_NUMBERED.sub('', m[2] or m[3])}' is incompatible:",
        "three wordings, to 2.3, to 2.6 and from 2.7",
    ),
    Rule("comma", re.compile(r", but (?=received|got)"), " but ", "Keras 3 has a comma"),
    Rule(
        "symbolic tensor",
        re.compile(r"<tf\.Tensor '([^']*)' shape=([^<>]{1,200}) dtype=(\w+)>"),
        r"Tensor('\1', shape=\2, dtype=\3)",
        "repr and str of the same tensor",
    ),
    Rule("symbolic tensor", re.compile(r"\bSymbolicTensor\b"), "Tensor", "its class after 2.13"),
    Rule("quoted shape", re.compile(r"'(\[[?\d,]*\])'"), r"\1", "has shape '(?, 3)', before 2.7"),
    Rule("quoted tensor", re.compile(r"\bTensor '([\w/.-]+:\d+)'"), r"Tensor \1", "before 2.7"),
    Rule(
        "numbered name",
        re.compile(
            r"((?:\b(?:[Tt]ensor|op|node|operation|layer|model|uninitialized value)"
            r"|(?<!local )\b[Vv]ariable|\bname(?==))[ =(]'?)"
            r"([^\W\d][\w./-]*)"
        ),
        _unnumbered,
        "a layer's number depends on how many the process has made",
    ),
    Rule(
        "numbered name in a scope",
        re.compile(r"(?<![\w./-])()([^\W\d][\w.-]*(?:/[\w.-]+)+)"),
        _unnumbered,
        "dense_1/kernel_2",
    ),
    Rule("dtype", re.compile(r"<dtype: '(\w+)'>"), r"\1", "<dtype: 'float32'>, tf.float32"),
    Rule(
        "numpy's scalar",
        re.compile(r"\bnp\.(?:u?int|float)\d+\(([^()]*)\)"),
        r"\1",
        "numpy 2 prints np.float32(0.5) where 1 prints 0.5",
    ),
    Rule("numpy's truth", re.compile(r"\b(?:np\.)?(True|False)_(?!\w)"), r"\1", "np.True_"),
    Rule(
        "dtype",
        re.compile(r"\b(?:tf|np|numpy)\.(?=(?:u?int|float|complex|bfloat)\d|bool\b|string\b)"),
        "",
        "tf.float32, float32",
    ),
    Rule("dimension", re.compile(rf"\bDimension\(({_DIM})\)"), r"\1", "1.x prints Dimension(3)"),
    Rule(
        "shape",
        re.compile(rf"\bTensorShape\(\[({_DIM}(?:, *{_DIM})*)\]\)"),
        _shape,
        "TensorShape([2, 3])",
    ),
    Rule(
        "shape",
        re.compile(rf"(?<!\w)[(]\s*({_DIM}(?:, *{_DIM})+|{_DIM},),?\s*[)]"),
        _shape,
        "(None, 28, 28, 1)",
    ),
    Rule(
        "shape",
        re.compile(rf"\[\s*({_DIM}(?:, *{_DIM})*),?\s*\]"),
        _shape,
        "[?,28,28,1], [null,28,28,1], [None, 28, 28, 1]",
    ),
    Rule(
        "available devices",
        re.compile(
            r"(?:[Oo]peration|node '[^']*'|node \S+) was (explicitly assigned to \S+)"
            r" but available .*$"
        ),
        r"it was \1, which is not available",
        "the list that follows is the machine's, not the release's",
    ),
    Rule("numpy", re.compile(r"\bx and y (?=[+-]?\w+ location mismatch)"), "", "numpy before 2.0"),
    Rule("anonymous variable", re.compile(r"\b(_Anonymous[A-Za-z]+)\d+"), r"\1", "a counter"),
    Rule(
        "unbound",
        re.compile(r"^cannot access local variable ('\w+') where it is not associated .*$"),
        r"local variable \1 referenced before assignment",
        "Python 3.11",
    ),
    Rule(
        "recursion",
        re.compile(r"(?<=maximum recursion depth exceeded) (?:in|while) .*$"),
        "",
        "where the stack ended is chance",
    ),
)
