"""A tenant's life, on the administrator's connections: made, suspended, archived, deleted.

| module | is about |
|---|---|
| `tenants/` | `Tenants`: what a user holds as `tenancy.tenants` |
| `records` | tenants as records; `control` makes the tables of the control schema |
| `provision` | provisioning → migrating → active |
| `template`, `schema_template`, `dump`, `warm`, `fingerprint` | what new tenants are copied from |
| `migrations` | what makes a tenant's tables |
| `migrate/` | brings all tenants to the newest revision of an Alembic directory |
| `places/` | where tenants are kept, one module per strategy |
| `tables` | the tables of a tenant, and the order in which they are filled |
| `content` | the rows of a table as bytes that are the same everywhere |
| `standing`, `shelve` | suspended, resumed, archived |
| `archive/` | a tenant in one file, and back |
| `move/`, `servers` | a tenant's database goes to another server |
| `delete`, `receipt`, `residue` | a tenant goes |
| `everyone` | all tenants at once, and each in turn |
| `administrator`, `queries`, `parts` | connections, SQL, and how the parts are put together |
"""

from .control import apply_control_schema
from .everyone import TenantResult
from .records import TenantRecord
from .tenants import Tenants, tenants_of

__all__ = ["TenantRecord", "TenantResult", "Tenants", "apply_control_schema", "tenants_of"]
