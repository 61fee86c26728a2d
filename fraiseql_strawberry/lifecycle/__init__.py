"""A tenant's life: what is done to tenants, as the administrator and never as one of them."""
