"""Observations of every kind, good and malformed."""
import sys

print("::observe null=null")
print("::observe yes=true")
print("::observe whole=-3")
print("::observe real=0.95099")
print('::observe text="caf\\u00e9 \\ud83d\\ude00"')
print("::observe list=[1, [2.5, null], {}]")
print('::observe object={"a": {"b": false}}')
print('::observe nan=[NaN, Infinity, -Infinity, 1e999]')
print('::observe half="\\ud800"')
print("::observe twice=1")
print("::observe twice=2")
print("::observe with space =7")
# None of these is one:
print("::observe")
print("::observe nothing")
print("::observe =1")
print("::observe broken={")
print("::observe deep=" + "[" * 5000 + "]" * 5000)
print("::observe digits=" + "9" * 5000)
print("::observe long=" + '"' + "z" * 70000 + '"')
print(" ::observe indented=1")
print("::observe stderr=1", file=sys.stderr)
sys.stdout.flush()
sys.stdout.write("::observe last=1")  # and no end of line
