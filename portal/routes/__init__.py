"""The portal's addresses: each module serves one part, says in each signature what its caller must be allowed to do."""
