"""Metadata tables and roles of Superset, in one process: each of Superset's own commands would load it again."""

from flask_migrate import upgrade
from superset.app import create_app


def main() -> None:
    """May run again."""
    app = create_app()
    with app.app_context():
        upgrade()
        app.appbuilder.add_permissions(update_perms=True)
        app.appbuilder.sm.sync_role_definitions()


if __name__ == "__main__":
    main()
