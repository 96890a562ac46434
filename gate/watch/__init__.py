"""The rollback watch: is it worse after the update than before? It says so; whoever deploys acts on it."""
