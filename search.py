"""Run graft by its file name, as `ray submit cluster.yaml search.py -- ARGS` does.

Ray copies this file alone to the head's home, where ``import search`` would find this file and not the package: so
hand over to the package at once, with the script's folder off the path (-P). Without arguments the demo runs.
"""

import os
import sys

if __name__ == "__main__":
    arguments = sys.argv[1:] or ["run", "film10-film8"]
    os.execv(sys.executable, [sys.executable, "-P", "-m", "graft", *arguments])
