"""What can be searched: plans, recipes and the functions that propose them. Standard library only."""
