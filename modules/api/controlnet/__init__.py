"""ControlNet over REST: the routes of A1111's extension, and units in the bodies of others."""
