"""The rollback watch: is it worse after the update than before? It says so; the deployment acts on it."""
