"""The rehearsal: an update that is really performed, under load, there and back and with faults, where nothing can be hurt."""
