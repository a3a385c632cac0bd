"""Models of p(state) as a product of conditional probabilities, site after site."""
