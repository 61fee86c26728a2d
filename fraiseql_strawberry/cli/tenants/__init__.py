"""`fraiseql-strawberry tenants`: what is done with a tenant as a whole, one function per command.

`running` opens the deployment, `showing` writes records for people and for machines.
"""

from __future__ import annotations

import typer

from .deleting import delete, receipts
from .files import archive, export, import_
from .looking import list_, show
from .making import change, create, recover, template
from .moving import move
from .status import resume, suspend

__all__ = ["tenants"]

_PREFIX = "fraiseql-strawberry tenants"

_EXAMPLES = {
    "create": (create, 'create "Acme & Sons" --plan pro --tag eu'),
    "list": (list_, "list --status suspended --json"),
    "show": (show, "show $TENANT"),
    "change": (change, "change $TENANT --plan enterprise"),
    "suspend": (suspend, "suspend $TENANT"),
    "resume": (resume, "resume $TENANT"),
    "archive": (archive, "archive $TENANT --to acme.zip"),
    "move": (move, "move $TENANT --to db2.example.com:5432"),
    "export": (export, "export $TENANT acme.zip"),
    "import": (import_, "import acme.zip"),
    "delete": (delete, 'delete $TENANT --reason "contract ended"'),
    "receipts": (receipts, "receipts --json > receipts.json"),
    "recover": (recover, "recover"),
    "template": (template, "template"),
}

tenants = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Make, suspend, move, archive, export, import and delete tenants.",
    epilog="It connects with [database] admin_url. Each command can be run again after it was "
    "cut short, and goes on where it was.",
)

for _name, (_command, _example) in _EXAMPLES.items():
    tenants.command(_name, epilog=f"Example: `{_PREFIX} {_example}`")(_command)
