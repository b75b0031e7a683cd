"""The rules: pure functions over plain values, without a database, a clock or a request."""
