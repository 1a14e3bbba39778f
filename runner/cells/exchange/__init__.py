"""Files that one cell saves and others load: `tfmatrix exchange`.

`tfmatrix_saver` runs in the cell and tells what its script left, `saved` reads and checks that. The
cells that load get it as a part of their snapshot, so that it belongs to their key.
"""
