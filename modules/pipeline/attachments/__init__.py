"""Built-in attachments; they use the same points as those of extensions."""
