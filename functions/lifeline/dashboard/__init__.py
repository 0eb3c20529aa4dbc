"""The coverage page: how each subnet stands against what is required of it, as a dashboard's custom widget."""
