"""What extensions for A1111's webui find when they import its modules; written from its manual."""
