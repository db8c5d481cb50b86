"""The prompt language as pure functions on strings; nothing here knows torch."""
