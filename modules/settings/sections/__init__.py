"""What an owner sets once, one dataclass a section."""
