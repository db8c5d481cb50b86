"""Pictures made into maps that networks of control read: edges, depth, poses, colours."""
