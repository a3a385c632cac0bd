"""Films and layered spheres in light."""
