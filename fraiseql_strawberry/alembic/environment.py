"""`run()`: all that an env.py has to call."""

from __future__ import annotations

from typing import Any

import alembic.context
from alembic.runtime.environment import EnvironmentContext

from ..lifecycle.migrate.offline import OfflineVisit
from ..lifecycle.migrate.scripts import VISIT
from ..lifecycle.migrate.visit import Visit
from .autogenerate import PLUGINS
from .standalone import visit_of_command

__all__ = ["run"]


def run(target_metadata: Any = None, **options: Any) -> None:
    """Migrate the place that is meant: by `fraiseql-strawberry migrate`, or by `alembic` itself.

    Args:
        target_metadata: Your tables, for `alembic revision --autogenerate`.
        **options: Options of Alembic's `context.configure`, such as `compare_server_default=True`
            or `include_object=…`. Connection, transaction and version table are decided here.

    Raises:
        SetupError: Such an option is given; or it is not known which tenant is meant.
        CommandError: Outside of Alembic.
    """
    environment: EnvironmentContext = alembic.context  # type: ignore[assignment]
    options.setdefault("autogenerate_plugins", PLUGINS)
    visit = environment.config.attributes.get(VISIT)
    if isinstance(visit, Visit | OfflineVisit):
        visit.run(environment, target_metadata, options)
    else:
        visit_of_command(environment, target_metadata, options)
