"""Everything that talks to AWS: its dicts become values here, and its errors become ours."""
