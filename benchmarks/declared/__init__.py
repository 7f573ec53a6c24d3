"""What makes other programs declare more lists."""
