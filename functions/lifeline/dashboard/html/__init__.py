"""The coverage page's HTML and CSS."""
