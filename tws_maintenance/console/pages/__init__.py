"""The console's pages: the views, and the words and filters of their templates."""
