"""The demo: its pages, its server and its journey."""
