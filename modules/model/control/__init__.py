"""Networks beside a model's own that let a picture steer the drawing."""
