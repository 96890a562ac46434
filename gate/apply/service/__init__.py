"""The service that runs on this host: its process, how it is told to update, whether the update came, and how it does then."""
