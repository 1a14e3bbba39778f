"""The spellings of one thing that differ between releases, environments or processes."""

from __future__ import annotations

import re

from runner.cells.signature.rule import Substitution

_TEMPORARY = re.compile(r"tmp[a-z0-9_]{8}(?![a-z0-9_])|(?<=__autograph_generated_file)\w{8}")
_NUMBERED = re.compile(r"(?<=[^\W\d])_\d+(?=$|[/:_]|\.$)")


def _basename(match: re.Match[str]) -> str:
    name = match[0].rstrip("/").rsplit("/", 1)[-1]
    return _TEMPORARY.sub("<tmp>", name)


def _basename_of(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]


def _unnumbered(match: re.Match[str]) -> str:
    return match[1] + _NUMBERED.sub("", match[2])


def _shape(match: re.Match[str]) -> str:
    items = (item.strip() for item in match[1].split(","))
    return "[" + ",".join(_UNKNOWN.sub("?", item) for item in items if item) + "]"


_UNKNOWN = re.compile(r"(?:None|null|Dimension\(None\)|\?)$")
_DIM = r"(?:\d{1,12}|None|null|\?)"


def _in_order(match: re.Match[str]) -> str:
    """The items within each pair of braces sorted, from the innermost pair to the outermost."""
    open_braces: list[_Braces] = []
    outside = _Braces()
    for character in match[0]:
        inside = open_braces[-1] if open_braces else outside
        if character == "{":
            open_braces.append(_Braces())
        elif character == "}" and open_braces:
            closed = open_braces.pop()
            (open_braces[-1] if open_braces else outside).add(closed.text())
        else:
            inside.add(character)
    for unclosed in open_braces:
        outside.add("{" + unclosed.raw())
    return outside.raw()


class _Braces:
    """The text inside a pair of braces, split at its commas."""

    def __init__(self) -> None:
        self._items: list[list[str]] = [[]]
        self._depth = 0

    def add(self, piece: str) -> None:
        if piece == "," and self._depth == 0:
            self._items.append([])
            return
        self._depth = max(0, self._depth + (piece in ("(", "[")) - (piece in (")", "]")))
        self._items[-1].append(piece)

    def raw(self) -> str:
        return ",".join("".join(item) for item in self._items)

    def text(self) -> str:
        if len(self._items) == 1:
            return "{" + self.raw() + "}"
        return "{" + ", ".join(sorted("".join(item).strip() for item in self._items)) + "}"


_VERSIONED = (
    r"(?:\b(?:[Vv]ersions?|[Pp]ython|[Nn]um[Pp]y|CUDA|[Cc][Uu][Dd][Nn][Nn]|GLIBC(?:XX)?|TensorFlow"
    r"|tensorflow|TF|tf|[Kk]eras|h5py|protobuf|[Rr]eleases?|capability|capabilities)"
    r"(?:[ :=<>~!(]|is|are)*v?)"
)
_FLOAT = r"[+-]?(?:\d+\.\d+(?:[eE][+-]?\d+)?|(?<!tol=)\d+[eE][+-]\d{1,3})"
_FLOATS = re.compile(r"(?<![\w.])[+-]?(?:\d+\.\d*|\.\d+)")


def _decimal(match: re.Match[str]) -> str:
    return match[0] if match["version"] else "<decimal>"


def _decimals(match: re.Match[str]) -> str:
    """`[<decimals>]` for an array with fractions, with `nan` or
    `inf` if it has any; else unchanged."""
    if not _FLOATS.search(match[0]):
        return match[0]
    special = sorted(word for word in ("nan", "inf") if word in match[0])
    return "[" + ", ".join(["<decimals>", *special]) + "]"


