"""GraphQL: decorators over Strawberry, the extension, the router, and the compiled lanes."""
