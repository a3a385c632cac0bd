"""graft: which knowledge of one network is worth moving to another physics task, and the proof that it does no harm.

The rooms lie beside this folder and are linked into it, so that a user's own ``models.py`` or ``search.py`` never meets
ours: everything is imported as ``graft.search``, ``graft.models``, ...
"""
