"""Install what the stack needs into ``$TOOLS_DIR``: virtual environments, jars, MinIO. Standard library only."""
