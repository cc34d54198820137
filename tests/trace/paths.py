"""Where the other folders of tests/ are; importing this makes their modules known."""
from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

sys.path += [str(folder) for folder in (HERE.parent, HERE.parent / "tools")
             if str(folder) not in sys.path]
