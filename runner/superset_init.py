"""Metadata tables, roles and the administrator of Superset, in one process of its own environment.

Each of Superset's commands would load the whole application again, and ``create-admin`` takes its password as an argument.
"""

import os

from flask_migrate import upgrade
from superset.app import create_app

ADMIN = "admin"


def main() -> None:
    """May run again: the administrator then gets the password that is configured now."""
    app = create_app()
    with app.app_context():
        upgrade()
        app.appbuilder.add_permissions(update_perms=True)
        manager = app.appbuilder.sm
        manager.sync_role_definitions()
        password = os.environ["SUPERSET_ADMIN_PASSWORD"]
        user = manager.find_user(ADMIN)
        if user:
            manager.reset_password(user.id, password)
        elif not manager.add_user(ADMIN, "Admin", "User", "admin@localhost", manager.find_role("Admin"), password):
            raise SystemExit("Superset refused the administrator's account")


if __name__ == "__main__":
    main()
