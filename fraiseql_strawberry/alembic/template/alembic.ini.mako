# Alembic's own settings: https://alembic.sqlalchemy.org/en/latest/tutorial.html
# Where the databases are stands in fraiseql.toml, not here.

[alembic]
script_location = ${script_location}
path_separator = os

# Where env.py imports your tables from.
prepend_sys_path = %(here)s

[loggers]
keys = root,alembic

[handlers]
keys = console

[formatters]
keys = generic

[logger_root]
level = WARNING
handlers = console
qualname =

[logger_alembic]
level = INFO
handlers =
qualname = alembic

[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = generic

[formatter_generic]
format = %(levelname)-5.5s [%(name)s] %(message)s
