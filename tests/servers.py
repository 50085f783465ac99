"""Real servers for tests, each started once a session as a plain process and killed hard at its end."""
