"""The variables by which an engine tells the agent where things are; the agent's own names of them.

They are repeated here because importing the agent takes 15 to 34 ms at each start; a test holds the
two together.
"""

from __future__ import annotations

SCRATCH_VARIABLE = "TFMATRIX_SCRATCH"
"""Names the folder to make for scratch folders."""
DATA_VARIABLE = "TFMATRIX_DATA"
"""Names a folder that each cell finds as ~/data."""
COMMON_VARIABLE = "TFMATRIX_COMMON"
"""Names folders that are emptied between cells: "/tmp:/dev/shm"."""
