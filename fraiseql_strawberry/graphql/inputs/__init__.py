"""Input types that are generated: filters, orders, and the arguments that take them."""
