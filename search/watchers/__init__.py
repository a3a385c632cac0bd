"""Transfer between sequence models that watch lattices: which blocks hold between temperatures or couplings?"""
