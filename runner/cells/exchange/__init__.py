"""Files that one cell saves and others load: `tfmatrix exchange`.

The agent tells what a script left in its working folder (`Repro.keep`), `saved` reads that. The
cells that load get it as a part of their snapshot, so that it belongs to their key.
"""