SPELLINGS = (
    Substitution(
        "quotes", re.compile(r"[\"`‘’]"), "'", 'layer dense, layer "dense", layer `dense`'
    ),
    Substitution(
        "node with its operation",
        re.compile(r"'\{\{node [^}']*\}\} = (\w+)(?:\[[^\n]{0,2000}?\]\([^()']{0,1000}\)'|[^']*')"),
        r"op '\1'",
        "from 2.3 a failed shape inference names node, attributes and inputs",
    ),
    Substitution(
        "node with its operation, to 2.2",
        re.compile(r"'[^']*' \(op: '(\w+)'\)"),
        r"op '\1'",
        "the same, up to 2.2",
    ),
    Substitution(
        "version of an operation",
        re.compile(r"(?<=\bop ')([A-Za-z]+)V\d+(?=')"),
        r"\1",
        "AddV2 came with 1.15",
    ),
    Substitution(
        "unknown name",
        re.compile(
            r"\b(Unknown (?:activation|constraint|initializer|layer|loss|metric|optimizer"
            r"|regularizer)(?: function)?):? ?'?([\w.>-]+)'?(?: cannot be deserialized)?(?=$|[.,])"
        ),
        r"\1: '\2'",
        "Unknown layer: A, Unknown layer:A, Unknown layer 'A' cannot be deserialized",
    ),
    Substitution(
        "unknown name, Keras 3",
        re.compile(r"\bCould not interpret (activation function|\w+) identifier: '?([\w.>-]+)'?"),
        lambda m: f"Unknown {'loss function' if m[1] == 'loss' else m[1]}: '{m[2]}'",
        "before: Unknown loss function: x",
    ),
    Substitution(
        "missing model",
        re.compile(
            r"^(?:SavedModel file does not exist at: (\S+?)(?:/\{.*)?"
            r"|No file or directory found at (\S+)|File not found: filepath=(\S+?)(?:\. .*)?)$"
        ),
        lambda m: (
            "Unable to open file (unable to open file: name ="
            f" '{_basename_of(m[1] or m[2] or m[3])}', error message = 'No such file or directory')"
        ),
        "one where h5py opens it, others where Keras looks first",
    ),
    Substitution(
        "kernel of oneDNN", re.compile(r"\b_Mkl(?=[A-Z])"), "", "where a release has it switched on"
    ),
    Substitution(
        "labels",
        re.compile(r"(?<=Label values: )\d+(?: \d+)*"),
        lambda m: " ".join(sorted(m[0].split(), key=int)),
        "the labels of a batch, in random order",
    ),
    Substitution(
        "class of a tensor",
        re.compile(r"'(?:tensorflow\.python\.framework\.ops\.)?(?:Eager|Symbolic)?Tensor' object"),
        "'Tensor' object",
        "an EagerTensor from 2.0 on",
    ),
    Substitution(
        "symbolic tensor in numpy",
        re.compile(r"\bsymbolic Tensor (?=\()"),
        "symbolic tf.Tensor ",
        "to 2.4",
    ),
    Substitution(
        "node",
        re.compile(r"\[\[(?:[Nn]ode:? )?(?:\{\{node )?([\w./]+)(?:\}\})? ?(?:= .*)?(?:\]\]|$)"),
        lambda m: f"[[{_NUMBERED.sub('', m[1])}]]",
        "[[Node: x = Op[…](…)]], [[{{node x}} = …]], [[node x (defined at …)]], [[x]]",
    ),
    Substitution(
        "node", re.compile(r"\{\{node ([^}']*)\}\}"), r"node '\1'", "{{node x}} in a sentence"
    ),
    Substitution(
        "function of a graph",
        re.compile(r"\b(__(?:inference|forward|backward)_\w*?)_\d+\b"),
        r"\1",
        "__inference_train_function_353: a counter of the process",
    ),
    Substitution("object", re.compile(r" at 0x[0-9a-fA-F]+"), "", "<Foo object at 0x7f0c>"),
    Substitution(
        "identity", re.compile(r"\b(?:139[5-9]|140[0-7])\d{11}\b"), "0x…", "an address from id()"
    ),
    Substitution("address", re.compile(r"\b0x[0-9a-fA-F]{6,}"), "0x…", "a pointer"),
    Substitution(
        "id of a tensor", re.compile(r"(?<=Tensor: )id=\d+, "), "", "2.0 prints a tensor's number"
    ),
    Substitution(
        "path",
        re.compile(r"(?<![\w.:/<>~-])~?(?:/[\w.@+~%=<>-]+){2,}/?"),
        _basename,
        "differs between environments; only the file's name is kept",
    ),
    Substitution(
        "line of a file",
        re.compile(r"(?<=\.(?:py|cc))(?::\d+){1,2}\b|(?<=\.h)(?::\d+){1,2}\b"),
        "",
        "moves with each release",
    ),
    Substitution("line", re.compile(r", line \d+\b"), "", "(x.py, line 3)"),
    Substitution(
        "time",
        re.compile(
            r"\b(?:\d{4}-\d\d-\d\d[ T]|[A-Z][a-z]{2} [A-Z][a-z]{2} {1,2}\d{1,2} )?"
            r"\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z\b|[+-]\d\d:?\d\d\b| \d{4}\b)?"
        ),
        "<time>",
        "a clock",
    ),
    Substitution(
        "uuid",
        re.compile(
            r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
            r"|\b(?=[0-9]{0,31}[a-f])(?=[a-f]{0,31}[0-9])[0-9a-f]{32}\b"
        ),
        "<uuid>",
        "a random name",
    ),
    Substitution(
        "process",
        re.compile(r"\b(pid|PID|tid|TID|[Pp]rocess(?= \d{4}))([ =:]+)\d+\b"),
        r"\1\2<n>",
        "numbers of the machine",
    ),
    Substitution(
        "host",
        re.compile(r"(?<=in binary running on )[\w.-]+?(?=\.(?:\s|$))"),
        "<host>",
        "Op type not registered 'X' in binary running on MACHINE",
    ),
    Substitution(
        "port",
        re.compile(r"\b(localhost|127\.0\.0\.1|0\.0\.0\.0):\d+"),
        r"\1:<port>",
        "a random free port",
    ),
    Substitution(
        "duration",
        re.compile(
            r"\b(took|in|after|within|for) \d+"
            r"(?= ?(?:[mun\u00b5\u03bc]?s|sec|secs|seconds?|min|minutes?)\b)"
        ),
        r"\1 <decimal>",
        "measured",
    ),
    Substitution(
        "device",
        re.compile(r"/job:\w+/replica:\d+/task:\d+(?=/device:)"),
        "",
        "full and short names of a device",
    ),
    Substitution(
        "public module",
        re.compile(
            r"\b(?:tensorflow_core|tensorflow(?=\._api|\.python\.keras\.api))"
            r"(?:\._api\.v[12](?!\w)|\.python\.keras\.api(?:\._v[12])?(?!\w))?"
        ),
        "tensorflow",
        "tensorflow_core._api.v2.x, tensorflow._api.v1.x and tensorflow.x are the same module",
    ),
    Substitution("strategy", re.compile(r"\b([A-Z]\w+Strategy)V1\b"), r"\1", "its class in 1.x"),
    Substitution(
        "public module of TensorBoard",
        re.compile(r"'tensorboard\.summary\._tf\.summary'"),
        "'tensorflow.summary'",
        "from 2.0 to 2.15 it is lent",
    ),
    Substitution(
        "public module of Keras",
        re.compile(r"'(?:keras|tf_keras)(?:\.api)?\._(?:v[12]|tf_keras)\.keras\b"),
        "'tensorflow.keras",
        "tf.keras has another path in each series from 2.5 on",
    ),
    Substitution("module", re.compile(r"\bpartially initialized (?=module)"), "", "Python 3.8"),
    Substitution(
        "method",
        re.compile(r"(?<![\w.])(?:\w+\.|<locals>\.)+(\w+\(\)) (?=got|takes|missing)"),
        r"\1 ",
        "Python 3.10 says Dense.__init__() where 3.9 says __init__()",
    ),
    Substitution(
        "module by name",
        re.compile(r"(?<=^No module named )([\w.]+)$"),
        r"'\1'",
        "Python 2 has no quotes",
    ),
    Substitution(
        "name by name",
        re.compile(r"(?<=^cannot import name )(\w+)$"),
        r"'\1'",
        "Python 2 has no quotes",
    ),
    Substitution(
        "layer",
        re.compile(
            r"\bInput (\d+) (?:of layer '?([\w/.-]+)'? is incompatible with the layer:"
            r"|is incompatible with layer '?([\w/.-]+)'?:)(?: :)?"
        ),
        lambda m: f"Input {m[1]} of layer '{_NUMBERED.sub('', m[2] or m[3])}' is incompatible:",
        "three wordings, to 2.3, to 2.6 and from 2.7",
    ),
    Substitution("comma", re.compile(r", but (?=received|got)"), " but ", "Keras 3 has a comma"),
    Substitution(
        "symbolic tensor",
        re.compile(r"<tf\.Tensor '([^']*)' shape=([^<>]{1,200}) dtype=(\w+)>"),
        r"Tensor('\1', shape=\2, dtype=\3)",
        "repr and str of the same tensor",
    ),
    Substitution(
        "symbolic tensor", re.compile(r"\bSymbolicTensor\b"), "Tensor", "its class after 2.13"
    ),
    Substitution(
        "quoted shape", re.compile(r"'(\[[?\d,]*\])'"), r"\1", "has shape '(?, 3)', before 2.7"
    ),
    Substitution(
        "quoted tensor", re.compile(r"\bTensor '([\w/.-]+:\d+)'"), r"Tensor \1", "before 2.7"
    ),
    Substitution(
        "numbered name",
        re.compile(
            r"((?:\b(?:[Tt]ensor|op|node|operation|layer|model|uninitialized value)"
            r"|(?<!local )\b[Vv]ariable|\bname(?==))[ =(]'?)"
            r"([^\W\d][\w./-]*)"
        ),
        _unnumbered,
        "a layer's number depends on how many the process has made",
    ),
    Substitution(
        "numbered name in a scope",
        re.compile(r"(?<![\w./-])()([^\W\d][\w.-]*(?:/[\w.-]+)+)"),
        _unnumbered,
        "dense_1/kernel_2",
    ),
    Substitution("dtype", re.compile(r"<dtype: '(\w+)'>"), r"\1", "<dtype: 'float32'>, tf.float32"),
    Substitution(
        "numpy's scalar",
        re.compile(r"\bnp\.(?:u?int|float)\d+\(([^()]*)\)"),
        r"\1",
        "numpy 2 prints np.float32(0.5) where 1 prints 0.5",
    ),
    Substitution("numpy's truth", re.compile(r"\b(?:np\.)?(True|False)_(?!\w)"), r"\1", "np.True_"),
    Substitution(
        "dtype",
        re.compile(r"\b(?:tf|np|numpy)\.(?=(?:u?int|float|complex|bfloat)\d|bool\b|string\b)"),
        "",
        "tf.float32, float32",
    ),
    Substitution(
        "dimension", re.compile(rf"\bDimension\(({_DIM})\)"), r"\1", "1.x prints Dimension(3)"
    ),
    Substitution(
        "shape",
        re.compile(rf"\bTensorShape\(\[({_DIM}(?:, *{_DIM})*)\]\)"),
        _shape,
        "TensorShape([2, 3])",
    ),
    Substitution(
        "shape",
        re.compile(rf"(?<!\w)[(]\s*({_DIM}(?:, *{_DIM})+|{_DIM},),?\s*[)]"),
        _shape,
        "(None, 28, 28, 1)",
    ),
    Substitution(
        "shape",
        re.compile(rf"\[\s*({_DIM}(?:, *{_DIM})*),?\s*\]"),
        _shape,
        "[?,28,28,1], [null,28,28,1], [None, 28, 28, 1]",
    ),
    Substitution(
        "available devices",
        re.compile(
            r"(?:[Oo]peration|node '[^']*'|node \S+) was (explicitly assigned to \S+)"
            r" but available .*$"
        ),
        r"it was \1, which is not available",
        "the list after it depends on the machine, not on the release",
    ),
    Substitution(
        "numpy", re.compile(r"\bx and y (?=[+-]?\w+ location mismatch)"), "", "numpy before 2.0"
    ),
    Substitution(
        "anonymous variable", re.compile(r"\b(_Anonymous[A-Za-z]+)\d+"), r"\1", "a counter"
    ),
    Substitution(
        "unbound",
        re.compile(r"^cannot access local variable ('\w+') where it is not associated .*$"),
        r"local variable \1 referenced before assignment",
        "Python 3.11",
    ),
    Substitution(
        "recursion",
        re.compile(r"(?<=maximum recursion depth exceeded) (?:in|while) .*$"),
        "",
        "the stack ends at a random place",
    ),
    Substitution(
        "what h5py cannot do",
        re.compile(r"\bCan't (?=open attribute|read |write |delete )"),
        "Unable to ",
        "before 3.8",
    ),
    Substitution(
        "what h5py cannot create",
        re.compile(r"\bUnable to (?:synchronously )?create \w+ (?=\(name already exists\))"),
        "Unable to create link ",
        "from 3.0 on it names the object to link",
    ),
    Substitution(
        "h5py's way of opening",
        re.compile(r"\bUnable to synchronously (?=create|delete|get|open|read|write)"),
        "Unable to ",
        "h5py from 3.9 on adds `synchronously`",
    ),
    Substitution(
        "number of an error",
        re.compile(r"\[Errno \d+\] (?=Unable to )"),
        "",
        "h5py from 3.0 on; the error's text follows too",
    ),
    Substitution(
        "h5py's file",
        re.compile(
            r"(?<=name = ')([^']*'), errno = \d+(, error message = '[^']*'), flags = [^()]*\)"
        ),
        r"\1\2)",
        "numbers after the error's text",
    ),
    Substitution(
        "array of decimals",
        re.compile(r"\[(?:[-+.,…\deE ]|nan|inf)*\]"),
        _decimals,
        "measured values",
    ),
    Substitution(
        "arrays of decimals",
        re.compile(r"(\[<decimals>(?:, \w+)*\])(?:(?:,| |\.\.\.)+\1)+"),
        r"\1",
        "the number of printed rows varies",
    ),
    Substitution(
        "decimal",
        re.compile(
            rf"(?P<version>{_VERSIONED})?(?<![\w.])(?<![\w]==)(?<!/){_FLOAT}"
            r"(?!\.?\d)(?!(?:a|b|rc|dev|post)\d)(?!\.\w)"
        ),
        _decimal,
        "a measured value; integers and versions are names",
    ),
    Substitution(
        "percentage", re.compile(r"(?<![\w.%])\d{1,3}(?=%)"), "<decimal>", "measured, as decimals"
    ),
    Substitution(
        "order within braces",
        re.compile(r"\{.*\}"),
        _in_order,
        "the order of a set is random",
    ),
)
