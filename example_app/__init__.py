"""A multi-tenant blog: the page that one shows to a new user of fraiseql-strawberry."""
